/*
 * jinja_filter.h - the tables of filters and tests.
 */
#ifndef PACE_FORMAT_JINJA_FILTER_H
#define PACE_FORMAT_JINJA_FILTER_H

#include "format/jinja_run.h"

/* The row of that name, or NULL; one without functions is in Jinja and not in pace. */
const struct jinja_builtin *jinja_filter_find(struct span name);
const struct jinja_builtin *jinja_test_find(struct span name);

/* The rows of each file, ended by one without a name. */
extern const struct jinja_builtin jinja_text_filters[];
extern const struct jinja_builtin jinja_number_filters[];
extern const struct jinja_builtin jinja_list_filters[];
extern const struct jinja_builtin jinja_map_filters[];

/* Where an attribute ("a.b.0", or a number) leads from an item, as make_attrgetter looks it up. */
struct jinja_path {
    struct jinja_value *parts;
    size_t n;
    struct jinja_value fallback; /* instead of what is undefined; MISSING: none */
    bool ignores_case;           /* texts are given in lower case */
};
MUST_CHECK bool jinja_path_of(struct jinja_run *run, struct jinja_value attribute,
                              struct jinja_path *path);
MUST_CHECK bool jinja_path_get(struct jinja_run *run, const struct jinja_path *path,
                               struct jinja_value item, struct jinja_value *out);

/* A generator over a list that was computed already. */
MUST_CHECK bool jinja_list_generator(struct jinja_run *run, struct jinja_value list,
                                     struct jinja_value *out);

#endif
