/*
 * make_logs.c - training logs whose diagnosis is known because of how they were made.
 *
 *     make_logs FIRST COUNT FOLDER     writes FOLDER/<seed>.json for COUNT seeds, and truth.tsv
 *
 * Each seed has a story (a row below): a landscape is trained without a guard with one thing wrong,
 * and a log as Hugging Face's Trainer leaves it (trainer_state.json: losses averaged over
 * logging_steps and rounded to four places, gradient norm and rate of the last step, evaluations,
 * NaN bare or hidden by its filter, the rate of this step or, as older versions log it, of the
 * next). The verdict does not rest on the log: the run's loss without noise is known at each step,
 * and so is what a good rate reaches. A story whose run does not show its fault in that loss is
 * made anew from the next draw.
 *
 * To add a story: a function that sets up the plan, one that says whether it came true, a row.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/num.h"
#include "format/json.h"
#include "pace/rate.h"
#include "test/sim/landscape_data.h"
#include "test/sim/plain.h"

enum { STREAM_STORY = 7, DRAWS_MOST = 400 };

/* What is known of a finished run; losses are true ones unless said otherwise. */
struct outcome {
    double first, last, good_last; /* good_last: what a good rate reaches */
    double end;                    /* the mean of the last twentieth */
    double seen_first;             /* the mean of the first line: all that the log shows of it */
    double gain;                   /* first - good_last */
    double noise;                  /* sd of a logged loss around the true one */
    double rise_early, rise_late;  /* the largest climb above an earlier low; early: first tenth */
    double eval_first, eval_least, eval_last;
    int64_t broken_at; /* the first step with NaN, or steps */
};

struct story {
    struct sim_plan plan;
    struct sim_landscape landscape;
    struct sim_trace trace;
    double good; /* rate */
    int64_t logging_steps, eval_every;
    bool logs_next_rate, hides_nan, steps_begin_anew, has_grad_norm;
    struct outcome outcome;
};

/* --------------------------------------------------------------------------------- set-ups -- */

/* Any landscape but those that a story wants for itself. */
static const struct sim_kind *pick_kind(struct rng *rng)
{
    static const char *const names[] = {"quadratic", "cliff",   "river", "chain",
                                        "basin",     "softmax", "net",   "adapter"};
    return sim_kind_find(names[rng_below(rng, COUNT_OF(names))]);
}

static void set_kind(struct story *s, const struct sim_kind *kind, const struct sim_terms *terms,
                     struct arena *arena, struct rng *rng)
{
    sim_landscape_make(&s->landscape, kind, rng_u64(rng) >> 1, terms, arena);
    s->plan.landscape = &s->landscape;
    s->good = sim_good_rate(&s->plan, &s->outcome.good_last);
    s->plan.peak = s->good * sim_log_uniform(rng, 0.6, 1.4);
}

static void set_any(struct story *s, struct arena *arena, struct rng *rng)
{
    struct sim_terms terms = {.heavy_tails = rng_uniform(rng) < 0.2};
    set_kind(s, pick_kind(rng), &terms, arena, rng);
}

static void tell_healthy(struct story *s, struct arena *arena, struct rng *rng)
{
    set_any(s, arena, rng);
}

static void tell_too_high(struct story *s, struct arena *arena, struct rng *rng)
{
    set_any(s, arena, rng);
    s->plan.peak = s->good * sim_log_uniform(rng, 4, 60);
}

static void tell_diverged(struct story *s, struct arena *arena, struct rng *rng)
{
    struct sim_terms terms = {.overflows = rng_uniform(rng) < 0.5};
    set_kind(s, pick_kind(rng), &terms, arena, rng);
    s->plan.peak = s->good * sim_log_uniform(rng, 10, 300);
    s->plan.max_grad_norm = rng_uniform(rng) < 0.5 ? 1 : 0;
    if (rng_uniform(rng) < 0.5)
        s->plan.decay = SIM_CONSTANT;
    s->hides_nan = rng_uniform(rng) < 0.6;
}

