/*
 * order.h - which rows each step of a run is trained on.
 */
#ifndef PACE_TRAIN_ORDER_H
#define PACE_TRAIN_ORDER_H

#include "base/arena.h"

struct order_options {
    const uint32_t *rows; /* [n] of a store, in the order of the files */
    size_t n;             /* > 0 */
    size_t batch_rows;    /* of a step: batch size times accumulation; > 0 */
    bool shuffles;        /* anew for each epoch */
    uint64_t seed;
};

struct order {
    struct order_options options;
    int64_t steps_per_epoch;
    int64_t epoch; /* that `shuffled` is of; -1: none yet */
    uint32_t *shuffled;
};

/* Memory is the arena's; options->rows must outlive the struct. */
void order_init(struct order *o, struct arena *arena, const struct order_options *options);

/* The rows of step `step`, from 0; valid until the next call. The last step of an epoch has what is
 * left of it. */
const uint32_t *order_step(struct order *o, int64_t step, size_t *n);

/* A number that is the same for the same rows. */
int64_t order_batch(const struct order *o, int64_t step);

/*
 * Updates of a run, as Hugging Face rounds: ceil(epochs * steps_per_epoch), or max_steps where that
 * is above 0.
 */
int64_t order_total_steps(const struct order *o, double epochs, int64_t max_steps);

#endif
