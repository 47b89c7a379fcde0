/*
 * cases_trial.c - making the arguments of a case, and running it.
 *
 * Every matrix that an operation reads or writes is registered under a name with its role, so that
 * checking (cases_check.c) need not know operations. Numbers are drawn from the standard normal
 * distribution, in the order of registration, from the number of the case: a trial made twice is
 * the same twice. Whatever will be written holds random numbers too.
 *
 * Frozen weights are stored at an odd address, as they may lie in a mapped file.
 */
#include "backend/cases_trial.h"

#include <math.h>
#include <string.h>

#include "tensor/quant.h"

enum { GAP = 3 }; /* columns behind those of a strided matrix */

static bool has(const struct trial *t, enum case_flag flag)
{
    return t->row->flags & flag;
}

/* ----------------------------------------------------------------------------------- numbers -- */

static void draw(struct trial *t, float *out, size_t n, double mean, double spread)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)(mean + spread * rng_normal(&t->rng));
}

static struct array *add_array(struct trial *t, const char *name, enum array_role role)
{
    CHECK(t->n_arrays < TRIAL_ARRAYS);
    struct array *array = &t->arrays[t->n_arrays++];
    *array = (struct array){.name = name, .role = role};
    return array;
}

/* A matrix of tokens: strided where the case wants it. */
static struct array *matrix(struct trial *t, const char *name, enum array_role role, size_t rows,
                            size_t width)
{
    struct array *array = add_array(t, name, role);
    size_t stride = width + (has(t, CASE_STRIDED) ? GAP : 0);
    array->mat = (struct mat){arena_array(&t->arena, float, rows *stride), rows, width, stride};
    draw(t, array->mat.at, rows * stride, 0, 1);
    return array;
}

/* The same shape for the adjoint of a matrix that is an input. */
static struct adjoint adjoint(struct trial *t, const char *name, const struct array *of)
{
    if (has(t, CASE_NO_DX) || has(t, CASE_FORWARD))
        return (struct adjoint){0};
    struct array *array = matrix(t, name, ARRAY_GRADIENT, of->mat.rows, of->mat.width);
    array->of = of;
    array->adds = has(t, CASE_ADDS);
    return (struct adjoint){array->mat, array->adds};
}

/* A parameter: without gaps. */
static struct array *parameter(struct trial *t, const char *name, size_t n, double mean,
                               double spread)
{
    struct array *array = add_array(t, name, ARRAY_INPUT);
    array->mat = (struct mat){arena_array(&t->arena, float, n), 1, n, n};
    draw(t, array->mat.at, n, mean, spread);
    return array;
}

static float *gradient(struct trial *t, const char *name, const struct array *of)
{
    if (has(t, CASE_FORWARD))
        return NULL;
    struct array *array = parameter(t, name, of->mat.width, 0, 1);
    array->role = ARRAY_GRADIENT;
    array->of = of;
    array->adds = true;
    return array->mat.at;
}

static enum dtype dtype(const struct trial *t)
{
    return t->row->dtype ? t->row->dtype : DTYPE_F32;
}

static bool is_trained(const struct trial *t)
{
    return !has(t, CASE_FROZEN) && dtype(t) == DTYPE_F32;
}

/* An output without gaps. */
static float *result(struct trial *t, const char *name, size_t n, bool is_exact)
{
    struct array *array = parameter(t, name, n, 0, 1);
    array->role = ARRAY_OUTPUT;
    array->is_exact = is_exact;
    return array->mat.at;
}

/* Weights in the dtype of the case; `dweight` is their gradient where they are trained. */
static struct weight weight(struct trial *t, size_t index, size_t rows, size_t width,
                            float **dweight)
{
    static const char *const names[] = {"weight 0", "weight 1", "weight 2"};
    static const char *const gradients[] = {"dweight 0", "dweight 1", "dweight 2"};
    double spread = has(t, CASE_TIES) ? 0 : 1 / sqrt((double)t->row->C);
    struct array *values = parameter(t, names[index], rows * width, 0, spread);
    struct weight w = {values->mat.at, dtype(t), rows, width, false};
    t->decoded[index] = values->mat.at;
    *dweight = NULL;
    if (is_trained(t)) {
        *dweight = gradient(t, gradients[index], values);
        return w;
    }
    uint64_t bytes;
    CHECK(dtype_bytes(w.dtype, rows * width, &bytes));
    uint8_t *stored = arena_array(&t->arena, uint8_t, bytes + 1);
    quant_encode(w.dtype, values->mat.at, stored + 1, rows * width);
    quant_decode(w.dtype, stored + 1, values->mat.at, rows * width);
    w.at = stored + 1;
    return w;
}

