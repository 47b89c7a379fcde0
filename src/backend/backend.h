/*
 * backend.h - the arithmetic of a training step, as a table of functions that a device fills.
 *
 * A step is some twenty coarse operations on matrices of float32 whose rows are the tokens of a
 * batch. `ref` (plain C, the specification) defines each; `cpu` replaces those that matter for
 * speed; both are held to the same table of cases (cases.h), in values and in gradients.
 *
 * No operation can fail: shapes are CHECKed, memory was reserved before. Each takes one struct with
 * all of its arguments, which serves the operation and its adjoint: the adjoint of x is `dx`. An
 * adjoint that nobody wants has `at` NULL. Gradients of parameters are always added to.
 *
 * Shapes, in the order of the axes: R tokens of a batch, C width of the model, H heads, K key/value
 * heads, D head width, F feed-forward width, V vocabulary, r adapter rank. All sums run in float32
 * or wider, in an order that depends on the shapes alone.
 *
 * A batch has no padding and no rectangle: its rows lie one behind another, and segments tell which
 * tokens see which (below).
 */
#ifndef PACE_BACKEND_BACKEND_H
#define PACE_BACKEND_BACKEND_H

#include "base/err.h"
#include "base/thread.h"
#include "tensor/dtype.h"

/* --- Operands. ------------------------------------------------------------------------------- */

/* float32 [rows, width]; `stride` floats from one row to the next, so a part of the columns of a
 * wider matrix is one too. */
struct mat {
    float *at;
    size_t rows, width, stride;
};

/* Where an adjoint goes. `adds`: it is added to what stands there, else it replaces it. */
struct adjoint {
    struct mat to; /* .at NULL: not wanted */
    bool adds;
};

/*
 * A matrix of weights as it is stored, [rows, width] row-major: of a linear layer [out, in] (or
 * [in, out] where `transposed`, as GPT-2 keeps them), of an embedding [V, C]. Any dtype that
 * quant_can_decode; the bytes lie at any address.
 */
struct weight {
    const void *at;
    enum dtype dtype;
    size_t rows, width;
    bool transposed;
};

/* The numbers that a linear layer with these weights reads and writes for a token. */
static inline size_t weight_in(const struct weight *w)
{
    return w->transposed ? w->rows : w->width;
}

static inline size_t weight_out(const struct weight *w)
{
    return w->transposed ? w->width : w->rows;
}

/* --- Which tokens see which. ----------------------------------------------------------------- */

/*
 * A run of `n` consecutive tokens of one text. Each token sees those before it in its segment,
 * itself, and all of the ancestors' tokens; of these only the nearest `window`, where attention has
 * one. A plain row is a segment without a parent. Rows that begin alike share a parent that holds
 * the beginning once: its computation and its gradient are shared exactly. In generation the parent
 * is what is already in the cache of keys and values, and has no queries.
 *
 * Parents come before their children. The tokens of the queries are rows `query` … of q and of the
 * output; those of the keys rows `key` … of k and v. In training both are the same rows.
 */
enum { SEGMENT_NO_QUERIES = -1, SEGMENT_NO_PARENT = -1 };

struct segment {
    int32_t query;    /* or SEGMENT_NO_QUERIES */
    int32_t key;      /* first row of k and v */
    int32_t n;        /* tokens */
    int32_t position; /* of its first token in its text: the sum of the ancestors' n */
    int32_t parent;   /* index of a segment, or SEGMENT_NO_PARENT */
};

/* The token that the model should say behind token `row`. A row may have several (shared
 * beginnings), or none (a question's). */
struct target {
    int32_t row;
    int32_t id;
};

/* --- Operations. ----------------------------------------------------------------------------- */

/* y[i] = scale * tokens[id[i]] (+ positions[position[i]]). The adjoint passes over the rows of
 * tokens that are padding. */
struct embed_args {
    struct mat y;                    /* [R, C] */
    struct weight tokens, positions; /* [V, C]; [T, C] or .at NULL */
    const int32_t *id, *position;    /* [R] */
    float scale;
    bool has_padding;
    int32_t padding; /* id of the token whose vector learns nothing from being looked up */
    struct mat dy;
    float *dtokens, *dpositions; /* as the weights, or NULL */
};

enum { LINEAR_PARTS_MOST = 3 };

/*
 * One of the linear layers that share an input: y_p = x W^T + b + lora_scale (drop(x) A^T) B^T.
 * Low-rank adapters: Hu et al. 2021, arXiv:2106.09685. `rank` 0: none.
 */
struct linear_part {
    struct weight weight;         /* [n, k] */
    const float *bias;            /* [n] or NULL */
    const float *lora_a, *lora_b; /* [r, k], [n, r] */
    size_t rank;
    float lora_scale;
    float *dweight, *dbias, *dlora_a, *dlora_b; /* NULL: frozen */
    uint64_t dropout_stream;                    /* of the draws for this part */
};

