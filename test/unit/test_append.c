#include "test/support/support.h"

#include "base/append.h"
#include "base/file.h"

static struct arena arena;

static const char *content(const char *path)
{
    struct err err = {0};
    struct buf out;
    buf_init(&out, BUF_NO_LIMIT);
    ASSERT_OK(file_read(&out, path, &err));
    const char *text = arena_printf(&arena, "%s", buf_string(&out));
    buf_release(&out);
    return text;
}

static void what_was_put_is_there_at_once_and_is_gone_on_with(void **state)
{
    (void)state;
    struct err err = {0};
    struct append a;
    const char *path = temporary_file("log", span_of(""));
    ASSERT_OK(append_open(&a, path, 0, &err));
    append_put(&a, span_of("one\n"));
    assert_string_equal(content(path), "one\n");
    append_put(&a, span_of("two\nthr"));
    ASSERT_OK(append_sync(&a, path, &err));
    append_close(&a);
    append_close(&a);
    ASSERT_OK(append_open(&a, path, 8, &err));
    assert_string_equal(content(path), "one\ntwo\n");
    append_put(&a, span_of("three\n"));
    assert_int_equal(a.len, 14);
    append_close(&a);
    assert_string_equal(content(path), "one\ntwo\nthree\n");
}

static void a_file_that_is_not_there_is_made_and_one_that_lost_bytes_is_refused(void **state)
{
    (void)state;
    struct err err = {0};
    struct append a;
    const char *path = file_join(&arena, temporary_folder(), "fresh");
    ASSERT_OK(append_open(&a, path, 0, &err));
    append_put(&a, span_of("x"));
    append_close(&a);
    ASSERT_FAILS(append_open(&a, path, 2, &err), "shorter than the 2 bytes");
    ASSERT_FAILS(append_open(&a, "/nowhere/file", 0, &err), "cannot open");
}

static void a_full_disk_is_remembered(void **state)
{
    (void)state;
    struct err err = {0};
    struct append a;
    ASSERT_OK(append_open(&a, "/dev/full", 0, &err));
    append_put(&a, span_of("line\n"));
    append_put(&a, span_of("line\n"));
    assert_int_equal(a.len, 0);
    ASSERT_FAILS(append_check(&a, "/dev/full", &err), "No space left");
    ASSERT_FAILS(append_sync(&a, "/dev/full", &err), "No space left");
    append_close(&a);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_there_at_once_and_is_gone_on_with),
        cmocka_unit_test(a_file_that_is_not_there_is_made_and_one_that_lost_bytes_is_refused),
        cmocka_unit_test(a_full_disk_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
