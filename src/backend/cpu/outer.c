/*
 * outer.c - gradients of matrices of weights: sums over the rows of two matrices.
 *
 * The rows are taken a few hundred at a time. In a first loop the right matrices' are packed into
 * panels; in a second each block of work packs its columns of a left matrix and adds the products
 * to its own rows of the result. So the order of the sum is that of the rows, whoever computes it.
 *
 * Layers that share an input (q, k, v; gate, up) have one right matrix, and their blocks are shared
 * out in one loop: q's seven and k's three alone would leave a thread of two waiting for the other.
 */
#include "backend/cpu/outer.h"

enum { DEPTH = 512, BLOCK_ROWS_MOST = 84, ROWS_AT_ONCE = 16 };

struct job {
    const struct outer *o;
    size_t n;
    const struct kernels *k;
    enum products products;
    const struct product *product;
    struct row_blocks blocks[OUTERS_MOST]; /* of each left matrix's columns */
    size_t row, depth, cells;   /* of this turn */
    float *panels[OUTERS_MOST]; /* of each right matrix */
    float *own;
};

static size_t own_floats(const struct kernels *k)
{
    return round_up(BLOCK_ROWS_MOST, k->tile_rows) * DEPTH;
}

size_t outer_floats(const struct backend *b, size_t right_width)
{
    const struct kernels *k = cpu_kernels(b);
    size_t pads = OUTERS_MOST * k->panel;
    return gemm_b_floats(k, right_width + pads, DEPTH) + cpu_workers(b) * own_floats(k);
}

static bool shares_right(const struct outer *o, size_t i)
{
    return i > 0 && o[i].right.at == o[i - 1].right.at && o[i].right.width == o[i - 1].right.width;
}

static size_t right_panels(const struct job *j, size_t i)
{
    return shares_right(j->o, i) ? 0 : ceil_div(j->o[i].right.width, j->k->panel);
}

/* Some rows of all right matrices, which are so read along. */
static void pack_right(void *context, size_t index, size_t worker)
{
    (void)worker;
    const struct job *j = context;
    size_t panel = j->k->panel, row = index * ROWS_AT_ONCE;
    size_t rows = min_size(j->depth - row, ROWS_AT_ONCE);
    for (size_t i = 0; i < j->n; i++) {
        const struct mat *m = &j->o[i].right;
        float *out = j->panels[i] + row / j->product->terms * panel;
        for (size_t first = 0; first < right_panels(j, i) * panel; first += panel)
            j->product->copy(out + first * j->cells, panel, mat_row(*m, j->row + row) + first,
                             m->stride, rows, min_size(m->width - first, panel));
    }
}

/* The strips of a block side by side, some rows at a time: rows lie thousands of bytes apart, often
 * at the same place in a cache's order, so few of them stay there. */
static void pack_left(const struct job *j, const struct mat *m, size_t first, size_t n, float *out)
{
    size_t tile_rows = j->k->tile_rows, at_once = round_up(ROWS_AT_ONCE, j->product->piece);
    for (size_t row = 0; row < j->depth; row += at_once)
        for (size_t i = 0; i < n; i += tile_rows)
            j->product->copy_left(out + i * j->cells + row / j->product->terms * tile_rows,
                                  tile_rows, mat_row(*m, j->row + row) + first + i, m->stride,
                                  min_size(j->depth - row, at_once), min_size(n - i, tile_rows));
}

static void add_products(void *context, size_t index, size_t worker)
{
    const struct job *j = context;
    const struct kernels *k = j->k;
    size_t i = 0, first;
    for (; index >= j->blocks[i].n; i++)
        index -= j->blocks[i].n;
    const struct outer *o = &j->o[i];
    size_t n = cpu_rows_of_block(&j->blocks[i], index, &first);
    float *left = j->own + worker * own_floats(k);
    pack_left(j, &o->left, first, n, left);
    struct gemm g = {
        .rows = n,
        .columns = o->right.width,
        .products = j->products,
        .depth = j->cells,
        .a = left,
        .a_step = k->tile_rows,
        .a_strip = k->tile_rows * j->cells,
        .b = j->panels[i],
        .b_step = k->panel,
        .b_panel = k->panel * j->cells,
        .c = o->to + first * o->right.width,
        .c_step = o->right.width,
        .adds = true,
    };
    gemm_run(k, &g);
}

void outer_run(const struct backend *b, enum products products, const struct outer *o, size_t n,
               float *scratch)
{
    CHECK(n <= OUTERS_MOST);
    struct job j = {.o = o, .n = n, .k = cpu_kernels(b), .products = products, .own = scratch};
    j.product = kernels_product(j.k, products);
    size_t left_width = 0, blocks = 0;
    for (size_t i = 0; i < n; i++) {
        CHECK(o[i].left.rows == o[0].left.rows && o[i].right.rows == o[0].left.rows);
        left_width += o[i].left.width;
        j.panels[i] = shares_right(o, i) ? j.panels[i - 1] : j.own;
        j.own += gemm_b_floats(j.k, right_panels(&j, i) * j.k->panel, DEPTH);
    }
    for (size_t i = 0; i < n; i++) {
        j.blocks[i] = cpu_row_blocks(b, o[i].left.width, cpu_row_block(b, left_width));
        blocks += j.blocks[i].n;
    }
    for (; n > 0 && j.row < o[0].left.rows; j.row += j.depth) {
        j.depth = min_size(o[0].left.rows - j.row, DEPTH);
        j.cells = ceil_div(j.depth, j.product->terms);
        cpu_run(b, ceil_div(j.depth, ROWS_AT_ONCE), pack_right, &j);
        cpu_run(b, blocks, add_products, &j);
    }
}
