/*
 * outer.c - the gradient of a matrix of weights: a sum over the rows of two matrices.
 *
 * The rows are taken a few hundred at a time. In a first loop the right matrix's are packed into
 * panels; in a second each block of work packs its columns of the left matrix and adds the products
 * to its own rows of the result. So the order of the sum is that of the rows, whoever computes it.
 */
#include "backend/cpu/outer.h"

enum { DEPTH = 512, ROWS_OF_BLOCK = 84, ROWS_AT_ONCE = 16 };

struct job {
    const struct outer *o;
    const struct kernels *k;
    const struct product *product;
    size_t row, depth, cells; /* of this turn */
    float *panels, *own;
};

static size_t own_floats(const struct kernels *k)
{
    return round_up(ROWS_OF_BLOCK, k->tile_rows) * DEPTH;
}

size_t outer_floats(const struct backend *b, size_t right_width)
{
    const struct kernels *k = cpu_kernels(b);
    return gemm_b_floats(k, right_width, DEPTH) + cpu_workers(b) * own_floats(k);
}

static void pack_right(void *context, size_t index, size_t worker)
{
    (void)worker;
    const struct job *j = context;
    const struct mat *m = &j->o->right;
    size_t panel = j->k->panel, first = index * panel;
    j->product->copy(j->panels + first * j->cells, panel, mat_row(*m, j->row) + first, m->stride,
                     j->depth, min_size(m->width - first, panel));
}

/* The strips of a block side by side, some rows at a time: rows lie thousands of bytes apart, often
 * at the same place in a cache's order, so few of them stay there. */
static void pack_left(const struct job *j, size_t first, size_t n, float *out)
{
    const struct mat *m = &j->o->left;
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
    size_t first = index * ROWS_OF_BLOCK, n = min_size(j->o->left.width - first, ROWS_OF_BLOCK);
    float *left = j->own + worker * own_floats(k);
    pack_left(j, first, n, left);
    struct gemm g = {
        .rows = n,
        .columns = j->o->right.width,
        .products = j->o->products,
        .depth = j->cells,
        .a = left,
        .a_step = k->tile_rows,
        .a_strip = k->tile_rows * j->cells,
        .b = j->panels,
        .b_step = k->panel,
        .b_panel = k->panel * j->cells,
        .c = j->o->to + first * j->o->right.width,
        .c_step = j->o->right.width,
        .adds = true,
    };
    gemm_run(k, &g);
}

void outer_run(const struct backend *b, const struct outer *o)
{
    CHECK(o->left.rows == o->right.rows);
    struct job j = {.o = o, .k = cpu_kernels(b), .panels = o->scratch};
    j.product = kernels_product(j.k, o->products);
    j.own = j.panels + gemm_b_floats(j.k, o->right.width, DEPTH);
    for (; j.row < o->left.rows; j.row += j.depth) {
        j.depth = min_size(o->left.rows - j.row, DEPTH);
        j.cells = ceil_div(j.depth, j.product->terms);
        cpu_run(b, ceil_div(o->right.width, j.k->panel), pack_right, &j);
        cpu_run(b, ceil_div(o->left.width, ROWS_OF_BLOCK), add_products, &j);
    }
}
