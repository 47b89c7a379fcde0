#include "log_text.h"

#include "format/tfevents.h"
#include "logs/tensorboard.h"

static struct buf file;

static void begin_file(void)
{
    buf_release(&file);
    buf_init(&file, BUF_NO_LIMIT);
    tfevents_begin(&file, 1.7e9);
}

static void add(int64_t step, const char *tag, double value)
{
    tfevents_add(&file, &(struct tfevents_point){1.7e9, step, span_of(tag), value});
}

static void scalars_of_a_step_are_one_point(void **state)
{
    (void)state;
    begin_log();
    begin_file();
    add(10, "train/loss", 2.5);
    add(10, "train/grad_norm", INFINITY);
    add(10, "train/learning_rate", 0.5);
    add(10, "train/rewards", 7);
    add(10, "eval/loss", 2.25);
    add(20, "train/loss", 2);
    assert_true(tensorboard_is(buf_span(&file)));
    ASSERT_OK(tensorboard_read(&sheet, buf_span(&file), &err));
    make_points();
    assert_int_equal(series.n_points, 2);
    ASSERT_POINT(0, 10, 2.5, 2.25, NAN, 0.5);
    assert_int_equal(series.points[0].flags, PACE_GRAD_NOT_FINITE);
    ASSERT_POINT(1, 20, 2, NAN, NAN, NAN);
}

static void a_second_file_takes_the_run_up_again(void **state)
{
    (void)state;
    begin_log();
    begin_file();
    for (int step = 1; step <= 4; step++)
        add(step, "loss", 5 - step);
    ASSERT_OK(tensorboard_read(&sheet, buf_span(&file), &err));
    begin_file();
    add(3, "loss", 2.5);
    ASSERT_OK(tensorboard_read(&sheet, buf_span(&file), &err));
    make_points();
    assert_int_equal(series.n_points, 3);
    ASSERT_POINT(2, 3, 2.5, NAN, NAN, NAN);
    assert_int_equal(series.points[2].flags, PACE_RESUMED);
}

static void parts_of_a_run_lend_their_names(void **state)
{
    (void)state;
    begin_log();
    begin_file();
    add(0, "epoch_loss", 3);
    add(1, "epoch_loss", 2);
    ASSERT_OK(tensorboard_read_part(&sheet, buf_span(&file), "train", &err));
    begin_file();
    add(0, "epoch_loss", 3.5);
    add(1, "epoch_loss", 2.5);
    ASSERT_OK(tensorboard_read_part(&sheet, buf_span(&file), "validation", &err));
    make_points();
    assert_int_equal(series.n_points, 2);
    ASSERT_POINT(0, 0, 3, 3.5, NAN, NAN);
    ASSERT_POINT(1, 1, 2, 2.5, NAN, NAN);
}

static void a_broken_file_is_read_as_far_as_it_goes(void **state)
{
    (void)state;
    begin_log();
    begin_file();
    add(1, "loss", 3);
    size_t whole = file.len;
    add(2, "loss", 2);
    struct span cut = span_part(buf_span(&file), 0, file.len - 3);
    ASSERT_OK(tensorboard_read(&sheet, cut, &err));
    assert_true(has_note("its last record is not whole"));
    file.at[whole + 20] ^= 1;
    begin_log();
    ASSERT_OK(tensorboard_read(&sheet, buf_span(&file), &err));
    make_points();
    assert_int_equal(series.n_points, 1);
    assert_true(has_note("it is damaged"));
    ASSERT_FAILS(tensorboard_read(&sheet, span_of("no event file at all"), &err),
                 "not a TensorBoard event file");
    buf_release(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_of_a_step_are_one_point),
        cmocka_unit_test(a_second_file_takes_the_run_up_again),
        cmocka_unit_test(parts_of_a_run_lend_their_names),
        cmocka_unit_test(a_broken_file_is_read_as_far_as_it_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
