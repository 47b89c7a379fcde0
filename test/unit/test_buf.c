#include "test/support/support.h"

#include "base/utf8.h"

static void bytes_are_appended_in_order(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, BUF_NO_LIMIT);
    buf_add(&b, (struct span){0});
    buf_add_text(&b, "ab");
    buf_add_byte(&b, 'c');
    buf_printf(&b, "%d|%s", -5, "");
    buf_printf(&b, "%s", "");
    ASSERT_SPAN(buf_span(&b), "abc-5|");
    assert_string_equal(buf_string(&b), "abc-5|");
    assert_int_equal(b.len, 6);
    buf_clear(&b);
    assert_string_equal(buf_string(&b), "");
    buf_release(&b);
    assert_null(b.at);
}

static void an_empty_buffer_is_an_empty_string(void **state)
{
    (void)state;
    struct buf b = {.max = 0};
    assert_string_equal(buf_string(&b), "");
    buf_release(&b);
    buf_release(&b);
}

static void numbers_are_little_endian(void **state)
{
    (void)state;
    static const uint8_t wanted[] = {0x02, 0x01, 0x06, 0x05, 0x04, 0x03, 0x0e,
                                     0x0d, 0x0c, 0x0b, 0x0a, 0x09, 0x08, 0x07};
    struct buf b;
    buf_init(&b, 64);
    buf_add_u16_le(&b, 0x0102);
    buf_add_u32_le(&b, 0x03040506);
    buf_add_u64_le(&b, 0x0708090a0b0c0d0e);
    assert_int_equal(b.len, sizeof wanted);
    assert_memory_equal(b.at, wanted, sizeof wanted);
    buf_release(&b);
}

static void every_code_point_is_encoded_as_it_is_decoded(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 64);
    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        buf_clear(&b);
        buf_add_utf8(&b, c);
        if (c >= 0xd800 && c <= 0xdfff) {
            assert_int_equal(utf8_length(buf_span(&b)), 0);
            continue;
        }
        assert_int_equal(utf8_length(buf_span(&b)), b.len);
        assert_int_equal(utf8_decode(b.at), c);
    }
    buf_release(&b);
}

static void what_goes_beyond_the_limit_is_dropped_and_reported(void **state)
{
    (void)state;
    struct err err;
    struct buf b;
    buf_init(&b, 5);
    buf_add_text(&b, "abcde");
    ASSERT_OK(buf_check(&b, &err));
    buf_add_byte(&b, 'f');
    assert_true(b.overflowed);
    ASSERT_FAILS(buf_check(&b, &err), "longer than the limit of 5 bytes");
    assert_int_equal(err.kind, ERR_INPUT);
    buf_clear(&b);
    buf_printf(&b, "%s", "123456");
    buf_add_text(&b, "12");
    ASSERT_SPAN(buf_span(&b), "12");
    assert_false(buf_check(&b, &err));
    buf_release(&b);
}

static void the_capacity_stays_within_the_limit(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    for (int i = 0; i < 1000; i++)
        buf_add_byte(&b, 'x');
    assert_int_equal(b.len, 1000);
    assert_true(b.cap <= 1000);
    assert_false(buf_reserve(&b, 1));
    assert_false(buf_reserve(&b, SIZE_MAX));
    buf_release(&b);
}

static void add_beyond_unicode(void)
{
    struct buf b;
    buf_init(&b, 8);
    buf_add_utf8(&b, 0x110000);
}

static void a_number_beyond_unicode_is_a_mistake_of_the_programmer(void **state)
{
    (void)state;
    assert_check_fails(add_beyond_unicode, "code_point <= 0x10ffff");
}

static void html_is_escaped(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, BUF_NO_LIMIT);
    buf_add_html(&b, span_of("a<b>&\"c' é"));
    assert_string_equal(buf_string(&b), "a&lt;b&gt;&amp;&#34;c&#39; é");
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_appended_in_order),
        cmocka_unit_test(an_empty_buffer_is_an_empty_string),
        cmocka_unit_test(numbers_are_little_endian),
        cmocka_unit_test(every_code_point_is_encoded_as_it_is_decoded),
        cmocka_unit_test(what_goes_beyond_the_limit_is_dropped_and_reported),
        cmocka_unit_test(the_capacity_stays_within_the_limit),
        cmocka_unit_test(html_is_escaped),
        cmocka_unit_test(a_number_beyond_unicode_is_a_mistake_of_the_programmer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
