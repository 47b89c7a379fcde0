/*
 * made_run.h - the journal of a made-up run, for what is told of runs.
 */
#ifndef PACE_TEST_MADE_RUN_H
#define PACE_TEST_MADE_RUN_H

#include "base/buf.h"

/* Of forty steps with a search, a roll-back at 30, a row left out, answers, a verdict, an end. */
void made_run(struct buf *journal);

/* Its parts: what stands before the first step, the steps, what stands behind them. */
void made_run_begin(struct buf *journal);
void made_run_steps(struct buf *journal);
void made_run_end(struct buf *journal);

#endif
