/*
 * kernel_tile.c - a tile of a matrix product in registers, and packing what it reads.
 *
 * For each step in depth a tile loads a row of B (two vectors), and multiplies it with each of the
 * rows of A in turn, whose number is repeated over a vector: 14 x 2 accumulators of AVX-512's 32
 * registers, 6 x 2 of AVX2's 16. There is one function for each number of rows and of vectors, so
 * that all accumulators are registers; a row too many would otherwise cost a whole tile.
 *
 * With everything in the innermost cache a tile reaches what the multipliers can do. It reads
 * little: 184 bytes for 28 multiplications of vectors, so that B may come from the cache that cores
 * share, and A from a core's own second.
 */
#include "backend/cpu/kernel.h"
#include "backend/cpu/simd.h"

/* ------------------------------------------------------------------------------------- tiles -- */

SIMD void store_tile(const struct tile *t, vec sum[TILE_ROWS][2], size_t n_rows, size_t n_vecs)
{
#pragma GCC unroll 14
    for (size_t i = 0; i < n_rows; i++) {
#pragma GCC unroll 2
        for (size_t j = 0; j < n_vecs; j++) {
            float *c = t->c + i * t->c_step + j * LANES;
            size_t n = t->columns - j * LANES;
            if (n >= LANES)
                vec_store(c, t->adds ? vec_load(c) + sum[i][j] : sum[i][j]);
            else
                vec_store_some(c, t->adds ? vec_load_some(c, n) + sum[i][j] : sum[i][j], n);
        }
    }
}

SIMD void multiply(const struct tile *t, size_t n_rows, size_t n_vecs)
{
    vec sum[TILE_ROWS][2];
    const float *a = t->a, *b = t->b;
#pragma GCC unroll 14
    for (size_t i = 0; i < n_rows; i++)
        sum[i][0] = sum[i][1] = (vec){0};
    for (size_t k = t->depth; k > 0; k--) {
        vec row[2];
#pragma GCC unroll 2
        for (size_t j = 0; j < n_vecs; j++)
            row[j] = vec_load(b + j * LANES);
#pragma GCC unroll 14
        for (size_t i = 0; i < n_rows; i++) {
            vec factor = vec_of(a[i]);
#pragma GCC unroll 2
            for (size_t j = 0; j < n_vecs; j++)
                sum[i][j] = vec_fma(factor, row[j], sum[i][j]);
        }
        a += t->a_step;
        b += t->b_step;
    }
    store_tile(t, sum, n_rows, n_vecs);
}

#define TILE(rows)                                                                                 \
    static void tile_##rows##_1(const struct tile *t)                                              \
    {                                                                                              \
        multiply(t, rows, 1);                                                                      \
    }                                                                                              \
    static void tile_##rows##_2(const struct tile *t)                                              \
    {                                                                                              \
        multiply(t, rows, 2);                                                                      \
    }

TILE(1)
TILE(2)
TILE(3)
TILE(4)
TILE(5)
TILE(6)
#if defined(__AVX512F__)
TILE(7)
TILE(8)
TILE(9)
TILE(10)
TILE(11)
TILE(12)
TILE(13)
TILE(14)
#endif

/* [rows - 1][vectors - 1] */
static void (*const tiles[TILE_ROWS][2])(const struct tile *t) = {
    {tile_1_1, tile_1_2},   {tile_2_1, tile_2_2},   {tile_3_1, tile_3_2},   {tile_4_1, tile_4_2},
    {tile_5_1, tile_5_2},   {tile_6_1, tile_6_2},
#if defined(__AVX512F__)
    {tile_7_1, tile_7_2},   {tile_8_1, tile_8_2},   {tile_9_1, tile_9_2},   {tile_10_1, tile_10_2},
    {tile_11_1, tile_11_2}, {tile_12_1, tile_12_2}, {tile_13_1, tile_13_2}, {tile_14_1, tile_14_2},
#endif
};

void KERNEL(kernel_tile)(const struct tile *t)
{
    tiles[t->rows - 1][t->columns > LANES](t);
}

/* ----------------------------------------------------------------------------------- packing -- */

#if defined(__AVX512F__)

/* Exchanges, in each pair of rows (i, i + s), the lanes of i that have bit s with those of i + s
 * that do not have it. Doing so for s = 1, 2, 4, 8 transposes. */
SIMD void exchange(vec row[LANES], int s)
{
    veci lane = veci_count();
    veci has = (lane & s) != 0;
    veci low = (has & (LANES + lane - s)) | (~has & lane);
    veci high = (has & (LANES + lane)) | (~has & (lane + s));
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) {
        if (i & s)
            continue;
        __m512 a = (__m512)row[i], b = (__m512)row[i + s];
        row[i] = (vec)_mm512_permutex2var_ps(a, (__m512i)low, b);
        row[i + s] = (vec)_mm512_permutex2var_ps(a, (__m512i)high, b);
    }
}

