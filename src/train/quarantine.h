/*
 * quarantine.h - rows that break the batches they are in: which they are, and since when they are
 * left out. Plain data.
 *
 *     quarantine_train(&q, &batch, step, &sums)        a batch
 *     quarantine_settle(&q, is_finite)                 behind it
 *     while ((found = quarantine_next(&q))) tell(found)
 *     quarantine_lift(&q, step)                             the run went back to `step`
 */
#ifndef PACE_TRAIN_QUARANTINE_H
#define PACE_TRAIN_QUARANTINE_H

#include "train/step.h"

enum { QUARANTINE_MOST = 1024 };

enum quarantine_why {
    QUARANTINE_NOT_FINITE, /* its loss or its gradient by itself */
    QUARANTINE_OUTLIER,    /* most of a gradient that was left out, more than once */
};

enum quarantine_state {
    QUARANTINE_STRUCK,  /* noticed, and still trained on */
    QUARANTINE_SUSPECT, /* its whole batch was not finite: the next one tells row from weights */
    QUARANTINE_FOUND,   /* left out from now on, and not yet told */
    QUARANTINE_OUT,     /* left out */
};

struct quarantined {
    int64_t step; /* of the batch that it was noticed in */
    uint32_t row; /* of the store */
    int32_t strikes;
    int32_t why, state; /* enum quarantine_why, quarantine_state */
};

struct quarantine {
    int64_t n;
    uint64_t examined;                        /* tokens computed once more to find such rows */
    struct quarantined rows[QUARANTINE_MOST]; /* beyond so many no row is taken out */
};

/* Takes the rows that are left out from the list; how many stay, in their order. */
size_t quarantine_filter(const struct quarantine *q, uint32_t *rows, size_t n);

/* A strike against a row: `state` is what follows where it had none worse. */
void quarantine_add(struct quarantine *q, uint32_t row, int64_t step, enum quarantine_why why,
                    enum quarantine_state state);

/* Why it is left out, as a sentence. */
const char *quarantine_reason(const struct quarantined *row);

/* A batch at the same weights as the suspects' was finite: it is they. Not: it is the weights. */
void quarantine_settle(struct quarantine *q, bool is_finite);

/* A row that was found and is not told yet; it is now. NULL: none. */
const struct quarantined *quarantine_next(struct quarantine *q);

/*
 * The run goes back to `step`, since its weights went wrong behind it: rows that were noticed since
 * then may have been noticed for that. They come back; whoever is noticed again is out for good.
 */
void quarantine_lift(struct quarantine *q, int64_t step);

/* Rows to compute, and with what. */
struct quarantine_batch {
    struct stepper *stepper;
    const struct row_store *store;
    uint32_t *rows; /* [n]; those that are left out go, and the others close up */
    size_t n;
};

/*
 * As stepper_train, without the rows that are left out. Where the sum is not finite the rows are
 * computed one by one: those that are not finite while others are, are left out as well; where all
 * are that, they are suspects.
 */
void quarantine_train(struct quarantine *q, struct quarantine_batch *batch, int64_t step,
                      struct step_sums *sums);

/* The same for stepper_evaluate with the weights that the run begins with. */
void quarantine_evaluate(struct quarantine *q, struct quarantine_batch *batch,
                         struct step_sums *sums);

/* A strike against the row that makes most of the gradient of these rows, if there is one. */
void quarantine_blame(struct quarantine *q, const struct quarantine_batch *batch, int64_t step);

#endif
