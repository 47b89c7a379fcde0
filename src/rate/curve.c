/*
 * curve.c - a training log as curves that detectors can measure.
 *
 * Logs differ in everything: ten points or a million, a loss per step or the mean of a hundred, a
 * level of 11 in pretraining or 0.03 after memorising, sums over micro-batches in the hundreds.
 * Three choices make one set of detectors do for all:
 *
 *   y = log(loss)      what matters of a rise is its share of the level, and batch noise is roughly
 *                      proportional to the level too; nothing depends on the unit of the loss
 *   noise              the log's own: the median absolute difference of neighbours, which a trend,
 *                      a jump or a few outliers do not disturb, taken stretch by stretch because
 *                      noise grows and shrinks over a run
 *   levels             medians of stretches, with a standard error that follows from the noise
 *
 * Some objectives are no likelihood: the loss of a policy gradient (GRPO, PPO) hovers about zero,
 * is often negative, and says nothing of learning. curve->is_likelihood keeps the detectors that
 * read a fall of the loss as progress away from those.
 */
#include "rate/curve.h"

#include <math.h>

#include "base/stat.h"

enum { NOISE_STRETCH_LEAST = 12, NOISE_STRETCHES = 8, LEVEL_LEAST = 3, LEVELS = 20, EARLY = 5 };

/* Losses below this share of the first are zero for all purposes. */
static const double FLOOR_SHARE = 1e-3;

/* A negative loss of this share of the largest is more than rounding: no likelihood. */
static const double NEGATIVE_SHARE = 0.05;

static double *new_doubles(struct curve *c, size_t n)
{
    return arena_array(c->arena, double, max_size(n, 1));
}

/* The rate that the update behind a point used: older Trainers log that of the next update. */
static double rate_of(const struct pace_series *s, size_t i)
{
    if (!s->rate_is_of_next)
        return s->points[i].learning_rate;
    for (size_t j = i; j-- > 0;) {
        if (!isnan(s->points[j].learning_rate))
            return s->points[j].learning_rate;
    }
    return s->points[i].learning_rate;
}

/* True where a log has no training loss to judge, only held-out ones: those are the curve then. */
static bool has_evals_alone(const struct pace_series *s)
{
    size_t n_losses = 0, n_evals = 0;
    for (size_t i = 0; i < s->n_points; i++) {
        n_losses += isfinite(s->points[i].loss) != 0;
        n_evals += isfinite(s->points[i].eval_loss) != 0;
    }
    return n_losses < 2 && n_evals > n_losses;
}

static void take_losses(struct curve *c)
{
    const struct pace_series *s = c->series;
    double *loss = new_doubles(c, s->n_points), *rate = new_doubles(c, s->n_points);
    double *epoch = new_doubles(c, s->n_points);
    int64_t *step = arena_array(c->arena, int64_t, max_size(s->n_points, 1));
    size_t *point = arena_array(c->arena, size_t, max_size(s->n_points, 1));
    c->evals_alone = has_evals_alone(s);
    for (size_t i = 0; i < s->n_points; i++) {
        const struct pace_point *p = &s->points[i];
        double value = c->evals_alone ? p->eval_loss : p->loss;
        if (!isfinite(value))
            continue;
        loss[c->n] = value;
        rate[c->n] = rate_of(s, i);
        epoch[c->n] = p->epoch;
        step[c->n] = p->step;
        point[c->n++] = i;
    }
    c->loss = loss;
    c->rate = rate;
    c->epoch = epoch;
    c->step = step;
    c->point = point;
}

/* Several held-out losses at one step (several sets) become their mean. */
static void take_evals(struct curve *c)
{
    const struct pace_series *s = c->series;
    double *eval = new_doubles(c, s->n_points);
    int64_t *step = arena_array(c->arena, int64_t, max_size(s->n_points, 1));
    size_t n_here = 0;
    for (size_t i = 0; i < s->n_points; i++) {
        const struct pace_point *p = &s->points[i];
        if (!isfinite(p->eval_loss))
            continue;
        if (c->n_evals == 0 || p->step != step[c->n_evals - 1]) {
            step[c->n_evals++] = p->step;
            eval[c->n_evals - 1] = 0;
            n_here = 0;
        }
        double *mean = &eval[c->n_evals - 1];
        *mean += (p->eval_loss - *mean) / (double)++n_here;
    }
    c->eval = eval;
    c->eval_step = step;
}

static void judge_objective(struct curve *c)
{
    double largest = 0, least = 0;
    for (size_t i = 0; i < c->n; i++) {
        largest = fmax(largest, fabs(c->loss[i]));
        least = fmin(least, c->loss[i]);
    }
    c->is_likelihood = c->start > 0 && least >= -NEGATIVE_SHARE * largest;
}

