/*
 * chat_render.c - from a request to the template's variables, and through the template.
 *
 * As transformers' apply_chat_template does: an empty conversation is refused, members of a message
 * that are null are dropped, a message's reasoning is given as reasoning_content and as thinking,
 * tools and documents are none where they are not given, and what else the caller brings overrides
 * the special tokens.
 */
#include "format/json.h"
#include "text/chat_turns.h"

/*
 * Finding the turns of a long conversation takes several renderings for each. Together they may use
 * as many steps as this many of the largest single ones.
 */
enum { RENDERINGS_WORTH = 50 };

static bool fail(struct err *err, const char *what)
{
    err_set(err, ERR_INPUT, "%s", what);
    return false;
}

/* The first of the names that a message's reasoning goes by, and its value. */
static bool find_reasoning(const struct jinja_dict *message, struct jinja_value *reasoning)
{
    static const char *const names[] = {"reasoning_content", "thinking", "reasoning"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (jinja_dict_get_text(message, span_of(names[i]), reasoning) &&
            reasoning->type != JINJA_NONE)
            return true;
    }
    return false;
}

static struct jinja_value prepare_message(struct chat_work *work, const struct jinja_dict *from)
{
    struct jinja_value reasoning, message = jinja_dict_new(work->arena);
    bool reasons = find_reasoning(from, &reasoning);
    if (reasons)
        jinja_dict_put_text(work->arena, message.as.dict, "thinking", reasoning);
    for (size_t i = 0; i < from->n; i++) {
        if (from->pairs[i].value.type != JINJA_NONE)
            jinja_dict_put(work->arena, message.as.dict, from->pairs[i].key, from->pairs[i].value);
    }
    if (reasons)
        jinja_dict_put_text(work->arena, message.as.dict, "reasoning_content", reasoning);
    return message;
}

static bool prepare_messages(struct chat_work *work, struct jinja_value given, struct err *err)
{
    if (given.type != JINJA_LIST)
        return fail(err, "expected a JSON list of messages");
    if (given.as.list->n == 0)
        return fail(err,
                    "Cannot apply chat template to an empty conversation. Provide at least one "
                    "message.");
    work->messages = jinja_list_new(work->arena, JINJA_LIST);
    for (size_t i = 0; i < given.as.list->n; i++) {
        struct jinja_value message = given.as.list->items[i];
        if (message.type == JINJA_DICT) {
            jinja_list_add(work->arena, work->messages.as.list,
                           prepare_message(work, message.as.dict));
            continue;
        }
        err_set(err, ERR_INPUT, "message %zu is not an object with a role and content", i + 1);
        if (message.type == JINJA_LIST)
            err_hint(err, "give one conversation, not a list of them");
        return false;
    }
    return true;
}

/* tools and documents: lists of objects, or none. */
static bool check_list(struct chat_work *work, const char *name, struct err *err)
{
    struct jinja_value list;
    if (!jinja_dict_get_text(work->variables.as.dict, span_of(name), &list) ||
        list.type == JINJA_NONE) {
        jinja_dict_put_text(work->arena, work->variables.as.dict, name, jinja_none());
        return true;
    }
    bool fits = list.type == JINJA_LIST;
    for (size_t i = 0; fits && i < list.as.list->n; i++)
        fits = list.as.list->items[i].type == JINJA_DICT;
    if (fits)
        return true;
    err_set(err, ERR_INPUT, "%s must be a list of objects", name);
    return false;
}

static bool read_json(struct chat_work *work, const char *name, struct span text,
                      struct jinja_value *out, struct err *err)
{
    struct json_reader r;
    json_open(&r, text, work->arena);
    *out = jinja_from_json(&r, work->arena);
    bool ok = json_close(&r, err);
    if (!ok)
        err_in(err, "%s", name);
    return ok;
}

static void copy_pairs(struct chat_work *work, const struct jinja_dict *from)
{
    for (size_t i = 0; i < from->n; i++)
        jinja_dict_put(work->arena, work->variables.as.dict, from->pairs[i].key,
                       from->pairs[i].value);
}

/* Everything that the template sees but messages and add_generation_prompt. */
static bool prepare(struct chat_work *work, struct err *err)
{
    struct jinja_value given, messages, tools;
    work->variables = jinja_dict_new(work->arena);
    copy_pairs(work, work->chat->tokens.as.dict);
    if (!read_json(work, "messages", work->request->messages, &given, err))
        return false;
    messages = given;
    if (given.type == JINJA_DICT) {
        if (!jinja_dict_get_text(given.as.dict, span_of("messages"), &messages))
            return fail(err, "the object has no member messages");
        copy_pairs(work, given.as.dict);
    }
    if (work->request->tools.len > 0) {
        if (!read_json(work, "tools", work->request->tools, &tools, err))
            return false;
        jinja_dict_put_text(work->arena, work->variables.as.dict, "tools", tools);
    }
    if (!check_list(work, "tools", err) || !check_list(work, "documents", err) ||
        !prepare_messages(work, messages, err))
        return false;
    bool has_tools = jinja_dict_get_text(work->variables.as.dict, span_of("tools"), &tools) &&
                     tools.type != JINJA_NONE;
    work->template =
        has_tools && work->chat->tool_template ? work->chat->tool_template : work->chat->template;
    return true;
}

