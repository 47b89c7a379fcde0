#include "test/support/support.h"

#include <unistd.h>

#include "base/mem.h"

static void memory_is_zeroed(void **state)
{
    (void)state;
    unsigned char *at = mem_alloc(1000);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(at[i], 0);
    mem_free(at);
    mem_free(NULL);
}

static void nothing_is_still_an_address(void **state)
{
    (void)state;
    void *at = mem_alloc(0);
    assert_non_null(at);
    at = mem_resize(at, 0);
    assert_non_null(at);
    mem_free(at);
    at = mem_try(0);
    assert_non_null(at);
    mem_free(at);
}

static void growing_keeps_the_bytes(void **state)
{
    (void)state;
    unsigned char *at = mem_resize(NULL, 3);
    memcpy(at, "abc", 3);
    at = mem_resize(at, 1 << 20);
    assert_memory_equal(at, "abc", 3);
    mem_free(at);
}

static void the_nth_request_fails_when_asked(void **state)
{
    (void)state;
    mem_fail_after(3);
    for (int i = 1; i <= 5; i++) {
        void *at = mem_try(8);
        assert_true((at == NULL) == (i == 3));
        mem_free(at);
    }
}

static void aligned_memory_is_zeroed_and_begins_a_line(void **state)
{
    (void)state;
    for (size_t size = 0; size < 300; size += 7) {
        unsigned char *at = mem_try_aligned(size);
        assert_non_null(at);
        assert_int_equal((uintptr_t)at % 64, 0);
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(at[i], 0);
            at[i] = 1;
        }
        mem_free_aligned(at);
    }
    mem_free_aligned(NULL);
    mem_fail_after(1);
    assert_null(mem_try_aligned(8));
    assert_null(mem_try_aligned(SIZE_MAX));
}

static void alloc_without_memory(void)
{
    mem_fail_after(1);
    mem_free(mem_alloc(123));
}

static void resize_without_memory(void)
{
    mem_fail_after(1);
    mem_free(mem_resize(NULL, 456));
}

static void out_of_memory_ends_with_code_4_and_a_line(void **state)
{
    (void)state;
    struct buf errors;
    buf_init(&errors, 1 << 16);
    assert_int_equal(run_apart(alloc_without_memory, &errors), 4);
    ASSERT_SPAN(buf_span(&errors), "pace: out of memory: the system refused 123 bytes\n");
    buf_clear(&errors);
    assert_int_equal(run_apart(resize_without_memory, &errors), 4);
    ASSERT_SPAN(buf_span(&errors), "pace: out of memory: the system refused 456 bytes\n");
    buf_release(&errors);
}

static void requests_are_counted(void **state)
{
    (void)state;
    size_t before = mem_requests();
    void *a = mem_alloc(8);
    a = mem_resize(a, 16);
    mem_free(a);
    assert_int_equal(mem_requests() - before, 2);
}

static void the_peak_holds_what_was_touched(void **state)
{
    (void)state;
    enum { SIZE = 64 << 20 };
    char *at = mem_alloc(SIZE);
    for (size_t i = 0; i < SIZE; i += 4096)
        at[i] = 1;
    assert_true(mem_peak() >= SIZE);
    mem_free(at);
    assert_true(mem_peak() >= SIZE);
}

static void what_is_available_is_between_nothing_and_the_machine_s(void **state)
{
    (void)state;
    uint64_t free = mem_available();
    assert_true(free > 1 << 20);
    assert_true(free == UINT64_MAX ||
                free <= (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_available_is_between_nothing_and_the_machine_s),
        cmocka_unit_test(the_peak_holds_what_was_touched),
        cmocka_unit_test(memory_is_zeroed),
        cmocka_unit_test(nothing_is_still_an_address),
        cmocka_unit_test(growing_keeps_the_bytes),
        cmocka_unit_test(the_nth_request_fails_when_asked),
        cmocka_unit_test(requests_are_counted),
        cmocka_unit_test(aligned_memory_is_zeroed_and_begins_a_line),
        cmocka_unit_test(out_of_memory_ends_with_code_4_and_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
