#include "test/support/guarded_run.h"

static const double guess = 6.931; /* of 1,024 tokens */

/* Random weights, whose base was measured, at a rate of 1e-3. */
static struct guarded_run random_weights(int64_t total, double prior_rate)
{
    struct guarded_run run = made(total);
    run.rate.options.uniform_loss = guess;
    run.rate.options.prior_rate = prior_rate;
    run.rate.options.prior_sd = 0.3;
    eval(&run, 6.94);
    run.d.action = PACE_GO;
    return run;
}

/* What it does at a good rate: a fall to the frequencies, then a slower one beyond them. */
static double learning(int64_t step, double slow)
{
    double t = (double)step;
    return 5.8 + 1.1 * exp(-t / 6) - slow * t + 0.1 * noise(step);
}

static void see_all(struct guarded_run *run, const double *losses, size_t n)
{
    for (size_t i = 0; i < n && run->d.action == PACE_GO; i++)
        see(run, losses[i], 1);
}

static const double overshooting[] = {6.94, 6.87, 7.39, 8.58, 6.90, 6.76, 6.69, 7.05,
                                      6.31, 6.53, 7.08, 6.30, 6.60, 6.80, 6.37, 6.48};

static void random_weights_that_overshoot_begin_again_at_the_rate_that_is_expected(void **state)
{
    (void)state;
    struct guarded_run run = random_weights(80, 1e-4);
    see_all(&run, overshooting, COUNT_OF(overshooting));
    assert_decision(&run, PACE_ROLL_BACK, PACE_REASON_OVERSHOT);
    assert_true(run.rate.step == 0 && run.d.restore_slot >= 0);
    assert_true(fabs(run.d.change - 0.1) < 1e-12);
    assert_true(run.d.number[0] == 6.94 && run.d.number[1] == 7.39);
}

static void who_overshoots_is_left_alone_at_a_rate_that_is_expected_or_where_none_is(void **state)
{
    (void)state;
    static const double priors[] = {0, 1e-3, 4e-4};
    for (size_t i = 0; i < COUNT_OF(priors); i++) {
        struct guarded_run run = random_weights(80, priors[i]);
        see_all(&run, overshooting, COUNT_OF(overshooting));
        assert_never(&run, PACE_ROLL_BACK);
    }
}

static void one_bad_batch_is_no_overshot(void **state)
{
    (void)state;
    static const double losses[] = {6.94, 6.8, 6.6, 8.9, 6.4, 6.3, 6.2, 6.2, 8.5, 6.2, 6.1};
    struct guarded_run run = random_weights(80, 1e-4);
    see_all(&run, losses, COUNT_OF(losses));
    assert_never(&run, PACE_ROLL_BACK);
}

static void rows_that_are_harder_than_the_held_out_ones_are_no_overshot(void **state)
{
    (void)state;
    static const double losses[] = {7.2, 7.18, 7.1, 7.0, 6.9, 6.8};
    struct guarded_run run = random_weights(80, 1e-4);
    see_all(&run, losses, COUNT_OF(losses));
    assert_never(&run, PACE_ROLL_BACK);
}

static void what_a_trained_model_may_do_no_other_may(void **state)
{
    (void)state;
    struct guarded_run run = random_weights(80, 1e-4);
    run.rate.options.uniform_loss = 9; /* so it knows something, and its batches differ */
    see_all(&run, overshooting, COUNT_OF(overshooting));
    assert_never(&run, PACE_ROLL_BACK);
}

static void random_weights_that_learn_no_more_than_frequencies_begin_again(void **state)
{
    (void)state;
    struct guarded_run run = random_weights(80, 1e-5);
    while (run.rate.step < 79 && run.d.action == PACE_GO)
        see(&run, learning(run.rate.step, 0), 0.1);
    assert_decision(&run, PACE_ROLL_BACK, PACE_REASON_STUCK);
    assert_int_equal(run.rate.step, 0);
    assert_true(fabs(run.d.change - 0.01) < 1e-12);
    while (run.rate.step < 80)
        see(&run, learning(run.rate.step, 0), 0.1); /* at the rate that is expected: let it */
    assert_int_equal(run.count[PACE_ROLL_BACK], 1);
}

static void who_goes_on_learning_is_left_alone_at_any_rate(void **state)
{
    (void)state;
    struct guarded_run run = random_weights(80, 1e-5);
    while (run.rate.step < 80)
        see(&run, learning(run.rate.step, 0.02), 0.1);
    assert_never(&run, PACE_ROLL_BACK);
    assert_never(&run, PACE_CUT);
}

static void what_is_known_by_heart_falls_no_more_and_that_is_well(void **state)
{
    (void)state;
    struct guarded_run run = random_weights(200, 1e-5);
    while (run.rate.step < 200)
        see(&run, 0.1 + 6.8 * exp(-(double)run.rate.step / 6) * (1 + 0.05 * noise(run.rate.step)),
            0.1);
    assert_never(&run, PACE_ROLL_BACK);
}

static void the_first_state_is_kept_while_it_may_be_wanted(void **state)
{
    (void)state;
    for (int is_suspect = 0; is_suspect < 2; is_suspect++) {
        struct guarded_run run = random_weights(400, is_suspect ? 1e-5 : 1e-3);
        run.rate.options.n_slots = 3;
        bool is_held = false;
        while (run.rate.step < 180)
            see(&run, learning(run.rate.step, 0.01), 0.1);
        for (int i = PACE_SLOT_BEST + 1; i < PACE_SLOTS; i++)
            is_held = is_held || run.rate.memory.slot_step[i] == 0;
        assert_int_equal(is_held, is_suspect);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_weights_that_overshoot_begin_again_at_the_rate_that_is_expected),
        cmocka_unit_test(who_overshoots_is_left_alone_at_a_rate_that_is_expected_or_where_none_is),
        cmocka_unit_test(one_bad_batch_is_no_overshot),
        cmocka_unit_test(rows_that_are_harder_than_the_held_out_ones_are_no_overshot),
        cmocka_unit_test(what_a_trained_model_may_do_no_other_may),
        cmocka_unit_test(random_weights_that_learn_no_more_than_frequencies_begin_again),
        cmocka_unit_test(who_goes_on_learning_is_left_alone_at_any_rate),
        cmocka_unit_test(what_is_known_by_heart_falls_no_more_and_that_is_well),
        cmocka_unit_test(the_first_state_is_kept_while_it_may_be_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
