/*
 * gemm.c - products of matrices out of tiles, and weights packed for them.
 *
 * The loops of one worker: a panel of B, which stays in the innermost caches, meets each strip of
 * A. Panels come from memory once for a block of rows of A (cpu_row_block), strips once for each
 * panel from the core's own cache.
 *
 * Weights are decoded as they are packed, a few hundred numbers at a time in the worker's scratch,
 * so that no matrix exists as float32 but for the panels. B's columns are the stored rows where
 * y = x W^T (each panel reads its own rows and transposes them), and B's rows are the stored rows
 * where dx = dy W (256 columns at a time, the longest block of the quantised types). float32 that
 * lies at a multiple of 4 is read where it is.
 */
#include "backend/cpu/gemm.h"

#include "backend/cpu/weight_row.h"

enum { COLUMNS_AT_ONCE = 256, DEPTH_AT_ONCE = 256, ROWS_OF_PIECE = 32 };

void gemm_run(const struct kernels *k, const struct gemm *g)
{
    const struct product *product = kernels_product(k, g->products);
    if (product->begin)
        product->begin();
    for (size_t j = 0, p = 0; j < g->columns; j += k->panel, p++) {
        for (size_t i = 0, s = 0; i < g->rows; i += k->tile_rows, s++) {
            struct tile t = {
                .rows = min_size(g->rows - i, k->tile_rows),
                .columns = min_size(g->columns - j, k->panel),
                .depth = g->depth,
                .a = g->a + s * g->a_strip,
                .b = g->b + p * g->b_panel,
                .a_step = g->a_step,
                .b_step = g->b_step,
                .c = g->c + i * g->c_step + j,
                .c_step = g->c_step,
                .adds = g->adds,
            };
            product->tile(&t);
        }
    }
    if (product->end)
        product->end();
}

size_t gemm_pack_a(const struct kernels *k, enum products products, float *out, struct mat m,
                   size_t first, size_t n_rows)
{
    size_t strip = gemm_cells(k, products, m.width) * k->tile_rows;
    for (size_t i = 0; i < n_rows; i += k->tile_rows, out += strip)
        kernels_product(k, products)
            ->pack_left(out, k->tile_rows, mat_row(m, first + i), m.stride,
                        min_size(n_rows - i, k->tile_rows), m.width);
    return strip;
}

size_t gemm_a_floats(const struct kernels *k, size_t rows, size_t depth)
{
    return round_up(rows, k->tile_rows) * depth;
}

size_t gemm_b_floats(const struct kernels *k, size_t columns, size_t depth)
{
    return round_up(columns, k->panel) * depth;
}

/* A panel whose columns are stored rows. */
static void pack_across(const struct kernels *k, const struct packing *p, size_t piece,
                        float *decoded)
{
    size_t first = piece * k->panel, n = min_size(p->n_columns - first, k->panel);
    const struct product *m = kernels_product(k, p->products);
    size_t depths = ceil_div(p->panel_depth, m->terms), to = p->to_depth / m->terms;
    float *out = p->out + (piece * depths + to) * k->panel;
    for (size_t d = 0; d < p->n_depth; d += DEPTH_AT_ONCE) {
        size_t depth = min_size(p->n_depth - d, DEPTH_AT_ONCE);
        const struct weight *w = p->weight;
        const float *in = weight_row(k, w, p->column + first, p->depth + d, decoded, depth);
        size_t stride = in == decoded ? DEPTH_AT_ONCE : w->width;
        for (size_t i = 1; in == decoded && i < n; i++)
            (void)weight_row(k, w, p->column + first + i, p->depth + d, decoded + i * DEPTH_AT_ONCE,
                             depth);
        m->pack(out + d / m->terms * k->panel, k->panel, in, stride, n, depth);
    }
}

/* Some rows of several panels, which are stored rows. */
static void pack_along(const struct kernels *k, const struct packing *p, size_t piece,
                       float *decoded)
{
    size_t groups = ceil_div(p->n_columns, COLUMNS_AT_ONCE);
    size_t first = piece % groups * COLUMNS_AT_ONCE, from = piece / groups * ROWS_OF_PIECE;
    size_t n = min_size(p->n_columns - first, COLUMNS_AT_ONCE);
    size_t rows = min_size(p->n_depth - from, ROWS_OF_PIECE);
    const float *in = weight_row(k, p->weight, p->depth + from, p->column + first, decoded, n);
    for (size_t i = 1; in == decoded && i < rows; i++)
        (void)weight_row(k, p->weight, p->depth + from + i, p->column + first, decoded + i * n, n);
    size_t stride = in == decoded ? n : p->weight->width;
    const struct product *m = kernels_product(k, p->products);
    size_t depths = ceil_div(p->panel_depth, m->terms), to = (p->to_depth + from) / m->terms;
    for (size_t j = 0; j < n; j += k->panel) {
        size_t panel = (first + j) / k->panel;
        float *out = p->out + (panel * depths + to) * k->panel;
        m->copy(out, k->panel, in + j, stride, rows, min_size(n - j, k->panel));
    }
}

/* packing.is_across, the storage's own order minded. */
static bool crosses(const struct packing *p)
{
    return p->is_across != p->weight->transposed;
}

static size_t count_pieces(const struct kernels *k, const struct packing *p)
{
    if (crosses(p))
        return ceil_div(p->n_columns, k->panel);
    return ceil_div(p->n_columns, COLUMNS_AT_ONCE) * ceil_div(p->n_depth, ROWS_OF_PIECE);
}

struct packing_job {
    const struct kernels *k;
    const struct packing *packings;
    float *decoded;
};

static void pack_piece(void *context, size_t block, size_t worker)
{
    const struct packing_job *job = context;
    const struct packing *p = job->packings;
    for (size_t here; block >= (here = count_pieces(job->k, p)); p++)
        block -= here;
    float *decoded = job->decoded + worker * PACKING_FLOATS;
    if (crosses(p))
        pack_across(job->k, p, block, decoded);
    else
        pack_along(job->k, p, block, decoded);
}

void packing_run(const struct backend *b, const struct packing *packings, size_t n, float *decoded)
{
    CHECK(n <= PACKINGS_MOST);
    struct packing_job job = {cpu_kernels(b), packings, decoded};
    size_t pieces = 0;
    for (size_t i = 0; i < n; i++)
        pieces += count_pieces(job.k, &packings[i]);
    cpu_run(b, pieces, pack_piece, &job);
}
