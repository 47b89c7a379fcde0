#include "test/support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "base/rng.h"

static void assert_i64(const char *text, int64_t wanted)
{
    int64_t value = ~wanted;
    if (!num_parse_i64(span_of(text), &value) || value != wanted)
        fail_msg("\"%s\" is not read as %lld", text, (long long)wanted);
}

static void assert_not_i64(const char *text)
{
    int64_t value;
    if (num_parse_i64(span_of(text), &value))
        fail_msg("\"%s\" is read as %lld", text, (long long)value);
}

static void whole_numbers_are_read(void **state)
{
    (void)state;
    assert_i64("0", 0);
    assert_i64("-0", 0);
    assert_i64("+12", 12);
    assert_i64("0012", 12);
    assert_i64("9223372036854775807", INT64_MAX);
    assert_i64("-9223372036854775808", INT64_MIN);
}

static void what_is_no_whole_number_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",    "-",   "+",   " 1",  "1 ",
                                        "1.0", "1e3", "0x1", "--1", "9223372036854775808",
                                        "-9223372036854775809", "99999999999999999999999"};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_not_i64(texts[i]);
}

static void assert_double(const char *text, double wanted)
{
    double value = NAN;
    if (!num_parse_double(span_of(text), &value) || memcmp(&value, &wanted, sizeof value) != 0)
        fail_msg("\"%s\" is read as %.17g, not %.17g", text, value, wanted);
}

static void decimal_numbers_are_read(void **state)
{
    (void)state;
    assert_double("1e-4", 1e-4);
    assert_double("-.5", -0.5);
    assert_double("3.", 3.0);
    assert_double("+2E+1", 20.0);
    assert_double("-0", -0.0);
    assert_double("1e-999", 0.0);
    assert_double("4.9e-324", 0x1p-1074);
    assert_double("1.7976931348623157e308", 0x1.fffffffffffffp1023);
    /* Half way between two doubles, and a hair above. */
    assert_double("9007199254740993", 9007199254740992.0);
    assert_double("9007199254740993.00000000000000000001", 9007199254740994.0);
}

static void what_is_no_finite_decimal_number_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",    ".",   "-",    "e5",  "1e",    "1e+", "inf",
                                        "nan", "0x1", "1e999", " 1", "1 ",    "1,5", "1-2",
                                        "1e5e", "--1", "1d5",  "1.2.3"};
    double value;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (num_parse_double(span_of(texts[i]), &value))
            fail_msg("\"%s\" is read as %.17g", texts[i], value);
    }
    assert_false(num_parse_double((struct span){(const uint8_t *)"1\0", 2}, &value));
}

/* Texts of all lengths and exponents around the bounds up to which one operation is exact. */
static void short_numbers_are_read_exactly(void **state)
{
    (void)state;
    struct rng rng = {.seed = 5};
    for (int i = 0; i < 200000; i++) {
        char text[64];
        int len = 0, n_digits = 1 + (int)rng_below(&rng, 20);
        size_t point = rng_below(&rng, 24);
        if (rng_below(&rng, 4) == 0)
            text[len++] = '-';
        for (int d = 0; d < n_digits; d++) {
            if ((size_t)d == point)
                text[len++] = '.';
            text[len++] = (char)('0' + rng_below(&rng, 10));
        }
        text[len] = '\0';
        if (rng_below(&rng, 2) == 0)
            snprintf(text + len, sizeof text - (size_t)len, "e%d", (int)rng_below(&rng, 60) - 30);
        assert_double(text, strtod(text, NULL));
    }
}

static void hundreds_of_digits_are_read_exactly(void **state)
{
    (void)state;
    char text[2000];
    memset(text, '0', sizeof text);
    text[1] = '.';
    text[sizeof text - 1] = '\0';
    assert_double(text, 0.0);
    text[10] = '1';
    assert_double(text, 1e-9);
    memset(text, '9', sizeof text - 1);
    double value;
    assert_false(num_parse_double(span_of(text), &value));
    memcpy(text + sizeof text - 7, "e-1990", 7);
    assert_double(text, 999.0 + 1.0);
}

static void doubles_are_written_as_python_writes_them(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1.0, "1.0"},
        {0.1, "0.1"},
        {1e-4, "0.0001"},
        {1e-5, "1e-05"},
        {1.5e-7, "1.5e-07"},
        {123456.0, "123456.0"},
        {1e15, "1000000000000000.0"},
        {1e16, "1e+16"},
        {1.25e22, "1.25e+22"},
        {1e100, "1e+100"},
        {0.1 + 0.2, "0.30000000000000004"},
        {5e-324, "5e-324"},
        {0x1.fffffffffffffp1023, "1.7976931348623157e+308"},
        {-0x0.fffffffffffffp-1022, "-2.225073858507201e-308"},
        {0x1p-1017, "7.120236347223045e-307"},
        {9007199254740994.0, "9007199254740994.0"},
        {NAN, "nan"},
        {INFINITY, "inf"},
        {-INFINITY, "-inf"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[NUM_TEXT_SIZE];
        size_t len = num_format_double(text, rows[i].value);
        assert_string_equal(text, rows[i].text);
        assert_int_equal(len, strlen(text));
    }
}

static void every_double_reads_back_as_itself(void **state)
{
    (void)state;
    struct rng rng = {.seed = 5};
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = rng_u64(&rng);
        double value, back;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        char text[NUM_TEXT_SIZE];
        size_t len = num_format_double(text, value);
        assert_true(num_parse_double((struct span){(const uint8_t *)text, len}, &back));
        assert_memory_equal(&value, &back, sizeof value);
    }
}

static void a_float_is_widened_to_its_shortest_text(void **state)
{
    (void)state;
    assert_true(num_widen(1e-5f) == 1e-5);
    assert_true(num_widen(0.1f) == 0.1);
    assert_true(num_widen(-0.25f) == -0.25);
    assert_true(num_widen(0) == 0);
    assert_true(num_widen(INFINITY) == INFINITY);
    assert_true(isnan(num_widen(NAN)));
    struct rng rng = {.seed = 6};
    for (int i = 0; i < 20000; i++) {
        uint32_t bits = (uint32_t)rng_u64(&rng);
        float value;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value))
            assert_true((float)num_widen(value) == value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers_are_read),
        cmocka_unit_test(what_is_no_whole_number_is_refused),
        cmocka_unit_test(decimal_numbers_are_read),
        cmocka_unit_test(what_is_no_finite_decimal_number_is_refused),
        cmocka_unit_test(short_numbers_are_read_exactly),
        cmocka_unit_test(hundreds_of_digits_are_read_exactly),
        cmocka_unit_test(doubles_are_written_as_python_writes_them),
        cmocka_unit_test(every_double_reads_back_as_itself),
        cmocka_unit_test(a_float_is_widened_to_its_shortest_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
