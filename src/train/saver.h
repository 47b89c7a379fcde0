/*
 * saver.h - when a run saves its state, and what that may cost.
 *
 *     saver_begin(&s, "OUT", machine, every);
 *     checkpoint_add(&s.list, …);                    all that the run goes on with
 *     if (saver_is_due(&s, step)) ok = saver_save(&s, step, err);
 *     ok = saver_end(&s, status, step, reason, err);
 *     saver_release(&s);
 */
#ifndef PACE_TRAIN_SAVER_H
#define PACE_TRAIN_SAVER_H

#include "train/checkpoint.h"

struct saver {
    struct checkpoint list;
    const char *folder, *machine;
    int64_t every;      /* steps; 0: as often as it costs little */
    double cost;        /* seconds that one takes; 0: none was taken yet */
    double last;        /* clock of the newest, or of the beginning */
    int64_t saved_step; /* of the newest that is on the disk; -1: none */
    bool failed;        /* the newest one could not be saved */
};

/* The list is empty. The texts must outlive the struct. */
void saver_begin(struct saver *s, const char *folder, const char *machine, int64_t every);

/* Safe on a zeroed struct. */
void saver_release(struct saver *s);

/* True where the state behind that step is to be saved. Asked once a step. */
bool saver_is_due(const struct saver *s, int64_t step);

/* Errors: ERR_IO; the one before is still there. */
MUST_CHECK bool saver_save(struct saver *s, int64_t step, struct err *err);

/* So many seconds went into what is saved beside it. */
void saver_spend(struct saver *s, double seconds);

/*
 * Replaces the state by a note that the run has ended, and how (a status and a sentence): only the
 * list's first piece is kept. Errors: ERR_IO.
 */
MUST_CHECK bool saver_end(struct saver *s, enum checkpoint_status status, int64_t step,
                          const char *reason, struct err *err);

#endif
