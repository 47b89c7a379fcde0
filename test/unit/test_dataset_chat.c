#include "test/support/support.h"

#include "text/dataset_chat.h"

static struct arena arena;
static struct chat_list list;

/* Reads messages and writes them as templates get them; NULL where there is a problem. */
static const char *read_as(enum json_type type, const char *text)
{
    list = (struct chat_list){0};
    chat_list_read(&list, &arena, type, span_of(text));
    if (list.problem)
        return NULL;
    return arena_string(&arena, chat_list_json(&list, 0, list.count, &arena));
}

static void assert_messages(const char *text, const char *wanted)
{
    const char *found = read_as(text[0] == '{' ? JSON_OBJECT : JSON_ARRAY, text);
    if (!found)
        fail_msg("%s: %s", text, list.problem);
    assert_string_equal(found, wanted);
}

static void assert_problem(const char *text, const char *problem)
{
    assert_null(read_as(JSON_ARRAY, text));
    if (!strstr(list.problem, problem))
        fail_msg("%s: %s", text, list.problem);
}

static void messages_of_openai_keep_what_templates_read(void **state)
{
    (void)state;
    assert_messages("[{\"role\":\"user\",\"content\":\"hi\",\"name\":\"Ann\"},"
                    "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"1\","
                    "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":"
                    "\"{\\\"x\\\": 1}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"1\","
                    "\"content\":\"2\"}]",
                    "[{\"role\": \"user\", \"content\": \"hi\", \"name\": \"Ann\"}, "
                    "{\"role\": \"assistant\", \"content\": \"\", \"tool_calls\": [{\"id\": "
                    "\"1\", \"type\": \"function\", \"function\": {\"name\": \"f\", "
                    "\"arguments\": {\"x\": 1}}}]}, "
                    "{\"role\": \"tool\", \"content\": \"2\", \"tool_call_id\": \"1\"}]");
    assert_false(list.messages[0].is_trained);
    assert_true(list.messages[1].is_trained);
    assert_false(list.messages[2].is_trained);
}

static void the_older_function_call_becomes_a_tool_call(void **state)
{
    (void)state;
    assert_messages("[{\"role\":\"assistant\",\"content\":null,\"function_call\":{\"name\":\"f\","
                    "\"arguments\":\"not json\"}},{\"role\":\"function\",\"name\":\"f\","
                    "\"content\":\"x\"}]",
                    "[{\"role\": \"assistant\", \"content\": \"\", \"tool_calls\": [{\"type\": "
                    "\"function\", \"function\": {\"name\": \"f\", \"arguments\": \"not json\"}}]},"
                    " {\"role\": \"tool\", \"content\": \"x\", \"name\": \"f\"}]");
}

static void weights_say_which_answers_are_trained_on(void **state)
{
    (void)state;
    assert_non_null(read_as(JSON_ARRAY, "[{\"role\":\"assistant\",\"content\":\"a\",\"weight\":0},"
                                        "{\"role\":\"assistant\",\"content\":\"b\",\"weight\":1},"
                                        "{\"role\":\"assistant\",\"content\":\"c\",\"loss_weight\":"
                                        "0.0},{\"role\":\"assistant\",\"content\":\"d\",\"weight\":"
                                        "null},{\"role\":\"user\",\"content\":\"e\",\"weight\":1},"
                                        "{\"role\":\"assistant\",\"content\":\"f\",\"weight\":"
                                        "false}]"));
    const bool trained[] = {false, true, false, true, false, false};
    for (size_t i = 0; i < COUNT_OF(trained); i++)
        assert_int_equal(list.messages[i].is_trained, trained[i]);
    assert_problem("[{\"role\":\"assistant\",\"content\":\"a\",\"weight\":0.5}]",
                   "a weight is 0 or 1");
}

static void text_parts_are_joined_and_pictures_are_refused(void **state)
{
    (void)state;
    assert_messages("[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
                    "{\"type\":\"text\",\"value\":\"b\"},\"c\"]}]",
                    "[{\"role\": \"user\", \"content\": \"abc\"}]");
    assert_problem("[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{}}]}]",
                   "a part of type 'image_url': only text can be trained on");
}

