#include "test/support/support.h"

#include <math.h>

#include "logs/points.h"

static struct arena arena;
static struct sheet sheet;
static struct pace_series series;
static const char *columns[FIELD_COUNT];

#define NONE 1e300 /* a cell that is not there */

static void start_sheet(void)
{
    arena_release(&arena);
    sheet_release(&sheet);
    sheet_init(&sheet, &arena);
}

/* Adds rows of values under the given names and makes the points. */
static void add_rows(const char *const names[], size_t n_names, const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i % n_names == 0)
            sheet_row(&sheet);
        if (values[i] != NONE)
            sheet_put(&sheet, sheet_column(&sheet, span_of(names[i % n_names])), values[i]);
    }
    points_of_sheet(&sheet, &series, columns);
}

static void read_rows(const char *const names[], size_t n_names, const double *values, size_t n)
{
    start_sheet();
    add_rows(names, n_names, values, n);
}

#define READ(names, ...)                                                                           \
    do {                                                                                           \
        const double values[] = {__VA_ARGS__};                                                     \
        read_rows(names, COUNT_OF(names), values, COUNT_OF(values));                               \
    } while (0)

static bool has_note(const char *part)
{
    for (size_t i = 0; i < sheet.n_notes; i++) {
        if (strstr(sheet.notes[i], part))
            return true;
    }
    return false;
}

static void what_is_logged_for_one_step_is_one_point(void **state)
{
    (void)state;
    static const char *const names[] = {"step", "loss", "eval_loss", "learning_rate"};
    READ(names, 10, 2.5, NONE, 1e-4, 10, NONE, 2.25, NONE, 20, 2, NONE, 5e-5);
    assert_int_equal(series.n_points, 2);
    assert_true(series.points[0].loss == 2.5 && series.points[0].eval_loss == 2.25);
    assert_true(series.points[0].learning_rate == 1e-4 && series.points[0].step == 10);
    assert_true(isnan(series.points[1].eval_loss) && isnan(series.points[1].grad_norm));
    assert_string_equal(columns[FIELD_LOSS], "loss");
    assert_null(columns[FIELD_GRAD_NORM]);
}

static void two_losses_of_one_step_stay_two_points(void **state)
{
    (void)state;
    static const char *const names[] = {"step", "loss"};
    READ(names, 10, 2.5, 10, 2.5, 20, 2);
    assert_int_equal(series.n_points, 3);
    assert_int_equal(series.points[1].flags, 0);
}

static void numbers_that_are_not_finite_are_flagged(void **state)
{
    (void)state;
    static const char *const names[] = {"step", "loss", "eval_loss", "grad_norm"};
    READ(names, 1, NAN, NONE, INFINITY, 2, 0, NAN, 1);
    assert_int_equal(series.points[0].flags, PACE_LOSS_NOT_FINITE | PACE_GRAD_NOT_FINITE);
    assert_int_equal(series.points[1].flags, PACE_EVAL_NOT_FINITE);
    assert_true(isnan(series.points[0].loss) && isnan(series.points[0].grad_norm));
}

static void losses_without_steps_are_counted(void **state)
{
    (void)state;
    static const char *const names[] = {"loss", "eval_loss"};
    READ(names, 2.5, NONE, 2.4, NONE, NONE, 2.3, 2.2, NONE);
    assert_int_equal(series.n_points, 3);
    assert_int_equal(series.points[1].step, 2);
    assert_true(series.points[1].eval_loss == 2.3);
    assert_true(has_note("counted"));
}

static void a_step_on_a_line_of_its_own_holds_for_what_follows(void **state)
{
    (void)state;
    static const char *const names[] = {"step", "loss"};
    READ(names, 100, NONE, NONE, 2.5, 200, NONE, NONE, 2);
    assert_int_equal(series.n_points, 2);
    assert_int_equal(series.points[0].step, 100);
    assert_int_equal(series.points[1].step, 200);
}

static void the_part_trained_again_is_left_out(void **state)
{
    (void)state;
    static const char *const names[] = {"step", "loss"};
    READ(names, 10, 5, 20, 4, 30, 3, 40, 9, 30, 2.5, 40, 2);
    assert_int_equal(series.n_points, 4);
    assert_true(series.points[2].loss == 2.5);
    assert_int_equal(series.points[2].flags, PACE_RESUMED);
    assert_int_equal(series.points[3].flags, 0);
    assert_true(has_note("taken up again 1 time; 2 points"));
}

