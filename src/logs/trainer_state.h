/*
 * trainer_state.h - trainer_state.json, in which Hugging Face's Trainer keeps its log.
 */
#ifndef PACE_LOGS_TRAINER_STATE_H
#define PACE_LOGS_TRAINER_STATE_H

#include "base/err.h"
#include "logs/sheet.h"

/* True for an object with a log_history, which may stand anywhere in it. */
bool trainer_state_is(struct span text);

/* Errors: ERR_INPUT for malformed text in front of the first entry. */
MUST_CHECK bool trainer_state_read(struct sheet *sheet, struct span text, struct err *err);

#endif
