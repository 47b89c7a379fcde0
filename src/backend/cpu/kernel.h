/*
 * kernel.h - the innermost loops, compiled once for each instruction set and chosen when the
 * program runs.
 *
 * The files kernel_*.c are compiled several times, each time with other flags and another
 * KERNEL_SET; what they export carries the set's name, and a table of each set's functions is all
 * that the rest of the folder sees. Sets differ in the order of their sums, so results are the same
 * for any number of threads but not for any processor.
 *
 * Products of matrices are made of tiles: `tile_rows` rows and up to `panel` columns of C = A B
 * that stay in registers while one column of A and one row of B after the other is multiplied. The
 * operands are read as
 *
 *     A[i][k]   a[k * a_step + i]      packed: a_step = tile_rows; or a transposed matrix as it is
 *     B[k][j]   b[k * b_step + j]      packed: b_step = panel
 *
 * A product in bfloat16 has two terms of the depth in each cell of 32 bits, the first in the lower
 * half, and is the same otherwise: `depth` counts cells, A[i][2c] and A[i][2c + 1] lie at
 * a[c * a_step + i]. It is how the processors' instructions want it: one multiplies and adds 32
 * pairs where another does 16 numbers. Where it has tiles of its own (kernel_amx.h) A is packed in
 * another order, which is known by its a_step.
 *
 * Goto and van de Geijn 2008, "Anatomy of high-performance matrix multiplication"; that A is
 * broadcast and B is the vector is as in BLIS (Van Zee and van de Geijn 2015).
 */
#ifndef PACE_BACKEND_CPU_KERNEL_H
#define PACE_BACKEND_CPU_KERNEL_H

#include "backend/backend.h"

/* C[rows][columns] = A B, or + A B. What lies beyond `columns` up to the panel is read of B, and
 * beyond `rows` nothing of A. */
struct tile {
    size_t rows, columns, depth; /* 1 … tile_rows, 1 … panel, >= 0 (in cells) */
    const float *a, *b;
    size_t a_step, b_step;
    float *c;
    size_t c_step;
    bool adds;
};

/*
 * One step of a softmax over the rows (keys) of S^T, for up to `panel` columns (queries) at once:
 *     z = cap(scale s), most' = max(most, z), s <- exp(z - most'), sum' = sum f + the new ones,
 *     f = exp(most - most')
 * Column c sees rows first[c] … last[c] - 1; the others become 0.
 */
struct soft_columns {
    float *s;
    size_t step, n_keys;
    const int32_t *first, *last; /* [panel] */
    float scale, softcap;
    float *most, *sum, *factor; /* [panel] */
};

/* The adjoint of the same for one query: s <- p = exp(cap(scale s) - lse) and
 * dp <- p (dp - delta) times the derivative of cap(scale s); 0 for keys that it does not see. */
struct soft_back {
    float *s, *dp;
    size_t n_keys, first, last;
    float scale, softcap, lse, delta;
};

/* A row of logits, in place: z <- cap(scale z + bias). */
struct logit_row {
    float *z;
    const float *bias; /* or NULL */
    size_t n;
    float scale, softcap;
};

/* A row's group in norm_args; stat: mean, rstd. */
struct norm_group {
    enum norm_kind kind;
    size_t n;
    float eps, shift;
    const float *x, *weight, *bias;
    float *y, *stat;
    const float *dy;
    float *dx; /* NULL: not wanted */
    bool adds;
    float *dweight, *dbias; /* NULL: frozen */
};

struct act_row {
    enum act_kind kind;
    size_t n;
    const float *x, *gate; /* y = act(x) gate; gate NULL: none */
    float *y;
    const float *dy;
    float *dx, *dgate;
    bool adds;
};

/* What products of one type are made of. */
struct product {
    size_t terms;   /* of the depth in a cell: 1 in float32, 2 in bfloat16 */
    bool is_native; /* the processor has instructions for it */
    void (*tile)(const struct tile *t);

    /* Cell c of column i is of in[i * stride + k] with k = terms c …; of 0 for rows <= i < step,
     * and for k >= n. It goes to out[c * step + i]. step <= panel. */
    void (*pack)(float *out, size_t step, const float *in, size_t stride, size_t rows, size_t n);
    /* The same of in[k * stride + i]: of 0 for n <= i < step, and for k >= rows. */
    void (*copy)(float *out, size_t step, const float *in, size_t stride, size_t rows, size_t n);

    /* The same two for A, with step = tile_rows: `pack`, `copy`, but for tiles of the processor.
     * The depth may be packed in pieces, one behind the other, of a multiple of `piece` terms. */
    size_t piece;
    void (*pack_left)(float *out, size_t step, const float *in, size_t stride, size_t rows,
                      size_t n);
    void (*copy_left)(float *out, size_t step, const float *in, size_t stride, size_t rows,
                      size_t n);

