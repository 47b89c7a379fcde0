#include "test/support/support.h"

#include <math.h>
#include <stdio.h>

#include "report/plot_scale.h"

static struct plot_scale scale;

static struct plot_range range_of(double low, double high)
{
    struct plot_range range = {0};
    plot_range_add(&range, low);
    plot_range_add(&range, high);
    return range;
}

/* The labels with blanks between, against "0 5 10". */
static void assert_labels(const char *wanted)
{
    char found[PLOT_TICKS_MOST * PLOT_LABEL_SIZE] = "";
    for (size_t i = 0, len = 0; i < scale.n_ticks; i++)
        len += (size_t)snprintf(found + len, sizeof found - len, "%s%s", i > 0 ? " " : "",
                                scale.ticks[i].label);
    assert_string_equal(found, wanted);
}

static void fit(double low, double high, int most_steps)
{
    struct plot_range range = range_of(low, high);
    plot_scale_fit(&scale, &range, true, false, most_steps);
}

static void fit_log(double low, double high, int most_steps)
{
    struct plot_range range = range_of(low, high);
    plot_scale_fit(&scale, &range, true, true, most_steps);
}

static void a_loose_axis_begins_and_ends_at_round_numbers(void **state)
{
    (void)state;
    fit(0, 1.93e-4, 4);
    assert_true(scale.low == 0 && scale.high == 2e-4);
    assert_labels("0 5e-5 1e-4 1.5e-4 2e-4");
    fit(1.1, 2.87, 5);
    assert_labels("1.0 1.5 2.0 2.5 3.0");
    fit(-3, 7, 6);
    assert_labels("-4 -2 0 2 4 6 8");
    fit(0.31, 0.69, 4);
    assert_labels("0.3 0.4 0.5 0.6 0.7");
}

static void a_tight_axis_is_as_long_as_its_values(void **state)
{
    (void)state;
    struct plot_range range = range_of(37, 962);
    plot_scale_fit(&scale, &range, false, false, 5);
    assert_true(scale.low == 37 && scale.high == 962);
    assert_labels("200 400 600 800");
    range = range_of(0, 999);
    plot_scale_fit(&scale, &range, false, false, 5);
    assert_true(scale.high == 1000);
    assert_labels("0 200 400 600 800 1000");
}

static void zero_is_taken_in_where_it_is_near(void **state)
{
    (void)state;
    fit(0.2, 1, 5);
    assert_true(scale.low == 0);
    fit(0.5, 1, 5);
    assert_true(scale.low == 0.5);
    fit(-1, -0.1, 5);
    assert_true(scale.high == 0);
}

static void ticks_never_exceed_what_is_asked_for(void **state)
{
    (void)state;
    for (int steps = 2; steps < 12; steps++) {
        for (double high = 1; high < 1e6; high *= 1.37) {
            fit(high / 3, high, steps);
            assert_in_range(scale.n_ticks, 2, (size_t)steps + 1);
            assert_true(scale.low <= high / 3 && scale.high >= high);
            fit_log(1, high + 2, steps);
            assert_in_range(scale.n_ticks, 1, (size_t)steps + 2);
        }
    }
}

static void whole_numbers_have_no_fractions_between(void **state)
{
    (void)state;
    struct plot_range range = range_of(0, 2);
    plot_scale_fit(&scale, &range, false, false, 10);
    assert_labels("0 1 2");
    range = range_of(0, 0);
    plot_scale_fit(&scale, &range, false, false, 10);
    assert_labels("0 1");
}

static void large_numbers_are_in_thousands(void **state)
{
    (void)state;
    fit(0, 5e4, 5);
    assert_labels("0 10k 20k 30k 40k 50k");
    fit(0, 3e6, 3);
    assert_labels("0 1M 2M 3M");
    fit(2e9, 3e9, 2);
    assert_labels("2.0G 2.5G 3.0G");
    fit(0, 2e12, 2);
    assert_labels("0 1T 2T");
    fit(10000, 10020, 2);
    assert_labels("10000 10010 10020");
    fit(0, 2e20, 2);
    assert_labels("0 1e20 2e20");
}

