#include "test/support/support.h"

#include "text/dataset_format.h"

static struct arena arena;
static struct err err;
static struct dataset_format format;

/* Recognises the columns of a record: "name" is a text, "name#" a number, "name[" a list. */
static bool recognise(const char *columns, const char *mapping)
{
    struct record_field fields[16];
    struct record record = {.fields = fields};
    struct dataset_columns mapped = {0};
    struct span rest = span_of(columns);
    if (mapping && !dataset_columns_parse(&mapped, mapping, &err))
        return false;
    while (rest.len > 0) {
        size_t len = span_find(rest, span_of(" "));
        struct span name = span_part(rest, 0, len);
        uint8_t mark = name.at[len - 1];
        enum json_type type = mark == '#' ? JSON_NUMBER : mark == '[' ? JSON_ARRAY : JSON_STRING;
        name.len -= type != JSON_STRING;
        fields[record.n_fields++] = (struct record_field){name, type, span_of("x")};
        rest = span_from(rest, min_size(len + 1, rest.len));
    }
    format = (struct dataset_format){0};
    dataset_format_look(&format, &arena, &record);
    return dataset_format_recognise(&format, &mapped, &err);
}

static void assert_format(const char *columns, const char *mapping, const char *wanted)
{
    if (!recognise(columns, mapping))
        fail_msg("%s: %s", columns, err.what);
    assert_string_equal(dataset_format_name(format.id), wanted);
}

/* Refused with `what`, and with advice that contains `hint` and settles it. */
static void assert_advice(const char *columns, const char *what, const char *hint)
{
    if (recognise(columns, NULL))
        fail_msg("%s is %s", columns, dataset_format_name(format.id));
    assert_int_equal(err.kind, ERR_INPUT);
    if (!strstr(err.what, what))
        fail_msg("%s: %s", columns, err.what);
    if (!strstr(err.hint, hint))
        fail_msg("%s: hint: %s", columns, err.hint);
    char mapping[200];
    size_t len = 0;
    const char *at = strstr(hint, "--columns ") + strlen("--columns ");
    for (; at[len] && !strchr("; ", at[len]); len++)
        mapping[len] = at[len];
    mapping[len] = '\0';
    if (strstr(mapping, "COLUMN"))
        return;
    if (!recognise(columns, mapping))
        fail_msg("%s with %s: %s", columns, mapping, err.what);
}

static void columns_name_their_format(void **state)
{
    (void)state;
    assert_format("messages[", NULL, "messages");
    assert_format("messages[ tools[ meta", NULL, "messages");
    assert_format("id conversations[ tools", NULL, "sharegpt");
    assert_format("instruction input output", NULL, "alpaca");
    assert_format("instruction output generator", NULL, "alpaca");
    assert_format("instruction input output text", NULL, "alpaca");
    assert_format("prompt completion id", NULL, "prompt_completion");
    assert_format("question answer", NULL, "question_answer");
    assert_format("text", NULL, "text");
    assert_format("text label#", NULL, "text_label");
    assert_format("category text", NULL, "text_label");
    assert_format("prompt chosen rejected", NULL, "preference");
    assert_format("chosen[ rejected[", NULL, "preference");
    assert_format("instruction input output chosen rejected", NULL, "preference");
    assert_format("conversations[ chosen[ rejected[", NULL, "preference");
}

static void used_columns_are_marked(void **state)
{
    (void)state;
    assert_format("id instruction output", NULL, "alpaca");
    assert_false(format.columns[0].is_used);
    assert_true(format.columns[1].is_used && format.columns[2].is_used);
    ASSERT_SPAN(format.column[ROLE_OUTPUT], "output");
    assert_null(format.column[ROLE_INPUT].at);
    assert_format("prompt completion system", NULL, "prompt_completion");
    assert_false(format.columns[2].is_used); /* TRL passes over it as well */
}

static void unknown_columns_stop_with_the_advice_that_settles_it(void **state)
{
    (void)state;
    assert_advice("sentence label", "not those of a known format: sentence, label",
                  "--columns prompt=sentence,completion=label");
    assert_advice("db_id query query_toks[ question", "db_id, query, query_toks, question",
                  "--columns prompt=question,completion=query");
    assert_advice("query response", "query, response",
                  "--columns prompt=query,completion=response");
    assert_advice("task_id prompt entry_point canonical_solution test", "known format",
                  "--columns prompt=prompt,completion=canonical_solution");
    assert_advice("chosen_messages[ rejected_messages[", "known format",
                  "--columns chosen=chosen_messages,rejected=rejected_messages");
    assert_advice("messages[ label#", "known format", "--columns messages=messages");
    assert_advice("prompt completion label#", "known format",
                  "--columns prompt=prompt,completion=completion");
    assert_advice("id instruction instances[", "known format",
                  "--columns prompt=instruction,completion=COLUMN");
    assert_advice("a b", "a, b", "--columns prompt=COLUMN,completion=COLUMN");
}

