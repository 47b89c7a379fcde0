/*
 * dropout.h - which numbers of an adapter's input are dropped in training.
 *
 * The draw for element e (row times width plus column) of a stream is word e mod 4 of the cipher's
 * block e / 4: a pure function, so no mask is stored, the adjoint draws the same again, and the
 * order in which elements are visited does not matter. A number is kept, divided by 1 - rate, with
 * a chance of 1 - rate. Srivastava et al. 2014, JMLR 15, in the form that leaves the mean alone.
 */
#ifndef PACE_BACKEND_DROPOUT_H
#define PACE_BACKEND_DROPOUT_H

#include "base/rng.h"

struct dropout {
    uint64_t seed, stream;
    uint32_t threshold; /* draws below it are dropped */
    float kept;         /* what a kept number is multiplied by */
};

/* 0 <= rate < 1 */
static inline struct dropout dropout_init(float rate, uint64_t seed, uint64_t stream)
{
    CHECK(rate >= 0 && rate < 1);
    return (struct dropout){seed, stream, (uint32_t)((double)rate * 0x1p32),
                            (float)(1 / (1 - (double)rate))};
}

/* The factors of elements 4 * block … 4 * block + 3. */
static inline void dropout_factors(const struct dropout *d, uint64_t block, float out[4])
{
    uint32_t draws[4];
    rng_block(d->seed, d->stream, block, draws);
    for (int i = 0; i < 4; i++)
        out[i] = draws[i] >= d->threshold ? d->kept : 0;
}

/* out = in times the factors of elements first … first + n - 1; out may be in. */
static inline void dropout_apply(const struct dropout *d, uint64_t first, float *out,
                                 const float *in, size_t n)
{
    for (size_t i = 0; i < n;) {
        float factors[4];
        dropout_factors(d, (first + i) / 4, factors);
        for (size_t j = (first + i) % 4; j < 4 && i < n; j++, i++)
            out[i] = in[i] * factors[j];
    }
}

static inline float dropout_factor(const struct dropout *d, uint64_t element)
{
    float factors[4];
    dropout_factors(d, element / 4, factors);
    return factors[element % 4];
}

#endif
