/*
 * quant.c - a table of codecs: plain numbers and GGUF's blocks.
 *
 * Blocks of 32 (f16 scale d, and a minimum m in the _1 types; q packed as below):
 *
 *     Q8_0   d | 32 bytes q                            d q
 *     Q4_0   d | 16 bytes: q[i] low, q[i+16] high      d (q - 8)
 *     Q4_1   d | m | 16 bytes as above                 d q + m
 *     Q5_0   d | u32 fifth bits | 16 bytes as above    d (q - 16)
 *     Q5_1   d | m | u32 fifth bits | 16 bytes         d q + m
 *
 * Super-blocks of 256, whose sub-blocks of 32 (16 in Q6_K) have scales and minima of 6 (8) bits:
 *
 *     Q4_K   d | dmin | 12 bytes of scales | 128 bytes: of each 64 elements, 32 low then 32 high
 *     Q5_K   d | dmin | 12 bytes of scales | 32 bytes of fifth bits | 128 bytes
 *                                                      d scale q - dmin min
 *     Q6_K   128 bytes of low 4 bits | 64 bytes of high 2 bits | 16 scales | d
 *                                                      d scale (q - 32)
 *
 * Products and differences are rounded one by one (the build forbids contraction), so the results
 * do not depend on the machine. Sources: ggml-common.h and ggml-quants.c; gguf/quants.py.
 * quant_search.c has the search that Q4_K and Q6_K are encoded with.
 *
 * To add a type: its row in dtype.c, a function or two here, a row in the table below.
 */
#include "tensor/quant.h"

#include <math.h>

#include "tensor/half.h"
#include "tensor/quant_search.h"

enum { BLOCK = 32, SUPER_BLOCK = 256 };

static uint16_t load_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static uint32_t load_u32(const uint8_t *at)
{
    return load_u16(at) | (uint32_t)load_u16(at + 2) << 16;
}

static void store_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static float load_f16(const uint8_t *at)
{
    return half_from_f16(load_u16(at));
}

/* ----------------------------------------------------------------------------- plain numbers -- */

/* These take `n` elements at once: a call for each would cost more than the work. */

static void decode_f64(const uint8_t *bytes, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++, bytes += 8) {
        uint64_t bits = load_u32(bytes) | (uint64_t)load_u32(bytes + 4) << 32;
        double value;
        memcpy(&value, &bits, sizeof value);
        out[i] = (float)value;
    }
}

static void decode_f32(const uint8_t *bytes, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = half_of_bits(load_u32(bytes + 4 * i));
}

static void encode_f32(const float *values, uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = half_bits(values[i]);
        store_u16(bytes + 4 * i, (uint16_t)bits);
        store_u16(bytes + 4 * i + 2, (uint16_t)(bits >> 16));
    }
}

static void decode_f16(const uint8_t *bytes, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = load_f16(bytes + 2 * i);
}

static void encode_f16(const float *values, uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        store_u16(bytes + 2 * i, half_to_f16(values[i]));
}

static void decode_bf16(const uint8_t *bytes, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = half_from_bf16(load_u16(bytes + 2 * i));
}

static void encode_bf16(const float *values, uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        store_u16(bytes + 2 * i, half_to_bf16(values[i]));
}

/* --------------------------------------------------------------------------------- decoding -- */

static void decode_q8_0(const uint8_t *block, float *out)
{
    float d = load_f16(block);
    for (int i = 0; i < BLOCK; i++)
        out[i] = (float)(int8_t)block[2 + i] * d;
}

static void decode_q4_0(const uint8_t *block, float *out)
{
    float d = load_f16(block);
    const uint8_t *q = block + 2;
    for (int i = 0; i < BLOCK / 2; i++) {
        out[i] = d * (float)((q[i] & 15) - 8);
        out[i + BLOCK / 2] = d * (float)((q[i] >> 4) - 8);
    }
}

static void decode_q4_1(const uint8_t *block, float *out)
{
    float d = load_f16(block), m = load_f16(block + 2);
    const uint8_t *q = block + 4;
    for (int i = 0; i < BLOCK / 2; i++) {
        out[i] = d * (float)(q[i] & 15) + m;
        out[i + BLOCK / 2] = d * (float)(q[i] >> 4) + m;
    }
}

