/*
 * guard_eval.c - rules that judge held-out losses: a best state, overfitting, the end of the run.
 *
 * The noise of a held-out loss is not known, but it is small, as the rows are always the same. So
 * a rise counts where it is a share of the best loss, and only with company: in two evaluations
 * that rise one over the other, or in three; and while the training loss goes on falling, which
 * tells memorising from a run that merely broke.
 *
 * The state with the lowest held-out loss is kept in slot 0 each time that there is one, and a run
 * that ends above it goes back there.
 */
#include <math.h>

#include "rate/guard.h"

static bool is_worse(const struct guard_scene *s)
{
    const struct pace_memory *m = s->memory;
    return m->n_evals > 0 &&
           !(s->obs->loss <= m->best_eval + GUARD_OVERFIT_SHARE * fabs(m->best_eval));
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
    int64_t n = m->n_worse + 1;
    bool rising = s->obs->loss > m->last_eval || n > GUARD_OVERFIT_EVALS;
    bool training_falls = s->level < m->best_train;
    if (!is_worse(s) || n < GUARD_OVERFIT_EVALS || !rising || !training_falls)
        return false;
    v->action = PACE_STOP;
    v->reason = PACE_REASON_OVERFIT;
    v->number[0] = m->best_eval;
    v->number[1] = s->obs->loss;
    v->number[2] = (double)m->best_step;
    v->number[3] = m->best_train - s->level;
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
    m->n_evals += isfinite(s->obs->loss);
    m->last_eval = s->obs->loss;
}
