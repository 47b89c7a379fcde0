/*
 * find.c - the arms of the search, on our engine.
 *
 * An arm is the run's own beginning: the same state, rows and schedule, with another peak. So it
 * costs nothing where the main run goes on from it, and two arms differ by the rate alone. Where
 * the search wants rows to come again it is the run in small, and the main run starts over. It is
 * made as the trainer makes a run without a guard: the controller gives rate and clipping, and the
 * search alone says when to end it.
 *
 * An arm is measured with the mean of its weights over the second half of its steps, on held-out
 * rows taken evenly from all of them; as many as one evaluation may cost (budget.c). They are
 * measured in groups, each the same for every arm: the spread of the groups' differences to the
 * base's losses is the error of an arm's difference, free of how hard the rows are.
 *
 * Kept are, in the setup's snapshots, the beginning and the states of the two arms that are nearest
 * to the rate found so far. Where those do not fit, the main run starts over; where the first does
 * not, or the mean of the weights, there is no race.
 *
 * The bill: what the main run goes on from is not lost, and the base's loss serves both. So the
 * search has the largest budget at which no more is lost than it was given.
 */
#include "train/find.h"

#include <math.h>

#include "base/clock.h"

/* Slots of the setup's snapshots. */
enum { INITIAL, HELD };

/* Decades: an arm further off than neighbours are from each other is not gone on with. */
static const double ARM_REACH = 0.35;

void find_options_init(struct find_options *options)
{
    *options = (struct find_options){.method = PACE_SEARCH_RACE, .budget = 0.25, .lost = 0.25};
}

/* Rows to measure on, evenly from all that are held out, and what that costs in steps. */
static double choose_rows(struct find *f)
{
    struct setup *s = f->setup;
    f->n_rows = min_size(s->eval.n, s->budget.search_rows);
    f->rows = arena_array(&s->arena, uint32_t, max_size(f->n_rows, 1));
    f->losses = arena_array(&s->arena, struct row_loss, max_size(f->n_rows, 1));
    for (size_t i = 0; i < f->n_rows; i++)
        f->rows[i] = s->eval.rows[i * s->eval.n / f->n_rows];
    struct row_list list = {f->rows, f->n_rows, 0};
    double run = s->budget.run / (double)s->steps;
    return (double)f->n_rows * rows_mean_length(&list, &s->store) / run;
}

/* The largest budget at which no more is lost than may be. How long an arm is, is the search's to
 * say. */
static double choose_budget(const struct find *f)
{
    static const double STEP = 0.001;
    struct pace_search_options o = f->search;
    struct pace_search trial;
    for (; o.budget > 0; o.budget = fmax(o.budget - STEP, 0)) {
        pace_search_init(&trial, &o);
        double goes_on = pace_search_repeats(&trial) ? 0 : (double)trial.arm_steps;
        double kept = goes_on + o.eval_cost;
        if (pace_search_next(&trial).action == PACE_SEARCH_DONE ||
            o.budget - kept / (double)o.total_steps <= f->options.lost)
            break;
    }
    return o.budget;
}

void find_init(struct find *f, struct setup *setup, const struct find_options *options)
{
    *f = (struct find){
        .setup = setup, .options = *options, .memory = {.held = {-1, -1}, .begun = -1}};
    struct order_options order = setup_order(setup);
    order_init(&f->order, &setup->arena, &order);
    pace_search_options_init(&f->search);
    f->search.method = options->method;
    f->search.budget = options->budget;
    f->search.prior_rate = setup->prior.learning_rate;
    f->search.prior_sd = setup->prior.sd;
    f->search.total_steps = setup->steps;
    f->search.repeats = setup->prior.repeats;
    f->search.warmup_steps = setup->rate.schedule.warmup_steps;
    f->search.is_full = setup_trains_all(setup);
    f->search.eval_cost = choose_rows(f);
    f->search.held_out_rows = (int64_t)f->n_rows;
    f->search.n_states = setup->averages ? (int)setup->n_states : 0;
    f->search.budget = choose_budget(f);
    pace_search_init(&f->memory.search, &f->search);
}

/* ---------------------------------------------------------------------------------- measure -- */

/* The held-out loss of the weights as they are, and of each group. */
static double measure(struct find *f, double group[FIND_GROUPS], double weight[FIND_GROUPS],
                      struct step_sums *sums)
{
    struct setup *s = f->setup;
    stepper_evaluate_rows(&s->stepper, &s->store, f->rows, f->n_rows, f->losses, sums);
    f->memory.eval_tokens += sums->tokens;
    for (size_t g = 0; g < FIND_GROUPS; g++) {
        size_t end = (g + 1) * f->n_rows / FIND_GROUPS;
        group[g] = weight[g] = 0;
        for (size_t i = g * f->n_rows / FIND_GROUPS; i < end; i++) {
            group[g] += f->losses[i].sum;
            weight[g] += (double)f->losses[i].targets;
        }
        group[g] /= fmax(weight[g], 1);
    }
    return sums->loss;
}

