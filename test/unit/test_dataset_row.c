#include "test/support/support.h"

#include "text/dataset_row.h"

static struct arena arena;
static struct err err;
static struct dataset_row row;

/* Makes a row of one line of JSONL; `columns` as --columns, or NULL. */
static bool make(const char *line, const char *columns, bool as_chat)
{
    static struct record_reader reader; /* the row lives in its memory until the next call */
    struct record record;
    struct dataset_format format = {0};
    struct dataset_columns mapped = {0};
    bool more;
    record_reader_close(&reader);
    if (columns)
        ASSERT_OK(dataset_columns_parse(&mapped, columns, &err));
    ASSERT_OK(record_reader_open(&reader, temporary_file("row.jsonl", span_of(line)), &err));
    ASSERT_OK(record_next(&reader, &arena, &record, &more, &err));
    assert_true(more);
    dataset_format_look(&format, &arena, &record);
    ASSERT_OK(dataset_format_recognise(&format, &mapped, &err));
    /* Rows after the first may lack columns of the format: a second line is the row itself. */
    struct record second;
    ASSERT_OK(record_next(&reader, &arena, &second, &more, &err));
    if (!more) {
        record_reader_close(&reader);
        ASSERT_OK(record_reader_open(&reader, temporary_file("row.jsonl", span_of(line)), &err));
        ASSERT_OK(record_next(&reader, &arena, &second, &more, &err));
    }
    dataset_row_read(&row, &second, &format, as_chat, 5, &arena);
    return !row.problem;
}

static void assert_pair(const char *line, const char *columns, const char *prompt,
                        const char *completion)
{
    if (!make(line, columns, false))
        fail_msg("%s: %s", line, row.problem);
    assert_int_equal(row.kind, ROW_PAIR);
    ASSERT_SPAN(row.prompt, prompt);
    ASSERT_SPAN(row.completion, completion);
}

static void assert_chat(const char *line, bool as_chat, const char *messages)
{
    if (!make(line, NULL, as_chat))
        fail_msg("%s: %s", line, row.problem);
    assert_int_equal(row.kind, ROW_CHAT);
    ASSERT_SPAN(chat_list_json(&row.chat, 0, row.chat.count, &arena), messages);
}

static void assert_bad(const char *line, const char *problem)
{
    if (make(line, NULL, false))
        fail_msg("%s is good", line);
    if (!strstr(row.problem, problem))
        fail_msg("%s: %s", line, row.problem);
}

static void texts_prompts_and_completions_are_taken_as_they_stand(void **state)
{
    (void)state;
    assert_true(make("{\"text\": \" a\\u0000b \"}", NULL, false));
    assert_int_equal(row.kind, ROW_TEXT);
    assert_int_equal(row.completion.len, 5);
    assert_pair("{\"prompt\": \"2+2=\", \"completion\": \" 4\"}", NULL, "2+2=", " 4");
    assert_pair("{\"prompt\": \"\", \"completion\": \"x\"}", NULL, "", "x");
    assert_pair("{\"sentence\": \"bad\", \"label\": 0}", "prompt=sentence,completion=label", "bad",
                "0");
    assert_true(make("{\"prompt\": \"p\", \"completion\": \"c\"}", NULL, true));
    assert_int_equal(row.kind, ROW_PAIR);
}

static void questions_and_labels_are_set_in_plain_text(void **state)
{
    (void)state;
    assert_pair("{\"question\": \"q\", \"answer\": \"a\"}", NULL, "Question: q\nAnswer:", " a");
    assert_pair("{\"question\": \"q\", \"answer\": \"a\", \"system\": \"s\"}", NULL,
                "s\n\nQuestion: q\nAnswer:", " a");
    assert_pair("{\"text\": \"t\", \"label\": 1}", NULL, "t\nLabel:", " 1");
    assert_pair("{\"text\": \"t\", \"label\": true}", NULL, "t\nLabel:", " true");
    assert_pair("{\"text\": \"t\", \"category\": \"c\"}", NULL, "t\nCategory:", " c");
    assert_chat("{\"question\": \"q\", \"answer\": \"a\"}", true,
                "[{\"role\": \"user\", \"content\": \"q\"}, "
                "{\"role\": \"assistant\", \"content\": \"a\"}]");
    assert_chat("{\"text\": \"t\", \"label\": 1}", true,
                "[{\"role\": \"user\", \"content\": \"t\"}, "
                "{\"role\": \"assistant\", \"content\": \"1\"}]");
}

