/*
 * json.c - a pull reader and a push writer.
 *
 * Why not a tree: a tokenizer.json holds 300,000 strings and a log a million points; a tree of
 * either costs more time than all that is done with it, and a hostile file could make it cost far
 * more than its size. Why our own writer beside it: numbers must come out as Python's repr writes
 * them (0.1, not 0.10000000000000001), or a file that Python reads and writes back would differ.
 *
 * The reader is a cursor and a stack of levels. Every public call starts by looking at `failed`;
 * `fail_at` moves the offset to the end, so that even a loop that forgets to look comes to its end.
 */
#include "format/json.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/num.h"
#include "base/utf8.h"

/* ----------------------------------------------------------------------------------- errors -- */

static void describe_path(const struct json_reader *r, char *path, size_t size)
{
    size_t len = 0;
    path[0] = '\0';
    for (size_t i = 0; i < r->depth && len < size; i++) {
        const struct json_level *level = &r->levels[i];
        if (level->count == 0)
            break;
        int added;
        if (level->is_object)
            added = snprintf(path + len, size - len, "%s%.*s", len > 0 ? "." : "",
                             (int)min_size(level->key.len, 60), (const char *)level->key.at);
        else
            added = snprintf(path + len, size - len, "[%zu]", level->count - 1);
        len += added > 0 ? (size_t)added : 0;
    }
}

/* Keeps the first error, with the place of `offset`, and makes the reader come to its end. */
static void fail_at(struct json_reader *r, size_t offset, const char *what)
{
    if (r->failed)
        return;
    size_t line = r->first_line, line_start = 0;
    for (size_t i = 0; i < offset; i++) {
        if (r->text.at[i] == '\n') {
            line++;
            line_start = i + 1;
        }
    }
    char path[240];
    describe_path(r, path, sizeof path);
    err_set(&r->error, ERR_INPUT, "%s", what);
    if (path[0])
        err_in(&r->error, "%s", path);
    if (line > 1)
        err_in(&r->error, "line %zu, column %zu", line, offset - line_start + 1);
    else
        err_in(&r->error, "column %zu", offset + 1);
    r->failed = true;
    r->offset = r->text.len;
}

void json_fail(struct json_reader *r, const char *format, ...)
{
    char what[sizeof r->error.what];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    fail_at(r, r->offset, what);
}

static const char *type_name(enum json_type type)
{
    static const char *const names[] = {"the end of the text",
                                        "null",
                                        "true or false",
                                        "a number",
                                        "a string",
                                        "a list",
                                        "an object"};
    return names[type];
}

/* False, and an error, where the next value is of another type. */
static bool expect(struct json_reader *r, enum json_type wanted)
{
    enum json_type found = json_peek(r);
    if (found != wanted && !r->failed) {
        char what[96];
        snprintf(what, sizeof what, "expected %s, found %s", type_name(wanted), type_name(found));
        fail_at(r, r->offset, what);
    }
    return !r->failed;
}

/* ---------------------------------------------------------------------------------- reading -- */

void json_open(struct json_reader *r, struct span text, struct arena *arena)
{
    r->text = text;
    r->offset = span_starts_with(text, span_of("\xef\xbb\xbf")) ? 3 : 0;
    r->first_line = 1;
    r->arena = arena;
    r->depth = 0;
    r->failed = false;
}

static void skip_space(struct json_reader *r)
{
    const uint8_t *at = r->text.at;
    size_t i = r->offset;
    while (i < r->text.len && (at[i] == ' ' || at[i] == '\n' || at[i] == '\r' || at[i] == '\t'))
        i++;
    r->offset = i;
}

/* The next byte that is not white space, or '\0' at the end. */
static uint8_t next_byte(struct json_reader *r)
{
    skip_space(r);
    return r->offset < r->text.len ? r->text.at[r->offset] : '\0';
}