/* Whole numbers below n; every third is the one before it. */
static int32_t *whole_numbers(struct trial *t, size_t count, size_t n)
{
    int32_t *out = arena_array(&t->arena, int32_t, count);
    for (size_t i = 0; i < count; i++)
        out[i] = i % 3 == 2 ? out[i - 1] : (int32_t)rng_below(&t->rng, n);
    return out;
}

/* Where the adjoint's numbers come from: dy, with which outputs are multiplied. */
static struct mat factor(struct trial *t, const char *name, const struct array *value)
{
    t->value = value;
    t->factor = matrix(t, name, ARRAY_INPUT, value->mat.rows, value->mat.width);
    return t->factor->mat;
}

/* -------------------------------------------------------------------------------- operations -- */

static void make_embed(struct trial *t)
{
    const struct case_row *row = t->row;
    struct array *y = matrix(t, "y", ARRAY_OUTPUT, row->R, row->C);
    struct embed_args *a = &t->embed;
    a->y = y->mat;
    a->scale = row->scale;
    a->dy = factor(t, "dy", y);
    a->id = whole_numbers(t, row->R, row->V);
    a->tokens = weight(t, 0, row->V, row->C, &a->dtokens);
    a->position = whole_numbers(t, row->R, row->R);
    if (has(t, CASE_POSITIONS))
        a->positions = weight(t, 1, row->R, row->C, &a->dpositions);
    t->sizes = (struct backend_sizes){.rows = row->R, .width = row->C, .vocabulary = row->V};
}

static void make_adapter(struct trial *t, struct linear_part *p, size_t index, size_t n)
{
    static const char *const names[][4] = {{"lora_a 0", "dlora_a 0", "lora_b 0", "dlora_b 0"},
                                           {"lora_a 1", "dlora_a 1", "lora_b 1", "dlora_b 1"},
                                           {"lora_a 2", "dlora_a 2", "lora_b 2", "dlora_b 2"}};
    size_t k = t->row->C, rank = t->row->rank[index];
    struct array *a = parameter(t, names[index][0], rank * k, 0, 1 / sqrt((double)k));
    struct array *b = parameter(t, names[index][2], n * rank, 0, 1 / sqrt((double)rank));
    p->lora_a = a->mat.at;
    p->lora_b = b->mat.at;
    p->dlora_a = gradient(t, names[index][1], a);
    p->dlora_b = gradient(t, names[index][3], b);
    p->rank = rank;
    p->lora_scale = 2;
    p->dropout_stream = 5 + index;
}

static void make_part(struct trial *t, struct linear_part *p, size_t index)
{
    static const char *const names[][2] = {
        {"bias 0", "dbias 0"}, {"bias 1", "dbias 1"}, {"bias 2", "dbias 2"}};
    size_t k = t->row->C, n = t->row->out[index];
    bool transposed = has(t, CASE_TRANSPOSED);
    p->weight = weight(t, index, transposed ? k : n, transposed ? n : k, &p->dweight);
    p->weight.transposed = transposed;
    if (has(t, CASE_BIAS)) {
        struct array *bias = parameter(t, names[index][0], n, 0, 1);
        p->bias = bias->mat.at;
        p->dbias = has(t, CASE_FROZEN) ? NULL : gradient(t, names[index][1], bias);
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
        make_part(t, &a->part[a->n_parts], a->n_parts);
        a->n_parts++;
    }
    struct array *x = matrix(t, "x", ARRAY_INPUT, row->R, row->C);
    struct array *y = matrix(t, "y", ARRAY_OUTPUT, row->R, n);
    a->x = x->mat;
    a->y = y->mat;
    if (rank > 0)
        a->u = matrix(t, "u", ARRAY_OUTPUT, row->R, rank)->mat;
    a->dropout = row->dropout;
    a->dropout_seed = 11;
    a->dy = factor(t, "dy", y);
    a->dx = adjoint(t, "dx", x);
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
    struct array *x = matrix(t, "x", ARRAY_INPUT, row->R, width);
    struct array *y = matrix(t, "y", ARRAY_OUTPUT, row->R, width);
    struct array *w = parameter(t, "weight", row->C, 1, 0.3);
    a->kind = has(t, CASE_LAYER) ? NORM_LAYER : NORM_RMS;
    a->group = row->C;
    a->eps = 1e-3f;
    a->shift = row->shift;
    a->x = x->mat;
    a->y = y->mat;
    a->weight = w->mat.at;
    if (has(t, CASE_ADDED)) {
        a->add = matrix(t, "add", ARRAY_INPUT, row->R, width)->mat;
        a->sum = matrix(t, "sum", ARRAY_OUTPUT, row->R, width)->mat;
    }
    a->stat = matrix(t, "stat", ARRAY_OUTPUT, row->R, 2 * row->H)->mat;
    if (!has(t, CASE_FROZEN))
        a->dweight = gradient(t, "dweight", w);
    if (has(t, CASE_BIAS)) {
        struct array *bias = parameter(t, "bias", row->C, 0, 1);
        a->bias = bias->mat.at;
        a->dbias = has(t, CASE_FROZEN) ? NULL : gradient(t, "dbias", bias);
    }
    a->dy = factor(t, "dy", y);
    a->dx = adjoint(t, "dx", x);
    t->sizes = (struct backend_sizes){.rows = row->R, .width = width};
}

