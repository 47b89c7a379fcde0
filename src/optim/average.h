/*
 * average.h - averages of the weights that a run passes through.
 *
 *     if (!average_init(&average, &backend, AVERAGE_SUFFIX, params, n, err)) …
 *     … optim_step(…); average_add(&average);
 *     average_show(&average, true);      evaluate, save
 *     average_show(&average, false);     train on
 */
#ifndef PACE_OPTIM_AVERAGE_H
#define PACE_OPTIM_AVERAGE_H

#include "graph/param.h"

enum average_kind {
    AVERAGE_EMA,    /* the last ones most: mean += rate (w - mean) */
    AVERAGE_SUFFIX, /* all since average_restart alike */
    AVERAGE_BEMA,   /* an EMA whose lag is made up for: Block and Zhang 2025, arXiv:2508.00180 */
};

struct average_options {
    enum average_kind kind;
    double rate;                 /* EMA */
    double ema_power, lag_power; /* BEMA: kappa, eta */
    double lag, multiplier;      /* BEMA: rho, gamma */
};

struct average {
    struct backend *backend;
    struct average_options options;
    struct param *const *params;
    size_t n_params, n_floats;
    float *mean, *hidden; /* [n_floats]; hidden: the weights, while the average is shown */
    float *start;         /* BEMA: the weights before the first step */
    int64_t n;            /* weights taken in */
    bool is_shown;
};

/* EMA 0.02; BEMA 0.5, 0.2, 10, 1: its authors' defaults. */
void average_options_init(struct average_options *o, enum average_kind kind);

/* Before the first step. `params` must outlive the struct. Errors: ERR_MEMORY. */
MUST_CHECK bool average_init(struct average *a, struct backend *backend,
                             const struct average_options *options, struct param *const *params,
                             size_t n, struct err *err);

/* Safe on a zeroed struct. */
void average_release(struct average *a);

/* Takes in the present weights: after each step, not while the average is shown (CHECKed). */
void average_add(struct average *a);

/* Forgets what was taken in; the next weights are the first. */
void average_restart(struct average *a);

/* true puts the average into the parameters (the weights themselves where nothing was taken in);
 * false puts the weights back, exactly. */
void average_show(struct average *a, bool is_shown);

#endif
