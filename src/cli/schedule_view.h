/*
 * schedule_view.h - how `pace schedule` shows the rates of a run.
 */
#ifndef PACE_CLI_SCHEDULE_VIEW_H
#define PACE_CLI_SCHEDULE_VIEW_H

#include "base/arena.h"
#include "cli/term.h"
#include "pace/rate.h"

/* A schedule over a run. */
struct course {
    const char *label;
    struct pace_schedule schedule;
    /* Of schedules that move after evaluations: the rates before the first and behind each. */
    const double *levels;
    size_t n_levels;    /* 0: any other schedule */
    int64_t eval_steps; /* updates from one evaluation to the next */
};

/* Several over the same run. */
struct comparison {
    const struct course *courses;
    size_t n; /* at least 1 */
    int64_t total_steps, warmup_steps;
    double learning_rate;
};

/* The rate that update `step` is made with. */
double course_rate(const struct course *course, int64_t step);

/* A table of a dozen rows. */
void schedule_view_table(const struct comparison *c, const struct term *t, struct buf *out);

/* Curves in the terminal; as one <svg> element. */
void schedule_view_plot(const struct comparison *c, const struct term *t, struct buf *out);
void schedule_view_svg(const struct comparison *c, struct buf *out);

/* One number per update, written to standard output as they are made. Errors: ERR_IO. */
MUST_CHECK bool schedule_view_json(const struct comparison *c, struct err *err);
MUST_CHECK bool schedule_view_csv(const struct comparison *c, struct err *err);

#endif
