/*
 * guard_raise.c - a rate that is too low: raised, on trial, and taken back where that was wrong.
 *
 * A rate that was given is to be obeyed, so there must be a reason to think that it is too low by a
 * large factor. A loss that falls slowly is none by itself. Two findings are:
 *
 *   flat   the loss has not fallen significantly, and by two standard errors more it would still be
 *          little, over blocks that are long enough to say so. A good rate brings most of its gain
 *          early
 *   slow   it has fallen, by little, and a prior says that the rate is too low by more than two of
 *          its standard deviations. Held-out losses say so sooner, having hardly any noise
 *
 * A raise is on trial for two blocks. The state from before is kept meanwhile; if the loss rises,
 * breaks or is worse on average, the run goes back there, to the rate of before, and no other raise
 * is made. Raises that go well may follow one another.
 */
#include <math.h>

#include "rate/guard_block.h"

static bool may_raise(const struct guard_scene *s)
{
    const struct pace_memory *m = s->memory;
    bool too_late = (double)s->step > GUARD_RAISE_BEFORE * (double)s->total;
    double least = s->rate->scale * GUARD_RAISE_LEAST;
    bool would_break = m->broke_scale > 0 && least > GUARD_RAISE_BELOW * m->broke_scale;
    return !too_late && !m->alarm.raised && !m->raise_failed && !would_break &&
           m->n_raises < GUARD_RAISES;
}

/* What the prior expects over what is used; NaN without a prior. */
static double lacking(const struct pace_rate *r)
{
    const struct pace_rate_options *o = &r->options;
    double used = o->schedule.learning_rate * r->scale;
    return o->prior_rate > 0 ? o->prior_rate / used : NAN;
}

double guard_low_by_prior(const struct pace_rate *r)
{
    return log10(lacking(r)) / fmax(r->options.prior_sd, GUARD_PRIOR_SD_LEAST);
}

static bool is_low_by_prior(const struct guard_scene *s)
{
    return guard_low_by_prior(s->rate) > GUARD_SIGNIFICANT;
}

static double raise_by(const struct guard_scene *s, bool not_at_all)
{
    double by = lacking(s->rate), broke = s->memory->broke_scale;
    if (isnan(by))
        by = not_at_all ? GUARD_RAISE_MOST : GUARD_RAISE_LEAST;
    if (broke > 0)
        by = fmin(by, GUARD_RAISE_BELOW * broke / s->rate->scale);
    return fmin(fmax(by, GUARD_RAISE_LEAST), GUARD_RAISE_MOST);
}

/* A single block against what the loss was before: no error is known, for who needs none. */
static void single_block(const struct guard_scene *s, int64_t block, struct trend *t)
{
    const struct pace_memory *m = s->memory;
    double before = m->n_raises > 0 ? m->raise_level : m->start;
    t->level = m->block[block].mean;
    t->level_se = s->sigma / sqrt((double)guard_block_steps(s->total));
    t->descent = before - t->level;
    t->se = INFINITY;
    t->steps = guard_block_steps(s->total);
}

bool guard_flat(const struct guard_scene *s, struct guard_verdict *v)
{
    const struct pace_memory *m = s->memory;
    int64_t now = block_beginning(s), from = block_after(s, m->trend_from);
    int64_t warm = block_after(s, s->rate->options.schedule.warmup_steps);
    bool is_sure = guard_low_by_prior(s->rate) > GUARD_SURE;
    struct trend t;
    if (now < warm + (is_sure ? 1 : GUARD_FLAT_BLOCKS) || !may_raise(s) || lacking(s->rate) < 1)
        return false;
    if (is_sure && now == from + 1)
        single_block(s, from, &t);
    else if (!block_trend(s, from, now, &t))
        return false;
    double error = GUARD_SIGNIFICANT * t.se, share = (fmax(t.descent, 0) + error) / fabs(t.level);
    double pace = share * (double)s->total / (double)t.steps;
    bool flat = t.descent < error && share < GUARD_FLAT_SHARE && pace < GUARD_FLAT_PACE;
    double moved = is_sure ? fabs(t.descent) / fabs(t.level) : share; /* what rises is not slow */
    bool slow = is_low_by_prior(s) && moved < GUARD_SLOW_SHARE;
    if (!flat && !slow)
        return false;
    v->action = PACE_RAISE;
    v->reason = flat ? PACE_REASON_FLAT : PACE_REASON_SLOW;
    v->change = raise_by(s, share < 0.5 * GUARD_FLAT_SHARE);
    v->level = t.level;
    v->level_se = t.level_se;
    block_tell(&t, v);
    if (isinf(t.se))
        v->number[1] = 0;
    return true;
}

bool guard_slow_held_out(const struct guard_scene *s, struct guard_verdict *v)
{
    const struct pace_memory *m = s->memory;
    int64_t since = m->trend_eval_step + guard_block_steps(s->total);
    int64_t warm = s->rate->options.schedule.warmup_steps + guard_block_steps(s->total);
    if (m->held_out.n == 0 || s->step < since || s->step < warm || isnan(s->level) ||
        !may_raise(s) || !is_low_by_prior(s))
        return false;
    double descent = m->trend_eval - s->obs->loss;
    if (!(descent < GUARD_SLOW_SHARE * fabs(m->trend_eval)))
        return false;
    v->action = PACE_RAISE;
    v->reason = PACE_REASON_SLOW;
    v->change = raise_by(s, true);
    v->level = s->level;
    v->level_se = s->sigma;
    v->number[0] = descent;
    v->number[2] = (double)(s->step - m->trend_eval_step);
    v->number[3] = s->obs->loss;
    return true;
}

/* ---------------------------------------------------------------------------------- on trial -- */

/* The level of the losses since the raise, where it is known to be worse; NaN where it is not. */
static double worse_level(const struct guard_scene *s)
{
    const struct pace_memory *m = s->memory;
    int64_t now = block_beginning(s);
    struct trend t;
    if (now < 0 || !block_trend(s, block_after(s, m->raise_step), now, &t))
        return NAN;
    double worse = t.level - m->raise_level;
    bool is_certain = worse > GUARD_WORSE_ERRORS * hypot(t.level_se, m->raise_level_se);
    return is_certain && worse > GUARD_WORSE_SHARE * fabs(m->raise_level) ? t.level : NAN;
}

bool guard_raise_failed(const struct guard_scene *s, struct guard_verdict *v)
{
    const struct pace_memory *m = s->memory;
    if (!guard_on_trial(s->rate))
        return false;
    v->is_broken = m->n_not_finite >= GUARD_NOT_FINITE_IN_ROW;
    v->number[1] = v->is_broken ? s->obs->loss : m->alarm.due ? s->loss_now : worse_level(s);
    if (isnan(v->number[1]) && !v->is_broken)
        return false;
    v->action = PACE_ROLL_BACK;
    v->reason = PACE_REASON_RAISE_FAILED;
    v->change = 1 / m->raise_change;
    v->onset = m->raise_step + GUARD_ONSET_MARGIN;
    v->number[0] = m->raise_level;
    v->number[2] = (double)(s->step - m->raise_step);
    v->number[3] = m->raise_change;
    return true;
}