static void a_logarithmic_axis_has_powers_of_ten(void **state)
{
    (void)state;
    fit_log(1e-6, 1e-2, 5);
    assert_true(scale.is_log);
    assert_labels("1e-6 1e-5 1e-4 1e-3 0.01");
    fit_log(0.6, 30, 8);
    assert_labels("0.5 1 2 5 10 20 50");
    fit_log(1e-20, 1e20, 5);
    assert_labels("1e-16 1e-8 1 100M 1e16");
    assert_true(plot_scale_at(&scale, 1) == 0.5);
}

static void a_short_logarithmic_axis_has_linear_ticks(void **state)
{
    (void)state;
    fit_log(1.2, 1.9, 4);
    assert_true(scale.is_log);
    assert_labels("1.2 1.4 1.6 1.8 2.0");
    assert_true(plot_scale_at(&scale, 1.6) > 0.5);
}

static void values_that_are_not_positive_make_the_axis_linear(void **state)
{
    (void)state;
    fit_log(0, 1, 4);
    assert_false(scale.is_log);
    fit_log(-1, 1, 4);
    assert_false(scale.is_log);
}

static void a_single_value_has_an_axis_too(void **state)
{
    (void)state;
    fit(2e-4, 2e-4, 4);
    assert_true(scale.low == 0 && scale.high == 2e-4);
    fit(-3, -3, 4);
    assert_true(scale.low <= -3 && scale.high == 0);
    fit(0, 0, 4);
    assert_true(scale.low == 0 && scale.high == 1);
    struct plot_range range = range_of(5, 5);
    plot_scale_fit(&scale, &range, false, false, 4);
    assert_true(scale.low < 5 && scale.high > 5);
    assert_labels("5");
}

static void no_value_has_an_axis_too(void **state)
{
    (void)state;
    struct plot_range range = {0};
    plot_range_add(&range, NAN);
    plot_range_add(&range, INFINITY);
    plot_range_add(&range, 1e300);
    assert_false(range.is_known);
    plot_scale_fit(&scale, &range, true, true, 4);
    assert_true(scale.low == 0 && scale.high == 1 && scale.n_ticks > 1);
}

static void extremes_neither_hang_nor_overflow(void **state)
{
    (void)state;
    static const double values[] = {-1e150, -1, -1e-150, 0, 5e-324, 1e-149, 1, 1e15, 1e149, 1e150};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        for (size_t j = i; j < COUNT_OF(values); j++) {
            fit(values[i], values[j], 6);
            assert_true(scale.low < scale.high);
            fit_log(values[i], values[j], 6);
            assert_true(scale.low < scale.high && isfinite(plot_scale_at(&scale, values[j])));
        }
    }
}

static void places_are_between_the_ends(void **state)
{
    (void)state;
    fit(0, 10, 5);
    assert_true(plot_scale_at(&scale, 0) == 0 && plot_scale_at(&scale, 10) == 1);
    assert_true(plot_scale_at(&scale, 5) == 0.5);
    assert_true(isnan(plot_scale_at(&scale, NAN)) && isnan(plot_scale_at(&scale, -INFINITY)));
    fit_log(1, 100, 5);
    assert_true(isnan(plot_scale_at(&scale, 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loose_axis_begins_and_ends_at_round_numbers),
        cmocka_unit_test(a_tight_axis_is_as_long_as_its_values),
        cmocka_unit_test(zero_is_taken_in_where_it_is_near),
        cmocka_unit_test(ticks_never_exceed_what_is_asked_for),
        cmocka_unit_test(whole_numbers_have_no_fractions_between),
        cmocka_unit_test(large_numbers_are_in_thousands),
        cmocka_unit_test(a_logarithmic_axis_has_powers_of_ten),
        cmocka_unit_test(a_short_logarithmic_axis_has_linear_ticks),
        cmocka_unit_test(values_that_are_not_positive_make_the_axis_linear),
        cmocka_unit_test(a_single_value_has_an_axis_too),
        cmocka_unit_test(no_value_has_an_axis_too),
        cmocka_unit_test(extremes_neither_hang_nor_overflow),
        cmocka_unit_test(places_are_between_the_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
