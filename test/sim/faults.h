/*
 * faults.h - which batch a step meets, and what is wrong with it on purpose.
 */
#ifndef PACE_TEST_SIM_FAULTS_H
#define PACE_TEST_SIM_FAULTS_H

#include "test/sim/landscape.h"

enum sim_poison {
    SIM_POISON_NONE,
    SIM_POISON_HUGE,     /* the batch's loss and gradient are huge */
    SIM_POISON_LABELS,   /* the batch teaches something else */
    SIM_POISON_NAN,      /* the batch's loss and gradient are NaN */
    SIM_POISON_INFINITY, /* the loss is fine, the gradient overflows */
    SIM_POISON_EMPTY,    /* no token to learn from: loss 0, no gradient */
};

struct sim_faults {
    enum sim_poison poison;
    double poison_share; /* of batches; 1: all of them */
    double flip_at;      /* share of the run: one gradient a thousandfold, once, no batch's fault */
    double break_at;     /* share of the run: a weight becomes NaN, as a broken memory would */
    double harder_at;    /* share of the run: from here on the data is harder, by `harder` nats */
    double harder;
};

/* True where the batch is one of the poisoned. */
bool sim_batch_is_poisoned(const struct sim_faults *f, uint64_t seed, uint64_t batch);

/* The batch at a place of the run: epochs are shuffled by themselves; without rows, the place. */
uint64_t sim_batch_at(const struct sim_landscape *l, uint64_t place);

/* Loss and gradient of a batch as the trainer sees them, poison and all. */
double sim_poisoned_loss(const struct sim_landscape *l, const struct sim_faults *f, const double *x,
                         uint64_t id, double *gradient);

#endif
