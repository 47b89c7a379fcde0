#include "test/support/guarded_run.h"

/* ------------------------------------------------------------------------------ single batch -- */

static void three_empty_batches_at_the_start_end_the_run(void **state)
{
    (void)state;
    struct guarded_run run = made(100);
    struct pace_rate_obs empty = pace_rate_obs_step(NAN, NAN);
    empty.n_targets = 0;
    see_obs(&run, empty);
    assert_decision(&run, PACE_SKIP, PACE_REASON_NO_TARGETS);
    see_obs(&run, empty);
    see_obs(&run, empty);
    assert_decision(&run, PACE_STOP, PACE_REASON_NO_TARGETS);
}

static void a_loss_of_exactly_zero_from_the_start_ends_the_run(void **state)
{
    (void)state;
    struct guarded_run run = made(100);
    for (int i = 0; i < 3; i++)
        see(&run, 0, i == 1 ? NAN : 0);
    assert_decision(&run, PACE_STOP, PACE_REASON_NO_TARGETS);
}

static void an_empty_batch_later_on_is_left_out(void **state)
{
    (void)state;
    struct guarded_run run = made(200);
    see_healthy(&run, 50);
    struct pace_rate_obs empty = pace_rate_obs_step(0, 0);
    empty.n_targets = 0;
    for (int i = 0; i < 5; i++) {
        see_obs(&run, empty);
        assert_decision(&run, PACE_SKIP, PACE_REASON_NO_TARGETS);
    }
    see_healthy(&run, 60);
    assert_decision(&run, PACE_GO, PACE_REASON_SCHEDULE);
}

static void one_batch_that_is_not_finite_is_left_out_and_the_rate_comes_back(void **state)
{
    (void)state;
    struct guarded_run run = made(1000);
    see_healthy(&run, 300);
    see(&run, NAN, NAN);
    assert_decision(&run, PACE_SKIP, PACE_REASON_NON_FINITE);
    see_healthy(&run, 302);
    assert_true(run.d.learning_rate == 0.5 * pace_schedule_rate(&run.rate.options.schedule, 301));
    see_healthy(&run, 318);
    assert_decision(&run, PACE_RAISE, PACE_REASON_RECOVERED);
    assert_true(run.d.learning_rate == pace_schedule_rate(&run.rate.options.schedule, 317));
    see_healthy(&run, 1000);
    assert_int_equal(run.count[PACE_SKIP], 1);
    assert_never(&run, PACE_ROLL_BACK);
}

static void three_in_a_row_are_broken_weights(void **state)
{
    (void)state;
    struct guarded_run run = made(1000);
    see_healthy(&run, 305);
    see(&run, INFINITY, 1);
    see(&run, NAN, NAN);
    see(&run, NAN, NAN);
    assert_decision(&run, PACE_ROLL_BACK, PACE_REASON_NON_FINITE_STATE);
    assert_true(run.d.restore_slot > 0 && !run.d.apply_update);
    assert_true(run.d.step < 305 && run.d.step >= 280 && run.rate.step == run.d.step);
    assert_true(run.d.change == 0.5);
}

static void not_finite_before_any_update_is_no_matter_of_rates(void **state)
{
    (void)state;
    struct guarded_run run = made(1000);
    for (int i = 0; i < 3; i++)
        see(&run, NAN, NAN);
    assert_decision(&run, PACE_STOP, PACE_REASON_NON_FINITE_STATE);
}

static void broken_weights_without_a_state_to_go_back_to_end_the_run(void **state)
{
    (void)state;
    struct guarded_run run = made(1000);
    run.rate.options.n_slots = 0;
    see_healthy(&run, 100);
    for (int i = 0; i < 3; i++)
        see(&run, NAN, NAN);
    assert_decision(&run, PACE_STOP, PACE_REASON_GIVE_UP);
    assert_int_equal(run.d.restore_slot, -1);
}

