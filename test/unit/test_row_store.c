#include "test/support/tiny_model.h"

#include <sys/stat.h>

#include "base/file.h"
#include "text/row_store.h"

static struct err err;
static struct row_encoder e;
static struct dataset d;
static struct row_store s;

static const struct row_store_options whole = {.max_length = 100};

static bool fill(const char *name, const char *content, struct row_store_options options)
{
    row_store_release(&s);
    dataset_close(&d);
    return dataset_open(&d, temporary_file(name, span_of(content)), &(struct dataset_options){0},
                        &err) &&
           row_store_fill(&s, &d, &e, &options, &err);
}

/* The rows as text: the trained tokens between brackets, rows apart by '|'. */
static const char *stored(void)
{
    static struct buf text;
    uint64_t tokens = 0, trained = 0;
    buf_release(&text);
    buf_init(&text, BUF_NO_LIMIT);
    for (uint32_t i = 0; i < s.n_rows; i++) {
        buf_add_text(&text, i > 0 ? "|" : "");
        for (uint32_t t = 0; t < s.rows[i].len; t++) {
            bool is_trained = row_store_is_trained(&s, i, t);
            buf_printf(&text, is_trained ? "[%u]" : "%u", row_store_ids(&s, i)[t]);
            trained += is_trained;
            tokens++;
        }
    }
    assert_int_equal(tokens, s.n_tokens);
    assert_int_equal(trained, s.n_trained);
    return buf_string(&text);
}

static void rows_are_stored_with_their_mask(void **state)
{
    (void)state;
    ASSERT_OK(fill("a.jsonl",
                   "{\"prompt\": \"c\", \"completion\": \"a\"}\n"
                   "{\"prompt\": \"\", \"completion\": \"b\"}\n",
                   whole));
    assert_string_equal(stored(), "52[0][6]|5[1][6]");
    assert_int_equal(s.rows[1].line, 2);
    assert_int_equal(s.part_rows[PART_TRAIN], 2);
}

static void long_rows_are_cut_or_split_as_asked(void **state)
{
    (void)state;
    const char *pair = "{\"prompt\": \"cc\", \"completion\": \"aaa\"}\n";
    ASSERT_OK(fill("a.jsonl", pair, (struct row_store_options){.max_length = 4}));
    assert_string_equal(stored(), "522[0]");
    assert_int_equal(s.n_cut, 1);
    assert_int_equal(s.n_lost, 3);
    ASSERT_OK(fill("a.jsonl", pair,
                   (struct row_store_options){.max_length = 4, .overflow = OVERFLOW_CUT_START}));
    assert_string_equal(stored(), "[0][0][0][6]");
    ASSERT_OK(fill("a.jsonl", pair,
                   (struct row_store_options){.max_length = 4, .overflow = OVERFLOW_SPLIT}));
    assert_string_equal(stored(), "522[0]|[0][0][6]");
    assert_int_equal(s.n_split, 1);
    assert_int_equal(s.n_lost, 0);
    const char *text = "{\"text\": \"aaacc\"}\n";
    ASSERT_OK(fill("a.jsonl", text, (struct row_store_options){.max_length = 3}));
    assert_string_equal(stored(), "[5][0][0]|[0][2][2]|[6]");
    ASSERT_OK(fill("a.jsonl", text,
                   (struct row_store_options){.max_length = 3, .overflow = OVERFLOW_CUT_END}));
    assert_string_equal(stored(), "[5][0][0]");
}

static void a_row_with_nothing_left_of_its_answer_is_dropped(void **state)
{
    (void)state;
    ASSERT_OK(fill("a.jsonl",
                   "{\"prompt\": \"cccc\", \"completion\": \"a\"}\n"
                   "{\"prompt\": \"c\", \"completion\": \"b\"}\n",
                   (struct row_store_options){.max_length = 4}));
    assert_string_equal(stored(), "52[1][6]");
    assert_int_equal(s.n_dropped, 1);
    assert_int_equal(s.n_rows, 1);
}

static void a_preference_is_two_rows_or_none(void **state)
{
    (void)state;
    ASSERT_OK(fill("a.jsonl",
                   "{\"prompt\": \"c\", \"chosen\": \"a\", \"rejected\": \"b\"}\n"
                   "{\"prompt\": \"ca\", \"chosen\": \"c\", \"rejected\": \"ca\"}\n",
                   whole));
    assert_string_equal(stored(), "52[0][6]|52[1][6]|520[2][6]|520[2][0][6]");
    assert_false(s.rows[0].is_rejected);
    assert_true(s.rows[1].is_rejected);
    /* The second pair's prompt fills the length: both its rows go. */
    ASSERT_OK(fill("a.jsonl",
                   "{\"prompt\": \"ca\", \"chosen\": \"c\", \"rejected\": \"ca\"}\n"
                   "{\"prompt\": \"c\", \"chosen\": \"a\", \"rejected\": \"b\"}\n",
                   (struct row_store_options){.max_length = 3}));
    assert_string_equal(stored(), "52[0]|52[1]");
    assert_int_equal(s.n_dropped, 1);
}

