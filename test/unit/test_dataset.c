#include "test/support/support.h"

#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "text/dataset.h"

static struct arena arena;
static struct err err;
static struct dataset d;

static const struct dataset_options plain = {0};

/* Reads everything; false with the error of opening, reading or checking. */
static bool read_all(const char *path, const struct dataset_options *options)
{
    struct dataset_row row;
    bool more = true;
    dataset_close(&d);
    if (!dataset_open(&d, path, options, &err))
        return false;
    while (more) {
        if (!dataset_next(&d, &row, &more, &err))
            return false;
    }
    return dataset_check(&d, &err);
}

static const char *write_file(const char *folder, const char *name, const char *content)
{
    char *path = file_join(&arena, folder, name);
    struct file_writer w;
    ASSERT_OK(file_writer_open(&w, path, &err));
    file_write(&w, span_of(content));
    ASSERT_OK(file_commit(&w, &err));
    return path;
}

static const char *new_folder(const char *name)
{
    char *path = file_join(&arena, temporary_folder(), name);
    assert_int_equal(mkdir(path, 0777), 0);
    return path;
}

static void bad_rows_are_counted_and_the_first_ten_are_kept(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    for (int i = 0; i < 30; i++)
        buf_add_text(&text, i % 2 ? "{\"text\": \"good\"}\n" : "{\"text\": 5}\n");
    const char *path = temporary_file("bad.jsonl", buf_span(&text));
    buf_release(&text);
    ASSERT_FAILS(read_all(path, &plain), "15 of 30 rows are bad");
    assert_int_equal(err.kind, ERR_INPUT);
    assert_non_null(strstr(err.hint, "--skip-bad-rows"));
    assert_int_equal(d.n_bad, 15);
    assert_int_equal(d.n_rows, 15);
    assert_int_equal(d.problems[9].line, 19);
    assert_string_equal(d.problems[9].what, "column 'text' is a number, not a text");
    ASSERT_OK(read_all(path, &(struct dataset_options){.skip_bad_rows = true}));
    assert_int_equal(d.n_rows, 15);
    dataset_rewind(&d);
    assert_int_equal(d.n_bad, 0);
}

static void one_bad_row_of_several_is_said_in_the_singular(void **state)
{
    (void)state;
    const char *path = temporary_file("one.jsonl", span_of("{\"text\": \"a\"}\n{\n"));
    ASSERT_FAILS(read_all(path, &plain), "1 of 2 rows is bad");
    log_set_level(LOG_QUIET);
    dataset_warn(&d);
    log_set_level(LOG_NORMAL);
}

static void files_without_a_good_row_are_refused(void **state)
{
    (void)state;
    ASSERT_FAILS(read_all(temporary_file("e.jsonl", span_of("\n\n")), &plain), "holds no rows");
    ASSERT_FAILS(read_all(temporary_file("e.jsonl", span_of("{\n[\n")), &plain),
                 "expected a member's name");
    assert_non_null(strstr(err.where, "e.jsonl: line 1"));
    ASSERT_FAILS(read_all(temporary_file("e.json", span_of("[\"a\", \"b\"]")), &plain),
                 "a row is an object");
    ASSERT_FAILS(read_all(temporary_file("e.txt", span_of("")), &plain), "holds no rows");
    ASSERT_FAILS(read_all(temporary_file("e.txt", span_of("\xff")), &plain),
                 "the only line is bad");
    ASSERT_FAILS(read_all(temporary_file("e.txt", span_of("\xff\n\xff")), &plain),
                 "all 2 lines are bad");
    ASSERT_FAILS(read_all(temporary_file("e.txt", span_of("a\n\xff\nb\n")), &plain),
                 "1 line is bad");
    ASSERT_FAILS(read_all(temporary_file("e.jsonl", span_of("{\"text\": null}")), &plain),
                 "the only row is bad");
    const char *null = temporary_file("n.jsonl", span_of("{\"text\": null}\n{\"text\": \"\"}\n"));
    ASSERT_FAILS(read_all(null, &(struct dataset_options){.skip_bad_rows = true}),
                 "all 2 rows are bad");
    ASSERT_FAILS(read_all("/nowhere/data", &plain), "cannot open");
    ASSERT_FAILS(read_all("/nowhere/data.csv", &plain), "cannot open");
}

