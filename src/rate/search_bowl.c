/*
 * search_bowl.c - what the arms say of the best rate.
 *
 * An arm's score is its loss in percent of the base's: the mean of what it has on held-out rows
 * with averaged weights and in training over the second half of its steps (rows that it saw for the
 * first time, so held out as well; where rows come again, that on held-out rows alone). Through the
 * best score and its neighbours goes a parabola in log10 of the rate, whose curvature is drawn a
 * little to a usual one:
 *
 *     sum (score - a - b x - k x^2)^2 + RIDGE (k - USUAL)^2 -> least        x from the arms' middle
 *     vertex v = middle - b / 2k, in decades from the prior's rate
 *
 * The vertex is the best rate of a short run, and a short run is not the long one. It counts as an
 * observation of the best rate,
 *
 *     best = ratio * (v + warmth) + shift, give or take noise,
 *
 * whose numbers were measured on sweeps of whole runs (doc/RATE.md):
 *
 *     rows seen once, the best arm fell by 2.5 % and more    ratio 0.95, shift +0.05, noise 0.13
 *     the same, by 1 % or less                               ratio 0.5,  shift +0.05, noise 0.2
 *     rows seen again, by the arms too                       ratio 1,    shift 0,     noise 0.18
 *
 * (decades), and a straight line between the falls, of which their standard error is taken off.
 * The beginning of a run that has gained nothing yet sees only what a rate breaks at once and not
 * what it would mend later: it is far too low, so half of it counts. An arm that sees its rows
 * again is the whole run in small: where it gains nothing the run learns by heart, and a low rate
 * is right. All of it counts, and the prior alone draws it back. The sweeps' arms had no warmup;
 * one that has is read at the mean rate of its steps, which lies `warmth` from its peak. To it
 * comes the noise of this job's own scores: the spread of the training losses' differences from
 * step to step between its outermost arms.
 *
 * The prior that is observed upon has a heavy tail: four jobs in five lie within its spread, the
 * fifth within three times as much. So arms that speak clearly against the prior are believed.
 */
#include "rate/search.h"

#include <math.h>

/* In percent of the base's loss per squared decade. */
#define BOWL_USUAL 20.0
#define BOWL_LEAST 2.0
#define BOWL_RIDGE 0.003
/* No vertex is believed so far outside of what was tried, and no rate is chosen so far below it.
 * Above it much less: a rate that nobody ran may be the one that breaks. Where rows come again not
 * at all: there the right side is the steepest. */
#define BOWL_OUTSIDE 0.3
#define BOWL_ABOVE 0.1
/* The chosen rate stays so far below one that diverged. */
#define BOWL_CLEARANCE 0.2
/* The tail of the prior: its share, and how many times as wide it is. */
#define BOWL_TAIL 0.2
#define BOWL_TAIL_TIMES 3.0

static double square(double x)
{
    return x * x;
}

static double blend(double a, double b, double share)
{
    return a + (b - a) * fmin(fmax(share, 0), 1);
}

/* How far a short run's vertex counts. */
struct reliability {
    double ratio, shift, noise;
};

static struct reliability reliability_of(const struct pace_search *s, double fall)
{
    if (pace_search_repeats(s))
        return (struct reliability){.ratio = 1, .noise = 0.18};
    double gained = (fall - 0.01) / (0.025 - 0.01);
    return (struct reliability){.ratio = blend(0.5, 0.95, gained),
                                .shift = 0.05,
                                .noise = blend(0.2, 0.13, gained)};
}

/* ---------------------------------------------------------------------------------- scores -- */

struct scores {
    int n;
    double x[PACE_SEARCH_ARMS], y[PACE_SEARCH_ARMS]; /* decades from the prior; % of the base */
    int lowest, highest;                             /* arms: of the measured rates */
};

static double offset(const struct pace_search *s, int i)
{
    return log10(s->arms[i].learning_rate / s->options.prior_rate);
}

static void take_scores(const struct pace_search *s, struct scores *t)
{
    *t = (struct scores){.lowest = -1, .highest = -1};
    double scale = 100 / fmax(fabs(s->base_loss), 1e-6);
    for (int i = 0; i < s->n_arms; i++) {
        const struct pace_arm *arm = &s->arms[i];
        if (arm->status != PACE_ARM_MEASURED)
            continue;
        t->x[t->n] = offset(s, i);
        double loss = pace_search_repeats(s) ? arm->loss : (arm->loss + arm->train) / 2;
        t->y[t->n++] = fmin(fmax(scale * loss, -1e6), 1e6);
        if (t->lowest < 0 || offset(s, i) < offset(s, t->lowest))
            t->lowest = i;
        if (t->highest < 0 || offset(s, i) > offset(s, t->highest))
            t->highest = i;
    }
}

