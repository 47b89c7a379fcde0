#include "test/support/decoder.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"

#define LLAMA                                                                                      \
    .layers = 3, .width = 8, .heads = 4, .kv_heads = 2, .head = 4, .feed_forward = 12,             \
    .vocabulary = 13

const struct decoder_options decoder_kinds[] = {
    {"llama", LLAMA},
    {"llama with adapters", LLAMA, .rank = 2},
    {"llama with adapters and dropout", LLAMA, .rank = 2, .dropout = 0.3f},
    {"llama with adapters at q alone", LLAMA, .rank = 2, .q_only = true},
    {"q, k and v apart, adapters at q alone", LLAMA, .rank = 2, .q_only = true, .apart = true},
    {"gpt2", LLAMA, .is_gpt2 = true},
    {"gpt2 with adapters, tied", LLAMA, .is_gpt2 = true, .rank = 3, .is_tied = true},
    {"parallel, tied", LLAMA, .is_parallel = true, .is_tied = true},
    {"parallel with adapters", LLAMA, .is_parallel = true, .rank = 2},
    {"norms of q and k, window", LLAMA, .norms_qk = true, .window = 3},
    {"norms of q and k, adapters", LLAMA, .norms_qk = true, .rank = 2},
    {"norms behind, soft caps", LLAMA, .norms_behind = true, .softcap = 5, .logit_softcap = 3},
    {"norms behind, adapters", LLAMA, .norms_behind = true, .rank = 2},
};
const size_t decoder_kind_count = COUNT_OF(decoder_kinds);

const struct decoder_options decoder_smollm2 = {
    "SmolLM2-135M",  .layers = 30, .width = 576,         .heads = 9,
    .kv_heads = 3,   .head = 64,   .feed_forward = 1536, .vocabulary = 49152,
    .is_tied = true, .rank = 16,   .is_hollow = true};

static float somewhere; /* a gradient that nobody computes */

static struct param *add_param(struct toy_decoder *d, size_t rows, size_t width, double mean,
                               bool trained)
{
    assert_true(d->n_params < DECODER_PARAMS_MOST);
    struct param *p = arena_new(&d->arena, struct param);
    struct rng rng = {.seed = 11, .stream = d->n_params};
    p->name = arena_printf(&d->arena, "parameter %zu", d->n_params);
    d->params[d->n_params++] = p;
    p->weight = (struct weight){.dtype = DTYPE_F32, .rows = rows, .width = width};
    if (d->options.is_hollow) {
        p->grad = trained ? &somewhere : NULL;
        return p;
    }
    p->value = arena_array(&d->arena, float, rows *width);
    for (size_t i = 0; i < rows * width; i++)
        p->value[i] = (float)(mean + 0.3 * rng_normal(&rng));
    p->weight.at = p->value;
    if (trained)
        p->grad = arena_array(&d->arena, float, rows *width);
    return p;
}

/* A part of the base. */
static struct param *base_param(struct toy_decoder *d, size_t rows, size_t width, double mean)
{
    return add_param(d, rows, width, mean, d->options.rank == 0);
}

static struct norm_spec make_norm(struct toy_decoder *d, size_t group)
{
    struct norm_spec spec = {.group = group, .eps = 1e-5f, .kind = NORM_RMS};
    spec.weight = base_param(d, 1, group, 1);
    if (d->options.is_gpt2) {
        spec.kind = NORM_LAYER;
        spec.bias = base_param(d, 1, group, 0);
    }
    return spec;
}

static void add_part(struct toy_decoder *d, struct linear_spec *spec, size_t n, size_t k)
{
    const struct decoder_options *o = &d->options;
    struct linear_spec_part *part = &spec->part[spec->n_parts];
    struct param *weight = base_param(d, o->is_gpt2 ? k : n, o->is_gpt2 ? n : k, 0);
    weight->weight.transposed = o->is_gpt2;
    part->weight = weight;
    if (o->is_gpt2)
        part->bias = base_param(d, 1, n, 0);
    if (o->rank > 0 && (!o->q_only || (spec->n_parts == 0 && n == o->heads * o->head))) {
        part->lora_a = add_param(d, o->rank, k, 0, true);
        part->lora_b = add_param(d, n, o->rank, 0, true);
        part->lora_scale = 0.7f;
    }
    spec->n_parts++;
    spec->dropout = o->dropout;
}

