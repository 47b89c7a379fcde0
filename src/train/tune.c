/*
 * tune.c - pace tune: everything between the options and the folder that a run leaves.
 *
 * Nothing is chosen here: what the user left open is chosen in job.c, what happens to the rate is
 * rate.h's decision, and the loop is the trainer's. This is the place where the parts are put
 * together, in the order in which a mistake is noticed soonest: options, the folder, the model's
 * description, the data, the weights, the memory; only then does anything compute.
 *
 * Tokens at once: the rows of an optimiser step are cut into as many passes as BATCH_TOKENS calls
 * for. That changes nothing in the step (batcher.h), only memory and speed; --batch times
 * --gradient-accumulation-steps is how many rows a step has.
 */
#include "train/tune.h"

#include <math.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/save.h"
#include "optim/grad.h"
#include "train/adapter_options.h"
#include "train/estimate.h"
#include "train/output.h"
#include "train/schedule_options.h"

enum { BATCH_TOKENS = 2048, SLOTS = 3, EVALS_LEAST = 3, EVALS_MOST = 10, LINES = 1000 };

/* A step computes three times what an evaluation of the same tokens does. */
static const double FORWARD_SHARE = 3;

/* Rows that all evaluations of a run may read, in those that are trained on. */
static const double EVAL_ROWS = 0.1;

/* ----------------------------------------------------------------------------------- options -- */

static bool read_guard(const struct options *o, enum pace_guard *guard, struct err *err)
{
    static const char *const names[] = {
        [PACE_GUARD_ACT] = "act", [PACE_GUARD_WATCH] = "watch", [PACE_GUARD_OFF] = "off"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (strcmp(o->guard, names[i]) == 0) {
            *guard = (enum pace_guard)i;
            return true;
        }
    }
    err_set(err, ERR_USAGE, "--guard: '%s' is not act, watch or off", o->guard);
    return false;
}

static bool read_rate(struct tune *t, struct err *err)
{
    const struct options *o = t->options;
    if (!schedule_options_rate(o, &t->report.learning_rate, err))
        return false;
    if (t->report.learning_rate == 0) {
        err_set(err, ERR_USAGE, "the search for the rate is not built yet");
        err_hint(err, "--learning-rate 2e-4 is obeyed; pace find --prior-only guesses one");
        return false;
    }
    pace_rate_options_init(&t->rate);
    t->rate.max_grad_norm = o->max_grad_norm;
    return read_guard(o, &t->rate.guard, err);
}

static bool read_optim(const struct options *o, struct optim_options *optim, struct err *err)
{
    optim_options_init(optim);
    if (!optim_find(span_of(o->optim), &optim->kind)) {
        err_set(err, ERR_USAGE, "--optim: there is no optimizer '%s'", o->optim);
        err_hint(err,
                 "adamw_torch, adamw_8bit, sgd, lion, adafactor, schedule_free_adamw, prodigy");
        return false;
    }
    optim->weight_decay = o->weight_decay;
    optim->beta1 = o->adam_beta1;
    optim->beta2 = o->adam_beta2;
    optim->eps = o->adam_epsilon;
    return !o->optim_args || optim_options_read(optim, span_of(o->optim_args), err);
}

/* What may be used: --memory, or what the machine has free. */
static uint64_t memory_bound(const struct options *o)
{
    return o->memory_bytes > 0 ? o->memory_bytes : mem_available();
}

static bool check_method(struct tune *t, struct err *err)
{
    enum pace_method method = t->job.rate_job.method;
    if (t->job.is_preference || method == PACE_DPO_LORA || method == PACE_DPO_FULL) {
        err_set(err, ERR_USAGE, "training on preferences is not built yet");
        return false;
    }
    if (method == PACE_FULL && t->options->adapter) {
        err_set(err, ERR_USAGE, "--adapter goes on with an adapter, --method full trains without");
        return false;
    }
    if (method == PACE_FULL && t->job.model.is_gguf) {
        err_set(err, ERR_USAGE,
                "--method full needs a Hugging Face folder, and this is a GGUF file");
        err_hint(err, "--method lora trains adapters on it");
        return false;
    }
    if (method == PACE_QLORA && !t->job.model.is_quantized) {
        err_set(err, ERR_USAGE,
                "--method qlora: the base is not quantised, and quantising it is not "
                "built yet");
        err_hint(err, "--method lora trains adapters on it as it is");
        return false;
    }
    return true;
}

