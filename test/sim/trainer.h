/*
 * trainer.h - the smallest trainer that does all that a decision may ask of one.
 *
 * sim_train drives the controller through include/pace/rate.h over a landscape and obeys each
 * decision to the letter: restores and keeps states in slots, applies or drops the gradient,
 * evaluates in between.
 */
#ifndef PACE_TEST_SIM_TRAINER_H
#define PACE_TEST_SIM_TRAINER_H

#include "pace/rate.h"
#include "test/sim/faults.h"
#include "test/sim/weights.h"

/* Why the batches come as they do. */
enum sim_order {
    SIM_ORDER_BY_STEP, /* a step has its batch: a roll-back meets the same data again */
    SIM_ORDER_ONWARDS, /* each gradient is of new data, also behind a roll-back */
};

struct sim_event {
    struct pace_rate_obs obs;
    struct pace_rate_decision decision;
    double true_loss; /* of the weights that the observation was made on */
};

struct sim_job {
    const struct sim_landscape *landscape;
    enum sim_optimizer optimizer;
    enum sim_order order;
    struct pace_rate_options options;
    struct sim_faults faults;
    int64_t eval_every;   /* updates; 0: never */
    bool evaluates_first; /* before the first update as well */
    /* Called after each decision has been taken and before it is obeyed; NULL: nobody listens. */
    void (*listen)(void *listener, const struct pace_rate *rate, const struct sim_event *event);
    void *listener;
    bool tells_loss_alone; /* no norms, no counts of targets, no numbers of batches */
    bool wants_true_loss;  /* of every event: costs an evaluation each */
};

struct sim_result {
    double first_loss, final_loss; /* true losses; the final one may be NaN */
    double furthest;               /* the largest parameter at the end */
    int64_t n_steps, n_evals;      /* observations */
    int64_t n_actions[PACE_ACTION_COUNT];
    int64_t n_reasons[PACE_REASON_COUNT];
    int64_t last_step; /* where the controller's counter ended */
    bool endless;      /* stopped by the simulator: far more observations than steps */
};

/* The most observations of a run: beyond it the simulator gives up. */
int64_t sim_observations_most(int64_t total_steps);

void sim_train(const struct sim_job *job, struct sim_result *result);

#endif
