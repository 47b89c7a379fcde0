/*
 * tape.h - a model as a record of operations.
 *
 *     struct tape tape = {0};
 *     model_record(&model, &tape);                     operations of op.h
 *     run_init(&run, &tape, &backend, &options, err)   run.h: plans, reserves
 *     run_train(&run, &batch, loss)                    losses; gradients added to the params'
 *     …
 *     tape_release(&tape);
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
    const int32_t *position; /* [R] of each token in its text */
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
    size_t n_nodes, nodes_cap;
    struct value **values;
    size_t n_values, values_cap;
    size_t n_layers;
    size_t layer_start; /* the node with which the newest layer begins */
};

/* Safe on a zeroed struct. */
void tape_release(struct tape *tape);

#endif
