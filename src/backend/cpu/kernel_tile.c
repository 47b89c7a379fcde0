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
 *
 * A tile of bfloat16 is the same with pairs in the place of numbers. Where the processor cannot
 * multiply them, their halves are taken apart (an upper half is a float32 when the lower bits are
 * 0) and multiplied one after the other: the same products, at about half the speed.
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

/* Lines of the result come from memory while the products are being summed: without that, the first
 * addition waits for all of them. Not worth it where the sum is short. */
SIMD void call_result(const struct tile *t, size_t n_rows, size_t n_vecs)
{
    enum { DEPTH_LEAST = 128 };
    if (t->depth < DEPTH_LEAST)
        return;
#pragma GCC unroll 14
    for (size_t i = 0; i < n_rows; i++) {
#pragma GCC unroll 2
        for (size_t j = 0; j < n_vecs; j++)
            __builtin_prefetch(t->c + i * t->c_step + j * LANES, 1);
    }
}

SIMD void multiply(const struct tile *t, size_t n_rows, size_t n_vecs, size_t terms)
{
    vec sum[TILE_ROWS][2];
    const float *a = t->a, *b = t->b;
#pragma GCC unroll 14
    for (size_t i = 0; i < n_rows; i++)
        sum[i][0] = sum[i][1] = (vec){0};
    call_result(t, n_rows, n_vecs);
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
                sum[i][j] = terms == 1 ? vec_fma(factor, row[j], sum[i][j])
                                       : vec_dot_pairs(factor, row[j], sum[i][j]);
        }
        a += t->a_step;
        b += t->b_step;
    }
    store_tile(t, sum, n_rows, n_vecs);
}

#define TILE_OF(name, rows, vecs, terms)                                                           \
    static void name##_##rows##_##vecs(const struct tile *t)                                       \
    {                                                                                              \
        multiply(t, rows, vecs, terms);                                                            \
    }
#define TILE(rows)                                                                                 \
    TILE_OF(tile, rows, 1, 1)                                                                      \
    TILE_OF(tile, rows, 2, 1) TILE_OF(pairs, rows, 1, 2) TILE_OF(pairs, rows, 2, 2)

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

typedef void tile_function(const struct tile *t);

