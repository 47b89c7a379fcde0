#include "test/support/support.h"

#include <stdlib.h>

#include "base/rng.h"
#include "text/lengths.h"

static int compare(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void percentiles_are_those_of_the_sorted_lengths(void **state)
{
    (void)state;
    enum { N = 1000 };
    static uint64_t sorted[N];
    struct lengths l = {0};
    struct rng rng = {.seed = 3};
    uint64_t sum = 0;
    for (size_t i = 0; i < N; i++) {
        sorted[i] = rng_below(&rng, i % 7 == 0 ? 60000 : 300);
        sum += sorted[i];
        lengths_add(&l, sorted[i]);
    }
    qsort(sorted, N, sizeof sorted[0], compare);
    assert_int_equal(lengths_quantile(&l, 0), sorted[0]);
    assert_int_equal(lengths_quantile(&l, 0.5), sorted[N / 2 - 1]);
    assert_int_equal(lengths_quantile(&l, 0.9), sorted[N * 9 / 10 - 1]);
    assert_int_equal(lengths_quantile(&l, 0.999), sorted[N - 2]);
    assert_int_equal(lengths_quantile(&l, 1), sorted[N - 1]);
    assert_int_equal(l.least, sorted[0]);
    assert_int_equal(l.most, sorted[N - 1]);
    assert_true(lengths_mean(&l) == (double)sum / N);
    assert_int_equal(lengths_between(&l, 0, UINT64_MAX), N);
    lengths_release(&l);
}

static void long_lengths_are_kept_within_half_a_percent(void **state)
{
    (void)state;
    for (int shift = 16; shift < 63; shift++) {
        uint64_t length = ((uint64_t)1 << shift) + ((uint64_t)1 << shift) / 3;
        struct lengths l = {0};
        lengths_add(&l, 1);
        lengths_add(&l, length);
        lengths_add(&l, UINT64_MAX / 2);
        double found = (double)lengths_quantile(&l, 0.6), wanted = (double)length;
        assert_true(found <= wanted && found > wanted * 0.996);
        assert_int_equal(lengths_between(&l, (uint64_t)1 << shift, ((uint64_t)1 << shift) * 2 - 1),
                         shift == 62 ? 2 : 1);
        lengths_release(&l);
    }
}

static void no_rows_have_no_lengths(void **state)
{
    (void)state;
    struct lengths l = {0};
    assert_int_equal(lengths_quantile(&l, 0.5), 0);
    assert_int_equal(lengths_between(&l, 0, 10), 0);
    assert_true(lengths_mean(&l) == 0);
    lengths_add(&l, 0);
    assert_int_equal(lengths_quantile(&l, 0.5), 0);
    assert_int_equal(lengths_between(&l, 0, 0), 1);
    assert_int_equal(lengths_between(&l, 5, 4), 0);
    lengths_release(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_are_those_of_the_sorted_lengths),
        cmocka_unit_test(long_lengths_are_kept_within_half_a_percent),
        cmocka_unit_test(no_rows_have_no_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
