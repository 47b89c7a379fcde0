/*
 * diagnose_loss.c - what the shape of the training loss tells: excursions, divergence, no movement.
 *
 * A model that learns brings its loss down, fast or slowly, under batch noise. So the one thing
 * that noise cannot explain is a *rise of the level above the lowest level before it*. Levels are
 * medians of blocks; they are compared at every scale (blocks of 1, 3, 6, 12 … points), because a
 * blow-up may last one logged mean of a hundred steps or a thousand logged steps. A rise counts
 * where it is
 *
 *   significant   more standard errors than the lowest of so many noisy levels can be off by:
 *                 sqrt(2 ln m) for m blocks, and SURE of them on top
 *   of size       at least a quarter of the level, and a tenth of the run's whole progress
 *
 * and then its fate decides: back down again: a spike (three or more: an oscillation); still up at
 * the end: diverged. A single point has no second witness, so it must stand out further.
 *
 * A log whose noise is as large as its rises hides them from that. Then what is left beside the
 * nearest falling curve tells: batch noise neither hangs together from line to line (waves) nor
 * calms down as the rate does (unrest).
 *
 * No movement has two forms. Flat: nothing but noise, or a small fall in proportion to the sum of
 * the rates. Plateau: it fell at first and has not moved over the last four fifths of the log,
 * though a loss that is being learned falls with the logarithm of the steps, or not until later.
 */
#include <float.h>
#include <math.h>

#include "base/stat.h"
#include "rate/diagnose.h"

enum { BLOCK_LEAST = 3, BLOCKS_LEAST = 8, OSCILLATION_LEAST = 3, FLAT_LEAST = 5, STALL_LEAST = 24 };

static const double SURE = 4;           /* standard errors beyond chance */
static const double ALONE_SURE = 12;    /* for a single point */
static const double MEDIAN_SE = 1.2533; /* of a median, in those of a mean: sqrt(pi / 2) */
static const double RISE_SHARE = 0.25;  /* of the level */
static const double ALONE_SHARE = 0.75, STEP_SHARE = 1.5; /* for a single point */
static const double PROGRESS_SHARE = 0.1;                 /* of the fall of the whole run */
static const double DIVERGED_SHARE = 0.2;                 /* of that fall, lost for good */

/* The level of y over one block, with its standard error. */
struct level {
    struct stretch at;
    double y, se;
};

static struct level level_of(const struct curve *c, size_t first, size_t width)
{
    struct level level = {.at = {first, first + width}};
    for (size_t i = 0; i < width; i++)
        c->scratch[i] = c->y[first + i];
    level.y = stat_median(c->scratch, width);
    double noise = c->noise[first + width - 1];
    level.se = width == 1 ? noise : MEDIAN_SE * noise / sqrt((double)width);
    return level;
}

/* The share of the run's whole fall that a rise from `low` to `high` takes back. */
static double share_of_progress(const struct curve *c, double low, double high)
{
    return c->fall > 0 ? (exp(high) - exp(low)) / c->fall : INFINITY;
}

/* The rise in standard errors, less what chance gives the lowest of m levels. */
static double surprise(const struct level *low, const struct level *high, double m)
{
    double se = hypot(low->se, high->se);
    double rise = high->y - low->y;
    double chance = sqrt(2 * log(fmax(m, 2)));
    return se > 0 ? rise / se - chance : rise > 0 ? INFINITY : 0;
}

/* ------------------------------------------------------------------------------ excursions -- */

struct excursions {
    size_t count;
    struct level low, high; /* of the greatest */
    size_t first, end;      /* its points */
    double surprise;
    bool is_open; /* the newest is not over at the end of the log */
};

/* A point is the mean of many steps, or one of many: then a blow-up may be a single point. */
static bool is_averaged(const struct curve *c)
{
    return (double)c->step[c->n - 1] - (double)c->step[0] >= 3 * (double)(c->n - 1);
}