static void alpaca_rows_use_the_prompts_of_the_release(void **state)
{
    (void)state;
    assert_pair("{\"instruction\": \"I\", \"input\": \"\", \"output\": \"O\"}", NULL,
                "Below is an instruction that describes a task. Write a response that "
                "appropriately completes the request.\n\n### Instruction:\nI\n\n### Response:\n",
                "O");
    assert_pair("{\"instruction\": \"I\", \"input\": \"X\", \"output\": \"O\"}", NULL,
                "Below is an instruction that describes a task, paired with an input that provides "
                "further context. Write a response that appropriately completes the request."
                "\n\n### Instruction:\nI\n\n### Input:\nX\n\n### Response:\n",
                "O");
    assert_pair("{\"instruction\": \"I\", \"output\": \"O\", \"system\": \"S\", "
                "\"history\": [[\"q\", \"a\"]]}",
                NULL,
                "### Instruction:\nq\n\n### Response:\na\n\n"
                "S\n\n### Instruction:\nI\n\n### Response:\n",
                "O");
    assert_chat("{\"instruction\": \"I\", \"input\": \"X\", \"output\": \"O\", \"system\": \"S\", "
                "\"history\": [[\"q\", \"a\"]]}",
                true,
                "[{\"role\": \"system\", \"content\": \"S\"}, "
                "{\"role\": \"user\", \"content\": \"q\"}, "
                "{\"role\": \"assistant\", \"content\": \"a\"}, "
                "{\"role\": \"user\", \"content\": \"I\\n\\nX\"}, "
                "{\"role\": \"assistant\", \"content\": \"O\"}]");
    assert_bad("{\"instruction\": \"I\", \"output\": \"O\", \"history\": [[\"q\"]]}",
               "column 'history': a turn of the history is a question and an answer");
}

static void a_long_history_costs_a_small_multiple_of_its_size(void **state)
{
    (void)state;
    struct buf line;
    buf_init(&line, BUF_NO_LIMIT);
    buf_add_text(&line, "{\"instruction\": \"I\", \"output\": \"O\", \"history\": [");
    for (int i = 0; i < 3000; i++)
        buf_add_text(&line, i > 0 ? ",[\"\",\"\"]" : "[\"\",\"\"]");
    buf_add_text(&line, "]}");
    size_t before = arena.total_bytes;
    assert_true(make(buf_string(&line), NULL, false));
    assert_true(arena.total_bytes - before < 200 * line.len);
    buf_release(&line);
}

static void conversations_keep_their_tools_and_system_text(void **state)
{
    (void)state;
    assert_chat("{\"messages\": [{\"role\": \"user\", \"content\": \"u\"}, {\"role\": "
                "\"assistant\", \"content\": \"a\"}], \"functions\": [{\"name\": \"f\"}]}",
                false,
                "[{\"role\": \"user\", \"content\": \"u\"}, "
                "{\"role\": \"assistant\", \"content\": \"a\"}]");
    ASSERT_SPAN(row.tools, "[{\"type\": \"function\", \"function\": {\"name\": \"f\"}}]");
    assert_int_equal(row.n_prompt, 0);
    assert_chat("{\"conversations\": [{\"from\": \"human\", \"value\": \"u\"}, {\"from\": "
                "\"gpt\", \"value\": \"a\"}], \"system\": \"s\"}",
                false,
                "[{\"role\": \"system\", \"content\": \"s\"}, "
                "{\"role\": \"user\", \"content\": \"u\"}, "
                "{\"role\": \"assistant\", \"content\": \"a\"}]");
}

static void a_prompt_of_messages_is_not_trained_on(void **state)
{
    (void)state;
    assert_chat("{\"prompt\": [{\"role\": \"user\", \"content\": \"u\"}], \"completion\": "
                "[{\"role\": \"assistant\", \"content\": \"a\"}]}",
                false,
                "[{\"role\": \"user\", \"content\": \"u\"}, "
                "{\"role\": \"assistant\", \"content\": \"a\"}]");
    assert_int_equal(row.n_prompt, 1);
}

static void preferences_share_their_prompt(void **state)
{
    (void)state;
    assert_pair("{\"prompt\": \"p\", \"chosen\": \"c\", \"rejected\": \"r\"}", NULL, "p", "c");
    ASSERT_SPAN(row.rejected, "r");
    assert_true(row.is_preference);
    assert_pair("{\"chosen\": \"Human: q Assistant: yes\", \"rejected\": \"Human: q Assistant: "
                "no\"}",
                NULL, "Human: q Assistant:", " yes");
    ASSERT_SPAN(row.rejected, " no");
    assert_pair("{\"chosen\": \"x\\u00e9y\", \"rejected\": \"x\\u00e8y\"}", NULL, "x", "\xc3\xa9y");
    assert_pair("{\"question\": \"q\", \"chosen\": \"c\", \"rejected\": \"r\"}", NULL,
                "Question: q\nAnswer:", " c");
    assert_true(make("{\"instruction\": \"i\", \"input\": \"x\", \"output\": \"o\", "
                     "\"chosen\": \"c\", \"rejected\": \"r\"}",
                     NULL, true));
    assert_int_equal(row.kind, ROW_CHAT);
    assert_int_equal(row.n_prompt, 1);
    ASSERT_SPAN(chat_list_json(&row.chat_rejected, 0, 1, &arena),
                "[{\"role\": \"assistant\", \"content\": \"r\"}]");
}

