/*
 * kernel_row.c - norms, the bends of the feed-forward part, rotation, and sums, along one row.
 *
 * The formulas are told in backend/ref: ref_norm.c, ref_act.c, ref_rope.c. Sums of a row run in
 * LANES float32 lanes, which are added up by halves: the error grows with the row's length divided
 * by the lanes.
 */
#include <math.h>

#include "backend/cpu/kernel.h"
#include "backend/cpu/simd_math.h"

/* ------------------------------------------------------------------------------------- sums -- */

float KERNEL(kernel_dot)(const float *x, const float *y, size_t n)
{
    vec sum[4] = {{0}, {0}, {0}, {0}};
    size_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES) {
#pragma GCC unroll 4
        for (size_t j = 0; j < 4; j++)
            sum[j] = vec_fma(vec_load(x + i + j * LANES), vec_load(y + i + j * LANES), sum[j]);
    }
    for (; i < n; i += LANES) {
        size_t here = min_size(n - i, LANES);
        sum[0] = vec_fma(vec_load_some(x + i, here), vec_load_some(y + i, here), sum[0]);
    }
    return vec_sum((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

void KERNEL(kernel_add)(float *y, const float *a, const float *c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = a[i] + c[i];
}

void KERNEL(kernel_scale)(float *y, float factor, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] *= factor;
}

void KERNEL(kernel_axpby)(float *y, float factor, const float *x, float beta, size_t n)
{
    if (beta == 0) {
        for (size_t i = 0; i < n; i++)
            y[i] = factor * x[i];
    } else {
        for (size_t i = 0; i < n; i++)
            y[i] = factor * x[i] + beta * y[i];
    }
}

/* ------------------------------------------------------------------------------------- norms -- */

/* Sum of (x - mean)^2. */
static float sum_squares(const float *x, size_t n, float mean)
{
    vec sum[2] = {{0}, {0}};
    size_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
#pragma GCC unroll 2
        for (size_t j = 0; j < 2; j++) {
            vec v = vec_load(x + i + j * LANES) - mean;
            sum[j] = vec_fma(v, v, sum[j]);
        }
    }
    for (; i < n; i += LANES) {
        size_t here = min_size(n - i, LANES);
        vec v = vec_load_some(x + i, here) - mean;
        v = vec_select(veci_count() < (int32_t)here, v, (vec){0});
        sum[0] = vec_fma(v, v, sum[0]);
    }
    return vec_sum(sum[0] + sum[1]);
}

static float sum_of(const float *x, size_t n)
{
    vec sum = {0};
    for (size_t i = 0; i < n; i += LANES)
        sum += vec_load_some(x + i, min_size(n - i, LANES));
    return vec_sum(sum);
}

void KERNEL(kernel_norm)(const struct norm_group *g)
{
    float n = (float)g->n;
    float mean = g->kind == NORM_LAYER ? sum_of(g->x, g->n) / n : 0;
    float rstd = 1 / sqrtf(sum_squares(g->x, g->n, mean) / n + g->eps);
    for (size_t i = 0; i < g->n; i++)
        g->y[i] = (g->x[i] - mean) * rstd * (g->weight[i] + g->shift);
    for (size_t i = 0; g->bias && i < g->n; i++)
        g->y[i] += g->bias[i];
    g->stat[0] = mean;
    g->stat[1] = rstd;
}

/* Sums of e and of e x^, e = dy (w + shift). */
struct norm_sums {
    vec e, ex;
};

SIMD void put(float *to, vec v, size_t n, bool adds)
{
    vec_store_some(to, adds ? vec_load_some(to, n) + v : v, n);
}

/* Adds up numbers i … i + n - 1, n <= LANES. */
SIMD void sum_part(const struct norm_group *g, size_t i, size_t n, struct norm_sums *sum)
{
    vec dy = vec_load_some(g->dy + i, n);
    vec normed = (vec_load_some(g->x + i, n) - g->stat[0]) * g->stat[1];
    if (g->dweight)
        put(g->dweight + i, dy * normed, n, true);
    if (g->dbias)
        put(g->dbias + i, dy, n, true);
    vec e = dy * (vec_load_some(g->weight + i, n) + g->shift);
    if (n < LANES)
        e = vec_select(veci_count() < (int32_t)n, e, (vec){0});
    sum->e += e;
    sum->ex = vec_fma(e, normed, sum->ex);
}

/* dx = rstd (e - mean e - x^ mean e x^), of these numbers. */
SIMD void back_part(const struct norm_group *g, size_t i, size_t n, float mean_e, float mean_ex)
{
    float mean = g->stat[0], rstd = g->stat[1];
    vec e = vec_load_some(g->dy + i, n) * (vec_load_some(g->weight + i, n) + g->shift);
    vec normed = (vec_load_some(g->x + i, n) - mean) * rstd;
    put(g->dx + i, rstd * (e - mean_e - normed * mean_ex), n, g->adds);
}

