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

/* An update of an optimiser, and what is compared of its sums and codes. */
struct update_trial {
    struct optim_args args;
    float *sums;    /* [2 * 2 * blocks] */
    float *code[2]; /* [n] the codes as numbers */
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
        struct update_trial update;
    };
    float *best; /* xent: as numbers that are compared like the others */
};

/* --- Numbers of a trial, for cases_make.c. Those that are drawn have a standard normal
 * distribution, or what the arguments say. --- */

bool trial_has(const struct trial *t, enum case_flag flag);

/* A matrix of tokens: strided where the case wants it. */
struct array *trial_matrix(struct trial *t, const char *name, enum array_role role, size_t rows,
                           size_t width);

/* The adjoint of a matrix that is an input, or nothing where the case wants none. */
struct adjoint trial_adjoint(struct trial *t, const char *name, const struct array *of);

/* A vector, or a matrix without gaps, that is an input. */
struct array *trial_parameter(struct trial *t, const char *name, size_t n, double mean,
                              double spread);

/* The gradient of a parameter; NULL where the case has no adjoint. */
float *trial_gradient(struct trial *t, const char *name, const struct array *of);

/* An output without gaps. `is_exact`: backends agree to the bit. */
float *trial_result(struct trial *t, const char *name, size_t n, bool is_exact);

/* Weights in the dtype of the case; `dweight` is their gradient where they are trained. */
struct weight trial_weight(struct trial *t, size_t index, size_t rows, size_t width,
                           float **dweight);

/* Whole numbers below n; every third is the one before it. */
int32_t *trial_whole_numbers(struct trial *t, size_t count, size_t n);

/* What an output is multiplied with to be differentiated: its adjoint dy. */
struct mat trial_factor(struct trial *t, const char *name, const struct array *value);

/* How a case of an operation is made and run: cases_make.c. */
struct case_kind {
    const char *name;
    void (*make)(struct trial *t);
    void (*run)(struct trial *t, struct backend *b);
};

extern const struct case_kind case_kinds[CASE_OPS];

/* --- The trial as a whole, for cases_check.c. --- */

/* The case's arguments and numbers; the same each time. */
void trial_init(struct trial *t, const struct case_row *row);
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
