/*
 * origin.h - what a run was begun from: the options, and the files that it reads. Kept with its
 * checkpoints, so that it goes on from the same.
 */
#ifndef PACE_TRAIN_ORIGIN_H
#define PACE_TRAIN_ORIGIN_H

#include "base/arena.h"
#include "base/buf.h"
#include "options/options.h"

/* Appends the options and a hash of every file of the model, the data, the adapter and the chat
 * template, as JSON. Errors: ERR_IO. */
MUST_CHECK bool origin_put(struct buf *out, const struct options *o, struct err *err);

/*
 * The options of a run that is gone on with, from what origin_put wrote: as they were then, but for
 * what `said` gives beside --resume; the output folder is the one that --resume names. Texts live
 * in the arena, or belong to `said`. Errors: ERR_USAGE where `said` has what belongs to the run;
 * ERR_INPUT.
 */
MUST_CHECK bool origin_options(struct options *o, struct arena *arena, struct span text,
                               const struct options *said, struct err *err);

/* Errors: ERR_INPUT where a file has changed, has gone or has come since, with its path. */
MUST_CHECK bool origin_check(struct span text, const struct options *o, struct err *err);

#endif