/* The 5-bit number at place i of a block of 32. */
static int take_5_bits(const uint8_t *q, uint32_t fifth, int i)
{
    int low = i < BLOCK / 2 ? q[i] & 15 : q[i - BLOCK / 2] >> 4;
    return low | (int)(fifth >> i & 1) << 4;
}

static void decode_q5_0(const uint8_t *block, float *out)
{
    float d = load_f16(block);
    uint32_t fifth = load_u32(block + 2);
    for (int i = 0; i < BLOCK; i++)
        out[i] = d * (float)(take_5_bits(block + 6, fifth, i) - 16);
}

static void decode_q5_1(const uint8_t *block, float *out)
{
    float d = load_f16(block), m = load_f16(block + 2);
    uint32_t fifth = load_u32(block + 4);
    for (int i = 0; i < BLOCK; i++)
        out[i] = d * (float)take_5_bits(block + 8, fifth, i) + m;
}

/*
 * Scale and minimum of sub-block i (0 … 7), 6 bits each, from 12 bytes: bytes 0 to 3 and 4 to 7
 * hold those of the first four in their lower 6 bits; of the last four, bytes 8 to 11 hold the
 * lower 4 bits and the upper 2 bits of bytes 0 to 7 the rest.
 */
static void take_scale(const uint8_t *packed, int i, int *scale, int *minimum)
{
    if (i < 4) {
        *scale = packed[i] & 63;
        *minimum = packed[i + 4] & 63;
    } else {
        *scale = (packed[i + 4] & 15) | (packed[i - 4] >> 6) << 4;
        *minimum = packed[i + 4] >> 4 | (packed[i] >> 6) << 4;
    }
}

/* Sub-block i of Q4_K or Q5_K, whose fifth bits are NULL for Q4_K. */
static void decode_sub_block(const uint8_t *block, const uint8_t *fifths, const uint8_t *q, int i,
                             float *out)
{
    int scale, minimum;
    take_scale(block + 4, i, &scale, &minimum);
    float d = load_f16(block) * (float)scale, dm = load_f16(block + 2) * (float)minimum;
    const uint8_t *pair = q + i / 2 * BLOCK;
    for (int k = 0; k < BLOCK; k++) {
        int value = i % 2 == 0 ? pair[k] & 15 : pair[k] >> 4;
        if (fifths)
            value |= (fifths[k] >> i & 1) << 4;
        out[i * BLOCK + k] = d * (float)value - dm;
    }
}

static void decode_q4_k(const uint8_t *block, float *out)
{
    for (int i = 0; i < SUPER_BLOCK / BLOCK; i++)
        decode_sub_block(block, NULL, block + 16, i, out);
}

static void decode_q5_k(const uint8_t *block, float *out)
{
    for (int i = 0; i < SUPER_BLOCK / BLOCK; i++)
        decode_sub_block(block, block + 16, block + 48, i, out);
}

static void decode_q6_k(const uint8_t *block, float *out)
{
    const uint8_t *low = block, *high = block + 128;
    const int8_t *scales = (const int8_t *)block + 192;
    float d = load_f16(block + 208);
    for (int i = 0; i < SUPER_BLOCK; i++) {
        /* Each half of 128 elements: 4 runs of 32; the runs share low bytes in pairs. */
        int half = i / 128, run = i / 32 % 4, k = i % 32;
        uint8_t low_byte = low[half * 64 + run % 2 * 32 + k];
        int value = run < 2 ? low_byte & 15 : low_byte >> 4;
        value |= (high[half * 32 + k] >> (2 * run) & 3) << 4;
        out[i] = d * (float)scales[i / 16] * (float)(value - 32);
    }
}

/* --------------------------------------------------------------------------------- encoding -- */

/* 1/d, and 0 for 0. */
static float inverse(float d)
{
    return d != 0 ? 1.0f / d : 0.0f;
}

/* Cut to a whole number within 0 and `most`; a NaN becomes 0. */
static int cut_within(float value, int most)
{
    value = value > 0 ? value : 0;
    return (int)(value < (float)most ? value : (float)most);
}

