/*
 * tiny_model.h - a model folder with a tokenizer that a person can follow: a letter is a token, but
 * for "ab", which is one; "<e>" ends a text, and "<s>" is put before it.
 *
 *     a 0   b 1   c 2   space 3   ab 4   <s> 5   <e> 6   line break 7   ':' 8   u 9
 */
#ifndef PACE_TEST_TINY_MODEL_H
#define PACE_TEST_TINY_MODEL_H

#include "test/support/support.h"

enum { TINY_VOCABULARY = 10, TINY_END = 6 };

/* A new folder below the temporary one with the files of the model; `config` and `template` may be
 * NULL: then there is no tokenizer_config.json, no chat_template.jinja. */
const char *tiny_model(const char *name, const char *config, const char *template);

/* The same files into a folder that is there: the tokenizer of a model of TINY_VOCABULARY tokens.
 */
void tiny_tokenizer(const char *folder, const char *config, const char *template);

/* A file of `n` questions with answers in these letters, of which each says the next one. */
const char *tiny_rows(int n);

/* Writes one more file into a folder. */
const char *write_into(const char *folder, const char *name, const char *content);

#endif
