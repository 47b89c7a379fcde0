/*
 * rate.c - the controller: what the schedule says, what the guard says, and one decision of both.
 *
 * The rate of an update is a product:
 *
 *     schedule(step)            what was planned; behind ANNEAL a straight line to zero instead
 *     x scale                   all lasting cuts and raises
 *     x 1/2                     while a temporary cut lasts (a batch was not finite)
 *     x 1/11 ... 10/11          in the short warmup behind a roll-back
 *
 * and the gradient is multiplied with what clip_grad_norm_ of torch would do, or with less.
 *
 * A run is a walk over steps. An observation at step s is of the state that s updates have led to:
 * if its loss is healthy, that very state can be kept, before the update, and a roll-back to it
 * means to go on with step s. So a state that is kept has been seen to work, the first one of the
 * run included; and the data may be what it was then, or go on: the guard assumes neither.
 *
 * Where only watching is asked for, the same rules are asked, and the decision says what they would
 * do (`advice`) while doing what the schedule says (`action`). Without a guard, and when watching,
 * a loss that is not finite ends the run, since the plain loop has nothing else to offer.
 *
 * What keeps the controller from looping: each roll-back counts as an incident, of which there are
 * at most GUARD_INCIDENTS; the steps done twice are counted and bounded; raises are.
 */
#include <math.h>

#include "rate/guard.h"
#include "rate/problem.h"

/* ------------------------------------------------------------------------------ options -- */

void pace_rate_options_init(struct pace_rate_options *o)
{
    *o = (struct pace_rate_options){.guard = PACE_GUARD_ACT, .max_grad_norm = 1};
    pace_schedule_init(&o->schedule, PACE_SCHEDULE_LINEAR);
}

bool pace_rate_options_check(const struct pace_rate_options *o, struct pace_problem *problem)
{
    if (!pace_schedule_check(&o->schedule, problem))
        return false;
    if ((unsigned)o->guard > PACE_GUARD_OFF)
        return problem_set(problem, "", "the guard's mode %d is none", (int)o->guard);
    if (o->first_step < 0 || (o->first_step > 0 && o->first_step >= o->schedule.total_steps))
        return problem_set(problem, "it is one of the run's", "step %lld is no step to begin with",
                           (long long)o->first_step);
    if (o->n_slots < 0 || o->n_slots > PACE_SLOTS)
        return problem_set(problem, "the guard makes use of 0 to 4", "%d states cannot be kept",
                           o->n_slots);
    if (!(o->max_grad_norm >= 0) || isinf(o->max_grad_norm))
        return problem_set(problem, "0 clips nothing", "a gradient norm of %g is no limit",
                           o->max_grad_norm);
    if (!(o->prior_rate >= 0 && o->prior_sd >= 0) || isinf(o->prior_rate) || isinf(o->prior_sd))
        return problem_set(problem, "0 says that none is known",
                           "no expectation of a learning rate: %g, give or take %g decades",
                           o->prior_rate, o->prior_sd);
    if (!(o->uniform_loss >= 0) || isinf(o->uniform_loss))
        return problem_set(problem, "0 says that it is not known", "%g is no loss of a guess",
                           o->uniform_loss);
    return true;
}

/* --------------------------------------------------------------------------------- rate -- */

static int64_t total_steps(const struct pace_rate *r)
{
    return r->options.schedule.total_steps;
}

static double scheduled_rate(const struct pace_rate *r, int64_t step)
{
    const struct pace_memory *m = &r->memory;
    if (m->anneal_step >= 0) {
        double left = (double)(total_steps(r) - step);
        return m->anneal_rate * fmax(0, left) / (double)(total_steps(r) - m->anneal_step);
    }
    if (pace_schedule_uses_metric(r->options.schedule.kind))
        return r->metric.learning_rate;
    return pace_schedule_rate(&r->options.schedule, step);
}

