/*
 * adapter_options.h - the adapters that the options describe.
 */
#ifndef PACE_TRAIN_ADAPTER_OPTIONS_H
#define PACE_TRAIN_ADAPTER_OPTIONS_H

#include "model/lora.h"
#include "options/options.h"

/*
 * --target-modules (default: all linear layers), --modules-to-save, --rank-pattern,
 * --alpha-pattern, --lora-dropout, --use-rslora; rank and alpha are the caller's. What is pointed
 * to lives in the arena. Errors (ERR_USAGE): a pattern that is no JSON object of numbers above 0.
 */
MUST_CHECK bool adapter_options_read(const struct options *o, struct arena *arena,
                                     struct lora_options *lora, struct err *err);

#endif
