/*
 * diagnose_run.c - what stands beside the training loss: numbers that are not finite, held-out
 * losses, resumes, the schedule.
 *
 * Three of these troubles wear the mask of another:
 *
 *   hidden NaN    transformers replaces a loss that is NaN by the mean so far, so that a dead run
 *                 prints loss 0.0 and gradient norm nan for hours. The same line is printed by a
 *                 run in which no token is left to train on (all labels masked): there it is the
 *                 first line already, here it comes after progress.
 *   loss near 0   a run without held-out losses that goes through few rows many times. Evident only
 *                 where the loss steps down as each epoch begins, or after very many epochs.
 *   a bad resume  the loss jumps up where the log says that the run was taken up again, or where
 *                 step or rate break off: the optimizer's state or the place in the data was lost.
 *                 A jump alone is not enough, even if the loss is back where it began: a blow-up
 *                 looks just so.
 */
#include <math.h>

#include "base/stat.h"
#include "rate/diagnose.h"

/* -------------------------------------------------------------------------------- not finite -- */

/* True where the log has a gradient norm at the point and it is a real one, above zero. */
static bool has_gradient(const struct pace_point *p)
{
    return p->grad_norm > 0 && !(p->flags & PACE_GRAD_NOT_FINITE);
}

static bool has_loss(const struct pace_point *p)
{
    return isfinite(p->loss) || (p->flags & PACE_LOSS_NOT_FINITE);
}

bool detect_no_targets(const struct curve *c, struct pace_finding *found)
{
    enum { LEAST = 2 };
    const struct pace_series *s = c->series;
    size_t n_zero = 0, n_broken = 0, last = 0;
    for (size_t i = 0; i < s->n_points; i++) {
        const struct pace_point *p = &s->points[i];
        if (!has_loss(p))
            continue;
        if (p->loss != 0 || has_gradient(p))
            break;
        n_zero++;
        n_broken += (p->flags & PACE_GRAD_NOT_FINITE) != 0;
        last = i;
    }
    if (n_zero < LEAST || 2 * n_zero < c->n)
        return false;
    *found = (struct pace_finding){PACE_FINDING_NO_TARGETS,
                                   s->points[0].step,
                                   s->points[last].step,
                                   {(double)n_zero, (double)n_broken, NAN, NAN}};
    return true;
}

bool detect_nan(const struct curve *c, struct pace_finding *found)
{
    const struct pace_series *s = c->series;
    size_t n_broken = 0, n_behind = 0, first = 0, last = 0;
    double before = NAN;
    for (size_t i = 0; i < s->n_points; i++) {
        const struct pace_point *p = &s->points[i];
        bool is_broken =
            (p->flags & PACE_LOSS_NOT_FINITE) || (c->n == 0 && (p->flags & PACE_EVAL_NOT_FINITE));
        if (is_broken && n_broken++ == 0)
            first = i;
        if (is_broken)
            last = i;
        else if (n_broken == 0 && isfinite(p->loss))
            before = p->loss;
        n_behind += n_broken > 0 && has_loss(p);
    }
    if (n_broken == 0)
        return false;
    *found = (struct pace_finding){
        PACE_FINDING_NAN,
        s->points[first].step,
        s->points[last].step,
        {before, (double)n_broken, (double)n_behind, s->points[first].learning_rate}};
    return true;
}

/*
 * The dead points at the end of the log: loss exactly zero, or a gradient norm that is NaN. A loss
 * that has come down to nothing is rounded to zero, and has a gradient.
 */
bool detect_hidden_nan(const struct curve *c, struct pace_finding *found)
{
    enum { LEAST = 2 };
    static const double NOTHING = 0.01;
    const struct pace_series *s = c->series;
    size_t n_dead = 0, n_zero = 0, n_alive = 0, first = 0;
    double before = NAN;
    for (size_t i = s->n_points; i-- > 0;) {
        const struct pace_point *p = &s->points[i];
        if (!has_loss(p))
            continue;
        bool is_zero = p->loss == 0;
        n_alive += is_zero && has_gradient(p);
        if (!is_zero && !(p->flags & (PACE_GRAD_NOT_FINITE | PACE_LOSS_NOT_FINITE))) {
            before = p->loss;
            break;
        }
        n_dead++;
        n_zero += is_zero;
        first = i;
    }
    if (n_dead < LEAST || isnan(before) || !c->is_likelihood ||
        (n_alive > 0 && before < NOTHING * c->start))
        return false;
    *found = (struct pace_finding){
        PACE_FINDING_HIDDEN_NAN,
        s->points[first].step,
        s->points[s->n_points - 1].step,
        {before, (double)n_dead, (double)n_zero, s->points[first].learning_rate}};
    return true;
}

