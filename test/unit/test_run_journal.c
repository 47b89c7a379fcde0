#include "test/support/support.h"

#include "base/file.h"
#include "train/run_journal.h"

static struct arena arena;

static const char *content(const char *folder)
{
    struct err err = {0};
    struct buf out;
    buf_init(&out, BUF_NO_LIMIT);
    ASSERT_OK(file_read(&out, file_join(&arena, folder, "journal.jsonl"), &err));
    const char *text = arena_printf(&arena, "%s", buf_string(&out));
    buf_release(&out);
    return text;
}

static void each_record_is_a_line_at_once(void **state)
{
    (void)state;
    struct err err = {0};
    struct run_journal j;
    ASSERT_OK(run_journal_open(&j, temporary_folder(), 0, &err));
    struct json_writer *w = run_journal_begin(&j, "arm");
    json_member_int(w, "arm", 2);
    run_journal_decide(&j, "branch", "it is \"tried\"");
    run_journal_end(&j);
    assert_string_equal(content(temporary_folder()),
                        "{\"record\": \"arm\", \"arm\": 2, \"action\": \"branch\", \"reason\": "
                        "\"it is \\\"tried\\\"\"}\n");
    uint64_t len = j.file.len;
    (void)run_journal_begin(&j, "lost");
    run_journal_end(&j);
    run_journal_close(&j);
    ASSERT_OK(run_journal_open(&j, temporary_folder(), len, &err));
    (void)run_journal_begin(&j, "next");
    run_journal_end(&j);
    assert_non_null(strstr(content(temporary_folder()), "tried"));
    assert_non_null(strstr(content(temporary_folder()), "}\n{\"record\": \"next\"}\n"));
    assert_null(strstr(content(temporary_folder()), "lost"));
    ASSERT_OK(run_journal_check(&j, &err));
    run_journal_close(&j);
}

static void without_a_folder_nothing_is_kept(void **state)
{
    (void)state;
    struct err err = {0};
    struct run_journal j;
    run_journal_init(&j);
    (void)run_journal_begin(&j, "arm");
    run_journal_end(&j);
    ASSERT_OK(run_journal_check(&j, &err));
    run_journal_close(&j);
    ASSERT_FAILS(run_journal_open(&j, "/nowhere", 0, &err), "cannot open");
    run_journal_close(&j);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_record_is_a_line_at_once),
        cmocka_unit_test(without_a_folder_nothing_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
