/*
 * dataset_row.c - one function a format, from columns to a row.
 *
 * Plain text, for models without a chat template, follows what the field uses for each kind:
 *
 *   Alpaca           the two prompts of the Stanford Alpaca release ("Below is an instruction"),
 *                    the answer behind "### Response:\n"; a system text takes the place of the
 *                    first sentence; earlier turns (history) stand before, in the same form
 *   question/answer  "Question: q\nAnswer: a", as GSM8K in the evaluation harness
 *   text and label   "t\nLabel: l", named by the column: "t\nCategory: c"
 *   the others       prompt, completion and text are taken as they stand, as TRL does
 *
 * The space before an answer on the prompt's line belongs to the answer: most tokenizers join it to
 * the word behind, and a prompt that ended with it would end in the middle of a token.
 *
 * With a template the same rows are conversations of a user and an assistant.
 *
 * A preference without a prompt is cut where its two answers part: at the message for
 * conversations, at the letter for text, one letter earlier where that is a space, so that the
 * answers keep it (TRL's extract_prompt).
 *
 * Duplicates: the hash runs over the texts with runs of white space as one space and none at the
 * ends. Two rows that differ only in spacing teach the same, and must not be told apart by the
 * split.
 */
#include "text/dataset_row.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/map.h"
#include "base/utf8.h"
#include "text/dataset_json.h"

struct maker {
    const struct record *record;
    const struct dataset_format *format;
    struct arena *arena;
    struct dataset_row *row;
    bool as_chat;
    uint64_t hash;
};

/* --------------------------------------------------------------------------------- problems -- */

static void fail(struct maker *m, const char *format, ...) PRINTF_LIKE(2, 3);

/* Keeps the first problem. */
static void fail(struct maker *m, const char *format, ...)
{
    if (m->row->problem)
        return;
    struct err err;
    char text[sizeof err.what];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    err_set(&err, ERR_INPUT, "%s", text); /* makes quoted content printable */
    m->row->problem = arena_printf(m->arena, "%s", err.what);
}

static const char *type_name(enum json_type type)
{
    static const char *const names[] = {"nothing", "null",   "true or false", "a number",
                                        "a text",  "a list", "an object"};
    return names[type];
}

/* ---------------------------------------------------------------------------------- columns -- */

/* The field that plays the role; NULL where no column does, or where this row lacks it or has null.
 */
static const struct record_field *find_field(struct maker *m, enum dataset_role role)
{
    struct span name = m->format->column[role];
    const struct record_field *field = name.at ? record_find(m->record, name) : NULL;
    return field && field->type != JSON_NULL ? field : NULL;
}

/* The same; a problem where it is missing. */
static const struct record_field *need_field(struct maker *m, enum dataset_role role)
{
    struct span name = m->format->column[role];
    const struct record_field *field = record_find(m->record, name);
    if (!field)
        fail(m, "there is no column '%.*s'", SPAN_ARGS(name));
    else if (field->type == JSON_NULL)
        fail(m, "column '%.*s' is null", SPAN_ARGS(name));
    else
        return field;
    return NULL;
}

static bool is_blank(struct span text)
{
    return json_skip_space(text, 0) == text.len;
}

/* The text of a field; a problem where it is of another type. */
static struct span text_of(struct maker *m, const struct record_field *field)
{
    if (!field)
        return (struct span){0};
    if (field->type == JSON_STRING)
        return field->text;
    fail(m, "column '%.*s' is %s, not a text", SPAN_ARGS(field->name), type_name(field->type));
    return (struct span){0};
}

static struct span optional_text(struct maker *m, enum dataset_role role)
{
    return text_of(m, find_field(m, role));
}

static struct span needed_text(struct maker *m, enum dataset_role role)
{
    return text_of(m, need_field(m, role));
}

