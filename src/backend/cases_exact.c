/*
 * cases_exact.c - the formulas of backend.h in float64, as sums that are differentiated.
 *
 * For random factors f, S = sum of f times the output is one number whose derivative with respect
 * to an input is what the adjoint must give when dy = f. The functions below compute S; every input
 * is read through in(), which moves the one number that is being differentiated. That is the
 * outputs' definition once more, written without regard to how `ref` does it: neither shares a line
 * with the other.
 */
#include <math.h>

#include "backend/cases_trial.h"
#include "backend/dropout.h"

static inline double in(const struct nudge *nudge, const float *at)
{
    return (double)*at + (at == nudge->at ? nudge->by : 0);
}

static double cap(double z, double softcap)
{
    return softcap > 0 ? softcap * tanh(z / softcap) : z;
}

static double exact_embed(const struct trial *t, const struct nudge *nudge)
{
    const struct embed_args *a = &t->embed;
    double sum = 0;
    for (size_t i = 0; i < a->dy.rows; i++) {
        for (size_t c = 0; c < a->dy.width; c++) {
            size_t token = (size_t)a->id[i] * a->dy.width + c;
            size_t place = (size_t)a->position[i] * a->dy.width + c;
            double y = (double)a->scale * in(nudge, &t->decoded[0][token]);
            if (a->positions.at)
                y += in(nudge, &t->decoded[1][place]);
            sum += mat_row(a->dy, i)[c] * y;
        }
    }
    return sum;
}

/* One row's outputs of one part, times their factors. */
static double exact_part(const struct trial *t, size_t index, size_t row, const float *dy,
                         const struct nudge *nudge)
{
    const struct linear_args *a = &t->linear;
    const struct linear_part *p = &a->part[index];
    size_t n = weight_out(&p->weight), k = weight_in(&p->weight);
    double x[TRIAL_WIDTH], u[TRIAL_WIDTH], sum = 0;
    CHECK(k <= TRIAL_WIDTH && p->rank <= TRIAL_WIDTH);
    for (size_t c = 0; c < k; c++)
        x[c] = in(nudge, &mat_row(a->x, row)[c]);
    struct dropout drop = dropout_init(a->dropout, a->dropout_seed, p->dropout_stream);
    for (size_t r = 0; r < p->rank; r++) {
        u[r] = 0;
        for (size_t c = 0; c < k; c++)
            u[r] += in(nudge, &p->lora_a[r * k + c]) * x[c] * dropout_factor(&drop, row * k + c);
    }
    for (size_t j = 0; j < n; j++) {
        double y = p->bias ? in(nudge, &p->bias[j]) : 0;
        for (size_t c = 0; c < k; c++)
            y += x[c] * in(nudge, &t->decoded[index][p->weight.transposed ? c * n + j : j * k + c]);
        for (size_t r = 0; r < p->rank; r++)
            y += (double)p->lora_scale * u[r] * in(nudge, &p->lora_b[j * p->rank + r]);
        sum += dy[j] * y;
    }
    return sum;
}

static double exact_linear(const struct trial *t, const struct nudge *nudge)
{
    const struct linear_args *a = &t->linear;
    double sum = 0;
    for (size_t i = 0; i < a->dy.rows; i++) {
        const float *dy = mat_row(a->dy, i);
        for (size_t p = 0; p < a->n_parts; dy += weight_out(&a->part[p].weight), p++)
            sum += exact_part(t, p, i, dy, nudge);
    }
    return sum;
}

static double exact_group(const struct norm_args *a, size_t row, size_t first,
                          const struct nudge *nudge)
{
    double x[TRIAL_WIDTH], mean = 0, variance = 0, sum = 0, n = (double)a->group;
    CHECK(a->group <= TRIAL_WIDTH);
    for (size_t c = 0; c < a->group; c++) {
        x[c] = in(nudge, &mat_row(a->x, row)[first + c]);
        x[c] += a->add.at ? in(nudge, &mat_row(a->add, row)[first + c]) : 0;
        mean += a->kind == NORM_LAYER ? x[c] / n : 0;
    }
    for (size_t c = 0; c < a->group; c++)
        variance += (x[c] - mean) * (x[c] - mean) / n;
    for (size_t c = 0; c < a->group; c++) {
        double y = (x[c] - mean) / sqrt(variance + (double)a->eps);
        y *= in(nudge, &a->weight[c]) + (double)a->shift;
        y += a->bias ? in(nudge, &a->bias[c]) : 0;
        sum += mat_row(a->dy, row)[first + c] * y;
    }
    return sum;
}

