/*
 * tokenizer_gguf.h - the tokenizer in a GGUF file, as llama.cpp understands it.
 */
#ifndef PACE_TEXT_TOKENIZER_GGUF_H
#define PACE_TEXT_TOKENIZER_GGUF_H

#include "format/gguf.h"
#include "text/tokenizer.h"

/*
 * Fills a zeroed tokenizer from the keys "tokenizer.ggml.*"; the file may be closed afterwards.
 * tokenizer_close in any case. Errors: ERR_INPUT for a model or a pre-tokenizer that is not
 * supported, by name, and for keys that are missing or do not fit each other.
 */
MUST_CHECK bool tokenizer_gguf_read(struct tokenizer *t, const struct gguf *g, struct err *err);

#endif
