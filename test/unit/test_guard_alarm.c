#include "test/support/guarded_run.h"

static void a_loss_that_rises_and_stays_goes_back_to_before_the_onset(void **state)
{
    (void)state;
    struct guarded_run run = made(1000);
    see_healthy(&run, 400);
    while (run.d.action == PACE_GO && run.rate.step < 500)
        see(&run, healthy(run.rate.step) + 0.7, 0.5);
    assert_decision(&run, PACE_ROLL_BACK, PACE_REASON_LOSS_SPIKE);
    assert_true(run.d.step <= 398 && run.d.step >= 370);
    assert_true(run.d.change == 0.5);
    see_healthy(&run, 1000);
    assert_int_equal(run.count[PACE_ROLL_BACK], 1);
    assert_true(fabs(run.d.learning_rate / pace_schedule_rate(&run.rate.options.schedule, 999) -
                     0.5) < 1e-12);
}

static void a_single_bad_batch_is_no_spike(void **state)
{
    (void)state;
    struct guarded_run run = made(1000);
    while (run.rate.step < 1000)
        see(&run, healthy(run.rate.step) + (run.rate.step % 10 == 9 ? 5 : 0), 0.5);
    assert_never(&run, PACE_ROLL_BACK);
    assert_never(&run, PACE_CUT);
}

static void a_spike_that_goes_away_is_left_alone(void **state)
{
    (void)state;
    struct guarded_run run = made(1000);
    while (run.rate.step < 1000) {
        double since = (double)(run.rate.step - 400);
        see(&run, healthy(run.rate.step) + (since >= 0 ? 3 * exp(-since / 15) : 0), 0.5);
    }
    assert_never(&run, PACE_ROLL_BACK);
    assert_never(&run, PACE_CUT);
}

static void cuts_grow_and_their_number_is_bounded(void **state)
{
    (void)state;
    struct guarded_run run = made(1000);
    double change[64];
    int n = 0;
    for (int64_t i = 0; i < 5000 && !pace_rate_finished(&run.rate); i++) {
        see(&run, run.rate.step < 100 ? healthy(run.rate.step) : 8 + noise(i), 0.5);
        if (run.d.change != 1)
            change[n++] = run.d.change;
    }
    assert_true(pace_rate_finished(&run.rate));
    assert_int_equal(run.d.reason, PACE_REASON_GIVE_UP);
    assert_in_range(n, 3, 8);
    assert_true(change[0] == 1.0 / 4 && change[1] == 1.0 / 16);
}

static void without_states_a_roll_back_is_a_cut(void **state)
{
    (void)state;
    struct guarded_run run = made(1000);
    run.rate.options.n_slots = 0;
    see_healthy(&run, 400);
    while (run.d.action == PACE_GO && run.rate.step < 500)
        see(&run, healthy(run.rate.step) + 0.7, 0.5);
    assert_decision(&run, PACE_CUT, PACE_REASON_LOSS_SPIKE);
    assert_true(run.d.apply_update && run.d.restore_slot == -1);
}

static void without_states_a_cut_is_given_the_time_to_work(void **state)
{
    (void)state;
    struct guarded_run run = made(100);
    run.rate.options.n_slots = 0;
    while (!pace_rate_finished(&run.rate)) {
        int64_t step = run.rate.step;
        if (step > 0 && step % 10 == 0)
            eval(&run, 12 - 0.06 * (double)step);
        see(&run, step < 3 ? 5 : 12 - 0.06 * (double)step + 0.1 * noise(step), 3);
    }
    assert_in_range(run.count[PACE_CUT], 1, 2);
    assert_never(&run, PACE_STOP);
}

static void a_held_out_loss_above_the_one_before_the_first_update_needs_a_lower_rate(void **state)
{
    (void)state;
    struct guarded_run run = made(200);
    eval(&run, 3.4);
    while (run.rate.step < 20)
        see(&run, 3.5 + 0.3 * noise(run.rate.step), 1);
    eval(&run, 3.65);
    assert_decision(&run, PACE_ROLL_BACK, PACE_REASON_HELD_OUT_RISEN);
    assert_true(run.d.step == 0 && run.d.change == 0.25); /* nothing was gained: the larger cut */
}

static void a_held_out_loss_a_little_above_the_one_before_the_first_update_is_let_be(void **state)
{
    (void)state;
    struct guarded_run run = made(200);
    eval(&run, 3.4);
    see_healthy(&run, 20);
    eval(&run, 3.45);
    assert_true(run.d.action == PACE_GO);
}

