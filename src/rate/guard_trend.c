/*
 * guard_trend.c - rules that judge whether the loss falls at all: flat, plateau, a raise on trial.
 *
 * "No descent" is a claim that needs evidence: with noisy losses any short piece looks flat. A
 * straight line through the means of blocks (a twentieth of the run each) gives the descent and
 * its standard error, the larger of what the noise inside the blocks and the scatter of their
 * means say. Two things must hold: the descent is not significant, and, were it as large as two
 * standard errors allow, it would still be too small to matter. Where the noise is too large for
 * the second, nothing is claimed.
 *
 *   flat      never fell: the rate is too low by a large factor, as a rule; raise it, once a few
 *             blocks at the full rate have been seen, and not where a prior says that it is high.
 *             A rate that was given is to be obeyed: that the loss falls slowly is no reason, but
 *             where a prior says that the rate is too low it is
 *   plateau   fell, and falls no more at a high rate: at its noise floor, which falls with the
 *             rate. A schedule that is about to fall by itself needs no help: it is only told
 */
#include <math.h>

#include "base/stat.h"
#include "rate/guard.h"

struct trend {
    double descent, se; /* over all blocks */
    double level;       /* mean */
    double level_se;
    int64_t steps;
};

/* False where a block holds too little, which happens behind a roll-back. */
static bool fit_blocks(const struct guard_scene *s, int64_t from, int64_t to, struct trend *t)
{
    const struct pace_block *block = s->memory->block;
    double mean[PACE_BLOCKS], variance_of_slope = 0, variance_of_level = 0, xx = 0;
    size_t n = (size_t)(to - from);
    if (n < 2)
        return false;
    for (size_t i = 0; i < n; i++) {
        const struct pace_block *b = &block[(size_t)from + i];
        if (b->n < guard_block_steps(s->total) / 2)
            return false;
        double x = (double)i - 0.5 * (double)(n - 1);
        double variance = b->squares / (double)((b->n - 1) * b->n);
        mean[i] = b->mean;
        xx += x * x;
        variance_of_slope += x * x * variance;
        variance_of_level += variance;
    }
    struct stat_line line = stat_fit_line(NULL, mean, n);
    double slope_se = sqrt(variance_of_slope) / xx;
    if (n > 2)
        slope_se = fmax(slope_se, line.slope_se);
    t->descent = -line.slope * (double)n;
    t->se = slope_se * (double)n;
    t->level = stat_mean(mean, n);
    t->level_se = sqrt(variance_of_level) / (double)n;
    t->steps = (int64_t)n * guard_block_steps(s->total);
    return true;
}

/* The block that begins at this step; -1 inside of one. */
static int64_t beginning_block(const struct guard_scene *s)
{
    int64_t steps = guard_block_steps(s->total);
    int64_t block = s->step / steps;
    return s->step % steps == 0 && block < PACE_BLOCKS ? block : -1;
}

static int64_t blocks_until(const struct guard_scene *s, int64_t step)
{
    int64_t steps = guard_block_steps(s->total);
    return (step + steps - 1) / steps;
}

static bool falls_less_than(const struct trend *t, double most)
{
    return t->descent < GUARD_SIGNIFICANT * t->se && t->descent + GUARD_SIGNIFICANT * t->se < most;
}

static void tell_trend(const struct trend *t, struct guard_verdict *v)
{
    v->number[0] = t->descent;
    v->number[1] = GUARD_SIGNIFICANT * t->se;
    v->number[2] = (double)t->steps;
    v->number[3] = t->level;
}

/* -------------------------------------------------------------------------------------- flat -- */

/*
 * How much to raise; 0: not at all. `pace` is what the whole run would bring at most, as a share of
 * the loss. Three things can be known: that the loss does not fall, that it falls slowly, and that
 * a prior thinks little of the rate.
 */
