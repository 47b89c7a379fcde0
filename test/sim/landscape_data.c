/*
 * landscape_data.c - cross-entropy on rows of made-up data: what the analytic landscapes cannot
 * show, namely memorising rows that come again while the held-out loss rises, labels that are
 * wrong, and the slow start of an adapter whose second factor is zero.
 *
 * A teacher (random weights, tanh inside) gives each row's class probabilities; the label is drawn
 * from them, so that the loss has a floor. Three students:
 *
 *   softmax   logits = W f, from zero: the first loss is the log of the number of classes
 *   net       logits = V tanh(W f), from small random weights
 *   adapter   logits = (W0 + B A) f with W0 the weights of another, similar task, B = 0 at first
 */
#include "test/sim/landscape_data.h"

#include <math.h>
#include <string.h>

enum { FEATURES_MOST = 16, CLASSES_MOST = 16, HIDDEN_MOST = 12, RANK = 3, STREAM_WRONG = 2 };

void sim_data_sizes(struct sim_landscape *l, bool few_rows, struct rng *rng)
{
    l->n_features = 8 + (size_t)rng_below(rng, 5);
    l->n_classes = 6 + (size_t)rng_below(rng, 7);
    l->batch_rows = 8 + 4 * (size_t)rng_below(rng, 3);
    l->n_held_out = 96;
    l->n_rows = few_rows ? l->batch_rows * (5 + (size_t)rng_below(rng, 6)) : l->batch_rows * 200;
}

/* logits += W f, W [rows, columns] row by row. */
static void multiply(const double *weights, const double *f, size_t rows, size_t columns,
                     double *out)
{
    for (size_t r = 0; r < rows; r++) {
        double sum = 0;
        for (size_t c = 0; c < columns; c++)
            sum += weights[r * columns + c] * f[c];
        out[r] += sum;
    }
}

/* out += W' d */
static void multiply_back(const double *weights, const double *d, size_t rows, size_t columns,
                          double *out)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c++)
            out[c] += weights[r * columns + c] * d[r];
    }
}

/* gradient += d f' */
static void add_outer(double *gradient, const double *d, const double *f, size_t rows,
                      size_t columns)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c++)
            gradient[r * columns + c] += d[r] * f[c];
    }
}

/* Logits become probabilities; gives the log of the sum of their exponentials. */
static double softmax(double *logits, size_t n)
{
    double most = logits[0];
    for (size_t i = 1; i < n; i++)
        most = fmax(most, logits[i]);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += exp(logits[i] - most);
    double log_sum = most + log(sum);
    for (size_t i = 0; i < n; i++)
        logits[i] = exp(logits[i] - log_sum);
    return log_sum;
}

/* The loss of a label; logits become its derivative. */
static double cross_entropy(double *logits, size_t n, unsigned label)
{
    double target = logits[label];
    double loss = softmax(logits, n) - target;
    logits[label] -= 1;
    return loss;
}

/* ------------------------------------------------------------------------------------- rows -- */

static void fill_normal(double *x, size_t n, double sd, struct rng *rng)
{
    for (size_t i = 0; i < n; i++)
        x[i] = sd * rng_normal(rng);
}

static unsigned draw_class(const double *probability, size_t n, struct rng *rng)
{
    double u = rng_uniform(rng);
    unsigned k = 0;
    while (k + 1 < n && u >= probability[k])
        u -= probability[k++];
    return k;
}

/* Features, and labels that a teacher of logits (W + M tanh) f draws. */
static void make_rows(struct sim_landscape *l, const double *teacher, struct rng *rng)
{
    size_t n = l->n_rows + l->n_held_out;
    l->features = arena_array(l->arena, double, n * l->n_features);
    l->label = arena_array(l->arena, unsigned char, n);
    fill_normal(l->features, n * l->n_features, 1, rng);
    for (size_t i = 0; i < n; i++) {
        double logits[CLASSES_MOST] = {0};
        double bent[FEATURES_MOST];
        const double *f = l->features + i * l->n_features;
        for (size_t c = 0; c < l->n_features; c++)
            bent[c] = f[c] + 0.5 * tanh(2 * f[(c + 1) % l->n_features]);
        multiply(teacher, bent, l->n_classes, l->n_features, logits);
        (void)softmax(logits, l->n_classes);
        l->label[i] = (unsigned char)draw_class(logits, l->n_classes, rng);
    }
}

/* ---------------------------------------------------------------------------------- softmax -- */

static double *make_teacher(struct sim_landscape *l, double sharpness, struct rng *rng)
{
    double *teacher = arena_array(l->arena, double, l->n_classes * l->n_features);
    fill_normal(teacher, l->n_classes * l->n_features, sharpness / sqrt((double)l->n_features),
                rng);
    return teacher;
}

void sim_make_softmax(struct sim_landscape *l, struct rng *rng)
{
    l->n = l->n_classes * l->n_features;
    l->uniform_loss = log((double)l->n_classes);
    make_rows(l, make_teacher(l, sim_uniform(rng, 2, 3.5), rng), rng);
}

