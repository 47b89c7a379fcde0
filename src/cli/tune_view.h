/*
 * tune_view.h - how `pace tune` shows a run: what it will be, how it goes, what it came to.
 */
#ifndef PACE_CLI_TUNE_VIEW_H
#define PACE_CLI_TUNE_VIEW_H

#include "cli/term.h"
#include "train/tune.h"

/* What was chosen and why, and the memory it takes; before the first step. */
void tune_view_plan(const struct setup *s, const struct term *term, struct buf *out);

/* The document of `pace plan --json`; tune_view.c lists its fields. */
void tune_view_plan_json(const struct setup *s, struct buf *out);

/* The rate that was found, and why it is that. */
void tune_view_found(const struct tune *t, const struct term *term, struct buf *out);

/* The last step that was made. */
struct tune_progress {
    int64_t step; /* 0: none yet */
    double loss, learning_rate;
};

/* One line on how the run goes: step, losses, rate, time left, speed; as many of them as fit into
 * `columns` (0: all). */
void tune_view_progress(const struct tune *t, const struct tune_progress *p, size_t columns,
                        struct buf *out);

/* What the guard did, or would have done. */
void tune_view_incident(const struct tune_incident *incident, const struct term *term,
                        struct buf *out);

/* The command that goes on with the run of that folder, as a shell takes it. */
void tune_view_resume(const char *folder, struct buf *out);

/* What it came to. */
void tune_view_result(const struct tune *t, const struct term *term, struct buf *out);
void tune_view_result_json(const struct tune *t, struct buf *out);

#endif
