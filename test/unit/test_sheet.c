#include "test/support/support.h"

#include <math.h>

#include "logs/sheet.h"

static struct arena arena;

static void a_number_is_found_at_the_start_of_text(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        double value;
    } cases[] = {
        {"2.5, time", 3, 2.5},
        {"1e-05}", 5, 1e-5},
        {"3.", 2, 3},
        {"-7|", 2, -7},
        {"2.5e", 3, 2.5},
        {"10-20", 2, 10},
        {"inf", 3, INFINITY},
        {"-Infinity,", 9, -INFINITY},
        {"+nanz)", 0, 0},
        {"info", 0, 0},
        {"", 0, 0},
        {"e5", 0, 0},
        {"-", 0, 0},
        {"1e999", 5, INFINITY},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        double value = 0;
        size_t len = sheet_scan_number(span_of(cases[i].text), &value);
        if (len != cases[i].len || value != cases[i].value)
            fail_msg("%s: %zu characters, %g", cases[i].text, len, value);
    }
    double value = 0;
    assert_int_equal(sheet_scan_number(span_of("NaN,"), &value), 3);
    assert_true(isnan(value));
}

static void cells_are_kept_by_row_and_column(void **state)
{
    (void)state;
    struct sheet s;
    size_t n;
    sheet_init(&s, &arena);
    sheet_row(&s);
    int loss = sheet_column(&s, span_of("loss"));
    assert_int_equal(sheet_column(&s, span_of("accuracy")), -1);
    assert_int_equal(sheet_column(&s, span_of("loss")), loss);
    sheet_put(&s, loss, 2.5);
    sheet_put(&s, -1, 9);
    sheet_row(&s);
    sheet_put(&s, loss, 3);
    sheet_drop_row(&s);
    const struct sheet_cell *cells = sheet_cells(&s, &n);
    assert_int_equal(n, 1);
    assert_true(cells[0].value == 2.5 && cells[0].row == 0);
    assert_int_equal(s.columns[loss].n_cells, 1);
    assert_true(sheet_has(&s, "loss"));
    assert_false(sheet_has(&s, "accuracy"));
    assert_string_equal(s.names[1], "accuracy");
    sheet_release(&s);
    arena_release(&arena);
}

static void text_may_hold_a_step_and_the_planned_number(void **state)
{
    (void)state;
    struct sheet s;
    sheet_init(&s, &arena);
    sheet_row(&s);
    int step = sheet_column(&s, span_of("global_step/max_steps"));
    int loss = sheet_column(&s, span_of("loss"));
    assert_true(sheet_put_text(&s, step, span_of(" 601/2161 ")));
    assert_int_equal(s.total_steps, 2161);
    assert_false(sheet_put_text(&s, loss, span_of("1/2")));
    assert_false(sheet_put_text(&s, loss, span_of("low")));
    assert_false(sheet_put_text(&s, -1, span_of("1")));
    assert_true(sheet_put_text(&s, loss, span_of("2.5\r")));
    sheet_release(&s);
    arena_release(&arena);
}

static void columns_and_notes_are_bounded(void **state)
{
    (void)state;
    struct sheet s;
    sheet_init(&s, &arena);
    for (int i = 0; i < 2 * SHEET_COLUMNS; i++) {
        const char *name = arena_printf(&arena, "run %d - loss", i);
        assert_int_equal(sheet_column(&s, span_of(name)), i < SHEET_COLUMNS ? i : -1);
    }
    for (int i = 0; i < 2 * SHEET_NOTES; i++)
        sheet_note(&s, "note %d\x1b", i);
    assert_int_equal(s.n_notes, SHEET_NOTES);
    assert_string_equal(s.notes[1], "note 1?");
    assert_int_equal(s.n_names, SHEET_NAMES);
    sheet_release(&s);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_found_at_the_start_of_text),
        cmocka_unit_test(cells_are_kept_by_row_and_column),
        cmocka_unit_test(text_may_hold_a_step_and_the_planned_number),
        cmocka_unit_test(columns_and_notes_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
