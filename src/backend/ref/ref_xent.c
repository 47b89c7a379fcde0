/*
 * ref_xent.c - the loss, with the projection to the vocabulary inside.
 *
 * One target at a time, g = logit_scale:
 *
 *     t = g W h[row] + b        z = cap(t)        loss = log(sum exp z) - z[id]
 *
 *     dz = coef (softmax(z) - onehot(id))         dt = dz cap'(t)
 *     dh[row] += g W^T dt       dW += g dt h[row]^T            db += dt
 *
 * All of z exists for one target only: with V = 49,152 a whole matrix of logits would be the
 * largest thing in memory. A row with several targets is projected again for each.
 */
#include <math.h>

#include "backend/ref/ref.h"

struct scores {
    double *z; /* [V] */
    float *w;  /* [C] one row of the weights */
};

size_t ref_xent_scratch(const struct backend_sizes *sizes)
{
    return scratch_need(sizes->vocabulary, sizeof(double)) +
           scratch_need(sizes->vocabulary_width, sizeof(float)) +
           scratch_need(sizes->vocabulary_width, sizeof(double));
}

static struct scores open_scores(const struct xent_args *a, struct scratch *scratch)
{
    CHECK(a->head.weight.width == a->h.width && !a->head.weight.transposed);
    struct scores s;
    s.z = scratch_take(scratch, a->head.weight.rows, sizeof *s.z);
    s.w = scratch_take(scratch, a->head.weight.width, sizeof *s.w);
    return s;
}

static void project(const struct xent_args *a, const struct scores *s, size_t row)
{
    for (size_t v = 0; v < a->head.weight.rows; v++) {
        ref_weight_row(&a->head.weight, v, s->w);
        double t = a->logit_scale * ref_dot(mat_row(a->h, row), s->w, a->h.width);
        s->z[v] = ref_cap(t + (a->head.bias ? a->head.bias[v] : 0), a->softcap);
    }
}

/* log(sum exp z); `best` is the first of the greatest. */
static double log_sum(const double *z, size_t n, size_t *best)
{
    *best = 0;
    for (size_t v = 1; v < n; v++)
        *best = z[v] > z[*best] ? v : *best;
    double sum = 0;
    for (size_t v = 0; v < n; v++)
        sum += exp(z[v] - z[*best]);
    return z[*best] + log(sum);
}

/* The gradients of coef * loss; `dh` is [C] of scratch. */
static void back(const struct xent_args *a, const struct scores *s, size_t i, double lse,
                 double *dh)
{
    size_t row = (size_t)a->target[i].row, width = a->h.width;
    for (size_t c = 0; c < width; c++)
        dh[c] = 0;
    for (size_t v = 0; v < a->head.weight.rows; v++) {
        double share = exp(s->z[v] - lse) - (v == (size_t)a->target[i].id);
        double dt = a->coef[i] * share * ref_cap_slope(s->z[v], a->softcap);
        ref_weight_row(&a->head.weight, v, s->w);
        ref_add_scaled(dh, a->logit_scale * dt, s->w, width);
        if (a->head.dbias)
            ref_add_to(&a->head.dbias[v], dt);
        for (size_t c = 0; a->head.dweight && c < width; c++)
            ref_add_to(&a->head.dweight[v * width + c],
                       a->logit_scale * dt * mat_row(a->h, row)[c]);
    }
    for (size_t c = 0; a->dh.to.at && c < width; c++)
        ref_put(&mat_row(a->dh.to, row)[c], dh[c], true);
}

void ref_xent(struct backend *b, const struct xent_args *a)
{
    struct scratch scratch = scratch_of(b);
    struct scores s = open_scores(a, &scratch);
    double *dh = scratch_take(&scratch, a->h.width, sizeof *dh);
    for (size_t i = 0; a->coef && a->dh.to.at && !a->dh.adds && i < a->h.rows; i++)
        ref_fill(b, mat_row(a->dh.to, i), 0, a->h.width);
    for (size_t i = 0; i < a->n_targets; i++) {
        project(a, &s, (size_t)a->target[i].row);
        size_t best;
        double lse = log_sum(s.z, a->head.weight.rows, &best);
        a->loss[i] = (float)(lse - s.z[a->target[i].id]);
        if (a->best)
            a->best[i] = (int32_t)best;
        if (a->coef)
            back(a, &s, i, lse, dh);
    }
}

void ref_logits(struct backend *b, const struct logits_args *a)
{
    struct scratch scratch = scratch_of(b);
    struct scores s = open_scores(&a->of, &scratch);
    for (size_t i = 0; i < a->z.rows; i++) {
        project(&a->of, &s, (size_t)a->row[i]);
        for (size_t v = 0; v < a->of.head.weight.rows; v++)
            mat_row(a->z, i)[v] = (float)s.z[v];
    }
}
