/*
 * tensor.c - counting elements and bytes without overflow: the dimensions come from files.
 */
#include "tensor/tensor.h"

#include <inttypes.h>

bool tensor_count(const struct tensor *t, uint64_t *out)
{
    CHECK(t->n_dims <= TENSOR_MAX_DIMS);
    uint64_t count = 1;
    for (uint32_t i = 0; i < t->n_dims; i++) {
        if (__builtin_mul_overflow(count, t->dims[i], &count))
            return false;
    }
    *out = count;
    return true;
}

bool tensor_size(const struct tensor *t, uint64_t *out)
{
    uint64_t count;
    return tensor_count(t, &count) && dtype_bytes(t->dtype, count, out);
}

void tensor_put_shape(const struct tensor *t, struct buf *out)
{
    buf_add_byte(out, '[');
    for (uint32_t i = 0; i < t->n_dims; i++)
        buf_printf(out, "%s%" PRIu64, i > 0 ? ", " : "", t->dims[i]);
    buf_add_byte(out, ']');
}
