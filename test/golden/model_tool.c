/*
 * model_tool.c - runs models for model_check.py.
 *
 *   model_tool MODEL OUT.safetensors BATCH.safetensors [OPTION=VALUE …]
 *
 *     adapter=FOLDER  a PEFT folder is loaded           save=FOLDER     and saved again
 *     fresh=R,ALPHA   fresh adapters, all linear        train=all|lora  gradients are computed
 *     create=SEED     MODEL is a config.json alone      backend=ref (else cpu)
 *     without_adapters=1
 *
 * BATCH holds `input_ids` [B, T] (int64); the loss is the mean over all tokens but the first of
 * each row. OUT gets `logits` [B, T, V], `loss` [1] and `grad.NAME` for each gradient, in Hugging
 * Face's names and order. Prints the loss.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "format/safetensors.h"
#include "graph/run.h"
#include "model/lora.h"
#include "model/model.h"

struct options {
    const char *adapter, *save, *fresh, *train, *create, *backend, *without_adapters;
};

static const char *option(char **argv, const char *name)
{
    size_t len = strlen(name);
    for (; *argv; argv++) {
        if (strncmp(*argv, name, len) == 0 && (*argv)[len] == '=')
            return *argv + len + 1;
    }
    return NULL;
}

static struct options read_options(char **argv)
{
    return (struct options){.adapter = option(argv, "adapter"),
                            .save = option(argv, "save"),
                            .fresh = option(argv, "fresh"),
                            .train = option(argv, "train"),
                            .create = option(argv, "create"),
                            .backend = option(argv, "backend"),
                            .without_adapters = option(argv, "without_adapters")};
}

struct job {
    struct arena arena;
    struct batch batch;
    size_t n_rows, length;
    float *loss;
    int32_t *rows;
};

static bool read_batch(struct job *job, const char *path, struct err *err)
{
    struct safetensors st;
    if (!safetensors_open(&st, path, err))
        return false;
    const struct tensor *t = safetensors_find(&st, span_of("input_ids"));
    CHECK(t && t->dtype == DTYPE_I64 && t->n_dims == 2);
    size_t n_rows = t->dims[0], length = t->dims[1], n = n_rows * length;
    int32_t *id = arena_array(&job->arena, int32_t, n);
    int32_t *position = arena_array(&job->arena, int32_t, n);
    struct segment *segment = arena_array(&job->arena, struct segment, n_rows);
    struct target *target = arena_array(&job->arena, struct target, n);
    float *coef = arena_array(&job->arena, float, n);
    job->rows = arena_array(&job->arena, int32_t, n);
    job->loss = arena_array(&job->arena, float, n);
    size_t n_targets = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t value;
        memcpy(&value, t->bytes.at + 8 * i, sizeof value);
        id[i] = (int32_t)value;
        position[i] = (int32_t)(i % length);
        job->rows[i] = (int32_t)i;
        if (i % length > 0)
            target[n_targets++] = (struct target){.row = (int32_t)i - 1, .id = id[i]};
        else
            segment[i / length] = (struct segment){.query = (int32_t)i,
                                                   .key = (int32_t)i,
                                                   .n = (int32_t)length,
                                                   .parent = SEGMENT_NO_PARENT};
    }
    for (size_t i = 0; i < n_targets; i++)
        coef[i] = 1 / (float)n_targets;
    job->n_rows = n_rows;
    job->length = length;
    job->batch = (struct batch){.n_tokens = n,
                                .id = id,
                                .position = position,
                                .segment = segment,
                                .n_segments = n_rows,
                                .target = target,
                                .n_targets = n_targets,
                                .coef = coef};
    safetensors_close(&st);
    return true;
}

/* Appends a float32 tensor. */
static float *add_tensor(struct job *job, struct safetensors_content *out, const char *name,
                         size_t n_dims, const size_t *dims)
{
    struct tensor *t = &out->tensors[out->n_tensors++];
    size_t n = 1;
    *t = (struct tensor){.name = span_of(name), .dtype = DTYPE_F32, .n_dims = (uint32_t)n_dims};
    for (size_t i = 0; i < n_dims; i++) {
        t->dims[i] = dims[i];
        n *= dims[i];
    }
    float *values = arena_array(&job->arena, float, n);
    t->bytes = (struct span){(const uint8_t *)values, n * sizeof(float)};
    return values;
}