/* What is to be learned: a text that is not empty. A label may be a number as well. */
static struct span target_text(struct maker *m, enum dataset_role role, bool may_be_number)
{
    const struct record_field *field = need_field(m, role);
    bool is_number = field && (field->type == JSON_NUMBER || field->type == JSON_BOOL);
    struct span text = is_number && may_be_number ? field->text : text_of(m, field);
    if (field && is_blank(text))
        fail(m, "column '%.*s' is empty", SPAN_ARGS(field->name));
    return text;
}

/* A column of this name holds class numbers as often as names. */
static bool is_label_name(struct span name)
{
    return span_is(name, "label") || span_is(name, "category") || span_is(name, "class") ||
           span_is(name, "target");
}

/* ------------------------------------------------------------------------------------- hash -- */

/* Adds a text to the row's hash, white space runs as one space. */
static void hash_text(struct maker *m, struct span text)
{
    uint8_t chunk[256];
    size_t len = 0;
    bool has_begun = false, space_waits = false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        if (c == ' ' || (c >= '\t' && c <= '\r')) {
            space_waits = has_begun;
            continue;
        }
        if (len + 2 > sizeof chunk) {
            m->hash = hash_bytes((struct span){chunk, len}, m->hash);
            len = 0;
        }
        if (space_waits)
            chunk[len++] = ' ';
        chunk[len++] = c;
        has_begun = true;
        space_waits = false;
    }
    m->hash = hash_bytes((struct span){chunk, len}, m->hash);
}

static void hash_chat(struct maker *m, const struct chat_list *chat)
{
    for (size_t i = 0; i < chat->count; i++) {
        hash_text(m, chat->messages[i].role);
        hash_text(m, chat->messages[i].content);
        hash_text(m, chat->messages[i].calls);
    }
}

/* ------------------------------------------------------------------------------- formatting -- */

static struct span join(struct arena *arena, const struct span *parts, size_t n)
{
    size_t len = 0;
    for (size_t i = 0; i < n; i++)
        len += parts[i].len;
    uint8_t *at = arena_alloc(arena, len + 1);
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        if (parts[i].len > 0)
            memcpy(at + used, parts[i].at, parts[i].len);
        used += parts[i].len;
    }
    return (struct span){at, len};
}

#define JOIN(arena, ...)                                                                           \
    join((arena), (const struct span[]){__VA_ARGS__},                                              \
         COUNT_OF(((const struct span[]){__VA_ARGS__})))

/* One question and its answer, in both forms. */
struct exchange {
    struct span system;            /* blank: none */
    const struct chat_list *turns; /* earlier ones, for a conversation; NULL: none */
    struct span user;
    struct span prompt; /* all that stands before the answer in plain text */
    struct span answer;
    bool on_the_line; /* in plain text the answer goes on behind the prompt, after a space */
};

/* Makes the row a conversation, or a prompt with its completion. */
static void set_exchange(struct maker *m, const struct exchange *e)
{
    struct dataset_row *row = m->row;
    row->kind = m->as_chat ? ROW_CHAT : ROW_PAIR;
    if (!m->as_chat) {
        row->prompt = e->prompt;
        row->completion = e->on_the_line ? JOIN(m->arena, span_of(" "), e->answer) : e->answer;
        return;
    }
    if (!is_blank(e->system))
        chat_list_add(&row->chat, m->arena, "system", e->system);
    for (size_t i = 0; e->turns && i < e->turns->count; i++)
        chat_list_append(&row->chat, m->arena, &e->turns->messages[i]);
    chat_list_add(&row->chat, m->arena, "user", e->user);
    chat_list_add(&row->chat, m->arena, "assistant", e->answer);
}

/* ------------------------------------------------------------------------------------ Alpaca -- */

static struct span alpaca_user(struct maker *m, struct span instruction, struct span input)
{
    return is_blank(input) ? instruction : JOIN(m->arena, instruction, span_of("\n\n"), input);
}

