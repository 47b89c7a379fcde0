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

/* Not as good as the best, by more than chance; a loss that is not a number is worse as well. */
static bool is_worse(const struct guard_scene *s)
{
    const struct pace_memory *m = s->memory;
    double margin = GUARD_OVERFIT_SHARE * fabs(m->best_eval);
    return m->n_evals > 0 && !(s->obs->loss <= m->best_eval + margin);
}

/* Since the best held-out loss, to about as low as it has ever been. */
static bool training_falls(const struct guard_scene *s)
{
    const struct pace_memory *m = s->memory;
    double fall = m->best_train - s->level, most = m->best_train - m->lowest;
    return fall > GUARD_OVERFIT_SIGMAS * s->sigma && fall > GUARD_OVERFIT_HOLDS * most;
}

bool guard_best_so_far(const struct guard_scene *s, struct guard_verdict *v)
{
    const struct pace_memory *m = s->memory;
    if (!isfinite(s->obs->loss) || (m->n_evals > 0 && s->obs->loss >= m->best_eval))
        return false;
    v->action = PACE_GO;
    v->reason = PACE_REASON_BEST_SO_FAR;
    v->number[0] = s->obs->loss;
    v->number[1] = m->n_evals > 0 ? m->best_eval : NAN;
    return true;
}

bool guard_best_at_the_end(const struct guard_scene *s, struct guard_verdict *v)
{
    const struct pace_memory *m = s->memory;
    if (s->step < s->total || m->slot_step[PACE_SLOT_BEST] < 0 || !is_worse(s))
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
    const struct pace_memory *m = s->memory;
    double rise = s->obs->loss - m->best_eval, gain = m->first_eval - m->best_eval;
    bool is_first_epoch = s->step <= s->rate->options.steps_per_epoch;
    if (!is_worse(s) || m->n_worse + 1 < GUARD_OVERFIT_EVALS || is_first_epoch ||
        !training_falls(s) || rise < GUARD_OVERFIT_GAIN * gain)
        return false;
    v->action = PACE_STOP;
    v->reason = PACE_REASON_OVERFIT;
    v->number[0] = m->best_eval;
    v->number[1] = s->obs->loss;
    v->number[2] = (double)m->best_step;
    v->number[3] = m->best_train - s->level;
    return true;
}

/*
 * Far above the best and still rising, or by a large jump; or, at the first evaluation, above where
 * training began: by a factor of two, or together with the training loss. So it is broken, and that
 * is known sooner than from noisy batches.
 */
bool guard_held_out_risen(const struct guard_scene *s, struct guard_verdict *v)
{
    const struct pace_memory *m = s->memory;
    bool is_first = m->n_evals == 0;
    double reference = is_first ? m->start : m->best_eval;
    double gain = is_first ? 0 : m->first_eval - m->best_eval;
    double share = is_first ? GUARD_FIRST_EVAL_SHARE : GUARD_EVAL_SHARE;
    double margin = fmax(GUARD_DIVERGENCE_PROGRESS * gain, share * fabs(reference));
    double rise = s->obs->loss - reference;
    bool is_jump = rise > 2 * margin && m->n_worse == 0;
    bool is_growing = m->n_worse > 0 && rise > GUARD_EVAL_GROWS * (m->last_eval - reference);
    bool is_doubled = rise > fabs(m->start);
    bool confirmed = is_first ? s->loss_now > m->start || is_doubled : is_jump || is_growing;
    if (m->n_losses == 0 || !(rise > margin) || !confirmed || training_falls(s))
        return false;
    v->onset = GUARD_ONSET_MARGIN + (is_first ? 0 : m->best_step);
    v->above_start = s->obs->loss > m->start + margin;
    if (!v->above_start && guard_is_the_data(s, v->onset, rise, v))
        return true;
    v->action = PACE_ROLL_BACK;
    v->reason = PACE_REASON_HELD_OUT_RISEN;
    v->number[0] = reference;
    v->number[1] = s->obs->loss;
    v->number[2] = (double)(s->step - (is_first ? 0 : m->best_step));
    return true;
}

void guard_remember_eval(struct pace_rate *r, const struct guard_scene *s)
{
    struct pace_memory *m = &r->memory;
    m->n_worse = is_worse(s) ? m->n_worse + 1 : 0;
    if (isfinite(s->obs->loss) && (m->n_evals == 0 || s->obs->loss < m->best_eval)) {
        m->best_eval = s->obs->loss;
        m->best_step = s->step;
        m->best_train = s->level;
    }
    m->last_eval = s->obs->loss;
    if (!isfinite(s->obs->loss))
        return;
    if (m->n_evals++ == 0)
        m->first_eval = s->obs->loss;
    if (m->trend_eval_step < m->trend_from) {
        m->trend_eval = s->obs->loss;
        m->trend_eval_step = s->step;
    }
}
