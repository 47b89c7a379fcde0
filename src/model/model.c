/*
 * model.c - opening a model, making one at random, and making all of it trainable.
 *
 * A matrix of a file stays in the file, mapped, in its own type. There is one exception: GPT-NeoX
 * keeps the rows of q, k and v head by head, and attention wants all of q, then all of k, then all
 * of v. These rows are copied into that order, as bytes, so that any type will do.
 *
 * A head that is tied is the tokens' own parameter, so that gradients of both uses meet in one
 * place. Where a description says that it is tied and a file has both, with different numbers, the
 * file is believed, as transformers does.
 */
#include "model/model.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/rng.h"
#include "model/parts.h"

static void add_param(struct model *model, struct param *param)
{
    model->params[model->n_params++] = param;
}

/* As a Hugging Face checkpoint has it. */
static const char *param_name(struct model *model, const struct module *m, const char *what)
{
    const char *there = module_path_in_files(model, m);
    return arena_printf(&model->arena, "%s.%s", there ? there : m->path, what);
}

static const char *tensor_name(struct model *model, const struct module *m, const char *what)
{
    const struct arch *arch = model->config.arch;
    const char *name = param_name(model, m, what);
    if (model->files->is_gguf)
        return arena_printf(&model->arena, "%s.%s",
                            arch_gguf_path(arch, &model->arena, m->slot, m->layer), what);
    if (m->slot == SLOT_HEAD && !weights_find(model->files, name))
        return arena_printf(&model->arena, "%s.%s", m->path, what);
    return name;
}

static size_t row_bytes(const struct weight *w)
{
    uint64_t bytes = 0;
    CHECK(dtype_bytes(w->dtype, w->width, &bytes));
    return (size_t)bytes;
}

/* A copy of the rows in pace's order; of float32 it can be trained as it is. */
static bool copy_rows(struct model *model, const struct module *m, struct param *p, struct err *err)
{
    struct weight *w = &p->weight;
    size_t size = row_bytes(w);
    void *copy;
    if (!model_alloc(model, size * w->rows, &copy, err))
        return false;
    for (size_t i = 0; i < w->rows; i++)
        memcpy((uint8_t *)copy + i * size,
               (const uint8_t *)w->at + row_order_there(&m->order, i) * size, size);
    w->at = copy;
    if (w->dtype == DTYPE_F32)
        p->value = copy;
    return true;
}

/* torch's embeddings do not learn the padding token's vector, where a family's class says which. */
static void set_padding(const struct model_config *c, const struct module *m, struct param *p)
{
    bool pads = c->arch->pads && m->slot == SLOT_TOKENS && c->pad >= 0;
    p->has_padding = pads && (size_t)c->pad < m->out;
    p->padding = c->pad;
}

static bool take_matrix(struct model *model, struct module *m, struct err *err)
{
    struct param *p = arena_new(&model->arena, struct param);
    bool is_gguf = model->files->is_gguf;
    bool turned = model->config.arch->transposed && module_is_linear(m) && m->slot != SLOT_HEAD;
    size_t rows = turned && !is_gguf ? m->in : m->out, width = turned && !is_gguf ? m->out : m->in;
    p->name = param_name(model, m, "weight");
    p->decays = true;
    if (!weights_take(model->files, tensor_name(model, m, "weight"), rows, width, &p->weight, err))
        return false;
    p->weight.transposed = turned && !is_gguf;
    if (m->order.kind == ROWS_BY_HEAD && !is_gguf && !copy_rows(model, m, p, err))
        return false;
    set_padding(&model->config, m, p);
    m->weight = p;
    add_param(model, p);
    return true;
}

static struct param *new_vector(struct model *model, const struct module *m, const char *what,
                                size_t n)
{
    struct param *p = arena_new(&model->arena, struct param);
    p->name = param_name(model, m, what);
    p->value = arena_array(&model->arena, float, n);
    p->weight = (struct weight){.at = p->value, .dtype = DTYPE_F32, .rows = 1, .width = n};
    add_param(model, p);
    return p;
}

static bool take_vector(struct model *model, const struct module *m, const char *what, size_t n,
                        struct param **out, struct err *err)
{
    const char *name = tensor_name(model, m, what);
    /* the length that a description claims is proved before it is allocated */
    const struct tensor *t = weights_find(model->files, name);
    bool is_there = t && t->n_dims == 1 && t->dims[0] == n;
    float *there = arena_array(&model->arena, float, is_there ? n : 1);
    if (!weights_take_vector(model->files, name, n, there, err))
        return false;
    *out = new_vector(model, m, what, n);
    bool moves = m->order.kind != ROWS_SAME && !model->files->is_gguf;
    for (size_t i = 0; i < n; i++)
        (*out)->value[i] = there[moves ? row_order_there(&m->order, i) : i];
    return true;
}

