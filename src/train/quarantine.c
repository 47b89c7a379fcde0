/*
 * quarantine.c - finding the row that breaks a batch.
 *
 * A batch whose loss or gradient is not finite says: a row is bad, or the weights are. They are
 * told apart by computing each row of the batch by itself, at the same weights: where some are
 * finite the weights are sound and the others are bad rows. Where none is, the batch is left out,
 * and the next one, still at the same weights, decides. So one such row costs one step more, once,
 * instead of a batch each time it comes, and a cut of a rate that was right.
 *
 * Weights on their way to ruin can break one row before the others. If the guard then goes back to
 * an earlier state the rows noticed in between are trained on again, and only a second strike
 * counts for good.
 *
 * A row whose gradient is out of all proportion, but finite, gets its strike when the guard leaves
 * its batch out, if it alone makes more than half of the norm. Two are needed: one may be chance.
 */
#include "train/quarantine.h"

#include <math.h>

enum { STRIKES = 2 };

/* Its place in the list; n where it is not there. */
static int64_t place_of(const struct quarantine *q, uint32_t row)
{
    int64_t i = 0;
    while (i < q->n && q->rows[i].row != row)
        i++;
    return i;
}

static bool is_out(const struct quarantine *q, uint32_t row)
{
    int64_t i = place_of(q, row);
    return i < q->n && (q->rows[i].state == QUARANTINE_OUT || q->rows[i].state == QUARANTINE_FOUND);
}

size_t quarantine_filter(const struct quarantine *q, uint32_t *rows, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (!is_out(q, rows[i]))
            rows[kept++] = rows[i];
    return kept;
}

void quarantine_add(struct quarantine *q, uint32_t row, int64_t step, enum quarantine_why why,
                    enum quarantine_state state)
{
    int64_t i = place_of(q, row);
    if (i == QUARANTINE_MOST)
        return;
    struct quarantined *r = &q->rows[i];
    if (i == q->n) {
        *r = (struct quarantined){.row = row};
        q->n++;
    }
    r->step = step;
    r->why = (int32_t)why;
    r->strikes++;
    if ((int32_t)state > r->state)
        r->state = (int32_t)state;
}

/* For all rows in one state: another. */
static void change(struct quarantine *q, enum quarantine_state from, enum quarantine_state to)
{
    for (int64_t i = 0; i < q->n; i++)
        if (q->rows[i].state == (int32_t)from)
            q->rows[i].state = (int32_t)to;
}

const char *quarantine_reason(const struct quarantined *row)
{
    return row->why == QUARANTINE_NOT_FINITE
               ? "the loss or the gradient of this row is not finite, while those of other rows "
                 "are: it is left out from here on"
               : "this row made most of a gradient out of all proportion, and not for the first "
                 "time: it is left out from here on";
}

void quarantine_settle(struct quarantine *q, bool is_finite)
{
    change(q, QUARANTINE_SUSPECT, is_finite ? QUARANTINE_FOUND : QUARANTINE_STRUCK);
}

const struct quarantined *quarantine_next(struct quarantine *q)
{
    for (int64_t i = 0; i < q->n; i++) {
        if (q->rows[i].state != QUARANTINE_FOUND)
            continue;
        q->rows[i].state = QUARANTINE_OUT;
        return &q->rows[i];
    }
    return NULL;
}

void quarantine_lift(struct quarantine *q, int64_t step)
{
    for (int64_t i = 0; i < q->n; i++)
        if (q->rows[i].step >= step && q->rows[i].strikes < STRIKES)
            q->rows[i].state = QUARANTINE_STRUCK;
}

/* -------------------------------------------------------------------------------- examining -- */

static bool is_sound(const struct step_sums *sums)
{
    return sums->targets == 0 || (isfinite(sums->loss) && isfinite(sums->grad_norm));
}

/* Some of the batch's rows; without gradients where `step` < 0. */
static void compute(const struct quarantine_batch *b, size_t first, size_t n, int64_t step,
                    struct step_sums *sums)
{
    if (step < 0)
        stepper_evaluate(b->stepper, b->store, b->rows + first, n, sums);
    else
        stepper_train(b->stepper, b->store, b->rows + first, n, step, sums);
}

static void examine(struct quarantine *q, const struct quarantine_batch *b, int64_t step)
{
    struct step_sums sums;
    bool are_all = true;
    for (size_t i = 0; i < b->n; i++) {
        compute(b, i, 1, step, &sums);
        q->examined += sums.tokens;
        if (is_sound(&sums))
            are_all = false;
        else
            quarantine_add(q, b->rows[i], step, QUARANTINE_NOT_FINITE, QUARANTINE_SUSPECT);
    }
    if (!are_all)
        quarantine_settle(q, true);
}

static void compute_sound(struct quarantine *q, struct quarantine_batch *b, int64_t step,
                          struct step_sums *sums)
{
    b->n = quarantine_filter(q, b->rows, b->n);
    compute(b, 0, b->n, step, sums);
    if (is_sound(sums))
        return;
    size_t n = b->n;
    examine(q, b, step);
    b->n = quarantine_filter(q, b->rows, n);
    if (b->n < n)
        compute(b, 0, b->n, step, sums);
}

void quarantine_train(struct quarantine *q, struct quarantine_batch *batch, int64_t step,
                      struct step_sums *sums)
{
    CHECK(step >= 0);
    compute_sound(q, batch, step, sums);
}

void quarantine_evaluate(struct quarantine *q, struct quarantine_batch *batch,
                         struct step_sums *sums)
{
    compute_sound(q, batch, -1, sums);
}

void quarantine_blame(struct quarantine *q, const struct quarantine_batch *batch, int64_t step)
{
    static const double MOST_OF = 0.5;
    struct step_sums whole, sums;
    compute(batch, 0, batch->n, step, &whole);
    for (size_t i = 0; i < batch->n; i++) {
        compute(batch, i, 1, step, &sums);
        q->examined += sums.tokens;
        double share = (double)sums.targets / (double)whole.targets;
        if (!(share * sums.grad_norm > MOST_OF * whole.grad_norm))
            continue;
        uint32_t row = batch->rows[i];
        quarantine_add(q, row, step, QUARANTINE_OUTLIER, QUARANTINE_STRUCK);
        int64_t place = place_of(q, row);
        if (place < q->n && q->rows[place].strikes >= STRIKES)
            quarantine_add(q, row, step, QUARANTINE_OUTLIER, QUARANTINE_FOUND);
        return;
    }
}
