/*
 * guard_act.c - carrying out what a rule wants: the verdict becomes a decision that is spelled out,
 * and the controller's state follows.
 *
 * A verdict asks for what would be best; what can be had may be less. A roll-back without a state
 * to go back to, or when too many steps have been done twice already, becomes a cut; where the
 * weights are broken a cut is no help, and the run ends with the best state there is.
 *
 * Cuts follow a ladder: the rate is halved; should that not be enough, divided by four, then by
 * sixteen (or, from the second cut on, taken down to what the prior expects, where that is lower).
 * A run that diverged above its start begins with the second rung. Long calm forgives: the next
 * cut is a halving again, though the rate stays where it was cut to.
 */
#include <math.h>

#include "rate/guard.h"

static const double ladder[] = {2, 4, 16};

static void stop(struct pace_rate *r, struct pace_rate_decision *d, int slot)
{
    d->action = PACE_STOP;
    d->apply_update = false;
    d->restore_slot = slot;
    if (slot >= 0)
        d->step = r->memory.slot_step[slot];
    r->step = d->step < r->step ? d->step : r->step; /* the best may be from before a roll-back */
    r->memory.stopped = true;
}

static void give_up(struct pace_rate *r, const struct guard_verdict *v,
                    struct pace_rate_decision *d)
{
    bool has_best = r->memory.slot_step[PACE_SLOT_BEST] >= 0;
    d->reason = PACE_REASON_GIVE_UP;
    d->number[0] = (double)r->memory.n_incidents;
    d->number[1] = (double)r->memory.redone;
    d->number[2] = d->number[3] = 0;
    stop(r, d, has_best ? PACE_SLOT_BEST : guard_slot_before(r, v->onset));
}

static double by_ladder(struct pace_rate *r, const struct guard_verdict *v)
{
    struct pace_memory *m = &r->memory;
    double total = (double)r->options.schedule.total_steps;
    double calm = fmax(GUARD_CALM_SHARE * total, GUARD_CALM_LEAST);
    if (m->n_incidents == 0 || (double)(r->step - m->last_incident) > calm)
        m->rung = 0;
    if (m->rung == 0 && v->above_start)
        m->rung = 1;
    double change = 1 / ladder[min_size((size_t)m->rung, COUNT_OF(ladder) - 1)];
    double to_prior = r->options.prior_rate / (r->options.schedule.learning_rate * r->scale);
    if (m->rung > 0 && to_prior > 0)
        change = fmin(change, to_prior);
    m->rung++;
    return change;
}

static void cut(struct pace_rate *r, const struct guard_verdict *v, struct pace_rate_decision *d)
{
    struct pace_memory *m = &r->memory;
    d->action = PACE_CUT;
    d->change = v->change > 0 ? v->change : by_ladder(r, v);
    m->broke_scale = r->scale;
    r->scale *= d->change;
    m->n_incidents++;
    m->last_incident = m->trend_from = r->step;
    m->quick_until = -1;
    m->alarm = (struct pace_alarm){0};
    if (v->reason == PACE_REASON_RAISE_FAILED) {
        m->raise_failed = true;
        m->raise_step = -1;
    }
}

/* Not one that failed again and again, where there is an older one. */
static int choose_slot(struct pace_rate *r, int64_t onset)
{
    struct pace_memory *m = &r->memory;
    int slot = guard_slot_before(r, onset);
    if (slot < 0 || m->slot_step[slot] != m->went_back_to || m->n_went_back < GUARD_SAME_STATE)
        return slot;
    int older = guard_slot_before(r, m->went_back_to);
    if (m->slot_step[older] < m->slot_step[slot]) {
        m->slot_step[slot] = -1;
        return older;
    }
    return slot;
}

/* The run is at the step that the slot goes on with; what came later is forgotten. */
static void go_back(struct pace_rate *r, int slot, struct pace_rate_decision *d)
{
    struct pace_memory *m = &r->memory;
    int64_t step = m->slot_step[slot];
    m->n_went_back = step == m->went_back_to ? m->n_went_back + 1 : 1;
    m->went_back_to = m->last_incident = m->trend_from = m->warm_from = r->step = step;
    m->n_not_finite = m->n_skips = 0;
    m->kept_turn = guard_turn(r); /* an older state is the way out if this one is bad */
    for (int i = PACE_SLOT_BEST + 1; i < PACE_SLOTS; i++)
        if (m->slot_step[i] > step)
            m->slot_step[i] = -1;
    guard_forget(m, step, r->options.schedule.total_steps);
    m->n_losses = step < GUARD_SHORT ? m->loss.held : m->n_losses; /* the start is learnt anew */
    d->action = PACE_ROLL_BACK;
    d->apply_update = false;
    d->restore_slot = slot;
    d->step = step;
}

