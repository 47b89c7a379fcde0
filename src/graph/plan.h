/*
 * plan.h - where every value and adjoint of a tape lives, and which values are computed anew.
 */
#ifndef PACE_GRAPH_PLAN_H
#define PACE_GRAPH_PLAN_H

#include "graph/tape.h"

struct plan {
    struct arena arena;
    uint64_t bytes;           /* of activations, adjoints and what is kept */
    uint64_t workspace_bytes; /* of the backend's scratch */
    size_t layers_redone;     /* layers whose values are computed anew */
    /* more, to be decided by plan.c */
};

#endif
