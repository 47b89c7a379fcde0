#include "graph/place.h"

#include "base/rng.h"
#include "test/support/support.h"

static void assert_apart(const struct buffer *buffers, size_t n, uint64_t size)
{
    for (size_t i = 0; i < n; i++) {
        const struct buffer *a = &buffers[i];
        assert_true(a->offset % PLACE_ALIGN_BYTES == 0 && a->offset + a->bytes <= size);
        for (size_t j = 0; j < i; j++) {
            const struct buffer *b = &buffers[j];
            if (place_live_together(a, b))
                assert_true(a->offset + a->bytes <= b->offset || b->offset + b->bytes <= a->offset);
        }
    }
}

static void buffers_that_live_at_once_lie_apart(void **state)
{
    (void)state;
    struct rng rng = {.seed = 3};
    for (size_t round = 0; round < 200; round++) {
        struct buffer buffers[60];
        size_t n = rng_below(&rng, COUNT_OF(buffers) + 1);
        for (size_t i = 0; i < n; i++) {
            size_t first = rng_below(&rng, 100), life = rng_below(&rng, 30);
            buffers[i] = (struct buffer){64 * rng_below(&rng, 9), first, first + life, 1};
        }
        uint64_t size = place_buffers(buffers, n);
        assert_apart(buffers, n, size);
        assert_true(size >= place_least(buffers, n));
    }
}

static void memory_is_used_again_by_those_who_come_later(void **state)
{
    (void)state;
    struct buffer buffers[] = {{128, 0, 1, 0}, {64, 1, 2, 0}, {128, 2, 3, 0}, {64, 3, 4, 0}};
    assert_int_equal(place_buffers(buffers, COUNT_OF(buffers)), 192);
    assert_int_equal(place_least(buffers, COUNT_OF(buffers)), 192);
}

static void what_waits_long_does_not_tear_holes(void **state)
{
    (void)state;
    struct buffer buffers[41]; /* on the way there, 20 are kept and 20 come and go; one is large */
    for (size_t i = 0; i < 20; i++) {
        buffers[2 * i] = (struct buffer){640, 2 * i, 100 - i, 0};
        buffers[2 * i + 1] = (struct buffer){1280, 2 * i, 2 * i + 1, 0};
    }
    buffers[40] = (struct buffer){1280, 40, 41, 0};
    assert_int_equal(place_buffers(buffers, 41), place_least(buffers, 41));
}

static void nothing_takes_no_memory(void **state)
{
    (void)state;
    assert_int_equal(place_buffers(NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers_that_live_at_once_lie_apart),
        cmocka_unit_test(memory_is_used_again_by_those_who_come_later),
        cmocka_unit_test(what_waits_long_does_not_tear_holes),
        cmocka_unit_test(nothing_takes_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