static void roll_back(struct pace_rate *r, const struct guard_scene *scene,
                      const struct guard_verdict *v, struct pace_rate_decision *d)
{
    struct pace_memory *m = &r->memory;
    int slot = choose_slot(r, v->onset);
    int64_t again = slot >= 0 ? r->step - m->slot_step[slot] : 0;
    double total = (double)r->options.schedule.total_steps;
    double most = fmax(GUARD_REDONE_SHARE * total, fmin(GUARD_REDONE_LEAST, total));
    bool is_possible = slot >= 0 && (double)(m->redone + again) <= most;
    if (m->n_incidents >= GUARD_INCIDENTS || (v->is_broken && !is_possible)) {
        give_up(r, v, d);
        return;
    }
    cut(r, v, d);
    m->risen_since = is_possible ? v->onset : -1;
    m->risen_excess = v->number[1] - v->number[0];
    m->risen_change = d->change;
    if (slot < 0)
        guard_accept(m, scene); /* nowhere to go back to: what comes next is compared with this */
    if (!is_possible)
        return;
    m->redone += again;
    go_back(r, slot, d);
}

static void raise(struct pace_rate *r, const struct guard_scene *scene,
                  const struct guard_verdict *v, struct pace_rate_decision *d)
{
    struct pace_memory *m = &r->memory;
    d->change = v->change;
    r->scale *= v->change;
    if (v->reason == PACE_REASON_HARDER_DATA) {
        guard_accept(m, scene);
        return;
    }
    if (r->options.n_slots > PACE_SLOT_BEST + 1)
        guard_keep(r, d, PACE_SLOT_BEST + 1);
    m->n_raises++;
    m->raise_step = m->trend_from = r->step;
    m->raise_slot = d->keep_slot;
    m->raise_change = v->change;
    m->raise_level = v->level;
    m->raise_level_se = v->level_se;
}

static void note_offence(struct pace_memory *m, int64_t batch)
{
    int64_t i = 0, known = m->n_offenders < PACE_OFFENDERS ? m->n_offenders : PACE_OFFENDERS;
    if (batch < 0)
        return;
    while (i < known && m->offender[i] != batch)
        i++;
    if (i == known) {
        i = m->n_offenders++ % PACE_OFFENDERS;
        m->offender[i] = batch;
        m->offences[i] = 0;
    }
    m->offences[i]++;
}

static void skip(struct pace_rate *r, const struct guard_verdict *v, int64_t batch,
                 struct pace_rate_decision *d)
{
    d->apply_update = false;
    if (v->reason == PACE_REASON_NO_TARGETS)
        return;
    note_offence(&r->memory, batch);
    if (v->reason != PACE_REASON_NON_FINITE)
        return;
    r->memory.quick_until = r->step + 1 + GUARD_QUICK_STEPS;
    d->change = GUARD_QUICK_CUT;
}

void guard_act(struct pace_rate *r, const struct guard_scene *scene, const struct guard_verdict *v,
               struct pace_rate_decision *d)
{
    d->action = v->action;
    switch (v->action) {
    case PACE_CLIP:
        d->gradient_scale = v->grad_norm / scene->obs->grad_norm;
        break;
    case PACE_SKIP:
        skip(r, v, scene->obs->batch, d);
        break;
    case PACE_CUT:
        cut(r, v, d);
        break;
    case PACE_RAISE:
        raise(r, scene, v, d);
        break;
    case PACE_ROLL_BACK:
        roll_back(r, scene, v, d);
        break;
    case PACE_ANNEAL:
        r->memory.anneal_rate = v->anneal_rate;
        r->memory.anneal_step = r->step;
        break;
    case PACE_BEST:
        d->restore_slot = PACE_SLOT_BEST;
        break;
    case PACE_STOP:
        stop(r, d, r->memory.slot_step[PACE_SLOT_BEST] >= 0 ? PACE_SLOT_BEST : -1);
        break;
    default: /* GO: a rule that has only something to say */
        if (v->reason == PACE_REASON_BEST_SO_FAR && r->options.n_slots > 0)
            guard_keep(r, d, PACE_SLOT_BEST);
        break;
    }
}