static void a_rate_far_too_high_is_seen_within_twenty_steps(void **state)
{
    (void)state;
    struct guarded_run run = made(1000);
    see(&run, 2, 0.5);
    while (run.d.action == PACE_GO && run.rate.step < 50)
        see(&run, 9 + noise(run.rate.step), 5);
    assert_decision(&run, PACE_ROLL_BACK, PACE_REASON_DIVERGENCE);
    assert_int_equal(run.d.step, 0);
    assert_true(run.d.change == 0.25);
}

static void a_trained_model_that_does_worse_than_a_guess_is_seen_within_five_steps(void **state)
{
    (void)state;
    static const double losses[] = {5, 11.3, 19.1, 12.6, 10.1, 8.3, 9.8};
    struct guarded_run run = made(150);
    run.rate.options.uniform_loss = log(512);
    for (size_t i = 0; i < COUNT_OF(losses) && run.d.action == PACE_GO; i++)
        see(&run, losses[i], 30);
    assert_decision(&run, PACE_ROLL_BACK, PACE_REASON_DIVERGENCE);
    assert_true(run.d.change == 0.25);
}

static void a_bad_first_batch_hides_no_such_model_from_who_measured_the_base(void **state)
{
    (void)state;
    static const double losses[] = {7, 19.8, 12.5, 12.8, 10.7, 13.2, 9.8};
    struct guarded_run run = made(80);
    run.rate.options.uniform_loss = log(512);
    eval(&run, 4.68);
    run.d.action = PACE_GO;
    for (size_t i = 0; i < COUNT_OF(losses) && run.d.action == PACE_GO; i++)
        see(&run, losses[i], 10);
    assert_decision(&run, PACE_ROLL_BACK, PACE_REASON_DIVERGENCE);
    assert_true(run.rate.step == 0 && run.d.change == 0.25);
}

static void worse_than_the_base_at_a_rate_that_a_prior_calls_too_high_goes_back(void **state)
{
    (void)state;
    static const double losses[] = {4.45, 5.48, 8.17, 5.55, 6.17, 5.73, 5.14, 5.38, 4.88, 4.86};
    for (int has_prior = 0; has_prior < 2; has_prior++) {
        struct guarded_run run = made(150);
        run.rate.options.prior_rate = has_prior ? 1e-4 : 0; /* of a rate of 1e-3 */
        run.rate.options.prior_sd = 0.35;
        eval(&run, 4.68);
        run.d.action = PACE_GO;
        for (size_t i = 0; i < COUNT_OF(losses) && run.d.action == PACE_GO; i++)
            see(&run, losses[i], 10);
        assert_int_equal(run.count[PACE_ROLL_BACK], has_prior);
        assert_true(!has_prior || run.d.change == 0.1); /* down to the prior */
    }
}

static void a_model_that_gives_all_tokens_alike_goes_back_and_in_the_end_stops(void **state)
{
    (void)state;
    struct guarded_run run = made(200);
    double guess = run.rate.options.uniform_loss = log(512);
    while (!pace_rate_finished(&run.rate)) {
        int64_t step = run.rate.step;
        see(&run, step < 4 ? 8 + noise(step) : guess * (1 + 1e-6 * noise(step)), 1e-4);
        assert_true(run.d.action != PACE_ROLL_BACK || run.d.reason == PACE_REASON_COLLAPSED);
        assert_true(run.count[PACE_GO] < 300);
    }
    assert_in_range(run.count[PACE_ROLL_BACK], 2, 8);
    assert_decision(&run, PACE_STOP, PACE_REASON_GIVE_UP);
}

static void a_head_of_zeros_begins_with_the_loss_of_a_guess(void **state)
{
    (void)state;
    struct guarded_run run = made(200);
    double guess = run.rate.options.uniform_loss = log(512);
    while (!pace_rate_finished(&run.rate))
        see(&run, guess - fmax(0, 0.01 * (double)(run.rate.step - 30)), 0.1);
    assert_never(&run, PACE_ROLL_BACK);
    assert_never(&run, PACE_STOP);
}

static void epochs_that_step_down_are_no_incident(void **state)
{
    (void)state;
    struct guarded_run run = made(2000);
    while (run.rate.step < 2000) {
        double level = 2 * pow(0.5, (double)(run.rate.step / 400));
        see(&run, level * (1 + 0.2 * noise(run.rate.step)), 0.5);
    }
    assert_never(&run, PACE_ROLL_BACK);
    assert_never(&run, PACE_CUT);
    assert_never(&run, PACE_STOP);
}

