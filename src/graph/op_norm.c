/*
 * op_norm.c - norms, and the additions of the residual stream.
 *
 * op_add_norm records two nodes, an addition and a norm: their adjoints and their lifetimes have
 * nothing in common (the sum is kept, the normed one is computed anew). Where the norm comes right
 * behind the addition, program.c makes one pass of the two again.
 *
 * The adjoint of an addition hands the adjoint of the sum on to both addends. Mostly it computes
 * nothing at all, because the three share one buffer (program.c); else it copies or adds.
 */
#include "graph/node.h"

static struct value *record_norm(struct tape *tape, struct view x, const struct norm_spec *spec)
{
    struct node *node = tape_node(tape, OP_NORM);
    CHECK(spec->group > 0 && x.width % spec->group == 0);
    CHECK(!spec->weight || param_count(spec->weight) == spec->group);
    CHECK(!spec->bias || param_count(spec->bias) == spec->group);
    node->spec.norm = *spec;
    node_read(node, x);
    node_use_param(node, spec->weight);
    node_use_param(node, spec->bias);
    node->out = tape_value(tape, node, x.width);
    node->state = tape_value(tape, node, 2 * (x.width / spec->group));
    return node->out;
}

struct value *op_norm(struct tape *tape, struct view x, const struct norm_spec *spec)
{
    return record_norm(tape, x, spec);
}

struct value *op_add(struct tape *tape, struct value *x, struct value *y)
{
    CHECK(x != y && x->width == y->width);
    struct node *node = tape_node(tape, OP_ADD);
    node_read(node, op_whole(x));
    node_read(node, op_whole(y));
    node->out = tape_value(tape, node, x->width);
    return node->out;
}

struct residual op_add_norm(struct tape *tape, struct value *x, struct value *y,
                            const struct norm_spec *spec)
{
    struct value *sum = op_add(tape, x, y);
    return (struct residual){sum, record_norm(tape, op_whole(sum), spec)};
}

static struct norm_args norm_args(const struct call *c)
{
    const struct norm_spec *spec = &c->node->spec.norm;
    struct norm_args a = {
        .kind = spec->kind,
        .group = spec->group,
        .eps = spec->eps,
        .shift = spec->shift,
        .x = c->in[0],
        .y = c->out,
        .weight = param_vector(spec->weight),
        .bias = param_vector(spec->bias),
        .stat = c->state,
        .dy = c->d_out,
        .dx = c->d_in[0],
        .dweight = spec->weight ? spec->weight->grad : NULL,
        .dbias = spec->bias ? spec->bias->grad : NULL,
    };
    if (c->sum.at) {
        a.add = c->in[1];
        a.sum = c->sum;
    }
    return a;
}

static void norm_forward(const struct call *c)
{
    struct norm_args a = norm_args(c);
    c->backend->ops->norm(c->backend, &a);
}

static void norm_back(const struct call *c)
{
    struct norm_args a = norm_args(c);
    c->backend->ops->norm_back(c->backend, &a);
}

static unsigned norm_needs(const struct node *node)
{
    (void)node;
    return NEEDS_IN | NEEDS_STATE;
}

static void norm_measure(const struct node *node, struct backend_sizes *sizes)
{
    sizes->width = max_size(sizes->width, node->in[0].width);
}

static void add_forward(const struct call *c)
{
    c->backend->ops->add(c->backend, c->out, c->in[0], c->in[1]);
}

static void add_back(const struct call *c)
{
    for (size_t i = 0; i < 2; i++) {
        struct mat dx = c->d_in[i].to;
        if (dx.at && c->d_in[i].adds)
            c->backend->ops->add(c->backend, dx, dx, c->d_out);
        else if (dx.at)
            c->backend->ops->copy(c->backend, dx, c->d_out);
    }
}

static unsigned add_needs(const struct node *node)
{
    (void)node;
    return 0;
}

static void add_measure(const struct node *node, struct backend_sizes *sizes)
{
    sizes->width = max_size(sizes->width, node->out->width);
}

const struct op op_norm_row = {true, norm_needs, norm_forward, norm_back, norm_measure};
const struct op op_add_row = {false, add_needs, add_forward, add_back, add_measure};
