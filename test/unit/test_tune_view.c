#include "test/support/support.h"

#include "cli/tune_view.h"

static struct buf out;

static struct tune half_way(void)
{
    struct tune t = {0};
    t.setup.steps = 20;
    t.trainer.totals.steps = 10;
    t.trainer.totals.seconds = 50;
    t.trainer.totals.tokens = 12000;
    t.trainer.last_eval.targets = 100;
    t.trainer.last_eval.loss = 1.5;
    return t;
}

static const char *progress(const struct tune *t, const struct tune_progress *p, size_t columns)
{
    buf_clear(&out);
    tune_view_progress(t, p, columns, &out);
    return buf_string(&out);
}

static void a_line_tells_how_the_run_goes(void **state)
{
    (void)state;
    struct tune t = half_way();
    struct tune_progress p = {10, 1.25, 2e-4};
    const char *line = progress(&t, &p, 0);
    static const char *const parts[] = {"step 10/20",    "loss 1.2500", "held-out 1.5000",
                                        "rate 2.00e-04", "left",        "240 tokens/s"};
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        assert_non_null(strstr(line, parts[i]));
}

static void nothing_is_told_that_is_not_known_yet(void **state)
{
    (void)state;
    struct tune t = {0};
    t.setup.steps = 20;
    assert_string_equal(progress(&t, &(struct tune_progress){0}, 0), "step 0/20");
}

static void parts_that_do_not_fit_are_left_out_from_the_end(void **state)
{
    (void)state;
    struct tune t = half_way();
    struct tune_progress p = {10, 1.25, 2e-4};
    for (size_t columns = 10; columns < 100; columns++) {
        const char *line = progress(&t, &p, columns);
        assert_true(strlen(line) <= columns);
        assert_non_null(strstr(line, "step 10/20"));
    }
    assert_null(strstr(progress(&t, &p, 30), "rate"));
}

static void what_was_only_advised_is_said_to_be_so(void **state)
{
    (void)state;
    struct term term = {.width = 80};
    struct tune_incident i = {
        .step = 7, .action = PACE_GO, .advice = PACE_ROLL_BACK, .reason = "it rises"};
    buf_clear(&out);
    tune_view_incident(&i, &term, &out);
    assert_non_null(strstr(buf_string(&out), "step 7: it rises (nothing was done: --guard watch)"));
    i.action = i.advice;
    buf_clear(&out);
    tune_view_incident(&i, &term, &out);
    assert_null(strstr(buf_string(&out), "nothing was done"));
}

static int begin(void **state)
{
    (void)state;
    buf_init(&out, BUF_NO_LIMIT);
    return 0;
}

static int end(void **state)
{
    (void)state;
    buf_release(&out);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_tells_how_the_run_goes),
        cmocka_unit_test(nothing_is_told_that_is_not_known_yet),
        cmocka_unit_test(parts_that_do_not_fit_are_left_out_from_the_end),
        cmocka_unit_test(what_was_only_advised_is_said_to_be_so),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
