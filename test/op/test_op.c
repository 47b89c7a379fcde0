/*
 * test_op.c - runs the table of cases on one backend, with several numbers of threads.
 *
 *     test_op ref|cpu [OPERATION]
 *
 * Each case: against ref, against the formulas in float64 (derivatives too), and bit for bit the
 * same with 1, 2, 3 and 7 threads. (Large cases ask nothing of ref, which has no blocks.) Prints
 * what fails, and for each operation the worst errors.
 */
#include <stdio.h>
#include <string.h>

#include "backend/cases.h"

static const size_t threads[] = {1, 2, 3, 7};

struct pools {
    struct thread_pool *of[COUNT_OF(threads)];
};

struct summary {
    size_t n_cases, n_failed;
    double compared, differentiated; /* the worst errors */
};

static bool judge(const struct case_row *row, const char *check, const struct case_finding *found)
{
    if (cases_pass(found))
        return true;
    printf("FAILED %s, %s: %s: %s: error %.3g, at most %.3g\n", cases_op_name(row->op), row->name,
           check, found->output, found->error, found->tolerance);
    return false;
}

static void run_case(size_t index, const struct backend_ops *ops, const struct pools *pools,
                     struct summary *sum)
{
    const struct case_row *row = &cases_table[index];
    struct case_backend ref = {&backend_ref, NULL}, first = {ops, pools->of[0]};
    bool passes = true;
    if (ops != &backend_ref) {
        struct case_finding found = cases_compare(index, &ref, &first);
        passes = judge(row, "against ref", &found) && passes;
        sum->compared = found.error > sum->compared ? found.error : sum->compared;
    }
    if (!(row->flags & CASE_LARGE)) {
        struct case_finding found = cases_differentiate(index, &first);
        passes = judge(row, "against the formulas", &found) && passes;
        sum->differentiated = found.error > sum->differentiated ? found.error : sum->differentiated;
    }
    for (size_t i = 1; i < COUNT_OF(threads); i++) {
        struct case_backend more = {ops, pools->of[i]};
        struct case_finding found = cases_repeat(index, &first, &more);
        passes = judge(row, "other numbers of threads", &found) && passes;
    }
    sum->n_cases++;
    sum->n_failed += !passes;
}

static const struct backend_ops *backend_named(const char *name)
{
    static const struct backend_ops *const all[] = {&backend_ref};
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    }
    return NULL;
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

int main(int argc, char **argv)
{
    const struct backend_ops *ops = argc > 1 ? backend_named(argv[1]) : NULL;
    struct pools pools = {{NULL}};
    size_t n_cases = 0, n_failed = 0;
    if (!ops || !open_pools(&pools)) {
        printf("usage: test_op BACKEND [OPERATION]\n");
        return 2;
    }
    for (enum case_op op = 0; op < CASE_OPS; op++) {
        struct summary sum = {0};
        if (argc > 2 && strcmp(argv[2], cases_op_name(op)) != 0)
            continue;
        for (size_t i = 0; i < cases_count; i++) {
            bool is_idle = ops == &backend_ref && (cases_table[i].flags & CASE_LARGE);
            if (cases_table[i].op == op && !is_idle)
                run_case(i, ops, &pools, &sum);
        }
        printf("%-10s %3zu cases, %zu failed; worst against ref %.2g, against the formulas %.2g\n",
               cases_op_name(op), sum.n_cases, sum.n_failed, sum.compared, sum.differentiated);
        n_cases += sum.n_cases;
        n_failed += sum.n_failed;
    }
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        thread_pool_close(pools.of[i]);
    printf("%zu passed, %zu failed\n", n_cases - n_failed, n_failed);
    return n_failed > 0;
}
