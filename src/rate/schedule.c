/*
 * schedule.c - the table of learning-rate schedules and their formulas.
 *
 * Notation: s is the update, counted from 0; W the updates of warmup; T those of the whole run; c
 * num_cycles; m the minimum as a share of the peak. A schedule is a factor lambda(s) that the peak
 * is multiplied with, as torch's LambdaLR does it: update s is made with peak * lambda(s). So with
 * a warmup the first update has the rate zero, and lambda(T) is no update's.
 *
 *     warmup                     s / W                                       for s < W
 *     p                          (s - W) / max(1, T - W)
 *     linear                     max(0, (T - s) / max(1, T - W))
 *     cosine                     max(0, (1 + cos(2 pi c p)) / 2)             rises again past T
 *     cosine_with_restarts       (1 + cos(pi (c p mod 1))) / 2               0 for p >= 1
 *     polynomial                 ((peak - end) (1 - p)^power + end) / peak   end / peak past T
 *     inverse_sqrt               1 / sqrt((s + t - W) / t)                   t: timescale
 *     cosine_with_min_lr         cosine (1 - m) + m
 *     cosine_warmup_with_min_lr  the same, one update ahead: the first is made with 1 / W
 *     warmup_stable_decay        1 for S updates, then a curve from 1 to m over D updates
 *     step, exponential          peak gamma gamma ...                        multiplied one by one
 *
 * The aim is the very number that Hugging Face's Trainer hands to its optimizer, so the order of
 * the operations is that of transformers/optimization.py and torch/optim/lr_scheduler.py
 * (versions 5.23 and 2.13), down to products that are 1: with the same C library the results are
 * equal to the last bit. Whole numbers are exact in a double up to 2^53, beyond which no run is
 * let.
 *
 * Where the originals differ from what one would expect, they are followed: constant, the step and
 * exponential schedules of torch and those that move after evaluations have no warmup.
 *
 * To add a schedule: a function, a row here, a value in enum pace_schedule_kind.
 */
#include "rate/schedule.h"

#include <float.h>
#include <math.h>

#include "rate/problem.h"

static const double pi = 3.14159265358979323846;

static double at_least_zero(double x)
{
    return x > 0 ? x : 0;
}

/* ----------------------------------------------------------------------- with a warmup -- */

static bool is_warmup(const struct pace_schedule *s, double step)
{
    return step < (double)s->warmup_steps;
}

static double warmup(const struct pace_schedule *s, double step)
{
    return step / (double)s->warmup_steps;
}

/* Updates behind the warmup; at least 1, so that it can be divided by. */
static double updates_left(const struct pace_schedule *s)
{
    return fmax(1, (double)(s->total_steps - s->warmup_steps));
}

static double progress_behind_warmup(const struct pace_schedule *s, double step)
{
    return (step - (double)s->warmup_steps) / updates_left(s);
}

/* From 1 to 0 over half a wave; c counts whole waves. */
static double wave(const struct pace_schedule *s, double progress)
{
    return 0.5 * (1 + cos(pi * s->num_cycles * 2 * progress));
}

static double lift(double factor, double least)
{
    return factor * (1 - least) + least;
}

static double constant(const struct pace_schedule *s, double step)
{
    (void)s;
    (void)step;
    return 1;
}

static double constant_with_warmup(const struct pace_schedule *s, double step)
{
    return is_warmup(s, step) ? warmup(s, step) : 1;
}

static double linear(const struct pace_schedule *s, double step)
{
    if (is_warmup(s, step))
        return warmup(s, step);
    return at_least_zero(((double)s->total_steps - step) / updates_left(s));
}

static double cosine(const struct pace_schedule *s, double step)
{
    if (is_warmup(s, step))
        return warmup(s, step);
    return at_least_zero(wave(s, progress_behind_warmup(s, step)));
}

