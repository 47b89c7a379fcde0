#include "test/support/support.h"

#include "base/nearest.h"

static void the_nearest_name_is_found_where_one_is_near(void **state)
{
    (void)state;
    static const char *const names[] = {"learning-rate", "lr-scheduler-type", "warmup-steps"};
    assert_string_equal(nearest_word(span_of("learning_rat"), names, 3), "learning-rate");
    assert_string_equal(nearest_word(span_of("lerning-rate"), names, 3), "learning-rate");
    assert_string_equal(nearest_word(span_of("warmpu-steps"), names, 3), "warmup-steps");
    assert_null(nearest_word(span_of("colour"), names, 3));
    assert_null(nearest_word(span_of(""), names, 3));
    char very_long[200];
    memset(very_long, 'x', sizeof very_long - 1);
    very_long[sizeof very_long - 1] = '\0';
    assert_null(nearest_word(span_of(very_long), names, 3));
}

static void hyphens_are_underscores_and_neighbours_may_be_swapped(void **state)
{
    (void)state;
    static const char *const names[] = {"q_proj", "k_proj", "down_proj"};
    assert_string_equal(nearest_word(span_of("q-proj"), names, 3), "q_proj");
    assert_string_equal(nearest_word(span_of("dwon_proj"), names, 3), "down_proj");
    assert_string_equal(nearest_word(span_of("k_porj"), names, 3), "k_proj");
    assert_null(nearest_word(span_of("c_attn"), names, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_name_is_found_where_one_is_near),
        cmocka_unit_test(hyphens_are_underscores_and_neighbours_may_be_swapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
