#include "test/support/tiny_model.h"

#include <stdio.h>

#include "text/gguf_vocab.h"
#include "text/tokenizer.h"

#define KEY(name) "tokenizer.ggml." name

static struct err err;
static struct arena arena;

#define ADDED(id, text, special)                                                                   \
    "{\"id\": " #id ", \"content\": \"" text "\", \"single_word\": false, \"lstrip\": false, "     \
    "\"rstrip\": false, \"normalized\": false, \"special\": " special "}"
#define TEMPLATE                                                                                   \
    "{\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": {\"id\": \"<s>\", "        \
    "\"type_id\": 0}}, {\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}%s], \"pair\": [], "         \
    "\"special_tokens\": {\"<s>\": {\"id\": \"<s>\", \"ids\": [4], \"tokens\": [\"<s>\"]}, "       \
    "\"</s>\": {\"id\": \"</s>\", \"ids\": [5], \"tokens\": [\"</s>\"]}}}"

/* Letters and their bytes' tokens, as SentencePiece has them. */
static const char spm_json[] =
    "{\"version\": \"1.0\", \"added_tokens\": [" ADDED(4, "<s>", "true") ", " ADDED(
        5, "</s>", "true") ", " ADDED(9, "▁x▁",
                                      "false") "], \"normalizer\": {\"type\": "
                                               "\"Sequence\", \"normalizers\": [{\"type\": "
                                               "\"Prepend\", \"prepend\": \"▁\"}, {\"type\": "
                                               "\"Replace\", \"pattern\": {\"String\": \" \"}, "
                                               "\"content\": \"▁\"}]}, \"pre_tokenizer\": "
                                               "null, \"post_processor\": %s, \"decoder\": null, "
                                               "\"model\": {\"type\": \"BPE\", "
                                               "\"unk_token\": \"<unk>\", \"fuse_unk\": true, "
                                               "\"byte_fallback\": true, \"vocab\": "
                                               "{\"a\": 0, \"▁\": 1, \"▁a\": 2, \"aa\": 3, "
                                               "\"<s>\": 4, \"</s>\": 5, \"<unk>\": 6, "
                                               "\"<0x0A>\": 7}, \"merges\": [\"a a\", \"▁ a\"]}}";

static const char bpe_json[] = "{\"version\": \"1.0\", \"added_tokens\": [" ADDED(
    5, "<|end|>",
    "false") "], \"normalizer\": "
             "null, \"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false, "
             "\"trim_offsets\": true, \"use_regex\": true}, \"post_processor\": null, \"decoder\": "
             "null, "
             "\"model\": {\"type\": \"BPE\", %s\"vocab\": {\"a\": 0, \"Ġ\": 1, \"aa\": 2, \"Ġaa\": "
             "3, "
             "\"b\": 4}, \"merges\": [\"a a\", \"Ġ aa\"]}}";

static const char *new_folder(const char *json, const char *config)
{
    static int count;
    char *name = arena_printf(&arena, "vocab%d", count++);
    const char *folder = tiny_model(name, config, NULL);
    write_into(folder, "tokenizer.json", json);
    return folder;
}

static struct gguf gguf;
static const char *file;

/* Writes the tokenizer of a folder into a file and opens it. */
static bool puts_it(const char *folder, const char *template_folder, size_t vocabulary)
{
    struct gguf_writer w;
    struct gguf_vocab_source source = {folder, template_folder, vocabulary};
    file = file_join(&arena, temporary_folder(), "vocab.gguf");
    gguf_writer_init(&w);
    bool ok = gguf_vocab_put(&w, &source, &err);
    if (ok) {
        ASSERT_OK(gguf_writer_open(&w, file, &err));
        ASSERT_OK(gguf_writer_commit(&w, &err));
        ASSERT_OK(gguf_open(&gguf, file, &err));
    }
    gguf_writer_release(&w);
    return ok;
}

static void assert_text(const char *key, const char *wanted)
{
    struct span text;
    ASSERT_OK(gguf_get_string(&gguf, key, &text, &err));
    ASSERT_SPAN(text, wanted);
}

static void assert_id(const char *key, int64_t wanted)
{
    uint32_t id;
    if (wanted < 0) {
        assert_null(gguf_find(&gguf, key));
        return;
    }
    ASSERT_OK(gguf_get_u32(&gguf, key, &id, &err));
    assert_int_equal(id, wanted);
}

static void assert_flag(const char *key, bool wanted)
{
    bool flag;
    ASSERT_OK(gguf_get_bool(&gguf, key, &flag, &err));
    assert_int_equal(flag, wanted);
}

static void assert_strings(const char *key, const char *const *wanted, size_t n)
{
    struct gguf_items items;
    struct span text;
    ASSERT_OK(gguf_get_strings(&gguf, key, &items, &err));
    assert_int_equal(items.n_left, n);
    for (size_t i = 0; i < n; i++) {
        assert_true(gguf_next_string(&items, &text));
        ASSERT_SPAN(text, wanted[i]);
    }
}

static void assert_types(const char *wanted)
{
    struct gguf_items items;
    int64_t type;
    ASSERT_OK(gguf_get_ints(&gguf, KEY("token_type"), &items, &err));
    assert_int_equal(items.n_left, strlen(wanted));
    for (; *wanted; wanted++) {
        assert_true(gguf_next_int(&items, &type));
        assert_int_equal(type, *wanted - '0');
    }
}

/* The ids of a text with what stands around it. */
static void encode(const char *path, const char *text, struct tokens *ids)
{
    struct tokenizer t;
    struct tokenizer_work w = {0};
    ASSERT_OK(tokenizer_open(&t, path, &err));
    ASSERT_OK(tokenizer_encode(&t, &w, span_of(text), true, ids, &err));
    tokenizer_work_release(&w);
    tokenizer_close(&t);
}

static void assert_alike(const char *folder, const char *text)
{
    struct tokens a = {0}, b = {0};
    encode(folder, text, &a);
    encode(file, text, &b);
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.ids, b.ids, a.n * sizeof *a.ids);
    tokens_release(&a);
    tokens_release(&b);
}

