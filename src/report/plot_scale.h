/*
 * plot_scale.h - an axis: from values to places, and the round numbers that stand at it.
 */
#ifndef PACE_REPORT_PLOT_SCALE_H
#define PACE_REPORT_PLOT_SCALE_H

#include "base/base.h"

enum { PLOT_TICKS_MOST = 24, PLOT_LABEL_SIZE = 24 };

struct plot_tick {
    double value;
    char label[PLOT_LABEL_SIZE]; /* "0", "1.5e-4", "20k" */
};

/* What is known of the values on an axis. A struct of zeros has seen none. */
struct plot_range {
    double low, high;
    bool has_fraction; /* some value is no whole number */
    bool is_known;     /* some value has been seen */
};

/* Takes a value in; those that plot_is_drawable refuses are passed over. */
void plot_range_add(struct plot_range *range, double value);

/* False for NaN, infinities, and numbers so large that their differences could be infinite. */
bool plot_is_drawable(double value);

struct plot_scale {
    double low, high; /* low < high */
    bool is_log;
    struct plot_tick ticks[PLOT_TICKS_MOST];
    size_t n_ticks;
};

/*
 * An axis for the range with at most `most_steps` (2 or more) intervals of 1, 2 or 5 times a power
 * of ten. `is_loose` (for y): it begins and ends at a tick; zero is taken in where it is near. Else
 * (for x) it is as long as the range, and whole numbers have no fractions between them. `is_log` is
 * kept where the range is positive.
 */
void plot_scale_fit(struct plot_scale *scale, const struct plot_range *range, bool is_loose,
                    bool is_log, int most_steps);

/* Where a value lies between low (0) and high (1); NaN for what cannot be drawn. */
double plot_scale_at(const struct plot_scale *scale, double value);

#endif
