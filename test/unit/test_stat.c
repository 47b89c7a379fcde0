#include "test/support/support.h"

#include <math.h>

#include "base/stat.h"

#define ASSERT_NEAR(a, b) assert_true(fabs((a) - (b)) <= 1e-12 * (1 + fabs((double)(b))))

static void mean_and_deviation_are_those_of_the_textbook(void **state)
{
    (void)state;
    const double x[] = {2, 4, 4, 4, 5, 5, 7, 9};
    ASSERT_NEAR(stat_mean(x, 8), 5);
    ASSERT_NEAR(stat_sd(x, 8), sqrt(32.0 / 7));
    assert_true(stat_sd(x, 1) == 0);
    assert_true(isnan(stat_mean(x, 0)));
    assert_true(isnan(stat_sd(x, 0)));
}

/* By sorting, the slow way. */
static double sorted_quantile(const double *x, size_t n, double q)
{
    double y[64];
    for (size_t i = 0; i < n; i++) {
        size_t j = i;
        for (; j > 0 && y[j - 1] > x[i]; j--)
            y[j] = y[j - 1];
        y[j] = x[i];
    }
    double place = q * (double)(n - 1);
    size_t k = (size_t)place;
    double above = k + 1 < n ? y[k + 1] : y[k];
    return y[k] + (place - (double)k) * (above - y[k]);
}

static void quantiles_equal_those_of_sorted_numbers(void **state)
{
    (void)state;
    const double shares[] = {0, 0.1, 0.25, 0.5, 0.9, 1};
    uint32_t seed = 1;
    for (size_t n = 1; n <= 64; n++) {
        double x[64], copy[64];
        for (size_t i = 0; i < n; i++) {
            seed = seed * 1664525u + 1013904223u;
            x[i] = n % 3 == 0 ? (double)(seed >> 30) : n % 3 == 1 ? (double)i : (double)(seed >> 8);
        }
        for (size_t s = 0; s < COUNT_OF(shares); s++) {
            memcpy(copy, x, sizeof(x));
            ASSERT_NEAR(stat_quantile(copy, n, shares[s]), sorted_quantile(x, n, shares[s]));
        }
    }
    assert_true(isnan(stat_median(NULL, 0)));
}

static void a_trend_is_not_noise(void **state)
{
    (void)state;
    double x[101], scratch[101];
    for (size_t i = 0; i < 101; i++)
        x[i] = 100 - (double)i + (i % 2 ? 0.25 : -0.25);
    double noise = stat_noise(x, 101, scratch);
    assert_true(noise > 0.5 && noise < 1.5); /* steps of -0.5 and -1.5; the whole falls by 100 */
    assert_true(stat_noise(x, 1, scratch) == 0);
    assert_true(isnan(stat_noise(x, 0, scratch)));
}

static void alternation_correlates_negatively_and_drift_positively(void **state)
{
    (void)state;
    double x[40], y[40];
    for (size_t i = 0; i < 40; i++) {
        x[i] = i % 2 ? 1 : -1;
        y[i] = (double)i;
    }
    assert_true(stat_lag(x, 40, 1) < -0.9);
    assert_true(stat_lag(y, 40, 1) > 0.9);
    assert_true(stat_lag(x, 40, 2) > 0.9);
    const double same[] = {3, 3, 3};
    assert_true(stat_lag(same, 3, 1) == 0);
}

static void the_nearest_falling_sequence_pools_what_rises(void **state)
{
    (void)state;
    const double x[] = {4, 2, 8, 1, 1, 3, 0};
    double fit[7];
    size_t count[7];
    stat_fit_falling(x, 7, fit, count);
    const double wanted[] = {14.0 / 3, 14.0 / 3, 14.0 / 3, 5.0 / 3, 5.0 / 3, 5.0 / 3, 0};
    for (size_t i = 0; i < 7; i++)
        assert_true(fabs(fit[i] - wanted[i]) < 1e-12);
    stat_fit_falling(x, 0, fit, count);
}

static void a_rise_begins_at_the_higher_of_two_levels(void **state)
{
    (void)state;
    const double steps[] = {2, 1.9, 2.1, 2, 5, 4.9, 5.1}, falling[] = {3, 2, 1};
    assert_int_equal(stat_rise(steps, 7), 4);
    assert_int_equal(stat_rise(falling, 3), 0);
    assert_int_equal(stat_rise(steps, 0), 0);
}

static void a_line_is_found_with_its_error(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3, 4, 5}, y[] = {2.1, 3.9, 6.2, 7.8, 10.1};
    struct stat_line line = stat_fit_line(x, y, 5);
    ASSERT_NEAR(line.slope, 1.99);
    ASSERT_NEAR(line.intercept, 0.05);
    ASSERT_NEAR(line.sd, 0.18885620632287065);
    ASSERT_NEAR(line.slope_se, 0.05972157622389641);
    struct stat_line by_index = stat_fit_line(NULL, y, 5);
    ASSERT_NEAR(by_index.slope, 1.99);
    ASSERT_NEAR(by_index.intercept, 2.04);
    assert_true(isinf(stat_fit_line(x, y, 2).slope_se));
    assert_true(isnan(stat_fit_line(x, y, 0).slope));
}

static void an_exponential_mean_has_no_bias_at_its_start(void **state)
{
    (void)state;
    struct stat_ema e = {.beta = 0.9};
    assert_true(isnan(stat_ema_mean(&e)));
    for (int i = 0; i < 3; i++) {
        stat_ema_add(&e, 7);
        ASSERT_NEAR(stat_ema_mean(&e), 7);
    }
    stat_ema_add(&e, 17);
    assert_true(stat_ema_mean(&e) > 7 && stat_ema_mean(&e) < 17);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mean_and_deviation_are_those_of_the_textbook),
        cmocka_unit_test(quantiles_equal_those_of_sorted_numbers),
        cmocka_unit_test(a_trend_is_not_noise),
        cmocka_unit_test(alternation_correlates_negatively_and_drift_positively),
        cmocka_unit_test(the_nearest_falling_sequence_pools_what_rises),
        cmocka_unit_test(a_rise_begins_at_the_higher_of_two_levels),
        cmocka_unit_test(a_line_is_found_with_its_error),
        cmocka_unit_test(an_exponential_mean_has_no_bias_at_its_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
