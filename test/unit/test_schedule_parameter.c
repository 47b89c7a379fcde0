#include "test/support/support.h"

#include <math.h>

#include "pace/rate.h"

static struct pace_problem problem;

static struct pace_schedule schedule(enum pace_schedule_kind kind)
{
    struct pace_schedule s = {.learning_rate = 2e-4, .total_steps = 100, .warmup_steps = 10};
    pace_schedule_init(&s, kind);
    return s;
}

/* The call is false, and the problem says the text. */
static void assert_refused(bool result, const char *text)
{
    assert_false(result);
    if (!strstr(problem.what, text))
        fail_msg("expected a problem with \"%s\", got \"%s\"", text, problem.what);
}

static void defaults_are_those_of_the_originals(void **state)
{
    (void)state;
    struct pace_schedule s = schedule(PACE_SCHEDULE_COSINE);
    assert_true(s.num_cycles == 0.5 && s.learning_rate == 2e-4 && s.total_steps == 100);
    pace_schedule_init(&s, PACE_SCHEDULE_COSINE_WITH_RESTARTS);
    assert_true(s.num_cycles == 1 && s.warmup_steps == 10);
    pace_schedule_init(&s, PACE_SCHEDULE_REDUCE_LR_ON_PLATEAU);
    assert_true(s.factor == 0.1 && s.patience == 10 && s.threshold == 1e-4 && s.eps == 1e-8);
    assert_true(!s.threshold_abs && !s.mode_max && s.cooldown == 0 && s.min_lr == 0);
    pace_schedule_init(&s, PACE_SCHEDULE_GREEDY);
    assert_true(s.factor == 0.95 && s.patience == 10 && s.threshold == 1e-6 && s.eps == 1e-8);
    assert_true(s.threshold_abs && s.min_lr == 1e-3 && s.max_lr == 1 && s.window_size == 50);
    assert_true(s.reset_start == 500 && s.warmup == 0 && !s.smooth);
    pace_schedule_init(&s, PACE_SCHEDULE_WARMUP_STABLE_DECAY);
    assert_true(s.num_stable_steps == -1 && s.num_decay_steps == -1 && s.min_lr_ratio == 0);
    assert_true(s.warmup_type == PACE_CURVE_LINEAR && s.decay_type == PACE_CURVE_COSINE);
    pace_schedule_init(&s, PACE_SCHEDULE_COSINE_WITH_MIN_LR);
    assert_true(isnan(s.min_lr) && isnan(s.min_lr_rate));
}

static void parameters_are_listed_by_index(void **state)
{
    (void)state;
    assert_string_equal(pace_schedule_parameter(PACE_SCHEDULE_POLYNOMIAL, 0), "lr_end");
    assert_string_equal(pace_schedule_parameter(PACE_SCHEDULE_POLYNOMIAL, 1), "power");
    assert_null(pace_schedule_parameter(PACE_SCHEDULE_POLYNOMIAL, 2));
    assert_null(pace_schedule_parameter(PACE_SCHEDULE_LINEAR, 7));
}

static void parameters_are_set_from_text(void **state)
{
    (void)state;
    struct pace_schedule s = schedule(PACE_SCHEDULE_WARMUP_STABLE_DECAY);
    assert_true(pace_schedule_set(&s, "num_decay_steps", "20", &problem));
    assert_true(pace_schedule_set(&s, "num_stable_steps", "30.0", &problem));
    assert_true(pace_schedule_set(&s, "decay_type", "1-sqrt", &problem));
    assert_true(pace_schedule_set(&s, "min_lr_ratio", "1e-1", &problem));
    assert_int_equal(s.num_decay_steps, 20);
    assert_int_equal(s.num_stable_steps, 30);
    assert_int_equal(s.decay_type, PACE_CURVE_1_SQRT);
    assert_true(s.min_lr_ratio == 0.1);
    assert_true(pace_schedule_set(&s, "num_stable_steps", "null", &problem));
    assert_int_equal(s.num_stable_steps, -1);
    pace_schedule_init(&s, PACE_SCHEDULE_GREEDY);
    assert_true(pace_schedule_set(&s, "mode", "max", &problem) && s.mode_max);
    assert_true(pace_schedule_set(&s, "threshold_mode", "rel", &problem) && !s.threshold_abs);
    assert_true(pace_schedule_set(&s, "smooth", "true", &problem) && s.smooth);
    assert_true(pace_schedule_set(&s, "verbose", "false", &problem) && !s.verbose);
}

