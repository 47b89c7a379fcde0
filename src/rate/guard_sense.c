/*
 * guard_sense.c - what the guard remembers, and how it boils that down for its rules.
 *
 * Losses and gradient norms come one at a time and are noisy; a rule wants a level, the noise
 * around it and a trend. All are taken from two windows of the newest 128 numbers and from twenty
 * blocks over the run, so that an observation costs the same at step 100,000 as at step 100:
 *
 *   level    a median: one bad batch does not move it
 *   noise    from differences of neighbours: a trend does not count as noise
 *   swing    from distances to a straight line: slow swings count, a trend does not
 *   block    mean and variance of a twentieth of the run, for slopes with their standard errors
 */
#include <math.h>

#include "base/stat.h"
#include "rate/guard.h"
#include "rate/guard_block.h"
#include "rate/guard_window.h"

bool guard_is_finite(const struct pace_rate_obs *obs)
{
    return isfinite(obs->loss) && isfinite(obs->grad_norm);
}

void guard_forget(struct pace_memory *m, int64_t step, int64_t total)
{
    window_forget(&m->loss, step);
    window_forget(&m->log_norm, step);
    block_forget(m, step, total);
    m->alarm = (struct pace_alarm){0};
    if (m->held_out.lowest_step > step)
        m->held_out = (struct pace_held_out){0};
    m->held_out.n_worse = 0;
    if (m->lowest_step <= step)
        return;
    double level = window_median(&m->loss, 0, GUARD_SHORT);
    m->lowest = isnan(level) ? m->first : level;
    m->lowest_step = step;
}

void guard_accept(struct pace_memory *m, const struct guard_scene *s)
{
    window_forget(&m->loss, 0);
    m->lowest = isnan(s->loss_now) ? m->lowest : s->loss_now;
    m->lowest_step = s->step;
    m->first = m->lowest;
    m->held_out.n = 0;
    m->alarm = (struct pace_alarm){0};
}

/* ------------------------------------------------------------------------------------ memory -- */

static double noise_of(const struct pace_window *w)
{
    double x[GUARD_BASE], scratch[GUARD_BASE];
    size_t n = window_copy(w, GUARD_SHORT, GUARD_BASE, x);
    if (n < GUARD_BASE / 2)
        n = window_copy(w, 0, GUARD_BASE, x);
    return n > 0 ? stat_noise(x, n, scratch) : 0;
}

/* A loss so far off that the mean of a block would be about it alone is taken as less. */
static double tamed(const struct guard_scene *s, double loss)
{
    double usual = window_median(&s->memory->loss, 0, GUARD_LEVEL);
    if (isnan(usual))
        return loss;
    double reach = GUARD_TAMED_SIGMAS * s->sigma;
    return fmin(fmax(loss, usual - reach), usual + reach);
}

/*
 * At a rate that may be far too high only the first loss is sound, though it may be luck. Behind a
 * cut that led back to the start all are: a start that stays where it is was no low.
 */
static void learn_start(struct pace_memory *m)
{
    double few = window_median(&m->loss, 0, GUARD_SHORT);
    bool is_sound = m->n_incidents > 0 && !isnan(few);
    m->start = is_sound ? few : fmin(m->first, few);
    m->lowest = is_sound ? few : m->lowest;
}

double guard_base_loss(const struct pace_memory *m)
{
    bool has_base = m->held_out.n > 0 && m->held_out.first_step == 0;
    return has_base ? m->held_out.first : m->start;
}

static void remember_loss(struct pace_memory *m, struct guard_scene *s, double loss)
{
    window_add(&m->loss, loss, s->step);
    m->n_losses++;
    if (m->n_losses == 1)
        m->first = m->start = m->lowest = loss;
    if (m->n_losses == GUARD_SHORT)
        learn_start(m);
    s->sigma = noise_of(&m->loss);
    s->loss_now = window_median(&m->loss, 0, GUARD_SHORT);
    s->level = window_median(&m->loss, 0, GUARD_LEVEL);
    s->swing = window_swing(&m->loss, GUARD_SWING);
    s->progress = fmax(0, fmax(guard_base_loss(m), m->start) - m->lowest);
    block_add(m, s->step, s->total, tamed(s, loss));
}

/* The lowest level and the usual swing are learnt only while nothing is wrong. */
static void learn_usual(struct pace_memory *m, const struct guard_scene *s)
{
    double level = window_median(&m->loss, 0, GUARD_LONG);
    if (isnan(level))
        level = isnan(s->level) ? s->loss_now : s->level;
    if (m->n_losses == GUARD_SHORT || level < m->lowest) {
        m->lowest = level;
        m->lowest_step = s->step;
    }
    if (isnan(s->swing) || s->step % (GUARD_SWING / 2) != 0)
        return;
    if (m->swing == 0)
        m->swing = s->swing;
    else if (s->swing < GUARD_SWING_RATIO / 2 * m->swing)
        m->swing += 0.1 * (s->swing - m->swing);
}

static int64_t offences_of(const struct pace_memory *m, int64_t batch)
{
    for (int64_t i = 0; batch >= 0 && i < PACE_OFFENDERS && i < m->n_offenders; i++)
        if (m->offender[i] == batch)
            return m->offences[i];
    return 0;
}

static void sense_step(struct pace_memory *m, struct guard_scene *s)
{
    const struct pace_rate_obs *obs = s->obs;
    bool is_empty =
        obs->n_targets == 0 || (obs->loss == 0 && (obs->grad_norm <= 0 || isnan(obs->grad_norm)));
    m->n_without_targets = is_empty ? m->n_without_targets + 1 : 0;
    s->offences = offences_of(m, obs->batch);
    if (is_empty)
        return;
    if (!guard_is_finite(obs)) {
        if (m->n_not_finite++ == 0)
            m->not_finite_since = s->step;
        return;
    }
    m->n_not_finite = 0;
    remember_loss(m, s, obs->loss);
    if (obs->grad_norm > 0)
        window_add(&m->log_norm, log(obs->grad_norm), s->step);
    guard_sense_alarm(&m->alarm, s);
    if (!m->alarm.raised)
        learn_usual(m, s);
}

void guard_sense(struct pace_rate *r, const struct pace_rate_obs *obs, struct guard_scene *scene)
{
    *scene = (struct guard_scene){
        .rate = r,
        .obs = obs,
        .memory = &r->memory,
        .step = r->step,
        .total = r->options.schedule.total_steps,
        .loss_now = NAN,
        .level = NAN,
        .swing = NAN,
    };
    if (obs->kind == PACE_OBS_STEP) {
        sense_step(&r->memory, scene);
    } else {
        scene->level = window_median(&r->memory.loss, 0, GUARD_LEVEL);
        scene->loss_now = window_median(&r->memory.loss, 0, GUARD_SHORT);
        scene->sigma = noise_of(&r->memory.loss);
    }
}
