#include "test/support/support.h"

#include "text/regex_parse.h"

static struct arena arena;
static struct err err;

/* The skeleton with each set as '#'; NULL where the pattern is refused. */
static const char *skeleton(const char *pattern)
{
    static struct buf out = {.max = BUF_NO_LIMIT};
    struct regex_skeleton *s = arena_new(&arena, struct regex_skeleton);
    bool ok = regex_parse(s, span_of(pattern), &arena, &err);
    buf_clear(&out);
    for (size_t i = 0; ok && i < s->text.len; i++) {
        bool mark = s->text.at[i] == REGEX_SET_MARK;
        buf_add_byte(&out, mark ? '#' : s->text.at[i]);
        i += mark ? 2 : 0;
    }
    buf_release(&s->text);
    return ok ? buf_string(&out) : NULL;
}

static void operators_stay_and_characters_become_sets(void **state)
{
    (void)state;
    assert_string_equal(skeleton("ab|[c-d]+?"), "##|#+?");
    assert_string_equal(skeleton("(?>a)(?=b)(?<!c)(?:d)"), "(?>#)(?=#)(?<!#)(?:#)");
    assert_string_equal(skeleton("^\\A.\\z$"), "^\\A#\\z$");
}

static void groups_capture_nothing(void **state)
{
    (void)state;
    assert_string_equal(skeleton("(a)(?<name>b)(?'n'c)"), "(?:#)(?:#)(?:#)");
}

static void an_option_alone_reaches_to_the_end_of_its_group(void **state)
{
    (void)state;
    assert_string_equal(skeleton("(a(?i)b|c)d"), "(?:#(?:#|#))#");
    assert_string_equal(skeleton("(?x) a b # c"), "(?:##)");
    assert_string_equal(skeleton("(?#comment)a"), "#");
}

static void stacked_quantifiers_are_wrapped(void **state)
{
    (void)state;
    assert_string_equal(skeleton("a**"), "(?:#*)*");
    assert_string_equal(skeleton("a{2}+"), "(?:#{2})+");
    assert_string_equal(skeleton("a{2}?"), "(?:#{2})?");
    assert_string_equal(skeleton("a{2,}?a{,3}"), "#{2,}?#{0,3}");
    assert_string_equal(skeleton("a{x}"), "####");
    assert_string_equal(skeleton("(?x:a +)"), "(?:#+)");
}

static void word_boundaries_and_line_breaks_are_written_out(void **state)
{
    (void)state;
    assert_string_equal(skeleton("\\b"), "(?:(?<=#)(?!#)|(?<!#)(?=#))");
    assert_string_equal(skeleton("\\B"), "(?:(?<=#)(?=#)|(?<!#)(?!#))");
    assert_string_equal(skeleton("\\R"), "(?>##|#)");
}

static void what_is_not_supported_is_named_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *what, *where;
    } cases[] = {
        {"a\\1", "back-references", "byte 2 of the pattern"},
        {"\\X", "\\X is not supported", "byte 1"},
        {"\\k<n>", "\\k is not supported", "byte 1"},
        {"\\g<n>", "\\g is not supported", "byte 1"},
        {"\\y", "\\y is not supported", "byte 1"},
        {"(?~a)", "begins with (?~", "byte 1"},
        {"(?(1)a)", "begins with (?(", "byte 1"},
        {"(*FAIL)", "callouts", "byte 1"},
        {"(a", "unclosed group", "byte 1"},
        {"(?#a", "unclosed comment", "byte 1"},
        {"(?<>a)", "name is empty", "byte 1"},
        {"a)", "closes nothing", "byte 2"},
        {"*a", "nothing to repeat", "byte 1"},
        {"a|{1}", "nothing to repeat", "byte 3"},
        {"^*", "cannot be repeated", "byte 2"},
        {"(?=a)*", "cannot be repeated", "byte 6"},
        {"a{3,1}", "at least 3 and at most 1", "byte 2"},
        {"a{70000}", "more than 65535 times", "byte 2"},
        {"ab\\", "ends in a backslash", "byte 3"},
        {"\xff", "not valid UTF-8", "byte 1"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        ASSERT_FAILS(skeleton(cases[i].pattern), cases[i].what);
        if (!strstr(err.where, cases[i].where))
            fail_msg("%s: expected %s, got %s", cases[i].pattern, cases[i].where, err.where);
    }
}

static const char *skeleton_of_many(const char *part, size_t n, const char *end)
{
    struct buf pattern;
    buf_init(&pattern, 1 << 20);
    for (size_t i = 0; i < n; i++)
        buf_add_text(&pattern, part);
    buf_add_text(&pattern, end);
    const char *result = skeleton(buf_string(&pattern));
    buf_release(&pattern);
    return result;
}

static void size_and_depth_are_bounded(void **state)
{
    (void)state;
    ASSERT_FAILS(skeleton_of_many("(", 200, ""), "nested more than 100 deep");
    ASSERT_FAILS(skeleton_of_many("(?i)", 200, ""), "nested more than 100 deep");
    ASSERT_FAILS(skeleton_of_many("[", 200, ""), "nested more than 100 deep");
    ASSERT_FAILS(skeleton_of_many("a", 9000, ""), "a pattern of 9000 bytes");
    ASSERT_FAILS(skeleton_of_many("(?i:ssssssssssssssssssssssssssssss)", 3, ""), "too many ways");
    struct buf pattern;
    buf_init(&pattern, 8000);
    for (uint32_t c = 0x4e00; c < 0x4e00 + 1100; c++)
        buf_add_utf8(&pattern, c);
    ASSERT_FAILS(skeleton(buf_string(&pattern)), "more than 1024 different");
    buf_release(&pattern);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_stay_and_characters_become_sets),
        cmocka_unit_test(groups_capture_nothing),
        cmocka_unit_test(an_option_alone_reaches_to_the_end_of_its_group),
        cmocka_unit_test(stacked_quantifiers_are_wrapped),
        cmocka_unit_test(word_boundaries_and_line_breaks_are_written_out),
        cmocka_unit_test(what_is_not_supported_is_named_with_its_place),
        cmocka_unit_test(size_and_depth_are_bounded),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
