/*
 * bowl.c - loss against learning rate: a parabola in the logarithm of the rate.
 *
 *     loss(rate) = best_loss + curvature * (log10(rate) - log10(best))^2
 *
 * Best is the rate that the search chose. Where the journal has no such fit, what is left are the
 * beliefs: normal curves in log10(rate), before (the prior) and after the search.
 *
 * The range shown takes in every arm, both intervals, and twice and half of the chosen rate. An arm
 * that diverged must not press the others flat: losses are shown up to a little above the worst arm
 * that was measured.
 */
#include "report/bowl.h"

#include <math.h>

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
    take_in(b, s->low);
    take_in(b, s->high);
    take_in(b, f->prior.low);
    take_in(b, f->prior.high);
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

static void find_most(struct bowl *b, const struct facts *f)
{
    double least = f->search.best_loss, most = f->search.best_loss;
    for (size_t i = 0; i < f->n_arms; i++) {
        if (!bowl_is_measured(&f->arms[i]))
            continue;
        double se = isfinite(f->arms[i].se) ? f->arms[i].se : 0;
        least = fmin(least, f->arms[i].loss - se);
        most = fmax(most, f->arms[i].loss + se);
    }
    b->least = least - 0.1 * (most - least);
    b->most = most + 0.35 * (most - least);
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

void bowl_make(struct bowl *b, const struct facts *f)
{
    const struct facts_search *s = &f->search;
    *b = (struct bowl){.least = NAN, .most = NAN};
    find_range(b, f);
    if (isnan(b->low))
        return;
    find_most(b, f);
    b->has_curve = isfinite(s->best_loss) && isfinite(s->curvature) && s->learning_rate > 0 &&
                   b->most > b->least;
    b->has_prior = is_belief(f->prior.learning_rate, f->prior.sd);
    b->has_posterior = is_belief(s->learning_rate, s->sd);
    double low = log10(b->low), step = (log10(b->high) - low) / (BOWL_POINTS - 1);
    for (int i = 0; i < BOWL_POINTS; i++) {
        double x = low + step * i, away = x - log10(s->learning_rate);
        double loss = s->best_loss + s->curvature * away * away;
        b->rate[i] = pow(10, x);
        b->loss[i] = b->has_curve && !(loss > b->most) ? loss : NAN;
        b->prior[i] = b->has_prior ? belief(x, log10(f->prior.learning_rate), f->prior.sd) : NAN;
        b->posterior[i] = b->has_posterior ? belief(x, log10(s->learning_rate), s->sd) : NAN;
    }
}
