/*
 * dataset_chat.c - messages, read leniently in their spelling and strictly in their meaning.
 *
 * Two families of keys are in use, role/content (OpenAI) and from/value (ShareGPT), and one reader
 * takes both, because files mix them. What templates cannot take is put into the form that
 * transformers documents:
 *
 *   content       a list of text parts is joined; null (beside tool calls) is the empty string
 *   arguments     of a tool call: a string that holds a JSON object becomes the object, since
 *                 templates write it with `tojson`
 *   function_call the older form, and ShareGPT's turn of that name: a list of one tool call
 *   roles         human, gpt, observation … become user, assistant, tool
 *   weight        OpenAI's 0 or 1, and LLaMA-Factory's loss_weight: 0 is not trained on
 *
 * A role that is none of the known ones is a problem, not a new role: it is a spelling mistake more
 * often than not, and a template would drop the turn in silence.
 */
#include "text/dataset_chat.h"

#include "text/dataset_json.h"

/* ------------------------------------------------------------------------------------ roles -- */

static const struct {
    const char *found, *role;
} role_table[] = {
    {"user", "user"},           {"assistant", "assistant"},     {"system", "system"},
    {"human", "user"},          {"gpt", "assistant"},           {"tool", "tool"},
    {"developer", "developer"}, {"function", "tool"},           {"observation", "tool"},
    {"bot", "assistant"},       {"function_response", "tool"},  {"model", "assistant"},
    {"chatgpt", "assistant"},   {"function_call", "assistant"}, {"ipython", "ipython"},
};

static bool find_role(struct span found, struct span *role)
{
    for (size_t i = 0; i < COUNT_OF(role_table); i++) {
        if (span_is(found, role_table[i].found)) {
            *role = span_of(role_table[i].role);
            return true;
        }
    }
    return false;
}

/* ----------------------------------------------------------------------------------- content -- */

/* One part of a content list: {"type": "text", "text": "…"}; LLaMA-Factory says "value". */
static void read_part(struct json_reader *json, struct buf *out)
{
    if (json_peek(json) == JSON_STRING) {
        buf_add(out, json_string(json));
        return;
    }
    struct span key, type = span_of("text");
    for (json_enter_object(json); json_next_key(json, &key);) {
        if (span_is(key, "type"))
            type = json_string(json);
        else if (span_is(key, "text") || span_is(key, "value") || span_is(key, "content"))
            buf_add(out, json_string(json));
        else
            json_skip(json);
    }
    if (!span_is(type, "text"))
        json_fail(json, "a part of type '%.*s': only text can be trained on", SPAN_ARGS(type));
}

static struct span read_content(struct json_reader *json)
{
    if (json_peek(json) == JSON_NULL) {
        (void)json_null(json);
        return (struct span){0};
    }
    if (json_peek(json) != JSON_ARRAY)
        return json_string(json);
    struct buf joined;
    buf_init(&joined, BUF_NO_LIMIT);
    for (json_enter_array(json); json_next_item(json);)
        read_part(json, &joined);
    struct span content = arena_copy(json->arena, buf_span(&joined));
    buf_release(&joined);
    return content;
}

/* -------------------------------------------------------------------------------- tool calls -- */

/* The object inside a string where it holds one, else the string as JSON again. */
static void add_arguments(struct buf *out, struct json_reader *json)
{
    if (json_peek(json) != JSON_STRING) {
        buf_add(out, json_raw(json));
        return;
    }
    struct span text = json_string(json);
    struct json_reader inner;
    struct err err;
    json_open(&inner, text, json->arena);
    bool is_object = json_peek(&inner) == JSON_OBJECT;
    json_skip(&inner);
    if (json_close(&inner, &err) && is_object) {
        buf_add(out, text);
    } else {
        struct json_writer w = {.out = out};
        json_put_string(&w, text);
    }
}

/* Copies an object; "arguments" in it, or in its "function", are put right. */
static void add_call(struct buf *out, struct json_reader *json)
{
    struct span key;
    bool is_first = true;
    buf_add_byte(out, '{');
    for (json_enter_object(json); json_next_key(json, &key);) {
        struct json_writer w = {.out = out};
        buf_add_text(out, is_first ? "" : ", ");
        json_put_string(&w, key);
        buf_add_text(out, ": ");
        is_first = false;
        if (span_is(key, "arguments"))
            add_arguments(out, json);
        else if (span_is(key, "function") && json_peek(json) == JSON_OBJECT && json->depth < 32)
            add_call(out, json);
        else
            buf_add(out, json_raw(json));
    }
    buf_add_byte(out, '}');
}

