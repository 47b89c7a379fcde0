/*
 * prior.c - a first guess of the peak learning rate from what is known before a step is taken.
 *
 * log10 of the rate is a sum of terms: a base (LoRA of rank 16 at the reference job) and what each
 * property of the job adds to it in decades. The coefficients are fitted: prior_table.h is written
 * by tool/fit_prior.py from sweeps of learning rates and keeps, for each, its standard error, the
 * number of runs it rests on and where they come from. Here they are only evaluated; doc/RATE.md
 * has the fit, its errors on models left out, and its limits.
 *
 *     mean = sum_i b_i x_i            x: features of the job, b: coefficients
 *     var  = x' S x                   S: covariance of the coefficients
 *          + between models, between tasks, between jobs of a task
 *          + (a family never swept) between families + (epochs) between tasks' tolerance of them
 *          + what a value that is not known could change
 *          + (0.15 per decade)^2 beyond the range that was swept
 *     log10 rate = mean - 0.185 sd
 *
 * The last line is caution: too high costs more than too low. A bowl whose right side is 1.6 times
 * as steep as its left has its least expected cost 0.185 standard deviations below the mean.
 *
 * Two effects have ends: below a width of 192 a smaller model wants no larger rate, and where rows
 * are many, seeing them again does no harm. Nor does it to random weights, and little to answers.
 *
 * LoRA's scale is not a matter of evidence but of arithmetic. The table speaks of alpha = 32 with
 * 1/r scaling. While B is near zero the output moves by scale * rate, so a scale c times as large
 * wants the rate divided by c, whatever convention (1/r, 1/sqrt(r), none) produced it.
 *
 * To add a term: a coefficient in fit_prior.py, its feature here and there, a line in add_terms.
 */
#include <math.h>
#include <string.h>

#include "base/base.h"
#include "pace/rate.h"
#include "rate/prior_table.h"

/* What is assumed where a job does not say, and how far (decades, sd) it may be off. */
struct input {
    double value;
    double spread; /* 0: known */
};

/* A job with every blank filled in. */
struct inputs {
    bool full;  /* all weights are trained, not adapters */
    int family; /* index into prior_families; -1: never swept */
    struct input width, rank, tokens, steps, epochs, rows;
    double alpha;
    double weight_decay;
};

static bool is_known(double x)
{
    return isfinite(x) && x > 0;
}

static double product(double a, double b)
{
    return is_known(a) && is_known(b) ? a * b : 0;
}

static double clamp(double x, double low, double high)
{
    return fmin(fmax(x, low), high);
}

/* log10(value / reference) with the value held within bounds. */
static double decades(double value, double reference, double low, double high)
{
    return log10(clamp(value, low, high) / reference);
}

static bool matches(const char *pattern, const char *model_type)
{
    size_t len = strlen(pattern);
    if (pattern[len - 1] == '*')
        return strncmp(pattern, model_type, len - 1) == 0;
    return strcmp(pattern, model_type) == 0;
}

static int find_family(const char *model_type)
{
    for (size_t i = 0; model_type && i < COUNT_OF(prior_families); i++) {
        if (matches(prior_families[i].model_type, model_type))
            return (int)i;
    }
    return -1;
}

/* The usual width of a model with so many parameters: 2048 at 10^9, times 2.4 a decade. */
static struct input usual_width(double parameters)
{
    if (!is_known(parameters))
        return (struct input){PRIOR_REFERENCE_WIDTH, 0.4};
    return (struct input){2048 * pow(clamp(parameters, 1e4, 1e13) / 1e9, 0.385), 0.1};
}

/* What the job says; else what follows from the rest of it; else a usual value. */
static struct input take_or(double value, double derived, struct input usual)
{
    if (is_known(value))
        return (struct input){value, 0};
    return is_known(derived) ? (struct input){derived, 0} : usual;
}

/* Steps, epochs and rows determine each other: rows * epochs = steps * rows per step. */
static void take_lengths(struct inputs *in, const struct pace_job *job)
{
    double rows_seen = product(job->steps, job->rows_per_step);
    double rows_to_see = product(job->rows, is_known(job->epochs) ? job->epochs : 1);
    in->steps = take_or(job->steps, rows_to_see / job->rows_per_step, (struct input){300, 0.5});
    in->epochs = take_or(job->epochs, rows_seen / job->rows, (struct input){1, 0.2});
    in->rows = take_or(job->rows, rows_seen / in->epochs.value, (struct input){1000, 0.7});
    double tokens = is_known(job->rows_per_step) ? 200 * job->rows_per_step : 4000;
    in->tokens = take_or(job->tokens_per_step, 0, (struct input){tokens, 0.5});
}

