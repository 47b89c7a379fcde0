/*
 * cases_make.c - for each operation: a case's row as arguments, and the calls that are made with
 * them.
 *
 * An adjoint is called as a tape calls it: with what backend.h says that it reads, and nothing
 * else.
 */
#include <math.h>
#include <string.h>

#include "backend/cases_trial.h"

/* -------------------------------------------------------------------------------- operations -- */

static void make_embed(struct trial *t)
{
    const struct case_row *row = t->row;
    struct array *y = trial_matrix(t, "y", ARRAY_OUTPUT, row->R, row->C);
    struct embed_args *a = &t->embed;
    a->y = y->mat;
    a->scale = row->scale;
    a->dy = trial_factor(t, "dy", y);
    a->id = trial_whole_numbers(t, row->R, row->V);
    a->tokens = trial_weight(t, 0, row->V, row->C, &a->dtokens);
    a->position = trial_whole_numbers(t, row->R, row->R);
    if (trial_has(t, CASE_POSITIONS))
        a->positions = trial_weight(t, 1, row->R, row->C, &a->dpositions);
    t->sizes = (struct backend_sizes){.rows = row->R, .width = row->C, .vocabulary = row->V};
}

static void make_adapter(struct trial *t, struct linear_part *p, size_t index, size_t n)
{
    static const char *const names[][4] = {{"lora_a 0", "dlora_a 0", "lora_b 0", "dlora_b 0"},
                                           {"lora_a 1", "dlora_a 1", "lora_b 1", "dlora_b 1"},
                                           {"lora_a 2", "dlora_a 2", "lora_b 2", "dlora_b 2"}};
    size_t k = t->row->C, rank = t->row->rank[index];
    struct array *a = trial_parameter(t, names[index][0], rank * k, 0, 1 / sqrt((double)k));
    struct array *b = trial_parameter(t, names[index][2], n * rank, 0, 1 / sqrt((double)rank));
    p->lora_a = a->mat.at;
    p->lora_b = b->mat.at;
    p->dlora_a = trial_gradient(t, names[index][1], a);
    p->dlora_b = trial_gradient(t, names[index][3], b);
    p->rank = rank;
    p->lora_scale = 2;
    p->dropout_stream = 5 + index;
}

static void make_part(struct trial *t, struct linear_part *p, size_t index, size_t n)
{
    static const char *const names[][2] = {
        {"bias 0", "dbias 0"}, {"bias 1", "dbias 1"}, {"bias 2", "dbias 2"}};
    size_t k = t->row->C;
    bool transposed = trial_has(t, CASE_TRANSPOSED);
    p->weight = trial_weight(t, index, transposed ? k : n, transposed ? n : k, &p->dweight);
    p->weight.transposed = transposed;
    if (trial_has(t, CASE_BIAS)) {
        struct array *bias = trial_parameter(t, names[index][0], n, 0, 1);
        p->bias = bias->mat.at;
        p->dbias = trial_has(t, CASE_FROZEN) ? NULL : trial_gradient(t, names[index][1], bias);
    }
    if (t->row->rank[index] > 0)
        make_adapter(t, p, index, n);
}

static void make_linear(struct trial *t)
{
    const struct case_row *row = t->row;
    struct linear_args *a = &t->linear;
    size_t n = 0, rank = 0;
    while (a->n_parts < LINEAR_PARTS_MOST && row->out[a->n_parts] > 0) {
        n += row->out[a->n_parts];
        rank += row->rank[a->n_parts];
        make_part(t, &a->part[a->n_parts], a->n_parts, row->out[a->n_parts]);
        a->n_parts++;
    }
    struct array *x = trial_matrix(t, "x", ARRAY_INPUT, row->R, row->C);
    struct array *y = trial_matrix(t, "y", ARRAY_OUTPUT, row->R, n);
    a->x = x->mat;
    a->y = y->mat;
    if (rank > 0)
        a->u = trial_matrix(t, "u", ARRAY_OUTPUT, row->R, rank)->mat;
    a->dropout = row->dropout;
    a->dropout_seed = 11;
    a->dy = trial_factor(t, "dy", y);
    a->dx = trial_adjoint(t, "dx", x);
    t->sizes = (struct backend_sizes){.rows = row->R,
                                      .linear_in = row->C,
                                      .linear_out = n,
                                      .linear_weights = n * row->C,
                                      .linear_rank = rank};
}

