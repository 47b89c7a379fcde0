#include "test/support/tiny_model.h"

#include "text/row_encoder.h"

static struct arena arena;
static struct err err;
static struct row_encoder e;

/* The template: "u:…\n" and "a:…<e>\n". */
static const char template[] =
    "{% for m in messages %}{% if m['role'] == 'assistant' %}a:{% generation %}{{ m['content'] }}"
    "<e>{% endgeneration %}{% else %}u:{{ m['content'] }}{% endif %}{{ '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}a:{% endif %}";

static const char *model(void)
{
    static const char *folder;
    if (!folder)
        folder = tiny_model("model", "{\"eos_token\": \"<e>\"}", template);
    return folder;
}

/* The tokens as "ids", those that are trained on between brackets. */
static const char *encoded(void)
{
    const char *text = "";
    uint64_t trained = 0;
    assert_int_equal(e.mask.len, e.tokens.n);
    for (size_t i = 0; i < e.tokens.n; i++) {
        text = arena_printf(&arena, e.mask.at[i] ? "%s[%u]" : "%s(%u)", text, e.tokens.ids[i]);
        trained += e.mask.at[i];
    }
    assert_int_equal(trained, e.n_trained);
    return text;
}

static void assert_pair(const char *prompt, const char *completion, const char *wanted)
{
    struct dataset_row row = {
        .kind = ROW_PAIR, .prompt = span_of(prompt), .completion = span_of(completion)};
    ASSERT_OK(row_encoder_row(&e, &row, &err));
    assert_string_equal(encoded(), wanted);
}

static void a_completion_ends_with_the_end_token(void **state)
{
    (void)state;
    assert_pair("c", "b", "(5)(2)[1][6]");
    assert_false(e.is_merged);
    assert_pair("c", "b<e>", "(5)(2)[1][6]");
    assert_pair("", "c", "(5)[2][6]");
    ASSERT_SPAN(buf_span(&e.text.text), "c<e>");
}

static void letters_that_make_one_token_across_the_border_are_trained_on(void **state)
{
    (void)state;
    assert_pair("ca", "bc", "(5)(2)[4][2][6]");
    assert_true(e.is_merged);
}

static void a_text_is_trained_on_as_a_whole(void **state)
{
    (void)state;
    struct dataset_row row = {.kind = ROW_TEXT, .completion = span_of("ab c")};
    ASSERT_OK(row_encoder_row(&e, &row, &err));
    assert_string_equal(encoded(), "[5][4][3][2][6]");
}

static void a_row_without_tokens_trains_on_none(void **state)
{
    (void)state;
    const char *bare = tiny_model("endless", NULL, NULL);
    struct row_encoder before = e;
    ASSERT_OK(row_encoder_open(&e, bare, NULL, &err));
    assert_pair("c", "b", "(5)(2)[1]");
    struct dataset_row row = {.kind = ROW_TEXT};
    ASSERT_OK(row_encoder_row(&e, &row, &err));
    assert_string_equal(encoded(), "[5]");
    ASSERT_OK(row_encoder_end(&e, &err)); /* without an end-of-text token: nothing */
    assert_string_equal(encoded(), "");
    row_encoder_close(&e);
    e = before;
}

static void the_rejected_answer_has_the_same_prompt(void **state)
{
    (void)state;
    struct dataset_row row = {.kind = ROW_PAIR,
                              .is_preference = true,
                              .prompt = span_of("c"),
                              .completion = span_of("a"),
                              .rejected = span_of("b")};
    ASSERT_OK(row_encoder_rejected(&e, &row, &err));
    assert_string_equal(encoded(), "(5)(2)[1][6]");
}

static void a_document_begins_and_ends_once(void **state)
{
    (void)state;
    ASSERT_OK(row_encoder_part(&e, span_of("a\n"), true, &err));
    assert_string_equal(encoded(), "[5][0][7]");
    ASSERT_OK(row_encoder_part(&e, span_of("b"), false, &err));
    assert_string_equal(encoded(), "[1]");
    ASSERT_OK(row_encoder_end(&e, &err));
    assert_string_equal(encoded(), "[6]");
}

static void text_that_the_tokenizer_cannot_take_is_an_error(void **state)
{
    (void)state;
    struct dataset_row row = {.kind = ROW_TEXT, .completion = span_of("\xff")};
    ASSERT_FAILS(row_encoder_row(&e, &row, &err), "UTF-8");
}

