/*
 * rng.c - Philox4x32-10. Constants are those of the paper's reference code (Random123).
 */
#include "base/rng.h"

#include <math.h>

enum { ROUNDS = 10 };

void rng_block(uint64_t seed, uint64_t stream, uint64_t index, uint32_t out[4])
{
    uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), (uint32_t)stream,
                           (uint32_t)(stream >> 32)};
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t product0 = (uint64_t)0xd2511f53u * counter[0];
        uint64_t product1 = (uint64_t)0xcd9e8d57u * counter[2];
        uint32_t next0 = (uint32_t)(product1 >> 32) ^ counter[1] ^ key[0];
        uint32_t next2 = (uint32_t)(product0 >> 32) ^ counter[3] ^ key[1];
        counter[1] = (uint32_t)product1;
        counter[3] = (uint32_t)product0;
        counter[0] = next0;
        counter[2] = next2;
        key[0] += 0x9e3779b9u;
        key[1] += 0xbb67ae85u;
    }
    for (int i = 0; i < 4; i++)
        out[i] = counter[i];
}

uint64_t rng_u64(struct rng *rng)
{
    uint32_t words[4];
    rng_block(rng->seed, rng->stream, rng->index++, words);
    return (uint64_t)words[1] << 32 | words[0];
}

uint64_t rng_below(struct rng *rng, uint64_t n)
{
    CHECK(n > 0);
    /* Draws at or above the largest multiple of n would favour small results: draw again. */
    uint64_t excess = (UINT64_MAX % n + 1) % n;
    uint64_t draw;
    do
        draw = rng_u64(rng);
    while (draw > UINT64_MAX - excess);
    return draw % n;
}

double rng_uniform(struct rng *rng)
{
    return (double)(rng_u64(rng) >> 11) * 0x1p-53;
}

double rng_normal(struct rng *rng)
{
    /* Box and Muller; 1 - u is in (0, 1], so the logarithm is finite. */
    const double two_pi = 6.283185307179586476925286766559;
    double radius = sqrt(-2.0 * log(1.0 - rng_uniform(rng)));
    return radius * cos(two_pi * rng_uniform(rng));
}

void rng_shuffle(struct rng *rng, uint32_t *items, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)rng_below(rng, i);
        uint32_t swapped = items[i - 1];
        items[i - 1] = items[j];
        items[j] = swapped;
    }
}