static struct span alpaca_prompt(struct maker *m, struct span system, struct span instruction,
                                 struct span input)
{
    static const char with_input[] =
        "Below is an instruction that describes a task, paired with an input that provides further "
        "context. Write a response that appropriately completes the request.";
    static const char without_input[] =
        "Below is an instruction that describes a task. Write a response that appropriately "
        "completes the request.";
    bool has_input = !is_blank(input);
    struct span opening =
        !is_blank(system) ? system : span_of(has_input ? with_input : without_input);
    struct span heading = span_of("\n\n### Instruction:\n");
    struct span answer = span_of("\n\n### Response:\n");
    if (has_input)
        return JOIN(m->arena, opening, heading, instruction, span_of("\n\n### Input:\n"), input,
                    answer);
    return JOIN(m->arena, opening, heading, instruction, answer);
}

/* Earlier turns, [["question", "answer"], …]: messages, and the same as plain text. */
static struct span read_history(struct maker *m, struct chat_list *turns)
{
    const struct record_field *field = find_field(m, ROLE_HISTORY);
    if (!field)
        return (struct span){0};
    struct json_reader json;
    struct err err;
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    json_open(&json, field->text, m->arena);
    for (json_enter_array(&json); json_next_item(&json);) {
        struct span turn[2] = {{0}, {0}};
        size_t n = 0;
        for (json_enter_array(&json); json_next_item(&json); n++)
            turn[min_size(n, 1)] = json_string(&json);
        if (n != 2)
            json_fail(&json, "a turn of the history is a question and an answer");
        chat_list_add(turns, m->arena, "user", turn[0]);
        chat_list_add(turns, m->arena, "assistant", turn[1]);
        buf_add_text(&text, "### Instruction:\n");
        buf_add(&text, turn[0]);
        buf_add_text(&text, "\n\n### Response:\n");
        buf_add(&text, turn[1]);
        buf_add_text(&text, "\n\n");
    }
    if (!json_close(&json, &err))
        fail(m, "column '%.*s': %s", SPAN_ARGS(field->name), err.what);
    struct span history = arena_copy(m->arena, buf_span(&text));
    buf_release(&text);
    return history;
}

static void make_alpaca(struct maker *m)
{
    struct span instruction = needed_text(m, ROLE_INSTRUCTION);
    struct span input = optional_text(m, ROLE_INPUT);
    struct span output = target_text(m, ROLE_OUTPUT, false);
    struct span system = optional_text(m, ROLE_SYSTEM);
    struct chat_list turns = {0};
    struct span history = read_history(m, &turns);
    if (m->row->problem)
        return;
    struct span user = alpaca_user(m, instruction, input);
    struct span prompt = alpaca_prompt(m, system, instruction, input);
    if (history.len > 0)
        prompt = JOIN(m->arena, history, prompt);
    set_exchange(m, &(struct exchange){system, &turns, user, prompt, output, false});
    hash_text(m, system);
    hash_text(m, history);
    hash_text(m, user);
    hash_text(m, output);
}

/* --------------------------------------------------------------------- chats and their kind -- */

static void read_tools(struct maker *m)
{
    enum dataset_role roles[] = {ROLE_TOOLS, ROLE_FUNCTIONS};
    for (size_t i = 0; i < COUNT_OF(roles) && m->row->tools.len == 0; i++) {
        const struct record_field *field = find_field(m, roles[i]);
        const char *problem = NULL;
        if (field)
            m->row->tools = chat_tools_json(m->arena, field->type, field->text, &problem);
        if (problem)
            fail(m, "%s", problem);
    }
}

/* Appends the messages of a column; its problems become the row's. */
static void read_chat(struct maker *m, struct chat_list *chat, const struct record_field *field)
{
    if (!field)
        return;
    chat_list_read(chat, m->arena, field->type, field->text);
    if (chat->problem)
        fail(m, "column '%.*s': %s", SPAN_ARGS(field->name), chat->problem);
}

static size_t count_trained(const struct chat_list *chat, size_t from)
{
    size_t n = 0;
    for (size_t i = from; i < chat->count; i++) {
        bool is_empty = is_blank(chat->messages[i].content) && chat->messages[i].calls.len == 0;
        n += chat->messages[i].is_trained && !is_empty;
    }
    return n;
}

