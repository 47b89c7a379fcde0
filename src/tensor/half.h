/*
 * half.h - the two 16-bit floating-point types, to and from float32.
 *
 *     float16  (IEEE 754 binary16)   sign 1, exponent 5, fraction 10: 6e-8 … 65504
 *     bfloat16                       sign 1, exponent 8, fraction 7: the upper half of a float32
 *
 * Widening is exact. Narrowing rounds to the nearest, ties to even, with subnormals; beyond the
 * range comes infinity. A NaN stays a NaN: it keeps its sign and the upper bits of its fraction,
 * and narrowing makes it quiet.
 */
#ifndef PACE_TENSOR_HALF_H
#define PACE_TENSOR_HALF_H

#include <string.h>

#include "base/base.h"

static inline uint32_t half_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float half_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline float half_from_f16(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16;
    uint32_t exponent = h >> 10 & 0x1f, fraction = h & 0x3ff;
    if (exponent == 0x1f)
        return half_of_bits(sign | 0x7f800000 | fraction << 13);
    if (exponent == 0) /* zero and subnormals: a product that float32 holds exactly */
        return half_of_bits(sign | half_bits((float)fraction * 0x1p-24f));
    return half_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

static inline uint16_t half_to_f16(float value)
{
    uint32_t sign = half_bits(value) >> 16 & 0x8000;
    uint32_t size = half_bits(value) & 0x7fffffff;
    if (size > 0x7f800000)
        return (uint16_t)(sign | 0x7e00 | (size >> 13 & 0x3ff));
    if (size >= 0x47800000) /* 2^16 */
        return (uint16_t)(sign | 0x7c00);
    if (size < 0x38800000) /* 2^-14: the sum's last place is that of the subnormals, 2^-24 */
        return (uint16_t)(sign | (half_bits(half_of_bits(size) + 0.5f) - 0x3f000000));
    uint32_t rebased = size - (112u << 23);
    rebased += 0xfff + (rebased >> 13 & 1);
    return (uint16_t)(sign | rebased >> 13);
}

static inline float half_from_bf16(uint16_t b)
{
    return half_of_bits((uint32_t)b << 16);
}

static inline uint16_t half_to_bf16(float value)
{
    uint32_t bits = half_bits(value);
    if ((bits & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

#endif
