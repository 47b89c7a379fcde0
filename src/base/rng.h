/*
 * rng.h - random numbers as a pure function of (seed, stream, index).
 *
 * Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): a block
 * cipher of ten cheap rounds over a 128-bit counter. There is no state to save, split or lock: the
 * same three numbers give the same draw on every machine and thread, so dropout masks need not be
 * stored and a resumed run continues the very sequence.
 *
 * `struct rng` walks the index for sequential use.
 */
#ifndef PACE_BASE_RNG_H
#define PACE_BASE_RNG_H

#include "base/base.h"

struct rng {
    uint64_t seed;
    uint64_t stream; /* one per purpose, so that purposes do not disturb each other */
    uint64_t index;  /* of the next draw */
};

/* Four 32-bit words for one counter: the cipher itself. */
void rng_block(uint64_t seed, uint64_t stream, uint64_t index, uint32_t out[4]);

/* 64 random bits. */
uint64_t rng_u64(struct rng *rng);

/* Uniform in [0, n), without bias. n > 0. */
uint64_t rng_below(struct rng *rng, uint64_t n);

/* Uniform in [0, 1), a multiple of 2^-53. */
double rng_uniform(struct rng *rng);

/* Standard normal. */
double rng_normal(struct rng *rng);

/* Shuffles 0 … n-1 already in `items` (Fisher and Yates). */
void rng_shuffle(struct rng *rng, uint32_t *items, size_t n);

#endif
