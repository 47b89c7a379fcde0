/*
 * kernel_decode.c - stored weights to float32, by whole vectors.
 *
 * The formats and the order of roundings are those of tensor/quant.c, which decodes everything that
 * is not here; the results are the same bit for bit (the scales multiply one by one). The loops are
 * written so that the compiler makes vectors of them: runs of 16 or 32, one operation after
 * another.
 */
#include "backend/cpu/kernel.h"
#include "backend/cpu/simd.h"
#include "tensor/half.h"
#include "tensor/quant.h"

enum { BLOCK = 32, SUPER_BLOCK = 256 };

static float load_f16(const uint8_t *at)
{
    return half_from_f16((uint16_t)(at[0] | at[1] << 8));
}

static void decode_bf16(const uint8_t *bytes, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t b;
        memcpy(&b, bytes + 2 * i, sizeof b);
        uint32_t bits = (uint32_t)b << 16;
        memcpy(out + i, &bits, sizeof bits);
    }
}

static void decode_f16(const uint8_t *bytes, float *out, size_t n)
{
    size_t i = 0;
#if defined(__AVX512F__) || (defined(__AVX2__) && defined(__F16C__))
    for (; i + 8 <= n; i += 8) {
        __m128i half = _mm_loadu_si128((const __m128i *)(const void *)(bytes + 2 * i));
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(half));
    }
#endif
    for (; i < n; i++)
        out[i] = load_f16(bytes + 2 * i);
}

static void decode_q8_0(const uint8_t *block, float *restrict out)
{
    float d = load_f16(block);
    const int8_t *q = (const int8_t *)block + 2;
    for (int i = 0; i < BLOCK; i++)
        out[i] = (float)q[i] * d;
}

static void decode_q4_0(const uint8_t *block, float *restrict out)
{
    float d = load_f16(block);
    const uint8_t *q = block + 2;
    for (int i = 0; i < BLOCK / 2; i++)
        out[i] = d * (float)((q[i] & 15) - 8);
    for (int i = 0; i < BLOCK / 2; i++)
        out[i + BLOCK / 2] = d * (float)((q[i] >> 4) - 8);
}

/* The scale and the minimum of sub-block i: see tensor/quant.c. */
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

static void decode_q4_k(const uint8_t *block, float *restrict out)
{
    float d = load_f16(block), dmin = load_f16(block + 2);
    for (int i = 0; i < SUPER_BLOCK / BLOCK; i += 2) {
        const uint8_t *q = block + 16 + i / 2 * BLOCK;
        int scale[2], minimum[2];
        take_scale(block + 4, i, &scale[0], &minimum[0]);
        take_scale(block + 4, i + 1, &scale[1], &minimum[1]);
        float d0 = d * (float)scale[0], m0 = dmin * (float)minimum[0];
        float d1 = d * (float)scale[1], m1 = dmin * (float)minimum[1];
        for (int k = 0; k < BLOCK; k++)
            out[i * BLOCK + k] = d0 * (float)(q[k] & 15) - m0;
        for (int k = 0; k < BLOCK; k++)
            out[(i + 1) * BLOCK + k] = d1 * (float)(q[k] >> 4) - m1;
    }
}

typedef uint8_t bytes_of_run __attribute__((vector_size(16)));
typedef int32_t ints_of_run __attribute__((vector_size(64)));
typedef float floats_of_run __attribute__((vector_size(64)));

/* 16 codes with one scale: four bits each of `low`, two of `high`, from the bits of the shifts on.
 * Written as vectors, because compilers make none of loops over shifted bytes. */
SIMD void decode_q6_k_run(const uint8_t *low, int low_shift, const uint8_t *high, int high_shift,
                          float scale, float *out)
{
    bytes_of_run l, h;
    memcpy(&l, low, sizeof l);
    memcpy(&h, high, sizeof h);
    bytes_of_run code = (l >> low_shift & 15) | (h >> high_shift & 3) << 4;
    ints_of_run value = __builtin_convertvector(code, ints_of_run) - 32;
    floats_of_run x = __builtin_convertvector(value, floats_of_run) * scale;
    memcpy(out, &x, sizeof x);
}

static void decode_q6_k(const uint8_t *block, float *restrict out)
{
    const int8_t *scales = (const int8_t *)block + 192;
    float d = load_f16(block + 208);
    for (int half = 0; half < 2; half++) {
        const uint8_t *low = block + half * 64, *high = block + 128 + half * 32;
        for (int first = 0; first < BLOCK; first += 16) {
            const int8_t *scale = scales + half * 8 + first / 16;
            float *to = out + half * 128 + first;
            const uint8_t *l = low + first, *h = high + first;
            decode_q6_k_run(l, 0, h, 0, d * (float)scale[0], to);
            decode_q6_k_run(l + BLOCK, 0, h, 2, d * (float)scale[2], to + BLOCK);
            decode_q6_k_run(l, 4, h, 4, d * (float)scale[4], to + 2 * BLOCK);
            decode_q6_k_run(l + BLOCK, 4, h, 6, d * (float)scale[6], to + 3 * BLOCK);
        }
    }
}

static void decode_blocks(void (*decode)(const uint8_t *block, float *out), enum dtype dtype,
                          const uint8_t *bytes, float *out, size_t n)
{
    const struct dtype_info *info = dtype_info(dtype);
    for (size_t i = 0; i < n; i += info->block_elements, bytes += info->block_bytes)
        decode(bytes, out + i);
}

void KERNEL(kernel_decode)(enum dtype dtype, const uint8_t *bytes, float *out, size_t n)
{
    CHECK(n % dtype_info(dtype)->block_elements == 0);
    if (dtype == DTYPE_F32)
        memcpy(out, bytes, n * sizeof *out);
    else if (dtype == DTYPE_BF16)
        decode_bf16(bytes, out, n);
    else if (dtype == DTYPE_F16)
        decode_f16(bytes, out, n);
    else if (dtype == DTYPE_Q8_0)
        decode_blocks(decode_q8_0, dtype, bytes, out, n);
    else if (dtype == DTYPE_Q4_0)
        decode_blocks(decode_q4_0, dtype, bytes, out, n);
    else if (dtype == DTYPE_Q4_K)
        decode_blocks(decode_q4_k, dtype, bytes, out, n);
    else if (dtype == DTYPE_Q6_K)
        decode_blocks(decode_q6_k, dtype, bytes, out, n);
    else
        quant_decode(dtype, bytes, out, n);
}

void KERNEL(kernel_to_bf16)(uint16_t *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = half_to_bf16(x[i]);
}
