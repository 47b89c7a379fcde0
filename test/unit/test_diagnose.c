#include "test/support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "rate/diagnose.h"

enum { N = 200 };

static struct pace_point points[N];
static struct pace_series series;
static struct pace_diagnosis diagnosis;

/* A clean fine-tune: from 3 down to about 1.5, noise of 3 %, a rate that falls to zero. */
static void clean_log(void)
{
    struct rng rng = {.seed = 7};
    for (int i = 0; i < N; i++) {
        double level = 1.5 + 1.5 / (1 + i / 10.0);
        points[i] = (struct pace_point){
            .step = 10 * (i + 1),
            .epoch = (i + 1.0) / N,
            .loss = level * exp(0.03 * rng_normal(&rng)),
            .eval_loss = NAN,
            .grad_norm = 1,
            .learning_rate = 2e-4 * (1 - (double)i / N),
        };
    }
    points[0].learning_rate = points[1].learning_rate = 1e-4;
    series = (struct pace_series){.points = points, .n_points = N, .total_steps = 10 * N};
}

static void diagnose(void)
{
    pace_diagnose(&series, &diagnosis);
}

static void assert_found(enum pace_finding_kind kind, enum pace_verdict verdict)
{
    diagnose();
    if (diagnosis.n_findings == 0)
        fail_msg("expected %s, found nothing", pace_finding_name(kind));
    assert_string_equal(pace_finding_name(diagnosis.findings[0].kind), pace_finding_name(kind));
    assert_int_equal(diagnosis.verdict, verdict);
}

static void assert_verdict(enum pace_verdict verdict)
{
    diagnose();
    assert_string_equal(pace_verdict_name(diagnosis.verdict), pace_verdict_name(verdict));
}

static void a_clean_log_is_healthy(void **state)
{
    (void)state;
    clean_log();
    diagnose();
    assert_int_equal(diagnosis.n_findings, 0);
    assert_int_equal(diagnosis.verdict, PACE_VERDICT_HEALTHY);
    assert_true(diagnosis.used > 1.9e-4 && isnan(diagnosis.suggested));
}

static void short_and_empty_logs_are_healthy(void **state)
{
    (void)state;
    clean_log();
    for (size_t n = 0; n <= 4; n++) {
        series.n_points = n;
        assert_verdict(PACE_VERDICT_HEALTHY);
    }
}

static void a_burst_is_a_spike_and_halves_the_rate(void **state)
{
    (void)state;
    clean_log();
    for (int i = 100; i < 106; i++)
        points[i].loss *= 2.5;
    assert_found(PACE_FINDING_SPIKE, PACE_VERDICT_TOO_HIGH);
    const struct pace_finding *f = &diagnosis.findings[0];
    assert_in_range(f->step, points[96].step, points[101].step);
    assert_true(f->number[1] > 3 && f->number[0] < 1.8);
    assert_true(diagnosis.suggested == 8e-5); /* half of 1.98e-4, and round */
}

static void a_single_line_may_hold_a_burst_of_many_steps(void **state)
{
    (void)state;
    clean_log();
    points[120].loss *= 3;
    assert_found(PACE_FINDING_SPIKE, PACE_VERDICT_TOO_HIGH);
}

static void a_single_step_is_a_hard_batch(void **state)
{
    (void)state;
    clean_log();
    for (int i = 0; i < N; i++)
        points[i].step = i + 1;
    points[120].loss *= 2;
    assert_verdict(PACE_VERDICT_HEALTHY);
}

static void a_single_step_far_above_all_is_a_spike(void **state)
{
    (void)state;
    clean_log();
    for (int i = 0; i < N; i++)
        points[i].step = i + 1;
    points[120].loss *= 4;
    assert_found(PACE_FINDING_SPIKE, PACE_VERDICT_TOO_HIGH);
    assert_int_equal(diagnosis.findings[0].step, 121);
}

static void held_out_losses_alone_can_show_overfitting(void **state)
{
    (void)state;
    clean_log();
    for (int i = 0; i < N; i++) {
        points[i].loss = NAN;
        points[i].eval_loss = i % 20 == 19 ? 2 + 0.002 * abs(i - 79) : NAN;
    }
    assert_found(PACE_FINDING_OVERFIT, PACE_VERDICT_OVERFIT);
}

