/*
 * trainer.c - the loop of rate.h, with everything in its place.
 *
 * A step's rows follow from its number (order.c), and the number is the controller's, so a
 * roll-back needs no more than the weights, the optimiser's state and the decision. An update that
 * was decided against still counts as a step.
 *
 * Held-out losses are taken every eval_steps updates and behind the last one; of a schedule-free
 * optimiser, with its average. Where there is an average of the weights they are its losses: while
 * the rate is high the weights wander, and what a decay to zero would find is nearer to their mean
 * than to any of them, so mean against mean tells sooner whether the run gets anywhere. Behind the
 * last update the weights are measured as well, since a schedule that has come down may have left
 * them better than the mean; the better of the two is what the guard is told and what is saved. A
 * state that was better still is restored from its slot: however small the difference, nothing
 * speaks for the worse one.
 *
 * Where nobody guards, a gradient that is not finite ends the run as a loss would: the plain loop
 * would write it into every weight and find the next loss to be none.
 */
#include "train/trainer.h"

#include <math.h>

#include "base/clock.h"

void trainer_init(struct trainer *t, struct arena *arena, const struct trainer_options *options)
{
    const struct trainer_options *o = options;
    *t = (struct trainer){.options = *o};
    CHECK(o->rate.n_slots == 0 || o->snapshots);
    CHECK(!o->average || (o->average_steps >= 1 && o->average_steps <= o->average_every));
    order_init(&t->order, arena, &o->order);
    t->eval_rows = arena_array(arena, uint32_t, o->n_eval > 0 ? o->n_eval : 1);
    trainer_restart(t, &o->rate);
}

void trainer_restart(struct trainer *t, const struct pace_rate_options *rate)
{
    t->options.rate = *rate;
    pace_rate_init(&t->rate, rate);
    t->best = (struct trainer_best){-1, NAN};
    t->choice = (struct trainer_choice){.last_loss = NAN, .average_loss = NAN, .kept_loss = NAN};
    t->wants_eval = t->options.eval_on_start && t->options.n_eval > 0;
}

/* Tells the listener; false where the run is to end. */
static bool tell(struct trainer *t, enum trainer_moment moment, const struct step_sums *sums,
                 const struct pace_rate_obs *obs, double seconds)
{
    bool is_base = moment == TRAINER_EVAL && t->totals.steps == 0;
    int64_t step = is_base ? 0 : t->rate.step;
    struct trainer_event event = {.moment = moment,
                                  .step = step,
                                  .epoch = (double)step / (double)t->order.steps_per_epoch,
                                  .sums = sums,
                                  .obs = *obs,
                                  .decision = pace_rate_next(&t->rate),
                                  .seconds = seconds};
    return !t->options.on_event || t->options.on_event(t->options.context, &event);
}

static void obey(struct trainer *t, const struct pace_rate_obs *obs)
{
    pace_rate_observe(&t->rate, obs);
    struct pace_rate_decision d = pace_rate_next(&t->rate);
    if (d.keep_slot >= 0)
        snapshots_keep(t->options.snapshots, (size_t)d.keep_slot);
    if (d.keep_slot == PACE_SLOT_BEST)
        t->best = (struct trainer_best){d.step, obs->loss};
    if (d.restore_slot >= 0)
        snapshots_restore(t->options.snapshots, (size_t)d.restore_slot);
    if (d.apply_update)
        optim_step(t->options.optim, d.learning_rate, d.gradient_scale);
}

static struct pace_rate_obs observe(const struct trainer *t, const struct step_sums *sums)
{
    bool is_poisoned = sums->not_finite > 0 && t->options.rate.guard != PACE_GUARD_ACT;
    struct pace_rate_obs obs = pace_rate_obs_step(sums->loss, sums->grad_norm);
    if (sums->targets == 0)
        obs.loss = 0; /* not NaN: nothing was wrong with any number */
    if (is_poisoned)
        obs.loss = NAN;
    obs.n_targets = (int64_t)sums->targets;
    obs.batch = order_batch(&t->order, t->rate.step);
    return obs;
}

/* ------------------------------------------------------------------------------ quarantine -- */