static void a_plain_text_is_cut_behind_its_end(void **state)
{
    (void)state;
    ASSERT_OK(fill("a.txt", "abcabcabc", (struct row_store_options){.max_length = 3}));
    assert_string_equal(stored(), "[5][4][2]|[4][2][4]|[2][6]");
    ASSERT_OK(fill("a.txt", "aaaaaaaaaaaaaaaaaa",
                   (struct row_store_options){.sizes = {0.25, 1}, .max_length = 5}));
    const enum dataset_part parts[] = {PART_TRAIN, PART_TRAIN, PART_EVAL, PART_TEST};
    assert_int_equal(s.n_rows, 4);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(s.rows[i].part, parts[i]);
}

static void a_plain_text_for_the_test_is_test_alone(void **state)
{
    (void)state;
    struct arena arena = {0};
    const char *folder = file_join(&arena, temporary_folder(), "parts");
    assert_int_equal(mkdir(folder, 0700), 0);
    (void)temporary_file("parts/test.txt", span_of("bbbb"));
    (void)temporary_file("parts/train.txt", span_of("aaaaaaaaaaaaa"));
    row_store_release(&s);
    dataset_close(&d);
    ASSERT_OK(dataset_open(&d, folder, &(struct dataset_options){0}, &err));
    ASSERT_OK(row_store_fill(&s, &d, &e,
                             &(struct row_store_options){.sizes = {1, 1}, .max_length = 5}, &err));
    assert_string_equal(stored(),
                        "[5][1][1][1][1]|[6]|[5][0][0][0][0]|[0][0][0][0][0]|[0][0][0][0][6]");
    const enum dataset_part parts[] = {PART_TEST, PART_TEST, PART_TRAIN, PART_TRAIN, PART_EVAL};
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(s.rows[i].part, parts[i]);
    assert_int_equal(s.part_rows[PART_TEST], 2);
    assert_string_equal(s.files[s.rows[0].file], file_join(&arena, folder, "test.txt"));
    assert_string_equal(s.files[s.rows[4].file], file_join(&arena, folder, "train.txt"));
    arena_release(&arena);
}

static void duplicates_share_their_part(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    for (int i = 0; i < 60; i++)
        buf_printf(&text, "{\"text\": \"%.*s%s\"}\n", i % 30, "abcabcabcabcabcabcabcabcabcabc",
                   i % 30 == 0 ? "c" : "");
    ASSERT_OK(fill("a.jsonl", buf_string(&text),
                   (struct row_store_options){.sizes = {0.2, 0.2}, .max_length = 50}));
    buf_release(&text);
    assert_int_equal(s.duplicates, 30);
    assert_int_equal(s.part_rows[PART_EVAL] + s.part_rows[PART_TEST] + s.part_rows[PART_TRAIN], 60);
    assert_int_equal(s.part_rows[PART_EVAL], 12);
    for (uint32_t i = 0; i < 30; i++)
        assert_int_equal(s.rows[i].part, s.rows[i + 30].part);
}

static void rows_that_cannot_be_encoded_are_bad_rows(void **state)
{
    (void)state;
    ASSERT_FAILS(fill("a.jsonl", "{\"text\": \"a\"}\n{\"text\": 1}\n", whole),
                 "1 of 2 rows is bad");
    ASSERT_FAILS(
        fill("a.jsonl", "{\"messages\": [{\"role\": \"assistant\", \"content\": \"a\"}]}", whole),
        "template");
    assert_non_null(strstr(err.hint, "--chat-template-path"));
    ASSERT_FAILS(fill("a.jsonl", "{\"text\": \"a\"}\n",
                      (struct row_store_options){.sizes = {1, 0}, .max_length = 9}),
                 "no row would be left");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_stored_with_their_mask),
        cmocka_unit_test(long_rows_are_cut_or_split_as_asked),
        cmocka_unit_test(a_row_with_nothing_left_of_its_answer_is_dropped),
        cmocka_unit_test(a_preference_is_two_rows_or_none),
        cmocka_unit_test(a_plain_text_is_cut_behind_its_end),
        cmocka_unit_test(a_plain_text_for_the_test_is_test_alone),
        cmocka_unit_test(duplicates_share_their_part),
        cmocka_unit_test(rows_that_cannot_be_encoded_are_bad_rows),
    };
    struct err open_err;
    const char *folder = tiny_model("store", "{\"eos_token\": \"<e>\"}", NULL);
    if (!row_encoder_open(&e, folder, NULL, &open_err)) {
        print_error("%s: %s\n", open_err.where, open_err.what);
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    row_store_release(&s);
    dataset_close(&d);
    row_encoder_close(&e);
    return failed;
}
