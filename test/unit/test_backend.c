#include "test/support/support.h"

#include <string.h>

#include "backend/scratch.h"
#include "base/mem.h"

static const struct backend_sizes small = {
    .rows = 8,
    .targets = 8,
    .linear_in = 16,
    .linear_out = 16,
    .linear_weights = 256,
    .linear_rank = 4,
    .width = 16,
    .vocabulary = 100,
    .vocabulary_width = 16,
    .trains_vocabulary = true,
    .heads = 2,
    .kv_heads = 1,
    .head = 8,
    .keys = 8,
    .trains = true,
};

static void scratch_memory_is_reserved_for_the_sizes(void **state)
{
    (void)state;
    struct err err = {0};
    struct backend b;
    backend_init(&b, &backend_ref, NULL);
    ASSERT_OK(backend_reserve(&b, &small, &err));
    size_t bytes = b.scratch_bytes;
    assert_int_equal(bytes, backend_ref.scratch_bytes(&b, &small));
    assert_int_equal((uintptr_t)b.scratch % 64, 0);
    memset(b.scratch, 1, bytes);
    struct backend_sizes greater = small;
    greater.vocabulary = 1000;
    greater.rows = 100;
    ASSERT_OK(backend_reserve(&b, &greater, &err));
    assert_true(b.scratch_bytes > bytes);
    size_t most = b.scratch_bytes;
    ASSERT_OK(backend_reserve(&b, &small, &err)); /* another user, who needs less */
    assert_int_equal(b.scratch_bytes, most);
    backend_release(&b);
    assert_null(b.scratch);
    backend_release(&b);
}

static void memory_that_is_refused_is_an_error(void **state)
{
    (void)state;
    struct err err = {0};
    struct backend b;
    backend_init(&b, &backend_ref, NULL);
    mem_fail_after(1);
    ASSERT_FAILS(backend_reserve(&b, &small, &err), "that operations work in");
    assert_int_equal(err.kind, ERR_MEMORY);
    backend_release(&b);
}

static void pieces_of_scratch_memory_lie_apart(void **state)
{
    (void)state;
    struct err err = {0};
    struct backend b;
    backend_init(&b, &backend_ref, NULL);
    ASSERT_OK(backend_reserve(&b, &small, &err));
    struct scratch scratch = scratch_of(&b);
    char *first = scratch_take(&scratch, 3, sizeof(float));
    char *second = scratch_take(&scratch, 65, 1);
    char *third = scratch_take(&scratch, 0, 8);
    assert_int_equal(second - first, 64);
    assert_int_equal(third - second, 128);
    assert_int_equal(scratch_need(65, 1), 128);
    assert_int_equal(scratch.left, b.scratch_bytes - 192);
    backend_release(&b);
}

static void take_too_much(void)
{
    struct scratch scratch = {NULL, 64};
    (void)scratch_take(&scratch, 65, 1);
}

static void columns_outside(void)
{
    (void)mat_columns((struct mat){.width = 4}, 3, 2);
}

static void what_lies_outside_is_a_mistake_of_the_programmer(void **state)
{
    (void)state;
    assert_check_fails(take_too_much, "bytes <= s->left");
    assert_check_fails(columns_outside, "first + width <= m.width");
}

static void weights_know_what_they_read_and_write(void **state)
{
    (void)state;
    struct weight w = {.rows = 3, .width = 5};
    assert_int_equal(weight_out(&w), 3);
    assert_int_equal(weight_in(&w), 5);
    w.transposed = true;
    assert_int_equal(weight_out(&w), 5);
    assert_int_equal(weight_in(&w), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scratch_memory_is_reserved_for_the_sizes),
        cmocka_unit_test(memory_that_is_refused_is_an_error),
        cmocka_unit_test(pieces_of_scratch_memory_lie_apart),
        cmocka_unit_test(what_lies_outside_is_a_mistake_of_the_programmer),
        cmocka_unit_test(weights_know_what_they_read_and_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
