/*
 * explain_view.h - the story of a run as a person reads it and as a program does.
 */
#ifndef PACE_CLI_EXPLAIN_VIEW_H
#define PACE_CLI_EXPLAIN_VIEW_H

#include "cli/term.h"
#include "report/report.h"

/* For the terminal: opening, learning rate, plot, what happened, verdict, end. */
void explain_view_text(const struct report *report, const struct term *term, struct buf *out);

/* The document of --json; explain_json.c lists its members. */
void explain_view_json(const struct report *report, struct buf *out);

#endif
