/*
 * op_act.c - the activation of the feed-forward part, gated or not. Its adjoint reads the input
 * alone, and its output is cheap to compute anew from that: of the three widths of a gated layer
 * two are kept.
 */
#include "graph/node.h"

struct value *op_act(struct tape *tape, struct value *x, enum act_kind kind, bool glu)
{
    CHECK(!glu || x->width % 2 == 0);
    struct node *node = tape_node(tape, OP_ACT);
    node->spec.act = (struct act_spec){kind, glu};
    node_read(node, op_whole(x));
    node->out = tape_value(tape, node, glu ? x->width / 2 : x->width);
    return node->out;
}

static struct act_args act_args(const struct call *c)
{
    const struct act_spec *spec = &c->node->spec.act;
    return (struct act_args){
        .kind = spec->kind,
        .glu = spec->glu,
        .x = c->in[0],
        .y = c->out,
        .dy = c->d_out,
        .dx = c->d_in[0],
    };
}

static void forward(const struct call *c)
{
    struct act_args a = act_args(c);
    c->backend->ops->act(c->backend, &a);
}

static void back(const struct call *c)
{
    struct act_args a = act_args(c);
    c->backend->ops->act_back(c->backend, &a);
}

static unsigned needs(const struct node *node)
{
    (void)node;
    return NEEDS_IN;
}

static void measure(const struct node *node, struct backend_sizes *sizes)
{
    sizes->width = max_size(sizes->width, node->in[0].width);
}

const struct op op_act_row = {true, needs, forward, back, measure};
