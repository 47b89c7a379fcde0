/*
 * span.h - bytes that somebody else owns, and a cursor that cannot leave them.
 *
 * Every parser of a file's bytes goes through a cursor: each read names how much it wants and fails
 * when that much is not there, so a length that a hostile file claims is checked before it is used.
 */
#ifndef PACE_BASE_SPAN_H
#define PACE_BASE_SPAN_H

#include <string.h>

#include "base/base.h"

struct span {
    const uint8_t *at;
    size_t len;
};

/* The bytes of a C string, without its NUL. */
static inline struct span span_of(const char *text)
{
    return (struct span){(const uint8_t *)text, strlen(text)};
}

/* `len` bytes from `start`; both are CHECKed. */
static inline struct span span_part(struct span s, size_t start, size_t len)
{
    CHECK(start <= s.len && len <= s.len - start);
    return (struct span){start > 0 ? s.at + start : s.at, len}; /* never NULL + 0 */
}

/* All from `start` on. */
static inline struct span span_from(struct span s, size_t start)
{
    return span_part(s, start, s.len - start);
}

static inline bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static inline bool span_is(struct span s, const char *text)
{
    return span_equal(s, span_of(text));
}

static inline bool span_starts_with(struct span s, struct span prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.at, prefix.at, prefix.len) == 0);
}

static inline bool span_ends_with(struct span s, struct span suffix)
{
    return s.len >= suffix.len &&
           (suffix.len == 0 || memcmp(s.at + s.len - suffix.len, suffix.at, suffix.len) == 0);
}

/* Order of bytes, then of length: <0, 0, >0. */
int span_compare(struct span a, struct span b);

/* Position of the first `needle` in `s`, or s.len where there is none. */
size_t span_find(struct span s, struct span needle);

/* For printf's "%.*s": a span's length as int (cut at INT_MAX) and its characters. */
#define SPAN_ARGS(s) ((int)min_size((s).len, INT32_MAX)), (const char *)(s).at

struct cursor {
    struct span bytes;
    size_t offset; /* of the next byte; never beyond bytes.len */
};

static inline struct cursor cursor_of(struct span bytes)
{
    return (struct cursor){bytes, 0};
}

static inline size_t cursor_left(const struct cursor *c)
{
    return c->bytes.len - c->offset;
}

/* Each of these is false, and moves nothing, where fewer bytes are left than it needs. */
MUST_CHECK bool cursor_take(struct cursor *c, size_t len, struct span *out);
MUST_CHECK bool cursor_skip(struct cursor *c, size_t len);
MUST_CHECK bool cursor_u8(struct cursor *c, uint8_t *out);
MUST_CHECK bool cursor_u16_le(struct cursor *c, uint16_t *out);
MUST_CHECK bool cursor_u32_le(struct cursor *c, uint32_t *out);
MUST_CHECK bool cursor_u64_le(struct cursor *c, uint64_t *out);

#endif
