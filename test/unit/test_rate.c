#include "test/support/support.h"

#include <math.h>

#include "pace/rate.h"

static struct pace_rate_options options_of(enum pace_guard guard, int64_t total)
{
    struct pace_rate_options o;
    pace_rate_options_init(&o);
    o.guard = guard;
    o.schedule.learning_rate = 1e-3;
    o.schedule.total_steps = total;
    o.schedule.warmup_steps = total / 10;
    o.n_slots = 4;
    return o;
}

static struct pace_rate started(enum pace_guard guard, int64_t total)
{
    struct pace_rate_options o = options_of(guard, total);
    struct pace_rate r;
    pace_rate_init(&r, &o);
    return r;
}

/* Between -1 and 1, from the step alone. */
static double noise(int64_t step)
{
    uint64_t x = (uint64_t)step * 0x9E3779B97F4A7C15u;
    x ^= x >> 29;
    x *= 0xBF58476D1CE4E5B9u;
    x ^= x >> 32;
    return (double)(x >> 11) / 4503599627370496.0 - 1;
}

static double falling_loss(int64_t step)
{
    return 1 + 2 * exp(-(double)step / 60) + 0.1 * noise(step);
}

static struct pace_rate_decision see(struct pace_rate *r, double loss, double norm)
{
    struct pace_rate_obs obs = pace_rate_obs_step(loss, norm);
    pace_rate_observe(r, &obs);
    return pace_rate_next(r);
}

static void without_a_guard_it_is_the_plain_loop(void **state)
{
    (void)state;
    struct pace_rate r = started(PACE_GUARD_OFF, 200);
    for (int64_t step = 0; step < 200; step++) {
        assert_false(pace_rate_finished(&r));
        double norm = step % 7 == 0 ? 1000 : 0.5;
        struct pace_rate_decision d = see(&r, step % 3 == 0 ? 50 : 1, norm);
        assert_int_equal(d.action, PACE_GO);
        assert_int_equal(d.step, step);
        assert_true(d.learning_rate == pace_schedule_rate(&r.options.schedule, step));
        assert_true(d.gradient_scale == fmin(1, 1 / (norm + 1e-6)));
        assert_true(d.apply_update);
        assert_int_equal(d.keep_slot, -1);
        assert_int_equal(d.restore_slot, -1);
    }
    assert_true(pace_rate_finished(&r));
}

static void without_a_guard_a_loss_that_is_not_finite_ends_the_run(void **state)
{
    (void)state;
    for (int mode = PACE_GUARD_WATCH; mode <= PACE_GUARD_OFF; mode++) {
        struct pace_rate r = started((enum pace_guard)mode, 100);
        see(&r, 2, 1);
        struct pace_rate_decision d = see(&r, NAN, 1);
        assert_int_equal(d.action, PACE_STOP);
        assert_int_equal(d.reason, PACE_REASON_NON_FINITE);
        assert_false(d.apply_update);
        assert_true(pace_rate_finished(&r));
    }
}

static void a_norm_that_was_not_measured_is_not_clipped(void **state)
{
    (void)state;
    struct pace_rate r = started(PACE_GUARD_ACT, 100);
    assert_true(see(&r, 2, -1).gradient_scale == 1);
    assert_true(see(&r, 2, 4).gradient_scale == 1 / (4 + 1e-6));
    struct pace_rate_options o = options_of(PACE_GUARD_ACT, 100);
    o.max_grad_norm = 0;
    pace_rate_init(&r, &o);
    assert_true(see(&r, 2, 4).gradient_scale == 1);
}

static void a_healthy_run_follows_its_schedule_and_keeps_states(void **state)
{
    (void)state;
    struct pace_rate r = started(PACE_GUARD_ACT, 500);
    int kept = 0;
    for (int64_t step = 0; step < 500; step++) {
        struct pace_rate_decision d = see(&r, falling_loss(step), 1 + 0.5 * noise(step + 1000));
        assert_int_equal(d.action, PACE_GO);
        assert_true(d.learning_rate == pace_schedule_rate(&r.options.schedule, step));
        assert_true(d.keep_slot < PACE_SLOTS && d.keep_slot != PACE_SLOT_BEST);
        kept += d.keep_slot > 0;
        assert_true(step > 0 || d.keep_slot > 0);
    }
    assert_true(kept >= 40 && kept <= 50);
    struct pace_rate_decision d = see(&r, 1, 1);
    assert_int_equal(d.action, PACE_STOP);
    assert_int_equal(d.reason, PACE_REASON_DONE);
}

static void before_the_first_observation_the_decision_is_to_go(void **state)
{
    (void)state;
    struct pace_rate r = started(PACE_GUARD_ACT, 100);
    struct pace_rate_decision d = pace_rate_next(&r);
    assert_int_equal(d.action, PACE_GO);
    assert_int_equal(d.step, 0);
    assert_true(d.learning_rate == 0);
    assert_int_equal(d.keep_slot, -1);
}

static void watching_follows_the_schedule_and_says_what_it_would_do(void **state)
{
    (void)state;
    struct pace_rate r = started(PACE_GUARD_WATCH, 400);
    int told = 0;
    for (int64_t step = 0; step < 400; step++) {
        struct pace_rate_decision d = see(&r, falling_loss(step) + (step >= 200 ? 3 : 0), 1);
        assert_int_equal(d.action, PACE_GO);
        assert_true(d.apply_update);
        assert_int_equal(d.restore_slot, -1);
        assert_int_equal(d.keep_slot, -1);
        assert_true(d.change == 1);
        assert_true(d.learning_rate == pace_schedule_rate(&r.options.schedule, step));
        told += d.advice == PACE_ROLL_BACK;
    }
    assert_in_range(told, 1, 8);
}