/* The rises at one scale, one after another. */
static struct excursions scan(const struct curve *c, size_t width)
{
    struct excursions found = {0};
    size_t stride = max_size(width / 2, 1);
    double sure = width > 1 ? SURE : ALONE_SURE, alone = is_averaged(c) ? ALONE_SHARE : STEP_SHARE;
    double least = width > 1 ? RISE_SHARE : alone;
    struct level low = level_of(c, 0, 1), top = low;
    bool is_up = false;
    size_t first = 0;
    for (size_t k = 0; k + width <= c->n; k += stride) {
        struct level here = level_of(c, k, width);
        double s = surprise(&low, &here, (double)(k / stride));
        if (!is_up && s > sure && here.y - low.y >= log1p(least) &&
            share_of_progress(c, low.y, here.y) >= PROGRESS_SHARE) {
            is_up = true;
            found.count++;
            first = k;
            top = here;
        }
        if (is_up && here.y > top.y)
            top = here;
        if (is_up && top.y - low.y > found.high.y - found.low.y) {
            found.low = low;
            found.high = top;
            found.surprise = surprise(&low, &top, (double)(k / stride));
            found.first = first;
            found.end = c->n;
        }
        if (is_up && here.y - low.y < (top.y - low.y) / 3) {
            is_up = false;
            if (found.first == first)
                found.end = here.at.end;
        }
        if (width == 1) /* one low line is no level */
            here = level_of(c, k < 2 ? 0 : k - 2, min_size(k + 1, BLOCK_LEAST));
        if (!is_up && here.y < low.y)
            low = here;
    }
    found.is_open = is_up;
    return found;
}

/* The scale at which the rises stand out most. */
static struct excursions scan_all(const struct curve *c)
{
    struct excursions best = {0};
    for (size_t width = 1; c->n / width >= BLOCKS_LEAST; width = width == 1 ? 3 : 2 * width) {
        struct excursions here = scan(c, width);
        if (here.count > 0 && (best.count == 0 || here.surprise > best.surprise))
            best = here;
    }
    return best;
}

/*
 * y, in which no line is far below both its neighbours (nothing to learn in the batch), and in a
 * log of single steps none far above (a hard batch).
 */
static double without_outlier(const struct curve *c, size_t i)
{
    static const double FAR = 4;
    if (i == 0 || i + 1 == c->n)
        return c->y[i];
    double low = fmin(c->y[i - 1], c->y[i + 1]), high = fmax(c->y[i - 1], c->y[i + 1]);
    double most = is_averaged(c) ? INFINITY : high + FAR * c->noise[i];
    return fmin(fmax(c->y[i], low - FAR * c->noise[i]), most);
}

/* What is left of such a y beside the nearest curve that never rises. */
static const double *rest_of(const struct curve *c)
{
    double *y = arena_array(c->arena, double, c->n), *fit = arena_array(c->arena, double, c->n);
    for (size_t i = 0; i < c->n; i++)
        y[i] = without_outlier(c, i);
    stat_fit_falling(y, c->n, fit, arena_array(c->arena, size_t, c->n));
    for (size_t i = 0; i < c->n; i++)
        y[i] -= fit[i];
    return y;
}

/*
 * Waves: the rest hangs together from point to point (or flips at every point or every second),
 * which batch noise does not, and it is large.
 */
static bool detect_waves(const struct curve *c, struct pace_finding *found)
{
    static const double TOGETHER = 0.35, FLIPPING = -0.5, SIZE = 0.1, CLEAR = 2.9;
    const double *rest = rest_of(c);
    double squares = 0, in_loss = 0, n = (double)c->n;
    size_t top = 0, n_waves = 0;
    for (size_t i = 0; i < c->n; i++) {
        in_loss += pow(exp(c->y[i]) - exp(c->y[i] - rest[i]), 2);
        squares += rest[i] * rest[i];
        top = rest[i] > rest[top] ? i : top;
        n_waves += i > 0 && rest[i] > 0 && rest[i - 1] <= 0;
    }
    double together = stat_lag(rest, c->n, 1), next = stat_lag(rest, c->n, 2);
    bool hangs = together > TOGETHER || fmin(together, next) < FLIPPING;
    if (sqrt(squares / n) < SIZE || sqrt(in_loss / n) < PROGRESS_SHARE / 2 * c->fall || !hangs ||
        fmax(fabs(together), fabs(next)) * sqrt(n) < CLEAR || n_waves < 2)
        return false;
    return FOUND(PACE_FINDING_OSCILLATION, c->step[0], c->step[c->n - 1],
                 exp(c->y[top] - rest[top]), c->loss[top], (double)n_waves, c->rate[top]);
}

