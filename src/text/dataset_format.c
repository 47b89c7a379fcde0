/*
 * dataset_format.c - the table of formats, and the advice where none fits.
 *
 * A format has roles that must be there, roles that may be, and roles that must not be. The format
 * whose needed roles are all there is the one; where several are, the data is ambiguous and the
 * person decides. Three rules keep that from happening needlessly:
 *
 *   - chosen and rejected say more than what stands beside them (an Alpaca file with preferences
 *     keeps its "output");
 *   - `text` yields to any other format (the Alpaca release carries the rendered text along);
 *   - `text` alone is a format only where nothing unknown stands beside it: a column "summary"
 *     or "label_name" may be what the person wants to train on.
 *
 * `messages` or prompt and completion with a `label` are single judgements (KTO): training on the
 * rows judged bad would do harm, so they are not taken for plain chats.
 *
 * The advice guesses by name: the first column that sounds like a question and the first that
 * sounds like an answer, from two lists of names met in public data sets.
 *
 * To add a format: its id, a row, and its case in dataset_row.c.
 */
#include "text/dataset_format.h"

enum { MOST_COLUMNS = 1000, LIST_SIZE = 400 };

static const char *const role_names[ROLE_COUNT] = {
    [ROLE_MESSAGES] = "messages",
    [ROLE_CONVERSATIONS] = "conversations",
    [ROLE_INSTRUCTION] = "instruction",
    [ROLE_INPUT] = "input",
    [ROLE_OUTPUT] = "output",
    [ROLE_PROMPT] = "prompt",
    [ROLE_COMPLETION] = "completion",
    [ROLE_QUESTION] = "question",
    [ROLE_ANSWER] = "answer",
    [ROLE_TEXT] = "text",
    [ROLE_LABEL] = "label",
    [ROLE_CATEGORY] = "category",
    [ROLE_CHOSEN] = "chosen",
    [ROLE_REJECTED] = "rejected",
    [ROLE_SYSTEM] = "system",
    [ROLE_HISTORY] = "history",
    [ROLE_TOOLS] = "tools",
    [ROLE_FUNCTIONS] = "functions",
};

#define BIT(role) (1u << ROLE_##role)

struct format_row {
    const char *name;
    unsigned needed;   /* bits of roles */
    unsigned optional; /* used where they are there */
    unsigned one_of;   /* exactly one of these, unless 0 */
    unsigned forbidden;
};

static const struct format_row format_table[FORMAT_COUNT] = {
    [FORMAT_PREFERENCE] = {"preference", BIT(CHOSEN) | BIT(REJECTED),
                           BIT(PROMPT) | BIT(CONVERSATIONS) | BIT(MESSAGES) | BIT(INSTRUCTION) |
                               BIT(INPUT) | BIT(QUESTION) | BIT(SYSTEM) | BIT(TOOLS),
                           0, 0},
    [FORMAT_MESSAGES] = {"messages", BIT(MESSAGES), BIT(TOOLS) | BIT(FUNCTIONS), 0, BIT(LABEL)},
    [FORMAT_SHAREGPT] = {"sharegpt", BIT(CONVERSATIONS), BIT(SYSTEM) | BIT(TOOLS), 0, BIT(LABEL)},
    [FORMAT_ALPACA] = {"alpaca", BIT(INSTRUCTION) | BIT(OUTPUT),
                       BIT(INPUT) | BIT(SYSTEM) | BIT(HISTORY), 0, 0},
    [FORMAT_PROMPT_COMPLETION] = {"prompt_completion", BIT(PROMPT) | BIT(COMPLETION), BIT(TOOLS), 0,
                                  BIT(LABEL)},
    [FORMAT_QUESTION_ANSWER] = {"question_answer", BIT(QUESTION) | BIT(ANSWER), BIT(SYSTEM), 0, 0},
    [FORMAT_TEXT_LABEL] = {"text_label", BIT(TEXT), 0, BIT(LABEL) | BIT(CATEGORY), 0},
    [FORMAT_TEXT] = {"text", BIT(TEXT), 0, 0, 0},
    [FORMAT_DOCUMENT] = {"txt", 0, 0, 0, 0},
};

const char *dataset_format_name(enum dataset_format_id id)
{
    return format_table[id].name;
}

/* -------------------------------------------------------------------------------- --columns -- */

static bool find_role(struct span name, enum dataset_role *role)
{
    for (int i = 0; i < ROLE_COUNT; i++) {
        if (span_is(name, role_names[i])) {
            *role = (enum dataset_role)i;
            return true;
        }
    }
    return false;
}

