/*
 * xent.h - what the loss, its gradient for the weights, and logits share.
 */
#ifndef PACE_BACKEND_CPU_XENT_H
#define PACE_BACKEND_CPU_XENT_H

#include "backend/cpu/outer.h"

/*
 * PACKED_MOST: floats of packed weights of one pass. TOKENS_AT_ONCE: columns of logits that a block
 * of rows has in its own cache. TOKENS_OF_WEIGHT: rows of dW that are computed in one go. Multiples
 * of 256.
 */
enum { XENT_PACKED_MOST = 4 << 20, XENT_TOKENS_AT_ONCE = 512, XENT_TOKENS_OF_WEIGHT = 1024 };

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
    size_t n, width, tokens; /* targets; C; V */
    bool wants_dh, wants_weight;
    size_t block_rows;
    /* Of one pass: tokens first … first + here - 1. */
    size_t first, here;

    /* Scratch. h: logit_scale h[row] of each target; across: W^T in panels [C][panel]; along: W in
     * panels [tokens][panel]; dz [n, TOKENS_OF_WEIGHT]. */
    float *h, *dh, *across, *along, *decoded, *own, *dz, *outer;
    struct xent_state *state;
    size_t own_floats;
};

/* CHECKs, takes the scratch memory, copies h. */
struct xent xent_open(const struct backend *b, const struct xent_args *a, const int32_t *rows,
                      size_t n);

/* Tokens of a pass. */
size_t xent_pass_tokens(const struct xent *x);

/* Packs W^T of tokens first … first + here - 1, and W where dh is wanted. */
void xent_pack(const struct xent *x);

/* z [n_rows, here] of a block of targets, from its packed rows of h and column `from` of the pass,
 * bent and with bias. Writes each row's greatest to `most` unless NULL. */
void xent_scores(const struct xent *x, const float *packed_h, size_t n_rows, size_t from,
                 struct mat z, float *most);

/* Gradients of W and of the bias, from the finished states. */
void xent_weight(struct xent *x);

#endif
