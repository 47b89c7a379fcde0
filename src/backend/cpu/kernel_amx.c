/*
 * kernel_amx.c - a tile of a product in bfloat16, by the processor's matrix unit.
 *
 * Four of its eight tiles are accumulators, two hold A and two B: for 16 cells of the depth (32
 * terms) four loads serve four multiplications. Shapes are fixed for good, because loading others
 * clears the accumulators; what is left of the depth at the end is copied and filled with zeros.
 * Rows and columns that are too many are computed and not stored.
 *
 * One instruction adds up its 16 products of first terms and those of second terms, each from 0
 * with one rounding a product, then both, and that to the accumulator (Intel's manual, TDPBF16PS).
 * AVX512_BF16's adds each product to the accumulator itself. Neither can be brought to the order of
 * the other at its own speed, so the sets differ in rounding. What a number of C is made of does
 * not depend on where in a tile it lies.
 *
 * The shapes are a thread's: they are loaded before a thread's tiles and released after them, which
 * also tells the operating system that it need not save 8 KB at the next change of threads.
 */
#include "backend/cpu/kernel_amx.h"

#include "backend/cpu/kernel_amx_ops.h"
#include "backend/cpu/simd.h"

enum { STEP_BYTES = AMX_CELLS * sizeof(float) };

/* Tiles by number: C in 0 … 3 (row by row), A in 4 and 5, B in 6 and 7. */
static const struct amx_config shapes = {
    .palette = 1,
    .row_bytes = {STEP_BYTES, STEP_BYTES, STEP_BYTES, STEP_BYTES, STEP_BYTES, STEP_BYTES,
                  STEP_BYTES, STEP_BYTES},
    .rows = {AMX_ROWS, AMX_ROWS, AMX_ROWS, AMX_ROWS, AMX_ROWS, AMX_ROWS, AMX_CELLS, AMX_CELLS},
};

void KERNEL(kernel_amx_begin)(void)
{
    amx_configure(&shapes);
}

void KERNEL(kernel_amx_end)(void)
{
    amx_release();
}

/* ----------------------------------------------------------------------------------- packing -- */

/* Rounds n <= 32 numbers to cells. */
SIMD void round_row(float *out, const float *in, size_t n)
{
    for (; n >= 2 * LANES; n -= 2 * LANES, in += 2 * LANES, out += LANES)
        vec_store(out, vec_pair_neighbours(vec_load(in), vec_load(in + LANES)));
    if (n == 0)
        return;
    vec high = n > LANES ? vec_load_some(in + LANES, n - LANES) : (vec){0};
    vec_store_some(out, vec_pair_neighbours(vec_load_some(in, min_size(n, LANES)), high),
                   (n + 1) / 2);
}

void KERNEL(kernel_amx_pack)(float *out, size_t step, const float *in, size_t stride, size_t rows,
                             size_t n)
{
    for (size_t k = 0; k < n; k += 2 * AMX_CELLS) {
        size_t terms = min_size(n - k, 2 * AMX_CELLS), cells = (terms + 1) / 2;
        for (size_t i = 0; i < rows; i++)
            round_row(out + i * cells, in + i * stride + k, terms);
        memset(out + rows * cells, 0, (step - rows) * cells * sizeof *out);
        out += step * cells;
    }
}

void KERNEL(kernel_amx_copy)(float *out, size_t step, const float *in, size_t stride, size_t rows,
                             size_t n)
{
    float block[AMX_CELLS * AMX_TILE_ROWS];
    for (size_t k = 0; k < rows; k += 2 * AMX_CELLS) {
        size_t terms = min_size(rows - k, 2 * AMX_CELLS), cells = (terms + 1) / 2;
        KERNEL(kernel_copy_bf16)(block, step, in + k * stride, stride, terms, n);
        KERNEL(kernel_pack)(out, cells, block, step, cells, step);
        out += step * cells;
    }
}

/* ------------------------------------------------------------------------------------- tiles -- */

/* What the processor cannot read or write where it is. */
struct room {
    _Alignas(64) float a[AMX_TILE_ROWS * AMX_CELLS];
    _Alignas(64) float b[AMX_CELLS * AMX_PANEL];
    _Alignas(64) float c[AMX_ROWS * AMX_COLUMNS];
};

/* n <= 16 numbers, and zeros behind them. */
SIMD void copy_cells(float *out, const float *in, size_t n)
{
    for (size_t i = 0; i < AMX_CELLS; i += LANES)
        vec_store(out + i, i < n ? vec_load_some(in + i, min_size(n - i, LANES)) : (vec){0});
}