/* The input is changed in place: `was` keeps it, and the adjoint's result starts as a copy of its
 * dy. */
static void make_rope(struct trial *t)
{
    const struct case_row *row = t->row;
    struct array *was = matrix(t, "was", ARRAY_INPUT, row->R, row->C * row->H);
    struct array *x = matrix(t, "x", ARRAY_OUTPUT, row->R, row->C * row->H);
    struct mat dy = factor(t, "dy", x);
    struct array *dx = matrix(t, "dx", ARRAY_GRADIENT, row->R, row->C * row->H);
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
                           .interleaved = has(t, CASE_INTERLEAVED),
                           .cos = parameter(t, "cos", row->R * row->rotary / 2, 0, 1)->mat.at,
                           .sin = parameter(t, "sin", row->R * row->rotary / 2, 0, 1)->mat.at,
                           .position = whole_numbers(t, row->R, row->R)};
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
    struct array *q = matrix(t, "q", ARRAY_INPUT, queries, row->H * row->C);
    struct array *k = matrix(t, "k", ARRAY_INPUT, keys, row->K * row->C);
    struct array *v = matrix(t, "v", ARRAY_INPUT, keys, row->K * row->C);
    struct array *o = matrix(t, "o", ARRAY_OUTPUT, queries, row->H * row->C);
    t->attn = (struct attn_args){.q = q->mat,
                                 .k = k->mat,
                                 .v = v->mat,
                                 .o = o->mat,
                                 .lse = matrix(t, "lse", ARRAY_OUTPUT, queries, row->H)->mat,
                                 .heads = row->H,
                                 .kv_heads = row->K,
                                 .head = row->C,
                                 .scale = (float)(1 / sqrt((double)row->C)),
                                 .softcap = row->softcap,
                                 .window = row->window,
                                 .segment = row->segments,
                                 .n_segments = row->n_segments,
                                 .d_o = factor(t, "do", o),
                                 .dq = adjoint(t, "dq", q).to,
                                 .dk = adjoint(t, "dk", k).to,
                                 .dv = adjoint(t, "dv", v).to};
    t->sizes = (struct backend_sizes){
        .rows = queries, .heads = row->H, .kv_heads = row->K, .head = row->C, .keys = chain};
}

static void make_act(struct trial *t)
{
    const struct case_row *row = t->row;
    bool glu = has(t, CASE_GLU);
    struct array *x = matrix(t, "x", ARRAY_INPUT, row->R, glu ? 2 * row->C : row->C);
    struct array *y = matrix(t, "y", ARRAY_OUTPUT, row->R, row->C);
    t->act = (struct act_args){.kind = row->act,
                               .glu = glu,
                               .x = x->mat,
                               .y = y->mat,
                               .dy = factor(t, "dy", y),
                               .dx = adjoint(t, "dx", x)};
    t->sizes = (struct backend_sizes){.rows = row->R, .width = row->C};
}

static void make_sum(struct trial *t)
{
    const struct case_row *row = t->row;
    struct array *y = matrix(t, "a + c", ARRAY_OUTPUT, row->R, row->C);
    struct array *copy = matrix(t, "copy of a", ARRAY_OUTPUT, row->R, row->C);
    y->is_exact = copy->is_exact = true;
    t->sum.a = matrix(t, "a", ARRAY_INPUT, row->R, row->C)->mat;
    t->sum.c = matrix(t, "c", ARRAY_INPUT, row->R, row->C)->mat;
    t->sum.y = y->mat;
    t->sum.copy = copy->mat;
    (void)factor(t, "dy", y);
    t->sizes = (struct backend_sizes){.rows = row->R, .width = row->C};
}

/* Targets: some rows have several, some none. */
static struct target *make_targets(struct trial *t)
{
    const struct case_row *row = t->row;
    struct target *target = arena_array(&t->arena, struct target, row->n_targets);
    int32_t *rows = whole_numbers(t, row->n_targets, row->R);
    for (size_t i = 0; i < row->n_targets; i++)
        target[i] = (struct target){rows[i], (int32_t)rng_below(&t->rng, row->V)};
    return target;
}

