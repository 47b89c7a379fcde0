/*
 * kernel.c - which of the compiled sets of innermost loops this processor can run.
 *
 * The best is the last that the processor (and the operating system, which must save its registers)
 * offers. Where the program was built for another architecture there is the plain set alone.
 */
#include "backend/cpu/kernel_amx.h"

extern const struct kernels kernels_plain;
#ifdef PACE_CPU_X86
extern const struct kernels kernels_avx2;
extern const struct kernels kernels_avx512;
extern const struct kernels kernels_avx512bf16;
#endif

enum { SETS_MOST = 5 };

static size_t list_sets(const struct kernels *sets[SETS_MOST])
{
    size_t n = 0;
    sets[n++] = &kernels_plain;
#ifdef PACE_CPU_X86
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return n;
    sets[n++] = &kernels_avx2;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512vl") ||
        !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512dq"))
        return n;
    sets[n++] = &kernels_avx512;
    if (!__builtin_cpu_supports("avx512bf16"))
        return n;
    sets[n++] = &kernels_avx512bf16;
    const struct kernels *amx = kernel_amx_open();
    if (amx)
        sets[n++] = amx;
#endif
    return n;
}

const struct kernels *kernels_at(size_t index)
{
    const struct kernels *sets[SETS_MOST];
    return index < list_sets(sets) ? sets[index] : NULL;
}

const struct kernels *kernels_best(void)
{
    const struct kernels *sets[SETS_MOST];
    size_t n = list_sets(sets);
    return sets[n - 1];
}
