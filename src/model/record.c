/*
 * record.c - a decoder written down as operations, forward only.
 *
 *     x = embed(ids)
 *     each layer:   x = x + post(attention(pre(x)));   x = x + post(feed_forward(pre(x)))
 *     loss = xent(norm(x))
 *
 * where pre and post are norms that a family may have or not, and attention is
 *
 *     q, k, v = linear(h);   q, k = rope(norm(q), norm(k));   linear(attn(q, k, v))
 *
 * What a part gives is added to the residual stream together with the norm that reads the stream
 * next: one pass over both. So an addition waits until the next norm is known, and a layer begins
 * with the addition of what the one before it gave.
 *
 * The tables of angles live in the tape's own arena.
 */
#include "model/parts.h"
#include "model/rope.h"

struct recorder {
    const struct model *model;
    const struct model_config *config;
    struct tape *tape;
    struct rope_spec rope[ROPES_MOST];
    bool without_adapters;
};

static const struct param *weight_of(const struct recorder *r, const struct module *m)
{
    return m->own_weight && !r->without_adapters ? m->own_weight : m->weight;
}

static const struct param *bias_of(const struct recorder *r, const struct module *m)
{
    return m->own_bias && !r->without_adapters ? m->own_bias : m->bias;
}

static struct rope_spec make_rope(struct recorder *r, const struct rope_config *rope,
                                  size_t n_positions)
{
    size_t n = n_positions * (rope->rotary / 2);
    float *cosines = arena_array(&r->tape->arena, float, n);
    float *sines = arena_array(&r->tape->arena, float, n);
    rope_table(rope, n_positions, cosines, sines);
    return (struct rope_spec){.head = r->config->head,
                              .rotary = rope->rotary,
                              .interleaved = rope->interleaved,
                              .n_positions = n_positions,
                              .cos = cosines,
                              .sin = sines};
}

static struct norm_spec make_norm(struct recorder *r, const struct module *m)
{
    const struct model_config *c = r->config;
    return (struct norm_spec){.kind = c->norm,
                              .group = m->in,
                              .eps = c->norm_eps,
                              .shift = c->norm_shift,
                              .weight = weight_of(r, m),
                              .bias = bias_of(r, m)};
}

static struct value *norm(struct recorder *r, struct view x, const struct module *m)
{
    struct norm_spec spec = make_norm(r, m);
    return op_norm(r->tape, x, &spec);
}

static struct linear_spec_part make_part(const struct recorder *r, const struct module *m)
{
    struct linear_spec_part part = {.weight = weight_of(r, m), .bias = bias_of(r, m)};
    if (m->lora_a && !r->without_adapters) {
        part.lora_a = m->lora_a;
        part.lora_b = m->lora_b;
        part.lora_scale = (float)m->lora_scale;
    }
    return part;
}

/* The modules of these slots that the model has, side by side. */
static struct value *linear(struct recorder *r, struct value *x, const enum slot *slots,
                            size_t n_slots, size_t layer)
{
    struct linear_spec spec = {.dropout = (float)r->model->parts->lora.dropout};
    for (size_t i = 0; i < n_slots; i++) {
        const struct module *m = model_module(r->model, slots[i], layer);
        if (m)
            spec.part[spec.n_parts++] = make_part(r, m);
    }
    return op_linear(r->tape, x, &spec);
}

/* Query or key heads: normed where the family does, turned where the layer does. */
static struct view heads(struct recorder *r, struct view x, enum slot slot, size_t layer)
{
    const struct module *m = model_module(r->model, slot, layer);
    int rope = r->config->layers[layer].rope;
    if (m)
        x = op_whole(norm(r, x, m));
    if (rope != ROPE_NONE)
        op_rope(r->tape, x, &r->rope[rope]);
    return x;
}