static bool has_bias(const struct model_config *c, enum slot slot)
{
    switch (slot) {
    case SLOT_QKV:
    case SLOT_Q:
    case SLOT_K:
    case SLOT_V:
        return c->qkv_bias;
    case SLOT_OUT:
        return c->out_bias;
    case SLOT_GATE_UP:
    case SLOT_GATE:
    case SLOT_UP:
    case SLOT_DOWN:
        return c->ff_bias;
    case SLOT_ATTN_NORM:
    case SLOT_FF_NORM:
    case SLOT_NORM:
        return c->norm_bias;
    default:
        return false;
    }
}

static bool is_norm(const struct module *m)
{
    return !module_is_linear(m) && !module_is_embedding(m);
}

static bool take_module(struct model *model, struct module *m, struct err *err)
{
    bool ok = is_norm(m) ? take_vector(model, m, "weight", m->in, &m->weight, err)
                         : take_matrix(model, m, err);
    if (ok && has_bias(&model->config, m->slot))
        ok = take_vector(model, m, "bias", is_norm(m) ? m->in : m->out, &m->bias, err);
    return ok;
}

static bool take_head(struct model *model, struct module *head, struct err *err)
{
    struct module *tokens = model_module(model, SLOT_TOKENS, 0);
    const struct weight *mine = &tokens->weight->weight;
    const struct tensor *t = weights_find(model->files, tensor_name(model, head, "weight"));
    if (!model->config.is_tied)
        return take_module(model, head, err);
    head->weight = tokens->weight;
    if (!t)
        return true;
    struct weight other;
    if (!weights_take(model->files, tensor_name(model, head, "weight"), head->out, head->in, &other,
                      err))
        return false;
    if (other.dtype == mine->dtype && memcmp(other.at, mine->at, row_bytes(mine) * mine->rows) == 0)
        return true;
    model->config.is_tied = false;
    return take_module(model, head, err);
}

static bool take_all(struct model *model, struct err *err)
{
    struct model_parts *parts = model->parts;
    const char *prefix = model->config.arch->prefix;
    if (!model->files->is_gguf)
        weights_find_prefix(
            model->files, arena_printf(&model->arena, "%s.weight", parts->modules[0].path), prefix);
    for (size_t i = 0; i < parts->n_modules; i++) {
        struct module *m = &parts->modules[i];
        bool ok = m->slot == SLOT_HEAD ? take_head(model, m, err) : take_module(model, m, err);
        if (!ok)
            return false;
    }
    return weights_check_rest(model->files, err);
}

/* Lists modules; room for two parameters each. */
static void begin_parts(struct model *model)
{
    modules_list(model);
    model->params = arena_array(&model->arena, struct param *, 2 * model->parts->n_modules);
}

bool model_open(struct model *model, const char *path, struct backend *backend, struct err *err)
{
    *model = (struct model){.backend = backend};
    model->files = arena_new(&model->arena, struct weights);
    bool is_folder = file_kind_of(path) == FILE_FOLDER;
    if (is_folder && !model_config_read(&model->config, &model->arena, path, err)) {
        model_close(model);
        return false; /* which says where by itself */
    }
    if (!weights_open(model->files, path, err)) {
        model_close(model);
        return false;
    }
    if (!is_folder && !model_config_gguf(&model->config, &model->arena, &model->files->gguf, err))
        goto fail;
    begin_parts(model);
    if (!take_all(model, err))
        goto fail;
    return true;

fail:
    err_in(err, "%s", path);
    model_close(model);
    return false;
}

void model_close(struct model *model)
{
    if (model->parts) {
        for (struct owned *o = model->parts->owned; o; o = o->next)
            model->backend->ops->release(model->backend, o->at, o->bytes);
    }
    if (model->files)
        weights_close(model->files);
    arena_release(&model->arena);
    *model = (struct model){0};
}

/* --------------------------------------------------------------------------------- trainable -- */