static void a_row_may_be_rejected_afterwards(void **state)
{
    (void)state;
    struct dataset_row row;
    bool more;
    dataset_close(&d);
    ASSERT_OK(
        dataset_open(&d, temporary_file("r.jsonl", span_of("{\"text\": \"a\"}")), &plain, &err));
    ASSERT_OK(dataset_next(&d, &row, &more, &err));
    assert_true(more);
    dataset_reject(&d, &row, "the template says no\n");
    assert_int_equal(d.n_rows, 0);
    assert_int_equal(d.files[0].rows, 0);
    assert_string_equal(d.problems[0].what, "the template says no?");
}

static void a_folder_is_read_in_the_order_of_its_names(void **state)
{
    (void)state;
    const char *folder = new_folder("folder");
    write_file(folder, "b.jsonl", "{\"text\": \"b\"}\n");
    write_file(folder, "a.csv", "text\na\n");
    write_file(folder, "README.txt", "read me");
    write_file(folder, "notes.md", "notes");
    ASSERT_OK(read_all(folder, &plain));
    assert_int_equal(d.n_files, 2);
    assert_int_equal(d.n_rows, 2);
    assert_non_null(strstr(d.files[0].path, "folder/a.csv"));
    assert_int_equal(d.n_passed_over, 2);
    assert_false(d.files[0].is_fixed);
    assert_int_equal(dataset_format_of(&d), FORMAT_TEXT);
    assert_ptr_equal(dataset_present_file(&d), &d.files[1]);
}

static void a_folder_of_texts_is_read_as_texts(void **state)
{
    (void)state;
    const char *folder = new_folder("texts");
    write_file(folder, "one.txt", "one");
    write_file(folder, "two.txt", "two");
    ASSERT_OK(read_all(folder, &plain));
    assert_int_equal(d.n_rows, 2);
    assert_int_equal(dataset_format_of(&d), FORMAT_DOCUMENT);
}

static void names_say_the_part_where_there_are_several(void **state)
{
    (void)state;
    const char *folder = new_folder("parts");
    write_file(folder, "my-train_01.jsonl", "{\"text\": \"a\"}\n");
    write_file(folder, "my-valid.jsonl", "{\"text\": \"b\"}\n");
    write_file(folder, "test.jsonl", "{\"text\": \"c\"}\n");
    write_file(folder, "training.jsonl", "{\"text\": \"d\"}\n");
    write_file(folder, "contest.jsonl", "{\"text\": \"e\"}\n");
    ASSERT_OK(read_all(folder, &plain));
    const enum dataset_part wanted[] = {PART_TRAIN, PART_TRAIN, PART_EVAL, PART_TEST, PART_TRAIN};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(d.files[i].part, wanted[i]);
        assert_int_equal(d.files[i].is_fixed, wanted[i] != PART_TRAIN);
    }
    const char *alone = new_folder("alone");
    write_file(alone, "dev.jsonl", "{\"text\": \"a\"}\n");
    write_file(alone, "test.jsonl", "{\"text\": \"b\"}\n");
    ASSERT_OK(read_all(alone, &plain));
    assert_false(d.files[0].is_fixed || d.files[1].is_fixed);
}

static void folders_that_make_no_data_set_are_refused(void **state)
{
    (void)state;
    const char *empty = new_folder("empty");
    ASSERT_FAILS(read_all(empty, &plain), "the folder holds no data files");
    write_file(empty, "a.jsonl", "{\"text\": \"a\"}\n");
    write_file(empty, "b.jsonl", "{\"chosen\": \"a\", \"rejected\": \"b\"}\n");
    ASSERT_FAILS(read_all(empty, &plain), "preferences and answers do not go together");
}