static void many_bursts_are_an_oscillation(void **state)
{
    (void)state;
    clean_log();
    for (int i = 40; i < N; i++)
        points[i].loss *= i % 30 < 8 ? 1.8 : 1;
    assert_found(PACE_FINDING_OSCILLATION, PACE_VERDICT_TOO_HIGH);
    assert_true(diagnosis.findings[0].number[2] >= 3);
}

static void waves_too_dense_for_bursts_are_an_oscillation(void **state)
{
    (void)state;
    clean_log();
    for (int i = 0; i < N; i++)
        points[i].loss *= 1 + 0.3 * sin(i * 0.9);
    assert_found(PACE_FINDING_OSCILLATION, PACE_VERDICT_TOO_HIGH);
}

static void waves_of_four_or_five_points_are_an_oscillation(void **state)
{
    (void)state;
    for (int period = 4; period <= 5; period++) {
        clean_log();
        for (int i = 0; i < N; i++)
            points[i].loss *= exp(0.3 * sin(6.2832 * i / period + 0.4));
        assert_found(PACE_FINDING_OSCILLATION, PACE_VERDICT_TOO_HIGH);
    }
}

static void a_loss_that_stays_up_has_diverged(void **state)
{
    (void)state;
    clean_log();
    for (int i = 90; i < N; i++)
        points[i].loss += 4;
    assert_found(PACE_FINDING_DIVERGED, PACE_VERDICT_DIVERGED);
    double share = diagnosis.suggested / diagnosis.used;
    assert_true(share >= 1.0 / 3 && share <= 0.5);
}

static void divergence_is_told_at_the_step_where_the_loss_rises(void **state)
{
    (void)state;
    for (int onset = 20; onset < 180; onset += 40) {
        clean_log();
        for (int i = onset; i < N; i++)
            points[i].loss *= 3;
        assert_found(PACE_FINDING_DIVERGED, PACE_VERDICT_DIVERGED);
        int64_t off = diagnosis.findings[0].step - points[onset].step;
        assert_true(off >= -20 && off <= 20);
    }
}

static void a_handful_of_rising_points_has_diverged(void **state)
{
    (void)state;
    clean_log();
    for (int i = 0; i < 8; i++)
        points[i].loss = 1 + 3.0 * i;
    series.n_points = 8;
    assert_found(PACE_FINDING_DIVERGED, PACE_VERDICT_DIVERGED);
    const double losses[] = {2, 1.8, 1.6, 3, 5, 9, 12};
    for (int i = 0; i < 7; i++)
        points[i].loss = losses[i];
    series.n_points = 7;
    assert_found(PACE_FINDING_DIVERGED, PACE_VERDICT_DIVERGED);
}

static void nan_is_named_with_the_last_loss_before_it(void **state)
{
    (void)state;
    clean_log();
    for (int i = 50; i < N; i++) {
        points[i].loss = NAN;
        points[i].flags = PACE_LOSS_NOT_FINITE;
    }
    assert_found(PACE_FINDING_NAN, PACE_VERDICT_DIVERGED);
    assert_int_equal(diagnosis.findings[0].step, points[50].step);
    assert_true(diagnosis.findings[0].number[0] == points[49].loss);
    assert_true(diagnosis.findings[0].number[1] == N - 50);
}

static void zeros_with_nan_norms_behind_progress_are_a_hidden_nan(void **state)
{
    (void)state;
    clean_log();
    for (int i = 150; i < N; i++) {
        points[i].loss = 0;
        points[i].grad_norm = NAN;
        points[i].flags = PACE_GRAD_NOT_FINITE;
    }
    assert_found(PACE_FINDING_HIDDEN_NAN, PACE_VERDICT_DIVERGED);
    assert_int_equal(diagnosis.findings[0].step, points[150].step);
}

static void a_loss_of_zero_at_once_is_a_hidden_nan_whatever_the_norm(void **state)
{
    (void)state;
    clean_log();
    for (int i = 150; i < N; i++)
        points[i].loss = 0;
    assert_found(PACE_FINDING_HIDDEN_NAN, PACE_VERDICT_DIVERGED);
    for (int i = 0; i < N; i++) /* rounded to four decimals */
        points[i].loss = floor(2e4 * exp(-i / 10.0)) / 1e4;
    diagnose();
    assert_int_not_equal(diagnosis.verdict, PACE_VERDICT_DIVERGED);
}