SIMD void transpose(vec row[LANES])
{
    exchange(row, 1);
    exchange(row, 2);
    exchange(row, 4);
    exchange(row, 8);
}

#elif defined(__AVX2__) && defined(__FMA__)

SIMD void transpose(vec row[LANES])
{
    __m256 pair[LANES], four[LANES];
#pragma GCC unroll 4
    for (int i = 0; i < LANES; i += 2) {
        pair[i] = _mm256_unpacklo_ps((__m256)row[i], (__m256)row[i + 1]);
        pair[i + 1] = _mm256_unpackhi_ps((__m256)row[i], (__m256)row[i + 1]);
    }
#pragma GCC unroll 2
    for (int i = 0; i < LANES; i += 4) {
        four[i] = _mm256_shuffle_ps(pair[i], pair[i + 2], 0x44);
        four[i + 1] = _mm256_shuffle_ps(pair[i], pair[i + 2], 0xee);
        four[i + 2] = _mm256_shuffle_ps(pair[i + 1], pair[i + 3], 0x44);
        four[i + 3] = _mm256_shuffle_ps(pair[i + 1], pair[i + 3], 0xee);
    }
#pragma GCC unroll 4
    for (int i = 0; i < LANES / 2; i++) {
        row[i] = (vec)_mm256_permute2f128_ps(four[i], four[i + 4], 0x20);
        row[i + 4] = (vec)_mm256_permute2f128_ps(four[i], four[i + 4], 0x31);
    }
}

#else

SIMD void transpose(vec row[LANES])
{
    vec was[LANES];
    for (int i = 0; i < LANES; i++)
        was[i] = row[i];
    for (int i = 0; i < LANES; i++) {
        for (int j = 0; j < LANES; j++)
            row[i][j] = was[j][i];
    }
}

#endif

/* Up to LANES rows and n <= LANES columns; `width` <= LANES numbers of each column are written. */
struct square {
    size_t rows, n, width;
};

SIMD void pack_square(float *out, size_t step, const float *in, size_t stride, struct square s)
{
    vec row[LANES];
#pragma GCC unroll 16
    for (size_t i = 0; i < LANES; i++)
        row[i] = i >= s.rows    ? (vec){0}
                 : s.n == LANES ? vec_load(in + i * stride)
                                : vec_load_some(in + i * stride, s.n);
    transpose(row);
#pragma GCC unroll 16
    for (size_t k = 0; k < LANES; k++) {
        if (k >= s.n)
            break;
        if (s.width == LANES)
            vec_store(out + k * step, row[k]);
        else
            vec_store_some(out + k * step, row[k], s.width);
    }
}

/* Rows in strips of LANES, so that each is read along; whole tiles and whole vectors have loops of
 * their own, in which nothing is asked. */
void KERNEL(kernel_pack)(float *out, size_t step, const float *in, size_t stride, size_t rows,
                         size_t n)
{
    for (size_t i = 0; i < step; i += LANES) {
        struct square rest = {i < rows ? min_size(rows - i, LANES) : 0, 0,
                              min_size(step - i, LANES)};
        const float *from = rest.rows > 0 ? in + i * stride : in;
        size_t k = 0;
        if (TILE_ROWS < LANES && rest.rows == TILE_ROWS && step == TILE_ROWS) {
            /* Whole vectors are stored: what is too much is overwritten by the next column. */
            const struct square whole = {TILE_ROWS, LANES, LANES};
            for (; k + LANES < n; k += LANES)
                pack_square(out + k * step + i, step, from + k, stride, whole);
        } else if (rest.rows == LANES && rest.width == LANES) {
            const struct square whole = {LANES, LANES, LANES};
            for (; k + LANES <= n; k += LANES)
                pack_square(out + k * step + i, step, from + k, stride, whole);
        }
        for (; k < n; k += LANES) {
            rest.n = min_size(n - k, LANES);
            pack_square(out + k * step + i, step, from + k, stride, rest);
        }
    }
}

void KERNEL(kernel_copy)(float *out, size_t step, const float *in, size_t stride, size_t rows,
                         size_t n)
{
    if (step == PANEL && n >= PANEL) {
        for (size_t k = 0; k < rows; k++, in += stride, out += PANEL) {
            vec_store(out, vec_load(in));
            vec_store(out + LANES, vec_load(in + LANES));
        }
        return;
    }
    for (size_t k = 0; k < rows; k++, in += stride, out += step) {
        for (size_t i = 0; i < step; i += LANES) {
            size_t here = i < n ? min_size(n - i, LANES) : 0;
            vec_store_some(out + i, vec_load_some(in + i, here), min_size(step - i, LANES));
        }
    }
}
