/*
 * simd.h - a register's worth of float32, for the files that are compiled once for each instruction
 * set (kernel.h). The vectors are those of gcc and clang; where an instruction has no operator, it
 * is named here once for AVX-512, once for AVX2 with FMA, and spelled out for all others.
 */
#ifndef PACE_BACKEND_CPU_SIMD_H
#define PACE_BACKEND_CPU_SIMD_H

#include <string.h>

#include "base/base.h"

#if defined(__AVX512F__)
#include <immintrin.h>
enum { LANES = 16, TILE_ROWS = 14 };
#elif defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
enum { LANES = 8, TILE_ROWS = 6 };
#else
enum { LANES = 4, TILE_ROWS = 6 };
#endif

#if defined(__AVX512BF16__)
enum { SIMD_HAS_BF16 = 1 };
#else
enum { SIMD_HAS_BF16 = 0 };
#endif

/* A tile is two vectors wide. */
enum { PANEL = 2 * LANES };

#if defined(__AVX512F__)
typedef float vec __attribute__((vector_size(64)));
typedef int32_t veci __attribute__((vector_size(64)));
typedef uint32_t vecu __attribute__((vector_size(64)));
#elif defined(__AVX2__) && defined(__FMA__)
typedef float vec __attribute__((vector_size(32)));
typedef int32_t veci __attribute__((vector_size(32)));
typedef uint32_t vecu __attribute__((vector_size(32)));
#else
typedef float vec __attribute__((vector_size(16)));
typedef int32_t veci __attribute__((vector_size(16)));
typedef uint32_t vecu __attribute__((vector_size(16)));
#endif

#define SIMD static inline __attribute__((always_inline))

SIMD vec vec_load(const float *at)
{
    vec v;
    memcpy(&v, at, sizeof v);
    return v;
}

SIMD void vec_store(float *at, vec v)
{
    memcpy(at, &v, sizeof v);
}

/* The first n <= LANES floats; the other lanes are 0. */
SIMD vec vec_load_some(const float *at, size_t n)
{
#if defined(__AVX512F__)
    return (vec)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), at);
#else
    vec v = {0};
    memcpy(&v, at, n * sizeof *at);
    return v;
#endif
}

SIMD void vec_store_some(float *at, vec v, size_t n)
{
#if defined(__AVX512F__)
    _mm512_mask_storeu_ps(at, (__mmask16)((1u << n) - 1), (__m512)v);
#else
    memcpy(at, &v, n * sizeof *at);
#endif
}

SIMD vec vec_of(float x)
{
#if defined(__AVX512F__)
    return (vec)_mm512_set1_ps(x);
#elif defined(__AVX2__) && defined(__FMA__)
    return (vec)_mm256_set1_ps(x);
#else
    return (vec){x, x, x, x};
#endif
}

SIMD veci veci_of(int32_t x)
{
    return (veci){0} + x;
}

/* a b + c, rounded once where the processor can. */
SIMD vec vec_fma(vec a, vec b, vec c)
{
#if defined(__AVX512F__)
    return (vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__) && defined(__FMA__)
    return (vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    return a * b + c;
#endif
}

/* Lanes of a where the mask is all ones, of b where it is 0. */
SIMD vec vec_select(veci mask, vec a, vec b)
{
    return (vec)(((veci)a & mask) | ((veci)b & ~mask));
}

/* The greater; b where either is not a number. */
SIMD vec vec_max(vec a, vec b)
{
#if defined(__AVX512F__)
    return (vec)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__) && defined(__FMA__)
    return (vec)_mm256_max_ps((__m256)a, (__m256)b);
#else
    return vec_select(a > b, a, b);
#endif
}

/* The lesser; b where either is not a number. */
SIMD vec vec_min(vec a, vec b)
{
#if defined(__AVX512F__)
    return (vec)_mm512_min_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__) && defined(__FMA__)
    return (vec)_mm256_min_ps((__m256)a, (__m256)b);
#else
    return vec_select(a < b, a, b);
#endif
}

SIMD vec vec_abs(vec a)
{
    return (vec)((veci)a & 0x7fffffff);
}

/* The vector's first lanes are 0, 1, 2, … */
SIMD veci veci_count(void)
{
    veci v;
    for (int i = 0; i < LANES; i++)
        v[i] = i;
    return v;
}

/* Lane i is lane i ^ apart of v; `apart` is a power of 2. */
SIMD vec vec_exchange(vec v, int32_t apart)
{
    veci from = veci_count() ^ apart;
#if defined(__AVX512F__)
    return (vec)_mm512_permutexvar_ps((__m512i)from, (__m512)v);
#elif defined(__AVX2__) && defined(__FMA__)
    return (vec)_mm256_permutevar8x32_ps((__m256)v, (__m256i)from);
#else
    vec exchanged;
    for (int i = 0; i < LANES; i++)
        exchanged[i] = v[from[i]];
    return exchanged;
#endif
}

/* Added up by halves. */
SIMD float vec_sum(vec v)
{
#pragma GCC unroll 4
    for (int32_t half = LANES / 2; half > 0; half /= 2)
        v += vec_exchange(v, half);
    return v[0];
}

/* The greatest lane. */
SIMD float vec_largest(vec v)
{
#pragma GCC unroll 4
    for (int32_t half = LANES / 2; half > 0; half /= 2)
        v = vec_max(vec_exchange(v, half), v);
    return v[0];
}

/* --- Cells of two bfloat16. --- */

/* The nearest with 7 bits of fraction, ties to even: a bfloat16 in the upper half of each lane. */
SIMD vecu vec_round_bf16(vec a)
{
    vecu bits = (vecu)a, is_nan = (vecu)(a != a);
    vecu rounded = bits + 0x7fff + (bits >> 16 & 1);
    return ((is_nan & (bits | 0x400000)) | (~is_nan & rounded)) & 0xffff0000;
}

/* `low` in the lower halves, `high` in the upper. */
SIMD vec vec_pair(vec low, vec high)
{
#if defined(__AVX512BF16__)
    __m512i both = (__m512i)_mm512_cvtne2ps_pbh((__m512)high, (__m512)low);
    vecu lane = (vecu)veci_count();
    return (vec)_mm512_permutexvar_epi16((__m512i)(lane | (lane + LANES) << 16), both);
#else
    return (vec)(vec_round_bf16(low) >> 16 | vec_round_bf16(high));
#endif
}

/* Neighbours in `first` and then in `second`. */
SIMD vec vec_pair_neighbours(vec first, vec second)
{
#if defined(__AVX512BF16__)
    return (vec)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first);
#else
    uint32_t from[2 * LANES], to[LANES];
    vecu rounded[2] = {vec_round_bf16(first), vec_round_bf16(second)};
    memcpy(from, rounded, sizeof from);
    for (size_t i = 0; i < LANES; i++)
        to[i] = from[2 * i] >> 16 | from[2 * i + 1];
    vec cells;
    memcpy(&cells, to, sizeof cells);
    return cells;
#endif
}

/* c + the products of both terms of the cells, in float32. */
SIMD vec vec_dot_pairs(vec a, vec b, vec c)
{
#if defined(__AVX512BF16__)
    return (vec)_mm512_dpbf16_ps((__m512)c, (__m512bh)a, (__m512bh)b);
#else
    c = vec_fma((vec)((vecu)a & 0xffff0000), (vec)((vecu)b & 0xffff0000), c);
    return vec_fma((vec)((vecu)a << 16), (vec)((vecu)b << 16), c);
#endif
}

#endif
