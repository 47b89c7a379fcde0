/*
 * tune_verdict.h - a run's look at its base before training, and at what it made of it.
 */
#ifndef PACE_TRAIN_TUNE_VERDICT_H
#define PACE_TRAIN_TUNE_VERDICT_H

#include "train/checkpoint.h"
#include "train/tune.h"

/* Reserves, behind the setup. Errors: those of verdict_init. */
MUST_CHECK bool tune_verdict_init(struct tune *t, struct err *err);

/* What of the budget for texts and answers is not spent, as a share of the run. */
double tune_verdict_unspent(const struct tune *t);

/* The base's side, as pieces of a checkpoint. */
void tune_verdict_list(struct tune *t, struct checkpoint *c);

/*
 * Preflight, then the base's side: fills report.base_loss and test_rows, writes the records.
 * Errors: ERR_INPUT where the preflight refuses; ERR_MEMORY.
 */
MUST_CHECK bool tune_verdict_begin(struct tune *t, struct err *err);

/* The loss of the test rows by the model as it is; NaN where there are none. */
double tune_verdict_test_loss(struct tune *t);

/* The model is what will be saved: the verdict and its records. Errors: those of verdict_end. */
MUST_CHECK bool tune_verdict_end(struct tune *t, struct err *err);

#endif
