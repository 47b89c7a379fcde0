/*
 * tokenizer_fit.h - whether a tokenizer looks like the model's own, from what their files say.
 */
#ifndef PACE_TRAIN_TOKENIZER_FIT_H
#define PACE_TRAIN_TOKENIZER_FIT_H

#include "model/config.h"
#include "text/tokenizer.h"

enum { TOKENIZER_DOUBT_SIZE = 256 };

/*
 * True, with a sentence, where the tokenizer is probably another model's. Its ids may all be within
 * the vocabulary: then nothing fails, and the model reads nonsense.
 */
bool tokenizer_fit_doubt(const struct tokenizer *t, const struct model_config *c,
                         char doubt[TOKENIZER_DOUBT_SIZE]);

/* A warning, where there is a doubt. */
void tokenizer_fit_warn(const struct tokenizer *t, const struct model_config *c);

#endif