static void zeros_from_the_first_line_are_missing_targets(void **state)
{
    (void)state;
    clean_log();
    for (int i = 0; i < N; i++) {
        points[i].loss = 0;
        points[i].grad_norm = NAN;
        points[i].flags = PACE_GRAD_NOT_FINITE;
    }
    assert_found(PACE_FINDING_NO_TARGETS, PACE_VERDICT_NOT_LEARNING_RATE);
    assert_int_equal(diagnosis.n_findings, 1);
}

static void a_policy_gradient_near_zero_is_healthy(void **state)
{
    (void)state;
    struct rng rng = {.seed = 3};
    clean_log();
    for (int i = 0; i < N; i++)
        points[i].loss = i < 5 ? 0 : 1e-3 * rng_normal(&rng);
    assert_verdict(PACE_VERDICT_HEALTHY);
}

static void overflowed_norms_that_are_skipped_are_no_finding(void **state)
{
    (void)state;
    clean_log();
    points[60].flags = points[61].flags = PACE_GRAD_NOT_FINITE;
    assert_verdict(PACE_VERDICT_HEALTHY);
}

static void a_jump_at_a_resume_is_not_the_rates_fault(void **state)
{
    (void)state;
    clean_log();
    for (int i = 100; i < N; i++)
        points[i].loss *= 1 + 0.5 * exp(-(i - 100) / 40.0);
    points[100].flags = PACE_RESUMED;
    assert_found(PACE_FINDING_RESUMED_WRONG, PACE_VERDICT_NOT_LEARNING_RATE);
    assert_int_equal(diagnosis.findings[0].step, points[100].step);
    assert_true(isnan(diagnosis.suggested));
}

static void steps_that_go_back_are_a_resume_too(void **state)
{
    (void)state;
    clean_log();
    for (int i = 100; i < N; i++) {
        points[i].loss *= 1 + 0.5 * exp(-(i - 100) / 40.0);
        points[i].step -= 30;
    }
    assert_found(PACE_FINDING_RESUMED_WRONG, PACE_VERDICT_NOT_LEARNING_RATE);
}

static void a_schedule_that_begins_anew_with_a_jump_is_a_resume_too(void **state)
{
    (void)state;
    clean_log();
    for (int i = 120; i < N; i++) {
        points[i].loss *= 1 + 0.5 * exp(-(i - 120) / 40.0);
        points[i].learning_rate = points[i - 120].learning_rate;
    }
    assert_found(PACE_FINDING_RESUMED_WRONG, PACE_VERDICT_NOT_LEARNING_RATE);
}

static void warm_restarts_are_healthy(void **state)
{
    (void)state;
    clean_log();
    for (int i = 0; i < N; i++) {
        points[i].learning_rate = 1e-4 * (1 + cos(3.14159265 * (i % 50) / 49));
        points[i].loss *= i >= 50 ? 1 + 0.2 * points[i].learning_rate / 2e-4 : 1;
    }
    assert_verdict(PACE_VERDICT_HEALTHY);
}

static void a_jump_alone_is_a_blow_up(void **state)
{
    (void)state;
    clean_log();
    for (int i = 100; i < N; i++)
        points[i].loss = points[i - 100].loss;
    assert_verdict(PACE_VERDICT_TOO_HIGH);
}

static void a_resume_without_a_jump_is_healthy(void **state)
{
    (void)state;
    clean_log();
    points[100].flags = PACE_RESUMED;
    assert_verdict(PACE_VERDICT_HEALTHY);
}

static void a_loss_that_does_not_move_is_flat(void **state)
{
    (void)state;
    struct rng rng = {.seed = 4};
    clean_log();
    for (int i = 0; i < N; i++)
        points[i].loss = 2.5 * exp(0.02 * rng_normal(&rng));
    assert_found(PACE_FINDING_FLAT, PACE_VERDICT_TOO_LOW);
    double times = diagnosis.suggested / diagnosis.used;
    assert_true(times >= 3 && times <= 5);
}

static void a_small_even_fall_is_too_low_as_well(void **state)
{
    (void)state;
    struct rng rng = {.seed = 5};
    clean_log();
    for (int i = 0; i < N; i++) {
        points[i].loss = 2.5 * exp(-0.04 * i / N + 0.005 * rng_normal(&rng));
        points[i].learning_rate = 1e-6;
    }
    assert_found(PACE_FINDING_FLAT, PACE_VERDICT_TOO_LOW);
}

