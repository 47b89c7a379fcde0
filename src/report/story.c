/*
 * story.c - from a journal to the story of its run.
 *
 * A step's place in the run is not in its record where a decision leads back: that record names the
 * step to go on with. So the walk over the steps is done again here, as the controller does it.
 *
 * Worth telling is each decision that is not "as scheduled" and not one more lowest held-out loss.
 * Small ones (a gradient scaled down, a batch left out) can be many: those that follow one another
 * for the same reason are told once, with their number. Cuts, raises and roll-backs are few, and
 * each changes the run: they are never joined.
 */
#include "report/story.h"

#include <math.h>

static bool is_told(const struct pace_rate_decision *d)
{
    bool is_usual = d->reason == PACE_REASON_SCHEDULE || d->reason == PACE_REASON_BEST_SO_FAR ||
                    d->reason == PACE_REASON_DONE;
    return d->advice != PACE_GO ? d->reason != PACE_REASON_DONE : !is_usual;
}

static bool is_small(enum pace_action advice)
{
    return advice == PACE_GO || advice == PACE_CLIP || advice == PACE_SKIP;
}

static void tell(struct story *s, const struct journal_entry *entry, int64_t step)
{
    struct story_event *last = s->n_events > 0 ? &s->events[s->n_events - 1] : NULL;
    const struct pace_rate_decision *d = &entry->decision;
    bool is_alike = last && last->entry->decision.advice == d->advice &&
                    last->entry->decision.reason == d->reason && is_small(d->advice);
    if (is_alike) {
        last->n++;
        last->last_step = step;
    } else {
        s->events[s->n_events++] = (struct story_event){entry, step, step, 1};
    }
}

/* The step that the next gradient is about. */
static int64_t step_behind(const struct journal_entry *entry, int64_t step)
{
    const struct pace_rate_decision *d = &entry->decision;
    if (d->restore_slot >= 0)
        return d->step;
    bool is_done = d->apply_update || d->action == PACE_SKIP;
    bool is_next = entry->obs.kind == PACE_OBS_STEP && is_done && step < INT64_MAX;
    return is_next ? step + 1 : step;
}

/*
 * 0, but in a journal that lacks the first steps: those of the search's arm that the run went on
 * from. Where it has them, the base's held-out loss before them names the step behind them.
 */
static int64_t first_step(const struct journal *j)
{
    size_t i = 0;
    if (j->n_entries == 0 || j->entries[0].decision.restore_slot >= 0)
        return 0;
    while (i + 1 < j->n_entries && j->entries[i].obs.kind == PACE_OBS_EVAL)
        i++;
    int64_t first = j->entries[0].decision.step, next = j->entries[i].decision.step;
    return j->entries[i].decision.restore_slot < 0 && next < first ? next : first;
}

static void see_eval(struct story *s, double loss, int64_t step)
{
    s->first_eval = s->n_evals == 0 ? loss : s->first_eval;
    s->last_eval = loss;
    s->n_evals++;
    if (!(loss >= s->best_eval) && isfinite(loss)) {
        s->best_eval = loss;
        s->best_eval_step = step;
    }
}

/* The mean of up to n finite losses of steps, counted from either end; NAN where there are none. */
static double mean_loss(const struct journal *j, int64_t n, bool from_end)
{
    double sum = 0;
    int64_t found = 0;
    for (size_t i = 0; i < j->n_entries && found < n; i++) {
        const struct pace_rate_obs *obs = &j->entries[from_end ? j->n_entries - 1 - i : i].obs;
        if (obs->kind != PACE_OBS_STEP || !isfinite(obs->loss))
            continue;
        sum += obs->loss;
        found++;
    }
    return found > 0 ? sum / (double)found : NAN;
}

static enum story_end end_of(const struct journal *j)
{
    if (j->n_entries == 0)
        return STORY_UNFINISHED;
    const struct pace_rate_decision *last = &j->entries[j->n_entries - 1].decision;
    for (size_t i = j->n_entries; i > 0; i--) {
        const struct pace_rate_decision *d = &j->entries[i - 1].decision;
        if (d->action == PACE_STOP)
            return d->reason == PACE_REASON_DONE ? STORY_DONE : STORY_STOPPED;
    }
    return last->step >= j->options.schedule.total_steps - 1 ? STORY_DONE : STORY_UNFINISHED;
}

void story_make(struct story *s, const struct journal *j, struct arena *arena)
{
    *s = (struct story){.journal = j, .first_eval = NAN, .best_eval = NAN, .last_eval = NAN};
    s->events = arena_array(arena, struct story_event, j->n_entries);
    s->steps = arena_array(arena, int64_t, j->n_entries);
    int64_t step = s->first_step = first_step(j);
    for (size_t i = 0; i < j->n_entries; i++) {
        const struct journal_entry *entry = &j->entries[i];
        s->steps[i] = step;
        if (entry->obs.kind == PACE_OBS_EVAL)
            see_eval(s, entry->obs.loss, step);
        else
            s->n_gradients++;
        bool is_gradient = entry->obs.kind == PACE_OBS_STEP;
        if (is_told(&entry->decision))
            tell(s, entry, is_gradient && step < INT64_MAX ? step + 1 : step);
        step = step_behind(entry, step);
    }
    int64_t few = 1 + s->n_gradients / 20;
    s->first_loss = mean_loss(j, few < 5 ? few : 5, false);
    s->last_loss = mean_loss(j, few, true);
    s->end = end_of(j);
    s->end_step = step;
}
