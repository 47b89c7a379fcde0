/*
 * scenario.c - the table of troubles, and the draw of a case.
 *
 * To add one: a row. The benchmark (score.c), the invariants (test_guard_sim.c) and the recorded
 * journals (record.c) take it from here.
 */
#include "test/sim/scenario.h"

#include <math.h>

enum { STREAM_CASE = 8 };

#define POISON(kind, share)                                                                        \
    {                                                                                              \
        .poison = SIM_POISON_##kind, .poison_share = (share)                                       \
    }

const struct sim_scenario sim_scenarios[] = {
    {"clean", SIM_CLEAN, 1, {0}, {0}},
    {"half the good rate", SIM_CLEAN, 0.5, {0}, {0}},
    {"twice the good rate", SIM_CLEAN, 2, {0}, {0}},
    {"harder data midway", SIM_CLEAN, 1, {.harder_at = 0.5, .harder = 0.4}, {0}},

    {"rate x3", SIM_TOO_HIGH, 3, {0}, {0}},
    {"rate x10", SIM_TOO_HIGH, 10, {0}, {0}},
    {"rate x30", SIM_TOO_HIGH, 30, {0}, {0}},
    {"rate x100", SIM_TOO_HIGH, 100, {0}, {0}},
    {"rate x300", SIM_TOO_HIGH, 300, {0}, {0}},

    {"rate /3", SIM_TOO_LOW, 1.0 / 3, {0}, {0}},
    {"rate /10", SIM_TOO_LOW, 1.0 / 10, {0}, {0}},
    {"rate /30", SIM_TOO_LOW, 1.0 / 30, {0}, {0}},
    {"rate /100", SIM_TOO_LOW, 1.0 / 100, {0}, {0}},
    {"rate /300", SIM_TOO_LOW, 1.0 / 300, {0}, {0}},

    {"1 % huge batches", SIM_BAD_DATA, 1, POISON(HUGE, 0.01), {0}},
    {"10 % huge batches", SIM_BAD_DATA, 1, POISON(HUGE, 0.1), {0}},
    {"10 % wrong labels", SIM_BAD_DATA, 1, POISON(LABELS, 0.1), {0}},
    {"2 % NaN batches", SIM_BAD_DATA, 1, POISON(NAN, 0.02), {0}},
    {"2 % infinite gradients", SIM_BAD_DATA, 1, POISON(INFINITY, 0.02), {0}},
    {"5 % batches without targets", SIM_BAD_DATA, 1, POISON(EMPTY, 0.05), {0}},
    {"no targets at all", SIM_BAD_DATA, 1, POISON(EMPTY, 2), {0}, .is_hopeless = true},
    {"rate x10, 1 % huge batches", SIM_BAD_DATA, 10, POISON(HUGE, 0.01), {0}},

    {"one gradient x1000", SIM_BROKEN, 1, {.flip_at = 0.4}, {0}},
    {"a weight becomes NaN", SIM_BROKEN, 1, {.break_at = 0.4}, {0}},

    {"loss alone is told", SIM_CLEAN, 1, {0}, {0}, .is_blind = true},
    {"rate x30, loss alone is told", SIM_TOO_HIGH, 30, {0}, {0}, .is_blind = true},
    {"2 % NaN, loss alone is told", SIM_BAD_DATA, 1, POISON(NAN, 0.02), {0}, .is_blind = true},

    {"no clipping", SIM_CLEAN, 1, {0}, {0}, .is_unclipped = true},
    {"rate x30, no clipping", SIM_TOO_HIGH, 30, {0}, {0}, .is_unclipped = true},
    {"1 % huge, no clipping", SIM_BAD_DATA, 1, POISON(HUGE, 0.01), {0}, .is_unclipped = true},

    {"heavy tails", SIM_CLEAN, 1, {0}, {.heavy_tails = true}},
    {"rate x30, heavy tails", SIM_TOO_HIGH, 30, {0}, {.heavy_tails = true}},

    {"rate x30, overflow", SIM_TOO_HIGH, 30, {0}, {.overflows = true}},
    {"rate x300, overflow", SIM_TOO_HIGH, 300, {0}, {.overflows = true}},

    {"as pace tune", SIM_CLEAN, 1, {0}, {0}, .is_tuned = true},
    {"rate x10, as pace tune", SIM_TOO_HIGH, 10, {0}, {0}, .is_tuned = true},
    {"rate x20, as pace tune", SIM_TOO_HIGH, 20, {0}, {0}, .is_tuned = true},
    {"rate x100, as pace tune", SIM_TOO_HIGH, 100, {0}, {0}, .is_tuned = true},
    {"rate /30, as pace tune", SIM_TOO_LOW, 1.0 / 30, {0}, {0}, .is_tuned = true},
    {"rate /1000, as pace tune", SIM_TOO_LOW, 1.0 / 1000, {0}, {0}, .is_tuned = true},

    {"few rows, many epochs", SIM_OVER_FIT, 1, {0}, {.few_rows = true}},
    {"few rows, rate x5", SIM_OVER_FIT, 5, {0}, {.few_rows = true}},
};
const size_t sim_scenario_count = COUNT_OF(sim_scenarios);