/* ----------------------------------------------------------------------------------- adapters --
 */

static bool attach(struct tune *t, struct err *err)
{
    struct lora_options lora = {.rank = (size_t)t->job.rate_job.lora_rank,
                                .alpha = t->job.rate_job.lora_alpha};
    return adapter_options_read(t->options, &t->arena, &lora, err) &&
           lora_attach(&t->engine.model, &lora, (uint64_t)t->options->seed, err);
}

/* All weights as float32 with their gradients must fit before they are widened. */
static bool check_full(const struct tune *t, struct err *err)
{
    const struct model *m = &t->engine.model;
    uint64_t bytes = 0, bound = memory_bound(t->options);
    for (size_t i = 0; i < m->n_params; i++)
        bytes += 2 * sizeof(float) * param_count(m->params[i]);
    if (bytes < bound)
        return true;
    err_set(err, ERR_MEMORY, "all weights with their gradients take %.1f MB, of %.1f MB",
            (double)bytes / 1e6, (double)bound / 1e6);
    err_hint(err, "--method lora trains adapters, which take far less");
    return false;
}

/* Decides what is trained, and lists it. */
static bool choose_params(struct tune *t, struct err *err)
{
    struct model *m = &t->engine.model;
    bool full = t->job.rate_job.method == PACE_FULL;
    bool ok = full                  ? check_full(t, err) && model_train_all(m, err)
              : t->options->adapter ? true
                                    : attach(t, err);
    if (!ok)
        return false;
    struct param **all = full ? m->params : m->adapters;
    size_t n = full ? m->n_params : m->n_adapters;
    t->params = arena_array(&t->arena, struct param *, n);
    for (size_t i = 0; i < n; i++) {
        if (all[i]->grad)
            t->params[t->n_params++] = all[i];
    }
    return true;
}

/* --------------------------------------------------------------------------------------- rows --
 */

static bool read_rows(struct tune *t, struct err *err)
{
    const struct options *o = t->options;
    struct rows_wanted wanted = {
        .model = o->arguments[0],
        .data = o->arguments[1],
        .config = &t->engine.model.config,
        .sizes = {o->eval_split, o->test_split},
        .longest = min_size((size_t)o->max_length, t->engine.model.config.max_positions)};
    if (!rows_read(&t->store, &wanted, o, err))
        return false;
    t->train = rows_of(&t->store, &t->arena, PART_TRAIN, 0);
    t->eval = rows_of(&t->store, &t->arena, PART_EVAL, 0);
    t->test = rows_of(&t->store, &t->arena, PART_TEST, 0);
    if (t->train.n > 0)
        return true;
    err_set(err, ERR_INPUT, "there is no row to train on");
    return false;
}

/* A number of steps, or below 1 a share of the run; `otherwise` where it was not given. */
static int64_t steps_of(double given, int64_t steps, int64_t otherwise)
{
    double n = given > 0 && given < 1 ? ceil(given * (double)steps) : given;
    return n >= 1 ? (int64_t)n : otherwise > 1 ? otherwise : 1;
}

/* As many evaluations as a tenth of the rows that are trained on allows, within bounds. */
static int64_t usual_eval_steps(const struct tune *t)
{
    double steps = (double)t->report.steps;
    double trained = steps * (double)(t->job.batch_rows * t->job.accumulation);
    double evals = EVAL_ROWS * trained / (double)max_size(t->eval.n, 1);
    return (int64_t)ceil(steps / fmin(fmax(evals, EVALS_LEAST), EVALS_MOST));
}