    /* Around the tiles of one thread; NULL: nothing is to be done. */
    void (*begin)(void);
    void (*end)(void);
};

struct kernels {
    const char *name;
    size_t tile_rows, panel;
    struct product f32, bf16;

    void (*soft_columns)(const struct soft_columns *s);
    void (*soft_back)(const struct soft_back *s);

    float (*logit_row)(const struct logit_row *r); /* returns the largest */
    /* z <- exp(z - most); returns their sum. With softcap, z <- exp(z - most) times the
     * derivative of the cap, which is not in the sum. */
    float (*exp_row)(float *z, size_t n, float most, float softcap);

    void (*norm)(const struct norm_group *g);
    void (*norm_back)(const struct norm_group *g);
    void (*act)(const struct act_row *r);
    void (*act_back)(const struct act_row *r);
    /* (p, q) <- (p cos - q sin, q cos + p sin) */
    void (*turn)(float *p, float *q, const float *cos, const float *sin, size_t n);

    float (*dot)(const float *x, const float *y, size_t n);
    void (*add)(float *y, const float *a, const float *c, size_t n);
    void (*scale)(float *y, float factor, size_t n);
    /* y = factor x + beta y; with beta 0, y is not read. */
    void (*axpby)(float *y, float factor, const float *x, float beta, size_t n);

    /* As quant_decode, bit for bit. */
    void (*decode)(enum dtype dtype, const uint8_t *bytes, float *out, size_t n);
    void (*to_bf16)(uint16_t *y, const float *x, size_t n);

    /* One block of an update (rule.h), and of a sum over gradients; the same in every set. */
    void (*update)(const struct optim_args *a, size_t block);
    void (*reduce)(struct reduce_result *out, const float *x, size_t n);
};

static inline const struct product *kernels_product(const struct kernels *k, enum products products)
{
    return products == PRODUCTS_BF16 ? &k->bf16 : &k->f32;
}

/* The best set for this processor. */
const struct kernels *kernels_best(void);

/* Every set that this processor can run, the plainest first; NULL behind the last. */
const struct kernels *kernels_at(size_t index);

/* --- Between the files of one set. ----------------------------------------------------------- */

#ifdef KERNEL_SET
#define KERNEL_PASTE(name, set) name##_##set
#define KERNEL_EXPAND(name, set) KERNEL_PASTE(name, set)
#define KERNEL(name) KERNEL_EXPAND(name, KERNEL_SET)

void KERNEL(kernel_tile)(const struct tile *t);
void KERNEL(kernel_tile_bf16)(const struct tile *t);
void KERNEL(kernel_pack)(float *out, size_t step, const float *in, size_t stride, size_t rows,
                         size_t n);
void KERNEL(kernel_pack_bf16)(float *out, size_t step, const float *in, size_t stride, size_t rows,
                              size_t n);
void KERNEL(kernel_copy)(float *out, size_t step, const float *in, size_t stride, size_t rows,
                         size_t n);
void KERNEL(kernel_copy_bf16)(float *out, size_t step, const float *in, size_t stride, size_t rows,
                              size_t n);
void KERNEL(kernel_soft_columns)(const struct soft_columns *s);
void KERNEL(kernel_soft_back)(const struct soft_back *s);
float KERNEL(kernel_logit_row)(const struct logit_row *r);
float KERNEL(kernel_exp_row)(float *z, size_t n, float most, float softcap);
void KERNEL(kernel_norm)(const struct norm_group *g);
void KERNEL(kernel_norm_back)(const struct norm_group *g);
void KERNEL(kernel_act)(const struct act_row *r);
void KERNEL(kernel_act_back)(const struct act_row *r);
void KERNEL(kernel_turn)(float *p, float *q, const float *cos, const float *sin, size_t n);
float KERNEL(kernel_dot)(const float *x, const float *y, size_t n);
void KERNEL(kernel_add)(float *y, const float *a, const float *c, size_t n);
void KERNEL(kernel_scale)(float *y, float factor, size_t n);
void KERNEL(kernel_axpby)(float *y, float factor, const float *x, float beta, size_t n);
void KERNEL(kernel_decode)(enum dtype dtype, const uint8_t *bytes, float *out, size_t n);
void KERNEL(kernel_to_bf16)(uint16_t *y, const float *x, size_t n);
void KERNEL(kernel_update)(const struct optim_args *a, size_t block);
void KERNEL(kernel_reduce)(struct reduce_result *out, const float *x, size_t n);
#endif

#endif
