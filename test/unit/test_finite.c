#include <math.h>
#include <string.h>

#include "model/parts.h"
#include "tensor/quant.h"
#include "test/support/model_folder.h"

static struct err err;

/* A model whose only weight is a matrix [rows, 256] of a type. */
static bool check(enum dtype dtype, size_t rows, size_t at, const void *bad, size_t bad_len)
{
    const struct dtype_info *info = dtype_info(dtype);
    size_t bytes = rows * 256 / info->block_elements * info->block_bytes;
    struct arena arena = {0};
    uint8_t *data = arena_alloc(&arena, bytes);
    memcpy(data + at, bad, bad_len);
    struct param p = {.name = "w.weight",
                      .weight = {.at = data, .dtype = dtype, .rows = rows, .width = 256}};
    struct param *params[] = {&p};
    struct model model = {.backend = plain_backend(), .params = params, .n_params = 1};
    bool ok = model_check_finite(&model, &err);
    arena_release(&arena);
    return ok;
}

static void numbers_that_are_not_finite_are_found(void **state)
{
    (void)state;
    float nan = NAN, inf = -INFINITY, large = 3e38f;
    uint16_t half_inf = 0x7c00, brain_nan = 0xffc0;
    ASSERT_OK(check(DTYPE_F32, 8, 40, &large, 4));
    ASSERT_FAILS(check(DTYPE_F32, 8, 4 * (256 * 5 + 7), &nan, 4),
                 "the weight in row 5, column 7 is not a finite number");
    assert_string_equal(err.where, "tensor w.weight");
    ASSERT_FAILS(check(DTYPE_F32, 2000, 4 * (256 * 1999 + 255), &inf, 4), "row 1999, column 255");
    ASSERT_FAILS(check(DTYPE_F16, 8, 2 * (256 * 2 + 3), &half_inf, 2), "row 2, column 3");
    ASSERT_FAILS(check(DTYPE_BF16, 8, 2 * (256 * 7), &brain_nan, 2), "row 7, column 0");
}

static void scales_of_blocks_are_looked_at(void **state)
{
    (void)state;
    uint16_t bits = 0x7e00;
    ASSERT_OK(check(DTYPE_Q8_0, 4, 2, &bits, 2)); /* two of the whole numbers */
    ASSERT_FAILS(check(DTYPE_Q8_0, 4, 34 * 9, &bits, 2), "row 1, column 32");
    ASSERT_FAILS(check(DTYPE_Q4_0, 4, 18 * 8, &bits, 2), "row 1, column 0");
    ASSERT_FAILS(check(DTYPE_Q4_K, 4, 144 * 3 + 2, &bits, 2), "row 3, column 0");
    ASSERT_FAILS(check(DTYPE_Q6_K, 4, 210 * 2 + 208, &bits, 2), "row 2, column 0");
    ASSERT_OK(check(DTYPE_Q5_1, 4, 8, &bits, 2)); /* decoded as it has no row in the table */
    ASSERT_FAILS(check(DTYPE_Q5_1, 4, 24 * 8, &bits, 2), "row 1, column 0");
}

static void threads_find_the_same(void **state)
{
    (void)state;
    struct model model;
    struct thread_pool *threads;
    struct backend backend;
    const char *folder = model_folder(TINY_LLAMA);
    ASSERT_OK(thread_pool_open(&threads, 3, &err));
    backend_init(&backend, &backend_ref, threads);
    ASSERT_OK(model_create(&model, folder, &backend, 7, &err));
    ASSERT_OK(model_check_finite(&model, &err));
    model.params[3]->value[4] = NAN;
    ASSERT_FAILS(model_check_finite(&model, &err), "row 0, column 4");
    model_close(&model);
    thread_pool_close(threads);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_that_are_not_finite_are_found),
        cmocka_unit_test(scales_of_blocks_are_looked_at),
        cmocka_unit_test(threads_find_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
