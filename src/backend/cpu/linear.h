/*
 * linear.h - what the linear layers' operation and its adjoint share.
 */
#ifndef PACE_BACKEND_CPU_LINEAR_H
#define PACE_BACKEND_CPU_LINEAR_H

#include "backend/cpu/outer.h"
#include "backend/dropout.h"

/*
 * PACKED_MOST: floats of packed weights for one pass over the rows, what the cores' shared cache
 * holds; wider layers take several passes, of at least COLUMNS_LEAST columns. DEPTH_MOST: terms
 * that are summed in one go. ROWS_AT_ONCE: rows of the batch that a gradient's block adds up in one
 * go, and ROWS_OF_BLOCK its rows of the gradient. Multiples of 256, and of every tile's rows.
 */
enum {
    LINEAR_PACKED_MOST = 4 << 20,
    LINEAR_COLUMNS_LEAST = 256,
    LINEAR_DEPTH_MOST = 4096,
    LINEAR_ROWS_AT_ONCE = 256,
    LINEAR_ROWS_OF_BLOCK = 84,
};

/* The sizes of one call, or bounds of them. */
struct linear_sizes {
    size_t rows, in, out, weights, ranks;
};

/* One part, with where its columns begin in y and in u. */
struct linear_view {
    const struct linear_part *of;
    size_t n, rank, first_y, first_u;
    struct dropout dropout;
    float *packed_a, *packed_b; /* panels of the adapter's matrices */
};

/* A call, taken apart. */
struct linear {
    const struct linear_args *a;
    const struct backend *b;
    const struct kernels *k;
    struct linear_sizes sizes;
    struct linear_view part[LINEAR_PARTS_MOST];
    size_t block_rows; /* at most */
    struct row_blocks blocks;
    enum products products; /* of x, dy with W */

    /* Scratch: panels of W and of the adapters; for each worker room for decoding, and its own. */
    float *packed, *packed_a, *packed_b, *decoded, *own;
    size_t own_floats;
    /* Of the adjoint: du [R, ranks]; s u in panels of one part after the other, [R, panel]. */
    float *du, *u_panels;
    float *outer; /* for dW */
};

/* CHECKs the shapes and takes the scratch memory. `width` of x, `out` of y or dy. */
struct linear linear_open(const struct backend *b, const struct linear_args *a, size_t rows,
                          size_t out);

/* A worker's own memory, cut into the packed rows of x or dy, the same in bfloat16 where products
 * are, the packed rows of u or du, and room for a block of rows (drop(x), or a panel of dx). */
struct linear_own {
    float *rows, *pairs, *ranks, *dropped, *spare;
};
struct linear_own linear_own(const struct linear *l, size_t worker);

/* out = in times the factors of dropout; `in` begins at the given row and column of x. */
void linear_drop(const struct linear *l, const struct linear_view *p, struct mat out, struct mat in,
                 size_t row, size_t column);

/* Up to so many rows (generation) weights are read once as they lie, and nothing is packed. */
enum { LINEAR_FEW = 4 };
void linear_few(struct linear *l);

/* The adjoint's last part: gradients of the parameters. du and u_panels are ready. */
void linear_gradients(struct linear *l);

#endif
