/*
 * curve.h - a training log as curves that detectors can measure: the losses that are finite, their
 * logarithms, their noise, the rates beside them, the held-out losses. See curve.c for why.
 */
#ifndef PACE_RATE_CURVE_H
#define PACE_RATE_CURVE_H

#include "base/arena.h"
#include "pace/rate.h"

/* A stretch of a curve: points first … end - 1. */
struct stretch {
    size_t first, end;
};

/* The losses of a log that are finite, with what stood beside them; and its held-out losses. */
struct curve {
    struct arena *arena;
    const struct pace_series *series;

    size_t n;
    const double *loss;  /* [n] */
    const double *y;     /* [n] log of the loss: noise and growth are relative to the level */
    const double *noise; /* [n] standard deviation of y around its trend, near the point */
    const double *rate;  /* [n] NAN: not logged */
    const double *epoch; /* [n] NAN: not logged */
    const int64_t *step; /* [n] */
    const size_t *point; /* [n] its place in series->points */

    size_t n_evals;
    const double *eval;       /* [n_evals] means of the held-out losses of one step */
    const int64_t *eval_step; /* [n_evals] */

    double *scratch;    /* [n + n_evals] for medians */
    double start;       /* the loss at the start */
    double best;        /* the lowest level of the loss */
    double fall;        /* from the first fifth to it, so without what blew up on the first lines */
    double peak;        /* the highest rate, NAN: none logged */
    bool is_likelihood; /* the loss is one that falls as the model learns */
    bool evals_alone;   /* no training loss was logged: `loss` is the held-out loss */
};

/* Fills the curve; its arrays live in the arena. */
void curve_init(struct curve *c, const struct pace_series *series, struct arena *arena);

/* The median of the loss over a stretch that is not empty. */
double curve_level(const struct curve *c, struct stretch s);

/* Noise from the middle of second differences, in which a steep fall cancels; n > 2. */
double curve_bends(const double *x, size_t n, double *scratch);

/* The index of the first point with a step beyond `step`, or n. */
size_t curve_find(const struct curve *c, int64_t step);

/* A line through y over a stretch. */
struct trend {
    double change; /* of y from the first point to the last */
    double se;     /* its standard error, widened where the residuals hang together */
    double misfit; /* n times the logarithm of the mean square of the residuals */
};
/* y against x, or, where x is NULL, against the number of the line; x[0] is that of s.first. */
struct trend curve_trend(const struct curve *c, const double *x, struct stretch s);

#endif