static double exact_norm(const struct trial *t, const struct nudge *nudge)
{
    double sum = 0;
    for (size_t i = 0; i < t->norm.dy.rows; i++) {
        for (size_t first = 0; first < t->norm.dy.width; first += t->norm.group)
            sum += exact_group(&t->norm, i, first, nudge);
    }
    return sum;
}

/* Number j of a head after the turn: its own times cos, and its partner's times sin. */
static double turned(const struct rope_args *a, const float *head, size_t j, size_t position,
                     const struct nudge *nudge)
{
    size_t half = a->rotary / 2;
    if (j >= a->rotary)
        return in(nudge, &head[j]);
    bool is_first = a->interleaved ? j % 2 == 0 : j < half;
    size_t distance = a->interleaved ? 1 : half;
    size_t angle = position * half + (a->interleaved ? j / 2 : j % half);
    double partner = in(nudge, is_first ? head + j + distance : head + j - distance);
    return in(nudge, &head[j]) * in(nudge, &a->cos[angle]) +
           (is_first ? -1 : 1) * partner * in(nudge, &a->sin[angle]);
}

static double exact_rope(const struct trial *t, const struct nudge *nudge)
{
    const struct rope_args *a = &t->turned.args;
    double sum = 0;
    for (size_t i = 0; i < t->factor->mat.rows; i++) {
        for (size_t c = 0; c < t->factor->mat.width; c++) {
            const float *head = mat_row(t->turned.was, i) + c / a->head * a->head;
            double y = turned(a, head, c % a->head, (size_t)a->position[i], nudge);
            sum += mat_row(t->factor->mat, i)[c] * y;
        }
    }
    return sum;
}

/* One query of one head: token `token` of segment `index`. */
static double exact_query(const struct attn_args *a, size_t index, int32_t token, size_t head,
                          const struct nudge *nudge)
{
    const struct segment *own = &a->segment[index], *s = own;
    size_t row = (size_t)(own->query + token), kv = head / (a->heads / a->kv_heads) * a->head;
    const float *q = mat_row(a->q, row) + head * a->head;
    const float *d_o = mat_row(a->d_o, row) + head * a->head;
    double weights = 0, sum = 0;
    for (;; s = &a->segment[s->parent]) {
        for (int32_t j = 0; j < (s == own ? token + 1 : s->n); j++) {
            int32_t distance = own->position + token - s->position - j;
            if (a->window > 0 && distance >= a->window)
                continue;
            const float *k = mat_row(a->k, (size_t)(s->key + j)) + kv;
            const float *v = mat_row(a->v, (size_t)(s->key + j)) + kv;
            double z = 0, o = 0;
            for (size_t d = 0; d < a->head; d++) {
                z += (double)a->scale * in(nudge, &q[d]) * in(nudge, &k[d]);
                o += d_o[d] * in(nudge, &v[d]);
            }
            double weight = exp(cap(z, (double)a->softcap));
            weights += weight;
            sum += weight * o;
        }
        if (s->parent == SEGMENT_NO_PARENT)
            return sum / weights;
    }
}

static double exact_attn(const struct trial *t, const struct nudge *nudge)
{
    const struct attn_args *a = &t->attn;
    double sum = 0;
    for (size_t i = 0; i < a->n_segments; i++) {
        if (a->segment[i].query == SEGMENT_NO_QUERIES)
            continue;
        for (int32_t token = 0; token < a->segment[i].n; token++) {
            for (size_t head = 0; head < a->heads; head++)
                sum += exact_query(a, i, token, head, nudge);
        }
    }
    return sum;
}