static void of_runs_one_behind_another_the_last_is_read(void **state)
{
    (void)state;
    static const char *const names[] = {"step", "loss"};
    READ(names, 1, 5, 2, 4, 3, 3, 1, 8, 2, 7);
    assert_int_equal(series.n_points, 2);
    assert_true(series.points[0].loss == 8 && series.points[0].flags == 0);
    assert_true(has_note("2 runs are in it"));
}

/* As a Trainer's state is: it was taken up without its step count, optimizer or weights. */
static void one_run_whose_steps_begin_again_is_counted_on(void **state)
{
    (void)state;
    static const char *const names[] = {"step", "loss"};
    static const double values[] = {1, 5, 2, 4, 3, 3, 1, 8, 2, 7};
    start_sheet();
    sheet.is_one_run = true;
    add_rows(names, 2, values, COUNT_OF(values));
    assert_int_equal(series.n_points, 5);
    assert_true(series.points[3].loss == 8 && series.points[3].step == 4);
    assert_int_equal(series.points[3].flags, PACE_RESUMED);
    assert_int_equal(series.points[4].step, 5);
    assert_true(has_note("taken up without its state"));
}

static void an_evaluation_before_the_first_loss_is_nothing_to_go_on_from(void **state)
{
    (void)state;
    static const char *const names[] = {"step", "loss", "val_loss"};
    static const double values[] = {2, NONE, 6, 4, 5, NONE, 8, 4, NONE, 4, 8, NONE, 8, 7, NONE};
    start_sheet();
    sheet.is_one_run = true;
    add_rows(names, 3, values, COUNT_OF(values));
    assert_int_equal(series.n_points, 5);
    assert_true(series.points[3].loss == 8 && series.points[3].step == 12);
    assert_int_equal(series.points[3].flags, PACE_RESUMED);
}

static void a_start_that_came_to_nothing_is_passed_over(void **state)
{
    (void)state;
    static const char *const names[] = {"step", "loss"};
    double values[2 * 42];
    for (int i = 0; i < 42; i++) {
        values[2 * i] = i < 41 ? i : 0;
        values[2 * i + 1] = i < 41 ? 3 : 9;
    }
    read_rows(names, 2, values, COUNT_OF(values));
    assert_int_equal(series.n_points, 41);
    assert_true(series.points[0].loss == 3);
}

static void steps_within_an_epoch_are_added_up(void **state)
{
    (void)state;
    static const char *const names[] = {"epoch", "step", "total_steps", "loss", "num_epochs"};
    READ(names, 1, 100, 250, 3, 2, 1, 200, 250, 2.5, 2, 2, 100, 250, 2, 2, 2, 200, 250, 1.5, 2);
    assert_int_equal(series.n_points, 4);
    assert_int_equal(series.points[2].step, 350);
    assert_int_equal(series.points[3].step, 450);
    assert_int_equal(series.total_steps, 500);
    assert_int_equal(series.points[2].flags, 0);
}

static void evaluations_counted_by_epoch_follow_their_losses(void **state)
{
    (void)state;
    static const char *const names[] = {"step", "loss", "val_loss"};
    READ(names, 100, 3, NONE, 1, NONE, 2.9, 200, 2, NONE, 2, NONE, 2.1);
    assert_int_equal(series.n_points, 2);
    assert_true(series.points[0].eval_loss == 2.9 && series.points[1].eval_loss == 2.1);
    assert_int_equal(series.points[1].step, 200);
}

static void columns_written_one_behind_another_are_joined_by_step(void **state)
{
    (void)state;
    static const char *const names[] = {"step", "loss", "lr"};
    READ(names, 1, 3, NONE, 2, 2, NONE, 1, NONE, 1e-4, 2, NONE, 5e-5);
    assert_int_equal(series.n_points, 2);
    assert_true(series.points[0].learning_rate == 1e-4 && series.points[1].learning_rate == 5e-5);
}

static void steps_out_of_order_all_over_are_sorted(void **state)
{
    (void)state;
    static const char *const names[] = {"step", "loss"};
    double values[80];
    for (int i = 0; i < 40; i++) {
        values[2 * i] = i ^ 1;
        values[2 * i + 1] = i ^ 1;
    }
    read_rows(names, 2, values, COUNT_OF(values));
    assert_int_equal(series.n_points, 40);
    for (int i = 0; i < 40; i++)
        assert_true(series.points[i].step == i && series.points[i].loss == i);
    assert_true(has_note("sorted"));
}

static void a_mean_over_the_run_is_no_point(void **state)
{
    (void)state;
    static const char *const names[] = {"step", "loss", "train_loss", "train_runtime"};
    READ(names, 1, 3, NONE, NONE, 2, 2, NONE, NONE, 2, NONE, 2.5, 60);
    assert_int_equal(series.n_points, 2);
    READ(names, 2, NONE, 2.5, 60);
    assert_int_equal(series.n_points, 0);
}

