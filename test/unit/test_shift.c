#include "test/support/support.h"

#include <math.h>

#include "logs/shift.h"

enum { TOTAL = 100, WARMUP = 10, EVERY = 5 };

static struct arena arena;
static struct sheet sheet;
static struct pace_point points[TOTAL];

static double factor(int64_t step, bool is_cosine)
{
    double share = (double)(step - WARMUP) / (TOTAL - WARMUP);
    if (step < WARMUP)
        return (double)step / WARMUP;
    return is_cosine ? (1 + cos(acos(-1) * share)) / 2 : 1 - share;
}

/* A log with a line every EVERY steps from `first` on, whose rates are `late` updates ahead. */
static struct pace_series make_log(int64_t first, int64_t late, bool is_cosine)
{
    struct pace_series s = {.points = points, .total_steps = TOTAL};
    for (int64_t step = first; step <= TOTAL; step += EVERY) {
        double rate = 2e-4 * factor(step - 1 + late, is_cosine);
        points[s.n_points++] = (struct pace_point){step, NAN, 2, NAN, NAN, rate, 0};
    }
    return s;
}

static bool judge(struct pace_series s, enum rate_owner known)
{
    arena_release(&arena);
    sheet_init(&sheet, &arena);
    sheet.rate_owner = known;
    shift_judge(&sheet, &s);
    assert_int_equal(sheet.n_notes, s.rate_is_of_next);
    sheet_release(&sheet);
    return s.rate_is_of_next;
}

static void a_warmup_tells_whose_rate_is_logged(void **state)
{
    (void)state;
    for (int is_cosine = 0; is_cosine < 2; is_cosine++) {
        assert_true(judge(make_log(EVERY, 1, is_cosine), RATE_UNKNOWN));
        assert_false(judge(make_log(EVERY, 0, is_cosine), RATE_UNKNOWN));
    }
}

static void a_decay_tells_whose_rate_is_logged(void **state)
{
    (void)state;
    for (int is_cosine = 0; is_cosine < 2; is_cosine++) {
        assert_true(judge(make_log(WARMUP, 1, is_cosine), RATE_UNKNOWN));
        assert_false(judge(make_log(WARMUP, 0, is_cosine), RATE_UNKNOWN));
        assert_true(judge(make_log(WARMUP, 1, is_cosine), RATE_OF_UPDATE)); /* numbers overrule */
    }
}

static void an_old_version_is_believed(void **state)
{
    (void)state;
    assert_true(judge(make_log(EVERY, 0, false), RATE_OF_NEXT));
}

static void a_rate_of_zero_at_the_end_is_that_of_the_next_update(void **state)
{
    (void)state;
    struct pace_series s = make_log(TOTAL - 2 * EVERY, 1, true);
    assert_int_equal(s.n_points, 3);
    assert_true(judge(s, RATE_UNKNOWN));
    s = make_log(TOTAL - 2 * EVERY, 0, true);
    assert_false(judge(s, RATE_UNKNOWN));
}

static void rates_that_never_vary_are_not_judged(void **state)
{
    (void)state;
    struct pace_series s = make_log(EVERY, 1, false);
    for (size_t i = 0; i < s.n_points; i++)
        points[i].learning_rate = 2e-4;
    assert_false(judge(s, RATE_OF_NEXT));
}

static void a_nan_that_is_logged_shows_the_filter_off(void **state)
{
    (void)state;
    struct pace_series s = make_log(EVERY, 0, false);
    sheet_init(&sheet, &arena);
    shift_judge(&sheet, &s);
    assert_true(s.hides_nan);
    points[3].flags = PACE_LOSS_NOT_FINITE;
    shift_judge(&sheet, &s);
    assert_false(s.hides_nan);
    sheet_release(&sheet);
}

static void a_trainer_is_known_by_its_names(void **state)
{
    (void)state;
    static const char *const names[] = {"train/loss", "train/learning_rate", "train/epoch"};
    sheet_init(&sheet, &arena);
    sheet_row(&sheet);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_false(shift_concerns(&sheet));
        sheet_put(&sheet, sheet_column(&sheet, span_of(names[i])), 1);
    }
    assert_true(shift_concerns(&sheet));
    sheet_release(&sheet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_warmup_tells_whose_rate_is_logged),
        cmocka_unit_test(a_decay_tells_whose_rate_is_logged),
        cmocka_unit_test(an_old_version_is_believed),
        cmocka_unit_test(a_rate_of_zero_at_the_end_is_that_of_the_next_update),
        cmocka_unit_test(rates_that_never_vary_are_not_judged),
        cmocka_unit_test(a_nan_that_is_logged_shows_the_filter_off),
        cmocka_unit_test(a_trainer_is_known_by_its_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