static bool has_assistant(const struct chat_list *chat)
{
    for (size_t i = 0; i < chat->count; i++) {
        if (span_is(chat->messages[i].role, "assistant"))
            return true;
    }
    return false;
}

static void make_chat(struct maker *m, enum dataset_role role)
{
    struct chat_list *chat = &m->row->chat;
    struct span system = optional_text(m, ROLE_SYSTEM);
    m->row->kind = ROW_CHAT;
    if (!is_blank(system))
        chat_list_add(chat, m->arena, "system", system);
    read_chat(m, chat, need_field(m, role));
    read_tools(m);
    if (m->row->problem)
        return;
    if (chat->count == 0)
        fail(m, "the conversation has no messages");
    else if (!has_assistant(chat))
        fail(m, "the conversation has no message of the assistant to train on");
    else if (count_trained(chat, 0) == 0)
        fail(m, "nothing to train on: the assistant's messages are empty or have weight 0");
    hash_chat(m, chat);
    hash_text(m, m->row->tools);
}

static void make_messages(struct maker *m)
{
    make_chat(m, ROLE_MESSAGES);
}

static void make_sharegpt(struct maker *m)
{
    make_chat(m, ROLE_CONVERSATIONS);
}

/* --------------------------------------------------------------------------- pairs and text -- */

static bool is_list(const struct record_field *field)
{
    return field && (field->type == JSON_ARRAY || field->type == JSON_OBJECT);
}

static void make_prompt_completion(struct maker *m)
{
    struct dataset_row *row = m->row;
    const struct record_field *prompt = need_field(m, ROLE_PROMPT);
    const struct record_field *completion = need_field(m, ROLE_COMPLETION);
    if (!is_list(prompt) || !is_list(completion)) {
        row->kind = ROW_PAIR;
        row->prompt = text_of(m, prompt);
        bool may_be_number = is_label_name(m->format->column[ROLE_COMPLETION]);
        row->completion = target_text(m, ROLE_COMPLETION, may_be_number);
        hash_text(m, row->prompt);
        hash_text(m, row->completion);
        return;
    }
    row->kind = ROW_CHAT;
    read_chat(m, &row->chat, prompt);
    row->n_prompt = row->chat.count;
    read_chat(m, &row->chat, completion);
    read_tools(m);
    if (row->n_prompt == 0)
        fail(m, "column '%.*s' is empty", SPAN_ARGS(prompt->name));
    else if (count_trained(&row->chat, row->n_prompt) == 0)
        fail(m, "column '%.*s' has no message of the assistant to train on",
             SPAN_ARGS(completion->name));
    hash_chat(m, &row->chat);
    hash_text(m, row->tools);
}

static void make_question_answer(struct maker *m)
{
    struct span question = needed_text(m, ROLE_QUESTION);
    struct span answer = target_text(m, ROLE_ANSWER, false);
    struct span system = optional_text(m, ROLE_SYSTEM);
    if (m->row->problem)
        return;
    bool has_system = !is_blank(system);
    struct span prompt = JOIN(m->arena, system, span_of(has_system ? "\n\n" : ""),
                              span_of("Question: "), question, span_of("\nAnswer:"));
    set_exchange(m, &(struct exchange){system, NULL, question, prompt, answer, true});
    hash_text(m, system);
    hash_text(m, question);
    hash_text(m, answer);
}

static void make_text_label(struct maker *m)
{
    bool is_label = m->format->column[ROLE_LABEL].at != NULL;
    struct span text = needed_text(m, ROLE_TEXT);
    struct span label = target_text(m, is_label ? ROLE_LABEL : ROLE_CATEGORY, true);
    if (m->row->problem)
        return;
    struct span heading = span_of(is_label ? "\nLabel:" : "\nCategory:");
    struct span prompt = JOIN(m->arena, text, heading);
    set_exchange(m, &(struct exchange){{0}, NULL, text, prompt, label, true});
    hash_text(m, text);
    hash_text(m, label);
}

