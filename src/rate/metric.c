/*
 * metric.c - the two schedules that move after evaluations: torch's ReduceLROnPlateau and
 * transformers' GreedyLR (arXiv 2512.14527).
 *
 * Both count evaluations that were better than the best so far ("good") and that were not ("bad").
 * When more than `patience` bad ones follow each other the rate is multiplied with `factor`, not
 * below min_lr; then `cooldown` evaluations count for nothing. GreedyLR also divides the rate by
 * `factor`, not above max_lr, after more than `patience` good ones, and begins afresh when the rate
 * has been at its minimum for reset_start reductions.
 *
 * "Better" is smaller by the threshold (mode max: greater), as a difference or as a share of the
 * best. Comparisons with NaN are false, so a metric that is not a number is a bad one; and since
 * infinity times zero is NaN, a relative threshold of exactly 1 lets nothing ever be better. Both
 * as in the originals, whose order of operations is kept.
 */
#include <math.h>

#include "base/base.h"
#include "pace/rate.h"

static double worst(const struct pace_schedule *s)
{
    return s->mode_max ? -INFINITY : INFINITY;
}

static bool is_better(const struct pace_schedule *s, double metric, double best)
{
    if (s->mode_max)
        return metric > (s->threshold_abs ? best + s->threshold : best * (1 + s->threshold));
    return metric < (s->threshold_abs ? best - s->threshold : best * (1 - s->threshold));
}

void pace_metric_rate_init(struct pace_metric_rate *m, const struct pace_schedule *s)
{
    *m = (struct pace_metric_rate){
        .learning_rate = s->learning_rate, .best = worst(s), .reset_left = s->reset_start};
}

/* Changes below eps are not made. */
static void reduce(struct pace_metric_rate *m, const struct pace_schedule *s)
{
    double product = m->learning_rate * s->factor;
    double lower = product < s->min_lr ? s->min_lr : product;
    if (m->learning_rate - lower > s->eps)
        m->learning_rate = lower;
}

/* ----------------------------------------------------------------------------------- plateau -- */

static void observe_plateau(struct pace_metric_rate *m, const struct pace_schedule *s,
                            double metric)
{
    m->n_bad++;
    if (is_better(s, metric, m->best)) {
        m->best = metric;
        m->n_bad = 0;
    }
    if (m->cooldown > 0) {
        m->cooldown--;
        m->n_bad = 0;
    }
    if (m->n_bad > s->patience) {
        reduce(m, s);
        m->cooldown = s->cooldown;
        m->n_bad = 0;
    }
}

/* ------------------------------------------------------------------------------------ greedy -- */

/* The mean of the last window_size metrics. The sum is kept, so it drifts as the original's does.
 */
static double smooth(struct pace_metric_rate *m, const struct pace_schedule *s, double metric)
{
    CHECK(s->window_size >= 1 && s->window_size <= PACE_METRICS_MOST);
    double *slot = &m->window[m->n_window % s->window_size];
    m->sum += metric;
    if (m->n_window >= s->window_size)
        m->sum -= *slot;
    *slot = metric;
    m->n_window++;
    return m->sum / (double)(m->n_window < s->window_size ? m->n_window : s->window_size);
}

/* Forgets everything but the metrics' number. */
static void begin_afresh(struct pace_metric_rate *m, const struct pace_schedule *s)
{
    int64_t n_metrics = m->n_metrics;
    pace_metric_rate_init(m, s);
    m->n_metrics = n_metrics;
}

static void reduce_greedily(struct pace_metric_rate *m, const struct pace_schedule *s)
{
    reduce(m, s);
    if (m->learning_rate <= s->min_lr && --m->reset_left <= 0)
        begin_afresh(m, s);
    m->cooldown = s->cooldown;
    m->n_bad = 0;
}

static void raise_greedily(struct pace_metric_rate *m, const struct pace_schedule *s)
{
    double quotient = m->learning_rate / s->factor;
    double higher = quotient > s->max_lr ? s->max_lr : quotient;
    if (higher - m->learning_rate > s->eps)
        m->learning_rate = higher;
    m->reset_left = s->reset_start;
    m->warmup = s->warmup;
    m->n_good = 0;
}

static void judge(struct pace_metric_rate *m, const struct pace_schedule *s, double metric)
{
    if (is_better(s, metric, m->best)) {
        m->best = metric;
        m->n_bad = 0;
        m->n_good++;
    } else {
        m->n_bad++;
        m->n_good = 0;
    }
    if (m->n_good > s->patience)
        raise_greedily(m, s);
    else if (m->n_bad > s->patience)
        reduce_greedily(m, s);
}

static void observe_greedy(struct pace_metric_rate *m, const struct pace_schedule *s, double metric)
{
    double mean = s->smooth ? smooth(m, s, metric) : metric;
    int64_t *pause = m->cooldown > 0 ? &m->cooldown : &m->warmup;
    if (*pause > 0) {
        --*pause;
        m->n_bad = 0;
        m->n_good = 0;
    } else {
        judge(m, s, mean);
    }
}

void pace_metric_rate_observe(struct pace_metric_rate *m, const struct pace_schedule *s,
                              double metric)
{
    CHECK(pace_schedule_uses_metric(s->kind));
    m->n_metrics++;
    if (s->kind == PACE_SCHEDULE_GREEDY)
        observe_greedy(m, s, metric);
    else
        observe_plateau(m, s, metric);
}