void KERNEL(kernel_norm_back)(const struct norm_group *g)
{
    struct norm_sums sum = {{0}, {0}};
    size_t i = 0, rest = g->n % LANES;
    for (; i + LANES <= g->n; i += LANES)
        sum_part(g, i, LANES, &sum);
    if (rest > 0)
        sum_part(g, i, rest, &sum);
    if (!g->dx)
        return;
    float mean_e = g->kind == NORM_LAYER ? vec_sum(sum.e) / (float)g->n : 0;
    float mean_ex = vec_sum(sum.ex) / (float)g->n;
    for (i = 0; i + LANES <= g->n; i += LANES)
        back_part(g, i, LANES, mean_e, mean_ex);
    if (rest > 0)
        back_part(g, i, rest, mean_e, mean_ex);
}

/* ------------------------------------------------------------------------------------- bends -- */

#define SQRT_HALF 0.70710678118654752440f
#define SQRT_2_OVER_PI 0.79788456080286535588f
#define INVERSE_SQRT_2PI 0.39894228040143267794f
#define GELU_CUBIC 0.044715f

struct bend {
    vec value, slope;
};

SIMD struct bend bend(enum act_kind kind, vec x)
{
    struct bend b = {0};
    if (kind == ACT_SILU) {
        vec sigmoid = vec_sigmoid(x);
        b.value = x * sigmoid;
        b.slope = sigmoid * (1.0f + x * (1.0f - sigmoid));
    } else if (kind == ACT_GELU) {
        vec phi = 0.5f * (1.0f + vec_erf(x * SQRT_HALF));
        b.value = x * phi;
        b.slope = phi + x * INVERSE_SQRT_2PI * vec_exp(-0.5f * x * x);
    } else if (kind == ACT_GELU_TANH) {
        vec bent = vec_tanh(SQRT_2_OVER_PI * (x + GELU_CUBIC * x * x * x));
        vec inner = SQRT_2_OVER_PI * (1.0f + 3 * GELU_CUBIC * x * x);
        b.value = 0.5f * x * (1.0f + bent);
        b.slope = 0.5f * (1.0f + bent) + 0.5f * x * (1.0f - bent * bent) * inner;
    } else {
        veci positive = x > 0.0f;
        vec kept = (vec)((veci)x & positive);
        b.value = kind == ACT_RELU ? kept : kept * kept;
        b.slope = kind == ACT_RELU ? (vec)((veci)vec_of(1) & positive) : 2.0f * kept;
    }
    return b;
}

SIMD void act_row(const struct act_row *r, enum act_kind kind)
{
    for (size_t i = 0; i < r->n; i += LANES) {
        size_t here = min_size(r->n - i, LANES);
        vec y = bend(kind, vec_load_some(r->x + i, here)).value;
        if (r->gate)
            y *= vec_load_some(r->gate + i, here);
        vec_store_some(r->y + i, y, here);
    }
}

SIMD void act_back_row(const struct act_row *r, enum act_kind kind)
{
    for (size_t i = 0; i < r->n; i += LANES) {
        size_t here = min_size(r->n - i, LANES);
        struct bend bent = bend(kind, vec_load_some(r->x + i, here));
        vec dy = vec_load_some(r->dy + i, here);
        vec gate = r->gate ? vec_load_some(r->gate + i, here) : vec_of(1);
        put(r->dx + i, dy * gate * bent.slope, here, r->adds);
        if (r->gate)
            put(r->dgate + i, dy * bent.value, here, r->adds);
    }
}

#define ACT_CASES(act, r)                                                                          \
    switch ((r)->kind) {                                                                           \
    case ACT_SILU:                                                                                 \
        act(r, ACT_SILU);                                                                          \
        break;                                                                                     \
    case ACT_GELU:                                                                                 \
        act(r, ACT_GELU);                                                                          \
        break;                                                                                     \
    case ACT_GELU_TANH:                                                                            \
        act(r, ACT_GELU_TANH);                                                                     \
        break;                                                                                     \
    case ACT_RELU:                                                                                 \
        act(r, ACT_RELU);                                                                          \
        break;                                                                                     \
    case ACT_RELU_SQUARED:                                                                         \
        act(r, ACT_RELU_SQUARED);                                                                  \
        break;                                                                                     \
    }

void KERNEL(kernel_act)(const struct act_row *r)
{
    ACT_CASES(act_row, r)
}

void KERNEL(kernel_act_back)(const struct act_row *r)
{
    ACT_CASES(act_back_row, r)
}

/* ---------------------------------------------------------------------------------- rotation -- */

void KERNEL(kernel_turn)(float *restrict p, float *restrict q, const float *restrict cos,
                         const float *restrict sin, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float was = p[i];
        p[i] = was * cos[i] - q[i] * sin[i];
        q[i] = q[i] * cos[i] + was * sin[i];
    }
}
