#include "test/support/support.h"

#include <math.h>

#include "logs/json_rows.h"

static struct arena arena;
static struct err err;
static struct sheet sheet;

static bool read_text(const char *text)
{
    arena_release(&arena);
    sheet_release(&sheet);
    sheet_init(&sheet, &arena);
    return json_rows_read(&sheet, span_of(text), &err);
}

/* The values of a column, one behind another; NONE in the end. */
static double value_of(const char *column, size_t index)
{
    size_t n;
    const struct sheet_cell *cells = sheet_cells(&sheet, &n);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(sheet.columns[cells[i].column].name, column) == 0 && index-- == 0)
            return cells[i].value;
    }
    return -1;
}

static void objects_are_rows(void **state)
{
    (void)state;
    ASSERT_OK(
        read_text("\xef\xbb\xbf{\"step\": 1, \"loss\": 2.5, \"who\": [1, {\"loss\": 7}]}\r\n\n"
                  "{\"step\": 2, \"loss\": NaN, \"done\": true}\n"));
    assert_int_equal(sheet.n_rows, 2);
    assert_true(value_of("loss", 0) == 2.5);
    assert_true(isnan(value_of("loss", 1)));
    assert_true(value_of("loss", 2) == -1);
}

static void strings_may_hold_numbers(void **state)
{
    (void)state;
    ASSERT_OK(read_text("{\"loss\": \"2.105\", \"global_step/max_steps\": \"6/90\", "
                        "\"learning_rate\": \"auto\", \"eval_loss\": null}\n"));
    assert_true(value_of("loss", 0) == 2.105);
    assert_true(value_of("global_step/max_steps", 0) == 6);
    assert_true(value_of("learning_rate", 0) == -1);
    assert_true(value_of("eval_loss", 0) == -1);
    assert_int_equal(sheet.total_steps, 90);
}

static void an_object_inside_lends_its_name(void **state)
{
    (void)state;
    ASSERT_OK(
        read_text("{\"train\": {\"loss\": 2, \"deep\": {\"loss\": 9}}, \"val\": {\"loss\": 3}}"));
    assert_true(value_of("train/loss", 0) == 2);
    assert_true(value_of("val/loss", 0) == 3);
    assert_int_equal(sheet.n_columns, 2);
}

static void an_array_of_objects_is_read(void **state)
{
    (void)state;
    assert_true(json_rows_is(span_of(" [ {\"loss\"")));
    ASSERT_OK(read_text("[{\"loss\": 1}, {\"loss\": 2}]"));
    assert_true(value_of("loss", 1) == 2);
    ASSERT_FAILS(read_text("[{\"loss\": 1}, 2]"), "expected an object");
}

static void broken_lines_are_counted(void **state)
{
    (void)state;
    ASSERT_OK(
        read_text("{\"loss\": 1}\n{\"loss\": 2}\n{\"loss\": 3.12\n{\"loss\": 4}\n{\"loss\": 3."));
    assert_true(value_of("loss", 2) == 4);
    assert_true(value_of("loss", 3) == -1);
    assert_int_equal(sheet.n_notes, 1);
    assert_string_equal(sheet.notes[0], "2 lines, the first of them line 3, are no JSON object and "
                                        "were passed over");
    ASSERT_FAILS(read_text("{\"loss\": 1}\n3\n"), "expected an object");
    assert_string_equal(err.where, "line 2, column 1");
}

static void other_text_is_not_taken_for_json_lines(void **state)
{
    (void)state;
    assert_true(json_rows_is(span_of("{ \"a\"")));
    assert_false(json_rows_is(span_of("{'loss': 2}")));
    assert_false(json_rows_is(span_of("step 1")));
    assert_false(json_rows_is(span_of("[1, 2]")));
    assert_false(json_rows_is(span_of("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_rows),
        cmocka_unit_test(strings_may_hold_numbers),
        cmocka_unit_test(an_object_inside_lends_its_name),
        cmocka_unit_test(an_array_of_objects_is_read),
        cmocka_unit_test(broken_lines_are_counted),
        cmocka_unit_test(other_text_is_not_taken_for_json_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
