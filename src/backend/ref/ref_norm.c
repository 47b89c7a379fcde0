/*
 * ref_norm.c - norms over groups of columns.
 *
 * With g columns in a group, m = mean x (layer) or 0 (rms), and x^ = (x - m) rstd:
 *
 *     rstd = 1 / sqrt(mean (x - m)^2 + eps)        y = x^ (w + shift) + b
 *
 *     dx  = rstd (e - mean e [layer only] - x^ mean(e x^))       e = dy (w + shift)
 *     dw += sum over rows and groups of dy x^                    db += the same of dy
 *
 * Layer norm: Ba et al. 2016, arXiv:1607.06450. Root-mean-square norm: Zhang and Sennrich 2019,
 * arXiv:1910.07467. `shift` is 1 for Gemma, which stores w - 1.
 */
#include <math.h>

#include "backend/ref/ref.h"

static void norm_group(const struct norm_args *a, const float *x, float *y, float *stat)
{
    double mean = 0, square = 0, n = (double)a->group;
    for (size_t c = 0; a->kind == NORM_LAYER && c < a->group; c++)
        mean += x[c] / n;
    for (size_t c = 0; c < a->group; c++)
        square += (x[c] - mean) * (x[c] - mean) / n;
    double rstd = 1 / sqrt(square + (double)a->eps);
    for (size_t c = 0; c < a->group; c++) {
        double bias = a->bias ? a->bias[c] : 0;
        y[c] = (float)((x[c] - mean) * rstd * ((double)a->weight[c] + a->shift) + bias);
    }
    stat[0] = (float)mean;
    stat[1] = (float)rstd;
}

void ref_norm(struct backend *b, const struct norm_args *a)
{
    CHECK(a->x.width % a->group == 0 && a->y.width == a->x.width);
    struct mat x = a->x;
    if (a->add.at) {
        ref_add(b, a->sum, a->x, a->add);
        x = a->sum;
    }
    for (size_t i = 0; i < x.rows; i++) {
        for (size_t g = 0; g < x.width / a->group; g++)
            norm_group(a, mat_row(x, i) + g * a->group, mat_row(a->y, i) + g * a->group,
                       mat_row(a->stat, i) + 2 * g);
    }
}

/* The group's row of each matrix; dx NULL: not wanted. */
static void back_group(const struct norm_args *a, const float *x, const float *stat,
                       const float *dy, float *dx)
{
    double mean = stat[0], rstd = stat[1], n = (double)a->group;
    double mean_e = 0, mean_ex = 0;
    for (size_t c = 0; c < a->group; c++) {
        double normed = (x[c] - mean) * rstd;
        double e = dy[c] * ((double)a->weight[c] + a->shift);
        mean_e += a->kind == NORM_LAYER ? e / n : 0;
        mean_ex += e * normed / n;
        if (a->dweight)
            ref_add_to(&a->dweight[c], dy[c] * normed);
        if (a->dbias)
            ref_add_to(&a->dbias[c], dy[c]);
    }
    for (size_t c = 0; dx && c < a->group; c++) {
        double normed = (x[c] - mean) * rstd;
        double e = dy[c] * ((double)a->weight[c] + a->shift);
        ref_put(&dx[c], rstd * (e - mean_e - normed * mean_ex), a->dx.adds);
    }
}

void ref_norm_back(struct backend *b, const struct norm_args *a)
{
    (void)b;
    for (size_t i = 0; i < a->dy.rows; i++) {
        for (size_t first = 0; first < a->dy.width; first += a->group) {
            const float *stat = mat_row(a->stat, i) + 2 * (first / a->group);
            float *dx = a->dx.to.at ? mat_row(a->dx.to, i) + first : NULL;
            back_group(a, mat_row(a->x, i) + first, stat, mat_row(a->dy, i) + first, dx);
        }
    }
}
