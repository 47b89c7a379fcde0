#include "test/support/support.h"

#include <math.h>
#include <string.h>

#include "pace/rate.h"

static struct pace_search_options usual(void)
{
    struct pace_search_options o;
    pace_search_options_init(&o);
    o.prior_rate = 1e-3;
    o.prior_sd = 0.25;
    o.total_steps = 100;
    o.eval_cost = 1;
    o.held_out_rows = 24;
    return o;
}

/* Obeys until the search is done: a bowl whose best is `off` decades above the prior. */
static void obey(struct pace_search *s, double off)
{
    for (;;) {
        struct pace_search_request r = pace_search_next(s);
        if (r.action == PACE_SEARCH_DONE)
            return;
        double d = r.learning_rate > 0 ? log10(r.learning_rate / 1e-3) - off : 0;
        double loss = r.steps > 0 ? 3 + 0.8 * d * d : 4;
        for (int64_t i = 0; i < r.steps; i++)
            assert_true(pace_search_watch(s, 4 + (loss - 4) * (double)i / (double)r.steps));
        pace_search_tell(s, loss, 0.01);
    }
}

static void the_base_comes_first_then_the_priors_rate(void **state)
{
    (void)state;
    struct pace_search s;
    struct pace_search_options o = usual();
    pace_search_init(&s, &o);
    assert_int_equal(pace_search_next(&s).action, PACE_SEARCH_BASE);
    assert_int_equal(pace_search_next(&s).steps, 0);
    pace_search_tell(&s, 4, 0);
    struct pace_search_request r = pace_search_next(&s);
    assert_int_equal(r.action, PACE_SEARCH_ARM);
    assert_int_equal(r.arm, 0);
    assert_true(fabs(r.learning_rate / 1e-3 - 1) < 1e-12);
    assert_true(r.steps >= 5 && r.average_from == r.steps / 2);
}

static void the_bill_counts_every_step_and_evaluation(void **state)
{
    (void)state;
    struct pace_search s;
    struct pace_search_result found;
    struct pace_search_options o = usual();
    pace_search_init(&s, &o);
    obey(&s, 0);
    pace_search_find(&s, &found);
    double steps = 0;
    for (int i = 0; i < s.n_arms; i++)
        steps += (double)s.arms[i].done;
    assert_true(fabs(found.cost - (steps + s.n_arms + 1) / 100) < 1e-12);
    assert_true(found.cost <= 0.25);
    assert_int_equal(found.method, PACE_SEARCH_RACE);
}

static void a_rate_is_told_with_its_interval_and_what_an_error_costs(void **state)
{
    (void)state;
    struct pace_search s;
    struct pace_search_result found;
    struct pace_search_options o = usual();
    char text[400];
    pace_search_init(&s, &o);
    obey(&s, 0);
    pace_search_find(&s, &found);
    assert_true(found.low < found.learning_rate && found.learning_rate < found.high);
    assert_true(found.double_cost > 0 && found.half_cost > 0);
    assert_true(found.double_cost > found.half_cost);
    assert_true(found.sd < o.prior_sd);
    assert_true(found.arm >= 0);
    assert_true(pace_search_explain(&found, text, sizeof text) > 20);
    assert_null(strchr(text, '{'));
}

static void the_prior_alone_costs_nothing(void **state)
{
    (void)state;
    struct pace_search s;
    struct pace_search_result found;
    struct pace_search_options o = usual();
    o.method = PACE_SEARCH_PRIOR;
    pace_search_init(&s, &o);
    assert_int_equal(pace_search_next(&s).action, PACE_SEARCH_DONE);
    pace_search_find(&s, &found);
    assert_true(fabs(found.learning_rate / 1e-3 - 1) < 1e-12);
    assert_true(found.cost == 0 && found.sd == o.prior_sd);
    assert_int_equal(found.arm, -1);
    assert_int_equal(found.reason, PACE_FOUND_ASKED);
}

