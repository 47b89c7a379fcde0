/*
 * data_view.h - a survey of a data set as a person reads it and as a program does.
 */
#ifndef PACE_CLI_DATA_VIEW_H
#define PACE_CLI_DATA_VIEW_H

#include "cli/term.h"
#include "text/survey.h"

struct data_report {
    const struct dataset *dataset;
    const struct survey *survey;
    const char *path;      /* as the user gave it */
    bool in_tokens;        /* lengths are in tokens, not characters */
    uint32_t max_length;   /* tokens */
    const char **problems; /* one sentence each, no full stop; see data_view_problems */
    size_t n_problems;
    struct arena arena;
};

/* Fills `problems` from the survey. */
void data_view_problems(struct data_report *report);

/* For the terminal. */
void data_view_text(const struct data_report *report, const struct term *term, struct buf *out);

/* A row, what is trained on in green, or between brackets where there is no colour. */
void data_view_row(const struct survey_preview *row, const struct term *term, struct buf *out);

/* The document of --json. */
void data_view_json(const struct data_report *report, struct buf *out);

#endif
