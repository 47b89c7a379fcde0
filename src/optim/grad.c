/*
 * grad.c - one look at all gradients, which is what clipping and the guard go by.
 *
 * Clipping itself is a factor that the optimiser multiplies gradients with as it reads them
 * (optim_step): min(1, most / (norm + 1e-6)), which rate.h computes. So the gradients are read
 * twice in a step and written not at all.
 */
#include "optim/grad.h"

#include <math.h>

void grad_zero(struct backend *b, struct param *const *params, size_t n)
{
    for (size_t i = 0; i < n; i++)
        b->ops->fill(b, params[i]->grad, 0, param_count(params[i]));
}

double grad_norm(struct backend *b, struct param *const *params, size_t n, uint64_t *not_finite)
{
    double sum = 0;
    *not_finite = 0;
    for (size_t i = 0; i < n; i++) {
        struct reduce_result one;
        b->ops->reduce(b, &one, params[i]->grad, param_count(params[i]));
        sum += one.sum_squares;
        *not_finite += one.not_finite;
    }
    return *not_finite > 0 ? NAN : sqrt(sum);
}
