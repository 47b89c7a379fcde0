/*
 * guard_alarm.c - has the loss risen, and is it coming back?
 *
 * The alarm is the one piece of memory with states of its own. It is off; or it was raised at a
 * step (`since`), because the level of the newest losses stood above a reference by a margin. The
 * reference is frozen then, so that a level that stays high does not become the new normal while
 * it is being judged. From time to time (`check`) the excess is compared with the largest since
 * the last look: has it fallen well, the loss is recovering and is left alone (what
 * ReduceLROnPlateau gets wrong, pytorch#30873); has it not, the alarm is `due` and guard_loss.c
 * decides. It ends by itself where the excess has halved its margin.
 *
 * Above the base nothing is waited for: where a model that had learnt something does worse than a
 * guess, or where a prior calls the rate far too high, the alarm is due at once.
 *
 * There are two references. The near one is the level just before the newest losses (at the start
 * of a run, the first loss): it finds a jump within a few steps. The far one is the lowest level
 * that the run has had: it finds what goes up too slowly to be a jump, but must be higher above it.
 */
#include "rate/guard.h"

#include <math.h>

#include "rate/guard_window.h"

/*
 * The noise that a loss had at a lower level. Noise grows with the loss, between not at all and in
 * proportion; the square root is in the middle. Without it a run that explodes hides in its noise.
 */
static double sigma_at(const struct guard_scene *s, double level)
{
    bool is_lower = level > 0 && level < s->loss_now;
    return is_lower ? s->sigma * sqrt(level / s->loss_now) : s->sigma;
}

/* The noise of a young run is known from a few differences, which may happen to be alike. */
static double start_sigmas(const struct pace_memory *m)
{
    double differences = fmax((double)m->loss.held - 1, 1);
    return GUARD_START_SIGMAS * (1 + GUARD_START_FEW / differences);
}

/* The level before the newest losses, and how far above it is out of the ordinary. */
static void reference(const struct guard_scene *s, struct pace_alarm *a)
{
    const struct pace_memory *m = s->memory;
    double base = window_median(&m->loss, GUARD_SHORT, GUARD_BASE / 2);
    bool is_young = isnan(base);
    a->reference = is_young ? fmax(m->first, m->start) : base;
    if (!is_young && m->loss.held >= GUARD_SHORT + GUARD_BASE)
        a->reference = window_median(&m->loss, GUARD_SHORT, GUARD_BASE);
    double noise = sigma_at(s, a->reference);
    a->margin = is_young
                    ? fmin(start_sigmas(m) * noise, GUARD_START_TIMES * fmax(a->reference, 1))
                    : GUARD_SPIKE_SIGMAS * noise;
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

/* What an incident left that could not be gone back from is not to be seen again at every step. */
static double base_loss(const struct guard_scene *s)
{
    const struct pace_memory *m = s->memory;
    double base = guard_base_loss(m);
    return m->n_incidents > 0 ? fmax(base, m->lowest) : base;
}

/* Started below what a guess would have, now above it: no model comes back from there by itself. */
static bool is_hopeless(const struct guard_scene *s)
{
    double guess = s->rate->options.uniform_loss;
    return guess > 0 && base_loss(s) < GUARD_BELOW_GUESS * guess &&
           s->loss_now > guess + sigma_at(s, guess);
}

/* Worse than untrained, at a rate that a prior calls far too high. */
static bool is_shock(const struct guard_scene *s)
{
    double base = base_loss(s);
    double least = fmax(GUARD_SHOCK_SHARE * fabs(base), GUARD_SHOCK_SIGMAS * sigma_at(s, base));
    return guard_low_by_prior(s->rate) < -GUARD_SIGNIFICANT && s->loss_now > base + least;
}

static void watch_alarm(struct pace_alarm *a, const struct guard_scene *s)
{
    double excess = s->loss_now - a->reference;
    a->due = is_hopeless(s) || is_shock(s);
    bool is_over = excess < 0.5 * a->margin || (s->step >= a->check && excess < a->margin);
    if (is_over) {
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

static void raise_alarm(struct pace_alarm *a, struct guard_scene *s)
{
    struct pace_alarm near = {.since = s->step - GUARD_SHORT / 2};
    struct pace_alarm far = {.since = s->memory->lowest_step};
    reference(s, &near);
    far_reference(s, &far);
    bool is_worse = is_hopeless(s) || is_shock(s);
    if (is_worse) { /* noise is as large as what exploded: what counts is the base */
        near.reference = base_loss(s);
        near.margin = GUARD_SPIKE_SHARE * fabs(near.reference);
    }
    s->strain = (s->loss_now - near.reference) / near.margin;
    if (s->strain > 1)
        *a = near;
    else if (s->level > far.reference + far.margin)
        *a = far;
    else
        return;
    a->raised = true;
    a->due = is_worse;
    a->check = s->step + patience(s->total);
    a->most = s->loss_now - a->reference;
}

void guard_sense_alarm(struct pace_alarm *a, struct guard_scene *s)
{
    if (isnan(s->loss_now))
        return;
    if (a->raised)
        watch_alarm(a, s);
    else
        raise_alarm(a, s);
}