const char *sim_group_name(enum sim_group group)
{
    static const char *const names[SIM_GROUPS] = {
        [SIM_CLEAN] = "clean",       [SIM_TOO_HIGH] = "too high", [SIM_TOO_LOW] = "too low",
        [SIM_BAD_DATA] = "bad data", [SIM_BROKEN] = "broken",     [SIM_OVER_FIT] = "over-fitting",
    };
    return names[group];
}

/* Short, middle and long runs. */
static int64_t draw_steps(struct rng *rng)
{
    double kind = rng_uniform(rng);
    if (kind < 0.2)
        return 20 + (int64_t)rng_below(rng, 61);
    if (kind < 0.85)
        return 100 + (int64_t)rng_below(rng, 401);
    return 1000 + (int64_t)rng_below(rng, 1001);
}

void sim_case_draw(struct sim_case *c, uint64_t seed)
{
    static const enum sim_decay decays[] = {SIM_LINEAR, SIM_LINEAR, SIM_COSINE, SIM_CONSTANT};
    struct rng rng = {.seed = seed, .stream = STREAM_CASE};
    *c = (struct sim_case){.kind = &sim_kinds[seed / 2 % sim_kind_count]};
    c->plan.optimizer = rng_uniform(&rng) < 0.6 ? SIM_ADAMW : SIM_SGD;
    c->plan.steps = draw_steps(&rng);
    c->plan.warmup = rng_uniform(&rng) < 0.6 ? c->plan.steps / 20 : 0;
    c->plan.decay = decays[rng_below(&rng, COUNT_OF(decays))];
    c->plan.max_grad_norm = 1;
    c->order = rng_uniform(&rng) < 0.5 ? SIM_ORDER_BY_STEP : SIM_ORDER_ONWARDS;
    bool has_prior = rng_uniform(&rng) < 0.5;
    double error = 0.25 * rng_normal(&rng);
    c->prior_error = has_prior ? error : NAN;
    c->has_evals = rng_uniform(&rng) < 0.7;
}

bool sim_scenario_fits(const struct sim_scenario *s, const struct sim_kind *kind)
{
    if (s->terms.few_rows)
        return kind->has_rows;
    return !s->terms.heavy_tails || !kind->has_rows;
}

void sim_ground_make(struct sim_ground *g, const struct sim_case *c, const struct sim_scenario *s,
                     uint64_t seed, struct arena *arena)
{
    struct sim_plan plan = c->plan;
    sim_landscape_make(&g->landscape, c->kind, seed, &s->terms, arena);
    plan.landscape = &g->landscape;
    plan.max_grad_norm = s->is_unclipped ? 0 : plan.max_grad_norm;
    g->good_rate = sim_good_rate(&plan, &g->clean_loss);
}

static enum pace_schedule_kind schedule_of(enum sim_decay decay)
{
    return decay == SIM_COSINE     ? PACE_SCHEDULE_COSINE
           : decay == SIM_CONSTANT ? PACE_SCHEDULE_CONSTANT_WITH_WARMUP
                                   : PACE_SCHEDULE_LINEAR;
}

void sim_case_job(const struct sim_case *c, const struct sim_scenario *s,
                  const struct sim_ground *g, struct sim_job *job)
{
    *job = (struct sim_job){.landscape = &g->landscape, .optimizer = c->plan.optimizer};
    job->order = c->order;
    job->faults = s->faults;
    struct pace_rate_options *o = &job->options;
    pace_rate_options_init(o);
    pace_schedule_init(&o->schedule, schedule_of(c->plan.decay));
    o->schedule.learning_rate = g->good_rate * s->factor;
    o->schedule.total_steps = c->plan.steps;
    o->schedule.warmup_steps = c->plan.warmup;
    o->max_grad_norm = s->is_unclipped ? 0 : c->plan.max_grad_norm;
    job->tells_loss_alone = s->is_blind;
    o->uniform_loss = g->landscape.uniform_loss;
    o->steps_per_epoch = (int64_t)sim_landscape_batches(&g->landscape);
    o->n_slots = PACE_SLOTS;
    if (!isnan(c->prior_error) || s->is_tuned) {
        o->prior_rate = g->good_rate * pow(10, isnan(c->prior_error) ? 0 : c->prior_error);
        o->prior_sd = 0.25;
    }
    bool has_evals = c->has_evals || s->terms.few_rows;
    job->eval_every = has_evals ? 1 + c->plan.steps / 20 : 0;
    job->evaluates_first = s->is_tuned;
    if (s->is_tuned)
        job->eval_every = (c->plan.steps + 2) / 3;
}
