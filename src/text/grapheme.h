/*
 * grapheme.h - where one user-perceived character ends (Unicode Standard Annex 29).
 */
#ifndef PACE_TEXT_GRAPHEME_H
#define PACE_TEXT_GRAPHEME_H

#include "base/span.h"

/* Bytes of the first extended grapheme cluster of the text (valid UTF-8); 0 where it is empty. */
size_t grapheme_length(struct span text);

#endif
