/*
 * op_embed.c - the rows of the embedding that belong to the batch's tokens; with learned positions
 * (GPT-2) their rows are added. Where a token stands in its text is told by the batch.
 *
 * It is cheap: ids are at hand, so the first layer's input need not wait for the adjoint.
 */
#include "graph/node.h"

struct value *op_embed(struct tape *tape, const struct param *tokens, const struct param *positions,
                       float scale)
{
    struct node *node = tape_node(tape, OP_EMBED);
    CHECK(!positions || positions->weight.width == tokens->weight.width);
    node->spec.embed = (struct embed_spec){tokens, positions, scale};
    node_use_param(node, tokens);
    node_use_param(node, positions);
    node->out = tape_value(tape, node, tokens->weight.width);
    return node->out;
}

static struct embed_args embed_args(const struct call *c)
{
    const struct embed_spec *spec = &c->node->spec.embed;
    return (struct embed_args){
        .y = c->out,
        .tokens = spec->tokens->weight,
        .positions = spec->positions ? spec->positions->weight : (struct weight){0},
        .id = c->batch->id,
        .position = c->batch->position,
        .scale = spec->scale,
        .has_padding = spec->tokens->has_padding,
        .padding = spec->tokens->padding,
        .dy = c->d_out,
        .dtokens = spec->tokens->grad,
        .dpositions = spec->positions ? spec->positions->grad : NULL,
    };
}

static void forward(const struct call *c)
{
    struct embed_args a = embed_args(c);
    c->backend->ops->embed(c->backend, &a);
}

static void back(const struct call *c)
{
    struct embed_args a = embed_args(c);
    c->backend->ops->embed_back(c->backend, &a);
}

static unsigned needs(const struct node *node)
{
    (void)node;
    return 0;
}

static void measure(const struct node *node, struct backend_sizes *sizes)
{
    const struct weight *tokens = &node->spec.embed.tokens->weight;
    sizes->width = max_size(sizes->width, tokens->width);
    sizes->vocabulary = max_size(sizes->vocabulary, tokens->rows);
}

const struct op op_embed_row = {true, needs, forward, back, measure};