enum json_type json_peek(struct json_reader *r)
{
    uint8_t c = next_byte(r);
    switch (c) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
    case 'f':
        return JSON_BOOL;
    case 'n':
        return JSON_NULL;
    case '-':
    case 'N':
    case 'I':
        return JSON_NUMBER;
    default:
        if (c >= '0' && c <= '9')
            return JSON_NUMBER;
    }
    if (!r->failed)
        fail_at(r, r->offset, r->offset < r->text.len ? "expected a value" : "the text ends early");
    return JSON_BROKEN;
}

static void enter(struct json_reader *r, enum json_type type)
{
    if (!expect(r, type))
        return;
    if (r->depth == JSON_DEPTH) {
        fail_at(r, r->offset, "nested too deeply");
        return;
    }
    r->offset++;
    r->levels[r->depth++] = (struct json_level){.is_object = type == JSON_OBJECT};
}

void json_enter_object(struct json_reader *r)
{
    enter(r, JSON_OBJECT);
}

void json_enter_array(struct json_reader *r)
{
    enter(r, JSON_ARRAY);
}

/* Passes over the comma before the next member; false, and one level up, at the closing bracket. */
static bool next_member(struct json_reader *r, uint8_t closing)
{
    if (r->failed)
        return false;
    CHECK(r->depth > 0 && r->levels[r->depth - 1].is_object == (closing == '}'));
    struct json_level *level = &r->levels[r->depth - 1];
    uint8_t c = next_byte(r);
    if (c == closing) {
        r->offset++;
        r->depth--;
        return false;
    }
    if (level->count > 0) {
        if (c != ',') {
            char what[48];
            snprintf(what, sizeof what, "expected ',' or '%c'", closing);
            fail_at(r, r->offset, r->offset < r->text.len ? what : "the text ends early");
            return false;
        }
        r->offset++;
    }
    level->count++;
    return true;
}

bool json_next_item(struct json_reader *r)
{
    return next_member(r, ']');
}

bool json_next_key(struct json_reader *r, struct span *key)
{
    *key = (struct span){0};
    if (!next_member(r, '}'))
        return false;
    struct json_level *level = &r->levels[r->depth - 1];
    level->key = (struct span){0};
    if (next_byte(r) != '"')
        fail_at(r, r->offset, "expected a member's name in quotes");
    *key = level->key = json_string(r);
    if (!r->failed && next_byte(r) != ':')
        fail_at(r, r->offset, "expected ':'");
    if (!r->failed)
        r->offset++;
    return !r->failed;
}

/* ---------------------------------------------------------------------------------- strings -- */

static bool read_hex4(struct json_reader *r, size_t at, uint32_t *out)
{
    if (r->text.len - at < 4)
        return false;
    uint32_t value = 0;
    for (size_t i = at; i < at + 4; i++) {
        uint8_t c = r->text.at[i];
        uint8_t lower = c | 0x20;
        if (c >= '0' && c <= '9')
            value = value << 4 | (uint32_t)(c - '0');
        else if (lower >= 'a' && lower <= 'f')
            value = value << 4 | (uint32_t)(lower - 'a' + 10);
        else
            return false;
    }
    *out = value;
    return true;
}

