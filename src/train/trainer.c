/*
 * trainer.c - the loop of rate.h, with everything in its place.
 *
 * A step's rows follow from its number (order.c), and the number is the controller's, so a
 * roll-back needs no more than the weights, the optimiser's state and the decision. An update that
 * was decided against still counts as a step.
 *
 * Held-out losses are taken every eval_steps updates and behind the last one; of a schedule-free
 * optimiser, with its average.
 *
 * Where nobody guards, a gradient that is not finite ends the run as a loss would: the plain loop
 * would write it into every weight and find the next loss to be none.
 */
#include "train/trainer.h"

#include <math.h>

#include "base/clock.h"

void trainer_init(struct trainer *t, struct arena *arena, const struct trainer_options *options)
{
    *t = (struct trainer){.options = *options};
    CHECK(options->rate.n_slots == 0 || options->snapshots);
    order_init(&t->order, arena, &options->order);
    pace_rate_init(&t->rate, &options->rate);
}

/* Tells the listener; false where the run is to end. */
static bool tell(struct trainer *t, enum trainer_moment moment, const struct step_sums *sums,
                 double seconds)
{
    struct trainer_event event = {.moment = moment,
                                  .step = t->rate.step,
                                  .epoch = (double)t->rate.step / (double)t->order.steps_per_epoch,
                                  .sums = sums,
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

static bool train(struct trainer *t)
{
    const struct trainer_options *o = &t->options;
    struct step_sums sums;
    size_t n;
    double began = clock_seconds();
    const uint32_t *rows = order_step(&t->order, t->rate.step, &n);
    stepper_train(o->stepper, o->store, rows, n, t->rate.step, &sums);
    struct pace_rate_obs obs = observe(t, &sums);
    obey(t, &obs);
    double seconds = clock_seconds() - began;
    t->totals.loss += obs.loss;
    t->totals.steps++;
    t->totals.tokens += sums.tokens;
    t->totals.rows += n;
    t->totals.seconds += seconds;
    return tell(t, TRAINER_STEP, &sums, seconds);
}

static bool evaluate(struct trainer *t)
{
    const struct trainer_options *o = &t->options;
    double began = clock_seconds();
    optim_show_average(o->optim, true);
    stepper_evaluate(o->stepper, o->store, o->eval_rows, o->n_eval, &t->last_eval);
    optim_show_average(o->optim, false);
    if (t->last_eval.targets > 0) {
        struct pace_rate_obs obs = pace_rate_obs_eval(t->last_eval.loss);
        obey(t, &obs);
    }
    return tell(t, TRAINER_EVAL, &t->last_eval, clock_seconds() - began);
}

static bool eval_is_due(const struct trainer *t)
{
    const struct trainer_options *o = &t->options;
    int64_t step = t->rate.step;
    if (o->n_eval == 0 || t->rate.memory.stopped)
        return false;
    return pace_rate_finished(&t->rate) || (o->eval_steps > 0 && step % o->eval_steps == 0);
}

enum trainer_end trainer_run(struct trainer *t)
{
    if (t->options.eval_on_start && t->rate.step == 0 && t->options.n_eval > 0 && !evaluate(t))
        return TRAINER_INTERRUPTED;
    while (!pace_rate_finished(&t->rate)) {
        int64_t step = t->rate.step;
        if (!train(t))
            return TRAINER_INTERRUPTED;
        if (t->rate.step > step && eval_is_due(t) && !evaluate(t))
            return TRAINER_INTERRUPTED;
    }
    return t->rate.memory.stopped ? TRAINER_STOPPED : TRAINER_DONE;
}
