#include "log_text.h"

#include "logs/table.h"

static bool read_text(const char *text)
{
    begin_log();
    assert_true(table_is(span_of(text)));
    if (!table_read(&sheet, span_of(text), &err))
        return false;
    make_points();
    return true;
}

static void columns_are_found_by_name(void **state)
{
    (void)state;
    ASSERT_OK(read_text("\xef\xbb\xbfiter,train_loss,val_loss,lr\r\n0,4.2,4.1992,0.00001\r\n"
                        "100,2.5306,,0.001\r\n200,nan,2.25,0.0005\r\n\r\n"));
    assert_int_equal(series.n_points, 3);
    ASSERT_POINT(0, 0, 4.2, 4.1992, NAN, 0.00001);
    ASSERT_POINT(1, 100, 2.5306, NAN, NAN, 0.001);
    assert_int_equal(series.points[2].flags, PACE_LOSS_NOT_FINITE);
}

static void a_name_that_occurs_twice_is_read_once(void **state)
{
    (void)state;
    ASSERT_OK(read_text("step,loss,loss\n1,3,9\n"));
    ASSERT_POINT(0, 1, 3, NAN, NAN, NAN);
}

static void tabs_part_columns_too(void **state)
{
    (void)state;
    ASSERT_OK(
        read_text("Step\tTraining Loss\tValidation Loss\n500\t2.5\tNo log\n1000\t2.25\t2.5\n"));
    ASSERT_POINT(0, 500, 2.5, NAN, NAN, NAN);
    ASSERT_POINT(1, 1000, 2.25, 2.5, NAN, NAN);
}

static void the_export_of_wandb_is_read(void **state)
{
    (void)state;
    ASSERT_OK(
        read_text("\"Step\",\"a - train/loss\",\"a - train/loss__MIN\",\"a - train/loss__MAX\","
                  "\"b - train/loss\",\"b - train/loss__MIN\",\"b - train/loss__MAX\"\n"
                  "\"1\",\"3.5\",\"3\",\"4\",\"\",\"\",\"\"\n"
                  "\"2\",\"3.25\",\"3\",\"4\",\"9\",\"9\",\"9\"\n"));
    assert_int_equal(series.n_points, 2);
    ASSERT_POINT(0, 1, 3.5, NAN, NAN, NAN);
    ASSERT_POINT(1, 2, 3.25, NAN, NAN, NAN);
    assert_true(has_note("2 runs are in it"));
}

static void rows_that_do_not_fit_are_counted(void **state)
{
    (void)state;
    ASSERT_OK(read_text("step,loss,lr\n1,3,1e-4\n2,2\n3,2.5,1e-4,9\n4,2,1e-4\nstep,loss,lr\n5,1"));
    assert_int_equal(series.n_points, 2);
    assert_true(has_note("3 rows have not as many fields as the header"));
    ASSERT_OK(read_text("step,loss\n1,3\n2,2\n3,\"2.5\n"));
    assert_int_equal(series.n_points, 2);
    assert_true(has_note("it is damaged"));
}

static void what_is_no_log_is_not_taken_for_one(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "loss\n1\n",
        "prompt,completion\na,b\n",
        "Iter 10: Train loss 2.3, Learning Rate 1e-5\n",
        "step,loss\nthe,text\n",
        "we saw a loss, then, later, more of it\nand then, 5, 6, 7\n"};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_false(table_is(span_of(texts[i])));
    assert_true(table_is(span_of("step,loss\n")));
}

static void a_list_of_runs_is_refused(void **state)
{
    (void)state;
    ASSERT_FAILS(read_text("Name,State,Created,Runtime,loss\nx,finished,2025,70,2.5\n"),
                 "a list of runs");
    assert_non_null(strstr(err.hint, "export a chart"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_found_by_name),
        cmocka_unit_test(a_name_that_occurs_twice_is_read_once),
        cmocka_unit_test(tabs_part_columns_too),
        cmocka_unit_test(the_export_of_wandb_is_read),
        cmocka_unit_test(rows_that_do_not_fit_are_counted),
        cmocka_unit_test(what_is_no_log_is_not_taken_for_one),
        cmocka_unit_test(a_list_of_runs_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
