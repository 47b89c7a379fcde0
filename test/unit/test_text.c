#include "test/support/support.h"

#include "text/text.h"

static struct text text;
static struct err err;

static void assert_origin(size_t start, size_t end, uint32_t from, uint32_t to)
{
    struct text_origin origin = text_origin_of(&text, start, end);
    assert_int_equal(origin.start, from);
    assert_int_equal(origin.end, to);
}

static void a_new_text_is_one_piece_in_the_callers_memory(void **state)
{
    (void)state;
    struct span bytes = span_of("abc");
    text_set(&text, bytes, 0, false);
    assert_int_equal(text.n_pieces, 1);
    assert_ptr_equal(text.bytes.at, bytes.at);
    assert_true(text.pieces[0].start == 0 && text.pieces[0].end == 3);
    text_set(&text, span_of(""), 0, false);
    assert_int_equal(text.n_pieces, 0);
}

static void origins_of_an_untouched_text_are_whole_characters(void **state)
{
    (void)state;
    text_set(&text, span_of("a\xc3\xa9z"), 10, true);
    assert_origin(0, 1, 10, 11);
    assert_origin(1, 2, 11, 13);
    assert_origin(2, 3, 11, 13);
    assert_origin(0, 4, 10, 14);
}

static void a_rewritten_text_remembers_where_its_bytes_came_from(void **state)
{
    (void)state;
    text_set(&text, span_of("ab c"), 5, true);
    text_begin_rewrite(&text);
    text_put_behind(&text, span_of("<"));
    text_keep(&text, 0, 2);
    text_put(&text, span_of("__"), 2);
    text_put_behind(&text, span_of("+"));
    text_keep(&text, 3, 4);
    assert_int_equal(text_written(&text), 7);
    ASSERT_OK(text_end_rewrite(&text, &err));
    ASSERT_SPAN(text.bytes, "<ab__+c");
    assert_origin(0, 1, 5, 5);
    assert_origin(1, 3, 5, 7);
    assert_origin(3, 4, 7, 8);
    assert_origin(5, 6, 7, 8);
    assert_origin(6, 7, 8, 9);

    /* A second time, over the first. */
    text_begin_rewrite(&text);
    text_keep(&text, 3, 7);
    ASSERT_OK(text_end_rewrite(&text, &err));
    ASSERT_SPAN(text.bytes, "__+c");
    assert_origin(0, 4, 7, 9);
}

static void bytes_are_written_as_letters(void **state)
{
    (void)state;
    text_set(&text, span_of("a \xc3\xa9"), 0, true);
    text_begin_rewrite(&text);
    text_put_letters(&text, 0, 4);
    ASSERT_OK(text_end_rewrite(&text, &err));
    ASSERT_SPAN(text.bytes, "a\xc4\xa0\xc3\x83\xc2\xa9");
    assert_origin(1, 3, 1, 2);
    assert_origin(3, 5, 2, 4);
}

static void a_part_keeps_the_origins_of_the_whole(void **state)
{
    (void)state;
    struct text whole;
    text_init(&whole);
    text_set(&whole, span_of("ab cd"), 100, true);
    text_part(&text, &whole, 3, 5);
    ASSERT_SPAN(text.bytes, "cd");
    assert_origin(0, 2, 103, 105);
    assert_int_equal(text.first_origin, 103);

    text_begin_rewrite(&whole);
    text_put(&whole, span_of("__"), 0);
    text_keep(&whole, 0, 5);
    ASSERT_OK(text_end_rewrite(&whole, &err));
    text_part(&text, &whole, 1, 3);
    ASSERT_SPAN(text.bytes, "_a");
    assert_origin(0, 2, 100, 101);
    assert_int_equal(text.first_origin, 100);
    text_release(&whole);
}

static void pieces_are_built_beside_the_present_ones(void **state)
{
    (void)state;
    text_set(&text, span_of("abcdef"), 0, false);
    text_add_piece(&text, 0, 2);
    text_add_piece(&text, 2, 2);
    text_add_piece(&text, 4, 6);
    assert_int_equal(text.n_pieces, 1);
    text_end_pieces(&text);
    assert_int_equal(text.n_pieces, 2);
    assert_true(text.pieces[1].start == 4 && text.pieces[1].end == 6);
}

static void growth_beyond_all_measure_is_refused(void **state)
{
    (void)state;
    text_set(&text, span_of("a"), 0, true);
    text_begin_rewrite(&text);
    for (int i = 0; i < 70000; i++)
        text_keep(&text, 0, 1);
    ASSERT_FAILS(text_end_rewrite(&text, &err), "make over 65600 bytes of a text of 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_text_is_one_piece_in_the_callers_memory),
        cmocka_unit_test(origins_of_an_untouched_text_are_whole_characters),
        cmocka_unit_test(a_rewritten_text_remembers_where_its_bytes_came_from),
        cmocka_unit_test(bytes_are_written_as_letters),
        cmocka_unit_test(a_part_keeps_the_origins_of_the_whole),
        cmocka_unit_test(pieces_are_built_beside_the_present_ones),
        cmocka_unit_test(growth_beyond_all_measure_is_refused),
    };
    text_init(&text);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    text_release(&text);
    return failed;
}
