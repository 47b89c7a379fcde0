#include "test/support/support.h"

#include "text/charset.h"

static struct arena arena;

static struct charset property(const char *name)
{
    struct charset set;
    assert_true(charset_property(&arena, span_of(name), &set));
    return set;
}

static void a_range_has_its_ends(void **state)
{
    (void)state;
    struct charset set = charset_range(&arena, 'b', 'd');
    assert_false(charset_has(set, 'a'));
    assert_true(charset_has(set, 'b'));
    assert_true(charset_has(set, 'd'));
    assert_false(charset_has(set, 'e'));
    assert_true(charset_has(charset_range(&arena, 0x10ffff, 0x10ffff), 0x10ffff));
}

static void neighbours_are_joined_into_one_range(void **state)
{
    (void)state;
    struct charset set =
        charset_union(&arena, charset_range(&arena, 'a', 'c'), charset_range(&arena, 'd', 'f'));
    assert_true(charset_equal(set, charset_range(&arena, 'a', 'f')));
}

static void an_intersection_holds_what_both_hold(void **state)
{
    (void)state;
    struct charset vowels = {0};
    for (const char *v = "aeiou"; *v; v++)
        vowels = charset_union(&arena, vowels, charset_range(&arena, (uint32_t)*v, (uint32_t)*v));
    struct charset set = charset_intersection(&arena, vowels, charset_range(&arena, 'b', 'i'));
    assert_int_equal(set.n_edges, 4);
    assert_true(charset_has(set, 'e') && charset_has(set, 'i'));
    assert_false(charset_has(set, 'a') || charset_has(set, 'f'));
}

static void a_complement_of_a_complement_is_the_set(void **state)
{
    (void)state;
    struct charset letters = property("L");
    struct charset others = charset_complement(&arena, letters);
    assert_true(charset_has(others, '1') && !charset_has(others, 'x'));
    assert_true(charset_equal(charset_complement(&arena, others), letters));
    assert_int_equal(charset_complement(&arena, charset_range(&arena, 0, 0x10ffff)).n_edges, 0);
    assert_int_equal(charset_complement(&arena, (struct charset){0}).n_edges, 2);
}

static void property_names_are_read_without_case_space_and_dashes(void **state)
{
    (void)state;
    struct charset set;
    assert_true(charset_equal(property("Uppercase_Letter"), property("Lu")));
    assert_true(charset_equal(property("uppercase-LETTER"), property(" L u ")));
    assert_true(charset_has(property("Han"), 0x4e00));
    assert_true(charset_has(property("In_CJK_Unified_Ideographs"), 0x4e00));
    assert_false(charset_property(&arena, span_of("Nope"), &set));
    assert_false(charset_property(&arena, span_of(""), &set));
    assert_false(charset_property(&arena, span_of("WORD"), &set) && !charset_has(set, 0xb2));
    char longest[100];
    memset(longest, 'a', sizeof longest);
    assert_false(charset_property(&arena, (struct span){(uint8_t *)longest, sizeof longest}, &set));
}

static void the_two_sets_that_differ_inside_brackets_are_both_there(void **state)
{
    (void)state;
    /* SUPERSCRIPT TWO is a word character for \w and none for [\w]; '$' is [:punct:] alone. */
    assert_true(charset_has(charset_named(&arena, "word"), 0xb2));
    assert_false(charset_has(charset_named(&arena, "WORD"), 0xb2));
    assert_false(charset_has(charset_named(&arena, "punct"), '$'));
    assert_true(charset_has(charset_named(&arena, "PUNCT"), '$'));
}

static void folding_adds_every_character_of_the_group(void **state)
{
    (void)state;
    struct charset k = charset_fold(&arena, charset_range(&arena, 'k', 'k'));
    assert_true(charset_has(k, 'K') && charset_has(k, 0x212a) && charset_has(k, 'k'));
    assert_int_equal(k.n_edges, 6);
    struct charset s = charset_fold(&arena, charset_range(&arena, 'S', 'S'));
    assert_true(charset_has(s, 's') && charset_has(s, 0x17f));
    struct charset digit = charset_range(&arena, '1', '1');
    assert_true(charset_equal(charset_fold(&arena, digit), digit));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_has_its_ends),
        cmocka_unit_test(neighbours_are_joined_into_one_range),
        cmocka_unit_test(an_intersection_holds_what_both_hold),
        cmocka_unit_test(a_complement_of_a_complement_is_the_set),
        cmocka_unit_test(property_names_are_read_without_case_space_and_dashes),
        cmocka_unit_test(the_two_sets_that_differ_inside_brackets_are_both_there),
        cmocka_unit_test(folding_adds_every_character_of_the_group),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