static void a_batch_that_breaks_twice_is_called_by_its_name(void **state)
{
    (void)state;
    struct guarded_run run = made(1000);
    struct pace_rate_obs bad = pace_rate_obs_step(NAN, NAN);
    bad.batch = 17;
    see_healthy(&run, 100);
    see_obs(&run, bad);
    see_healthy(&run, 200);
    see_obs(&run, bad);
    assert_decision(&run, PACE_SKIP, PACE_REASON_POISONED_BATCH);
    assert_true(run.d.number[0] == 17 && run.d.number[1] == 2);
}

static void a_huge_gradient_is_left_out_and_a_large_one_clipped(void **state)
{
    (void)state;
    struct guarded_run run = made(1000);
    run.rate.options.max_grad_norm = 0;
    see_healthy(&run, 100);
    see(&run, healthy(100), 100);
    assert_decision(&run, PACE_SKIP, PACE_REASON_GRADIENT_OUTLIER);
    see_healthy(&run, 150);
    see(&run, healthy(150), 3.2);
    assert_decision(&run, PACE_CLIP, PACE_REASON_GRADIENT_OUTLIER);
    assert_true(run.d.gradient_scale < 0.5 && run.d.gradient_scale > 0.1);
    assert_true(run.d.apply_update);
    see(&run, healthy(151), 1.2);
    assert_decision(&run, PACE_GO, PACE_REASON_SCHEDULE);
}

static void what_ordinary_clipping_brings_down_is_let_be(void **state)
{
    (void)state;
    struct guarded_run run = made(1000);
    see_healthy(&run, 150);
    see(&run, healthy(150), 3.2);
    assert_decision(&run, PACE_GO, PACE_REASON_SCHEDULE);
    assert_true(run.d.gradient_scale == 1 / (3.2 + 1e-6));
}

static void gradients_are_left_out_three_times_in_a_row_at_most(void **state)
{
    (void)state;
    struct guarded_run run = made(1000);
    see_healthy(&run, 200);
    for (int i = 0; i < 50; i++)
        see(&run, healthy(200 + i), 100 * (1 + 0.1 * noise(i)));
    assert_true(run.count[PACE_SKIP] <= 12);
    assert_decision(&run, PACE_GO, PACE_REASON_SCHEDULE);
}

/* ------------------------------------------------------------------------------------- trend -- */

static void a_loss_that_does_not_move_raises_the_rate(void **state)
{
    (void)state;
    struct guarded_run run = made(1000);
    while (run.d.action == PACE_GO && run.rate.step < 1000)
        see(&run, 2 + 0.05 * noise(run.rate.step), 0.5);
    assert_decision(&run, PACE_RAISE, PACE_REASON_FLAT);
    assert_true(run.rate.step < 200);
    assert_true(run.d.change >= 3 && run.d.change <= 5);
}

static void noise_that_hides_a_descent_is_no_evidence_of_none(void **state)
{
    (void)state;
    struct guarded_run run = made(200);
    while (run.rate.step < 200)
        see(&run, 2 + 1.5 * noise(run.rate.step), 0.5);
    assert_never(&run, PACE_RAISE);
}

static void a_prior_below_the_rate_forbids_a_raise(void **state)
{
    (void)state;
    struct guarded_run run = made(1000);
    run.rate.options.prior_rate = 1e-4;
    while (run.rate.step < 1000)
        see(&run, 2 + 0.05 * noise(run.rate.step), 0.5);
    assert_never(&run, PACE_RAISE);
}

static void a_slow_descent_is_obeyed_unless_a_prior_expects_more(void **state)
{
    (void)state;
    for (int with_prior = 0; with_prior < 2; with_prior++) {
        struct guarded_run run = made(1000);
        run.rate.options.prior_rate = with_prior ? 5e-2 : 0;
        run.rate.options.prior_sd = 0.25;
        while (run.rate.step < 1000 && run.count[PACE_RAISE] == 0)
            see(&run, 2 - 0.0004 * (double)run.rate.step + 0.02 * noise(run.rate.step), 0.5);
        assert_int_equal(run.count[PACE_RAISE], with_prior);
        if (with_prior)
            assert_decision(&run, PACE_RAISE, PACE_REASON_SLOW);
    }
}

