/*
 * trainer.c - the loop between landscape and controller.
 *
 * The loop is the one that rate.h shows in its essay, with evaluations: that it is enough to obey
 * every decision is part of what is tested. Batches are numbered; which one a step meets follows
 * from the seed and the step (or from the number of gradients so far, where the data moves on), in
 * shuffled epochs where the landscape's rows come again.
 */
#include "test/sim/trainer.h"

#include <math.h>

enum { STREAM_EVAL = 5 };

struct run {
    const struct sim_job *job;
    struct sim_result *result;
    struct pace_rate rate;
    struct sim_weights now;
    struct sim_weights slot[PACE_SLOTS];
    double gradient[SIM_PARAMETERS_MOST];
    bool has_flipped, has_broken;
};

/* The share of the run that a fault waits for has come; 0 is never. */
static bool is_due(const struct run *run, double share)
{
    double total = (double)run->job->options.schedule.total_steps;
    return share > 0 && (double)run->rate.step >= share * total;
}

static struct pace_rate_obs observe_step(struct run *run)
{
    const struct sim_job *job = run->job;
    const struct sim_faults *faults = &job->faults;
    bool onwards = job->order == SIM_ORDER_ONWARDS;
    int64_t place = onwards ? run->result->n_steps : run->rate.step;
    uint64_t id = sim_batch_at(job->landscape, (uint64_t)place);
    if (!run->has_broken && is_due(run, faults->break_at)) {
        run->now.x[0] = NAN;
        run->has_broken = true;
    }
    double loss = sim_poisoned_loss(job->landscape, faults, run->now.x, id, run->gradient);
    if (!run->has_flipped && is_due(run, faults->flip_at)) {
        for (size_t i = 0; i < run->now.n; i++)
            run->gradient[i] *= 1000;
        run->has_flipped = true;
    }
    if (is_due(run, faults->harder_at))
        loss += faults->harder;
    if (job->tells_loss_alone)
        return pace_rate_obs_step(loss, -1);
    struct pace_rate_obs obs = pace_rate_obs_step(loss, sim_norm(run->gradient, run->now.n));
    bool is_empty = faults->poison == SIM_POISON_EMPTY &&
                    sim_batch_is_poisoned(faults, job->landscape->seed, id);
    obs.n_targets = is_empty ? 0 : 100;
    obs.batch = (int64_t)id;
    return obs;
}

/* Who does not tell the norm has to clip by himself, as trainers do. */
static double own_scale(const struct run *run)
{
    double norm = sim_norm(run->gradient, run->now.n);
    double most = run->job->options.max_grad_norm;
    return run->job->tells_loss_alone ? sim_clip_scale(norm, most) : 1;
}

/* What the decision asks for, in the order that rate.h prescribes. */
static void obey(struct run *run, const struct pace_rate_decision *d)
{
    CHECK(d->restore_slot < PACE_SLOTS && d->keep_slot < PACE_SLOTS);
    CHECK(d->restore_slot < 0 || d->keep_slot < 0);
    if (d->keep_slot >= 0)
        run->slot[d->keep_slot] = run->now;
    if (d->restore_slot >= 0)
        run->now = run->slot[d->restore_slot];
    if (d->apply_update)
        sim_weights_update(&run->now, run->gradient, d->learning_rate,
                           d->gradient_scale * own_scale(run));
}

static struct pace_rate_decision take(struct run *run, const struct pace_rate_obs *obs)
{
    const struct sim_job *job = run->job;
    struct sim_result *result = run->result;
    struct sim_event event = {.obs = *obs, .true_loss = NAN};
    if (job->wants_true_loss)
        event.true_loss = sim_true_loss(job->landscape, run->now.x);
    pace_rate_observe(&run->rate, obs);
    event.decision = pace_rate_next(&run->rate);
    if (job->listen)
        job->listen(job->listener, &run->rate, &event);
    obey(run, &event.decision);
    *(obs->kind == PACE_OBS_STEP ? &result->n_steps : &result->n_evals) += 1;
    result->n_actions[event.decision.action]++;
    result->n_reasons[event.decision.reason]++;
    return event.decision;
}

/* A held-out loss is nearly free of noise, and of rows that stay the same: no fault is in it. */
static void evaluate(struct run *run)
{
    const struct sim_landscape *l = run->job->landscape;
    struct rng rng = {
        .seed = l->seed, .stream = STREAM_EVAL, .index = (uint64_t)run->result->n_evals * 2};
    double loss = sim_true_loss(l, run->now.x);
    struct pace_rate_obs obs = pace_rate_obs_eval(loss + 0.001 * rng_normal(&rng));
    (void)take(run, &obs);
}

int64_t sim_observations_most(int64_t total_steps)
{
    return 4 * total_steps + 200;
}

static double largest(const double *x, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, isfinite(x[i]) ? fabs(x[i]) : INFINITY);
    return most;
}

void sim_train(const struct sim_job *job, struct sim_result *result)
{
    struct run run = {.job = job, .result = result};
    int64_t most = sim_observations_most(job->options.schedule.total_steps);
    *result =
        (struct sim_result){.first_loss = sim_true_loss(job->landscape, job->landscape->start)};
    sim_weights_init(&run.now, job->landscape, job->optimizer);
    for (size_t i = 0; i < PACE_SLOTS; i++) {
        run.slot[i] = run.now;
        run.slot[i].x[0] = NAN; /* what was never kept must not be restored */
    }
    pace_rate_init(&run.rate, &job->options);
    if (job->evaluates_first)
        evaluate(&run);
    while (!pace_rate_finished(&run.rate) && !result->endless) {
        int64_t before = run.rate.step;
        struct pace_rate_obs obs = observe_step(&run);
        (void)take(&run, &obs);
        bool advanced = run.rate.step > before;
        if (advanced && job->eval_every > 0 && run.rate.step % job->eval_every == 0)
            evaluate(&run);
        result->endless = result->n_steps > most;
    }
    bool is_done = run.rate.step == job->options.schedule.total_steps;
    if (is_done && job->eval_every > 0 && run.rate.step % job->eval_every != 0)
        evaluate(&run); /* the guard may go back to the best state */
    result->final_loss = sim_true_loss(job->landscape, run.now.x);
    result->furthest = largest(run.now.x, run.now.n);
    result->last_step = run.rate.step;
}