static void what_stands_in_the_way_of_a_race_is_said(void **state)
{
    (void)state;
    static const struct {
        int64_t steps, rows;
        int n_states;
        enum pace_search_reason reason;
        const char *word, *text;
    } cases[] = {{30, 24, 1, PACE_FOUND_TOO_SHORT, "too_short", "a run of 30 steps"},
                 {100, 0, 1, PACE_FOUND_NO_ROWS, "no_rows", "no held-out rows"},
                 {100, 24, 0, PACE_FOUND_NO_MEMORY, "no_memory", "no memory"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct pace_search s;
        struct pace_search_result found;
        struct pace_search_options o = usual();
        char text[400];
        o.total_steps = cases[i].steps;
        o.held_out_rows = cases[i].rows;
        o.n_states = cases[i].n_states;
        pace_search_init(&s, &o);
        assert_int_equal(pace_search_next(&s).action, PACE_SEARCH_DONE);
        pace_search_find(&s, &found);
        assert_int_equal(found.reason, cases[i].reason);
        assert_string_equal(pace_search_reason_name(found.reason), cases[i].word);
        (void)pace_search_explain(&found, text, sizeof text);
        assert_non_null(strstr(text, cases[i].text));
        assert_true(fabs(found.learning_rate / 1e-3 - 1) < 1e-12);
        assert_int_equal(found.method, PACE_SEARCH_PRIOR);
    }
}

static void options_that_make_no_search_are_refused(void **state)
{
    (void)state;
    struct pace_problem problem;
    struct pace_search_options o = usual();
    assert_true(pace_search_options_check(&o, &problem));
#define REFUSED(field, value, text)                                                                \
    do {                                                                                           \
        o = usual();                                                                               \
        o.field = (value);                                                                         \
        assert_false(pace_search_options_check(&o, &problem));                                     \
        assert_non_null(strstr(problem.what, text));                                               \
    } while (0)
    REFUSED(method, (enum pace_search_method)7, "method 7");
    REFUSED(prior_rate, 0, "0 is no rate");
    REFUSED(prior_rate, NAN, "nan is no rate");
    REFUSED(prior_sd, 0, "no spread");
    REFUSED(prior_sd, INFINITY, "no spread");
    REFUSED(total_steps, 0, "a run of 0 steps");
    REFUSED(budget, 0.3, "a budget of 0.3");
    REFUSED(eval_cost, NAN, "evaluation that costs");
    REFUSED(repeats, -1, "-1 decades of epochs");
    REFUSED(repeats, NAN, "decades of epochs");
    REFUSED(n_states, -1, "-1 states");
    REFUSED(held_out_rows, -2, "-2 held-out rows");
    REFUSED(warmup_steps, -3, "-3 steps of warmup");
}

static void ways_and_reasons_have_names(void **state)
{
    (void)state;
    assert_string_equal(pace_search_method_name(PACE_SEARCH_PRIOR), "prior");
    assert_string_equal(pace_search_method_name(PACE_SEARCH_RACE), "race");
    assert_string_equal(pace_arm_status_name(PACE_ARM_RUNNING), "running");
    assert_string_equal(pace_arm_status_name(PACE_ARM_MEASURED), "measured");
    assert_string_equal(pace_arm_status_name(PACE_ARM_DIVERGED), "diverged");
    for (int i = 0; i < PACE_FOUND_COUNT; i++)
        assert_true(strlen(pace_search_reason_name((enum pace_search_reason)i)) > 3);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_base_comes_first_then_the_priors_rate),
        cmocka_unit_test(the_bill_counts_every_step_and_evaluation),
        cmocka_unit_test(a_rate_is_told_with_its_interval_and_what_an_error_costs),
        cmocka_unit_test(the_prior_alone_costs_nothing),
        cmocka_unit_test(what_stands_in_the_way_of_a_race_is_said),
        cmocka_unit_test(options_that_make_no_search_are_refused),
        cmocka_unit_test(ways_and_reasons_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
