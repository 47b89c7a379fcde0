/*
 * problem.c - filling a `struct pace_problem`.
 *
 * rate.h is used without the rest of pace, so it has an error of its own, smaller than `struct
 * err`: there is no place to name and no kind, because everything that it refuses is a request
 * (an option, a parameter). Callers within pace turn it into an ERR_USAGE.
 */
#include "rate/problem.h"

#include <stdarg.h>
#include <stdio.h>

bool problem_set(struct pace_problem *problem, const char *hint, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(problem->what, sizeof problem->what, format, args);
    va_end(args);
    snprintf(problem->hint, sizeof problem->hint, "%s", hint);
    return false;
}
