/*
 * op_linear.c - linear layers with one input side by side (q, k, v; gate, up), each with an adapter
 * of low rank where it has one.
 *
 * The adjoint reads the input only for the gradients of the weights and of the adapters' first
 * matrices: where those are frozen, the input is not kept. The projections onto the adapters'
 * rank are kept; they are small. Dropout is drawn from a counter, so that what is computed anew is
 * the same again: its stream is the place of the layer on the tape.
 */
#include "graph/node.h"

size_t linear_part_rank(const struct linear_spec_part *part)
{
    return part->lora_a ? part->lora_a->weight.rows : 0;
}

void linear_part_use(struct node *node, const struct linear_spec_part *part, size_t k)
{
    const struct weight *w = &part->weight->weight;
    CHECK(weight_in(w) == k);
    CHECK(!part->bias || param_count(part->bias) == weight_out(w));
    CHECK(!part->lora_a == !part->lora_b);
    if (part->lora_a) {
        const struct weight *a = &part->lora_a->weight, *b = &part->lora_b->weight;
        CHECK(a->width == k && b->rows == weight_out(w) && b->width == a->rows);
    }
    node_use_param(node, part->weight);
    node_use_param(node, part->bias);
    node_use_param(node, part->lora_a);
    node_use_param(node, part->lora_b);
}

struct value *op_linear(struct tape *tape, struct value *x, const struct linear_spec *spec)
{
    struct node *node = tape_node(tape, OP_LINEAR);
    CHECK(spec->n_parts >= 1 && spec->n_parts <= LINEAR_PARTS_MOST);
    size_t n = 0, rank = 0;
    for (size_t i = 0; i < spec->n_parts; i++) {
        const struct linear_spec_part *part = &spec->part[i];
        linear_part_use(node, part, x->width);
        n += weight_out(&part->weight->weight);
        rank += linear_part_rank(part);
    }
    node->spec.linear = *spec;
    node_read(node, op_whole(x));
    node->out = tape_value(tape, node, n);
    if (rank > 0)
        node->state = tape_value(tape, node, rank);
    return node->out;
}

struct linear_part linear_part_args(const struct linear_spec_part *part)
{
    struct linear_part a = {
        .weight = part->weight->weight,
        .bias = param_vector(part->bias),
        .dweight = part->weight->grad,
        .dbias = part->bias ? part->bias->grad : NULL,
    };
    if (part->lora_a) {
        a.lora_a = param_vector(part->lora_a);
        a.lora_b = param_vector(part->lora_b);
        a.rank = linear_part_rank(part);
        a.lora_scale = part->lora_scale;
        a.dlora_a = part->lora_a->grad;
        a.dlora_b = part->lora_b->grad;
    }
    return a;
}

static struct linear_args linear_args(const struct call *c)
{
    const struct linear_spec *spec = &c->node->spec.linear;
    struct linear_args a = {
        .x = c->in[0],
        .y = c->out,
        .u = c->state,
        .n_parts = spec->n_parts,
        .dropout = c->trains ? spec->dropout : 0,
        .dropout_seed = c->batch->dropout_seed,
        .dy = c->d_out,
        .dx = c->d_in[0],
    };
    for (size_t i = 0; i < spec->n_parts; i++) {
        a.part[i] = linear_part_args(&spec->part[i]);
        a.part[i].dropout_stream = c->node->index * LINEAR_PARTS_MOST + i;
    }
    return a;
}

static void forward(const struct call *c)
{
    struct linear_args a = linear_args(c);
    c->backend->ops->linear(c->backend, &a);
}

static void back(const struct call *c)
{
    struct linear_args a = linear_args(c);
    c->backend->ops->linear_back(c->backend, &a);
}

static unsigned needs(const struct node *node)
{
    const struct linear_spec *spec = &node->spec.linear;
    unsigned needed = node->state ? NEEDS_STATE : 0;
    for (size_t i = 0; i < spec->n_parts; i++) {
        const struct linear_spec_part *part = &spec->part[i];
        if (part->weight->grad || (part->lora_a && part->lora_a->grad))
            needed |= NEEDS_IN;
    }
    return needed;
}

static void measure(const struct node *node, struct backend_sizes *sizes)
{
    size_t in = node->in[0].width, out = node->out->width;
    size_t rank = node->state ? node->state->width : 0;
    sizes->linear_in = max_size(sizes->linear_in, in);
    sizes->linear_out = max_size(sizes->linear_out, out);
    sizes->linear_weights = max_size(sizes->linear_weights, in * out);
    sizes->linear_rank = max_size(sizes->linear_rank, rank);
}

const struct op op_linear_row = {false, needs, forward, back, measure};
