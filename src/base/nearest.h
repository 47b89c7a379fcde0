/*
 * nearest.h - the word that a misspelt one was probably meant to be.
 */
#ifndef PACE_BASE_NEAREST_H
#define PACE_BASE_NEAREST_H

#include "base/span.h"

/* The nearest of the candidates, or NULL where none is near; '-' and '_' are one letter. */
const char *nearest_word(struct span word, const char *const *candidates, size_t n);

#endif
