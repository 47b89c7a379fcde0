/*
 * simd_math.h - exp, tanh and what is made of them, on vectors of float32.
 *
 *     exp(x) = 2^n exp(r)     n = round(x / ln 2), r = x - n ln 2, |r| <= ln 2 / 2
 *
 * ln 2 is subtracted in two parts, the first so short that n times it is exact (Cody and Waite
 * 1980); exp(r) is 1 + r + r^2 p(r) with p of
 * degree 4 fitted for the least greatest relative error, 3e-9; 2^n is multiplied in two steps so
 * that results below the normal range come out too. tanh is an odd polynomial near 0 (relative
 * error 6e-9) and 1 - 2 / (exp(2x) + 1) elsewhere. The tests hold both to 2 units in the last
 * place. The error function is formula 7.1.26 of Abramowitz and Stegun, within 1.5e-7.
 */
#ifndef PACE_BACKEND_CPU_SIMD_MATH_H
#define PACE_BACKEND_CPU_SIMD_MATH_H

#include "backend/cpu/simd.h"

/* 2^n for n of -126 … 127 */
SIMD vec vec_power_of_2(veci n)
{
    return (vec)((n + 127) << 23);
}

SIMD vec vec_exp(vec x)
{
    const vec shift = vec_of(0x1.8p23f);
    x = vec_min(vec_of(89), vec_max(vec_of(-104), x)); /* a NaN stays */
    vec shifted = vec_fma(x, vec_of(0x1.715476p+0f), shift);
    vec n = shifted - shift;
    vec r = vec_fma(n, vec_of(-0.693359375f), x);
    r = vec_fma(n, vec_of(2.12194440054690583e-4f), r);
    vec p = vec_fma(vec_of(0x1.6a1a72p-10f), r, vec_of(0x1.123fc6p-7f));
    p = vec_fma(p, r, vec_of(0x1.555916p-5f));
    p = vec_fma(p, r, vec_of(0x1.55548ap-3f));
    p = vec_fma(p, r, vec_of(0x1.fffffcp-2f));
    p = vec_fma(p * r, r, r) + 1.0f;
#if defined(__AVX512F__)
    return (vec)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
    veci whole = (veci)shifted - (veci)shift;
    veci half = whole >> 1;
    return p * vec_power_of_2(half) * vec_power_of_2(whole - half);
#endif
}

/* 1 / (1 + exp(-x)) */
SIMD vec vec_sigmoid(vec x)
{
    return 1.0f / (1.0f + vec_exp(-x));
}

SIMD vec vec_tanh(vec x)
{
    vec size = vec_abs(x), square = x * x;
    vec p = vec_fma(vec_of(-0.00552863f), square, vec_of(0.02048331f));
    p = vec_fma(p, square, vec_of(-0.05369297f));
    p = vec_fma(p, square, vec_of(0.13330899f));
    p = vec_fma(p, square, vec_of(-0.33333263f));
    vec near = vec_fma(p * square, size, size);
    vec far = 1.0f - 2.0f / (vec_exp(2.0f * size) + 1.0f);
    vec result = vec_select(size < vec_of(0.625f), near, far);
    return (vec)((veci)result | ((veci)x & INT32_MIN));
}

SIMD vec vec_erf(vec x)
{
    vec size = vec_abs(x);
    vec t = 1.0f / vec_fma(size, vec_of(0.3275911f), vec_of(1));
    vec p = vec_fma(vec_of(1.061405429f), t, vec_of(-1.453152027f));
    p = vec_fma(p, t, vec_of(1.421413741f));
    p = vec_fma(p, t, vec_of(-0.284496736f));
    p = vec_fma(p, t, vec_of(0.254829592f));
    vec result = 1.0f - p * t * vec_exp(-size * size);
    return (vec)((veci)result | ((veci)x & INT32_MIN));
}

#endif