static void a_prior_that_is_sure_needs_one_block_of_a_slow_descent(void **state)
{
    (void)state;
    struct guarded_run run = made(200);
    run.rate.options.prior_rate = 1; /* of a rate of 1e-3 */
    run.rate.options.prior_sd = 0.3;
    while (run.rate.step < 50)
        see(&run, 3 + 0.3 * noise(run.rate.step), 1);
    assert_true(run.rate.scale == 125); /* the rest is within four deviations */
}

static void held_out_losses_show_a_slow_descent_through_the_noise(void **state)
{
    (void)state;
    struct guarded_run run = made(1000);
    run.rate.options.prior_rate = 5e-2;
    run.rate.options.prior_sd = 0.25;
    while (run.rate.step < 200 && run.count[PACE_RAISE] == 0) {
        see(&run, 2 + 0.8 * noise(run.rate.step), 0.5);
        if (run.rate.step % 50 == 0)
            eval(&run, 2 - 0.0002 * (double)run.rate.step);
    }
    assert_decision(&run, PACE_RAISE, PACE_REASON_SLOW);
    assert_int_equal(run.rate.step, 100);
    assert_false(run.d.apply_update);
}

static void a_raise_that_makes_it_worse_is_taken_back_and_not_repeated(void **state)
{
    (void)state;
    struct guarded_run run = made(1000);
    while (run.d.action == PACE_GO && run.rate.step < 1000)
        see(&run, 2 + 0.05 * noise(run.rate.step), 0.5);
    int64_t raised_at = run.d.step;
    while (run.d.action != PACE_ROLL_BACK && run.rate.step < 1000)
        see(&run, 2.6 + 0.05 * noise(run.rate.step), 0.5);
    assert_decision(&run, PACE_ROLL_BACK, PACE_REASON_RAISE_FAILED);
    assert_int_equal(run.d.step, raised_at);
    while (run.rate.step < 1000)
        see(&run, 2 + 0.05 * noise(run.rate.step), 0.5);
    assert_int_equal(run.count[PACE_RAISE], 1);
    assert_true(fabs(run.rate.scale - 1) < 1e-12);
}

static void a_plateau_at_a_constant_rate_is_annealed(void **state)
{
    (void)state;
    struct guarded_run run = made(2000);
    run.rate.options.schedule.kind = PACE_SCHEDULE_CONSTANT;
    while (run.d.action == PACE_GO && run.rate.step < 2000)
        see(&run, healthy(run.rate.step), 0.5);
    assert_decision(&run, PACE_ANNEAL, PACE_REASON_PLATEAU);
    while (run.rate.step < 2000)
        see(&run, healthy(run.rate.step), 0.5);
    assert_int_equal(run.count[PACE_ANNEAL], 1);
    assert_true(run.d.learning_rate > 0 && run.d.learning_rate < 2e-6);
}

static void a_plateau_under_a_falling_schedule_is_only_told(void **state)
{
    (void)state;
    struct guarded_run run = made(2000);
    int told = 0;
    while (run.rate.step < 2000) {
        see(&run, healthy(run.rate.step), 0.5);
        told += run.d.advice == PACE_ANNEAL;
    }
    assert_int_equal(told, 1);
    assert_int_equal(run.count[PACE_GO], 2000);
}

/* ------------------------------------------------------------------------------- evaluations -- */

static void the_best_held_out_state_is_kept(void **state)
{
    (void)state;
    struct guarded_run run = made(1000);
    eval(&run, 2.0);
    assert_decision(&run, PACE_GO, PACE_REASON_BEST_SO_FAR);
    assert_int_equal(run.d.keep_slot, PACE_SLOT_BEST);
    assert_false(run.d.apply_update);
    see_healthy(&run, 100);
    eval(&run, 2.1);
    assert_int_equal(run.d.keep_slot, -1);
    assert_decision(&run, PACE_GO, PACE_REASON_SCHEDULE);
}

