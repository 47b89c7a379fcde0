/*
 * parts.h - what a model consists of: modules, as PyTorch calls a thing that has a path and
 * weights. For the folder model/ alone.
 */
#ifndef PACE_MODEL_PARTS_H
#define PACE_MODEL_PARTS_H

#include "model/arch.h"
#include "model/lora.h"
#include "model/model.h"
#include "model/weights.h"

/*
 * In what order the rows of a module lie here, other than in Hugging Face's files:
 *
 *   ROWS_BY_HEAD   there q, k, v of one head side by side, here all q, all k, all v (GPT-NeoX)
 *   ROWS_BY_PAIR   there row j of half a head and j of the other, here side by side (GGUF's llama)
 */
enum row_kind { ROWS_SAME, ROWS_BY_HEAD, ROWS_BY_PAIR };

struct row_order {
    enum row_kind kind;
    size_t heads, head;
};

/* Where Hugging Face has the row that is `row` here. */
size_t row_order_there(const struct row_order *order, size_t row);

struct module {
    const char *path; /* "model.layers.0.self_attn.q_proj" */
    enum slot slot;
    size_t layer;
    size_t out, in; /* linear; of an embedding [out, in]; of a norm [in] */
    struct row_order order;
    struct param *weight, *bias;
    struct param *own_weight, *own_bias; /* trained copies that replace them: modules_to_save */
    struct param *lora_a, *lora_b;
    double lora_scale;
};

struct owned {
    void *at;
    size_t bytes;
    struct owned *next;
};

struct model_parts {
    struct module *modules; /* in PyTorch's order */
    size_t n_modules;
    struct module *
        *of_slot;        /* [n_layers + 1, SLOT_COUNT]; those outside of layers in the last row */
    struct owned *owned; /* memory of the backend */
    struct lora_options lora;
};

/* NULL where the model has none. `layer` is passed over where the slot is not in layers. */
struct module *model_module(const struct model *model, enum slot slot, size_t layer);

static inline bool module_is_linear(const struct module *m)
{
    return m->slot == SLOT_HEAD || (m->slot >= SLOT_QKV && m->slot <= SLOT_V) ||
           m->slot == SLOT_OUT || (m->slot >= SLOT_GATE_UP && m->slot <= SLOT_DOWN);
}

/* What checkpoints call the module where that is not its path, or NULL. */
static inline const char *module_path_in_files(const struct model *model, const struct module *m)
{
    return m->slot == SLOT_HEAD ? model->config.arch->head_in_files : NULL;
}

/* True of a head whose weight is that of the tokens. */
static inline bool module_is_tied(const struct model *model, const struct module *m)
{
    return m->slot == SLOT_HEAD && m->weight == model_module(model, SLOT_TOKENS, 0)->weight;
}

static inline bool module_is_embedding(const struct module *m)
{
    return m->slot == SLOT_TOKENS || m->slot == SLOT_POSITIONS;
}

/* Lists the modules of a description, without weights. */
void modules_list(struct model *model);

/* Zeroed memory of the backend that lives as long as the model. Errors: ERR_MEMORY. */
MUST_CHECK bool model_alloc(struct model *model, size_t bytes, void **out, struct err *err);

/* A trainable matrix or vector of float32 with its gradient, both zero. Errors: ERR_MEMORY. */
MUST_CHECK bool model_new_param(struct model *model, const char *name, size_t rows, size_t width,
                                struct param **out, struct err *err);

/* The stored numbers of a matrix as float32, into out [rows, width]. */
void weight_decode(const struct weight *weight, float *out);

#endif