static void make_norm(struct trial *t)
{
    const struct case_row *row = t->row;
    struct norm_args *a = &t->norm;
    size_t width = row->C * row->H;
    struct array *x = trial_matrix(t, "x", ARRAY_INPUT, row->R, width);
    struct array *y = trial_matrix(t, "y", ARRAY_OUTPUT, row->R, width);
    struct array *w = trial_parameter(t, "weight", row->C, 1, 0.3);
    a->kind = trial_has(t, CASE_LAYER) ? NORM_LAYER : NORM_RMS;
    a->group = row->C;
    a->eps = 1e-3f;
    a->shift = row->shift;
    a->x = x->mat;
    a->y = y->mat;
    a->weight = w->mat.at;
    if (trial_has(t, CASE_ADDED)) {
        a->add = trial_matrix(t, "add", ARRAY_INPUT, row->R, width)->mat;
        a->sum = trial_matrix(t, "sum", ARRAY_OUTPUT, row->R, width)->mat;
    }
    a->stat = trial_matrix(t, "stat", ARRAY_OUTPUT, row->R, 2 * row->H)->mat;
    if (!trial_has(t, CASE_FROZEN))
        a->dweight = trial_gradient(t, "dweight", w);
    if (trial_has(t, CASE_BIAS)) {
        struct array *bias = trial_parameter(t, "bias", row->C, 0, 1);
        a->bias = bias->mat.at;
        a->dbias = trial_has(t, CASE_FROZEN) ? NULL : trial_gradient(t, "dbias", bias);
    }
    a->dy = trial_factor(t, "dy", y);
    a->dx = trial_adjoint(t, "dx", x);
    t->sizes = (struct backend_sizes){.rows = row->R, .width = width};
}

/* The input is changed in place: `was` keeps it, and the adjoint's result starts as a copy of its
 * dy. */
static void make_rope(struct trial *t)
{
    const struct case_row *row = t->row;
    struct array *was = trial_matrix(t, "was", ARRAY_INPUT, row->R, row->C * row->H);
    struct array *x = trial_matrix(t, "x", ARRAY_OUTPUT, row->R, row->C * row->H);
    struct mat dy = trial_factor(t, "dy", x);
    struct array *dx = trial_matrix(t, "dx", ARRAY_GRADIENT, row->R, row->C * row->H);
    size_t bytes = row->R * was->mat.stride * sizeof(float);
    memcpy(x->mat.at, was->mat.at, bytes);
    memcpy(dx->mat.at, dy.at, bytes);
    dx->of = was;
    t->turned.was = was->mat;
    t->turned.dx = dx->mat;
    t->turned.args =
        (struct rope_args){.x = x->mat,
                           .head = row->C,
                           .rotary = row->rotary,
                           .interleaved = trial_has(t, CASE_INTERLEAVED),
                           .cos = trial_parameter(t, "cos", row->R * row->rotary / 2, 0, 1)->mat.at,
                           .sin = trial_parameter(t, "sin", row->R * row->rotary / 2, 0, 1)->mat.at,
                           .position = trial_whole_numbers(t, row->R, row->R)};
    t->sizes = (struct backend_sizes){.rows = row->R, .heads = row->H, .head = row->C};
}

/* The rows of queries and of keys that the segments name, and the longest chain. */
static void measure(const struct case_row *row, size_t *queries, size_t *keys, size_t *chain)
{
    for (size_t i = 0; i < row->n_segments; i++) {
        const struct segment *s = &row->segments[i];
        if (s->query != SEGMENT_NO_QUERIES)
            *queries = max_size(*queries, (size_t)(s->query + s->n));
        *keys = max_size(*keys, (size_t)(s->key + s->n));
        *chain = max_size(*chain, (size_t)(s->position + s->n));
    }
}

