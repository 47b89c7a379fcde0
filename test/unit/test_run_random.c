/*
 * Tapes that no model looks like: random operations on random earlier values, so that adjoints
 * overlap, share and are copied in all ways that the rules of program.c allow.
 */
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "graph/run.h"
#include "test/support/support.h"

enum { WIDTH = 8, WORDS = 11, NODES = 24, TOKENS = 6, TAPES = 300, PARAMS_MOST = 128 };

struct maze {
    struct arena arena;
    struct tape tape;
    struct backend backend;
    struct rng rng;
    struct param *params[PARAMS_MOST];
    size_t n_params;
    struct value *values[NODES + 8]; /* of width WIDTH */
    size_t n_values;
    float cos[TOKENS * 2], sin[TOKENS * 2];
};

static const struct param *new_param(struct maze *m, size_t rows, size_t width, double mean)
{
    struct param *p = arena_new(&m->arena, struct param);
    p->value = arena_array(&m->arena, float, rows *width);
    for (size_t i = 0; i < rows * width; i++)
        p->value[i] = (float)(mean + 0.3 * rng_normal(&m->rng));
    p->weight = (struct weight){.at = p->value, .dtype = DTYPE_F32, .rows = rows, .width = width};
    if (rng_below(&m->rng, 3) > 0)
        p->grad = arena_array(&m->arena, float, rows *width);
    assert_true(m->n_params < PARAMS_MOST);
    m->params[m->n_params++] = p;
    return p;
}

static struct value *pick(struct maze *m)
{
    /* Late ones more often: a long tape rather than a bush. */
    size_t back = rng_below(&m->rng, rng_below(&m->rng, m->n_values) + 1);
    return m->values[m->n_values - 1 - back];
}

static struct value *record_norm(struct maze *m)
{
    struct value *x = pick(m);
    struct norm_spec spec = {.kind = rng_below(&m->rng, 2) ? NORM_RMS : NORM_LAYER,
                             .group = rng_below(&m->rng, 2) ? WIDTH : WIDTH / 2,
                             .eps = 0.5f};
    spec.weight = new_param(m, 1, spec.group, 1);
    return op_norm(&m->tape, op_whole(x), &spec);
}

static struct value *record_linear(struct maze *m, struct value *x)
{
    struct linear_spec spec = {.n_parts = 1};
    spec.part[0].weight = new_param(m, WIDTH, x->width, 0);
    if (rng_below(&m->rng, 2)) {
        spec.part[0].lora_a = new_param(m, 2, x->width, 0);
        spec.part[0].lora_b = new_param(m, WIDTH, 2, 0);
        spec.part[0].lora_scale = 1;
    }
    return op_linear(&m->tape, x, &spec);
}

static struct value *record_sum(struct maze *m)
{
    struct value *x = pick(m), *y = pick(m);
    if (x == y)
        return record_linear(m, x);
    if (rng_below(&m->rng, 2))
        return op_add(&m->tape, x, y);
    struct norm_spec spec = {.group = WIDTH, .eps = 0.5f};
    spec.weight = new_param(m, 1, WIDTH, 1);
    struct residual r = op_add_norm(&m->tape, x, y, &spec);
    m->values[m->n_values++] = r.sum;
    return r.normed;
}

/* Halves that overlap, or leave out a part. */
static struct value *record_parts(struct maze *m)
{
    struct value *x = pick(m);
    struct norm_spec spec = {.group = 4, .eps = 0.5f};
    spec.weight = new_param(m, 1, 4, 1);
    struct value *left = op_norm(&m->tape, op_part(x, rng_below(&m->rng, 5), 4), &spec);
    return record_linear(m, left);
}

static struct value *record_attention(struct maze *m)
{
    struct value *q = record_linear(m, pick(m)), *kv = record_linear(m, pick(m));
    struct rope_spec rope = {
        .head = 4, .rotary = 4, .n_positions = TOKENS, .cos = m->cos, .sin = m->sin};
    struct attn_spec spec = {.heads = 2, .kv_heads = 1, .head = 4, .scale = 0.5f};
    if (rng_below(&m->rng, 2))
        op_rope(&m->tape, op_whole(q), &rope);
    op_rope(&m->tape, op_part(kv, 0, 4), &rope);
    return op_attn(&m->tape, op_whole(q), op_part(kv, 0, 4), op_part(kv, 4, 4), &spec);
}

static struct value *record_one(struct maze *m)
{
    switch (rng_below(&m->rng, 8)) {
    case 0:
        return record_norm(m);
    case 1:
        return record_linear(m, pick(m));
    case 2:
        return op_act(&m->tape, pick(m), ACT_GELU, false);
    case 3:
        return record_parts(m);
    case 4:
        return record_attention(m);
    default:
        return record_sum(m);
    }
}

static void open_maze(struct maze *m, uint64_t seed)
{
    *m = (struct maze){.rng = {.seed = seed}};
    backend_init(&m->backend, &backend_ref, NULL);
    for (size_t i = 0; i < TOKENS * 2; i++) {
        m->cos[i] = cosf((float)i);
        m->sin[i] = sinf((float)i);
    }
    const struct param *tokens = new_param(m, WORDS, WIDTH, 0);
    m->values[m->n_values++] = op_embed(&m->tape, tokens, NULL, 3);
    while (m->n_values < NODES) {
        if (rng_below(&m->rng, 5) == 0)
            op_begin_layer(&m->tape);
        struct value *next = record_one(m); /* which may note one as well */
        m->values[m->n_values++] = next;
    }
    struct xent_spec spec = {.head.weight = new_param(m, WORDS, WIDTH, 0), .logit_scale = 1};
    op_xent(&m->tape, m->values[m->n_values - 1], &spec);
}

