/*
 * buf.h - a growable byte string with a limit.
 *
 * Every buffer is given its largest size when it is made: output that a hostile input can stretch
 * stops there. Adding never fails on the spot: what does not fit is dropped, the buffer remembers
 * it, and buf_check says so once, at the end. A zeroed struct with `max` set is an empty buffer.
 */
#ifndef PACE_BASE_BUF_H
#define PACE_BASE_BUF_H

#include "base/err.h"
#include "base/span.h"

struct buf {
    uint8_t *at;
    size_t len;
    size_t cap;
    size_t max;      /* bytes; what would go beyond is dropped */
    bool overflowed; /* something was dropped */
};

/* A limit for buffers whose size only our own code decides. */
#define BUF_NO_LIMIT ((size_t)1 << 46)

void buf_init(struct buf *b, size_t max_bytes);
void buf_release(struct buf *b);

/* Empties the buffer and forgets an overflow; keeps the memory. */
static inline void buf_clear(struct buf *b)
{
    b->len = 0;
    b->overflowed = false;
}

static inline struct span buf_span(const struct buf *b)
{
    return (struct span){b->at, b->len};
}

/* Makes room for `len` more bytes. False where the limit forbids it. */
bool buf_reserve(struct buf *b, size_t len);

void buf_add(struct buf *b, struct span bytes);
void buf_add_byte(struct buf *b, uint8_t byte);
void buf_add_text(struct buf *b, const char *text);
void buf_printf(struct buf *b, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_add_u16_le(struct buf *b, uint16_t value);
void buf_add_u32_le(struct buf *b, uint32_t value);
void buf_add_u64_le(struct buf *b, uint64_t value);

/* Appends a Unicode code point (0 … 0x10FFFF) as UTF-8. */
void buf_add_utf8(struct buf *b, uint32_t code_point);

/* Appends text with & < > " ' as entities of HTML, in the spelling of Python's markupsafe. */
void buf_add_html(struct buf *b, struct span text);

/* False, with an ERR_INPUT that names the limit, where something was dropped. */
MUST_CHECK bool buf_check(const struct buf *b, struct err *err);

/* A NUL is put behind the bytes (not counted in len); never NULL. */
const char *buf_string(struct buf *b);

#endif