static void make_attn(struct trial *t)
{
    const struct case_row *row = t->row;
    size_t queries = 0, keys = 0, chain = 0;
    measure(row, &queries, &keys, &chain);
    struct array *q = trial_matrix(t, "q", ARRAY_INPUT, queries, row->H * row->C);
    struct array *k = trial_matrix(t, "k", ARRAY_INPUT, keys, row->K * row->C);
    struct array *v = trial_matrix(t, "v", ARRAY_INPUT, keys, row->K * row->C);
    struct array *o = trial_matrix(t, "o", ARRAY_OUTPUT, queries, row->H * row->C);
    t->attn = (struct attn_args){.q = q->mat,
                                 .k = k->mat,
                                 .v = v->mat,
                                 .o = o->mat,
                                 .lse = trial_matrix(t, "lse", ARRAY_OUTPUT, queries, row->H)->mat,
                                 .heads = row->H,
                                 .kv_heads = row->K,
                                 .head = row->C,
                                 .scale = (float)(1 / sqrt((double)row->C)),
                                 .softcap = row->softcap,
                                 .window = row->window,
                                 .segment = row->segments,
                                 .n_segments = row->n_segments,
                                 .d_o = trial_factor(t, "do", o),
                                 .dq = trial_adjoint(t, "dq", q).to,
                                 .dk = trial_adjoint(t, "dk", k).to,
                                 .dv = trial_adjoint(t, "dv", v).to};
    t->sizes = (struct backend_sizes){
        .rows = queries, .heads = row->H, .kv_heads = row->K, .head = row->C, .keys = chain};
}

static void make_act(struct trial *t)
{
    const struct case_row *row = t->row;
    bool glu = trial_has(t, CASE_GLU);
    struct array *x = trial_matrix(t, "x", ARRAY_INPUT, row->R, glu ? 2 * row->C : row->C);
    struct array *y = trial_matrix(t, "y", ARRAY_OUTPUT, row->R, row->C);
    t->act = (struct act_args){.kind = row->act,
                               .glu = glu,
                               .x = x->mat,
                               .y = y->mat,
                               .dy = trial_factor(t, "dy", y),
                               .dx = trial_adjoint(t, "dx", x)};
    t->sizes = (struct backend_sizes){.rows = row->R, .width = row->C};
}

static void make_sum(struct trial *t)
{
    const struct case_row *row = t->row;
    struct array *y = trial_matrix(t, "a + c", ARRAY_OUTPUT, row->R, row->C);
    struct array *copy = trial_matrix(t, "copy of a", ARRAY_OUTPUT, row->R, row->C);
    y->is_exact = copy->is_exact = true;
    t->sum.a = trial_matrix(t, "a", ARRAY_INPUT, row->R, row->C)->mat;
    t->sum.c = trial_matrix(t, "c", ARRAY_INPUT, row->R, row->C)->mat;
    t->sum.y = y->mat;
    t->sum.copy = copy->mat;
    (void)trial_factor(t, "dy", y);
    t->sizes = (struct backend_sizes){.rows = row->R, .width = row->C};
}

/* Targets: some rows have several, some none. */
static struct target *make_targets(struct trial *t)
{
    const struct case_row *row = t->row;
    struct target *target = arena_array(&t->arena, struct target, row->n_targets);
    int32_t *rows = trial_whole_numbers(t, row->n_targets, row->R);
    for (size_t i = 0; i < row->n_targets; i++)
        target[i] = (struct target){rows[i], (int32_t)rng_below(&t->rng, row->V)};
    return target;
}

/* What the loss and the logits share. */
static struct array *make_head(struct trial *t, struct xent_args *a)
{
    const struct case_row *row = t->row;
    struct array *h = trial_matrix(t, "h", ARRAY_INPUT, row->R, row->C);
    a->h = h->mat;
    make_part(t, &a->head, 0, row->V);
    a->logit_scale = row->scale;
    a->softcap = row->softcap;
    a->dropout = row->dropout;
    a->dropout_seed = 11;
    t->sizes = (struct backend_sizes){.rows = row->R,
                                      .targets = row->n_targets,
                                      .vocabulary = row->V,
                                      .vocabulary_width = row->C,
                                      .vocabulary_rank = a->head.rank,
                                      .trains_vocabulary =
                                          a->head.dweight || a->head.dbias || a->head.dlora_b};
    return h;
}

static void make_xent(struct trial *t)
{
    struct xent_args *a = &t->xent;
    struct array *h = make_head(t, a);
    size_t n = t->row->n_targets;
    a->target = make_targets(t);
    a->n_targets = n;
    a->loss = trial_result(t, "loss", n, false);
    t->value = &t->arrays[t->n_arrays - 1];
    struct array *coef = trial_parameter(t, "coef", n, 1, 0.2);
    t->factor = coef;
    a->coef = trial_has(t, CASE_FORWARD) ? NULL : coef->mat.at;
    a->dh = trial_adjoint(t, "dh", h);
    t->best = trial_result(t, "best", n, true);
    a->best = arena_array(&t->arena, int32_t, n);
}

