#include "test/support/support.h"

#include "options/options.h"

static struct err err;

static size_t row_of(const char *name)
{
    size_t row = options_find(span_of(name));
    assert_true(row < option_count);
    return row;
}

static void every_row_is_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < option_count; i++) {
        const struct option_row *row = &option_table[i];
        assert_true(row->users != 0 && (row->users & ~(unsigned)FOR_ALL) == 0);
        assert_true(row->purpose < PURPOSE_COUNT);
        assert_null(strchr(row->name, '_'));
        assert_true((row->value == NULL) == (row->type == OPTION_BOOL));
        assert_true(row->low <= row->high);
        assert_int_equal(options_find(span_of(row->name)), i);
        assert_non_null(option_purpose_name(row->purpose));
    }
}

static void rows_of_one_purpose_stand_together(void **state)
{
    (void)state;
    for (size_t i = 1; i < option_count; i++)
        assert_true(option_table[i].purpose >= option_table[i - 1].purpose);
}

static void hyphens_and_underscores_are_the_same(void **state)
{
    (void)state;
    assert_int_equal(row_of("no_special_tokens"), row_of("no-special-tokens"));
}

static void booleans_take_true_and_false(void **state)
{
    (void)state;
    struct options o;
    options_init(&o);
    assert_false(options_given(&o, "lines"));
    ASSERT_OK(options_set(&o, row_of("lines"), "true", FOR_TOKENIZE, &err));
    assert_true(o.lines && options_given(&o, "lines"));
    ASSERT_OK(options_set(&o, row_of("lines"), "False", FOR_TOKENIZE, &err));
    assert_false(o.lines);
    ASSERT_FAILS(options_set(&o, row_of("lines"), "maybe", FOR_TOKENIZE, &err),
                 "'maybe' is not true or false");
}

static void a_number_too_large_for_an_integer_is_out_of_range(void **state)
{
    (void)state;
    struct options o;
    options_init(&o);
    ASSERT_FAILS(options_set(&o, row_of("max-steps"), "99999999999999999999", FOR_SCHEDULE, &err),
                 "--max-steps: 99999999999999999999 is not between -1 and");
    ASSERT_FAILS(options_set(&o, row_of("max-steps"), "1e3", FOR_SCHEDULE, &err),
                 "'1e3' is not a whole number");
    ASSERT_FAILS(options_set(&o, row_of("max-steps"), "-", FOR_SCHEDULE, &err),
                 "'-' is not a whole number");
}

static void a_short_name_is_suggested_too(void **state)
{
    (void)state;
    ASSERT_FAILS(options_refuse_unknown(span_of("--lrr"), FOR_SCHEDULE, &err), "--lrr");
    assert_string_equal(err.hint, "did you mean --lr?");
}

static void an_option_of_another_command_is_refused(void **state)
{
    (void)state;
    struct options o;
    options_init(&o);
    ASSERT_FAILS(options_set(&o, row_of("lines"), "true", FOR_INSPECT, &err),
                 "this command has no option --lines");
    assert_int_equal(err.kind, ERR_USAGE);
}

static void sizes_have_units_of_1000_and_with_an_i_of_1024(void **state)
{
    (void)state;
    struct options o;
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {{"4G", 4000000000},  {"1.5g", 1500000000}, {"512MiB", 512ull << 20},
                {"3Gi", 3ull << 30}, {"800kb", 800000},    {"2T", 2000000000000},
                {"4096", 4096},      {"10B", 10}};
    static const char *const bad[] = {"", "G", "4X", "-1G", "0", "4GG", "1e3", "4 G", "9999999T"};
    options_init(&o);
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        ASSERT_OK(options_set(&o, row_of("memory"), good[i].text, FOR_TUNE, &err));
        assert_int_equal(o.memory_bytes, good[i].bytes);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        ASSERT_FAILS(options_set(&o, row_of("memory"), bad[i], FOR_TUNE, &err),
                     "is not a size such as 4G or 800M");
}

static void an_unknown_option_gets_a_hint(void **state)
{
    (void)state;
    ASSERT_FAILS(options_refuse_unknown(span_of("--ilnes"), FOR_TOKENIZE, &err),
                 "unknown option --ilnes");
    assert_string_equal(err.hint, "did you mean --lines?");
    ASSERT_FAILS(options_refuse_unknown(span_of("-zzzzzz"), FOR_TOKENIZE, &err), "option -zzzzzz");
    assert_string_equal(err.hint, "--help lists the options");
}

static void options_of_trackers_and_the_hub_are_passed_over(void **state)
{
    (void)state;
    struct options o;
    options_init(&o);
    assert_true(options_pass_over(&o, span_of("report_to")));
    assert_true(options_pass_over(&o, span_of("push-to-hub")));
    assert_true(options_pass_over(&o, span_of("gradient_checkpointing")));
    assert_true(options_pass_over(&o, span_of("packing")));
    assert_false(options_pass_over(&o, span_of("lines")));
    assert_false(options_pass_over(&o, span_of("neftune_noise_alpha"))); /* would change the run */
    assert_int_equal(o.n_needless, 4);
    ASSERT_SPAN(o.needless[0], "report_to");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_sound),
        cmocka_unit_test(rows_of_one_purpose_stand_together),
        cmocka_unit_test(hyphens_and_underscores_are_the_same),
        cmocka_unit_test(booleans_take_true_and_false),
        cmocka_unit_test(a_number_too_large_for_an_integer_is_out_of_range),
        cmocka_unit_test(a_short_name_is_suggested_too),
        cmocka_unit_test(an_option_of_another_command_is_refused),
        cmocka_unit_test(sizes_have_units_of_1000_and_with_an_i_of_1024),
        cmocka_unit_test(an_unknown_option_gets_a_hint),
        cmocka_unit_test(options_of_trackers_and_the_hub_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
