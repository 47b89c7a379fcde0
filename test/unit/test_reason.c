#include "test/support/support.h"

#include <math.h>

#include "pace/rate.h"

static struct pace_rate_decision decision(enum pace_reason reason, enum pace_action action)
{
    return (struct pace_rate_decision){
        .action = action,
        .advice = action,
        .reason = reason,
        .step = 140,
        .learning_rate = 1e-4,
        .restore_slot = -1,
        .keep_slot = -1,
        .change = 0.5,
        .number = {2.1, 3.9, 6, 0.25},
    };
}

static void assert_sentence(struct pace_rate_decision d, const char *expected)
{
    char text[256];
    size_t len = pace_rate_explain(&d, text, sizeof text);
    assert_string_equal(text, expected);
    assert_int_equal(len, strlen(expected));
}

static void reasons_have_words_of_their_own(void **state)
{
    (void)state;
    for (int i = 0; i < PACE_REASON_COUNT; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(pace_reason_name((enum pace_reason)i),
                                    pace_reason_name((enum pace_reason)j));
    assert_string_equal(pace_reason_name(PACE_REASON_LOSS_SPIKE), "loss_spike");
}

static void every_reason_has_a_sentence_without_gaps(void **state)
{
    (void)state;
    for (int reason = 0; reason < PACE_REASON_COUNT; reason++)
        for (int action = 0; action < PACE_ACTION_COUNT; action++) {
            char text[256];
            struct pace_rate_decision d =
                decision((enum pace_reason)reason, (enum pace_action)action);
            size_t len = pace_rate_explain(&d, text, sizeof text);
            assert_in_range(len, 10, sizeof text - 1);
            assert_null(strpbrk(text, "{}"));
            d.advice = d.action;
            d.action = PACE_GO;
            len = pace_rate_explain(&d, text, sizeof text);
            assert_in_range(len, 10, sizeof text - 1);
            assert_null(strpbrk(text, "{}"));
        }
}

static void a_sentence_says_what_was_seen_and_what_is_done(void **state)
{
    (void)state;
    struct pace_rate_decision d = decision(PACE_REASON_LOSS_SPIKE, PACE_ROLL_BACK);
    assert_sentence(d, "loss rose from 2.1 to 3.9 within 6 steps and stayed there (its noise: "
                       "0.25); back to step 140, learning rate halved, with a short warmup");
    d = decision(PACE_REASON_FLAT, PACE_RAISE);
    d.change = 3.5;
    assert_sentence(d, "loss 0.25 fell by 2.1 in 6 steps, by no more than chance (3.9); learning "
                       "rate multiplied by 3.5");
    d = decision(PACE_REASON_SCHEDULE, PACE_GO);
    assert_sentence(d, "learning rate 0.0001, as scheduled");
    d = decision(PACE_REASON_OVERFIT, PACE_STOP);
    d.restore_slot = 0;
    assert_sentence(d, "held-out loss is 3.9, it was 2.1 at step 6; training loss fell by 0.25 "
                       "since; the run ends here, with the state of step 140");
    d = decision(PACE_REASON_NON_FINITE, PACE_SKIP);
    d.number[0] = -NAN;
    d.number[1] = INFINITY;
    assert_sentence(d, "not finite: loss nan, gradient norm inf; this batch is left out, learning "
                       "rate halved until the numbers have been finite for a while");
    d.change = 1;
    assert_sentence(d, "not finite: loss nan, gradient norm inf; this batch is left out");
}

static void a_watching_guard_gives_an_advice(void **state)
{
    (void)state;
    struct pace_rate_decision d = decision(PACE_REASON_GRADIENT_OUTLIER, PACE_SKIP);
    d.action = PACE_GO;
    d.number[0] = 390;
    d.number[1] = 3;
    d.number[2] = 130;
    assert_sentence(d, "gradient norm 390 is 130 times the usual 3; advice: leave this batch out");
}

static void one_step_is_not_one_steps(void **state)
{
    (void)state;
    struct pace_search_result r = {.reason = PACE_FOUND_TOO_SHORT, .number = {1}};
    char text[256];
    (void)pace_search_explain(&r, text, sizeof text);
    assert_non_null(strstr(text, "in a run of 1 step a quarter"));
    r.number[0] = 2;
    (void)pace_search_explain(&r, text, sizeof text);
    assert_non_null(strstr(text, "in a run of 2 steps a quarter"));
}

static void what_does_not_fit_is_cut_and_counted(void **state)
{
    (void)state;
    struct pace_rate_decision d = decision(PACE_REASON_SCHEDULE, PACE_GO);
    char text[9] = "12345678";
    assert_int_equal(pace_rate_explain(&d, text, sizeof text), 34);
    assert_string_equal(text, "learning");
    assert_int_equal(pace_rate_explain(&d, NULL, 0), 34);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reasons_have_words_of_their_own),
        cmocka_unit_test(every_reason_has_a_sentence_without_gaps),
        cmocka_unit_test(a_sentence_says_what_was_seen_and_what_is_done),
        cmocka_unit_test(one_step_is_not_one_steps),
        cmocka_unit_test(a_watching_guard_gives_an_advice),
        cmocka_unit_test(what_does_not_fit_is_cut_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
