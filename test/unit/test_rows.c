#include "test/support/model_folder.h"
#include "test/support/tiny_model.h"

#include "train/rows.h"

/* "ab", "c", "a b" behind prompts; the third line alone has a 'u' (id 9). */
static const char content[] = "{\"prompt\": \"a\", \"completion\": \"ab\"}\n"
                              "{\"prompt\": \"b\", \"completion\": \"c\"}\n"
                              "{\"prompt\": \"c\", \"completion\": \"a u bcbcbc\"}\n"
                              "{\"prompt\": \"c\", \"completion\": \"abc\"}\n";

static struct model_config config;
static struct options options;
static struct rows_wanted wanted;

static int begin(void **state)
{
    (void)state;
    static const char *folder, *data;
    if (!folder) {
        folder = tiny_model("tokens", "{\"eos_token\": \"<e>\"}", NULL);
        data = temporary_file("rows.jsonl", span_of(content));
    }
    options_init(&options);
    config = (struct model_config){.vocabulary = TINY_VOCABULARY};
    wanted = (struct rows_wanted){.model = folder, .data = data, .config = &config, .longest = 64};
    return 0;
}

static void rows_become_tokens_that_end(void **state)
{
    (void)state;
    struct err err = {0};
    struct row_store store;
    ASSERT_OK(rows_read(&store, &wanted, &options, &err));
    assert_int_equal(store.n_rows, 4);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(row_store_ids(&store, i)[store.rows[i].len - 1], TINY_END);
    row_store_release(&store);
}

static void an_id_beyond_the_vocabulary_is_named_with_file_and_line(void **state)
{
    (void)state;
    struct err err = {0};
    struct row_store store;
    config.vocabulary = 9;
    ASSERT_FAILS(rows_read(&store, &wanted, &options, &err),
                 "token 9 is beyond the model's vocabulary of 9");
    assert_int_equal(err.kind, ERR_INPUT);
    assert_non_null(strstr(err.where, "rows.jsonl:3"));
    assert_non_null(strstr(err.hint, "does the tokenizer belong to the model?"));
    row_store_release(&store); /* safe */
}

static void a_row_that_is_too_long_is_cut_or_named(void **state)
{
    (void)state;
    struct err err = {0};
    struct row_store store;
    wanted.longest = 6;
    ASSERT_OK(rows_read(&store, &wanted, &options, &err));
    assert_int_equal(store.n_cut, 1);
    assert_int_equal(store.rows[2].len, 6);
    row_store_release(&store);
    wanted.refuses_cut = true;
    ASSERT_FAILS(rows_read(&store, &wanted, &options, &err),
                 "the row is longer than the 6 tokens that the model takes");
    assert_non_null(strstr(err.where, "rows.jsonl:3"));
    assert_non_null(strstr(err.hint, "--max-length 6"));
}

static void of_what_is_learnt_from_nothing_no_text_is_lost(void **state)
{
    (void)state;
    struct err err = {0};
    struct row_store store;
    ASSERT_OK(rows_read(&store, &wanted, &options, &err));
    uint64_t n_trained = store.n_trained;
    row_store_release(&store);
    wanted.longest = 6;
    options.from_scratch = true;
    ASSERT_OK(rows_read(&store, &wanted, &options, &err));
    assert_int_equal(store.n_rows, 6);
    assert_int_equal(store.n_cut, 0);
    assert_int_equal(store.n_split, 1);
    assert_int_equal(store.n_trained, n_trained);
    for (uint32_t i = 2; i < 5; i++)
        assert_int_equal(store.rows[i].line, 3);
    row_store_release(&store);
}

static void parts_are_listed_by_their_rows(void **state)
{
    (void)state;
    struct err err = {0};
    struct arena arena = {0};
    struct row_store store;
    wanted.sizes = (struct split_sizes){1, 1};
    ASSERT_OK(rows_read(&store, &wanted, &options, &err));
    struct row_list train = rows_of(&store, &arena, PART_TRAIN, 0);
    struct row_list eval = rows_of(&store, &arena, PART_EVAL, 0);
    struct row_list test = rows_of(&store, &arena, PART_TEST, 0);
    assert_int_equal(train.n, 2);
    assert_int_equal(eval.n, 1);
    assert_int_equal(test.n, 1);
    assert_int_equal(eval.longest, store.rows[eval.rows[0]].len);
    assert_true(train.rows[0] < train.rows[1] && eval.rows[0] != test.rows[0]);
    assert_int_equal(rows_of(&store, &arena, PART_TRAIN, 1).n, 1);
    assert_int_equal(rows_of(&store, &arena, PART_TRAIN, 9).n, 2);
    row_store_release(&store);
    arena_release(&arena);
}

static void a_list_is_thinned_evenly(void **state)
{
    (void)state;
    struct stored_row rows[9] = {{.len = 50}, {.len = 3}, {.len = 2}, {.len = 4}, {.len = 9}};
    struct row_store store = {.rows = rows, .n_rows = 9};
    uint32_t numbers[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    struct row_list list = {.rows = numbers + 1, .n = 8, .longest = 9};
    rows_thin(&list, &store, 8);
    assert_int_equal(list.n, 8);
    rows_thin(&list, &store, 3);
    assert_int_equal(list.n, 3);
    assert_int_equal(list.rows[0], 1);
    assert_int_equal(list.rows[1], 3);
    assert_int_equal(list.rows[2], 6);
    assert_int_equal(list.longest, 4);
}

static void answers_not_preferred_are_left_out(void **state)
{
    (void)state;
    struct err err = {0};
    struct arena arena = {0};
    struct row_store store;
    wanted.data = temporary_file(
        "pairs.jsonl", span_of("{\"prompt\": \"a\", \"chosen\": \"b\", \"rejected\": \"c\"}\n"
                               "{\"prompt\": \"b\", \"chosen\": \"ab\", \"rejected\": \"c\"}\n"));
    ASSERT_OK(rows_read(&store, &wanted, &options, &err));
    assert_int_equal(store.n_rows, 4);
    assert_int_equal(rows_of(&store, &arena, PART_TRAIN, 0).n, 2);
    row_store_release(&store);
    arena_release(&arena);
}

static void files_that_are_not_there_are_named(void **state)
{
    (void)state;
    struct err err = {0};
    struct row_store store;
    wanted.data = "/nowhere.jsonl";
    assert_false(rows_read(&store, &wanted, &options, &err));
    assert_int_equal(err.kind, ERR_IO);
    assert_non_null(strstr(err.where, "/nowhere.jsonl"));
    wanted.model = "/no-model";
    assert_false(rows_read(&store, &wanted, &options, &err));
    assert_non_null(strstr(err.where, "/no-model"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(rows_become_tokens_that_end, begin),
        cmocka_unit_test_setup(an_id_beyond_the_vocabulary_is_named_with_file_and_line, begin),
        cmocka_unit_test_setup(a_row_that_is_too_long_is_cut_or_named, begin),
        cmocka_unit_test_setup(of_what_is_learnt_from_nothing_no_text_is_lost, begin),
        cmocka_unit_test_setup(parts_are_listed_by_their_rows, begin),
        cmocka_unit_test(a_list_is_thinned_evenly),
        cmocka_unit_test_setup(answers_not_preferred_are_left_out, begin),
        cmocka_unit_test_setup(files_that_are_not_there_are_named, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
