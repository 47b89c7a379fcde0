#include "test/support/params.h"
#include "test/support/support.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "optim/average.h"

static struct params params, before;
static struct backend backend;

static void begin(struct average *a, enum average_kind kind)
{
    struct err err = {0};
    struct average_options options;
    params_init(&params);
    backend_init(&backend, &backend_ref, NULL);
    average_options_init(&options, kind);
    ASSERT_OK(average_init(a, &backend, &options, params.list, PARAMS_N, &err));
}

/* The weight that is looked at becomes each number in turn. */
static double average_of(struct average *a, const float *numbers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        params.value[2][1] = numbers[i];
        average_add(a);
    }
    average_show(a, true);
    double found = (double)params.value[2][1];
    average_show(a, false);
    return found;
}

static void a_suffix_mean_counts_all_alike(void **state)
{
    (void)state;
    struct average a;
    const float numbers[] = {1, 2, 6};
    begin(&a, AVERAGE_SUFFIX);
    assert_true(fabs(average_of(&a, numbers, 3) - 3) < 1e-6);
    average_restart(&a);
    assert_true(fabs(average_of(&a, numbers + 1, 2) - 4) < 1e-6);
    average_release(&a);
}

static void an_ema_begins_with_the_first_weights(void **state)
{
    (void)state;
    struct average a;
    const float numbers[] = {1, 2};
    begin(&a, AVERAGE_EMA);
    assert_true(fabs(average_of(&a, numbers, 2) - 1.02) < 1e-6);
    average_release(&a);
}

static void bema_makes_up_for_the_lag(void **state)
{
    (void)state;
    struct average a;
    begin(&a, AVERAGE_BEMA);
    double start = (double)params.value[2][1];
    const float numbers[] = {1, 2};
    double mean = start + pow(11, -0.5) * (1 - start);
    mean += pow(12, -0.5) * (2 - mean);
    double wanted = mean + pow(12, -0.2) * (2 - start);
    assert_true(fabs(average_of(&a, numbers, 2) - wanted) < 1e-6);
    average_release(&a);
}

static void showing_an_average_leaves_no_trace(void **state)
{
    (void)state;
    static const enum average_kind kinds[] = {AVERAGE_EMA, AVERAGE_SUFFIX, AVERAGE_BEMA};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct average a;
        begin(&a, kinds[i]);
        average_show(&a, true); /* nothing taken in: the weights themselves */
        params_init(&before);
        assert_memory_equal(params.value, before.value, sizeof params.value);
        average_show(&a, false);
        average_add(&a);
        params.value[0][7] = NAN;
        memcpy(&before, &params, sizeof params);
        average_show(&a, true);
        average_show(&a, true);
        assert_false(i < 2 && isnan((double)params.value[0][7]));
        average_show(&a, false);
        assert_memory_equal(params.value, before.value, sizeof params.value);
        average_release(&a);
    }
}

static void an_average_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 3; n++) {
        struct err err = {0};
        struct average a;
        struct average_options options;
        average_options_init(&options, AVERAGE_BEMA);
        mem_fail_after(n);
        ASSERT_FAILS(average_init(&a, &backend, &options, params.list, PARAMS_N, &err),
                     "an average of the weights, 0.3 MB, does not fit");
        mem_fail_after(0);
        average_release(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_suffix_mean_counts_all_alike),
        cmocka_unit_test(an_ema_begins_with_the_first_weights),
        cmocka_unit_test(bema_makes_up_for_the_lag),
        cmocka_unit_test(showing_an_average_leaves_no_trace),
        cmocka_unit_test(an_average_that_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
