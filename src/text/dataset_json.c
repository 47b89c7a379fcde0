/*
 * dataset_json.c - the outline of a JSON file.
 *
 * Data comes as .json in four shapes: a list of rows; an object with the list in one of its members
 * ({"data": […]}, as many exports have it); one object a line, which is JSONL under another name;
 * and objects written one behind the other over several lines. What tells them apart are the first
 * byte, the first line and what follows the first value.
 *
 * All of it works on brackets and quotes alone. Why not the reader of json.h: a row with an
 * unpaired surrogate or a bad escape must be named and passed over, not end the reading of a good
 * file; and to find the end of a value, nothing needs to be decoded. The scan runs at memory speed
 * in constant memory, whatever the depth.
 */
#include "text/dataset_json.h"

enum { NAMES_SIZE = 200 };

size_t json_skip_space(struct span text, size_t at)
{
    while (at < text.len && (text.at[at] == ' ' || (text.at[at] >= '\t' && text.at[at] <= '\r')))
        at++;
    return at;
}

/* End of the string whose opening quote is at `at`; text.len + 1 where it is not closed. */
static size_t string_end(struct span text, size_t at)
{
    for (at++; at < text.len && text.at[at] != '"'; at++) {
        if (text.at[at] == '\\')
            at++;
    }
    return at < text.len ? at + 1 : text.len + 1;
}

static size_t container_end(struct span text, size_t at)
{
    size_t depth = 0;
    while (at < text.len) {
        uint8_t c = text.at[at];
        if (c == '"') {
            at = string_end(text, at);
            continue;
        }
        at++;
        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth == 0)
            return at;
    }
    return text.len + 1;
}

size_t json_value_end(struct span text, size_t at)
{
    CHECK(at < text.len);
    uint8_t first = text.at[at];
    if (first == '"')
        return string_end(text, at);
    if (first == '{' || first == '[')
        return container_end(text, at);
    while (at < text.len && !strchr(",]} \t\r\n", text.at[at] ? text.at[at] : 'x'))
        at++;
    return at;
}

/* ---------------------------------------------------------- an object that holds the rows ---- */

/* Names under which a row holds a list of objects of its own. */
static bool is_column_of_lists(struct span name)
{
    static const char *const names[] = {"messages",   "conversations", "conversation",   "prompt",
                                        "completion", "chosen",        "rejected",       "tools",
                                        "functions",  "instances",     "chosen_messages"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (span_is(name, names[i]))
            return true;
    }
    return false;
}

/* The lists of objects among an object's members. */
struct lists {
    size_t count;
    size_t start; /* of the first item of the first */
    bool is_row;  /* one has the name of a column: the object itself is a row */
    char names[NAMES_SIZE];
};

static void note_member(struct lists *lists, struct span text, struct span name, size_t value)
{
    if (text.at[value] != '[')
        return;
    size_t item = json_skip_space(text, value + 1);
    if (item >= text.len || text.at[item] != '{')
        return;
    if (lists->count++ == 0)
        lists->start = item;
    lists->is_row = lists->is_row || is_column_of_lists(name);

    size_t len = strlen(lists->names);
    size_t room = sizeof lists->names - len - 1;
    if (len > 0 && room > 2) {
        memcpy(lists->names + len, ", ", 3);
        len += 2;
        room -= 2;
    }
    memcpy(lists->names + len, name.at, min_size(name.len, room));
}

/* Walks the members of the object at `at`; stops without a word where they are malformed. */
static void find_lists(struct span text, size_t at, struct lists *lists)
{
    *lists = (struct lists){0};
    at = json_skip_space(text, at + 1);
    while (at < text.len && text.at[at] == '"') {
        size_t name_end = string_end(text, at);
        if (name_end > text.len)
            return;
        struct span name = span_part(text, at + 1, name_end - at - 2);
        at = json_skip_space(text, name_end);
        if (at >= text.len || text.at[at] != ':')
            return;
        at = json_skip_space(text, at + 1);
        if (at >= text.len)
            return;
        note_member(lists, text, name, at);
        at = json_value_end(text, at);
        at = json_skip_space(text, min_size(at, text.len));
        if (at >= text.len || text.at[at] != ',')
            return;
        at = json_skip_space(text, at + 1);
    }
}

/* --------------------------------------------------------------------------------- outline ---- */

/* True where the first line is an object by itself and others follow: JSONL. */
static bool is_line_by_line(struct span text, size_t start)
{
    struct span rest = span_from(text, start);
    const uint8_t *newline = rest.len > 0 ? memchr(rest.at, '\n', rest.len) : NULL;
    if (!newline)
        return false;
    size_t len = (size_t)(newline - rest.at);
    size_t next = json_skip_space(rest, len);
    while (len > 1 && (rest.at[len - 1] == ' ' || rest.at[len - 1] == '\r'))
        len--;
    return rest.at[len - 1] == '}' && next < rest.len && rest.at[next] == '{';
}

static bool find_in_object(struct span text, enum json_rows_kind *kind, size_t *start,
                           struct err *err)
{
    *kind = is_line_by_line(text, *start) ? JSON_ROWS_LINES : JSON_ROWS_STREAM;
    if (*kind == JSON_ROWS_LINES)
        return true;
    size_t end = json_value_end(text, *start);
    bool more_follows = end <= text.len && json_skip_space(text, end) < text.len;
    struct lists lists;
    find_lists(text, *start, &lists);
    if (more_follows || lists.count == 0 || lists.is_row)
        return true;
    if (lists.count > 1) {
        err_set(err, ERR_INPUT, "the object holds %zu lists of rows: %s", lists.count, lists.names);
        err_hint(err, "put each list into a file of its own; a folder of files is fine");
        return false;
    }
    *kind = JSON_ROWS_LIST;
    *start = lists.start;
    return true;
}

bool json_rows_find(struct span text, enum json_rows_kind *kind, size_t *start, struct err *err)
{
    size_t bom = span_starts_with(text, span_of("\xef\xbb\xbf")) ? 3 : 0;
    *start = json_skip_space(text, bom);
    if (*start == text.len) {
        *kind = JSON_ROWS_LINES;
        return true;
    }
    switch (text.at[*start]) {
    case '[':
        *kind = JSON_ROWS_LIST;
        *start = json_skip_space(text, *start + 1);
        return true;
    case '{':
        return find_in_object(text, kind, start, err);
    default:
        err_set(err, ERR_INPUT, "not JSON: it begins with neither '[' nor '{'");
        return false;
    }
}