/* ------------------------------------------------------------------------------------ resume -- */

static bool breaks_off(const struct curve *c, size_t i)
{
    for (size_t k = c->point[i - 1] + 1; k <= c->point[i]; k++) {
        if (c->series->points[k].flags & PACE_RESUMED)
            return true;
    }
    return c->step[i] <= c->step[i - 1];
}

/*
 * The rate leaps up though it has been higher before (so this is no warmup) and was not at its end
 * (so this is no warm restart), or drops to a part.
 */
static bool rate_breaks_off(const struct curve *c, size_t i, double highest_before)
{
    static const double LEAP = 0.1, PART = 0.2, SMALL = 0.05, END = 0.01;
    double before = c->rate[i - 1], after = c->rate[i];
    bool leaps = after - before > LEAP * c->peak && highest_before > before * 1.001 &&
                 before > END * c->peak;
    bool drops = after < PART * before && before > SMALL * c->peak;
    return leaps || drops;
}

/* The jump at point i, in logs: of the level, or of the one line behind it; 0 where it is noise. */
static double jump_at(const struct curve *c, size_t i, double *before, double *behind)
{
    enum { AROUND = 5 };
    static const double SURE = 4;
    size_t n_before = min_size(i, AROUND), n_behind = min_size(c->n - i, AROUND);
    double noise = c->noise[i - 1], share = 1 / (double)n_before;
    *before = curve_level(c, (struct stretch){i - n_before, i});
    *behind = curve_level(c, (struct stretch){i, i + n_behind});
    double jump = log(*behind / *before);
    if (jump > SURE * 1.25 * noise * sqrt(share + 1 / (double)n_behind))
        return jump;
    *behind = c->loss[i];
    jump = c->y[i] - log(*before);
    return jump > SURE * noise * sqrt(1 + share) ? jump : 0;
}

bool detect_resumed_wrong(const struct curve *c, struct pace_finding *found)
{
    static const double JUMP = 0.1;
    double before, behind, highest = NAN;
    for (size_t i = 2; i + 1 < c->n && c->is_likelihood; i++) {
        highest = fmax(highest, c->rate[i - 1]);
        if (!breaks_off(c, i) && !rate_breaks_off(c, i, highest))
            continue;
        if (!(jump_at(c, i, &before, &behind) > JUMP))
            continue;
        *found = (struct pace_finding){PACE_FINDING_RESUMED_WRONG,
                                       c->step[i],
                                       c->step[i + 1],
                                       {before, behind, c->rate[i - 1], c->rate[i]}};
        return true;
    }
    return false;
}

/* ----------------------------------------------------------------------------------- overfit -- */

/* The training loss around a step: the median of the nearest points before it. */
static double loss_at(const struct curve *c, int64_t step)
{
    size_t end = curve_find(c, step);
    size_t width = max_size(c->n / 20, 3);
    if (end == 0)
        return NAN;
    return curve_level(c, (struct stretch){end > width ? end - width : 0, end});
}

/* Noise of held-out losses: how far each is from the middle of its neighbours. */
static double eval_noise(const struct curve *c)
{
    for (size_t i = 1; i + 1 < c->n_evals; i++)
        c->scratch[i - 1] = fabs(c->eval[i] - 0.5 * (c->eval[i - 1] + c->eval[i + 1]));
    return STAT_MAD_TO_SD * stat_median(c->scratch, c->n_evals - 2) / sqrt(1.5);
}

static bool eval_overfits(const struct curve *c, struct pace_finding *found)
{
    enum { LEAST = 3, BEHIND = 2, ENOUGH_FOR_NOISE = 6 };
    static const double RISE = 0.01, NOISES = 3, STILL = 1.02, LEARNED = 0.97;
    if (c->n_evals < LEAST)
        return false;
    size_t best = 0, last = c->n_evals - 1;
    for (size_t i = 1; i < c->n_evals; i++)
        best = c->eval[i] < c->eval[best] ? i : best;
    if (last - best < BEHIND)
        return false;
    double rise = 0.5 * (c->eval[last] + c->eval[last - 1]) - c->eval[best];
    double noise = c->n_evals < ENOUGH_FOR_NOISE ? 0 : eval_noise(c);
    double chance = sqrt(2 * log((double)c->n_evals)); /* the lowest of so many */
    double then = loss_at(c, c->eval_step[best]), now = loss_at(c, c->eval_step[last]);
    bool learns = c->evals_alone || (now <= STILL * then && now <= LEARNED * c->start);
    double with_training = c->evals_alone ? 0 : fmax(now / then - 1, 0);
    if (rise < (RISE + with_training) * fabs(c->eval[best]) || rise < (NOISES + chance) * noise ||
        !learns)
        return false;
    *found = (struct pace_finding){PACE_FINDING_OVERFIT,
                                   c->eval_step[best],
                                   c->eval_step[last],
                                   {c->eval[best], c->eval[last], then, now}};
    return true;
}