static void scores_stand_for_the_order_of_merges(void **state)
{
    (void)state;
    static const char *const tokens[] = {"a",    "▁",     "▁a",     "aa",  "<s>",
                                         "</s>", "<unk>", "<0x0A>", " x ", "[PAD9]"};
    static const double scores[] = {-3, -3, -1, 0, -3, -3, -3, -3, -3, -3};
    struct gguf_items items;
    double score;
    const char *folder = new_folder(arena_printf(&arena, spm_json, "null"),
                                    "{\"bos_token\": \"<s>\", \"unk_token\": \"<unk>\"}");
    assert_true(puts_it(folder, NULL, 10));
    assert_text(KEY("model"), "llama");
    assert_strings(KEY("tokens"), tokens, COUNT_OF(tokens));
    assert_types("1111332645");
    ASSERT_OK(gguf_get_floats(&gguf, KEY("scores"), &items, &err));
    for (size_t i = 0; i < COUNT_OF(scores); i++) {
        assert_true(gguf_next_double(&items, &score));
        assert_true(score == scores[i]);
    }
    assert_flag(KEY("add_space_prefix"), true);
    assert_id(KEY("bos_token_id"), 4);
    assert_id(KEY("unknown_token_id"), 6);
    assert_id(KEY("eos_token_id"), -1);
    assert_flag(KEY("add_bos_token"), false);
    gguf_close(&gguf);
    assert_alike(folder, "aaa aa a\n</s>a");
}

static void what_stands_around_a_text_comes_from_the_post_processor(void **state)
{
    (void)state;
    const char *config = "{\"bos_token\": \"a\", \"eos_token\": \"aa\"}";
    const char *one = arena_printf(&arena, TEMPLATE, "");
    const char *two =
        arena_printf(&arena, TEMPLATE, ", {\"SpecialToken\": {\"id\": \"</s>\", \"type_id\": 0}}");
    assert_true(puts_it(new_folder(arena_printf(&arena, spm_json, one), config), NULL, 9));
    assert_id(KEY("bos_token_id"), 4);
    assert_id(KEY("eos_token_id"), 3);
    assert_id(KEY("eot_token_id"), -1);
    assert_flag(KEY("add_bos_token"), true);
    assert_flag(KEY("add_eos_token"), false);
    gguf_close(&gguf);
    const char *folder = new_folder(arena_printf(&arena, spm_json, two), config);
    assert_true(puts_it(folder, NULL, 9));
    assert_id(KEY("eos_token_id"), 5);
    assert_id(KEY("eot_token_id"), 3); /* what ended an answer still does */
    assert_flag(KEY("add_eos_token"), true);
    gguf_close(&gguf);
    assert_alike(folder, "aaa aa a\n</s>a");
}

