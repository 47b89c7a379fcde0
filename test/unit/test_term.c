#define _GNU_SOURCE /* setenv */
#include "test/support/support.h"

#include <stdlib.h>

#include "cli/term.h"

static const struct term plain = {.width = 80};
static const struct term rich = {.width = 80, .has_color = true, .has_unicode = true};

/* All of the text made safe. */
static const char *safe(const struct term *t, const char *text, size_t *columns)
{
    static struct buf out;
    buf_release(&out);
    buf_init(&out, BUF_NO_LIMIT);
    struct span rest = span_of(text);
    size_t len;
    for (*columns = 0; rest.len > 0; rest = span_from(rest, len))
        *columns += term_add_safe(t, &out, rest, &len);
    return buf_string(&out);
}

static void what_could_steer_a_terminal_is_written_out(void **state)
{
    (void)state;
    size_t columns;
    assert_string_equal(safe(&rich, "a\x1b[31mb\r\n\tc\x7f", &columns),
                        "a\\x1b[31mb\\r\\n\\tc\\x7f");
    assert_int_equal(columns, 21);
    assert_string_equal(safe(&rich, "\xc2\x9b\xe2\x80\xae\xe2\x81\xa6\xef\xbb\xbf\xff", &columns),
                        "\\x9b\\u202e\\u2066\\ufeff\\xff");
    assert_string_equal(safe(&plain, "\xc3\xa9\xe4\xb8\xad", &columns), "??");
    assert_string_equal(safe(&plain, "1 \xc2\xb1 2 \xc3\x97 3\xe2\x80\xa6", &columns),
                        "1 +- 2 x 3...");
    assert_int_equal(columns, 13);
    assert_string_equal(safe(&rich,
                             "\xc3\xa9\xe4\xb8\xad"
                             "e\xcc\x81\xf0\x9f\x98\x80",
                             &columns),
                        "\xc3\xa9\xe4\xb8\xad"
                        "e\xcc\x81\xf0\x9f\x98\x80");
    assert_int_equal(columns, 1 + 2 + 1 + 0 + 2);
}

static void a_line_is_cut_where_it_is_full(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, BUF_NO_LIMIT);
    assert_int_equal(term_add_line(&plain, &out, span_of("abcdef"), 6), 6);
    assert_int_equal(term_add_line(&plain, &out, span_of("abcdefg"), 6), 6);
    assert_int_equal(term_add_line(&rich, &out, span_of("a\xe4\xb8\xad\xe4\xb8\xad"), 4), 4);
    assert_string_equal(buf_string(&out), "abcdefabc...a\xe4\xb8\xad\xe2\x80\xa6");
    buf_release(&out);
}

static void a_paragraph_is_broken_at_blanks_and_indented(void **state)
{
    (void)state;
    struct term narrow = {.width = 14};
    struct buf out;
    buf_init(&out, BUF_NO_LIMIT);
    term_add_paragraph(&narrow, &out, "  do: ", "halve the rate now");
    term_add_paragraph(&narrow, &out, "", "a\x1b an-overlong-word-alone b");
    term_add_paragraph(&narrow, &out, "- ", "");
    assert_string_equal(buf_string(&out), "  do: halve\n      the rate\n      now\n"
                                          "a\\x1b\nan-overlong...\nb\n- \n");
    buf_release(&out);
}

static void bars_and_counts_are_drawn(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, BUF_NO_LIMIT);
    term_add_bar(&plain, &out, 0.5, 10);
    term_add_bar(&plain, &out, 0, 10);
    buf_add_byte(&out, '|');
    term_add_bar(&plain, &out, 1e-9, 10);
    buf_add_byte(&out, '|');
    term_add_bar(&rich, &out, 0.25, 5);
    buf_add_byte(&out, '|');
    const uint64_t counts[] = {0, 999, 1000, 1234567, UINT64_MAX};
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        term_add_count(&out, counts[i], NULL);
        buf_add_byte(&out, ' ');
    }
    assert_string_equal(buf_string(&out), "#####|#|\xe2\x96\x88\xe2\x96\x8e|"
                                          "0 999 1,000 1,234,567 18,446,744,073,709,551,615 ");
    buf_release(&out);
}

static void styles_need_colour(void **state)
{
    (void)state;
    assert_string_equal(term_style(&plain, TERM_GREEN), "");
    assert_string_equal(term_style(&rich, TERM_GREEN), "\x1b[32m");
}

static void the_environment_says_what_the_terminal_can(void **state)
{
    (void)state;
    setenv("LC_ALL", "", 1);
    setenv("LC_CTYPE", "de_DE.UTF-8", 1);
    setenv("COLUMNS", "33", 1);
    struct term t = term_of_stdout();
    assert_true(t.has_unicode);
    assert_int_equal(t.width, 33);
    setenv("LC_ALL", "C", 1);
    setenv("COLUMNS", "3", 1);
    t = term_of_stdout();
    assert_false(t.has_unicode);
    assert_int_equal(t.width, 32);
    setenv("COLUMNS", "9999", 1);
    assert_int_equal(term_of_stdout().width, 200);
    setenv("NO_COLOR", "1", 1);
    assert_false(term_of_stdout().has_color);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_could_steer_a_terminal_is_written_out),
        cmocka_unit_test(a_line_is_cut_where_it_is_full),
        cmocka_unit_test(a_paragraph_is_broken_at_blanks_and_indented),
        cmocka_unit_test(bars_and_counts_are_drawn),
        cmocka_unit_test(styles_need_colour),
        cmocka_unit_test(the_environment_says_what_the_terminal_can),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
