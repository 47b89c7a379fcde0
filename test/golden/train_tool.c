/*
 * train_tool.c - trains a model on rows of token ids, for train_check.py and measurements.
 *
 *     train_tool MODEL ROWS OUT [name=value ...]
 *
 * ROWS: a text file, a row a line: "5 6 7* 8*", tokens that are trained on with a star. OUT: a
 * folder that is there, for the adapter, or for weights.txt (names and shapes) and weights.bin
 * (float32, in the order of Hugging Face's files). Rows are taken in the order of the file.
 * Standard output: for each step its loss, the norm of the gradient before clipping, the rate,
 * tokens and those that were computed, and seconds; at the end the loss of all rows, and the sum
 * of each row's losses.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "model/lora.h"
#include "model/model.h"
#include "train/trainer.h"

static struct tool {
    const char *adapter, *optim, *schedule, *backend;
    size_t rows, tokens, threads; /* of a step; of a batch */
    size_t bf16;                  /* 1: the products; 2: what is kept as well */
    int64_t steps;
    double rate, warmup, decay, clip, rank;
    bool shares;
} tool = {.optim = "adamw_torch",
          .schedule = "linear",
          .backend = "ref",
          .rows = 8,
          .tokens = 1024,
          .threads = 1,
          .steps = 20,
          .rate = 1e-3,
          .clip = 1};

static struct err err;
static struct arena arena;
static struct row_store store;
static uint32_t *rows, longest;

static void must(bool ok)
{
    if (ok)
        return;
    fprintf(stderr, "train_tool: %s: %s\n", err.where, err.what);
    exit(1);
}

static void read_option(const char *word)
{
    const char *value = strchr(word, '=');
    size_t n = value ? (size_t)(value - word) : 0;
    struct span name = {(const uint8_t *)word, n};
    const struct {
        const char *name;
        const char **text;
        double *number;
        size_t *count;
    } options[] = {
        {"adapter", &tool.adapter, NULL, NULL},   {"optim", &tool.optim, NULL, NULL},
        {"schedule", &tool.schedule, NULL, NULL}, {"backend", &tool.backend, NULL, NULL},
        {"rate", NULL, &tool.rate, NULL},         {"warmup", NULL, &tool.warmup, NULL},
        {"decay", NULL, &tool.decay, NULL},       {"clip", NULL, &tool.clip, NULL},
        {"rank", NULL, &tool.rank, NULL},         {"rows", NULL, NULL, &tool.rows},
        {"tokens", NULL, NULL, &tool.tokens},     {"threads", NULL, NULL, &tool.threads},
        {"bf16", NULL, NULL, &tool.bf16}};
    if (value && span_is(name, "steps")) {
        tool.steps = strtoll(value + 1, NULL, 10);
        return;
    }
    if (value && span_is(name, "shares")) {
        tool.shares = value[1] == '1';
        return;
    }
    for (size_t i = 0; value && i < COUNT_OF(options); i++) {
        if (!span_is(name, options[i].name))
            continue;
        if (options[i].text)
            *options[i].text = value + 1;
        else if (options[i].number)
            *options[i].number = strtod(value + 1, NULL);
        else
            *options[i].count = strtoul(value + 1, NULL, 10);
        return;
    }
    fprintf(stderr, "train_tool: %s is no option\n", word);
    exit(1);
}

/* --------------------------------------------------------------------------------- the rows -- */

static void read_row(const char *line, uint32_t *ids, uint8_t *mask)
{
    struct stored_row *row = &store.rows[store.n_rows];
    *row = (struct stored_row){.first = store.n_tokens};
    for (char *end; *line && *line != '\n'; line = end + (*end == ' ')) {
        uint64_t at = store.n_tokens++;
        ids[at] = (uint32_t)strtoul(line, &end, 10);
        if (*end == '*') {
            mask[at / 8] |= (uint8_t)(1 << at % 8);
            end++;
        }
        row->len++;
    }
    rows[store.n_rows] = store.n_rows;
    store.n_rows++;
    longest = row->len > longest ? row->len : longest;
}

static void read_rows(const char *path)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t cap = 0, n_lines = 0, n_bytes = 0;
    for (ssize_t n; file && (n = getline(&line, &cap, file)) > 0; n_lines++)
        n_bytes += (size_t)n;
    must(file && n_lines > 0);
    uint32_t *ids = arena_array(&arena, uint32_t, n_bytes);
    uint8_t *mask = arena_array(&arena, uint8_t, n_bytes);
    store.rows = arena_array(&arena, struct stored_row, n_lines);
    rows = arena_array(&arena, uint32_t, n_lines);
    store.ids = ids;
    store.mask = mask;
    for (rewind(file); getline(&line, &cap, file) > 0;)
        read_row(line, ids, mask);
    free(line);
    fclose(file);
}

/* -------------------------------------------------------------------------------- the model -- */

