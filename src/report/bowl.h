/*
 * bowl.h - what a search knows of the learning rate, as curves over its logarithm.
 */
#ifndef PACE_REPORT_BOWL_H
#define PACE_REPORT_BOWL_H

#include "report/facts.h"

enum { BOWL_POINTS = 81 };

struct bowl {
    double low, high;   /* the range of rates that is shown; NAN: there is nothing to show */
    double least, most; /* losses of arms, a little room around them; NAN: none was measured */
    bool has_curve;     /* what each rate is expected to cost is known */
    bool has_prior, has_posterior;
    double rate[BOWL_POINTS];
    double cost[BOWL_POINTS];      /* nats above the best at the end of the run; NAN: too many */
    double prior[BOWL_POINTS];     /* how likely the rate is the best: 1 for the likeliest */
    double posterior[BOWL_POINTS]; /* the same with what was measured */
};

void bowl_make(struct bowl *bowl, const struct facts *facts);

/* True where the arm's loss can be drawn. */
bool bowl_is_measured(const struct facts_arm *arm);

#endif
