/*
 * end_token.h - the end-of-text token of a model, as it is written, and its other special tokens.
 */
#ifndef PACE_TEXT_END_TOKEN_H
#define PACE_TEXT_END_TOKEN_H

#include "text/tokenizer.h"

/*
 * Finds it for a model folder or a .gguf file: `text` is a copy in the arena, empty where the model
 * names none (a tokenizer.json alone never does). Errors: ERR_IO; ERR_INPUT for a configuration
 * that is broken, or that names a token which the tokenizer does not have.
 */
MUST_CHECK bool end_token_find(const char *model, const struct tokenizer *tokenizer,
                               struct arena *arena, struct span *text, struct err *err);

/*
 * Any of transformers' special tokens, "bos", "eos", "unk", "pad" …, from a model folder, in the
 * same order: its id; -1 where the model names none, or one that the tokenizer does not have.
 * Errors: ERR_IO; ERR_INPUT for a configuration that is broken.
 */
MUST_CHECK bool special_token_find(const char *folder, const char *kind,
                                   const struct tokenizer *tokenizer, int64_t *id, struct err *err);

#endif
