/*
 * gemm.h - products of matrices out of tiles: one worker's part.
 */
#ifndef PACE_BACKEND_CPU_GEMM_H
#define PACE_BACKEND_CPU_GEMM_H

#include "backend/cpu/cpu.h"

/*
 * C[rows, columns] = A B, or + A B. A lies in strips of tile_rows rows, `a_strip` floats apart, B
 * in panels of `panel` columns, `b_panel` floats apart; a_step and b_step are a tile's (kernel.h).
 * In bfloat16 depth and distances count cells, as a tile's do.
 */
struct gemm {
    enum products products;
    size_t rows, columns, depth;
    const float *a;
    size_t a_step, a_strip;
    const float *b;
    size_t b_step, b_panel;
    float *c;
    size_t c_step;
    bool adds;
};
void gemm_run(const struct kernels *k, const struct gemm *g);

/* Packs rows first … first + n_rows - 1 of a matrix as A: strips of [width][tile_rows], in bfloat16
 * [cells][tile_rows]. Returns the distance of strips. */
size_t gemm_pack_a(const struct kernels *k, enum products products, float *out, struct mat m,
                   size_t first, size_t n_rows);

/* Cells of so many terms of the depth. */
static inline size_t gemm_cells(const struct kernels *k, enum products products, size_t depth)
{
    return ceil_div(depth, kernels_product(k, products)->terms);
}

/* Floats of A packed so; in bfloat16 half as many, to whole cells. */
size_t gemm_a_floats(const struct kernels *k, size_t rows, size_t depth);

/* Floats of B in panels; the same holds. */
size_t gemm_b_floats(const struct kernels *k, size_t columns, size_t depth);

/* --- Weights as B. --------------------------------------------------------------------------- */

/*
 * A piece of B from stored weights. Where `is_across`, the stored rows are columns of B (x W^T),
 * else they are its rows (dy W). `depth` and `column` are multiples of 256 (the longest block of a
 * quantised type). Panels are `panel_depth` rows deep, and B's row `depth` comes to their row
 * `to_depth`, which is even in bfloat16.
 */
struct packing {
    const struct weight *weight;
    bool is_across;
    size_t column, n_columns;
    size_t depth, n_depth;
    float *out;
    size_t panel_depth, to_depth;
    enum products products;
};

/* Does all of them, shared out among the threads. `decoded`: PACKING_FLOATS for each worker. */
enum { PACKING_FLOATS = 32 * 256, PACKINGS_MOST = 12 };
void packing_run(const struct backend *b, const struct packing *packings, size_t n, float *decoded);

#endif
