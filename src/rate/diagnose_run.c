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
 *                 A jump alone is not enough: a blow-up looks just so.
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
    return FOUND(PACE_FINDING_NO_TARGETS, s->points[0].step, s->points[last].step, (double)n_zero,
                 (double)n_broken, NAN, NAN);
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
    return FOUND(PACE_FINDING_NAN, s->points[first].step, s->points[last].step, before,
                 (double)n_broken, (double)n_behind, s->points[first].learning_rate);
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
    return FOUND(PACE_FINDING_HIDDEN_NAN, s->points[first].step, s->points[s->n_points - 1].step,
                 before, (double)n_dead, (double)n_zero, s->points[first].learning_rate);
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
 * (so this is no warm restart), or drops to a part, or drops and is warmed up again.
 */
static bool rate_breaks_off(const struct curve *c, size_t i, double highest_before)
{
    static const double LEAP = 0.1, PART = 0.2, LESS = 0.6, SMALL = 0.05, END = 0.01;
    double before = c->rate[i - 1], after = c->rate[i];
    bool leaps = after - before > LEAP * c->peak && highest_before > before * 1.001 &&
                 before > END * c->peak;
    bool drops = after < (c->rate[i + 1] > after ? LESS : PART) * before;
    return leaps || (drops && before > SMALL * c->peak);
}

/* The jump at point i, in logs: of the level, or of one of two lines; 0 where it is noise. */
static double jump_at(const struct curve *c, size_t i, double *before, double *behind)
{
    enum { BEFORE = 5, BEHIND = 3 };
    static const double SURE = 3, SURE_ALONE = 4;
    size_t n_before = min_size(i, BEFORE), n_behind = min_size(c->n - i, BEHIND);
    double se = 1.25 * c->noise[i - 1] * sqrt(1 / (double)n_before + 1 / (double)n_behind);
    *before = curve_level(c, (struct stretch){i - n_before, i});
    *behind = curve_level(c, (struct stretch){i, i + n_behind});
    double jump = log(*behind / *before);
    if (jump > SURE * se)
        return jump;
    *behind = fmax(c->loss[i], c->loss[i + 1]);
    jump = log(*behind / *before);
    return jump > SURE_ALONE * c->noise[i - 1] * sqrt(1 + 1 / (double)n_before) ? jump : 0;
}

bool detect_resumed_wrong(const struct curve *c, struct pace_finding *found)
{
    static const double JUMP = 0.1;
    double before, behind, highest = NAN;
    size_t late = c->series->rate_is_of_next; /* then a line shows the rate of the one before */
    for (size_t i = 2; i + 1 + late < c->n && c->is_likelihood; i++) {
        highest = fmax(highest, c->rate[i - 1 + late]);
        if ((breaks_off(c, i) || rate_breaks_off(c, i + late, highest)) &&
            jump_at(c, i, &before, &behind) > JUMP)
            return FOUND(PACE_FINDING_RESUMED_WRONG, c->step[i], c->step[i + 1], before, behind,
                         c->rate[i - 1], c->rate[i]);
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
    double noise = c->n_evals < ENOUGH_FOR_NOISE ? 0 : curve_bends(c->eval, c->n_evals, c->scratch);
    double chance = sqrt(2 * log((double)c->n_evals)); /* the lowest of so many */
    double then = loss_at(c, c->eval_step[best]), now = loss_at(c, c->eval_step[last]);
    bool learns = c->evals_alone || (now <= STILL * then && now <= LEARNED * c->start);
    double with_training = c->evals_alone ? 0 : fmax(now / then - 1, 0);
    if (rise < (RISE + with_training) * fabs(c->eval[best]) || rise < (NOISES + chance) * noise ||
        !learns)
        return false;
    return FOUND(PACE_FINDING_OVERFIT, c->eval_step[best], c->eval_step[last], c->eval[best],
                 c->eval[last], then, now);
}

/*
 * The held-out rows are the same each time, so batches are no excuse: a held-out loss that goes up
 * and comes down again, by half of that at least, has been shaken by the rate. (One that does not
 * is overfitting or divergence.) The greatest of such rises.
 */
bool detect_eval_rise(const struct curve *c, struct pace_finding *found)
{
    enum { LEAST = 4 };
    static const double SHARE = 0.1, PROGRESS = 0.15; /* of the level; of the whole fall */
    double best = INFINITY, *lowest_behind = c->scratch;
    size_t low = 0, from = 0, to = 0;
    for (size_t i = c->n_evals; i-- > 0; best = fmin(best, c->eval[i]))
        lowest_behind[i] = best;
    for (size_t i = 1; i < c->n_evals; i++) {
        double rise = c->eval[i] - c->eval[low];
        if (rise > c->eval[to] - c->eval[from] && c->eval[i] - lowest_behind[i] > rise / 2) {
            from = low;
            to = i;
        }
        low = c->eval[i] < c->eval[low] ? i : low;
    }
    if (c->n_evals < LEAST || !c->is_likelihood || to == 0)
        return false;
    double rise = c->eval[to] - c->eval[from], fall = fmax(c->start, c->eval[0]) - best;
    if (rise < fmax(SHARE * c->eval[from], PROGRESS * fall))
        return false;
    size_t at = min_size(curve_find(c, c->eval_step[to]), c->n - 1);
    return FOUND(PACE_FINDING_SPIKE, c->eval_step[from], c->eval_step[to], c->eval[from],
                 c->eval[to], 0, c->rate[at]);
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
    return FOUND(PACE_FINDING_OVERFIT, c->step[where], c->step[c->n - 1], NAN, epochs, c->start,
                 end);
}

bool detect_overfit(const struct curve *c, struct pace_finding *found)
{
    return eval_overfits(c, found) || memorises(c, found);
}

/* ---------------------------------------------------------------------------------- schedule -- */

/*
 * The rate is below a tenth of its peak for half of the log, or for a third of it where the loss
 * was falling until then, many times faster than since.
 */
bool detect_decay_too_fast(const struct curve *c, struct pace_finding *found)
{
    enum { LEAST = 12, AROUND = 3 };
    static const double LOW_RATE = 0.101, LEFT = 0.35, MOST = 0.5;
    static const double SURE = 2, FALL = 0.01, SLOWER = 0.25;
    size_t low = c->n;
    while (low > 0 && c->rate[low - 1] < LOW_RATE * c->peak)
        low--;
    double left = (double)(c->n - low) / (double)c->n;
    if (!c->is_likelihood || c->n < LEAST || low == 0 || left < LEFT)
        return false;
    double then = curve_level(c, (struct stretch){low > AROUND ? low - AROUND : 0, low});
    double end = curve_level(c, (struct stretch){c->n - AROUND, c->n});
    double before = log(c->start / then), since = log(then / end);
    bool was_falling =
        before > fmax(SURE * c->noise[0], FALL) && since / left < SLOWER * before / (1 - left);
    if (left < MOST && !was_falling)
        return false;
    return FOUND(PACE_FINDING_DECAY_TOO_FAST, c->step[low], c->step[c->n - 1], 1 - left, then, end,
                 c->peak);
}
