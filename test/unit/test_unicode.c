#include "test/support/support.h"

#include "text/unicode.h"

static void flags_are_those_of_the_library(void **state)
{
    (void)state;
    assert_true(unicode_flags(' ') & UNICODE_SPACE && unicode_flags(0x3000) & UNICODE_SPACE);
    assert_false(unicode_flags(0x200b) & UNICODE_SPACE);
    assert_true(unicode_flags('7') & UNICODE_NUMERIC && unicode_flags(0xbd) & UNICODE_NUMERIC);
    assert_true(unicode_flags('$') & UNICODE_PUNCTUATION); /* ASCII's symbols count */
    assert_false(unicode_flags(0x20ac) & UNICODE_PUNCTUATION);
    assert_true(unicode_flags(0x301) & UNICODE_MARK && unicode_flags(0x301) & UNICODE_NONSPACING);
    assert_true(unicode_flags(0x903) & UNICODE_MARK &&
                !(unicode_flags(0x903) & UNICODE_NONSPACING));
    assert_true(unicode_flags(0) & UNICODE_CONTROL && !(unicode_flags('\n') & UNICODE_CONTROL));
    assert_true(unicode_flags('_') & UNICODE_WORD && !(unicode_flags('-') & UNICODE_WORD));
    assert_true(unicode_flags(0xe9) & UNICODE_NFD && !(unicode_flags(0xe9) & UNICODE_NFC));
    assert_true(unicode_flags(0x301) & UNICODE_NFC && unicode_flags(0xfb01) & UNICODE_NFKC);
    assert_int_equal(unicode_flags(0x10ffff) & UNICODE_WORD, 0);
}

static void letters_get_small(void **state)
{
    (void)state;
    uint32_t out[2];
    assert_int_equal(unicode_lower('A', out), 1);
    assert_int_equal(out[0], 'a');
    assert_int_equal(unicode_lower(0x1e9e, out), 1);
    assert_int_equal(out[0], 0xdf);
    assert_int_equal(unicode_lower(0x100, out), 1);
    assert_int_equal(out[0], 0x101);
    assert_int_equal(unicode_lower(0x101, out), 1);
    assert_int_equal(out[0], 0x101);
    assert_int_equal(unicode_lower(0x130, out), 2);
    assert_true(out[0] == 'i' && out[1] == 0x307);
    for (uint32_t c = 0; c < 0x110000; c++) {
        bool changes = unicode_lower(c, out) == 2 || out[0] != c;
        if (changes != !!(unicode_flags(c) & UNICODE_LOWERS))
            fail_msg("U+%04X", (unsigned)c);
    }
}

static void scripts_are_told_apart(void **state)
{
    (void)state;
    assert_int_equal(unicode_script('a'), unicode_script('Z'));
    assert_int_not_equal(unicode_script('a'), unicode_script('1'));
    assert_int_equal(unicode_script(0x4e00), unicode_script(0x3042)); /* Han, Hiragana */
    assert_int_equal(unicode_script(' '), UNICODE_SCRIPT_ANY);
}

static void combining_classes_are_known(void **state)
{
    (void)state;
    assert_int_equal(unicode_combining_class('a'), 0);
    assert_int_equal(unicode_combining_class(0x301), 230);
    assert_int_equal(unicode_combining_class(0x323), 220);
    assert_int_equal(unicode_combining_class(0x345), 240);
    assert_int_equal(unicode_combining_class(0x10ffff), 0);
}

static void the_byte_alphabet_is_one_to_one(void **state)
{
    (void)state;
    assert_int_equal(unicode_of_byte['!'], '!');
    assert_int_equal(unicode_of_byte[' '], 0x120);
    assert_int_equal(unicode_of_byte['\n'], 0x10a);
    assert_int_equal(unicode_of_byte[0xad], 0x143);
    assert_int_equal(unicode_of_byte[0xff], 0xff);
    for (int b = 0; b < 256; b++)
        assert_int_equal(unicode_byte_of(unicode_of_byte[b]), b);
    int n = 0;
    for (uint32_t c = 0; c < 0x110000; c++)
        n += unicode_byte_of(c) >= 0;
    assert_int_equal(n, 256);
}

static void code_points_become_utf8(void **state)
{
    (void)state;
    uint8_t out[4];
    static const uint32_t points[] = {'a', 0xe9, 0x4e00, 0x1f600};
    static const char *const texts[] = {"a", "\xc3\xa9", "\xe4\xb8\x80", "\xf0\x9f\x98\x80"};
    for (size_t i = 0; i < COUNT_OF(points); i++)
        ASSERT_SPAN(((struct span){out, unicode_encode(out, points[i])}), texts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_are_those_of_the_library),
        cmocka_unit_test(letters_get_small),
        cmocka_unit_test(scripts_are_told_apart),
        cmocka_unit_test(combining_classes_are_known),
        cmocka_unit_test(the_byte_alphabet_is_one_to_one),
        cmocka_unit_test(code_points_become_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