static void make_text(struct maker *m)
{
    m->row->kind = ROW_TEXT;
    m->row->completion = target_text(m, ROLE_TEXT, false);
    hash_text(m, m->row->completion);
}

static void make_document(struct maker *m)
{
    m->row->kind = ROW_DOCUMENT;
    m->row->completion = m->record->fields[0].text;
    hash_text(m, m->row->completion);
}

/* ------------------------------------------------------------------------------- preferences -- */

/* Length of what two texts begin with in common, whole characters, a last space left out. */
static size_t common_prefix(struct span a, struct span b)
{
    size_t n = 0, most = min_size(a.len, b.len);
    while (n < most && a.at[n] == b.at[n])
        n++;
    while (n > 0 && n < a.len && utf8_is_inner(a.at[n]))
        n--;
    while (n > 0 && n < b.len && utf8_is_inner(b.at[n]))
        n--;
    bool parts_behind_space = n > 0 && n < most && a.at[n - 1] == ' ';
    return n - parts_behind_space;
}

static bool same_message(const struct chat_message *a, const struct chat_message *b)
{
    return span_equal(a->role, b->role) && span_equal(a->content, b->content) &&
           span_equal(a->calls, b->calls);
}

/* The prompt, from whatever column holds it, added to the hash. Without one: at NULL. */
static struct span preference_prompt(struct maker *m)
{
    if (m->format->column[ROLE_PROMPT].at) {
        struct span prompt = needed_text(m, ROLE_PROMPT);
        hash_text(m, prompt);
        return prompt;
    }
    if (m->format->column[ROLE_INSTRUCTION].at) {
        struct span instruction = needed_text(m, ROLE_INSTRUCTION);
        struct span input = optional_text(m, ROLE_INPUT);
        hash_text(m, instruction);
        hash_text(m, input);
        return m->as_chat ? alpaca_user(m, instruction, input)
                          : alpaca_prompt(m, optional_text(m, ROLE_SYSTEM), instruction, input);
    }
    if (m->format->column[ROLE_QUESTION].at) {
        struct span question = needed_text(m, ROLE_QUESTION);
        hash_text(m, question);
        return m->as_chat ? question
                          : JOIN(m->arena, span_of("Question: "), question, span_of("\nAnswer:"));
    }
    return (struct span){0};
}

static void make_plain_preference(struct maker *m)
{
    struct dataset_row *row = m->row;
    struct span chosen = target_text(m, ROLE_CHOSEN, false);
    struct span rejected =
        needed_text(m, ROLE_REJECTED); /* saying nothing can be the worse answer */
    struct span prompt = preference_prompt(m);
    if (row->problem)
        return;
    if (!prompt.at) {
        size_t n = common_prefix(chosen, rejected);
        prompt = span_part(chosen, 0, n);
        hash_text(m, prompt);
        chosen = span_from(chosen, n);
        rejected = span_from(rejected, n);
        if (is_blank(chosen))
            fail(m, "chosen is only the beginning of rejected");
    }
    hash_text(m, chosen);
    hash_text(m, rejected);
    /* TRL's prompt of text is taken as it stands; instructions and questions are for a template. */
    bool is_template_work =
        m->as_chat && !m->format->column[ROLE_PROMPT].at &&
        (m->format->column[ROLE_INSTRUCTION].at || m->format->column[ROLE_QUESTION].at);
    bool on_the_line = !m->as_chat && !m->format->column[ROLE_PROMPT].at &&
                       !m->format->column[ROLE_INSTRUCTION].at &&
                       m->format->column[ROLE_QUESTION].at;
    row->kind = is_template_work ? ROW_CHAT : ROW_PAIR;
    row->prompt = prompt;
    row->completion = on_the_line ? JOIN(m->arena, span_of(" "), chosen) : chosen;
    row->rejected = on_the_line ? JOIN(m->arena, span_of(" "), rejected) : rejected;
    if (is_template_work) {
        struct span system = optional_text(m, ROLE_SYSTEM);
        set_exchange(m, &(struct exchange){system, NULL, prompt, prompt, chosen, false});
        row->n_prompt = row->chat.count - 1;
        chat_list_add(&row->chat_rejected, m->arena, "assistant", rejected);
    }
}

