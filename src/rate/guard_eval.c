/*
 * guard_eval.c - rules that judge held-out losses: a best state, overfitting, the end of the run.
 *
 * Two things make a held-out loss rise. At a high rate the weights wander, and both losses go up
 * and down together; that passes when the rate falls. Over-fitting is the other: the held-out loss
 * rises while the training loss goes on falling. It needs rows that are seen again, so it cannot be
 * in the first epoch. Since the best state is kept, stopping too late costs time and stopping too
 * early costs quality: three evaluations in a row must agree, by a share of all that was gained.
 *
 * The state with the lowest held-out loss is kept in slot 0 each time that there is one, and a run
 * that ends above it goes back there.
 */
#include <math.h>

#include "rate/guard.h"

/* Not as good as the lowest, by more than chance; a loss that is not a number is worse as well. */
static bool is_worse(const struct guard_scene *s)
{
    const struct pace_held_out *h = &s->memory->held_out;
    return h->n > 0 && !(s->obs->loss <= h->lowest + GUARD_OVERFIT_SHARE * fabs(h->lowest));
}

/* Before the first update there is none yet: then where it started. */
static double train_at_lowest(const struct guard_scene *s)
{
    double train = s->memory->held_out.train;
    return isnan(train) ? s->memory->start : train;
}

/* Since the lowest held-out loss, to about as low as it has ever been. */
static bool training_falls(const struct guard_scene *s)
{
    double before = train_at_lowest(s), most = before - s->memory->lowest;
    double fall = before - s->level;
    return fall > GUARD_OVERFIT_SIGMAS * s->sigma && fall > GUARD_OVERFIT_HOLDS * most;
}

bool guard_best_so_far(const struct guard_scene *s, struct guard_verdict *v)
{
    double best = s->memory->best_eval;
    if (!isfinite(s->obs->loss) || s->obs->loss >= best)
        return false;
    v->action = PACE_GO;
    v->reason = PACE_REASON_BEST_SO_FAR;
    v->number[0] = s->obs->loss;
    v->number[1] = best;
    return true;
}

bool guard_best_at_the_end(const struct guard_scene *s, struct guard_verdict *v)
{
    const struct pace_memory *m = s->memory;
    double margin = GUARD_OVERFIT_SHARE * fabs(m->best_eval);
    bool is_best = s->obs->loss <= m->best_eval + margin;
    if (s->step < s->total || m->slot_step[PACE_SLOT_BEST] < 0 || is_best)
        return false;
    v->action = PACE_BEST;
    v->reason = PACE_REASON_DONE;
    v->number[0] = (double)s->total;
    v->number[1] = s->obs->loss;
    v->number[2] = m->best_eval;
    return true;
}

bool guard_overfit(const struct guard_scene *s, struct guard_verdict *v)
{
    const struct pace_held_out *h = &s->memory->held_out;
    bool is_first_epoch = s->step <= s->rate->options.steps_per_epoch;
    bool is_much = s->obs->loss - h->lowest > GUARD_OVERFIT_GAIN * (h->first - h->lowest);
    if (!is_worse(s) || h->n_worse + 1 < GUARD_OVERFIT_EVALS || is_first_epoch || !is_much ||
        !training_falls(s))
        return false;
    v->action = PACE_STOP;
    v->reason = PACE_REASON_OVERFIT;
    v->number[0] = h->lowest;
    v->number[1] = s->obs->loss;
    v->number[2] = (double)h->lowest_step;
    v->number[3] = train_at_lowest(s) - s->level;
    return true;
}

/*
 * The first held-out loss has only the first training loss to be compared with, which is of other
 * rows and has the noise of one batch.
 */
static bool is_above_start(const struct guard_scene *s)
{
    const struct pace_memory *m = s->memory; /* lowest: what a cut left that could not go back */
    double start = fmax(m->start, m->lowest), rise = s->obs->loss - start;
    double noise = fmin(GUARD_START_SIGMAS * s->sigma, GUARD_START_TIMES * fmax(start, 1));
    bool both = rise > GUARD_FIRST_EVAL_SHARE * fabs(start) && s->loss_now > start;
    return m->n_losses > 1 && rise > noise && (both || rise > fabs(start));
}

/* Above the lowest by a large jump, or by less and still rising. */
static bool is_above_lowest(const struct guard_scene *s)
{
    const struct pace_held_out *h = &s->memory->held_out;
    double margin = fmax(GUARD_DIVERGENCE_PROGRESS * (h->first - h->lowest),
                         GUARD_EVAL_SHARE * fabs(h->lowest));
    double rise = s->obs->loss - h->lowest;
    if (h->lowest_step == 0) /* nothing gained yet on the model that the run began with */
        margin = GUARD_SPIKE_SHARE / 2 * fabs(h->lowest);
    bool is_jump = rise > 2 * margin && h->n_worse == 0;
    bool is_growing = h->n_worse > 0 && rise > GUARD_EVAL_GROWS * (h->last - h->lowest);
    return rise > margin && (is_jump || is_growing) && !training_falls(s);
}

bool guard_held_out_risen(const struct guard_scene *s, struct guard_verdict *v)
{
    const struct pace_memory *m = s->memory;
    const struct pace_held_out *h = &m->held_out;
    if (h->n == 0 ? !is_above_start(s) : !is_above_lowest(s))
        return false;
    double reference = h->n == 0 ? fmax(m->start, m->lowest) : h->lowest;
    int64_t since = h->n == 0 ? 0 : h->lowest_step;
    bool is_below_base = h->n > 0 && h->lowest_step == 0; /* what training has led to, that is */
    v->above_start = is_below_base || s->obs->loss > m->start + GUARD_EVAL_SHARE * fabs(m->start);
    v->onset = since + GUARD_ONSET_MARGIN;
    if (!v->above_start && guard_is_the_data(s, v->onset, s->obs->loss - reference, v))
        return true;
    v->action = PACE_ROLL_BACK;
    v->reason = PACE_REASON_HELD_OUT_RISEN;
    v->number[0] = reference;
    v->number[1] = s->obs->loss;
    v->number[2] = (double)(s->step - since);
    return true;
}

void guard_remember_eval(struct pace_rate *r, const struct guard_scene *s)
{
    struct pace_memory *m = &r->memory;
    struct pace_held_out *h = &m->held_out;
    double loss = s->obs->loss;
    h->n_worse = is_worse(s) ? h->n_worse + 1 : 0;
    h->last = loss;
    if (!isfinite(loss))
        return;
    if (!(loss >= m->best_eval))
        m->best_eval = loss;
    if (h->n == 0) {
        h->first = loss;
        h->first_step = s->step;
    }
    if (h->n == 0 || loss < h->lowest) {
        h->lowest = loss;
        h->lowest_step = s->step;
        h->train = isnan(s->level) ? NAN : fmin(s->level, s->loss_now); /* of many: lags behind */
    }
    h->n++;
    if (m->trend_eval_step < m->trend_from) {
        m->trend_eval = loss;
        m->trend_eval_step = s->step;
    }
}