static void tell_too_low(struct story *s, struct arena *arena, struct rng *rng)
{
    set_any(s, arena, rng);
    s->plan.peak = s->good / sim_log_uniform(rng, 30, 1000);
}

static void tell_decays_too_fast(struct story *s, struct arena *arena, struct rng *rng)
{
    set_any(s, arena, rng);
    double end =
        sim_uniform(rng, 0.05, 0.2); /* share of the run at which 1 % of the peak is left */
    s->plan.decay = SIM_EXPONENTIAL;
    s->plan.gamma = pow(0.01, 1 / (end * (double)s->plan.steps));
    s->plan.warmup = s->plan.warmup * (rng_uniform(rng) < 0.5) / 4;
}

static void tell_overfit(struct story *s, struct arena *arena, struct rng *rng)
{
    const char *kind = rng_uniform(rng) < 0.6 ? "net" : "softmax";
    set_kind(s, sim_kind_find(kind), &(struct sim_terms){.few_rows = true}, arena, rng);
    s->plan.peak = s->landscape.kind->rate[s->plan.optimizer] * sim_log_uniform(rng, 0.3, 2);
    s->eval_every = s->plan.steps / (8 + (int64_t)rng_below(rng, 20));
}

static void tell_plateau(struct story *s, struct arena *arena, struct rng *rng)
{
    struct sim_terms terms = {.noise_times = sim_uniform(rng, 0.3, 1)};
    s->plan.decay = rng_uniform(rng) < 0.5 ? SIM_CONSTANT : SIM_COSINE;
    set_kind(s, sim_kind_find("stairs"), &terms, arena, rng);
    s->plan.peak = s->good * sim_log_uniform(rng, 0.1, 1);
}

static void tell_warmup_too_short(struct story *s, struct arena *arena, struct rng *rng)
{
    s->plan.warmup = s->plan.steps / 10;
    const char *kind = rng_uniform(rng) < 0.7 ? "gorge" : "river";
    set_kind(s, sim_kind_find(kind), &(struct sim_terms){0}, arena, rng);
    s->plan.peak = s->good * sim_log_uniform(rng, 0.5, 2);
    s->plan.warmup = 0;
}

static void tell_no_targets(struct story *s, struct arena *arena, struct rng *rng)
{
    set_any(s, arena, rng);
    s->plan.faults = (struct sim_faults){.poison = SIM_POISON_EMPTY, .poison_share = 2};
    s->hides_nan = rng_uniform(rng) < 0.5;
}

static void tell_resumed_wrong(struct story *s, struct arena *arena, struct rng *rng)
{
    set_any(s, arena, rng);
    int64_t at = (int64_t)((double)s->plan.steps * sim_uniform(rng, 0.3, 0.7));
    s->plan.forget_at = at;
    if (rng_uniform(rng) < 0.5) {
        s->plan.restart_at = at;
        s->steps_begin_anew = rng_uniform(rng) < 0.5;
    }
}

/* -------------------------------------------------------------------------- did it come true -- */

static bool is_calm(const struct outcome *o)
{
    double least = fmax(0.1 * o->gain, 3 * o->noise);
    return o->rise_early < least && o->rise_late < least;
}

static bool over_fits(const struct outcome *o)
{
    return o->eval_last - o->eval_least > 0.05 * (o->eval_first - o->eval_least);
}

/* The fall can be seen in the log. */
static bool can_be_seen(double nats, const struct outcome *o)
{
    return nats > 5 * o->noise && nats > 0.1;
}

static bool was_healthy(const struct story *s)
{
    const struct outcome *o = &s->outcome;
    return isfinite(o->last) && is_calm(o) && !over_fits(o) && can_be_seen(o->gain, o) &&
           o->last < o->good_last + 0.1 * o->gain;
}