static void make_logits(struct trial *t)
{
    (void)make_head(t, &t->logits.of);
    CHECK(trial_has(t, CASE_FORWARD));
    struct array *z = trial_matrix(t, "z", ARRAY_OUTPUT, t->row->n_targets, t->row->V);
    t->logits.z = z->mat;
    t->logits.row = trial_whole_numbers(t, t->row->n_targets, t->row->R);
    (void)trial_factor(t, "dz", z);
}

/* R numbers, through everything that is done with arrays. Sums are kept as a number and what it
 * lacks: see put_double. */
static void make_array(struct trial *t)
{
    size_t n = t->row->R;
    struct array_trial *a = &t->array;
    a->x = trial_parameter(t, "x", n, 0, 3)->mat.at;
    a->holes = trial_parameter(t, "holes", n, 0, 3)->mat.at;
    for (size_t i = 0; i < n; i += 3)
        a->holes[i] = i % 2 ? (float)INFINITY : (float)NAN;
    a->axpby = trial_result(t, "axpby", n, false);
    a->scaled = trial_result(t, "axpby with beta 0", n, false);
    a->scaled[0] = (float)NAN;
    a->filled = trial_result(t, "fill", n, true);
    a->rounded = trial_result(t, "bf16", n, true);
    a->squares = trial_result(t, "sum of squares", 2, false);
    a->largest = trial_result(t, "largest", 2, true);
    a->not_finite = trial_result(t, "not finite", 2, true);
    a->half = arena_array(&t->arena, uint16_t, n);
    t->sizes = (struct backend_sizes){.rows = 1};
}

/* Moments are near 1, so that roots of them are numbers. */
static void make_update(struct trial *t)
{
    static const char *const names[] = {"state 0", "state 1", "state 2", "state 3"};
    const struct case_row *row = t->row;
    struct optim_args *a = &t->update.args;
    size_t n = row->R * row->C;
    *a = (struct optim_args){.rule = row->rule,
                             .rows = row->R,
                             .width = row->C,
                             .grad_scale = 0.7f,
                             .rate = 0.01f,
                             .decay = 0.9f,
                             .beta1 = 0.8f,
                             .beta2 = 0.95f,
                             .beta3 = 0.9f,
                             .new1 = 0.2f,
                             .new2 = 0.05f,
                             .new3 = 0.1f,
                             .eps = 1e-8f,
                             .correction = 0.6f,
                             .weight = 0.3f,
                             .nesterov = true};
    a->w = trial_result(t, "w", n, false);
    a->g = trial_parameter(t, "g", n, 0, 1)->mat.at;
    bool is_vector = !rule_is_factored(row->R, row->C);
    for (size_t i = 0; i < RULE_STATES; i++) {
        struct array *state = trial_parameter(t, names[i], n, 1, 0.1);
        state->role = ARRAY_OUTPUT;
        a->state[i] = row->rule >= RULE_ADAFACTOR_ROWS && i > 0 && is_vector ? NULL : state->mat.at;
    }
    size_t blocks = rule_blocks(a);
    t->update.sums = trial_result(t, "sums", 2 * RULE_SUMS * blocks, false);
    a->sums = arena_alloc_array(&t->arena, blocks, sizeof *a->sums);
    for (size_t i = 0; row->rule == RULE_ADAMW_8BIT && i < COUNT_OF(a->code); i++) {
        float *book = trial_parameter(t, "book", RULE_CODES, 0, 0)->mat.at;
        for (size_t k = 0; k < RULE_CODES; k++)
            book[k] = ((float)k + 1) / RULE_CODES;
        a->book[i] = book;
        a->code[i] = arena_array(&t->arena, uint8_t, n);
        for (size_t k = 0; k < n; k++)
            a->code[i][k] = (uint8_t)rng_below(&t->rng, RULE_CODES);
        t->update.code[i] = trial_result(t, i == 0 ? "code of m" : "code of v", n, false);
    }
    t->sizes = (struct backend_sizes){.rows = 1};
}

/* ----------------------------------------------------------------------------------- running -- */