static void add_gradients(struct job *job, const struct model *model, struct param **params,
                          size_t n_params, struct safetensors_content *out)
{
    for (size_t i = 0; i < n_params; i++) {
        const struct param *p = params[i];
        size_t dims[] = {p->weight.rows, p->weight.width};
        if (!p->grad)
            continue;
        const char *name = arena_printf(&job->arena, "grad.%s", p->name);
        model_in_file_order(model, p, p->grad, add_tensor(job, out, name, 2, dims));
    }
}

static bool run_model(struct job *job, const struct model *model, const struct options *o,
                      const char *path, struct err *err)
{
    struct tape tape = {0};
    struct run run = {0};
    struct record_options record = {.longest = job->length,
                                    .without_adapters = o->without_adapters != NULL};
    struct run_options options = {.rows = job->batch.n_tokens,
                                  .targets = job->batch.n_tokens,
                                  .keys = job->length,
                                  .trains = o->train != NULL};
    struct safetensors_content out = {0};
    size_t logits_dims[] = {job->n_rows, job->length, model->config.vocabulary}, one[] = {1};
    out.tensors = arena_array(&job->arena, struct tensor, 2 + model->n_params + model->n_adapters);
    model_record(model, &tape, &record);
    bool ok = run_init(&run, &tape, model->backend, &options, err);
    if (ok) {
        if (o->train)
            run_train(&run, &job->batch, job->loss);
        else
            run_losses(&run, &job->batch, NULL, job->loss, NULL);
        double sum = 0;
        for (size_t i = 0; i < job->batch.n_targets; i++)
            sum += (double)job->loss[i];
        printf("loss %.17g\n", sum / (double)job->batch.n_targets);
        add_tensor(job, &out, "loss", 1, one)[0] = (float)(sum / (double)job->batch.n_targets);
        struct mat z = {.rows = job->batch.n_tokens,
                        .width = model->config.vocabulary,
                        .stride = model->config.vocabulary};
        z.at = add_tensor(job, &out, "logits", 3, logits_dims);
        run_logits(&run, &job->batch, NULL, job->rows, job->batch.n_tokens, z);
        add_gradients(job, model, model->params, model->n_params, &out);
        add_gradients(job, model, model->adapters, model->n_adapters, &out);
        ok = safetensors_write(path, &out, err);
    }
    run_release(&run);
    tape_release(&tape);
    return ok;
}

static bool open_model(struct model *model, const char *path, struct backend *backend,
                       const struct options *o, struct err *err)
{
    bool ok = o->create ? model_create(model, path, backend, strtoull(o->create, NULL, 10), err)
                        : model_open(model, path, backend, err);
    if (!ok || !model_check_finite(model, err))
        return false;
    if (o->adapter && !lora_load(model, o->adapter, err))
        return false;
    if (o->fresh) {
        struct lora_options lora = {.all_linear = true};
        CHECK(sscanf(o->fresh, "%zu,%lf", &lora.rank, &lora.alpha) == 2);
        if (!lora_attach(model, &lora, 1, err))
            return false;
    }
    if (o->save && !lora_save(model, o->save, path, err))
        return false;
    return !o->train || strcmp(o->train, "all") != 0 || o->create || model_train_all(model, err);
}

int main(int argc, char **argv)
{
    struct err err = {0};
    struct job job = {0};
    struct model model = {0};
    struct backend backend = {0};
    struct thread_pool *threads = NULL;
    CHECK(argc >= 4);
    struct options o = read_options(argv + 4);
    bool on_ref = o.backend && strcmp(o.backend, "ref") == 0;
    bool ok = thread_pool_open(&threads, 2, &err);
    if (ok) {
        backend_init(&backend, on_ref ? &backend_ref : &backend_cpu, threads);
        ok = open_model(&model, argv[1], &backend, &o, &err) && read_batch(&job, argv[3], &err) &&
             run_model(&job, &model, &o, argv[2], &err);
    }
    if (!ok)
        fprintf(stderr, "%s: %s\n%s\n", err.where, err.what, err.hint);
    model_close(&model);
    backend_release(&backend);
    thread_pool_close(threads);
    arena_release(&job.arena);
    return ok ? 0 : 3;
}
