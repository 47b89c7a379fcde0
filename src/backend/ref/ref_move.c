/*
 * ref_move.c - operations on plain arrays: sums, copies, 16-bit storage, and what the guard looks
 * at.
 */
#include <math.h>

#include "backend/ref/ref.h"
#include "tensor/half.h"

void ref_add(struct backend *b, struct mat y, struct mat a, struct mat c)
{
    (void)b;
    CHECK(a.rows == y.rows && c.rows == y.rows && a.width == y.width && c.width == y.width);
    for (size_t i = 0; i < y.rows; i++) {
        for (size_t k = 0; k < y.width; k++)
            mat_row(y, i)[k] = mat_row(a, i)[k] + mat_row(c, i)[k];
    }
}

void ref_copy(struct backend *b, struct mat y, struct mat x)
{
    (void)b;
    CHECK(x.rows == y.rows && x.width == y.width);
    for (size_t i = 0; i < y.rows; i++) {
        for (size_t k = 0; k < y.width; k++)
            mat_row(y, i)[k] = mat_row(x, i)[k];
    }
}

void ref_to_bf16(struct backend *b, uint16_t *y, const float *x, size_t n)
{
    (void)b;
    for (size_t i = 0; i < n; i++)
        y[i] = half_to_bf16(x[i]);
}

void ref_from_bf16(struct backend *b, float *y, const uint16_t *x, size_t n)
{
    (void)b;
    for (size_t i = 0; i < n; i++)
        y[i] = half_from_bf16(x[i]);
}

void ref_fill(struct backend *b, float *y, float value, size_t n)
{
    (void)b;
    for (size_t i = 0; i < n; i++)
        y[i] = value;
}

void ref_axpby(struct backend *b, float *y, float alpha, const float *x, float beta, size_t n)
{
    (void)b;
    for (size_t i = 0; i < n; i++)
        y[i] = beta == 0 ? alpha * x[i] : alpha * x[i] + beta * y[i];
}

void ref_reduce(struct backend *b, struct reduce_result *out, const float *x, size_t n)
{
    (void)b;
    *out = (struct reduce_result){0};
    for (size_t i = 0; i < n; i++) {
        double value = x[i];
        if (!isfinite(value)) {
            out->not_finite++;
            continue;
        }
        out->sum_squares += value * value;
        out->largest = fmax(out->largest, fabs(value));
    }
}