/* The column that holds the messages of the prompt, or NULL where they are inside the answers. */
static const struct record_field *prompt_messages(struct maker *m)
{
    const enum dataset_role roles[] = {ROLE_PROMPT, ROLE_CONVERSATIONS, ROLE_MESSAGES};
    for (size_t i = 0; i < COUNT_OF(roles); i++) {
        const struct record_field *field = find_field(m, roles[i]);
        if (is_list(field))
            return field;
    }
    return NULL;
}

static void make_chat_preference(struct maker *m, const struct record_field *chosen,
                                 const struct record_field *rejected)
{
    struct dataset_row *row = m->row;
    row->kind = ROW_CHAT;
    struct chat_list other = {0};
    const struct record_field *prompt = prompt_messages(m);
    struct span system = optional_text(m, ROLE_SYSTEM);
    if (!is_blank(system))
        chat_list_add(&row->chat, m->arena, "system", system);
    read_chat(m, &row->chat, prompt);
    row->n_prompt = row->chat.count;
    read_chat(m, &row->chat, chosen);
    read_chat(m, &other, rejected);
    read_tools(m);
    if (row->problem)
        return;
    size_t shared = 0;
    while (!prompt && row->n_prompt < row->chat.count && shared < other.count &&
           same_message(&row->chat.messages[row->n_prompt], &other.messages[shared])) {
        row->n_prompt++;
        shared++;
    }
    for (size_t i = shared; i < other.count; i++)
        chat_list_append(&row->chat_rejected, m->arena, &other.messages[i]);
    if (row->n_prompt == 0)
        fail(m, "chosen and rejected have no message in common, and there is no prompt");
    else if (count_trained(&row->chat, row->n_prompt) == 0 ||
             count_trained(&row->chat_rejected, 0) == 0)
        fail(m, "chosen and rejected do not both end with a message of the assistant");
    hash_chat(m, &row->chat);
    hash_chat(m, &row->chat_rejected);
    hash_text(m, row->tools);
}

static void make_preference(struct maker *m)
{
    const struct record_field *chosen = need_field(m, ROLE_CHOSEN);
    const struct record_field *rejected = need_field(m, ROLE_REJECTED);
    m->row->is_preference = true;
    if (is_list(chosen) && is_list(rejected))
        make_chat_preference(m, chosen, rejected);
    else
        make_plain_preference(m);
}

/* ------------------------------------------------------------------------------------ table -- */

void dataset_row_read(struct dataset_row *row, const struct record *record,
                      const struct dataset_format *format, bool as_chat, uint64_t seed,
                      struct arena *arena)
{
    static void (*const makers[FORMAT_COUNT])(struct maker *) = {
        [FORMAT_PREFERENCE] = make_preference,
        [FORMAT_MESSAGES] = make_messages,
        [FORMAT_SHAREGPT] = make_sharegpt,
        [FORMAT_ALPACA] = make_alpaca,
        [FORMAT_PROMPT_COMPLETION] = make_prompt_completion,
        [FORMAT_QUESTION_ANSWER] = make_question_answer,
        [FORMAT_TEXT_LABEL] = make_text_label,
        [FORMAT_TEXT] = make_text,
        [FORMAT_DOCUMENT] = make_document,
    };
    *row = (struct dataset_row){.line = record->line, .problem = record->problem};
    if (row->problem)
        return;
    struct maker m = {record, format, arena, row, as_chat, seed};
    makers[format->id](&m);
    row->hash = m.hash;
}
