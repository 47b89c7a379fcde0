#include "test/support/support.h"

#include <sys/stat.h>

#include "base/file.h"
#include "text/survey.h"

static struct err err;
static struct dataset d;
static struct survey s;
static struct arena scratch;

static const struct dataset_options plain = {.seed = 1};

static bool survey_file(const char *name, struct span content, struct survey_options options)
{
    survey_release(&s);
    dataset_close(&d);
    return dataset_open(&d, temporary_file(name, content), &plain, &err) &&
           survey_run(&s, &d, &options, &err);
}

static const struct survey_options by_default = {
    .sizes = {-1, -1}, .max_length = 10, .n_previews = 3};

static void rows_lengths_and_duplicates_are_counted(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    for (int i = 0; i < 40; i++)
        buf_printf(&text, "{\"prompt\": \"p%d\", \"completion\": \"%s\"}\n", i % 39, "cc");
    buf_add_text(&text, "{\"prompt\": 1, \"completion\": \"c\"}\n");
    ASSERT_OK(survey_file("a.jsonl", buf_span(&text), by_default));
    assert_int_equal(s.lengths.n, 40);
    assert_int_equal(s.lengths.sum, 40 * 5 - 11);
    assert_int_equal(s.trained, 80);
    assert_int_equal(s.split.duplicates, 1);
    assert_int_equal(s.rows[PART_TRAIN] + s.rows[PART_EVAL] + s.rows[PART_TEST], 40);
    assert_int_equal(d.n_bad, 1);
    assert_int_equal(s.n_previews, 3);
    for (size_t i = 1; i < s.n_previews; i++)
        assert_true(s.previews[i - 1].hash < s.previews[i].hash);
    ASSERT_FAILS(survey_file("a.jsonl", buf_span(&text),
                             (struct survey_options){.sizes = {50, 0}, .max_length = 1}),
                 "no row would be left");
    buf_release(&text);
}

static void a_plain_text_is_cut_into_pieces(void **state)
{
    (void)state;
    char text[405];
    memset(text, 'x', sizeof text);
    ASSERT_OK(survey_file("a.txt", (struct span){(uint8_t *)text, sizeof text}, by_default));
    assert_true(s.are_pieces);
    assert_int_equal(s.lengths.n, 11); /* ten of 4 * 10 characters, and the rest */
    assert_int_equal(s.lengths.least, 5);
    assert_int_equal(s.rows[PART_TRAIN], 9);
    assert_int_equal(s.trained, 405);
    assert_int_equal(s.n_previews, 1);
}

static void pieces_of_a_text_for_the_test_are_not_trained_on(void **state)
{
    (void)state;
    char text[400];
    const char *folder = file_join(&scratch, temporary_folder(), "parts");
    assert_int_equal(mkdir(folder, 0700), 0);
    memset(text, 'x', sizeof text);
    (void)temporary_file("parts/test.txt", (struct span){(uint8_t *)text, sizeof text / 2});
    (void)temporary_file("parts/train.txt", (struct span){(uint8_t *)text, sizeof text});
    survey_release(&s);
    dataset_close(&d);
    ASSERT_OK(dataset_open(&d, folder, &plain, &err));
    ASSERT_OK(survey_run(&s, &d, &by_default, &err));
    assert_int_equal(s.rows[PART_TRAIN], 9);
    assert_int_equal(s.rows[PART_EVAL], 1);
    assert_int_equal(s.rows[PART_TEST], 5);
    arena_release(&scratch);
}

static void a_long_stretch_of_a_preview_loses_its_middle(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    buf_add_text(&text, "{\"prompt\": \"begin");
    for (int i = 0; i < 400; i++)
        buf_add_text(&text, "\xe2\x82\xac");
    buf_add_text(&text, "end\", \"completion\": \"answer\"}");
    ASSERT_OK(survey_file("a.jsonl", buf_span(&text), by_default));
    buf_release(&text);
    const struct survey_preview *p = &s.previews[0];
    assert_int_equal(p->n_segments, 3);
    assert_true(p->segments[0].is_cut && !p->segments[0].is_trained);
    assert_true(span_starts_with(p->segments[0].text, span_of("begin\xe2\x82\xac")));
    assert_true(span_ends_with(p->segments[0].text, span_of("\xe2\x82\xac")));
    assert_true(span_starts_with(p->segments[1].text, span_of("\xe2\x82\xac")));
    assert_true(span_ends_with(p->segments[1].text, span_of("\xe2\x82\xac"
                                                            "end")));
    ASSERT_SPAN(p->segments[2].text, "answer");
    assert_true(p->segments[2].is_trained);
    assert_int_equal(p->line, 1);
}

static void a_conversation_of_many_turns_is_shown_in_part(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    buf_add_text(&text, "{\"messages\": [{\"role\": \"user\", \"content\": \"u\"}");
    for (int i = 0; i < 50; i++)
        buf_add_text(&text, ", {\"role\": \"assistant\", \"content\": \"a\"}");
    buf_add_text(&text, "]}");
    ASSERT_OK(survey_file("a.jsonl", buf_span(&text), by_default));
    buf_release(&text);
    const struct survey_preview *p = &s.previews[0];
    assert_int_equal(p->n_segments, 24);
    assert_true(p->segments[23].is_cut);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_lengths_and_duplicates_are_counted),
        cmocka_unit_test(a_plain_text_is_cut_into_pieces),
        cmocka_unit_test(pieces_of_a_text_for_the_test_are_not_trained_on),
        cmocka_unit_test(a_long_stretch_of_a_preview_loses_its_middle),
        cmocka_unit_test(a_conversation_of_many_turns_is_shown_in_part),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    survey_release(&s);
    dataset_close(&d);
    return failed;
}