/* Gives a vector, which is float32 already, its gradient; a matrix is widened first. */
static bool train(struct model *model, struct param *p, struct err *err)
{
    void *value = p->value, *grad;
    size_t bytes = param_count(p) * sizeof(float);
    if (!p->value) {
        if (!model_alloc(model, bytes, &value, err))
            return false;
        weight_decode(&p->weight, value);
        p->value = value;
        p->weight.at = value;
        p->weight.dtype = DTYPE_F32;
    }
    if (!model_alloc(model, bytes, &grad, err))
        return false;
    p->grad = grad;
    return true;
}

bool model_train_all(struct model *model, struct err *err)
{
    CHECK(model->n_adapters == 0);
    for (size_t i = 0; i < model->n_params; i++) {
        struct param *p = model->params[i];
        if (!p->grad && !train(model, p, err)) {
            err_hint(err, "low-rank adapters need far less memory than training all weights");
            err_in(err, "%s", p->name);
            return false;
        }
    }
    if (model->files) /* all of it has been copied, and would stay resident beside the copy */
        weights_forget(model->files);
    return true;
}

void model_in_file_order(const struct model *model, const struct param *param, const float *values,
                         float *out)
{
    const struct row_order *order = NULL;
    size_t rows = param->weight.rows, width = param->weight.width;
    for (size_t i = 0; i < model->parts->n_modules && !order; i++) {
        const struct module *m = &model->parts->modules[i];
        if (m->weight == param || m->bias == param || m->lora_b == param ||
            m->own_weight == param || m->own_bias == param)
            order = &m->order;
    }
    if (rows == 1) { /* a vector's numbers are its module's rows */
        rows = width;
        width = 1;
    }
    for (size_t i = 0; i < rows; i++) {
        size_t there = order ? row_order_there(order, i) : i;
        memcpy(out + there * width, values + i * width, width * sizeof(float));
    }
}

/* ------------------------------------------------------------------------------------- fresh -- */

/* transformers' _init_weights, drawn from a stream of its own for each matrix. */
static void fill_fresh(const struct model *model, const struct module *m, uint64_t seed,
                       uint64_t stream)
{
    const struct model_config *c = &model->config;
    struct rng rng = {.seed = seed, .stream = stream};
    double spread = c->init_range;
    bool joins_residual = m->slot == SLOT_OUT || m->slot == SLOT_DOWN;
    if (c->arch->shrinks_residual && joins_residual)
        spread /= sqrt(2 * (double)c->n_layers);
    for (size_t i = 0; i < param_count(m->weight); i++)
        m->weight->value[i] = (float)(spread * rng_normal(&rng));
    if (m->weight->has_padding)
        memset(m->weight->value + (size_t)c->pad * m->in, 0, m->in * sizeof(float));
}

static bool make_module(struct model *model, struct module *m, uint64_t seed, struct err *err)
{
    const struct model_config *c = &model->config;
    bool turned = c->arch->transposed && module_is_linear(m) && m->slot != SLOT_HEAD;
    if (m->slot == SLOT_HEAD && c->is_tied) {
        m->weight = model_module(model, SLOT_TOKENS, 0)->weight;
        return true;
    }
    if (is_norm(m)) {
        m->weight = new_vector(model, m, "weight", m->in);
        for (size_t i = 0; i < m->in; i++)
            m->weight->value[i] = 1 - c->norm_shift;
    } else {
        const char *name = param_name(model, m, "weight");
        if (!model_new_param(model, name, turned ? m->in : m->out, turned ? m->out : m->in,
                             &m->weight, err))
            return false;
        m->weight->weight.transposed = turned;
        set_padding(c, m, m->weight);
        add_param(model, m->weight);
        fill_fresh(model, m, seed, (uint64_t)(m - model->parts->modules));
    }
    if (has_bias(c, m->slot))
        m->bias = new_vector(model, m, "bias", is_norm(m) ? m->in : m->out);
    return true;
}

bool model_create(struct model *model, const char *path, struct backend *backend, uint64_t seed,
                  struct err *err)
{
    *model = (struct model){.backend = backend};
    if (!model_config_read(&model->config, &model->arena, path, err))
        goto fail;
    if (model->config.is_gguf) {
        err_set(err, ERR_INPUT, "a GGUF file has weights already; a config.json is wanted");
        err_in(err, "%s", path);
        goto fail;
    }
    begin_parts(model);
    for (size_t i = 0; i < model->parts->n_modules; i++) {
        if (!make_module(model, &model->parts->modules[i], seed, err))
            goto fail;
    }
    if (!model_train_all(model, err))
        goto fail;
    return true;

fail:
    model_close(model);
    return false;
}
