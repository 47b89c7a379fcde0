/*
 * outer.h - gradients of matrices of weights: sums over the rows of two matrices.
 */
#ifndef PACE_BACKEND_CPU_OUTER_H
#define PACE_BACKEND_CPU_OUTER_H

#include "backend/cpu/gemm.h"

/* to[n, m] += left^T right, left [R, n], right [R, m]. */
struct outer {
    struct mat left, right;
    float *to;
};

/* Up to OUTERS_MOST of them with the same R, in one loop. Neighbours with one right matrix share
 * its packing. `scratch`: outer_floats of it. */
enum { OUTERS_MOST = LINEAR_PARTS_MOST };
void outer_run(const struct backend *b, enum products products, const struct outer *o, size_t n,
               float *scratch);

/* `right_width`: of the right matrices together, each counted once for its neighbours. */
size_t outer_floats(const struct backend *b, size_t right_width);

#endif
