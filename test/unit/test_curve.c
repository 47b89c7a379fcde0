#include "test/support/support.h"

#include <math.h>

#include "base/rng.h"
#include "rate/curve.h"

enum { N = 200 };

static struct arena arena;
static struct pace_point points[N];
static struct curve curve;

static int release_arena(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

/* A loss of 2 for each step; nothing else logged. */
static void level_log(void)
{
    for (int i = 0; i < N; i++)
        points[i] = (struct pace_point){i + 1, NAN, 2, NAN, NAN, NAN, 0};
}

static void take(size_t n)
{
    struct pace_series series = {.points = points, .n_points = n};
    curve_init(&curve, &series, &arena);
}

static void losses_that_are_not_finite_are_passed_over(void **state)
{
    (void)state;
    level_log();
    points[3].loss = NAN;
    points[3].flags = PACE_LOSS_NOT_FINITE;
    take(10);
    assert_int_equal(curve.n, 9);
    assert_int_equal(curve.step[3], 5);
    assert_int_equal(curve.point[3], 4);
    assert_true(fabs(curve.y[0] - log(2)) < 1e-15);
    assert_true(isnan(curve.peak));
}

static void held_out_losses_of_one_step_become_their_mean(void **state)
{
    (void)state;
    level_log();
    for (int i = 3; i < 5; i++)
        points[i] = (struct pace_point){100, NAN, NAN, i, NAN, NAN, 0};
    points[5] = (struct pace_point){101, NAN, NAN, 1, NAN, NAN, 0};
    take(6);
    assert_int_equal(curve.n, 3);
    assert_int_equal(curve.n_evals, 2);
    assert_true(curve.eval[0] == 3.5 && curve.eval[1] == 1);
    assert_int_equal(curve.eval_step[1], 101);
}

static void a_log_of_held_out_losses_alone_is_judged_by_them(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        points[i] = (struct pace_point){i, NAN, NAN, 3 - 0.1 * i, NAN, NAN, 0};
    take(5);
    assert_int_equal(curve.n, 5);
    assert_true(curve.loss[4] == 3 - 0.1 * 4);
}

static void the_rate_of_the_next_update_is_shifted_back(void **state)
{
    (void)state;
    level_log();
    for (int i = 0; i < 4; i++)
        points[i].learning_rate = i;
    struct pace_series series = {.points = points, .n_points = 4, .rate_is_of_next = true};
    curve_init(&curve, &series, &arena);
    assert_true(curve.rate[0] == 0 && curve.rate[1] == 0 && curve.rate[3] == 2);
    assert_true(curve.peak == 3);
}

static void noise_is_relative_and_blind_to_a_trend(void **state)
{
    (void)state;
    struct rng rng = {.seed = 1};
    level_log();
    for (int i = 0; i < N; i++)
        points[i].loss = (10 - 0.04 * i) * exp(0.1 * rng_normal(&rng));
    take(N);
    for (int i = 0; i < N; i++)
        assert_true(curve.noise[i] > 0.06 && curve.noise[i] < 0.2);
}

static void a_steep_beginning_is_measured_by_its_bends(void **state)
{
    (void)state;
    struct rng rng = {.seed = 4};
    level_log();
    for (int i = 0; i < 60; i++) /* noise in nats: 1 % at the start, 10 % at the end */
        points[i].loss = 0.5 + 4.5 * exp(-i / 6.0) + 0.05 * rng_normal(&rng);
    take(60);
    assert_true(curve.noise[0] < 0.75 * curve.noise[30] && curve.noise[0] > 0.01);
    static const double steep[] = {9, 7, 5, 3, 1, -1};
    double scratch[6];
    assert_true(curve_bends(steep, 6, scratch) == 0);
}

static void progress_is_counted_without_a_blown_up_start(void **state)
{
    (void)state;
    level_log();
    for (int i = 0; i < 50; i++)
        points[i].loss = i < 2 ? 900 : i < 15 ? 3 : 2;
    take(50);
    assert_true(curve.fall == 1 && curve.start > 2.9);
}

static void a_shape_that_fits_leaves_less(void **state)
{
    (void)state;
    double x[N];
    level_log();
    for (int i = 0; i < N; i++) {
        x[i] = 1 - exp(-i / 30.0);
        points[i].loss = exp(1 - 0.2 * x[i] + (i % 2 ? 0.001 : -0.001));
    }
    take(N);
    struct stretch all = {0, N};
    struct trend even = curve_trend(&curve, NULL, all), quick = curve_trend(&curve, x, all);
    assert_true(fabs(quick.change + 0.2) < 0.002 && quick.misfit < even.misfit - 100);
}

static void a_loss_about_zero_is_no_likelihood(void **state)
{
    (void)state;
    level_log();
    take(10);
    assert_true(curve.is_likelihood);
    for (int i = 0; i < 10; i++)
        points[i].loss = i % 2 ? 0.02 : -0.01;
    take(10);
    assert_false(curve.is_likelihood);
}

static void a_falling_trend_is_measured_with_its_error(void **state)
{
    (void)state;
    struct rng rng = {.seed = 2};
    level_log();
    for (int i = 0; i < N; i++)
        points[i].loss = exp(1 - 0.3 * i / (N - 1) + 0.05 * rng_normal(&rng));
    take(N);
    struct trend trend = curve_trend(&curve, NULL, (struct stretch){0, N});
    assert_true(fabs(trend.change + 0.3) < 3 * trend.se);
    assert_true(trend.se > 0.005 && trend.se < 0.03);
}

static void an_empty_log_has_no_points(void **state)
{
    (void)state;
    take(0);
    assert_int_equal(curve.n, 0);
    assert_int_equal(curve_find(&curve, 5), 0);
    assert_true(isnan(curve.peak));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_that_are_not_finite_are_passed_over),
        cmocka_unit_test(held_out_losses_of_one_step_become_their_mean),
        cmocka_unit_test(a_log_of_held_out_losses_alone_is_judged_by_them),
        cmocka_unit_test(the_rate_of_the_next_update_is_shifted_back),
        cmocka_unit_test(noise_is_relative_and_blind_to_a_trend),
        cmocka_unit_test(a_steep_beginning_is_measured_by_its_bends),
        cmocka_unit_test(progress_is_counted_without_a_blown_up_start),
        cmocka_unit_test(a_shape_that_fits_leaves_less),
        cmocka_unit_test(a_loss_about_zero_is_no_likelihood),
        cmocka_unit_test(a_falling_trend_is_measured_with_its_error),
        cmocka_unit_test(an_empty_log_has_no_points),
    };
    return cmocka_run_group_tests(tests, NULL, release_arena);
}
