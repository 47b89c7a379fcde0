/*
 * modules.c - the list of modules that a description calls for, with paths and shapes.
 *
 * Everything else walks this list: taking weights from files, making them at random, choosing what
 * is adapted, recording the operations. A family's names decide which modules there are (arch.h),
 * its description how large they are.
 */
#include <string.h>

#include "model/parts.h"
#include "tensor/quant.h"

size_t row_order_there(const struct row_order *order, size_t row)
{
    size_t d = order->head, in_part, part;
    switch (order->kind) {
    case ROWS_SAME:
        return row;
    case ROWS_BY_HEAD:
        part = row / (order->heads * d);
        in_part = row % (order->heads * d);
        return (in_part / d * 3 + part) * d + in_part % d;
    case ROWS_BY_PAIR:
        return row / d * d + row % d % 2 * (d / 2) + row % d / 2;
    }
    return row;
}

struct module *model_module(const struct model *model, enum slot slot, size_t layer)
{
    size_t row = slot_is_in_layer(slot) ? layer : model->config.n_layers;
    return model->parts->of_slot[row * SLOT_COUNT + slot];
}

static void set_shape(struct module *m, const struct model_config *c)
{
    size_t n_q = c->heads * c->head, n_k = c->kv_heads * c->head;
    m->in = c->width;
    m->out = 1;
    switch (m->slot) {
    case SLOT_TOKENS:
    case SLOT_HEAD:
        m->out = c->vocabulary;
        break;
    case SLOT_POSITIONS:
        m->out = c->max_positions;
        break;
    case SLOT_QKV:
        m->out = n_q + 2 * n_k;
        break;
    case SLOT_Q:
        m->out = n_q;
        break;
    case SLOT_K:
    case SLOT_V:
        m->out = n_k;
        break;
    case SLOT_Q_NORM:
        m->in = c->qk_norm == QK_NORM_HEAD ? c->head : n_q;
        break;
    case SLOT_K_NORM:
        m->in = c->qk_norm == QK_NORM_HEAD ? c->head : n_k;
        break;
    case SLOT_GATE_UP:
        m->out = 2 * c->feed_forward;
        break;
    case SLOT_GATE:
    case SLOT_UP:
        m->out = c->feed_forward;
        break;
    case SLOT_OUT:
        m->out = c->width;
        m->in = n_q;
        break;
    case SLOT_DOWN:
        m->out = c->width;
        m->in = c->feed_forward;
        break;
    default:
        break; /* norms over the whole width */
    }
}

static void set_order(struct module *m, const struct model_config *c)
{
    m->order = (struct row_order){.kind = ROWS_SAME, .heads = c->heads, .head = c->head};
    if (m->slot == SLOT_QKV && c->arch->qkv_by_head)
        m->order.kind = ROWS_BY_HEAD;
    if ((m->slot == SLOT_Q || m->slot == SLOT_K) && c->is_gguf && c->arch->gguf_pairs)
        m->order.kind = ROWS_BY_PAIR;
}

static void add(struct model *model, enum slot slot, size_t layer)
{
    struct model_parts *parts = model->parts;
    const char *path = arch_path(model->config.arch, &model->arena, slot, layer);
    if (!path)
        return;
    struct module *m = &parts->modules[parts->n_modules++];
    *m = (struct module){.path = path, .slot = slot, .layer = layer};
    set_shape(m, &model->config);
    set_order(m, &model->config);
    size_t row = slot_is_in_layer(slot) ? layer : model->config.n_layers;
    parts->of_slot[row * SLOT_COUNT + slot] = m;
}

void modules_list(struct model *model)
{
    size_t n_layers = model->config.n_layers;
    struct model_parts *parts = arena_new(&model->arena, struct model_parts);
    model->parts = parts;
    parts->modules = arena_array(&model->arena, struct module, (n_layers + 1) * SLOT_COUNT);
    parts->of_slot = arena_array(&model->arena, struct module *, (n_layers + 1) * SLOT_COUNT);
    add(model, SLOT_TOKENS, 0);
    add(model, SLOT_POSITIONS, 0);
    for (size_t i = 0; i < n_layers; i++) {
        for (int slot = SLOT_ATTN_NORM; slot <= SLOT_FF_POST_NORM; slot++)
            add(model, (enum slot)slot, i);
    }
    add(model, SLOT_NORM, 0);
    add(model, SLOT_HEAD, 0);
}

bool model_alloc(struct model *model, size_t bytes, void **out, struct err *err)
{
    struct backend *b = model->backend;
    *out = b->ops->alloc(b, bytes);
    if (!*out) {
        err_set(err, ERR_MEMORY, "no memory for %zu bytes of weights", bytes);
        return false;
    }
    struct owned *owned = arena_new(&model->arena, struct owned);
    *owned = (struct owned){.at = *out, .bytes = bytes, .next = model->parts->owned};
    model->parts->owned = owned;
    return true;
}

bool model_new_param(struct model *model, const char *name, size_t rows, size_t width,
                     struct param **out, struct err *err)
{
    void *value, *grad;
    size_t bytes = rows * width * sizeof(float);
    if (!model_alloc(model, bytes, &value, err) || !model_alloc(model, bytes, &grad, err)) {
        err_in(err, "%s", name);
        return false;
    }
    struct param *p = arena_new(&model->arena, struct param);
    *p = (struct param){.name = name, .value = value, .grad = grad, .decays = true};
    p->weight = (struct weight){.at = value, .dtype = DTYPE_F32, .rows = rows, .width = width};
    *out = p;
    return true;
}

void weight_decode(const struct weight *weight, float *out)
{
    quant_decode(weight->dtype, weight->at, out, weight->rows * weight->width);
}
