/*
 * schedule.h - a row of the table of schedules: what schedule.c (the formulas) and
 * schedule_parameter.c (their parameters) know of each other.
 */
#ifndef PACE_RATE_SCHEDULE_H
#define PACE_RATE_SCHEDULE_H

#include "base/base.h"
#include "pace/rate.h"

enum parameter_type {
    PARAMETER_NUMBER, /* double */
    PARAMETER_COUNT,  /* int64_t */
    PARAMETER_SWITCH, /* bool: one of two words */
    PARAMETER_CURVE,  /* enum pace_curve: one of three words */
};

/* A parameter of a schedule. */
struct parameter {
    const char *name; /* in lr_scheduler_kwargs */
    enum parameter_type type;
    size_t offset; /* of the field in struct pace_schedule */
    double normal; /* the default; a word's index; NAN: not given */
    double low, high;
    bool must_be_given;
};

enum { SCHEDULE_PARAMETERS = 14 };

/* A schedule. Ends the list of parameters: one without a name. */
struct schedule_row {
    const char *name;
    const char *about;
    /* What the peak is multiplied with at a step; NULL where `rate` gives the rate itself. */
    double (*factor)(const struct pace_schedule *s, double step);
    double (*rate)(const struct pace_schedule *s, double step);
    /* What single parameters in their ranges can still do wrong together; NULL: nothing. */
    bool (*check)(const struct pace_schedule *s, struct pace_problem *problem);
    bool ignores_warmup;
    bool uses_metric;
    struct parameter parameters[SCHEDULE_PARAMETERS + 1];
};

const struct schedule_row *schedule_row(enum pace_schedule_kind kind);

#endif
