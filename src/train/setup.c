/*
 * setup.c - a run before its first step.
 *
 * Nothing is chosen by rule here: what the user left open is chosen in job.c. This is the place
 * where the parts are put together, in the order in which a mistake is noticed soonest: options,
 * the model's description, the data, the weights, the memory; only then does anything compute.
 *
 * Tokens at once: the rows of an optimiser step are cut into as many passes as BATCH_TOKENS calls
 * for. That changes nothing in the step (batcher.h), only memory and speed; --batch times
 * --gradient-accumulation-steps is how many rows a step has.
 *
 * What is kept beside the training itself (earlier states for the guard and the search to go back
 * to, averages of the weights) gives way where memory is short: first layers are computed anew,
 * then states are let go down to the two that the search needs, then the averages, then the rest;
 * at last passes become shorter, down to the longest row, which is never cut.
 */
#include "train/setup.h"

#include <math.h>
#include <stdio.h>

#include "base/cgroup.h"
#include "base/log.h"
#include "base/mem.h"
#include "optim/grad.h"
#include "options/schedule_options.h"
#include "train/adapter_options.h"
#include "train/estimate.h"

enum { BATCH_TOKENS = 2048, STEPS_LOOKED_AT = 500, LINES = 1000 };

/* States that the guard goes back to; the least that a search can do with: where all arms begin,
 * and the best of them. */
enum { STATES_OF_GUARD = 3, STATES_OF_SEARCH = 2 };

/* Of the steps: the recipe that the prior's rates were measured with. */
static const double WARMUP_SHARE = 0.03;

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

