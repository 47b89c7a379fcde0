#include "graph/param.h"

#include "test/support/support.h"

static void a_vector_is_its_numbers(void **state)
{
    (void)state;
    float numbers[3] = {1, 2, 3};
    struct param p = {.weight = {.at = numbers, .dtype = DTYPE_F32, .rows = 1, .width = 3}};
    assert_ptr_equal(param_vector(&p), numbers);
    assert_int_equal(param_count(&p), 3);
    assert_null(param_vector(NULL));
}

static void ask_for_a_narrow_vector(void)
{
    struct param p = {.weight = {.dtype = DTYPE_BF16, .rows = 1, .width = 3}};
    param_vector(&p);
}

static void a_vector_must_be_float32(void **state)
{
    (void)state;
    assert_check_fails(ask_for_a_narrow_vector, "dtype == DTYPE_F32");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vector_is_its_numbers),
        cmocka_unit_test(a_vector_must_be_float32),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