/* A[][k … k + cells - 1] as rows of 16 cells. */
static const float *take_left(const struct tile *t, size_t k, size_t cells, struct room *room)
{
    const float *a = t->a + k * t->a_step;
    if (t->a_step != AMX_TILE_ROWS) {
        KERNEL(kernel_pack)(room->a, AMX_CELLS, a, t->a_step, cells, t->rows);
        return room->a;
    }
    if (cells == AMX_CELLS)
        return a;
    for (size_t i = 0; i < AMX_TILE_ROWS; i++)
        copy_cells(room->a + i * AMX_CELLS, a + i * cells, cells);
    return room->a;
}

/* B[k … k + cells - 1][] filled up to 16 rows, which are *step apart. */
static const float *take_right(const struct tile *t, size_t k, size_t cells, struct room *room,
                               size_t *step)
{
    const float *b = t->b + k * t->b_step;
    *step = t->b_step;
    if (cells == AMX_CELLS)
        return b;
    *step = AMX_PANEL;
    memset(room->b, 0, sizeof room->b);
    for (size_t c = 0; c < cells; c++)
        memcpy(room->b + c * AMX_PANEL, b + c * t->b_step, AMX_PANEL * sizeof *b);
    return room->b;
}

/* One of the processor's tiles of C: where it is stored. */
struct part {
    float *c, *stored;
    size_t rows, columns, step;
};

SIMD struct part find_part(const struct tile *t, size_t row, size_t column, struct room *room)
{
    struct part p = {.c = t->c + row * t->c_step + column,
                     .rows = min_size(t->rows - row, AMX_ROWS),
                     .columns = min_size(t->columns - column, AMX_COLUMNS)};
    bool goes_to_c = !t->adds && p.rows == AMX_ROWS && p.columns == AMX_COLUMNS;
    p.stored = goes_to_c ? p.c : room->c;
    p.step = goes_to_c ? t->c_step : AMX_COLUMNS;
    return p;
}

static void finish_part(const struct tile *t, const struct part *p)
{
    for (size_t i = 0; p->stored != p->c && i < p->rows; i++) {
        const float *from = p->stored + i * p->step;
        float *to = p->c + i * t->c_step;
        for (size_t j = 0; j < p->columns; j += LANES) {
            size_t n = min_size(p->columns - j, LANES);
            vec sum = vec_load(from + j);
            vec_store_some(to + j, t->adds ? vec_load_some(to + j, n) + sum : sum, n);
        }
    }
}

#define STORE_PART(number, row, column)                                                            \
    do {                                                                                           \
        struct part part = find_part(t, row, column, &room);                                       \
        amx_store(number, part.stored, part.step * sizeof(float));                                 \
        finish_part(t, &part);                                                                     \
    } while (0)

void KERNEL(kernel_amx_tile)(const struct tile *t)
{
    struct room room;
    bool is_high = t->rows > AMX_ROWS, is_wide = t->columns > AMX_COLUMNS;
    if (t->a_step != AMX_TILE_ROWS)
        memset(room.a, 0, sizeof room.a);
    amx_zero(0);
    amx_zero(1);
    amx_zero(2);
    amx_zero(3);
    for (size_t k = 0; k < t->depth; k += AMX_CELLS) {
        size_t cells = min_size(t->depth - k, AMX_CELLS), step;
        const float *a = take_left(t, k, cells, &room);
        const float *b = take_right(t, k, cells, &room, &step);
        amx_load(6, b, step * sizeof(float));
        amx_load(4, a, STEP_BYTES);
        amx_multiply(0, 4, 6);
        if (is_wide) {
            amx_load(7, b + AMX_COLUMNS, step * sizeof(float));
            amx_multiply(1, 4, 7);
        }
        if (is_high) {
            amx_load(5, a + AMX_ROWS * AMX_CELLS, STEP_BYTES);
            amx_multiply(2, 5, 6);
        }
        if (is_high && is_wide)
            amx_multiply(3, 5, 7);
    }
    STORE_PART(0, 0, 0);
    if (is_wide)
        STORE_PART(1, 0, AMX_COLUMNS);
    if (is_high)
        STORE_PART(2, AMX_ROWS, 0);
    if (is_high && is_wide)
        STORE_PART(3, AMX_ROWS, AMX_COLUMNS);
}

/* float32, by the tiles of the set that this one is built on. */
void KERNEL(kernel_amx_tile_f32)(const struct tile *t)
{
    for (size_t i = 0; i < t->rows; i += TILE_ROWS) {
        for (size_t j = 0; j < t->columns; j += PANEL) {
            struct tile part = *t;
            part.rows = min_size(t->rows - i, TILE_ROWS);
            part.columns = min_size(t->columns - j, PANEL);
            part.a += i;
            part.b += j;
            part.c += i * t->c_step + j;
            KERNEL(kernel_tile)(&part);
        }
    }
}
