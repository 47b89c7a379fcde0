/*
 * utf8.c - the table of RFC 3629, section 4: the second byte's range depends on the first.
 */
#include "base/utf8.h"

size_t utf8_count(struct span s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += !utf8_is_inner(s.at[i]);
    return n;
}

size_t utf8_length(struct span s)
{
    if (s.len == 0)
        return 0;
    uint8_t lead = s.at[0];
    if (lead < 0x80)
        return 1;
    size_t len = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    if (len == 0 || len > s.len)
        return 0;

    uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (s.at[1] < low || s.at[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++) {
        if (!utf8_is_inner(s.at[i]))
            return 0;
    }
    return len;
}

uint32_t utf8_decode(const uint8_t *at)
{
    uint32_t lead = at[0];
    if (lead < 0x80)
        return lead;
    if (lead < 0xe0)
        return (lead & 0x1f) << 6 | (at[1] & 0x3fu);
    if (lead < 0xf0)
        return (lead & 0x0f) << 12 | (at[1] & 0x3fu) << 6 | (at[2] & 0x3fu);
    return (lead & 0x07) << 18 | (at[1] & 0x3fu) << 12 | (at[2] & 0x3fu) << 6 | (at[3] & 0x3fu);
}

size_t utf8_first_invalid(struct span s)
{
    size_t i = 0;
    while (i < s.len) {
        /* Eight ASCII bytes at a time: most text is ASCII. */
        uint64_t word;
        if (s.len - i >= sizeof word) {
            memcpy(&word, s.at + i, sizeof word);
            if ((word & 0x8080808080808080u) == 0) {
                i += sizeof word;
                continue;
            }
        }
        size_t len = utf8_length(span_from(s, i));
        if (len == 0)
            return i;
        i += len;
    }
    return s.len;
}

static bool is_printable(uint32_t c)
{
    bool is_control = c < 0x20 || (c >= 0x7f && c < 0xa0);
    bool is_break = c == 0x2028 || c == 0x2029;
    bool turns = c == 0x200e || c == 0x200f || c == 0x61c || (c >= 0x202a && c <= 0x202e) ||
                 (c >= 0x2066 && c <= 0x2069);
    return !is_control && !is_break && !turns;
}

void utf8_make_printable(char *text)
{
    struct span rest = span_of(text);
    char *to = text;
    while (rest.len > 0) {
        size_t len = utf8_length(rest);
        if (len > 0 && is_printable(utf8_decode(rest.at))) {
            memmove(to, rest.at, len);
            to += len;
        } else {
            *to++ = '?';
        }
        rest = span_from(rest, max_size(len, 1));
    }
    *to = '\0';
}