static struct span read_calls(struct json_reader *json)
{
    if (json_peek(json) == JSON_NULL) {
        (void)json_null(json);
        return (struct span){0};
    }
    struct buf out;
    buf_init(&out, BUF_NO_LIMIT);
    size_t count = 0;
    buf_add_byte(&out, '[');
    for (json_enter_array(json); json_next_item(json); count++) {
        buf_add_text(&out, count > 0 ? ", " : "");
        add_call(&out, json);
    }
    buf_add_byte(&out, ']');
    struct span calls = count > 0 ? arena_copy(json->arena, buf_span(&out)) : (struct span){0};
    buf_release(&out);
    return calls;
}

/* {"name": …, "arguments": …} as a list of one tool call. */
static struct span read_function_call(struct json_reader *json)
{
    if (json_peek(json) == JSON_NULL) {
        (void)json_null(json);
        return (struct span){0};
    }
    struct buf out;
    buf_init(&out, BUF_NO_LIMIT);
    buf_add_text(&out, "[{\"type\": \"function\", \"function\": ");
    add_call(&out, json);
    buf_add_text(&out, "}]");
    struct span calls = arena_copy(json->arena, buf_span(&out));
    buf_release(&out);
    return calls;
}

/* ShareGPT's function_call turn holds the call as text; text that is no call stays content. */
static void content_to_call(struct chat_message *message, struct arena *arena)
{
    struct json_reader json;
    struct err err;
    json_open(&json, message->content, arena);
    struct span calls =
        json_peek(&json) == JSON_OBJECT ? read_function_call(&json) : (struct span){0};
    if (json_close(&json, &err) && calls.len > 0) {
        message->calls = calls;
        message->content = (struct span){0};
    }
}

/* --------------------------------------------------------------------------------- messages -- */

void chat_list_append(struct chat_list *list, struct arena *arena,
                      const struct chat_message *message)
{
    if (list->count == list->room) {
        size_t room = max_size(2 * list->room, 8);
        struct chat_message *moved = arena_array(arena, struct chat_message, room);
        if (list->count > 0)
            memcpy(moved, list->messages, list->count * sizeof *moved);
        list->messages = moved;
        list->room = room;
    }
    list->messages[list->count++] = *message;
}

void chat_list_add(struct chat_list *list, struct arena *arena, const char *role,
                   struct span content)
{
    const struct chat_message message = {
        .role = span_of(role), .content = content, .is_trained = strcmp(role, "assistant") == 0};
    chat_list_append(list, arena, &message);
}

/* What is kept of a message while its members are read. */
struct message_parts {
    struct chat_message message;
    struct span role; /* as the file has it */
    bool has_content;
    bool has_weight;
    bool weight;
    struct buf other;
};

static bool read_weight(struct json_reader *json)
{
    if (json_peek(json) == JSON_BOOL)
        return json_bool(json);
    double weight = json_double(json);
    if (!json->failed && weight != 0 && weight != 1)
        json_fail(json, "a weight is 0 or 1");
    return weight != 0;
}

/* "key": value, kept for the template. */
static void keep_other(struct buf *other, struct span key, struct json_reader *json)
{
    struct json_writer w = {.out = other};
    buf_add_text(other, ", ");
    json_put_string(&w, key);
    buf_add_text(other, ": ");
    buf_add(other, json_raw(json));
}

static void read_member(struct json_reader *json, struct span key, struct message_parts *parts)
{
    struct chat_message *message = &parts->message;
    if (span_is(key, "role") || span_is(key, "from")) {
        parts->role = json_string(json);
    } else if (span_is(key, "content") || span_is(key, "value")) {
        parts->has_content = json_peek(json) != JSON_NULL;
        message->content = read_content(json);
    } else if (span_is(key, "tool_calls")) {
        message->calls = read_calls(json);
    } else if (span_is(key, "function_call")) {
        message->calls = read_function_call(json);
    } else if (span_is(key, "weight") || span_is(key, "loss_weight")) {
        parts->has_weight = json_peek(json) != JSON_NULL;
        if (parts->has_weight)
            parts->weight = read_weight(json);
        else
            (void)json_null(json);
    } else {
        keep_other(&parts->other, key, json);
    }
}

