/*
 * plain.h - training without a guard and without the library: a schedule of three lines and
 * ordinary clipping. Gives the clean runs that guarded ones are measured against, and the logs of
 * runs that went wrong (make_logs.c).
 */
#ifndef PACE_TEST_SIM_PLAIN_H
#define PACE_TEST_SIM_PLAIN_H

#include "test/sim/faults.h"
#include "test/sim/weights.h"

enum sim_decay { SIM_LINEAR, SIM_COSINE, SIM_CONSTANT, SIM_EXPONENTIAL };

struct sim_plan {
    const struct sim_landscape *landscape;
    enum sim_optimizer optimizer;
    int64_t steps, warmup;
    enum sim_decay decay;
    double gamma; /* exponential: per step */
    double peak;
    double max_grad_norm;
    struct sim_faults faults;
    int64_t forget_at;  /* this step begins with the weights and optimizer of the start; 0: none */
    int64_t restart_at; /* this step is the first of the schedule again; 0: none */
};

/* What a run leaves, step by step; arrays [steps], or NULL where nobody asks. */
struct sim_trace {
    double *loss, *grad_norm, *rate;
    double *true_loss; /* before the update */
};

/* A trace with all arrays, in the arena. */
struct sim_trace sim_trace_make(const struct sim_plan *plan, struct arena *arena);

double sim_plan_rate(const struct sim_plan *plan, int64_t step);

/*
 * Runs the plan; the true loss of the last weights, NaN where they are broken. Where they are asked
 * for: the trace, and *rise, the largest climb of the true loss above its low.
 */
double sim_plain_run(const struct sim_plan *plan, struct sim_trace *trace, double *rise);

/*
 * A good peak for the plan: the middle, in the logarithm, of the rates of a grid (factors of 2)
 * whose last loss is within 3 % of the gain of the best, among those that are calm: the true loss
 * never climbs by more than 15 % of the gain. *loss is that of a run with it.
 */
double sim_good_rate(const struct sim_plan *plan, double *loss);

#endif