static void close_maze(struct maze *m)
{
    tape_release(&m->tape);
    backend_release(&m->backend);
    arena_release(&m->arena);
}

static const int32_t ids[TOKENS] = {3, 1, 4, 1, 5, 9}, positions[TOKENS] = {0, 1, 2, 3, 0, 1};
static const struct segment segments[] = {{0, 0, 4, 0, SEGMENT_NO_PARENT},
                                          {4, 4, 2, 0, SEGMENT_NO_PARENT}};
static const struct target targets[] = {{0, 2}, {1, 7}, {3, 1}, {5, 8}};
static const float coefs[] = {0.5f, 0.25f, 0.25f, 1};
static const struct batch batch = {TOKENS, ids, positions, segments, 2, targets, 4, coefs, 0};

static double sum_of(const float loss[4])
{
    double sum = 0;
    for (size_t i = 0; i < 4; i++)
        sum += (double)coefs[i] * loss[i];
    return sum;
}

/* Moves all trained parameters along a random direction; returns what the gradients say that the
 * loss changes for each unit of it. */
static double move(struct maze *m, double factor)
{
    struct rng rng = {.seed = 99};
    double change = 0;
    for (size_t i = 0; i < m->n_params; i++) {
        struct param *p = m->params[i];
        for (size_t j = 0; p->grad && j < param_count(p); j++) {
            double direction = rng_normal(&rng);
            p->value[j] = (float)(p->value[j] + factor * direction);
            change += direction * p->grad[j];
        }
    }
    return change;
}

static void check_slope(struct maze *m, struct run *run, uint64_t seed)
{
    const double h = 0.001;
    float loss[4];
    double wanted = move(m, h), found;
    run_losses(run, &batch, NULL, loss, NULL);
    found = sum_of(loss);
    move(m, -2 * h);
    run_losses(run, &batch, NULL, loss, NULL);
    found = (found - sum_of(loss)) / (2 * h);
    move(m, h);
    if (!(fabs(found - wanted) <= 0.01 * fabs(wanted) + 0.02))
        fail_msg("tape %zu: the loss changes by %g, the gradients say %g", (size_t)seed, found,
                 wanted);
}

/* All gradients, in one array of the arena; they are 0 afterwards. */
static float *take_gradients(struct maze *m, size_t *n)
{
    float *all = arena_array(&m->arena, float, PARAMS_MOST *WORDS *WIDTH);
    *n = 0;
    for (size_t i = 0; i < m->n_params; i++) {
        struct param *p = m->params[i];
        for (size_t j = 0; p->grad && j < param_count(p); j++) {
            all[(*n)++] = p->grad[j];
            p->grad[j] = 0;
        }
    }
    return all;
}

static void check_redone(struct maze *m, const struct run_options *plain, uint64_t bytes,
                         const float *wanted, size_t n)
{
    struct err err = {0};
    struct run run;
    struct run_options o = *plain;
    float loss[4];
    size_t count;
    for (size_t i = 0; i < 8; i++) {
        o.memory_bytes = bytes * (9 - i) / 10;
        if (!run_init(&run, &m->tape, &m->backend, &o, &err))
            return;
        run.poisons = true;
        run_train(&run, &batch, loss);
        run_release(&run);
        assert_memory_equal(take_gradients(m, &count), wanted, n * sizeof(float));
    }
}

/* What is kept in 16 bits gives other gradients, but the same each time, and near. */
static void check_bf16(struct maze *m, const struct run_options *plain, const float *wanted)
{
    struct err err = {0};
    struct run run;
    struct run_options o = *plain;
    float loss[4];
    size_t n;
    double error = 0, norm = 0;
    o.keeps_bf16 = true;
    ASSERT_OK(run_init(&run, &m->tape, &m->backend, &o, &err));
    run_train(&run, &batch, loss);
    float *once = take_gradients(m, &n);
    run.poisons = true;
    run_train(&run, &batch, loss);
    assert_memory_equal(take_gradients(m, &n), once, n * sizeof(float));
    run_release(&run);
    for (size_t i = 0; i < n; i++) {
        error += ((double)once[i] - wanted[i]) * ((double)once[i] - wanted[i]);
        norm += (double)wanted[i] * wanted[i];
    }
    assert_true(sqrt(error) <= 0.1 * sqrt(norm) + 1e-6);
}

static void check_maze(uint64_t seed)
{
    struct err err = {0};
    struct maze m;
    struct run run;
    struct run_options o = {.rows = TOKENS, .targets = 4, .keys = TOKENS, .trains = true};
    float loss[4], evaluated[4];
    size_t n, count;
    open_maze(&m, seed);
    ASSERT_OK(run_init(&run, &m.tape, &m.backend, &o, &err));
    run_train(&run, &batch, loss);
    run_losses(&run, &batch, NULL, evaluated, NULL);
    assert_memory_equal(loss, evaluated, sizeof loss);
    check_slope(&m, &run, seed);
    float *once = take_gradients(&m, &n);

    run_train(&run, &batch, loss); /* the parameters are back, but for rounding */
    once = take_gradients(&m, &n);
    run.poisons = true;
    run_train(&run, &batch, loss);
    assert_memory_equal(take_gradients(&m, &count), once, n * sizeof(float));
    uint64_t bytes = run.plan.bytes + run.plan.workspace_bytes;
    run_release(&run);
    check_redone(&m, &o, bytes, once, n);
    check_bf16(&m, &o, once);
    close_maze(&m);
}

static void random_tapes_have_the_gradients_of_their_losses(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < TAPES; seed++)
        check_maze(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_tapes_have_the_gradients_of_their_losses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
