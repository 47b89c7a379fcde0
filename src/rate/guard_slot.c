/*
 * guard_slot.c - the states that the trainer keeps for us.
 *
 * Slot 0 holds the state with the best held-out loss. The others are a ring of recent states, one
 * every fiftieth of the run, taken only while nothing looks wrong. What is known of each is the
 * step that it goes on with. While a raise of the rate is on trial the state from before it is not
 * overwritten, so that the raise can be taken back.
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

int guard_free_slot(const struct pace_rate *r)
{
    const struct pace_memory *m = &r->memory;
    int best = -1;
    for (int i = PACE_SLOT_BEST + 1; i < r->options.n_slots; i++) {
        bool is_needed = guard_on_trial(r) && m->raise_slot == i;
        if (!is_needed && (best < 0 || m->slot_step[i] < m->slot_step[best]))
            best = i;
    }
    return best;
}

int guard_slot_before(const struct pace_rate *r, int64_t onset)
{
    const struct pace_memory *m = &r->memory;
    int newest = -1, oldest = -1;
    for (int i = 0; i < PACE_SLOTS; i++) {
        int64_t step = m->slot_step[i];
        if (step < 0)
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
    if (slot >= 0)
        r->memory.slot_step[slot] = r->step;
}

static bool is_healthy(const struct pace_rate *r, const struct guard_scene *s)
{
    const struct pace_memory *m = &r->memory;
    double most = s->level + GUARD_SPIKE_SIGMAS * s->sigma;
    bool is_usual = isnan(s->level) || s->obs->loss <= most;
    return is_usual && isfinite(s->obs->loss) && !m->alarm.raised && m->quick_until < 0;
}

static int64_t keep_every(int64_t total)
{
    double steps = GUARD_KEEP_SHARE * (double)total;
    return (int64_t)fmin(fmax(steps, GUARD_KEEP_LEAST), GUARD_KEEP_MOST);
}

void guard_keep_if_due(struct pace_rate *r, const struct guard_scene *s,
                       struct pace_rate_decision *d)
{
    int64_t newest = -1;
    for (int i = PACE_SLOT_BEST + 1; i < PACE_SLOTS; i++)
        if (r->memory.slot_step[i] > newest)
            newest = r->memory.slot_step[i];
    bool is_due = newest < 0 || r->step - newest >= keep_every(s->total);
    if (is_due && is_healthy(r, s))
        guard_keep(r, d, guard_free_slot(r));
}
