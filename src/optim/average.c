/*
 * average.c - EMA, suffix mean and BEMA of the weights.
 *
 * Late in a run weights wander around what they are looking for, the farther the higher the rate;
 * their mean is nearer to it than any of them. It does for a constant rate what a decay does, and
 * costs no step.
 *
 *     suffix   mean_n = mean_(n-1) + (w - mean_(n-1)) / n
 *     ema      mean_n = (1 - rate) mean_(n-1) + rate w, from the first weights on
 *     bema     mean as ema from the weights at the start, with rate (lag + multiplier t)^-kappa;
 *              shown is mean + (lag + multiplier t)^-eta (w - start)
 *
 * BEMA's second term makes up for the mean's lag behind the weights. The factors of an adapter are
 * averaged each by itself: not the average of their products, but close to it along one run.
 */
#include "optim/average.h"

#include <math.h>

void average_options_init(struct average_options *o, enum average_kind kind)
{
    *o = (struct average_options){
        .kind = kind, .rate = 0.02, .ema_power = 0.5, .lag_power = 0.2, .lag = 10, .multiplier = 1};
}

static void copy(struct backend *b, float *to, float *from, size_t n)
{
    b->ops->copy(b, (struct mat){to, 1, n, n}, (struct mat){from, 1, n, n});
}

/* The parameters into one array, or back. */
static void gather(struct average *a, float *to)
{
    for (size_t i = 0; i < a->n_params; to += param_count(a->params[i++]))
        copy(a->backend, to, a->params[i]->value, param_count(a->params[i]));
}

static void scatter(struct average *a, float *from)
{
    for (size_t i = 0; i < a->n_params; from += param_count(a->params[i++]))
        copy(a->backend, a->params[i]->value, from, param_count(a->params[i]));
}

bool average_init(struct average *a, struct backend *backend, const struct average_options *options,
                  struct param *const *params, size_t n, struct err *err)
{
    *a = (struct average){.backend = backend, .options = *options, .params = params, .n_params = n};
    for (size_t i = 0; i < n; i++)
        a->n_floats += param_count(params[i]);
    size_t bytes = a->n_floats * sizeof(float);
    bool wants_start = options->kind == AVERAGE_BEMA;
    a->mean = backend->ops->alloc(backend, bytes);
    a->hidden = backend->ops->alloc(backend, bytes);
    a->start = wants_start ? backend->ops->alloc(backend, bytes) : NULL;
    if (!a->mean || !a->hidden || (wants_start && !a->start)) {
        average_release(a);
        err_set(err, ERR_MEMORY, "an average of the weights, %.1f MB, does not fit",
                (double)bytes * (wants_start ? 3 : 2) / 1e6);
        return false;
    }
    if (wants_start)
        gather(a, a->start);
    return true;
}

void average_release(struct average *a)
{
    float *arrays[] = {a->mean, a->hidden, a->start};
    for (size_t i = 0; i < COUNT_OF(arrays); i++)
        if (arrays[i])
            a->backend->ops->release(a->backend, arrays[i], a->n_floats * sizeof(float));
    *a = (struct average){0};
}

void average_restart(struct average *a)
{
    a->n = 0;
}

/* BEMA: a power of how many steps were made. */
static double fading(const struct average *a, double power)
{
    return pow(a->options.lag + a->options.multiplier * (double)a->n, -power);
}

/* What the newest weights count in the mean; a->n counts them already. */
static double newest_share(const struct average *a)
{
    if (a->options.kind == AVERAGE_BEMA)
        return fading(a, a->options.ema_power);
    if (a->n == 1)
        return 1;
    return a->options.kind == AVERAGE_EMA ? a->options.rate : 1 / (double)a->n;
}

void average_add(struct average *a)
{
    CHECK(!a->is_shown);
    if (a->n++ == 0)
        a->options.kind == AVERAGE_BEMA ? copy(a->backend, a->mean, a->start, a->n_floats)
                                        : gather(a, a->mean);
    float share = (float)newest_share(a), *mean = a->mean;
    for (size_t i = 0; i < a->n_params; mean += param_count(a->params[i++]))
        a->backend->ops->axpby(a->backend, mean, share, a->params[i]->value, 1 - share,
                               param_count(a->params[i]));
}

void average_show(struct average *a, bool is_shown)
{
    if (is_shown == a->is_shown)
        return;
    a->is_shown = is_shown;
    if (!is_shown) {
        scatter(a, a->hidden);
        return;
    }
    gather(a, a->hidden);
    if (a->n == 0)
        return;
    scatter(a, a->mean);
    if (a->options.kind != AVERAGE_BEMA)
        return;
    float alpha = (float)fading(a, a->options.lag_power), *w = a->hidden, *start = a->start;
    for (size_t i = 0; i < a->n_params; i++) {
        size_t n = param_count(a->params[i]);
        a->backend->ops->axpby(a->backend, a->params[i]->value, alpha, w, 1, n);
        a->backend->ops->axpby(a->backend, a->params[i]->value, -alpha, start, 1, n);
        w += n;
        start += n;
    }
}
