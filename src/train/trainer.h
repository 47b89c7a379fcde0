/*
 * trainer.h - the training loop: rows in their order, gradients, a decision, an update, and a
 * held-out loss now and then.
 *
 *     trainer_init(&t, &arena, &options);
 *     switch (trainer_run(&t)) { … }             t.rate.decision says why it ended
 *     trainer_show_result(&t, true);             the weights to save
 *
 * What decides is pace_rate (rate.h): with PACE_GUARD_OFF that is the schedule and ordinary
 * clipping, and an end where a loss is not finite.
 *
 * A run can be done in parts: trainer_run_until stops at a step, on_event ends it at any, and
 * either way the next call goes on as if there had been no end. Everything that it goes on with is
 * plain data: here rate, totals, last_eval, best, choice, wants_eval; beside that the weights,
 * and what optimiser, average, snapshots and quarantine hold.
 */
#ifndef PACE_TRAIN_TRAINER_H
#define PACE_TRAIN_TRAINER_H

#include "base/buf.h"
#include "optim/snapshot.h"
#include "pace/rate.h"
#include "train/order.h"
#include "train/quarantine.h"

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
    struct pace_rate_obs obs; /* what the decision was made on */
    struct pace_rate_decision decision;
    double seconds; /* that it took */
};

struct trainer_options {
    struct stepper *stepper;
    struct optim *optim;
    struct snapshots *snapshots; /* rate.n_slots of them; NULL where that is 0 */
    /* Of the weights behind the last average_steps updates before each multiple of average_every
     * and before the last; held-out losses there are the average's. The snapshots hold it as well.
     * NULL: none; never beside a schedule-free optimiser, which has its own. */
    struct average *average;
    int64_t average_every, average_steps; /* 1 <= average_steps <= average_every */
    struct quarantine *quarantine; /* of rows that break batches, where the guard acts; or NULL */
    const struct row_store *store;
    struct order_options order;
    const uint32_t *eval_rows; /* [n_eval]; none: no held-out loss */
    size_t n_eval;
    int64_t eval_steps; /* from one to the next; 0: behind the last update alone */
    bool eval_on_start;
    const struct step_sums *base; /* the loss that this would measure, where it is known; or NULL */
    struct pace_rate_options rate; /* the schedule's total_steps are the run's */
    /* False ends the run there (it can be taken up again); NULL: nobody listens. */
    bool (*on_event)(void *context, const struct trainer_event *event);
    /* A row was found to break its batches and is left out from now on; or NULL. */
    void (*on_quarantine)(void *context, const struct quarantined *row);
    void *context;
};

/* The sums of a run. */
struct trainer_totals {
    double loss; /* of the steps, to be divided by their number */
    int64_t steps;
    uint64_t tokens, rows;
    double seconds;       /* of training steps */
    uint64_t eval_tokens; /* of all held-out losses */
};

/* A state with the lowest held-out loss so far, in the snapshots' slot PACE_SLOT_BEST. */
struct trainer_best {
    int64_t step; /* updates it has; -1: none is kept */
    double loss;
};

enum trainer_state {
    TRAINER_LAST,    /* the weights behind the last update */
    TRAINER_AVERAGE, /* the average that ends there */
    TRAINER_KEPT,    /* the best state, averaged as it was measured */
};

/* Which state a guarded run ends with: the one with the lowest held-out loss. */
struct trainer_choice {
    enum trainer_state state;
    int64_t step;                              /* updates it has */
    double last_loss, average_loss, kept_loss; /* held out; NaN: not measured */
};

struct trainer {
    struct trainer_options options;
    struct order order;
    struct pace_rate rate;
    struct trainer_totals totals;
    struct step_sums last_eval; /* targets 0: none yet */
    struct trainer_best best;
    struct trainer_choice choice; /* holds once the run has ended by itself */
    uint32_t *eval_rows;          /* [n_eval] those that are not in quarantine */
    bool wants_eval;              /* a held-out loss is due before the next update */
};

enum trainer_end {
    TRAINER_DONE,        /* all steps */
    TRAINER_STOPPED,     /* by rate.decision, whose reason says why */
    TRAINER_INTERRUPTED, /* by on_event */
    TRAINER_PAUSED,      /* by trainer_run_until: its step is reached, the run has not ended */
};

/* Memory is the arena's; nothing is allocated afterwards. The rate's options are valid (CHECKed).
 */
void trainer_init(struct trainer *t, struct arena *arena, const struct trainer_options *options);

/* Begins anew with other options of the controller, as trainer_init does; quarantine and sums stay.
 */
void trainer_restart(struct trainer *t, const struct pace_rate_options *rate);

/*
 * Runs to the end, or on from where `rate` stands: whoever takes up a run puts the plain data back,
 * and the weights, optimiser, average and snapshots as they were.
 */
enum trainer_end trainer_run(struct trainer *t);

/* The same, but stops where `step` updates are done and the held-out loss that is due is taken. */
enum trainer_end trainer_run_until(struct trainer *t, int64_t step);

/* true puts the weights that the run has come to into the parameters, to measure or save them: an
 * average where one was chosen. false puts those back that training goes on with. */
void trainer_show_result(struct trainer *t, bool is_shown);

/* Adds the choice in a sentence: what is taken, its held-out loss, and those of the others. */
void trainer_explain_choice(const struct trainer_choice *choice, struct buf *out);

#endif
