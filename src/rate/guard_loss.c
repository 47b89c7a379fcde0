/*
 * guard_loss.c - rules that judge the level of the loss: spikes, divergence, oscillation.
 *
 * A spike that passes is no business of ours: the alarm (guard_sense.c) waits for as long as the
 * loss is coming back. What is left is a loss that rose, by more than noise explains and enough to
 * matter, and stays up. PaLM's answer (arXiv 2204.02311, section 5.1) was to go back to a state
 * from before the spike and to leave out the data around it; ours is to go back and to go on
 * slower, since for fine-tuning the usual cause is the learning rate.
 *
 * A loss that stays at that of a guess, to the last digits, is a model that says nothing any more.
 *
 * The same event is called divergence where it undoes half of all progress, or goes above where
 * the run started: then the first cut is a larger one.
 */
#include <math.h>

#include "rate/guard_block.h"
#include "rate/guard_window.h"

/* What comes again at the same place, and is as large at a lower rate, is not the rate's doing. */
bool guard_is_the_data(const struct guard_scene *s, int64_t since, double excess,
                       struct guard_verdict *v)
{
    const struct pace_memory *m = s->memory;
    int64_t apart = since - m->risen_since;
    bool is_again = m->risen_since >= 0 && s->loss_now < m->start && apart >= -GUARD_AGAIN_STEPS &&
                    apart <= GUARD_AGAIN_STEPS &&
                    fabs(excess - m->risen_excess) < GUARD_AGAIN_SHARE * m->risen_excess;
    if (!is_again)
        return false;
    v->action = PACE_RAISE;
    v->reason = PACE_REASON_HARDER_DATA;
    v->change = 1 / m->risen_change;
    v->number[0] = (double)since;
    v->number[1] = excess;
    return true;
}

bool guard_risen(const struct guard_scene *s, struct guard_verdict *v)
{
    const struct pace_memory *m = s->memory;
    const struct pace_alarm *a = &m->alarm;
    if (!a->due)
        return false;
    double lowest = fmin(m->lowest, m->start), lost = s->loss_now - lowest;
    bool diverged = lost > GUARD_DIVERGENCE_PROGRESS * s->progress && lost > a->margin;
    v->above_start = s->loss_now > m->start + a->margin;
    if (!v->above_start && guard_is_the_data(s, a->since, s->loss_now - a->reference, v))
        return true;
    v->action = PACE_ROLL_BACK;
    v->reason = diverged ? PACE_REASON_DIVERGENCE : PACE_REASON_LOSS_SPIKE;
    v->onset = a->since;
    v->number[0] = diverged ? lowest : a->reference;
    v->number[1] = s->loss_now;
    v->number[2] = (double)(s->step - a->since);
    v->number[3] = diverged ? m->start : s->sigma;
    return true;
}

/*
 * The same, where the noise is too large for a few losses to say so: means of blocks. The lowest of
 * them is what was reached; the newest is about where the run began, and no better than the one
 * before.
 */
bool guard_lost(const struct guard_scene *s, struct guard_verdict *v)
{
    const struct pace_memory *m = s->memory;
    int64_t now = block_beginning(s), from = block_after(s, m->trend_from), best = from;
    if (now < from + 2 || m->alarm.raised)
        return false;
    for (int64_t i = from; i < now; i++)
        if (m->block[i].n < guard_block_steps(s->total) / 2)
            return false;
        else if (m->block[i].mean < m->block[best].mean)
            best = i;
    const struct pace_block *low = &m->block[best], *last = &m->block[now - 1];
    double lost = last->mean - low->mean;
    double error = hypot(block_error(low), block_error(last));
    double least = fmax(GUARD_LOST_ERRORS * error, GUARD_SPIKE_SHARE * fabs(low->mean));
    if (lost < least || lost < GUARD_LOST_PROGRESS * (m->start - low->mean) ||
        last->mean < m->block[now - 2].mean - error)
        return false;
    v->onset = (best + 1) * guard_block_steps(s->total);
    v->above_start = last->mean > m->start;
    if (!v->above_start && guard_is_the_data(s, v->onset, lost, v))
        return true;
    v->action = PACE_ROLL_BACK;
    v->reason = PACE_REASON_DIVERGENCE;
    v->number[0] = low->mean;
    v->number[1] = last->mean;
    v->number[2] = (double)(s->step - v->onset);
    v->number[3] = m->start;
    return true;
}

/* How many of the newest losses are that of a guess, to the last digits. */
static int64_t count_guesses(const struct pace_window *w, double guess)
{
    int64_t n = 0;
    while (n < w->held &&
           fabs(w->value[(w->next - 1 - n) % PACE_WINDOW] - guess) < GUARD_GUESS_SHARE * guess)
        n++;
    return n;
}

/*
 * A model that gives all tokens alike has that loss on every batch, without noise, and no gradient:
 * it fell there from above, and nothing rises, so no other rule sees it. One that began there is
 * another matter: a head of zeros is somebody's start.
 */
bool guard_collapsed(const struct guard_scene *s, struct guard_verdict *v)
{
    const struct pace_memory *m = s->memory;
    double guess = s->rate->options.uniform_loss;
    int64_t n = guess > 0 ? count_guesses(&m->loss, guess) : 0;
    bool began_there = fabs(m->first - guess) < GUARD_GUESS_AWAY * GUARD_GUESS_SHARE * guess;
    if (n < GUARD_GUESSES || began_there)
        return false;
    v->action = PACE_ROLL_BACK;
    v->reason = PACE_REASON_COLLAPSED;
    v->onset = m->loss.step[(m->loss.next - n) % PACE_WINDOW];
    v->is_broken = true;
    v->above_start = true;
    v->number[0] = guess;
    v->number[1] = (double)n;
    return true;
}

bool guard_oscillation(const struct guard_scene *s, struct guard_verdict *v)
{
    const struct pace_memory *m = s->memory;
    double least = fmax(GUARD_SPIKE_PROGRESS * s->progress, GUARD_SPIKE_SHARE * fabs(s->level));
    bool just_acted =
        m->n_incidents > 0 && s->step - m->last_incident < GUARD_SWING + GUARD_WARM_STEPS;
    if (m->alarm.raised || m->swing == 0 || just_acted)
        return false;
    if (!(s->swing > GUARD_SWING_RATIO * m->swing && s->swing > least))
        return false;
    /* A step down, as between two epochs, is no swing; it leaves the lowest losses at the end. */
    bool steps_down =
        s->loss_now < window_median(&m->loss, GUARD_SWING / 2, GUARD_SWING / 2) - s->swing;
    if (steps_down || fabs(window_correlation(&m->loss, GUARD_SWING)) < GUARD_SWING_CORRELATION)
        return false;
    v->action = PACE_CUT;
    v->reason = PACE_REASON_OSCILLATION;
    v->change = 0.5;
    v->number[0] = s->swing;
    v->number[1] = m->swing;
    v->number[2] = GUARD_SWING;
    return true;
}
