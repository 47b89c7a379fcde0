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
 *
 * The alarm is the one piece of memory with states of its own. It is off; or it was raised at a
 * step (`since`), because the level of the newest losses stood above a reference by a margin. The
 * reference is frozen then, so that a level that stays high does not become the new normal while
 * it is being judged. From time to time (`check`) the excess is compared with the largest since
 * the last look: has it fallen well, the loss is recovering and is left alone (what
 * ReduceLROnPlateau gets wrong, pytorch#30873); has it not, the alarm is `due` and guard_loss.c
 * decides. It ends by itself where the excess has halved its margin.
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
}

void guard_accept(struct pace_memory *m, const struct guard_scene *s)
{
    window_forget(&m->loss, 0);
    m->lowest = isnan(s->loss_now) ? m->lowest : s->loss_now;
    m->lowest_step = s->step;
    m->first = m->lowest;
    m->alarm = (struct pace_alarm){0};
}

/* ------------------------------------------------------------------------------------- alarm -- */

/* The level before the newest losses, and how far above it is out of the ordinary. */
static void reference(const struct guard_scene *s, struct pace_alarm *a)
{
    const struct pace_memory *m = s->memory;
    double base = window_median(&m->loss, GUARD_SHORT, GUARD_BASE / 2);
    bool is_young = isnan(base);
    a->reference = is_young ? m->first : base;
    if (!is_young && m->loss.held >= GUARD_SHORT + GUARD_BASE)
        a->reference = window_median(&m->loss, GUARD_SHORT, GUARD_BASE);
    a->margin = (is_young ? GUARD_START_SIGMAS : GUARD_SPIKE_SIGMAS) * s->sigma;
    a->margin = fmax(a->margin, GUARD_SPIKE_SHARE * fabs(a->reference));
    a->margin = fmax(a->margin, GUARD_SPIKE_PROGRESS * s->progress);
}

/* Too slow for the window: against the lowest level ever. */
static void far_reference(const struct guard_scene *s, struct pace_alarm *a)
{
    a->reference = s->memory->lowest;
    a->margin = fmax(GUARD_DIVERGENCE_SIGMAS * s->sigma, GUARD_DIVERGENCE_PROGRESS * s->progress);
    a->margin = fmax(a->margin, GUARD_SPIKE_SHARE * fabs(a->reference));
}

static int64_t patience(int64_t total)
{
    double steps = GUARD_PATIENCE_SHARE * (double)total;
    return (int64_t)fmin(fmax(steps, GUARD_PATIENCE_LEAST), GUARD_PATIENCE_MOST);
}

/* Started below what a guess would have, now above it: no model comes back from there by itself. */
static bool is_hopeless(const struct guard_scene *s)
{
    double guess = s->rate->options.uniform_loss;
    return guess > 0 && s->memory->start < GUARD_BELOW_GUESS * guess &&
           s->loss_now > guess + s->sigma;
}

static void watch_alarm(struct guard_scene *s, struct pace_alarm *a)
{
    double excess = s->loss_now - a->reference;
    a->due = is_hopeless(s);
    if (excess < 0.5 * a->margin) {
        *a = (struct pace_alarm){0};
        return;
    }
    if (s->step >= a->check && excess < a->margin) {
        *a = (struct pace_alarm){0};
        return;
    }
    if (s->step >= a->check) {
        a->due = a->due || excess > GUARD_RECOVERING * a->most;
        a->check = s->step + patience(s->total);
        a->most = excess;
    }
    a->most = fmax(a->most, excess);
}

static void raise_alarm(struct guard_scene *s, struct pace_alarm *a)
{
    struct pace_alarm near = {.since = s->step - GUARD_SHORT / 2};
    struct pace_alarm far = {.since = s->memory->lowest_step};
    if (isnan(s->loss_now))
        return;
    reference(s, &near);
    far_reference(s, &far);
    if (s->loss_now > near.reference + near.margin)
        *a = near;
    else if (s->level > far.reference + far.margin)
        *a = far;
    else
        return;
    a->raised = true;
    a->check = s->step + patience(s->total);
    a->most = s->loss_now - a->reference;
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
    double reach = GUARD_START_SIGMAS * s->sigma;
    return fmin(fmax(loss, usual - reach), usual + reach);
}

static void remember_loss(struct pace_memory *m, struct guard_scene *s, double loss)
{
    window_add(&m->loss, loss, s->step);
    m->n_losses++;
    if (m->n_losses == 1)
        m->first = m->start = m->lowest = loss;
    if (m->n_losses == GUARD_SHORT) /* with a rate far too high only the first one is sound */
        m->start = fmin(m->first, window_median(&m->loss, 0, GUARD_SHORT));
    s->sigma = noise_of(&m->loss);
    s->loss_now = window_median(&m->loss, 0, GUARD_SHORT);
    s->level = window_median(&m->loss, 0, GUARD_LEVEL);
    s->swing = window_swing(&m->loss, GUARD_SWING);
    s->progress = fmax(0, m->start - m->lowest);
    block_add(m, s->step, s->total, tamed(s, loss));
}

/* The lowest level and the usual swing are learnt only while nothing is wrong. */
static void learn_usual(struct pace_memory *m, const struct guard_scene *s)
{
    bool first_level = m->n_losses == GUARD_LEVEL;
    if (!isnan(s->level) && (first_level || s->level < m->lowest)) {
        m->lowest = s->level;
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
    if (m->alarm.raised)
        watch_alarm(s, &m->alarm);
    else
        raise_alarm(s, &m->alarm);
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
        scene->sigma = noise_of(&r->memory.loss);
    }
}
