/*
 * jinja_str.h - the methods of Python's str, and the few of them that filters share.
 */
#ifndef PACE_FORMAT_JINJA_STR_H
#define PACE_FORMAT_JINJA_STR_H

#include "format/jinja_run.h"
#include "format/jinja_unicode.h"

/* Ended by a row without a name. */
extern const struct jinja_builtin jinja_str_methods[];

MUST_CHECK bool jinja_str_case(struct jinja_run *run, struct jinja_value s, enum jinja_case to,
                               struct jinja_value *out);

enum jinja_side { JINJA_SIDE_LEFT = 1, JINJA_SIDE_RIGHT = 2, JINJA_SIDE_BOTH = 3 };

/* str.strip, lstrip, rstrip; `chars` MISSING or None: white space. */
MUST_CHECK bool jinja_str_strip(struct jinja_run *run, struct jinja_value s,
                                struct jinja_value chars, enum jinja_side side,
                                struct jinja_value *out);

/* str.replace; count < 0: all. */
MUST_CHECK bool jinja_str_replace(struct jinja_run *run, struct jinja_value s,
                                  const struct span old_and_new[2], int64_t count,
                                  struct jinja_value *out);

/* str.center. */
MUST_CHECK bool jinja_str_center(struct jinja_run *run, struct jinja_value s, int64_t width,
                                 struct jinja_value *out);

/* str.splitlines. */
MUST_CHECK bool jinja_str_lines(struct jinja_run *run, struct jinja_value s, bool keeps_ends,
                                struct jinja_value *out);

/* str.islower, isupper. */
bool jinja_str_is_case(struct span text, bool is_upper);

#endif
