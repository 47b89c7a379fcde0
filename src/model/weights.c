/*
 * weights.c - taking tensors from files, each by its name and with the shape that it must have.
 *
 * Nothing is read but headers: a matrix stays where the file is mapped, in whatever type it is
 * stored, and is converted piece by piece as it is used; so opening a model costs a few
 * milliseconds whatever its size. Vectors (norms, biases) are small and become float32 at once.
 *
 * What is in a file and was not asked for is an error, because then the description and the weights
 * do not belong together; but for buffers that older versions of transformers wrote along
 * (frequencies, masks) and what a GGUF file says by tensors of its own (divisors of frequencies).
 */
#include "model/weights.h"

#include <stdio.h>
#include <string.h>

#include "tensor/quant.h"

static const char *const harmless[] = {
    "rotary_emb.inv_freq",       ".attn.bias",
    ".attn.masked_bias",         ".attention.bias",
    ".attention.masked_bias",    "rope_freqs.weight",
    "rope_factors_short.weight", "rope_factors_long.weight",
};

bool weights_open(struct weights *w, const char *path, struct err *err)
{
    *w = (struct weights){.prefix = ""};
    w->is_gguf = file_kind_of(path) != FILE_FOLDER;
    bool ok =
        w->is_gguf ? gguf_open(&w->gguf, path, err) : safetensors_open(&w->safetensors, path, err);
    if (!ok && w->is_gguf && !err->hint[0])
        err_hint(err, "MODEL is a Hugging Face folder or a whole .gguf file");
    return ok;
}

void weights_close(struct weights *w)
{
    safetensors_close(&w->safetensors);
    gguf_close(&w->gguf);
    map_release(&w->taken);
    *w = (struct weights){0};
}

void weights_forget(const struct weights *w)
{
    safetensors_forget(&w->safetensors);
    file_map_forget(&w->gguf.file, w->gguf.file.bytes.len);
}

static const struct tensor *find(const struct weights *w, const char *name)
{
    struct span text = span_of(name);
    return w->is_gguf ? gguf_find_tensor(&w->gguf, text) : safetensors_find(&w->safetensors, text);
}

void weights_find_prefix(struct weights *w, const char *name, const char *prefix)
{
    CHECK(strncmp(name, prefix, strlen(prefix)) == 0);
    if (!find(w, name) && find(w, name + strlen(prefix)))
        w->prefix = prefix;
}

const struct tensor *weights_find(struct weights *w, const char *name)
{
    size_t len = strlen(w->prefix);
    return find(w, strncmp(name, w->prefix, len) == 0 ? name + len : name);
}

/* What a tensor must be: a matrix, or a vector of `width` numbers. */
struct wanted {
    const char *name;
    size_t rows, width;
    bool is_vector;
};

static bool has_shape(const struct tensor *t, const struct wanted *wanted)
{
    if (wanted->is_vector)
        return t->n_dims == 1 && t->dims[0] == wanted->width;
    return t->n_dims == 2 && t->dims[0] == wanted->rows && t->dims[1] == wanted->width;
}

static void refuse_shape(const struct tensor *t, const struct wanted *wanted, struct err *err)
{
    struct buf text;
    buf_init(&text, 256);
    tensor_put_shape(t, &text);
    if (wanted->is_vector)
        err_set(err, ERR_INPUT, "its shape is %s; [%zu] is wanted", buf_string(&text),
                wanted->width);
    else
        err_set(err, ERR_INPUT, "its shape is %s; [%zu, %zu] is wanted", buf_string(&text),
                wanted->rows, wanted->width);
    err_hint(err, "the weights and their description do not belong together");
    buf_release(&text);
}

static void refuse_type(const struct tensor *t, struct err *err)
{
    char known[200] = "";
    size_t len = 0;
    for (int i = 0; i < DTYPE_COUNT; i++) {
        const struct dtype_info *info = dtype_info((enum dtype)i);
        if (quant_can_decode((enum dtype)i) && info->is_float && len < sizeof known)
            len += (size_t)snprintf(known + len, sizeof known - len, "%s%s", len > 0 ? ", " : "",
                                    info->name);
    }
    err_set(err, ERR_INPUT, "weights of type %s are not supported", dtype_info(t->dtype)->name);
    err_hint(err, "supported are %s", known);
}

/* The tensor, marked as taken; NULL, with the error, where it is not what is wanted. */
static const struct tensor *take(struct weights *w, const struct wanted *wanted, struct err *err)
{
    const struct tensor *t = weights_find(w, wanted->name);
    bool ok =
        t && quant_can_decode(t->dtype) && dtype_info(t->dtype)->is_float && has_shape(t, wanted);
    if (ok) {
        map_put(&w->taken, t->name, 0);
        return t;
    }
    if (!t) {
        err_set(err, ERR_INPUT, "it is missing");
        err_hint(err, "the weights and their description do not belong together");
    } else if (has_shape(t, wanted)) {
        refuse_type(t, err);
    } else {
        refuse_shape(t, wanted, err);
    }
    err_in(err, "tensor %s", wanted->name);
    return NULL;
}

bool weights_take(struct weights *w, const char *name, size_t rows, size_t width,
                  struct weight *out, struct err *err)
{
    struct wanted wanted = {name, rows, width, false};
    const struct tensor *t = take(w, &wanted, err);
    if (t)
        *out = (struct weight){.at = t->bytes.at, .dtype = t->dtype, .rows = rows, .width = width};
    return t != NULL;
}

bool weights_take_vector(struct weights *w, const char *name, size_t n, float *out, struct err *err)
{
    struct wanted wanted = {name, 1, n, true};
    const struct tensor *t = take(w, &wanted, err);
    if (t)
        quant_decode(t->dtype, t->bytes.at, out, n);
    return t != NULL;
}

static bool is_harmless(struct span name)
{
    for (size_t i = 0; i < COUNT_OF(harmless); i++) {
        if (span_ends_with(name, span_of(harmless[i])))
            return true;
    }
    return false;
}

bool weights_check_rest(struct weights *w, struct err *err)
{
    const struct tensor *tensors = w->is_gguf ? w->gguf.tensors : w->safetensors.tensors;
    size_t n = w->is_gguf ? w->gguf.n_tensors : w->safetensors.n_tensors;
    for (size_t i = 0; i < n; i++) {
        if (map_get(&w->taken, tensors[i].name, NULL) || is_harmless(tensors[i].name))
            continue;
        err_set(err, ERR_INPUT, "a model of this description has no such tensor");
        err_hint(err, "the weights and their description do not belong together");
        err_in(err, "tensor %.*s", SPAN_ARGS(tensors[i].name));
        return false;
    }
    return true;
}