static void run_linear(struct trial *t, struct backend *b)
{
    struct linear_args a = t->linear;
    b->ops->linear(b, &a);
    if (trial_has(t, CASE_FORWARD))
        return;
    bool wants_x = false;
    for (size_t i = 0; i < a.n_parts; i++)
        wants_x = wants_x || a.part[i].dweight || a.part[i].dlora_a;
    a.y = (struct mat){0};
    if (!wants_x)
        a.x = (struct mat){0};
    b->ops->linear_back(b, &a);
}

static void run_norm(struct trial *t, struct backend *b)
{
    struct norm_args a = t->norm;
    b->ops->norm(b, &a);
    if (trial_has(t, CASE_ADDED))
        a.x = a.sum;
    if (!trial_has(t, CASE_FORWARD))
        b->ops->norm_back(b, &a);
}

static void run_rope(struct trial *t, struct backend *b)
{
    struct rope_args a = t->turned.args;
    b->ops->rope(b, &a);
    a.x = t->turned.dx;
    b->ops->rope_back(b, &a);
}

static void run_xent(struct trial *t, struct backend *b)
{
    b->ops->xent(b, &t->xent);
    for (size_t i = 0; i < t->xent.n_targets; i++)
        t->best[i] = (float)t->xent.best[i];
}

static void run_embed(struct trial *t, struct backend *b)
{
    b->ops->embed(b, &t->embed);
    b->ops->embed_back(b, &t->embed);
}

static void run_attn(struct trial *t, struct backend *b)
{
    b->ops->attn(b, &t->attn);
    if (!trial_has(t, CASE_FORWARD))
        b->ops->attn_back(b, &t->attn);
}

static void run_act(struct trial *t, struct backend *b)
{
    b->ops->act(b, &t->act);
    b->ops->act_back(b, &t->act);
}

static void run_sum(struct trial *t, struct backend *b)
{
    b->ops->add(b, t->sum.y, t->sum.a, t->sum.c);
    b->ops->copy(b, t->sum.copy, t->sum.a);
}

static void run_logits(struct trial *t, struct backend *b)
{
    b->ops->logits(b, &t->logits);
}

/* A double as two floats, so that its last bits are compared as well. */
static void put_double(float *out, double value)
{
    out[0] = (float)value;
    out[1] = (float)(value - (double)out[0]);
}

static void run_array(struct trial *t, struct backend *b)
{
    const struct array_trial *a = &t->array;
    size_t n = t->row->R;
    b->ops->axpby(b, a->axpby, 0.7f, a->x, -1.3f, n);
    b->ops->axpby(b, a->scaled, 0.7f, a->x, 0, n);
    b->ops->fill(b, a->filled, 2.5f, n);
    b->ops->to_bf16(b, a->half, a->x, n);
    b->ops->from_bf16(b, a->rounded, a->half, n);
    struct reduce_result found;
    b->ops->reduce(b, &found, a->holes, n);
    put_double(a->squares, found.sum_squares);
    put_double(a->largest, found.largest);
    put_double(a->not_finite, (double)found.not_finite);
}

static void run_update(struct trial *t, struct backend *b)
{
    const struct optim_args *a = &t->update.args;
    b->ops->update(b, a);
    for (size_t i = 0; i < rule_blocks(a) * RULE_SUMS; i++)
        put_double(&t->update.sums[2 * i], a->sums[i / RULE_SUMS][i % RULE_SUMS]);
    for (size_t i = 0; i < COUNT_OF(a->code); i++) {
        for (size_t k = 0; a->code[i] && k < rule_count(a); k++)
            t->update.code[i][k] = (float)a->code[i][k];
    }
}

const struct case_kind case_kinds[CASE_OPS] = {
    [CASE_EMBED] = {"embed", make_embed, run_embed},
    [CASE_LINEAR] = {"linear", make_linear, run_linear},
    [CASE_NORM] = {"norm", make_norm, run_norm},
    [CASE_ROPE] = {"rope", make_rope, run_rope},
    [CASE_ATTN] = {"attn", make_attn, run_attn},
    [CASE_ACT] = {"act", make_act, run_act},
    [CASE_SUM] = {"add, copy", make_sum, run_sum},
    [CASE_XENT] = {"xent", make_xent, run_xent},
    [CASE_LOGITS] = {"logits", make_logits, run_logits},
    [CASE_ARRAY] = {"arrays", make_array, run_array},
    [CASE_UPDATE] = {"update", make_update, run_update},
};
