#include "test/support/support.h"

#include "rate/problem.h"

static void a_problem_has_a_fact_and_a_hint(void **state)
{
    (void)state;
    struct pace_problem problem;
    assert_false(problem_set(&problem, "make it shorter", "a warmup of %d steps", 7));
    assert_string_equal(problem.what, "a warmup of 7 steps");
    assert_string_equal(problem.hint, "make it shorter");
}

static void long_texts_are_cut_to_their_size(void **state)
{
    (void)state;
    struct pace_problem problem;
    char text[1000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_false(problem_set(&problem, text, "%s", text));
    assert_int_equal(strlen(problem.what), sizeof problem.what - 1);
    assert_int_equal(strlen(problem.hint), sizeof problem.hint - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_problem_has_a_fact_and_a_hint),
        cmocka_unit_test(long_texts_are_cut_to_their_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
