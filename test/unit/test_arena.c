#include "test/support/support.h"

static void memory_is_zeroed_and_aligned_to_16(void **state)
{
    (void)state;
    struct arena arena = {0};
    for (size_t size = 0; size < 300; size++) {
        unsigned char *at = arena_alloc(&arena, size);
        assert_int_equal((uintptr_t)at % 16, 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(at[i], 0);
        memset(at, 0xff, size);
    }
    arena_release(&arena);
}

static void objects_do_not_overlap(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    struct arena arena = {0};
    uint32_t *objects[COUNT];
    size_t lens[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
        lens[i] = 1 + i % 7 * 97;
        objects[i] = arena_array(&arena, uint32_t, lens[i]);
        for (size_t k = 0; k < lens[i]; k++)
            objects[i][k] = i;
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        for (size_t k = 0; k < lens[i]; k++)
            assert_int_equal(objects[i][k], i);
    }
    arena_release(&arena);
}

static void a_large_object_does_not_waste_the_room_left(void **state)
{
    (void)state;
    struct arena arena = {0};
    (void)arena_alloc(&arena, 16);
    (void)arena_alloc(&arena, 10 << 20);
    size_t total = arena.total_bytes;
    (void)arena_alloc(&arena, 1024);
    assert_int_equal(arena.total_bytes, total);
    assert_true(total < (10 << 20) + 8192);
    arena_release(&arena);
}

static void many_small_objects_cost_little_more_than_their_bytes(void **state)
{
    (void)state;
    struct arena arena = {0};
    for (int i = 0; i < 100000; i++)
        (void)arena_alloc(&arena, 64);
    assert_true(arena.total_bytes < 64 * 100000 + (2 << 20));
    arena_release(&arena);
    assert_int_equal(arena.total_bytes, 0);
}

static void a_released_arena_is_usable_again(void **state)
{
    (void)state;
    struct arena arena = {0};
    arena_release(&arena);
    *arena_new(&arena, int) = 7;
    arena_release(&arena);
    assert_null(arena.chunk);
    *arena_new(&arena, int) = 8;
    arena_release(&arena);
}

static void copies_end_with_a_nul_that_is_not_counted(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct span copy = arena_copy(&arena, span_part(span_of("abcdef"), 0, 3));
    ASSERT_SPAN(copy, "abc");
    assert_int_equal(copy.at[3], 0);
    assert_string_equal(arena_string(&arena, span_part(span_of("abcdef"), 3, 2)), "de");
    assert_string_equal(arena_string(&arena, (struct span){0}), "");
    assert_int_equal(arena_copy(&arena, (struct span){0}).len, 0);
    assert_string_equal(arena_printf(&arena, "%s-%d", "x", 12), "x-12");
    arena_release(&arena);
}

static void overflow_the_product(void)
{
    struct arena arena = {0};
    (void)arena_alloc_array(&arena, SIZE_MAX / 4, 8);
}

static void overflow_the_size(void)
{
    struct arena arena = {0};
    (void)arena_alloc(&arena, SIZE_MAX);
}

static void a_size_that_overflows_is_a_mistake_of_the_programmer(void **state)
{
    (void)state;
    assert_check_fails(overflow_the_product, "count <= SIZE_MAX / 2 / size");
    assert_check_fails(overflow_the_size, "size <= SIZE_MAX / 2");
}

static void a_count_has_its_noun_in_the_right_number(void **state)
{
    (void)state;
    struct arena arena = {0};
    assert_string_equal(arena_count(&arena, 0, "row"), "0 rows");
    assert_string_equal(arena_count(&arena, 1, "row"), "1 row");
    assert_string_equal(arena_count(&arena, 999, "test row"), "999 test rows");
    assert_string_equal(arena_count(&arena, 1000, NULL), "1,000");
    assert_string_equal(arena_count(&arena, 1234567, "token"), "1,234,567 tokens");
    assert_string_equal(arena_count(&arena, UINT64_MAX, NULL), "18,446,744,073,709,551,615");
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_aligned_to_16),
        cmocka_unit_test(objects_do_not_overlap),
        cmocka_unit_test(a_large_object_does_not_waste_the_room_left),
        cmocka_unit_test(many_small_objects_cost_little_more_than_their_bytes),
        cmocka_unit_test(a_released_arena_is_usable_again),
        cmocka_unit_test(copies_end_with_a_nul_that_is_not_counted),
        cmocka_unit_test(a_size_that_overflows_is_a_mistake_of_the_programmer),
        cmocka_unit_test(a_count_has_its_noun_in_the_right_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
