/*
 * xent.c - the loss, with the projection to the vocabulary inside.
 *
 * No row of logits exists as a whole. The vocabulary is taken some thousand tokens at a time: W's
 * rows are packed, as columns of W^T and as rows of W; then each block of targets goes through them
 * some hundred at a time, with everything in a core's own cache:
 *
 *     z = cap(g h W^T + b)        most' = max(most, z)        f = exp(most - most')
 *     p = exp(z - most')          sum = f sum + sum p         a = f a + p cap'(z) W
 *
 * which is the softmax that goes on (kernel_soft.c), with the product that follows it as attention
 * has it. In the end loss = most + log sum - z[id] and dh = coef g (a / sum - cap'(z[id]) W[id]).
 * The weights are read and decoded once, the arithmetic is that of two products, and nothing is
 * computed twice.
 *
 * Targets of one row each have their own h and dh, which are added up in their order. Gradients of
 * W need the finished sums. So where they are wanted the p of some hundred targets are kept, for
 * all of the vocabulary, until xent_weight.c has used them; then come the next targets.
 *
 * An adapter makes the product deeper by its rank: [h, u] [W, B]^T with u = s drop(h) A^T
 * (xent_adapter.c).
 */
#include "backend/cpu/xent.h"

#include <math.h>

#include "backend/cpu/weight_row.h"

/* ------------------------------------------------------------------------------------ memory -- */

size_t xent_pass_tokens(const struct xent *x)
{
    size_t tokens = XENT_PACKED_MOST / 2 / max_size(x->width, 1) / 256 * 256;
    return min_size(max_size(tokens, XENT_TOKENS_LEAST), round_up(x->tokens, 256));
}

/* Rows of what is kept lie an odd number of a cache's lines apart: an even one, of thousands of
 * bytes, would bring them to few places in the caches. */
static size_t kept_stride(const struct xent *x)
{
    return xent_pass_tokens(x) + 16;
}

static size_t kept_floats(const struct xent *x, size_t n_rows)
{
    return n_rows * ceil_div(x->tokens, xent_pass_tokens(x)) * kept_stride(x);
}

/* The most targets of a round. It does not depend on threads: dW is summed round by round. */
static size_t round_rows(const struct xent *x)
{
    if (!x->wants_weight)
        return x->n;
    size_t most = XENT_KEPT_MOST / max_size(kept_floats(x, 1), 1);
    return min_size(x->n, max_size(most / XENT_KEPT_LEAST, 1) * XENT_KEPT_LEAST);
}

struct mat xent_kept(const struct xent *x)
{
    size_t pass = x->first / xent_pass_tokens(x), stride = kept_stride(x);
    return (struct mat){x->kept + pass * x->n_rows * stride, x->n_rows, x->here, stride};
}

float *xent_then(const struct xent *x, size_t token)
{
    return x->then + token / XENT_TOKENS_AT_ONCE * x->n_rows;
}

static void take_memory(struct xent *x, struct scratch *s)
{
    const struct kernels *k = x->k;
    size_t workers = cpu_workers(x->b), tokens = xent_pass_tokens(x);
    size_t scores = round_up(x->block_rows, k->tile_rows) * XENT_TOKENS_AT_ONCE;
    size_t terms = x->rank > 0 ? kernels_product(k, x->b->products)->terms : 1;
    x->first_u = round_up(x->width, terms);
    x->depth = x->first_u + x->rank;
    x->own_floats = gemm_a_floats(k, x->block_rows, x->depth) + 2 * scores + x->block_rows;
    x->own_floats = round_up(x->own_floats, 16);
    x->state = scratch_take(s, x->n, sizeof *x->state);
    x->h = scratch_take(s, x->n * x->depth, sizeof(float));
    x->across = scratch_take(s, gemm_b_floats(k, tokens, x->depth), sizeof(float));
    x->decoded = scratch_take(s, workers * PACKING_FLOATS, sizeof(float));
    x->own = scratch_take(s, workers * x->own_floats, sizeof(float));
    if (x->wants_dh) {
        x->along = scratch_take(s, gemm_b_floats(k, x->width, tokens), sizeof(float));
        x->dh = scratch_take(s, x->n * x->width, sizeof(float));
    }
    if (x->wants_du) {
        x->along_b = scratch_take(s, gemm_b_floats(k, x->rank, tokens), sizeof(float));
        x->du = scratch_take(s, x->n * x->rank, sizeof(float));
    }
    if (x->wants_weight) {
        size_t rows = round_rows(x), pieces = ceil_div(x->tokens, XENT_TOKENS_AT_ONCE);
        x->kept = scratch_take(s, kept_floats(x, rows), sizeof(float));
        x->then = scratch_take(s, rows * pieces, sizeof(float));
    }
    if (x->wants_weight || x->wants_du)
        x->outer = scratch_take(s, outer_floats(x->b, x->width + x->rank), sizeof(float));
}

