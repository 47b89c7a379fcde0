/*
 * outer.h - the gradient of a matrix of weights: a sum over the rows of two matrices.
 */
#ifndef PACE_BACKEND_CPU_OUTER_H
#define PACE_BACKEND_CPU_OUTER_H

#include "backend/cpu/gemm.h"

/* to[n, m] += left^T right, left [R, n], right [R, m]. */
struct outer {
    enum products products;
    struct mat left, right;
    float *to;
    float *scratch; /* outer_floats of it */
};
void outer_run(const struct backend *b, const struct outer *o);

size_t outer_floats(const struct backend *b, size_t right_width);

#endif