static double cosine_with_restarts(const struct pace_schedule *s, double step)
{
    if (is_warmup(s, step))
        return warmup(s, step);
    double progress = progress_behind_warmup(s, step);
    if (progress >= 1)
        return 0;
    return at_least_zero(0.5 * (1 + cos(pi * fmod(s->num_cycles * progress, 1))));
}

static double polynomial(const struct pace_schedule *s, double step)
{
    double peak = s->learning_rate, total = (double)s->total_steps;
    if (is_warmup(s, step))
        return warmup(s, step);
    if (step > total || s->total_steps == s->warmup_steps)
        return s->lr_end / peak;
    double left = 1 - (step - (double)s->warmup_steps) / (total - (double)s->warmup_steps);
    return ((peak - s->lr_end) * pow(left, s->power) + s->lr_end) / peak;
}

static double inverse_sqrt(const struct pace_schedule *s, double step)
{
    double timescale = s->timescale;
    if (is_warmup(s, step))
        return warmup(s, step);
    if (isnan(timescale))
        timescale = s->warmup_steps > 0 ? (double)s->warmup_steps : 10000;
    return 1 / sqrt((step + (timescale - (double)s->warmup_steps)) / timescale);
}

/* ----------------------------------------------------------------------- with a minimum -- */

static double least_share(const struct pace_schedule *s)
{
    return isnan(s->min_lr) ? s->min_lr_rate : s->min_lr / s->learning_rate;
}

static double cosine_with_min_lr(const struct pace_schedule *s, double step)
{
    if (is_warmup(s, step))
        return warmup(s, step);
    return at_least_zero(lift(wave(s, progress_behind_warmup(s, step)), least_share(s)));
}

static double cosine_warmup_with_min_lr(const struct pace_schedule *s, double step)
{
    double n_warmup = (double)s->warmup_steps, first = s->warmup_lr_rate;
    if (is_warmup(s, step))
        return isnan(first) ? (step + 1) / n_warmup
                            : first + (1 - first) * step / fmax(1, n_warmup - 1);
    double progress = (step - n_warmup + 1) / updates_left(s);
    return at_least_zero(lift(wave(s, progress), least_share(s)));
}

static bool check_minimum(const struct pace_schedule *s, struct pace_problem *problem)
{
    const char *name = pace_schedule_name(s->kind);
    if (isnan(s->min_lr) && isnan(s->min_lr_rate))
        return problem_set(problem, "min_lr is a learning rate, min_lr_rate a share of the peak",
                           "%s needs min_lr or min_lr_rate", name);
    if (!isnan(s->min_lr) && !isnan(s->min_lr_rate))
        return problem_set(problem, "leave one of the two out",
                           "%s takes min_lr or min_lr_rate, not both", name);
    return true;
}

static bool check_end(const struct pace_schedule *s, struct pace_problem *problem)
{
    if (s->lr_end < s->learning_rate)
        return true;
    return problem_set(problem, "polynomial falls: set lr_end lower, or the learning rate higher",
                       "lr_end %.3g is not below the learning rate %.3g", s->lr_end,
                       s->learning_rate);
}

/* ------------------------------------------------------------------------- three stages -- */

static double rising_curve(enum pace_curve curve, double progress)
{
    switch (curve) {
    case PACE_CURVE_LINEAR:
        return progress;
    case PACE_CURVE_COSINE:
        return 0.5 * (1 - cos(pi * progress));
    case PACE_CURVE_1_SQRT:
        return 1 - sqrt(1 - progress);
    }
    CHECK(curve <= PACE_CURVE_1_SQRT);
    return 0;
}

static double falling_curve(const struct pace_schedule *s, double progress)
{
    switch (s->decay_type) {
    case PACE_CURVE_LINEAR:
        return 1 - progress;
    case PACE_CURVE_COSINE:
        return wave(s, progress);
    case PACE_CURVE_1_SQRT:
        return 1 - sqrt(progress);
    }
    CHECK(s->decay_type <= PACE_CURVE_1_SQRT);
    return 0;
}

