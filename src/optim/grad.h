/*
 * grad.h - the gradients of all parameters as one thing: emptied, and measured.
 */
#ifndef PACE_OPTIM_GRAD_H
#define PACE_OPTIM_GRAD_H

#include "graph/param.h"

/* Before the first micro-batch of a step. */
void grad_zero(struct backend *b, struct param *const *params, size_t n);

/*
 * The norm of all gradients as one vector, as clip_grad_norm_ of torch takes it, summed in the
 * order of the parameters; NaN where numbers are not finite, which are counted.
 */
double grad_norm(struct backend *b, struct param *const *params, size_t n, uint64_t *not_finite);

#endif