static struct value *linear(struct toy_decoder *d, struct value *x, size_t n)
{
    struct linear_spec spec = {0};
    add_part(d, &spec, n, x->width);
    return op_linear(&d->tape, x, &spec);
}

static void turn(struct toy_decoder *d, struct view x)
{
    struct rope_spec spec = {.head = d->options.head,
                             .rotary = d->options.head,
                             .n_positions = DECODER_POSITIONS,
                             .cos = d->cos,
                             .sin = d->sin};
    if (!d->options.is_gpt2)
        op_rope(&d->tape, x, &spec);
}

static struct value *attention(struct toy_decoder *d, struct value *h, size_t layer)
{
    const struct decoder_options *o = &d->options;
    size_t n_q = o->heads * o->head, n_kv = o->kv_heads * o->head;
    struct view q, k, v;
    if (o->apart) {
        q = op_whole(linear(d, h, n_q));
        k = op_whole(linear(d, h, n_kv));
        v = op_whole(linear(d, h, n_kv));
    } else {
        struct linear_spec spec = {0};
        add_part(d, &spec, n_q, h->width);
        add_part(d, &spec, n_kv, h->width);
        add_part(d, &spec, n_kv, h->width);
        struct value *qkv = op_linear(&d->tape, h, &spec);
        q = op_part(qkv, 0, n_q);
        k = op_part(qkv, n_q, n_kv);
        v = op_part(qkv, n_q + n_kv, n_kv);
    }
    if (o->norms_qk) {
        struct norm_spec norm_q = make_norm(d, o->head), norm_k = make_norm(d, o->head);
        q = op_whole(op_norm(&d->tape, q, &norm_q));
        k = op_whole(op_norm(&d->tape, k, &norm_k));
    }
    turn(d, q);
    turn(d, k);
    struct attn_spec spec = {.heads = o->heads,
                             .kv_heads = o->kv_heads,
                             .head = o->head,
                             .scale = 0.5f,
                             .softcap = o->softcap,
                             .window = o->window,
                             .layer = layer};
    return linear(d, op_attn(&d->tape, q, k, v, &spec), o->width);
}

static struct value *feed_forward(struct toy_decoder *d, struct value *h)
{
    size_t n = d->options.feed_forward;
    if (d->options.is_gpt2)
        return linear(d, op_act(&d->tape, linear(d, h, n), ACT_GELU_TANH, false), h->width);
    struct linear_spec spec = {0};
    add_part(d, &spec, n, h->width);
    add_part(d, &spec, n, h->width);
    struct value *gate_up = op_linear(&d->tape, h, &spec);
    return linear(d, op_act(&d->tape, gate_up, ACT_SILU, true), h->width);
}

/* The residual stream: `y` is what has yet to be added to `x`, or NULL. */
struct stream {
    struct value *x, *y;
};

static struct value *norm_stream(struct toy_decoder *d, struct stream *s)
{
    struct norm_spec spec = make_norm(d, d->options.width);
    if (!s->y)
        return op_norm(&d->tape, op_whole(s->x), &spec);
    struct residual r = op_add_norm(&d->tape, s->x, s->y, &spec);
    *s = (struct stream){r.sum, NULL};
    return r.normed;
}

static void record_layer(struct toy_decoder *d, struct stream *s, size_t layer)
{
    op_begin_layer(&d->tape);
    struct value *h = norm_stream(d, s);
    struct value *a = attention(d, h, layer);
    if (d->options.is_parallel) {
        struct value *m = feed_forward(d, h);
        s->x = op_add(&d->tape, s->x, a);
        s->y = m;
        return;
    }
    if (d->options.norms_behind) {
        struct norm_spec behind = make_norm(d, d->options.width);
        a = op_norm(&d->tape, op_whole(a), &behind);
    }
    s->y = a;
    s->y = feed_forward(d, norm_stream(d, s));
}

static void record(struct toy_decoder *d)
{
    const struct decoder_options *o = &d->options;
    struct param *tokens = base_param(d, o->vocabulary, o->width, 0);
    struct param *positions = o->is_gpt2 ? base_param(d, DECODER_POSITIONS, o->width, 0) : NULL;
    for (size_t i = 0; i < param_count(tokens) && !o->is_hollow; i++)
        tokens->value[i] *= 3; /* norms of small numbers bend too much for differences */
    struct stream s = {.x = op_embed(&d->tape, tokens, positions, 1.5f)};
    for (size_t i = 0; i < o->layers; i++)
        record_layer(d, &s, i);
    struct value *h = norm_stream(d, &s);
    struct xent_spec spec = {
        .head.weight = tokens, .logit_scale = 1.1f, .softcap = o->logit_softcap};
    if (!o->is_tied)
        spec.head.weight = base_param(d, o->vocabulary, o->width, 0);
    op_xent(&d->tape, h, &spec);
}

