/*
 * cpu_check.h - what the tests of the cpu backend share: a case of their own on every set of
 * kernels that this processor has, against ref, and with several threads.
 */
#ifndef PACE_TEST_UNIT_CPU_CHECK_H
#define PACE_TEST_UNIT_CPU_CHECK_H

#include <math.h>
#include <string.h>

#include "backend/cases.h"
#include "backend/cpu/cpu.h"
#include "base/rng.h"
#include "test/support/support.h"

static inline void check_case_on(const struct case_row *row, const struct kernels *k)
{
    struct err err = {0};
    struct thread_pool *three;
    ASSERT_OK(thread_pool_open(&three, 3, &err));
    struct cpu_device device = {k};
    struct case_backend ref = {.ops = &backend_ref};
    struct case_backend alone = {.ops = &backend_cpu, .device = &device}, shared = alone;
    shared.threads = three;
    struct case_finding found = cases_compare(row, &ref, &alone);
    if (!cases_pass(&found))
        fail_msg("%s, %s: %s differs by %g", k->name, row->name, found.output, found.error);
    found = cases_repeat(row, &alone, &shared);
    if (!cases_pass(&found))
        fail_msg("%s, %s: %s depends on threads", k->name, row->name, found.output);
    thread_pool_close(three);
}

/* On the best set alone: for large cases. */
static inline void check_large_case(const struct case_row *row)
{
    check_case_on(row, kernels_best());
}

static inline void check_case(const struct case_row *row)
{
    const struct kernels *k;
    for (size_t i = 0; (k = kernels_at(i)) != NULL; i++)
        check_case_on(row, k);
}

/* n numbers between -size and size, of a stream of their own. */
static inline float *random_floats(struct arena *arena, size_t n, float size, uint64_t stream)
{
    struct rng rng = {7, stream, 0};
    float *at = arena_array(arena, float, n + 1);
    for (size_t i = 0; i < n; i++)
        at[i] = (float)(2 * rng_uniform(&rng) - 1) * size;
    return at;
}

static inline void assert_near(double found, double wanted, double tolerance)
{
    if (!(fabs(found - wanted) <= tolerance * (1 + fabs(wanted))))
        fail_msg("%.9g, not %.9g", found, wanted);
}

#endif
