#include "test/support/support.h"

#include <math.h>

#include "pace/rate.h"

static struct pace_schedule schedule(enum pace_schedule_kind kind, int64_t total, int64_t warmup)
{
    struct pace_schedule s = {.learning_rate = 2e-4, .total_steps = total, .warmup_steps = warmup};
    pace_schedule_init(&s, kind);
    return s;
}

static void assert_close(double found, double wanted)
{
    if (!(fabs(found - wanted) <= 1e-15 * fabs(wanted)))
        fail_msg("expected %.17g, got %.17g", wanted, found);
}

/* Factors at the steps 0, 2, 4, 5, 12, 17, 19, 20, 21 of a run of 20 with a warmup of 4. */
enum { PROBES = 9 };
static const int64_t probes[PROBES] = {0, 2, 4, 5, 12, 17, 19, 20, 21};

static void assert_factors(const struct pace_schedule *s, const double wanted[PROBES])
{
    for (int i = 0; i < PROBES; i++)
        assert_close(pace_schedule_rate(s, probes[i]), 2e-4 * wanted[i]);
}

static void rates_are_those_of_transformers(void **state)
{
    (void)state;
    static const struct {
        enum pace_schedule_kind kind;
        double wanted[PROBES];
    } cases[] = {
        {PACE_SCHEDULE_LINEAR, {0.0, 0.5, 1.0, 0.9375, 0.5, 0.1875, 0.0625, 0.0, 0.0}},
        {PACE_SCHEDULE_COSINE,
         {0.0, 0.5, 1.0, 0.9903926402016152, 0.5, 0.08426519384872733, 0.009607359798384785, 0.0,
          0.009607359798384785}},
        {PACE_SCHEDULE_COSINE_WITH_RESTARTS,
         {0.0, 0.5, 1.0, 0.9903926402016152, 0.5, 0.08426519384872733, 0.009607359798384785, 0.0,
          0.0}},
        {PACE_SCHEDULE_POLYNOMIAL,
         {0.0, 0.5, 1.0, 0.93753125, 0.50025, 0.18790625, 0.06296875, 0.0004999999999999999,
          0.0004999999999999999}},
        {PACE_SCHEDULE_CONSTANT_WITH_WARMUP, {0.0, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0}},
        {PACE_SCHEDULE_INVERSE_SQRT,
         {0.0, 0.5, 1.0, 0.8944271909999159, 0.5773502691896258, 0.48507125007266594,
          0.4588314677411235, 0.4472135954999579, 0.4364357804719848}},
        {PACE_SCHEDULE_COSINE_WITH_MIN_LR,
         {0.0, 0.5, 1.0, 0.9913533761814537, 0.55, 0.1758386744638546, 0.10864662381854631, 0.1,
          0.10864662381854631}},
        {PACE_SCHEDULE_COSINE_WARMUP_WITH_MIN_LR,
         {0.25, 0.75, 0.9913533761814537, 0.9657457896300791, 0.4622093550927423,
          0.13425421036992097, 0.1, 0.10864662381854631, 0.1342542103699209}},
        {PACE_SCHEDULE_WARMUP_STABLE_DECAY,
         {0.1, 0.55, 1.0, 1.0, 1.0, 0.55, 0.16028856829700258, 0.1, 0.1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pace_schedule s = schedule(cases[i].kind, 20, 4);
        s.min_lr_rate = 0.1;
        s.num_decay_steps = 6;
        s.min_lr_ratio = 0.1;
        assert_factors(&s, cases[i].wanted);
    }
}

static void every_schedule_has_a_name_that_finds_it(void **state)
{
    (void)state;
    for (int i = 0; i < PACE_SCHEDULE_COUNT; i++) {
        enum pace_schedule_kind kind = (enum pace_schedule_kind)i, found;
        assert_non_null(pace_schedule_name(kind));
        assert_true(strlen(pace_schedule_about(kind)) > 10);
        assert_true(pace_schedule_find(pace_schedule_name(kind), &found));
        assert_int_equal(found, kind);
    }
}

static void names_are_written_with_hyphens_or_underscores(void **state)
{
    (void)state;
    enum pace_schedule_kind kind;
    assert_true(pace_schedule_find("cosine-with_restarts", &kind));
    assert_int_equal(kind, PACE_SCHEDULE_COSINE_WITH_RESTARTS);
    assert_false(pace_schedule_find("cosine_with", &kind));
    assert_false(pace_schedule_find("cosine ", &kind));
    assert_false(pace_schedule_find("", &kind));
}

static void the_first_rate_of_a_warmup_is_exactly_zero(void **state)
{
    (void)state;
    struct pace_schedule s = schedule(PACE_SCHEDULE_LINEAR, 1000, 100);
    assert_true(pace_schedule_rate(&s, 0) == 0);
    assert_true(pace_schedule_rate(&s, 100) == 2e-4);
    assert_true(pace_schedule_rate(&s, 1000) == 0);
    assert_true(pace_schedule_rate(&s, 5000) == 0);
}

static void a_warmup_may_last_the_whole_run(void **state)
{
    (void)state;
    for (int i = 0; i < PACE_SCHEDULE_COUNT; i++) {
        struct pace_schedule s = schedule((enum pace_schedule_kind)i, 10, 10);
        if (!pace_schedule_uses_warmup(s.kind))
            continue;
        s.min_lr_rate = 0.1;
        s.num_decay_steps = 5;
        bool is_ahead = s.kind == PACE_SCHEDULE_COSINE_WARMUP_WITH_MIN_LR;
        assert_close(pace_schedule_rate(&s, 9), 2e-4 * (is_ahead ? 1 : 0.9));
        assert_true(isfinite(pace_schedule_rate(&s, 10)));
    }
}

static void a_run_of_one_step_has_its_rate(void **state)
{
    (void)state;
    for (int i = 0; i < PACE_SCHEDULE_COUNT; i++) {
        struct pace_schedule s = schedule((enum pace_schedule_kind)i, 1, 0);
        s.min_lr_rate = 0.5;
        s.num_decay_steps = 0;
        s.step_size = 1;
        s.gamma = 0.5;
        bool is_ahead = s.kind == PACE_SCHEDULE_COSINE_WARMUP_WITH_MIN_LR;
        assert_close(pace_schedule_rate(&s, 0), is_ahead ? 1e-4 : 2e-4);
    }
}

static void cosine_rises_again_past_the_end_and_restarts_stay_at_zero(void **state)
{
    (void)state;
    struct pace_schedule s = schedule(PACE_SCHEDULE_COSINE, 100, 0);
    assert_true(pace_schedule_rate(&s, 100) == 0);
    assert_close(pace_schedule_rate(&s, 200), 2e-4);
    s = schedule(PACE_SCHEDULE_COSINE_WITH_RESTARTS, 100, 0);
    s.num_cycles = 2;
    assert_close(pace_schedule_rate(&s, 50), 2e-4);
    assert_true(pace_schedule_rate(&s, 100) == 0);
    assert_true(pace_schedule_rate(&s, 150) == 0);
}

static void torch_multiplies_one_by_one(void **state)
{
    (void)state;
    struct pace_schedule s = schedule(PACE_SCHEDULE_EXPONENTIAL, 5000, 0);
    double product = 2e-4;
    s.gamma = 0.997;
    for (int64_t step = 0; step < 5000; step++) {
        double found = pace_schedule_rate(&s, step);
        if (step <= 4096)
            assert_true(found == product);
        assert_true(fabs(found - product) <= 1e-12 * product);
        product *= 0.997;
    }
    s.gamma = 0.6;
    assert_true(pace_schedule_rate(&s, 1000000) == 5e-324 * 0.6); /* rounding holds it there */
    s = schedule(PACE_SCHEDULE_STEP, 5000, 0);
    s.step_size = 30;
    assert_true(pace_schedule_rate(&s, 29) == 2e-4);
    assert_true(pace_schedule_rate(&s, 30) == 2e-4 * 0.1);
    assert_true(pace_schedule_rate(&s, 60) == 2e-4 * 0.1 * 0.1);
}

static void stable_steps_end_the_decay_where_they_say(void **state)
{
    (void)state;
    struct pace_schedule s = schedule(PACE_SCHEDULE_WARMUP_STABLE_DECAY, 100, 10);
    s.num_stable_steps = 20;
    s.num_decay_steps = 10;
    s.min_lr_ratio = 0.1;
    s.decay_type = PACE_CURVE_LINEAR;
    assert_close(pace_schedule_rate(&s, 0), 2e-5);
    assert_close(pace_schedule_rate(&s, 29), 2e-4);
    assert_close(pace_schedule_rate(&s, 35), 2e-4 * 0.55);
    assert_close(pace_schedule_rate(&s, 40), 2e-5);
    assert_close(pace_schedule_rate(&s, 99), 2e-5);
}

static void curves_rise_and_fall_as_they_are_named(void **state)
{
    (void)state;
    static const enum pace_curve curves[] = {PACE_CURVE_LINEAR, PACE_CURVE_COSINE,
                                             PACE_CURVE_1_SQRT};
    static const double rising[] = {0.25, 0.14644660940672627, 0.1339745962155614};
    static const double falling[] = {0.75, 0.8535533905932737, 0.5};
    for (int i = 0; i < 3; i++) {
        struct pace_schedule s = schedule(PACE_SCHEDULE_WARMUP_STABLE_DECAY, 8, 4);
        s.num_decay_steps = 4;
        s.warmup_type = s.decay_type = curves[i];
        assert_close(pace_schedule_rate(&s, 1), 2e-4 * rising[i]);
        assert_close(pace_schedule_rate(&s, 5), 2e-4 * falling[i]);
    }
}

static void any_step_is_defined(void **state)
{
    (void)state;
    for (int i = 0; i < PACE_SCHEDULE_COUNT; i++) {
        struct pace_schedule s = schedule((enum pace_schedule_kind)i, 50, 5);
        s.min_lr_rate = 0.5;
        s.num_decay_steps = 10;
        s.step_size = 7;
        s.gamma = 0.5;
        for (int64_t step = 1; step > 0 && step < INT64_MAX / 3; step *= 3) {
            double rate = pace_schedule_rate(&s, step);
            assert_true(rate >= 0 && rate <= 2e-4);
        }
    }
}

static void warmup_is_steps_or_a_share_rounded_up(void **state)
{
    (void)state;
    assert_int_equal(pace_warmup_steps(0, 0, 100), 0);
    assert_int_equal(pace_warmup_steps(30, 0, 100), 30);
    assert_int_equal(pace_warmup_steps(30.9, 0, 100), 30);
    assert_int_equal(pace_warmup_steps(1, 0, 100), 1);
    assert_int_equal(pace_warmup_steps(0.03, 0, 100), 3);
    assert_int_equal(pace_warmup_steps(0.031, 0, 100), 4);
    assert_int_equal(pace_warmup_steps(0, 0.031, 100), 4);
    /* 100 * 0.07 is a little more than 7 in doubles, and so is Python's. */
    assert_int_equal(pace_warmup_steps(0, 0.07, 100), 8);
    assert_int_equal(pace_warmup_steps(30, 0.5, 100), 30);
}

static void ask_before_the_first_step(void)
{
    struct pace_schedule s = schedule(PACE_SCHEDULE_LINEAR, 10, 0);
    (void)pace_schedule_rate(&s, -1);
}

static void ask_for_no_schedule(void)
{
    (void)pace_schedule_name(PACE_SCHEDULE_COUNT);
}

static void a_programmers_mistake_is_checked(void **state)
{
    (void)state;
    assert_check_fails(ask_before_the_first_step, "step >= 0");
    assert_check_fails(ask_for_no_schedule, "kind < PACE_SCHEDULE_COUNT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_those_of_transformers),
        cmocka_unit_test(every_schedule_has_a_name_that_finds_it),
        cmocka_unit_test(names_are_written_with_hyphens_or_underscores),
        cmocka_unit_test(the_first_rate_of_a_warmup_is_exactly_zero),
        cmocka_unit_test(a_warmup_may_last_the_whole_run),
        cmocka_unit_test(a_run_of_one_step_has_its_rate),
        cmocka_unit_test(cosine_rises_again_past_the_end_and_restarts_stay_at_zero),
        cmocka_unit_test(torch_multiplies_one_by_one),
        cmocka_unit_test(stable_steps_end_the_decay_where_they_say),
        cmocka_unit_test(curves_rise_and_fall_as_they_are_named),
        cmocka_unit_test(any_step_is_defined),
        cmocka_unit_test(warmup_is_steps_or_a_share_rounded_up),
        cmocka_unit_test(a_programmers_mistake_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
