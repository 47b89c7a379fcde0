/*
 * find_view.h - how `pace find` shows a rate: the terms that make it up, and what others would set.
 */
#ifndef PACE_CLI_FIND_VIEW_H
#define PACE_CLI_FIND_VIEW_H

#include "cli/search_view.h"
#include "train/job.h"

/* A job, the first guess for it, and the search that tested the guess. */
struct find_shown {
    const struct job *job;
    const struct pace_prior *prior;
    struct search_shown search; /* search.search NULL: the guess alone was asked for */
    const char *data;           /* the path as the user gave it */
};

/* For the terminal. */
void find_view_text(const struct find_shown *shown, const struct term *term, struct buf *out);

/* One line, without its end, on how far the search is; of that many columns at most, 0: any. */
struct find_event;
void find_view_progress(const struct find_event *e, size_t columns, struct buf *out);

/* The document of --json; find_view.c lists its fields. */
void find_view_json(const struct find_shown *shown, struct buf *out);

#endif
