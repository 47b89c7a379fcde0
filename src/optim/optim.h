/*
 * optim.h - the optimisers: what turns gradients into steps, and what each remembers.
 *
 *     struct optim_options options;
 *     optim_options_init(&options);
 *     if (!optim_find(span_of("adamw_torch"), &options.kind)) …
 *     if (!optim_init(&optim, &backend, &options, params, n, err)) …
 *     grad_sense(…), optim_step(&optim, learning_rate, gradient_scale);
 *     optim_release(&optim);
 *
 * An optimiser is a row of a table; the names are Hugging Face's (optim). The learning rate of each
 * step is the caller's, its warmup too. All memory is reserved by optim_init.
 */
#ifndef PACE_OPTIM_OPTIM_H
#define PACE_OPTIM_OPTIM_H

#include "backend/rule.h"
#include "base/arena.h"
#include "graph/param.h"
#include "optim/optim_options.h"

/* The numbers of a run that are not arrays. Plain data. */
struct optim_memory {
    int64_t step;                   /* updates done */
    double d, d_most, numerator;    /* prodigy */
    double rate_most, weight_total; /* schedule free */
};

/* Where what is remembered of one parameter lies. */
struct optim_slot {
    float *state[RULE_STATES];
    uint8_t *code[2];
};

struct optim {
    struct backend *backend;
    struct optim_options options;
    struct param *const *params;
    size_t n_params;
    struct optim_slot *slots;  /* [n_params] */
    float *state;              /* all arrays of the slots, of the backend's memory */
    size_t n_state;            /* floats */
    float *book;               /* 8 bits: the two tables */
    double (*sums)[RULE_SUMS]; /* of one pass, by block */
    struct optim_memory memory;
    bool shows_average;
    struct arena arena;
};

/* How much memory of the backend the state of these parameters takes. */
uint64_t optim_state_bytes(const struct optim_options *o, struct param *const *params, size_t n);

/*
 * Reserves and begins the state; every parameter has a value and a gradient (CHECKed). `params`
 * must outlive the struct. Errors: ERR_MEMORY.
 */
MUST_CHECK bool optim_init(struct optim *o, struct backend *backend,
                           const struct optim_options *options, struct param *const *params,
                           size_t n, struct err *err);

/* Safe on a zeroed struct. */
void optim_release(struct optim *o);

/* One update with that rate, of gradients multiplied with `grad_scale`. */
void optim_step(struct optim *o, double learning_rate, double grad_scale);

/*
 * Schedule-free optimisers keep two sets of weights: those that gradients are taken at, and their
 * average, which is what they have found. true puts the average into the parameters, to evaluate or
 * to save; false the others, exactly as they were, to train. Nothing changes for other optimisers.
 */
void optim_show_average(struct optim *o, bool average);

#endif