/* Where rows that break batches are to be left out; or NULL. */
static struct quarantine *quarantine_of(const struct trainer *t)
{
    return t->options.rate.guard == PACE_GUARD_ACT ? t->options.quarantine : NULL;
}

/* The gradients of a step's rows; where there is a quarantine, without those that break them. */
static void compute(struct trainer *t, struct quarantine_batch *batch, struct step_sums *sums)
{
    struct quarantine *q = quarantine_of(t);
    if (q)
        quarantine_train(q, batch, t->rate.step, sums);
    else
        stepper_train(batch->stepper, batch->store, batch->rows, batch->n, t->rate.step, sums);
}

/* What the guard decided about these rows says something about them. */
static void draw_conclusions(struct trainer *t, const struct quarantine_batch *batch, int64_t step,
                             const struct pace_rate_obs *obs)
{
    const struct pace_rate_decision *d = &t->rate.decision;
    struct quarantine *q = quarantine_of(t);
    bool is_finite = isfinite(obs->loss) && isfinite(obs->grad_norm);
    if (!q)
        return;
    if (d->action == PACE_ROLL_BACK) {
        quarantine_settle(q, false);
        quarantine_lift(q, t->rate.step);
    } else if (is_finite) {
        quarantine_settle(q, true);
    }
    if (d->action == PACE_SKIP && is_finite && obs->n_targets > 0)
        quarantine_blame(q, batch, step);
}

static void tell_quarantine(struct trainer *t)
{
    const struct quarantined *found;
    struct quarantine *q = quarantine_of(t);
    while (q && (found = quarantine_next(q)))
        if (t->options.on_quarantine)
            t->options.on_quarantine(t->options.context, found);
}

/* ----------------------------------------------------------------------------------- a step -- */

/* Takes in the weights behind the newest update, if they are among the last before an end. */
static void add_to_average(struct trainer *t)
{
    const struct trainer_options *o = &t->options;
    int64_t now = t->rate.step;
    if (!o->average)
        return;
    int64_t end = (now + o->average_every - 1) / o->average_every * o->average_every;
    int64_t total = o->rate.schedule.total_steps;
    int64_t first = (end < total ? end : total) - o->average_steps + 1;
    if (now <= first)
        average_restart(o->average);
    if (now >= first)
        average_add(o->average);
}

static bool eval_is_due(const struct trainer *t)
{
    const struct trainer_options *o = &t->options;
    if (o->n_eval == 0 || t->rate.memory.stopped)
        return false;
    return pace_rate_finished(&t->rate) || (o->eval_steps > 0 && t->rate.step % o->eval_steps == 0);
}

static bool train(struct trainer *t)
{
    struct step_sums sums;
    struct quarantine_batch batch = {.stepper = t->options.stepper, .store = t->options.store};
    double began = clock_seconds();
    int64_t step = t->rate.step;
    (void)order_step(&t->order, step, &batch.n);
    batch.rows = t->order.taken;
    compute(t, &batch, &sums);
    struct pace_rate_obs obs = observe(t, &sums);
    obey(t, &obs);
    draw_conclusions(t, &batch, step, &obs);
    if (t->rate.step > step) {
        add_to_average(t);
        t->wants_eval = eval_is_due(t);
    }
    double seconds = clock_seconds() - began;
    t->totals.loss += obs.loss;
    t->totals.steps++;
    t->totals.tokens += sums.tokens;
    t->totals.rows += batch.n;
    t->totals.seconds += seconds;
    tell_quarantine(t);
    return tell(t, TRAINER_STEP, &sums, &obs, seconds);
}

/* -------------------------------------------------------------------------- held-out losses -- */

void trainer_show_result(struct trainer *t, bool is_shown)
{
    if (t->options.average)
        average_show(t->options.average, is_shown);
    optim_show_average(t->options.optim, is_shown);
}

static void measure(struct trainer *t, struct step_sums *sums)
{
    const struct trainer_options *o = &t->options;
    struct quarantine *q = quarantine_of(t);
    struct quarantine_batch batch = {o->stepper, o->store, t->eval_rows, o->n_eval};
    for (size_t i = 0; i < batch.n; i++)
        batch.rows[i] = o->eval_rows[i];
    bool is_base = t->totals.steps == 0;
    if (is_base && o->base) {
        *sums = *o->base;
        return;
    }
    if (q && is_base) {
        quarantine_evaluate(q, &batch, sums);
    } else {
        batch.n = q ? quarantine_filter(q, batch.rows, batch.n) : batch.n;
        stepper_evaluate(o->stepper, o->store, batch.rows, batch.n, sums);
    }
    t->totals.eval_tokens += sums->tokens;
}

