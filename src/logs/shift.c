/*
 * shift.c - the Trainer's off-by-one learning rate, and the filter that hides NaN.
 *
 * With s updates done, the Trainer's log line for step s is about update s - 1 (from 0), which used
 * the schedule's factor lambda(s - 1). Until March 2025 the scheduler had already moved on when the
 * rate was read, and the line says lambda(s): the rate of the next update. Which of the two a log
 * says is known
 *
 *   by version   trainer_state.json has "best_global_step" since that time, the console prints
 *                strings since version 5;
 *   by numbers   a straight line through two rates of a warmup meets zero at step 0 or 1; one
 *                through rates of a linear decay (of a cosine: through their angles) at the last
 *                step T or at T + 1. Each is a whole number to many digits, or no evidence.
 *
 * Numbers overrule a version that says "of this update", because there were releases with the field
 * and without the mend. They do not overrule an old version: with fp16 the first updates are
 * skipped and the scheduler with them, so an old log's lines may meet zero at 1, 2, 7 as well.
 *
 * logging_nan_inf_filter (on by default) adds the running mean where a step's loss is NaN: a run
 * that has died goes on logging losses, which sink to 0. A NaN that is logged shows the filter off.
 *
 * Sources: huggingface/transformers pull requests 36973 and 35885; checked on 62 real logs, where
 * the field and the numbers agree wherever both speak.
 */
#include "logs/shift.h"

#include <math.h>

#define CLOSE 0.02 /* steps: a crossing nearer than this to a whole number is that number */

/* The points that have a rate, thinned to what the lines need. */
struct rates {
    double step[3], rate[3];
};

/* Where the line through two points meets zero; NAN where it is level. */
static double crossing(double x1, double y1, double x2, double y2)
{
    return y1 == y2 || x1 == x2 ? NAN : x1 - y1 * (x2 - x1) / (y2 - y1);
}

static bool is_close(double a, double b)
{
    return fabs(a - b) < CLOSE;
}

static enum rate_owner owner_at(double zero, double of_next)
{
    if (is_close(zero, of_next))
        return RATE_OF_NEXT;
    return is_close(zero, of_next + 1) ? RATE_OF_UPDATE : RATE_UNKNOWN;
}

/* The first two points with a rate that is not zero, where it rises between them. */
static enum rate_owner judge_warmup(const struct pace_series *s)
{
    const struct pace_point *first = NULL;
    for (size_t i = 0; i < s->n_points; i++) {
        const struct pace_point *p = &s->points[i];
        if (isnan(p->learning_rate))
            continue;
        if (first && first->step != p->step)
            return p->learning_rate > first->learning_rate
                       ? owner_at(crossing((double)first->step, first->learning_rate,
                                           (double)p->step, p->learning_rate),
                                  0)
                       : RATE_UNKNOWN;
        first = p;
    }
    return RATE_UNKNOWN;
}

/* The least number of at most three digits that is not below x: the peak that was asked for. */
static double round_up(double x)
{
    for (int digits = 0; digits < 3; digits++) {
        double unit = pow(10, floor(log10(x)) - digits);
        double rounded = ceil(x / unit * (1 - 1e-12)) * unit;
        if (rounded < x * (1 + pow(10, -digits)))
            return rounded;
    }
    return x;
}

/* The angle's distance from its end, as a share of half a turn. */
static double angle(double rate, double peak)
{
    return 1 - acos(fmax(-1, fmin(1, 2 * rate / peak - 1))) / acos(-1);
}

/* Three points on one straight line, or NAN: where they meet zero. */
static double end_of_line(const double x[3], const double y[3])
{
    double zero = crossing(x[0], y[0], x[1], y[1]);
    return is_close(zero, crossing(x[1], y[1], x[2], y[2])) ? zero : NAN;
}

