#include "test/support/support.h"

#include <math.h>

#include "pace/rate.h"

static struct pace_schedule schedule(enum pace_schedule_kind kind)
{
    struct pace_schedule s = {.learning_rate = 0.1, .total_steps = 100};
    pace_schedule_init(&s, kind);
    s.patience = 1;
    return s;
}

/* The rate behind each metric. */
static void assert_rates(const struct pace_schedule *s, const double *metrics, const double *wanted,
                         size_t n)
{
    struct pace_metric_rate m;
    pace_metric_rate_init(&m, s);
    assert_true(m.learning_rate == s->learning_rate);
    for (size_t i = 0; i < n; i++) {
        pace_metric_rate_observe(&m, s, metrics[i]);
        if (m.learning_rate != wanted[i])
            fail_msg("metric %zu: expected %.17g, got %.17g", i, wanted[i], m.learning_rate);
    }
    assert_int_equal(m.n_metrics, n);
}

#define ASSERT_RATES(s, metrics, wanted)                                                           \
    do {                                                                                           \
        assert_int_equal(COUNT_OF(metrics), COUNT_OF(wanted));                                     \
        assert_rates((s), (metrics), (wanted), COUNT_OF(metrics));                                 \
    } while (0)

static void a_plateau_reduces_the_rate_after_patience(void **state)
{
    (void)state;
    struct pace_schedule s = schedule(PACE_SCHEDULE_REDUCE_LR_ON_PLATEAU);
    const double metrics[] = {3, 2, 2, 2, 2, 2, 1, 1, 1};
    const double wanted[] = {0.1,
                             0.1,
                             0.1,
                             0.1 * 0.1,
                             0.1 * 0.1,
                             0.1 * 0.1 * 0.1,
                             0.1 * 0.1 * 0.1,
                             0.1 * 0.1 * 0.1,
                             0.1 * 0.1 * 0.1 * 0.1};
    ASSERT_RATES(&s, metrics, wanted);
}

static void a_cooldown_counts_for_nothing(void **state)
{
    (void)state;
    struct pace_schedule s = schedule(PACE_SCHEDULE_REDUCE_LR_ON_PLATEAU);
    s.patience = 0;
    s.cooldown = 2;
    s.factor = 0.5;
    const double metrics[] = {1, 1, 1, 1, 1};
    const double wanted[] = {0.1, 0.05, 0.05, 0.05, 0.025};
    ASSERT_RATES(&s, metrics, wanted);
}

static void the_minimum_and_small_changes_stop_a_plateau(void **state)
{
    (void)state;
    struct pace_schedule s = schedule(PACE_SCHEDULE_REDUCE_LR_ON_PLATEAU);
    s.patience = 0;
    s.factor = 0.5;
    s.min_lr = 0.04;
    const double metrics[] = {1, 1, 1, 1};
    const double wanted[] = {0.1, 0.05, 0.04, 0.04};
    ASSERT_RATES(&s, metrics, wanted);
    s.eps = 0.02;
    const double with_eps[] = {0.1, 0.05, 0.05, 0.05};
    ASSERT_RATES(&s, metrics, with_eps);
}

static void thresholds_are_shares_or_differences_in_either_direction(void **state)
{
    (void)state;
    static const struct {
        bool max, abs;
        double second; /* the least metric that is better than 1 by more than a tenth */
    } cases[] = {
        {false, false, 0.89}, {false, true, 0.89}, {true, false, 1.11}, {true, true, 1.11}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct pace_schedule s = schedule(PACE_SCHEDULE_REDUCE_LR_ON_PLATEAU);
        s.patience = 0;
        s.threshold = 0.1;
        s.mode_max = cases[i].max;
        s.threshold_abs = cases[i].abs;
        const double better[] = {1, cases[i].second};
        const double nearly[] = {1, (1 + cases[i].second) / 2};
        const double kept[] = {0.1, 0.1}, reduced[] = {0.1, 0.1 * 0.1};
        ASSERT_RATES(&s, better, kept);
        ASSERT_RATES(&s, nearly, reduced);
    }
}

