/*
 * scenario.h - what a run is asked to survive: a table of rates that are wrong and things that
 * break, each tried on every landscape.
 *
 * A case is a scenario with a seed: the seed picks landscape, optimizer, length, schedule, whether
 * a prior is known and whether data comes again behind a roll-back; the scenario picks the trouble.
 * Even seeds are for tuning the guard, odd ones for reporting.
 */
#ifndef PACE_TEST_SIM_SCENARIO_H
#define PACE_TEST_SIM_SCENARIO_H

#include "test/sim/plain.h"
#include "test/sim/trainer.h"

enum sim_group {
    SIM_CLEAN, /* nothing is wrong: every alarm is a false one */
    SIM_TOO_HIGH,
    SIM_TOO_LOW,
    SIM_BAD_DATA, /* the rate is good, batches are not */
    SIM_BROKEN,   /* the rate is good, the machine is not */
    SIM_OVER_FIT,
    SIM_GROUPS
};

struct sim_scenario {
    const char *name;
    enum sim_group group;
    double factor; /* of the good rate */
    struct sim_faults faults;
    struct sim_terms terms;
    bool is_blind;     /* the trainer tells the loss alone: no norms, no batches, no counts */
    bool is_unclipped; /* no ordinary clipping */
    bool is_tuned;     /* with a prior, a held-out loss before the first update, and few others */
    bool is_hopeless;  /* nothing can be learned: all that can be done is to stop soon */
};

extern const struct sim_scenario sim_scenarios[];
extern const size_t sim_scenario_count;

const char *sim_group_name(enum sim_group group);

/* What the seed decides, for all scenarios. */
struct sim_case {
    const struct sim_kind *kind;
    struct sim_plan plan; /* without landscape, peak and faults */
    enum sim_order order;
    double prior_error; /* decades by which the prior is off; NAN: no prior is known */
    bool has_evals;
};

/* Landscapes take turns over seeds 0, 2, 4 … and 1, 3, 5 … alike. */
void sim_case_draw(struct sim_case *c, uint64_t seed);

/* True where the scenario makes sense on the kind: bad rows need rows, for instance. */
bool sim_scenario_fits(const struct sim_scenario *s, const struct sim_kind *kind);

/* The landscape of a seed with its good rate and what a clean run with it reaches. */
struct sim_ground {
    struct sim_landscape landscape;
    double good_rate, clean_loss;
};

/* The grounds of a seed for the terms of a scenario: costs ten runs. */
void sim_ground_make(struct sim_ground *g, const struct sim_case *c, const struct sim_scenario *s,
                     uint64_t seed, struct arena *arena);

/* The job of a case: `g` must outlive it. */
void sim_case_job(const struct sim_case *c, const struct sim_scenario *s,
                  const struct sim_ground *g, struct sim_job *job);

#endif