static bool was_too_high(const struct story *s)
{
    const struct outcome *o = &s->outcome;
    return isfinite(o->last) && o->end < o->first - 0.1 * o->gain &&
           o->rise_late > fmax(0.3 * o->gain, 8 * o->noise);
}

static bool was_diverged(const struct story *s)
{
    const struct outcome *o = &s->outcome;
    bool is_broken = o->broken_at < s->plan.steps;
    int64_t logged = o->broken_at / s->logging_steps;
    /* The loss behind the last update is in no line: what the log ends with is what can be seen. */
    return is_broken ? logged >= 3 : o->end > o->seen_first + fmax(0.5 * o->gain, 8 * o->noise);
}

static bool was_too_low(const struct story *s)
{
    const struct outcome *o = &s->outcome;
    return can_be_seen(o->gain, o) && is_calm(o) && o->first - o->last < 0.08 * o->gain;
}

static bool decayed_too_fast(const struct story *s)
{
    const struct outcome *o = &s->outcome;
    return is_calm(o) && can_be_seen(0.3 * o->gain, o) && o->first - o->last > 0.2 * o->gain &&
           o->last > o->good_last + 0.25 * o->gain;
}

static bool was_overfit(const struct story *s)
{
    const struct outcome *o = &s->outcome;
    return o->rise_early < 0.2 && isfinite(o->last) && o->eval_first - o->eval_least > 0.2 &&
           o->eval_last - o->eval_least > fmax(0.1, 0.2 * (o->eval_first - o->eval_least));
}

/* Falls, stands still for half of the run while the rate is high, falls again. */
static bool was_plateau(const struct story *s)
{
    const struct outcome *o = &s->outcome;
    const double *loss = s->trace.true_loss;
    int64_t n = s->plan.steps;
    double before = o->first - loss[n / 5], still = loss[n / 5] - loss[n * 7 / 10];
    double behind = loss[n * 7 / 10] - o->last;
    return is_calm(o) && can_be_seen(behind, o) && can_be_seen(before, o) &&
           behind > 0.2 * before && still < 0.1 * behind;
}

static bool warmup_was_too_short(const struct story *s)
{
    const struct outcome *o = &s->outcome;
    struct sim_plan warmed = s->plan;
    warmed.warmup = s->plan.steps / 10;
    if (!isfinite(o->last) || o->rise_early < fmax(0.3 * o->gain, 8 * o->noise) ||
        o->rise_late > 0.1 * o->gain || o->last > o->good_last + 0.2 * o->gain)
        return false;
    double rise;
    (void)sim_plain_run(&warmed, NULL, &rise);
    return rise < 0.15 * o->gain;
}

static bool always(const struct story *s)
{
    (void)s;
    return true;
}

/* The loss alone cannot tell a bad resume from a blow-up: steps or rate must break off too. */
static bool was_resumed_wrong(const struct story *s)
{
    const struct outcome *o = &s->outcome;
    int64_t at = s->plan.forget_at;
    double before = s->trace.true_loss[at - 1];
    bool breaks_off = fabs(s->trace.rate[at] - s->trace.rate[at - 1]) > 0.2 * s->plan.peak;
    return (breaks_off || s->steps_begin_anew) && o->rise_early < 0.1 * o->gain &&
           can_be_seen(0.5 * (o->first - before), o) && o->last < o->first - 0.3 * o->gain;
}

