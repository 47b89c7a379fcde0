/*
 * cases_check.c - judging what a backend made of a case.
 *
 * A difference is measured against the size of what was wanted, as Euclidean norms of a whole
 * output, where 0.01 is added to each of its n numbers so that what should be zero may be nearly
 * zero (inputs are of size 1):
 *
 *     error = |found - wanted| / (|wanted| + 0.01 sqrt(n))
 *
 * Derivatives are central differences in float64, with a step of 2e-5: their own error is some
 * 1e-8. Of a large array some elements are drawn. What stood in a gradient that is added to is
 * subtracted first.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backend/cases_trial.h"

enum { ELEMENTS_DIFFERENTIATED = 128 };

static const double smallest = 0.01, step = 2e-5;

/* Rounding of float32 over sums of a few hundred terms; of a loss, as the contract with
 * transformers has it. Gradients are often small differences of large terms (of two numbers that
 * are normed, of a token that sees two others), where lse and rstd were rounded to float32. */
static const double output_tolerance = 1e-5, loss_tolerance = 1e-6, gradient_tolerance = 5e-5;

/* Products in bfloat16: each operand is off by 2^-8 at most and by 2^-9 or so in the mean, whatever
 * the number of terms. A gradient of the loss is a difference of what two of them left. */
static const double bf16_tolerance = 0x1p-7, bf16_gradient_tolerance = 0x1p-5;

/* Two norms' worth of comparing. */
struct comparison {
    double difference, wanted, n; /* squares, and how many */
};

static void compare_number(struct comparison *c, double found, double wanted)
{
    c->difference += (found - wanted) * (found - wanted);
    c->wanted += wanted * wanted;
    c->n += 1;
}

static double comparison_error(const struct comparison *c)
{
    if (c->n == 0)
        return 0;
    double error = sqrt(c->difference) / (sqrt(c->wanted) + smallest * sqrt(c->n));
    return isnan(error) ? (double)INFINITY : error;
}

static void start(struct case_finding *worst)
{
    *worst = (struct case_finding){.output = "nothing", .tolerance = 1};
}

/* Keeps the finding where it exceeds its tolerance by more than the worst so far. */
static void consider(struct case_finding *worst, const char *output, double error, double tolerance)
{
    double was = worst->error / fmax(worst->tolerance, 1e-30);
    if (error / fmax(tolerance, 1e-30) < was)
        return;
    snprintf(worst->output, sizeof worst->output, "%s", output);
    worst->error = error;
    worst->tolerance = tolerance;
}

static void must_be_true(struct case_finding *worst, const char *output, const char *what,
                         bool holds)
{
    char name[sizeof worst->output];
    snprintf(name, sizeof name, "%s%s", output, what);
    if (!holds)
        consider(worst, name, (double)INFINITY, 0);
}

static bool same_bits(const float *x, const float *y, size_t n)
{
    return n == 0 || memcmp(x, y, n * sizeof *x) == 0;
}

/* Nothing was written where nothing should be: `fresh` is the same trial before it was run. */
static void watch(const struct trial *t, const struct trial *fresh, struct case_finding *worst)
{
    for (size_t i = 0; i < t->n_arrays; i++) {
        const struct array *found = &t->arrays[i], *was = &fresh->arrays[i];
        size_t width = found->mat.width, gap = found->mat.stride - width;
        for (size_t row = 0; row < found->mat.rows; row++) {
            const float *now = mat_row(found->mat, row), *before = mat_row(was->mat, row);
            must_be_true(worst, found->name, " is an input",
                         found->role != ARRAY_INPUT || same_bits(now, before, width));
            must_be_true(worst, found->name, ": between rows",
                         same_bits(now + width, before + width, gap));
        }
    }
}

/* Two trials of one case, and the same before it was run. */
struct pair {
    struct trial wanted, found, fresh;
};

static void run(struct trial *t, const struct case_backend *on, struct case_finding *worst)
{
    struct err err;
    must_be_true(worst, "memory", " for scratch", trial_run(t, on, &err));
}

static void open_pair(struct pair *pair, const struct case_row *row, struct case_finding *worst)
{
    start(worst);
    trial_init(&pair->wanted, row);
    trial_init(&pair->found, row);
    trial_init(&pair->fresh, row);
}

static void close_pair(struct pair *pair, struct case_finding *worst)
{
    watch(&pair->found, &pair->fresh, worst);
    trial_release(&pair->wanted);
    trial_release(&pair->found);
    trial_release(&pair->fresh);
}

static double tolerance_of(const struct array *wanted, enum products products)
{
    if (wanted->is_exact)
        return products == PRODUCTS_BF16 ? (double)INFINITY : 0; /* the likeliest of near equals */
    if (products == PRODUCTS_BF16)
        return wanted->role == ARRAY_GRADIENT ? bf16_gradient_tolerance : bf16_tolerance;
    if (strcmp(wanted->name, "loss") == 0)
        return loss_tolerance;
    return wanted->role == ARRAY_GRADIENT ? gradient_tolerance : output_tolerance;
}

