/*
 * pretrain.h - what a model needs before its first step: its description, and a tokenizer, which
 * is trained on the data where there is none yet.
 */
#ifndef PACE_TRAIN_PRETRAIN_H
#define PACE_TRAIN_PRETRAIN_H

#include "base/lock.h"
#include "options/options.h"

/* The folder below --output-dir that pretrain_prepare makes. */
extern const char pretrain_folder[];

/*
 * From CONFIG (a config.json or the folder of one) and DATA, the arguments: makes the folder
 * --output-dir/tokenizer with config.json, tokenizer.json, tokenizer_config.json and
 * chat_template.jinja, so that all that reads a model's folder, but for its weights, can read it.
 * A tokenizer.json beside the config.json is taken; else one is trained with its vocab_size, and
 * config.json says which token ends a text. The lock holds the folder from then on. Errors:
 * ERR_IO; ERR_INPUT for descriptions and data that cannot be read, and a vocab_size that has no
 * room for the bytes: nothing is written then.
 */
MUST_CHECK bool pretrain_prepare(const struct options *o, struct lock *lock, struct err *err);

/* Removes what pretrain_prepare made: of a run that could not begin. */
void pretrain_discard(const struct options *o);

#endif
