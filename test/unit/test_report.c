#include "test/support/made_run.h"
#include "test/support/support.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "report/report.h"

static struct arena arena;
static struct err err;

/* The folder of a new run, with the journal in it. */
static const char *folder_of(void (*make)(struct buf *))
{
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    make(&text);
    const char *path = temporary_file("journal.jsonl", buf_span(&text));
    buf_release(&text);
    return arena_string(
        &arena, (struct span){(const uint8_t *)path, strlen(path) - strlen("/journal.jsonl")});
}

static bool holds(const char *folder, const char *name, const char *wanted)
{
    struct file_map map;
    ASSERT_OK(file_map(&map, file_join(&arena, folder, name), &err));
    bool found = span_find(map.bytes, span_of(wanted)) < map.bytes.len;
    file_unmap(&map);
    return found;
}

static void a_run_is_read_from_its_folder_or_its_journal(void **state)
{
    (void)state;
    struct report r;
    const char *folder = folder_of(made_run);
    ASSERT_OK(report_open(&r, folder, &err));
    assert_string_equal(r.folder, folder);
    assert_true(report_rate(&r) == 5e-4);
    assert_string_equal(report_status(&r), "done");
    assert_int_equal(r.timeline.n_items, 3);
    report_close(&r);
    ASSERT_OK(report_open(&r, file_join(&arena, folder, "journal.jsonl"), &err));
    assert_string_equal(r.folder, folder);
    report_close(&r);
}

static void what_is_missing_is_an_error(void **state)
{
    (void)state;
    struct report r;
    const char *folder = temporary_folder();
    ASSERT_FAILS(report_open(&r, file_join(&arena, folder, "nothing"), &err), "");
    assert_int_equal(err.kind, ERR_IO);
    const char *path = temporary_file("other.jsonl", span_of("{\"loss\": 1}\n"));
    ASSERT_FAILS(report_open(&r, path, &err), "begins with the options of its run");
    assert_non_null(strstr(err.where, "other.jsonl"));
    ASSERT_FAILS(report_write(file_join(&arena, folder, "nothing"), &err), "");
}

static void the_rate_is_that_of_the_schedule_where_nothing_was_searched(void **state)
{
    (void)state;
    struct report r;
    ASSERT_OK(report_open(&r, folder_of(made_run_steps), &err));
    assert_true(report_rate(&r) == 5e-4);
    assert_string_equal(report_status(&r), "done");
    assert_false(r.facts.has_run);
    report_close(&r);
}

static void a_journal_without_a_first_step_can_be_told(void **state)
{
    (void)state;
    struct report r;
    ASSERT_OK(report_open(&r, folder_of(made_run_begin), &err));
    assert_false(r.journal.has_options);
    assert_string_equal(report_status(&r), "unfinished");
    report_close(&r);
}

static void three_files_are_written(void **state)
{
    (void)state;
    const char *folder = folder_of(made_run);
    const char *adapter = file_join(&arena, folder, "adapter");
    ASSERT_OK(file_make_folder(adapter, &err));
    ASSERT_OK(report_write(folder, &err));
    assert_true(holds(folder, "report.html", "Better than its base"));
    assert_true(holds(folder, "report.json", "\"status\": \"done\""));
    assert_true(holds(folder, "README.md", "library_name: peft"));
    assert_true(holds(adapter, "README.md", "library_name: peft"));
    ASSERT_OK(report_write(folder, &err)); /* and again over them */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_read_from_its_folder_or_its_journal),
        cmocka_unit_test(what_is_missing_is_an_error),
        cmocka_unit_test(the_rate_is_that_of_the_schedule_where_nothing_was_searched),
        cmocka_unit_test(a_journal_without_a_first_step_can_be_told),
        cmocka_unit_test(three_files_are_written),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