/* The standard error of the weighted mean of the groups' differences; 0 below three groups. */
static double error_of(const struct find_memory *m, const double group[FIND_GROUPS])
{
    double sum = 0, weights = 0, squares = 0;
    int n = 0;
    for (int g = 0; g < FIND_GROUPS; g++) {
        sum += m->weight[g] * (group[g] - m->base[g]);
        weights += m->weight[g];
        n += m->weight[g] > 0;
    }
    if (n < 3)
        return 0;
    for (int g = 0; g < FIND_GROUPS; g++) {
        double off = m->weight[g] * (group[g] - m->base[g] - sum / weights);
        squares += off * off;
    }
    return sqrt(squares * n / (n - 1)) / weights;
}

/* ------------------------------------------------------------------------------------- arms -- */

static bool tell(struct find *f, struct find_event event)
{
    const struct pace_search *s = &f->memory.search;
    event.search = s;
    event.share = s->spent / (s->options.budget * (double)s->options.total_steps);
    return !f->options.on_event || f->options.on_event(f->options.context, &event);
}

static void begin_arm(struct find *f, const struct pace_search_request *r)
{
    struct pace_rate_options options = f->setup->rate;
    options.guard = PACE_GUARD_OFF;
    options.n_slots = 0;
    options.schedule.learning_rate = r->learning_rate;
    pace_rate_init(&f->memory.rate, &options);
    snapshots_restore(&f->setup->snapshots, INITIAL);
    average_restart(&f->setup->average);
    f->memory.begun = r->arm;
    f->memory.before = f->setup->quarantine;
}

/* The gradients of an arm's step; with a guard, without the rows that break them. */
static void compute(struct find *f, const struct pace_search_request *r, struct find_step *out,
                    struct step_sums *sums)
{
    struct setup *s = f->setup;
    int64_t step = f->memory.rate.step;
    struct quarantine_batch batch = {.stepper = &s->stepper, .store = &s->store};
    (void)order_step(&f->order, step % r->fresh_steps, &batch.n);
    batch.rows = f->order.taken;
    if (s->rate.guard == PACE_GUARD_ACT)
        quarantine_train(&s->quarantine, &batch, step, sums);
    else
        stepper_train(&s->stepper, &s->store, batch.rows, batch.n, step, sums);
    f->memory.tokens += sums->tokens;
    out->tokens = sums->tokens;
    out->rows = batch.n;
}

/* Makes the arm's next step; false where the search ends the arm. */
static bool step_arm(struct find *f, const struct pace_search_request *r, struct find_event *e)
{
    struct step_sums sums;
    struct setup *s = f->setup;
    struct pace_rate *rate = &f->memory.rate;
    double began = clock_seconds();
    compute(f, r, &e->step, &sums);
    e->loss = sums.not_finite > 0 ? NAN : sums.targets == 0 ? 0 : sums.loss;
    e->step.obs = pace_rate_obs_step(e->loss, sums.grad_norm);
    pace_rate_observe(rate, &e->step.obs);
    struct pace_rate_decision d = e->step.decision = pace_rate_next(rate);
    if (d.apply_update)
        optim_step(&s->optim, d.learning_rate, d.gradient_scale);
    if (rate->step > r->average_from)
        average_add(&s->average);
    e->step.seconds = clock_seconds() - began;
    e->step.wall_time = clock_wall_seconds();
    return pace_search_watch(&f->memory.search, e->loss);
}

/* pace_search_distance; infinite for no arm. */
static double distance(const struct find *f, int arm, double rate)
{
    return arm < 0 ? INFINITY : pace_search_distance(&f->memory.search, arm, rate);
}

/* The states that are kept for the main run are those nearest to the rate that is found so far;
 * none where it cannot go on from arms. */
static void hold(struct find *f, int arm)
{
    struct pace_search_result so_far;
    struct find_memory *m = &f->memory;
    int place = 0, room = (int)min_size((size_t)f->search.n_states, 1 + FIND_HELD) - HELD;
    if (m->search.arms[arm].status != PACE_ARM_MEASURED || room < 1)
        return;
    pace_search_find(&m->search, &so_far);
    if (so_far.arm < 0)
        return;
    for (int i = 1; i < room; i++)
        if (distance(f, m->held[i], so_far.learning_rate) >
            distance(f, m->held[place], so_far.learning_rate))
            place = i;
    if (distance(f, arm, so_far.learning_rate) >= distance(f, m->held[place], so_far.learning_rate))
        return;
    snapshots_keep(&f->setup->snapshots, (size_t)(HELD + place));
    m->held[place] = arm;
}