/* Three points behind the peak, far from each other; false where there are none. */
static bool find_decay(const struct pace_series *s, struct rates *r, double *peak)
{
    size_t n = 0, at = 0, last = 0;
    *peak = 0;
    for (size_t i = 0; i < s->n_points; i++) {
        double rate = s->points[i].learning_rate;
        if (rate >= *peak) {
            *peak = rate;
            at = i;
        }
        last = rate > 0 ? i : last;
    }
    for (size_t part = 0; part < 3 && last >= at + 4; part++) {
        size_t i =
            at + (last - at) * (part + 1) / 4; /* any line through the last meets zero there */
        while (i < last && isnan(s->points[i].learning_rate))
            i++;
        r->step[n] = (double)s->points[i].step;
        r->rate[n++] = s->points[i].learning_rate;
    }
    return n == 3 && r->rate[0] > r->rate[1] && r->rate[1] > r->rate[2];
}

/* The last step of the plan; where it is not known, of a run that came to its end. */
static int64_t last_step(const struct sheet *sheet, const struct pace_series *s)
{
    return s->total_steps > 0 ? s->total_steps : sheet->end_step;
}

static enum rate_owner judge_decay(const struct pace_series *s, int64_t last)
{
    struct rates r;
    double peak, angles[3], total = (double)last;
    if (last == 0 || !find_decay(s, &r, &peak))
        return RATE_UNKNOWN;
    enum rate_owner owner = owner_at(end_of_line(r.step, r.rate), total);
    if (owner != RATE_UNKNOWN)
        return owner;
    double asked = round_up(peak);
    for (int i = 0; i < 3; i++)
        angles[i] = angle(r.rate[i], asked);
    return owner_at(end_of_line(r.step, angles), total);
}

/* A rate of exactly zero behind rates that were not: only "of the next" reaches the end. */
static enum rate_owner judge_end(const struct pace_series *s, int64_t last)
{
    for (size_t i = s->n_points; i > 1 && last > 0; i--) {
        const struct pace_point *p = &s->points[i - 1];
        if (!isnan(p->learning_rate))
            return p->learning_rate == 0 && p->step == last ? RATE_OF_NEXT : RATE_UNKNOWN;
    }
    return RATE_UNKNOWN;
}

static bool varies(const struct pace_series *s)
{
    double first = NAN;
    for (size_t i = 0; i < s->n_points; i++) {
        double rate = s->points[i].learning_rate;
        if (isnan(rate))
            continue;
        if (!isnan(first) && rate != first)
            return true;
        first = rate;
    }
    return false;
}

bool shift_concerns(const struct sheet *s)
{
    static const char *const signs[][4] = {
        {"loss", "learning_rate", "epoch", "step"},
        {"train/loss", "train/learning_rate", "train/epoch"},
        {"loss", "train_runtime"},
        {"train/loss", "train/train_runtime"},
        {"loss", "current_steps"},
        {"loss", "global_step/max_steps"},
    };
    for (size_t i = 0; i < COUNT_OF(signs); i++) {
        size_t n = 0;
        while (n < COUNT_OF(signs[i]) && signs[i][n] && sheet_has(s, signs[i][n]))
            n++;
        if (n == COUNT_OF(signs[i]) || !signs[i][n])
            return true;
    }
    return false;
}

void shift_judge(struct sheet *sheet, struct pace_series *series)
{
    series->hides_nan = true;
    for (size_t i = 0; i < series->n_points && series->hides_nan; i++)
        series->hides_nan = !(series->points[i].flags & PACE_LOSS_NOT_FINITE);
    if (!varies(series))
        return;
    enum rate_owner owner = judge_warmup(series);
    if (owner == RATE_UNKNOWN)
        owner = judge_decay(series, last_step(sheet, series));
    if (owner == RATE_UNKNOWN)
        owner = judge_end(series, last_step(sheet, series));
    if (sheet->rate_owner == RATE_OF_NEXT || owner == RATE_UNKNOWN)
        owner = sheet->rate_owner;
    series->rate_is_of_next = owner == RATE_OF_NEXT;
    if (series->rate_is_of_next)
        sheet_note(sheet, "its learning rates are each that of the next update, as older Trainers "
                          "log them");
}