/* Rounded to a whole number within -127 and 127, halves away from zero. A double holds the sum. */
static int round_away(float value)
{
    double sum = value > 0 ? (double)value + 0.5 : (double)value - 0.5;
    sum = sum > -127 ? sum : -127; /* a NaN too */
    return (int)(sum < 127 ? sum : 127);
}

static float larger(float a, float b)
{
    return a > b ? a : b;
}

static void encode_q8_0(const float *values, uint8_t *block)
{
    float largest = 0;
    for (int i = 0; i < BLOCK; i++)
        largest = larger(largest, fabsf(values[i]));
    float d = largest / 127, id = inverse(d);
    store_u16(block, half_to_f16(d));
    for (int i = 0; i < BLOCK; i++)
        block[2 + i] = (uint8_t)round_away(values[i] * id);
}

static void encode_q4_0(const float *values, uint8_t *block)
{
    float largest = 0, extreme = 0; /* the latter with its sign */
    for (int i = 0; i < BLOCK; i++) {
        if (fabsf(values[i]) > largest) {
            largest = fabsf(values[i]);
            extreme = values[i];
        }
    }
    float d = extreme / -8, id = inverse(d);
    store_u16(block, half_to_f16(d));
    for (int i = 0; i < BLOCK / 2; i++) {
        int a = cut_within(values[i] * id + 8.5f, 15);
        int b = cut_within(values[i + BLOCK / 2] * id + 8.5f, 15);
        block[2 + i] = (uint8_t)(a | b << 4);
    }
}

static void put_scale(uint8_t *packed, int i, int scale, int minimum)
{
    if (i < 4) {
        packed[i] = (uint8_t)scale;
        packed[i + 4] = (uint8_t)minimum;
    } else {
        packed[i + 4] = (uint8_t)((scale & 15) | (minimum & 15) << 4);
        packed[i - 4] |= (uint8_t)(scale >> 4 << 6);
        packed[i] |= (uint8_t)(minimum >> 4 << 6);
    }
}

static void encode_q4_k(const float *values, uint8_t *block)
{
    enum { N_SUB = SUPER_BLOCK / BLOCK };
    float scales[N_SUB], minima[N_SUB], largest_scale = 0, largest_minimum = 0;
    for (int i = 0; i < N_SUB; i++) {
        scales[i] = quant_search_affine(values + i * BLOCK, BLOCK, 15, &minima[i]);
        largest_scale = larger(largest_scale, scales[i]);
        largest_minimum = larger(largest_minimum, minima[i]);
    }
    float to_scale = largest_scale > 0 ? 63.0f / largest_scale : 0;
    float to_minimum = largest_minimum > 0 ? 63.0f / largest_minimum : 0;
    store_u16(block, half_to_f16(largest_scale / 63.0f));
    store_u16(block + 2, half_to_f16(largest_minimum / 63.0f));
    for (int i = 0; i < N_SUB; i++)
        put_scale(block + 4, i, quant_search_round(to_scale * scales[i], 0, 63),
                  quant_search_round(to_minimum * minima[i], 0, 63));

    /* The elements are rounded again, with the scales as they are now stored. */
    uint8_t *q = block + 16;
    memset(q, 0, SUPER_BLOCK / 2);
    for (int i = 0; i < N_SUB; i++) {
        int scale, minimum;
        take_scale(block + 4, i, &scale, &minimum);
        float d = load_f16(block) * (float)scale, dm = load_f16(block + 2) * (float)minimum;
        for (int k = 0; k < BLOCK && d != 0; k++) {
            int value = quant_search_round((values[i * BLOCK + k] + dm) / d, 0, 15);
            q[i / 2 * BLOCK + k] |= (uint8_t)(i % 2 == 0 ? value : value << 4);
        }
    }
}

