/*
 * lora_target.h - which modules an adapter is for, and with what rank: PEFT's rules. For the folder
 * model/ alone.
 */
#ifndef PACE_MODEL_LORA_TARGET_H
#define PACE_MODEL_LORA_TARGET_H

#include "model/parts.h"

/* What is done with a module. */
struct lora_choice {
    bool adapted, saved;
    size_t rank;
    double alpha;
};

/*
 * Chooses for each module, into choices [n_modules]. `is_loose`: names and patterns that match no
 * module are passed over, as those of a file. Errors: ERR_USAGE.
 */
MUST_CHECK bool lora_choose(const struct model *model, const struct lora_options *options,
                            bool is_loose, struct lora_choice *choices, struct err *err);

/*
 * Ranks and alphas of the modules that are adapted, by the patterns. Errors: ERR_INPUT for a
 * pattern that is none; ERR_USAGE for one that matches nothing, unless `is_loose`.
 */
MUST_CHECK bool lora_apply_patterns(const struct model *model, const struct lora_options *options,
                                    bool is_loose, struct lora_choice *choices, struct err *err);

/* A short list of targets that PEFT reads as exactly the modules that have adapters. */
const char *const *lora_targets(const struct model *model, struct arena *arena, size_t *n);

#endif