static const struct story_row {
    const char *name;
    enum pace_verdict verdict;
    void (*tell)(struct story *s, struct arena *arena, struct rng *rng);
    bool (*came_true)(const struct story *s);
} story_rows[] = {
    {"healthy", PACE_VERDICT_HEALTHY, tell_healthy, was_healthy},
    {"too_high", PACE_VERDICT_TOO_HIGH, tell_too_high, was_too_high},
    {"healthy", PACE_VERDICT_HEALTHY, tell_healthy, was_healthy},
    {"diverged", PACE_VERDICT_DIVERGED, tell_diverged, was_diverged},
    {"too_low", PACE_VERDICT_TOO_LOW, tell_too_low, was_too_low},
    {"decays_too_fast", PACE_VERDICT_DECAYS_TOO_FAST, tell_decays_too_fast, decayed_too_fast},
    {"overfit", PACE_VERDICT_OVERFIT, tell_overfit, was_overfit},
    {"plateau", PACE_VERDICT_PLATEAU, tell_plateau, was_plateau},
    {"warmup_too_short", PACE_VERDICT_WARMUP_TOO_SHORT, tell_warmup_too_short,
     warmup_was_too_short},
    {"no_targets", PACE_VERDICT_NOT_LEARNING_RATE, tell_no_targets, always},
    {"resumed_wrong", PACE_VERDICT_NOT_LEARNING_RATE, tell_resumed_wrong, was_resumed_wrong},
};

/* ---------------------------------------------------------------------------------- outcome -- */

static double mean_of(const double *x, int64_t first, int64_t n)
{
    double sum = 0;
    for (int64_t i = first; i < first + n; i++)
        sum += x[i];
    return sum / (double)n;
}

/* Climbs of the true loss, averaged as the log averages it. */
static void measure_rises(struct story *s, int64_t n_finite)
{
    struct outcome *o = &s->outcome;
    double low = o->seen_first;
    for (int64_t at = 0; at + s->logging_steps <= n_finite; at += s->logging_steps) {
        double mean = mean_of(s->trace.true_loss, at, s->logging_steps);
        double *rise = at * 10 < s->plan.steps ? &o->rise_early : &o->rise_late;
        *rise = fmax(*rise, mean - low);
        low = fmin(low, mean);
    }
}

static void measure(struct story *s)
{
    struct outcome *o = &s->outcome;
    int64_t n = s->plan.steps;
    double square = 0;
    o->broken_at = n;
    for (int64_t i = n - 1; i >= 0; i--)
        o->broken_at = isfinite(s->trace.loss[i]) ? o->broken_at : i;
    o->first = s->trace.true_loss[0];
    o->gain = o->first - o->good_last;
    for (int64_t i = 0; i < o->broken_at; i++) {
        double residual = s->trace.loss[i] - s->trace.true_loss[i];
        square += residual * residual;
    }
    int64_t n_finite = o->broken_at;
    o->seen_first =
        n_finite >= s->logging_steps ? mean_of(s->trace.true_loss, 0, s->logging_steps) : o->first;
    o->noise = sqrt(square / (double)(n_finite > 0 ? n_finite : 1) / (double)s->logging_steps);
    measure_rises(s, n_finite);
    o->end = mean_of(s->trace.true_loss, n - n / 20, n / 20);
    o->eval_first = o->eval_least = o->eval_last = o->first;
    for (int64_t i = 0; i < n_finite; i++) {
        o->eval_least = fmin(o->eval_least, s->trace.true_loss[i]);
        o->eval_last = s->trace.true_loss[i];
    }
}

static void set_run(struct story *s, struct rng *rng)
{
    static const int64_t steps[] = {60, 100, 200, 300, 500, 1000};
    static const enum sim_decay decays[] = {SIM_LINEAR, SIM_LINEAR, SIM_COSINE, SIM_CONSTANT};
    s->plan.optimizer = rng_uniform(rng) < 0.7 ? SIM_ADAMW : SIM_SGD;
    s->plan.steps = steps[rng_below(rng, COUNT_OF(steps))];
    s->plan.warmup = rng_uniform(rng) < 0.6 ? s->plan.steps / 20 : 0;
    s->plan.decay = decays[rng_below(rng, COUNT_OF(decays))];
    s->plan.max_grad_norm = 1;
    int64_t most = s->plan.steps / 25;
    s->logging_steps = 1 + (int64_t)rng_below(rng, (uint64_t)(most < 20 ? most : 20));
    s->eval_every = rng_uniform(rng) < 0.5 ? s->plan.steps / 10 : 0;
    s->logs_next_rate = rng_uniform(rng) < 0.3;
    s->has_grad_norm = rng_uniform(rng) < 0.8;
}

