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

/* What a run is to write, in bytes. */
struct output_need {
    uint64_t result;          /* output_bytes */
    uint64_t checkpoint;      /* one, as the run begins; 0: there is one already */
    uint64_t most_checkpoint; /* the largest */
    int64_t steps;
};

/* The size of what output_save writes, but for headers. */
uint64_t output_bytes(const struct model *model, const struct options *o);

/*
 * Looks whether the disk has room for the result, for what tells of it, and for one checkpoint
 * beside them; where it is larger checkpoints that would not fit, that is a warning. A file system
 * that does not tell its room has room. Errors: ERR_MEMORY.
 */
MUST_CHECK bool output_check_room(const struct options *o, const struct output_need *need,
                                  struct err *err);

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
 * there, and no empty folder.
 */
MUST_CHECK bool output_save(const struct model *model, const struct options *o, struct err *err);

#endif
