/*
 * ref_act.c - the bends of the feed-forward part, with or without a gate.
 *
 *     silu(x)          x / (1 + exp(-x))                            arXiv:1702.03118
 *     gelu(x)          x Phi(x), Phi of the standard normal         arXiv:1606.08415
 *     gelu_tanh(x)     x (1 + tanh(t)) / 2, t = sqrt(2 / pi) (x + 0.044715 x^3)
 *     relu(x)          max(x, 0), NaN of NaN
 *     relu_squared(x)  max(x, 0)^2                                  arXiv:2109.08668
 *
 * With a gate (Shazeer 2020, arXiv:2002.05202) the input's first half is bent and the second half
 * multiplies:   y = act(g) v     dg = dy v act'(g)     dv = dy act(g).
 */
#include <math.h>

#include "backend/ref/ref.h"

#define SQRT_HALF 0.70710678118654752440
#define SQRT_2_OVER_PI 0.79788456080286535588
#define INVERSE_SQRT_2PI 0.39894228040143267794
#define GELU_CUBIC 0.044715

struct bend {
    double value, slope;
};

static struct bend bend_silu(double x)
{
    double sigmoid = 1 / (1 + exp(-x));
    return (struct bend){x * sigmoid, sigmoid * (1 + x * (1 - sigmoid))};
}

static struct bend bend_gelu(double x)
{
    double phi = 0.5 * (1 + erf(x * SQRT_HALF));
    return (struct bend){x * phi, phi + x * INVERSE_SQRT_2PI * exp(-0.5 * x * x)};
}

static struct bend bend_gelu_tanh(double x)
{
    double bent = tanh(SQRT_2_OVER_PI * (x + GELU_CUBIC * x * x * x));
    double inner_slope = SQRT_2_OVER_PI * (1 + 3 * GELU_CUBIC * x * x);
    return (struct bend){0.5 * x * (1 + bent),
                         0.5 * (1 + bent) + 0.5 * x * (1 - bent * bent) * inner_slope};
}

static struct bend bend_relu(double x)
{
    return x <= 0 ? (struct bend){0, 0} : (struct bend){x, 1};
}

static struct bend bend_relu_squared(double x)
{
    return x <= 0 ? (struct bend){0, 0} : (struct bend){x * x, 2 * x};
}

static struct bend (*const bends[])(double x) = {
    [ACT_SILU] = bend_silu,
    [ACT_GELU] = bend_gelu,
    [ACT_GELU_TANH] = bend_gelu_tanh,
    [ACT_RELU] = bend_relu,
    [ACT_RELU_SQUARED] = bend_relu_squared,
};

void ref_act(struct backend *b, const struct act_args *a)
{
    (void)b;
    size_t width = a->y.width;
    CHECK(a->x.width == (a->glu ? 2 * width : width));
    for (size_t i = 0; i < a->y.rows; i++) {
        const float *x = mat_row(a->x, i);
        for (size_t c = 0; c < width; c++) {
            double value = bends[a->kind](x[c]).value;
            mat_row(a->y, i)[c] = (float)(a->glu ? value * x[width + c] : value);
        }
    }
}

void ref_act_back(struct backend *b, const struct act_args *a)
{
    (void)b;
    size_t width = a->dy.width;
    CHECK(a->x.width == (a->glu ? 2 * width : width));
    for (size_t i = 0; i < a->dy.rows; i++) {
        const float *x = mat_row(a->x, i), *dy = mat_row(a->dy, i);
        float *dx = mat_row(a->dx.to, i);
        for (size_t c = 0; c < width; c++) {
            struct bend bent = bends[a->kind](x[c]);
            double factor = a->glu ? x[width + c] : 1;
            ref_put(&dx[c], dy[c] * factor * bent.slope, a->dx.adds);
            if (a->glu)
                ref_put(&dx[width + c], dy[c] * bent.value, a->dx.adds);
        }
    }
}