/*
 * How the loss falls as an epoch begins, beyond what it did in the same time before: levels of the
 * neighbouring thirds of an epoch, the greatest of all borders. 0 where the log shows no border.
 */
static double fall_at_border(const struct curve *c, size_t *where)
{
    enum { LEAST = 2 };
    static const double SURE = 4;
    double greatest = 0;
    size_t begun = 0;
    for (size_t i = 1; i < c->n; i++) {
        if (!(floor(c->epoch[i] - 1e-9) > floor(c->epoch[i - 1] - 1e-9)))
            continue;
        size_t around = min_size((i - begun) / 3, (c->n - i));
        begun = i;
        if (around < LEAST)
            continue;
        double was = curve_level(c, (struct stretch){i - around, i});
        double is = curve_level(c, (struct stretch){i, i + around});
        double se = 1.25 * c->noise[i] * sqrt(6 / (double)around);
        double within = log(curve_level(c, (struct stretch){i - 2 * around, i - around}) / was);
        double fall = log(was / fmax(is, 1e-12)) - fmax(within, 0);
        if (fall > greatest && fall > SURE * se) {
            greatest = fall;
            *where = i;
        }
    }
    return greatest;
}

/* No held-out loss to ask: evident only near zero, after a step at an epoch or very many epochs. */
static bool memorises(const struct curve *c, struct pace_finding *found)
{
    static const double NEAR_ZERO = 0.25, SHARE = 0.1, STEP = 0.2, MANY = 8;
    if (c->n_evals > 0 || c->n < 5 || !c->is_likelihood)
        return false;
    struct stretch tail = {c->n - max_size(c->n / 10, 1), c->n};
    double end = curve_level(c, tail), epochs = c->epoch[c->n - 1];
    size_t where = 0;
    bool steps_down = fall_at_border(c, &where) > STEP;
    if (end > NEAR_ZERO || end > SHARE * c->start || !(steps_down || epochs >= MANY))
        return false;
    *found = (struct pace_finding){
        PACE_FINDING_OVERFIT, c->step[where], c->step[c->n - 1], {NAN, epochs, c->start, end}};
    return true;
}

bool detect_overfit(const struct curve *c, struct pace_finding *found)
{
    return eval_overfits(c, found) || memorises(c, found);
}

/* ---------------------------------------------------------------------------------- schedule -- */

/* It fell by a sure amount before the rate was gone, and many times faster than after. */
static bool fell_before(const struct curve *c, size_t low)
{
    enum { LEAST = 4 };
    static const double SURE = 2, SLOWER = 0.25, FALL = 0.01;
    struct stretch before = {low / 5, low}, after = {low, c->n};
    struct trend stalled = curve_trend(c, after), falling;
    if (low >= LEAST) {
        falling = curve_trend(c, before);
    } else {
        falling.change = log(curve_level(c, (struct stretch){low, low + LEAST})) - c->y[0];
        falling.se = 2 * c->noise[0];
        before.first = 0;
    }
    double speed = falling.change / (double)(before.end - before.first);
    double speed_after = stalled.change / (double)(after.end - after.first);
    return -falling.change > fmax(SURE * falling.se, FALL) && speed_after > SLOWER * speed;
}

bool detect_decay_too_fast(const struct curve *c, struct pace_finding *found)
{
    enum { LEAST = 12, AROUND = 3 };
    static const double LOW_RATE = 0.101, LEFT = 0.3;
    size_t low = c->n;
    while (low > 0 && c->rate[low - 1] < LOW_RATE * c->peak)
        low--;
    if (!c->is_likelihood || c->n < LEAST || low == 0 ||
        (double)(c->n - low) < LEFT * (double)c->n || !fell_before(c, low))
        return false;
    size_t around = min_size(low, AROUND);
    *found = (struct pace_finding){
        PACE_FINDING_DECAY_TOO_FAST,
        c->step[low],
        c->step[c->n - 1],
        {(double)low / (double)c->n, curve_level(c, (struct stretch){low - around, low}),
         curve_level(c, (struct stretch){c->n - AROUND, c->n}), c->peak}};
    return true;
}