size_t cpu_xent_scratch(const struct backend *b, const struct backend_sizes *sizes)
{
    struct xent x = {.b = b,
                     .k = cpu_kernels(b),
                     .n = sizes->targets,
                     .width = sizes->vocabulary_width,
                     .tokens = sizes->vocabulary,
                     .rank = sizes->vocabulary_rank,
                     .wants_dh = sizes->trains,
                     .wants_du = sizes->trains && sizes->vocabulary_rank > 0,
                     .wants_weight = sizes->trains && sizes->trains_vocabulary};
    x.block_rows = cpu_row_block(b, round_rows(&x));
    struct scratch counter = scratch_counter();
    take_memory(&x, &counter);
    return scratch_counted(&counter);
}

struct xent xent_open(const struct backend *b, const struct xent_args *a, const int32_t *rows,
                      size_t n)
{
    CHECK(a->head.weight.width == a->h.width && !a->head.weight.transposed);
    struct xent x = {.a = a,
                     .b = b,
                     .k = cpu_kernels(b),
                     .rows = rows,
                     .n = n,
                     .width = a->h.width,
                     .tokens = a->head.weight.rows,
                     .rank = a->head.rank,
                     .wants_dh = a->coef && a->dh.to.at,
                     .wants_du = a->coef && a->head.rank > 0,
                     .wants_weight =
                         a->coef && (a->head.dweight || a->head.dbias || a->head.dlora_b)};
    x.block_rows = cpu_row_block(b, round_rows(&x));
    struct scratch scratch = scratch_of(b);
    take_memory(&x, &scratch);
    for (size_t i = 0; i < n; i++) {
        x.k->axpby(x.h + i * x.depth, a->logit_scale, mat_row(a->h, xent_row(&x, i)), 0, x.width);
        x.state[i] = (struct xent_state){.most = -INFINITY};
    }
    if (x.rank > 0)
        xent_adapter_open(&x);
    return x;
}

/* ---------------------------------------------------------------------------------- one pass -- */

void xent_pack(const struct xent *x)
{
    const struct linear_part *head = &x->a->head;
    const struct weight *w = &head->weight;
    struct weight b = {head->lora_b, DTYPE_F32, x->tokens, x->rank, false};
    enum products products = x->b->products;
    size_t first = x->first, here = x->here, n = 1;
    struct packing packings[4] = {
        {w, true, first, here, 0, x->width, x->across, x->depth, 0, products}};
    if (x->rank > 0)
        packings[n++] = (struct packing){&b,      true,      first,    here,       0,
                                         x->rank, x->across, x->depth, x->first_u, products};
    if (x->wants_dh)
        packings[n++] =
            (struct packing){w, false, 0, x->width, first, here, x->along, here, 0, products};
    if (x->wants_du)
        packings[n++] =
            (struct packing){&b, false, 0, x->rank, first, here, x->along_b, here, 0, products};
    packing_run(x->b, packings, n, x->decoded);
}

void xent_scores(const struct xent *x, const float *packed_h, size_t n_rows, size_t from,
                 struct mat z, float *most)
{
    size_t depth = gemm_cells(x->k, x->b->products, x->depth);
    struct gemm g = {
        .products = x->b->products,
        .rows = n_rows,
        .columns = z.width,
        .depth = depth,
        .a = packed_h,
        .a_step = x->k->tile_rows,
        .a_strip = depth * x->k->tile_rows,
        .b = x->across + from * depth,
        .b_step = x->k->panel,
        .b_panel = depth * x->k->panel,
        .c = z.at,
        .c_step = z.stride,
    };
    gemm_run(x->k, &g);
    const float *bias = x->a->head.bias ? x->a->head.bias + x->first + from : NULL;
    for (size_t i = 0; i < n_rows; i++) {
        struct logit_row row = {mat_row(z, i), bias, z.width, 1, x->a->softcap};
        float largest = x->k->logit_row(&row);
        if (most)
            most[i] = largest;
    }
}