static void preferences_of_messages_part_at_a_message(void **state)
{
    (void)state;
    assert_chat("{\"chosen\": [{\"role\": \"user\", \"content\": \"u\"}, {\"role\": \"assistant\","
                " \"content\": \"c\"}], \"rejected\": [{\"role\": \"user\", \"content\": \"u\"}, "
                "{\"role\": \"assistant\", \"content\": \"r\"}]}",
                false,
                "[{\"role\": \"user\", \"content\": \"u\"}, "
                "{\"role\": \"assistant\", \"content\": \"c\"}]");
    assert_int_equal(row.n_prompt, 1);
    assert_int_equal(row.chat_rejected.count, 1);
    assert_chat("{\"conversations\": [{\"from\": \"human\", \"value\": \"u\"}], \"chosen\": "
                "{\"from\": \"gpt\", \"value\": \"c\"}, \"rejected\": {\"from\": \"gpt\", "
                "\"value\": \"r\"}}",
                false,
                "[{\"role\": \"user\", \"content\": \"u\"}, "
                "{\"role\": \"assistant\", \"content\": \"c\"}]");
    assert_int_equal(row.n_prompt, 1);
    assert_bad("{\"chosen\": [{\"role\": \"assistant\", \"content\": \"c\"}], \"rejected\": "
               "[{\"role\": \"assistant\", \"content\": \"r\"}]}",
               "no message in common");
    assert_bad("{\"chosen\": [{\"role\": \"user\", \"content\": \"u\"}], \"rejected\": "
               "[{\"role\": \"user\", \"content\": \"u\"}]}",
               "do not both end with a message of the assistant");
    assert_bad("{\"chosen\": \"a\", \"rejected\": \"ab\"}",
               "chosen is only the beginning of rejected");
    assert_bad("{\"prompt\": \"p\", \"chosen\": \"\", \"rejected\": \"b\"}",
               "column 'chosen' is empty");
    assert_pair("{\"prompt\": \"p\", \"chosen\": \"b\", \"rejected\": \"\"}", NULL, "p", "b");
}

