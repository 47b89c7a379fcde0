/*
 * guard_trend.c - plateau: the loss fell, and falls no more.
 *
 * "No descent" is a claim that needs evidence: with noisy losses any short piece looks flat. Two
 * things must hold: the descent of the last blocks is not significant, and, were it as large as two
 * standard errors allow, it would still be a small share of what was gained. Where the noise is too
 * large for the second, nothing is claimed.
 *
 * At a high rate a plateau is the floor that the noise of the updates makes, which falls with the
 * rate (arXiv 2405.18392). A schedule that is about to fall by itself needs no help: it is told.
 */
#include <math.h>

#include "rate/guard_block.h"

bool guard_plateau(const struct guard_scene *s, struct guard_verdict *v)
{
    const struct pace_memory *m = s->memory;
    const struct pace_schedule *schedule = &s->rate->options.schedule;
    int64_t now = block_beginning(s), from = now - GUARD_PLATEAU_BLOCKS;
    struct trend t;
    if (from < block_after(s, m->trend_from) || from < block_after(s, schedule->warmup_steps) ||
        m->plateau_told || m->anneal_step >= 0 || m->alarm.raised)
        return false;
    double had = fmax(GUARD_SPIKE_SHARE * fabs(m->start), GUARD_SPIKE_SIGMAS * s->sigma);
    double scheduled = pace_schedule_rate(schedule, s->step);
    if (s->progress < had || scheduled < GUARD_STILL_HIGH * schedule->learning_rate)
        return false;
    if (!block_trend(s, from, now, &t))
        return false;
    double error = GUARD_SIGNIFICANT * t.se;
    if (t.descent > error || t.descent + error > GUARD_PLATEAU_SHARE * s->progress)
        return false;
    v->action = PACE_ANNEAL;
    v->reason = PACE_REASON_PLATEAU;
    v->anneal_rate = scheduled;
    v->only_tell = pace_schedule_uses_metric(schedule->kind) ||
                   pace_schedule_rate(schedule, s->total - 1) < GUARD_STILL_HIGH * scheduled;
    block_tell(&t, v);
    return true;
}
