/*
 * json_rows.c - one JSON object a line: LLaMA-Factory's trainer_log.jsonl, ms-swift's
 * logging.jsonl, torchtune, and whatever a script of one's own writes. Also an array of such
 * objects: log_history alone, as many save it.
 *
 * A line that is no object is passed over and counted: a process that was killed leaves half a
 * line, two that write at once break some. With more than half of the lines broken it is not such
 * a log.
 */
#include "logs/json_rows.h"

#include <string.h>

enum { LONGEST_NAME = 200 };

/* ------------------------------------------------------------------------------------ a row -- */

static void read_member(struct json_reader *json, struct sheet *sheet, struct span name);

static void read_members(struct json_reader *json, struct sheet *sheet, struct span outer)
{
    char joined[LONGEST_NAME];
    struct span key;
    json_enter_object(json);
    while (json_next_key(json, &key)) {
        if (outer.len > 0 && outer.len + key.len < sizeof joined) {
            memcpy(joined, outer.at, outer.len);
            joined[outer.len] = '/';
            memcpy(joined + outer.len + 1, key.at, key.len);
            key = (struct span){(const uint8_t *)joined, outer.len + 1 + key.len};
        }
        read_member(json, sheet, key);
    }
}

static void read_member(struct json_reader *json, struct sheet *sheet, struct span name)
{
    enum json_type type = json_peek(json);
    if (type == JSON_OBJECT && memchr(name.at, '/', name.len) == NULL) {
        read_members(json, sheet, name); /* once: what lies deeper has a '/' in its name */
        return;
    }
    int column = sheet_column(sheet, name);
    if (column >= 0 && type == JSON_NUMBER)
        sheet_put(sheet, column, json_double(json));
    else if (column >= 0 && type == JSON_STRING)
        (void)sheet_put_text(sheet, column, json_string(json));
    else
        json_skip(json);
}

void json_rows_object(struct json_reader *json, struct sheet *sheet)
{
    sheet_row(sheet);
    read_members(json, sheet, (struct span){0});
    if (json->failed) /* perhaps in the middle of a number */
        sheet_drop_row(sheet);
}

/* ------------------------------------------------------------------------------------- lines -- */

static struct span line_at(struct span text, size_t start)
{
    const uint8_t *end = memchr(text.at + start, '\n', text.len - start);
    return span_part(text, start, end ? (size_t)(end - text.at) - start : text.len - start);
}

static bool is_blank(struct span line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (!strchr(" \t\r", line.at[i]) || line.at[i] == '\0')
            return false;
    }
    return true;
}

/* True where the line was an object; the first that was not gives the error. */
static bool read_line(struct sheet *sheet, struct span line, size_t number, struct err *err)
{
    struct arena arena = {0};
    struct json_reader json;
    json_open(&json, line, &arena);
    json.first_line = number;
    if (json_peek(&json) == JSON_OBJECT)
        json_rows_object(&json, sheet);
    else
        json_fail(&json, "expected an object");
    bool ok = json_close(&json, err);
    arena_release(&arena);
    return ok;
}

static bool read_lines(struct sheet *sheet, struct span text, struct err *err)
{
    size_t n_good = 0, n_bad = 0, number = 0, first_bad = 0;
    struct err first = {0}, other;
    for (size_t start = 0; start < text.len;) {
        struct span line = line_at(text, start);
        start += line.len + 1;
        number++;
        if (is_blank(line))
            continue;
        if (read_line(sheet, line, number, n_bad == 0 ? &first : &other)) {
            n_good++;
        } else if (n_bad++ == 0) {
            first_bad = number;
        }
    }
    if (n_bad > 0 && n_bad >= n_good) {
        *err = first;
        return false;
    }
    if (n_bad > 0)
        sheet_note(sheet,
                   "%zu line%s, the first of them line %zu, %s no JSON object and %s passed over",
                   n_bad, n_bad > 1 ? "s" : "", first_bad, n_bad > 1 ? "are" : "is",
                   n_bad > 1 ? "were" : "was");
    return true;
}

/* ------------------------------------------------------------------------------------- array -- */

static bool read_array(struct sheet *sheet, struct span text, struct err *err)
{
    struct arena arena = {0};
    struct json_reader json;
    json_open(&json, text, &arena);
    for (json_enter_array(&json); json_next_item(&json);) {
        if (json_peek(&json) == JSON_OBJECT)
            json_rows_object(&json, sheet);
        else
            json_fail(&json, "expected an object");
    }
    bool ok = json_close(&json, err);
    arena_release(&arena);
    return ok;
}

/* ------------------------------------------------------------------------------------ public -- */

static struct span skip_space(struct span text)
{
    if (span_starts_with(text, span_of("\xef\xbb\xbf")))
        text = span_from(text, 3);
    while (text.len > 0 &&
           (text.at[0] == ' ' || text.at[0] == '\t' || text.at[0] == '\r' || text.at[0] == '\n'))
        text = span_from(text, 1);
    return text;
}

/* An object's brace and then a name's quote: a Python dict has an apostrophe there. */
bool json_rows_is(struct span text)
{
    text = skip_space(text);
    if (text.len > 0 && text.at[0] == '[')
        text = skip_space(span_from(text, 1));
    if (text.len == 0 || text.at[0] != '{')
        return false;
    text = skip_space(span_from(text, 1));
    return text.len > 0 && text.at[0] == '"';
}

bool json_rows_read(struct sheet *sheet, struct span text, struct err *err)
{
    text = skip_space(text);
    if (text.len > 0 && text.at[0] == '[')
        return read_array(sheet, text, err);
    return read_lines(sheet, text, err);
}
