/*
 * cpu_update.c - updates of optimisers and sums over gradients, shared out in blocks.
 *
 * Both are bound by memory: what matters is that the loops of rule.h are compiled to whole vectors
 * (this file has flags of its own for that: a square root must not care about errno), and that all
 * threads read. Which vectors makes no difference, and none to the result: no sum here is put in
 * another order by the compiler. The lanes of a sum are ours, eight of them, added up at the end of
 * a block.
 */
#include <float.h>
#include <math.h>

#include "backend/cpu/cpu.h"
#include "backend/rule.h"

static void run_block(void *context, size_t block, size_t worker)
{
    (void)worker;
    rule_run_block(context, block);
}

void cpu_update(struct backend *b, const struct optim_args *a)
{
    struct optim_args args = *a;
    cpu_run(b, rule_blocks(a), run_block, &args);
}

enum { LANES = 8, PARTS_MOST = 64, PART_LEAST = 1 << 14 };

struct reduction {
    const float *x;
    size_t n, each; /* numbers of a part */
    struct reduce_result part[PARTS_MOST];
};

static void reduce_part(void *context, size_t block, size_t worker)
{
    (void)worker;
    struct reduction *r = context;
    size_t first = block * r->each, n = min_size(r->each, r->n - first);
    const float *x = r->x + first;
    double sum[LANES] = {0};
    float largest[LANES] = {0};
    uint32_t not_finite[LANES] = {0};
    for (size_t i = 0; i + LANES <= n; i += LANES) {
        for (size_t k = 0; k < LANES; k++) {
            float size = fabsf(x[i + k]);
            uint32_t is_finite = size <= FLT_MAX;
            size = is_finite ? size : 0;
            sum[k] += (double)size * (double)size;
            largest[k] = size > largest[k] ? size : largest[k];
            not_finite[k] += 1 - is_finite;
        }
    }
    struct reduce_result *out = &r->part[block];
    *out = (struct reduce_result){0};
    for (size_t i = n / LANES * LANES; i < n; i++) {
        float size = fabsf(x[i]);
        if (size <= FLT_MAX) {
            sum[i % LANES] += (double)size * (double)size;
            largest[i % LANES] = fmaxf(largest[i % LANES], size);
        } else {
            not_finite[i % LANES]++;
        }
    }
    for (size_t k = 0; k < LANES; k++) {
        out->sum_squares += sum[k];
        out->largest = fmax(out->largest, (double)largest[k]);
        out->not_finite += not_finite[k];
    }
}

void cpu_reduce(struct backend *b, struct reduce_result *out, const float *x, size_t n)
{
    struct reduction r = {.x = x, .n = n};
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
