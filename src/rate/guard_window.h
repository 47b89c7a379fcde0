/*
 * guard_window.h - the newest numbers of a run, each with its step: struct pace_window.
 */
#ifndef PACE_RATE_GUARD_WINDOW_H
#define PACE_RATE_GUARD_WINDOW_H

#include "base/base.h"
#include "pace/rate.h"

void window_add(struct pace_window *w, double value, int64_t step);

/* Drops what was seen at `step` and later. What it had pushed out does not come back. */
void window_forget(struct pace_window *w, int64_t step);

/*
 * Copies up to n numbers, the oldest first: the newest ones without the very last `newer`. Returns
 * how many there are. n <= PACE_WINDOW.
 */
size_t window_copy(const struct pace_window *w, size_t newer, size_t n, double *out);

/* The median of those n; NaN where there are fewer. */
double window_median(const struct pace_window *w, size_t newer, size_t n);

/* The size of the swings of the newest n around their trend, as a standard deviation; or NaN. */
double window_swing(const struct pace_window *w, size_t n);

/* The correlation of neighbours among the newest n; NaN where there are fewer. */
double window_correlation(const struct pace_window *w, size_t n);

#endif