/* Checks what was read of a message, and puts the roles into one spelling. */
static void finish_message(struct json_reader *json, struct message_parts *parts)
{
    struct chat_message *message = &parts->message;
    if (json->failed)
        return;
    if (!parts->role.at)
        json_fail(json, "a message without a role");
    else if (!find_role(parts->role, &message->role))
        json_fail(json, "unknown role '%.*s'", SPAN_ARGS(parts->role));
    if (span_is(parts->role, "function_call"))
        content_to_call(message, json->arena);
    if (!parts->has_content && message->calls.len == 0)
        json_fail(json, "a message without content");
    message->is_trained =
        span_is(message->role, "assistant") && (!parts->has_weight || parts->weight);
    message->other = arena_copy(json->arena, buf_span(&parts->other));
}

static void read_message(struct json_reader *json, struct chat_list *list)
{
    struct message_parts parts = {0};
    buf_init(&parts.other, BUF_NO_LIMIT);
    struct span key;
    for (json_enter_object(json); json_next_key(json, &key);)
        read_member(json, key, &parts);
    finish_message(json, &parts);
    if (!json->failed)
        chat_list_append(list, json->arena, &parts.message);
    buf_release(&parts.other);
}

void chat_list_read(struct chat_list *list, struct arena *arena, enum json_type type,
                    struct span text)
{
    struct json_reader json;
    struct err err;
    bool is_value = type == JSON_ARRAY || type == JSON_OBJECT || type == JSON_STRING;
    if (!is_value) {
        list->problem = "expected a list of messages";
        return;
    }
    json_open(&json, text, arena);
    if (json_peek(&json) == JSON_OBJECT) {
        read_message(&json, list);
    } else {
        for (json_enter_array(&json); json_next_item(&json);)
            read_message(&json, list);
    }
    if (json_close(&json, &err) || list->problem)
        return;
    list->problem = type == JSON_STRING ? "expected a list of messages, found a text"
                                        : arena_printf(arena, "%s (%s)", err.what, err.where);
}

struct span chat_list_json(const struct chat_list *list, size_t from, size_t to,
                           struct arena *arena)
{
    CHECK(from <= to && to <= list->count);
    struct buf out;
    buf_init(&out, BUF_NO_LIMIT);
    buf_add_byte(&out, '[');
    for (size_t i = from; i < to; i++) {
        const struct chat_message *message = &list->messages[i];
        struct json_writer w = {.out = &out};
        buf_add_text(&out, i > from ? ", {\"role\": " : "{\"role\": ");
        json_put_string(&w, message->role);
        buf_add_text(&out, ", \"content\": ");
        json_put_string(&w, message->content);
        if (message->calls.len > 0) {
            buf_add_text(&out, ", \"tool_calls\": ");
            buf_add(&out, message->calls);
        }
        buf_add(&out, message->other);
        buf_add_byte(&out, '}');
    }
    buf_add_byte(&out, ']');
    struct span json = arena_copy(arena, buf_span(&out));
    buf_release(&out);
    return json;
}

/* ------------------------------------------------------------------------------------ tools -- */

/* True where the object has a member of that name. */
static bool has_member(struct span object, const char *name, struct arena *arena)
{
    struct json_reader json;
    bool found = false;
    json_open(&json, object, arena);
    struct span key;
    for (json_enter_object(&json); json_next_key(&json, &key); json_skip(&json))
        found = found || span_is(key, name);
    return found;
}

struct span chat_tools_json(struct arena *arena, enum json_type type, struct span text,
                            const char **problem)
{
    if (type == JSON_NULL || json_skip_space(text, 0) == text.len)
        return (struct span){0};
    struct json_reader json;
    struct err err;
    struct buf out;
    size_t count = 0;
    buf_init(&out, BUF_NO_LIMIT);
    buf_add_byte(&out, '[');
    json_open(&json, text, arena);
    for (json_enter_array(&json); json_next_item(&json); count++) {
        struct span tool = json_raw(&json);
        bool is_whole = json.failed || has_member(tool, "function", arena);
        buf_add_text(&out, count > 0 ? ", " : "");
        buf_add_text(&out, is_whole ? "" : "{\"type\": \"function\", \"function\": ");
        buf_add(&out, tool);
        buf_add_text(&out, is_whole ? "" : "}");
    }
    buf_add_byte(&out, ']');
    struct span tools = {0};
    if (!json_close(&json, &err))
        *problem = arena_printf(arena, "tools: %s (%s)", err.what, err.where);
    else if (count > 0)
        tools = arena_copy(arena, buf_span(&out));
    buf_release(&out);
    return tools;
}
