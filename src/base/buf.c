/*
 * buf.c - growable bytes with a limit: capacity doubles, the limit is never passed.
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

enum { FIRST_CAPACITY = 64 };

void buf_init(struct buf *b, size_t max_bytes)
{
    *b = (struct buf){.max = max_bytes};
}

void buf_release(struct buf *b)
{
    mem_free(b->at);
    *b = (struct buf){.max = b->max};
}

bool buf_reserve(struct buf *b, size_t len)
{
    if (len > b->max - b->len) {
        b->overflowed = true;
        return false;
    }
    if (len > b->cap - b->len) {
        size_t doubled = min_size(max_size(2 * b->cap, FIRST_CAPACITY), b->max);
        b->cap = max_size(b->len + len, doubled);
        b->at = mem_resize(b->at, b->cap + 1); /* one more for buf_string's NUL */
    }
    return true;
}

void buf_add(struct buf *b, struct span bytes)
{
    if (bytes.len == 0 || !buf_reserve(b, bytes.len))
        return;
    memcpy(b->at + b->len, bytes.at, bytes.len);
    b->len += bytes.len;
}

void buf_add_byte(struct buf *b, uint8_t byte)
{
    if (!buf_reserve(b, 1))
        return;
    b->at[b->len++] = byte;
}

void buf_add_text(struct buf *b, const char *text)
{
    buf_add(b, span_of(text));
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    CHECK(len >= 0);
    if (buf_reserve(b, (size_t)len)) {
        buf_string(b); /* the room for vsnprintf's NUL */
        vsnprintf((char *)b->at + b->len, (size_t)len + 1, format, again);
        b->len += (size_t)len;
    }
    va_end(again);
    va_end(args);
}

/* The lowest `len` bytes of `value`, lowest first. */
static void add_le(struct buf *b, uint64_t value, size_t len)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    buf_add(b, (struct span){bytes, len});
}

void buf_add_u16_le(struct buf *b, uint16_t value)
{
    add_le(b, value, 2);
}

void buf_add_u32_le(struct buf *b, uint32_t value)
{
    add_le(b, value, 4);
}

void buf_add_u64_le(struct buf *b, uint64_t value)
{
    add_le(b, value, 8);
}

void buf_add_utf8(struct buf *b, uint32_t code_point)
{
    CHECK(code_point <= 0x10ffff);
    uint32_t c = code_point;
    if (c < 0x80) {
        buf_add_byte(b, (uint8_t)c);
        return;
    }
    uint8_t bytes[4];
    size_t len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--) {
        bytes[i] = (uint8_t)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    bytes[0] = (uint8_t)(lead[len] | c);
    buf_add(b, (struct span){bytes, len});
}

void buf_add_html(struct buf *b, struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        switch (text.at[i]) {
        case '&':
            buf_add_text(b, "&amp;");
            break;
        case '<':
            buf_add_text(b, "&lt;");
            break;
        case '>':
            buf_add_text(b, "&gt;");
            break;
        case '"':
            buf_add_text(b, "&#34;");
            break;
        case '\'':
            buf_add_text(b, "&#39;");
            break;
        default:
            buf_add_byte(b, text.at[i]);
        }
    }
}

bool buf_check(const struct buf *b, struct err *err)
{
    if (b->overflowed)
        err_set(err, ERR_INPUT, "the result would be longer than the limit of %zu bytes", b->max);
    return !b->overflowed;
}

const char *buf_string(struct buf *b)
{
    if (!b->at) {
        b->cap = FIRST_CAPACITY;
        b->at = mem_resize(NULL, b->cap + 1);
    }
    b->at[b->len] = '\0';
    return (const char *)b->at;
}
