/*
 * ref.h - what the files of the reference backend share. Nothing outside this folder includes it,
 * but for backends that take over some of these operations as they are.
 *
 * Every sum runs in double, from the first term to the last; results are rounded to float32 as they
 * are stored. There are no threads and no blocks: a reader should see the formula and nothing else.
 */
#ifndef PACE_BACKEND_REF_REF_H
#define PACE_BACKEND_REF_REF_H

#include "backend/backend.h"
#include "backend/scratch.h"

/* What the slots of backend_ops ask for is told in backend.h. */
void *ref_alloc(struct backend *b, size_t bytes);
void ref_release(struct backend *b, void *memory, size_t bytes);
size_t ref_scratch_bytes(const struct backend *b, const struct backend_sizes *sizes);
void ref_embed(struct backend *b, const struct embed_args *a);
void ref_embed_back(struct backend *b, const struct embed_args *a);
void ref_linear(struct backend *b, const struct linear_args *a);
void ref_linear_back(struct backend *b, const struct linear_args *a);
void ref_norm(struct backend *b, const struct norm_args *a);
void ref_norm_back(struct backend *b, const struct norm_args *a);
void ref_rope(struct backend *b, const struct rope_args *a);
void ref_rope_back(struct backend *b, const struct rope_args *a);
void ref_attn(struct backend *b, const struct attn_args *a);
void ref_attn_back(struct backend *b, const struct attn_args *a);
void ref_act(struct backend *b, const struct act_args *a);
void ref_act_back(struct backend *b, const struct act_args *a);
void ref_add(struct backend *b, struct mat y, struct mat a, struct mat c);
void ref_copy(struct backend *b, struct mat y, struct mat x);
void ref_xent(struct backend *b, const struct xent_args *a);
void ref_logits(struct backend *b, const struct logits_args *a);
void ref_to_bf16(struct backend *b, uint16_t *y, const float *x, size_t n);
void ref_from_bf16(struct backend *b, float *y, const uint16_t *x, size_t n);
void ref_fill(struct backend *b, float *y, float value, size_t n);
void ref_axpby(struct backend *b, float *y, float alpha, const float *x, float beta, size_t n);
void ref_reduce(struct backend *b, struct reduce_result *out, const float *x, size_t n);
void ref_update(struct backend *b, const struct optim_args *a);

/* Scratch memory of the operations that need some, for sizes up to these. */
size_t ref_linear_scratch(const struct backend_sizes *sizes);
size_t ref_attn_scratch(const struct backend_sizes *sizes);
size_t ref_xent_scratch(const struct backend_sizes *sizes);
size_t ref_embed_scratch(const struct backend_sizes *sizes);

/* Row `row` of the weights as they are stored, as float32 [w->width]. */
void ref_weight_row(const struct weight *w, size_t row, float *out);

/* softcap tanh(z / softcap), or z where softcap is 0. */
double ref_cap(double z, double softcap);

/* The derivative of the same with respect to z, from its value. */
double ref_cap_slope(double capped, double softcap);

static inline double ref_dot(const float *x, const float *y, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * y[i];
    return sum;
}

/* sum += factor x */
static inline void ref_add_scaled(double *sum, double factor, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum[i] += factor * x[i];
}

/* A gradient of a parameter is added to. */
static inline void ref_add_to(float *grad, double value)
{
    *grad = (float)(*grad + value);
}

static inline void ref_put(float *to, double value, bool adds)
{
    *to = (float)(adds ? *to + value : value);
}

#endif
