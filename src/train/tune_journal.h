/*
 * tune_journal.h - the records of a run as a whole in its journal.
 */
#ifndef PACE_TRAIN_TUNE_JOURNAL_H
#define PACE_TRAIN_TUNE_JOURNAL_H

#include "train/tune.h"

/* "run": what it is, what was chosen and why, what it takes. */
void tune_journal_run(struct tune *t);

/* "prior": the first guess of the rate; and its members alone. */
void tune_journal_prior(struct tune *t);
void tune_journal_prior_members(const struct pace_prior *p, struct json_writer *w);

/* "quarantine": a row that is left out from here on. */
void tune_journal_quarantine(struct tune *t, const struct quarantined *row);

/* "choice": which of a guarded run's states is its result; of another run there is no choice. */
void tune_journal_choice(struct tune *t);

/* "checkpoint" or "resume", with the step that it is at. */
void tune_journal_place(struct tune *t, const char *record);

/* "end": how it ended, and what it cost. */
void tune_journal_end(struct tune *t);

/* The member "memory": bytes of each kind. */
void tune_journal_memory(const struct setup_memory *m, struct json_writer *w);

/* The member "compute": shares of what the planned steps cost. */
void tune_journal_compute(const struct tune *t, struct json_writer *w);

#endif
