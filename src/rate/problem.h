/*
 * problem.h - filling a `struct pace_problem`: what rate.h's functions tell a person with.
 */
#ifndef PACE_RATE_PROBLEM_H
#define PACE_RATE_PROBLEM_H

#include "base/base.h"
#include "pace/rate.h"

/*
 * Sets `what` from the format and `hint` as it is ("" for none); both are cut to their size.
 * Returns false, so that a check can end with it.
 */
bool problem_set(struct pace_problem *problem, const char *hint, const char *format, ...)
    PRINTF_LIKE(3, 4);

#endif
