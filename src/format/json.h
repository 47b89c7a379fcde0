/*
 * json.h - JSON, read by pulling and written by pushing; never a tree.
 *
 * Reading. The caller asks for what it expects and the reader moves on:
 *
 *     struct json_reader r;
 *     json_open(&r, text, &arena);
 *     struct span key;
 *     json_enter_object(&r);
 *     while (json_next_key(&r, &key)) {
 *         if (span_is(key, "rank"))
 *             rank = json_int(&r);
 *         else
 *             json_skip(&r);
 *     }
 *     return json_close(&r, err);
 *
 * The first thing that is wrong (syntax, or a type other than the one asked for) is kept; from then
 * on every loop ends and every value is zero or empty, so one check at the end is enough. The error
 * says line, column and the path inside the document ("model.merges[3]").
 *
 * Accepted beyond RFC 8259: NaN, Infinity and -Infinity, which Python writes. Refused: nesting
 * deeper than JSON_DEPTH, invalid UTF-8, unpaired surrogates. A number keeps its text, so that no
 * digit is lost. Memory: a string without escapes is a part of the input; one with escapes is
 * written into the arena, and is never longer than it was.
 */
#ifndef PACE_FORMAT_JSON_H
#define PACE_FORMAT_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum { JSON_DEPTH = 128 };

enum json_type {
    JSON_BROKEN, /* after an error, or at the end of the text */
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

/* One level of nesting. */
struct json_level {
    bool is_object;
    size_t count;    /* of members begun */
    struct span key; /* of the present member */
};

struct json_reader {
    struct span text;
    size_t offset;
    size_t first_line; /* the text's first line's number: 1, or set after json_open */
    struct arena *arena;
    size_t depth;
    struct json_level levels[JSON_DEPTH];
    bool failed;
    struct err error;
};

/* Passes over a byte order mark. The text must outlive the strings taken from it. */
void json_open(struct json_reader *r, struct span text, struct arena *arena);

/* The type of the next value; moves nothing. */
enum json_type json_peek(struct json_reader *r);

void json_enter_object(struct json_reader *r);
/* The next member's name; its value must be read or skipped. False at the end of the object. */
bool json_next_key(struct json_reader *r, struct span *key);

void json_enter_array(struct json_reader *r);
/* False at the end of the array. */
bool json_next_item(struct json_reader *r);

struct span json_string(struct json_reader *r);
bool json_bool(struct json_reader *r);
double json_double(struct json_reader *r); /* an integer is fine; too large is an infinity */
int64_t json_int(struct json_reader *r);   /* a fraction, or beyond 64 bits, is an error */
bool json_null(struct json_reader *r);     /* true, and passed over, where the next value is null */

/* The text of a number as it stands: "1.50", "-3", "NaN". */
struct span json_number_text(struct json_reader *r);

void json_skip(struct json_reader *r);

/* The text of the whole next value, which is passed over: to be read again later. */
struct span json_raw(struct json_reader *r);

/* The document's content is wrong at the present place: the caller's own error. */
void json_fail(struct json_reader *r, const char *format, ...) PRINTF_LIKE(2, 3);

/* False where anything was wrong, or where text follows the value. */
MUST_CHECK bool json_close(struct json_reader *r, struct err *err);

/*
 * Writing. Commas, indentation and escapes are the writer's; text is UTF-8 as given (bytes that are
 * not become U+FFFD). Doubles are the shortest text that reads back the same; one that is not
 * finite becomes null, or Python's NaN and Infinity where `python_nan` is set. Unbalanced calls
 * CHECK.
 */
struct json_writer {
    struct buf *out;
    int indent;   /* spaces a level; 0 writes one line with ", " and ": " as Python does */
    bool compact; /* one line with "," and ":", as Rust's serde_json writes */
    bool python_nan;
    bool after_key;
    size_t depth;
    bool has_members[JSON_DEPTH];
    bool is_object[JSON_DEPTH];
};

void json_begin_object(struct json_writer *w);
void json_begin_array(struct json_writer *w);
void json_end(struct json_writer *w);
void json_key(struct json_writer *w, const char *key);
void json_key_span(struct json_writer *w, struct span key);
void json_put_string(struct json_writer *w, struct span text);
void json_put_text(struct json_writer *w, const char *text);
void json_put_int(struct json_writer *w, int64_t value);
void json_put_double(struct json_writer *w, double value);
void json_put_bool(struct json_writer *w, bool value);
void json_put_null(struct json_writer *w);

/* A member at once: json_key and its value. A text that is NULL is null. */
void json_member_text(struct json_writer *w, const char *key, const char *text);
void json_member_int(struct json_writer *w, const char *key, int64_t value);
void json_member_double(struct json_writer *w, const char *key, double value);
void json_member_bool(struct json_writer *w, const char *key, bool value);
void json_member_null(struct json_writer *w, const char *key);

#endif