static struct inputs inputs_of(const struct pace_job *job)
{
    struct inputs in = {0};
    in.full = job->from_scratch || job->method == PACE_FULL || job->method == PACE_DPO_FULL;
    in.family = find_family(job->model_type);
    in.width = take_or(job->hidden_size, 0, usual_width(job->parameters));
    in.rank = take_or(job->lora_rank, 0, (struct input){PRIOR_REFERENCE_RANK, 0.3});
    in.alpha = is_known(job->lora_alpha) ? job->lora_alpha : PRIOR_REFERENCE_ALPHA;
    in.weight_decay = is_known(job->weight_decay) ? job->weight_decay : 0;
    take_lengths(&in, job);
    return in;
}

/* ------------------------------------------------------------------------------- features -- */

/* 1 for few rows, 0 for many: how much a row seen again is over-learned. */
static double scarcity(double rows)
{
    double share = log(PRIOR_MANY_ROWS / rows) / log(PRIOR_MANY_ROWS / PRIOR_FEW_ROWS);
    return clamp(share, 0, 1);
}

/* Decades of epochs, as far as rows seen again are over-learned. Random weights have all to learn
 * that rows have in common first. */
static double repeats_of(const struct pace_job *job, const struct inputs *in)
{
    double epochs = decades(in->epochs.value, 1, 1, 100);
    return job->from_scratch ? 0 : epochs * scarcity(in->rows.value);
}

static bool is_dpo(const struct pace_job *job)
{
    return job->method == PACE_DPO_LORA || job->method == PACE_DPO_FULL;
}

/* The schedules that stay near their peak, and those shaped like a cosine. */
static void set_schedule(double x[PRIOR_COUNT], enum pace_schedule_kind kind)
{
    static const struct {
        double constant, cosine;
    } shapes[PACE_SCHEDULE_COUNT] = {
        [PACE_SCHEDULE_COSINE] = {0, 1},
        [PACE_SCHEDULE_COSINE_WITH_RESTARTS] = {0, 1},
        [PACE_SCHEDULE_COSINE_WITH_MIN_LR] = {0, 1},
        [PACE_SCHEDULE_COSINE_WARMUP_WITH_MIN_LR] = {0, 1},
        [PACE_SCHEDULE_CONSTANT] = {1, 0},
        [PACE_SCHEDULE_CONSTANT_WITH_WARMUP] = {1, 0},
        [PACE_SCHEDULE_REDUCE_LR_ON_PLATEAU] = {1, 0},
        [PACE_SCHEDULE_GREEDY] = {1, 0},
        [PACE_SCHEDULE_INVERSE_SQRT] = {0.5, 0},
        [PACE_SCHEDULE_WARMUP_STABLE_DECAY] = {0.5, 0},
        [PACE_SCHEDULE_STEP] = {0.5, 0},
        [PACE_SCHEDULE_EXPONENTIAL] = {0.5, 0},
    };
    if ((unsigned)kind >= PACE_SCHEDULE_COUNT)
        return;
    x[PRIOR_CONSTANT] = shapes[kind].constant;
    x[PRIOR_COSINE] = shapes[kind].cosine;
}

static void set_features(double x[PRIOR_COUNT], const struct pace_job *job, const struct inputs *in)
{
    double width = decades(in->width.value, PRIOR_REFERENCE_WIDTH, PRIOR_NARROW, 65536);
    double steps = decades(in->steps.value, PRIOR_REFERENCE_STEPS, 10, 1e6);
    x[PRIOR_BASE] = 1;
    x[PRIOR_WIDTH_ABOVE] = fmax(width, 0);
    x[PRIOR_WIDTH_BELOW] = fmin(width, 0);
    x[PRIOR_FULL] = in->full;
    x[PRIOR_FULL_WIDTH] = in->full ? width : 0;
    x[PRIOR_QLORA] = !in->full && job->method == PACE_QLORA;
    x[PRIOR_DPO] = is_dpo(job);
    x[PRIOR_SCRATCH] = job->from_scratch;
    x[PRIOR_SCRATCH_WIDTH] = job->from_scratch ? width : 0;
    x[PRIOR_LORA_RANK] = in->full ? 0 : decades(in->rank.value, PRIOR_REFERENCE_RANK, 1, 1024);
    x[PRIOR_BATCH] = decades(in->tokens.value, PRIOR_REFERENCE_TOKENS, 10, 1e7);
    x[PRIOR_STEPS_BELOW] = fmin(steps, 0);
    x[PRIOR_STEPS_ABOVE] = fmax(steps, 0);
    x[job->has_questions ? PRIOR_EPOCHS_ANSWERS : PRIOR_EPOCHS] = repeats_of(job, in);
    x[PRIOR_WEIGHT_DECAY] = fmin(in->weight_decay / 0.1, 3);
    set_schedule(x, job->schedule);
    if (in->family >= 0)
        x[prior_families[in->family].coefficient] = 1;
}