static struct value *attention(struct recorder *r, struct value *h, size_t layer)
{
    static const enum slot inputs[] = {SLOT_QKV, SLOT_Q, SLOT_K, SLOT_V}, output[] = {SLOT_OUT};
    const struct model_config *c = r->config;
    size_t n_q = c->heads * c->head, n_k = c->kv_heads * c->head;
    struct attn_spec spec = {.heads = c->heads,
                             .kv_heads = c->kv_heads,
                             .head = c->head,
                             .scale = c->attn_scale,
                             .softcap = c->attn_softcap,
                             .window = c->layers[layer].window,
                             .layer = layer};
    if (c->divides_by_layer)
        spec.scale /= (float)(layer + 1);
    struct value *qkv = linear(r, h, inputs, COUNT_OF(inputs), layer);
    struct view q = heads(r, op_part(qkv, 0, n_q), SLOT_Q_NORM, layer);
    struct view k = heads(r, op_part(qkv, n_q, n_k), SLOT_K_NORM, layer);
    struct value *o = op_attn(r->tape, q, k, op_part(qkv, n_q + n_k, n_k), &spec);
    return linear(r, o, output, 1, layer);
}

static struct value *feed_forward(struct recorder *r, struct value *h, size_t layer)
{
    static const enum slot inputs[] = {SLOT_GATE_UP, SLOT_GATE, SLOT_UP}, output[] = {SLOT_DOWN};
    struct value *up = linear(r, h, inputs, COUNT_OF(inputs), layer);
    return linear(r, op_act(r->tape, up, r->config->act, r->config->glu), output, 1, layer);
}

/* The norm of an output, where the family has it. */
static struct value *post(struct recorder *r, struct value *y, enum slot slot, size_t layer)
{
    const struct module *m = model_module(r->model, slot, layer);
    return m ? norm(r, op_whole(y), m) : y;
}

/* The residual stream: x, and what is still to be added to it. */
struct stream {
    struct value *x, *y; /* y NULL: nothing */
};

/* Adds what waits; gives what reads the stream: its norm, or itself where that is NULL. */
static struct value *join(struct recorder *r, struct stream *s, const struct module *m)
{
    struct value *y = s->y;
    s->y = NULL;
    if (m && y) {
        struct norm_spec spec = make_norm(r, m);
        struct residual both = op_add_norm(r->tape, s->x, y, &spec);
        s->x = both.sum;
        return both.normed;
    }
    if (y)
        s->x = op_add(r->tape, s->x, y);
    return m ? norm(r, op_whole(s->x), m) : s->x;
}

static void record_layer(struct recorder *r, struct stream *s, size_t layer)
{
    const struct module *ff_norm = model_module(r->model, SLOT_FF_NORM, layer);
    op_begin_layer(r->tape);
    struct value *h = join(r, s, model_module(r->model, SLOT_ATTN_NORM, layer));
    struct value *a = post(r, attention(r, h, layer), SLOT_ATTN_POST_NORM, layer);
    if (r->config->is_parallel) { /* the feed-forward part reads the stream without a */
        struct value *f = feed_forward(r, join(r, s, ff_norm), layer);
        s->x = op_add(r->tape, s->x, a);
        s->y = f;
        return;
    }
    s->y = a;
    h = join(r, s, ff_norm);
    s->y = post(r, feed_forward(r, h, layer), SLOT_FF_POST_NORM, layer);
}

void model_record(const struct model *model, struct tape *tape,
                  const struct record_options *options)
{
    const struct model_config *c = &model->config;
    const struct module *positions = model_module(model, SLOT_POSITIONS, 0);
    struct recorder r = {
        .model = model, .config = c, .tape = tape, .without_adapters = options->without_adapters};
    CHECK(options->longest > 0 && options->longest <= c->max_positions);
    for (size_t i = 0; i < c->n_ropes; i++)
        r.rope[i] = make_rope(&r, &c->rope[i], options->longest);

    struct stream s = {.x = op_embed(tape, weight_of(&r, model_module(model, SLOT_TOKENS, 0)),
                                     positions ? weight_of(&r, positions) : NULL, c->embed_scale)};
    for (size_t i = 0; i < c->n_layers; i++)
        record_layer(&r, &s, i);
    struct value *h = join(&r, &s, model_module(model, SLOT_NORM, 0));
    struct xent_spec spec = {.head = make_part(&r, model_module(model, SLOT_HEAD, 0)),
                             .logit_scale = c->logit_scale,
                             .softcap = c->logit_softcap,
                             .dropout = (float)model->parts->lora.dropout};
    op_xent(tape, h, &spec);
}