/* Several linear layers with one input (q, k, v; gate, up): their outputs stand side by side. */
struct linear_args {
    struct mat x; /* [R, k]. The adjoint gets .at NULL where it has no use for x: where neither a
                     dweight nor a dlora_a is wanted */
    struct mat y; /* [R, sum of n]; not seen by the adjoint */
    struct mat u; /* [R, sum of ranks]: drop(x) A^T, written by the operation, read by the adjoint;
                     .at NULL where there is no adapter */
    struct linear_part part[LINEAR_PARTS_MOST];
    size_t n_parts;
    float dropout;         /* 0: none. Kept entries of x are divided by 1 - dropout */
    uint64_t dropout_seed; /* another for each micro-batch */
    struct mat dy;         /* [R, sum of n] */
    struct adjoint dx;
};

enum norm_kind { NORM_RMS, NORM_LAYER };

/*
 * Over groups of `group` columns (the whole row, or one head):
 *     rms     y = x rstd (w + shift)                 rstd = 1 / sqrt(mean x^2 + eps)
 *     layer   y = (x - mean) rstd (w + shift) + b    rstd = 1 / sqrt(var x + eps)
 * With `add`, x is the sum of two matrices, which is written to `sum`; the adjoint then wants `sum`
 * as x.
 */
struct norm_args {
    enum norm_kind kind;
    size_t group; /* divides the width of x */
    float eps, shift;
    struct mat x, add, sum, y;
    const float *weight, *bias; /* [group]; bias NULL: none */
    struct mat stat;            /* [R, 2 * groups]: mean, rstd; written, read by the adjoint */
    struct mat dy;
    struct adjoint dx;
    float *dweight, *dbias; /* NULL: frozen */
};

/*
 * Turns pairs of numbers in each head by position times frequency, in place; the adjoint turns
 * back. Pairs are (j, j + rotary/2), or (2j, 2j + 1) where interleaved. Su et al. 2021,
 * arXiv:2104.09864.
 */
struct rope_args {
    struct mat x;        /* [R, heads * D]; changed. In the adjoint: the gradient */
    size_t head, rotary; /* D; how many of its numbers turn, even */
    bool interleaved;
    const float *cos, *sin;  /* [positions, rotary/2] */
    const int32_t *position; /* [R] */
};

/*
 * o = softmax(cap(scale q k^T) + mask) v for each head; cap(z) = softcap tanh(z / softcap). Query
 * head h reads key head h / (H / K). lse is kept for the adjoint, which computes the weights anew.
 * Dao et al. 2022, arXiv:2205.14135.
 */
struct attn_args {
    struct mat q, k, v;            /* [R, H D], [keys, K D], [keys, K D] */
    struct mat o;                  /* [R, H D] */
    struct mat lse;                /* [R, H] log of the sum of exponentials */
    size_t heads, kv_heads, head;  /* H, K, D */
    float scale, softcap;          /* softcap 0: none */
    int64_t window;                /* a query sees this many tokens, itself counted; 0: all */
    const struct segment *segment; /* in training they cover the R rows */
    size_t n_segments;
    struct mat d_o;
    struct mat dq, dk, dv; /* replaced; all three are wanted */
};

enum act_kind { ACT_SILU, ACT_GELU, ACT_GELU_TANH, ACT_RELU, ACT_RELU_SQUARED };

/* glu: y = act(x[:, :F]) * x[:, F:], x [R, 2F]. Without it: y = act(x), x [R, F]. */
struct act_args {
    enum act_kind kind;
    bool glu;
    struct mat x, y, dy;
    struct adjoint dx;
};

/*
 * Cross-entropy of the targets' tokens, with the projection to the vocabulary inside, for a few
 * targets at a time: no [R, V] matrix exists.
 *     z = cap(logit_scale y + b)       y = h[row] W^T + lora_scale (drop(h[row]) A^T) B^T
 *     loss = log(sum exp z) - z[id]
 * Where `coef` is given the adjoint is computed in the same pass: dz = coef (softmax(z) - onehot).
 */
struct xent_args {
    struct mat h;            /* [R, C] */
    struct linear_part head; /* [V, C], not transposed */
    float logit_scale, softcap;
    float dropout; /* as in linear_args */
    uint64_t dropout_seed;
    const struct target *target; /* [n] */
    size_t n_targets;
    float *loss;       /* [n] in nats */
    int32_t *best;     /* [n] the likeliest token, the first of equals; or NULL */
    const float *coef; /* [n] what each loss counts; NULL: no adjoint */
    struct adjoint dh; /* rows without targets get 0, or nothing where it adds */
};

/* z of a few rows: logits [n, V]. */
struct logits_args {
    struct xent_args of; /* h, head, logit_scale, softcap */
    const int32_t *row;  /* [n] rows of h */
    struct mat z;        /* [n, V] */
};

/* What an update looks at: the senses of the guard. */
struct reduce_result {
    double sum_squares; /* of the finite ones */
    double largest;     /* absolute; of the finite ones */
    uint64_t not_finite;
};

/* --- The table. ------------------------------------------------------------------------------ */