/* ---------------------------------------------------------------------------------- spread -- */

static double covariance(size_t i, size_t j)
{
    return i >= j ? prior_covariance[i * (i + 1) / 2 + j] : prior_covariance[j * (j + 1) / 2 + i];
}

/* x' S x over the coefficients first … last. */
static double variance(const double x[PRIOR_COUNT], size_t first, size_t last)
{
    double sum = 0;
    for (size_t i = first; i <= last; i++) {
        for (size_t j = first; j <= last; j++)
            sum += x[i] * x[j] * covariance(i, j);
    }
    return fmax(sum, 0);
}

static double square(double x)
{
    return x * x;
}

/* What the blanks of the job could change. */
static double variance_of_blanks(const struct pace_job *job, const struct inputs *in)
{
    double width = fabs(prior_coefficients[PRIOR_WIDTH_BELOW].value);
    if (in->full)
        width += fabs(prior_coefficients[PRIOR_FULL_WIDTH].value);
    double rank = in->full ? 0 : prior_coefficients[PRIOR_LORA_RANK].value;
    enum prior_coefficient kind = job->has_questions ? PRIOR_EPOCHS_ANSWERS : PRIOR_EPOCHS;
    double epochs = job->from_scratch ? 0 : prior_coefficients[kind].value;
    double repeats = decades(in->epochs.value, 1, 1, 100);
    return square(in->width.spread * width) + square(in->rank.spread * rank) +
           square(in->tokens.spread * prior_coefficients[PRIOR_BATCH].value) +
           square(in->steps.spread * prior_coefficients[PRIOR_STEPS_ABOVE].value) +
           square(in->epochs.spread * epochs * scarcity(in->rows.value)) +
           square(in->rows.spread * epochs * repeats / log10(PRIOR_MANY_ROWS / PRIOR_FEW_ROWS));
}

/* Squared decades that a value lies outside of what was swept. */
static double beyond(double value, double least, double most)
{
    value = clamp(value, 1e-3, 1e9);
    return square(fmax(fmax(log10(value / most), log10(least / value)), 0));
}

static double variance_beyond_sweeps(const struct inputs *in)
{
    double sum = in->full ? beyond(in->width.value, PRIOR_FULL_WIDTH_LEAST, PRIOR_FULL_WIDTH_MOST)
                          : beyond(in->width.value, PRIOR_LORA_WIDTH_LEAST, PRIOR_LORA_WIDTH_MOST) +
                                beyond(in->rank.value, PRIOR_RANK_LEAST, PRIOR_RANK_MOST);
    sum += beyond(in->tokens.value, PRIOR_TOKENS_LEAST, PRIOR_TOKENS_MOST) +
           beyond(in->steps.value, PRIOR_STEPS_LEAST, PRIOR_STEPS_MOST) +
           beyond(in->epochs.value, PRIOR_EPOCHS_LEAST, PRIOR_EPOCHS_MOST);
    return square(PRIOR_BEYOND_SD) * sum;
}

static double spread(const double x[PRIOR_COUNT], const struct pace_job *job,
                     const struct inputs *in)
{
    double family = in->family < 0 ? square(PRIOR_FAMILY_SD) : 0;
    double dpo = is_dpo(job) ? square(PRIOR_DPO_SD) : 0;
    return sqrt(variance(x, 0, PRIOR_COUNT - 1) + square(PRIOR_MODEL_SD) + square(PRIOR_TASK_SD) +
                square(PRIOR_JOB_SD) + square(PRIOR_EPOCHS_SD * repeats_of(job, in)) + family +
                dpo + variance_of_blanks(job, in) + variance_beyond_sweeps(in));
}

/* ----------------------------------------------------------------------------------- terms -- */

static struct pace_prior_term *add(struct pace_prior *p, const char *name, double value,
                                   double effect)
{
    CHECK(p->n_terms < PACE_PRIOR_TERMS);
    struct pace_prior_term *t = &p->terms[p->n_terms++];
    *t = (struct pace_prior_term){.name = name, .value = value, .effect = effect, .source = ""};
    return t;
}