static void sharegpt_turns_become_messages(void **state)
{
    (void)state;
    assert_messages("[{\"from\":\"system\",\"value\":\"s\"},{\"from\":\"human\",\"value\":\"h\"},"
                    "{\"from\":\"function_call\",\"value\":\"{\\\"name\\\": \\\"f\\\", "
                    "\\\"arguments\\\": {}}\"},{\"from\":\"observation\",\"value\":\"o\"},"
                    "{\"from\":\"gpt\",\"value\":\"g\"}]",
                    "[{\"role\": \"system\", \"content\": \"s\"}, {\"role\": \"user\", "
                    "\"content\": \"h\"}, {\"role\": \"assistant\", \"content\": \"\", "
                    "\"tool_calls\": [{\"type\": \"function\", \"function\": {\"name\": \"f\", "
                    "\"arguments\": {}}}]}, {\"role\": \"tool\", \"content\": \"o\"}, "
                    "{\"role\": \"assistant\", \"content\": \"g\"}]");
    assert_messages("[{\"from\":\"function_call\",\"value\":\"no call\"}]",
                    "[{\"role\": \"assistant\", \"content\": \"no call\"}]");
}

static void one_message_and_a_list_inside_a_text_are_taken(void **state)
{
    (void)state;
    assert_messages("{\"from\":\"gpt\",\"value\":\"g\"}",
                    "[{\"role\": \"assistant\", \"content\": \"g\"}]");
    assert_string_equal(read_as(JSON_STRING, "[{\"role\": \"user\", \"content\": \"x\"}]"),
                        "[{\"role\": \"user\", \"content\": \"x\"}]");
    assert_null(read_as(JSON_STRING, "hello"));
    assert_string_equal(list.problem, "expected a list of messages, found a text");
    assert_null(read_as(JSON_NUMBER, "5"));
    assert_string_equal(list.problem, "expected a list of messages");
}

static void what_is_wrong_with_a_message_is_said(void **state)
{
    (void)state;
    assert_problem("[{\"content\":\"x\"}]", "a message without a role");
    assert_problem("[{\"role\":\"user\"}]", "a message without content");
    assert_problem("[{\"role\":\"assistant\",\"content\":null}]", "a message without content");
    assert_problem("[{\"role\":\"asistant\",\"content\":\"x\"}]", "unknown role 'asistant'");
    assert_problem("[{\"role\":\"user\",\"content\":5}]", "expected a string, found a number");
    assert_problem("[5]", "expected an object, found a number");
    assert_problem("[{\"role\":5,\"content\":\"x\"}]", "expected a string, found a number");
    assert_problem("[{\"role\":\"assistant\",\"tool_calls\":[5]}]", "expected an object");
    assert_problem("[{\"role\":\"assistant\",\"tool_calls\":[]}]", "a message without content");
}

static void tools_come_in_three_spellings(void **state)
{
    (void)state;
    const char *problem = NULL;
    ASSERT_SPAN(chat_tools_json(&arena, JSON_ARRAY,
                                span_of("[{\"type\": \"function\", \"function\": {}}]"), &problem),
                "[{\"type\": \"function\", \"function\": {}}]");
    ASSERT_SPAN(chat_tools_json(&arena, JSON_STRING, span_of("[{\"name\": \"f\"}]"), &problem),
                "[{\"type\": \"function\", \"function\": {\"name\": \"f\"}}]");
    assert_int_equal(chat_tools_json(&arena, JSON_STRING, span_of(" "), &problem).len, 0);
    assert_int_equal(chat_tools_json(&arena, JSON_ARRAY, span_of("[]"), &problem).len, 0);
    assert_int_equal(chat_tools_json(&arena, JSON_NULL, span_of("null"), &problem).len, 0);
    assert_null(problem);
    assert_int_equal(chat_tools_json(&arena, JSON_STRING, span_of("x"), &problem).len, 0);
    assert_non_null(strstr(problem, "tools: expected a value"));
}

static void messages_are_added_beyond_the_first_room(void **state)
{
    (void)state;
    list = (struct chat_list){0};
    for (int i = 0; i < 20; i++)
        chat_list_add(&list, &arena, i % 2 ? "assistant" : "user",
                      span_of(arena_printf(&arena, "%d", i)));
    assert_int_equal(list.count, 20);
    ASSERT_SPAN(list.messages[0].content, "0");
    ASSERT_SPAN(chat_list_json(&list, 18, 20, &arena),
                "[{\"role\": \"user\", \"content\": \"18\"}, "
                "{\"role\": \"assistant\", \"content\": \"19\"}]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_of_openai_keep_what_templates_read),
        cmocka_unit_test(the_older_function_call_becomes_a_tool_call),
        cmocka_unit_test(weights_say_which_answers_are_trained_on),
        cmocka_unit_test(text_parts_are_joined_and_pictures_are_refused),
        cmocka_unit_test(sharegpt_turns_become_messages),
        cmocka_unit_test(one_message_and_a_list_inside_a_text_are_taken),
        cmocka_unit_test(what_is_wrong_with_a_message_is_said),
        cmocka_unit_test(tools_come_in_three_spellings),
        cmocka_unit_test(messages_are_added_beyond_the_first_room),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