static void a_small_fall_that_levels_off_is_healthy(void **state)
{
    (void)state;
    struct rng rng = {.seed = 5};
    clean_log();
    for (int i = 0; i < N; i++)
        points[i].loss = 2.5 * exp(0.03 * exp(-i / 60.0) + 0.003 * rng_normal(&rng));
    assert_verdict(PACE_VERDICT_HEALTHY);
}

static void standing_still_high_up_is_a_plateau(void **state)
{
    (void)state;
    struct rng rng = {.seed = 6};
    clean_log();
    for (int i = 0; i < N; i++) {
        points[i].loss = (i < 15 ? 3 - 0.05 * i : 2.25) * exp(0.01 * rng_normal(&rng));
        points[i].learning_rate = 1e-4;
    }
    assert_found(PACE_FINDING_PLATEAU, PACE_VERDICT_PLATEAU);
}

static void a_noisy_plateau_is_known_beside_a_large_fall(void **state)
{
    (void)state;
    struct rng rng = {.seed = 6};
    clean_log();
    for (int i = 0; i < N; i++) {
        points[i].loss = (i < 15 ? 3 - 0.06 * i : 2.1) * exp(0.025 * rng_normal(&rng));
        points[i].learning_rate = 1e-4;
    }
    assert_found(PACE_FINDING_PLATEAU, PACE_VERDICT_PLATEAU);
}

static void a_late_second_fall_shows_a_plateau(void **state)
{
    (void)state;
    clean_log();
    for (int i = 0; i < N; i++)
        points[i].loss = i < 20 ? 3 - 0.05 * i : i < 170 ? 2 - 1e-4 * i : 2 - 0.03 * (i - 170);
    assert_found(PACE_FINDING_PLATEAU, PACE_VERDICT_PLATEAU);
}

static void a_second_fall_as_the_rate_is_let_down_is_healthy(void **state)
{
    (void)state;
    clean_log();
    for (int i = 0; i < N; i++) {
        points[i].loss = i < 20 ? 3 - 0.05 * i : i < 160 ? 2 - 1e-4 * i : 2 - 0.005 * (i - 160);
        points[i].learning_rate = 2e-4 * fmin(1, (N - i) / 40.0);
    }
    assert_verdict(PACE_VERDICT_HEALTHY);
}

static void a_rising_held_out_loss_is_overfitting(void **state)
{
    (void)state;
    clean_log();
    for (int i = 0; i < 10; i++)
        points[20 * i + 19].eval_loss = 1.6 + 0.01 * (i - 4) * (i - 4);
    assert_found(PACE_FINDING_OVERFIT, PACE_VERDICT_OVERFIT);
    assert_int_equal(diagnosis.findings[0].step, points[99].step);
    assert_true(isnan(diagnosis.suggested));
}

static void a_held_out_loss_that_rises_with_the_training_loss_is_no_overfitting(void **state)
{
    (void)state;
    clean_log();
    for (int i = 80; i < N; i++)
        points[i].loss = 1.6 * (1 + 0.015 * fmax(i - 100, 0) / 100);
    for (int i = 19; i < N; i += 20)
        points[i].eval_loss = i < 100 ? 2 - i / 300.0 : 1.67 * (1 + 0.018 * (i - 99) / 100.0);
    diagnose();
    assert_int_not_equal(diagnosis.verdict, PACE_VERDICT_OVERFIT);
}

static void a_stair_of_epochs_to_near_zero_is_overfitting(void **state)
{
    (void)state;
    struct rng rng = {.seed = 8};
    clean_log();
    for (int i = 0; i < N; i++) {
        points[i].epoch = 4.0 * (i + 1) / N;
        points[i].loss = 1.2 * pow(0.35, (int)(4.0 * i / N)) * exp(0.03 * rng_normal(&rng));
    }
    points[0].loss = points[1].loss = points[2].loss = 3;
    assert_found(PACE_FINDING_OVERFIT, PACE_VERDICT_OVERFIT);
}

