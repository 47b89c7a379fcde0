/*
 * schedule_options.h - the learning-rate schedules that the options describe.
 *
 * One schedule for whoever trains; several, side by side, for whoever compares. A schedule is asked
 * for by its name, or by name and parameters: "cosine", "cosine:num_cycles=2",
 * "warmup_stable_decay:num_decay_steps=200:decay_type=linear".
 */
#ifndef PACE_OPTIONS_SCHEDULE_OPTIONS_H
#define PACE_OPTIONS_SCHEDULE_OPTIONS_H

#include "base/arena.h"
#include "options/options.h"
#include "pace/rate.h"

enum { SCHEDULES_MOST = 16 };

struct schedule_list {
    struct pace_schedule schedules[SCHEDULES_MOST];
    const char *labels[SCHEDULES_MOST]; /* as they were asked for, in the arena */
    size_t n;
};

/*
 * The peak that --learning-rate asks for; 0 where it is "auto" or not given. Errors (ERR_USAGE): it
 * is not a finite number above 0.
 */
MUST_CHECK bool schedule_options_rate(const struct options *o, double *rate, struct err *err);

/*
 * The one schedule of a run of `total_steps` with that peak: --lr-scheduler-type, its kwargs, the
 * warmup. Errors (ERR_USAGE), with the option named: an unknown schedule or parameter ("did you
 * mean"), kwargs that are not JSON, a warmup longer than the run, parameters that make no schedule.
 */
MUST_CHECK bool schedule_options_read(const struct options *o, double learning_rate,
                                      int64_t total_steps, struct pace_schedule *schedule,
                                      struct err *err);

/*
 * The schedules that the arguments name, or else those of --lr-scheduler-type, between commas.
 * --lr-scheduler-kwargs goes to each that takes the parameter. Errors: as above; more than
 * SCHEDULES_MOST; a parameter that none takes.
 */
MUST_CHECK bool schedule_options_list(const struct options *o, double learning_rate,
                                      int64_t total_steps, struct arena *arena,
                                      struct schedule_list *list, struct err *err);

/* What --metrics and --eval-steps say; no values where --metrics is not given. */
struct metric_list {
    const double *values; /* [n], in the arena; NaN and infinity are fine */
    size_t n;
    int64_t eval_steps; /* updates from one to the next; at least 1 */
};

/*
 * Errors (ERR_USAGE): --metrics is not a JSON list of numbers; only one of the two is given; none
 * of the schedules moves after evaluations; --eval-steps has a fraction.
 */
MUST_CHECK bool schedule_options_metrics(const struct options *o, const struct schedule_list *list,
                                         int64_t total_steps, struct arena *arena,
                                         struct metric_list *metrics, struct err *err);

#endif
