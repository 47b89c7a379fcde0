#include "test/support/support.h"

#include "options/run_file.h"

static struct arena arena;
static struct err err;
static struct options o;

/* Reads the text as a run file of `pace data`, into fresh options. */
static bool read_text(const char *text)
{
    options_init(&o);
    return run_file_read(&o, &arena, temporary_file("run.yaml", span_of(text)), FOR_DATA,
                         "MODEL DATA", &err);
}

static void keys_are_options_in_either_spelling(void **state)
{
    (void)state;
    ASSERT_OK(read_text("max_length: 128\nskip-bad-rows: yes\ntest_split: 0.25\n"));
    assert_int_equal(o.max_length, 128);
    assert_true(o.skip_bad_rows);
    assert_true(o.test_split == 0.25);
    assert_true(options_given(&o, "max-length"));
}

static void arguments_are_found_by_their_name(void **state)
{
    (void)state;
    ASSERT_OK(read_text("data: rows.jsonl\nmax_length: 9\n"));
    assert_int_equal(o.n_arguments, 0); /* the one before it, MODEL, is missing */
    ASSERT_OK(run_file_read(&o, &arena, temporary_file("a.yaml", span_of("data: rows.jsonl\n")),
                            FOR_DATA, "DATA", &err));
    assert_int_equal(o.n_arguments, 1);
    assert_string_equal(o.arguments[0], "rows.jsonl");
}

static void lists_are_joined_by_commas(void **state)
{
    (void)state;
    ASSERT_OK(read_text("columns: [prompt=q, completion=a]\n"));
    assert_string_equal(o.columns, "prompt=q,completion=a");
}

static void a_mapping_becomes_json(void **state)
{
    (void)state;
    ASSERT_OK(read_text("columns: {num_cycles: 2, name: x}\n"));
    assert_string_equal(o.columns, "{\"num_cycles\": 2, \"name\": \"x\"}");
}

static void null_leaves_the_default(void **state)
{
    (void)state;
    ASSERT_OK(read_text("columns: null\nmax_length:\n"));
    assert_null(o.columns);
    assert_false(options_given(&o, "max-length"));
}

static void what_was_given_before_stays(void **state)
{
    (void)state;
    options_init(&o);
    ASSERT_OK(options_set(&o, options_find(span_of("max-length")), "64", FOR_DATA, &err));
    ASSERT_OK(run_file_read(&o, &arena, temporary_file("b.yaml", span_of("max_length: 128\n")),
                            FOR_DATA, "DATA", &err));
    assert_int_equal(o.max_length, 64);
}

static void options_of_other_commands_and_needless_ones_are_passed_over(void **state)
{
    (void)state;
    ASSERT_OK(read_text("lines: true\nreport_to: wandb\n"));
    assert_false(o.lines);
    assert_int_equal(o.n_needless, 1);
}

static void what_is_wrong_is_named_with_its_line(void **state)
{
    (void)state;
    ASSERT_FAILS(read_text("seed: 1\nmax_lenght: 2\n"), "unknown option max_lenght");
    assert_string_equal(err.hint, "did you mean --max-length?");
    assert_non_null(strstr(err.where, "run.yaml: line 2"));
    ASSERT_FAILS(read_text("max_length: x\n"), "'x' is not a whole number");
    ASSERT_FAILS(read_text("columns: [a, [b]]\n"), "a list of plain values is expected");
    ASSERT_FAILS(read_text("columns: \"a\\0b\"\n"), "NUL character");
    ASSERT_FAILS(read_text("- a\n"), "a run file is a mapping");
    options_init(&o);
    ASSERT_FAILS(run_file_read(&o, &arena, "/nowhere.yaml", FOR_DATA, "DATA", &err), "cannot open");
    assert_int_equal(err.kind, ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_options_in_either_spelling),
        cmocka_unit_test(arguments_are_found_by_their_name),
        cmocka_unit_test(lists_are_joined_by_commas),
        cmocka_unit_test(a_mapping_becomes_json),
        cmocka_unit_test(null_leaves_the_default),
        cmocka_unit_test(what_was_given_before_stays),
        cmocka_unit_test(options_of_other_commands_and_needless_ones_are_passed_over),
        cmocka_unit_test(what_is_wrong_is_named_with_its_line),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
