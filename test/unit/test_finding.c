#include "test/support/support.h"

#include <math.h>
#include <string.h>

#include "pace/rate.h"

static char text[600];

static const char *evidence(struct pace_finding f)
{
    size_t len = pace_finding_evidence(&f, text, sizeof text);
    assert_int_equal(len, strlen(text));
    return text;
}

static void every_kind_has_evidence_and_advice(void **state)
{
    (void)state;
    struct pace_diagnosis d = {.used = 2e-4, .suggested = 1e-4};
    for (int kind = 0; kind < PACE_FINDING_COUNT; kind++) {
        struct pace_finding f = {(enum pace_finding_kind)kind, 10, 20, {1, 2, 3, 1e-4}};
        assert_true(strlen(evidence(f)) > 30);
        size_t len = pace_finding_advice(&f, &d, text, sizeof text);
        assert_true(len > 30 && len < sizeof text);
        assert_null(strstr(text, " nan"));
    }
}

static void the_sentence_has_the_numbers(void **state)
{
    (void)state;
    struct pace_finding f = {PACE_FINDING_SPIKE, 2660, 2725, {0.53, 1.51, 13.2, 2e-4}};
    assert_string_equal(evidence(f),
                        "the loss rose from 0.53 to 1.51 between steps 2660 and 2725, 13 standard "
                        "errors above what the noise of this log explains; the rate was 0.0002");
}

static void a_kind_has_a_sentence_for_each_witness(void **state)
{
    (void)state;
    struct pace_finding f = {PACE_FINDING_SPIKE, 60, 60, {NAN, 640, 12.5, NAN}};
    assert_string_equal(
        evidence(f), "the first line already holds a loss of 640, and a cross-entropy begins at "
                     "12.5 at most (the logarithm of the vocabulary): it blew up before step 60");
    f = (struct pace_finding){PACE_FINDING_SPIKE, 60, 90, {2, 3.25, 0, 1e-3}};
    assert_string_equal(
        evidence(f), "the held-out loss rose from 2 to 3.25 between steps 60 and 90 and came "
                     "down again: its rows are the same each time, so it is not the batches; the "
                     "rate was 0.001");
    f = (struct pace_finding){PACE_FINDING_OSCILLATION, 1, 90, {0.121, 0.02, 0, 1e-3}};
    assert_string_equal(evidence(f),
                        "until step 90 the loss goes up and down by 12 % beside a falling curve, "
                        "behind it by 2 %: batch noise does not calm down as the rate does; the "
                        "peak of the rate was 0.001");
}

static void what_was_not_logged_is_not_said(void **state)
{
    (void)state;
    for (int kind = 0; kind < PACE_FINDING_COUNT; kind++) {
        struct pace_finding f = {(enum pace_finding_kind)kind, 10, 20, {1, 2, 3, NAN}};
        if (kind != PACE_FINDING_FLAT && kind != PACE_FINDING_DECAY_TOO_FAST)
            assert_null(strstr(evidence(f), "nan"));
    }
}

static void a_rate_is_named_only_where_one_is_suggested(void **state)
{
    (void)state;
    struct pace_finding f = {PACE_FINDING_SPIKE, 1, 2, {1, 2, 3, NAN}};
    struct pace_diagnosis d = {.used = NAN, .suggested = NAN};
    pace_finding_advice(&f, &d, text, sizeof text);
    assert_string_equal(text, "halve the learning rate before you change anything else");
    d.suggested = 1e-4;
    pace_finding_advice(&f, &d, text, sizeof text);
    assert_non_null(strstr(text, "(to 0.0001)"));
}

static void text_that_does_not_fit_is_cut_and_counted(void **state)
{
    (void)state;
    struct pace_finding f = {PACE_FINDING_FLAT, 1, 2, {2.5, 2.49, 0.004, 0.01}};
    size_t whole = strlen(evidence(f));
    char small[10];
    assert_int_equal(pace_finding_evidence(&f, small, sizeof small), whole);
    assert_int_equal(strlen(small), 9);
    assert_int_equal(pace_finding_evidence(&f, NULL, 0), whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_has_evidence_and_advice),
        cmocka_unit_test(the_sentence_has_the_numbers),
        cmocka_unit_test(a_kind_has_a_sentence_for_each_witness),
        cmocka_unit_test(what_was_not_logged_is_not_said),
        cmocka_unit_test(a_rate_is_named_only_where_one_is_suggested),
        cmocka_unit_test(text_that_does_not_fit_is_cut_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