/* Takes up a row of logits, which become weights; returns the factor for what was summed before. */
static float take_row(const struct xent *x, size_t target, float *z, size_t n, size_t token,
                      float most)
{
    struct xent_state *s = &x->state[target];
    size_t id = (size_t)x->a->target[target].id;
    if (id >= token && id < token + n)
        s->chosen = z[id - token];
    if (x->a->best && most > s->most) {
        size_t best = 0;
        while (z[best] != most)
            best++;
        s->best = (int32_t)(token + best);
    }
    float factor = 1;
    if (most > s->most) {
        factor = expf(s->most - most);
        s->most = most;
    }
    s->sum = s->sum * factor + (double)x->k->exp_row(z, n, s->most, x->a->softcap);
    return factor;
}

/* A worker's memory. */
struct own {
    float *h;               /* packed, [strips][C][tile_rows] */
    float *scores, *packed; /* of XENT_TOKENS_AT_ONCE columns */
    float *most;            /* of each row */
};

static struct own own_of(const struct xent *x, size_t worker)
{
    float *at = x->own + worker * x->own_floats;
    size_t h = gemm_a_floats(x->k, x->block_rows, x->depth);
    size_t scores = round_up(x->block_rows, x->k->tile_rows) * XENT_TOKENS_AT_ONCE;
    return (struct own){at, at + h, at + h + scores, at + h + 2 * scores};
}

/* to (+)= the packed weights of a block, which were z, times W or B, `along`. */
static void add_product(const struct xent *x, const struct own *own, struct mat z, size_t from,
                        const float *along, struct mat to)
{
    enum products products = x->b->products;
    size_t cells = gemm_cells(x->k, products, z.width);
    struct gemm g = {
        .products = products,
        .rows = z.rows,
        .columns = to.width,
        .depth = cells,
        .a = own->packed,
        .a_step = x->k->tile_rows,
        .a_strip = cells * x->k->tile_rows,
        .b = along + gemm_cells(x->k, products, from) * x->k->panel,
        .b_step = x->k->panel,
        .b_panel = gemm_cells(x->k, products, x->here) * x->k->panel,
        .c = to.at,
        .c_step = to.stride,
        .adds = x->first + from > 0,
    };
    gemm_run(x->k, &g);
}

/* Columns from … from + z.width - 1 of the pass for the targets from `target` on. */
static void take_columns(const struct xent *x, const struct own *own, size_t target, size_t from,
                         struct mat z)
{
    struct mat dh = {x->dh + target * x->width, z.rows, x->width, x->width};
    struct mat du = {x->du + target * x->rank, z.rows, x->rank, x->rank};
    xent_scores(x, own->h, z.rows, from, z, own->most);
    for (size_t i = 0; i < z.rows; i++) {
        float factor =
            take_row(x, target + i, mat_row(z, i), z.width, x->first + from, own->most[i]);
        if (factor == 1 || x->first + from == 0)
            continue;
        if (x->wants_dh)
            x->k->scale(mat_row(dh, i), factor, x->width);
        if (x->wants_du)
            x->k->scale(mat_row(du, i), factor, x->rank);
    }
    for (size_t i = 0; x->wants_weight && i < z.rows; i++)
        xent_then(x, x->first + from)[target - x->row + i] = x->state[target + i].most;
    if (!x->wants_dh && !x->wants_du)
        return;
    gemm_pack_a(x->k, x->b->products, own->packed, z, 0, z.rows);
    if (x->wants_dh)
        add_product(x, own, z, from, x->along, dh);
    if (x->wants_du)
        add_product(x, own, z, from, x->along_b, du);
}

