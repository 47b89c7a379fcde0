/*
 * output.h - the folder that a run leaves: where it may be, and what goes into it.
 */
#ifndef PACE_TRAIN_OUTPUT_H
#define PACE_TRAIN_OUTPUT_H

#include "base/lock.h"
#include "model/model.h"
#include "options/options.h"

/*
 * Looks whether the result can go to --output-dir, and leaves it as it is. Errors: ERR_USAGE where
 * it was not given, or is not empty and --overwrite-output-dir was not said; ERR_IO.
 */
MUST_CHECK bool output_check(const struct options *o, struct err *err);

/*
 * Makes the folder of a run and holds it (checkpoint.h), once everything else has been looked at.
 * Errors: ERR_IO, also where another process writes there.
 */
MUST_CHECK bool output_hold(const struct options *o, struct lock *lock, struct err *err);

/*
 * Makes the folder, without an earlier run's checkpoint and trainer_state.json, once everything
 * else has been looked at. Errors: ERR_IO.
 */
MUST_CHECK bool output_begin(const struct options *o, struct err *err);

/*
 * Writes what was trained below --output-dir: adapter/ as PEFT has it, or model/ where the base
 * itself was, with the base's tokenizer and the template that was trained with; then removes the
 * result and the reports of an earlier run. Errors: ERR_IO; what was there before is then still
 * there.
 */
MUST_CHECK bool output_save(const struct model *model, const struct options *o, struct err *err);

#endif