/* Draws until the story comes true. False where it never does. */
static bool make_story(struct story *s, const struct story_row *row, uint64_t seed,
                       struct arena *arena)
{
    struct rng rng = {.seed = seed, .stream = STREAM_STORY};
    bool found = false;
    for (int draw = 0; draw < DRAWS_MOST && !found; draw++) {
        arena_release(arena);
        *s = (struct story){0};
        set_run(s, &rng);
        row->tell(s, arena, &rng);
        s->trace = sim_trace_make(&s->plan, arena);
        s->outcome.last = sim_plain_run(&s->plan, &s->trace, NULL);
        measure(s);
        found = row->came_true(s);
    }
    return found;
}

/* ---------------------------------------------------------------------------------- writing -- */

static double round_to(double value, double unit)
{
    return isfinite(value) ? round(value / unit) * unit : value;
}

/* Four places, as the Trainer rounds; written shortest. */
static void put_rounded(struct json_writer *w, const char *key, double value)
{
    char text[NUM_TEXT_SIZE];
    double rounded = round_to(value, 1e-4);
    json_key(w, key);
    (void)snprintf(text, sizeof text, "%.4f", rounded);
    double shortest = 0;
    json_put_double(w, isfinite(value) && num_parse_double(span_of(text), &shortest) ? shortest
                                                                                     : value);
}

/* The mean over the window as the Trainer forms it: with its filter, NaN counts as the mean. */
static double logged_loss(const struct story *s, int64_t first)
{
    double sum = 0;
    for (int64_t i = 0; i < s->logging_steps; i++) {
        double loss = s->trace.loss[first + i];
        sum += s->hides_nan && !isfinite(loss) ? sum / (double)(1 + i) : loss;
    }
    return sum / (double)s->logging_steps;
}

static double epoch_of(const struct story *s, int64_t step)
{
    uint64_t batches = sim_landscape_batches(&s->landscape);
    return (double)step / (double)(batches > 0 ? (int64_t)batches : s->plan.steps);
}

static void write_step(const struct story *s, struct json_writer *w, int64_t end, int64_t shown)
{
    int64_t last = end - 1;
    bool restarted = s->plan.restart_at > 0 && end >= s->plan.restart_at;
    double next = sim_plan_rate(&s->plan, restarted ? end - s->plan.restart_at : end);
    json_begin_object(w);
    put_rounded(w, "epoch", epoch_of(s, shown));
    if (s->has_grad_norm) {
        json_key(w, "grad_norm");
        json_put_double(w, s->trace.grad_norm[last]);
    }
    json_key(w, "learning_rate");
    json_put_double(w, s->logs_next_rate ? fmax(next, 0) : s->trace.rate[last]);
    put_rounded(w, "loss", logged_loss(s, end - s->logging_steps));
    json_key(w, "step");
    json_put_int(w, shown);
    json_end(w);
}

static void write_eval(const struct story *s, struct json_writer *w, int64_t end, int64_t shown)
{
    bool has_next = end < s->plan.steps;
    json_begin_object(w);
    put_rounded(w, "epoch", epoch_of(s, shown));
    json_key(w, "eval_loss");
    json_put_double(w, has_next ? s->trace.true_loss[end] : s->outcome.last);
    json_key(w, "eval_runtime");
    json_put_double(w, 1.5);
    json_key(w, "step");
    json_put_int(w, shown);
    json_end(w);
}

