#include "test/support/made_run.h"
#include "test/support/support.h"

#include <math.h>

#include "report/trace.h"

static struct arena arena;

static void curves_are_broken_where_a_run_goes_back(void **state)
{
    (void)state;
    struct err err = {0};
    struct buf text;
    struct journal journal;
    struct story story;
    struct trace trace;
    buf_init(&text, BUF_NO_LIMIT);
    made_run_steps(&text);
    ASSERT_OK(journal_read(&journal, buf_span(&text), &arena, &err));
    story_make(&story, &journal, &arena);
    trace_make(&trace, &story, &arena);
    assert_int_equal(trace.loss.n, 20 + 1 + 1 + 18); /* steps, the roll-back, a gap, steps */
    assert_true(trace.loss.x[0] == 11 && trace.loss.x[20] == 31);
    assert_true(isnan(trace.loss.x[21]) && trace.loss.x[22] == 23);
    assert_true(isnan(trace.rate.y[20])); /* no update was made there */
    assert_int_equal(trace.eval.n, 2);
    assert_true(trace.eval.x[1] == 40 && trace.eval.y[1] == 1.52);
    assert_int_equal(trace.smooth.n, trace.loss.n);
    assert_true(trace.smooth.y[19] < trace.loss.y[0] && trace.smooth.y[19] > trace.loss.y[19]);
    assert_true(trace.smooth.y[22] == trace.loss.y[22]); /* begins anew */
    buf_release(&text);
}

enum { LONG = 100000 };

static struct trace_line long_line(void)
{
    struct trace_line line = {arena_array(&arena, double, LONG), arena_array(&arena, double, LONG),
                              LONG};
    for (size_t i = 0; i < LONG; i++) {
        line.x[i] = (double)i;
        line.y[i] = 1 + 0.001 * (double)(i % 7);
    }
    return line;
}

static void a_thinned_line_keeps_peaks_gaps_and_ends(void **state)
{
    (void)state;
    struct trace_line line = long_line();
    bool has_peak = false, has_dip = false, has_gap = false;
    line.y[61234] = 9;
    line.y[777] = -3;
    line.x[40001] = line.y[40001] = NAN;
    struct trace_line thin = trace_thin(&line, 2000, &arena);
    assert_true(thin.n <= 2000 && thin.n > 500);
    for (size_t i = 0; i < thin.n; i++) {
        has_peak = has_peak || thin.y[i] == 9;
        has_dip = has_dip || thin.y[i] == -3;
        has_gap = has_gap || isnan(thin.x[i]);
        assert_true(i == 0 || !(thin.x[i] <= thin.x[i - 1]));
    }
    assert_true(has_peak && has_dip && has_gap);
    assert_true(thin.x[0] == 0 && thin.x[thin.n - 1] == LONG - 1);
}

static void a_short_line_stays_as_it_is(void **state)
{
    (void)state;
    struct trace_line line = long_line(), none = {0};
    line.n = 30;
    struct trace_line thin = trace_thin(&line, 30, &arena);
    assert_int_equal(thin.n, 30);
    assert_memory_equal(thin.y, line.y, 30 * sizeof *line.y);
    assert_int_equal(trace_thin(&none, 30, &arena).n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curves_are_broken_where_a_run_goes_back),
        cmocka_unit_test(a_thinned_line_keeps_peaks_gaps_and_ends),
        cmocka_unit_test(a_short_line_stays_as_it_is),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
