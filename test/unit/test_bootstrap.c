#include "test/support/support.h"

#include <math.h>

#include "base/rng.h"
#include "train/bootstrap.h"

enum { MOST = 400 };

static struct row_loss before[MOST], after[MOST];

/* Rows of 1 to 20 targets; the loss falls by `gain` a token, give or take `noise`. */
static void make_rows(size_t n, double gain, double noise, uint64_t seed)
{
    struct rng rng = {.seed = seed};
    for (size_t i = 0; i < n; i++) {
        uint64_t targets = 1 + rng_below(&rng, 20);
        double loss = 2 + rng_normal(&rng) * 0.5;
        before[i] = (struct row_loss){loss * (double)targets, targets, 0};
        after[i] = before[i];
        after[i].sum -= (gain + noise * rng_normal(&rng)) * (double)targets;
    }
}

static void means_are_over_tokens_not_rows(void **state)
{
    (void)state;
    struct bootstrap b;
    before[0] = (struct row_loss){9, 3, 0};
    before[1] = (struct row_loss){1, 1, 0};
    after[0] = (struct row_loss){6, 3, 0};
    after[1] = (struct row_loss){2, 1, 0};
    bootstrap_compare(&b, before, after, 2, 1);
    assert_true(b.before == 2.5 && b.after == 2 && b.difference == -0.5);
    assert_int_equal(b.rows, 2);
}

static void a_clear_gain_is_told_and_so_is_a_loss(void **state)
{
    (void)state;
    struct bootstrap b;
    make_rows(100, 0.2, 0.3, 1);
    bootstrap_compare(&b, before, after, 100, 1);
    assert_int_equal(bootstrap_verdict(&b), BOOTSTRAP_BETTER);
    assert_true(b.low < b.difference && b.difference < b.high && b.high < 0);
    make_rows(100, -0.2, 0.3, 1);
    bootstrap_compare(&b, before, after, 100, 1);
    assert_int_equal(bootstrap_verdict(&b), BOOTSTRAP_WORSE);
    make_rows(100, 0, 0.3, 2);
    bootstrap_compare(&b, before, after, 100, 1);
    assert_int_equal(bootstrap_verdict(&b), BOOTSTRAP_UNSURE);
}

static void few_rows_decide_nothing(void **state)
{
    (void)state;
    struct bootstrap b;
    make_rows(MOST, 0.5, 0, 3);
    for (size_t n = 0; n < BOOTSTRAP_ROWS_LEAST; n++) {
        bootstrap_compare(&b, before, after, n, 1);
        assert_int_equal(bootstrap_verdict(&b), n == 0 ? BOOTSTRAP_NO_ROWS : BOOTSTRAP_UNSURE);
        assert_true(isinf(b.low) && isinf(b.high));
    }
    bootstrap_compare(&b, before, after, BOOTSTRAP_ROWS_LEAST, 1);
    assert_int_equal(bootstrap_verdict(&b), BOOTSTRAP_BETTER);
}

static void fewer_rows_give_a_wider_interval(void **state)
{
    (void)state;
    struct bootstrap b;
    double width = INFINITY;
    for (size_t n = 8; n <= 200; n *= 5) {
        make_rows(n, 0.2, 0.3, 4);
        bootstrap_compare(&b, before, after, n, 1);
        assert_true(b.high - b.low < width);
        width = b.high - b.low;
    }
}

/* In 95 of 100 worlds the interval holds the truth: also with eight rows, nearly. */
static void the_interval_holds_the_truth_as_often_as_it_says(void **state)
{
    (void)state;
    static const size_t rows[] = {8, 30};
    for (size_t k = 0; k < COUNT_OF(rows); k++) {
        int held = 0;
        for (uint64_t world = 0; world < 200; world++) {
            struct bootstrap b;
            make_rows(rows[k], 0.1, 0.4, 100 + world);
            bootstrap_compare(&b, before, after, rows[k], world);
            held += b.low <= -0.1 && -0.1 <= b.high;
        }
        assert_in_range(held, 180, 199);
    }
}

static void the_same_seed_gives_the_same_interval(void **state)
{
    (void)state;
    struct bootstrap a, b, c;
    make_rows(50, 0.1, 0.4, 5);
    bootstrap_compare(&a, before, after, 50, 7);
    bootstrap_compare(&b, before, after, 50, 7);
    bootstrap_compare(&c, before, after, 50, 8);
    assert_true(a.low == b.low && a.high == b.high);
    assert_true(a.low != c.low && fabs(a.low - c.low) < 0.1 * (a.high - a.low));
}

static void rows_that_never_had_a_loss_are_left_out(void **state)
{
    (void)state;
    struct bootstrap b;
    make_rows(20, 0.2, 0.1, 6);
    before[3].sum = after[3].sum = NAN;
    before[4].targets = after[4].targets = 0;
    bootstrap_compare(&b, before, after, 20, 1);
    assert_int_equal(b.rows, 18);
    assert_int_equal(b.left_out, 1);
    assert_true(isfinite(b.after));
    assert_int_equal(bootstrap_verdict(&b), BOOTSTRAP_BETTER);
}

static void a_loss_that_is_no_number_any_more_is_worse(void **state)
{
    (void)state;
    struct bootstrap b;
    make_rows(20, 0.2, 0.1, 6);
    after[3].sum = INFINITY;
    bootstrap_compare(&b, before, after, 20, 1);
    assert_int_equal(b.broken, 1);
    assert_int_equal(bootstrap_verdict(&b), BOOTSTRAP_WORSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means_are_over_tokens_not_rows),
        cmocka_unit_test(a_clear_gain_is_told_and_so_is_a_loss),
        cmocka_unit_test(few_rows_decide_nothing),
        cmocka_unit_test(fewer_rows_give_a_wider_interval),
        cmocka_unit_test(the_interval_holds_the_truth_as_often_as_it_says),
        cmocka_unit_test(the_same_seed_gives_the_same_interval),
        cmocka_unit_test(rows_that_never_had_a_loss_are_left_out),
        cmocka_unit_test(a_loss_that_is_no_number_any_more_is_worse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
