/*
 * grapheme.c - extended grapheme clusters, by utf8proc.
 */
#include "text/grapheme.h"

#include <utf8proc.h>

#include "text/transform.h"

size_t grapheme_length(struct span text)
{
    size_t at = 0, next;
    utf8proc_int32_t state = 0;
    if (text.len == 0)
        return 0;
    uint32_t before = transform_decode(text, 0, &at);
    for (; at < text.len; at = next) {
        uint32_t c = transform_decode(text, at, &next);
        if (utf8proc_grapheme_break_stateful((utf8proc_int32_t)before, (utf8proc_int32_t)c, &state))
            break;
        before = c;
    }
    return at;
}
