#include "test/support/support.h"

#include "tensor/tensor.h"

static void elements_and_bytes_are_counted(void **state)
{
    (void)state;
    struct tensor t = {.dtype = DTYPE_F16, .n_dims = 3, .dims = {2, 3, 4}};
    uint64_t n;
    assert_true(tensor_count(&t, &n) && n == 24);
    assert_true(tensor_size(&t, &n) && n == 48);
    t.n_dims = 0;
    assert_true(tensor_count(&t, &n) && n == 1);
    t = (struct tensor){.dtype = DTYPE_Q8_0, .n_dims = 1, .dims = {33}};
    assert_false(tensor_size(&t, &n));
}

static void products_that_overflow_are_refused(void **state)
{
    (void)state;
    struct tensor t = {.dtype = DTYPE_F16, .n_dims = 2, .dims = {1ull << 32, 1ull << 32}};
    uint64_t n;
    assert_false(tensor_count(&t, &n));
    t.dims[1] = 1ull << 31;
    assert_true(tensor_count(&t, &n));
    assert_false(tensor_size(&t, &n));
}

static void a_shape_is_shown_as_a_list(void **state)
{
    (void)state;
    struct tensor t = {.n_dims = 2, .dims = {32, 64}};
    struct buf b;
    buf_init(&b, 64);
    tensor_put_shape(&t, &b);
    t.n_dims = 0;
    tensor_put_shape(&t, &b);
    ASSERT_SPAN(buf_span(&b), "[32, 64][]");
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_and_bytes_are_counted),
        cmocka_unit_test(products_that_overflow_are_refused),
        cmocka_unit_test(a_shape_is_shown_as_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