/* The same in any case of the letters: spreadsheets have "Question" and "ANSWER". */
static bool find_role_of_any_case(struct span name, enum dataset_role *role)
{
    char lower[16]; /* as long as the longest role, and one more */
    struct span word = {(const uint8_t *)lower, name.len};
    if (name.len >= sizeof lower)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        bool is_capital = name.at[i] >= 'A' && name.at[i] <= 'Z';
        lower[i] = (char)(name.at[i] + (is_capital ? 'a' - 'A' : 0));
    }
    return find_role(word, role);
}

static bool parse_pair(struct dataset_columns *columns, struct span pair, struct err *err)
{
    size_t equals = span_find(pair, span_of("="));
    if (equals == 0 || equals + 1 >= pair.len) {
        err_set(err, ERR_USAGE, "--columns: '%.*s' is not ROLE=COLUMN", SPAN_ARGS(pair));
        err_hint(err, "for example --columns prompt=question,completion=query");
        return false;
    }
    enum dataset_role role;
    struct span name = span_part(pair, 0, equals);
    if (!find_role(name, &role)) {
        err_set(err, ERR_USAGE, "--columns: there is no role '%.*s'", SPAN_ARGS(name));
        err_hint(err, "the roles are prompt, completion, text, label, messages, conversations, "
                      "instruction, input, output, question, answer, chosen, rejected, system, "
                      "history, tools");
        return false;
    }
    columns->column[role] = span_from(pair, equals + 1);
    columns->any = true;
    return true;
}

bool dataset_columns_parse(struct dataset_columns *columns, const char *text, struct err *err)
{
    *columns = (struct dataset_columns){0};
    struct span rest = span_of(text);
    for (;;) {
        size_t len = span_find(rest, span_of(","));
        if (!parse_pair(columns, span_part(rest, 0, len), err))
            return false;
        if (len == rest.len)
            return true;
        rest = span_from(rest, len + 1);
    }
}

/* --------------------------------------------------------------------------------- looking ---- */

static struct dataset_column *find_column(struct dataset_format *format, struct span name)
{
    for (size_t i = 0; i < format->n_columns; i++) {
        if (span_equal(format->columns[i].name, name))
            return &format->columns[i];
    }
    return NULL;
}

static struct dataset_column *add_column(struct dataset_format *format, struct arena *arena,
                                         struct span name)
{
    if (format->n_columns == format->room) {
        size_t room = max_size(2 * format->room, 16);
        struct dataset_column *moved = arena_array(arena, struct dataset_column, room);
        if (format->n_columns > 0)
            memcpy(moved, format->columns, format->n_columns * sizeof *moved);
        format->columns = moved;
        format->room = room;
    }
    struct dataset_column *column = &format->columns[format->n_columns++];
    *column = (struct dataset_column){.name = arena_copy(arena, name), .type = JSON_NULL};
    return column;
}

void dataset_format_look(struct dataset_format *format, struct arena *arena,
                         const struct record *record)
{
    for (size_t i = 0; i < record->n_fields; i++) {
        const struct record_field *field = &record->fields[i];
        struct dataset_column *column = find_column(format, field->name);
        if (!column && format->n_columns == MOST_COLUMNS)
            return;
        if (!column)
            column = add_column(format, arena, field->name);
        if (column->type == JSON_NULL)
            column->type = field->type;
    }
}

/* ---------------------------------------------------------------------------------- advice ---- */

static const char *const question_names[] = {
    "prompt",  "instruction", "question", "input",   "text",     "sentence", "utterance",
    "problem", "source",      "context",  "article", "document", "query",    "user",
    "human",   "title",       "content",  "premise", "review",   "body",
};

static const char *const answer_names[] = {
    "completion", "answer",      "output",
    "response",   "responses",   "answers",
    "label",      "target",      "canonical_solution",
    "solution",   "summary",     "highlights",
    "category",   "class",       "sentiment",
    "intent",     "reply",       "assistant",
    "gpt",        "query",       "sql",
    "code",       "translation", "label_text",
    "label_name",
};

/* The first column of a type that can be text whose name is in the list, `other` left aside. */
static const struct dataset_column *guess(const struct dataset_format *format,
                                          const char *const *names, size_t n,
                                          const struct dataset_column *other)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < format->n_columns; k++) {
            const struct dataset_column *column = &format->columns[k];
            bool is_scalar = column->type == JSON_STRING || column->type == JSON_NUMBER;
            if (column != other && is_scalar && span_is(column->name, names[i]))
                return column;
        }
    }
    return NULL;
}

