/*
 * test_tokens.c - the list of ids and ranges.
 */
#include "test/support/support.h"

#include "text/tokens.h"

static void ids_and_ranges_grow_together(void **state)
{
    (void)state;
    struct tokens t = {.with_ranges = true};
    for (uint32_t i = 0; i < 1000; i++)
        tokens_add(&t, i, i, 2 * (size_t)i);
    assert_int_equal(t.n, 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(t.ids[i], i);
        assert_int_equal(t.ranges[i].start, i);
        assert_int_equal(t.ranges[i].end, 2 * i);
    }
    tokens_release(&t);
}

static void without_ranges_none_are_kept(void **state)
{
    (void)state;
    struct tokens t = {0};
    tokens_reserve(&t, 3);
    tokens_add(&t, 7, 1, 2);
    assert_null(t.ranges);
    assert_int_equal(t.ids[0], 7);
    tokens_release(&t);
    assert_null(t.ids);
    assert_int_equal(t.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_and_ranges_grow_together),
        cmocka_unit_test(without_ranges_none_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
