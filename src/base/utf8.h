/*
 * utf8.h - UTF-8 as Unicode defines it: no overlong forms, no surrogates, nothing beyond U+10FFFF.
 */
#ifndef PACE_BASE_UTF8_H
#define PACE_BASE_UTF8_H

#include "base/span.h"

/* Length (1 to 4) of the valid sequence at the start of `s`; 0 where there is none. */
size_t utf8_length(struct span s);

/* Decodes the valid sequence at `at`. Its length is utf8_length's; invalid input is not checked. */
uint32_t utf8_decode(const uint8_t *at);

/* Position of the first byte that is not part of a valid sequence, or s.len. */
size_t utf8_first_invalid(struct span s);

#endif