static void a_rise_that_comes_again_at_a_lower_rate_is_the_data(void **state)
{
    (void)state;
    struct guarded_run run = made(1000);
    while (run.rate.step < 1000)
        see(&run, healthy(run.rate.step) + (run.rate.step >= 400 ? 0.7 : 0), 0.5);
    assert_int_equal(run.count[PACE_ROLL_BACK], 1);
    assert_int_equal(run.count[PACE_RAISE], 1);
    assert_never(&run, PACE_CUT);
    assert_true(run.rate.scale == 1);
}

static void noise_that_grows_is_no_oscillation(void **state)
{
    (void)state;
    struct guarded_run run = made(1000);
    while (run.rate.step < 1000)
        see(&run,
            healthy(run.rate.step) + (run.rate.step >= 400 ? 0.6 : 0) * noise(run.rate.step + 5),
            0.5);
    assert_never(&run, PACE_CUT);
    assert_never(&run, PACE_ROLL_BACK);
}

static void swings_that_grow_halve_the_rate(void **state)
{
    (void)state;
    struct guarded_run run = made(1000);
    see_healthy(&run, 400);
    while (run.d.action == PACE_GO && run.rate.step < 500) {
        double swing = run.rate.step % 2 == 0 ? 0.8 : -0.6;
        see(&run, healthy(run.rate.step) + swing, 0.5);
    }
    assert_decision(&run, PACE_CUT, PACE_REASON_OSCILLATION);
    assert_true(run.d.change == 0.5);
}

/* The first batch happens to be easy: every loss behind it looks risen, but not for long. */
static void a_first_loss_that_was_luck_does_not_end_the_run(void **state)
{
    (void)state;
    struct guarded_run run = made(200);
    for (int i = 0; i < 190 && !pace_rate_finished(&run.rate); i++) {
        int64_t step = run.rate.step;
        see(&run, step == 0 ? 0.5 : 2 - 0.002 * (double)step + 0.05 * noise(step), 0.5);
    }
    assert_in_range(run.count[PACE_ROLL_BACK], 1, 2);
    assert_never(&run, PACE_STOP);
    assert_true(run.rate.scale >= 1.0 / 64);
}

/* Eight rows in a batch, of all lengths: losses as real conversations have them, the first one
 * easy. Five neighbours that happen to lie close together say little about the noise. */
static void a_few_losses_that_happen_to_be_alike_are_no_measure_of_noise(void **state)
{
    (void)state;
    static const double losses[] = {4.866, 5.166, 5.071, 5.288, 5.354, 5.382, 4.949, 5.236,
                                    5.581, 4.856, 4.956, 4.849, 5.213, 5.134, 5.116, 5.041};
    struct guarded_run run = made(100);
    eval(&run, 5.14);
    for (size_t i = 0; i < COUNT_OF(losses); i++)
        see(&run, losses[i], 0.5);
    assert_never(&run, PACE_ROLL_BACK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loss_that_rises_and_stays_goes_back_to_before_the_onset),
        cmocka_unit_test(a_single_bad_batch_is_no_spike),
        cmocka_unit_test(a_spike_that_goes_away_is_left_alone),
        cmocka_unit_test(cuts_grow_and_their_number_is_bounded),
        cmocka_unit_test(without_states_a_roll_back_is_a_cut),
        cmocka_unit_test(without_states_a_cut_is_given_the_time_to_work),
        cmocka_unit_test(a_held_out_loss_above_the_one_before_the_first_update_needs_a_lower_rate),
        cmocka_unit_test(a_held_out_loss_a_little_above_the_one_before_the_first_update_is_let_be),
        cmocka_unit_test(a_rate_far_too_high_is_seen_within_twenty_steps),
        cmocka_unit_test(a_head_of_zeros_begins_with_the_loss_of_a_guess),
        cmocka_unit_test(a_model_that_gives_all_tokens_alike_goes_back_and_in_the_end_stops),
        cmocka_unit_test(a_trained_model_that_does_worse_than_a_guess_is_seen_within_five_steps),
        cmocka_unit_test(a_bad_first_batch_hides_no_such_model_from_who_measured_the_base),
        cmocka_unit_test(worse_than_the_base_at_a_rate_that_a_prior_calls_too_high_goes_back),
        cmocka_unit_test(epochs_that_step_down_are_no_incident),
        cmocka_unit_test(a_rise_that_comes_again_at_a_lower_rate_is_the_data),
        cmocka_unit_test(noise_that_grows_is_no_oscillation),
        cmocka_unit_test(swings_that_grow_halve_the_rate),
        cmocka_unit_test(a_few_losses_that_happen_to_be_alike_are_no_measure_of_noise),
        cmocka_unit_test(a_first_loss_that_was_luck_does_not_end_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
