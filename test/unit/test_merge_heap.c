#include "test/support/support.h"

#include "base/rng.h"
#include "text/merge_heap.h"

static void entries_come_out_by_order_and_then_from_the_left(void **state)
{
    (void)state;
    struct merge_heap heap = {0};
    merge_heap_push(&heap, 7, 1);
    merge_heap_push(&heap, 2, 9);
    merge_heap_push(&heap, 7, 0);
    merge_heap_push(&heap, 2, 4);
    assert_true(merge_heap_pop(&heap) == ((uint64_t)2 << 32 | 4));
    assert_true(merge_heap_pop(&heap) == ((uint64_t)2 << 32 | 9));
    assert_true(merge_heap_pop(&heap) == ((uint64_t)7 << 32 | 0));
    assert_true(merge_heap_pop(&heap) == ((uint64_t)7 << 32 | 1));
    assert_int_equal(heap.n, 0);
    merge_heap_release(&heap);
}

static void thousands_of_entries_come_out_sorted(void **state)
{
    (void)state;
    struct merge_heap heap = {0};
    struct rng rng = {.seed = 3};
    uint64_t sum = 0, sum_out = 0, last = 0;
    for (uint32_t i = 0; i < 5000; i++) {
        uint32_t order = (uint32_t)rng_below(&rng, 400);
        sum += (uint64_t)order + i;
        merge_heap_push(&heap, order, i);
    }
    while (heap.n > 0) {
        uint64_t entry = merge_heap_pop(&heap);
        assert_true(entry > last || last == 0);
        sum_out += (entry >> 32) + (uint32_t)entry;
        last = entry;
    }
    assert_true(sum == sum_out);
    merge_heap_release(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_come_out_by_order_and_then_from_the_left),
        cmocka_unit_test(thousands_of_entries_come_out_sorted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
