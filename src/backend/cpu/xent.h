/*
 * xent.h - what the loss, its gradient for the weights, and logits share.
 */
#ifndef PACE_BACKEND_CPU_XENT_H
#define PACE_BACKEND_CPU_XENT_H

#include "backend/cpu/outer.h"

/*
 * PACKED_MOST: floats of packed weights of one pass, TOKENS_LEAST its tokens at least.
 * TOKENS_AT_ONCE: columns of logits that a block of rows has in its own cache. KEPT_MOST: floats
 * that are kept of targets for dW, which is computed for so many of them at a time, for KEPT_LEAST
 * at least. Multiples of 256.
 */
enum {
    XENT_PACKED_MOST = 4 << 20,
    XENT_TOKENS_LEAST = 1024,
    XENT_TOKENS_AT_ONCE = 512,
    XENT_KEPT_MOST = 32 << 20,
    XENT_KEPT_LEAST = 256,
};

/* What is known of a target's logits so far. */
struct xent_state {
    float most, chosen; /* the greatest; the target's own */
    double sum;         /* of exp(z - most) */
    int32_t best;
};

struct xent {
    const struct xent_args *a;
    const struct backend *b;
    const struct kernels *k;
    const int32_t *rows;         /* of h, or NULL: those of the targets */
    size_t n, width, tokens;     /* targets; C; V */
    size_t rank, first_u, depth; /* of the adapter; where u begins in a row; a row's length */
    bool wants_dh, wants_du, wants_weight;
    size_t block_rows;
    /* Of one round: targets row … row + n_rows - 1; all of them where no dW is wanted. */
    size_t row, n_rows;
    /* Of one pass: tokens first … first + here - 1. */
    size_t first, here;

    /* Scratch. h [n, depth]: logit_scale times h[row] and u of each target; across: W^T and B^T in
     * panels [depth][panel]; along, along_b: W and B in panels [tokens][panel]; dh [n, C];
     * du [n, r]. Of a round, for dW: what its logits become, a matrix for each pass (xent_kept),
     * and the greatest logits by which they were divided, [pieces of TOKENS_AT_ONCE][n_rows]. */
    float *h, *dh, *du, *across, *along, *along_b, *decoded, *own, *kept, *then, *outer;
    struct xent_state *state;
    size_t own_floats;
};

/* CHECKs, takes the scratch memory, copies h. */
struct xent xent_open(const struct backend *b, const struct xent_args *a, const int32_t *rows,
                      size_t n);

/* Tokens of a pass. */
size_t xent_pass_tokens(const struct xent *x);

/* Of the pass: exp(z - then) cap'(z) of each target of the round. */
struct mat xent_kept(const struct xent *x);

/* For each target of the round the greatest logit that was known when that token's piece of the
 * vocabulary had its turn. */
float *xent_then(const struct xent *x, size_t token);

/* Packs W^T of tokens first … first + here - 1, and W where dh is wanted. */
void xent_pack(const struct xent *x);

/* z [n_rows, here] of a block of targets, from its packed rows of h and column `from` of the pass,
 * bent and with bias. Writes each row's greatest to `most` unless NULL. */
void xent_scores(const struct xent *x, const float *packed_h, size_t n_rows, size_t from,
                 struct mat z, float *most);

/* cap'(z) where z is bent already. */
static inline float xent_slope(float z, float softcap)
{
    return softcap > 0 ? 1 - z / softcap * (z / softcap) : 1;
}

/* Adds the round's share to the gradients of W, of the bias and of B, all passes done. */
void xent_weight(struct xent *x);

static inline size_t xent_row(const struct xent *x, size_t i)
{
    return (size_t)(x->rows ? x->rows[i] : x->a->target[i].row);
}

/* --- The adapter: xent_adapter.c. ------------------------------------------------------------ */

/* u of all targets, behind their rows of h. */
void xent_adapter_open(struct xent *x);

/* du of a target from its sum, as finish_target has it of dh, with the share that it gives dh.
 * `own`: the worker's. */
void xent_adapter_finish(const struct xent *x, size_t i, float chosen, float others, float *own);

/* The gradient of A. h is not what it was any more. */
void xent_adapter_gradient(struct xent *x);

#endif