static double bent(enum act_kind kind, double x)
{
    const double pi = 3.14159265358979323846;
    switch (kind) {
    case ACT_SILU:
        return x / (1 + exp(-x));
    case ACT_GELU:
        return x * erfc(-x / sqrt(2)) / 2;
    case ACT_GELU_TANH:
        return x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * pow(x, 3))));
    case ACT_RELU:
        return fmax(x, 0);
    case ACT_RELU_SQUARED:
        return pow(fmax(x, 0), 2);
    }
    return 0;
}

static double exact_act(const struct trial *t, const struct nudge *nudge)
{
    const struct act_args *a = &t->act;
    double sum = 0;
    for (size_t i = 0; i < a->dy.rows; i++) {
        const float *x = mat_row(a->x, i);
        for (size_t c = 0; c < a->dy.width; c++) {
            double y = bent(a->kind, in(nudge, &x[c]));
            y *= a->glu ? in(nudge, &x[a->dy.width + c]) : 1;
            sum += mat_row(a->dy, i)[c] * y;
        }
    }
    return sum;
}

static double exact_sum(const struct trial *t, const struct nudge *nudge)
{
    double sum = 0;
    for (size_t i = 0; i < t->sum.y.rows; i++) {
        for (size_t c = 0; c < t->sum.y.width; c++)
            sum += mat_row(t->factor->mat, i)[c] *
                   (in(nudge, &mat_row(t->sum.a, i)[c]) + in(nudge, &mat_row(t->sum.c, i)[c]));
    }
    return sum;
}

static double logit(const struct trial *t, const struct xent_args *a, size_t row, size_t v,
                    const struct nudge *nudge)
{
    const struct linear_part *p = &a->head;
    const float *h = mat_row(a->h, row);
    size_t width = a->h.width;
    double y = 0;
    struct dropout drop = dropout_init(a->dropout, a->dropout_seed, p->dropout_stream);
    for (size_t c = 0; c < width; c++) {
        double factor = in(nudge, &t->decoded[0][v * width + c]), kept = 0;
        for (size_t r = 0; r < p->rank; r++)
            kept += in(nudge, &p->lora_b[v * p->rank + r]) * in(nudge, &p->lora_a[r * width + c]);
        kept *= p->rank > 0 ? (double)dropout_factor(&drop, row * width + c) : 0;
        y += in(nudge, &h[c]) * (factor + (double)p->lora_scale * kept);
    }
    double z = (double)a->logit_scale * y + (p->bias ? in(nudge, &p->bias[v]) : 0);
    return cap(z, (double)a->softcap);
}

static double exact_xent(const struct trial *t, const struct nudge *nudge)
{
    const struct xent_args *a = &t->xent;
    double sum = 0;
    for (size_t i = 0; i < a->n_targets; i++) {
        double exponentials = 0, wanted = 0;
        for (size_t v = 0; v < a->head.weight.rows; v++) {
            double z = logit(t, a, (size_t)a->target[i].row, v, nudge);
            exponentials += exp(z);
            wanted = v == (size_t)a->target[i].id ? z : wanted;
        }
        sum += t->factor->mat.at[i] * (log(exponentials) - wanted);
    }
    return sum;
}

static double exact_logits(const struct trial *t, const struct nudge *nudge)
{
    const struct logits_args *a = &t->logits;
    double sum = 0;
    for (size_t i = 0; i < a->z.rows; i++) {
        for (size_t v = 0; v < a->z.width; v++)
            sum += mat_row(t->factor->mat, i)[v] * logit(t, &a->of, (size_t)a->row[i], v, nudge);
    }
    return sum;
}

double trial_exact(const struct trial *t, const struct nudge *nudge)
{
    static double (*const exact[CASE_OPS])(const struct trial *, const struct nudge *) = {
        [CASE_EMBED] = exact_embed, [CASE_LINEAR] = exact_linear, [CASE_NORM] = exact_norm,
        [CASE_ROPE] = exact_rope,   [CASE_ATTN] = exact_attn,     [CASE_ACT] = exact_act,
        [CASE_SUM] = exact_sum,     [CASE_XENT] = exact_xent,     [CASE_LOGITS] = exact_logits,
    };
    return exact[t->row->op] ? exact[t->row->op](t, nudge) : 0;
}
