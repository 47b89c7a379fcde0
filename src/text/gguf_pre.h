/*
 * gguf_pre.h - the ways of cutting a text that GGUF files name in tokenizer.ggml.pre.
 */
#ifndef PACE_TEXT_GGUF_PRE_H
#define PACE_TEXT_GGUF_PRE_H

#include "text/pretoken.h"

enum { GGUF_PRE_MOST_PATTERNS = 6, GGUF_PRE_MOST_NAMES = 12 };

struct gguf_pre {
    const char *names[GGUF_PRE_MOST_NAMES]; /* the first is the one that is written */
    bool ignore_merges;                     /* a word of the vocabulary is not built by merging */
    bool add_bos;                           /* where the file does not say */
    const char *patterns[GGUF_PRE_MOST_PATTERNS];
};

/* Not by name but by model, gemma4: lines. */
extern const struct gguf_pre gguf_pre_lines;

/* The row with that name. Errors: ERR_INPUT, with NULL. */
const struct gguf_pre *gguf_pre_find(struct span name, struct err *err);

/*
 * The row that cuts texts as a byte-level pre-tokenizer does: where several do, one with that
 * add_bos. NULL where there is none.
 */
const struct gguf_pre *gguf_pre_like(const struct pretokenizer *pretokenizer, bool ignore_merges,
                                     bool add_bos);

/* The value of "pre_tokenizer" in a tokenizer.json that cuts so. */
void gguf_pre_put(const struct gguf_pre *pre, bool byte_level, struct json_writer *w);

#endif
