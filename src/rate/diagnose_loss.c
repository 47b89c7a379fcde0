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
 * No movement has two forms. Flat: the level at the end is, within the noise, that of the start.
 * Plateau: it fell at first and has not moved over the last four fifths of the log, though a loss
 * that is being learned falls with the logarithm of the steps, so for 1.6 e-foldings more.
 */
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
static const double TWICE = 2;                            /* the start: too far up to be a wave */
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
    double fall = c->start - c->best;
    return fall > 0 ? (exp(high) - exp(low)) / fall : INFINITY;
}

static bool is_of_size(const struct curve *c, const struct level *low, const struct level *high,
                       double least)
{
    return high->y - low->y >= log1p(least) &&
           share_of_progress(c, low->y, high->y) >= PROGRESS_SHARE;
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
    double sure = width > 1 ? SURE : ALONE_SURE, least = width > 1        ? RISE_SHARE
                                                         : is_averaged(c) ? ALONE_SHARE
                                                                          : STEP_SHARE;
    struct level low = level_of(c, 0, 1), top = low;
    bool is_up = false;
    size_t first = 0;
    for (size_t k = 0; k + width <= c->n; k += stride) {
        struct level here = level_of(c, k, width);
        double s = surprise(&low, &here, (double)(k / stride));
        if (!is_up && s > sure && is_of_size(c, &low, &here, least)) {
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
        if (width == 1 && k + BLOCK_LEAST <= c->n) /* one low line is no level */
            here = level_of(c, k, BLOCK_LEAST);
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

/* Rises that end again and again: the last, at the end of the log, would have ended too. */
static bool comes_back(const struct curve *c)
{
    struct excursions e = {0};
    if (c->n >= BLOCKS_LEAST)
        e = scan_all(c);
    return e.count - e.is_open >= OSCILLATION_LEAST - 1;
}

/*
 * Waves: what is left beside the nearest falling curve hangs together from point to point (or flips
 * at every point or every second), which batch noise does not, and it is large.
 */
static bool detect_waves(const struct curve *c, struct pace_finding *found)
{
    static const double TOGETHER = 0.35, FLIPPING = -0.5, SIZE = 0.1, CLEAR = 2.9;
    double *rest = arena_array(c->arena, double, c->n);
    stat_fit_falling(c->y, c->n, rest, arena_array(c->arena, size_t, c->n));
    double squares = 0, in_loss = 0;
    size_t top = 0, n_waves = 0;
    for (size_t i = 0; i < c->n; i++) {
        in_loss += pow(c->loss[i] - exp(rest[i]), 2);
        rest[i] = c->y[i] - rest[i];
        squares += rest[i] * rest[i];
        top = rest[i] > rest[top] ? i : top;
        n_waves += i > 0 && rest[i] > 0 && rest[i - 1] <= 0;
    }
    double n = (double)c->n, together = stat_lag(rest, c->n, 1), next = stat_lag(rest, c->n, 2);
    double share = sqrt(in_loss / n) / fmax(c->start - c->best, 1e-12);
    bool hangs = together > TOGETHER || fmin(together, next) < FLIPPING;
    if (sqrt(squares / n) < SIZE || share < PROGRESS_SHARE / 2 || !hangs ||
        fmax(fabs(together), fabs(next)) * sqrt(n) < CLEAR || n_waves < 2)
        return false;
    *found = (struct pace_finding){
        PACE_FINDING_OSCILLATION,
        c->step[0],
        c->step[c->n - 1],
        {exp(c->y[top] - rest[top]), c->loss[top], (double)n_waves, c->rate[top]}};
    return true;
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
    *found = (struct pace_finding){
        many ? PACE_FINDING_OSCILLATION : PACE_FINDING_SPIKE,
        c->step[onset],
        c->step[min_size(e.end, c->n) - 1],
        {exp(e.low.y), c->loss[highest], many ? (double)e.count : e.surprise, c->rate[onset]}};
    return true;
}

/* ------------------------------------------------------------------------------------ warmup -- */

static bool has_rises_behind(const struct curve *c, size_t i)
{
    struct excursions e = scan_all(c);
    return e.count > 1 || (e.count == 1 && e.first > i);
}

/* The first point at which the rate is at its peak; n where none was logged. */
static size_t peak_index(const struct curve *c)
{
    size_t i = 0;
    while (i < c->n && !(c->rate[i] > 0.95 * c->peak))
        i++;
    return i;
}

/*
 * The level furthest above the first value, within the first fifth of the log. The lines right
 * behind the first are looked at singly: there, noise has no choice of where to strike.
 */
static bool rises_early(const struct curve *c, struct level *top)
{
    enum { EARLY_LEAST = 8, NEXT = 3 };
    static const double RISE = 0.1, CERTAIN = 4, CERTAIN_NEXT = 3.5;
    struct level start = level_of(c, 0, 1);
    double highest = 0;
    *top = start;
    for (size_t k = 1; k < max_size(c->n / 5, EARLY_LEAST); k++) {
        for (size_t width = k < NEXT ? 1 : 3; width <= BLOCK_LEAST; width += 2) {
            struct level here = level_of(c, k, width);
            double rise = here.y - start.y;
            double sure = (width == 1 ? CERTAIN_NEXT : CERTAIN) * hypot(here.se, start.se);
            if (rise > log1p(RISE) && rise > sure && rise > highest) {
                highest = rise;
                *top = here;
            }
        }
    }
    return highest > 0;
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
    size_t back = top.at.end;
    while (back + BLOCK_LEAST < c->n && level_of(c, back, BLOCK_LEAST).y > c->y[0])
        back++;
    bool had_none = (double)peak_index(c) <= WARMUP_SHARE * (double)c->n &&
                    top.at.first <= max_size(c->n / 10, BLOCK_LEAST);
    bool is_over = (double)back < BACK_SHARE * (double)c->n && c->rate[back] > SAME * c->peak;
    bool warmup = had_none && is_over && !has_rises_behind(c, back);
    struct level end = level_of(c, c->n - BLOCK_LEAST, BLOCK_LEAST);
    *found = (struct pace_finding){warmup ? PACE_FINDING_WARMUP_TOO_SHORT : PACE_FINDING_SPIKE,
                                   c->step[top.at.first],
                                   c->step[back],
                                   {c->loss[0], exp(top.y),
                                    warmup ? (double)c->step[peak_index(c)] : NAN,
                                    warmup ? c->peak : c->rate[top.at.first]}};
    if (end.y - c->y[0] > log1p(RISE_SHARE) && (end.y - c->y[0] > log(TWICE) || !comes_back(c))) {
        *found = (struct pace_finding){PACE_FINDING_DIVERGED,
                                       c->step[stat_rise(c->y, c->n)],
                                       c->step[c->n - 1],
                                       {c->loss[0], exp(end.y), c->loss[0], found->number[3]}};
    }
    return true;
}

/*
 * A rate far above what the weights bear without breaking holds the loss up, and it falls only as
 * the schedule brings the rate down: most of the fall comes in the second half of the decay.
 */
bool detect_held_up(const struct curve *c, struct pace_finding *found)
{
    enum { LEAST = 20 };
    static const double HALF = 0.5, LOW = 0.3, SHARE = 0.45, FALL = 0.25;
    size_t half = peak_index(c), width = max_size(c->n / 15, BLOCK_LEAST);
    while (half < c->n && !(c->rate[half] < HALF * c->peak))
        half++;
    if (!c->is_likelihood || c->n < LEAST || half + width > c->n || half < width ||
        !(c->rate[c->n - 1] < LOW * c->peak) || half < c->n / 3)
        return false;
    struct level then = level_of(c, half - width / 2, width),
                 end = level_of(c, c->n - width, width);
    double behind = exp(then.y) - exp(end.y), all = fmax(c->loss[0], exp(then.y)) - exp(end.y);
    if (then.y - end.y < FALL || behind < SHARE * all ||
        then.y - end.y < SURE * hypot(then.se, end.se))
        return false;
    *found = (struct pace_finding){PACE_FINDING_OSCILLATION,
                                   c->step[half],
                                   c->step[c->n - 1],
                                   {exp(then.y), exp(end.y), NAN, c->peak}};
    return true;
}

/* ---------------------------------------------------------------------------------- diverged -- */

/* The lowest level of blocks as wide as `last` that end before it. */
static struct level lowest_before(const struct curve *c, const struct level *last)
{
    size_t width = last->at.end - last->at.first;
    struct level low = level_of(c, 0, 1);
    for (size_t k = 0; k + width <= last->at.first; k += max_size(width / 2, 1)) {
        struct level here = level_of(c, k, width);
        if (here.y < low.y)
            low = here;
    }
    return low;
}

/* The last `width` points lie above the lowest level before them, and the newest of them still do.
 */
static bool is_lost(const struct curve *c, size_t width, struct pace_finding *found)
{
    size_t newest = min_size(width, BLOCK_LEAST);
    struct level last = level_of(c, c->n - width, width);
    struct level end = level_of(c, c->n - newest, newest), low = lowest_before(c, &last);
    double rise = last.y - low.y, blocks = 2 * (double)c->n / (double)width;
    if (surprise(&low, &last, blocks) < SURE || rise < log1p(RISE_SHARE / 2) ||
        end.y - low.y < rise / 2)
        return false;
    double of_start = exp(last.y) / c->start, share = share_of_progress(c, low.y, last.y);
    if ((of_start < 1 + RISE_SHARE / 2 && share < DIVERGED_SHARE) ||
        (of_start < TWICE && comes_back(c)))
        return false;
    size_t from = low.at.first, onset = from + stat_rise(c->y + from, c->n - from);
    *found = (struct pace_finding){PACE_FINDING_DIVERGED,
                                   c->step[onset],
                                   c->step[c->n - 1],
                                   {exp(low.y), exp(last.y), c->start, c->rate[onset]}};
    return true;
}

bool detect_diverged(const struct curve *c, struct pace_finding *found)
{
    static const size_t parts[] = {3, 5, 10};
    if (!c->is_likelihood || c->n < FLAT_LEAST)
        return false;
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (is_lost(c, max_size(c->n / parts[i], min_size(BLOCK_LEAST, c->n / 3)), found))
            return true;
    }
    return c->n >= BLOCKS_LEAST && is_lost(c, BLOCK_LEAST, found);
}

/* ---------------------------------------------------------------------------------- no movement */

/*
 * A fall of y to the last twentieth of the log, with its standard error: from the first twentieth,
 * or from the first few points where that is surely more, for a quick fall hides in a wide block.
 */
static struct trend block_fall(const struct curve *c)
{
    size_t width = c->n < 3 * BLOCK_LEAST ? 1 : max_size(c->n / 20, BLOCK_LEAST);
    struct level last = level_of(c, c->n - width, width), first = level_of(c, 0, width);
    struct trend fall = {first.y - last.y, hypot(first.se, last.se)};
    for (size_t few = 1; few < width; few = few == 1 ? BLOCK_LEAST : 2 * few) {
        struct level start = level_of(c, 0, few);
        double se = hypot(start.se, last.se), change = start.y - last.y;
        if (change - 3 * se > fall.change - 2 * fall.se)
            fall = (struct trend){change, se};
    }
    return fall;
}

/*
 * How surely the first half of the sum of the rates did more than one and a half times what the
 * second did, in standard errors.
 */
static double saturation(const struct curve *c)
{
    static const double MORE = 1.5;
    size_t half = 0;
    double sum = 0, spent = 0;
    for (size_t i = 0; i < c->n; i++)
        sum += isnan(c->rate[i]) ? 1 : c->rate[i];
    for (; half < c->n && spent < sum / 2; half++)
        spent += isnan(c->rate[half]) ? 1 : c->rate[half];
    if (half < BLOCK_LEAST || c->n - half < BLOCK_LEAST)
        return 0;
    struct trend early = curve_trend(c, (struct stretch){0, half}),
                 late = curve_trend(c, (struct stretch){half, c->n});
    return (MORE * late.change - early.change) / fmax(hypot(early.se, MORE * late.se), 1e-12);
}

/*
 * Flat: the straight line through all points hardly falls, is known well enough to say so, and no
 * quick fall hides at its beginning. Or it falls by a little, evenly: a loss in which nothing
 * saturates goes down in proportion to the sum of the rates, so there is more to be had. A small
 * fall that surely levels off is all that there was to learn.
 */
bool detect_flat(const struct curve *c, struct pace_finding *found)
{
    static const double NOTHING = 0.01, LITTLE = 0.06, KNOWN = 0.08, TRACE = 0.005;
    if (!c->is_likelihood || c->n < FLAT_LEAST)
        return false;
    struct trend line = curve_trend(c, (struct stretch){0, c->n}), ends = block_fall(c);
    bool moves = line.change < fmin(-3 * line.se, -TRACE);
    double levels_off = moves ? saturation(c) : 0;
    bool nothing = fabs(line.change) < NOTHING + line.se && levels_off < 2 &&
                   fabs(line.change) + 2 * line.se < KNOWN && ends.change - 2 * ends.se < NOTHING &&
                   ends.change < KNOWN;
    bool little =
        -line.change + line.se < LITTLE && ends.change < LITTLE && moves && levels_off < 0.5;
    if (!nothing && !little)
        return false;
    size_t width = max_size(c->n / 5, 1);
    *found = (struct pace_finding){PACE_FINDING_FLAT,
                                   c->step[0],
                                   c->step[c->n - 1],
                                   {curve_level(c, (struct stretch){0, width}),
                                    curve_level(c, (struct stretch){c->n - width, c->n}),
                                    -line.change, line.se}};
    return true;
}

/*
 * It stands still to the end of the log, high up, while the rate is high, and less need be known
 * of it behind a large fall; or while the rate comes down, but then beyond doubt, since a loss may
 * well level off as the rate ends.
 */
static bool stays_put(const struct curve *c, struct stretch stall)
{
    static const double NOTHING = 0.01, KNOWN = 0.015, FELL = 0.03, HIGH_SHARE = 0.6;
    static const double HIGH_RATE = 0.6, SOME_RATE = 0.3, STRICTER = 0.4, LARGE = 0.15;
    struct trend trend = curve_trend(c, stall), ends = block_fall(c);
    double rate = stat_mean(c->rate + stall.first, stall.end - stall.first) / c->peak;
    double strict = rate > HIGH_RATE ? 1 : STRICTER;
    double known = KNOWN * strict * fmin(fmax(1, ends.change / LARGE), 2);
    return -trend.change < NOTHING * strict && 2 * trend.se + fabs(trend.change) < known &&
           ends.change > FELL && curve_level(c, stall) > HIGH_SHARE * c->start && rate > SOME_RATE;
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
    static const double LENGTH = 0.45, MORE = 0.05, TIMES = 6, SURELY = 4, HELD = 0.95;
    size_t width = max_size(c->n / 25, 2), len = (size_t)(LENGTH * (double)c->n);
    struct level end = level_of(c, c->n - width / 2, max_size(width / 2, 1));
    for (size_t k = 1; k <= PLACES; k++) {
        size_t first = k * (c->n - len - width) / (PLACES + 1);
        struct level from = level_of(c, first, width), to = level_of(c, first + len, width);
        double still = from.y - to.y, behind = to.y - end.y, before = c->y[0] - from.y;
        if (behind > MORE && behind > SURELY * hypot(to.se, end.se) && before > MORE &&
            fabs(still) * TIMES < fmin(behind, before) && !is_at_border(c, first + len, len / 4) &&
            !(c->rate[first + len] > HELD * c->rate[first] &&
              c->rate[c->n - 1] < c->rate[first + len] / 2)) {
            *stall = (struct stretch){first, first + len};
            return true;
        }
    }
    return false;
}

bool detect_plateau(const struct curve *c, struct pace_finding *found)
{
    if (!c->is_likelihood || c->n < STALL_LEAST)
        return false;
    struct stretch stall = {c->n / 5, c->n};
    if (!stays_put(c, stall) && !moves_again(c, &stall))
        return false;
    size_t len = stall.end - stall.first;
    *found = (struct pace_finding){PACE_FINDING_PLATEAU,
                                   c->step[stall.first],
                                   c->step[stall.end - 1],
                                   {c->start, curve_level(c, stall), (double)len / (double)c->n,
                                    stat_mean(c->rate + stall.first, len)}};
    return true;
}
