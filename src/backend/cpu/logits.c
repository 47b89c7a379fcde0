/*
 * logits.c - the scores of all tokens behind some rows.
 *
 * For a few rows (generation) each weight is used once or twice, so nothing is packed: a block of
 * work takes some tokens, whose weights are decoded into the innermost cache and multiplied with
 * every row. For more rows it is a product as in xent.c.
 */
#include "backend/cpu/weight_row.h"
#include "backend/cpu/xent.h"

enum { ROWS_FEW = 4, TOKENS_OF_BLOCK = 128 };

struct logits {
    const struct logits_args *a;
    struct xent x;
};

static void bend(const struct logits *l, size_t row, size_t token, size_t n)
{
    const struct xent_args *of = &l->a->of;
    struct logit_row r = {mat_row(l->a->z, row) + token,
                          of->head.bias ? of->head.bias + token : NULL, n, 1, of->softcap};
    (void)l->x.k->logit_row(&r);
}

static void add_adapter(const struct logits *l, size_t first, size_t end)
{
    const struct xent *x = &l->x;
    for (size_t v = first; x->rank > 0 && v < end; v++) {
        for (size_t i = 0; i < x->n; i++)
            mat_row(l->a->z, i)[v] += x->k->dot(l->a->of.head.lora_b + v * x->rank,
                                                x->h + i * x->depth + x->first_u, x->rank);
    }
}

static void dot_tokens(void *context, size_t index, size_t worker)
{
    const struct logits *l = context;
    const struct xent *x = &l->x;
    size_t first = index * TOKENS_OF_BLOCK, end = min_size(x->tokens, first + TOKENS_OF_BLOCK);
    float *decoded = x->decoded + worker * PACKING_FLOATS;
    for (size_t v = first; v < end; v++) {
        for (size_t from = 0; from < x->width; from += PACKING_FLOATS) {
            size_t n = min_size(x->width - from, PACKING_FLOATS);
            const float *w = weight_row(x->k, &l->a->of.head.weight, v, from, decoded, n);
            for (size_t i = 0; i < x->n; i++) {
                float sum = x->k->dot(w, x->h + i * x->depth + from, n);
                float *z = mat_row(l->a->z, i) + v;
                *z = from > 0 ? *z + sum : sum;
            }
        }
    }
    add_adapter(l, first, end);
    for (size_t i = 0; i < x->n; i++)
        bend(l, i, first, end - first);
}

static void multiply_block(void *context, size_t index, size_t worker)
{
    const struct logits *l = context;
    const struct xent *x = &l->x;
    size_t row = index * x->block_rows, n = min_size(x->n - row, x->block_rows);
    float *packed_h = x->own + worker * x->own_floats;
    struct mat h = {x->h, x->n, x->depth, x->depth};
    gemm_pack_a(x->k, x->b->products, packed_h, h, row, n);
    struct mat z = {mat_row(l->a->z, row) + x->first, n, x->here, l->a->z.stride};
    xent_scores(x, packed_h, n, 0, z, NULL);
}

void cpu_logits(struct backend *b, const struct logits_args *a)
{
    CHECK(a->z.width == a->of.head.weight.rows);
    struct logits l = {.a = a, .x = xent_open(b, &a->of, a->row, a->z.rows)};
    struct xent *x = &l.x;
    if (x->n <= ROWS_FEW) {
        cpu_run(b, ceil_div(x->tokens, TOKENS_OF_BLOCK), dot_tokens, &l);
        return;
    }
    size_t pass = xent_pass_tokens(x);
    for (; x->first < x->tokens; x->first += x->here) {
        x->here = min_size(x->tokens - x->first, pass);
        xent_pack(x);
        cpu_run(b, ceil_div(x->n, x->block_rows), multiply_block, &l);
    }
}