/* [rows - 1][vectors - 1] */
#define TILES_1_TO_6(name)                                                                         \
    {name##_1_1, name##_1_2}, {name##_2_1, name##_2_2}, {name##_3_1, name##_3_2},                  \
        {name##_4_1, name##_4_2}, {name##_5_1, name##_5_2},                                        \
    {                                                                                              \
        name##_6_1, name##_6_2                                                                     \
    }
#define TILES_7_TO_14(name)                                                                        \
    {name##_7_1, name##_7_2}, {name##_8_1, name##_8_2}, {name##_9_1, name##_9_2},                  \
        {name##_10_1, name##_10_2}, {name##_11_1, name##_11_2}, {name##_12_1, name##_12_2},        \
        {name##_13_1, name##_13_2},                                                                \
    {                                                                                              \
        name##_14_1, name##_14_2                                                                   \
    }

#if defined(__AVX512F__)
static tile_function *const tiles[TILE_ROWS][2] = {TILES_1_TO_6(tile), TILES_7_TO_14(tile)};
static tile_function *const pairs[TILE_ROWS][2] = {TILES_1_TO_6(pairs), TILES_7_TO_14(pairs)};
#else
static tile_function *const tiles[TILE_ROWS][2] = {TILES_1_TO_6(tile)};
static tile_function *const pairs[TILE_ROWS][2] = {TILES_1_TO_6(pairs)};
#endif

void KERNEL(kernel_tile)(const struct tile *t)
{
    tiles[t->rows - 1][t->columns > LANES](t);
}

void KERNEL(kernel_tile_bf16)(const struct tile *t)
{
    pairs[t->rows - 1][t->columns > LANES](t);
}

/* ----------------------------------------------------------------------------------- packing -- */

#if defined(__AVX512F__)

/* 4 x 4 within each fourth of the vectors, then the fourths: no shuffle here reads its order from a
 * register, all of which hold rows. */
SIMD void transpose(vec row[LANES])
{
    __m512 pair[LANES], four[LANES];
#pragma GCC unroll 8
    for (int i = 0; i < LANES; i += 2) {
        pair[i] = _mm512_unpacklo_ps((__m512)row[i], (__m512)row[i + 1]);
        pair[i + 1] = _mm512_unpackhi_ps((__m512)row[i], (__m512)row[i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < LANES; i += 4) {
        four[i] = _mm512_shuffle_ps(pair[i], pair[i + 2], 0x44);
        four[i + 1] = _mm512_shuffle_ps(pair[i], pair[i + 2], 0xee);
        four[i + 2] = _mm512_shuffle_ps(pair[i + 1], pair[i + 3], 0x44);
        four[i + 3] = _mm512_shuffle_ps(pair[i + 1], pair[i + 3], 0xee);
    }
#pragma GCC unroll 4
    for (int i = 0; i < LANES / 4; i++) {
        __m512 even = _mm512_shuffle_f32x4(four[i], four[i + 4], 0x88);
        __m512 odd = _mm512_shuffle_f32x4(four[i], four[i + 4], 0xdd);
        __m512 even_2 = _mm512_shuffle_f32x4(four[i + 8], four[i + 12], 0x88);
        __m512 odd_2 = _mm512_shuffle_f32x4(four[i + 8], four[i + 12], 0xdd);
        row[i] = (vec)_mm512_shuffle_f32x4(even, even_2, 0x88);
        row[i + 4] = (vec)_mm512_shuffle_f32x4(odd, odd_2, 0x88);
        row[i + 8] = (vec)_mm512_shuffle_f32x4(even, even_2, 0xdd);
        row[i + 12] = (vec)_mm512_shuffle_f32x4(odd, odd_2, 0xdd);
    }
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

/* The first n <= LANES cells of a row of `terms` n numbers, of which there may be one less. */
SIMD vec load_cells(const float *at, size_t n, size_t terms)
{
    if (terms == 1)
        return n == LANES ? vec_load(at) : vec_load_some(at, n);
    if (n == 2 * LANES)
        return vec_pair_neighbours(vec_load(at), vec_load(at + LANES));
    vec first = vec_load_some(at, min_size(n, LANES));
    return vec_pair_neighbours(first, n > LANES ? vec_load_some(at + LANES, n - LANES) : (vec){0});
}

/* Up to LANES rows of n <= terms LANES numbers; `width` <= LANES cells of each column are written.
 */
struct square {
    size_t rows, n, width;
};

SIMD void pack_square(float *out, size_t step, const float *in, size_t stride, struct square s,
                      size_t terms)
{
    vec row[LANES];
    size_t cells = (s.n + terms - 1) / terms;
#pragma GCC unroll 16
    for (size_t i = 0; i < LANES; i++)
        row[i] = i >= s.rows ? (vec){0} : load_cells(in + i * stride, s.n, terms);
    transpose(row);
#pragma GCC unroll 16
    for (size_t k = 0; k < LANES; k++) {
        if (k >= cells)
            break;
        if (s.width == LANES)
            vec_store(out + k * step, row[k]);
        else
            vec_store_some(out + k * step, row[k], s.width);
    }
}

/* Rows in strips of LANES, so that each is read along; whole tiles and whole vectors have loops of
 * their own, in which nothing is asked. `k` counts numbers. */
SIMD void pack(float *out, size_t step, const float *in, size_t stride, struct square of,
               size_t terms)
{
    size_t whole_n = terms * LANES;
    for (size_t i = 0; i < step; i += LANES) {
        struct square rest = {i < of.rows ? min_size(of.rows - i, LANES) : 0, 0,
                              min_size(step - i, LANES)};
        const float *from = rest.rows > 0 ? in + i * stride : in;
        float *to = out + i;
        size_t k = 0;
        if (TILE_ROWS < LANES && rest.rows == TILE_ROWS && step == TILE_ROWS) {
            /* Whole vectors are stored: what is too much is overwritten by the next column. */
            const struct square whole = {TILE_ROWS, whole_n, LANES};
            for (; k + whole_n < of.n; k += whole_n, to += LANES * step)
                pack_square(to, step, from + k, stride, whole, terms);
        } else if (rest.rows == LANES && rest.width == LANES) {
            const struct square whole = {LANES, whole_n, LANES};
            for (; k + whole_n <= of.n; k += whole_n, to += LANES * step)
                pack_square(to, step, from + k, stride, whole, terms);
        }
        for (; k < of.n; k += whole_n, to += LANES * step) {
            rest.n = min_size(of.n - k, whole_n);
            pack_square(to, step, from + k, stride, rest, terms);
        }
    }
}

void KERNEL(kernel_pack)(float *out, size_t step, const float *in, size_t stride, size_t rows,
                         size_t n)
{
    pack(out, step, in, stride, (struct square){rows, n, 0}, 1);
}

void KERNEL(kernel_pack_bf16)(float *out, size_t step, const float *in, size_t stride, size_t rows,
                              size_t n)
{
    pack(out, step, in, stride, (struct square){rows, n, 0}, 2);
}

/* Part i of a row, of which only the first n numbers are there. */
SIMD vec load_part(const float *row, size_t i, size_t n)
{
    return vec_load_some(row + i, i < n ? min_size(n - i, LANES) : 0);
}

SIMD void copy(float *out, size_t step, const float *in, size_t stride, size_t rows, size_t n)
{
    for (size_t k = 0; k < rows; k++, in += stride, out += step) {
        for (size_t i = 0; i < step; i += LANES)
            vec_store_some(out + i, load_part(in, i, n), min_size(step - i, LANES));
    }
}

void KERNEL(kernel_copy)(float *out, size_t step, const float *in, size_t stride, size_t rows,
                         size_t n)
{
    /* Known at compile time no mask is asked for. */
    if (step == PANEL && n >= PANEL)
        copy(out, PANEL, in, stride, rows, PANEL);
    else if (step == TILE_ROWS && n >= TILE_ROWS)
        copy(out, TILE_ROWS, in, stride, rows, TILE_ROWS);
    else
        copy(out, step, in, stride, rows, n);
}

SIMD void copy_bf16(float *out, size_t step, const float *in, size_t stride, size_t rows, size_t n)
{
    size_t k = 0;
    for (; k + 1 < rows; k += 2, in += 2 * stride, out += step) {
        for (size_t i = 0; i < step; i += LANES) {
            vec pair = vec_pair(load_part(in, i, n), load_part(in + stride, i, n));
            vec_store_some(out + i, pair, min_size(step - i, LANES));
        }
    }
    for (size_t i = 0; k < rows && i < step; i += LANES)
        vec_store_some(out + i, vec_pair(load_part(in, i, n), (vec){0}), min_size(step - i, LANES));
}

void KERNEL(kernel_copy_bf16)(float *out, size_t step, const float *in, size_t stride, size_t rows,
                              size_t n)
{
    if (step == PANEL && n >= PANEL)
        copy_bf16(out, PANEL, in, stride, rows, PANEL);
    else if (step == TILE_ROWS && n >= TILE_ROWS)
        copy_bf16(out, TILE_ROWS, in, stride, rows, TILE_ROWS);
    else
        copy_bf16(out, step, in, stride, rows, n);
}
