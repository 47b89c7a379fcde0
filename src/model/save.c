/*
 * save.c - a whole model as a Hugging Face folder.
 *
 * One model.safetensors, whatever the number of files that the model came from. Matrices that were
 * trained are float32 here and are rounded to the type of their file, so that the folder is as
 * large as the base and loads wherever that did; they are written one after another, so that no
 * second copy of the model is ever in memory.
 */
#include "model/save.h"

#include <string.h>

#include "base/mem.h"
#include "model/parts.h"
#include "tensor/half.h"

static bool copy_config(const char *path, const char *folder, const char *name, bool must,
                        struct err *err)
{
    struct arena arena = {0};
    struct file_map map;
    const char *from = file_join(&arena, path, name);
    bool ok = true;
    if (must || file_kind_of(from) == FILE_REGULAR) {
        ok = file_map(&map, from, err);
        if (ok) {
            ok = file_put(file_join(&arena, folder, name), map.bytes, err);
            file_unmap(&map);
        }
    }
    arena_release(&arena);
    return ok;
}

/* The type that a parameter is saved in, from the tensor that it was read from. */
static enum dtype dtype_of(const struct tensor *there)
{
    bool is_half = there && (there->dtype == DTYPE_BF16 || there->dtype == DTYPE_F16);
    return is_half ? there->dtype : DTYPE_F32;
}

static struct tensor describe(const struct model *model, const struct param *p)
{
    const struct weight *w = &p->weight;
    const struct tensor *there = weights_find(model->files, p->name);
    struct tensor t = {.name = span_of(p->name), .dtype = dtype_of(there)};
    bool is_vector = there ? there->n_dims == 1 : w->rows == 1;
    t.n_dims = is_vector ? 1 : 2;
    t.dims[0] = is_vector ? w->width : w->rows;
    t.dims[1] = is_vector ? 0 : w->width;
    return t;
}

static const struct param *param_named(const struct model *model, struct span name)
{
    size_t i = 0;
    while (i < model->n_params && !span_is(name, model->params[i]->name))
        i++;
    CHECK(i < model->n_params);
    return model->params[i];
}

static uint16_t to_half(float value, enum dtype dtype)
{
    return dtype == DTYPE_BF16 ? half_to_bf16(value) : half_to_f16(value);
}

/* Rounds to 16 bits in place: the result is the first half of the memory. */
static void narrow(float *values, size_t n, enum dtype dtype)
{
    uint8_t *out = (uint8_t *)values;
    for (size_t i = 0; i < n; i++) {
        float value;
        memcpy(&value, values + i, sizeof value);
        uint16_t half = to_half(value, dtype);
        memcpy(out + 2 * i, &half, sizeof half);
    }
}

bool model_round(struct model *model)
{
    bool changed = false;
    for (size_t i = 0; i < model->n_params; i++) {
        struct param *p = model->params[i];
        enum dtype dtype = dtype_of(weights_find(model->files, p->name));
        if (!p->grad || dtype == DTYPE_F32)
            continue;
        for (size_t k = 0; k < param_count(p); k++) {
            uint16_t half = to_half(p->value[k], dtype);
            float rounded = dtype == DTYPE_BF16 ? half_from_bf16(half) : half_from_f16(half);
            changed |= rounded != p->value[k];
            p->value[k] = rounded;
        }
    }
    return changed;
}

static void write_tensor(struct safetensors_writer *w, const struct model *model,
                         const struct tensor *t)
{
    const struct param *p = param_named(model, t->name);
    size_t n = param_count(p), bytes = n * sizeof(float);
    float *values = mem_alloc(2 * bytes), *there = values + n;
    weight_decode(&p->weight, values);
    model_in_file_order(model, p, values, there);
    if (t->dtype != DTYPE_F32) {
        narrow(there, n, t->dtype);
        bytes = n * sizeof(uint16_t);
    }
    safetensors_writer_data(w, (struct span){(const uint8_t *)there, bytes});
    mem_free(values);
}

static bool save_weights(const struct model *model, const char *path, struct err *err)
{
    struct safetensors_writer writer = {0};
    struct safetensors_meta meta = {span_of("format"), span_of("pt")};
    struct arena arena = {0};
    struct tensor *tensors = arena_array(&arena, struct tensor, model->n_params);
    for (size_t i = 0; i < model->n_params; i++)
        tensors[i] = describe(model, model->params[i]);
    struct safetensors_content content = {
        .tensors = tensors, .n_tensors = model->n_params, .metadata = &meta, .n_metadata = 1};
    bool ok = safetensors_writer_open(&writer, path, &content, err);
    for (size_t i = 0; ok && i < model->n_params; i++)
        write_tensor(&writer, model, &tensors[i]);
    ok = ok && safetensors_writer_commit(&writer, err);
    safetensors_writer_release(&writer);
    arena_release(&arena);
    return ok;
}

bool model_save(const struct model *model, const char *path, const char *folder, struct err *err)
{
    if (!model->files || model->files->is_gguf) {
        err_set(err, ERR_USAGE, "only a model from a Hugging Face folder can be saved as one");
        return false;
    }
    struct arena arena = {0};
    bool ok = copy_config(path, folder, "config.json", true, err) &&
              copy_config(path, folder, "generation_config.json", false, err) &&
              save_weights(model, file_join(&arena, folder, "model.safetensors"), err);
    arena_release(&arena);
    return ok;
}
