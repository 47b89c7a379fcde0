#include "test/support/support.h"

#include "base/utf8.h"

static size_t length_of(const char *text)
{
    return utf8_length(span_of(text));
}

/* Every sequence of up to three bytes against the table in chapter 3 of the Unicode standard. */
static bool is_well_formed(const uint8_t *b, size_t len)
{
    if (len == 1)
        return b[0] < 0x80;
    bool tail2 = (b[1] & 0xc0) == 0x80;
    if (len == 2)
        return b[0] >= 0xc2 && b[0] <= 0xdf && tail2;
    if (b[0] == 0xe0)
        tail2 = b[1] >= 0xa0 && b[1] <= 0xbf;
    if (b[0] == 0xed)
        tail2 = b[1] >= 0x80 && b[1] <= 0x9f;
    return b[0] >= 0xe0 && b[0] <= 0xef && tail2 && (b[2] & 0xc0) == 0x80;
}

static void every_short_sequence_is_judged_rightly(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 1 << 24; i += (i & 0xff) == 0xff ? 0x3301 : 0x33) {
        const uint8_t bytes[] = {(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
        size_t wanted = 0;
        for (size_t len = 3; len > 0; len--)
            wanted = is_well_formed(bytes, len) ? len : wanted;
        assert_int_equal(utf8_length((struct span){bytes, 3}), wanted);
    }
}

static void sequences_of_four_bytes_stay_within_unicode(void **state)
{
    (void)state;
    assert_int_equal(length_of("\xf0\x90\x80\x80"), 4);
    assert_int_equal(utf8_decode((const uint8_t *)"\xf0\x90\x80\x80"), 0x10000);
    assert_int_equal(length_of("\xf4\x8f\xbf\xbf"), 4);
    assert_int_equal(utf8_decode((const uint8_t *)"\xf4\x8f\xbf\xbf"), 0x10ffff);
    assert_int_equal(length_of("\xf0\x8f\xbf\xbf"), 0);
    assert_int_equal(length_of("\xf4\x90\x80\x80"), 0);
    assert_int_equal(length_of("\xf5\x80\x80\x80"), 0);
    assert_int_equal(length_of("\xf0\x90\x80"), 0);
    assert_int_equal(length_of("\xf0\x90\x80\x41"), 0);
    assert_int_equal(length_of(""), 0);
}

static void the_first_invalid_byte_is_found(void **state)
{
    (void)state;
    char text[64];
    for (size_t at = 0; at < 40; at++) {
        memset(text, 'a', sizeof text);
        memcpy(text + 41, "\xc3\xa9", 2);
        assert_int_equal(utf8_first_invalid((struct span){(uint8_t *)text, 60}), 60);
        text[at] = '\x80';
        assert_int_equal(utf8_first_invalid((struct span){(uint8_t *)text, 60}), at);
    }
    assert_int_equal(utf8_first_invalid(span_of("ab\xc3")), 2);
    assert_int_equal(utf8_first_invalid(span_of("")), 0);
}

static void assert_printable(const char *text, const char *wanted)
{
    char copy[64];
    assert_true(strlen(text) < sizeof copy);
    memcpy(copy, text, strlen(text) + 1);
    utf8_make_printable(copy);
    assert_string_equal(copy, wanted);
}

static void what_is_not_safe_to_show_becomes_a_question_mark(void **state)
{
    (void)state;
    assert_printable("", "");
    const char *plain = "plain \xc3\xa9 \xe6\xbc\xa2 \xf0\x9f\x98\x80";
    assert_printable(plain, plain);
    assert_printable("\x1b]0;x\a\x7f", "?]0;x??");
    assert_printable("\xc2\x9b\x9b\xc2", "???");
    assert_printable("a\xe2\x80\xae"
                     "b\xe2\x81\xa6"
                     "c\xe2\x80\xa8",
                     "a?b?c?");
}

static void characters_are_counted_by_the_bytes_that_begin_them(void **state)
{
    (void)state;
    assert_int_equal(utf8_count(span_of("")), 0);
    assert_int_equal(utf8_count(span_of("a\xc3\xa9\xe6\xbc\xa2\xf0\x9f\x98\x80z")), 5);
    assert_false(utf8_is_inner('a') || utf8_is_inner(0xc3) || utf8_is_inner(0xf0));
    assert_true(utf8_is_inner(0x80) && utf8_is_inner(0xbf));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_are_counted_by_the_bytes_that_begin_them),
        cmocka_unit_test(every_short_sequence_is_judged_rightly),
        cmocka_unit_test(sequences_of_four_bytes_stay_within_unicode),
        cmocka_unit_test(the_first_invalid_byte_is_found),
        cmocka_unit_test(what_is_not_safe_to_show_becomes_a_question_mark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
