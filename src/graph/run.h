/*
 * run.h - a tape with memory: what runs batches through a model.
 *
 *     struct run run = {0};
 *     struct run_options options = {.rows = 2048, .targets = 2048, .keys = 2048, .trains = true};
 *     if (!run_init(&run, &tape, &backend, &options, err)) …
 *     run_train(&run, &batch, loss);       losses; gradients are added to those of the parameters
 *     run_release(&run);
 *
 * All memory is reserved by run_init; nothing is allocated afterwards.
 */
#ifndef PACE_GRAPH_RUN_H
#define PACE_GRAPH_RUN_H

#include "graph/plan.h"
#include "graph/tape.h"

struct run {
    const struct tape *tape;
    struct backend *backend;
    struct plan plan;
    void *activations; /* plan.bytes of the backend's memory */
    bool poisons;      /* for tests: memory whose content is over is filled with NaN at once */
};

/* Plans and reserves. Errors: ERR_MEMORY, with what would fit, where it does not fit in
 * memory_bytes or the machine has no more. */
MUST_CHECK bool run_init(struct run *run, const struct tape *tape, struct backend *backend,
                         const struct run_options *options, struct err *err);

/* Safe on a zeroed struct. */
void run_release(struct run *run);

/*
 * Losses [n_targets] in nats; the likeliest tokens [n_targets], or best NULL. With a cache, keys
 * and values are written to the rows that the segments name, and read from there; a batch without
 * targets (loss NULL) then fills the cache. No dropout.
 */
void run_losses(struct run *run, const struct batch *batch, struct cache *cache, float *loss,
                int32_t *best);

/* Losses, and the gradients of sum(coef * loss) added to param->grad. `trains` (CHECKed). */
void run_train(struct run *run, const struct batch *batch, float *loss);

/* Logits of some of the batch's rows: z [n, V]. */
void run_logits(struct run *run, const struct batch *batch, struct cache *cache, const int32_t *row,
                size_t n, struct mat z);

#endif
