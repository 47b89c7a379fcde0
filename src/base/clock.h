/*
 * clock.h - elapsed time, for progress lines and limits. Nothing that decides a result reads it.
 */
#ifndef PACE_BASE_CLOCK_H
#define PACE_BASE_CLOCK_H

#include <time.h>

#include "base/base.h"

/* Seconds since some fixed moment; never goes back. */
double clock_seconds(void);

/* Seconds since 1970: for the names and lines of logs. */
double clock_wall_seconds(void);

/* The date and time of day here: for what people read, such as "today" in a template. */
void clock_local_time(struct tm *local);

#endif