bool detect_excursions(const struct curve *c, struct pace_finding *found)
{
    if (!c->is_likelihood || c->n < BLOCKS_LEAST)
        return false;
    struct excursions e = scan_all(c);
    if (e.count == 0)
        return detect_waves(c, found);
    size_t onset = e.first, highest = e.high.at.first;
    while (onset + 1 < e.high.at.end && c->y[onset] - e.low.y < (e.high.y - e.low.y) / 2)
        onset++;
    for (size_t i = highest; i < e.high.at.end; i++)
        highest = c->loss[i] > c->loss[highest] ? i : highest;
    bool many = e.count >= OSCILLATION_LEAST;
    return FOUND(many ? PACE_FINDING_OSCILLATION : PACE_FINDING_SPIKE, c->step[onset],
                 c->step[min_size(e.end, c->n) - 1], exp(e.low.y), c->loss[highest],
                 many ? (double)e.count : e.surprise, c->rate[onset]);
}

/*
 * A rate that is too high shakes the loss as long as it lasts: the rest beside the nearest falling
 * curve is large until the rate has come down and small behind. Batch noise is in proportion to the
 * loss or stays as it is, so in logarithms it does not calm down by half as the rate does. Of all
 * places to split the log at, the one where that is surest; 1 / (2 n) is the variance of the
 * logarithm of the spread of n lines. A steep fall swallows noise: there, bends are the measure
 * (their variance is 1.5 times that of the noise, that of the rest about 0.6 times).
 */
bool detect_unrest(const struct curve *c, struct pace_finding *found)
{
    enum { LEAST = 16, SHAKEN_LEAST = 3, CALM_LEAST = 6 };
    static const double SIZE = 0.06, TIMES = 1.7, CERTAIN = 3, CALM_SHARE = 0.25;
    static const double BEND = 0.4, LOW_RATE = 0.6, NOTHING = 1e-3;
    if (!c->is_likelihood || c->n < LEAST)
        return false;
    const double *rest = rest_of(c), *y = c->y;
    double before = 0, behind = 0, bends = 0, rates = 0, highest = 0, surest = CERTAIN;
    for (size_t i = 0; i < c->n; i++) {
        behind += rest[i] * rest[i];
        bends += i > 0 && i + 1 < c->n ? pow(y[i] - (y[i - 1] + y[i + 1]) / 2, 2) : 0;
        rates += c->rate[i];
    }
    size_t n_calm = max_size((size_t)(CALM_SHARE * (double)c->n), CALM_LEAST);
    for (size_t k = 1; k + n_calm <= c->n; k++) {
        before += rest[k - 1] * rest[k - 1];
        behind -= rest[k - 1] * rest[k - 1];
        bends -= pow(y[k] - (y[k - 1] + y[k + 1]) / 2, 2);
        rates -= c->rate[k - 1];
        highest = fmax(highest, c->rate[k - 1]);
        double n_before = (double)k, n_behind = (double)(c->n - k);
        double shaken = sqrt(before / n_before);
        double calm = fmax(sqrt(fmax(behind, BEND * bends) / n_behind), NOTHING);
        double sure = log(shaken / calm) / sqrt(0.5 / n_before + 0.5 / n_behind);
        bool is_slower = rates / n_behind < LOW_RATE * highest; /* never, where none is logged */
        if (k < SHAKEN_LEAST || shaken < fmax(SIZE, TIMES * calm) || sure < surest || !is_slower)
            continue;
        surest = sure;
        (void)FOUND(PACE_FINDING_OSCILLATION, c->step[0], c->step[k - 1], shaken, calm, 0, highest);
    }
    return surest > CERTAIN;
}

