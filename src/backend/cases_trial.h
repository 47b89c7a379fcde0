/*
 * cases_trial.h - a row of the table of cases, filled with numbers and ready to run. Private to
 * cases*.c.
 */
#ifndef PACE_BACKEND_CASES_TRIAL_H
#define PACE_BACKEND_CASES_TRIAL_H

#include "backend/cases.h"
#include "base/arena.h"
#include "base/rng.h"

enum { TRIAL_ARRAYS = 40, TRIAL_WIDTH = 512 };

enum array_role {
    ARRAY_INPUT,
    ARRAY_OUTPUT,
    ARRAY_GRADIENT, /* of another array */
};

/* A matrix of the trial with everything that must be known to judge it. */
struct array {
    const char *name;
    enum array_role role;
    struct mat mat;
    bool adds; /* a gradient that is added to what stands there */
    bool is_exact;
    const struct array *of; /* what it is the gradient of */
};

/* Rope works in place: the input as it was; dx holds dy at first. */
struct rope_trial {
    struct rope_args args;
    struct mat was, dx;
};

struct sum_trial {
    struct mat a, c, y, copy;
};

struct array_trial {
    float *x, *holes; /* [R]; holes has numbers that are not finite */
    float *axpby, *scaled, *filled, *rounded;
    float *squares, *largest, *not_finite; /* [2] */
    uint16_t *half;
};

struct trial {
    const struct case_row *row;
    struct arena arena;
    struct rng rng;
    struct array arrays[TRIAL_ARRAYS];
    size_t n_arrays;
    /* What is differentiated: the sum of value times factor. NULL where there is nothing. */
    const struct array *value, *factor;
    struct backend_sizes sizes;
    /* The weights as float32, in the order of the arguments: the numbers that formulas read. */
    const float *decoded[LINEAR_PARTS_MOST];
    union {
        struct embed_args embed;
        struct linear_args linear;
        struct norm_args norm;
        struct rope_trial turned;
        struct attn_args attn;
        struct act_args act;
        struct sum_trial sum;
        struct xent_args xent;
        struct logits_args logits;
        struct array_trial array;
    };
    float *best; /* xent: as numbers that are compared like the others */
};

/* The case's arguments and numbers; the same each time. */
void trial_init(struct trial *t, size_t index);
void trial_release(struct trial *t);

/* The operation and, where there is one, its adjoint, on a backend with scratch memory reserved for
 * this case alone. Errors: ERR_MEMORY. */
MUST_CHECK bool trial_run(struct trial *t, const struct case_backend *on, struct err *err);

/* A number of which the input at `at` was moved by `by`. */
struct nudge {
    const float *at;
    double by;
};

/* The sum of value times factor, by the formulas of backend.h in float64; 0 where there is no
 * value. cases_exact.c */
double trial_exact(const struct trial *t, const struct nudge *nudge);

#endif
