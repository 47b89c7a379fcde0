#include "test/support/support.h"

#include "base/file.h"
#include "model/config.h"
#include "text/tokenizer.h"
#include "train/pretrain.h"

static const char config[] =
    "{\"model_type\": \"llama\", \"hidden_size\": 16, \"intermediate_size\": 24, "
    "\"num_hidden_layers\": 1, \"num_attention_heads\": 2, \"vocab_size\": 280}";

static struct arena arena;
static struct options options;

static int begin(void **state)
{
    (void)state;
    static int count;
    options_init(&options);
    options.arguments[0] = temporary_file("config.json", span_of(config));
    options.arguments[1] = temporary_file(
        "rows.jsonl", span_of("{\"messages\": [{\"role\": \"user\", \"content\": \"abab\"}, "
                              "{\"role\": \"assistant\", \"content\": \"abab abab\"}]}\n"));
    options.n_arguments = 2;
    options.output_dir = arena_printf(&arena, "%s/out%d", temporary_folder(), count++);
    struct err err = {0};
    ASSERT_OK(file_make_folder(options.output_dir, &err));
    return 0;
}

static bool prepare(struct err *err)
{
    struct lock lock = {-1};
    bool ok = pretrain_prepare(&options, &lock, err);
    lock_release(&lock);
    return ok;
}

static const char *made(const char *name)
{
    return file_join(&arena, file_join(&arena, options.output_dir, pretrain_folder), name);
}

static void a_tokenizer_is_trained_on_the_words_of_all_turns(void **state)
{
    (void)state;
    struct err err = {0};
    struct tokenizer tokenizer;
    struct tokenizer_work work = {0};
    struct tokens ids = {0};
    ASSERT_OK(prepare(&err));
    assert_int_equal(file_kind_of(made("config.json")), FILE_REGULAR);
    assert_int_equal(file_kind_of(made("chat_template.jinja")), FILE_REGULAR);
    ASSERT_OK(tokenizer_open(&tokenizer, made(""), &err));
    ASSERT_OK(tokenizer_encode(&tokenizer, &work, span_of("<|im_start|>abab"), true, &ids, &err));
    assert_int_equal(ids.n, 2);
    assert_int_equal(ids.ids[0], 1);
    tokens_release(&ids);
    tokenizer_work_release(&work);
    tokenizer_close(&tokenizer);
}

static void a_tokenizer_that_is_there_is_taken(void **state)
{
    (void)state;
    struct err err = {0};
    ASSERT_OK(prepare(&err));
    struct file_map first, second;
    ASSERT_OK(file_map(&first, made("tokenizer.json"), &err));
    options.arguments[0] = file_join(&arena, options.output_dir, pretrain_folder);
    options.arguments[1] = "/nowhere"; /* which nobody reads */
    options.output_dir = arena_printf(&arena, "%s/again", temporary_folder());
    ASSERT_OK(file_make_folder(options.output_dir, &err));
    ASSERT_OK(prepare(&err));
    ASSERT_OK(file_map(&second, made("tokenizer.json"), &err));
    assert_int_equal(first.bytes.len, second.bytes.len);
    assert_memory_equal(first.bytes.at, second.bytes.at, first.bytes.len);
    file_unmap(&first);
    file_unmap(&second);
}

static void what_cannot_be_begun_with_is_named(void **state)
{
    (void)state;
    struct err err = {0};
    const char *good = options.arguments[0], *data = options.arguments[1];
    options.arguments[0] = "/nowhere/config.json";
    ASSERT_FAILS(prepare(&err), "No such file");
    options.arguments[0] = temporary_file(
        "small.json",
        span_of("{\"model_type\": \"llama\", \"hidden_size\": 16, \"intermediate_size\": 24, "
                "\"num_hidden_layers\": 1, \"num_attention_heads\": 2, \"vocab_size\": 258}"));
    ASSERT_FAILS(prepare(&err), "vocab_size 258 has no room for 256 bytes");
    options.arguments[0] = temporary_file("model.gguf", span_of("GGUF"));
    assert_false(prepare(&err));
    options.arguments[0] = good;
    options.arguments[1] = temporary_file("empty.jsonl", span_of(""));
    assert_false(prepare(&err));
    options.arguments[1] = data;
    assert_int_equal(file_kind_of(made("")), FILE_MISSING); /* nothing was written so far */
    options.output_dir = "/nowhere/out";
    assert_false(prepare(&err));
    assert_int_equal(err.kind, ERR_IO);
}

static void the_description_is_told_which_token_ends_a_text(void **state)
{
    (void)state;
    struct err err = {0};
    struct model_config read;
    options.arguments[0] = temporary_file(
        "other.json",
        span_of("{\"model_type\": \"llama\", \"hidden_size\": 16, \"intermediate_size\": 24, "
                "\"num_hidden_layers\": 1, \"num_attention_heads\": 2, \"vocab_size\": 280, "
                "\"eos_token_id\": [7, 9], \"pad_token_id\": 5}"));
    ASSERT_OK(prepare(&err));
    ASSERT_OK(model_config_read(&read, &arena, made(""), &err));
    assert_int_equal(read.n_eos, 1);
    assert_int_equal(read.eos[0], 0);
    assert_int_equal(read.pad, -1);
    struct file_map map;
    ASSERT_OK(file_map(&map, made("config.json"), &err));
    assert_true(span_find(map.bytes, span_of("\"bos_token_id\": 0")) < map.bytes.len);
    file_unmap(&map);
}

static void what_was_made_can_be_taken_away(void **state)
{
    (void)state;
    struct err err = {0};
    ASSERT_OK(prepare(&err));
    ASSERT_OK(file_put(file_join(&arena, options.output_dir, "mine"), span_of("x"), &err));
    pretrain_discard(&options);
    assert_int_equal(file_kind_of(made("")), FILE_MISSING);
    assert_int_equal(file_kind_of(options.output_dir), FILE_FOLDER);
    ASSERT_OK(file_remove(file_join(&arena, options.output_dir, "mine"), &err));
    pretrain_discard(&options);
    assert_int_equal(file_kind_of(options.output_dir), FILE_MISSING);
}

static int end(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_tokenizer_is_trained_on_the_words_of_all_turns, begin),
        cmocka_unit_test_setup(a_tokenizer_that_is_there_is_taken, begin),
        cmocka_unit_test_setup(what_cannot_be_begun_with_is_named, begin),
        cmocka_unit_test_setup(the_description_is_told_which_token_ends_a_text, begin),
        cmocka_unit_test_setup(what_was_made_can_be_taken_away, begin),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
