/*
 * test_op.c - runs the table of cases on one backend, with several numbers of threads.
 *
 *     test_op BACKEND [OPERATION]           the table, or one operation of it
 *     test_op BACKEND random FIRST COUNT    cases that are drawn at random (random_case.c)
 *
 * BACKEND is ref, cpu, or the name of one of cpu's sets: plain, avx2, avx512, avx512bf16, amx
 * (skipped where the processor does not have it). Operations that have products in bfloat16 are
 * held to ref with these too.
 *
 * Each case: against ref, against the formulas in float64 (derivatives too), and bit for bit the
 * same with 1, 2, 3 and 7 threads. Large cases ask nothing of ref, which has no blocks. Prints what
 * fails, and for each operation the worst errors.
 */
#include <stdio.h>
#include <string.h>

#include "backend/cases.h"
#include "backend/cpu/cpu.h"
#include "base/num.h"
#include "test/op/random_case.h"

static const size_t threads[] = {1, 2, 3, 7};

struct pools {
    struct thread_pool *of[COUNT_OF(threads)];
};

struct summary {
    size_t n_cases, n_failed;
    double compared, differentiated, bf16; /* the worst errors */
};

static bool judge(const struct case_row *row, const char *check, const struct case_finding *found)
{
    if (cases_pass(found))
        return true;
    printf("FAILED %s, %s: %s: %s: error %.3g, at most %.3g\n", cases_op_name(row->op), row->name,
           check, found->output, found->error, found->tolerance);
    return false;
}

/* Products in bfloat16: near ref, and the same bits from any number of threads. */
static bool run_bf16(const struct case_row *row, const struct case_backend *on,
                     const struct pools *pools, double *worst)
{
    struct case_backend ref = {.ops = &backend_ref}, first = *on;
    first.products = PRODUCTS_BF16;
    first.threads = pools->of[0];
    struct case_finding found = cases_compare(row, &ref, &first);
    bool passes = judge(row, "in bfloat16, against ref", &found);
    *worst = found.error > *worst ? found.error : *worst;
    for (size_t i = 1; i < COUNT_OF(threads); i++) {
        struct case_backend more = first;
        more.threads = pools->of[i];
        found = cases_repeat(row, &first, &more);
        passes = judge(row, "in bfloat16, other numbers of threads", &found) && passes;
    }
    return passes;
}

static void run_case(const struct case_row *row, const struct case_backend *on,
                     const struct pools *pools, struct summary *sum)
{
    if (on->ops == &backend_ref && (row->flags & CASE_LARGE))
        return;
    struct case_backend ref = {.ops = &backend_ref}, first = *on;
    first.threads = pools->of[0];
    bool passes = true;
    if (on->ops != &backend_ref) {
        struct case_finding found = cases_compare(row, &ref, &first);
        passes = judge(row, "against ref", &found) && passes;
        sum->compared = found.error > sum->compared ? found.error : sum->compared;
    }
    if (!(row->flags & CASE_LARGE)) {
        struct case_finding found = cases_differentiate(row, &first);
        passes = judge(row, "against the formulas", &found) && passes;
        sum->differentiated = found.error > sum->differentiated ? found.error : sum->differentiated;
    }
    for (size_t i = 1; i < COUNT_OF(threads); i++) {
        struct case_backend more = *on;
        more.threads = pools->of[i];
        struct case_finding found = cases_repeat(row, &first, &more);
        passes = judge(row, "other numbers of threads", &found) && passes;
    }
    if (on->ops != &backend_ref && cases_has_products(row->op))
        passes = run_bf16(row, on, pools, &sum->bf16) && passes;
    sum->n_cases++;
    sum->n_failed += !passes;
}

static bool find_backend(const char *name, struct case_backend *out)
{
    static struct cpu_device device;
    *out = (struct case_backend){.ops = strcmp(name, "ref") == 0 ? &backend_ref : &backend_cpu};
    if (strcmp(name, "ref") == 0 || strcmp(name, "cpu") == 0)
        return true;
    out->device = &device;
    for (size_t i = 0; (device.kernels = kernels_at(i)) != NULL; i++) {
        if (strcmp(device.kernels->name, name) == 0)
            return true;
    }
    return false;
}

static bool open_pools(struct pools *pools)
{
    struct err err;
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        if (!thread_pool_open(&pools->of[i], threads[i], &err)) {
            printf("%s\n", err.what);
            return false;
        }
    }
    return true;
}

static struct summary run_table(enum case_op op, const struct case_backend *on,
                                const struct pools *pools)
{
    struct summary sum = {0};
    for (size_t i = 0; i < cases_count; i++) {
        if (cases_table[i].op == op)
            run_case(&cases_table[i], on, pools, &sum);
    }
    return sum;
}

static struct summary run_random(const char *first, const char *count,
                                 const struct case_backend *on, const struct pools *pools)
{
    int64_t from, n;
    struct summary sum = {0};
    struct arena arena = {0};
    if (!num_parse_i64(span_of(first), &from) || !num_parse_i64(span_of(count), &n))
        return sum;
    for (int64_t i = from; i < from + n; i++) {
        struct case_row row = random_case(&arena, (uint64_t)i);
        run_case(&row, on, pools, &sum);
        arena_release(&arena);
    }
    return sum;
}

static void show(const char *name, const struct summary *part, struct summary *all)
{
    printf("%-10s %3zu cases, %zu failed; worst against ref %.2g (in bfloat16 %.2g), against the "
           "formulas %.2g\n",
           name, part->n_cases, part->n_failed, part->compared, part->bf16, part->differentiated);
    all->n_cases += part->n_cases;
    all->n_failed += part->n_failed;
}

static struct summary run(int argc, char **argv, const struct case_backend *on,
                          const struct pools *pools)
{
    struct summary all = {0};
    if (argc == 5) {
        struct summary part = run_random(argv[3], argv[4], on, pools);
        show("random", &part, &all);
        return all;
    }
    for (enum case_op op = 0; op < CASE_OPS; op++) {
        if (argc > 2 && strcmp(argv[2], cases_op_name(op)) != 0)
            continue;
        struct summary part = run_table(op, on, pools);
        show(cases_op_name(op), &part, &all);
    }
    return all;
}

int main(int argc, char **argv)
{
    struct case_backend on;
    struct pools pools = {{NULL}};
    if (argc < 2 || !find_backend(argv[1], &on)) {
        printf("usage: test_op BACKEND [OPERATION | random FIRST COUNT], of this processor\n");
        return 77;
    }
    if (!open_pools(&pools))
        return 2;
    struct summary all = run(argc, argv, &on, &pools);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        thread_pool_close(pools.of[i]);
    printf("%zu passed, %zu failed\n", all.n_cases - all.n_failed, all.n_failed);
    return all.n_failed > 0 || all.n_cases == 0;
}
