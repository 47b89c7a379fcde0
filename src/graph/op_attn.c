/*
 * op_attn.c - rotary positions, and attention among the tokens of a batch or with those of a cache.
 *
 * A rope has no output: it turns columns of a value where they lie, and its adjoint turns the
 * columns of the adjoint back. So nobody may have read these columns before it (CHECKed): the value
 * has the turned numbers from the moment it is first used.
 *
 * With a cache, keys and values of the batch's tokens are first copied to the rows that their
 * segments name; attention then reads the cache alone, where those of earlier passes already lie.
 */
#include "graph/node.h"

void op_rope(struct tape *tape, struct view x, const struct rope_spec *spec)
{
    CHECK(spec->head > 0 && x.width % spec->head == 0);
    CHECK(spec->rotary <= spec->head && spec->rotary % 2 == 0);
    for (size_t i = x.of->node->index + 1; i < tape->n_nodes; i++) {
        for (size_t j = 0; j < tape->nodes[i]->n_in; j++)
            CHECK(!views_overlap(tape->nodes[i]->in[j], x));
    }
    struct node *node = tape_node(tape, OP_ROPE);
    node->spec.rope = *spec;
    node_read(node, x);
}

struct value *op_attn(struct tape *tape, struct view q, struct view k, struct view v,
                      const struct attn_spec *spec)
{
    CHECK(spec->kv_heads > 0 && spec->heads % spec->kv_heads == 0);
    CHECK(q.width == spec->heads * spec->head);
    CHECK(k.width == spec->kv_heads * spec->head && v.width == k.width);
    struct node *node = tape_node(tape, OP_ATTN);
    node->spec.attn = *spec;
    node_read(node, q);
    node_read(node, k);
    node_read(node, v);
    node->out = tape_value(tape, node, q.width);
    node->state = tape_value(tape, node, spec->heads);
    return node->out;
}

/* The rotation of a forward pass, or of an adjoint. */
static struct rope_args rope_args(const struct call *c, struct mat x)
{
    const struct rope_spec *spec = &c->node->spec.rope;
    return (struct rope_args){
        .x = x,
        .head = spec->head,
        .rotary = spec->rotary,
        .interleaved = spec->interleaved,
        .cos = spec->cos,
        .sin = spec->sin,
        .position = c->batch->position,
    };
}

static void rope_forward(const struct call *c)
{
    struct rope_args a = rope_args(c, c->in[0]);
    c->backend->ops->rope(c->backend, &a);
}

static void rope_back(const struct call *c)
{
    struct rope_args a = rope_args(c, c->d_in[0].to);
    c->backend->ops->rope_back(c->backend, &a);
}

static unsigned rope_needs(const struct node *node)
{
    (void)node;
    return 0;
}

static void rope_measure(const struct node *node, struct backend_sizes *sizes)
{
    sizes->head = max_size(sizes->head, node->spec.rope.head);
}

static struct attn_args attn_args(const struct call *c)
{
    const struct attn_spec *spec = &c->node->spec.attn;
    return (struct attn_args){
        .q = c->in[0],
        .k = c->in[1],
        .v = c->in[2],
        .o = c->out,
        .lse = c->state,
        .heads = spec->heads,
        .kv_heads = spec->kv_heads,
        .head = spec->head,
        .scale = spec->scale,
        .softcap = spec->softcap,
        .window = spec->window,
        .segment = c->batch->segment,
        .n_segments = c->batch->n_segments,
        .d_o = c->d_out,
        .dq = c->d_in[0].to,
        .dk = c->d_in[1].to,
        .dv = c->d_in[2].to,
    };
}

static struct mat rows_of(struct mat m, size_t first, size_t n)
{
    CHECK(first + n <= m.rows);
    m.at += first * m.stride;
    m.rows = n;
    return m;
}

/* The rows of `from` that are new to the rows of the cache that wait for them. */
static void store(const struct call *c, struct mat cache, struct mat from)
{
    for (size_t i = 0; i < c->batch->n_segments; i++) {
        const struct segment *s = &c->batch->segment[i];
        if (s->query == SEGMENT_NO_QUERIES || s->n == 0)
            continue;
        c->backend->ops->copy(c->backend, rows_of(cache, (size_t)s->key, (size_t)s->n),
                              rows_of(from, (size_t)s->query, (size_t)s->n));
    }
}

static void attn_forward(const struct call *c)
{
    struct attn_args a = attn_args(c);
    if (c->cache) {
        size_t layer = c->node->spec.attn.layer;
        CHECK(layer < c->cache->n_layers);
        a.k = c->cache->k[layer];
        a.v = c->cache->v[layer];
        CHECK(a.k.width == c->in[1].width && a.v.width == c->in[2].width);
        store(c, a.k, c->in[1]);
        store(c, a.v, c->in[2]);
    }
    c->backend->ops->attn(c->backend, &a);
}

static void attn_back(const struct call *c)
{
    struct attn_args a = attn_args(c);
    c->backend->ops->attn_back(c->backend, &a);
}

static unsigned attn_needs(const struct node *node)
{
    (void)node;
    return NEEDS_IN | NEEDS_OUT | NEEDS_STATE;
}

static void attn_measure(const struct node *node, struct backend_sizes *sizes)
{
    const struct attn_spec *spec = &node->spec.attn;
    sizes->heads = max_size(sizes->heads, spec->heads);
    sizes->kv_heads = max_size(sizes->kv_heads, spec->kv_heads);
    sizes->head = max_size(sizes->head, spec->head);
}

const struct op op_rope_row = {false, rope_needs, rope_forward, rope_back, rope_measure};
const struct op op_attn_row = {false, attn_needs, attn_forward, attn_back, attn_measure};