/* Without num_stable_steps, a decay longer than what the warmup leaves has begun before it ends. */
static double warmup_stable_decay(const struct pace_schedule *s, double step)
{
    double n_warmup = (double)s->warmup_steps, n_decay = (double)s->num_decay_steps;
    double n_stable = s->num_stable_steps >= 0 ? (double)s->num_stable_steps
                                               : (double)s->total_steps - n_warmup - n_decay;
    if (is_warmup(s, step))
        return at_least_zero(lift(rising_curve(s->warmup_type, warmup(s, step)), s->min_lr_ratio));
    if (step < n_warmup + n_stable)
        return 1;
    if (step >= n_warmup + n_stable + n_decay)
        return s->min_lr_ratio;
    double progress = (step - n_warmup - n_stable) / fmax(1, n_decay);
    return at_least_zero(lift(falling_curve(s, progress), s->min_lr_ratio));
}

/* ------------------------------------------------------------------------- falls of torch -- */

enum { MOST_PRODUCTS = 4096 };

/*
 * torch keeps the rate and multiplies it at every fall, so its rounding errors add up. The first
 * products are made the same way, until one of them changes nothing any more: at zero, or at a
 * number so small that rounding holds it. Beyond, where that would cost time, the power differs
 * from torch's product by less than n 2^-53 of it.
 */
static double after_falls(const struct pace_schedule *s, double n)
{
    double rate = s->learning_rate, before = 0;
    for (int i = 0; i < MOST_PRODUCTS && i < n && rate != before; i++) {
        before = rate;
        rate *= s->gamma;
    }
    return n > MOST_PRODUCTS && rate != before ? s->learning_rate * pow(s->gamma, n) : rate;
}

static double step_rate(const struct pace_schedule *s, double step)
{
    return after_falls(s, floor(step / (double)s->step_size));
}

static double exponential_rate(const struct pace_schedule *s, double step)
{
    return after_falls(s, step);
}

/* A gamma above 1 is a rise: it must not pass the largest number before the run's end. */
static bool check_growth(const struct pace_schedule *s, struct pace_problem *problem)
{
    double last = pace_schedule_rate(s, s->total_steps - 1);
    if (isfinite(last))
        return true;
    return problem_set(problem, "gamma is what the rate is multiplied with: mostly below 1",
                       "gamma %.6g makes the learning rate infinite within %lld steps", s->gamma,
                       (long long)s->total_steps);
}

/* ----------------------------------------------------------------------------- the table -- */

#define AT(field) offsetof(struct pace_schedule, field)
#define NUMBER PARAMETER_NUMBER
#define COUNT PARAMETER_COUNT
#define SWITCH PARAMETER_SWITCH
#define CURVE PARAMETER_CURVE

/* Largest values: of waves (the argument of the cosine), of counts, of shares, of the rest. */
#define WAVES 1e6
#define COUNTS 9e15
#define ANY DBL_MAX
#define BELOW_ONE (1 - DBL_EPSILON / 2)