static void an_even_fall_to_near_zero_over_epochs_is_healthy(void **state)
{
    (void)state;
    clean_log();
    for (int i = 0; i < N; i++) {
        points[i].epoch = 4.0 * (i + 1) / N;
        points[i].loss = 2 * exp(-i / 45.0);
    }
    assert_verdict(PACE_VERDICT_HEALTHY);
}

static void a_rise_at_the_very_beginning_wants_warmup(void **state)
{
    (void)state;
    clean_log();
    points[0].learning_rate = points[1].learning_rate = 2e-4;
    for (int i = 2; i < 9; i++)
        points[i].loss *= 2;
    assert_found(PACE_FINDING_WARMUP_TOO_SHORT, PACE_VERDICT_WARMUP_TOO_SHORT);
    assert_true(isnan(diagnosis.suggested));
}

static void a_rise_after_a_warmup_is_a_rate_too_high(void **state)
{
    (void)state;
    clean_log();
    for (int i = 0; i < 20; i++)
        points[i].learning_rate = 1e-5 * i;
    for (int i = 12; i < 26; i++)
        points[i].loss *= 3;
    assert_found(PACE_FINDING_SPIKE, PACE_VERDICT_TOO_HIGH);
}

static void a_rate_that_is_gone_early_stops_the_fall(void **state)
{
    (void)state;
    struct rng rng = {.seed = 9};
    double done = 0;
    clean_log();
    for (int i = 0; i < N; i++) {
        points[i].learning_rate = 1e-4 * pow(0.5, i / 10.0);
        done += points[i].learning_rate;
        points[i].loss = (3 - 800 * done) * exp(0.01 * rng_normal(&rng));
    }
    assert_found(PACE_FINDING_DECAY_TOO_FAST, PACE_VERDICT_DECAYS_TOO_FAST);
}

static void half_a_log_without_a_rate_decays_too_fast_whatever_the_loss(void **state)
{
    (void)state;
    struct rng rng = {.seed = 14};
    clean_log();
    for (int i = 0; i < N; i++) {
        points[i].learning_rate = i < 80 ? 1e-4 : 1e-6;
        points[i].loss = 2 * exp(0.01 * rng_normal(&rng));
    }
    assert_found(PACE_FINDING_DECAY_TOO_FAST, PACE_VERDICT_DECAYS_TOO_FAST);
    clean_log();
    for (int i = 0; i < N; i++) /* above a tenth for 68 % of the log */
        points[i].learning_rate = 1e-4 * pow(1 - (double)i / N, 2);
    assert_verdict(PACE_VERDICT_HEALTHY);
}

static void what_calms_down_with_the_rate_was_shaken_by_it(void **state)
{
    (void)state;
    for (int is_constant = 0; is_constant < 2; is_constant++) {
        struct rng rng = {.seed = 15};
        clean_log();
        for (int i = 0; i < N; i++) {
            double spread = i < 120 ? 0.12 : 0.02;
            points[i].loss = (1.5 + 1.5 / (1 + i / 10.0)) * exp(spread * rng_normal(&rng));
            points[i].learning_rate = is_constant ? 1e-4 : points[i].learning_rate;
        }
        assert_verdict(is_constant ? PACE_VERDICT_HEALTHY : PACE_VERDICT_TOO_HIGH);
    }
    points[0].learning_rate = 4e-4;
    assert_found(PACE_FINDING_OSCILLATION, PACE_VERDICT_TOO_HIGH);
    const struct pace_finding *f = &diagnosis.findings[0];
    assert_in_range(f->last_step, points[110].step, points[130].step);
    assert_true(f->number[0] > 0.06 && f->number[1] < 0.03 && f->number[2] == 0);
}

static void a_single_tiny_loss_is_no_level_to_rise_from(void **state)
{
    (void)state;
    for (int at = 120; at < N; at += N - 1 - 120) {
        clean_log();
        points[at].loss = 0.01;
        assert_verdict(PACE_VERDICT_HEALTHY);
    }
}

static void a_first_line_above_any_vocabulary_has_blown_up(void **state)
{
    (void)state;
    clean_log();
    points[0].loss = 80;
    assert_found(PACE_FINDING_SPIKE, PACE_VERDICT_TOO_HIGH);
    assert_true(isnan(diagnosis.findings[0].number[0]) && diagnosis.findings[0].number[1] == 80);
    points[0].step = 1; /* before the first update: the initialisation */
    assert_verdict(PACE_VERDICT_HEALTHY);
    clean_log();
    for (int i = 0; i < N; i++) /* a sum over micro-batches */
        points[i].loss *= 64;
    assert_verdict(PACE_VERDICT_HEALTHY);
}

