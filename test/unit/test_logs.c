#include "test/support/support.h"

#include "logs/logs.h"

static struct arena arena;
static struct err err;
static struct log_file log_;

static bool read_text(const char *text)
{
    arena_release(&arena);
    return log_read(&log_, temporary_file("log", span_of(text)), &arena, &err);
}

static void the_format_is_told_by_the_content(void **state)
{
    (void)state;
    ASSERT_OK(read_text("{\"log_history\": [{\"loss\": 2.5, \"step\": 1}]}"));
    assert_string_equal(log_.format, "trainer_state");
    ASSERT_OK(read_text("{\"loss\": 2.5, \"step\": 1}\n"));
    assert_string_equal(log_.format, "json_lines");
    ASSERT_OK(read_text("step,loss\n1,2.5\n"));
    assert_string_equal(log_.format, "table");
    ASSERT_OK(read_text("{'loss': 2.5, 'epoch': 1.0}\nstep 1: lr 7\n"));
    assert_string_equal(log_.format, "console");
    ASSERT_OK(read_text("{\"loss\": 2.5, \"step\": 1}\n"));
    assert_int_equal(log_.series.n_points, 1);
    assert_int_equal(log_.n_columns, 2);
    assert_string_equal(log_.columns[0], "step");
    assert_non_null(strstr(log_.path, "/log"));
}

static void what_is_no_log_is_refused_with_what_was_found(void **state)
{
    (void)state;
    ASSERT_FAILS(read_text(""), "the file is empty");
    ASSERT_FAILS(log_read_bytes(&log_,
                                (struct span){(const uint8_t *)"\x7f"
                                                               "ELF\0\1",
                                              6},
                                "x", &arena, &err),
                 "a binary file");
    assert_non_null(strstr(err.hint, "what is read: "));
    ASSERT_FAILS(read_text("\xff\xfe"
                           "l"),
                 "the text is UTF-16");
    assert_non_null(strstr(err.hint, "save it as UTF-8"));
    ASSERT_FAILS(read_text("{\"messages\": 1, \"id\": 2}\n"),
                 "no loss in it; names found: messages, id");
    assert_non_null(strstr(err.hint, "what is read: journal, trainer_state"));
    assert_non_null(strstr(err.where, "/log"));
    ASSERT_FAILS(read_text(" \n\nHello\nloss\n"), "no loss in it; it begins with: Hello");
    ASSERT_FAILS(read_text("{\"loss\": \n"), "ends early");
    assert_int_equal(err.kind, ERR_INPUT);
    ASSERT_FAILS(log_read(&log_, "/no/such/log", &arena, &err), "");
    assert_int_equal(err.kind, ERR_IO);
}

static void every_reader_says_what_it_reads(void **state)
{
    (void)state;
    const char *name, *about;
    size_t n = 0;
    while (log_reader(n, &name, &about)) {
        assert_true(name[0] && about[0]);
        n++;
    }
    assert_int_equal(n, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_format_is_told_by_the_content),
        cmocka_unit_test(what_is_no_log_is_refused_with_what_was_found),
        cmocka_unit_test(every_reader_says_what_it_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