static double raise_by(const struct guard_scene *s, const struct trend *t)
{
    const struct pace_rate_options *o = &s->rate->options;
    double most = t->descent + GUARD_SIGNIFICANT * t->se;
    double pace = most * (double)s->total / (double)t->steps / fabs(t->level);
    bool is_flat = t->descent < GUARD_SIGNIFICANT * t->se && pace < GUARD_FLAT_SHARE;
    if (o->prior_rate > 0) {
        double lacking = o->prior_rate / (o->schedule.learning_rate * s->rate->scale);
        bool is_low = log10(lacking) > GUARD_SIGNIFICANT * o->prior_sd;
        if (lacking > 1 && (is_flat || (is_low && pace < GUARD_SLOW_SHARE)))
            return fmin(fmax(lacking, GUARD_RAISE_LEAST), GUARD_RAISE_MOST);
        return 0;
    }
    if (!is_flat)
        return 0;
    return pace < 0.5 * GUARD_FLAT_SHARE ? GUARD_RAISE_MOST : GUARD_RAISE_LEAST;
}

bool guard_flat(const struct guard_scene *s, struct guard_verdict *v)
{
    const struct pace_memory *m = s->memory;
    int64_t now = beginning_block(s), from = blocks_until(s, m->trend_from);
    int64_t warm = blocks_until(s, s->rate->options.schedule.warmup_steps);
    bool too_late = (double)s->step > GUARD_RAISE_BEFORE * (double)s->total;
    struct trend t;
    if (now < warm + 2 || too_late || m->alarm.raised || m->raise_failed ||
        m->n_raises >= GUARD_RAISES || guard_on_trial(s->rate) || m->n_incidents > 0)
        return false;
    if (!fit_blocks(s, from, now, &t))
        return false;
    v->change = raise_by(s, &t);
    if (v->change == 0)
        return false;
    v->action = PACE_RAISE;
    v->reason = PACE_REASON_FLAT;
    v->level = t.level;
    v->level_se = t.level_se;
    tell_trend(&t, v);
    return true;
}

/* ---------------------------------------------------------------------------------- on trial -- */

bool guard_raise_failed(const struct guard_scene *s, struct guard_verdict *v)
{
    const struct pace_memory *m = s->memory;
    if (!guard_on_trial(s->rate))
        return false;
    bool broken = m->n_not_finite >= GUARD_NOT_FINITE_IN_ROW;
    bool risen = m->alarm.due;
    int64_t now = beginning_block(s);
    struct trend t = {0};
    if (!broken && !risen) {
        if (now < 0 || !fit_blocks(s, blocks_until(s, m->raise_step), now, &t))
            return false;
        double worse = t.level - m->raise_level;
        if (!(worse > GUARD_WORSE_ERRORS * hypot(t.level_se, m->raise_level_se) &&
              worse > GUARD_WORSE_SHARE * fabs(m->raise_level)))
            return false;
    }
    v->action = PACE_ROLL_BACK;
    v->reason = PACE_REASON_RAISE_FAILED;
    v->is_broken = broken;
    v->change = 1 / m->raise_change;
    v->onset = m->raise_step + GUARD_ONSET_MARGIN;
    v->number[0] = m->raise_level;
    v->number[1] = broken ? s->obs->loss : risen ? s->loss_now : t.level;
    v->number[2] = (double)(s->step - m->raise_step);
    v->number[3] = m->raise_change;
    return true;
}

/* ----------------------------------------------------------------------------------- plateau -- */

bool guard_plateau(const struct guard_scene *s, struct guard_verdict *v)
{
    const struct pace_memory *m = s->memory;
    const struct pace_schedule *schedule = &s->rate->options.schedule;
    int64_t now = beginning_block(s), from = now - GUARD_PLATEAU_BLOCKS;
    struct trend t;
    if (from < blocks_until(s, m->trend_from) || from < blocks_until(s, schedule->warmup_steps) ||
        m->plateau_told || m->anneal_step >= 0 || m->alarm.raised)
        return false;
    double had = fmax(GUARD_SPIKE_SHARE * fabs(m->start), GUARD_SPIKE_SIGMAS * s->sigma);
    double scheduled = pace_schedule_rate(schedule, s->step);
    if (s->progress < had || scheduled < GUARD_STILL_HIGH * schedule->learning_rate)
        return false;
    if (!fit_blocks(s, from, now, &t) || !falls_less_than(&t, GUARD_PLATEAU_SHARE * s->progress))
        return false;
    v->action = PACE_ANNEAL;
    v->reason = PACE_REASON_PLATEAU;
    v->anneal_rate = scheduled;
    v->only_tell = pace_schedule_uses_metric(schedule->kind) ||
                   pace_schedule_rate(schedule, s->total - 1) < GUARD_STILL_HIGH * scheduled;
    tell_trend(&t, v);
    return true;
}
