/*
 * guard_guess.c - rules for a model that begins as a guess: random weights, a loss of log V.
 *
 * The other rules ask what a rate has undone. Random weights have nothing to undo: at a rate far
 * too high they overshoot, then learn how frequent tokens are and no more, and the loss ends well
 * below its start. What gives them away is the comparison with what any such model does at a rate
 * that suits it:
 *
 *   overshot   the loss falls from the first update on. All tokens are given about alike, so that
 *              batches hardly differ, and two losses of five above the base are not their noise
 *   stuck      it goes on falling. The frequencies are learnt within few updates; what comes behind
 *              them takes the rest of the run
 *
 * Neither is enough by itself: a warmup that is too short overshoots as well, and small models of
 * few steps rest at the frequencies for a while. So both ask for a second witness, a prior that
 * calls the rate too high by two of its deviations, as `slow` does in guard_raise.c for one too
 * low. Measured (doc/RATE.md): at 20 times the good rate and more the second highest of five losses
 * stood 5 % and more above the base, at 5 times and less never above it.
 *
 * What such a rate has made of the weights is worth nothing, so the run goes back to its beginning,
 * and the first state is kept for as long as that may be wanted (guard_slot.c).
 */
#include <math.h>

#include "base/stat.h"
#include "rate/guard_block.h"
#include "rate/guard_window.h"

/* It knows nothing of this text, or worse. */
static bool began_as_guess(const struct pace_rate *r)
{
    double guess = r->options.uniform_loss;
    return guess > 0 && guard_base_loss(&r->memory) > GUARD_BELOW_GUESS * guess;
}

bool guard_suspects_guess(const struct pace_rate *r)
{
    bool is_early = (double)r->step <= GUARD_GUESS_BEFORE * (double)r->options.schedule.total_steps;
    return is_early && r->memory.n_losses > 0 && began_as_guess(r) &&
           guard_low_by_prior(r) < -GUARD_SIGNIFICANT;
}

static void begin_again(enum pace_reason reason, struct guard_verdict *v)
{
    v->action = PACE_ROLL_BACK;
    v->reason = reason;
    v->onset = 0;          /* older than all states: it will be the oldest */
    v->above_start = true; /* half of a rate far too high is far too high */
}

bool guard_overshot(const struct guard_scene *s, struct guard_verdict *v)
{
    const struct pace_memory *m = s->memory;
    double guess = s->rate->options.uniform_loss, loss[GUARD_SHORT];
    double base = fmax(fmax(guard_base_loss(m), m->first), guess);
    size_t n = window_copy(&m->loss, 0, GUARD_SHORT, loss);
    bool is_surer = base > guess / GUARD_BELOW_GUESS; /* of what is wrong: so batches differ */
    if (n < 2 || is_surer || !guard_suspects_guess(s->rate))
        return false;
    double second = stat_quantile(loss, n, (double)(n - 2) / (double)(n - 1));
    if (second < (1 + GUARD_OVERSHOT_SHARE) * base)
        return false;
    begin_again(PACE_REASON_OVERSHOT, v);
    v->number[0] = base;
    v->number[1] = second;
    return true;
}

bool guard_stuck(const struct guard_scene *s, struct guard_verdict *v)
{
    const struct pace_memory *m = s->memory;
    int64_t now = block_beginning(s), from = now - GUARD_STUCK_BLOCKS;
    int64_t warm = block_after(s, s->rate->options.schedule.warmup_steps);
    struct trend t;
    if (from < warm || from < block_after(s, m->trend_from) || m->alarm.raised ||
        !guard_suspects_guess(s->rate) || !block_trend(s, from, now, &t))
        return false;
    double error = GUARD_SIGNIFICANT * t.se;
    bool is_low = t.level < GUARD_STUCK_LEVEL * s->rate->options.uniform_loss;
    if (is_low || t.descent > error || t.descent + error > GUARD_SLOW_SHARE * t.level)
        return false;
    begin_again(PACE_REASON_STUCK, v);
    block_tell(&t, v);
    return true;
}
