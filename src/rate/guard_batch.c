/*
 * guard_batch.c - rules that judge a single batch: nothing to learn from, numbers that are not
 * finite, gradients out of all proportion.
 *
 * Gradient norms are judged by their logarithm, because they are products of many factors and
 * their noise is one of ratios; and against median and ninth decile of the last 128, not mean and
 * deviation, because some data has heavy tails by nature: there the ninth decile is far out as
 * well, and what is usual for the data stays unpunished. ZClip (arXiv 2504.02507) and OLMo's
 * skip-step use mean and deviation; the first clips what is 2.5 deviations out, the second skips
 * beyond 6, in both directions. Here only large norms count: a small gradient does no harm.
 *
 * Where ordinary clipping already brings a gradient down to a usual size, there is nothing to do:
 * one update in the wrong direction, no longer than others, is what every batch's noise is. What is
 * left beyond that is scaled down to the upper end of the usual; where the norm was out of all
 * proportion the direction is not trusted either, and the batch is left out.
 */
#include <math.h>

#include "base/stat.h"
#include "rate/guard.h"
#include "rate/guard_window.h"

/* -------------------------------------------------------------------------------- no targets -- */

bool guard_no_targets(const struct guard_scene *s, struct guard_verdict *v)
{
    int64_t n = s->memory->n_without_targets;
    bool from_the_start = s->memory->n_losses == 0 && s->memory->n_not_finite == 0;
    if (n == 0)
        return false;
    if (from_the_start && n >= GUARD_EMPTY_IN_ROW)
        v->action = PACE_STOP;
    else if (s->obs->n_targets == 0)
        v->action = PACE_SKIP;
    else
        return false;
    v->reason = PACE_REASON_NO_TARGETS;
    v->number[0] = (double)n;
    return true;
}

/* -------------------------------------------------------------------------------- not finite -- */

static bool is_poisoned(const struct guard_scene *s, struct guard_verdict *v)
{
    if (s->offences == 0)
        return false;
    v->action = PACE_SKIP;
    v->reason = PACE_REASON_POISONED_BATCH;
    v->number[0] = (double)s->obs->batch;
    v->number[1] = (double)s->offences + 1;
    return true;
}

bool guard_not_finite(const struct guard_scene *s, struct guard_verdict *v)
{
    const struct pace_memory *m = s->memory;
    if (guard_is_finite(s->obs))
        return false;
    if (m->n_not_finite < GUARD_NOT_FINITE_IN_ROW) {
        if (is_poisoned(s, v))
            return true;
        v->action = PACE_SKIP;
        v->reason = PACE_REASON_NON_FINITE;
        v->number[0] = s->obs->loss;
        v->number[1] = s->obs->grad_norm;
        return true;
    }
    v->action = m->n_updates == 0 ? PACE_STOP : PACE_ROLL_BACK;
    v->reason = PACE_REASON_NON_FINITE_STATE;
    v->onset = m->not_finite_since;
    v->is_broken = true;
    v->number[0] = (double)m->n_not_finite;
    v->number[1] = (double)m->n_updates;
    return true;
}

/* --------------------------------------------------------------------------------- gradients -- */

bool guard_gradient(const struct guard_scene *s, struct guard_verdict *v)
{
    const struct pace_memory *m = s->memory;
    double norm = s->obs->grad_norm, most = s->rate->options.max_grad_norm;
    double logs[PACE_WINDOW];
    size_t n = window_copy(&m->log_norm, 1, PACE_WINDOW, logs);
    if (!(norm > 0) || n < GUARD_NORMS_LEAST)
        return false;
    double usual = stat_median(logs, n);
    double spread = fmax(stat_quantile(logs, n, 0.9) - usual, GUARD_SPREAD_LEAST);
    double beyond = log(norm) - usual;
    double left = (most > 0 ? log(fmin(norm, most)) : log(norm)) - usual;

    v->reason = PACE_REASON_GRADIENT_OUTLIER;
    v->number[0] = norm;
    v->number[1] = exp(usual);
    v->number[2] = exp(beyond);
    v->number[3] = v->grad_norm = exp(usual + GUARD_CLIP_TARGET_SPREADS * spread);
    if (left < fmax(GUARD_CLIP_SPREADS * spread, log(GUARD_CLIP_RATIO)))
        return false;
    v->action = PACE_CLIP;
    if (beyond > fmax(GUARD_SKIP_SPREADS * spread, log(GUARD_SKIP_RATIO)) &&
        m->n_skips < GUARD_SKIPS_IN_ROW && !is_poisoned(s, v))
        v->action = PACE_SKIP;
    return true;
}