/* Every parameter of every kind, read out and set again, is what it was. */
static void what_is_read_out_can_be_set_again(void **state)
{
    (void)state;
    for (int kind = 0; kind < PACE_SCHEDULE_COUNT; kind++) {
        struct pace_schedule s = schedule((enum pace_schedule_kind)kind), again = s;
        const char *name;
        for (size_t i = 0; (name = pace_schedule_parameter(s.kind, i)) != NULL; i++) {
            char text[32], second[32];
            assert_true(pace_schedule_get(&s, name, text, sizeof text));
            if (strcmp(text, "null") != 0) /* what must be given has no default to set */
                assert_true(pace_schedule_set(&again, name, text, &problem));
            assert_true(pace_schedule_get(&again, name, second, sizeof second));
            assert_string_equal(text, second);
        }
    }
    struct pace_schedule s = schedule(PACE_SCHEDULE_WARMUP_STABLE_DECAY);
    char text[32];
    assert_true(pace_schedule_set(&s, "min_lr_ratio", "0.1", &problem));
    assert_true(pace_schedule_get(&s, "min_lr_ratio", text, sizeof text));
    assert_string_equal(text, "0.1");
    assert_true(pace_schedule_set(&s, "decay_type", "1-sqrt", &problem));
    assert_true(pace_schedule_get(&s, "decay_type", text, sizeof text));
    assert_string_equal(text, "1-sqrt");
    assert_true(pace_schedule_get(&s, "num_decay_steps", text, sizeof text));
    assert_string_equal(text, "null");
    assert_false(pace_schedule_get(&s, "gamma", text, sizeof text));
}

static void an_unknown_parameter_is_refused_with_the_list(void **state)
{
    (void)state;
    for (int i = 0; i < PACE_SCHEDULE_COUNT; i++) {
        struct pace_schedule s = schedule((enum pace_schedule_kind)i);
        assert_refused(pace_schedule_set(&s, "last_epoch", "1", &problem),
                       "has no parameter 'last_epoch'");
        const char *first = pace_schedule_parameter(s.kind, 0);
        assert_non_null(strstr(problem.hint, first ? first : "takes no parameters"));
    }
}

static void a_value_of_another_type_is_refused(void **state)
{
    (void)state;
    struct pace_schedule s = schedule(PACE_SCHEDULE_WARMUP_STABLE_DECAY);
    assert_refused(pace_schedule_set(&s, "num_cycles", "half", &problem),
                   "num_cycles: 'half' is not a number");
    assert_refused(pace_schedule_set(&s, "num_cycles", "null", &problem), "is not a number");
    assert_refused(pace_schedule_set(&s, "num_decay_steps", "10.5", &problem),
                   "'10.5' is not a whole number");
    assert_refused(pace_schedule_set(&s, "num_decay_steps", "null", &problem), "whole number");
    assert_refused(pace_schedule_set(&s, "decay_type", "sqrt", &problem),
                   "'sqrt' is not linear, cosine or 1-sqrt");
    pace_schedule_init(&s, PACE_SCHEDULE_GREEDY);
    assert_refused(pace_schedule_set(&s, "mode", "median", &problem), "is not min or max");
    assert_refused(pace_schedule_set(&s, "smooth", "1", &problem), "is not false or true");
}

static void a_value_out_of_range_is_refused(void **state)
{
    (void)state;
    struct pace_schedule s = schedule(PACE_SCHEDULE_GREEDY);
    assert_refused(pace_schedule_set(&s, "factor", "1", &problem), "factor: 1 is not below 1");
    assert_refused(pace_schedule_set(&s, "factor", "0", &problem), "factor: 0 is below");
    assert_refused(pace_schedule_set(&s, "patience", "-1", &problem), "patience: -1 is below 0");
    assert_refused(pace_schedule_set(&s, "window_size", "513", &problem), "513 is above 512");
    s.eps = INFINITY;
    assert_refused(pace_schedule_check(&s, &problem), "eps is not a finite number");
}