static void a_held_out_loss_that_rises_and_comes_back_is_no_batch(void **state)
{
    (void)state;
    static const double evals[] = {2.4, 2.0, 2.5, 2.1, 1.8, 1.7, 1.65, 1.6, 1.58, 1.57};
    for (int high = 1; high >= 0; high--) {
        clean_log();
        for (int i = 0; i < 10; i++)
            points[20 * i + 19].eval_loss = evals[i];
        points[59].eval_loss = high ? 2.5 : 2.1;
        assert_verdict(high ? PACE_VERDICT_TOO_HIGH : PACE_VERDICT_HEALTHY);
        if (high) {
            const struct pace_finding *f = &diagnosis.findings[0];
            assert_true(f->kind == PACE_FINDING_SPIKE && f->number[0] == 2 && f->number[1] == 2.5);
            assert_int_equal(f->last_step, points[59].step);
        }
    }
}

static void chaos_above_the_start_has_diverged(void **state)
{
    (void)state;
    struct rng rng = {.seed = 16};
    clean_log();
    series.n_points = 60;
    for (int i = 0; i < N; i++)
        points[i].loss = i < 3 ? 2 : 6 * exp(0.5 * rng_normal(&rng));
    assert_found(PACE_FINDING_DIVERGED, PACE_VERDICT_DIVERGED);
    points[0].loss = 1.5; /* the first line alone was sound */
    for (int i = 1; i < N; i++)
        points[i].loss = 6 * exp(0.4 * rng_normal(&rng));
    assert_found(PACE_FINDING_DIVERGED, PACE_VERDICT_DIVERGED);
}

static void a_first_line_that_is_low_by_chance_is_no_rise(void **state)
{
    (void)state;
    struct rng rng = {.seed = 19};
    clean_log();
    for (int i = 0; i < N; i++)
        points[i].loss = (2.6 - 0.8 * i / N) * exp(0.03 * rng_normal(&rng));
    points[0].loss = 0.86 * 2.6;
    assert_verdict(PACE_VERDICT_HEALTHY);
}

static void a_warmup_that_begins_anew_with_a_jump_is_a_resume(void **state)
{
    (void)state;
    clean_log();
    for (int i = 0; i < N; i++)
        points[i].learning_rate = 1e-4;
    points[120].learning_rate = 3e-5;
    points[121].learning_rate = 8e-5;
    points[120].loss = 2.4;
    points[121].loss = 2.8; /* back on the third line */
    assert_found(PACE_FINDING_RESUMED_WRONG, PACE_VERDICT_NOT_LEARNING_RATE);
    assert_int_equal(diagnosis.findings[0].step, points[120].step);
    points[120].learning_rate = points[121].learning_rate = 1e-4;
    assert_verdict(PACE_VERDICT_TOO_HIGH);
}

static void two_lines_above_the_first_want_warmup(void **state)
{
    (void)state;
    struct rng rng = {.seed = 17};
    clean_log();
    series.n_points = 60;
    for (int i = 0; i < 60; i++) { /* the same noise in nats all along */
        points[i].loss = 0.5 + 4.5 * exp(-i / 6.0) + 0.05 * rng_normal(&rng);
        points[i].learning_rate = 1e-4 * (1 - i / 60.0);
    }
    points[1].loss = 6.6;
    points[2].loss = 5.6;
    assert_found(PACE_FINDING_WARMUP_TOO_SHORT, PACE_VERDICT_WARMUP_TOO_SHORT);
}

static void a_fall_that_noise_would_hide_is_flat_only_while_it_is_small(void **state)
{
    (void)state;
    for (int gain = 0; gain <= 1; gain++) {
        struct rng rng = {.seed = 18};
        clean_log();
        for (int i = 0; i < N; i++)
            points[i].loss = 2 * exp(-0.12 * gain * (1 - exp(-i / 15.0)) + 0.08 * rng_normal(&rng));
        assert_verdict(gain ? PACE_VERDICT_HEALTHY : PACE_VERDICT_TOO_LOW);
    }
}

