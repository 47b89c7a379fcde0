/*
 * kernel_amx_open.c - whether products in bfloat16 may be left to the processor's matrix unit.
 *
 * Three have to agree. The processor says so (CPUID, leaf 7). The operating system saves the tiles
 * at a change of threads (bits 17 and 18 of XCR0), which Linux since 5.16 does for a process that
 * asks for it (arch_prctl, ARCH_REQ_XCOMP_PERM): 8 KB for each thread are not for everybody. And a
 * few products are tried.
 *
 * Speed is not tried. The sums are not those of AVX512_BF16 to the last bit, so a choice by a
 * measured time would let the load of the machine decide what a run computes; as it is, the type of
 * the processor and the system do.
 */
#define _GNU_SOURCE /* syscall */
#include "backend/cpu/kernel_amx.h"

#include <stdatomic.h>
#include <string.h>

#include "backend/cpu/gemm.h"

#ifdef PACE_CPU_AMX
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

extern const struct kernels kernels_amx;

static bool processor_has_tiles(void)
{
    enum { AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24, XCR0_TILES = 3 << 17 };
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & AMX_BF16) || !(d & AMX_TILE))
        return false;
    __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return (a & XCR0_TILES) == XCR0_TILES;
}

static bool system_permits_tiles(void)
{
    enum { REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}
#endif

const struct kernels *kernel_amx_built(void)
{
#ifdef PACE_CPU_AMX
    return &kernels_amx;
#else
    return NULL;
#endif
}

/* ---------------------------------------------------------------------------------- the trial --
 */

enum { ROWS_MOST = 2 * AMX_TILE_ROWS, COLUMNS_MOST = 2 * AMX_PANEL, DEPTH_MOST = 80 };

struct trial {
    float left[ROWS_MOST * DEPTH_MOST], right[COLUMNS_MOST * DEPTH_MOST]; /* A; B transposed */
    float a[ROWS_MOST * DEPTH_MOST], b[COLUMNS_MOST * DEPTH_MOST];        /* packed */
    float c[ROWS_MOST * COLUMNS_MOST];
};

/* Whole numbers from -8 to 8, without a period that tiles have. */
static float number(size_t i)
{
    return (float)(i * 29 % 37 * i % 17) - 8;
}

static bool is_right(const struct trial *t, size_t rows, size_t columns, size_t depth)
{
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++) {
            int sum = (int)number(i + 3 * j);
            for (size_t k = 0; k < depth; k++)
                sum += (int)t->left[i * depth + k] * (int)t->right[j * depth + k];
            if (t->c[i * COLUMNS_MOST + j] != (float)sum)
                return false;
        }
    }
    return true;
}

/* C += A B, with A packed or (for one strip) as cells of a transposed matrix. */
static bool try_product(const struct kernels *k, size_t rows, size_t columns, size_t depth,
                        bool is_packed)
{
    enum { A_STEP = AMX_PANEL - 1 };
    struct trial t;
    size_t cells = gemm_cells(k, PRODUCTS_BF16, depth);
    for (size_t i = 0; i < rows * depth; i++)
        t.left[i] = number(i);
    for (size_t i = 0; i < columns * depth; i++)
        t.right[i] = number(i + 5);
    for (size_t i = 0; i < ROWS_MOST * COLUMNS_MOST; i++)
        t.c[i] = number(i / COLUMNS_MOST + 3 * (i % COLUMNS_MOST));
    for (size_t j = 0; j < columns; j += k->panel)
        k->bf16.pack(t.b + j * cells, k->panel, t.right + j * depth, depth,
                     min_size(columns - j, k->panel), depth);
    struct gemm g = {.products = PRODUCTS_BF16,
                     .rows = rows,
                     .columns = columns,
                     .depth = cells,
                     .a = t.a,
                     .a_step = is_packed ? k->tile_rows : A_STEP,
                     .b = t.b,
                     .b_step = k->panel,
                     .b_panel = k->panel * cells,
                     .c = t.c,
                     .c_step = COLUMNS_MOST,
                     .adds = true};
    struct mat left = {t.left, rows, depth, depth};
    if (is_packed)
        g.a_strip = gemm_pack_a(k, PRODUCTS_BF16, t.a, left, 0, rows);
    else
        k->bf16.pack(t.a, A_STEP, t.left, depth, rows, depth);
    gemm_run(k, &g);
    return is_right(&t, rows, columns, depth);
}

bool kernel_amx_multiplies(const struct kernels *k)
{
    return try_product(k, ROWS_MOST, COLUMNS_MOST, 64, true) && try_product(k, 33, 45, 79, true) &&
           try_product(k, 3, 7, 5, true) && try_product(k, AMX_TILE_ROWS, AMX_PANEL, 64, false) &&
           try_product(k, 17, 40, 45, false);
}

/* --------------------------------------------------------------------------------- the answer --
 */

const struct kernels *kernel_amx_open(void)
{
#ifdef PACE_CPU_AMX
    enum { UNKNOWN, ABSENT, PRESENT };
    static atomic_int found = UNKNOWN;
    int is = atomic_load(&found);
    if (is == UNKNOWN) { /* two threads that ask at once find the same */
        bool works =
            processor_has_tiles() && system_permits_tiles() && kernel_amx_multiplies(&kernels_amx);
        is = works ? PRESENT : ABSENT;
        atomic_store(&found, is);
    }
    return is == PRESENT ? &kernels_amx : NULL;
#else
    return NULL;
#endif
}
