/*
 * weight_row.h - a piece of a stored row of weights as float32: where it lies, or decoded.
 */
#ifndef PACE_BACKEND_CPU_WEIGHT_ROW_H
#define PACE_BACKEND_CPU_WEIGHT_ROW_H

#include "backend/cpu/kernel.h"

/* Numbers first … first + n - 1 of the row, both at blocks of the type; float32 at a multiple of 4
 * bytes is returned as it lies, else `decoded` [n]. */
static inline const float *weight_row(const struct kernels *k, const struct weight *w, size_t row,
                                      size_t first, float *decoded, size_t n)
{
    uint64_t row_bytes, before;
    CHECK(dtype_bytes(w->dtype, w->width, &row_bytes) && dtype_bytes(w->dtype, first, &before));
    const uint8_t *at = (const uint8_t *)w->at + row * row_bytes + before;
    if (w->dtype == DTYPE_F32 && (uintptr_t)at % sizeof(float) == 0)
        return (const float *)(const void *)at;
    k->decode(w->dtype, at, decoded, n);
    return decoded;
}

#endif
