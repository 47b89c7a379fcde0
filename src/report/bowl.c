/*
 * bowl.c - what a learning rate is expected to cost: a parabola in its logarithm.
 *
 *     cost(rate) = curvature * d^2 * (d > 0 ? SEARCH_RIGHT : 1)       d = log10(rate) - log10(best)
 *
 * in nats at the end of the run; steeper on the right (rate/search.h). Best
 * is the middle of the 80 % interval; what was chosen lies a little below it. Where the journal has
 * no curvature, what is left are the beliefs: normal curves in log10(rate), before (the prior) and
 * after the search.
 *
 * What was seen has a scale of its own: held-out losses of short runs. An arm that diverged must
 * not press the others flat: it has no place on that scale.
 *
 * The range shown takes in every arm, both intervals, and twice and half of the chosen rate.
 */
#include "report/bowl.h"

#include <math.h>

#include "rate/search.h"

static void take_in(struct bowl *b, double rate)
{
    if (!(rate > 0) || !isfinite(rate))
        return;
    b->low = b->low <= rate ? b->low : rate;
    b->high = b->high >= rate ? b->high : rate;
}

static void find_range(struct bowl *b, const struct facts *f)
{
    const struct facts_search *s = &f->search;
    b->low = b->high = NAN;
    take_in(b, s->learning_rate / 2.2);
    take_in(b, s->learning_rate * 2.2);
    take_in(b, s->low / 1.15);
    take_in(b, s->high * 1.15);
    take_in(b, f->prior.low / 1.5);
    take_in(b, f->prior.high * 1.5);
    for (size_t i = 0; i < f->n_arms; i++) {
        take_in(b, f->arms[i].learning_rate / 1.15);
        take_in(b, f->arms[i].learning_rate * 1.15);
    }
    if (!(b->high / b->low > 1.01) || !isfinite(b->high / b->low))
        b->low = b->high = NAN;
}

bool bowl_is_measured(const struct facts_arm *arm)
{
    bool is_broken =
        arm->status && (strcmp(arm->status, "diverged") == 0 || strcmp(arm->status, "killed") == 0);
    return isfinite(arm->loss) && arm->learning_rate > 0 && isfinite(arm->learning_rate) &&
           !is_broken;
}

static void find_losses(struct bowl *b, const struct facts *f)
{
    double least = NAN, most = NAN;
    for (size_t i = 0; i < f->n_arms; i++) {
        if (!bowl_is_measured(&f->arms[i]))
            continue;
        double se = isfinite(f->arms[i].se) ? f->arms[i].se : 0;
        least = fmin(least, f->arms[i].loss - se);
        most = fmax(most, f->arms[i].loss + se);
    }
    double room = fmax(0.15 * (most - least), 1e-3 * fabs(most));
    b->least = least - 2 * room;
    b->most = most + room;
}

static double belief(double x, double middle, double sd)
{
    double away = (x - middle) / sd;
    return exp(-away * away / 2);
}

static bool is_belief(double rate, double sd)
{
    return rate > 0 && isfinite(rate) && sd > 0 && isfinite(sd);
}

/* Where the bowl is lowest, in decades; NAN where there is none. */
static double find_best(const struct facts_search *s)
{
    if (!(s->curvature > 0) || !isfinite(s->curvature))
        return NAN;
    return s->low > 0 && s->high > 0 ? (log10(s->low) + log10(s->high)) / 2
                                     : log10(s->learning_rate);
}

/* Half a decade above the best is as much as is shown. */
static double cost_at(const struct facts_search *s, double away)
{
    double cost = s->curvature * away * away * (away > 0 ? SEARCH_RIGHT : 1);
    return cost <= s->curvature * SEARCH_RIGHT / 4 ? cost : NAN;
}

void bowl_make(struct bowl *b, const struct facts *f)
{
    const struct facts_search *s = &f->search;
    double best = find_best(s);
    *b = (struct bowl){.least = NAN, .most = NAN};
    find_range(b, f);
    if (isnan(b->low))
        return;
    find_losses(b, f);
    b->has_curve = isfinite(best);
    b->has_prior = is_belief(f->prior.learning_rate, f->prior.sd);
    b->has_posterior = is_belief(s->learning_rate, s->sd);
    double low = log10(b->low), step = (log10(b->high) - low) / (BOWL_POINTS - 1);
    for (int i = 0; i < BOWL_POINTS; i++) {
        double x = low + step * i;
        b->rate[i] = pow(10, x);
        b->cost[i] = b->has_curve ? cost_at(s, x - best) : NAN;
        b->prior[i] = b->has_prior ? belief(x, log10(f->prior.learning_rate), f->prior.sd) : NAN;
        b->posterior[i] = b->has_posterior ? belief(x, log10(s->learning_rate), s->sd) : NAN;
    }
}
