/*
 * kernel_update.c - updates of optimisers and sums over gradients, one block's worth.
 *
 * The loops of rule.h are element by element, with roots and divisions: in vectors of 4 they wait
 * for those rather than for memory. They are compiled once for each instruction set and turned into
 * vectors by the compiler; the flags (meson.build) say that a root need not care about errno.
 * Nothing is contracted or put in another order, so all sets give the same numbers, those of `ref`.
 * The lanes of a sum are ours, as many as the widest vector has, added up at the end of a block.
 */
#include <float.h>
#include <math.h>

#include "backend/cpu/kernel.h"
#include "backend/rule.h"

void KERNEL(kernel_update)(const struct optim_args *a, size_t block)
{
    rule_run_block(a, block);
}

enum { SUMS = 16 };

/* As if none were infinite or NaN: else the sum is neither. */
static double add_squares(const float *x, size_t n, float *most)
{
    double sum[SUMS] = {0};
    float largest[SUMS] = {0};
    for (size_t i = 0; i + SUMS <= n; i += SUMS) {
        for (size_t k = 0; k < SUMS; k++)
            sum[k] += (double)x[i + k] * (double)x[i + k];
        for (size_t k = 0; k < SUMS; k++)
            largest[k] = fabsf(x[i + k]) > largest[k] ? fabsf(x[i + k]) : largest[k];
    }
    for (size_t i = n / SUMS * SUMS; i < n; i++) {
        sum[i % SUMS] += (double)x[i] * (double)x[i];
        largest[i % SUMS] = fmaxf(largest[i % SUMS], fabsf(x[i]));
    }
    for (size_t k = 1; k < SUMS; k++) {
        sum[0] += sum[k];
        largest[0] = fmaxf(largest[0], largest[k]);
    }
    *most = largest[0];
    return sum[0];
}

void KERNEL(kernel_reduce)(struct reduce_result *out, const float *x, size_t n)
{
    float most;
    double sum = add_squares(x, n, &most);
    if (isfinite(sum)) {
        *out = (struct reduce_result){sum, (double)most, 0};
        return;
    }
    *out = (struct reduce_result){0};
    for (size_t i = 0; i < n; i++) {
        float size = fabsf(x[i]);
        if (size <= FLT_MAX) {
            out->sum_squares += (double)size * (double)size;
            out->largest = fmax(out->largest, (double)size);
        } else {
            out->not_finite++;
        }
    }
}
