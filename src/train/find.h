/*
 * find.h - runs what the search for the learning rate asks for: beginnings of the run itself, or,
 * where its rows come again, the run in small.
 *
 *     find_init(&find, &setup, &options);
 *     if (find_run(&find))                         false: on_event ended it; call it again to go on
 *         find_result(&find, &result);
 *     steps = find_go_on(&find, &result);          weights and optimiser as the main run begins
 *
 * All that is decided is pace_search's (rate.h). What a search remembers between two steps is
 * find.memory, which is plain data, beside what the setup holds: weights, optimiser, average and
 * snapshots. With all of them put back it goes on where it was.
 */
#ifndef PACE_TRAIN_FIND_H
#define PACE_TRAIN_FIND_H

#include "train/setup.h"

/* Held-out rows are measured in so many groups, whose losses tell how sure a difference is; the
 * states of so many arms are kept, where there is room. */
enum { FIND_GROUPS = 12, FIND_HELD = 2 };

enum find_moment { FIND_STEP, FIND_ARM };

/* A step of an arm: of the chosen one, the run's. */
struct find_step {
    struct pace_rate_obs obs;
    struct pace_rate_decision decision;
    uint64_t tokens, rows;
    double seconds, wall_time;
};

/* What just happened: a step of an arm was made, or an arm (the base) was measured. */
struct find_event {
    enum find_moment moment;
    const struct pace_search *search;
    int arm;      /* -1: the base */
    double loss;  /* of the step; held out, at the arm's end */
    double share; /* of the search's budget that is spent */
    struct find_step step;
};

struct find_options {
    enum pace_search_method method;
    double budget; /* share of the run; at most 0.25 */
    /* Share of the run that may be lost to it: the same less the steps that the run goes on from,
     * and the base's loss, which it needs anyway. */
    double lost;
    /* False ends the search there (it can be taken up again); NULL: nobody listens. */
    bool (*on_event)(void *context, const struct find_event *event);
    void *context;
};

/* Plain data. */
struct find_memory {
    struct pace_search search;
    struct pace_rate rate;        /* of the running arm */
    double base[FIND_GROUPS];     /* held-out losses of the base */
    double weight[FIND_GROUPS];   /* target tokens of the groups */
    struct step_sums base_sums;   /* of the base's held-out loss; targets 0: not measured */
    bool has_begun;               /* the state that arms begin with is kept */
    int begun, held[FIND_HELD];   /* the arm that runs; those whose states are kept; -1 */
    uint64_t tokens, eval_tokens; /* that steps and evaluations read */
    struct quarantine before;     /* the setup's, as the running arm began */
};

struct find {
    struct setup *setup;
    struct find_options options;
    struct pace_search_options search;
    struct order order;
    uint32_t *rows;          /* held out, measured on [n_rows] */
    struct row_loss *losses; /* of them */
    size_t n_rows;
    struct find_memory memory;
};

/* The whole budget, the race. */
void find_options_init(struct find_options *options);

/*
 * Prepares a search for the run that is set up; the state that find_run finds when it is called
 * first is the one that arms begin with. Memory is the setup's arena's; the setup must outlive the
 * struct.
 */
void find_init(struct find *f, struct setup *setup, const struct find_options *options);

/* The held-out loss of the base, where the search has measured it on all rows; or NULL. */
const struct step_sums *find_base(const struct find *f);

/* Runs to the end, or on from where `memory` stands; false: on_event ended it. */
bool find_run(struct find *f);

/*
 * pace_search_find, with the arm that the main run goes on from: of those whose state is kept, the
 * nearest by pace_search_distance, or -1 where none is near.
 */
void find_result(const struct find *f, struct pace_search_result *result);

/* Where among memory.held an arm's state is kept; -1: nowhere. */
int find_held(const struct find *f, int arm);

/* Puts the weights and the optimiser where all arms begin. */
void find_begin_again(struct find *f);

/* The steps of the arm that the main run goes on from; 0: it begins at the beginning. */
int64_t find_steps(const struct find *f, const struct pace_search_result *result);

/*
 * Puts the weights and the optimiser where the main run goes on: behind the steps of the arm
 * result->arm, whose number is returned, or at the beginning: 0.
 */
int64_t find_go_on(struct find *f, const struct pace_search_result *result);

#endif
