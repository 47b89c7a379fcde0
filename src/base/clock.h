/*
 * clock.h - elapsed time, for progress lines and limits. Nothing that decides a result reads it.
 */
#ifndef PACE_BASE_CLOCK_H
#define PACE_BASE_CLOCK_H

#include "base/base.h"

/* Seconds since some fixed moment; never goes back. */
double clock_seconds(void);

#endif
