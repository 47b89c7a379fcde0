#include "test/support/support.h"

#include "text/regex_class.h"

static struct arena arena;
static struct err err;

/* The set of a pattern that is one class or one escape. */
static bool parse(const char *pattern, bool ignore_case, struct charset *set)
{
    struct regex_parser p = {
        .pattern = span_of(pattern), .ignore_case = ignore_case, .arena = &arena, .err = &err};
    if (regex_parser_take(&p, "[")) {
        bool negated;
        *set = regex_parse_class(&p, &negated);
        if (negated)
            *set = charset_complement(&arena, *set);
    } else if (regex_parser_take(&p, "\\") && !regex_parse_shorthand(&p, false, set)) {
        uint32_t c = regex_parse_escaped(&p);
        if (!p.failed)
            *set = charset_range(&arena, c, c);
    }
    return !p.failed;
}

static bool has(const char *pattern, uint32_t c)
{
    struct charset set;
    ASSERT_OK(parse(pattern, false, &set));
    return charset_has(set, c);
}

static void ranges_and_characters_are_joined(void **state)
{
    (void)state;
    assert_true(has("[a-cx]", 'b') && has("[a-cx]", 'x') && !has("[a-cx]", 'd'));
    assert_true(has("[^a-c]", 'd') && !has("[^a-c]", 'b'));
    assert_true(has("[]a]", ']') && has("[a\\]b]", ']') && has("[a-]", '-') && has("[-a]", '-'));
    assert_true(has("[a-z-9]", '-') && !has("[a-z-9]", '5'));
    assert_true(has("[\\b]", '\b') && has("[.$^]", '^'));
}

static void classes_nest_and_intersect(void **state)
{
    (void)state;
    assert_true(has("[a[bc]]", 'c') && !has("[a-z&&[^aeiou]]", 'e') && has("[a-z&&[^e]]", 'b'));
    assert_true(has("[a-c&&b-d&&c]", 'c') && !has("[a-c&&b-d&&c]", 'b'));
    assert_false(has("[a&&]", 'a'));
    assert_true(has("[^a&&b]", 'a') && has("[^[^a]]", 'a') && !has("[^[^a]]", 'b'));
}

static void names_in_brackets_are_understood(void **state)
{
    (void)state;
    assert_true(has("[[:alpha:]]", 'x') && has("[[:^alpha:]]", '1') && has("[[:punct:]]", '$'));
    assert_true(has("[\\p{L}\\d]", '7') && has("[\\P{L}]", '7') && has("[\\p{^L}]", '7'));
    assert_true(has("\\w", 0xb2) && !has("[\\w]", 0xb2) && !has("[\\p{Word}]", 0xb2));
    assert_true(has("\\p{Word}", 0xb2) && has("\\H", 'g') && has("\\S", 'g') && has("\\D", 'g'));
}

static void escapes_stand_for_one_character(void **state)
{
    (void)state;
    assert_true(has("\\t", '\t') && has("\\e", 0x1b) && has("\\x41", 'A') &&
                has("\\x{1F600}", 0x1f600));
    assert_true(has("\\u4E00", 0x4e00) && has("\\o{101}", 'A') && has("\\012", '\n') &&
                has("\\0", 0));
    assert_true(has("\\xe4\\xb8\\x80", 0x4e00) && has("\\cA", 1) && has("\\C-a", 1) &&
                has("\\c?", 0x7f));
    assert_true(has("\\.", '.') && has("\\q", 'q') && has("\\\xc3\xa9", 0xe9));
}

static void case_is_ignored_where_the_parser_says_so(void **state)
{
    (void)state;
    struct charset set;
    ASSERT_OK(parse("[^k]", true, &set));
    assert_false(charset_has(set, 'K') || charset_has(set, 0x212a));
    ASSERT_OK(parse("[J-L]", true, &set));
    assert_true(charset_has(set, 'j') && charset_has(set, 0x212a));
}

static void mistakes_are_named(void **state)
{
    (void)state;
    struct charset set;
    static const char *const cases[][2] = {
        {"[", "unclosed class"},
        {"[a", "unclosed class"},
        {"[]", "empty class"},
        {"[^]", "empty class"},
        {"[z-a]", "empty range"},
        {"[a-\\d]", "ends in a class"},
        {"[\\d-z]", "begins with a class"},
        {"[[:foo:]]", "unknown class [:"},
        {"[\\R]", "\\R inside brackets"},
        {"\\p{L", "unclosed \\p{"},
        {"\\p{Nope}", "unknown property \\p{Nope}"},
        {"\\x", "hexadecimal digits after \\x"},
        {"\\x{110000}", "no character has the number 110000"},
        {"\\x{41 42}", "one number in braces"},
        {"\\xe4\\x41", "not one character in UTF-8"},
        {"\\u41", "four hexadecimal digits"},
        {"\\M-a", "\\M- is not supported"},
        {"\\c\\", "a letter after \\c"},
        {"\\1", "back-references"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        ASSERT_FAILS(parse(cases[i][0], false, &set), cases[i][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_and_characters_are_joined),
        cmocka_unit_test(classes_nest_and_intersect),
        cmocka_unit_test(names_in_brackets_are_understood),
        cmocka_unit_test(escapes_stand_for_one_character),
        cmocka_unit_test(case_is_ignored_where_the_parser_says_so),
        cmocka_unit_test(mistakes_are_named),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