static void overfitting_stops_at_the_best_state(void **state)
{
    (void)state;
    const double held_out[] = {2.0, 1.5, 1.4, 1.5, 1.55, 1.6};
    struct guarded_run run = made(1000);
    for (int i = 0; i < 6; i++) {
        see_healthy(&run, 20 * (i + 1));
        eval(&run, held_out[i]);
        assert_true(pace_rate_finished(&run.rate) == (i == 5));
    }
    assert_decision(&run, PACE_STOP, PACE_REASON_OVERFIT);
    assert_int_equal(run.d.restore_slot, PACE_SLOT_BEST);
    assert_int_equal(run.d.step, 60);
}

static void the_first_epoch_cannot_overfit(void **state)
{
    (void)state;
    const double held_out[] = {2.0, 1.5, 1.4, 1.5, 1.55, 1.6};
    struct guarded_run run = made(1000);
    run.rate.options.steps_per_epoch = 200;
    for (int i = 0; i < 6; i++) {
        see_healthy(&run, 20 * (i + 1));
        eval(&run, held_out[i]);
    }
    assert_never(&run, PACE_STOP);
}

static void a_held_out_loss_that_jumps_goes_back_to_before(void **state)
{
    (void)state;
    struct guarded_run run = made(1000);
    see_healthy(&run, 100);
    eval(&run, 1.5);
    see_healthy(&run, 110);
    eval(&run, 1.4);
    while (run.rate.step < 114)
        see(&run, 4, 0.5);
    eval(&run, 4.2);
    assert_decision(&run, PACE_ROLL_BACK, PACE_REASON_HELD_OUT_RISEN);
    assert_in_range(run.d.step, 90, 110);
    eval(&run, 1.42);
    assert_int_equal(run.d.action, PACE_GO);
}

static void a_first_held_out_loss_of_other_rows_is_no_rise(void **state)
{
    (void)state;
    struct guarded_run run = made(1000);
    see_healthy(&run, 20);
    eval(&run, 4.5);
    assert_decision(&run, PACE_GO, PACE_REASON_BEST_SO_FAR);
    run = made(1000);
    see_healthy(&run, 20);
    eval(&run, 9);
    assert_decision(&run, PACE_ROLL_BACK, PACE_REASON_HELD_OUT_RISEN);
    assert_int_equal(run.d.step, 0);
}

static void one_noisy_evaluation_is_no_overfitting(void **state)
{
    (void)state;
    const double held_out[] = {2.0, 1.5, 1.6, 1.45, 1.6, 1.4, 1.6, 1.39, 1.38};
    struct guarded_run run = made(1000);
    for (int i = 0; i < 9; i++) {
        see_healthy(&run, 20 * (i + 1));
        eval(&run, held_out[i]);
    }
    assert_never(&run, PACE_STOP);
}

static void a_run_that_ends_above_its_best_goes_back_there(void **state)
{
    (void)state;
    struct guarded_run run = made(100);
    see_healthy(&run, 50);
    eval(&run, 1.5);
    see_healthy(&run, 100);
    eval(&run, 1.6);
    assert_decision(&run, PACE_BEST, PACE_REASON_DONE);
    assert_int_equal(run.d.restore_slot, PACE_SLOT_BEST);
}

/* Back at a state from early on, the one from before it stays kept: this one may be bad as well. */
static void going_back_overwrites_no_older_state(void **state)
{
    (void)state;
    struct guarded_run run = made(300);
    see(&run, 2, 0.5);
    int first = run.d.keep_slot;
    assert_true(first > PACE_SLOT_BEST);
    while (run.rate.step < 7)
        see(&run, 2 + 0.02 * noise(run.rate.step), 0.5);
    eval(&run, 2);
    assert_int_equal(run.d.keep_slot, PACE_SLOT_BEST);
    see(&run, 2, 0.5);
    eval(&run, 9);
    assert_decision(&run, PACE_ROLL_BACK, PACE_REASON_HELD_OUT_RISEN);
    assert_int_equal(run.d.restore_slot, PACE_SLOT_BEST);
    while (run.rate.step < 9) {
        see(&run, 2, 0.5);
        assert_true(run.d.keep_slot != first);
    }
}

/* About normal, from the step alone. */
static double bell(int64_t step)
{
    return noise(3 * step) + noise(3 * step + 1) + noise(3 * step + 2);
}