static struct order_options order_of(const struct tune *t)
{
    return (struct order_options){.rows = t->train.rows,
                                  .n = t->train.n,
                                  .batch_rows = (size_t)(t->job.batch_rows * t->job.accumulation),
                                  .shuffles = !t->options->no_shuffle,
                                  .seed = (uint64_t)t->options->seed};
}

static bool choose_steps(struct tune *t, struct err *err)
{
    const struct options *o = t->options;
    struct order order;
    struct order_options options = order_of(t);
    order_init(&order, &t->arena, &options);
    int64_t steps = order_total_steps(&order, t->job.rate_job.epochs, o->max_steps);
    t->report.steps = steps;
    t->rate.steps_per_epoch = order.steps_per_epoch;
    t->logging_steps = steps_of(o->logging_steps, steps, steps / LINES);
    t->eval_steps = steps_of(o->eval_steps, steps, usual_eval_steps(t));
    t->rate.uniform_loss = log((double)t->engine.model.config.vocabulary);
    return schedule_options_read(o, t->report.learning_rate, steps, &t->rate.schedule, err);
}

/* ------------------------------------------------------------------------------------- memory --
 */

static uint64_t bytes_of(struct param *const *params, size_t n, bool frozen)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t bytes = 0;
        const struct weight *w = &params[i]->weight;
        if (frozen || params[i]->grad)
            (void)dtype_bytes(w->dtype, (uint64_t)w->rows * w->width, &bytes);
        sum += bytes;
    }
    return sum;
}

static void count_memory(struct tune *t, const struct optim_options *optim)
{
    struct tune_memory *m = &t->memory;
    struct model *model = &t->engine.model;
    m->parameters = bytes_of(model->params, model->n_params, true);
    m->adapters = bytes_of(model->adapters, model->n_adapters, true);
    m->gradients = bytes_of(t->params, t->n_params, false);
    m->optimizer = optim_state_bytes(optim, t->params, t->n_params);
    m->activations = t->run.plan.bytes;
    m->workspace = t->run.plan.workspace_bytes;
    m->snapshots = (uint64_t)t->rate.n_slots * (m->gradients + m->optimizer);
    m->total = m->parameters + m->adapters + m->gradients + m->optimizer + m->activations +
               m->workspace + m->snapshots;
}

/* What is left for activations. */
static bool memory_left(struct tune *t, const struct optim_options *optim, uint64_t *left,
                        struct err *err)
{
    uint64_t bound = memory_bound(t->options);
    count_memory(t, optim);
    *left = bound > t->memory.total ? bound - t->memory.total : 0;
    if (*left > 0)
        return true;
    err_set(err, ERR_MEMORY, "weights and what trains them take %.1f MB; %.1f MB are %s",
            (double)t->memory.total / 1e6, (double)bound / 1e6,
            t->options->memory_bytes > 0 ? "allowed" : "free");
    err_hint(err, t->options->memory_bytes > 0 ? "--memory allows more"
                                               : "adapters take less than all weights");
    return false;
}

/* How many tokens are computed at once, and the tape for them. */
static struct run_options record_run(struct tune *t)
{
    size_t longest = max_size(max_size(t->train.longest, t->eval.longest), t->test.longest);
    size_t n_rows = (size_t)(t->job.batch_rows * t->job.accumulation);
    struct record_options record = {.longest = longest};
    t->batch_tokens = max_size(longest, min_size(BATCH_TOKENS, n_rows * longest));
    t->rate.n_slots = t->rate.guard == PACE_GUARD_ACT ? SLOTS : 0;
    model_record(&t->engine.model, &t->tape, &record);
    return (struct run_options){
        .rows = t->batch_tokens, .targets = t->batch_tokens, .keys = longest, .trains = true};
}

/*
 * Plans the passes within the memory that is left, with as many earlier states for the guard as
 * there is room for beside them.
 */