/* Reads what follows "\u" at *at, a pair of surrogates included. */
static bool read_code_point(struct json_reader *r, size_t *at, uint32_t *out)
{
    uint32_t high, low;
    if (!read_hex4(r, *at, &high)) {
        fail_at(r, *at, "expected four hexadecimal digits after \\u");
        return false;
    }
    *at += 4;
    *out = high;
    if (high < 0xd800 || high > 0xdfff)
        return true;
    bool is_pair = high < 0xdc00 && r->text.len - *at >= 6 && r->text.at[*at] == '\\' &&
                   r->text.at[*at + 1] == 'u' && read_hex4(r, *at + 2, &low) && low >= 0xdc00 &&
                   low <= 0xdfff;
    if (!is_pair) {
        fail_at(r, *at - 6, "unpaired surrogate in a string");
        return false;
    }
    *at += 6;
    *out = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

/* Reads one escape at *at (behind the backslash) into the buffer. */
static bool read_escape(struct json_reader *r, size_t *at, struct buf *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    uint8_t c = *at < r->text.len ? r->text.at[*at] : '\0';
    if (c == 'u') {
        uint32_t code_point;
        (*at)++;
        if (!read_code_point(r, at, &code_point))
            return false;
        buf_add_utf8(out, code_point);
        return true;
    }
    const char *found = c ? strchr(from, c) : NULL;
    if (!found) {
        fail_at(r, *at, "unknown escape in a string");
        return false;
    }
    buf_add_byte(out, (uint8_t)to[found - from]);
    (*at)++;
    return true;
}

/* Position of the first byte from `at` on that ends a plain run: a quote, a backslash, an error. */
static size_t plain_run(struct json_reader *r, size_t at)
{
    const uint8_t *text = r->text.at;
    while (at < r->text.len) {
        uint8_t c = text[at];
        if (c == '"' || c == '\\' || c < 0x20)
            return at;
        if (c < 0x80) {
            at++;
            continue;
        }
        size_t len = utf8_length(span_from(r->text, at));
        if (len == 0) {
            fail_at(r, at, "invalid UTF-8 in a string");
            return r->text.len;
        }
        at += len;
    }
    return at;
}

/* The rest of a string whose first escape stands at `at`, with the text from `start` before it. */
static struct span string_with_escapes(struct json_reader *r, size_t start, size_t at)
{
    struct buf out;
    buf_init(&out, BUF_NO_LIMIT);
    struct span result = {0};
    for (;;) {
        buf_add(&out, span_part(r->text, start, at - start));
        uint8_t c = at < r->text.len ? r->text.at[at] : '\0';
        if (c == '"')
            break;
        if (c != '\\') {
            fail_at(r, at, at < r->text.len ? "control character in a string" : "unclosed string");
            goto done;
        }
        at++;
        if (!read_escape(r, &at, &out))
            goto done;
        start = at;
        at = plain_run(r, at);
        if (r->failed)
            goto done;
    }
    r->offset = at + 1;
    result = arena_copy(r->arena, buf_span(&out));

done:
    buf_release(&out);
    return result;
}

struct span json_string(struct json_reader *r)
{
    if (r->failed || !expect(r, JSON_STRING))
        return (struct span){0};
    size_t start = r->offset + 1;
    size_t at = plain_run(r, start);
    if (r->failed)
        return (struct span){0};
    if (at < r->text.len && r->text.at[at] == '"') {
        r->offset = at + 1;
        return span_part(r->text, start, at - start);
    }
    return string_with_escapes(r, start, at);
}

/* --------------------------------------------------------------------------- other scalars -- */

/* Passes over `word` where it comes next and no letter or digit follows. */
static bool take_word(struct json_reader *r, const char *word)
{
    struct span rest = span_from(r->text, r->offset);
    size_t len = strlen(word);
    if (!span_starts_with(rest, span_of(word)))
        return false;
    if (rest.len > len) {
        uint8_t c = rest.at[len], lower = c | 0x20;
        if (c == '_' || (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z'))
            return false;
    }
    r->offset += len;
    return true;
}

bool json_bool(struct json_reader *r)
{
    if (r->failed || !expect(r, JSON_BOOL))
        return false;
    if (take_word(r, "true"))
        return true;
    if (!take_word(r, "false"))
        fail_at(r, r->offset, "expected a value");
    return false;
}

bool json_null(struct json_reader *r)
{
    if (r->failed || json_peek(r) != JSON_NULL)
        return false;
    if (take_word(r, "null"))
        return true;
    fail_at(r, r->offset, "expected a value");
    return false;
}

static size_t skip_digits(struct span text, size_t at)
{
    while (at < text.len && text.at[at] >= '0' && text.at[at] <= '9')
        at++;
    return at;
}

/* End of the number at `at` by the grammar of RFC 8259, or `at` where there is none. */
static size_t number_end(struct span text, size_t at)
{
    size_t start = at;
    at += at < text.len && text.at[at] == '-';
    size_t digits = skip_digits(text, at) - at;
    if (digits == 0 || (digits > 1 && text.at[at] == '0'))
        return start;
    at += digits;
    if (at < text.len && text.at[at] == '.') {
        size_t end = skip_digits(text, at + 1);
        if (end == at + 1)
            return start;
        at = end;
    }
    if (at < text.len && (text.at[at] | 0x20) == 'e') {
        size_t sign = at + 1 < text.len && (text.at[at + 1] == '+' || text.at[at + 1] == '-');
        size_t end = skip_digits(text, at + 1 + sign);
        if (end == at + 1 + sign)
            return start;
        at = end;
    }
    return at;
}

struct span json_number_text(struct json_reader *r)
{
    if (r->failed || !expect(r, JSON_NUMBER))
        return (struct span){0};
    size_t start = r->offset;
    bool is_word = strchr("NI-", r->text.at[start]) != NULL; /* most numbers begin with a digit */
    if (is_word && (take_word(r, "NaN") || take_word(r, "Infinity") || take_word(r, "-Infinity")))
        return span_part(r->text, start, r->offset - start);
    size_t end = number_end(r->text, start);
    if (end == start) {
        fail_at(r, start, "malformed number");
        return (struct span){0};
    }
    r->offset = end;
    return span_part(r->text, start, end - start);
}

double json_double(struct json_reader *r)
{
    struct span text = json_number_text(r);
    double value;
    if (text.len == 0)
        return 0;
    if (num_parse_double(text, &value))
        return value;
    if (span_is(text, "NaN"))
        return NAN;
    return text.at[0] == '-' ? -INFINITY : INFINITY;
}

int64_t json_int(struct json_reader *r)
{
    struct span text = json_number_text(r);
    int64_t value = 0;
    if (text.len > 0 && !num_parse_i64(text, &value)) {
        char what[96];
        snprintf(what, sizeof what, "expected a whole number, found %.*s",
                 (int)min_size(text.len, 40), (const char *)text.at);
        fail_at(r, r->offset - text.len, what);
        return 0;
    }
    return value;
}

/* --------------------------------------------------------------------------------- skipping -- */

/* Passes over a scalar, or steps into a container. */
static void skip_one(struct json_reader *r)
{
    switch (json_peek(r)) {
    case JSON_OBJECT:
        json_enter_object(r);
        break;
    case JSON_ARRAY:
        json_enter_array(r);
        break;
    case JSON_STRING:
        (void)json_string(r);
        break;
    case JSON_NUMBER:
        (void)json_number_text(r);
        break;
    case JSON_BOOL:
        (void)json_bool(r);
        break;
    case JSON_NULL:
        (void)json_null(r);
        break;
    case JSON_BROKEN:
        break;
    }
}

void json_skip(struct json_reader *r)
{
    if (r->failed)
        return;
    size_t outside = r->depth;
    skip_one(r);
    while (r->depth > outside && !r->failed) {
        struct span key;
        bool more = r->levels[r->depth - 1].is_object ? json_next_key(r, &key) : json_next_item(r);
        if (more)
            skip_one(r);
    }
}

struct span json_raw(struct json_reader *r)
{
    skip_space(r);
    size_t start = r->offset;
    json_skip(r);
    return r->failed ? (struct span){0} : span_part(r->text, start, r->offset - start);
}

bool json_close(struct json_reader *r, struct err *err)
{
    if (!r->failed && next_byte(r) != '\0')
        fail_at(r, r->offset, "text after the end of the value");
    if (!r->failed && r->offset < r->text.len)
        fail_at(r, r->offset, "NUL character after the end of the value");
    if (r->failed)
        *err = r->error;
    return !r->failed;
}

/* ---------------------------------------------------------------------------------- writing -- */

static void new_line(struct json_writer *w)
{
    if (w->indent == 0)
        return;
    buf_add_byte(w->out, '\n');
    for (size_t i = 0; i < w->depth * (size_t)w->indent; i++)
        buf_add_byte(w->out, ' ');
}

/* The comma and the line break that stand before a member of the present level. */
static void begin_member(struct json_writer *w)
{
    if (w->after_key || w->depth == 0) {
        w->after_key = false;
        return;
    }
    if (w->has_members[w->depth - 1])
        buf_add_text(w->out, w->indent || w->compact ? "," : ", ");
    w->has_members[w->depth - 1] = true;
    new_line(w);
}

static void begin(struct json_writer *w, bool is_object)
{
    CHECK(w->depth < JSON_DEPTH);
    begin_member(w);
    buf_add_byte(w->out, is_object ? '{' : '[');
    w->has_members[w->depth] = false;
    w->is_object[w->depth++] = is_object;
}

void json_begin_object(struct json_writer *w)
{
    begin(w, true);
}

void json_begin_array(struct json_writer *w)
{
    begin(w, false);
}

void json_end(struct json_writer *w)
{
    CHECK(w->depth > 0 && !w->after_key);
    w->depth--;
    if (w->has_members[w->depth])
        new_line(w);
    buf_add_byte(w->out, w->is_object[w->depth] ? '}' : ']');
}

static void put_quoted(struct buf *out, struct span text)
{
    buf_add_byte(out, '"');
    for (size_t i = 0; i < text.len;) {
        uint8_t c = text.at[i];
        size_t len = utf8_length(span_from(text, i));
        const char *short_escape = c ? strchr("\"\\\b\f\n\r\t", c) : NULL;
        if (len == 0)
            buf_add_utf8(out, 0xfffd);
        else if (short_escape)
            buf_printf(out, "\\%c", "\"\\bfnrt"[short_escape - "\"\\\b\f\n\r\t"]);
        else if (c < 0x20)
            buf_printf(out, "\\u%04x", c);
        else
            buf_add(out, span_part(text, i, len));
        i += max_size(len, 1);
    }
    buf_add_byte(out, '"');
}

void json_key_span(struct json_writer *w, struct span key)
{
    CHECK(w->depth > 0 && w->is_object[w->depth - 1] && !w->after_key);
    begin_member(w);
    put_quoted(w->out, key);
    buf_add_text(w->out, w->compact ? ":" : ": ");
    w->after_key = true;
}

void json_key(struct json_writer *w, const char *key)
{
    json_key_span(w, span_of(key));
}

void json_put_string(struct json_writer *w, struct span text)
{
    begin_member(w);
    put_quoted(w->out, text);
}

void json_put_text(struct json_writer *w, const char *text)
{
    json_put_string(w, span_of(text));
}

void json_put_int(struct json_writer *w, int64_t value)
{
    begin_member(w);
    buf_printf(w->out, "%lld", (long long)value);
}

void json_put_double(struct json_writer *w, double value)
{
    begin_member(w);
    if (isfinite(value)) {
        char text[NUM_TEXT_SIZE];
        size_t len = num_format_double(text, value);
        buf_add(w->out, (struct span){(const uint8_t *)text, len});
    } else if (!w->python_nan) {
        buf_add_text(w->out, "null");
    } else {
        buf_add_text(w->out, isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
    }
}

void json_put_bool(struct json_writer *w, bool value)
{
    begin_member(w);
    buf_add_text(w->out, value ? "true" : "false");
}

void json_put_null(struct json_writer *w)
{
    begin_member(w);
    buf_add_text(w->out, "null");
}

void json_member_text(struct json_writer *w, const char *key, const char *text)
{
    json_key(w, key);
    if (text)
        json_put_text(w, text);
    else
        json_put_null(w);
}

void json_member_int(struct json_writer *w, const char *key, int64_t value)
{
    json_key(w, key);
    json_put_int(w, value);
}

void json_member_double(struct json_writer *w, const char *key, double value)
{
    json_key(w, key);
    json_put_double(w, value);
}

void json_member_bool(struct json_writer *w, const char *key, bool value)
{
    json_key(w, key);
    json_put_bool(w, value);
}

void json_member_null(struct json_writer *w, const char *key)
{
    json_key(w, key);
    json_put_null(w);
}