/* Losses of three kinds of runs: from scratch, a fine-tune, a memorising one with steps down.
 */
static double clean_loss(int kind, double done, double sigma, int64_t step)
{
    double level = kind == 0   ? 3 + 8 * exp(-20 * done)
                   : kind == 1 ? 1 + exp(-8 * done)
                               : 0.001 + 2 * pow(0.25, floor(5 * done));
    double scale = kind == 2 ? level : 1;
    return fmax(1e-4, level + scale * sigma * bell(step));
}

static void clean_runs_of_any_length_and_noise_are_left_alone(void **state)
{
    (void)state;
    const int64_t lengths[] = {20, 100, 1000, 20000};
    const double sigmas[] = {0.01, 0.1, 0.5};
    int64_t alarms = 0, steps = 0;
    for (size_t i = 0; i < COUNT_OF(lengths) * COUNT_OF(sigmas) * 3; i++) {
        struct guarded_run run = made(lengths[i % 4]);
        double sigma = sigmas[i / 4 % 3];
        while (!pace_rate_finished(&run.rate)) {
            int64_t step = run.rate.step;
            double done = (double)step / (double)lengths[i % 4];
            double tail = pow(0.5 * (1 + noise(step + 999)) + 1e-9, -0.5);
            see(&run, clean_loss((int)(i / 12), done, sigma, step), 0.3 * tail * exp(-done));
        }
        steps += lengths[i % 4];
        alarms += lengths[i % 4] - run.count[PACE_GO] - run.count[PACE_CLIP];
    }
    assert_true((double)alarms < 1e-4 * (double)steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_empty_batches_at_the_start_end_the_run),
        cmocka_unit_test(a_loss_of_exactly_zero_from_the_start_ends_the_run),
        cmocka_unit_test(an_empty_batch_later_on_is_left_out),
        cmocka_unit_test(one_batch_that_is_not_finite_is_left_out_and_the_rate_comes_back),
        cmocka_unit_test(three_in_a_row_are_broken_weights),
        cmocka_unit_test(not_finite_before_any_update_is_no_matter_of_rates),
        cmocka_unit_test(broken_weights_without_a_state_to_go_back_to_end_the_run),
        cmocka_unit_test(a_batch_that_breaks_twice_is_called_by_its_name),
        cmocka_unit_test(a_huge_gradient_is_left_out_and_a_large_one_clipped),
        cmocka_unit_test(what_ordinary_clipping_brings_down_is_let_be),
        cmocka_unit_test(gradients_are_left_out_three_times_in_a_row_at_most),
        cmocka_unit_test(a_loss_that_does_not_move_raises_the_rate),
        cmocka_unit_test(noise_that_hides_a_descent_is_no_evidence_of_none),
        cmocka_unit_test(a_prior_below_the_rate_forbids_a_raise),
        cmocka_unit_test(a_slow_descent_is_obeyed_unless_a_prior_expects_more),
        cmocka_unit_test(a_prior_that_is_sure_needs_one_block_of_a_slow_descent),
        cmocka_unit_test(held_out_losses_show_a_slow_descent_through_the_noise),
        cmocka_unit_test(a_raise_that_makes_it_worse_is_taken_back_and_not_repeated),
        cmocka_unit_test(a_plateau_at_a_constant_rate_is_annealed),
        cmocka_unit_test(a_plateau_under_a_falling_schedule_is_only_told),
        cmocka_unit_test(clean_runs_of_any_length_and_noise_are_left_alone),
        cmocka_unit_test(the_best_held_out_state_is_kept),
        cmocka_unit_test(overfitting_stops_at_the_best_state),
        cmocka_unit_test(the_first_epoch_cannot_overfit),
        cmocka_unit_test(a_held_out_loss_that_jumps_goes_back_to_before),
        cmocka_unit_test(a_first_held_out_loss_of_other_rows_is_no_rise),
        cmocka_unit_test(one_noisy_evaluation_is_no_overfitting),
        cmocka_unit_test(a_run_that_ends_above_its_best_goes_back_there),
        cmocka_unit_test(going_back_overwrites_no_older_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