/* The best score and its neighbours on both sides, where more than three were measured. */
static void keep_nearest(struct scores *t)
{
    int best = 0;
    for (int i = 1; i < t->n; i++) /* by rate */
        for (int j = i; j > 0 && t->x[j] < t->x[j - 1]; j--) {
            double x = t->x[j], y = t->y[j];
            t->x[j] = t->x[j - 1];
            t->y[j] = t->y[j - 1];
            t->x[j - 1] = x;
            t->y[j - 1] = y;
        }
    for (int i = 1; i < t->n; i++)
        best = t->y[i] < t->y[best] ? i : best;
    if (t->n <= 3)
        return;
    int first = best == 0 ? 0 : best == t->n - 1 ? t->n - 3 : best - 1;
    for (int i = 0; i < 3; i++) {
        t->x[i] = t->x[first + i];
        t->y[i] = t->y[first + i];
    }
    t->n = 3;
}

/* A parabola's vertex, and its curvature. */
struct vertex {
    double x, k;
};

/* Moments of the arms around their middle. */
struct moments {
    double xx, xxx, xxxx, xy, xxy, y;
};

static struct moments moments_of(const struct scores *t, double middle)
{
    struct moments m = {0};
    for (int i = 0; i < t->n; i++)
        m.y += t->y[i] / t->n;
    for (int i = 0; i < t->n; i++) {
        double x = t->x[i] - middle, y = t->y[i] - m.y;
        m.xx += x * x;
        m.xxx += x * x * x;
        m.xxxx += x * x * x * x;
        m.xy += x * y;
        m.xxy += x * x * y;
    }
    return m;
}

/* The least squares of the essay, with a and b solved for: one equation in k is left. */
static struct vertex fit(const struct scores *t)
{
    double middle = 0;
    for (int i = 0; i < t->n; i++)
        middle += t->x[i] / t->n;
    struct moments m = moments_of(t, middle);
    if (t->n < 2 || !(m.xx > 0))
        return (struct vertex){NAN, BOWL_USUAL};
    double left = m.xxxx - m.xx * m.xx / t->n - m.xxx * m.xxx / m.xx;
    double wanted = m.xxy - m.xxx * m.xy / m.xx;
    double k = (wanted + BOWL_RIDGE * BOWL_USUAL) / (left + BOWL_RIDGE);
    double b = (m.xy - k * m.xxx) / m.xx;
    k = fmax(k, BOWL_LEAST);
    return (struct vertex){middle - b / (2 * k), k};
}

/* What chance can do to the vertex, in decades. What arms differ by on rows that come again is no
 * chance: they learn them by heart, at their own pace. */
static double noise_of(const struct pace_search *s, const struct scores *t, double k)
{
    if (pace_search_repeats(s))
        return 0;
    const struct pace_arm *a = &s->arms[t->lowest], *b = &s->arms[t->highest];
    double sum = 0, squares = 0, n = 0;
    for (int64_t i = a->done / 2; i < a->done && i < b->done; i++) {
        double d = b->trace[i] - a->trace[i];
        sum += d;
        squares += d * d;
        n++;
    }
    if (n < 2)
        return 0;
    double variance = fmax(squares - sum * sum / n, 0) / (n - 1) / n;
    double percent = 100 * sqrt(variance) / fmax(fabs(s->base_loss), 1e-6);
    double apart = offset(s, t->highest) - offset(s, t->lowest);
    return apart > 0 ? fmin(percent / (2 * k * apart), 10) : 0;
}

/* -------------------------------------------------------------------------------- estimate -- */

/* Of the best arm, as a share of the base's loss; and what of it is more than its error. */
struct fall {
    double share, certain;
};

static struct fall fall_of(const struct pace_search *s)
{
    double best = s->base_loss, se = 0;
    for (int i = 0; i < s->n_arms; i++)
        if (s->arms[i].status == PACE_ARM_MEASURED && s->arms[i].loss < best) {
            best = s->arms[i].loss;
            se = s->arms[i].se;
        }
    return (struct fall){.share = 1 - best / s->base_loss,
                         .certain = 1 - fmin(best + se, s->base_loss) / s->base_loss};
}

/* The posterior of a normal prior around 0 after an observation, and how well it foretold it. */
struct part {
    double likelihood, mean, variance;
};

static struct part observe(double sd, double seen, double noise)
{
    double before = square(sd), error = square(noise), all = before + error;
    return (struct part){.likelihood = exp(-square(seen) / (2 * all)) / sqrt(all),
                         .mean = seen * before / all,
                         .variance = before * error / all};
}

/* The mean rate of an arm's steps as a share of its peak, in decades: what it shows belongs to the
 * rates that it had. */
static double warmth(const struct pace_search *s)
{
    double n = (double)s->arm_steps, w = (double)s->options.warmup_steps;
    double rising = fmin(n, w), sum = n - rising;
    if (w > 0)
        sum += rising * (rising - 1) / 2 / w;
    return n > 0 ? log10(fmax(sum / n, 0.05)) : 0;
}

