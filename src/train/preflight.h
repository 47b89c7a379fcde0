/*
 * preflight.h - a look at a run before its first step: is there anything to learn, does the model
 * fit the data, does a step at this rate do anything good?
 *
 *     ok = preflight_run(&p, &options, err);
 *     preflight_journal(&p, &journal);         also where it was refused
 *
 * It refuses where there are no targets, or where most rows have no finite loss; the rest warns,
 * since random weights are somebody's honest start. Weights, gradients, optimiser, snapshots:
 * everything is afterwards what it was before, bit for bit.
 */
#ifndef PACE_TRAIN_PREFLIGHT_H
#define PACE_TRAIN_PREFLIGHT_H

#include "optim/snapshot.h"
#include "train/rows.h"
#include "train/step.h"

struct preflight_options {
    struct stepper *stepper; /* of the run, like what follows */
    struct optim *optim;
    struct snapshots *snapshots; /* nothing is kept in its first slot yet; NULL or no slots: a copy
                                    of the state is taken, if it fits in... */
    uint64_t spare_bytes;        /* ... that */
    const struct row_store *store;
    const struct row_list *train, *eval, *test;
    const uint32_t *first; /* [n_first] rows of the run's first step */
    size_t n_first;
    double learning_rate; /* the peak, or what it may become */
    double max_grad_norm; /* 0: gradients are not clipped */
    size_t vocabulary;
    double budget;    /* what it may cost, in forward passes of a token */
    double step_cost; /* of training on one token, in the same */
};

enum preflight_action {
    PREFLIGHT_GO,
    PREFLIGHT_WARN,
    PREFLIGHT_STOP,
};

enum { PREFLIGHT_CHECKS_MOST = 4, PREFLIGHT_NUMBERS_MOST = 4 };

struct preflight_check {
    const char *name; /* "targets", "base_loss", "duplicates", "first_step" */
    enum preflight_action action;
    char reason[480]; /* a sentence */
    double numbers[PREFLIGHT_NUMBERS_MOST];
    size_t n_numbers;
};

struct preflight {
    struct preflight_check check[PREFLIGHT_CHECKS_MOST];
    size_t n;
    double cost; /* in forward passes of a token */
};

/*
 * Makes the checks in their order; what they say is in the struct. Errors: ERR_INPUT where it
 * refuses. Never for anything else: a check for which there is no memory is left out, and says so.
 */
MUST_CHECK bool preflight_run(struct preflight *p, const struct preflight_options *options,
                              struct err *err);

struct run_journal;

/* A record "preflight" for each check. */
void preflight_journal(const struct preflight *p, struct run_journal *journal);

#endif