/* The parameters that are trained. */
static struct param **fit(struct model *model, size_t *n)
{
    if (tool.adapter)
        must(lora_load(model, tool.adapter, &err));
    else if (tool.rank > 0)
        must(lora_attach(model,
                         &(struct lora_options){
                             .all_linear = true, .rank = (size_t)tool.rank, .alpha = 2 * tool.rank},
                         1, &err));
    else
        must(model_train_all(model, &err));
    *n = model->n_adapters > 0 ? model->n_adapters : model->n_params;
    return model->n_adapters > 0 ? model->adapters : model->params;
}

static void save_weights(const struct model *model, const char *folder)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/weights.txt", folder);
    FILE *names = fopen(path, "w");
    snprintf(path, sizeof path, "%s/weights.bin", folder);
    FILE *numbers = fopen(path, "wb");
    must(names && numbers);
    for (size_t i = 0; i < model->n_params; i++) {
        const struct param *p = model->params[i];
        float *out = mem_alloc(param_count(p) * sizeof *out);
        model_in_file_order(model, p, p->value, out);
        fprintf(names, "%s %zu %zu\n", p->name, p->weight.rows, p->weight.width);
        fwrite(out, sizeof *out, param_count(p), numbers);
        mem_free(out);
    }
    fclose(names);
    fclose(numbers);
}

static bool show(void *context, const struct trainer_event *event)
{
    (void)context;
    const struct step_sums *s = event->sums;
    if (event->moment == TRAINER_STEP)
        printf("%.17g %.17g %.17g %llu %llu %.6f\n", s->loss, s->grad_norm,
               event->decision.learning_rate, (unsigned long long)s->tokens,
               (unsigned long long)s->computed, event->seconds);
    fflush(stdout);
    return true;
}

static void train(struct stepper *stepper, struct optim *optim)
{
    struct trainer trainer;
    struct trainer_options options = {
        .stepper = stepper,
        .optim = optim,
        .store = &store,
        .order = {.rows = rows, .n = store.n_rows, .batch_rows = tool.rows},
        .on_event = show};
    struct pace_schedule *schedule = &options.rate.schedule;
    enum pace_schedule_kind kind;
    pace_rate_options_init(&options.rate);
    must(pace_schedule_find(tool.schedule, &kind));
    pace_schedule_init(schedule, kind);
    schedule->learning_rate = tool.rate;
    schedule->total_steps = tool.steps;
    schedule->warmup_steps = (int64_t)tool.warmup;
    options.rate.guard = PACE_GUARD_OFF;
    options.rate.max_grad_norm = tool.clip;
    trainer_init(&trainer, &arena, &options);
    if (trainer_run(&trainer) != TRAINER_DONE)
        fprintf(stderr, "train_tool: the run was stopped\n");
}

static void run(struct model *model, struct backend *backend)
{
    struct tape tape = {0};
    struct run run = {0};
    struct stepper stepper;
    struct optim optim;
    struct optim_options optim_options;
    struct step_sums sums;
    size_t n;
    struct param **params = fit(model, &n);
    model_record(model, &tape, &(struct record_options){.longest = longest});
    must(run_init(&run, &tape, backend,
                  &(struct run_options){
                      .rows = tool.tokens, .targets = tool.tokens, .keys = longest, .trains = true,
                      .keeps_bf16 = tool.bf16 > 1},
                  &err));
    stepper_init(&stepper, &arena,
                 &(struct stepper_options){.run = &run,
                                           .params = params,
                                           .n_params = n,
                                           .batches = {.tokens = tool.tokens,
                                                       .rows = max_size(tool.rows, 64),
                                                       .shares = tool.shares}});
    optim_options_init(&optim_options);
    must(optim_find(span_of(tool.optim), &optim_options.kind));
    optim_options.weight_decay = tool.decay;
    must(optim_init(&optim, backend, &optim_options, params, n, &err));
    train(&stepper, &optim);
    optim_show_average(&optim, true);
    struct row_loss *losses = arena_array(&arena, struct row_loss, store.n_rows);
    stepper_evaluate_rows(&stepper, &store, rows, store.n_rows, losses, &sums);
    printf("%.17g\n", sums.loss);
    for (uint32_t i = 0; i < store.n_rows; i++)
        printf("%.17g\n", losses[i].sum);
    optim_release(&optim);
    run_release(&run);
    tape_release(&tape);
}

int main(int argc, char **argv)
{
    struct model model;
    struct backend backend;
    struct thread_pool *threads = NULL;
    if (argc < 4)
        return 1;
    for (int i = 4; i < argc; i++)
        read_option(argv[i]);
    must(thread_pool_open(&threads, tool.threads, &err));
    backend_init(&backend, strcmp(tool.backend, "cpu") == 0 ? &backend_cpu : &backend_ref, threads);
    backend.products = tool.bf16 > 0 ? PRODUCTS_BF16 : PRODUCTS_F32;
    read_rows(argv[2]);
    must(model_open(&model, argv[1], &backend, &err));
    run(&model, &backend);
    if (model.n_adapters > 0)
        must(lora_save(&model, argv[3], argv[1], &err));
    else
        save_weights(&model, argv[3]);
    model_close(&model);
    backend_release(&backend);
    thread_pool_close(threads);
    return 0;
}