/* The prior, with its tail, after the vertex was seen; decades from the prior's rate. */
static void move(const struct pace_search *s, struct scores *t, struct search_estimate *e)
{
    double prior_sd = s->options.prior_sd;
    keep_nearest(t);
    struct vertex vertex = fit(t);
    if (isnan(vertex.x)) {
        e->mean = SEARCH_CAUTION * prior_sd; /* by which the prior's rate has been lowered */
        return;
    }
    double v = fmin(fmax(vertex.x, offset(s, t->lowest) - BOWL_OUTSIDE),
                    offset(s, t->highest) + BOWL_OUTSIDE);
    struct reliability r = reliability_of(s, fall_of(s).certain);
    double noise = hypot(r.noise, noise_of(s, t, vertex.k));
    double seen = r.ratio * (v + warmth(s)) + r.shift;
    struct part usual = observe(prior_sd, seen, noise);
    struct part tail = observe(BOWL_TAIL_TIMES * prior_sd, seen, noise);
    double far = BOWL_TAIL * tail.likelihood, near = (1 - BOWL_TAIL) * usual.likelihood;
    double share = far + near > 0 ? far / (far + near) : 1;
    e->mean = (1 - share) * usual.mean + share * tail.mean;
    double squares = (1 - share) * (usual.variance + square(usual.mean)) +
                     share * (tail.variance + square(tail.mean));
    e->sd = fmin(sqrt(fmax(squares - square(e->mean), 0)), prior_sd);
}

/* Within what was tried, or little beyond. */
static void keep_near(const struct pace_search *s, const struct scores *t,
                      struct search_estimate *e)
{
    double above = pace_search_repeats(s) ? 0 : BOWL_ABOVE;
    e->mean = fmin(e->mean, offset(s, t->highest) + above);
    e->mean = fmax(e->mean, offset(s, t->lowest) - BOWL_OUTSIDE);
    for (int i = 0; i < s->n_arms; i++)
        if (s->arms[i].status == PACE_ARM_DIVERGED)
            e->mean = fmin(e->mean, offset(s, i) - BOWL_CLEARANCE);
}

/* All arms diverged: as far again below the lowest of them. */
static void give_up(const struct pace_search *s, struct search_estimate *e)
{
    double lowest = 0;
    for (int i = 0; i < s->n_arms; i++)
        lowest = fmin(lowest, offset(s, i));
    e->mean = lowest - 2 * BOWL_OUTSIDE;
    e->reason = PACE_FOUND_BROKEN;
    e->number[0] = s->n_arms;
    e->number[2] = s->options.prior_rate * pow(10, lowest);
}

static void explain(const struct pace_search *s, struct search_estimate *e)
{
    static const double little = 0.08; /* decades: a factor of 1.2 */
    e->reason = fabs(e->mean) < little ? PACE_FOUND_AGREES
                : e->mean > 0          ? PACE_FOUND_HIGHER
                                       : PACE_FOUND_LOWER;
    e->number[0] = s->n_arms;
    e->number[1] = (double)s->arm_steps;
    e->number[2] = pow(10, fabs(e->mean));
    e->number[3] = 100 * fall_of(s).share;
}

void search_bowl_estimate(const struct pace_search *s, struct search_estimate *e)
{
    struct scores t;
    enum pace_search_reason obstacle = search_race_obstacle(s);
    take_scores(s, &t);
    *e = (struct search_estimate){.sd = s->options.prior_sd};
    if (s->n_arms == 0) {
        e->reason = obstacle != PACE_FOUND_COUNT ? obstacle : PACE_FOUND_BROKEN;
        e->number[0] = obstacle == PACE_FOUND_TOO_SHORT ? (double)s->options.total_steps : 0;
        e->number[2] = s->options.prior_rate;
    } else if (t.n == 0) {
        give_up(s, e);
    } else {
        move(s, &t, e);
        keep_near(s, &t, e);
        explain(s, e);
    }
    if (s->n_arms == 0)
        e->mean = SEARCH_CAUTION * e->sd; /* as in move */
    e->mean += log10(s->options.prior_rate);
}

double search_bowl_curvature(const struct pace_search *s)
{
    /* Our sweeps: 5 to 10 % of the loss per squared decade where little is gained, 12 % where much
     * is; a public one of models a thousand times as large: 4 %. */
    bool has_fall = s->n_arms > 0 && isfinite(s->base_loss);
    double fall = has_fall ? fmin(fmax(fall_of(s).share, 0), 0.4) : 0;
    double base = isfinite(s->base_loss) && s->base_loss > 0 ? s->base_loss : 1;
    return (0.04 + 0.25 * fall) * base;
}