/*
 * A cross-entropy begins at the logarithm of the vocabulary at most: 12.5 nats for 262144 tokens.
 * Where the mean over the first steps is far above that, and the loss is later where losses of
 * tokens are (so it is no sum over micro-batches), it blew up before the first line was logged.
 */
bool detect_blown_start(const struct curve *c, struct pace_finding *found)
{
    static const double HIGHEST = 12.5, FAR = 1.5;
    if (!c->is_likelihood || c->n < BLOCKS_LEAST || c->step[0] < 2 || c->loss[0] < FAR * HIGHEST ||
        c->best > HIGHEST / 2)
        return false;
    return FOUND(PACE_FINDING_SPIKE, c->step[0], c->step[0], NAN, c->loss[0], HIGHEST, c->rate[0]);
}

/* ------------------------------------------------------------------------------------ warmup -- */

/*
 * The level furthest above the first value, within the first fifth of the log. The lines right
 * behind the first are looked at singly: there, noise has no choice of where to strike. But where
 * later lines are higher too it may be the first that is low by chance, so more is asked for.
 */
static bool rises_early(const struct curve *c, struct level *top)
{
    enum { EARLY_LEAST = 8, NEXT = 3 };
    static const double RISE = 0.1, CERTAIN = 4, CERTAIN_NEXT = 3.5, CAUTION = 1.5;
    struct level start = level_of(c, 0, 1), later = level_of(c, EARLY_LEAST, EARLY_LEAST);
    *top = start;
    for (size_t k = 1; k < max_size(c->n / 5, EARLY_LEAST); k++) {
        struct level here = level_of(c, k, k < NEXT ? 1 : BLOCK_LEAST);
        double least = (k < NEXT ? CERTAIN_NEXT : CERTAIN) * hypot(here.se, start.se);
        least = fmax(log1p(RISE), later.y > start.y ? CAUTION * least : least);
        if (here.y - start.y > least && here.y > top->y)
            *top = here;
    }
    return top->y > start.y;
}

/*
 * The loss of a run begins at its highest. Where it rises above its first value, the rate was too
 * much for the weights as they were: too high, or, where there was no warmup and the loss is back
 * before the rate has come down, too high for the beginning alone. If it never comes back it has
 * diverged.
 */
bool detect_early_rise(const struct curve *c, struct pace_finding *found)
{
    enum { LEAST = 20 };
    static const double WARMUP_SHARE = 0.03, BACK_SHARE = 0.3, SAME = 0.4;
    struct level top;
    if (!c->is_likelihood || c->n < LEAST || !rises_early(c, &top))
        return false;
    size_t back = top.at.end, peak = 0; /* the first point at the peak of the rate */
    while (peak < c->n && !(c->rate[peak] > 0.95 * c->peak))
        peak++;
    while (back + BLOCK_LEAST < c->n && level_of(c, back, BLOCK_LEAST).y > c->y[0])
        back++;
    bool had_none = (double)peak <= WARMUP_SHARE * (double)c->n &&
                    top.at.first <= max_size(c->n / 10, BLOCK_LEAST);
    bool is_over = (double)back < BACK_SHARE * (double)c->n && c->rate[back] > SAME * c->peak;
    struct excursions e = scan_all(c);
    bool warmup = had_none && is_over && (e.count == 0 || (e.count == 1 && e.first <= back));
    return FOUND(warmup ? PACE_FINDING_WARMUP_TOO_SHORT : PACE_FINDING_SPIKE, c->step[top.at.first],
                 c->step[back], c->loss[0], exp(top.y), warmup ? (double)c->step[peak] : NAN,
                 warmup ? c->peak : c->rate[top.at.first]);
}

/* ---------------------------------------------------------------------------------- diverged -- */

/*
 * A rise that is not over at the end of the log, and a good part of the progress lost. Where others
 * came and went before it, it would have gone too.
 */
