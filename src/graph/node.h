/*
 * node.h - one recorded operation, and what an operation is at work. Private to graph/.
 *
 * To add an operation: a slot in backend.h, a kind here, a file op_x.c with its constructor and its
 * row, and that row in op_table (tape.c).
 */
#ifndef PACE_GRAPH_NODE_H
#define PACE_GRAPH_NODE_H

#include "graph/tape.h"

enum op_kind {
    OP_EMBED,
    OP_NORM,
    OP_ADD,
    OP_LINEAR,
    OP_ROPE,
    OP_ATTN,
    OP_ACT,
    OP_XENT,
    OP_KINDS,
};

enum {
    NODE_INPUTS_MOST = 3,
    NODE_PARAMS_MOST = 4 * LINEAR_PARTS_MOST,
};

struct embed_spec {
    const struct param *tokens, *positions;
    float scale;
};

struct act_spec {
    enum act_kind kind;
    bool glu;
};

struct node {
    enum op_kind kind;
    size_t index; /* on the tape */
    size_t layer; /* 0: before the first */
    struct view in[NODE_INPUTS_MOST];
    size_t n_in;
    struct value *out;   /* NULL: a rope, which changes its input; the cross-entropy */
    struct value *state; /* what the operation notes for its adjoint, or NULL */
    const struct param *params[NODE_PARAMS_MOST];
    size_t n_params;
    union {
        struct embed_spec embed;
        struct norm_spec norm;
        struct linear_spec linear;
        struct rope_spec rope;
        struct attn_spec attn;
        struct act_spec act;
        struct xent_spec xent;
    } spec;
};

/* What is asked of the last node: losses, or logits. */
struct outcome {
    float *loss;
    int32_t *best;
    const int32_t *row; /* not NULL: logits of these rows */
    size_t n_rows;
    struct mat z;
};

/*
 * An operation at work, its operands resolved. What it does not get has .at NULL, with the shape
 * that it would have.
 */
struct call {
    struct backend *backend;
    const struct node *node;
    const struct batch *batch;
    struct cache *cache;           /* or NULL */
    const struct outcome *outcome; /* of the cross-entropy */
    bool trains;                   /* dropout, and an adjoint to come */

    struct mat in[NODE_INPUTS_MOST], out, state;
    struct mat sum; /* of a norm that does the addition before it as well: in[0] + in[1] */
    struct mat d_out;
    struct adjoint d_in[NODE_INPUTS_MOST];
};

/* What an adjoint reads beside the adjoint of the output. */
enum { NEEDS_IN = 1, NEEDS_OUT = 2, NEEDS_STATE = 4 };

/* A row of the table of operations. */
struct op {
    bool is_cheap; /* a pass over memory, no product: computed anew rather than kept */
    unsigned (*needs)(const struct node *node);
    void (*forward)(const struct call *c);
    void (*back)(const struct call *c);
    /* Raises the sizes to those of this node. */
    void (*measure)(const struct node *node, struct backend_sizes *sizes);
};

extern const struct op op_embed_row, op_norm_row, op_add_row, op_linear_row, op_rope_row,
    op_attn_row, op_act_row, op_xent_row;

const struct op *node_op(const struct node *node);

/* Whether one of its parameters has a gradient. */
bool node_is_trained(const struct node *node);

/* True where the view is all of its value. */
static inline bool view_is_whole(struct view v)
{
    return v.width == v.of->width;
}

static inline bool views_overlap(struct view a, struct view b)
{
    return a.of == b.of && a.first < b.first + b.width && b.first < a.first + a.width;
}

/* --- For the constructors. ------------------------------------------------------------------- */

/* A new node, in the newest layer. */
struct node *tape_node(struct tape *tape, enum op_kind kind);

/* A new value that the node computes. */
struct value *tape_value(struct tape *tape, const struct node *node, size_t width);

void node_read(struct node *node, struct view v);

/* NULL is passed over. */
void node_use_param(struct node *node, const struct param *p);

/* --- A linear layer with its adapter (op_linear.c), which is also what the loss begins with. ---
 */

/* CHECKs the shapes for inputs [R, k], and notes that the node uses the parameters. */
void linear_part_use(struct node *node, const struct linear_spec_part *part, size_t k);

/* 0: no adapter. */
size_t linear_part_rank(const struct linear_spec_part *part);

/* As the backend wants it, but for the stream of dropout. */
struct linear_part linear_part_args(const struct linear_spec_part *part);

#endif
