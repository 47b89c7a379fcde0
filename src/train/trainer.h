/*
 * trainer.h - the training loop: rows in their order, gradients, a decision, an update, and a
 * held-out loss now and then.
 *
 *     trainer_init(&t, &arena, &options);
 *     switch (trainer_run(&t)) { … }             t.rate.decision says why it ended
 *     optim_show_average(t.options.optim, true); the weights to save
 *
 * What decides is pace_rate (rate.h): with PACE_GUARD_OFF that is the schedule and ordinary
 * clipping, and an end where a loss is not finite.
 */
#ifndef PACE_TRAIN_TRAINER_H
#define PACE_TRAIN_TRAINER_H

#include "optim/snapshot.h"
#include "pace/rate.h"
#include "train/order.h"
#include "train/step.h"

enum trainer_moment {
    TRAINER_STEP, /* an update was made, or decided against */
    TRAINER_EVAL, /* a held-out loss was measured */
};

/* What just happened. */
struct trainer_event {
    enum trainer_moment moment;
    int64_t step; /* updates done; behind a roll-back: those that are left of them */
    double epoch; /* the same in passes over the rows */
    const struct step_sums *sums;
    struct pace_rate_decision decision;
    double seconds; /* that it took */
};

struct trainer_options {
    struct stepper *stepper;
    struct optim *optim;
    struct snapshots *snapshots; /* rate.n_slots of them; NULL where that is 0 */
    const struct row_store *store;
    struct order_options order;
    const uint32_t *eval_rows; /* [n_eval]; none: no held-out loss */
    size_t n_eval;
    int64_t eval_steps; /* from one to the next; 0: behind the last update alone */
    bool eval_on_start;
    struct pace_rate_options rate; /* the schedule's total_steps are the run's */
    /* False ends the run there (it can be taken up again); NULL: nobody listens. */
    bool (*on_event)(void *context, const struct trainer_event *event);
    void *context;
};

/* The sums of a run. */
struct trainer_totals {
    double loss; /* of the steps, to be divided by their number */
    int64_t steps;
    uint64_t tokens, rows;
    double seconds; /* of training steps */
};

struct trainer {
    struct trainer_options options;
    struct order order;
    struct pace_rate rate;
    struct trainer_totals totals;
    struct step_sums last_eval; /* targets 0: none yet */
};

enum trainer_end {
    TRAINER_DONE,        /* all steps */
    TRAINER_STOPPED,     /* by rate.decision, whose reason says why */
    TRAINER_INTERRUPTED, /* by on_event */
};

/* Memory is the arena's; nothing is allocated afterwards. The rate's options are valid (CHECKed).
 */
void trainer_init(struct trainer *t, struct arena *arena, const struct trainer_options *options);

/*
 * Runs to the end, or on from where `rate` stands: whoever takes up a run puts the rate, the
 * optimiser's memory, its state and the weights back as they were.
 */
enum trainer_end trainer_run(struct trainer *t);

#endif
