/*
 * transform.h - rewriting a text character by character, with origins as the `tokenizers` library
 * computes them: each new character says how it relates to the old ones.
 */
#ifndef PACE_TEXT_TRANSFORM_H
#define PACE_TEXT_TRANSFORM_H

#include "text/text.h"

struct transform {
    struct text *text;
    size_t offset; /* in the old text: how far the new characters have used it up */
};

/*
 * Appends a character between text_begin_rewrite and text_end_rewrite.
 *
 *   change  0: it takes the place of the next old character; -n: and the n after that one vanish;
 *           above 0: it is new, and shares the origin of the old character before it
 */
void transform_put(struct transform *tr, uint32_t code_point, int change);

/* Copies the old text up to byte `end`. */
void transform_keep(struct transform *tr, size_t end);

/* The code point at `at` of valid UTF-8, and where the next one begins. */
uint32_t transform_decode(struct span text, size_t at, size_t *next);

#endif
