#include "test/support/support.h"

#include "text/cut.h"

static struct text text;

/* The pieces of "the-final--countdown" cut at '-', joined by spaces. */
static const char *cut(enum cut_behavior behavior, bool invert)
{
    static struct buf out = {.max = BUF_NO_LIMIT};
    static const char sample[] = "the-final--countdown";
    struct cutter c = {.text = &text, .behavior = behavior, .invert = invert};
    text_set(&text, span_of(sample), 0, false);
    cut_begin(&c);
    cut_segment(&c, 0, 3, false);
    cut_segment(&c, 3, 4, true);
    cut_segment(&c, 4, 9, false);
    cut_segment(&c, 9, 10, true);
    cut_segment(&c, 10, 11, true);
    cut_segment(&c, 11, 20, false);
    cut_end(&c);
    text_end_pieces(&text);
    buf_clear(&out);
    for (size_t i = 0; i < text.n_pieces; i++) {
        buf_add_text(&out, i ? " " : "");
        buf_add(&out, span_part(text.bytes, text.pieces[i].start,
                                text.pieces[i].end - text.pieces[i].start));
    }
    return buf_string(&out);
}

static void each_behaviour_does_with_the_delimiter_what_it_says(void **state)
{
    (void)state;
    assert_string_equal(cut(CUT_REMOVED, false), "the final countdown");
    assert_string_equal(cut(CUT_ISOLATED, false), "the - final - - countdown");
    assert_string_equal(cut(CUT_CONTIGUOUS, false), "the - final -- countdown");
    assert_string_equal(cut(CUT_MERGED_WITH_PREVIOUS, false), "the- final- - countdown");
    assert_string_equal(cut(CUT_MERGED_WITH_NEXT, false), "the -final - -countdown");
}

static void inverted_the_words_are_the_delimiters(void **state)
{
    (void)state;
    assert_string_equal(cut(CUT_REMOVED, true), "- - -");
    assert_string_equal(cut(CUT_MERGED_WITH_PREVIOUS, true), "the -final - -countdown");
    assert_string_equal(cut(CUT_MERGED_WITH_NEXT, true), "the- final- - countdown");
}

static void empty_segments_leave_no_piece(void **state)
{
    (void)state;
    struct cutter c = {.text = &text, .behavior = CUT_MERGED_WITH_NEXT};
    text_set(&text, span_of("ab"), 0, false);
    cut_begin(&c);
    cut_segment(&c, 0, 0, true);
    cut_segment(&c, 0, 1, false);
    cut_segment(&c, 1, 1, true);
    cut_segment(&c, 1, 2, false);
    cut_segment(&c, 2, 2, true);
    cut_end(&c);
    text_end_pieces(&text);
    assert_int_equal(text.n_pieces, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_behaviour_does_with_the_delimiter_what_it_says),
        cmocka_unit_test(inverted_the_words_are_the_delimiters),
        cmocka_unit_test(empty_segments_leave_no_piece),
    };
    text_init(&text);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    text_release(&text);
    return failed;
}
