/*
 * guarded_run.h - a run whose losses and norms a test makes up, with all decisions of the guard
 * counted.
 */
#ifndef PACE_TEST_GUARDED_RUN_H
#define PACE_TEST_GUARDED_RUN_H

#include "test/support/support.h"

#include <math.h>

#include "pace/rate.h"

struct guarded_run {
    struct pace_rate rate;
    struct pace_rate_decision d;
    int count[PACE_ACTION_COUNT];
};

/* Between -1 and 1, from the step alone. */
static inline double noise(int64_t step)
{
    uint64_t x = (uint64_t)(step + 1) * 0x9E3779B97F4A7C15u;
    x ^= x >> 29;
    x *= 0xBF58476D1CE4E5B9u;
    x ^= x >> 32;
    return (double)(x >> 11) / 4503599627370496.0 - 1;
}

static inline struct guarded_run made(int64_t total)
{
    struct pace_rate_options o;
    pace_rate_options_init(&o);
    o.schedule.learning_rate = 1e-3;
    o.schedule.total_steps = total;
    o.n_slots = 4;
    struct guarded_run run = {.count = {0}};
    pace_rate_init(&run.rate, &o);
    return run;
}

static inline double healthy(int64_t step)
{
    return 1 + 2 * exp(-(double)step / 60) + 0.1 * noise(step);
}

static inline void see_obs(struct guarded_run *run, struct pace_rate_obs obs)
{
    pace_rate_observe(&run->rate, &obs);
    run->d = pace_rate_next(&run->rate);
    run->count[run->d.action]++;
}

static inline void see(struct guarded_run *run, double loss, double norm)
{
    see_obs(run, pace_rate_obs_step(loss, norm));
}

static inline void see_healthy(struct guarded_run *run, int64_t until)
{
    while (run->rate.step < until)
        see(run, healthy(run->rate.step), 0.5 + 0.2 * noise(run->rate.step + 77777));
}

static inline void eval(struct guarded_run *run, double loss)
{
    see_obs(run, pace_rate_obs_eval(loss));
}

static inline void assert_decision(const struct guarded_run *run, enum pace_action action,
                                   enum pace_reason reason)
{
    assert_string_equal(pace_reason_name(run->d.reason), pace_reason_name(reason));
    assert_string_equal(pace_action_name(run->d.action), pace_action_name(action));
}

static inline void assert_never(const struct guarded_run *run, enum pace_action action)
{
    assert_int_equal(run->count[action], 0);
}

#endif
