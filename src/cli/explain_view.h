/*
 * explain_view.h - the story of a run as a person reads it and as a program does.
 */
#ifndef PACE_CLI_EXPLAIN_VIEW_H
#define PACE_CLI_EXPLAIN_VIEW_H

#include "cli/term.h"
#include "report/story.h"

/* For the terminal: opening, plot, decisions, end. `path` is the journal's. */
void explain_view_text(const struct story *story, const char *path, const struct term *term,
                       struct buf *out);

/* The document of --json. */
void explain_view_json(const struct story *story, const char *path, struct buf *out);

#endif
