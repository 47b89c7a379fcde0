/*
 * utf8.h - UTF-8 as Unicode defines it: no overlong forms, no surrogates, nothing beyond U+10FFFF.
 */
#ifndef PACE_BASE_UTF8_H
#define PACE_BASE_UTF8_H

#include "base/span.h"

/* True for a byte that continues a character, false for one that begins it. */
static inline bool utf8_is_inner(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* The number of characters of valid text. */
size_t utf8_count(struct span s);

/* Length (1 to 4) of the valid sequence at the start of `s`; 0 where there is none. */
size_t utf8_length(struct span s);

/* Decodes the valid sequence at `at`. Its length is utf8_length's; invalid input is not checked. */
uint32_t utf8_decode(const uint8_t *at);

/* Position of the first byte that is not part of a valid sequence, or s.len. */
size_t utf8_first_invalid(struct span s);

/*
 * Makes text from an unknown source safe to show: what a terminal could take for a command (control
 * characters of C0 and C1, characters that turn the writing direction) and bytes that are not UTF-8
 * become '?'. In place; the text never grows.
 */
void utf8_make_printable(char *text);

#endif
