/* Linear layers at sizes where blocks end; test/op has the options. */
#include "test/unit/cpu_check.h"

#include "backend/cpu/linear.h"

static void a_product_deeper_than_one_go_is_summed_on(void **state)
{
    (void)state;
    struct case_row row = {.op = CASE_LINEAR,
                           .name = "deep",
                           .R = 6,
                           .C = LINEAR_DEPTH_MOST + 104,
                           .out = {40},
                           .rank = {3}};
    check_case(&row);
    row.dropout = 0.2f;
    row.flags = CASE_TRANSPOSED | CASE_BIAS;
    check_case(&row);
}

static void layers_that_do_not_fit_the_cache_take_several_passes(void **state)
{
    (void)state;
    struct case_row row = {.op = CASE_LINEAR,
                           .name = "wide",
                           .R = 5,
                           .C = 4352,
                           .out = {700, 260, 10},
                           .rank = {2, 0, 5},
                           .flags = CASE_FROZEN};
    assert_true(row.C * 970 > LINEAR_PACKED_MOST);
    check_large_case(&row);
    row.flags = CASE_FROZEN;
    row.dtype = DTYPE_Q4_K;
    check_large_case(&row);
}

static void gradients_are_summed_over_more_rows_than_one_go(void **state)
{
    (void)state;
    struct case_row row = {.op = CASE_LINEAR,
                           .name = "long",
                           .C = 70,
                           .out = {90, 33},
                           .R = LINEAR_ROWS_AT_ONCE + 44,
                           .rank = {17, 40},
                           .flags = CASE_BIAS};
    check_case(&row);
    row.dropout = 0.5f;
    check_case(&row);
}

static void few_rows_are_multiplied_with_weights_as_they_lie(void **state)
{
    (void)state;
    static const enum dtype all[] = {DTYPE_F32, DTYPE_BF16, DTYPE_F16, DTYPE_Q8_0, DTYPE_Q4_K};
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        struct case_row row = {.op = CASE_LINEAR,
                               .name = "few",
                               .R = 1 + i % LINEAR_FEW,
                               .C = 8192 + 512,
                               .out = {70, 16},
                               .rank = {4, 0},
                               .dtype = all[i],
                               .flags = CASE_FORWARD | CASE_BIAS};
        check_large_case(&row);
        row.C = 512;
        row.flags |= CASE_TRANSPOSED;
        row.out[0] = 512;
        row.out[1] = 256;
        check_large_case(&row);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_product_deeper_than_one_go_is_summed_on),
        cmocka_unit_test(layers_that_do_not_fit_the_cache_take_several_passes),
        cmocka_unit_test(gradients_are_summed_over_more_rows_than_one_go),
        cmocka_unit_test(few_rows_are_multiplied_with_weights_as_they_lie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
