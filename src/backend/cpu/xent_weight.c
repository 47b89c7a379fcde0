/*
 * xent_weight.c - gradients of the projection to the vocabulary.
 *
 *     dz = coef (exp(z - lse) - onehot(id)) cap'(z)      dW += dz^T (g h)      dB += dz^T (g u)
 *                                                        db += sums of dz
 *
 * A thousand tokens at a time, whose logits of all targets are computed anew: keeping them from the
 * first time would take V floats for each target, a hundred times what the rest of a target needs.
 */
#include <math.h>

#include "backend/cpu/xent.h"

static void turn_row(const struct xent *x, size_t target, float *z, float lse)
{
    const struct xent_args *a = x->a;
    size_t id = (size_t)a->target[target].id;
    bool is_here = id >= x->first && id < x->first + x->here;
    float chosen = is_here ? z[id - x->first] : 0;
    (void)x->k->exp_row(z, x->here, lse, a->softcap);
    if (is_here) {
        float part = a->softcap > 0 ? chosen / a->softcap : 0;
        z[id - x->first] -= 1 - part * part;
    }
    x->k->scale(z, a->coef[target], x->here);
}

static void turn_block(void *context, size_t index, size_t worker)
{
    const struct xent *x = context;
    size_t target = index * x->block_rows, n = min_size(x->n - target, x->block_rows);
    float *packed_h = x->own + worker * x->own_floats;
    struct mat h = {x->h, x->n, x->depth, x->depth};
    gemm_pack_a(x->k, x->b->products, packed_h, h, target, n);
    struct mat z = {x->dz + target * x->here, n, x->here, x->here};
    xent_scores(x, packed_h, n, 0, z, NULL);
    for (size_t i = 0; i < n; i++) {
        const struct xent_state *s = &x->state[target + i];
        turn_row(x, target + i, mat_row(z, i), (float)((double)s->most + log(s->sum)));
    }
}

enum { COLUMNS_OF_BLOCK = 64, ROWS_AT_ONCE = 256 };

static void add_bias(void *context, size_t index, size_t worker)
{
    (void)worker;
    const struct xent *x = context;
    size_t first = index * COLUMNS_OF_BLOCK, n = min_size(x->here - first, COLUMNS_OF_BLOCK);
    float *to = x->a->head.dbias + x->first + first, sum[COLUMNS_OF_BLOCK];
    for (size_t i = 0; i < x->n; i++) {
        x->k->axpby(sum, 1, x->dz + i * x->here + first, i % ROWS_AT_ONCE > 0 ? 1.0f : 0.0f, n);
        if (i % ROWS_AT_ONCE == ROWS_AT_ONCE - 1 || i + 1 == x->n)
            x->k->add(to, to, sum, n);
    }
}

/* Of W and of B, from rows of h and u. */
static void add_outers(const struct xent *x, struct mat h)
{
    const struct linear_part *head = &x->a->head;
    struct mat dz = {x->dz, x->n, x->here, x->here}, u = mat_columns(h, x->first_u, x->rank);
    struct outer outers[2];
    size_t n = 0;
    h = mat_columns(h, 0, x->width);
    if (head->dweight)
        outers[n++] = (struct outer){dz, h, head->dweight + x->first * x->width};
    if (head->dlora_b)
        outers[n++] = (struct outer){dz, u, head->dlora_b + x->first * x->rank};
    outer_run(x->b, x->b->products, outers, n, x->outer);
}

void xent_weight(struct xent *x)
{
    const struct linear_part *head = &x->a->head;
    struct mat h = {x->h, x->n, x->depth, x->depth};
    x->wants_dh = x->wants_du = false;
    for (x->first = 0; x->first < x->tokens; x->first += x->here) {
        x->here = min_size(x->tokens - x->first, XENT_TOKENS_OF_WEIGHT);
        xent_pack(x);
        cpu_run(x->b, ceil_div(x->n, x->block_rows), turn_block, x);
        add_outers(x, h);
        if (head->dbias)
            cpu_run(x->b, ceil_div(x->here, COLUMNS_OF_BLOCK), add_bias, x);
    }
    if (head->dlora_a)
        xent_adapter_gradient(x);
}
