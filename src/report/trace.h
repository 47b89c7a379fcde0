/*
 * trace.h - a run as curves: what pictures of it are drawn from, in the terminal and in pages.
 */
#ifndef PACE_REPORT_TRACE_H
#define PACE_REPORT_TRACE_H

#include "report/plot.h"
#include "report/story.h"

/* A point with NAN in x is a gap: the line is not joined across it. */
struct trace_line {
    double *x, *y; /* [n] */
    size_t n;
};

struct trace {
    struct trace_line loss, rate, eval; /* x: the step, the first being 1 */
    struct trace_line smooth;           /* the loss without the noise of its batches */
    bool log_loss, log_rate;            /* seen better on a logarithmic axis */
};

/* Arrays live in the arena. */
void trace_make(struct trace *trace, const struct story *story, struct arena *arena);

/* The same line in at most about `most` points, no peak and no gap of it lost. */
struct trace_line trace_thin(const struct trace_line *line, size_t most, struct arena *arena);

#endif
