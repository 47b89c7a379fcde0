#include "test/support/support.h"

#include "logs/trainer_state.h"

#define HISTORY                                                                                    \
    "\"log_history\": [{\"epoch\": 0.5, \"learning_rate\": 0.0, \"loss\": 2.5, \"step\": 1}, "     \
    "{\"eval_loss\": NaN, \"epoch\": 0.5, \"step\": 1}, {\"loss\": 2.25, \"step\": 2"

static struct arena arena;
static struct err err;
static struct sheet sheet;

static bool read_text(const char *text)
{
    arena_release(&arena);
    sheet_release(&sheet);
    sheet_init(&sheet, &arena);
    return trainer_state_read(&sheet, span_of(text), &err);
}

static void the_history_and_the_plan_are_read(void **state)
{
    (void)state;
    size_t n;
    const char *text = "{\"best_metric\": null, " HISTORY "}], \"max_steps\": 20, "
                       "\"num_train_epochs\": 3, \"trial_params\": null}";
    assert_true(trainer_state_is(span_of(text)));
    ASSERT_OK(read_text(text));
    (void)sheet_cells(&sheet, &n);
    assert_int_equal(sheet.n_rows, 3);
    assert_int_equal(n, 9);
    assert_int_equal(sheet.total_steps, 20);
    assert_true(sheet.total_epochs == 3);
    assert_true(sheet.is_trainer);
    assert_int_equal(sheet.rate_owner, RATE_OF_NEXT);
}

static void the_version_is_told_by_a_field(void **state)
{
    (void)state;
    ASSERT_OK(read_text("{\"best_global_step\": null, " HISTORY "}], \"max_steps\": -1}"));
    assert_int_equal(sheet.rate_owner, RATE_OF_UPDATE);
    assert_int_equal(sheet.total_steps, 0);
}

static void a_damaged_file_is_read_as_far_as_it_goes(void **state)
{
    (void)state;
    size_t n;
    ASSERT_OK(read_text("{" HISTORY));
    (void)sheet_cells(&sheet, &n);
    assert_int_equal(n, 7); /* the last row may end in half a number */
    assert_int_equal(sheet.n_notes, 1);
    assert_non_null(strstr(sheet.notes[0], "it is damaged (the text ends early"));
    ASSERT_FAILS(read_text("{\"log_history\": [{\"loss\": 2"), "ends early");
    ASSERT_FAILS(read_text("{\"log_history\": 7}"), "expected a list");
}

static void other_documents_are_not_taken_for_a_state(void **state)
{
    (void)state;
    assert_false(trainer_state_is(span_of("{\"loss\": 2}")));
    assert_false(trainer_state_is(span_of("log_history")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_history_and_the_plan_are_read),
        cmocka_unit_test(the_version_is_told_by_a_field),
        cmocka_unit_test(a_damaged_file_is_read_as_far_as_it_goes),
        cmocka_unit_test(other_documents_are_not_taken_for_a_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
