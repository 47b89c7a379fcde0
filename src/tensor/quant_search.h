/*
 * quant_search.h - the scale, and the offset, with which a few numbers lose least when they are
 * rounded to few bits. Used by quant.c alone.
 */
#ifndef PACE_TENSOR_QUANT_SEARCH_H
#define PACE_TENSOR_QUANT_SEARCH_H

#include "base/base.h"

enum { QUANT_SEARCH_MOST = 32 };

/*
 * The whole number nearest to the value, ties to even, within low and high (of at most 21 bits); a
 * NaN becomes low. The sum with 1.5 * 2^23 rounds: its last place is that of 1.
 */
static inline int quant_search_round(float value, int low, int high)
{
    value = value > (float)low ? value : (float)low;
    value = value < (float)high ? value : (float)high;
    return (int)((value + 0x1.8p23f) - 0x1.8p23f);
}

/* Below this size a block is all zeros. */
#define QUANT_SEARCH_TINY 1e-15f

/*
 * x[i] ~ scale * q - minimum, q in 0 … q_most, both results >= 0. `n` <= QUANT_SEARCH_MOST. Returns
 * the scale.
 */
float quant_search_affine(const float *x, int n, int q_most, float *minimum);

/* x[i] ~ scale * q, q in -q_half … q_half - 1. Returns the scale, which may be negative. */
float quant_search_symmetric(const float *x, int n, int q_half);

#endif