static double rate_at(const struct pace_rate *r, int64_t step)
{
    const struct pace_memory *m = &r->memory;
    double rate = scheduled_rate(r, step) * r->scale;
    if (m->quick_until >= 0)
        rate *= GUARD_QUICK_CUT;
    if (m->warm_from >= 0 && step >= m->warm_from && step - m->warm_from < GUARD_WARM_STEPS)
        rate *= (double)(step - m->warm_from + 1) / (GUARD_WARM_STEPS + 1);
    return rate;
}

/* As clip_grad_norm_: norm / (norm + 1e-6) for gradients that are clipped. */
static double ordinary_scale(const struct pace_rate *r, double grad_norm)
{
    double most = r->options.max_grad_norm;
    return most > 0 && grad_norm > 0 ? fmin(1, most / (grad_norm + 1e-6)) : 1;
}

static struct pace_rate_decision go(const struct pace_rate *r)
{
    return (struct pace_rate_decision){
        .action = PACE_GO,
        .advice = PACE_GO,
        .reason = PACE_REASON_SCHEDULE,
        .step = r->step,
        .learning_rate = rate_at(r, r->step),
        .gradient_scale = 1,
        .apply_update = true,
        .restore_slot = -1,
        .keep_slot = -1,
        .change = 1,
    };
}

/* ------------------------------------------------------------------------------- observe -- */

/* What the guard has nothing to do with, or nothing to say on: the end of a run, or its loss. */
static void finish(struct pace_rate *r, struct pace_rate_decision *d, enum pace_reason reason)
{
    d->action = d->advice = PACE_STOP;
    d->reason = reason;
    d->apply_update = false;
    r->memory.stopped = true;
}

static void tell(struct pace_rate *r, const struct guard_verdict *v, struct pace_rate_decision *d)
{
    d->advice = v->action;
    d->reason = v->reason;
    for (int i = 0; i < PACE_NUMBERS; i++)
        d->number[i] = v->number[i];
    if (v->reason == PACE_REASON_PLATEAU)
        r->memory.plateau_told = true;
}

/* What was advised is taken for done, so that it is not said again at every step. */
static void take_for_told(struct pace_rate *r, const struct guard_scene *s,
                          const struct guard_verdict *v)
{
    struct pace_memory *m = &r->memory;
    if (v->action == PACE_ROLL_BACK || v->action == PACE_CUT) {
        m->n_incidents++;
        m->last_incident = r->step;
        guard_accept(m, s);
    }
    if (v->action == PACE_RAISE) {
        m->n_raises++;
        m->trend_from = r->step;
    }
}

/* The temporary cut is over: the numbers have been finite for long enough. */
static void recover(struct pace_rate *r, struct pace_rate_decision *d)
{
    r->memory.quick_until = -1;
    d->action = d->advice = PACE_RAISE;
    d->reason = PACE_REASON_RECOVERED;
    d->change = 1 / GUARD_QUICK_CUT;
    d->number[0] = GUARD_QUICK_STEPS;
}

static void decide(struct pace_rate *r, const struct pace_rate_obs *obs,
                   struct pace_rate_decision *d)
{
    bool acts = r->options.guard == PACE_GUARD_ACT;
    struct guard_scene scene;
    struct guard_verdict verdict;
    guard_sense(r, obs, &scene);
    if (guard_judge(&scene, &verdict)) {
        tell(r, &verdict, d);
        if (acts && !verdict.only_tell) {
            guard_act(r, &scene, &verdict, d);
            d->advice = d->action;
        } else {
            take_for_told(r, &scene, &verdict);
        }
    } else if (acts && obs->kind == PACE_OBS_STEP) {
        if (r->memory.quick_until >= 0 && r->step >= r->memory.quick_until)
            recover(r, d);
        guard_keep_if_due(r, &scene, d);
    }
    if (obs->kind == PACE_OBS_EVAL)
        guard_remember_eval(r, &scene);
}

