/*
 * guard_slot.c - the states that the trainer keeps for us.
 *
 * Slot 0 holds the state with the best held-out loss. The others hold recent states, taken every
 * fiftieth of the run while nothing looks wrong. A jump of the loss is seen soon, and the newest of
 * them will do; a slow divergence is seen late. So slot 2 takes every fourth state, slot 3 every
 * sixteenth, slot 1 all others: the oldest reaches back a third of the run, and the first one of
 * the run is among them for as long. What is known of each is the step that it goes on with. While
 * a raise of the rate is on trial the state from before it is not overwritten; nor is the run's
 * first while its rate is suspected of ruining random weights, which have no later state worth
 * anything.
 */
#include <math.h>

#include "rate/guard.h"
#include "rate/guard_window.h"

bool guard_on_trial(const struct pace_rate *r)
{
    const struct pace_memory *m = &r->memory;
    int64_t steps = GUARD_TRIAL_BLOCKS * guard_block_steps(r->options.schedule.total_steps);
    return m->raise_step >= 0 && r->step <= m->raise_step + steps;
}

int guard_slot_before(const struct pace_rate *r, int64_t onset)
{
    const struct pace_memory *m = &r->memory;
    int newest = -1, oldest = -1;
    for (int i = 0; i < PACE_SLOTS; i++) {
        int64_t step = m->slot_step[i];
        if (step < 0 || step > r->step)
            continue;
        if (oldest < 0 || step < m->slot_step[oldest])
            oldest = i;
        if (step <= onset - GUARD_ONSET_MARGIN && (newest < 0 || step > m->slot_step[newest]))
            newest = i;
    }
    return newest >= 0 ? newest : oldest;
}

void guard_keep(struct pace_rate *r, struct pace_rate_decision *d, int slot)
{
    d->keep_slot = slot;
    r->memory.slot_step[slot] = r->step;
}

static bool is_healthy(const struct pace_rate *r, const struct guard_scene *s)
{
    const struct pace_memory *m = &r->memory;
    bool is_usual = isnan(s->level) || s->obs->loss <= s->level + GUARD_SPIKE_SIGMAS * s->sigma;
    return is_usual && isfinite(s->obs->loss) && s->strain < GUARD_KEEP_STRAIN &&
           !m->alarm.raised && m->quick_until < 0;
}

static int64_t keep_every(int64_t total)
{
    double steps = GUARD_KEEP_SHARE * (double)total;
    return (int64_t)fmin(fmax(steps, GUARD_KEEP_LEAST), GUARD_KEEP_MOST);
}

int64_t guard_turn(const struct pace_rate *r)
{
    return r->step / keep_every(r->options.schedule.total_steps);
}

/* The oldest of the recent states: of a run that has not gone on for long, its first. */
static bool is_oldest(const struct pace_memory *m, int slot)
{
    for (int i = PACE_SLOT_BEST + 1; i < PACE_SLOTS; i++)
        if (m->slot_step[i] >= 0 && m->slot_step[i] < m->slot_step[slot])
            return false;
    return m->slot_step[slot] >= 0;
}

/* A state that may be wanted yet. */
static bool is_reserved(const struct pace_rate *r, int slot)
{
    return (guard_on_trial(r) && r->memory.raise_slot == slot) ||
           (guard_suspects_guess(r) && is_oldest(&r->memory, slot));
}

void guard_keep_if_due(struct pace_rate *r, const struct guard_scene *s,
                       struct pace_rate_decision *d)
{
    struct pace_memory *m = &r->memory;
    int64_t turn = guard_turn(r);
    int slot = PACE_SLOT_BEST + 1;
    if (turn == m->kept_turn || !is_healthy(r, s))
        return;
    for (int64_t t = turn; t % GUARD_KEEP_TIMES == 0 && slot + 1 < r->options.n_slots; slot++)
        t /= GUARD_KEEP_TIMES;
    m->kept_turn = turn;
    if (slot < r->options.n_slots && !is_reserved(r, slot))
        guard_keep(r, d, slot);
}
