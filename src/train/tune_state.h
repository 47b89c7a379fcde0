/*
 * tune_state.h - what of a run is saved between two steps, and how a saved one is taken up again.
 */
#ifndef PACE_TRAIN_TUNE_STATE_H
#define PACE_TRAIN_TUNE_STATE_H

#include "train/tune.h"

/*
 * Begins t->saver with all pieces that a run goes on with; everything that they lie in is reserved
 * and stays where it is.
 */
void tune_state_list(struct tune *t);

/* What the run keeps to (setup.h). Errors: ERR_INPUT. */
MUST_CHECK bool tune_state_kept(const struct checkpoint_file *f, struct setup_kept *kept,
                                struct err *err);

/* Puts the run where the checkpoint was taken, its journal too. Errors: ERR_INPUT, ERR_IO. */
MUST_CHECK bool tune_state_load(struct tune *t, const struct checkpoint_file *f, struct err *err);

/* Removes what a process that was killed while it wrote has left in a run's folder. Errors: ERR_IO.
 */
MUST_CHECK bool tune_state_sweep(const char *folder, struct err *err);

/*
 * Saves the run where it stands, with a record in the journal. A failure is told once, and the run
 * goes on: false then.
 */
bool tune_state_save(struct tune *t);

#endif