static void observe_step(struct pace_rate *r, const struct pace_rate_obs *obs,
                         struct pace_rate_decision *d)
{
    struct pace_memory *m = &r->memory;
    int64_t step = r->step;
    if (step >= total_steps(r)) {
        finish(r, d, PACE_REASON_DONE);
        d->number[0] = (double)total_steps(r);
        return;
    }
    d->gradient_scale = ordinary_scale(r, obs->grad_norm);
    if (r->options.guard != PACE_GUARD_OFF)
        decide(r, obs, d);
    if (r->options.guard != PACE_GUARD_ACT && !isfinite(obs->loss)) {
        finish(r, d, PACE_REASON_NON_FINITE);
        d->number[0] = obs->loss;
        d->number[1] = obs->grad_norm;
    }
    if (m->stopped || d->action == PACE_ROLL_BACK)
        return;
    m->n_skips = d->action == PACE_SKIP ? m->n_skips + 1 : 0;
    m->n_updates += d->apply_update;
    r->step++;
}

static void observe_eval(struct pace_rate *r, const struct pace_rate_obs *obs,
                         struct pace_rate_decision *d)
{
    d->apply_update = false;
    if (pace_schedule_uses_metric(r->options.schedule.kind))
        pace_metric_rate_observe(&r->metric, &r->options.schedule, obs->loss);
    if (r->options.guard != PACE_GUARD_OFF)
        decide(r, obs, d);
}

/* Before anything else a held-out loss is that of the weights before their first update. */
static bool is_of_base(const struct pace_rate *r, const struct pace_rate_obs *obs)
{
    const struct pace_memory *m = &r->memory;
    return obs->kind == PACE_OBS_EVAL && r->step == r->options.first_step && m->n_losses == 0 &&
           m->held_out.n == 0;
}

void pace_rate_observe(struct pace_rate *r, const struct pace_rate_obs *obs)
{
    if (r->memory.stopped)
        return;
    bool is_base = is_of_base(r, obs);
    if (is_base)
        r->step = 0;
    struct pace_rate_decision d = go(r);
    if (obs->kind == PACE_OBS_STEP)
        observe_step(r, obs, &d);
    else
        observe_eval(r, obs, &d);
    if (is_base)
        r->step = r->options.first_step;
    d.learning_rate = rate_at(r, d.step);
    r->decision = d;
}

struct pace_rate_decision pace_rate_next(const struct pace_rate *r)
{
    return r->decision;
}

bool pace_rate_finished(const struct pace_rate *r)
{
    return r->memory.stopped || r->step >= total_steps(r);
}

void pace_rate_init(struct pace_rate *r, const struct pace_rate_options *o)
{
    struct pace_problem problem;
    CHECK(pace_rate_options_check(o, &problem));
    *r = (struct pace_rate){.options = *o, .scale = 1, .step = o->first_step};
    pace_metric_rate_init(&r->metric, &o->schedule);
    for (int i = 0; i < PACE_SLOTS; i++)
        r->memory.slot_step[i] = -1;
    r->memory.raise_slot = -1;
    r->memory.kept_turn = -1;
    r->memory.trend_eval_step = r->memory.went_back_to = -1;
    r->memory.best_eval = NAN;
    r->memory.raise_step = r->memory.anneal_step = -1;
    r->memory.quick_until = r->memory.warm_from = r->memory.risen_since = -1;
    r->decision = go(r);
}

struct pace_rate_obs pace_rate_obs_step(double loss, double grad_norm)
{
    return (struct pace_rate_obs){
        .kind = PACE_OBS_STEP, .loss = loss, .grad_norm = grad_norm, .n_targets = -1, .batch = -1};
}

struct pace_rate_obs pace_rate_obs_eval(double loss)
{
    return (struct pace_rate_obs){
        .kind = PACE_OBS_EVAL, .loss = loss, .grad_norm = -1, .n_targets = -1, .batch = -1};
}
