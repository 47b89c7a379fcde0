/*
 * linear_grad.c - gradients of the parameters of linear layers: sums over all rows.
 *
 *     dA += du^T x'        dB += dy^T (s u)        dW += dy^T x        db += column sums of dy
 *
 * Each block of work owns some rows of a gradient (of dA: some columns) and goes through all rows
 * of the batch, a few hundred at a time, in order; so no partial sums are kept, and the result does
 * not depend on the threads. The left matrix is read as A of a tile as it lies where it is narrow
 * (kernel.h), and packed for dW.
 */
#include "backend/cpu/linear.h"

enum { COLUMNS_OF_BLOCK = 64 };

/* ------------------------------------------------------------------------------ the adapters -- */

/* Rows and columns of x' in panels [depth][panel]. */
static void load_x(const struct linear *l, const struct linear_view *p, struct linear_own own,
                   struct mat x, size_t row, size_t column)
{
    if (l->a->dropout > 0) {
        struct mat dropped = {own.spare, x.rows, x.width, x.width};
        linear_drop(l, p, dropped, x, row, column);
        x = dropped;
    }
    for (size_t j = 0; j < x.width; j += l->k->panel)
        l->k->f32.copy(own.rows + j * x.rows, l->k->panel, x.at + j, x.stride, x.rows,
                       min_size(x.width - j, l->k->panel));
}

static void add_da(const struct linear *l, const struct linear_view *p, const float *panels,
                   struct mat x, size_t row, size_t column)
{
    struct gemm g = {
        .rows = p->rank,
        .columns = x.width,
        .depth = x.rows,
        .a = l->du + row * l->sizes.ranks + p->first_u,
        .a_step = l->sizes.ranks,
        .a_strip = l->k->tile_rows,
        .b = panels,
        .b_step = l->k->panel,
        .b_panel = x.rows * l->k->panel,
        .c = p->of->dlora_a + column,
        .c_step = l->sizes.in,
        .adds = true,
    };
    gemm_run(l->k, &g);
}

/* dA of all parts, for some columns of x. */
static void compute_da(const struct linear *l, size_t index, size_t worker)
{
    struct linear_own own = linear_own(l, worker);
    size_t column = index * COLUMNS_OF_BLOCK;
    for (size_t row = 0; row < l->sizes.rows; row += LINEAR_ROWS_AT_ONCE) {
        struct mat x = {mat_row(l->a->x, row) + column,
                        min_size(l->sizes.rows - row, LINEAR_ROWS_AT_ONCE),
                        min_size(l->sizes.in - column, COLUMNS_OF_BLOCK), l->a->x.stride};
        bool is_loaded = false;
        for (size_t i = 0; i < l->a->n_parts; i++) {
            const struct linear_view *p = &l->part[i];
            if (!p->of->dlora_a || p->rank == 0)
                continue;
            if (!is_loaded || l->a->dropout > 0)
                load_x(l, p, own, x, row, column);
            is_loaded = true;
            add_da(l, p, own.rows, x, row, column);
        }
    }
}

/* Some rows of dB of one part. */
static void compute_db(const struct linear *l, const struct linear_view *p, size_t index)
{
    size_t first = index * LINEAR_ROWS_OF_BLOCK, panel = l->k->panel;
    const float *u = l->u_panels + l->sizes.rows * (p->first_u + (size_t)(p - l->part) * panel);
    for (size_t row = 0; row < l->sizes.rows; row += LINEAR_ROWS_AT_ONCE) {
        struct gemm g = {
            .rows = min_size(p->n - first, LINEAR_ROWS_OF_BLOCK),
            .columns = p->rank,
            .depth = min_size(l->sizes.rows - row, LINEAR_ROWS_AT_ONCE),
            .a = mat_row(l->a->dy, row) + p->first_y + first,
            .a_step = l->a->dy.stride,
            .a_strip = l->k->tile_rows,
            .b = u + row * panel,
            .b_step = panel,
            .b_panel = l->sizes.rows * panel,
            .c = p->of->dlora_b + first * p->rank,
            .c_step = p->rank,
            .adds = true,
        };
        gemm_run(l->k, &g);
    }
}

