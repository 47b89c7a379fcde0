#include "test/support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/decimal.h"
#include "base/rng.h"

static void assert_decimal(double value, const char *digits, int exponent)
{
    struct decimal d;
    decimal_shortest(&d, value);
    assert_string_equal(d.digits, digits);
    assert_int_equal(d.n_digits, strlen(digits));
    assert_int_equal(d.exponent, exponent);
}

static void digits_are_the_shortest(void **state)
{
    (void)state;
    assert_decimal(0, "0", 0);
    assert_decimal(1, "1", 0);
    assert_decimal(-0.5, "5", -1);
    assert_decimal(2e-4, "2", -4);
    assert_decimal(0.1 + 0.2, "30000000000000004", -1);
    assert_decimal(1234500, "12345", 6);
    assert_decimal(9007199254740993e3, "9007199254740993", 18);
    assert_decimal(9.999999999999999e-5, "9999999999999999", -5);
    assert_decimal(5e-324, "5", -324);
    assert_decimal(0x1.fffffffffffffp1023, "17976931348623157", 308);
}

static void a_power_of_two_has_a_nearer_neighbour_below(void **state)
{
    (void)state;
    assert_decimal(0x1p-44, "5684341886080802", -14);
    assert_decimal(0x1p-24, "5960464477539063", -8);
    assert_decimal(0x1p-1017, "7120236347223045", -307);
}

/* The first precision whose text reads back, without the zeros at its end. */
static void shortest_by_hand(char *digits, int *exponent, double value)
{
    char text[64];
    for (int precision = 0; precision <= 16; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    *exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
    *strchr(text, 'e') = '\0';
    snprintf(digits, 32, "%c%.30s", text[0], text[1] ? text + 2 : "");
}

static void whole_numbers_and_trial_agree(void **state)
{
    (void)state;
    struct rng rng = {.seed = 3};
    for (int i = 0; i < 100000; i++) {
        double value = ldexp(0.5 + rng_uniform(&rng) / 2, (int)rng_below(&rng, 110) - 46);
        char text[32], digits[32];
        int exponent;
        if (i % 2 == 0) { /* a short one */
            snprintf(text, sizeof text, "%.*e", (int)rng_below(&rng, 16), value);
            value = strtod(text, NULL);
        }
        shortest_by_hand(digits, &exponent, value);
        assert_decimal(value, digits, exponent);
    }
}

static void ends_of_the_exact_range_are_met(void **state)
{
    (void)state;
    assert_decimal(1e-13, "1", -13);
    assert_decimal(nextafter(1e-13, 0), "9999999999999999", -14);
    assert_decimal(nextafter(1e-13, 1), "10000000000000002", -13);
    assert_decimal(1e17, "1", 17);
    assert_decimal(nextafter(1e17, 0), "9999999999999998", 16);
    assert_decimal(nextafter(1e17, 1e18), "10000000000000002", 17);
}

static void ask_for_digits_of_infinity(void)
{
    struct decimal d;
    decimal_shortest(&d, INFINITY);
}

static void what_is_not_finite_has_no_digits(void **state)
{
    (void)state;
    assert_check_fails(ask_for_digits_of_infinity, "isfinite");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digits_are_the_shortest),
        cmocka_unit_test(a_power_of_two_has_a_nearer_neighbour_below),
        cmocka_unit_test(whole_numbers_and_trial_agree),
        cmocka_unit_test(ends_of_the_exact_range_are_met),
        cmocka_unit_test(what_is_not_finite_has_no_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