static bool stays_up(const struct curve *c, struct level *low, struct level *last)
{
    for (size_t width = 1; c->n / width >= BLOCKS_LEAST; width = width == 1 ? 3 : 2 * width) {
        struct excursions e = scan(c, width);
        size_t wide = max_size(width, BLOCK_LEAST);
        *low = e.low;
        *last = level_of(c, c->n - wide, wide);
        if (e.is_open && e.end == c->n && e.count < OSCILLATION_LEAST &&
            share_of_progress(c, low->y, last->y) > DIVERGED_SHARE)
            return true;
    }
    return false;
}

/*
 * The loss ends above its start, whatever its waves: the last tenth of the log lies above it, and
 * the last third is not below. The start is the first line alone, where the rise is beyond doubt;
 * else that line and the level of the first three, whichever is higher.
 */
static bool ends_above_start(const struct curve *c, struct level *start, struct level *last)
{
    static const double CLEAR = 2, CLEAR_ALONE = 3;
    size_t width = max_size(c->n / 10, BLOCK_LEAST), third = max_size(c->n / 3, 1);
    struct level three = level_of(c, 0, BLOCK_LEAST), end = level_of(c, c->n - third, third);
    *start = level_of(c, 0, 1);
    *last = level_of(c, c->n - width, width);
    double highest = fmax(last->y, end.y);
    if (highest - start->y < CLEAR_ALONE * hypot(start->se, end.se)) {
        start->y = fmax(start->y, three.y);
        start->se = three.se;
    }
    return last->y - start->y > log1p(RISE_SHARE) && end.y > start->y &&
           highest - start->y > CLEAR * hypot(start->se, end.se);
}

bool detect_diverged(const struct curve *c, struct pace_finding *found)
{
    struct level low, last;
    if (!c->is_likelihood || c->n < FLAT_LEAST ||
        !(ends_above_start(c, &low, &last) || stays_up(c, &low, &last)))
        return false;
    size_t from = low.at.first, onset = from + stat_rise(c->y + from, c->n - from);
    return FOUND(PACE_FINDING_DIVERGED, c->step[onset], c->step[c->n - 1], exp(low.y), exp(last.y),
                 c->loss[0], c->rate[onset]);
}

/* ---------------------------------------------------------------------------------- no movement */

/* The share of the sum of the rates that was spent before each line. */
static const double *spent_of(const struct curve *c)
{
    double *spent = arena_array(c->arena, double, c->n), sum = 0;
    for (size_t i = 0; i < c->n; i++) {
        spent[i] = sum;
        sum += c->rate[i] > 0 ? c->rate[i] : c->peak > 0 ? 0 : 1;
    }
    for (size_t i = 0; i < c->n; i++)
        spent[i] /= fmax(sum, DBL_MIN);
    return spent;
}

/*
 * Flat: no fall can be told from noise, be it even or quick, and the even one is small. Or there is
 * a small one, and it is even: a loss in which nothing saturates goes down in proportion to the sum
 * of the rates, so there is more to be had. A small fall that has levelled off after a half or a
 * tenth of that sum is all that there was to learn.
 */
bool detect_flat(const struct curve *c, struct pace_finding *found)
{
    static const double QUICK[] = {2, 10}, VISIBLE = 3, NOTHING = 0.01;
    static const double LITTLE = 0.05, KNOWN = 0.04, BETTER = 2;
    if (!c->is_likelihood || c->n < FLAT_LEAST)
        return false;
    struct stretch all = {0, c->n};
    const double *spent = spent_of(c);
    double *x = arena_array(c->arena, double, c->n);
    struct trend even = curve_trend(c, spent, all);
    bool is_visible = -even.change > fmax(VISIBLE * even.se, NOTHING), is_quick = false;
    for (size_t q = 0; q < COUNT_OF(QUICK); q++) {
        for (size_t i = 0; i < c->n; i++)
            x[i] = 1 - exp(-QUICK[q] * spent[i]);
        struct trend quick = curve_trend(c, x, all);
        is_visible = is_visible || -quick.change > fmax(VISIBLE * quick.se, NOTHING);
        is_quick = is_quick || even.misfit - quick.misfit > BETTER;
    }
    if (fabs(even.change) > LITTLE || even.se > KNOWN || (is_visible && is_quick))
        return false;
    size_t width = max_size(c->n / 5, 1);
    return FOUND(PACE_FINDING_FLAT, c->step[0], c->step[c->n - 1],
                 curve_level(c, (struct stretch){0, width}),
                 curve_level(c, (struct stretch){c->n - width, c->n}), -even.change, even.se);
}