static const struct schedule_row table[PACE_SCHEDULE_COUNT] = {
    [PACE_SCHEDULE_LINEAR] = {"linear", "after the warmup a straight line to zero", linear},
    [PACE_SCHEDULE_COSINE] =
        {"cosine", "after the warmup half a cosine wave to zero (arXiv 1608.03983)", cosine,
         .parameters = {{"num_cycles", NUMBER, AT(num_cycles), 0.5, 0, WAVES}}},
    [PACE_SCHEDULE_COSINE_WITH_RESTARTS] =
        {"cosine_with_restarts",
         "half cosine waves to zero, each beginning at the peak again (arXiv 1608.03983)",
         cosine_with_restarts, .parameters = {{"num_cycles", NUMBER, AT(num_cycles), 1, 0, WAVES}}},
    [PACE_SCHEDULE_POLYNOMIAL] = {"polynomial",
                                  "after the warmup a power of the share that is left, to lr_end",
                                  polynomial, .check = check_end,
                                  .parameters = {{"lr_end", NUMBER, AT(lr_end), 1e-7, 0, ANY},
                                                 {"power", NUMBER, AT(power), 1, 0, ANY}}},
    [PACE_SCHEDULE_CONSTANT] = {"constant", "the peak from first to last; no warmup", constant,
                                .ignores_warmup = true},
    [PACE_SCHEDULE_CONSTANT_WITH_WARMUP] = {"constant_with_warmup", "after the warmup the peak",
                                            constant_with_warmup},
    [PACE_SCHEDULE_INVERSE_SQRT] =
        {"inverse_sqrt", "after the warmup one over the square root of the update's number",
         inverse_sqrt, .parameters = {{"timescale", NUMBER, AT(timescale), NAN, 1e-9, COUNTS}}},
    [PACE_SCHEDULE_REDUCE_LR_ON_PLATEAU] =
        {"reduce_lr_on_plateau",
         "the peak, times factor whenever patience evaluations brought nothing (torch)", constant,
         .ignores_warmup = true, .uses_metric = true,
         .parameters = {{"mode", SWITCH, AT(mode_max), 0},
                        {"factor", NUMBER, AT(factor), 0.1, 0, BELOW_ONE},
                        {"patience", COUNT, AT(patience), 10, 0, COUNTS},
                        {"threshold", NUMBER, AT(threshold), 1e-4, -ANY, ANY},
                        {"threshold_mode", SWITCH, AT(threshold_abs), 0},
                        {"cooldown", COUNT, AT(cooldown), 0, 0, COUNTS},
                        {"min_lr", NUMBER, AT(min_lr), 0, 0, ANY},
                        {"eps", NUMBER, AT(eps), 1e-8, -ANY, ANY}}},
    [PACE_SCHEDULE_COSINE_WITH_MIN_LR] =
        {"cosine_with_min_lr", "after the warmup half a cosine wave to min_lr", cosine_with_min_lr,
         .check = check_minimum,
         .parameters = {{"num_cycles", NUMBER, AT(num_cycles), 0.5, 0, WAVES},
                        {"min_lr", NUMBER, AT(min_lr), NAN, 0, ANY},
                        {"min_lr_rate", NUMBER, AT(min_lr_rate), NAN, 0, ANY}}},
    [PACE_SCHEDULE_COSINE_WARMUP_WITH_MIN_LR] =
        {"cosine_warmup_with_min_lr",
         "the same one update ahead: the first rate is not zero, the last is min_lr",
         cosine_warmup_with_min_lr, .check = check_minimum,
         .parameters = {{"num_cycles", NUMBER, AT(num_cycles), 0.5, 0, WAVES},
                        {"min_lr", NUMBER, AT(min_lr), NAN, 0, ANY},
                        {"min_lr_rate", NUMBER, AT(min_lr_rate), NAN, 0, ANY},
                        {"warmup_lr_rate", NUMBER, AT(warmup_lr_rate), NAN, 0, ANY}}},
    [PACE_SCHEDULE_WARMUP_STABLE_DECAY] =
        {"warmup_stable_decay",
         "warmup, the peak, a decay over the last num_decay_steps (arXiv 2404.06395)",
         warmup_stable_decay,
         .parameters = {{"num_decay_steps", COUNT, AT(num_decay_steps), NAN, 0, COUNTS, true},
                        {"num_stable_steps", COUNT, AT(num_stable_steps), NAN, 0, COUNTS},
                        {"warmup_type", CURVE, AT(warmup_type), PACE_CURVE_LINEAR},
                        {"decay_type", CURVE, AT(decay_type), PACE_CURVE_COSINE},
                        {"min_lr_ratio", NUMBER, AT(min_lr_ratio), 0, 0, ANY},
                        {"num_cycles", NUMBER, AT(num_cycles), 0.5, 0, WAVES}}},
    [PACE_SCHEDULE_GREEDY] =
        {"greedy", "up while evaluations improve, down while they do not (arXiv 2512.14527)",
         constant, .ignores_warmup = true, .uses_metric = true,
         .parameters = {{"mode", SWITCH, AT(mode_max), 0},
                        {"factor", NUMBER, AT(factor), 0.95, 1e-9, BELOW_ONE},
                        {"patience", COUNT, AT(patience), 10, 0, COUNTS},
                        {"threshold", NUMBER, AT(threshold), 1e-6, -ANY, ANY},
                        {"threshold_mode", SWITCH, AT(threshold_abs), 1},
                        {"cooldown", COUNT, AT(cooldown), 0, 0, COUNTS},
                        {"warmup", COUNT, AT(warmup), 0, 0, COUNTS},
                        {"min_lr", NUMBER, AT(min_lr), 1e-3, 0, ANY},
                        {"max_lr", NUMBER, AT(max_lr), 1, 0, ANY},
                        {"eps", NUMBER, AT(eps), 1e-8, -ANY, ANY},
                        {"verbose", SWITCH, AT(verbose), 0},
                        {"smooth", SWITCH, AT(smooth), 0},
                        {"window_size", COUNT, AT(window_size), 50, 1, PACE_METRICS_MOST},
                        {"reset_start", COUNT, AT(reset_start), 500, 0, COUNTS}}},
    [PACE_SCHEDULE_STEP] = {"step",
                            "the peak, times gamma at every step_size updates (torch's StepLR)",
                            .rate = step_rate, .check = check_growth, .ignores_warmup = true,
                            .parameters = {{"step_size", COUNT, AT(step_size), NAN, 1, COUNTS,
                                            true},
                                           {"gamma", NUMBER, AT(gamma), 0.1, 0, ANY}}},
    [PACE_SCHEDULE_EXPONENTIAL] = {"exponential",
                                   "the peak, times gamma at every update (torch's ExponentialLR)",
                                   .rate = exponential_rate, .check = check_growth,
                                   .ignores_warmup = true,
                                   .parameters = {{"gamma", NUMBER, AT(gamma), NAN, 0, ANY, true}}},
};