static void take_logs(struct curve *c)
{
    double *y = new_doubles(c, c->n);
    double floor = fmax(FLOOR_SHARE * c->start, 1e-12);
    for (size_t i = 0; i < c->n; i++)
        y[i] = log(fmax(c->loss[i], floor));
    c->y = y;
}

double curve_bends(const double *x, size_t n, double *scratch)
{
    for (size_t i = 1; i + 1 < n; i++)
        scratch[i - 1] = fabs(x[i] - 0.5 * (x[i - 1] + x[i + 1]));
    return STAT_MAD_TO_SD * stat_median(scratch, n - 2) / sqrt(1.5);
}

/*
 * Noise by stretches. A point's is the larger of its own stretch's and that of the one before, so
 * that neither a calm beginning nor a calm end makes ordinary noise look like an event. In the
 * first stretch the loss falls steeply or blows up, and may be far above the rest: it is measured
 * by bends where that is less than the second's, though not by less than half. A log of a single
 * stretch is measured either way: a rise from each line to the next is no noise.
 */
static void measure_noise(struct curve *c)
{
    double *noise = new_doubles(c, c->n), here[NOISE_STRETCHES + 1];
    size_t len = max_size(c->n / NOISE_STRETCHES, NOISE_STRETCH_LEAST);
    size_t count = max_size(c->n / len, 1);
    for (size_t k = 0; k < count; k++) {
        size_t end = k + 1 < count ? (k + 1) * len : c->n;
        here[k] = stat_noise(c->y + k * len, end - k * len, c->scratch);
    }
    double bends = c->n < 4 ? here[0] : curve_bends(c->y, min_size(len, c->n), c->scratch);
    here[0] = count == 1 ? fmin(here[0], bends) : fmin(here[1], fmax(bends, here[1] / 2));
    for (size_t i = 0; i < c->n; i++) {
        size_t k = min_size(i / len, count - 1);
        noise[i] = fmax(here[k], here[k > 0 ? k - 1 : 0]);
    }
    c->noise = noise;
}

double curve_level(const struct curve *c, struct stretch s)
{
    CHECK(s.first < s.end && s.end <= c->n);
    for (size_t i = s.first; i < s.end; i++)
        c->scratch[i - s.first] = c->loss[i];
    return stat_median(c->scratch, s.end - s.first);
}

static void measure_levels(struct curve *c)
{
    c->best = INFINITY;
    size_t len = c->n < 2 * LEVEL_LEAST ? 1 : max_size(c->n / LEVELS, LEVEL_LEAST);
    for (size_t first = 0; first + len <= c->n; first += max_size(len / 2, 1))
        c->best = fmin(c->best, curve_level(c, (struct stretch){first, first + len}));
    if (c->n > 0)
        c->fall = curve_level(c, (struct stretch){0, max_size(c->n / EARLY, 1)}) - c->best;
    c->peak = NAN;
    for (size_t i = 0; i < c->series->n_points; i++) {
        double rate = c->series->points[i].learning_rate;
        if (isfinite(rate))
            c->peak = fmax(c->peak, rate); /* fmax passes over NAN */
    }
}

void curve_init(struct curve *c, const struct pace_series *series, struct arena *arena)
{
    *c = (struct curve){.arena = arena, .series = series};
    take_losses(c);
    take_evals(c);
    c->scratch = new_doubles(c, c->n + c->n_evals);
    if (c->n > 0)
        c->start = curve_level(c, (struct stretch){0, c->n < 5 * LEVEL_LEAST ? 1 : LEVEL_LEAST});
    judge_objective(c);
    take_logs(c);
    measure_noise(c);
    measure_levels(c);
}

size_t curve_find(const struct curve *c, int64_t step)
{
    size_t i = 0;
    while (i < c->n && c->step[i] <= step)
        i++;
    return i;
}

struct trend curve_trend(const struct curve *c, const double *x, struct stretch s)
{
    size_t n = s.end - s.first;
    struct stat_line line = stat_fit_line(x, c->y + s.first, n);
    for (size_t i = 0; i < n; i++)
        c->scratch[i] = c->y[s.first + i] - line.intercept - line.slope * (x ? x[i] : (double)i);
    double together = fmin(fmax(stat_lag(c->scratch, n, 1), 0), 0.95);
    double widen = sqrt((1 + together) / (1 - together));
    double length = x ? x[n - 1] - x[0] : (double)n - 1;
    return (struct trend){line.slope * length, line.slope_se * length * widen,
                          2 * (double)n * log(fmax(line.sd, 1e-12))};
}