/* Behind the last update: the weights or their average, whichever is better. */
static void measure_last(struct trainer *t)
{
    struct step_sums weights;
    t->choice.average_loss = t->last_eval.loss;
    measure(t, &weights);
    t->choice.last_loss = weights.loss;
    if (!isnan(t->last_eval.loss) && !(weights.loss < t->last_eval.loss))
        return;
    t->last_eval = weights;
    average_restart(t->options.average);
}

static bool evaluate(struct trainer *t)
{
    const struct trainer_options *o = &t->options;
    double began = clock_seconds();
    trainer_show_result(t, true);
    measure(t, &t->last_eval);
    trainer_show_result(t, false);
    t->choice.average_loss = t->choice.last_loss = NAN;
    if (pace_rate_finished(&t->rate) && o->average && o->average->n > 0)
        measure_last(t);
    else
        t->choice.last_loss = t->last_eval.loss;
    struct pace_rate_obs obs = pace_rate_obs_eval(t->last_eval.loss);
    if (t->last_eval.targets > 0)
        obey(t, &obs);
    t->wants_eval = false;
    tell_quarantine(t);
    return tell(t, TRAINER_EVAL, &t->last_eval, &obs, clock_seconds() - began);
}

/* ------------------------------------------------------------------------------- the choice -- */

static bool keeps_better(const struct trainer *t)
{
    return !t->rate.memory.stopped && t->best.loss < t->last_eval.loss;
}

/* What a run has come to that went to its end, or that the guard stopped. */
static void choose(struct trainer *t)
{
    struct trainer_choice *c = &t->choice;
    struct average *average = t->options.average;
    bool is_restored = t->rate.decision.restore_slot == PACE_SLOT_BEST;
    c->state = average && average->n > 0 ? TRAINER_AVERAGE : TRAINER_LAST;
    c->step = t->rate.step;
    bool is_last = t->best.step == t->rate.step && !is_restored;
    if (t->best.step < 0 || is_last)
        return;
    c->kept_loss = t->best.loss;
    if (!is_restored && !keeps_better(t))
        return;
    if (!is_restored)
        snapshots_restore(t->options.snapshots, PACE_SLOT_BEST);
    c->state = TRAINER_KEPT;
    c->step = t->best.step;
}

void trainer_explain_choice(const struct trainer_choice *c, struct buf *out)
{
    const struct {
        double loss;
        const char *name;
    } states[] = {
        [TRAINER_LAST] = {c->last_loss, "the weights behind the last update"},
        [TRAINER_AVERAGE] = {c->average_loss, "the average of the last weights"},
        [TRAINER_KEPT] = {c->kept_loss, "the best state on the way"},
    };
    buf_printf(out, "%s, at step %lld", states[c->state].name, (long long)c->step);
    if (isnan(states[c->state].loss))
        return;
    buf_printf(out, ": held-out loss %.4f", states[c->state].loss);
    for (size_t i = 0; i < COUNT_OF(states); i++)
        if (i != (size_t)c->state && !isnan(states[i].loss))
            buf_printf(out, "; %s: %.4f", states[i].name, states[i].loss);
}

/* --------------------------------------------------------------------------------- the loop -- */

enum trainer_end trainer_run_until(struct trainer *t, int64_t step)
{
    while (t->wants_eval || (!pace_rate_finished(&t->rate) && t->rate.step < step)) {
        bool goes_on = t->wants_eval ? evaluate(t) : train(t);
        if (!goes_on)
            return TRAINER_INTERRUPTED;
    }
    if (!pace_rate_finished(&t->rate))
        return TRAINER_PAUSED;
    choose(t);
    return t->rate.memory.stopped ? TRAINER_STOPPED : TRAINER_DONE;
}

enum trainer_end trainer_run(struct trainer *t)
{
    return trainer_run_until(t, INT64_MAX);
}