static void what_makes_a_schedule_passes(void **state)
{
    (void)state;
    for (int i = 0; i < PACE_SCHEDULE_COUNT; i++) {
        struct pace_schedule s = schedule((enum pace_schedule_kind)i);
        s.min_lr_rate = 0.1;
        s.num_decay_steps = 20;
        s.step_size = 10;
        if (s.kind == PACE_SCHEDULE_EXPONENTIAL)
            s.gamma = 0.9;
        if (!pace_schedule_check(&s, &problem))
            fail_msg("%s: %s", pace_schedule_name(s.kind), problem.what);
    }
}

static void what_makes_no_run_is_refused(void **state)
{
    (void)state;
    static const double rates[] = {0, -1e-4, INFINITY, NAN};
    struct pace_schedule s;
    for (int i = 0; i < 4; i++) {
        s = schedule(PACE_SCHEDULE_LINEAR);
        s.learning_rate = rates[i];
        assert_refused(pace_schedule_check(&s, &problem), "is not a finite number above 0");
    }
    s = schedule(PACE_SCHEDULE_LINEAR);
    s.warmup_steps = 101;
    assert_refused(pace_schedule_check(&s, &problem),
                   "a warmup of 101 steps is longer than the run of 100");
    s.warmup_steps = -1;
    assert_refused(pace_schedule_check(&s, &problem), "the warmup has -1 steps");
    s.total_steps = 0;
    assert_refused(pace_schedule_check(&s, &problem), "the run has 0 steps");
    s.total_steps = INT64_MAX;
    assert_refused(pace_schedule_check(&s, &problem), "not between 1 and 2^53");
}

static void what_hugging_face_raises_for_is_refused(void **state)
{
    (void)state;
    struct pace_schedule s = schedule(PACE_SCHEDULE_COSINE_WITH_MIN_LR);
    assert_refused(pace_schedule_check(&s, &problem), "needs min_lr or min_lr_rate");
    s.min_lr = 1e-5;
    s.min_lr_rate = 0.1;
    assert_refused(pace_schedule_check(&s, &problem), "min_lr or min_lr_rate, not both");
    s = schedule(PACE_SCHEDULE_POLYNOMIAL);
    s.lr_end = 2e-4;
    assert_refused(pace_schedule_check(&s, &problem),
                   "lr_end 0.0002 is not below the learning rate 0.0002");
    s = schedule(PACE_SCHEDULE_WARMUP_STABLE_DECAY);
    assert_refused(pace_schedule_check(&s, &problem), "warmup_stable_decay needs num_decay_steps");
    s = schedule(PACE_SCHEDULE_STEP);
    assert_refused(pace_schedule_check(&s, &problem), "step needs step_size");
    s = schedule(PACE_SCHEDULE_EXPONENTIAL);
    assert_refused(pace_schedule_check(&s, &problem), "exponential needs gamma");
    s = schedule(PACE_SCHEDULE_INVERSE_SQRT);
    assert_refused(pace_schedule_set(&s, "timescale", "0", &problem), "timescale: 0 is below");
}

static void a_growth_to_infinity_is_refused(void **state)
{
    (void)state;
    struct pace_schedule s = schedule(PACE_SCHEDULE_EXPONENTIAL);
    s.gamma = 1.5;
    assert_true(pace_schedule_check(&s, &problem));
    s.total_steps = 100000;
    assert_refused(pace_schedule_check(&s, &problem), "infinite within 100000 steps");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_originals),
        cmocka_unit_test(parameters_are_listed_by_index),
        cmocka_unit_test(parameters_are_set_from_text),
        cmocka_unit_test(what_is_read_out_can_be_set_again),
        cmocka_unit_test(an_unknown_parameter_is_refused_with_the_list),
        cmocka_unit_test(a_value_of_another_type_is_refused),
        cmocka_unit_test(a_value_out_of_range_is_refused),
        cmocka_unit_test(what_makes_a_schedule_passes),
        cmocka_unit_test(what_makes_no_run_is_refused),
        cmocka_unit_test(what_hugging_face_raises_for_is_refused),
        cmocka_unit_test(a_growth_to_infinity_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