static double end_arm(struct find *f, int arm)
{
    struct find_memory *m = &f->memory;
    struct step_sums sums;
    double group[FIND_GROUPS], weight[FIND_GROUPS], loss = NAN, se = 0;
    if (m->search.arms[arm].status == PACE_ARM_RUNNING) {
        average_show(&f->setup->average, true);
        loss = measure(f, group, weight, &sums);
        average_show(&f->setup->average, false);
        se = error_of(m, group);
    } else {
        f->setup->quarantine = m->before; /* it was the arm's weights, not the rows */
    }
    pace_search_tell(&m->search, loss, se);
    hold(f, arm);
    m->begun = -1;
    return loss;
}

/* The base's losses; rows of which it has none that is finite are measured no more. */
static double measure_base(struct find *f)
{
    struct setup *s = f->setup;
    struct find_memory *m = &f->memory;
    struct step_sums sums;
    struct quarantine_batch batch = {&s->stepper, &s->store, f->rows, f->n_rows};
    double loss = measure(f, m->base, m->weight, &m->base_sums);
    if (isfinite(loss) || s->rate.guard != PACE_GUARD_ACT || f->n_rows == 0)
        return loss;
    quarantine_evaluate(&s->quarantine, &batch, &sums);
    f->n_rows = batch.n;
    return measure(f, m->base, m->weight, &m->base_sums);
}

/* One thing that the search asks for: a step, an evaluation. False: on_event ended it. */
static bool do_next(struct find *f, const struct pace_search_request *r)
{
    struct find_memory *m = &f->memory;
    struct find_event step = {.moment = FIND_STEP, .arm = r->arm};
    if (r->action == PACE_SEARCH_BASE) {
        double loss = measure_base(f);
        pace_search_tell(&m->search, loss, 0);
        return tell(f, (struct find_event){.moment = FIND_ARM, .arm = -1, .loss = loss});
    }
    if (m->begun != r->arm)
        begin_arm(f, r);
    if (m->search.arms[r->arm].done < r->steps && step_arm(f, r, &step))
        return tell(f, step);
    double loss = end_arm(f, r->arm);
    return tell(f, (struct find_event){.moment = FIND_ARM, .arm = r->arm, .loss = loss});
}

bool find_run(struct find *f)
{
    f->n_rows = quarantine_filter(&f->setup->quarantine, f->rows, f->n_rows);
    if (!f->memory.has_begun && f->search.n_states > 0)
        snapshots_keep(&f->setup->snapshots, INITIAL);
    f->memory.has_begun = true;
    for (;;) {
        struct pace_search_request r = pace_search_next(&f->memory.search);
        if (r.action == PACE_SEARCH_DONE)
            return true;
        if (!do_next(f, &r))
            return false;
    }
}

void find_result(const struct find *f, struct pace_search_result *result)
{
    const struct find_memory *m = &f->memory;
    pace_search_find(&m->search, result);
    double least = ARM_REACH;
    result->arm = -1;
    for (int i = 0; i < FIND_HELD; i++) {
        double away = distance(f, m->held[i], result->learning_rate);
        if (away > least)
            continue;
        least = away;
        result->arm = m->held[i];
    }
}

int find_held(const struct find *f, int arm)
{
    for (int i = 0; arm >= 0 && i < FIND_HELD; i++)
        if (f->memory.held[i] == arm)
            return i;
    return -1;
}

int64_t find_steps(const struct find *f, const struct pace_search_result *result)
{
    return result->arm >= 0 ? f->memory.search.arms[result->arm].done : 0;
}

const struct step_sums *find_base(const struct find *f)
{
    bool is_whole =
        f->memory.base_sums.targets > 0 && f->setup->budget.search_rows >= f->setup->eval.n;
    return is_whole ? &f->memory.base_sums : NULL;
}

static void restore(struct find *f, size_t slot)
{
    if (f->search.n_states == 0)
        return; /* nothing was run */
    snapshots_restore(&f->setup->snapshots, slot);
    average_restart(&f->setup->average);
}

void find_begin_again(struct find *f)
{
    restore(f, INITIAL);
}

int64_t find_go_on(struct find *f, const struct pace_search_result *result)
{
    int place = find_held(f, result->arm);
    restore(f, place >= 0 ? (size_t)(HELD + place) : INITIAL);
    return find_steps(f, result);
}
