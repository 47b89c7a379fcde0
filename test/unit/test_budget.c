#include "test/support/support.h"

#include <math.h>

#include "train/budget.h"

static void assert_says(struct buf *text, const char *words)
{
    assert_non_null(strstr(buf_string(text), words));
}

/* 300 steps of 8 rows of 100 tokens, adapters. */
static struct budget_job usual(void)
{
    return (struct budget_job){.tokens = 240000,
                               .step_cost = 2.2,
                               .steps = 300,
                               .eval = {.n = 1000, .length = 100},
                               .test = {.n = 1000, .length = 100},
                               .searches = true};
}

/* What is measured, in forward passes of a token. */
static double cost_of(const struct budget *b, const struct budget_job *job)
{
    double evals = ceil((double)job->steps / (double)b->eval_steps) + 2;
    return b->preflight + b->passages + b->answers +
           evals * (double)b->eval_rows * job->eval.length +
           2 * (double)b->test_rows * job->test.length;
}

static void a_run_of_some_length_costs_a_quarter_more_at_most(void **state)
{
    (void)state;
    struct budget b;
    struct budget_job job = usual();
    job.eval.n = job.test.n = 1000000000;
    for (job.steps = 60; job.steps < 100000; job.steps = job.steps * 5 / 3) {
        for (double length = 4; length < 4000; length *= 3) {
            for (job.step_cost = 2.2; job.step_cost < 4; job.step_cost += 0.8) {
                job.tokens = 8 * length * (double)job.steps;
                job.eval.length = job.test.length = length;
                budget_plan(&b, &job);
                double share = cost_of(&b, &job) / (job.step_cost * job.tokens);
                assert_true(fabs(share - b.measured) < 1e-9);
                assert_true(b.measured > 0.07 && b.measured < 0.13);
                assert_true(fabs(b.measured + b.search - BUDGET_WHOLE) < 1e-12);
                assert_true(b.preflight + b.passages + b.answers <= 0.05 * b.run);
                assert_false(b.is_short);
                assert_true(b.search_rows == b.eval_rows);
                assert_in_range(ceil((double)job.steps / (double)b.eval_steps), 3, 10);
            }
        }
    }
}

static void of_random_weights_nothing_is_kept_and_the_search_gets_its_share(void **state)
{
    (void)state;
    struct budget tuned, fresh;
    struct budget_job job = usual();
    job.searches = true;
    budget_plan(&tuned, &job);
    job.from_scratch = true;
    budget_plan(&fresh, &job);
    assert_true(tuned.passages > 0 && fresh.passages == 0);
    assert_true(fabs(fresh.search - tuned.search - tuned.passages / tuned.run) < 1e-12);
}

static void longer_runs_measure_on_more_rows_and_then_more_often(void **state)
{
    (void)state;
    double most = 3;
    struct budget b, before = {0};
    struct budget_job job = usual();
    for (job.steps = 100; job.steps <= 12800; job.steps *= 2) {
        job.tokens = 800.0 * (double)job.steps;
        budget_plan(&b, &job);
        assert_true(b.eval_rows >= before.eval_rows && b.test_rows > before.test_rows);
        double evals = ceil((double)job.steps / (double)b.eval_steps);
        assert_true(evals >= most);
        most = evals;
        before = b;
        if (b.test_rows == 1000)
            break;
    }
    assert_int_equal(b.test_rows, 1000); /* all that there are */
    assert_true(most == 10);
}

static void numbers_that_were_asked_for_are_kept(void **state)
{
    (void)state;
    struct budget b, plain;
    struct budget_job job = usual();
    budget_plan(&plain, &job);
    job.eval.all_wanted = job.test.all_wanted = true;
    job.eval_steps = 30;
    budget_plan(&b, &job);
    assert_int_equal(b.eval_rows, 1000);
    assert_int_equal(b.test_rows, 1000);
    assert_int_equal(b.eval_steps, 30);
    assert_true(b.search_rows == plain.search_rows); /* not in each arm */
    assert_true(b.search == 0 && b.is_short);
    assert_true(fabs(b.measured - cost_of(&b, &job) / b.run) < 1e-9);
}

static void the_rows_do_not_depend_on_whether_there_is_a_search(void **state)
{
    (void)state;
    struct budget with, without;
    struct budget_job job = usual();
    budget_plan(&with, &job);
    job.searches = false;
    budget_plan(&without, &job);
    assert_true(without.search == 0 && with.search > 0);
    with.search = 0;
    assert_memory_equal(&with, &without, sizeof with);
}

static void a_tiny_run_measures_the_least_and_says_what_it_costs(void **state)
{
    (void)state;
    struct budget b;
    struct budget_job job = usual();
    struct buf text;
    job.steps = 10;
    job.tokens = 8000;
    budget_plan(&b, &job);
    assert_int_equal(b.eval_rows, 8);
    assert_int_equal(b.test_rows, 16);
    assert_int_equal(b.eval_steps, 5);
    assert_true(b.is_short && b.search == 0 && b.measured < 0.5);
    buf_init(&text, BUF_NO_LIMIT);
    budget_explain(&b, &text);
    assert_says(&text, "measuring costs 40 % of the steps: the run is too short");
    job.steps = 1;
    job.tokens = 400;
    budget_plan(&b, &job);
    assert_true(b.eval_rows == 6 && b.test_rows == 6);
    job.test.n = job.eval.n = 0; /* nothing was set aside */
    budget_plan(&b, &job);
    assert_true(b.eval_rows == 0 && b.test_rows == 0 && b.eval_steps >= 1 && !b.is_short);
    buf_release(&text);
}

static void the_plan_is_told_in_a_sentence(void **state)
{
    (void)state;
    struct budget b;
    struct budget_job job = usual();
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    budget_plan(&b, &job);
    budget_explain(&b, &text);
    assert_says(&text, "measuring costs 11 % of the steps, finding the rate at most 14 %");
    buf_clear(&text);
    job.searches = false;
    budget_plan(&b, &job);
    budget_explain(&b, &text);
    assert_string_equal(buf_string(&text), "measuring costs 11 % of the steps");
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_of_some_length_costs_a_quarter_more_at_most),
        cmocka_unit_test(of_random_weights_nothing_is_kept_and_the_search_gets_its_share),
        cmocka_unit_test(longer_runs_measure_on_more_rows_and_then_more_often),
        cmocka_unit_test(numbers_that_were_asked_for_are_kept),
        cmocka_unit_test(the_rows_do_not_depend_on_whether_there_is_a_search),
        cmocka_unit_test(a_tiny_run_measures_the_least_and_says_what_it_costs),
        cmocka_unit_test(the_plan_is_told_in_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