static void a_metric_that_is_no_number_is_a_bad_one(void **state)
{
    (void)state;
    const double metrics[] = {NAN, 1, NAN, NAN};
    struct pace_schedule s = schedule(PACE_SCHEDULE_REDUCE_LR_ON_PLATEAU);
    const double plateau[] = {0.1, 0.1, 0.1, 0.1 * 0.1};
    ASSERT_RATES(&s, metrics, plateau);
    s = schedule(PACE_SCHEDULE_GREEDY);
    const double greedy[] = {0.1, 0.1, 0.1, 0.1 * 0.95};
    ASSERT_RATES(&s, metrics, greedy);
}

static void greedy_raises_while_metrics_improve(void **state)
{
    (void)state;
    struct pace_schedule s = schedule(PACE_SCHEDULE_GREEDY);
    s.factor = 0.5;
    s.max_lr = 0.3;
    s.warmup = 1;
    const double metrics[] = {9, 8, 7, 6, 5, 4, 3};
    const double wanted[] = {0.1, 0.2, 0.2, 0.2, 0.3, 0.3, 0.3};
    ASSERT_RATES(&s, metrics, wanted);
}

static void greedy_begins_afresh_at_its_minimum(void **state)
{
    (void)state;
    struct pace_schedule s = schedule(PACE_SCHEDULE_GREEDY);
    s.patience = 0;
    s.factor = 0.5;
    s.min_lr = 0.05;
    s.reset_start = 2;
    /* The first is better than nothing: a raise. Then the way down, twice at the minimum. */
    const double metrics[] = {1, 1, 1, 1, 1, 1};
    const double wanted[] = {0.2, 0.1, 0.05, 0.1, 0.2, 0.1};
    ASSERT_RATES(&s, metrics, wanted);
}

static void greedy_judges_the_mean_of_the_window(void **state)
{
    (void)state;
    struct pace_schedule s = schedule(PACE_SCHEDULE_GREEDY);
    s.smooth = true;
    s.window_size = 2;
    s.factor = 0.5;
    /* means 4, 4, 3, 3, 4, 3.5 */
    const double metrics[] = {4, 4, 2, 4, 4, 3};
    const double wanted[] = {0.1, 0.1, 0.1, 0.1, 0.05, 0.05};
    ASSERT_RATES(&s, metrics, wanted);
}

static void a_copy_goes_on_the_same_way(void **state)
{
    (void)state;
    struct pace_schedule s = schedule(PACE_SCHEDULE_GREEDY);
    s.smooth = true;
    s.window_size = 3;
    struct pace_metric_rate m, copy;
    pace_metric_rate_init(&m, &s);
    for (int i = 0; i < 20; i++) {
        copy = m;
        pace_metric_rate_observe(&m, &s, 3 + sin(i));
        pace_metric_rate_observe(&copy, &s, 3 + sin(i));
        assert_memory_equal(&m, &copy, sizeof m);
    }
}

static void observe_a_schedule_without_metrics(void)
{
    struct pace_schedule s = schedule(PACE_SCHEDULE_LINEAR);
    struct pace_metric_rate m;
    pace_metric_rate_init(&m, &s);
    pace_metric_rate_observe(&m, &s, 1);
}

static void other_schedules_take_no_metrics(void **state)
{
    (void)state;
    assert_check_fails(observe_a_schedule_without_metrics, "uses_metric");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plateau_reduces_the_rate_after_patience),
        cmocka_unit_test(a_cooldown_counts_for_nothing),
        cmocka_unit_test(the_minimum_and_small_changes_stop_a_plateau),
        cmocka_unit_test(thresholds_are_shares_or_differences_in_either_direction),
        cmocka_unit_test(a_metric_that_is_no_number_is_a_bad_one),
        cmocka_unit_test(greedy_raises_while_metrics_improve),
        cmocka_unit_test(greedy_begins_afresh_at_its_minimum),
        cmocka_unit_test(greedy_judges_the_mean_of_the_window),
        cmocka_unit_test(a_copy_goes_on_the_same_way),
        cmocka_unit_test(other_schedules_take_no_metrics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
