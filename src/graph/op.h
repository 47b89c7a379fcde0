/*
 * op.h - the coarse operations that a model is written in, forward only.
 *
 *     struct value *h = op_norm(tape, op_whole(x), &layer->attn_norm);
 *     struct value *qkv = op_linear(tape, h, &layer->qkv);
 *     op_rope(tape, op_part(qkv, 0, n_q), &rope);
 *     …
 *
 * Each records a node on a tape and computes nothing. A value is a matrix with a row for each token
 * of whatever batch the tape is run on: only its width is known here. The tape derives from the
 * record the adjoints, which values must be kept, what is computed anew, and where each lives
 * (plan.h). Specs are copied; parameters and tables of angles are the caller's and must outlive the
 * tape. Whether a parameter is trained (param->grad) is looked at when the plan is made. Operations
 * cannot fail: shapes are CHECKed. What each computes is told in backend/backend.h.
 */
#ifndef PACE_GRAPH_OP_H
#define PACE_GRAPH_OP_H

#include "graph/param.h"

struct tape;
struct node;

/* float32 [R, width] */
struct value {
    size_t index; /* on the tape */
    size_t width;
    const struct node *node; /* that computes it */
};

/* Some of the columns of a value. */
struct view {
    struct value *of;
    size_t first, width;
};

struct view op_whole(struct value *v);
struct view op_part(struct value *v, size_t first, size_t width);

/*
 * Everything recorded from here to the next call belongs to one layer: where memory is short its
 * values are computed anew as a whole, from those that come into it. An addition that opens a layer
 * (op_add_norm at its head) still counts to the layer before, so that one value passes over.
 */
void op_begin_layer(struct tape *tape);

/* positions NULL: none (they come by op_rope). */
struct value *op_embed(struct tape *tape, const struct param *tokens, const struct param *positions,
                       float scale);

struct norm_spec {
    enum norm_kind kind;
    size_t group; /* columns: the width, or D for one head at a time */
    float eps, shift;
    const struct param *weight, *bias; /* [group]; bias may be NULL */
};
struct value *op_norm(struct tape *tape, struct view x, const struct norm_spec *spec);

/* sum = x + y, normed = norm(sum), in one pass. x and y are two values. */
struct residual {
    struct value *sum, *normed;
};
struct residual op_add_norm(struct tape *tape, struct value *x, struct value *y,
                            const struct norm_spec *spec);

struct value *op_add(struct tape *tape, struct value *x, struct value *y);

struct linear_spec_part {
    const struct param *weight;          /* [n, k], or [k, n] where weight.transposed */
    const struct param *bias;            /* [n] or NULL */
    const struct param *lora_a, *lora_b; /* [r, k], [n, r]; NULL: no adapter */
    float lora_scale;
};
struct linear_spec {
    struct linear_spec_part part[LINEAR_PARTS_MOST];
    size_t n_parts;
    float dropout; /* of the adapters' input, in training */
};
/* The outputs side by side: [R, sum of n]. */
struct value *op_linear(struct tape *tape, struct value *x, const struct linear_spec *spec);

struct rope_spec {
    size_t head, rotary;
    bool interleaved;
    size_t n_positions;
    const float *cos, *sin; /* [n_positions, rotary/2] */
};
/* Changes the view's columns where they are: nothing else may have read them. */
void op_rope(struct tape *tape, struct view x, const struct rope_spec *spec);

struct attn_spec {
    size_t heads, kv_heads, head;
    float scale, softcap;
    int64_t window;
    size_t layer; /* which of the caches holds its keys and values in generation */
};
struct value *op_attn(struct tape *tape, struct view q, struct view k, struct view v,
                      const struct attn_spec *spec);

struct value *op_act(struct tape *tape, struct value *x, enum act_kind kind, bool glu);

struct xent_spec {
    struct linear_spec_part head; /* weight [V, C], not transposed */
    float logit_scale, softcap;
    float dropout; /* as in linear_spec */
};
/* The last operation: the loss of the targets of a batch. */
void op_xent(struct tape *tape, struct value *h, const struct xent_spec *spec);

#endif
