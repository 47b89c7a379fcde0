/*
 * merge.c - folding adapters into the weights that they stand on.
 *
 * A row of the product is made in a buffer of its own and added to the row of the weight, so the
 * sum over the rank is not mixed with the larger numbers of the base and no second matrix is
 * needed. Rows are shared out over threads in fixed blocks. GPT-2's matrices lie [in, out]: there a
 * row of the product is a column of the weight.
 *
 * Source: PEFT 0.21, LoraLayer.get_delta_weight and merge.
 */
#include "model/merge.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "tensor/half.h"

enum { ROWS_PER_BLOCK = 64 };

static struct merged item(const struct module *m, const char *what)
{
    bool is_bias = strcmp(what, "bias") == 0;
    const struct param *base = is_bias ? m->bias : m->weight;
    return (struct merged){.name = base->name,
                           .what = what,
                           .module = m,
                           .base = base,
                           .own = is_bias ? m->own_bias : m->own_weight};
}

bool merge_unties(const struct model *model)
{
    const struct module *tokens = model_module(model, SLOT_TOKENS, 0);
    const struct module *head = model_module(model, SLOT_HEAD, 0);
    return module_is_tied(model, head) && (head->lora_a || head->own_weight || tokens->own_weight);
}

struct merged *merge_list(const struct model *model, struct arena *arena, size_t *n)
{
    const struct model_parts *parts = model->parts;
    struct merged *list = arena_array(arena, struct merged, 2 * parts->n_modules);
    *n = 0;
    for (size_t i = 0; i < parts->n_modules; i++) {
        const struct module *m = &parts->modules[i];
        const char *there = module_path_in_files(model, m);
        bool is_tied = module_is_tied(model, m);
        if (is_tied && !merge_unties(model))
            continue;
        list[*n] = item(m, "weight");
        if (is_tied)
            list[*n].name = arena_printf(arena, "%s.weight", there ? there : m->path);
        (*n)++;
        if (m->bias)
            list[(*n)++] = item(m, "bias");
    }
    return list;
}

static bool has_adapter(const struct merged *m)
{
    return m->module->lora_a && m->base == m->module->weight;
}

bool merge_changes(const struct merged *m)
{
    return m->own || has_adapter(m);
}

struct folding {
    const struct module *module;
    bool transposed;
    float *out;  /* [out, in], or transposed */
    float *rows; /* [blocks, in] */
};

static void fold_row(const struct folding *f, size_t row, float *sum)
{
    const struct module *m = f->module;
    size_t rank = m->lora_a->weight.rows, in = m->in;
    const float *a = m->lora_a->value, *b = m->lora_b->value + row * rank;
    float scale = (float)m->lora_scale;
    for (size_t i = 0; i < in; i++)
        sum[i] = 0;
    for (size_t r = 0; r < rank; r++) {
        for (size_t i = 0; i < in; i++)
            sum[i] += b[r] * a[r * in + i];
    }
    size_t step = f->transposed ? m->out : 1;
    float *out = f->out + row * (f->transposed ? 1 : in);
    for (size_t i = 0; i < in; i++)
        out[i * step] += scale * sum[i];
}

static void fold_block(void *context, size_t block, size_t worker)
{
    struct folding *f = context;
    size_t first = block * ROWS_PER_BLOCK;
    size_t end = min_size(first + ROWS_PER_BLOCK, f->module->out);
    (void)worker;
    for (size_t row = first; row < end; row++)
        fold_row(f, row, f->rows + block * f->module->in);
}

static void fold(const struct model *model, const struct merged *m, float *out)
{
    struct thread_pool *threads = model->backend->threads;
    size_t n_blocks = (m->module->out + ROWS_PER_BLOCK - 1) / ROWS_PER_BLOCK;
    struct folding f = {.module = m->module,
                        .transposed = m->base->weight.transposed,
                        .out = out,
                        .rows = mem_alloc(n_blocks * m->module->in * sizeof(float))};
    if (threads)
        thread_pool_run(threads, n_blocks, fold_block, &f);
    for (size_t i = 0; i < n_blocks && !threads; i++)
        fold_block(&f, i, 0);
    mem_free(f.rows);
}

void merge_values(const struct model *model, const struct merged *m, float *out)
{
    weight_decode(m->own ? &m->own->weight : &m->base->weight, out);
    if (!m->own && has_adapter(m))
        fold(model, m, out);
}

size_t merge_round(float *values, size_t n, enum dtype dtype)
{
    uint8_t *out = (uint8_t *)values;
    size_t bad = n;
    for (size_t i = 0; i < n; i++) {
        float value;
        memcpy(&value, values + i, sizeof value);
        bool is_finite = isfinite(value);
        if (dtype != DTYPE_F32) {
            bool is_bf16 = dtype == DTYPE_BF16;
            uint16_t half = is_bf16 ? half_to_bf16(value) : half_to_f16(value);
            uint16_t exponent = is_bf16 ? 0x7f80 : 0x7c00;
            is_finite = (half & exponent) != exponent;
            memcpy(out + 2 * i, &half, sizeof half);
        }
        if (!is_finite && bad == n)
            bad = i;
    }
    return bad;
}

bool merge_refuse(const struct merged *m, size_t place, enum dtype dtype, struct err *err)
{
    size_t width = m->base->weight.width;
    err_set(err, ERR_INPUT, "row %zu, column %zu is no finite number of type %s", place / width,
            place % width, dtype_info(dtype)->name);
    err_hint(err, "the adapter is far larger than its base: its training may have failed");
    err_in(err, "tensor %s", m->name);
    return false;
}
