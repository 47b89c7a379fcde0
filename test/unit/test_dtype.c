#include "test/support/support.h"

#include "tensor/dtype.h"

static void every_row_is_filled_and_found_by_its_name(void **state)
{
    (void)state;
    for (enum dtype i = 0; i < DTYPE_COUNT; i++) {
        const struct dtype_info *info = dtype_info(i);
        enum dtype found;
        assert_non_null(info->name);
        assert_true(info->block_elements > 0 && info->block_bytes > 0);
        assert_true(info->in_safetensors || info->ggml_id != GGML_ID_NONE);
        assert_true(dtype_from_name(span_of(info->name), &found));
        assert_int_equal(found, i);
        assert_int_equal(dtype_from_safetensors(span_of(info->name), &found), info->in_safetensors);
        if (info->ggml_id != GGML_ID_NONE) {
            assert_true(dtype_from_ggml((uint32_t)info->ggml_id, &found));
            assert_int_equal(found, i);
        }
    }
}

static void unknown_names_and_withdrawn_numbers_are_refused(void **state)
{
    (void)state;
    enum dtype found;
    assert_false(dtype_from_name(span_of("f32"), &found));
    assert_false(dtype_from_name(span_of(""), &found));
    assert_false(dtype_from_safetensors(span_of("Q4_0"), &found));
    static const uint32_t withdrawn[] = {4, 5, 31, 32, 33, 36, 37, 38, 42, 1000, UINT32_MAX};
    for (size_t i = 0; i < COUNT_OF(withdrawn); i++)
        assert_false(dtype_from_ggml(withdrawn[i], &found));
}

static void whole_blocks_take_their_bytes(void **state)
{
    (void)state;
    uint64_t bytes;
    assert_true(dtype_bytes(DTYPE_BF16, 7, &bytes));
    assert_int_equal(bytes, 14);
    assert_true(dtype_bytes(DTYPE_Q4_K, 512, &bytes));
    assert_int_equal(bytes, 288);
    assert_true(dtype_bytes(DTYPE_Q4_0, 0, &bytes));
    assert_int_equal(bytes, 0);
    assert_false(dtype_bytes(DTYPE_Q4_0, 33, &bytes));
    assert_false(dtype_bytes(DTYPE_F4, 3, &bytes));
    assert_false(dtype_bytes(DTYPE_F32, UINT64_MAX / 2, &bytes));
}

static void ask_beyond_the_table(void)
{
    (void)dtype_info(DTYPE_COUNT);
}

static void a_type_beyond_the_table_is_a_mistake_of_the_programmer(void **state)
{
    (void)state;
    assert_check_fails(ask_beyond_the_table, "dtype < DTYPE_COUNT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_filled_and_found_by_its_name),
        cmocka_unit_test(unknown_names_and_withdrawn_numbers_are_refused),
        cmocka_unit_test(whole_blocks_take_their_bytes),
        cmocka_unit_test(a_type_beyond_the_table_is_a_mistake_of_the_programmer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