/* "sentence, label, idx" */
static void list_columns(const struct dataset_format *format, struct buf *out)
{
    for (size_t i = 0; i < format->n_columns && !out->overflowed; i++)
        buf_printf(out, "%s%.*s", i > 0 ? ", " : "", SPAN_ARGS(format->columns[i].name));
}

static bool plays_in(const struct dataset_format *format, const char *name)
{
    for (size_t i = 0; i < format->n_columns; i++) {
        if (span_is(format->columns[i].name, name))
            return true;
    }
    return false;
}

static void advise_pair(const struct dataset_format *format, struct err *err)
{
    const struct dataset_column *question =
        guess(format, question_names, COUNT_OF(question_names), NULL);
    const struct dataset_column *answer =
        guess(format, answer_names, COUNT_OF(answer_names), question);
    if (question && answer)
        err_hint(err,
                 "to train on the second given the first: --columns prompt=%.*s,completion=%.*s",
                 SPAN_ARGS(question->name), SPAN_ARGS(answer->name));
    else if (question)
        err_hint(err,
                 "say which column is the answer: --columns prompt=%.*s,completion=COLUMN, or "
                 "train on the text alone: --columns text=%.*s",
                 SPAN_ARGS(question->name), SPAN_ARGS(question->name));
    else
        err_hint(err, "say which columns are the question and the answer: --columns "
                      "prompt=COLUMN,completion=COLUMN, or train on one: --columns text=COLUMN");
}

/* The hint for columns that no format explains. */
static void advise(const struct dataset_format *format, struct err *err)
{
    const struct span only = format->n_columns == 1 ? format->columns[0].name : (struct span){0};
    const struct dataset_column *text = guess(format, (const char *const[]){"text"}, 1, NULL);
    const struct dataset_column *answer = guess(format, answer_names, COUNT_OF(answer_names), text);
    if (span_find(only, span_of(";")) < only.len)
        err_hint(err, "the columns are separated by semicolons: commas are wanted, or tabs in a "
                      ".tsv file");
    else if (span_find(only, span_of("\t")) < only.len)
        err_hint(err, "the columns are separated by tabs: a file of that kind is a .tsv");
    else if (plays_in(format, "chosen_messages") && plays_in(format, "rejected_messages"))
        err_hint(err, "preferences? --columns chosen=chosen_messages,rejected=rejected_messages");
    else if (plays_in(format, "messages"))
        err_hint(err, "rows judged one by one (KTO) are not trained on as such; to train on every "
                      "row all the same: --columns messages=messages");
    else if (plays_in(format, "completion") && plays_in(format, "prompt"))
        err_hint(err, "rows judged one by one (KTO) are not trained on as such; to train on every "
                      "row all the same: --columns prompt=prompt,completion=completion");
    else if (text && answer)
        err_hint(err,
                 "to train on the second given the first: --columns "
                 "prompt=text,completion=%.*s; on the text alone: --columns text=text",
                 SPAN_ARGS(answer->name));
    else if (text)
        err_hint(err, "to train on the text alone: --columns text=text");
    else
        advise_pair(format, err);
}

/* ------------------------------------------------------------------------------ recognition -- */

/* Sets the column of each role that --columns names; false where the file has no such column. */
static bool map_roles(struct dataset_format *format, const struct dataset_columns *mapped,
                      unsigned *roles, struct err *err)
{
    for (int role = 0; role < ROLE_COUNT; role++) {
        struct span name = mapped->column[role];
        if (!name.at)
            continue;
        struct dataset_column *column = find_column(format, name);
        if (!column) {
            struct buf list;
            buf_init(&list, LIST_SIZE);
            list_columns(format, &list);
            err_set(err, ERR_INPUT, "there is no column '%.*s'; the columns are %s",
                    SPAN_ARGS(name), buf_string(&list));
            buf_release(&list);
            return false;
        }
        format->column[role] = column->name;
        *roles |= 1u << role;
    }
    return true;
}

/* Roles that may be filled by a column of that name even where others are mapped. */
static const unsigned always_own = BIT(SYSTEM) | BIT(TOOLS) | BIT(FUNCTIONS);

/* Sets the column of each role that a column has the name of. */
static void own_roles(struct dataset_format *format, unsigned allowed, unsigned *roles)
{
    for (size_t i = 0; i < 2 * format->n_columns; i++) { /* first those that are spelt as we do */
        struct span name = format->columns[i % format->n_columns].name;
        enum dataset_role role;
        bool is_one =
            i < format->n_columns ? find_role(name, &role) : find_role_of_any_case(name, &role);
        if (!is_one || !(allowed & 1u << role) || format->column[role].at)
            continue;
        format->column[role] = name;
        *roles |= 1u << role;
    }
}

