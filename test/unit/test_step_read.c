#include "test/support/support.h"

#include "text/step_read.h"

static struct arena arena;
static struct err err;

static struct json_reader reader(const char *json)
{
    struct json_reader r;
    json_open(&r, span_of(json), &arena);
    return r;
}

static void members_that_lack_are_named(void **state)
{
    (void)state;
    struct step_names names = {0};
    step_note_name(&names, span_of("pattern"));
    step_note_name(&names, span_of("invert"));
    step_note_name(&names, span_of(" behavior")); /* another name */
    struct json_reader r = reader("null");
    assert_true(step_has_fields(&names, "invert pattern "));
    assert_false(step_has_fields(&names, "invert behavior "));
    step_check_fields(&r, &names, "Split", "pattern invert ");
    assert_false(r.failed);
    step_check_fields(&r, &names, "Split", "pattern behavior ");
    ASSERT_FAILS(json_close(&r, &err), "Split lacks \"behavior\"");
}

static void names_beyond_the_room_are_forgotten(void **state)
{
    (void)state;
    struct step_names names = {0};
    char longest[300];
    memset(longest, 'x', sizeof longest);
    step_note_name(&names, (struct span){(uint8_t *)longest, sizeof longest});
    assert_int_equal(names.len, 0);
}

static void choices_are_words_of_a_list(void **state)
{
    (void)state;
    static const char *const words[] = {"first", "never"};
    struct json_reader r = reader("\"never\"");
    assert_int_equal(step_read_choice(&r, words, 2), 1);
    r = reader("\"First\"");
    (void)step_read_choice(&r, words, 2);
    ASSERT_FAILS(json_close(&r, &err), "unknown value \"First\"");
}

static bool reads_pattern(const char *json, struct step_pattern *pattern)
{
    struct json_reader r = reader(json);
    step_read_pattern(&r, pattern);
    return json_close(&r, &err);
}

static void a_pattern_is_a_string_or_a_regex(void **state)
{
    (void)state;
    struct step_pattern pattern;
    ASSERT_OK(reads_pattern("{\"Regex\": \"a+\"}", &pattern));
    assert_true(pattern.is_regex);
    ASSERT_SPAN(pattern.text, "a+");
    ASSERT_OK(reads_pattern("{\"String\": \"a+\"}", &pattern));
    assert_false(pattern.is_regex);
    ASSERT_FAILS(reads_pattern("{\"Glob\": \"a\"}", &pattern), "unknown kind of pattern \"Glob\"");
    ASSERT_FAILS(reads_pattern("{}", &pattern), "expected one pattern");
    ASSERT_FAILS(reads_pattern("\"a\"", &pattern), "expected an object");
}

static void a_bad_regex_fails_the_reader_with_its_place(void **state)
{
    (void)state;
    struct regex re;
    struct step_pattern pattern = {span_of("a("), true};
    struct json_reader r = reader("null");
    step_compile(&r, &pattern, &re);
    regex_release(&re);
    ASSERT_FAILS(json_close(&r, &err), "byte 2 of the pattern: unclosed group");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_that_lack_are_named),
        cmocka_unit_test(names_beyond_the_room_are_forgotten),
        cmocka_unit_test(choices_are_words_of_a_list),
        cmocka_unit_test(a_pattern_is_a_string_or_a_regex),
        cmocka_unit_test(a_bad_regex_fails_the_reader_with_its_place),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