static void what_is_wrong_with_a_row_is_said(void **state)
{
    (void)state;
    const char *good = "{\"prompt\": \"p\", \"completion\": \"c\"}\n";
    const struct {
        const char *line, *problem;
    } cases[] = {
        {"{\"prompt\": \"p\"}", "there is no column 'completion'"},
        {"{\"prompt\": \"p\", \"completion\": null}", "column 'completion' is null"},
        {"{\"prompt\": \"p\", \"completion\": \" \\n\"}", "column 'completion' is empty"},
        {"{\"prompt\": \"p\", \"completion\": 5}", "column 'completion' is a number, not a text"},
        {"{\"prompt\": [\"p\"], \"completion\": \"c\"}", "column 'prompt' is a list, not a text"},
        {"{\"prompt\": {}, \"completion\": true}", "column 'prompt' is an object, not a text"},
        {"{\"prompt\": \"p\", \"completion\": \"\\udc00\"}", "unpaired surrogate"},
        {"{\"prompt\": [], \"completion\": []}", "column 'prompt' is empty"},
        {"{\"prompt\": [{\"role\": \"user\", \"content\": \"u\"}], \"completion\": []}",
         "column 'completion' has no message of the assistant to train on"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_bad(arena_printf(&arena, "%s%s", good, cases[i].line), cases[i].problem);
    assert_bad("{\"text\": \"\"}", "column 'text' is empty");
    assert_bad("{\"text\": \"x\", \"label\": [1]}", "column 'label' is a list");
    assert_bad("{\"messages\": []}", "the conversation has no messages");
    assert_bad("{\"messages\": 5}", "column 'messages': expected a list of messages");
    assert_bad("{\"messages\": [{\"role\": \"user\", \"content\": \"u\"}]}",
               "no message of the assistant to train on");
    assert_bad("{\"messages\": [{\"role\": \"assistant\", \"content\": \"u\", \"weight\": 0}]}",
               "nothing to train on");
    assert_bad("{\"messages\": [{\"role\": \"assistant\", \"content\": \"\"}]}",
               "nothing to train on");
    assert_bad("{\"messages\": [{\"role\": \"user\", \"content\": 1}]}",
               "column 'messages': expected a string, found a number");
    assert_bad("{\"messages\": [{\"role\": \"assistant\", \"content\": \"a\"}], \"tools\": 5}",
               "tools: expected a list");
}

static uint64_t hash_of(const char *line)
{
    assert_true(make(line, NULL, false));
    uint64_t hash = row.hash;
    assert_true(make(line, NULL, true));
    assert_int_equal(row.hash, hash);
    return hash;
}

static void rows_that_differ_in_spacing_alone_have_one_hash(void **state)
{
    (void)state;
    uint64_t hash = hash_of("{\"prompt\": \"a b\", \"completion\": \"c\"}");
    assert_int_equal(hash, hash_of("{\"completion\": \" c\\n\", \"prompt\": \"a \\t\\nb\"}"));
    assert_int_not_equal(hash, hash_of("{\"prompt\": \"a\", \"completion\": \"b c\"}"));
    assert_int_not_equal(hash, hash_of("{\"prompt\": \"ab\", \"completion\": \"c\"}"));
    assert_int_equal(hash_of("{\"instruction\": \"a\", \"input\": \"b\", \"chosen\": \"c\", "
                             "\"rejected\": \"d\"}"),
                     hash_of("{\"instruction\": \"a \", \"input\": \" b\", \"chosen\": \"c\", "
                             "\"rejected\": \"d\"}"));
    /* Texts longer than the hash's chunk, with white space at every place in it. */
    for (size_t lead = 250; lead < 260; lead++) {
        struct buf one, other;
        buf_init(&one, 4096);
        buf_init(&other, 4096);
        for (size_t i = 0; i < lead; i++) {
            buf_add_byte(&one, 'x');
            buf_add_byte(&other, 'x');
        }
        buf_add_text(&one, " y");
        buf_add_text(&other, "   y  ");
        uint64_t first = hash_of(arena_printf(&arena, "{\"text\": \"%s\"}", buf_string(&one)));
        uint64_t second = hash_of(arena_printf(&arena, "{\"text\": \"%s\"}", buf_string(&other)));
        assert_int_equal(first, second);
        buf_add_text(&one, "z");
        assert_int_not_equal(first,
                             hash_of(arena_printf(&arena, "{\"text\": \"%s\"}", buf_string(&one))));
        buf_release(&one);
        buf_release(&other);
    }
}

static void rows_that_differ_in_their_tools_are_no_duplicates(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{\"prompt\": [{\"role\": \"user\", \"content\": \"q\"}], \"completion\": "
        "[{\"role\": \"assistant\", \"content\": \"a\"}], \"tools\": [{\"name\": \"%s\"}]}",
        "{\"chosen\": [{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\", "
        "\"content\": \"a\"}], \"rejected\": [{\"role\": \"user\", \"content\": \"q\"}, {\"role\": "
        "\"assistant\", \"content\": \"b\"}], \"tools\": [{\"name\": \"%s\"}]}",
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buf text;
        buf_init(&text, 4096);
        uint64_t hashes[2];
        for (size_t k = 0; k < 2; k++) {
            const char *mark = strstr(rows[i], "%s");
            buf_clear(&text);
            buf_add(&text, (struct span){(const uint8_t *)rows[i], (size_t)(mark - rows[i])});
            buf_add_text(&text, k == 0 ? "add" : "multiply");
            buf_add_text(&text, mark + 2);
            hashes[k] = hash_of(buf_string(&text));
        }
        assert_int_not_equal(hashes[0], hashes[1]);
        buf_release(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_prompts_and_completions_are_taken_as_they_stand),
        cmocka_unit_test(questions_and_labels_are_set_in_plain_text),
        cmocka_unit_test(alpaca_rows_use_the_prompts_of_the_release),
        cmocka_unit_test(a_long_history_costs_a_small_multiple_of_its_size),
        cmocka_unit_test(conversations_keep_their_tools_and_system_text),
        cmocka_unit_test(a_prompt_of_messages_is_not_trained_on),
        cmocka_unit_test(preferences_share_their_prompt),
        cmocka_unit_test(preferences_of_messages_part_at_a_message),
        cmocka_unit_test(what_is_wrong_with_a_row_is_said),
        cmocka_unit_test(rows_that_differ_in_spacing_alone_have_one_hash),
        cmocka_unit_test(rows_that_differ_in_their_tools_are_no_duplicates),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
