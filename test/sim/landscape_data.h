/*
 * landscape_data.h - the landscapes that train on rows of made-up data; rows of sim_kinds.
 */
#ifndef PACE_TEST_SIM_LANDSCAPE_DATA_H
#define PACE_TEST_SIM_LANDSCAPE_DATA_H

#include "test/sim/landscape.h"

/* Uniform in [low, high); the second in the logarithm. */
double sim_uniform(struct rng *rng, double low, double high);
double sim_log_uniform(struct rng *rng, double low, double high);

/* How many rows, features and classes; what the make functions then fill. */
void sim_data_sizes(struct sim_landscape *l, bool few_rows, struct rng *rng);

void sim_make_softmax(struct sim_landscape *l, struct rng *rng);
void sim_make_net(struct sim_landscape *l, struct rng *rng);
void sim_make_adapter(struct sim_landscape *l, struct rng *rng);

double sim_row_softmax(const struct sim_landscape *l, const double *x, const double *features,
                       unsigned label, double *gradient);
double sim_row_net(const struct sim_landscape *l, const double *x, const double *features,
                   unsigned label, double *gradient);
double sim_row_adapter(const struct sim_landscape *l, const double *x, const double *features,
                       unsigned label, double *gradient);

/* The mean over a batch's rows, and over the held-out rows. */
double sim_data_batch(const struct sim_landscape *l, const double *x, struct sim_batch batch,
                      double *gradient);
double sim_data_held_out(const struct sim_landscape *l, const double *x);

#endif
