/*
 * regex_class.h - the parser's state, and the part of it that reads escapes and [classes].
 */
#ifndef PACE_TEXT_REGEX_CLASS_H
#define PACE_TEXT_REGEX_CLASS_H

#include "text/regex_parse.h"

struct regex_parser {
    struct span pattern;
    size_t at;    /* of the next byte */
    size_t depth; /* of groups and classes */
    bool ignore_case, dot_all, extended;
    struct regex_skeleton *skeleton;
    struct arena *arena;
    struct err *err;
    bool failed; /* err is set; everything comes to its end */
};

/* Keeps the first error, with byte `place` of the pattern. */
void regex_parser_fail(struct regex_parser *p, size_t place, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* The next byte, or -1 at the end and after an error. */
int regex_parser_peek(const struct regex_parser *p);

/* Passes over `text` where it comes next. */
bool regex_parser_take(struct regex_parser *p, const char *text);

/* The next character, UTF-8 decoded and passed over. */
uint32_t regex_parser_character(struct regex_parser *p);

/*
 * An escape that stands for one character, behind its backslash: \n \x41 \u0041 \o{101} \cA, or the
 * character itself.
 */
uint32_t regex_parse_escaped(struct regex_parser *p);

/*
 * \w \W \s \S \d \D \h \H \p{name} \P{name} behind the backslash; false, and nothing read, where it
 * is none of these. Inside brackets \w is a smaller set than outside.
 */
bool regex_parse_shorthand(struct regex_parser *p, bool in_class, struct charset *out);

/* A class, behind its '['; without regard to case where the parser says so. */
struct charset regex_parse_class(struct regex_parser *p, bool *negated);

#endif