static void byte_level_merges_are_written_as_they_are(void **state)
{
    (void)state;
    static const char *const tokens[] = {"a", "Ġ", "aa", "Ġaa", "b", "<|end|>"};
    static const char *const merges[] = {"a a", "Ġ aa"};
    size_t n_other, n;
    const char *folder = new_folder(arena_printf(&arena, bpe_json, ""), NULL);
    write_into(folder, "config.json", "{\"eos_token_id\": [5], \"pad_token_id\": 77}");
    assert_true(puts_it(folder, NULL, 6));
    assert_text(KEY("model"), "gpt2");
    assert_text(KEY("pre"), "gpt-2");
    assert_strings(KEY("tokens"), tokens, COUNT_OF(tokens));
    assert_strings(KEY("merges"), merges, COUNT_OF(merges));
    assert_types("111113"); /* not marked as special, but no text */
    assert_id(KEY("eos_token_id"), 5);
    assert_id(KEY("padding_token_id"), -1); /* no such token */
    gguf_close(&gguf);
    ASSERT_OK(gguf_vocab_compare(folder, file, &n_other, &n, &err));
    assert_int_equal(n_other, 0);
    assert_true(n > 5);
}

static void the_adapters_template_goes_before_the_models(void **state)
{
    (void)state;
    const char *folder =
        new_folder(arena_printf(&arena, bpe_json, ""), "{\"chat_template\": \"{{ 'old' }}\"}");
    const char *adapter = new_folder("{}", NULL);
    assert_true(puts_it(folder, adapter, 6));
    assert_text("tokenizer.chat_template", "{{ 'old' }}");
    gguf_close(&gguf);
    write_into(adapter, "chat_template.jinja", "{{ 'new' }}");
    assert_true(puts_it(folder, adapter, 6));
    assert_text("tokenizer.chat_template", "{{ 'new' }}");
    gguf_close(&gguf);
}

static void a_template_that_cannot_be_read_is_left_out(void **state)
{
    (void)state;
    const char *folder =
        new_folder(arena_printf(&arena, bpe_json, ""), "{\"chat_template\": \"{% if %}\"}");
    assert_true(puts_it(folder, NULL, 6));
    assert_null(gguf_find(&gguf, "tokenizer.chat_template"));
    gguf_close(&gguf);
}

static void what_gguf_has_no_words_for_is_refused(void **state)
{
    (void)state;
    const char *bytes = arena_printf(&arena, bpe_json, "");
    ASSERT_FAILS(puts_it(new_folder(bytes, NULL), NULL, 5),
                 "its ids go up to 5, and the model has 5");
    assert_non_null(strstr(err.where, "tokenizer of "));
    ASSERT_FAILS(
        puts_it(new_folder(arena_printf(&arena, bpe_json, "\"ignore_merges\": true, "), NULL), NULL,
                6),
        "GGUF has no name for the way in which this pre_tokenizer cuts");
    ASSERT_FAILS(puts_it(tiny_model("letters", NULL, NULL), NULL, TINY_VOCABULARY),
                 "GGUF has no words for a tokenizer that is neither byte-level BPE nor BPE with "
                 "byte_fallback");
    const char *twice = arena_printf(&arena, TEMPLATE,
                                     ", {\"SpecialToken\": {\"id\": \"</s>\", \"type_id\": 0}}, "
                                     "{\"SpecialToken\": {\"id\": \"</s>\", \"type_id\": 0}}");
    ASSERT_FAILS(puts_it(new_folder(arena_printf(&arena, spm_json, twice), NULL), NULL, 9),
                 "GGUF has no words for a post_processor that puts more than one token before or "
                 "behind a text");
    assert_false(puts_it("/nowhere", NULL, 5));
    assert_int_equal(err.kind, ERR_IO);
}

static void a_tokenizer_that_encodes_otherwise_is_counted(void **state)
{
    (void)state;
    size_t n_other, n;
    const char *folder = new_folder(arena_printf(&arena, spm_json, "null"), NULL);
    assert_true(puts_it(folder, NULL, 9));
    gguf_close(&gguf);
    const char *other =
        new_folder(arena_printf(&arena, spm_json, arena_printf(&arena, TEMPLATE, "")), NULL);
    ASSERT_OK(gguf_vocab_compare(other, file, &n_other, &n, &err));
    assert_int_equal(n_other, n);
}

static int release(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_stand_for_the_order_of_merges),
        cmocka_unit_test(what_stands_around_a_text_comes_from_the_post_processor),
        cmocka_unit_test(byte_level_merges_are_written_as_they_are),
        cmocka_unit_test(the_adapters_template_goes_before_the_models),
        cmocka_unit_test(a_template_that_cannot_be_read_is_left_out),
        cmocka_unit_test(what_gguf_has_no_words_for_is_refused),
        cmocka_unit_test(a_tokenizer_that_encodes_otherwise_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