static void encode_q6_k(const float *values, uint8_t *block)
{
    enum { N_SUB = 16, SUB = 16 };
    float scales[N_SUB], extreme = 0;
    for (int i = 0; i < N_SUB; i++) {
        scales[i] = quant_search_symmetric(values + i * SUB, SUB, 32);
        if (fabsf(scales[i]) > fabsf(extreme))
            extreme = scales[i];
    }
    memset(block, 0, 210);
    if (fabsf(extreme) < QUANT_SEARCH_TINY)
        return;
    float to_scale = -128.0f / extreme;
    int8_t *stored = (int8_t *)block + 192;
    uint8_t *low = block, *high = block + 128;
    store_u16(block + 208, half_to_f16(1.0f / to_scale));
    for (int i = 0; i < N_SUB; i++)
        stored[i] = (int8_t)quant_search_round(to_scale * scales[i], -128, 127);
    for (int i = 0; i < SUPER_BLOCK; i++) {
        float d = load_f16(block + 208) * (float)stored[i / SUB];
        int value = d != 0 ? quant_search_round(values[i] / d, -32, 31) + 32 : 32;
        int half = i / 128, run = i / 32 % 4, k = i % 32;
        low[half * 64 + run % 2 * 32 + k] |= (uint8_t)((value & 15) << (run < 2 ? 0 : 4));
        high[half * 32 + k] |= (uint8_t)(value >> 4 << (2 * run));
    }
}

/* -------------------------------------------------------------------------------- the table -- */

/* Plain numbers come many at a time, blocks one by one. Both NULL: not supported. */
static const struct {
    void (*decode_plain)(const uint8_t *bytes, float *out, size_t n);
    void (*encode_plain)(const float *values, uint8_t *bytes, size_t n);
    void (*decode_block)(const uint8_t *block, float *out);
    void (*encode_block)(const float *values, uint8_t *block);
} codecs[DTYPE_COUNT] = {
    [DTYPE_F64] = {decode_f64, NULL, NULL, NULL},
    [DTYPE_F32] = {decode_f32, encode_f32, NULL, NULL},
    [DTYPE_F16] = {decode_f16, encode_f16, NULL, NULL},
    [DTYPE_BF16] = {decode_bf16, encode_bf16, NULL, NULL},
    [DTYPE_Q8_0] = {NULL, NULL, decode_q8_0, encode_q8_0},
    [DTYPE_Q4_0] = {NULL, NULL, decode_q4_0, encode_q4_0},
    [DTYPE_Q4_1] = {NULL, NULL, decode_q4_1, NULL},
    [DTYPE_Q5_0] = {NULL, NULL, decode_q5_0, NULL},
    [DTYPE_Q5_1] = {NULL, NULL, decode_q5_1, NULL},
    [DTYPE_Q4_K] = {NULL, NULL, decode_q4_k, encode_q4_k},
    [DTYPE_Q5_K] = {NULL, NULL, decode_q5_k, NULL},
    [DTYPE_Q6_K] = {NULL, NULL, decode_q6_k, encode_q6_k},
};

bool quant_can_decode(enum dtype dtype)
{
    CHECK((unsigned)dtype < DTYPE_COUNT);
    return codecs[dtype].decode_plain || codecs[dtype].decode_block;
}

bool quant_can_encode(enum dtype dtype)
{
    CHECK((unsigned)dtype < DTYPE_COUNT);
    return codecs[dtype].encode_plain || codecs[dtype].encode_block;
}

void quant_decode(enum dtype dtype, const uint8_t *bytes, float *out, size_t n)
{
    const struct dtype_info *info = dtype_info(dtype);
    CHECK(quant_can_decode(dtype) && n % info->block_elements == 0);
    if (codecs[dtype].decode_plain) {
        codecs[dtype].decode_plain(bytes, out, n);
        return;
    }
    for (size_t i = 0; i < n; i += info->block_elements, bytes += info->block_bytes)
        codecs[dtype].decode_block(bytes, out + i);
}

void quant_encode(enum dtype dtype, const float *values, uint8_t *bytes, size_t n)
{
    const struct dtype_info *info = dtype_info(dtype);
    CHECK(quant_can_encode(dtype) && n % info->block_elements == 0);
    if (codecs[dtype].encode_plain) {
        codecs[dtype].encode_plain(values, bytes, n);
        return;
    }
    for (size_t i = 0; i < n; i += info->block_elements, bytes += info->block_bytes)
        codecs[dtype].encode_block(values + i, bytes);
}