static bool plan_run(struct tune *t, const struct optim_options *optim, struct run_options *run,
                     struct err *err)
{
    for (;; t->rate.n_slots--) {
        struct err tight = {0};
        if (memory_left(t, optim, &run->memory_bytes, &tight) &&
            plan_make(&t->run.plan, &t->tape, &t->engine.backend, run, &tight))
            return true;
        if (t->rate.n_slots == 0) {
            *err = tight;
            return false;
        }
    }
}

static bool reserve(struct tune *t, struct err *err)
{
    struct optim_options optim;
    struct run_options run = record_run(t);
    size_t n_rows = (size_t)(t->job.batch_rows * t->job.accumulation);
    if (!read_optim(t->options, &optim, err) || !plan_run(t, &optim, &run, err))
        return false;
    plan_release(&t->run.plan); /* which run_init makes again */
    if (!optim_init(&t->optim, &t->engine.backend, &optim, t->params, t->n_params, err) ||
        !run_init(&t->run, &t->tape, &t->engine.backend, &run, err) ||
        !snapshots_init(&t->snapshots, &t->optim, NULL, (size_t)t->rate.n_slots, err))
        return false;
    count_memory(t, &optim);
    struct stepper_options step = {.run = &t->run,
                                   .params = t->params,
                                   .n_params = t->n_params,
                                   .batches = {.tokens = t->batch_tokens,
                                               .rows = max_size(n_rows, t->eval.n + t->test.n),
                                               .shares = t->options->lora_dropout == 0},
                                   .seed = (uint64_t)t->options->seed};
    stepper_init(&t->stepper, &t->arena, &step);
    t->fits = true;
    return true;
}

bool tune_open(struct tune *t, const struct options *o, struct err *err)
{
    *t = (struct tune){.options = o};
    bool ok = read_rate(t, err) && output_prepare(o, err) &&
              job_read(&t->job, &t->arena, o->arguments[0], o->arguments[1], o, err) &&
              check_method(t, err) && engine_open(&t->engine, o->arguments[0], o, err) &&
              read_rows(t, err) && choose_params(t, err) && choose_steps(t, err) && reserve(t, err);
    if (!ok)
        tune_close(t);
    return ok;
}

/* --------------------------------------------------------------------------------- planning -- */

/* Without --learning-rate the first guess: what is planned does not depend on it. */
static bool read_or_guess_rate(struct tune *t, struct err *err)
{
    const struct options *o = t->options;
    struct pace_prior prior;
    pace_rate_options_init(&t->rate);
    if (!schedule_options_rate(o, &t->report.learning_rate, err))
        return false;
    if (t->report.learning_rate == 0) {
        pace_prior(&t->job.rate_job, &prior);
        t->report.learning_rate = prior.learning_rate;
    }
    return read_guard(o, &t->rate.guard, err);
}

static double tokens_of_run(const struct tune *t)
{
    double sum = 0;
    for (size_t i = 0; i < t->train.n; i++)
        sum += (double)t->store.rows[t->train.rows[i]].len;
    double rows = (double)(t->job.batch_rows * t->job.accumulation) * (double)t->report.steps;
    return sum / (double)t->train.n * rows;
}

static bool count_run(struct tune *t, struct err *err)
{
    struct optim_options optim;
    struct err tight = {0};
    struct run_options run = record_run(t);
    if (!read_optim(t->options, &optim, err))
        return false;
    t->fits = plan_run(t, &optim, &run, &tight);
    if (!t->fits) {
        run.memory_bytes = 0;
        if (!plan_make(&t->run.plan, &t->tape, &t->engine.backend, &run, err))
            return false;
    }
    count_memory(t, &optim);
    return true;
}

static bool estimate_time(struct tune *t, struct err *err)
{
    double forward = 0;
    if (!estimate_forward(&t->engine, t->train.longest, &forward, err))
        return false;
    bool full = t->job.rate_job.method == PACE_FULL;
    double cost =
        estimate_step_cost(full, t->run.plan.layers_redone, t->engine.model.config.n_layers);
    t->planned_seconds = forward * cost * tokens_of_run(t);
    return true;
}

