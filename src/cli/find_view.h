/*
 * find_view.h - how `pace find` shows a rate: the terms that make it up, and what others would set.
 */
#ifndef PACE_CLI_FIND_VIEW_H
#define PACE_CLI_FIND_VIEW_H

#include "cli/term.h"
#include "train/job.h"

/* For the terminal. `data`: the data's path as the user gave it. */
void find_view_text(const struct job *job, const struct pace_prior *prior, const char *data,
                    const struct term *term, struct buf *out);

/* The document of --json; find_view.c lists its fields. */
void find_view_json(const struct job *job, const struct pace_prior *prior, struct buf *out);

#endif
