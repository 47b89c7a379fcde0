/* Logits of few rows and of many, in passes; test/op has the options. */
#include "test/unit/cpu_check.h"

static void few_rows_and_many_rows_are_both_right(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 9; n += 4) {
        struct case_row row = {.op = CASE_LOGITS,
                               .name = "passes",
                               .R = 9,
                               .C = 64,
                               .V = 33001,
                               .n_targets = n,
                               .scale = 1,
                               .flags = CASE_BIAS | CASE_FORWARD};
        check_large_case(&row);
    }
}

static void weights_wider_than_a_decoded_piece_are_gone_through(void **state)
{
    (void)state;
    struct case_row row = {.op = CASE_LOGITS,
                           .name = "wide",
                           .R = 2,
                           .C = 8192 + 256,
                           .V = 140,
                           .n_targets = 2,
                           .scale = 1,
                           .softcap = 3,
                           .dtype = DTYPE_Q6_K,
                           .flags = CASE_FORWARD};
    check_large_case(&row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_rows_and_many_rows_are_both_right),
        cmocka_unit_test(weights_wider_than_a_decoded_piece_are_gone_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
