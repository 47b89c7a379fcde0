/*
 * stat.h - small statistics of a few numbers: what the learning-rate rules measure noise with.
 *
 * All inputs must be finite; n = 0 gives NaN. No allocation: functions that need to reorder say so.
 */
#ifndef PACE_BASE_STAT_H
#define PACE_BASE_STAT_H

#include "base/base.h"

/* Turns a median absolute deviation into a standard deviation of normal noise: 1 / Phi^-1(3/4). */
#define STAT_MAD_TO_SD 1.482602218505602

double stat_mean(const double *x, size_t n);

/* The sample standard deviation (n - 1); 0 for one number. */
double stat_sd(const double *x, size_t n);

/* The q-quantile, 0 <= q <= 1, linear between neighbours (numpy's default). Reorders x. O(n). */
double stat_quantile(double *x, size_t n, double q);

/* The median. Reorders x. */
double stat_median(double *x, size_t n);

/*
 * Noise that a trend does not disturb: a standard deviation from the median absolute difference
 * of neighbours, |x[i+1] - x[i]| / sqrt(2), scaled to normal noise. `scratch` [n]. 0 for n < 2.
 */
double stat_noise(const double *x, size_t n, double *scratch);

/* The autocorrelation of points `lag` apart around the mean; 0 where nothing varies. */
double stat_lag(const double *x, size_t n, size_t lag);

/*
 * The sequence that never rises and is nearest to x (isotonic regression: neighbours that rise are
 * pooled until none does; O(n)). `fit` and `count` have room for n; `count` is scratch.
 */
void stat_fit_falling(const double *x, size_t n, double *fit, size_t *count);

/*
 * Where x rises: of all pairs of levels, one behind another, the second higher, the pair nearest to
 * x; the index at which its second begins. 0 where there is none.
 */
size_t stat_rise(const double *x, size_t n);

/* A straight line by least squares. */
struct stat_line {
    double slope, intercept;
    double slope_se; /* standard error of the slope; infinite below 3 points */
    double sd;       /* of the residuals */
};

/* y against 0, 1, … n-1 where x is NULL. */
struct stat_line stat_fit_line(const double *x, const double *y, size_t n);

/* An exponential mean without the bias of its start (Adam's correction). */
struct stat_ema {
    double beta;
    double sum, weight;
};

void stat_ema_add(struct stat_ema *e, double x);
/* NaN before the first number. */
double stat_ema_mean(const struct stat_ema *e);

#endif
