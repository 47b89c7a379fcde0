#include "test/support/support.h"

#include <math.h>

#include "report/bowl.h"

static const double nan_rate = NAN;

static struct facts_arm arm(double rate, double loss, const char *status)
{
    return (struct facts_arm){.learning_rate = rate, .loss = loss, .se = 0.01, .status = status};
}

static struct facts searched(const struct facts_arm *arms, size_t n)
{
    return (struct facts){
        .arms = arms,
        .n_arms = n,
        .prior = {true, 3e-4, 0.3, 1.2e-4, 7e-4, NULL, 0},
        .search = {.is_there = true,
                   .learning_rate = 5e-4,
                   .low = 3e-4,
                   .high = 8e-4,
                   .sd = 0.16,
                   .best_loss = 1.9,
                   .curvature = 0.2},
    };
}

static void the_curve_is_lowest_in_the_middle_of_the_interval(void **state)
{
    (void)state;
    struct facts_arm arms[] = {arm(3e-4, 1.92, "measured"), arm(1e-3, 1.95, "edge")};
    struct facts f = searched(arms, 2);
    struct bowl b;
    int lowest = 0;
    bowl_make(&b, &f);
    assert_true(b.has_curve && b.has_prior && b.has_posterior);
    for (int i = 1; i < BOWL_POINTS; i++)
        lowest = !(b.cost[i] >= b.cost[lowest]) && isfinite(b.cost[i]) ? i : lowest;
    assert_true(fabs(log10(b.rate[lowest] / sqrt(3e-4 * 8e-4))) < 0.02);
    assert_true(b.cost[lowest] >= 0 && b.cost[lowest] < 1e-4);
    assert_true(b.cost[lowest + 8] > 1.25 * b.cost[lowest - 8]); /* steeper above */
    assert_true(b.low < 1.2e-4 * 1.001 && b.high > 1e-3);
    assert_true(b.posterior[lowest] > 0.97 && b.prior[lowest] < 0.9);
}

static void an_arm_that_diverged_does_not_press_the_others_flat(void **state)
{
    (void)state;
    struct facts_arm arms[] = {arm(3e-4, 1.92, "measured"), arm(1e-3, 1.95, "measured"),
                               arm(4e-3, 9.5, "diverged"), arm(5e-3, INFINITY, "measured")};
    struct facts f = searched(arms, 4);
    struct bowl b;
    bowl_make(&b, &f);
    assert_false(bowl_is_measured(&arms[2]) || bowl_is_measured(&arms[3]));
    assert_true(b.high > 5e-3 && b.most < 2 && b.least < 1.92);
    assert_true(isnan(b.cost[BOWL_POINTS - 1])); /* off the picture */
}

static void without_a_search_the_first_guess_is_shown(void **state)
{
    (void)state;
    struct facts f = {.prior = {true, 3e-4, 0.3, 1.2e-4, 7e-4, NULL, 0},
                      .search = {.learning_rate = nan_rate,
                                 .low = nan_rate,
                                 .high = nan_rate,
                                 .sd = nan_rate,
                                 .best_loss = nan_rate,
                                 .curvature = nan_rate}};
    struct bowl b;
    bowl_make(&b, &f);
    assert_true(b.low < b.high && b.has_prior && !b.has_posterior && !b.has_curve);
    assert_true(isnan(b.most));
}

static void numbers_that_make_no_picture_make_none(void **state)
{
    (void)state;
    struct facts_arm arms[] = {arm(-1, 1, NULL), arm(INFINITY, 1, NULL), arm(NAN, 1, NULL)};
    struct facts f = searched(arms, 3);
    struct bowl b;
    f.search = (struct facts_search){.learning_rate = -3};
    f.prior = (struct facts_prior){.learning_rate = INFINITY};
    bowl_make(&b, &f);
    assert_true(isnan(b.low) && isnan(b.high));
    assert_false(b.has_curve || b.has_prior || b.has_posterior);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_curve_is_lowest_in_the_middle_of_the_interval),
        cmocka_unit_test(an_arm_that_diverged_does_not_press_the_others_flat),
        cmocka_unit_test(without_a_search_the_first_guess_is_shown),
        cmocka_unit_test(numbers_that_make_no_picture_make_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
