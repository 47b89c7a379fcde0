/*
 * xent_weight.c - gradients of the projection to the vocabulary.
 *
 *     dz = coef (exp(z - lse) - onehot(id)) cap'(z)      dW += dz^T (g h)      dB += dz^T (g u)
 *                                                        db += sums of dz
 *
 * When logits were computed they became exp(z - then) cap'(z), `then` being the greatest so far
 * (xent.c). Those were kept, so a factor for each target and piece of the vocabulary makes dz of
 * them, and nothing is computed twice.
 */
#include <math.h>

#include "backend/cpu/xent.h"

/* A target's dz, in place. */
static void turn_row(const struct xent *x, size_t row, float *z)
{
    size_t target = x->row + row, id = (size_t)x->a->target[target].id;
    const struct xent_state *s = &x->state[target];
    float coef = x->a->coef[target];
    for (size_t from = 0; from < x->here; from += XENT_TOKENS_AT_ONCE) {
        float then = xent_then(x, x->first + from)[row];
        double share = exp((double)then - (double)s->most) / s->sum;
        x->k->scale(z + from, (float)((double)coef * share),
                    min_size(x->here - from, XENT_TOKENS_AT_ONCE));
    }
    if (id >= x->first && id < x->first + x->here)
        z[id - x->first] -= coef * xent_slope(s->chosen, x->a->softcap);
}

static void turn_block(void *context, size_t index, size_t worker)
{
    (void)worker;
    const struct xent *x = context;
    struct mat dz = xent_kept(x);
    size_t end = min_size(x->n_rows, (index + 1) * x->block_rows);
    for (size_t row = index * x->block_rows; row < end; row++)
        turn_row(x, row, mat_row(dz, row));
}

enum { COLUMNS_OF_BLOCK = 64, ROWS_AT_ONCE = 256 };

static void add_bias(void *context, size_t index, size_t worker)
{
    (void)worker;
    const struct xent *x = context;
    struct mat dz = xent_kept(x);
    size_t first = index * COLUMNS_OF_BLOCK, n = min_size(x->here - first, COLUMNS_OF_BLOCK);
    float *to = x->a->head.dbias + x->first + first, sum[COLUMNS_OF_BLOCK];
    for (size_t i = 0; i < x->n_rows; i++) {
        x->k->axpby(sum, 1, mat_row(dz, i) + first, i % ROWS_AT_ONCE > 0 ? 1.0f : 0.0f, n);
        if (i % ROWS_AT_ONCE == ROWS_AT_ONCE - 1 || i + 1 == x->n_rows)
            x->k->add(to, to, sum, n);
    }
}

/* Of W and of B, from rows of h and u. */
static void add_outers(const struct xent *x, struct mat h)
{
    const struct linear_part *head = &x->a->head;
    struct mat dz = xent_kept(x), u = mat_columns(h, x->first_u, x->rank);
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
    struct mat h = {x->h + x->row * x->depth, x->n_rows, x->depth, x->depth};
    for (x->first = 0; x->first < x->tokens; x->first += x->here) {
        x->here = min_size(x->tokens - x->first, xent_pass_tokens(x));
        cpu_run(x->b, ceil_div(x->n_rows, x->block_rows), turn_block, x);
        add_outers(x, h);
        if (head->dbias)
            cpu_run(x->b, ceil_div(x->here, COLUMNS_OF_BLOCK), add_bias, x);
    }
}
