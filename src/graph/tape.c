/*
 * tape.c - the record: nodes and values in the order in which they were asked for.
 *
 * A model is written once, forward only, in coarse operations (op_*.c). Each constructor checks
 * shapes, notes what the node reads, computes and trains, and leaves. All that follows from the
 * record (adjoints, lifetimes, what is computed anew) is derived by program.c, so an operation's
 * file says only what the operation is: its row in op_table.
 *
 * Layers are numbered from 1; what comes before the first counts as layer 0 and is never computed
 * anew as a whole. An addition that opens a layer is put into the layer before: decoders add the
 * output of one layer's feed-forward part in the same pass that norms it for the next
 * (op_add_norm), and two values instead of their sum would otherwise pass from layer to layer.
 */
#include "graph/node.h"

static const struct op *const op_table[OP_KINDS] = {
    [OP_EMBED] = &op_embed_row,   [OP_NORM] = &op_norm_row, [OP_ADD] = &op_add_row,
    [OP_LINEAR] = &op_linear_row, [OP_ROPE] = &op_rope_row, [OP_ATTN] = &op_attn_row,
    [OP_ACT] = &op_act_row,       [OP_XENT] = &op_xent_row,
};

const struct op *node_op(const struct node *node)
{
    return op_table[node->kind];
}

bool node_is_trained(const struct node *node)
{
    for (size_t i = 0; i < node->n_params; i++) {
        if (node->params[i]->grad)
            return true;
    }
    return false;
}

struct view op_whole(struct value *v)
{
    return (struct view){v, 0, v->width};
}

struct view op_part(struct value *v, size_t first, size_t width)
{
    CHECK(width > 0 && first + width <= v->width);
    return (struct view){v, first, width};
}

void op_begin_layer(struct tape *tape)
{
    tape->n_layers++;
    tape->layer_start = tape->n_nodes;
}

/* Room for one more pointer; an arena frees nothing, so the old lists stay until its end. */
static void *grow(struct arena *arena, void *list, size_t n, size_t *cap)
{
    if (n < *cap)
        return list;
    *cap = max_size(64, 2 * *cap);
    void **grown = arena_array(arena, void *, *cap);
    if (n > 0)
        memcpy(grown, list, n * sizeof *grown);
    return grown;
}

struct node *tape_node(struct tape *tape, enum op_kind kind)
{
    CHECK(tape->n_nodes == 0 || tape->nodes[tape->n_nodes - 1]->kind != OP_XENT);
    struct node *node = arena_new(&tape->arena, struct node);
    bool opens = kind == OP_ADD && tape->n_layers > 0 && tape->layer_start == tape->n_nodes;
    node->kind = kind;
    node->index = tape->n_nodes;
    node->layer = tape->n_layers - opens;
    tape->layer_start += opens;
    tape->nodes = grow(&tape->arena, tape->nodes, tape->n_nodes, &tape->nodes_cap);
    tape->nodes[tape->n_nodes++] = node;
    return node;
}

struct value *tape_value(struct tape *tape, const struct node *node, size_t width)
{
    CHECK(width > 0);
    struct value *v = arena_new(&tape->arena, struct value);
    v->index = tape->n_values;
    v->width = width;
    v->node = node;
    tape->values = grow(&tape->arena, tape->values, tape->n_values, &tape->values_cap);
    tape->values[tape->n_values++] = v;
    return v;
}

void node_read(struct node *node, struct view v)
{
    CHECK(node->n_in < NODE_INPUTS_MOST);
    CHECK(v.width > 0 && v.first + v.width <= v.of->width);
    node->in[node->n_in++] = v;
}

void node_use_param(struct node *node, const struct param *p)
{
    if (!p)
        return;
    CHECK(node->n_params < NODE_PARAMS_MOST);
    node->params[node->n_params++] = p;
}

void tape_release(struct tape *tape)
{
    arena_release(&tape->arena);
    *tape = (struct tape){0};
}
