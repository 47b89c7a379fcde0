/*
 * pretoken_step.h - one step of a pre-tokenizer, as read from the file.
 */
#ifndef PACE_TEXT_PRETOKEN_STEP_H
#define PACE_TEXT_PRETOKEN_STEP_H

#include "text/cut.h"

enum metaspace_scheme { METASPACE_ALWAYS, METASPACE_FIRST, METASPACE_NEVER };

struct pretoken_step {
    const struct pretoken_kind *kind;
    struct regex regex;         /* Split; ByteLevel with use_regex */
    enum cut_behavior behavior; /* Split, Punctuation; Digits: isolated or contiguous */
    bool invert;                /* Split */
    bool add_prefix_space;      /* ByteLevel */
    bool use_regex;             /* ByteLevel */
    bool write_letters;         /* ByteLevel that is not the last step: write the byte alphabet */
    struct span replacement;    /* Metaspace; CharDelimiterSplit: one character */
    enum metaspace_scheme scheme;
    bool split;    /* Metaspace */
    size_t length; /* FixedLength, in characters */
};

/* Cuts every piece of the text further, and rewrites it where the kind does. */
typedef bool pretoken_run_step(const struct pretoken_step *step, struct text *t, struct err *err);

struct pretoken_kind {
    const char *name;
    pretoken_run_step *run;
    const char *fields; /* the members it cannot do without, each followed by a space */
};

extern const struct pretoken_kind pretoken_kinds[];
extern const size_t pretoken_n_kinds;

#endif