static void compare_arrays(const struct array *wanted, const struct array *found,
                           enum products products, struct case_finding *worst)
{
    struct comparison c = {0};
    for (size_t row = 0; row < wanted->mat.rows; row++) {
        for (size_t k = 0; k < wanted->mat.width; k++)
            compare_number(&c, mat_row(found->mat, row)[k], mat_row(wanted->mat, row)[k]);
    }
    consider(worst, wanted->name, comparison_error(&c), tolerance_of(wanted, products));
}

struct case_finding cases_compare(const struct case_row *row, const struct case_backend *wanted,
                                  const struct case_backend *found)
{
    struct case_finding worst;
    struct pair pair;
    open_pair(&pair, row, &worst);
    run(&pair.wanted, wanted, &worst);
    run(&pair.found, found, &worst);
    for (size_t i = 0; i < pair.wanted.n_arrays; i++) {
        if (pair.wanted.arrays[i].role != ARRAY_INPUT)
            compare_arrays(&pair.wanted.arrays[i], &pair.found.arrays[i], found->products, &worst);
    }
    close_pair(&pair, &worst);
    return worst;
}

struct case_finding cases_repeat(const struct case_row *row, const struct case_backend *wanted,
                                 const struct case_backend *found)
{
    struct case_finding worst;
    struct pair pair;
    open_pair(&pair, row, &worst);
    run(&pair.wanted, wanted, &worst);
    run(&pair.found, found, &worst);
    for (size_t i = 0; i < pair.wanted.n_arrays; i++) {
        const struct array *array = &pair.wanted.arrays[i];
        size_t n = array->mat.rows * array->mat.stride;
        must_be_true(&worst, array->name, ": other bits",
                     same_bits(array->mat.at, pair.found.arrays[i].mat.at, n));
    }
    close_pair(&pair, &worst);
    return worst;
}

/* ----------------------------------------------------------------------------- derivatives -- */

/* The derivative of the exact sum with respect to one number of an input. */
static double slope(const struct trial *fresh, const float *at)
{
    double above = trial_exact(fresh, &(struct nudge){at, step});
    double below = trial_exact(fresh, &(struct nudge){at, -step});
    return (above - below) / (2 * step);
}

static void differentiate(struct pair *pair, size_t index, struct case_finding *worst)
{
    const struct array *gradient = &pair->found.arrays[index];
    const struct array *before = &pair->fresh.arrays[index], *of = before->of;
    size_t width = gradient->mat.width, n = gradient->mat.rows * width;
    struct comparison c = {0};
    struct rng rng = {.seed = index, .stream = 1};
    for (size_t i = 0; i < n && i < ELEMENTS_DIFFERENTIATED; i++) {
        size_t element = n <= ELEMENTS_DIFFERENTIATED ? i : (size_t)rng_below(&rng, n);
        size_t row = element / width, column = element % width;
        double found = mat_row(gradient->mat, row)[column];
        found -= gradient->adds ? (double)mat_row(before->mat, row)[column] : 0;
        compare_number(&c, found, slope(&pair->fresh, &mat_row(of->mat, row)[column]));
    }
    consider(worst, gradient->name, comparison_error(&c), gradient_tolerance);
}

/* The outputs, projected on the factors, against the formulas. */
static void evaluate(const struct pair *pair, struct case_finding *worst)
{
    const struct mat value = pair->found.value->mat, factor = pair->found.factor->mat;
    double found = 0, size = 0;
    for (size_t row = 0; row < value.rows; row++) {
        for (size_t k = 0; k < value.width; k++) {
            double term = (double)mat_row(value, row)[k] * mat_row(factor, row)[k];
            found += term;
            size += term * term;
        }
    }
    double error = fabs(found - trial_exact(&pair->fresh, &(struct nudge){0}));
    error /= sqrt(size) + smallest * sqrt((double)(value.rows * value.width));
    consider(worst, pair->found.value->name, isnan(error) ? (double)INFINITY : error,
             output_tolerance);
}

struct case_finding cases_differentiate(const struct case_row *row,
                                        const struct case_backend *found)
{
    CHECK(!(row->flags & CASE_LARGE));
    struct case_finding worst;
    struct pair pair;
    open_pair(&pair, row, &worst);
    run(&pair.found, found, &worst);
    if (pair.found.value && pair.found.value->mat.width > 0)
        evaluate(&pair, &worst);
    for (size_t i = 0; i < pair.found.n_arrays; i++) {
        if (pair.found.arrays[i].role == ARRAY_GRADIENT)
            differentiate(&pair, i, &worst);
    }
    close_pair(&pair, &worst);
    return worst;
}
