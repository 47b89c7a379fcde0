/*
 * quant_search.c - least squares over rounding.
 *
 * Once every q is fixed, the best scale (and offset) is that of a weighted linear regression; but
 * the q depend on the scale. So a few scales around the one that spans the range are tried: round
 * with each, solve the regression, keep the solution with the least weighted error. Large numbers
 * weigh more: by their size plus the root mean square (affine), by their square (symmetric).
 *
 * The candidates, weights and order of sums are those of ggml's make_qkx2_quants (for Q4_K) and
 * make_qx_quants (for Q6_K), so that a model quantised here is as good as one quantised there.
 * Source: llama.cpp pull request 1684 (k-quants) and ggml-quants.c.
 */
#include "tensor/quant_search.h"

#include <math.h>

/* ----------------------------------------------------------------------------------- affine -- */

/* Numbers with their weights and weighted sums. */
struct sample {
    const float *x;
    int n, q_most;
    float weights[QUANT_SEARCH_MOST];
    float low, high, sum_w, sum_x;
};

static void weigh(struct sample *s)
{
    float sum_x2 = 0;
    for (int i = 0; i < s->n; i++)
        sum_x2 += s->x[i] * s->x[i];
    float root_mean_square = sqrtf(sum_x2 / (float)s->n);
    s->low = s->high = s->x[0];
    s->sum_w = s->sum_x = 0;
    for (int i = 0; i < s->n; i++) {
        s->weights[i] = root_mean_square + fabsf(s->x[i]);
        s->low = s->x[i] < s->low ? s->x[i] : s->low;
        s->high = s->x[i] > s->high ? s->x[i] : s->high;
        s->sum_w += s->weights[i];
        s->sum_x += s->weights[i] * s->x[i];
    }
    if (s->low > 0)
        s->low = 0;
}

static void round_all(const struct sample *s, float inverse_scale, int *q)
{
    for (int i = 0; i < s->n; i++)
        q[i] = quant_search_round(inverse_scale * (s->x[i] - s->low), 0, s->q_most);
}

static float error_of(const struct sample *s, const int *q, float scale, float offset)
{
    float error = 0;
    for (int i = 0; i < s->n; i++) {
        float difference = scale * (float)q[i] + offset - s->x[i];
        error += s->weights[i] * (difference * difference);
    }
    return error;
}

/* The regression line of x over q, its offset at most 0. False where all q are equal. */
static bool solve(const struct sample *s, const int *q, float *scale, float *offset)
{
    float sum_q = 0, sum_q2 = 0, sum_xq = 0;
    for (int i = 0; i < s->n; i++) {
        float w = s->weights[i], value = (float)q[i];
        sum_q += w * value;
        sum_q2 += w * value * value;
        sum_xq += w * value * s->x[i];
    }
    float determinant = s->sum_w * sum_q2 - sum_q * sum_q;
    if (!(determinant > 0))
        return false;
    *scale = (s->sum_w * sum_xq - s->sum_x * sum_q) / determinant;
    *offset = (sum_q2 * s->sum_x - sum_q * sum_xq) / determinant;
    if (*offset > 0) {
        *offset = 0;
        *scale = sum_xq / sum_q2;
    }
    return true;
}

float quant_search_affine(const float *x, int n, int q_most, float *minimum)
{
    enum { N_STEPS = 20 };
    CHECK(n > 0 && n <= QUANT_SEARCH_MOST);
    struct sample s = {.x = x, .n = n, .q_most = q_most};
    weigh(&s);
    *minimum = -s.low;
    if (s.high == s.low)
        return 0;

    int q[QUANT_SEARCH_MOST];
    float inverse_scale = (float)q_most / (s.high - s.low);
    float best_scale = 1 / inverse_scale, best_offset = s.low;
    round_all(&s, inverse_scale, q);
    float best_error = error_of(&s, q, best_scale, best_offset);
    for (int step = 0; step <= N_STEPS; step++) {
        float scale, offset;
        round_all(&s, (-1.0f + 0.1f * (float)step + (float)q_most) / (s.high - s.low), q);
        if (!solve(&s, q, &scale, &offset))
            continue;
        float error = error_of(&s, q, scale, offset);
        if (error < best_error) {
            best_error = error;
            best_scale = scale;
            best_offset = offset;
        }
    }
    *minimum = -best_offset;
    return best_scale;
}

/* -------------------------------------------------------------------------------- symmetric -- */

float quant_search_symmetric(const float *x, int n, int q_half)
{
    enum { N_STEPS = 9 };
    float largest = 0, extreme = 0; /* the latter with its sign */
    for (int i = 0; i < n; i++) {
        if (fabsf(x[i]) > largest) {
            largest = fabsf(x[i]);
            extreme = x[i];
        }
    }
    if (largest < QUANT_SEARCH_TINY)
        return 0;

    float best_scale = 0, best = 0;
    for (int candidate = 0; candidate <= 2 * N_STEPS; candidate++) {
        /* The range itself first, then the steps from the lowest to the highest. */
        int step = candidate == 0 ? 0 : candidate - 1 - N_STEPS + (candidate > N_STEPS);
        float inverse_scale = -((float)q_half + 0.1f * (float)step) / extreme;
        float sum_xq = 0, sum_q2 = 0;
        for (int i = 0; i < n; i++) {
            int q = quant_search_round(inverse_scale * x[i], -q_half, q_half - 1);
            float w = x[i] * x[i];
            sum_xq += w * x[i] * (float)q;
            sum_q2 += w * (float)q * (float)q;
        }
        /* The error that is left falls as sum_xq^2 / sum_q2 rises. */
        if (sum_q2 > 0 && sum_xq * sum_xq > best * sum_q2) {
            best_scale = sum_xq / sum_q2;
            best = best_scale * sum_xq;
        }
    }
    return best_scale;
}
