/*
 * order.h - which rows each step of a run is trained on.
 */
#ifndef PACE_TRAIN_ORDER_H
#define PACE_TRAIN_ORDER_H

#include "base/arena.h"

struct order_options {
    const uint32_t *rows; /* [n] of a store, in the order of the files */
    size_t n;             /* > 0 */
    /* Where rows are packed: unit i, which counts as one row does, is rows unit[i] … unit[i + 1] -
     * 1 (as in struct pack). NULL: each row by itself. */
    const size_t *unit;
    size_t n_units;
    size_t batch_rows; /* units of a step: batch size times accumulation; > 0 */
    bool shuffles;     /* anew for each epoch */
    uint64_t seed;
};

struct order {
    struct order_options options;
    int64_t steps_per_epoch;
    int64_t epoch; /* that `shuffled` is of; -1: none yet */
    size_t n_units;
    uint32_t *shuffled; /* [n_units] */
    uint32_t *taken;    /* rows of the present step */
};

/* Memory is the arena's; what options point to must outlive the struct. */
void order_init(struct order *o, struct arena *arena, const struct order_options *options);

/* The most rows that a step can have. */
size_t order_most_rows(const struct order_options *options);

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
