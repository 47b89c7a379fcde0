/*
 * save.c - a whole model as a Hugging Face folder.
 *
 * One model.safetensors, whatever the number of files that the model came from. Matrices that were
 * trained or got an adapter folded in are float32 here and are rounded once, to the type of their
 * file, so that the folder is as large as the base and loads wherever that did; they are written
 * one after another, so that no second copy of the model is ever in memory.
 *
 * The weights come first: where the disk is full nothing is left.
 */
#include "model/save.h"

#include <string.h>

#include "base/mem.h"
#include "format/json.h"
#include "model/merge.h"
#include "tensor/half.h"

const char *const model_companions[] = {
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "chat_template.jinja",
    "chat_template.json",
};
const size_t model_n_companions = COUNT_OF(model_companions);

/* ------------------------------------------------------------------------------------- files -- */

static bool copy_file(const char *path, const char *folder, const char *name, struct err *err)
{
    struct arena arena = {0};
    struct file_map map = {0};
    const char *from = file_join(&arena, path, name);
    bool ok = true;
    if (file_kind_of(from) == FILE_REGULAR) {
        ok = file_map(&map, from, err) && file_put(file_join(&arena, folder, name), map.bytes, err);
        file_unmap(&map);
    }
    arena_release(&arena);
    return ok;
}

bool model_copy_companions(const char *path, const char *folder, struct err *err)
{
    for (size_t i = 0; i < model_n_companions; i++) {
        if (!copy_file(path, folder, model_companions[i], err))
            return false;
    }
    return true;
}

bool model_put_setting(struct buf *out, struct span text, const char *name, const char *value,
                       struct err *err)
{
    struct arena arena = {0};
    struct json_reader r;
    struct span key, old = {0};
    json_open(&r, text, &arena);
    json_enter_object(&r);
    while (json_next_key(&r, &key)) {
        if (span_is(key, name))
            old = json_raw(&r);
        else
            json_skip(&r);
    }
    bool ok = json_close(&r, err);
    if (ok && old.len > 0) {
        size_t start = (size_t)(old.at - text.at);
        buf_add(out, span_part(text, 0, start));
        buf_add_text(out, value);
        buf_add(out, span_from(text, start + old.len));
    } else if (ok) {
        size_t start = (size_t)((const uint8_t *)memchr(text.at, '{', text.len) - text.at) + 1;
        buf_add(out, span_part(text, 0, start));
        buf_printf(out, "\"%s\": %s,", name, value);
        buf_add(out, span_from(text, start));
    }
    arena_release(&arena);
    return ok;
}

static bool save_config(const struct model *model, const char *path, const char *folder,
                        struct err *err)
{
    if (!merge_unties(model))
        return copy_file(path, folder, "config.json", err);
    struct arena arena = {0};
    struct file_map map;
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    bool ok = file_map(&map, file_join(&arena, path, "config.json"), err);
    if (ok) {
        ok = model_put_setting(&text, arena_copy(&arena, map.bytes), "tie_word_embeddings", "false",
                               err) &&
             file_put(file_join(&arena, folder, "config.json"), buf_span(&text), err);
        file_unmap(&map);
    }
    buf_release(&text);
    arena_release(&arena);
    return ok;
}

/* ----------------------------------------------------------------------------------- weights -- */

/* The tensor that a parameter was read from; NULL for a fresh one. */
static const struct tensor *origin_of(const struct model *model, const char *name)
{
    return model->files ? weights_find(model->files, name) : NULL;
}

/* The type that a parameter is saved in, from the tensor that it was read from. */
static enum dtype dtype_of(const struct model *model, const struct tensor *there)
{
    bool is_half = there && (there->dtype == DTYPE_BF16 || there->dtype == DTYPE_F16);
    return is_half ? there->dtype : model->files ? DTYPE_F32 : model->config.dtype;
}

