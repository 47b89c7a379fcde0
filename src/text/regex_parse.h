/*
 * regex_parse.h - from Oniguruma's syntax to a pattern over letters; see regex.c for what a letter
 * is.
 */
#ifndef PACE_TEXT_REGEX_PARSE_H
#define PACE_TEXT_REGEX_PARSE_H

#include "base/buf.h"
#include "base/err.h"
#include "text/charset.h"

enum {
    REGEX_MAX_PATTERN_BYTES = 8192,
    REGEX_MAX_SETS = 1024,
    REGEX_MAX_DEPTH = 100,
    /* In the skeleton: stands for a set, followed by its number as two bytes, lowest first. */
    REGEX_SET_MARK = 0,
};

/* A pattern in PCRE2's syntax in which each class and each literal character is a mark and a
 * number. */
struct regex_skeleton {
    struct buf text;
    struct charset sets[REGEX_MAX_SETS]; /* distinct; in the arena */
    size_t n_sets;
};

/* Errors: ERR_INPUT, `where` the place in the pattern. The skeleton's text must be released. */
MUST_CHECK bool regex_parse(struct regex_skeleton *skeleton, struct span pattern,
                            struct arena *arena, struct err *err);

#endif