/* A term of the coefficients first … last; the source is that of the one that moves it most. */
static void add_fitted(struct pace_prior *p, const char *name, double value,
                       const double x[PRIOR_COUNT], enum prior_coefficient first,
                       enum prior_coefficient last)
{
    double effect = 0;
    size_t main_one = first;
    for (size_t i = first; i <= last; i++) {
        double part = prior_coefficients[i].value * x[i];
        effect += part;
        if (fabs(part) > fabs(prior_coefficients[main_one].value * x[main_one]))
            main_one = i;
    }
    struct pace_prior_term *t = add(p, name, value, effect);
    t->se = sqrt(variance(x, first, last));
    t->runs = prior_coefficients[main_one].runs;
    t->source = prior_coefficients[main_one].source;
}

static void add_family(struct pace_prior *p, const double x[PRIOR_COUNT], const struct inputs *in)
{
    if (in->family >= 0) {
        enum prior_coefficient c = prior_families[in->family].coefficient;
        add_fitted(p, "model_family", 0, x, c, c);
        return;
    }
    struct pace_prior_term *t = add(p, "model_family", 0, 0);
    t->se = PRIOR_FAMILY_SD;
    t->source = "a family that no sweep has covered: families differ so much";
}

/* How many times as strong as alpha = 32 with 1/r the adapter's output is scaled, as decades. */
static double scale_decades(const struct pace_job *job, const struct inputs *in)
{
    double rank = clamp(in->rank.value, 1, 1e6);
    double times = in->alpha / PRIOR_REFERENCE_ALPHA;
    if (job->scaling == PACE_SCALING_SQRT_RANK)
        times *= sqrt(rank);
    else if (job->scaling == PACE_SCALING_PLAIN)
        times *= rank;
    return log10(clamp(times, 1e-2, 1e4));
}

static void add_adapter(struct pace_prior *p, const double x[PRIOR_COUNT],
                        const struct pace_job *job, const struct inputs *in)
{
    add_fitted(p, "lora_rank", in->rank.value, x, PRIOR_LORA_RANK, PRIOR_LORA_RANK);
    double scale = scale_decades(job, in);
    if (scale != 0)
        add(p, "lora_scale", in->alpha, -scale)->source =
            "arithmetic: the output moves by scale times rate";
}

static void add_terms(struct pace_prior *p, const double x[PRIOR_COUNT], const struct pace_job *job,
                      const struct inputs *in)
{
    add_fitted(p, "base", 0, x, PRIOR_BASE, PRIOR_BASE);
    add_family(p, x, in);
    add_fitted(p, "model_width", in->width.value, x, PRIOR_WIDTH_ABOVE, PRIOR_WIDTH_BELOW);
    if (in->full || is_dpo(job) || x[PRIOR_QLORA] != 0)
        add_fitted(p, "method", 0, x, PRIOR_FULL, PRIOR_DPO);
    if (job->from_scratch)
        add_fitted(p, "from_scratch", 0, x, PRIOR_SCRATCH, PRIOR_SCRATCH_WIDTH);
    if (!in->full)
        add_adapter(p, x, job, in);
    add_fitted(p, "tokens_per_step", in->tokens.value, x, PRIOR_BATCH, PRIOR_BATCH);
    add_fitted(p, "steps", in->steps.value, x, PRIOR_STEPS_BELOW, PRIOR_STEPS_ABOVE);
    add_fitted(p, "epochs", in->epochs.value, x, PRIOR_EPOCHS, PRIOR_EPOCHS_ANSWERS);
    p->repeats = repeats_of(job, in);
    if (in->weight_decay > 0)
        add_fitted(p, "weight_decay", in->weight_decay, x, PRIOR_WEIGHT_DECAY, PRIOR_WEIGHT_DECAY);
    if (x[PRIOR_CONSTANT] != 0 || x[PRIOR_COSINE] != 0)
        add_fitted(p, "schedule", 0, x, PRIOR_CONSTANT, PRIOR_COSINE);
}

void pace_prior(const struct pace_job *job, struct pace_prior *prior)
{
    struct inputs in = inputs_of(job);
    double x[PRIOR_COUNT] = {0};
    *prior = (struct pace_prior){0};
    set_features(x, job, &in);
    add_terms(prior, x, job, &in);
    double mean = 0;
    for (size_t i = 0; i < prior->n_terms; i++)
        mean += prior->terms[i].effect;
    prior->sd = spread(x, job, &in);
    add(prior, "caution", 0, -PRIOR_CAUTION * prior->sd)->source =
        "too high costs more than too low: a share of the spread is taken off";
    prior->learning_rate = pow(10, mean - PRIOR_CAUTION * prior->sd);
    prior->low = pow(10, mean - 1.2816 * prior->sd); /* the normal's quantile of 0.9 */
    prior->high = pow(10, mean + 1.2816 * prior->sd);
}
