/*
 * tune.h - pace tune: a model and data in, a better model out.
 *
 *     struct tune t;
 *     if (tune_open(&t, options, err) && tune_run(&t, listener, context, err)) … t.report
 *     tune_close(&t);
 */
#ifndef PACE_TRAIN_TUNE_H
#define PACE_TRAIN_TUNE_H

#include "train/find.h"
#include "train/history.h"
#include "train/run_journal.h"
#include "train/saver.h"
#include "train/setup.h"
#include "train/trainer.h"
#include "train/verdict.h"

/* What a run came to. */
struct tune_report {
    double learning_rate;         /* the peak */
    int64_t done;                 /* steps made: fewer than planned where the guard ended the run */
    double base_loss, tuned_loss; /* on the test rows; NAN: there are none */
    uint64_t test_rows;
    uint64_t tokens; /* that the training steps read, prompts included, over all epochs */
    double seconds;  /* of the training steps */
    double train_loss;
    double main_share;          /* the steps that led to the result, in the cost of the planned */
    double search_share;        /* what the search computed, in the same */
    double eval_share;          /* evaluations */
    double redo_share;          /* steps that were rolled back, rows that were examined */
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

/* How far a run is. */
enum tune_phase {
    TUNE_BEGINS,
    TUNE_FINDS,  /* the base is measured */
    TUNE_TRAINS, /* the rate is found */
};

struct tune {
    struct setup setup;
    struct find find; /* where the rate is to be found */
    struct trainer trainer;
    struct history history;
    struct run_journal journal;
    struct lock lock;                /* on the folder of a run that begins */
    struct buf incidents;            /* of struct tune_incident */
    struct buf arm, held[FIND_HELD]; /* of struct find_step: the running arm's, the kept ones' */
    int64_t last_step;               /* of the last event */
    double loss_sum;                 /* of the steps since the last line of the history */
    int64_t n_loss;
    struct trainer_totals reused; /* of the arm's steps that the run goes on from */
    uint64_t n_evaluated;         /* tokens of evaluations so far */
    struct tune_report report;
    struct verdict verdict;
    enum tune_phase phase;
    struct saver saver; /* of all this: tune_state.c */
    struct buf origin;  /* origin.h */
    struct setup_kept kept;
    uint64_t journal_bytes; /* at the newest checkpoint */
    bool (*on_event)(void *context, const struct trainer_event *event); /* the caller's */
    bool (*on_search)(void *context, const struct find_event *event);   /* set before tune_run */
    void *context;
};

/*
 * Opens the setup and begins --output-dir, which is empty or may be overwritten. Errors: ERR_USAGE,
 * ERR_INPUT, ERR_IO, ERR_MEMORY.
 */
MUST_CHECK bool tune_open(struct tune *t, const struct options *o, struct err *err);

/*
 * The same for a run that goes on where the checkpoint was taken, with the options that it was
 * begun with (origin_options). Errors: as tune_open, and those of tune_state_load.
 */
MUST_CHECK bool tune_reopen(struct tune *t, const struct options *o,
                            const struct checkpoint_file *f, struct err *err);

/*
 * Finds the rate where none was given, trains and saves. `on_event` as in trainer.h. Errors:
 * ERR_STOPPED where the guard ended the run (with PACE_GUARD_ACT the best state is saved all the
 * same); ERR_INTERRUPTED where on_event did: its state is saved, so that it can be gone on with;
 * ERR_IO: the result could not be saved, but the last checkpoint is there.
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
