/*
 * weights.h - what a checkpoint of the simulator would hold: parameters and optimizer, and how an
 * update moves them.
 */
#ifndef PACE_TEST_SIM_WEIGHTS_H
#define PACE_TEST_SIM_WEIGHTS_H

#include "test/sim/landscape.h"

struct sim_weights {
    enum sim_optimizer optimizer;
    size_t n;
    double x[SIM_PARAMETERS_MOST];
    double m[SIM_PARAMETERS_MOST]; /* momentum, or the mean of the gradient */
    double v[SIM_PARAMETERS_MOST]; /* AdamW: the mean of its square */
    int64_t n_updates;
};

void sim_weights_init(struct sim_weights *w, const struct sim_landscape *l,
                      enum sim_optimizer optimizer);

/* SGD with momentum 0.9, or AdamW 0.9/0.999/1e-8 without decay: torch's updates. */
void sim_weights_update(struct sim_weights *w, const double *gradient, double learning_rate,
                        double scale);

/* Norm of a gradient; what clip_grad_norm_ multiplies it with. */
double sim_norm(const double *gradient, size_t n);
double sim_clip_scale(double norm, double max_norm);

#endif