static void a_stall_that_ends_in_a_warm_restart_is_healthy(void **state)
{
    (void)state;
    for (int has_restart = 1; has_restart >= 0; has_restart--) {
        clean_log();
        for (int i = 0; i < N; i++) {
            points[i].loss = i < 20    ? 3 - 0.05 * i
                             : i < 130 ? 2 - 1e-4 * i
                                       : 1.2 + 0.787 * exp((130 - i) / 20.0);
            points[i].learning_rate = 1e-4 * exp(-(i % (has_restart ? 130 : N)) / 100.0);
        }
        assert_verdict(has_restart ? PACE_VERDICT_HEALTHY : PACE_VERDICT_PLATEAU);
    }
}

static void the_unit_of_the_loss_does_not_matter(void **state)
{
    (void)state;
    clean_log();
    for (int i = 100; i < 106; i++)
        points[i].loss *= 2.5;
    for (int i = 0; i < N; i++)
        points[i].loss *= 64;
    assert_found(PACE_FINDING_SPIKE, PACE_VERDICT_TOO_HIGH);
}

static void suggestions_are_round_and_within_bounds(void **state)
{
    (void)state;
    for (int i = 0; i < 400; i++) {
        double peak = pow(10, -7 + i / 80.0);
        clean_log();
        for (int k = 0; k < N; k++) {
            points[k].learning_rate = peak;
            points[k].loss += k < 90 ? 0 : 4;
        }
        diagnose();
        assert_true(diagnosis.suggested >= peak / 3 && diagnosis.suggested <= peak / 2);
        for (int k = 0; k < N; k++)
            points[k].loss = 2 + 0.001 * (k % 2);
        diagnose();
        assert_true(diagnosis.suggested >= 3 * peak && diagnosis.suggested <= 5 * peak);
    }
}

static void a_quick_fall_at_the_start_is_not_flat(void **state)
{
    (void)state;
    struct rng rng = {.seed = 12};
    clean_log();
    for (int i = 0; i < N; i++)
        points[i].loss =
            (1.97 + 0.07 * exp(-i / 60.0) + 0.3 * exp(-i / 3.0)) * exp(0.004 * rng_normal(&rng));
    assert_verdict(PACE_VERDICT_HEALTHY);
}

static void no_rate_in_the_log_gives_no_suggestion(void **state)
{
    (void)state;
    clean_log();
    for (int i = 0; i < N; i++) {
        points[i].learning_rate = NAN;
        points[i].loss += i < 90 ? 0 : 4;
    }
    assert_found(PACE_FINDING_DIVERGED, PACE_VERDICT_DIVERGED);
    assert_true(isnan(diagnosis.used) && isnan(diagnosis.suggested));
}

