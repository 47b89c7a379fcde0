/*
 * guard_window.c - the newest numbers of a run.
 *
 * A ring: `next` counts on for ever and its place is next mod PACE_WINDOW. A roll-back makes the
 * run go back to an earlier step; what was seen from there on is dropped by counting back, and
 * what those numbers had pushed out of the ring stays lost: `held` says how many are left.
 *
 * Swings are measured around a straight line through the medians of the two halves: least squares
 * would let the first losses of a jump tilt the line, and call that swings of all the others.
 */
#include "rate/guard_window.h"

#include <math.h>
#include <string.h>

#include "base/stat.h"

void window_add(struct pace_window *w, double value, int64_t step)
{
    w->value[w->next % PACE_WINDOW] = value;
    w->step[w->next % PACE_WINDOW] = step;
    w->next++;
    if (w->held < PACE_WINDOW)
        w->held++;
}

void window_forget(struct pace_window *w, int64_t step)
{
    while (w->held > 0 && w->step[(w->next - 1) % PACE_WINDOW] >= step) {
        w->next--;
        w->held--;
    }
}

size_t window_copy(const struct pace_window *w, size_t newer, size_t n, double *out)
{
    CHECK(n <= PACE_WINDOW);
    size_t held = (size_t)w->held;
    if (held <= newer)
        return 0;
    n = min_size(n, held - newer);
    for (size_t i = 0; i < n; i++)
        out[i] = w->value[((size_t)w->next - newer - n + i) % PACE_WINDOW];
    return n;
}

double window_median(const struct pace_window *w, size_t newer, size_t n)
{
    double x[PACE_WINDOW];
    return window_copy(w, newer, n, x) == n ? stat_median(x, n) : NAN;
}

double window_swing(const struct pace_window *w, size_t n)
{
    double x[PACE_WINDOW], sorted[PACE_WINDOW];
    size_t half = n / 2;
    if (window_copy(w, 0, n, x) < n || half == 0)
        return NAN;
    memcpy(sorted, x, sizeof sorted);
    double before = stat_median(sorted, half), after = stat_median(sorted + half, half);
    for (size_t i = 0; i < n; i++) {
        double along = ((double)i - 0.5 * (double)(half - 1)) / (double)half;
        x[i] = fabs(x[i] - before - along * (after - before));
    }
    return STAT_MAD_TO_SD * stat_median(x, n);
}

double window_correlation(const struct pace_window *w, size_t n)
{
    double x[PACE_WINDOW];
    return window_copy(w, 0, n, x) == n ? stat_lag(x, n, 1) : NAN;
}
