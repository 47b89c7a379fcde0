#include "test/support/support.h"

#include "text/form.h"

static struct text text;
static struct err err;

static struct span formed(enum form form, const char *bytes)
{
    text_set(&text, span_of(bytes), 0, true);
    ASSERT_OK(form_run(form, &text, &err));
    return text.bytes;
}

#define E_ACUTE "\xc3\xa9"
#define ACUTE "\xcc\x81"
#define DOT_BELOW "\xcc\xa3"

static void text_in_its_form_is_left_where_it_is(void **state)
{
    (void)state;
    static const char plain[] = "na" E_ACUTE "f \xe4\xb8\x80";
    assert_ptr_equal(formed(FORM_NFC, plain).at, plain);
    ASSERT_SPAN(formed(FORM_NFKD, "abc"), "abc");
}

static void marks_join_and_part(void **state)
{
    (void)state;
    ASSERT_SPAN(formed(FORM_NFC, "xe" ACUTE "x"), "x" E_ACUTE "x");
    ASSERT_SPAN(formed(FORM_NFD, "x" E_ACUTE "x"), "xe" ACUTE "x");
    ASSERT_SPAN(formed(FORM_NFC, "q" ACUTE), "q" ACUTE);
    ASSERT_SPAN(formed(FORM_NFC, ACUTE "e"), ACUTE "e");
}

static void marks_are_put_in_order(void **state)
{
    (void)state;
    ASSERT_SPAN(formed(FORM_NFD, "q" ACUTE DOT_BELOW), "q" DOT_BELOW ACUTE);
    ASSERT_SPAN(formed(FORM_NFC, "e" ACUTE DOT_BELOW), "\xe1\xba\xb9" ACUTE);
    ASSERT_SPAN(formed(FORM_NFC, E_ACUTE DOT_BELOW), "\xe1\xba\xb9" ACUTE);
    ASSERT_SPAN(formed(FORM_NFC, "e" ACUTE ACUTE), E_ACUTE ACUTE);
}

static void compatible_forms_take_ligatures_apart(void **state)
{
    (void)state;
    ASSERT_SPAN(formed(FORM_NFKC, "\xef\xac\x81\xe2\x91\xa0"), "fi1");
    ASSERT_SPAN(formed(FORM_NFC, "\xef\xac\x81"), "\xef\xac\x81");
    assert_int_equal(formed(FORM_NFKD, "\xef\xb7\xba").len, 33); /* eighteen characters of Arabic */
}

static void hangul_is_composed(void **state)
{
    (void)state;
    ASSERT_SPAN(formed(FORM_NFC, "\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8"), "\xea\xb0\x81");
    ASSERT_SPAN(formed(FORM_NFD, "\xea\xb0\x81"), "\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8");
    ASSERT_SPAN(formed(FORM_NFC, "\xea\xb0\x80\xe1\x86\xa8"), "\xea\xb0\x81");
}

static void characters_that_the_library_does_not_know_yet_stay(void **state)
{
    (void)state;
    /* U+32FF, a square of two since Unicode 12.1; U+11935 U+11930 compose since 13. */
    ASSERT_SPAN(formed(FORM_NFKC, "\xe3\x8b\xbf"), "\xe3\x8b\xbf");
    ASSERT_SPAN(formed(FORM_NFC, "\xf0\x91\xa4\xb5\xf0\x91\xa4\xb0"),
                "\xf0\x91\xa4\xb5\xf0\x91\xa4\xb0");
}

static void origins_follow_the_account_of_changes(void **state)
{
    (void)state;
    formed(FORM_NFC, "xe" ACUTE "y");
    struct text_origin origin = text_origin_of(&text, 1, 3);
    assert_true(origin.start == 1 && origin.end == 2); /* the accent's place is lost, as there */
    origin = text_origin_of(&text, 3, 4);
    assert_true(origin.start == 4 && origin.end == 5);
}

static void a_million_marks_are_sorted_at_once(void **state)
{
    (void)state;
    struct buf bytes;
    buf_init(&bytes, BUF_NO_LIMIT);
    for (int i = 0; i < 300000; i++)
        buf_add_text(&bytes, ACUTE DOT_BELOW);
    text_set(&text, buf_span(&bytes), 0, false);
    ASSERT_OK(form_run(FORM_NFC, &text, &err));
    assert_int_equal(text.bytes.len, bytes.len);
    assert_memory_equal(text.bytes.at, DOT_BELOW DOT_BELOW, 4);
    buf_release(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_in_its_form_is_left_where_it_is),
        cmocka_unit_test(marks_join_and_part),
        cmocka_unit_test(marks_are_put_in_order),
        cmocka_unit_test(compatible_forms_take_ligatures_apart),
        cmocka_unit_test(hangul_is_composed),
        cmocka_unit_test(characters_that_the_library_does_not_know_yet_stay),
        cmocka_unit_test(origins_follow_the_account_of_changes),
        cmocka_unit_test(a_million_marks_are_sorted_at_once),
    };
    text_init(&text);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    text_release(&text);
    return failed;
}
