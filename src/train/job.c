/*
 * job.c - what is to be trained, as far as it decides about the learning rate.
 *
 * The rules are few and shown with their reasons, because a person must be able to disagree. Steps
 * are a means to the same end as the rate: two hundred updates are where warmup, decay and the
 * guard have room, and where one more doubling of the batch costs more than it steadies. Few rows
 * are worth seeing again; many are not: each epoch beyond the first over-learns a little more
 * (prior_table.h has by how much).
 */
#include "train/job.h"

#include <math.h>
#include <stdio.h>

#include "base/log.h"
#include "options/schedule_options.h"
#include "text/survey.h"
#include "train/engine.h"

enum {
    WANTED_STEPS = 200,
    LEAST_BATCH = 4,
    MOST_BATCH = 32,
    PRETRAIN_TOKENS = 8192,
    DEFAULT_RANK = 16,
    DEFAULT_ALPHA = 32
};

const char *job_method_name(enum pace_method method)
{
    static const char *const names[] = {
        [PACE_LORA] = "lora",    [PACE_QLORA] = "qlora",  [PACE_FULL] = "full",
        [PACE_DPO_LORA] = "dpo", [PACE_DPO_FULL] = "dpo",
    };
    CHECK((unsigned)method < COUNT_OF(names));
    return names[method];
}

/* --------------------------------------------------------------------------------- choosing -- */

void job_note_choice(struct job *job, const char *option, const char *value, const char *reason)
{
    CHECK(job->n_choices < JOB_CHOICES);
    struct job_choice *c = &job->choices[job->n_choices++];
    *c = (struct job_choice){.option = option, .reason = reason};
    snprintf(c->value, sizeof c->value, "%s", value);
}

static void note_number(struct job *job, const char *option, double value, const char *reason)
{
    char text[JOB_VALUE_SIZE];
    snprintf(text, sizeof text, "%.6g", value);
    job_note_choice(job, option, text, reason);
}

/* The reason, unless the user gave the option. */
static const char *unless_given(const struct options *o, const char *option, const char *reason)
{
    return options_given(o, option) ? NULL : reason;
}

static bool choose_method(struct job *job, const struct options *o, struct err *err)
{
    static const struct {
        const char *name;
        enum pace_method method;
    } methods[] = {
        {"lora", PACE_LORA}, {"qlora", PACE_QLORA}, {"full", PACE_FULL}, {"dpo", PACE_DPO_LORA}};
    enum pace_method *method = &job->rate_job.method;
    const char *given = o->method;
    if (given && strcmp(given, "auto") != 0) {
        for (size_t i = 0; i < COUNT_OF(methods); i++) {
            if (strcmp(given, methods[i].name) == 0) {
                *method = methods[i].method;
                job_note_choice(job, "method", given, NULL);
                return true;
            }
        }
        err_set(err, ERR_USAGE, "--method: '%s' is not auto, lora, qlora, full or dpo", given);
        return false;
    }
    const char *reason = "adapters suffice and forget less";
    *method = PACE_LORA;
    if (o->from_scratch) {
        *method = PACE_FULL;
        reason = "the weights are random";
    } else if (job->is_preference) {
        *method = PACE_DPO_LORA;
        reason = "the data holds preferences";
    } else if (job->model.is_quantized) {
        *method = PACE_QLORA;
        reason = "the base is quantised";
    }
    job_note_choice(job, "method", job_method_name(*method), reason);
    return true;
}

/* Tokens of a corpus in a model's parameters beyond which reading it once is enough (Hoffmann et
 * al. 2022, arXiv:2203.15556); up to four passes over less are nearly as good as fresh text
 * (Muennighoff et al. 2023, arXiv:2305.16264). */
static const double TOKENS_A_PARAMETER = 20, MOST_PASSES = 4;

static void choose_passes(struct job *job)
{
    double wanted = TOKENS_A_PARAMETER * job->model.parameters;
    double passes = round(wanted / fmax((double)job->trained_tokens, 1));
    job->rate_job.epochs = fmin(fmax(passes, 1), MOST_PASSES);
}