static bool fits(const struct format_row *row, unsigned roles)
{
    unsigned one = roles & row->one_of;
    bool has_one = row->one_of == 0 || (one != 0 && (one & (one - 1)) == 0);
    return row->needed != 0 && (roles & row->needed) == row->needed && has_one &&
           !(roles & row->forbidden);
}

/* The formats that fit, as bits, with the rules at the top of the file applied. */
static unsigned candidates(unsigned roles)
{
    unsigned found = 0;
    for (int id = 0; id < FORMAT_COUNT; id++)
        found |= fits(&format_table[id], roles) ? 1u << id : 0;
    if (found & 1u << FORMAT_PREFERENCE)
        return 1u << FORMAT_PREFERENCE;
    unsigned from_text = found & (1u << FORMAT_TEXT | 1u << FORMAT_TEXT_LABEL);
    if (found != from_text)
        return found & ~from_text;
    return from_text & 1u << FORMAT_TEXT_LABEL ? 1u << FORMAT_TEXT_LABEL : found;
}

/* True where a column stands beside `text` whose meaning is not known. */
static bool is_text_ambiguous(const struct dataset_format *format)
{
    size_t explained = 1 + (format->id == FORMAT_TEXT_LABEL);
    bool is_text = format->id == FORMAT_TEXT || format->id == FORMAT_TEXT_LABEL;
    return is_text && format->n_columns > explained;
}

static bool refuse(const struct dataset_format *format, const char *what, struct err *err)
{
    struct buf list;
    buf_init(&list, LIST_SIZE);
    list_columns(format, &list);
    err_set(err, ERR_INPUT, "%s: %s", what, buf_string(&list));
    buf_release(&list);
    advise(format, err);
    return false;
}

/* Several formats fit: names the --columns of the first two. */
static bool refuse_several(const struct dataset_format *format, unsigned found, struct err *err)
{
    struct buf choices;
    buf_init(&choices, LIST_SIZE);
    for (int id = 0; id < FORMAT_COUNT; id++) {
        if (!(found & 1u << id))
            continue;
        buf_add_text(&choices, choices.len > 0 ? " or --columns " : "--columns ");
        bool is_first = true;
        for (int role = 0; role < ROLE_COUNT; role++) {
            if (!(format_table[id].needed & 1u << role))
                continue;
            buf_printf(&choices, "%s%s=%.*s", is_first ? "" : ",", role_names[role],
                       SPAN_ARGS(format->column[role]));
            is_first = false;
        }
    }
    refuse(format, "the columns fit more than one format", err);
    err_hint(err, "choose one: %s", buf_string(&choices));
    buf_release(&choices);
    return false;
}

/* Forgets the columns of roles that the format does not use, and marks those that it uses. */
static void keep_used(struct dataset_format *format)
{
    const struct format_row *row = &format_table[format->id];
    unsigned used = row->needed | row->optional | row->one_of;
    for (int role = 0; role < ROLE_COUNT; role++) {
        if (!(used & 1u << role))
            format->column[role] = (struct span){0};
        else if (format->column[role].at)
            find_column(format, format->column[role])->is_used = true;
    }
}

/* --columns names roles that no format is made of. */
static bool refuse_roles(const struct dataset_columns *mapped, struct err *err)
{
    struct buf list;
    buf_init(&list, LIST_SIZE);
    for (int role = 0; role < ROLE_COUNT; role++) {
        if (mapped->column[role].at)
            buf_printf(&list, "%s%s", list.len > 0 ? ", " : "", role_names[role]);
    }
    err_set(err, ERR_USAGE, "--columns: no format has just these roles: %s", buf_string(&list));
    err_hint(err, "together make one: prompt and completion; question and answer; instruction and "
                  "output; chosen and rejected; text and label; text; messages; conversations");
    buf_release(&list);
    return false;
}

bool dataset_format_recognise(struct dataset_format *format, const struct dataset_columns *mapped,
                              struct err *err)
{
    unsigned roles = 0;
    if (!map_roles(format, mapped, &roles, err))
        return false;
    own_roles(format, mapped->any ? always_own : ~0u, &roles);
    unsigned found = candidates(roles);
    if (found == 0 && mapped->any)
        return refuse_roles(mapped, err);
    if (found == 0)
        return refuse(format, "the columns are not those of a known format", err);
    if (found & (found - 1))
        return refuse_several(format, found, err);
    format->id = (enum dataset_format_id)__builtin_ctz(found);
    if (!mapped->any && is_text_ambiguous(format))
        return refuse(format, "`text` stands beside columns whose meaning is not known", err);
    keep_used(format);
    return true;
}
