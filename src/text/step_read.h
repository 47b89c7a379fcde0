/*
 * step_read.h - what reading a normalizer and reading a pre-tokenizer share.
 *
 * The members of a step's object may stand in any order and its kind comes last as well as first,
 * so they are gathered, with their names, and understood when the object is complete.
 */
#ifndef PACE_TEXT_STEP_READ_H
#define PACE_TEXT_STEP_READ_H

#include "format/json.h"
#include "text/regex.h"

enum { STEP_MAX_STEPS = 64, STEP_MAX_NESTING = 16 };

/* Names of the members seen, each behind its length; those beyond its size are forgotten. */
struct step_names {
    uint8_t bytes[256];
    size_t len;
};

void step_note_name(struct step_names *names, struct span name);

/* Fails the reader for the first of `fields` (each followed by a space) that is not among the
 * names. */
void step_check_fields(struct json_reader *r, const struct step_names *names, const char *kind,
                       const char *fields);

/* True where all of `fields` are among the names. */
bool step_has_fields(const struct step_names *names, const char *fields);

/* The number of the string that comes next among the words. */
size_t step_read_choice(struct json_reader *r, const char *const *words, size_t n);

/* {"String": "…"} or {"Regex": "…"} */
struct step_pattern {
    struct span text;
    bool is_regex;
};
void step_read_pattern(struct json_reader *r, struct step_pattern *pattern);

/* Compiles it; the reader fails where that cannot be done. `re` can be released in any case. */
void step_compile(struct json_reader *r, const struct step_pattern *pattern, struct regex *re);

#endif
