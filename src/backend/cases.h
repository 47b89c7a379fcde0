/*
 * cases.h - one table of cases to which every backend is held: shapes and options for each
 * operation, with random numbers made from the case's name.
 *
 *     for (size_t i = 0; i < cases_count; i++) {
 *         struct case_finding found = cases_compare(&cases_table[i], &ref, &cpu);
 *         if (!cases_pass(&found)) …
 *     }
 *
 * A check runs the operation and its adjoint, looks at every output, and tells of the worst one.
 * Each also fails where an operation writes to its input, between the columns of a strided matrix,
 * or beyond its scratch memory as the sizes of the case call for it; scratch memory and whatever is
 * to be replaced hold arbitrary numbers beforehand.
 */
#ifndef PACE_BACKEND_CASES_H
#define PACE_BACKEND_CASES_H

#include "backend/backend.h"
#include "backend/rule.h"

enum case_op {
    CASE_EMBED,
    CASE_LINEAR,
    CASE_NORM,
    CASE_ROPE,
    CASE_ATTN,
    CASE_ACT,
    CASE_SUM,
    CASE_XENT,
    CASE_LOGITS,
    CASE_ARRAY,
    CASE_UPDATE,
    CASE_OPS,
};

/* What a case asks for, as bits. */
enum case_flag {
    CASE_STRIDED = 1 << 0, /* matrices are columns of wider ones */
    CASE_ADDS = 1 << 1,    /* adjoints are added to what stands there */
    CASE_FROZEN = 1 << 2,  /* no gradients of weights and biases (adapters have theirs) */
    CASE_BIAS = 1 << 3,
    CASE_TRANSPOSED = 1 << 4,
    CASE_GLU = 1 << 5,
    CASE_INTERLEAVED = 1 << 6,
    CASE_LAYER = 1 << 7,     /* norm: NORM_LAYER */
    CASE_ADDED = 1 << 8,     /* norm: of a sum */
    CASE_POSITIONS = 1 << 9, /* embed: with learned ones */
    CASE_NO_DX = 1 << 10,    /* the input's adjoint is not wanted */
    CASE_FORWARD = 1 << 11,  /* no adjoint */
    CASE_LARGE = 1 << 12,    /* compared, not differentiated */
    CASE_TIES = 1 << 13,     /* weights are all 0 */
};

/* A row of the table, or one made up by a test; which fields count depends on the operation. */
struct case_row {
    enum case_op op;
    const char *name;
    size_t R, C; /* tokens; width of the input: of one head or group in rope, attn and norm */
    size_t out[LINEAR_PARTS_MOST], rank[LINEAR_PARTS_MOST];
    size_t H, K, V;   /* heads (or groups) */
    size_t n_targets; /* targets, or rows of logits */
    size_t rotary;
    enum dtype dtype; /* of the weights; 0: DTYPE_F32 */
    unsigned flags;
    enum act_kind act;
    enum rule rule;
    float dropout, shift, softcap, scale;
    int64_t window;
    const struct segment *segments;
    size_t n_segments;
};

extern const struct case_row cases_table[];
extern const size_t cases_count;

/* "linear", … */
const char *cases_op_name(enum case_op op);

/* A backend to be checked, the threads that it may use (NULL: it uses none), and what its
 * backend.device and backend.products are to be. */
struct case_backend {
    const struct backend_ops *ops;
    struct thread_pool *threads;
    void *device;
    enum products products;
};

/* Whether the operation has products that may be in bfloat16. */
bool cases_has_products(enum case_op op);

struct case_finding {
    char output[40]; /* which one is worst */
    double error;    /* size of the difference by size of the wanted; infinite where it is not a
                        number */
    double tolerance;
};

static inline bool cases_pass(const struct case_finding *found)
{
    return found->error <= found->tolerance;
}

/* One backend against another, forward and adjoint. `wanted` has products in float32; where `found`
 * has not, the tolerance is that of bfloat16. */
struct case_finding cases_compare(const struct case_row *row, const struct case_backend *wanted,
                                  const struct case_backend *found);

/*
 * One backend against the formulas of backend.h, evaluated in float64: a random projection of the
 * outputs, and every adjoint against central differences. Not for cases that are CASE_LARGE.
 */
struct case_finding cases_differentiate(const struct case_row *row,
                                        const struct case_backend *found);

/* The same bits from both: for two numbers of threads. */
struct case_finding cases_repeat(const struct case_row *row, const struct case_backend *wanted,
                                 const struct case_backend *found);

#endif
