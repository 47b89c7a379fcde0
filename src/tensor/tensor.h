/*
 * tensor.h - what a tensor in a file is: a name, a type, a shape and its bytes. Nothing computes.
 */
#ifndef PACE_TENSOR_TENSOR_H
#define PACE_TENSOR_TENSOR_H

#include "base/buf.h"
#include "tensor/dtype.h"

enum { TENSOR_MAX_DIMS = 8 };

/* Row-major: the last dimension's elements are neighbours, as in numpy. */
struct tensor {
    struct span name;
    enum dtype dtype;
    uint32_t n_dims; /* 0: a single number */
    uint64_t dims[TENSOR_MAX_DIMS];
    struct span bytes; /* owned by the file it is in */
};

/* The product of the dimensions; false where it does not fit in 64 bits. */
bool tensor_count(const struct tensor *t, uint64_t *out);

/* The bytes that dtype and dims call for; false where they overflow or do not fill whole blocks. */
bool tensor_size(const struct tensor *t, uint64_t *out);

/* Appends "[32, 64]". */
void tensor_put_shape(const struct tensor *t, struct buf *out);

#endif
