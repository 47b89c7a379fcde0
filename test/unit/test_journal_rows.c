#include "log_text.h"

#include "logs/journal.h"
#include "logs/journal_rows.h"

static struct buf text;

static void begin_journal(void)
{
    struct pace_rate_options o;
    pace_rate_options_init(&o);
    o.schedule.learning_rate = 1e-3;
    o.schedule.total_steps = 50;
    buf_release(&text);
    buf_init(&text, BUF_NO_LIMIT);
    journal_put_options(&text, &o);
}

static void put(struct pace_rate_obs obs, enum pace_action action, int64_t step, double rate)
{
    struct pace_rate_decision d = {.action = action,
                                   .advice = action,
                                   .step = step,
                                   .learning_rate = rate,
                                   .gradient_scale = 1,
                                   .apply_update = action == PACE_GO && obs.kind == PACE_OBS_STEP,
                                   .restore_slot = action == PACE_ROLL_BACK ? 1 : -1,
                                   .keep_slot = -1};
    journal_put(&text, &obs, &d);
}

static bool read_journal(struct span journal)
{
    begin_log();
    if (!journal_rows_read(&sheet, journal, &err))
        return false;
    make_points();
    return true;
}

static void observations_are_points(void **state)
{
    (void)state;
    begin_journal();
    put(pace_rate_obs_step(2.5, 0.5), PACE_GO, 0, 1e-3);
    put(pace_rate_obs_step(2.25, -1), PACE_GO, 1, 9e-4);
    put(pace_rate_obs_eval(2.125), PACE_GO, 2, 8e-4);
    put(pace_rate_obs_step(NAN, 1), PACE_SKIP, 2, 8e-4);
    ASSERT_OK(read_journal(buf_span(&text)));
    assert_int_equal(series.n_points, 3);
    ASSERT_POINT(0, 0, 2.5, NAN, 0.5, 1e-3);
    ASSERT_POINT(1, 1, 2.25, NAN, NAN, 9e-4);
    ASSERT_POINT(2, 2, NAN, 2.125, 1, 8e-4);
    assert_int_equal(series.points[2].flags, PACE_LOSS_NOT_FINITE);
    assert_int_equal(series.total_steps, 50);
    assert_false(series.hides_nan);
}

static void a_roll_back_is_a_run_taken_up_again(void **state)
{
    (void)state;
    begin_journal();
    put(pace_rate_obs_step(2.5, 1), PACE_GO, 0, 1e-3);
    put(pace_rate_obs_step(2.25, 1), PACE_GO, 1, 1e-3);
    put(pace_rate_obs_step(9, 50), PACE_ROLL_BACK, 1, 5e-4);
    put(pace_rate_obs_step(2.25, 1), PACE_GO, 1, 5e-4);
    ASSERT_OK(read_journal(buf_span(&text)));
    assert_int_equal(series.n_points, 2);
    ASSERT_POINT(1, 1, 2.25, NAN, 1, 5e-4);
    assert_int_equal(series.points[1].flags, PACE_RESUMED);
    assert_true(has_note("taken up again 1 time; 2 points"));
}

static void a_line_that_is_cut_is_told(void **state)
{
    (void)state;
    begin_journal();
    put(pace_rate_obs_step(2.5, 1), PACE_GO, 0, 1e-3);
    put(pace_rate_obs_step(2.25, 1), PACE_GO, 1, 1e-3);
    ASSERT_OK(read_journal(span_part(buf_span(&text), 0, text.len - 9)));
    assert_int_equal(series.n_points, 1);
    assert_true(has_note("its last line is not whole"));
    ASSERT_FAILS(read_journal(span_of("{\"record\": \"options\", \"journal\": 99}\n")), "");
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(observations_are_points),
        cmocka_unit_test(a_roll_back_is_a_run_taken_up_again),
        cmocka_unit_test(a_line_that_is_cut_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