static void of_several_runs_in_columns_the_fullest_is_read(void **state)
{
    (void)state;
    static const char *const names[] = {"Step", "a - train/loss", "b - train/loss", "b - lr"};
    READ(names, 1, 9, 3, 1e-4, 2, NONE, 2, 1e-5);
    assert_int_equal(series.n_points, 2);
    assert_true(series.points[0].loss == 3 && series.points[1].learning_rate == 1e-5);
    assert_true(has_note("2 runs are in it; the one with the most losses is read: \"b\""));
}

static void of_several_held_out_losses_one_is_read(void **state)
{
    (void)state;
    static const char *const names[] = {"step", "loss", "eval_wiki_loss", "eval_code_loss"};
    READ(names, 1, 3, 2.5, 9, 2, 2, 2.25, 9);
    assert_int_equal(series.n_points, 2);
    assert_true(series.points[0].eval_loss == 2.5);
    assert_true(has_note("2 held-out losses are in it: eval_wiki_loss is read"));
}

static void a_table_may_write_nan_for_nothing(void **state)
{
    (void)state;
    static const char *const names[] = {"step", "loss", "eval_loss"};
    const double values[] = {1, 3,   NAN, 2, NAN, 2.5, 3, 2, NAN, 4, NAN, 2.5,
                             5, 1.5, NAN, 6, NAN, NAN, 7, 1, NAN, 8, 1,   NAN};
    read_rows(names, 3, values, COUNT_OF(values));
    assert_int_equal(series.points[0].flags, PACE_EVAL_NOT_FINITE);
    assert_int_equal(series.points[1].flags, PACE_LOSS_NOT_FINITE);
    sheet.nan_is_empty = true;
    points_of_sheet(&sheet, &series, columns);
    assert_int_equal(series.points[0].flags, 0);
    assert_int_equal(series.points[1].flags, 0);
    assert_int_equal(series.points[5].flags, PACE_LOSS_NOT_FINITE);
}

static void a_progress_bar_gives_the_distance_of_steps(void **state)
{
    (void)state;
    arena_release(&arena);
    sheet_release(&sheet);
    sheet_init(&sheet, &arena);
    for (int i = 0; i < 9; i++) {
        sheet_row(&sheet);
        sheet_put(&sheet, sheet_column(&sheet, span_of("loss")), 3 - i * 0.1);
    }
    sheet.last_step = 999;
    sheet.total_steps = 1000;
    points_of_sheet(&sheet, &series, columns);
    assert_int_equal(series.points[0].step, 100);
    assert_int_equal(series.points[8].step, 900);
    assert_int_equal(series.total_steps, 1000);
}

static void a_plan_that_the_run_outran_is_not_known(void **state)
{
    (void)state;
    static const char *const names[] = {"step", "loss", "max_steps"};
    READ(names, 10, 3, 15, 20, 2, 15);
    assert_int_equal(series.total_steps, 0);
    READ(names, 10, 3, -1, 20, 2, 25);
    assert_int_equal(series.total_steps, 25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_logged_for_one_step_is_one_point),
        cmocka_unit_test(two_losses_of_one_step_stay_two_points),
        cmocka_unit_test(numbers_that_are_not_finite_are_flagged),
        cmocka_unit_test(losses_without_steps_are_counted),
        cmocka_unit_test(a_step_on_a_line_of_its_own_holds_for_what_follows),
        cmocka_unit_test(the_part_trained_again_is_left_out),
        cmocka_unit_test(of_runs_one_behind_another_the_last_is_read),
        cmocka_unit_test(one_run_whose_steps_begin_again_is_counted_on),
        cmocka_unit_test(an_evaluation_before_the_first_loss_is_nothing_to_go_on_from),
        cmocka_unit_test(a_start_that_came_to_nothing_is_passed_over),
        cmocka_unit_test(steps_within_an_epoch_are_added_up),
        cmocka_unit_test(evaluations_counted_by_epoch_follow_their_losses),
        cmocka_unit_test(columns_written_one_behind_another_are_joined_by_step),
        cmocka_unit_test(steps_out_of_order_all_over_are_sorted),
        cmocka_unit_test(a_mean_over_the_run_is_no_point),
        cmocka_unit_test(of_several_runs_in_columns_the_fullest_is_read),
        cmocka_unit_test(of_several_held_out_losses_one_is_read),
        cmocka_unit_test(a_table_may_write_nan_for_nothing),
        cmocka_unit_test(a_progress_bar_gives_the_distance_of_steps),
        cmocka_unit_test(a_plan_that_the_run_outran_is_not_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