static void columns_that_are_not_recognised_name_the_file(void **state)
{
    (void)state;
    const char *path = temporary_file("c.csv", span_of("sentence,label\na,1\n"));
    ASSERT_FAILS(read_all(path, &plain), "sentence, label");
    assert_string_equal(err.where, path);
    ASSERT_FAILS(read_all(path, &(struct dataset_options){.columns = "x"}), "ROLE=COLUMN");
    ASSERT_OK(
        read_all(path, &(struct dataset_options){.columns = "prompt=sentence,completion=label"}));
}

/* What a person should meet with each real file. */
static const struct {
    const char *name, *format;
    uint64_t rows, bad;
    const char *advice; /* of a file that stops: a part of the hint, or of the message */
} real_files[] = {
    {"chat/fastchat_dummy_conversation.json", "sharegpt", 500, 0, NULL},
    {"chat/hospitality_messages_sft_val.jsonl", "messages", 53, 0, NULL},
    {"classification/banking77_categories.json", NULL, 0, 0, "a row is an object"},
    {"classification/banking77_test.csv", "text_label", 3080, 0, NULL},
    {"classification/banking77_train.csv", "text_label", 10003, 0, NULL},
    {"classification/sst2_dev.tsv", NULL, 0, 0, "--columns prompt=sentence,completion=label"},
    {"classification/sst2_train.tsv", NULL, 0, 0, "--columns prompt=sentence,completion=label"},
    {"code/HumanEval.jsonl.gz", NULL, 0, 0, "gunzip"},
    {"code/code_alpaca_2k.json", "alpaca", 2015, 2, NULL},
    {"code/new_codealpaca.json", "alpaca", 4535, 0, NULL},
    {"eval/alpaca_eval.jsonl", "alpaca", 805, 0, NULL},
    {"eval/mt_bench_question.jsonl", NULL, 0, 0, "--columns"},
    {"eval/vicuna_bench_question.jsonl", NULL, 0, 0, "--columns"},
    {"gsm8k/test.jsonl", "question_answer", 1319, 0, NULL},
    {"gsm8k/test_socratic.jsonl", "question_answer", 1319, 0, NULL},
    {"gsm8k/train.jsonl", "question_answer", 7473, 0, NULL},
    {"instruct/alpaca_en_demo.json", "alpaca", 999, 0, NULL},
    {"instruct/c4_demo.json", "text", 300, 0, NULL},
    {"instruct/c4_demo.jsonl", "text", 300, 0, NULL},
    {"instruct/glaive_toolcall_en_demo.json", "sharegpt", 300, 0, NULL},
    {"instruct/identity.json", "alpaca", 91, 0, NULL},
    {"instruct/rasbt_instruction-data.json", "alpaca", 1100, 0, NULL},
    {"instruct/rasbt_instruction-examples.json", "alpaca", 200, 0, NULL},
    {"instruct/self_instruct_seed_tasks.jsonl", NULL, 0, 0, "prompt=instruction,completion="},
    {"instruct/self_instruct_user_oriented_instructions.jsonl", NULL, 0, 0,
     "prompt=instruction,completion="},
    {"instruct/v1_dpo_demo.jsonl", NULL, 0, 0,
     "--columns chosen=chosen_messages,rejected=rejected_messages"},
    {"instruct/v1_sft_demo.jsonl", "messages", 500, 0, NULL},
    {"instruct/wiki_demo.txt", "txt", 1, 0, NULL},
    {"preference/dpo_en_demo.json", "preference", 300, 0, NULL},
    {"preference/hh-rlhf_harmless-base_test.jsonl.gz", NULL, 0, 0, "gunzip"},
    {"preference/json_extraction_dpo_train_clean.jsonl", "preference", 1615, 0, NULL},
    {"preference/json_extraction_dpo_val_clean.jsonl", "preference", 202, 0, NULL},
    {"preference/kto_en_demo.json", NULL, 0, 0, "--columns messages=messages"},
    {"preference/rasbt_instruction-data-with-preference.json", "preference", 1100, 0, NULL},
    {"text/rasbt_the-verdict.txt", "txt", 1, 0, NULL},
    {"text/tinyshakespeare.txt", "txt", 1, 0, NULL},
    {"text/tinystories_944k.txt", "txt", 1, 0, NULL},
    {"text/tinystories_sample_3k.txt", "txt", 1, 0, NULL},
    {"text2sql/spider_dev.json", NULL, 0, 0, "--columns prompt=question,completion=query"},
    {"text2sql/spider_tables.json", NULL, 0, 0, "--columns"},
};