/* Whatever stands in a log: no crash, a verdict, at most as many findings as there is room for. */
static void any_numbers_get_a_verdict(void **state)
{
    (void)state;
    static const double odd[] = {0, -1, 1e300, -1e300, 1e-300, NAN, 2, 3};
    struct rng rng = {.seed = 11};
    for (int round = 0; round < 3000; round++) {
        clean_log();
        series.n_points = rng_below(&rng, N);
        for (size_t i = 0; i < series.n_points; i++) {
            struct pace_point *p = &points[i];
            double *fields[] = {&p->loss, &p->eval_loss, &p->grad_norm, &p->learning_rate,
                                &p->epoch};
            if (rng_below(&rng, 4) == 0)
                *fields[rng_below(&rng, COUNT_OF(fields))] = odd[rng_below(&rng, COUNT_OF(odd))];
            if (rng_below(&rng, 30) == 0)
                p->step = (int64_t)rng_u64(&rng);
            p->flags = rng_below(&rng, 20) == 0 ? (unsigned)rng_below(&rng, 16) : 0;
        }
        diagnose();
        assert_true((unsigned)diagnosis.verdict < PACE_VERDICT_COUNT);
        assert_true(diagnosis.n_findings <= PACE_FINDINGS_MOST);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clean_log_is_healthy),
        cmocka_unit_test(short_and_empty_logs_are_healthy),
        cmocka_unit_test(a_burst_is_a_spike_and_halves_the_rate),
        cmocka_unit_test(a_single_line_may_hold_a_burst_of_many_steps),
        cmocka_unit_test(a_single_step_is_a_hard_batch),
        cmocka_unit_test(a_single_step_far_above_all_is_a_spike),
        cmocka_unit_test(held_out_losses_alone_can_show_overfitting),
        cmocka_unit_test(many_bursts_are_an_oscillation),
        cmocka_unit_test(waves_too_dense_for_bursts_are_an_oscillation),
        cmocka_unit_test(waves_of_four_or_five_points_are_an_oscillation),
        cmocka_unit_test(a_loss_that_stays_up_has_diverged),
        cmocka_unit_test(divergence_is_told_at_the_step_where_the_loss_rises),
        cmocka_unit_test(a_handful_of_rising_points_has_diverged),
        cmocka_unit_test(nan_is_named_with_the_last_loss_before_it),
        cmocka_unit_test(zeros_with_nan_norms_behind_progress_are_a_hidden_nan),
        cmocka_unit_test(a_loss_of_zero_at_once_is_a_hidden_nan_whatever_the_norm),
        cmocka_unit_test(zeros_from_the_first_line_are_missing_targets),
        cmocka_unit_test(a_policy_gradient_near_zero_is_healthy),
        cmocka_unit_test(overflowed_norms_that_are_skipped_are_no_finding),
        cmocka_unit_test(a_jump_at_a_resume_is_not_the_rates_fault),
        cmocka_unit_test(steps_that_go_back_are_a_resume_too),
        cmocka_unit_test(a_schedule_that_begins_anew_with_a_jump_is_a_resume_too),
        cmocka_unit_test(warm_restarts_are_healthy),
        cmocka_unit_test(a_jump_alone_is_a_blow_up),
        cmocka_unit_test(a_resume_without_a_jump_is_healthy),
        cmocka_unit_test(a_loss_that_does_not_move_is_flat),
        cmocka_unit_test(a_small_even_fall_is_too_low_as_well),
        cmocka_unit_test(a_small_fall_that_levels_off_is_healthy),
        cmocka_unit_test(standing_still_high_up_is_a_plateau),
        cmocka_unit_test(a_noisy_plateau_is_known_beside_a_large_fall),
        cmocka_unit_test(a_late_second_fall_shows_a_plateau),
        cmocka_unit_test(a_second_fall_as_the_rate_is_let_down_is_healthy),
        cmocka_unit_test(a_rising_held_out_loss_is_overfitting),
        cmocka_unit_test(a_held_out_loss_that_rises_with_the_training_loss_is_no_overfitting),
        cmocka_unit_test(a_stair_of_epochs_to_near_zero_is_overfitting),
        cmocka_unit_test(an_even_fall_to_near_zero_over_epochs_is_healthy),
        cmocka_unit_test(a_rise_at_the_very_beginning_wants_warmup),
        cmocka_unit_test(a_rise_after_a_warmup_is_a_rate_too_high),
        cmocka_unit_test(a_rate_that_is_gone_early_stops_the_fall),
        cmocka_unit_test(half_a_log_without_a_rate_decays_too_fast_whatever_the_loss),
        cmocka_unit_test(what_calms_down_with_the_rate_was_shaken_by_it),
        cmocka_unit_test(a_single_tiny_loss_is_no_level_to_rise_from),
        cmocka_unit_test(a_first_line_above_any_vocabulary_has_blown_up),
        cmocka_unit_test(a_held_out_loss_that_rises_and_comes_back_is_no_batch),
        cmocka_unit_test(chaos_above_the_start_has_diverged),
        cmocka_unit_test(a_first_line_that_is_low_by_chance_is_no_rise),
        cmocka_unit_test(a_warmup_that_begins_anew_with_a_jump_is_a_resume),
        cmocka_unit_test(two_lines_above_the_first_want_warmup),
        cmocka_unit_test(a_fall_that_noise_would_hide_is_flat_only_while_it_is_small),
        cmocka_unit_test(a_stall_that_ends_in_a_warm_restart_is_healthy),
        cmocka_unit_test(the_unit_of_the_loss_does_not_matter),
        cmocka_unit_test(suggestions_are_round_and_within_bounds),
        cmocka_unit_test(a_quick_fall_at_the_start_is_not_flat),
        cmocka_unit_test(no_rate_in_the_log_gives_no_suggestion),
        cmocka_unit_test(any_numbers_get_a_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
