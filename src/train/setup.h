/*
 * setup.h - a run before its first step: options checked, data read, the model open, everything
 * chosen and all memory reserved.
 *
 *     struct setup s;
 *     if (setup_open(&s, options, err)) … tune.h, find.h …
 *     setup_close(&s);
 */
#ifndef PACE_TRAIN_SETUP_H
#define PACE_TRAIN_SETUP_H

#include "optim/snapshot.h"
#include "train/budget.h"
#include "train/engine.h"
#include "train/job.h"
#include "train/order.h"
#include "train/quarantine.h"
#include "train/rows.h"

/* Bytes, as they will be taken. */
struct setup_memory {
    uint64_t parameters, adapters, gradients, optimizer, activations, workspace;
    uint64_t snapshots; /* earlier states to go back to, and averages of the weights */
    uint64_t total;
};

/* What the machine decides, and a run keeps to wherever it goes on. */
struct setup_kept {
    size_t n_states;     /* earlier ones to go back to: as memory allows */
    size_t batch_tokens; /* of a pass: the same, and it shows in a sum's last bits */
    bool averages;       /* of the weights: the same */
    bool is_bf16;        /* products are in bfloat16 */
};

struct setup {
    const struct options *options;
    const struct setup_kept *kept; /* of a run that is gone on with; NULL: it begins */
    bool finds;                    /* setup_open_to_find */
    struct arena arena;
    struct job job;
    struct engine engine;
    struct row_store store;
    struct preview preview; /* a row of it; none of a model from nothing: it learns every token */
    struct row_list train, eval, test;
    size_t n_unread;       /* rows set aside that the budget has no room for */
    struct param **params; /* that are trained */
    size_t n_params;
    struct tape tape;
    struct run run;
    struct optim optim;
    struct average average; /* of the weights, where there are any */
    struct stepper stepper;
    struct quarantine quarantine; /* rows that are left out; plain data */
    struct snapshots snapshots;   /* n_states of them */
    size_t n_states;
    bool averages;                 /* averages of the weights are kept */
    struct pace_prior prior;       /* the first guess of the rate */
    double learning_rate;          /* the peak that was given; 0: it is to be found */
    struct pace_rate_options rate; /* the schedule's peak: learning_rate, or the first guess */
    int64_t steps, logging_steps, eval_steps;
    int64_t save_steps;   /* 0: not given */
    struct budget budget; /* of what is computed beside the steps */
    size_t batch_tokens;
    struct setup_memory memory;
    bool fits;              /* in --memory, or in what the machine has free */
    struct err unfit;       /* of setup_plan: why not, and what would make it fit */
    double planned_seconds; /* of setup_plan: of the training steps */
};

/*
 * Chooses, reads, and reserves everything; nothing is computed and nothing written. Errors:
 * ERR_USAGE, ERR_INPUT, ERR_IO, ERR_MEMORY.
 */
MUST_CHECK bool setup_open(struct setup *s, const struct options *o, struct err *err);

/* The same for a search alone, whose rate is to be given to another run: with the schedule of such
 * a run. */
MUST_CHECK bool setup_open_to_find(struct setup *s, const struct options *o, struct err *err);

/*
 * The same for a run that is gone on with; `kept`, of setup_kept, outlives the struct. Errors: as
 * setup_open; ERR_MEMORY where it does not fit now.
 */
MUST_CHECK bool setup_reopen(struct setup *s, const struct options *o,
                             const struct setup_kept *kept, struct err *err);

/*
 * Chooses as setup_open does and counts what a run would take, without reserving it: memory, fits,
 * planned_seconds. Errors: ERR_USAGE, ERR_INPUT, ERR_IO.
 */
MUST_CHECK bool setup_plan(struct setup *s, const struct options *o, struct err *err);

/* What setup_reopen wants to know. */
struct setup_kept setup_kept(const struct setup *s);

/* Safe on a zeroed struct and after a failure. */
void setup_close(struct setup *s);

/* The run's schedule with that peak. Errors: ERR_USAGE. */
MUST_CHECK bool setup_schedule(const struct setup *s, double learning_rate,
                               struct pace_schedule *schedule, struct err *err);

/* Which rows each step of the run is trained on. */
struct order_options setup_order(const struct setup *s);

/* The tokens that all planned steps read. */
double setup_tokens(const struct setup *s);

/* What training on a token costs, in forward passes of it. Layers that are computed anew do not
 * count: what a run looks at may not depend on memory. */
double setup_step_cost(const struct setup *s);

/* All weights are trained, not adapters. */
bool setup_trains_all(const struct setup *s);

#endif
