#include "test/support/support.h"

#include "base/log.h"

static void log_everything(void)
{
    struct err err;
    err_set(&err, ERR_INPUT, "bad \x1b magic");
    log_detail("detail %d", 1);
    log_note("note %d", 2);
    log_warning("warning\n%d", 3);
    log_error(&err);
    err_in(&err, "x.gguf");
    err_hint(&err, "fetch it again");
    log_error(&err);
}

static void log_quietly(void)
{
    log_set_level(LOG_QUIET);
    log_everything();
}

static void log_verbosely(void)
{
    log_set_level(LOG_VERBOSE);
    log_everything();
}

static void log_a_long_line(void)
{
    char text[5000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    log_note("%s", text);
}

static void log_narrowly(void)
{
    struct err err;
    log_set_width(24);
    log_note("a line that is broken between words");
    log_warning("one-word-that-has-more-columns-than-there-are");
    log_note("\xc3\xa4\xc3\xb6\xc3\xbc \xc3\xa4\xc3\xb6\xc3\xbc \xc3\xa4\xc3\xb6\xc3\xbc "
             "\xc3\xa4\xc3\xb6\xc3\xbc ab");
    err_set(&err, ERR_INPUT, "the header claims 900 bytes");
    err_hint(&err, "fetch the file once more");
    log_error(&err);
}

#define ERRORS "pace: bad ? magic\npace: x.gguf: bad ? magic\n  hint: fetch it again\n"

static void assert_logged(void (*call)(void), const char *wanted)
{
    struct buf errors;
    buf_init(&errors, 1 << 16);
    assert_int_equal(run_apart(call, &errors), 0);
    ASSERT_SPAN(buf_span(&errors), wanted);
    buf_release(&errors);
}

static void the_level_decides_what_is_said(void **state)
{
    (void)state;
    assert_logged(log_quietly, ERRORS);
    assert_logged(log_everything, "note: note 2\nwarning: warning?3\n" ERRORS);
    assert_logged(log_verbosely, "detail 1\nnote: note 2\nwarning: warning?3\n" ERRORS);
}

static void a_terminal_s_lines_are_broken_between_words(void **state)
{
    (void)state;
    assert_logged(log_narrowly,
                  "note: a line that is\n  broken between words\n"
                  "\r\033[Kwarning:\n  one-word-that-has-more-columns-than-there-are\n"
                  "note: \xc3\xa4\xc3\xb6\xc3\xbc \xc3\xa4\xc3\xb6\xc3\xbc "
                  "\xc3\xa4\xc3\xb6\xc3\xbc \xc3\xa4\xc3\xb6\xc3\xbc ab\n"
                  "pace: the header claims\n  900 bytes\n"
                  "  hint: fetch the file\n    once more\n");
}

static void a_long_line_is_cut_and_still_ends(void **state)
{
    (void)state;
    struct buf errors;
    buf_init(&errors, 1 << 16);
    assert_int_equal(run_apart(log_a_long_line, &errors), 0);
    assert_true(errors.len > 2000 && errors.len < 2100);
    assert_int_equal(errors.at[errors.len - 1], '\n');
    buf_release(&errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_level_decides_what_is_said),
        cmocka_unit_test(a_terminal_s_lines_are_broken_between_words),
        cmocka_unit_test(a_long_line_is_cut_and_still_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