/* The greatest sizes that operations will be called with: what scratch memory is reserved for. */
struct backend_sizes {
    size_t rows, targets;
    size_t linear_in, linear_out, linear_weights, linear_rank; /* of one linear_args */
    size_t width;                                              /* of what is normed or bent */
    size_t vocabulary, vocabulary_width, vocabulary_rank; /* of the projection to it: V, C, r */
    size_t heads, kv_heads, head, keys;                   /* keys: the longest chain of segments */
    bool trains, trains_vocabulary; /* gradients of the projection's parameters as well */
};

/*
 * In what the large products multiply: those of x, h and their adjoints with weights, the sums over
 * rows that are gradients of weights, attention's scores and gradients. BF16: both operands are
 * rounded to bfloat16 (the nearest, ties to even), products and sums are float32. All else is
 * float32 either way: attention's values and what it takes differences of, adapters (but for B of
 * the projection to the vocabulary, which is a part of its product), norms, softmax, what is added
 * to.
 */
enum products { PRODUCTS_F32, PRODUCTS_BF16, PRODUCTS };

struct backend {
    const struct backend_ops *ops;
    struct thread_pool *threads;
    enum products
        products;  /* a wish: operations that have no use for it, and `ref`, pass it over */
    void *scratch; /* scratch_bytes of it; what operations leave there means nothing */
    size_t scratch_bytes;
    void *device; /* the backend's own */
};

struct optim_args; /* backend/rule.h */

struct backend_ops {
    const char *name;

    /* Memory of the device, aligned to 64 bytes, zeroed. NULL where there is none. */
    void *(*alloc)(struct backend *b, size_t bytes);
    void (*release)(struct backend *b, void *memory, size_t bytes);
    /* How much scratch memory operations up to these sizes need. */
    size_t (*scratch_bytes)(const struct backend *b, const struct backend_sizes *sizes);
    /* Whether PRODUCTS_BF16 are faster than PRODUCTS_F32 here. */
    bool (*is_bf16_faster)(const struct backend *b);

    void (*embed)(struct backend *b, const struct embed_args *a);
    void (*embed_back)(struct backend *b, const struct embed_args *a);
    void (*linear)(struct backend *b, const struct linear_args *a);
    void (*linear_back)(struct backend *b, const struct linear_args *a);
    void (*norm)(struct backend *b, const struct norm_args *a);
    void (*norm_back)(struct backend *b, const struct norm_args *a);
    void (*rope)(struct backend *b, const struct rope_args *a);
    void (*rope_back)(struct backend *b, const struct rope_args *a);
    void (*attn)(struct backend *b, const struct attn_args *a);
    void (*attn_back)(struct backend *b, const struct attn_args *a);
    void (*act)(struct backend *b, const struct act_args *a);
    void (*act_back)(struct backend *b, const struct act_args *a);
    /* y = a + c, where y may be a or c; y = x. */
    void (*add)(struct backend *b, struct mat y, struct mat a, struct mat c);
    void (*copy)(struct backend *b, struct mat y, struct mat x);
    void (*xent)(struct backend *b, const struct xent_args *a);
    void (*logits)(struct backend *b, const struct logits_args *a);

    /* To and from 16 bits (the nearest, ties to even), for activations that are kept so: [n]. */
    void (*to_bf16)(struct backend *b, uint16_t *y, const float *x, size_t n);
    void (*from_bf16)(struct backend *b, float *y, const uint16_t *x, size_t n);

    void (*fill)(struct backend *b, float *y, float value, size_t n);
    void (*axpby)(struct backend *b, float *y, float alpha, const float *x, float beta,
                  size_t n); /* y = alpha x + beta y; where beta is 0, y is not read */
    void (*reduce)(struct backend *b, struct reduce_result *out, const float *x, size_t n);
    /* One update of an optimiser: rule.h. */
    void (*update)(struct backend *b, const struct optim_args *a);
};

/* Plain C, one thread's worth of arithmetic in the plainest order: what every other is held to. */
extern const struct backend_ops backend_ref;

/* This machine's processor: threads and SIMD, the tiles chosen by its features. */
extern const struct backend_ops backend_cpu;

/* Sets up a backend on a pool of threads, with PRODUCTS_F32; scratch memory comes with
 * backend_reserve. */
void backend_init(struct backend *b, const struct backend_ops *ops, struct thread_pool *threads);

/*
 * Reserves scratch memory for operations up to these sizes. What is there already stays where it
 * suffices, so that several users of one backend can each reserve what they need. Errors:
 * ERR_MEMORY.
 */
MUST_CHECK bool backend_reserve(struct backend *b, const struct backend_sizes *sizes,
                                struct err *err);

/* Safe on a zeroed struct. */
void backend_release(struct backend *b);

static inline float *mat_row(struct mat m, size_t row)
{
    return m.at + row * m.stride;
}

/* Columns first … first + width - 1 of a matrix. */
static inline struct mat mat_columns(struct mat m, size_t first, size_t width)
{
    CHECK(first + width <= m.width);
    return (struct mat){m.at ? m.at + first : m.at, m.rows, width, m.stride};
}

#endif
