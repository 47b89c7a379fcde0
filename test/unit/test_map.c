#include "test/support/support.h"

#include <stdlib.h>

#include "base/map.h"

static void values_are_found_by_their_key(void **state)
{
    (void)state;
    struct map m = {0};
    uint32_t value = 99;
    assert_false(map_get(&m, span_of("a"), &value));
    assert_true(map_put(&m, span_of("a"), 1));
    assert_true(map_put(&m, span_of("b"), 2));
    assert_true(map_put(&m, span_of(""), 3));
    assert_true(map_get(&m, span_of("a"), &value));
    assert_int_equal(value, 1);
    assert_true(map_get(&m, span_of("b"), NULL));
    assert_true(map_get(&m, (struct span){0}, &value));
    assert_int_equal(value, 3);
    assert_false(map_get(&m, span_of("ab"), &value));
    map_release(&m);
    assert_false(map_get(&m, span_of("a"), &value));
    map_release(&m);
}

static void a_second_put_replaces_the_value(void **state)
{
    (void)state;
    struct map m = {0};
    uint32_t value;
    assert_true(map_put(&m, span_of("key"), 1));
    assert_false(map_put(&m, span_of("key"), 2));
    assert_int_equal(m.n_used, 1);
    assert_true(map_get(&m, span_of("key"), &value));
    assert_int_equal(value, 2);
    map_release(&m);
}

static void a_hundred_thousand_keys_are_kept_apart(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    struct arena arena = {0};
    struct map m = {0};
    for (uint32_t i = 0; i < COUNT; i++)
        assert_true(map_put(&m, span_of(arena_printf(&arena, "token%u", i)), i));
    assert_int_equal(m.n_used, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        uint32_t value;
        assert_true(map_get(&m, span_of(arena_printf(&arena, "token%u", i)), &value));
        assert_int_equal(value, i);
        assert_false(map_get(&m, span_of(arena_printf(&arena, "Token%u", i)), &value));
    }
    map_release(&m);
    arena_release(&arena);
}

static void a_reserved_table_does_not_move(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct map m = {0};
    map_reserve(&m, 1000);
    const struct map_slot *slots = m.slots;
    for (uint32_t i = 0; i < 1000; i++)
        map_put(&m, span_of(arena_printf(&arena, "%u", i)), i);
    assert_ptr_equal(m.slots, slots);
    map_release(&m);
    arena_release(&arena);
}

/* The most keys that share the lowest 16 bits of their hash. */
static size_t worst_bucket(uint64_t seed, struct span (*key_of)(uint64_t i, uint8_t bytes[16]))
{
    static uint16_t counts[1 << 16];
    memset(counts, 0, sizeof counts);
    size_t worst = 0;
    for (uint64_t i = 0; i < 1 << 16; i++) {
        uint8_t bytes[16];
        uint16_t *count = &counts[hash_bytes(key_of(i, bytes), seed) & 0xffff];
        worst = max_size(worst, ++*count);
    }
    return worst;
}

static struct span counting_key(uint64_t i, uint8_t bytes[16])
{
    memcpy(bytes, &i, 8);
    return (struct span){bytes, 8};
}

static struct span high_bits_key(uint64_t i, uint8_t bytes[16])
{
    uint64_t word = i << 48;
    memcpy(bytes, &word, 8);
    return (struct span){bytes, 8};
}

static struct span repeated_key(uint64_t i, uint8_t bytes[16])
{
    memset(bytes, 'a', 16);
    memcpy(bytes + 6, &i, 2);
    return (struct span){bytes, 16};
}

static void hashes_of_similar_keys_are_spread(void **state)
{
    (void)state;
    assert_true(worst_bucket(1, counting_key) < 16);
    assert_true(worst_bucket(2, high_bits_key) < 16);
    assert_true(worst_bucket(3, repeated_key) < 16);
}

/* Keys made to collide under the hash of one seed do not under another's. */
static void colliding_keys_cost_no_more_than_others(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    const uint64_t odd1 = 0x9e3779b97f4a7c15u;
    uint8_t(*keys)[16] = calloc(COUNT, sizeof *keys);
    assert_non_null(keys);
    __extension__ typedef unsigned __int128 u128;
    for (uint64_t i = 0; i < COUNT; i++) {
        uint64_t words[2] = {i, 0};
        u128 product = (u128)(odd1 ^ i) * 0xd1b54a32d192ed03u;
        words[1] = (uint64_t)product ^ (uint64_t)(product >> 64);
        memcpy(keys[i], words, 16);
    }
    uint64_t first = hash_bytes((struct span){keys[0], 16}, 0);
    uint64_t last = hash_bytes((struct span){keys[COUNT - 1], 16}, 0);
    assert_true(first == last);
    struct map m = {0};
    uint32_t same = 0;
    for (uint32_t i = 0; i < COUNT; i++)
        map_put(&m, (struct span){keys[i], 16}, i);
    for (size_t i = 1; i < m.n_slots; i++)
        same += m.slots[i].at && m.slots[i - 1].at && m.slots[i].hash == m.slots[i - 1].hash;
    assert_true(m.seed == 0 || same < 10);
    map_release(&m);
    free(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_found_by_their_key),
        cmocka_unit_test(a_second_put_replaces_the_value),
        cmocka_unit_test(a_hundred_thousand_keys_are_kept_apart),
        cmocka_unit_test(a_reserved_table_does_not_move),
        cmocka_unit_test(hashes_of_similar_keys_are_spread),
        cmocka_unit_test(colliding_keys_cost_no_more_than_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