static void every_real_file_is_recognised_or_stops_with_advice(void **state)
{
    (void)state;
    if (!data_path(&arena, "datasets"))
        skip_without_data();
    for (size_t i = 0; i < COUNT_OF(real_files); i++) {
        const char *name = arena_printf(&arena, "datasets/%s", real_files[i].name);
        const char *path = data_path(&arena, name);
        bool ok = read_all(path, &(struct dataset_options){.skip_bad_rows = true});
        if (!real_files[i].format) {
            const char *advice = real_files[i].advice;
            if (ok || (!strstr(err.hint, advice) && !strstr(err.what, advice)))
                fail_msg("%s: %s: %s", name, ok ? "was read" : err.what, err.hint);
            continue;
        }
        if (!ok)
            fail_msg("%s: %s: %s", err.where, err.what, err.hint);
        assert_string_equal(dataset_format_name(dataset_format_of(&d)), real_files[i].format);
        if (d.n_rows != real_files[i].rows || d.n_bad != real_files[i].bad)
            fail_msg("%s: %llu rows, %llu bad: %s", name, (unsigned long long)d.n_rows,
                     (unsigned long long)d.n_bad, d.problems[0].what);
    }
}

static void advice_settles_real_files(void **state)
{
    (void)state;
    if (!data_path(&arena, "datasets"))
        skip_without_data();
    static const struct {
        const char *name, *columns;
        uint64_t rows;
    } cases[] = {
        {"classification/sst2_dev.tsv", "prompt=sentence,completion=label", 6735},
        {"instruct/v1_dpo_demo.jsonl", "chosen=chosen_messages,rejected=rejected_messages", 10},
        {"preference/kto_en_demo.json", "messages=messages", 300},
        {"text2sql/spider_dev.json", "prompt=question,completion=query", 1034},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *name = arena_printf(&arena, "datasets/%s", cases[i].name);
        ASSERT_OK(read_all(data_path(&arena, name),
                           &(struct dataset_options){.columns = cases[i].columns}));
        assert_int_equal(d.n_rows, cases[i].rows);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_rows_are_counted_and_the_first_ten_are_kept),
        cmocka_unit_test(one_bad_row_of_several_is_said_in_the_singular),
        cmocka_unit_test(files_without_a_good_row_are_refused),
        cmocka_unit_test(a_row_may_be_rejected_afterwards),
        cmocka_unit_test(a_folder_is_read_in_the_order_of_its_names),
        cmocka_unit_test(a_folder_of_texts_is_read_as_texts),
        cmocka_unit_test(names_say_the_part_where_there_are_several),
        cmocka_unit_test(folders_that_make_no_data_set_are_refused),
        cmocka_unit_test(columns_that_are_not_recognised_name_the_file),
        cmocka_unit_test(every_real_file_is_recognised_or_stops_with_advice),
        cmocka_unit_test(advice_settles_real_files),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dataset_close(&d);
    arena_release(&arena);
    return failed;
}
