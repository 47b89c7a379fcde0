/*
 * kernel_amx_ops.h - the instructions of the matrix unit that kernel_amx.c is made of, and no
 * others. A test that defines AMX_MODEL brings its own, on a machine that has none.
 *
 * Tiles are named by number, which is part of the instruction. The compiler does not see that a
 * load reads memory (gcc's intrinsics are assembly that does not say so), and would leave out what
 * was written for it alone: hence the barrier.
 */
#ifndef PACE_BACKEND_CPU_KERNEL_AMX_OPS_H
#define PACE_BACKEND_CPU_KERNEL_AMX_OPS_H

#include <stddef.h>
#include <stdint.h>

/* What LDTILECFG reads: the shapes of eight tiles, for one thread. */
struct amx_config {
    uint8_t palette, start_row, zeros[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};
_Static_assert(sizeof(struct amx_config) == 64, "as the processor reads it");

#ifndef AMX_MODEL
#include <immintrin.h>

#define amx_configure(config) _tile_loadconfig(config)
#define amx_release() _tile_release()
#define amx_zero(tile) _tile_zero(tile)
#define amx_load(tile, from, step_bytes)                                                           \
    do {                                                                                           \
        __asm__ volatile("" : : "r"(from) : "memory");                                             \
        _tile_loadd(tile, from, step_bytes);                                                       \
    } while (0)
#define amx_store(tile, to, step_bytes) _tile_stored(tile, to, step_bytes)
/* c += a b */
#define amx_multiply(c, a, b) _tile_dpbf16ps(c, a, b)
#endif

#endif
