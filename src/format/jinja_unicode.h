/*
 * jinja_unicode.h - what Python's str knows about characters.
 */
#ifndef PACE_FORMAT_JINJA_UNICODE_H
#define PACE_FORMAT_JINJA_UNICODE_H

#include "base/buf.h"

enum jinja_class {
    JINJA_IS_SPACE,     /* str.isspace, and \s of a pattern */
    JINJA_IS_ALPHA,     /* str.isalpha */
    JINJA_IS_DECIMAL,   /* str.isdecimal */
    JINJA_IS_DIGIT,     /* str.isdigit: decimals and superscripts */
    JINJA_IS_NUMERIC,   /* str.isnumeric: fractions, ideographs that are numbers */
    JINJA_IS_ALNUM,     /* str.isalnum */
    JINJA_IS_LOWER,     /* a lowercase letter */
    JINJA_IS_UPPER,     /* an uppercase letter */
    JINJA_IS_TITLE,     /* a titlecase letter */
    JINJA_IS_PRINTABLE, /* repr shows it as it is */
    JINJA_IS_NAME_START,
    JINJA_IS_NAME,
};

bool jinja_char_is(uint32_t c, enum jinja_class class);

enum jinja_case { JINJA_LOWER, JINJA_UPPER, JINJA_TITLE, JINJA_CAPITALIZE, JINJA_SWAP };

/* Appends the text in another case, as str.lower, upper, title, capitalize and swapcase write it.
 */
void jinja_add_case(struct buf *out, struct span text, enum jinja_case to);

/* Length of the white space (str.isspace) at the start, or at the end, in bytes. */
size_t jinja_space_before(struct span text);
size_t jinja_space_behind(struct span text);

/* Length of the line break that str.splitlines sees at the start: 0 where there is none. */
size_t jinja_line_break(struct span text);

#endif