bool tune_plan(struct tune *t, const struct options *o, struct err *err)
{
    *t = (struct tune){.options = o};
    bool ok = job_read(&t->job, &t->arena, o->arguments[0], o->arguments[1], o, err) &&
              check_method(t, err) && read_or_guess_rate(t, err) &&
              engine_open(&t->engine, o->arguments[0], o, err) && read_rows(t, err) &&
              choose_params(t, err) && choose_steps(t, err) && count_run(t, err) &&
              estimate_time(t, err);
    if (!ok)
        tune_close(t);
    return ok;
}

void tune_close(struct tune *t)
{
    history_release(&t->history);
    buf_release(&t->incidents);
    snapshots_release(&t->snapshots);
    optim_release(&t->optim);
    run_release(&t->run);
    tape_release(&t->tape);
    row_store_release(&t->store);
    engine_close(&t->engine);
    arena_release(&t->arena);
    *t = (struct tune){0};
}

/* ----------------------------------------------------------------------------------- the run -- */

/* The listener of the trainer: writes the history, then tells the caller's. */
struct recorder {
    struct tune *tune;
    bool (*on_event)(void *context, const struct trainer_event *event);
    void *context;
    double loss;
    int64_t n; /* updates since the last line */
};

static void record_step(struct recorder *r, const struct trainer_event *e)
{
    struct tune *t = r->tune;
    r->loss += e->sums->loss;
    r->n++;
    if (e->step % t->logging_steps != 0 && e->step != t->report.steps)
        return;
    struct history_step line = {.step = e->step,
                                .epoch = e->epoch,
                                .loss = r->loss / (double)r->n,
                                .grad_norm = e->sums->grad_norm,
                                .learning_rate = e->decision.learning_rate,
                                .tokens = t->trainer.totals.tokens};
    history_add_step(&t->history, &line, clock_wall_seconds());
    r->loss = 0;
    r->n = 0;
}

size_t tune_incident_count(const struct tune *t)
{
    return t->incidents.len / sizeof(struct tune_incident);
}

struct tune_incident tune_incident_at(const struct tune *t, size_t i)
{
    struct tune_incident incident;
    CHECK(i < tune_incident_count(t));
    memcpy(&incident, t->incidents.at + i * sizeof incident, sizeof incident);
    return incident;
}

/* Neither the schedule's rate nor a clipped gradient. */
static bool is_incident(const struct pace_rate_decision *d)
{
    return d->advice != PACE_GO && d->advice != PACE_CLIP;
}

static void record_incident(struct tune *t, const struct trainer_event *e)
{
    int64_t next = t->last_step + (e->moment == TRAINER_STEP); /* e->step may lie far back */
    struct tune_incident i = {.step = e->decision.restore_slot >= 0 ? next : e->step,
                              .action = e->decision.action,
                              .advice = e->decision.advice};
    (void)pace_rate_explain(&e->decision, i.reason, sizeof i.reason);
    buf_add(&t->incidents, (struct span){(const uint8_t *)&i, sizeof i});
}

static bool record(void *context, const struct trainer_event *e)
{
    struct recorder *r = context;
    struct tune *t = r->tune;
    if (e->moment == TRAINER_STEP) {
        record_step(r, e);
    } else {
        struct history_eval line = {.step = e->step,
                                    .epoch = e->epoch,
                                    .loss = e->sums->loss,
                                    .seconds = e->seconds,
                                    .rows = t->eval.n};
        history_add_eval(&t->history, &line, clock_wall_seconds());
        t->n_evaluated += e->sums->tokens;
    }
    if (is_incident(&e->decision))
        record_incident(t, e);
    t->last_step = e->step;
    return !r->on_event || r->on_event(r->context, e);
}

static double test_loss(struct tune *t)
{
    struct step_sums sums;
    if (t->test.n == 0)
        return NAN;
    stepper_evaluate(&t->stepper, &t->store, t->test.rows, t->test.n, &sums);
    t->n_evaluated += sums.tokens;
    return sums.loss;
}