double sim_row_softmax(const struct sim_landscape *l, const double *x, const double *features,
                       unsigned label, double *gradient)
{
    double logits[CLASSES_MOST] = {0};
    multiply(x, features, l->n_classes, l->n_features, logits);
    double loss = cross_entropy(logits, l->n_classes, label);
    if (gradient)
        add_outer(gradient, logits, features, l->n_classes, l->n_features);
    return loss;
}

/* -------------------------------------------------------------------------------------- net -- */

void sim_make_net(struct sim_landscape *l, struct rng *rng)
{
    l->n_hidden = HIDDEN_MOST;
    size_t first = l->n_hidden * l->n_features;
    l->n = first + l->n_classes * l->n_hidden;
    l->uniform_loss = log((double)l->n_classes);
    make_rows(l, make_teacher(l, sim_uniform(rng, 2, 3.5), rng), rng);
    fill_normal(l->start, first, 1 / sqrt((double)l->n_features), rng);
    fill_normal(l->start + first, l->n - first, 0.3 / sqrt((double)l->n_hidden), rng);
}

double sim_row_net(const struct sim_landscape *l, const double *x, const double *features,
                   unsigned label, double *gradient)
{
    const double *second = x + l->n_hidden * l->n_features;
    double inner[HIDDEN_MOST] = {0};
    double logits[CLASSES_MOST] = {0};
    double back[HIDDEN_MOST] = {0};
    multiply(x, features, l->n_hidden, l->n_features, inner);
    for (size_t i = 0; i < l->n_hidden; i++)
        inner[i] = tanh(inner[i]);
    multiply(second, inner, l->n_classes, l->n_hidden, logits);
    double loss = cross_entropy(logits, l->n_classes, label);
    if (!gradient)
        return loss;
    add_outer(gradient + l->n_hidden * l->n_features, logits, inner, l->n_classes, l->n_hidden);
    multiply_back(second, logits, l->n_classes, l->n_hidden, back);
    for (size_t i = 0; i < l->n_hidden; i++)
        back[i] *= 1 - inner[i] * inner[i];
    add_outer(gradient, back, features, l->n_hidden, l->n_features);
    return loss;
}

/* ---------------------------------------------------------------------------------- adapter -- */

void sim_make_adapter(struct sim_landscape *l, struct rng *rng)
{
    size_t first = RANK * l->n_features;
    size_t n_weights = l->n_classes * l->n_features;
    l->n = first + l->n_classes * RANK;
    double *teacher = make_teacher(l, sim_uniform(rng, 2, 3), rng);
    make_rows(l, teacher, rng);
    /* The base knows the task but for a low-rank part: what an adapter can learn. */
    l->base = arena_array(l->arena, double, n_weights);
    double left[CLASSES_MOST * RANK], right[RANK * FEATURES_MOST];
    fill_normal(left, l->n_classes * RANK, 1, rng);
    fill_normal(right, first, sim_uniform(rng, 0.6, 1) / sqrt((double)l->n_features), rng);
    for (size_t i = 0; i < n_weights; i++) {
        double changed = 0;
        for (size_t k = 0; k < RANK; k++)
            changed +=
                left[i / l->n_features * RANK + k] * right[k * l->n_features + i % l->n_features];
        l->base[i] = teacher[i] + changed;
    }
    fill_normal(l->start, first, 1 / sqrt((double)l->n_features), rng);
}

double sim_row_adapter(const struct sim_landscape *l, const double *x, const double *features,
                       unsigned label, double *gradient)
{
    const double *second = x + RANK * l->n_features;
    double inner[RANK] = {0};
    double logits[CLASSES_MOST] = {0};
    double back[RANK] = {0};
    multiply(l->base, features, l->n_classes, l->n_features, logits);
    multiply(x, features, RANK, l->n_features, inner);
    multiply(second, inner, l->n_classes, RANK, logits);
    double loss = cross_entropy(logits, l->n_classes, label);
    if (!gradient)
        return loss;
    add_outer(gradient + RANK * l->n_features, logits, inner, l->n_classes, RANK);
    multiply_back(second, logits, l->n_classes, RANK, back);
    add_outer(gradient, back, features, RANK, l->n_features);
    return loss;
}

/* ---------------------------------------------------------------------------------- batches -- */

double sim_data_batch(const struct sim_landscape *l, const double *x, struct sim_batch batch,
                      double *gradient)
{
    struct rng wrong = {.seed = l->seed, .stream = STREAM_WRONG, .index = batch.id * 64};
    double sum = 0;
    for (size_t i = 0; i < l->batch_rows; i++) {
        size_t row = (size_t)(batch.id * l->batch_rows + i) % l->n_rows;
        unsigned label =
            batch.wrong_labels ? (unsigned)rng_below(&wrong, l->n_classes) : l->label[row];
        sum += l->kind->row(l, x, l->features + row * l->n_features, label, gradient);
    }
    for (size_t i = 0; i < l->n; i++)
        gradient[i] /= (double)l->batch_rows;
    return sum / (double)l->batch_rows;
}

double sim_data_held_out(const struct sim_landscape *l, const double *x)
{
    double sum = 0;
    for (size_t i = l->n_rows; i < l->n_rows + l->n_held_out; i++)
        sum += l->kind->row(l, x, l->features + i * l->n_features, l->label[i], NULL);
    return sum / (double)l->n_held_out;
}