/*
 * It stands still to the end of the log, high up, while the rate is high; less need be known of it
 * behind a large fall. As a schedule comes down a loss may well level off.
 */
static bool stays_put(const struct curve *c, struct stretch stall)
{
    static const double NOTHING = 0.01, KNOWN = 0.02, HIGH_RATE = 0.6;
    static const double LEAST = 0.03, LARGE = 0.15, MOST = 0.5;
    struct trend trend = curve_trend(c, NULL, stall);
    double rate = stat_mean(c->rate + stall.first, stall.end - stall.first);
    double fell = log(c->start / curve_level(c, stall));
    double known = KNOWN * fmin(fmax(1, fell / LARGE), 2);
    return -trend.change < NOTHING && 2 * trend.se + fabs(trend.change) < known && fell > LEAST &&
           fell < MOST && rate > HIGH_RATE * c->peak;
}

static bool is_at_border(const struct curve *c, size_t i, size_t around)
{
    size_t first = i > around ? i - around : 0, last = min_size(i + around, c->n - 1);
    return floor(c->epoch[last] + 1e-9) > floor(c->epoch[first]);
}

/*
 * It stands still for almost half of the log and then falls again, by far more than it did in that
 * time: there was something to learn, and it took long to get there. A fall as an epoch begins is
 * another matter, and so is one behind a rate that was held and then let down.
 */
static bool moves_again(const struct curve *c, struct stretch *stall)
{
    enum { PLACES = 12 };
    static const double LENGTH = 0.45, MORE = 0.05, TIMES = 6, SURELY = 4, HELD = 0.7;
    size_t width = max_size(c->n / 25, 2), len = (size_t)(LENGTH * (double)c->n);
    struct level end = level_of(c, c->n - width / 2, max_size(width / 2, 1));
    double highest = NAN; /* the rate from `first` on */
    bool is_found = false;
    for (size_t k = PLACES, seen = c->n; k > 0; k--) {
        size_t first = k * (c->n - len - width) / (PLACES + 1);
        for (; seen > first; seen--)
            highest = fmax(highest, c->rate[seen - 1]);
        struct level from = level_of(c, first, width), to = level_of(c, first + len, width);
        double still = from.y - to.y, behind = to.y - end.y, before = c->y[0] - from.y;
        bool restarts = highest > 1.05 * c->rate[first];
        bool is_let_down = c->rate[first + len] > HELD * c->rate[first] &&
                           c->rate[c->n - 1] < c->rate[first + len] / 2;
        if (restarts || is_let_down || is_at_border(c, first + len, len / 4) ||
            behind < fmax(MORE, SURELY * hypot(to.se, end.se)) || before < MORE ||
            fabs(still) * TIMES > fmin(behind, before))
            continue;
        *stall = (struct stretch){first, first + len};
        is_found = true;
    }
    return is_found;
}

bool detect_plateau(const struct curve *c, struct pace_finding *found)
{
    if (!c->is_likelihood || c->n < STALL_LEAST)
        return false;
    struct stretch stall = {c->n / 5, c->n};
    if (!stays_put(c, stall) && !moves_again(c, &stall))
        return false;
    size_t len = stall.end - stall.first;
    return FOUND(PACE_FINDING_PLATEAU, c->step[stall.first], c->step[stall.end - 1], c->start,
                 curve_level(c, stall), (double)len / (double)c->n,
                 stat_mean(c->rate + stall.first, len));
}
