#include "test/support/support.h"

#include <math.h>

#include "tensor/half.h"

static void every_f16_survives_the_way_through_f32(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 0x10000; i++) {
        uint16_t h = (uint16_t)i;
        bool is_nan = (h & 0x7fff) > 0x7c00;
        float value = half_from_f16(h);
        assert_int_equal(isnan(value) != 0, is_nan);
        assert_int_equal(half_to_f16(value), is_nan ? h | 0x200 : h);
    }
}

static void every_bf16_survives_the_way_through_f32(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 0x10000; i++) {
        uint16_t b = (uint16_t)i;
        bool is_nan = (b & 0x7fff) > 0x7f80;
        float value = half_from_bf16(b);
        assert_int_equal(isnan(value) != 0, is_nan);
        assert_int_equal(half_to_bf16(value), is_nan ? b | 0x40 : b);
    }
}

static void known_values_are_right(void **state)
{
    (void)state;
    assert_true(half_from_f16(0x3c00) == 1.0f);
    assert_true(half_from_f16(0xc000) == -2.0f);
    assert_true(half_from_f16(0x7bff) == 65504.0f);
    assert_true(half_from_f16(0x0001) == 0x1p-24f);
    assert_true(half_from_f16(0x0400) == 0x1p-14f);
    assert_true(half_from_f16(0x03ff) == 1023 * 0x1p-24f);
    assert_true(half_from_f16(0x7c00) == INFINITY);
    assert_true(signbit(half_from_f16(0x8000)));
    assert_true(half_from_bf16(0x3f80) == 1.0f);
    assert_true(half_from_bf16(0x0001) == 0x1p-133f);
}

/* Between two neighbours: below the middle goes down, above goes up, the middle to the even one. */
static void narrowing_rounds_to_nearest_even(void **state)
{
    (void)state;
    for (uint16_t h = 0; h < 0x7bff; h++) {
        double low = (double)half_from_f16(h), high = (double)half_from_f16(h + 1);
        float middle = (float)((low + high) / 2);
        assert_int_equal(half_to_f16(nextafterf(middle, 0)), h);
        assert_int_equal(half_to_f16(nextafterf(middle, INFINITY)), h + 1);
        assert_int_equal(half_to_f16(middle), h + (h & 1));
        assert_int_equal(half_to_f16(-middle), 0x8000 | (h + (h & 1)));
    }
    for (uint32_t b = 0; b < 0x7f7f; b++) {
        float middle = half_of_bits(b << 16 | 0x8000);
        assert_int_equal(half_to_bf16(nextafterf(middle, 0)), b);
        assert_int_equal(half_to_bf16(nextafterf(middle, INFINITY)), b + 1);
        assert_int_equal(half_to_bf16(middle), b + (b & 1));
    }
}

static void what_is_too_large_becomes_infinity(void **state)
{
    (void)state;
    assert_int_equal(half_to_f16(65519.996f), 0x7bff);
    assert_int_equal(half_to_f16(65520.0f), 0x7c00);
    assert_int_equal(half_to_f16(1e30f), 0x7c00);
    assert_int_equal(half_to_f16(-INFINITY), 0xfc00);
    assert_int_equal(half_to_bf16(half_of_bits(0x7f7fffff)), 0x7f80);
    assert_int_equal(half_to_f16(1e-30f), 0);
    assert_int_equal(half_to_f16(-0.0f), 0x8000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_f16_survives_the_way_through_f32),
        cmocka_unit_test(every_bf16_survives_the_way_through_f32),
        cmocka_unit_test(known_values_are_right),
        cmocka_unit_test(narrowing_rounds_to_nearest_even),
        cmocka_unit_test(what_is_too_large_becomes_infinity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
