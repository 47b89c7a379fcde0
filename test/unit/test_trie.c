/*
 * test_trie.c - words found by walking.
 */
#include "test/support/support.h"

#include <stdio.h>

#include "text/trie.h"

/* The values of all words that begin the text, as "1 2", and the place where the walk ends. */
static const char *walk(const struct trie *t, const char *text)
{
    static char found[64];
    size_t len = 0;
    uint32_t node = 0;
    found[0] = '\0';
    for (; *text && (node = trie_child(t, node, (uint8_t)*text)) != 0; text++) {
        if (t->nodes[node].value != TRIE_NONE)
            len += (size_t)snprintf(found + len, sizeof found - len, "%s%u", len ? " " : "",
                                    t->nodes[node].value);
    }
    return found;
}

static void all_words_that_begin_at_a_place_are_found(void **state)
{
    (void)state;
    struct trie_word words[] = {
        {span_of("abc"), 1}, {span_of("a"), 2},   {span_of("b"), 3},
        {span_of("ab"), 4},  {span_of("abd"), 5}, {span_of("\xff"), 6},
    };
    struct trie t;
    trie_build(&t, words, COUNT_OF(words));
    assert_string_equal(walk(&t, "abcd"), "2 4 1");
    assert_string_equal(walk(&t, "abd"), "2 4 5");
    assert_string_equal(walk(&t, "b"), "3");
    assert_string_equal(walk(&t, "\xff"), "6");
    assert_string_equal(walk(&t, "c"), "");
    trie_release(&t);
}

static void a_node_of_many_children_finds_each(void **state)
{
    (void)state;
    uint8_t text[256][2];
    struct trie_word words[256];
    for (uint32_t i = 0; i < 256; i++) {
        text[i][0] = 'x';
        text[i][1] = (uint8_t)i;
        words[i] = (struct trie_word){{text[i], 2}, i};
    }
    struct trie t;
    trie_build(&t, words, 256);
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t node = trie_child(&t, trie_child(&t, 0, 'x'), (uint8_t)i);
        assert_int_equal(t.nodes[node].value, i);
    }
    trie_release(&t);
}

static void empty_words_are_left_out_and_of_equal_ones_the_last_counts(void **state)
{
    (void)state;
    struct trie_word words[] = {{span_of("a"), 1}, {span_of(""), 2}, {span_of("a"), 3}};
    struct trie t;
    trie_build(&t, words, COUNT_OF(words));
    assert_string_equal(walk(&t, "a"), "3");
    assert_int_equal(t.nodes[0].value, TRIE_NONE);
    trie_release(&t);
    trie_build(&t, words, 0);
    assert_int_equal(t.n_nodes, 1);
    assert_int_equal(trie_child(&t, 0, 'a'), 0);
    trie_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_words_that_begin_at_a_place_are_found),
        cmocka_unit_test(a_node_of_many_children_finds_each),
        cmocka_unit_test(empty_words_are_left_out_and_of_equal_ones_the_last_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
