/*
 * xent_adapter.c - the adapter on the projection to the vocabulary.
 *
 *     u = s drop(h) A^T         (g u stands behind g h: the products of xent.c see one longer row)
 *     du = s dz B               dA += du^T drop(h)         dh += g drop(du A)
 *
 * Beside the products with the vocabulary these are small, r C terms a target, so each is a row at
 * a time. The draws of dropout belong to a row of the batch: targets that share a row share them,
 * and they are drawn again wherever they are needed.
 */
#include <string.h>

#include "backend/cpu/xent.h"
#include "backend/dropout.h"

/* `in` where there is no dropout; `out` may be `in`. */
static const float *drop(const struct xent *x, size_t i, const float *in, float *out)
{
    const struct xent_args *a = x->a;
    struct dropout d = dropout_init(a->dropout, a->dropout_seed, a->head.dropout_stream);
    if (a->dropout == 0)
        return in;
    dropout_apply(&d, xent_row(x, i) * x->width, out, in, x->width);
    return out;
}

static void project_block(void *context, size_t index, size_t worker)
{
    const struct xent *x = context;
    const struct linear_part *head = &x->a->head;
    float *own = x->own + worker * x->own_floats, scale = x->a->logit_scale * head->lora_scale;
    size_t end = min_size(x->n, (index + 1) * x->block_rows);
    for (size_t i = index * x->block_rows; i < end; i++) {
        const float *h = drop(x, i, mat_row(x->a->h, xent_row(x, i)), own);
        float *row = x->h + i * x->depth;
        for (size_t c = x->width; c < x->first_u; c++)
            row[c] = 0;
        for (size_t j = 0; j < x->rank; j++)
            row[x->first_u + j] = scale * x->k->dot(head->lora_a + j * x->width, h, x->width);
    }
}

void xent_adapter_open(struct xent *x)
{
    cpu_run(x->b, ceil_div(x->n, x->block_rows), project_block, x);
}

void xent_adapter_finish(const struct xent *x, size_t i, float chosen, float others, float *own)
{
    const struct linear_part *head = &x->a->head;
    float *du = x->du + i * x->rank;
    const float *b = head->lora_b + (size_t)x->a->target[i].id * x->rank;
    x->k->axpby(du, chosen, b, others, x->rank);
    x->k->scale(du, head->lora_scale, x->rank);
    if (!x->wants_dh)
        return;
    for (size_t j = 0; j < x->rank; j++)
        x->k->axpby(own, du[j], head->lora_a + j * x->width, j > 0 ? 1.0f : 0.0f, x->width);
    float *dh = x->dh + i * x->width;
    x->k->add(dh, dh, drop(x, i, own, own), x->width);
}

static void drop_block(void *context, size_t index, size_t worker)
{
    (void)worker;
    const struct xent *x = context;
    size_t end = min_size(x->n, (index + 1) * x->block_rows);
    for (size_t i = index * x->block_rows; i < end; i++) {
        float *out = x->h + i * x->depth;
        const float *h = drop(x, i, mat_row(x->a->h, xent_row(x, i)), out);
        if (h != out)
            memcpy(out, h, x->width * sizeof *out);
    }
}

void xent_adapter_gradient(struct xent *x)
{
    struct mat du = {x->du, x->n, x->rank, x->rank}, h = {x->h, x->n, x->width, x->depth};
    cpu_run(x->b, ceil_div(x->n, x->block_rows), drop_block, x);
    struct outer outer = {du, h, x->a->head.dlora_a};
    outer_run(x->b, PRODUCTS_F32, &outer, 1, x->outer);
}
