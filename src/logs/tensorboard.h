/*
 * tensorboard.h - logs in TensorBoard's event files.
 */
#ifndef PACE_LOGS_TENSORBOARD_H
#define PACE_LOGS_TENSORBOARD_H

#include "base/err.h"
#include "logs/sheet.h"

bool tensorboard_is(struct span bytes);

/* Errors: ERR_INPUT where the first record is broken. */
MUST_CHECK bool tensorboard_read(struct sheet *sheet, struct span bytes, struct err *err);

/* The same for a file of a run that keeps "train" and "validation" apart in folders. */
MUST_CHECK bool tensorboard_read_part(struct sheet *sheet, struct span bytes, const char *part,
                                      struct err *err);

#endif
