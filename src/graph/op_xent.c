/*
 * op_xent.c - the end of a model: the projection to the vocabulary with the cross-entropy of the
 * targets, or the logits of a few rows.
 *
 * It has no adjoint of its own: the pass that computes the losses computes the adjoint of its input
 * at once, because the logits, which both need, are never kept.
 */
#include "graph/node.h"

void op_xent(struct tape *tape, struct value *h, const struct xent_spec *spec)
{
    struct node *node = tape_node(tape, OP_XENT);
    CHECK(!spec->head.weight->weight.transposed);
    linear_part_use(node, &spec->head, h->width);
    node->spec.xent = *spec;
    node_read(node, op_whole(h));
}

static struct xent_args xent_args(const struct call *c)
{
    const struct xent_spec *spec = &c->node->spec.xent;
    struct xent_args a = {
        .h = c->in[0],
        .head = linear_part_args(&spec->head),
        .logit_scale = spec->logit_scale,
        .softcap = spec->softcap,
        .target = c->batch->target,
        .n_targets = c->batch->n_targets,
        .loss = c->outcome->loss,
        .best = c->outcome->best,
    };
    a.head.dropout_stream = c->node->index * LINEAR_PARTS_MOST;
    if (c->trains) {
        a.dropout = spec->dropout;
        a.dropout_seed = c->batch->dropout_seed;
        a.coef = c->batch->coef;
        a.dh = c->d_in[0];
    }
    return a;
}

static void forward(const struct call *c)
{
    struct xent_args a = xent_args(c);
    if (c->outcome->row) {
        CHECK(c->outcome->z.rows >= c->outcome->n_rows &&
              c->outcome->z.width == a.head.weight.rows);
        struct logits_args l = {.of = a, .row = c->outcome->row, .z = c->outcome->z};
        l.z.rows = c->outcome->n_rows;
        c->backend->ops->logits(c->backend, &l);
    } else if (c->trains || a.n_targets > 0) {
        c->backend->ops->xent(c->backend, &a);
    }
}

static unsigned needs(const struct node *node)
{
    (void)node;
    return 0;
}

static void measure(const struct node *node, struct backend_sizes *sizes)
{
    const struct linear_spec_part *head = &node->spec.xent.head;
    const struct weight *w = &head->weight->weight;
    sizes->vocabulary_width = max_size(sizes->vocabulary_width, w->width);
    sizes->vocabulary = max_size(sizes->vocabulary, w->rows);
    sizes->vocabulary_rank = max_size(sizes->vocabulary_rank, linear_part_rank(head));
    sizes->trains_vocabulary |= node_is_trained(node);
}

const struct op op_xent_row = {false, needs, forward, NULL, measure};
