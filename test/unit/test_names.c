#include "test/support/support.h"

#include "pace/rate.h"

static void every_value_has_its_own_word(void **state)
{
    (void)state;
    for (int i = 0; i < PACE_ACTION_COUNT; i++) {
        assert_non_null(pace_action_name((enum pace_action)i));
        for (int j = 0; j < i; j++)
            assert_string_not_equal(pace_action_name((enum pace_action)i),
                                    pace_action_name((enum pace_action)j));
    }
    for (int i = 0; i < PACE_FINDING_COUNT; i++) {
        assert_non_null(pace_finding_name((enum pace_finding_kind)i));
        for (int j = 0; j < i; j++)
            assert_string_not_equal(pace_finding_name((enum pace_finding_kind)i),
                                    pace_finding_name((enum pace_finding_kind)j));
    }
    for (int i = 0; i < PACE_VERDICT_COUNT; i++) {
        assert_non_null(pace_verdict_name((enum pace_verdict)i));
        for (int j = 0; j < i; j++)
            assert_string_not_equal(pace_verdict_name((enum pace_verdict)i),
                                    pace_verdict_name((enum pace_verdict)j));
    }
}

static void words_are_those_of_the_contract(void **state)
{
    (void)state;
    assert_string_equal(pace_action_name(PACE_ROLL_BACK), "roll_back");
    assert_string_equal(pace_finding_name(PACE_FINDING_DECAY_TOO_FAST), "decay_too_fast");
    assert_string_equal(pace_verdict_name(PACE_VERDICT_DECAYS_TOO_FAST), "decays_too_fast");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_has_its_own_word),
        cmocka_unit_test(words_are_those_of_the_contract),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