static void take_block(void *context, size_t index, size_t worker)
{
    const struct xent *x = context;
    size_t row = index * x->block_rows, n = min_size(x->n_rows - row, x->block_rows);
    struct own own = own_of(x, worker);
    struct mat h = {x->h, x->n, x->depth, x->depth};
    gemm_pack_a(x->k, x->b->products, own.h, h, x->row + row, n);
    for (size_t from = 0; from < x->here; from += XENT_TOKENS_AT_ONCE) {
        size_t here = min_size(x->here - from, XENT_TOKENS_AT_ONCE);
        struct mat z = {own.scores, n, here, here};
        if (x->wants_weight) {
            struct mat kept = xent_kept(x);
            z = (struct mat){mat_row(kept, row) + from, n, here, kept.stride};
        }
        take_columns(x, &own, x->row + row, from, z);
    }
}

/* ----------------------------------------------------------------------------------- the end -- */

enum { PIECE = 256 }; /* the longest block of the quantised types */

/* dh and du of a target from its sum. */
static void finish_target(const struct xent *x, size_t i, float *own)
{
    const struct xent_args *a = x->a;
    const struct xent_state *s = &x->state[i];
    float *dh = x->dh + i * x->width, decoded[PIECE];
    float coef = a->coef[i] * a->logit_scale;
    float chosen = -coef * xent_slope(s->chosen, a->softcap);
    float others = (float)((double)coef / s->sum);
    for (size_t c = 0; x->wants_dh && c < x->width; c += PIECE) {
        size_t n = min_size(x->width - c, PIECE);
        const float *w = weight_row(x->k, &a->head.weight, (size_t)a->target[i].id, c, decoded, n);
        x->k->axpby(dh + c, chosen, w, others, n);
    }
    if (x->wants_du)
        xent_adapter_finish(x, i, chosen, others, own);
}

static void finish_block(void *context, size_t index, size_t worker)
{
    const struct xent *x = context;
    size_t end = min_size(x->n, (index + 1) * x->block_rows);
    for (size_t i = index * x->block_rows; i < end; i++) {
        const struct xent_state *s = &x->state[i];
        x->a->loss[i] = (float)((double)s->most + log(s->sum) - (double)s->chosen);
        if (x->a->best)
            x->a->best[i] = s->best;
        if (x->wants_dh || x->wants_du)
            finish_target(x, i, x->own + worker * x->own_floats);
    }
}

enum { COLUMNS_OF_BLOCK = 64 };

/* Rows repeat among the targets: a block of columns goes through all in order. */
static void scatter_columns(void *context, size_t index, size_t worker)
{
    (void)worker;
    const struct xent *x = context;
    const struct mat *to = &x->a->dh.to;
    size_t first = index * COLUMNS_OF_BLOCK, n = min_size(x->width - first, COLUMNS_OF_BLOCK);
    for (size_t i = 0; !x->a->dh.adds && i < to->rows; i++)
        memset(mat_row(*to, i) + first, 0, n * sizeof(float));
    for (size_t i = 0; i < x->n; i++) {
        float *row = mat_row(*to, (size_t)x->a->target[i].row) + first;
        x->k->add(row, row, x->dh + i * x->width + first, n);
    }
}

/* The vocabulary in passes, for the targets of a round. */
static void take_round(struct xent *x)
{
    size_t pass = xent_pass_tokens(x);
    for (x->first = 0; x->first < x->tokens; x->first += x->here) {
        x->here = min_size(x->tokens - x->first, pass);
        xent_pack(x);
        cpu_run(x->b, ceil_div(x->n_rows, x->block_rows), take_block, x);
    }
    if (x->wants_weight)
        xent_weight(x);
}

void cpu_xent(struct backend *b, const struct xent_args *a)
{
    struct xent x = xent_open(b, a, NULL, a->n_targets);
    size_t rounds = ceil_div(x.n, max_size(round_rows(&x), 1));
    for (; x.row < x.n; x.row += x.n_rows) {
        x.n_rows = min_size(x.n - x.row, ceil_div(x.n, rounds));
        take_round(&x);
    }
    cpu_run(b, ceil_div(x.n, x.block_rows), finish_block, &x);
    if (x.wants_dh)
        cpu_run(b, ceil_div(x.width, COLUMNS_OF_BLOCK), scatter_columns, &x);
    if (x.wants_du && a->head.dlora_a)
        xent_adapter_gradient(&x);
}
