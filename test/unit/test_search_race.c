#include "test/support/support.h"

#include <math.h>

#include "pace/rate.h"

/* A made-up job: the loss of an arm at `off` decades above the prior's rate. */
struct ground {
    double (*loss)(double off);
    double diverges; /* from this offset on the training loss explodes */
    double first;    /* training loss of the first batch, if not as all others */
};

static double falls_with_the_rate(double off)
{
    return 2 - off;
}

static double rises_with_the_rate(double off)
{
    return 3.9 + off;
}

static double is_a_bowl(double off)
{
    return 2 + off * off;
}

static void race_again(struct pace_search *s, const struct ground *g, int64_t steps, double epochs)
{
    struct pace_search_options o;
    pace_search_options_init(&o);
    o.prior_rate = 1e-3;
    o.prior_sd = 0.25;
    o.total_steps = steps;
    o.eval_cost = (double)steps / 100;
    o.held_out_rows = 24;
    o.repeats = log10(epochs);
    pace_search_init(s, &o);
    for (;;) {
        struct pace_search_request r = pace_search_next(s);
        if (r.action == PACE_SEARCH_DONE)
            return;
        double off = r.steps > 0 ? log10(r.learning_rate / 1e-3) : 0;
        double loss = r.steps > 0 ? g->loss(off) : 4;
        bool goes_on = true;
        for (int64_t i = 0; i < r.steps && goes_on; i++) {
            double usual = i == 0 && g->first > 0 ? g->first : 3.9;
            goes_on = pace_search_watch(s, off >= g->diverges ? 4 * exp((double)i) : usual);
        }
        pace_search_tell(s, goes_on ? loss : NAN, 0.01);
    }
}

static void race(struct pace_search *s, const struct ground *g, int64_t steps)
{
    race_again(s, g, steps, 1);
}

static double offset(const struct pace_search *s, int i)
{
    return log10(s->arms[i].learning_rate / 1e-3);
}

static void where_much_is_gained_the_second_arm_lies_above(void **state)
{
    (void)state;
    struct pace_search s;
    race(&s, &(struct ground){is_a_bowl, 9, 0}, 100);
    assert_true(s.n_arms >= 2);
    assert_true(offset(&s, 1) > 0.1);
}

static void where_little_is_gained_it_lies_below(void **state)
{
    (void)state;
    struct pace_search s;
    race(&s, &(struct ground){rises_with_the_rate, 9, 0}, 100);
    assert_true(offset(&s, 1) < -0.1);
}

static void arms_go_on_beyond_an_edge_that_is_the_best(void **state)
{
    (void)state;
    struct pace_search s;
    race(&s, &(struct ground){falls_with_the_rate, 9, 0}, 200);
    assert_true(s.n_arms >= 3);
    assert_true(offset(&s, 2) > offset(&s, 1) + 0.1);
    assert_true(s.arms[2].is_edge);
}

static void an_arm_that_diverges_ends_early_and_bounds_the_others(void **state)
{
    (void)state;
    struct pace_search s;
    struct pace_search_result found;
    race(&s, &(struct ground){falls_with_the_rate, 0.1, 0}, 100);
    int diverged = 0;
    for (int i = 0; i < s.n_arms; i++) {
        if (s.arms[i].status != PACE_ARM_DIVERGED)
            continue;
        diverged++;
        assert_true(s.arms[i].done < s.arm_steps);
        assert_true(isnan(s.arms[i].loss));
    }
    assert_int_equal(diverged, 1);
    pace_search_find(&s, &found);
    assert_true(found.learning_rate < 1e-3 * 1.36);
}

static void an_easy_first_batch_ends_no_arm(void **state)
{
    (void)state;
    struct pace_search s;
    race(&s, &(struct ground){is_a_bowl, 9, 2.5}, 100);
    for (int i = 0; i < s.n_arms; i++)
        assert_int_equal(s.arms[i].status, PACE_ARM_MEASURED);
}

static void where_the_priors_rate_diverges_the_next_is_far_below(void **state)
{
    (void)state;
    struct pace_search s;
    struct pace_search_result found;
    race(&s, &(struct ground){is_a_bowl, -0.1, 0}, 100);
    assert_true(offset(&s, 1) < -0.4);
    pace_search_find(&s, &found);
    assert_true(found.learning_rate < 0.8e-3);
}

static void where_every_rate_diverges_the_lowest_is_not_trusted_either(void **state)
{
    (void)state;
    struct pace_search s;
    struct pace_search_result found;
    race(&s, &(struct ground){is_a_bowl, -9, 0}, 100);
    pace_search_find(&s, &found);
    assert_int_equal(found.reason, PACE_FOUND_BROKEN);
    for (int i = 0; i < s.n_arms; i++)
        assert_true(found.learning_rate < s.arms[i].learning_rate);
    assert_int_equal(found.arm, -1);
}

static void longer_runs_have_longer_arms(void **state)
{
    (void)state;
    struct pace_search s;
    int64_t last = 0;
    static const int64_t steps[] = {80, 100, 150, 200, 400};
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        race(&s, &(struct ground){is_a_bowl, 9, 0}, steps[i]);
        assert_true(s.arm_steps >= last && s.arm_steps >= 5);
        last = s.arm_steps;
    }
    race(&s, &(struct ground){is_a_bowl, 9, 0}, 100000);
    assert_int_equal(s.arm_steps, PACE_SEARCH_STEPS);
}

static void arms_see_rows_as_often_as_the_run_does(void **state)
{
    (void)state;
    struct pace_search s;
    struct pace_search_result found;
    static const struct ground ground = {is_a_bowl, 9};
    race(&s, &ground, 200);
    int64_t steps = s.arm_steps;
    assert_int_equal(s.fresh_steps, steps);
    pace_search_find(&s, &found);
    assert_true(found.arm >= 0);
    static const struct {
        double epochs;
        int64_t times;
    } cases[] = {{1.4, 1}, {2, 2}, {2.9, 3}, {5, 5}, {100, 100}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        race_again(&s, &ground, 200, cases[i].epochs);
        assert_int_equal(s.arm_steps, steps);
        assert_int_equal(s.fresh_steps, (steps + cases[i].times - 1) / cases[i].times);
        pace_search_find(&s, &found);
        assert_true((found.arm >= 0) == (cases[i].times == 1)); /* no beginnings of the run */
    }
}

static void where_they_do_three_short_arms_go_before_two_longer_ones(void **state)
{
    (void)state;
    struct pace_search s;
    static const struct ground ground = {is_a_bowl, 9};
    race(&s, &ground, 64);
    assert_int_equal(s.arm_steps, 7);
    race_again(&s, &ground, 64, 5);
    assert_int_equal(s.arm_steps, 4);
    assert_int_equal(s.n_arms, 3);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(where_much_is_gained_the_second_arm_lies_above),
        cmocka_unit_test(where_little_is_gained_it_lies_below),
        cmocka_unit_test(arms_go_on_beyond_an_edge_that_is_the_best),
        cmocka_unit_test(an_arm_that_diverges_ends_early_and_bounds_the_others),
        cmocka_unit_test(an_easy_first_batch_ends_no_arm),
        cmocka_unit_test(where_the_priors_rate_diverges_the_next_is_far_below),
        cmocka_unit_test(where_every_rate_diverges_the_lowest_is_not_trusted_either),
        cmocka_unit_test(longer_runs_have_longer_arms),
        cmocka_unit_test(arms_see_rows_as_often_as_the_run_does),
        cmocka_unit_test(where_they_do_three_short_arms_go_before_two_longer_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
