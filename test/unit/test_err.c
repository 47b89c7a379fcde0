#include "test/support/support.h"

static void places_are_built_outward(void **state)
{
    (void)state;
    struct err err;
    err_set(&err, ERR_INPUT, "%d bytes but %d follow", 900, 40);
    err_in(&err, "byte %d", 8);
    err_in(&err, "%s", "x.gguf");
    err_in(&err, "base model");
    err_hint(&err, "fetch %s again", "it");
    assert_int_equal(err.kind, ERR_INPUT);
    assert_string_equal(err.what, "900 bytes but 40 follow");
    assert_string_equal(err.where, "base model: x.gguf: byte 8");
    assert_string_equal(err.hint, "fetch it again");
}

static void setting_an_error_forgets_the_old_one(void **state)
{
    (void)state;
    struct err err;
    err_set(&err, ERR_IO, "a");
    err_in(&err, "b");
    err_hint(&err, "c");
    err_set(&err, ERR_USAGE, "d");
    assert_int_equal(err.kind, ERR_USAGE);
    assert_string_equal(err.what, "d");
    assert_string_equal(err.where, "");
    assert_string_equal(err.hint, "");
}

static void long_texts_are_cut_between_characters(void **state)
{
    (void)state;
    struct err err;
    char text[1000];
    for (size_t shift = 0; shift < 3; shift++) {
        memset(text, 'x', sizeof text);
        for (size_t i = shift; i + 3 < sizeof text; i += 3)
            memcpy(text + i, "\xe2\x82\xac", 3);
        text[sizeof text - 1] = '\0';
        err_set(&err, ERR_INPUT, "%s", text);
        err_in(&err, "%s", text);
        err_in(&err, "x");
        size_t len = strlen(err.what);
        assert_true(len > sizeof err.what - 5 && len < sizeof err.what);
        assert_null(strchr(err.what, '?'));
        assert_null(strchr(err.where, '?'));
    }
}

static void what_a_terminal_would_obey_is_not_shown(void **state)
{
    (void)state;
    struct err err;
    err_set(&err, ERR_INPUT, "%s", "a\x1b[2Jb\n\x7f\xff\xc2\x9b" "c\xe2\x80\xae\xc3\xa9");
    err_in(&err, "%s", "\r\t");
    err_hint(&err, "%s", "\a");
    assert_string_equal(err.what, "a?[2Jb????c?\xc3\xa9");
    assert_string_equal(err.where, "??");
    assert_string_equal(err.hint, "?");
}

static void fail_a_check(void)
{
    CHECK(1 + 1 == 3);
}

static void a_failed_check_says_what_and_aborts(void **state)
{
    (void)state;
    CHECK(1 + 1 == 2);
    assert_check_fails(fail_a_check, "1 + 1 == 3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_built_outward),
        cmocka_unit_test(setting_an_error_forgets_the_old_one),
        cmocka_unit_test(long_texts_are_cut_between_characters),
        cmocka_unit_test(what_a_terminal_would_obey_is_not_shown),
        cmocka_unit_test(a_failed_check_says_what_and_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
