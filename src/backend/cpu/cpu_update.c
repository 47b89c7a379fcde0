/*
 * cpu_update.c - updates of optimisers and sums over gradients, shared out in blocks
 * (kernel_update.c).
 *
 * Both are bound by memory where their loops are whole vectors, so what matters is that all threads
 * read. Blocks depend on shapes alone, and sums over them are added up in their order.
 */
#include <math.h>

#include "backend/cpu/cpu.h"
#include "backend/rule.h"

struct updating {
    const struct kernels *k;
    struct optim_args args;
};

static void run_block(void *context, size_t block, size_t worker)
{
    (void)worker;
    const struct updating *u = context;
    u->k->update(&u->args, block);
}

void cpu_update(struct backend *b, const struct optim_args *a)
{
    struct updating u = {cpu_kernels(b), *a};
    cpu_run(b, rule_blocks(a), run_block, &u);
}

enum { PARTS_MOST = 64, PART_LEAST = 1 << 14 };

struct reduction {
    const struct kernels *k;
    const float *x;
    size_t n, each; /* numbers of a part */
    struct reduce_result part[PARTS_MOST];
};

static void reduce_part(void *context, size_t block, size_t worker)
{
    (void)worker;
    struct reduction *r = context;
    size_t first = block * r->each;
    r->k->reduce(&r->part[block], r->x + first, min_size(r->each, r->n - first));
}

void cpu_reduce(struct backend *b, struct reduce_result *out, const float *x, size_t n)
{
    struct reduction r = {.k = cpu_kernels(b), .x = x, .n = n};
    r.each = max_size(PART_LEAST, ceil_div(n, PARTS_MOST));
    size_t n_parts = ceil_div(n, r.each);
    cpu_run(b, n_parts, reduce_part, &r);
    *out = (struct reduce_result){0};
    for (size_t i = 0; i < n_parts; i++) {
        out->sum_squares += r.part[i].sum_squares;
        out->largest = fmax(out->largest, r.part[i].largest);
        out->not_finite += r.part[i].not_finite;
    }
}