static void begin(struct tune *t)
{
    struct history_run run = {.steps = t->report.steps,
                              .logging_steps = t->logging_steps,
                              .eval_steps = t->eval_steps,
                              .batch = (int64_t)t->job.batch_rows,
                              .epochs = t->job.rate_job.epochs};
    history_init(&t->history, &run, clock_wall_seconds());
    buf_init(&t->incidents, BUF_NO_LIMIT);
    t->report.test_rows = t->test.n;
    t->report.base_loss = test_loss(t);
}

/* A base of 16 bits is saved in 16 bits: the loss that is told is that of the saved weights. */
static void round_weights(struct tune *t)
{
    static const double MUCH = 0.1;
    struct tune_report *r = &t->report;
    double whole = r->tuned_loss;
    if (t->job.rate_job.method != PACE_FULL || !model_round(&t->engine.model))
        return;
    r->tuned_loss = test_loss(t);
    double lost = (r->tuned_loss - whole) / (r->base_loss - whole);
    if (r->base_loss > whole && lost > MUCH)
        log_warning("rounding to the base's 16 bits took %.0f %% of the gain: the steps were small "
                    "beside the weights; adapters are saved in 32 bits",
                    100 * fmin(lost, 1));
}

static void finish(struct tune *t)
{
    struct tune_report *r = &t->report;
    const struct trainer_totals *totals = &t->trainer.totals;
    struct pace_rate_decision last = pace_rate_next(&t->trainer.rate);
    r->done = t->trainer.rate.step;
    r->redo_share = (double)(totals->steps - r->done) / fmax((double)r->done, 1);
    r->tokens = totals->tokens;
    r->seconds = totals->seconds;
    r->train_loss = totals->loss / fmax((double)totals->steps, 1);
    optim_show_average(&t->optim, true); /* what is measured is what is saved */
    r->tuned_loss = test_loss(t);
    round_weights(t);
    r->eval_share = (double)t->n_evaluated / (FORWARD_SHARE * fmax((double)r->tokens, 1));
    r->peak_memory_bytes = mem_peak();
    if (r->end == TRAINER_STOPPED)
        (void)pace_rate_explain(&last, r->reason, sizeof r->reason);
    struct history_end end = {r->train_loss, r->seconds, totals->rows};
    history_add_end(&t->history, &end, clock_wall_seconds());
}

bool tune_run(struct tune *t, bool (*on_event)(void *context, const struct trainer_event *event),
              void *context, struct err *err)
{
    struct recorder recorder = {.tune = t, .on_event = on_event, .context = context};
    struct trainer_options options = {.stepper = &t->stepper,
                                      .optim = &t->optim,
                                      .snapshots = &t->snapshots,
                                      .store = &t->store,
                                      .order = order_of(t),
                                      .eval_rows = t->eval.rows,
                                      .n_eval = t->eval.n,
                                      .eval_steps = t->eval_steps,
                                      .eval_on_start = t->rate.guard == PACE_GUARD_ACT,
                                      .rate = t->rate,
                                      .on_event = record,
                                      .context = &recorder};
    trainer_init(&t->trainer, &t->arena, &options);
    begin(t);
    t->report.end = trainer_run(&t->trainer);
    if (t->report.end == TRAINER_INTERRUPTED) {
        err_set(err, ERR_INTERRUPTED, "interrupted at step %lld of %lld; nothing was saved",
                (long long)t->trainer.rate.step, (long long)t->report.steps);
        return false;
    }
    finish(t);
    bool is_broken = t->report.end == TRAINER_STOPPED && t->rate.guard != PACE_GUARD_ACT;
    if (!history_write(&t->history, t->options->output_dir, err) ||
        (!is_broken &&
         !output_save(&t->engine.model, t->options->arguments[0], t->options->output_dir, err)))
        return false;
    t->report.is_saved = !is_broken;
    if (t->report.end != TRAINER_STOPPED)
        return true;
    err_set(err, ERR_STOPPED, "%s", t->report.reason);
    return false;
}
