/*
 * evaluate.c - how well a model says the rows of a data set, and the logits themselves.
 *
 * Losses come from the batches that training uses, so rows that begin alike share the beginning's
 * computation here too. An answer is exact if each of its tokens is the likeliest behind those
 * before it: then, and but for other tokens of the same text only then, is it what generation
 * without sampling says, so nothing needs to be generated. Logits are for comparisons with other
 * programs: each row alone, and a few positions at a time, because a row's logits may be larger
 * than all else (V numbers a token).
 */
#include "train/evaluate.h"

#include "base/clock.h"
#include "base/mem.h"
#include "format/safetensors.h"

enum { BATCH_TOKENS = 2048, BATCH_TOKENS_FEW = 512, LOGITS_FLOATS = 16 << 20 };

/* A tape and the memory to run it on. */
struct runner {
    struct tape tape;
    struct run run;
};

static bool runner_open(struct runner *r, struct engine *engine, const struct run_options *options,
                        struct err *err)
{
    struct record_options record = {.longest = options->keys};
    *r = (struct runner){0};
    model_record(&engine->model, &r->tape, &record);
    if (run_init(&r->run, &r->tape, &engine->backend, options, err))
        return true;
    tape_release(&r->tape);
    return false;
}

static void runner_close(struct runner *r)
{
    run_release(&r->run);
    tape_release(&r->tape);
}

/* A stepper for a list of rows, on a runner of its own. */
struct evaluator {
    struct runner runner;
    struct stepper stepper;
    struct arena arena;
};

static bool evaluator_open(struct evaluator *v, struct engine *engine, const struct row_list *list,
                           struct run_options options, struct err *err)
{
    size_t tokens = max_size(options.rows, list->longest);
    options.rows = options.targets = tokens;
    options.keys = max_size(list->longest, 1);
    *v = (struct evaluator){0};
    if (!runner_open(&v->runner, engine, &options, err))
        return false;
    struct stepper_options step = {
        .run = &v->runner.run,
        .batches = {.tokens = tokens, .rows = max_size(list->n, 1), .shares = true}};
    stepper_init(&v->stepper, &v->arena, &step);
    return true;
}

static void evaluator_close(struct evaluator *v)
{
    runner_close(&v->runner);
    arena_release(&v->arena);
}

/* A text's first token, which some models put before every text, is never a target. */
static bool is_answer(const struct row_store *store, uint32_t row)
{
    return store->rows[row].len > 1 && !row_store_is_trained(store, row, 1);
}

struct exactness evaluate_exactness(const struct row_store *store, const struct row_list *list,
                                    const struct row_loss *losses)
{
    struct exactness e = {0};
    for (size_t i = 0; i < list->n; i++) {
        if (losses[i].targets == 0 || !is_answer(store, list->rows[i]))
            continue;
        e.answers++;
        e.exact += losses[i].correct == losses[i].targets;
    }
    return e;
}

bool evaluate_rows(struct evaluation *e, struct engine *engine, const struct row_store *store,
                   const struct row_list *list, uint64_t memory_bytes, struct err *err)
{
    struct evaluator v;
    struct row_loss *losses;
    struct run_options options = {.rows = BATCH_TOKENS, .memory_bytes = memory_bytes};
    double began = clock_seconds();
    *e = (struct evaluation){.rows = list->n};
    if (!evaluator_open(&v, engine, list, options, err))
        return false;
    losses = arena_array(&v.arena, struct row_loss, list->n);
    stepper_evaluate_rows(&v.stepper, store, list->rows, list->n, losses, &e->sums);
    e->answers = evaluate_exactness(store, list, losses);
    e->seconds = clock_seconds() - began;
    evaluator_close(&v);
    return true;
}

bool evaluate_tokens(struct engine *engine, const struct row_store *store,
                     const struct row_list *list, float *loss, struct err *err)
{
    struct evaluator v;
    struct run_options options = {.rows = BATCH_TOKENS_FEW};
    if (!evaluator_open(&v, engine, list, options, err))
        return false;
    stepper_evaluate_tokens(&v.stepper, store, list->rows, list->n, loss);
    evaluator_close(&v);
    return true;
}

/* ------------------------------------------------------------------------------------ logits -- */

struct logits_writer {
    struct safetensors_writer file;
    struct runner runner;
    size_t vocabulary, longest;
    size_t at_once;      /* positions */
    float *z;            /* [at_once, V] */
    int32_t *id, *place; /* [longest] ids, and 0, 1, 2 … */
};

static void write_row(struct logits_writer *w, const uint32_t *ids, size_t n)
{
    struct segment whole = {.n = (int32_t)n, .parent = SEGMENT_NO_PARENT};
    struct batch batch = {
        .n_tokens = n, .id = w->id, .position = w->place, .segment = &whole, .n_segments = 1};
    size_t V = w->vocabulary;
    for (size_t i = 0; i < n; i++)
        w->id[i] = (int32_t)ids[i];
    for (size_t first = 0; first < w->longest; first += w->at_once) {
        size_t count = min_size(w->at_once, w->longest - first);
        size_t real = n > first ? min_size(count, n - first) : 0;
        if (real > 0)
            run_logits(&w->runner.run, &batch, NULL, w->place + first, real,
                       (struct mat){w->z, real, V, V});
        memset(w->z + real * V, 0, (count - real) * V * sizeof(float));
        safetensors_writer_data(&w->file,
                                (struct span){(const uint8_t *)w->z, count * V * sizeof(float)});
    }
}

static bool write_all(struct logits_writer *w, const struct row_store *store,
                      const struct row_list *list, const char *path, struct err *err)
{
    struct tensor tensor = {.name = span_of("logits"),
                            .dtype = DTYPE_F32,
                            .n_dims = 3,
                            .dims = {list->n, w->longest, w->vocabulary}};
    struct safetensors_content content = {.tensors = &tensor, .n_tensors = 1};
    bool ok = safetensors_writer_open(&w->file, path, &content, err);
    for (size_t i = 0; ok && i < list->n; i++)
        write_row(w, row_store_ids(store, list->rows[i]), store->rows[list->rows[i]].len);
    ok = ok && safetensors_writer_commit(&w->file, err);
    safetensors_writer_release(&w->file);
    return ok;
}

bool evaluate_logits(struct engine *engine, const struct row_store *store,
                     const struct row_list *list, const char *path, struct err *err)
{
    struct arena arena = {0};
    size_t V = engine->model.config.vocabulary, longest = max_size(list->longest, 1);
    struct logits_writer w = {
        .vocabulary = V, .longest = longest, .at_once = max_size(LOGITS_FLOATS / V, 1)};
    struct run_options options = {.rows = longest, .targets = w.at_once, .keys = longest};
    if (!runner_open(&w.runner, engine, &options, err))
        return false;
    w.z = mem_alloc(w.at_once * V * sizeof(float));
    w.id = arena_array(&arena, int32_t, longest);
    w.place = arena_array(&arena, int32_t, longest);
    for (size_t i = 0; i < longest; i++)
        w.place[i] = (int32_t)i;
    bool ok = write_all(&w, store, list, path, err);
    mem_free(w.z);
    runner_close(&w.runner);
    arena_release(&arena);
    return ok;
}