/* The rate that was given, or 0 and the first guess in its place. */
static bool read_rate(struct setup *s, struct err *err)
{
    const struct options *o = s->options;
    pace_rate_options_init(&s->rate);
    s->rate.max_grad_norm = o->max_grad_norm;
    if (!s->finds && !schedule_options_rate(o, &s->learning_rate, err))
        return false;
    return read_guard(o, &s->rate.guard, err);
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

/* The prior's runs and the search's bowl are of rates as Adam takes them. Lion's and Adafactor's
 * updates do not grow with the gradient either: on instructions they came to AdamW's losses. */
static void judge_guess(struct setup *s, enum optim_kind kind)
{
    if (kind != OPTIM_SGD && kind != OPTIM_PRODIGY)
        return;
    s->rate.prior_rate = s->rate.prior_sd = 0; /* it is no witness for or against a given rate */
    if (s->learning_rate == 0)
        log_warning("the rate is guessed and searched as for AdamW, and %s wants another by orders "
                    "of magnitude: --learning-rate sets it%s",
                    optim_name(kind), kind == OPTIM_PRODIGY ? " (1, as its paper says)" : "");
}

/* What may be used: --memory, or what the machine has free and the control group allows. */
static uint64_t memory_bound(const struct options *o)
{
    uint64_t machine = mem_available(), group = cgroup_memory("");
    if (o->memory_bytes > 0)
        return o->memory_bytes;
    return machine < group ? machine : group;
}

static bool check_method(struct setup *s, struct err *err)
{
    enum pace_method method = s->job.rate_job.method;
    if (method == PACE_FULL && s->options->adapter) {
        err_set(err, ERR_USAGE, "--adapter goes on with an adapter, --method full trains without");
        return false;
    }
    if (method == PACE_FULL && s->job.model.is_gguf) {
        err_set(err, ERR_USAGE,
                "--method full needs a Hugging Face folder, and this is a GGUF file");
        err_hint(err, "--method lora trains adapters on it");
        return false;
    }
    if (method == PACE_QLORA && !s->job.model.is_quantized) {
        err_set(err, ERR_USAGE,
                "--method qlora: the base is not quantised, and quantising it is not "
                "built yet");
        err_hint(err, "--method lora trains adapters on it as it is");
        return false;
    }
    return true;
}

bool setup_trains_all(const struct setup *s)
{
    return s->job.rate_job.method == PACE_FULL;
}

/* ---------------------------------------------------------------------------------- adapters -- */

static bool attach(struct setup *s, struct err *err)
{
    struct lora_options lora = {.rank = (size_t)s->job.rate_job.lora_rank,
                                .alpha = s->job.rate_job.lora_alpha};
    return adapter_options_read(s->options, &s->arena, &lora, err) &&
           lora_attach(&s->engine.model, &lora, (uint64_t)s->options->seed, err);
}

/*
 * In what the large products of training multiply (backend.h): where the user does not say, in
 * bfloat16 where the processor is faster in it; but a given rate without a guard is a run as
 * Hugging Face's Trainer makes it by default, in float32.
 */
static void choose_products(struct setup *s)
{
    const struct options *o = s->options;
    struct backend *b = &s->engine.backend;
    bool is_plain = s->rate.guard == PACE_GUARD_OFF && s->learning_rate > 0;
    bool is_faster = b->ops->is_bf16_faster(b), is_given = options_given(o, "bf16");
    bool is_bf16 = is_given ? o->bf16 : is_faster && !is_plain;
    const char *reason = is_plain ? "a given rate without a guard: float32 everywhere"
                         : is_faster
                             ? "this processor is faster in it; losses lie within about 1e-4 "
                               "of float32's, in which pace eval computes"
                             : "this processor is not faster in it";
    if (s->kept)
        is_bf16 = s->kept->is_bf16;
    b->products = is_bf16 ? PRODUCTS_BF16 : PRODUCTS_F32;
    job_note_choice(&s->job, "bf16", is_bf16 ? "true" : "false", is_given ? NULL : reason);
}

static bool open_engine(struct setup *s, struct err *err)
{
    const struct options *o = s->options;
    return o->from_scratch ? engine_create(&s->engine, o->arguments[0], o, err)
                           : engine_open(&s->engine, o->arguments[0], o, err);
}

/* All weights as float32 with their gradients must fit before they are widened. */
static bool check_full(const struct setup *s, struct err *err)
{
    const struct model *m = &s->engine.model;
    uint64_t bytes = 0, bound = memory_bound(s->options);
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
static bool choose_params(struct setup *s, struct err *err)
{
    struct model *m = &s->engine.model;
    bool full = setup_trains_all(s);
    bool ok = s->options->from_scratch ? true
              : full                   ? check_full(s, err) && model_train_all(m, err)
              : s->options->adapter    ? true
                                       : attach(s, err);
    if (!ok)
        return false;
    struct param **all = full ? m->params : m->adapters;
    size_t n = full ? m->n_params : m->n_adapters;
    s->params = arena_array(&s->arena, struct param *, n);
    for (size_t i = 0; i < n; i++) {
        if (all[i]->grad)
            s->params[s->n_params++] = all[i];
    }
    return true;
}

/* -------------------------------------------------------------------------------------- rows -- */

/* The first token may then give the answer away, and a prompt that stands alone, as it will
 * where the model is used, ends in another token. */
static void warn_merged(const struct row_store *s)
{
    if (s->n_merged > 0)
        log_warning("in %llu of %u rows the prompt's last letters and the answer's first make one "
                    "token, which a prompt alone does not end in; prompts without a space at their "
                    "end, or --columns text=...,label=... for classes, keep them apart",
                    (unsigned long long)s->n_merged, s->n_rows);
}

/*
 * The job was chosen from the data as it stands in its files. What is trained on may be other rows:
 * texts are split where the model takes less than --max-length, long rows lose their ends. How many
 * rows and tokens there are is what epochs, batch, steps and the first guess are chosen by.
 */
static bool choose_again(struct setup *s, struct err *err)
{
    s->job.rows = s->train.n;
    s->job.all_rows = s->store.n_rows;
    s->job.trained_tokens = s->store.n_trained;
    if (!job_choose(&s->job, s->options, err))
        return false;
    choose_products(s);
    return true;
}

static bool read_rows(struct setup *s, struct err *err)
{
    const struct options *o = s->options;
    struct rows_wanted wanted = {
        .model = o->arguments[0],
        .data = o->arguments[1],
        .config = &s->engine.model.config,
        .sizes = {o->eval_split, o->test_split},
        .longest = min_size((size_t)o->max_length, s->engine.model.config.max_positions),
        .preview = o->from_scratch ? NULL : &s->preview,
        .arena = &s->arena};
    if (!rows_read(&s->store, &wanted, o, err))
        return false;
    warn_merged(&s->store);
    s->train = rows_of(&s->store, &s->arena, PART_TRAIN, 0);
    s->eval = rows_of(&s->store, &s->arena, PART_EVAL, 0);
    s->test = rows_of(&s->store, &s->arena, PART_TEST, 0);
    if (s->train.n > 0)
        return choose_again(s, err);
    err_set(err, ERR_INPUT, "there is no row to train on");
    if (s->store.n_dropped > 0)
        err_hint(err, "prompts alone fill the %zu tokens; the model takes %zu", wanted.longest,
                 s->engine.model.config.max_positions);
    return false;
}

/* A number of steps, or below 1 a share of the run; `otherwise` where it was not given. */
static int64_t steps_of(double given, int64_t steps, int64_t otherwise)
{
    double n = given > 0 && given < 1 ? ceil(given * (double)steps) : given;
    return n >= 1 ? (int64_t)n : otherwise > 1 ? otherwise : 1;
}

static struct budget_rows rows_for_budget(const struct setup *s, const struct row_list *list,
                                          double given)
{
    return (struct budget_rows){
        .n = list->n, .length = rows_mean_length(list, &s->store), .all_wanted = given >= 0};
}

/* What evaluations read and how often they are made; rows that nobody counted are thinned. */
static void choose_budget(struct setup *s)
{
    const struct options *o = s->options;
    struct budget_job job = {.tokens = setup_tokens(s),
                             .step_cost = setup_step_cost(s),
                             .steps = s->steps,
                             .eval = rows_for_budget(s, &s->eval, o->eval_split),
                             .test = rows_for_budget(s, &s->test, o->test_split),
                             .searches = s->learning_rate == 0,
                             .from_scratch = o->from_scratch};
    if (o->eval_steps > 0)
        job.eval_steps = steps_of(o->eval_steps, s->steps, 1);
    budget_plan(&s->budget, &job);
    s->eval_steps = s->budget.eval_steps;
    size_t aside = s->eval.n + s->test.n;
    rows_thin(&s->eval, &s->store, s->budget.eval_rows);
    rows_thin(&s->test, &s->store, s->budget.test_rows);
    s->n_unread = aside - s->eval.n - s->test.n;
}

struct order_options setup_order(const struct setup *s)
{
    return (struct order_options){.rows = s->train.rows,
                                  .n = s->train.n,
                                  .batch_rows = (size_t)(s->job.batch_rows * s->job.accumulation),
                                  .shuffles = !s->options->no_shuffle,
                                  .seed = (uint64_t)s->options->seed};
}

/* Where the rate is ours to find, so is its warmup: fresh optimiser states make the first steps
 * the largest. A rate that was given keeps Hugging Face's default, which is none. */
static bool chooses_warmup(const struct setup *s, const struct pace_schedule *schedule)
{
    const struct options *o = s->options;
    return s->learning_rate == 0 && !s->finds && pace_schedule_uses_warmup(schedule->kind) &&
           !options_given(o, "warmup-steps") && !options_given(o, "warmup-ratio");
}

bool setup_schedule(const struct setup *s, double learning_rate, struct pace_schedule *schedule,
                    struct err *err)
{
    if (!schedule_options_read(s->options, learning_rate, s->steps, schedule, err))
        return false;
    if (chooses_warmup(s, schedule))
        schedule->warmup_steps = pace_warmup_steps(0, WARMUP_SHARE, s->steps);
    return true;
}

/* The schedule's part in the list of what was chosen. */
static void note_schedule(struct setup *s)
{
    const struct pace_schedule *schedule = &s->rate.schedule;
    bool is_given = options_given(s->options, "lr-scheduler-type");
    char warmup[JOB_VALUE_SIZE];
    if ((s->learning_rate > 0 || s->finds) && !is_given)
        return;
    job_note_choice(&s->job, "lr-scheduler-type", pace_schedule_name(schedule->kind),
                    is_given ? NULL : "down to zero; ahead of a cosine at equal steps");
    if (!chooses_warmup(s, schedule))
        return;
    (void)snprintf(warmup, sizeof warmup, "%lld", (long long)schedule->warmup_steps);
    job_note_choice(&s->job, "warmup-steps", warmup, "3 % of the run, as the rates were measured");
}

static bool choose_steps(struct setup *s, struct err *err)
{
    const struct options *o = s->options;
    struct order order;
    struct order_options options = setup_order(s);
    order_init(&order, &s->arena, &options);
    int64_t steps = order_total_steps(&order, s->job.rate_job.epochs, o->max_steps);
    s->steps = steps;
    s->rate.steps_per_epoch = order.steps_per_epoch;
    s->logging_steps = steps_of(o->logging_steps, steps, steps / LINES);
    choose_budget(s);
    s->save_steps = o->save_steps > 0 ? steps_of(o->save_steps, steps, 1) : 0;
    s->rate.uniform_loss = log((double)s->engine.model.config.vocabulary);
    pace_prior(&s->job.rate_job, &s->prior);
    s->rate.prior_rate = s->prior.learning_rate;
    s->rate.prior_sd = s->prior.sd;
    double peak = s->learning_rate > 0 ? s->learning_rate : s->prior.learning_rate;
    if (!setup_schedule(s, peak, &s->rate.schedule, err))
        return false;
    note_schedule(s);
    return true;
}

/* ------------------------------------------------------------------------------------ memory -- */

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

static void count_memory(struct setup *s, const struct optim_options *optim)
{
    struct setup_memory *m = &s->memory;
    struct model *model = &s->engine.model;
    m->parameters = bytes_of(model->params, model->n_params, true);
    m->adapters = bytes_of(model->adapters, model->n_adapters, true);
    m->gradients = bytes_of(s->params, s->n_params, false);
    m->optimizer = optim_state_bytes(optim, s->params, s->n_params);
    m->activations = s->run.plan.bytes;
    m->workspace = s->run.plan.workspace_bytes;
    uint64_t mean = s->averages ? m->gradients : 0; /* as much as the weights that are trained */
    m->snapshots = s->n_states * (m->gradients + m->optimizer + mean) + 2 * mean;
    m->total = m->parameters + m->adapters + m->gradients + m->optimizer + m->activations +
               m->workspace + m->snapshots;
}

/* What is left for activations. */
static bool memory_left(struct setup *s, const struct optim_options *optim, uint64_t *left,
                        struct err *err)
{
    uint64_t bound = memory_bound(s->options);
    count_memory(s, optim);
    *left = bound > s->memory.total ? bound - s->memory.total : 0;
    if (*left > 0)
        return true;
    err_set(err, ERR_MEMORY, "weights and what trains them take %.1f MB; %.1f MB are %s",
            (double)s->memory.total / 1e6, (double)bound / 1e6,
            s->options->memory_bytes > 0 ? "allowed" : "free");
    err_hint(err, s->options->memory_bytes > 0 ? "--memory allows more"
                                               : "adapters take less than all weights");
    return false;
}

/*
 * The tokens of the largest batch, of those of the run's first steps: what later steps have more is
 * cut into two. Rows differ in length, and a step's rarely add up to the most that they could.
 */
static size_t find_batch_tokens(const struct setup *s, size_t longest)
{
    struct arena arena = {0};
    struct batcher batcher;
    struct order order;
    struct order_options of = setup_order(s);
    struct batcher_options options = {.tokens = max_size(longest, BATCH_TOKENS),
                                      .rows = order_most_rows(&of),
                                      .shares = s->options->lora_dropout == 0};
    size_t most = longest;
    order_init(&order, &arena, &of);
    batcher_init(&batcher, &arena, &options);
    for (int64_t step = 0; step < s->steps && step < STEPS_LOOKED_AT; step++) {
        size_t n;
        const uint32_t *rows = order_step(&order, step, &n);
        batcher_begin(&batcher, &s->store, rows, n);
        while (batcher_next(&batcher))
            most = max_size(most, batcher.batch.n_tokens);
    }
    arena_release(&arena);
    return most;
}

/* How many tokens are computed at once, and the tape for them. */
static struct run_options record_run(struct setup *s)
{
    size_t longest = max_size(max_size(s->train.longest, s->eval.longest), s->test.longest);
    struct record_options record = {.longest = longest};
    s->batch_tokens = find_batch_tokens(s, longest);
    if (s->kept) /* which were cut for want of memory, or not */
        s->batch_tokens = max_size(longest, min_size(s->batch_tokens, s->kept->batch_tokens));
    model_record(&s->engine.model, &s->tape, &record);
    return (struct run_options){.rows = s->batch_tokens,
                                .targets = s->batch_tokens,
                                .keys = longest,
                                .trains = true,
                                .keeps_bf16 =
                                    options_given(s->options, "bf16") && s->options->bf16};
}

/* What is kept beside the training where there is room; false where nothing is left to let go. */
static bool keep_less(struct setup *s)
{
    if (s->averages && s->n_states <= STATES_OF_SEARCH) {
        s->averages = false;
        return true;
    }
    if (s->n_states == 0)
        return false;
    s->n_states--;
    return true;
}

/* A step's rows in more passes of fewer tokens; false where a pass is the longest row already. */
static bool cut_passes(struct setup *s, struct run_options *run)
{
    if (run->rows <= run->keys)
        return false;
    s->batch_tokens = max_size(run->keys, run->rows - run->rows / 8 - 1);
    run->rows = run->targets = s->batch_tokens;
    return true;
}

/* Plans the passes within the memory that what is kept leaves. */
static bool plan_run(struct setup *s, const struct optim_options *optim, struct run_options *run,
                     struct err *err)
{
    bool guarded = s->rate.guard == PACE_GUARD_ACT, searches = s->learning_rate == 0;
    s->n_states = guarded ? STATES_OF_GUARD : searches ? STATES_OF_SEARCH : 0;
    s->averages = (guarded || searches) && optim->kind != OPTIM_SCHEDULE_FREE; /* has its own */
    if (s->kept) {
        s->n_states = s->kept->n_states;
        s->averages = s->kept->averages;
    }
    for (;;) {
        struct err tight = {0};
        if (memory_left(s, optim, &run->memory_bytes, &tight) &&
            plan_make(&s->run.plan, &s->tape, &s->engine.backend, run, &tight))
            break;
        if (s->kept || !(keep_less(s) || cut_passes(s, run))) {
            *err = tight;
            return false;
        }
    }
    s->rate.n_slots = guarded ? (int)s->n_states : 0;
    return true;
}

static bool reserve_states(struct setup *s, struct err *err)
{
    struct average_options suffix;
    average_options_init(&suffix, AVERAGE_SUFFIX);
    if (s->averages &&
        !average_init(&s->average, &s->engine.backend, &suffix, s->params, s->n_params, err))
        return false;
    return snapshots_init(&s->snapshots, &s->optim, s->averages ? &s->average : NULL, s->n_states,
                          err);
}

static bool reserve(struct setup *s, struct err *err)
{
    struct optim_options optim;
    struct run_options run = record_run(s);
    size_t n_rows = (size_t)(s->job.batch_rows * s->job.accumulation);
    if (!read_optim(s->options, &optim, err) || !plan_run(s, &optim, &run, err))
        return false;
    judge_guess(s, optim.kind);
    plan_release(&s->run.plan); /* which run_init makes again */
    if (!optim_init(&s->optim, &s->engine.backend, &optim, s->params, s->n_params, err) ||
        !run_init(&s->run, &s->tape, &s->engine.backend, &run, err) || !reserve_states(s, err))
        return false;
    count_memory(s, &optim);
    struct stepper_options step = {.run = &s->run,
                                   .params = s->params,
                                   .n_params = s->n_params,
                                   .batches = {.tokens = s->batch_tokens,
                                               .rows = max_size(n_rows, s->eval.n + s->test.n),
                                               .shares = s->options->lora_dropout == 0},
                                   .seed = (uint64_t)s->options->seed};
    stepper_init(&s->stepper, &s->arena, &step);
    s->fits = true;
    return true;
}

static bool open_all(struct setup *s, struct err *err)
{
    const struct options *o = s->options;
    bool ok = read_rate(s, err) &&
              job_read(&s->job, &s->arena, o->arguments[0], o->arguments[1], o, err) &&
              check_method(s, err) && open_engine(s, err) && read_rows(s, err) &&
              choose_params(s, err) && choose_steps(s, err) && reserve(s, err);
    if (!ok)
        setup_close(s);
    return ok;
}

bool setup_open(struct setup *s, const struct options *o, struct err *err)
{
    *s = (struct setup){.options = o};
    return open_all(s, err);
}

bool setup_open_to_find(struct setup *s, const struct options *o, struct err *err)
{
    *s = (struct setup){.options = o, .finds = true};
    return open_all(s, err);
}

bool setup_reopen(struct setup *s, const struct options *o, const struct setup_kept *kept,
                  struct err *err)
{
    *s = (struct setup){.options = o, .kept = kept};
    return open_all(s, err);
}

struct setup_kept setup_kept(const struct setup *s)
{
    return (struct setup_kept){.n_states = s->n_states,
                               .averages = s->averages,
                               .is_bf16 = s->engine.backend.products == PRODUCTS_BF16,
                               .batch_tokens = s->batch_tokens};
}

/* --------------------------------------------------------------------------------- planning -- */

double setup_tokens(const struct setup *s)
{
    double rows = (double)(s->job.batch_rows * s->job.accumulation) * (double)s->steps;
    return rows_mean_length(&s->train, &s->store) * rows;
}

double setup_step_cost(const struct setup *s)
{
    return estimate_step_cost(setup_trains_all(s), 0, s->engine.model.config.n_layers);
}

static bool count_run(struct setup *s, struct err *err)
{
    struct optim_options optim;
    struct run_options run = record_run(s);
    if (!read_optim(s->options, &optim, err))
        return false;
    judge_guess(s, optim.kind);
    s->fits = plan_run(s, &optim, &run, &s->unfit);
    if (!s->fits) {
        run.memory_bytes = 0;
        if (!plan_make(&s->run.plan, &s->tape, &s->engine.backend, &run, err))
            return false;
    }
    count_memory(s, &optim);
    return true;
}

static bool estimate_time(struct setup *s, struct err *err)
{
    double forward = 0;
    if (!estimate_forward(&s->engine, s->train.longest, &forward, err))
        return false;
    bool full = setup_trains_all(s);
    double cost =
        estimate_step_cost(full, s->run.plan.layers_redone, s->engine.model.config.n_layers);
    s->planned_seconds = forward * cost * setup_tokens(s);
    return true;
}

bool setup_plan(struct setup *s, const struct options *o, struct err *err)
{
    *s = (struct setup){.options = o};
    bool ok = job_read(&s->job, &s->arena, o->arguments[0], o->arguments[1], o, err) &&
              check_method(s, err) && read_rate(s, err) && open_engine(s, err) &&
              read_rows(s, err) && choose_params(s, err) && choose_steps(s, err) &&
              count_run(s, err) && estimate_time(s, err);
    if (!ok)
        setup_close(s);
    return ok;
}

void setup_close(struct setup *s)
{
    snapshots_release(&s->snapshots);
    average_release(&s->average);
    optim_release(&s->optim);
    run_release(&s->run);
    tape_release(&s->tape);
    row_store_release(&s->store);
    engine_close(&s->engine);
    arena_release(&s->arena);
    *s = (struct setup){0};
}