static void names_are_known_in_any_case_of_their_letters(void **state)
{
    (void)state;
    assert_format("Instruction Input OUTPUT", NULL, "alpaca");
    ASSERT_SPAN(format.column[ROLE_OUTPUT], "OUTPUT");
    assert_format("Question question answer", NULL, "question_answer");
    ASSERT_SPAN(format.column[ROLE_QUESTION], "question"); /* the one that is spelt so */
    assert_format("Text", NULL, "text");
    assert_false(recognise("Frage Antwort", NULL));
    assert_false(recognise("A_NAME_THAT_IS_LONGER_THAN_ANY_ROLE", NULL));
}

static void other_separators_are_told(void **state)
{
    (void)state;
    assert_false(recognise("question;answer", NULL));
    assert_non_null(strstr(err.hint, "separated by semicolons: commas are wanted"));
    assert_false(recognise("question\tanswer", NULL));
    assert_non_null(strstr(err.hint, "is a .tsv"));
}

static void text_beside_unknown_columns_is_ambiguous(void **state)
{
    (void)state;
    assert_advice("text url", "`text` stands beside", "--columns text=text");
    assert_advice("text label label_text", "text, label, label_text",
                  "--columns prompt=text,completion=label;");
    assert_advice("text summary", "`text` stands beside",
                  "--columns prompt=text,completion=summary");
    assert_advice("text label category", "`text` stands beside",
                  "--columns prompt=text,completion=label");
    assert_format("text url", "text=text", "text");
}

static void columns_of_two_formats_are_ambiguous(void **state)
{
    (void)state;
    assert_advice("question answer prompt completion", "more than one format",
                  "--columns question=question,answer=answer");
    assert_advice("messages[ conversations[", "more than one format",
                  "--columns messages=messages");
}

static void mapped_columns_play_the_roles_given(void **state)
{
    (void)state;
    assert_format("sentence label tools", "prompt=sentence,completion=label", "prompt_completion");
    ASSERT_SPAN(format.column[ROLE_PROMPT], "sentence");
    assert_format("q a question answer", "question=q,answer=a", "question_answer");
    assert_format("messages[ sentence", "text=sentence", "text");
    ASSERT_FAILS(recognise("a b", "prompt=c,completion=b"),
                 "there is no column 'c'; the columns are a, b");
    ASSERT_FAILS(recognise("a b", "prompt=a,system=b"), "just these roles: prompt, system");
    assert_int_equal(err.kind, ERR_USAGE);
    assert_non_null(strstr(err.hint, "prompt and completion"));
    ASSERT_FAILS(recognise("a b", "prompt"), "--columns: 'prompt' is not ROLE=COLUMN");
    ASSERT_FAILS(recognise("a b", "=a"), "is not ROLE=COLUMN");
    ASSERT_FAILS(recognise("a b", "prompt=a,"), "is not ROLE=COLUMN");
    ASSERT_FAILS(recognise("a b", "promt=a"), "there is no role 'promt'");
    assert_int_equal(err.kind, ERR_USAGE);
}

static void more_columns_than_can_be_listed_do_no_harm(void **state)
{
    (void)state;
    enum { MANY = 3000 };
    struct record_field *fields = test_calloc(MANY, sizeof *fields);
    for (size_t i = 0; i < MANY; i++)
        fields[i] = (struct record_field){span_of(arena_printf(&arena, "column%zu", i)),
                                          JSON_STRING, span_of("x")};
    struct record record = {.fields = fields, .n_fields = MANY};
    struct dataset_columns none = {0};
    format = (struct dataset_format){0};
    dataset_format_look(&format, &arena, &record);
    assert_int_equal(format.n_columns, 1000);
    ASSERT_FAILS(dataset_format_recognise(&format, &none, &err), "column0, column1, ");
    test_free(fields);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_name_their_format),
        cmocka_unit_test(used_columns_are_marked),
        cmocka_unit_test(unknown_columns_stop_with_the_advice_that_settles_it),
        cmocka_unit_test(names_are_known_in_any_case_of_their_letters),
        cmocka_unit_test(other_separators_are_told),
        cmocka_unit_test(text_beside_unknown_columns_is_ambiguous),
        cmocka_unit_test(columns_of_two_formats_are_ambiguous),
        cmocka_unit_test(mapped_columns_play_the_roles_given),
        cmocka_unit_test(more_columns_than_can_be_listed_do_no_harm),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