static struct tensor describe(const struct model *model, const struct merged *m)
{
    const struct weight *w = &m->base->weight;
    const struct tensor *there = origin_of(model, m->base->name);
    struct tensor t = {.name = span_of(m->name), .dtype = dtype_of(model, there)};
    bool is_vector = there ? there->n_dims == 1 : w->rows == 1;
    t.n_dims = is_vector ? 1 : 2;
    t.dims[0] = is_vector ? w->width : w->rows;
    t.dims[1] = is_vector ? 0 : w->width;
    return t;
}

bool model_round(struct model *model)
{
    bool changed = false;
    for (size_t i = 0; i < model->n_params; i++) {
        struct param *p = model->params[i];
        enum dtype dtype = dtype_of(model, origin_of(model, p->name));
        if (!p->grad || dtype == DTYPE_F32)
            continue;
        for (size_t k = 0; k < param_count(p); k++) {
            bool is_bf16 = dtype == DTYPE_BF16;
            float rounded = is_bf16 ? half_from_bf16(half_to_bf16(p->value[k]))
                                    : half_from_f16(half_to_f16(p->value[k]));
            changed |= rounded != p->value[k];
            p->value[k] = rounded;
        }
    }
    return changed;
}

static bool write_tensor(struct safetensors_writer *w, const struct model *model,
                         const struct merged *m, enum dtype dtype, struct err *err)
{
    size_t n = param_count(m->base), bytes = n * sizeof(float);
    float *values = mem_alloc(2 * bytes), *there = values + n;
    merge_values(model, m, values);
    model_in_file_order(model, m->base, values, there);
    size_t bad = merge_round(there, n, dtype);
    bool ok = bad == n || !merge_changes(m) || merge_refuse(m, bad, dtype, err);
    if (ok)
        safetensors_writer_data(
            w, (struct span){(const uint8_t *)there, dtype == DTYPE_F32 ? bytes : bytes / 2});
    mem_free(values);
    return ok;
}

static bool write_named(struct safetensors_writer *w, const struct model *model,
                        const struct merged *list, const struct tensor *t, struct err *err)
{
    size_t i = 0;
    while (!span_is(t->name, list[i].name))
        i++;
    return write_tensor(w, model, &list[i], t->dtype, err);
}

static bool save_weights(const struct model *model, const char *path, struct err *err)
{
    struct safetensors_writer writer = {0};
    struct safetensors_meta meta = {span_of("format"), span_of("pt")};
    struct arena arena = {0};
    size_t n;
    struct merged *list = merge_list(model, &arena, &n);
    struct tensor *tensors = arena_array(&arena, struct tensor, n);
    for (size_t i = 0; i < n; i++)
        tensors[i] = describe(model, &list[i]);
    struct safetensors_content content = {
        .tensors = tensors, .n_tensors = n, .metadata = &meta, .n_metadata = 1};
    bool ok = safetensors_writer_open(&writer, path, &content, err);
    for (size_t i = 0; ok && i < n; i++)
        ok = write_named(&writer, model, list, &tensors[i], err);
    ok = ok && safetensors_writer_commit(&writer, err);
    safetensors_writer_release(&writer);
    arena_release(&arena);
    return ok;
}

bool model_can_save(const struct model *model, struct err *err)
{
    if (!model->files || !model->files->is_gguf)
        return true;
    err_set(err, ERR_USAGE, "only a model from a Hugging Face folder can be saved as one");
    err_hint(err, "pace export writes a GGUF file, with the adapter folded in");
    return false;
}

bool model_save(const struct model *model, const char *path, const char *folder, struct err *err)
{
    if (!model_can_save(model, err))
        return false;
    struct arena arena = {0};
    bool ok = save_weights(model, file_join(&arena, folder, "model.safetensors"), err) &&
              save_config(model, path, folder, err) &&
              copy_file(path, folder, "generation_config.json", err);
    arena_release(&arena);
    return ok;
}