static struct dataset_row chat_row(void)
{
    struct dataset_row row = {.kind = ROW_CHAT};
    chat_list_add(&row.chat, &arena, "user", span_of("c"));
    chat_list_add(&row.chat, &arena, "assistant", span_of("a"));
    chat_list_add(&row.chat, &arena, "user", span_of("b"));
    chat_list_add(&row.chat, &arena, "assistant", span_of("ab"));
    return row;
}

static void the_turns_of_the_assistant_are_trained_on(void **state)
{
    (void)state;
    struct dataset_row row = chat_row();
    ASSERT_OK(row_encoder_row(&e, &row, &err));
    assert_string_equal(encoded(), "(9)(8)(2)(7)(0)(8)[0][6](7)(9)(8)(1)(7)(0)(8)[4][6](7)");
    row.chat.messages[1].is_trained = false;
    ASSERT_OK(row_encoder_row(&e, &row, &err));
    assert_string_equal(encoded(), "(9)(8)(2)(7)(0)(8)(0)(6)(7)(9)(8)(1)(7)(0)(8)[4][6](7)");
    ASSERT_SPAN(buf_span(&e.text.text), "u:c\na:a<e>\nu:b\na:ab<e>\n");
    assert_int_equal(row_text_n_trained(&e.text), 1);
}

static void behind_a_prompt_of_messages_all_is_trained_on(void **state)
{
    (void)state;
    struct dataset_row row = chat_row();
    row.n_prompt = 3;
    ASSERT_OK(row_encoder_row(&e, &row, &err));
    assert_string_equal(encoded(), "(9)(8)(2)(7)(0)(8)(0)(6)(7)(9)(8)(1)(7)(0)(8)[4][6][7]");
    row.is_preference = true;
    chat_list_add(&row.chat_rejected, &arena, "assistant", span_of("c"));
    ASSERT_OK(row_encoder_rejected(&e, &row, &err));
    assert_string_equal(encoded(), "(9)(8)(2)(7)(0)(8)(0)(6)(7)(9)(8)(1)(7)(0)(8)[2][6][7]");
}

static void a_conversation_needs_a_template(void **state)
{
    (void)state;
    struct dataset_row row = chat_row();
    struct row_encoder bare;
    const char *folder = tiny_model("bare", "{\"eos_token\": \"<e>\"}", NULL);
    ASSERT_OK(row_encoder_open(&bare, folder, NULL, &err));
    assert_false(bare.has_chat);
    ASSERT_FAILS(row_encoder_can(&bare, &row, &err), "template");
    assert_int_equal(err.kind, ERR_INPUT);
    assert_non_null(strstr(err.hint, "--chat-template-path"));
    row_encoder_close(&bare);
    ASSERT_FAILS(row_encoder_open(&bare, folder, "/nowhere/t.jinja", &err), "cannot open");
    ASSERT_OK(row_encoder_open(&bare, folder, "chatml", &err));
    assert_true(bare.has_chat);
    assert_true(row_encoder_can(&bare, &row, &err));
    row_encoder_close(&bare);
    ASSERT_FAILS(row_encoder_open(&bare, "/nowhere", NULL, &err), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_completion_ends_with_the_end_token),
        cmocka_unit_test(letters_that_make_one_token_across_the_border_are_trained_on),
        cmocka_unit_test(a_text_is_trained_on_as_a_whole),
        cmocka_unit_test(a_row_without_tokens_trains_on_none),
        cmocka_unit_test(the_rejected_answer_has_the_same_prompt),
        cmocka_unit_test(a_document_begins_and_ends_once),
        cmocka_unit_test(text_that_the_tokenizer_cannot_take_is_an_error),
        cmocka_unit_test(the_turns_of_the_assistant_are_trained_on),
        cmocka_unit_test(behind_a_prompt_of_messages_all_is_trained_on),
        cmocka_unit_test(a_conversation_needs_a_template),
    };
    struct err open_err;
    if (!row_encoder_open(&e, model(), NULL, &open_err)) {
        print_error("%s: %s\n", open_err.where, open_err.what);
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    row_encoder_close(&e);
    arena_release(&arena);
    return failed;
}
