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
    double learning_rate; /* the peak */
    int64_t steps;
    double base_loss, tuned_loss; /* on the test rows; NAN: there are none */
    uint64_t test_rows;
    uint64_t tokens; /* that the training steps read, prompts included, over all epochs */
    double seconds;  /* of the training steps */
    double train_loss;
    double eval_share;          /* what the evaluations cost, in the cost of the steps */
    uint64_t peak_memory_bytes; /* of the process */
    enum trainer_end end;
    char reason[512]; /* why it ended early, as a sentence */
};

/* Bytes, as they will be taken. */
struct tune_memory {
    uint64_t parameters, adapters, gradients, optimizer, activations, workspace, total;
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
    int64_t logging_steps, eval_steps;
    size_t batch_tokens;
    uint64_t n_evaluated; /* tokens of evaluations so far */
    struct tune_memory memory;
    struct tune_report report;
};

/*
 * Chooses, reads, and reserves everything; --output-dir is made and is empty, or may be
 * overwritten. Errors: ERR_USAGE, ERR_INPUT, ERR_IO, ERR_MEMORY.
 */
MUST_CHECK bool tune_open(struct tune *t, const struct options *o, struct err *err);

/*
 * Trains and saves. `on_event` as in trainer.h. Errors: ERR_STOPPED where numbers were not finite
 * or on_event ended the run; ERR_IO. Nothing is saved then.
 */
MUST_CHECK bool tune_run(struct tune *t,
                         bool (*on_event)(void *context, const struct trainer_event *event),
                         void *context, struct err *err);

/* Safe on a zeroed struct and after a failure. */
void tune_close(struct tune *t);

#endif
