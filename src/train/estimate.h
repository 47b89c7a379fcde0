/*
 * estimate.h - how long a run will take, from a short trial of the model itself.
 */
#ifndef PACE_TRAIN_ESTIMATE_H
#define PACE_TRAIN_ESTIMATE_H

#include "train/engine.h"

/*
 * Seconds that one forward pass takes for each token of a text of `longest` tokens, every token a
 * target, on this machine as busy as it is now. Computes two short texts. Errors: ERR_MEMORY.
 */
MUST_CHECK bool estimate_forward(struct engine *e, size_t longest, double *seconds_per_token,
                                 struct err *err);

/*
 * What a training step costs, in forward passes of the same tokens: the adjoint of each product
 * with a frozen matrix is one product as large, with one that is trained two; layers that are
 * computed anew cost their forward pass again.
 */
double estimate_step_cost(bool trains_all, size_t layers_redone, size_t n_layers);

#endif