const struct schedule_row *schedule_row(enum pace_schedule_kind kind)
{
    CHECK((unsigned)kind < PACE_SCHEDULE_COUNT);
    return &table[kind];
}

/* ---------------------------------------------------------------------------- interface -- */

const char *pace_schedule_name(enum pace_schedule_kind kind)
{
    return schedule_row(kind)->name;
}

const char *pace_schedule_about(enum pace_schedule_kind kind)
{
    return schedule_row(kind)->about;
}

bool pace_schedule_uses_metric(enum pace_schedule_kind kind)
{
    return schedule_row(kind)->uses_metric;
}

bool pace_schedule_uses_warmup(enum pace_schedule_kind kind)
{
    return !schedule_row(kind)->ignores_warmup;
}

/* Equal where a hyphen stands for an underscore. */
static bool same_name(const char *given, const char *name)
{
    size_t i = 0;
    while (given[i] && (given[i] == name[i] || (given[i] == '-' && name[i] == '_')))
        i++;
    return given[i] == name[i];
}

bool pace_schedule_find(const char *name, enum pace_schedule_kind *kind)
{
    for (int i = 0; i < PACE_SCHEDULE_COUNT; i++) {
        if (!same_name(name, table[i].name))
            continue;
        *kind = (enum pace_schedule_kind)i;
        return true;
    }
    return false;
}

double pace_schedule_rate(const struct pace_schedule *s, int64_t step)
{
    CHECK(step >= 0);
    const struct schedule_row *row = schedule_row(s->kind);
    return row->rate ? row->rate(s, (double)step) : s->learning_rate * row->factor(s, (double)step);
}

int64_t pace_warmup_steps(double steps, double ratio, int64_t total_steps)
{
    if (steps >= 1)
        return (int64_t)steps;
    return (int64_t)ceil((double)total_steps * (steps > 0 ? steps : ratio));
}
