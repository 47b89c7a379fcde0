#include "test/support/support.h"

#include "base/span.h"

static void parts_are_within_the_whole(void **state)
{
    (void)state;
    struct span s = span_of("abcdef");
    ASSERT_SPAN(span_part(s, 1, 2), "bc");
    ASSERT_SPAN(span_part(s, 6, 0), "");
    ASSERT_SPAN(span_from(s, 4), "ef");
    ASSERT_SPAN(span_from((struct span){0}, 0), "");
}

static void take_a_part_beyond(void)
{
    (void)span_part(span_of("abc"), 2, 2);
}

static void take_a_part_that_overflows(void)
{
    (void)span_part(span_of("abc"), 1, SIZE_MAX);
}

static void a_part_beyond_the_end_is_a_mistake_of_the_programmer(void **state)
{
    (void)state;
    assert_check_fails(take_a_part_beyond, "len <= s.len - start");
    assert_check_fails(take_a_part_that_overflows, "len <= s.len - start");
}

static void spans_are_compared_by_bytes_then_length(void **state)
{
    (void)state;
    assert_true(span_equal((struct span){0}, span_of("")));
    assert_false(span_is(span_of("ab"), "a"));
    assert_true(span_compare(span_of("a"), span_of("b")) < 0);
    assert_true(span_compare(span_of("ab"), span_of("a")) > 0);
    assert_true(span_compare(span_of("\xff"), span_of("a")) > 0);
    assert_true(span_compare((struct span){0}, span_of("")) == 0);
    assert_true(span_starts_with(span_of("abc"), span_of("ab")));
    assert_true(span_starts_with(span_of("abc"), span_of("")));
    assert_false(span_starts_with(span_of("a"), span_of("ab")));
    assert_true(span_ends_with(span_of("abc"), span_of("bc")));
    assert_false(span_ends_with(span_of("c"), span_of("bc")));
}

static void the_first_needle_is_found(void **state)
{
    (void)state;
    assert_int_equal(span_find(span_of("xabab"), span_of("ab")), 1);
    assert_int_equal(span_find(span_of("xabab"), span_of("ba")), 2);
    assert_int_equal(span_find(span_of("abc"), span_of("d")), 3);
    assert_int_equal(span_find(span_of("abc"), span_of("")), 0);
    assert_int_equal(span_find((struct span){0}, span_of("a")), 0);
}

static void a_cursor_reads_little_endian_numbers(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    struct cursor c = cursor_of((struct span){bytes, sizeof bytes});
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    struct span taken;
    assert_true(cursor_u8(&c, &u8) && u8 == 1);
    assert_true(cursor_u16_le(&c, &u16) && u16 == 0x0302);
    assert_true(cursor_u32_le(&c, &u32) && u32 == 0x07060504);
    assert_true(cursor_u64_le(&c, &u64) && u64 == 0x0f0e0d0c0b0a0908);
    assert_int_equal(cursor_left(&c), 1);
    assert_true(cursor_take(&c, 1, &taken) && taken.at[0] == 16);
    assert_true(cursor_skip(&c, 0));
}

static void a_cursor_that_has_too_little_left_does_not_move(void **state)
{
    (void)state;
    static const uint8_t bytes[7] = {1};
    for (size_t len = 0; len < sizeof bytes; len++) {
        struct cursor c = cursor_of((struct span){bytes, len});
        uint8_t u8;
        uint16_t u16;
        uint32_t u32;
        uint64_t u64;
        struct span taken;
        assert_false(cursor_u64_le(&c, &u64));
        assert_false(cursor_skip(&c, len + 1));
        assert_false(cursor_skip(&c, SIZE_MAX));
        assert_false(cursor_take(&c, SIZE_MAX, &taken));
        assert_int_equal(c.offset, 0);
        assert_int_equal(cursor_u32_le(&c, &u32), len >= 4);
        c.offset = 0;
        assert_int_equal(cursor_u16_le(&c, &u16), len >= 2);
        c.offset = 0;
        assert_int_equal(cursor_u8(&c, &u8), len >= 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_within_the_whole),
        cmocka_unit_test(a_part_beyond_the_end_is_a_mistake_of_the_programmer),
        cmocka_unit_test(spans_are_compared_by_bytes_then_length),
        cmocka_unit_test(the_first_needle_is_found),
        cmocka_unit_test(a_cursor_reads_little_endian_numbers),
        cmocka_unit_test(a_cursor_that_has_too_little_left_does_not_move),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
