/*
 * span.c - spans and bounded cursors. Integers are read byte by byte: the formats are little-endian
 * and unaligned, and compilers turn this into one load where the machine allows.
 */
#define _GNU_SOURCE /* memmem */
#include "base/span.h"

int span_compare(struct span a, struct span b)
{
    size_t common = min_size(a.len, b.len);
    int order = common ? memcmp(a.at, b.at, common) : 0;
    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

size_t span_find(struct span s, struct span needle)
{
    if (needle.len == 0)
        return 0;
    if (s.len < needle.len)
        return s.len;
    const uint8_t *found = memmem(s.at, s.len, needle.at, needle.len);
    return found ? (size_t)(found - s.at) : s.len;
}

bool cursor_take(struct cursor *c, size_t len, struct span *out)
{
    if (cursor_left(c) < len)
        return false;
    *out = span_part(c->bytes, c->offset, len);
    c->offset += len;
    return true;
}

bool cursor_skip(struct cursor *c, size_t len)
{
    struct span skipped;
    return cursor_take(c, len, &skipped);
}

/* The next `len` (at most 8) bytes as a little-endian number. */
static bool take_le(struct cursor *c, size_t len, uint64_t *out)
{
    struct span bytes;
    if (!cursor_take(c, len, &bytes))
        return false;
    uint64_t value = 0;
    for (size_t i = len; i > 0; i--)
        value = value << 8 | bytes.at[i - 1];
    *out = value;
    return true;
}

bool cursor_u8(struct cursor *c, uint8_t *out)
{
    uint64_t value;
    if (!take_le(c, 1, &value))
        return false;
    *out = (uint8_t)value;
    return true;
}

bool cursor_u16_le(struct cursor *c, uint16_t *out)
{
    uint64_t value;
    if (!take_le(c, 2, &value))
        return false;
    *out = (uint16_t)value;
    return true;
}

bool cursor_u32_le(struct cursor *c, uint32_t *out)
{
    uint64_t value;
    if (!take_le(c, 4, &value))
        return false;
    *out = (uint32_t)value;
    return true;
}

bool cursor_u64_le(struct cursor *c, uint64_t *out)
{
    return take_le(c, 8, out);
}