static void write_history(const struct story *s, struct json_writer *w)
{
    json_key(w, "log_history");
    json_begin_array(w);
    for (int64_t end = 1; end <= s->plan.steps; end++) {
        bool anew = s->steps_begin_anew && end > s->plan.restart_at;
        int64_t shown = anew ? end - s->plan.restart_at : end;
        if (end % s->logging_steps == 0)
            write_step(s, w, end, shown);
        if (s->eval_every > 0 && end % s->eval_every == 0)
            write_eval(s, w, end, shown);
    }
    json_end(w);
}

static void write_log(const struct story *s, struct buf *out)
{
    struct json_writer w = {.out = out, .indent = 2, .python_nan = true};
    json_begin_object(&w);
    json_key(&w, "best_metric");
    json_put_null(&w);
    put_rounded(&w, "epoch", epoch_of(s, s->plan.steps));
    json_key(&w, "eval_steps");
    json_put_int(&w, s->eval_every > 0 ? s->eval_every : 500);
    json_key(&w, "global_step");
    json_put_int(&w, s->plan.steps);
    write_history(s, &w);
    json_key(&w, "logging_steps");
    json_put_int(&w, s->logging_steps);
    json_key(&w, "max_steps");
    json_put_int(&w, s->plan.steps);
    json_key(&w, "num_train_epochs");
    json_put_double(&w, ceil(epoch_of(s, s->plan.steps)));
    json_key(&w, "save_steps");
    json_put_int(&w, 500);
    json_end(&w);
    buf_add_byte(out, '\n');
}

static bool write_file(const char *folder, const char *name, struct buf *content, struct err *err)
{
    struct arena arena = {0};
    bool ok = file_put(file_join(&arena, folder, name), buf_span(content), err);
    arena_release(&arena);
    buf_clear(content);
    return ok;
}

/* One seed: its file, and its line of truth.tsv. */
static bool write_seed(uint64_t seed, const char *folder, struct buf *truth, struct err *err)
{
    struct arena arena = {0};
    struct buf log;
    buf_init(&log, BUF_NO_LIMIT);
    static struct story s; /* large */
    const struct story_row *row = &story_rows[seed % COUNT_OF(story_rows)];
    bool ok = true;
    if (make_story(&s, row, seed, &arena)) {
        char name[40];
        (void)snprintf(name, sizeof name, "%06llu.json", (unsigned long long)seed);
        write_log(&s, &log);
        buf_printf(truth, "%s\t%s\t%s\t%s\t%.6g\t%.6g\t%lld\t%lld\n", name,
                   pace_verdict_name(row->verdict), row->name, s.landscape.kind->name, s.plan.peak,
                   s.good, (long long)s.plan.steps, (long long)s.logging_steps);
        ok = write_file(folder, name, &log, err);
    } else {
        (void)fprintf(stderr, "make_logs: seed %llu: no draw makes '%s' come true\n",
                      (unsigned long long)seed, row->name);
    }
    buf_release(&log);
    arena_release(&arena);
    return ok;
}

int main(int argc, char **argv)
{
    int64_t first = 0, count = 0;
    struct err err = {0};
    struct buf truth;
    bool ok = argc == 4 && num_parse_i64(span_of(argv[1]), &first) &&
              num_parse_i64(span_of(argv[2]), &count) && first >= 0 && count >= 0;
    if (!ok) {
        (void)fprintf(stderr, "usage: make_logs FIRST COUNT FOLDER\n");
        return 2;
    }
    buf_init(&truth, BUF_NO_LIMIT);
    buf_add_text(&truth, "file\tverdict\tstory\tlandscape\tpeak\tgood\tsteps\tlogging_steps\n");
    for (int64_t seed = first; ok && seed < first + count; seed++)
        ok = write_seed((uint64_t)seed, argv[3], &truth, &err);
    ok = ok && write_file(argv[3], "truth.tsv", &truth, &err);
    if (!ok)
        (void)fprintf(stderr, "make_logs: %s: %s\n", err.where, err.what);
    buf_release(&truth);
    return ok ? 0 : 1;
}
