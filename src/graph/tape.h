/*
 * tape.h - a model as a record of operations, and running it.
 *
 *     struct tape tape = {0};
 *     model_record(&model, &tape);                     operations of op.h
 *     plan_make(&plan, &tape, &options, err)           plan.h: what is kept, where it lives
 *     tape_forward(&run, &batch);                      losses
 *     tape_train(&run, &batch);                        losses, and gradients added to the params'
 *
 * A tape is recorded once and run on any batch up to the sizes that were planned for.
 */
#ifndef PACE_GRAPH_TAPE_H
#define PACE_GRAPH_TAPE_H

#include "base/arena.h"
#include "graph/op.h"

/* The tokens of one pass. See struct segment for who sees whom. */
struct batch {
    size_t n_tokens;         /* R */
    const int32_t *id;       /* [R] */
    const int32_t *position; /* [R] */
    const struct segment *segment;
    size_t n_segments;
    const struct target *target;
    size_t n_targets;
    const float *coef; /* [n_targets] what the loss of a target counts in the sum that is
                          differentiated: 1 / (targets of the whole accumulation window) */
    uint64_t dropout_seed;
};

/* Keys and values of tokens that were run before, for generation: one pair of matrices a layer. */
struct cache {
    struct mat *k, *v; /* [layers] of [n_rows, K D] */
    size_t n_layers, n_rows;
};

struct node; /* one operation of the record: op_*.c */

struct tape {
    struct arena arena;
    struct node **nodes;
    size_t n_nodes;
    struct value **values;
    size_t n_values;
    size_t n_layers;
};

/* Safe on a zeroed struct. */
void tape_release(struct tape *tape);

#endif