/* What the loss and the logits share. */
static struct array *make_head(struct trial *t, struct xent_args *a)
{
    const struct case_row *row = t->row;
    struct array *h = matrix(t, "h", ARRAY_INPUT, row->R, row->C);
    a->h = h->mat;
    a->weight = weight(t, 0, row->V, row->C, &a->dweight);
    a->logit_scale = row->scale;
    a->softcap = row->softcap;
    if (has(t, CASE_BIAS)) {
        struct array *bias = parameter(t, "bias", row->V, 0, 1);
        a->bias = bias->mat.at;
        a->dbias = has(t, CASE_FROZEN) ? NULL : gradient(t, "dbias", bias);
    }
    t->sizes = (struct backend_sizes){
        .rows = row->R, .targets = row->n_targets, .width = row->C, .vocabulary = row->V};
    return h;
}

static void make_xent(struct trial *t)
{
    struct xent_args *a = &t->xent;
    struct array *h = make_head(t, a);
    size_t n = t->row->n_targets;
    a->target = make_targets(t);
    a->n_targets = n;
    a->loss = result(t, "loss", n, false);
    t->value = &t->arrays[t->n_arrays - 1];
    struct array *coef = parameter(t, "coef", n, 1, 0.2);
    t->factor = coef;
    a->coef = has(t, CASE_FORWARD) ? NULL : coef->mat.at;
    a->dh = adjoint(t, "dh", h);
    t->best = result(t, "best", n, true);
    a->best = arena_array(&t->arena, int32_t, n);
}

static void make_logits(struct trial *t)
{
    (void)make_head(t, &t->logits.of);
    CHECK(has(t, CASE_FORWARD));
    struct array *z = matrix(t, "z", ARRAY_OUTPUT, t->row->n_targets, t->row->V);
    t->logits.z = z->mat;
    t->logits.row = whole_numbers(t, t->row->n_targets, t->row->R);
    (void)factor(t, "dz", z);
}

/* R numbers, through everything that is done with arrays. Sums are kept as a number and what it
 * lacks: see put_double. */
static void make_array(struct trial *t)
{
    size_t n = t->row->R;
    struct array_trial *a = &t->array;
    a->x = parameter(t, "x", n, 0, 3)->mat.at;
    a->holes = parameter(t, "holes", n, 0, 3)->mat.at;
    for (size_t i = 0; i < n; i += 3)
        a->holes[i] = i % 2 ? (float)INFINITY : (float)NAN;
    a->axpby = result(t, "axpby", n, false);
    a->scaled = result(t, "axpby with beta 0", n, false);
    a->scaled[0] = (float)NAN;
    a->filled = result(t, "fill", n, true);
    a->rounded = result(t, "bf16", n, true);
    a->squares = result(t, "sum of squares", 2, false);
    a->largest = result(t, "largest", 2, true);
    a->not_finite = result(t, "not finite", 2, true);
    a->half = arena_array(&t->arena, uint16_t, n);
    t->sizes = (struct backend_sizes){.rows = 1};
}

/* ----------------------------------------------------------------------------------- running -- */

static void run_linear(struct trial *t, struct backend *b)
{
    struct linear_args a = t->linear;
    b->ops->linear(b, &a);
    if (has(t, CASE_FORWARD))
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
    if (has(t, CASE_ADDED))
        a.x = a.sum;
    if (!has(t, CASE_FORWARD))
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
    if (!has(t, CASE_FORWARD))
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

static const struct {
    const char *name;
    void (*make)(struct trial *t);
    void (*run)(struct trial *t, struct backend *b);
} ops[CASE_OPS] = {
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
};

const char *cases_op_name(enum case_op op)
{
    CHECK((unsigned)op < CASE_OPS);
    return ops[op].name;
}

void trial_init(struct trial *t, size_t index)
{
    CHECK(index < cases_count);
    *t = (struct trial){.row = &cases_table[index], .rng = {.seed = index}};
    ops[t->row->op].make(t);
    t->sizes.trains = !has(t, CASE_FORWARD);
}

void trial_release(struct trial *t)
{
    arena_release(&t->arena);
}

bool trial_run(struct trial *t, const struct case_backend *on, struct err *err)
{
    struct backend b;
    backend_init(&b, on->ops, on->threads);
    if (!backend_reserve(&b, &t->sizes, err))
        return false;
    /* NaN, to whoever takes it for a number. */
    memset(b.scratch, 0xff, b.scratch_bytes);
    ops[t->row->op].run(t, &b);
    backend_release(&b);
    return true;
}
