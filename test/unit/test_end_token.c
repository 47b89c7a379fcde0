#include "test/support/tiny_model.h"

#include "text/end_token.h"

static struct arena arena;
static struct err err;
static struct span text;

static bool find(const char *model)
{
    struct tokenizer tokenizer;
    text = (struct span){0};
    ASSERT_OK(tokenizer_open(&tokenizer, model, &err));
    bool ok = end_token_find(model, &tokenizer, &arena, &text, &err);
    tokenizer_close(&tokenizer);
    return ok;
}

static void the_first_file_that_names_it_counts(void **state)
{
    (void)state;
    const char *folder = tiny_model("both", "{\"eos_token\": \"<e>\"}", NULL);
    write_into(folder, "config.json", "{\"eos_token_id\": 5}");
    ASSERT_OK(find(folder));
    ASSERT_SPAN(text, "<e>");
    folder = tiny_model("map", "{\"eos_token\": null, \"x\": [1]}", NULL);
    write_into(
        folder, "special_tokens_map.json",
        "{\"bos_token\": \"<s>\", \"eos_token\": {\"content\": \"<e>\", \"lstrip\": false}}");
    ASSERT_OK(find(folder));
    ASSERT_SPAN(text, "<e>");
}

static void the_configuration_names_it_by_its_id(void **state)
{
    (void)state;
    const char *folder = tiny_model("id", NULL, NULL);
    write_into(folder, "config.json", "{\"eos_token_id\": 6}");
    ASSERT_OK(find(folder));
    ASSERT_SPAN(text, "<e>");
    write_into(folder, "config.json", "{\"eos_token_id\": [6, 5]}");
    ASSERT_OK(find(folder));
    ASSERT_SPAN(text, "<e>");
    write_into(folder, "config.json", "{\"eos_token_id\": null}");
    ASSERT_OK(find(folder));
    assert_int_equal(text.len, 0);
}

static void a_tokenizer_alone_names_none(void **state)
{
    (void)state;
    const char *folder = tiny_model("none", NULL, NULL);
    ASSERT_OK(find(folder));
    assert_int_equal(text.len, 0);
    ASSERT_OK(find(arena_printf(&arena, "%s/tokenizer.json", folder)));
    assert_int_equal(text.len, 0);
}

static void what_the_tokenizer_does_not_know_is_refused(void **state)
{
    (void)state;
    ASSERT_FAILS(find(tiny_model("unknown", "{\"eos_token\": \"</s>\"}", NULL)),
                 "the end-of-text token '</s>' is not in the tokenizer");
    const char *folder = tiny_model("far", NULL, NULL);
    write_into(folder, "config.json", "{\"eos_token_id\": 99}");
    ASSERT_FAILS(find(folder), "eos_token_id is 99, which is no token");
    assert_non_null(strstr(err.where, "far/config.json"));
    ASSERT_FAILS(find(tiny_model("broken", "{\"eos_token\"", NULL)), "expected ':'");
}

static int64_t find_special(const char *folder, const char *kind)
{
    struct tokenizer tokenizer;
    int64_t id = -2;
    ASSERT_OK(tokenizer_open(&tokenizer, folder, &err));
    bool ok = special_token_find(folder, kind, &tokenizer, &id, &err);
    tokenizer_close(&tokenizer);
    return ok ? id : -2;
}

static void other_special_tokens_are_found_in_the_same_places(void **state)
{
    (void)state;
    const char *folder = tiny_model("special", "{\"bos_token\": {\"content\": \"<s>\"}, "
                                               "\"unk_token\": \"nowhere\"}", NULL);
    write_into(folder, "special_tokens_map.json", "{\"sep_token\": \"<e>\"}");
    write_into(folder, "config.json",
               "{\"bos_token_id\": 1, \"eos_token_id\": [6], \"pad_token_id\": 99}");
    assert_int_equal(find_special(folder, "bos"), 5);
    assert_int_equal(find_special(folder, "sep"), 6);
    assert_int_equal(find_special(folder, "eos"), 6);
    assert_int_equal(find_special(folder, "unk"), -1); /* the tokenizer does not have it */
    assert_int_equal(find_special(folder, "pad"), -1);
    assert_int_equal(find_special(folder, "mask"), -1);
    write_into(folder, "config.json", "{");
    assert_int_equal(find_special(folder, "mask"), -2);
    assert_non_null(strstr(err.where, "special/config.json"));
}

static void a_gguf_file_names_it_by_its_id(void **state)
{
    (void)state;
    const char *path = data_path(&arena, "models/stories260K/gguf/stories260K-F32.gguf");
    if (!path)
        skip_without_data();
    ASSERT_OK(find(path));
    ASSERT_SPAN(text, "</s>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_file_that_names_it_counts),
        cmocka_unit_test(the_configuration_names_it_by_its_id),
        cmocka_unit_test(a_tokenizer_alone_names_none),
        cmocka_unit_test(what_the_tokenizer_does_not_know_is_refused),
        cmocka_unit_test(other_special_tokens_are_found_in_the_same_places),
        cmocka_unit_test(a_gguf_file_names_it_by_its_id),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
