/*
 * normalize_step.h - one step of a normalizer, as read from the file.
 */
#ifndef PACE_TEXT_NORMALIZE_STEP_H
#define PACE_TEXT_NORMALIZE_STEP_H

#include "text/charsmap.h"
#include "text/text.h"

struct normalize_step {
    const struct normalize_kind *kind;
    struct regex regex;      /* Replace */
    struct span content;     /* Replace, Prepend */
    struct charsmap charsmap; /* Precompiled */
    bool strip_left, strip_right;
    bool clean_text, handle_chinese_chars, strip_accents, lowercase; /* BertNormalizer */
};

/* Rewrites t->bytes. */
typedef bool normalize_run_step(const struct normalize_step *step, struct text *t, struct err *err);

struct normalize_kind {
    const char *name;
    normalize_run_step *run;
    const char *fields; /* the members it cannot do without, each followed by a space */
};

extern const struct normalize_kind normalize_kinds[];
extern const size_t normalize_n_kinds;

#endif