void toy_decoder_make(struct toy_decoder *d, const struct decoder_options *options)
{
    *d = (struct toy_decoder){.options = *options};
    backend_init(&d->backend, &backend_ref, NULL);
    size_t half = options->head / 2;
    d->cos = arena_array(&d->arena, float, DECODER_POSITIONS *half);
    d->sin = arena_array(&d->arena, float, DECODER_POSITIONS *half);
    for (size_t i = 0; i < DECODER_POSITIONS * half; i++) {
        double angle = (double)(i / half) * pow(100, -(double)(i % half) / (double)half);
        d->cos[i] = (float)cos(angle);
        d->sin[i] = (float)sin(angle);
    }
    record(d);
}

void toy_decoder_release(struct toy_decoder *d)
{
    tape_release(&d->tape);
    backend_release(&d->backend);
    arena_release(&d->arena);
}

void toy_decoder_clear(struct toy_decoder *d)
{
    for (size_t i = 0; i < d->n_params; i++) {
        if (d->params[i]->grad)
            memset(d->params[i]->grad, 0, param_count(d->params[i]) * sizeof(float));
    }
}

float *toy_decoder_gradients(const struct toy_decoder *d, struct arena *arena, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < d->n_params; i++)
        *n += d->params[i]->grad ? param_count(d->params[i]) : 0;
    float *all = arena_array(arena, float, *n), *at = all;
    for (size_t i = 0; i < d->n_params; i++) {
        size_t count = param_count(d->params[i]);
        if (!d->params[i]->grad)
            continue;
        memcpy(at, d->params[i]->grad, count * sizeof(float));
        at += count;
    }
    return all;
}

int32_t sample_add(struct sample *s, const struct toy_decoder *d, int32_t parent, const int32_t *id,
                   int32_t n)
{
    struct batch *b = &s->batch;
    struct segment *segment = &s->segment[b->n_segments];
    int32_t first = (int32_t)b->n_tokens;
    assert_true(first + n <= SAMPLE_MOST);
    *segment = (struct segment){.query = first, .key = first, .n = n, .parent = parent};
    if (parent != SEGMENT_NO_PARENT)
        segment->position = s->segment[parent].position + s->segment[parent].n;
    struct rng rng = {.seed = 5, .stream = b->n_segments};
    for (int32_t i = 0; i < n; i++) {
        s->id[first + i] = id ? id[i] : (int32_t)rng_below(&rng, d->options.vocabulary);
        s->position[first + i] = segment->position + i;
    }
    b->n_tokens += (size_t)n;
    b->id = s->id;
    b->position = s->position;
    b->segment = s->segment;
    b->target = s->target;
    b->coef = s->coef;
    b->dropout_seed = 77;
    return (int32_t)b->n_segments++;
}

void sample_target(struct sample *s, int32_t row, int32_t id)
{
    size_t n = s->batch.n_targets++;
    assert_true(n < SAMPLE_MOST);
    s->target[n] = (struct target){row, id};
    s->coef[n] = 0.1f + 0.05f * (float)n;
}

void sample_two(struct sample *s, const struct toy_decoder *d)
{
    *s = (struct sample){0};
    sample_add(s, d, SEGMENT_NO_PARENT, NULL, 7);
    sample_add(s, d, SEGMENT_NO_PARENT, NULL, 4);
    static const int32_t rows[] = {2, 3, 4, 6, 6, 8, 9, 10};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        sample_target(s, rows[i], (int32_t)(i * 5 % d->options.vocabulary));
}

double sample_sum(const struct sample *s)
{
    double sum = 0;
    for (size_t i = 0; i < s->batch.n_targets; i++)
        sum += (double)s->coef[i] * s->loss[i];
    return sum;
}

struct run_options sample_options(bool trains)
{
    return (struct run_options){
        .rows = SAMPLE_MOST, .targets = SAMPLE_MOST, .keys = SAMPLE_MOST, .trains = trains};
}
