/*
 * ref_xent.c - the loss, with the projection to the vocabulary inside.
 *
 * One target at a time, g = logit_scale:
 *
 *     t = g (W h + s B u) + b       u = A h'        z = cap(t)       loss = log(sum exp z) - z[id]
 *
 *     dz = coef (softmax(z) - onehot(id))           dt = dz cap'(t)
 *     dh += g W^T dt                dW += g dt h^T          db += dt
 *     du  = g s B^T dt              dB += g s dt u^T
 *     dh += drop(A^T du)            dA += du h'^T
 *
 * where h is h[row], h' what dropout leaves of it, and A, B, s an adapter (ref_linear.c).
 *
 * All of z exists for one target only: with V = 49,152 a whole matrix of logits would be the
 * largest thing in memory. A row with several targets is projected again for each.
 */
#include <math.h>

#include "backend/dropout.h"
#include "backend/ref/ref.h"

struct scores {
    double *z;      /* [V] */
    float *w;       /* [C] one row of the weights */
    float *dropped; /* [C] h' */
    double *u, *du; /* [r] */
    double *dh;     /* [C] */
};

size_t ref_xent_scratch(const struct backend_sizes *sizes)
{
    return scratch_need(sizes->vocabulary, sizeof(double)) +
           2 * scratch_need(sizes->vocabulary_width, sizeof(float)) +
           2 * scratch_need(sizes->vocabulary_rank, sizeof(double)) +
           scratch_need(sizes->vocabulary_width, sizeof(double));
}

static struct scores open_scores(const struct backend *b, const struct xent_args *a)
{
    struct scratch scratch = scratch_of(b);
    CHECK(a->head.weight.width == a->h.width && !a->head.weight.transposed);
    struct scores s;
    s.z = scratch_take(&scratch, a->head.weight.rows, sizeof *s.z);
    s.w = scratch_take(&scratch, a->head.weight.width, sizeof *s.w);
    s.dropped = scratch_take(&scratch, a->head.weight.width, sizeof *s.dropped);
    s.u = scratch_take(&scratch, a->head.rank, sizeof *s.u);
    s.du = scratch_take(&scratch, a->head.rank, sizeof *s.du);
    s.dh = scratch_take(&scratch, a->h.width, sizeof *s.dh);
    return s;
}

static void compute_u(const struct xent_args *a, const struct scores *s, size_t row)
{
    struct dropout d = dropout_init(a->dropout, a->dropout_seed, a->head.dropout_stream);
    dropout_apply(&d, row * a->h.width, s->dropped, mat_row(a->h, row), a->h.width);
    for (size_t j = 0; j < a->head.rank; j++)
        s->u[j] = ref_dot(s->dropped, a->head.lora_a + j * a->h.width, a->h.width);
}

/* s B u, of token v */
static double adapter_share(const struct xent_args *a, const struct scores *s, size_t v)
{
    double sum = 0;
    for (size_t j = 0; j < a->head.rank; j++)
        sum += s->u[j] * a->head.lora_b[v * a->head.rank + j];
    return a->head.lora_scale * sum;
}

static void project(const struct xent_args *a, const struct scores *s, size_t row)
{
    if (a->head.rank > 0)
        compute_u(a, s, row);
    for (size_t v = 0; v < a->head.weight.rows; v++) {
        ref_weight_row(&a->head.weight, v, s->w);
        double y = ref_dot(mat_row(a->h, row), s->w, a->h.width) + adapter_share(a, s, v);
        double t = a->logit_scale * y;
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

/* What one logit's dt adds to the adapter's gradients. */
static void back_token(const struct xent_args *a, const struct scores *s, size_t v, double dt)
{
    size_t rank = a->head.rank;
    double factor = a->logit_scale * a->head.lora_scale * dt;
    ref_add_scaled(s->du, factor, a->head.lora_b + v * rank, rank);
    for (size_t j = 0; a->head.dlora_b && j < rank; j++)
        ref_add_to(&a->head.dlora_b[v * rank + j], factor * s->u[j]);
}

/* From du to A and to h. */
static void back_adapter(const struct xent_args *a, const struct scores *s, size_t row)
{
    size_t width = a->h.width;
    struct dropout d = dropout_init(a->dropout, a->dropout_seed, a->head.dropout_stream);
    for (size_t j = 0; j < a->head.rank; j++) {
        const float *lora_a = a->head.lora_a + j * width;
        for (size_t c = 0; c < width; c++)
            s->dh[c] += s->du[j] * lora_a[c] * dropout_factor(&d, row * width + c);
        for (size_t c = 0; a->head.dlora_a && c < width; c++)
            ref_add_to(&a->head.dlora_a[j * width + c], s->du[j] * s->dropped[c]);
    }
}

/* The gradients of coef * loss. */
static void back(const struct xent_args *a, const struct scores *s, size_t i, double lse)
{
    size_t row = (size_t)a->target[i].row, width = a->h.width;
    for (size_t c = 0; c < width; c++)
        s->dh[c] = 0;
    for (size_t j = 0; j < a->head.rank; j++)
        s->du[j] = 0;
    for (size_t v = 0; v < a->head.weight.rows; v++) {
        double share = exp(s->z[v] - lse) - (v == (size_t)a->target[i].id);
        double dt = a->coef[i] * share * ref_cap_slope(s->z[v], a->softcap);
        ref_weight_row(&a->head.weight, v, s->w);
        ref_add_scaled(s->dh, a->logit_scale * dt, s->w, width);
        back_token(a, s, v, dt);
        if (a->head.dbias)
            ref_add_to(&a->head.dbias[v], dt);
        for (size_t c = 0; a->head.dweight && c < width; c++)
            ref_add_to(&a->head.dweight[v * width + c],
                       a->logit_scale * dt * mat_row(a->h, row)[c]);
    }
    back_adapter(a, s, row);
    for (size_t c = 0; a->dh.to.at && c < width; c++)
        ref_put(&mat_row(a->dh.to, row)[c], s->dh[c], true);
}

void ref_xent(struct backend *b, const struct xent_args *a)
{
    struct scores s = open_scores(b, a);
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
            back(a, &s, i, lse);
    }
}

void ref_logits(struct backend *b, const struct logits_args *a)
{
    struct scores s = open_scores(b, &a->of);
    for (size_t i = 0; i < a->z.rows; i++) {
        project(&a->of, &s, (size_t)a->row[i]);
        for (size_t v = 0; v < a->of.head.weight.rows; v++)
            mat_row(a->z, i)[v] = (float)s.z[v];
    }
}
