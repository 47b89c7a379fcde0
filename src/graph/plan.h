/*
 * plan.h - how much memory the passes of a tape take, where every value and adjoint lives, and
 * which values are computed anew.
 */
#ifndef PACE_GRAPH_PLAN_H
#define PACE_GRAPH_PLAN_H

#include "graph/tape.h"

struct run_options {
    size_t rows, targets;  /* the most of any batch */
    size_t keys;           /* the longest text */
    bool trains;           /* false: losses and logits only */
    bool keeps_bf16;       /* activations that wait for the adjoint are kept in 16 bits */
    uint64_t memory_bytes; /* for activations and workspace; 0: no bound, no layer computed anew */
};

struct program;

/* The bytes are those that run_init then takes, exactly. */
struct plan {
    struct arena arena;
    uint64_t bytes;             /* of activations, adjoints and what is kept: one block */
    uint64_t kept_bytes;        /* of these, what waits for the adjoint */
    uint64_t workspace_bytes;   /* of the backend's scratch */
    size_t layers_redone;       /* layers whose values are computed anew */
    struct backend_sizes sizes; /* what scratch is to be reserved for */
    struct program *forward;    /* losses and logits */
    struct program *train;      /* NULL where nothing is trained */
};

/*
 * Plans without taking the memory: for run_init, and for whoever only wants to know. Errors:
 * ERR_MEMORY where it does not fit in options->memory_bytes, with what is needed and what would
 * fit.
 */
MUST_CHECK bool plan_make(struct plan *plan, const struct tape *tape, const struct backend *backend,
                          const struct run_options *options, struct err *err);

/* Safe on a zeroed struct. */
void plan_release(struct plan *plan);

#endif