static bool render(const struct chat_work *work, const struct jinja_list *messages,
                   bool add_generation_prompt, struct jinja_spans *spans, struct buf *out,
                   struct err *err)
{
    struct jinja_value list = {.type = JINJA_LIST};
    struct jinja_list copy = *messages;
    list.as.list = &copy;
    struct jinja_dict *variables = work->variables.as.dict;
    jinja_dict_put_text(work->arena, variables, "messages", list);
    jinja_dict_put_text(work->arena, variables, "add_generation_prompt",
                        jinja_bool(add_generation_prompt));
    struct arena arena = {0};
    struct jinja_job job = {.template = work->template,
                            .context = variables,
                            .arena = spans ? work->arena : &arena,
                            .now = work->chat->now,
                            .limits = work->chat->limits,
                            .steps_left = work->steps_left,
                            .spans = spans};
    buf_clear(out);
    bool ok = jinja_render(&job, out, err);
    if (!ok && work->chat->path)
        err_in(err, "%s", work->chat->path);
    arena_release(&arena);
    return ok;
}

bool chat_render_part(const struct chat_work *work, const struct jinja_list *messages,
                      bool add_generation_prompt, struct buf *out, struct err *err)
{
    return render(work, messages, add_generation_prompt, NULL, out, err);
}

void chat_add_span(struct chat_text *text, size_t start, size_t end)
{
    if (start >= end)
        return;
    if (text->n_spans % 8 == 0) {
        struct text_range *spans = arena_array(&text->arena, struct text_range, text->n_spans + 8);
        if (text->n_spans > 0)
            memcpy(spans, text->spans, text->n_spans * sizeof *spans);
        text->spans = spans;
    }
    text->spans[text->n_spans++] = (struct text_range){start, end};
}

/* The assistant's messages that are trained on, and how many there are in all. */
static size_t count_assistants(const struct chat_work *work)
{
    size_t n = 0;
    for (size_t i = 0; i < work->messages.as.list->n; i++) {
        struct jinja_value role;
        n +=
            jinja_dict_get_text(work->messages.as.list->items[i].as.dict, span_of("role"), &role) &&
            role.type == JINJA_STRING && span_is(jinja_span(role), "assistant");
    }
    return n;
}

/* The {% generation %} blocks, where every one is known and none is to be left out. */
static bool take_generation(const struct chat_work *work, const struct jinja_spans *spans,
                            struct chat_text *text)
{
    size_t n_assistants = count_assistants(work), turn = 0;
    bool all = !work->request->trained;
    if (spans->lost || spans->n == 0 || (!all && spans->n != n_assistants))
        return false;
    for (size_t i = 0; all && i < spans->n; i++)
        chat_add_span(text, spans->at[i].start, spans->at[i].end);
    for (size_t i = 0; !all && i < work->messages.as.list->n; i++) {
        struct jinja_value role;
        if (!jinja_dict_get_text(work->messages.as.list->items[i].as.dict, span_of("role"),
                                 &role) ||
            role.type != JINJA_STRING || !span_is(jinja_span(role), "assistant"))
            continue;
        if (i < work->request->n_trained && work->request->trained[i])
            chat_add_span(text, spans->at[turn].start, spans->at[turn].end);
        turn++;
    }
    return true;
}

bool chat_render(const struct chat *chat, const struct chat_request *request,
                 struct chat_text *text, struct err *err)
{
    struct chat_work work = {.chat = chat, .request = request, .arena = &text->arena};
    struct jinja_spans spans = {0};
    const struct jinja_limits *limits = chat->limits ? chat->limits : &jinja_default_limits;
    uint64_t steps_left = RENDERINGS_WORTH * limits->steps;
    work.steps_left = &steps_left;
    arena_release(&text->arena);
    text->spans = NULL;
    text->n_spans = 0;
    if (!prepare(&work, err))
        return false;
    bool has_generation = jinja_has_generation(work.template);
    bool wants_blocks = request->wants_spans && has_generation;
    if (!render(&work, work.messages.as.list, request->add_generation_prompt,
                wants_blocks ? &spans : NULL, &text->text, err))
        return false;
    if (!request->wants_spans || (wants_blocks && take_generation(&work, &spans, text)))
        return true;
    return chat_find_turns(&work, text, err);
}