static size_t blocks_of_a(const struct linear *l)
{
    bool any = false;
    for (size_t i = 0; i < l->a->n_parts; i++)
        any = any || (l->part[i].rank > 0 && l->part[i].of->dlora_a);
    return any ? ceil_div(l->sizes.in, COLUMNS_OF_BLOCK) : 0;
}

static size_t blocks_of_b(const struct linear_view *p)
{
    return p->rank > 0 && p->of->dlora_b ? ceil_div(p->n, LINEAR_ROWS_OF_BLOCK) : 0;
}

static void compute_adapters(void *context, size_t index, size_t worker)
{
    const struct linear *l = context;
    if (index < blocks_of_a(l)) {
        compute_da(l, index, worker);
        return;
    }
    index -= blocks_of_a(l);
    const struct linear_view *p = l->part;
    for (; index >= blocks_of_b(p); p++)
        index -= blocks_of_b(p);
    compute_db(l, p, index);
}

/* -------------------------------------------------------------------------------- the biases -- */

static void compute_bias(void *context, size_t index, size_t worker)
{
    const struct linear *l = context;
    const struct linear_view *p = l->part;
    for (; index >= ceil_div(p->n, COLUMNS_OF_BLOCK); p++)
        index -= ceil_div(p->n, COLUMNS_OF_BLOCK);
    if (!p->of->dbias)
        return;
    float *sum = linear_own(l, worker).spare;
    size_t first = index * COLUMNS_OF_BLOCK, n = min_size(p->n - first, COLUMNS_OF_BLOCK);
    for (size_t row = 0; row < l->sizes.rows; row++) {
        const float *dy = mat_row(l->a->dy, row) + p->first_y + first;
        if (row % LINEAR_ROWS_AT_ONCE == 0 && row > 0)
            l->k->add(p->of->dbias + first, p->of->dbias + first, sum, n);
        l->k->axpby(sum, 1, dy, row % LINEAR_ROWS_AT_ONCE == 0 ? 0.0f : 1.0f, n);
    }
    l->k->add(p->of->dbias + first, p->of->dbias + first, sum, n);
}

static void add_biases(struct linear *l)
{
    size_t blocks = 0;
    bool any = false;
    for (size_t i = 0; i < l->a->n_parts; i++) {
        blocks += ceil_div(l->part[i].n, COLUMNS_OF_BLOCK);
        any = any || l->part[i].of->dbias;
    }
    if (any && l->sizes.rows > 0)
        cpu_run(l->b, blocks, compute_bias, l);
}

/* ------------------------------------------------------------------------------- the weights -- */

/* Of the parts whose weights are stored turned, or of the others: their sums have x on either side.
 */
static void add_weights(struct linear *l, bool turned)
{
    struct outer outers[LINEAR_PARTS_MOST];
    size_t n = 0;
    for (size_t i = 0; i < l->a->n_parts; i++) {
        const struct linear_view *p = &l->part[i];
        if (!p->of->dweight || p->of->weight.transposed != turned)
            continue;
        struct mat dy = mat_columns(l->a->dy, p->first_y, p->n);
        outers[n++] = (struct outer){turned ? l->a->x : dy, turned ? dy : l->a->x, p->of->dweight};
    }
    outer_run(l->b, l->products, outers, n, l->outer);
}

void linear_gradients(struct linear *l)
{
    size_t blocks = blocks_of_a(l);
    for (size_t i = 0; i < l->a->n_parts; i++)
        blocks += blocks_of_b(&l->part[i]);
    cpu_run(l->b, blocks, compute_adapters, l);
    add_biases(l);
    add_weights(l, false);
    add_weights(l, true);
}