static void a_metric_schedule_moves_with_evaluations(void **state)
{
    (void)state;
    struct pace_rate_options o = options_of(PACE_GUARD_ACT, 100);
    pace_schedule_init(&o.schedule, PACE_SCHEDULE_REDUCE_LR_ON_PLATEAU);
    o.schedule.patience = 0;
    struct pace_rate r;
    pace_rate_init(&r, &o);
    assert_true(see(&r, 2, 1).learning_rate == 1e-3);
    for (int i = 0; i < 2; i++) {
        struct pace_rate_obs eval = pace_rate_obs_eval(1.5);
        pace_rate_observe(&r, &eval);
    }
    assert_true(fabs(see(&r, 2, 1).learning_rate - 1e-4) < 1e-12);
}

static void a_copy_made_in_the_middle_goes_on_bit_for_bit(void **state)
{
    (void)state;
    struct pace_rate a = started(PACE_GUARD_ACT, 300), b = a;
    for (int64_t i = 0; i < 600 && !pace_rate_finished(&a); i++) {
        double loss = falling_loss(a.step) + (i > 150 && i < 180 ? 4 : 0);
        if (i == 100)
            loss = NAN;
        if (i % 50 == 0)
            b = a;
        struct pace_rate_decision x = see(&a, loss, 1 + 0.5 * noise(i));
        struct pace_rate_decision y = see(&b, loss, 1 + 0.5 * noise(i));
        assert_true(x.learning_rate == y.learning_rate && x.gradient_scale == y.gradient_scale);
        assert_true(x.action == y.action && x.reason == y.reason && x.step == y.step);
        assert_true(x.keep_slot == y.keep_slot && x.restore_slot == y.restore_slot);
    }
    assert_true(a.memory.n_incidents > 0);
}

static void requests_that_make_no_run_are_refused_with_the_reason(void **state)
{
    (void)state;
    struct pace_problem problem;
    struct pace_rate_options good = options_of(PACE_GUARD_ACT, 100), o = good;
    assert_true(pace_rate_options_check(&o, &problem));
    o.schedule.learning_rate = -1;
    assert_false(pace_rate_options_check(&o, &problem));
    o = good;
    o.guard = (enum pace_guard)7;
    assert_false(pace_rate_options_check(&o, &problem));
    assert_string_equal(problem.what, "the guard's mode 7 is none");
    o = good;
    o.n_slots = 5;
    assert_false(pace_rate_options_check(&o, &problem));
    assert_string_equal(problem.what, "5 states cannot be kept");
    o = good;
    o.max_grad_norm = NAN;
    assert_false(pace_rate_options_check(&o, &problem));
    assert_string_equal(problem.what, "a gradient norm of nan is no limit");
    o = good;
    o.prior_sd = -1;
    assert_false(pace_rate_options_check(&o, &problem));
    assert_non_null(strstr(problem.what, "no expectation of a learning rate"));
    o = good;
    o.uniform_loss = INFINITY;
    assert_false(pace_rate_options_check(&o, &problem));
    assert_string_equal(problem.what, "inf is no loss of a guess");
    o = good;
    o.first_step = 100;
    assert_false(pace_rate_options_check(&o, &problem));
    assert_string_equal(problem.what, "step 100 is no step to begin with");
    o.first_step = 99;
    assert_true(pace_rate_options_check(&o, &problem));
}

static void a_run_may_begin_where_a_search_has_ended(void **state)
{
    (void)state;
    struct pace_rate r;
    struct pace_rate_options o = options_of(PACE_GUARD_ACT, 100);
    o.first_step = 40;
    pace_rate_init(&r, &o);
    assert_true(pace_rate_next(&r).learning_rate == pace_schedule_rate(&o.schedule, 40));
    struct pace_rate_obs base = pace_rate_obs_eval(3);
    pace_rate_observe(&r, &base); /* of the weights without what the search made of them */
    assert_int_equal(pace_rate_next(&r).step, 0);
    for (int64_t step = 40; step < 100; step++) {
        assert_false(pace_rate_finished(&r));
        assert_int_equal(r.step, step);
        struct pace_rate_obs obs = pace_rate_obs_step(2, 0.5);
        pace_rate_observe(&r, &obs);
    }
    assert_true(pace_rate_finished(&r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_guard_it_is_the_plain_loop),
        cmocka_unit_test(a_run_may_begin_where_a_search_has_ended),
        cmocka_unit_test(without_a_guard_a_loss_that_is_not_finite_ends_the_run),
        cmocka_unit_test(a_norm_that_was_not_measured_is_not_clipped),
        cmocka_unit_test(a_healthy_run_follows_its_schedule_and_keeps_states),
        cmocka_unit_test(before_the_first_observation_the_decision_is_to_go),
        cmocka_unit_test(watching_follows_the_schedule_and_says_what_it_would_do),
        cmocka_unit_test(a_metric_schedule_moves_with_evaluations),
        cmocka_unit_test(a_copy_made_in_the_middle_goes_on_bit_for_bit),
        cmocka_unit_test(requests_that_make_no_run_are_refused_with_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
