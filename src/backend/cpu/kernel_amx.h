/*
 * kernel_amx.h - products in bfloat16 by the matrix unit of Intel's processors (AMX-BF16, Sapphire
 * Rapids and later), which has tiles as registers and an instruction that multiplies two of them.
 *
 * A tile of pace is 2 x 2 of the processor's, 14 rows of C each: not 16, so that blocks of rows,
 * which are multiples of 84, are whole tiles as they are with the other sets.
 *
 * A packed for these tiles lies in blocks of 16 cells of the depth, and in each of them row by row:
 *
 *     A[i][c]   a[c / 16 * 16 * tile_rows + i * n + c % 16],   n the cells of that block (16, or
 *                                                              what is left of the depth)
 *
 * so that a strip takes the same room as in the other order. B is packed as for all sets: its rows
 * of cells are what the processor reads.
 */
#ifndef PACE_BACKEND_CPU_KERNEL_AMX_H
#define PACE_BACKEND_CPU_KERNEL_AMX_H

#include "backend/cpu/kernel.h"

enum {
    AMX_ROWS = 14,    /* of the processor's tiles of A and C */
    AMX_COLUMNS = 16, /* of its tiles of B and C */
    AMX_CELLS = 16,   /* of the depth, in its tiles of A and B */
    AMX_TILE_ROWS = 2 * AMX_ROWS,
    AMX_PANEL = 2 * AMX_COLUMNS,
};

/* The set as it was compiled, whether this processor has such tiles or not; NULL where the compiler
 * did not know them. */
const struct kernels *kernel_amx_built(void);

/* The set, or NULL where the processor or the operating system has no tiles, or where they do not
 * multiply as they should. Asks and tries once in a process; any thread may call it. */
const struct kernels *kernel_amx_open(void);

/* Whether some products of small whole numbers, which float32 adds up exactly in any order, are
 * exactly right in bfloat16: with whole and partial tiles, and with A packed and as it lies. */
bool kernel_amx_multiplies(const struct kernels *k);

/* --- Between the files of the set. ----------------------------------------------------------- */

#ifdef KERNEL_SET
void KERNEL(kernel_amx_begin)(void);
void KERNEL(kernel_amx_end)(void);
void KERNEL(kernel_amx_tile)(const struct tile *t);
void KERNEL(kernel_amx_tile_f32)(const struct tile *t);
void KERNEL(kernel_amx_pack)(float *out, size_t step, const float *in, size_t stride, size_t rows,
                             size_t n);
void KERNEL(kernel_amx_copy)(float *out, size_t step, const float *in, size_t stride, size_t rows,
                             size_t n);

/* clang-format off */
#define AMX_PRODUCT_F32                                                                            \
    {.terms = 1, .is_native = true, .tile = KERNEL(kernel_amx_tile_f32),                           \
     .pack = KERNEL(kernel_pack), .copy = KERNEL(kernel_copy), .piece = 1,                         \
     .pack_left = KERNEL(kernel_pack), .copy_left = KERNEL(kernel_copy)}
#define AMX_PRODUCT_BF16                                                                           \
    {.terms = 2, .is_native = true, .tile = KERNEL(kernel_amx_tile),                               \
     .pack = KERNEL(kernel_pack_bf16), .copy = KERNEL(kernel_copy_bf16), .piece = 2 * AMX_CELLS,   \
     .pack_left = KERNEL(kernel_amx_pack), .copy_left = KERNEL(kernel_amx_copy),                   \
     .begin = KERNEL(kernel_amx_begin), .end = KERNEL(kernel_amx_end)}
/* clang-format on */
#endif

#endif