static void choose_epochs(struct job *job, const struct options *o)
{
    double epochs = job->rows < 1000 ? 3 : job->rows < 10000 ? 2 : 1;
    const char *reason = job->rows < 1000    ? "fewer than 1,000 rows"
                         : job->rows < 10000 ? "fewer than 10,000 rows"
                                             : "10,000 rows or more";
    job->rate_job.epochs = epochs;
    if (options_given(o, "num-train-epochs")) {
        job->rate_job.epochs = o->num_train_epochs;
    } else if (o->from_scratch) {
        choose_passes(job);
        reason = "twenty tokens a parameter, four passes at most";
    }
    epochs = job->rate_job.epochs;
    if (o->max_steps <= 0)
        note_number(job, "num-train-epochs", epochs, unless_given(o, "num-train-epochs", reason));
}

/* The power of two that brings `rows` rows nearest to WANTED_STEPS updates. */
static uint64_t usual_batch(double rows)
{
    double wanted = pow(2, round(log2(fmax(rows, 1) / WANTED_STEPS)));
    return (uint64_t)fmin(fmax(wanted, LEAST_BATCH), MOST_BATCH);
}

/* Rows that come nearest to PRETRAIN_TOKENS in a step; text enough for a gradient to point
 * somewhere, while a small model still wants many steps. */
static uint64_t pretrain_batch(const struct job *job)
{
    double tokens = (double)job->trained_tokens / fmax((double)job->all_rows, 1);
    double rows = pow(2, round(log2(PRETRAIN_TOKENS / fmax(tokens, 1))));
    return (uint64_t)fmin(fmax(rows, 1), 4096);
}

static void choose_batch(struct job *job, const struct options *o)
{
    double rows =
        o->max_steps > 0 ? (double)o->max_steps * 16 : (double)job->rows * job->rate_job.epochs;
    uint64_t usual = o->from_scratch ? pretrain_batch(job) : usual_batch(rows);
    const char *reason =
        o->from_scratch ? "some eight thousand tokens a step" : "brings the run near 200 steps";
    job->accumulation = (uint64_t)o->gradient_accumulation_steps;
    if (options_given(o, "per-device-train-batch-size"))
        job->batch_rows = (uint64_t)o->per_device_train_batch_size;
    else
        job->batch_rows = max_size((size_t)(usual / job->accumulation), 1);
    job->batch_rows = min_size((size_t)job->batch_rows, max_size((size_t)job->rows, 1));
    note_number(job, "per-device-train-batch-size", (double)job->batch_rows,
                unless_given(o, "per-device-train-batch-size", reason));
    if (options_given(o, "gradient-accumulation-steps"))
        note_number(job, "gradient-accumulation-steps", (double)job->accumulation, NULL);
}

static uint64_t divide_up(uint64_t a, uint64_t b)
{
    return a / b + (a % b > 0);
}

/* Hugging Face's rounding; see job.h. */
static void choose_steps(struct job *job, const struct options *o)
{
    struct pace_job *r = &job->rate_job;
    uint64_t batches = divide_up(max_size((size_t)job->rows, 1), job->batch_rows);
    double updates = (double)divide_up(batches, job->accumulation);
    if (o->max_steps > 0) {
        job->steps = (uint64_t)o->max_steps;
        r->epochs = (double)job->steps / updates;
    } else {
        job->steps = (uint64_t)fmin(ceil(r->epochs * updates), 1e15);
    }
    note_number(job, "max-steps", (double)job->steps,
                unless_given(o, "max-steps", "rows times epochs over the batch"));
}

static void choose_adapter(struct job *job, const struct options *o)
{
    struct pace_job *r = &job->rate_job;
    if (r->method == PACE_FULL || r->method == PACE_DPO_FULL)
        return;
    r->lora_rank = options_given(o, "r") ? (double)o->lora_rank : DEFAULT_RANK;
    r->lora_alpha = options_given(o, "lora-alpha") ? o->lora_alpha : DEFAULT_ALPHA;
    r->scaling = o->use_rslora ? PACE_SCALING_SQRT_RANK : PACE_SCALING_RANK;
    note_number(job, "r", r->lora_rank, unless_given(o, "r", "room enough for most tasks"));
    note_number(job, "lora-alpha", r->lora_alpha,
                unless_given(o, "lora-alpha", "the scale that rates were measured at"));
}

static bool choose_schedule(struct job *job, const struct options *o, struct err *err)
{
    struct pace_schedule schedule;
    double any_rate = 1e-4; /* only the kind is wanted; the rate is what is being asked for */
    if (!schedule_options_read(o, any_rate, (int64_t)job->steps, &schedule, err))
        return false;
    job->rate_job.schedule = schedule.kind;
    return true;
}

