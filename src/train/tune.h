/*
 * tune.h - pace tune: a model, data and a learning rate in, a better model out.
 *
 *     struct tune t;
 *     if (tune_open(&t, options, err) && tune_run(&t, listener, context, err)) … t.report
 *     tune_close(&t);
 */
#ifndef PACE_TRAIN_TUNE_H
#define PACE_TRAIN_TUNE_H

#include "train/engine.h"
#include "train/history.h"
#include "train/job.h"
#include "train/rows.h"
#include "train/trainer.h"

/* What a run came to. */
struct tune_report {
    double learning_rate;         /* the peak */
    int64_t steps;                /* planned */
    int64_t done;                 /* made: fewer where the guard ended the run */
    double base_loss, tuned_loss; /* on the test rows; NAN: there are none */
    uint64_t test_rows;
    uint64_t tokens; /* that the training steps read, prompts included, over all epochs */
    double seconds;  /* of the training steps */
    double train_loss;
    double eval_share;          /* what the evaluations cost, in the cost of the steps */
    double redo_share;          /* the same of steps that were rolled back */
    bool is_saved;              /* what was trained is in the folder */
    uint64_t peak_memory_bytes; /* of the process */
    enum trainer_end end;
    char reason[512]; /* why it ended early, as a sentence */
};

/* What the guard did, or where it only watches, would have done. */
struct tune_incident {
    int64_t step; /* at which it was noticed */
    enum pace_action action, advice;
    char reason[256]; /* a sentence */
};

/* Bytes, as they will be taken. */
struct tune_memory {
    uint64_t parameters, adapters, gradients, optimizer, activations, workspace;
    uint64_t snapshots; /* earlier states, for the guard to go back to */
    uint64_t total;
};

struct tune {
    const struct options *options;
    struct arena arena;
    struct job job;
    struct engine engine;
    struct row_store store;
    struct row_list train, eval, test;
    struct param **params; /* that are trained */
    size_t n_params;
    struct tape tape;
    struct run run;
    struct optim optim;
    struct stepper stepper;
    struct snapshots snapshots;
    struct trainer trainer;
    struct pace_rate_options rate;
    struct history history;
    struct buf incidents; /* of struct tune_incident */
    int64_t last_step;    /* of the last event */
    int64_t logging_steps, eval_steps;
    size_t batch_tokens;
    uint64_t n_evaluated; /* tokens of evaluations so far */
    struct tune_memory memory;
    bool fits;              /* in --memory, or in what the machine has free */
    double planned_seconds; /* of tune_plan */
    struct tune_report report;
};

/*
 * Chooses, reads, and reserves everything; --output-dir is made and is empty, or may be
 * overwritten. Errors: ERR_USAGE, ERR_INPUT, ERR_IO, ERR_MEMORY.
 */
MUST_CHECK bool tune_open(struct tune *t, const struct options *o, struct err *err);

/*
 * Chooses as tune_open does and counts what a run would take, without one: t->memory, fits,
 * planned_seconds, report.steps. Without --learning-rate the first guess stands for it. Errors:
 * ERR_USAGE, ERR_INPUT, ERR_IO.
 */
MUST_CHECK bool tune_plan(struct tune *t, const struct options *o, struct err *err);

/*
 * Trains and saves. `on_event` as in trainer.h. Errors: ERR_STOPPED where the guard ended the run
 * (with PACE_GUARD_ACT the best state is saved all the same), ERR_INTERRUPTED where on_event did,
 * ERR_IO: nothing is saved then.
 */
MUST_CHECK bool tune_run(struct tune *t,
                         bool (*on_event)(void *context, const struct trainer_event *event),
                         void *context, struct err *err);

/* The number of incidents so far, and the i-th. */
size_t tune_incident_count(const struct tune *t);
struct tune_incident tune_incident_at(const struct tune *t, size_t i);

/* Safe on a zeroed struct and after a failure. */
void tune_close(struct tune *t);

#endif