bool job_choose(struct job *job, const struct options *o, struct err *err)
{
    struct pace_job *r = &job->rate_job;
    *r = (struct pace_job){.model_type = job->model.model_type,
                           .parameters = job->model.parameters,
                           .hidden_size = (double)job->model.hidden_size,
                           .rows = (double)job->rows,
                           .has_questions = job->has_questions,
                           .weight_decay = o->weight_decay,
                           .from_scratch = o->from_scratch};
    job->n_choices = 0;
    if (!choose_method(job, o, err))
        return false;
    choose_epochs(job, o);
    choose_batch(job, o);
    choose_steps(job, o);
    choose_adapter(job, o);
    if (!choose_schedule(job, o, err))
        return false;
    r->steps = (double)job->steps;
    r->rows_per_step = (double)(job->batch_rows * job->accumulation);
    if (job->all_rows > 0)
        r->tokens_per_step = r->rows_per_step * (double)job->trained_tokens / (double)job->all_rows;
    return true;
}

/* ---------------------------------------------------------------------------------- reading -- */

/* Where fewer of the tokens than this have a loss, rows are questions with answers. */
static const double ANSWER_SHARE = 0.9;

static void take_survey(struct job *job, const struct dataset *d, const struct survey *s)
{
    uint64_t tokens = s->trained;
    if (job->tokens_are_guessed)
        tokens /= SURVEY_CHARACTERS_A_TOKEN;
    job->is_preference = dataset_format_of(d) == FORMAT_PREFERENCE;
    job->trained_tokens = job->is_preference ? 2 * tokens : tokens; /* chosen and rejected */
    job->has_questions =
        !job->is_preference && (double)s->trained < ANSWER_SHARE * (double)s->lengths.sum;
    job->all_rows = s->lengths.n + s->added;
    job->rows = s->rows[PART_TRAIN];
    if (s->added > 0) { /* as many of them are held out as of the others */
        double times = (double)job->all_rows / (double)s->lengths.n;
        job->rows = (uint64_t)round((double)job->rows * times);
    }
}

/* Asked before a row is read, whose troubles would be told instead. */
static bool check_built(const struct dataset *d, const struct options *o, struct err *err)
{
    bool is_wanted = o->method && strcmp(o->method, "dpo") == 0;
    if (o->prior_only || (!is_wanted && dataset_format_of(d) != FORMAT_PREFERENCE))
        return true;
    err_set(err, ERR_USAGE, "training on preferences is not built yet");
    return false;
}

static bool survey_data(struct job *job, const char *path, struct row_encoder *encoder,
                        const struct options *o, struct err *err)
{
    struct dataset_options options = {.columns = o->columns,
                                      .as_chat = encoder && encoder->has_chat,
                                      .skip_bad_rows = o->skip_bad_rows,
                                      .seed = (uint64_t)o->seed};
    size_t most = job->model.max_positions > 0 ? job->model.max_positions : SIZE_MAX;
    struct survey_options wanted = {.sizes = {o->eval_split, o->test_split},
                                    .max_length = (uint32_t)min_size((size_t)o->max_length, most),
                                    .encoder = encoder};
    struct dataset dataset;
    struct survey survey;
    if (!dataset_open(&dataset, path, &options, err))
        return false;
    bool ok = check_built(&dataset, o, err) && survey_run(&survey, &dataset, &wanted, err);
    if (ok) {
        dataset_warn(&dataset);
        take_survey(job, &dataset, &survey);
        survey_release(&survey);
        ok = dataset_check(&dataset, err);
    }
    dataset_close(&dataset);
    return ok;
}

bool job_read(struct job *job, struct arena *arena, const char *model, const char *data,
              const struct options *o, struct err *err)
{
    *job = (struct job){0};
    if (!model_info_read(&job->model, arena, model, err))
        return false;
    job->tokens_are_guessed = !job->model.has_tokenizer;
    bool ok = false;
    if (job->tokens_are_guessed) {
        log_note("%s has no tokenizer: four characters are taken for a token", model);
        ok = survey_data(job, data, NULL, o, err);
    } else {
        struct row_encoder encoder;
        if (!row_encoder_open(&encoder, model, engine_template(o, arena), err))
            return false;
        ok = survey_data(job, data, &encoder, o, err);
        row_encoder_close(&encoder);
    }
    return ok && job_choose(job, o, err);
}
