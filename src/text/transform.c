/*
 * transform.c - the library's bookkeeping of characters replaced, removed and added.
 *
 * It matters where a step's account does not add up: composing and reordering marks, or a
 * SentencePiece map that makes two characters of one, shift the origins of what follows, and masks
 * computed from offsets shift with them. So the account is kept in the same way, wrong where it is
 * wrong.
 */
#include "text/transform.h"

#include "base/utf8.h"
#include "text/unicode.h"

uint32_t transform_decode(struct span text, size_t at, size_t *next)
{
    uint8_t byte = text.at[at];
    if (byte < 0x80) {
        *next = at + 1;
        return byte;
    }
    size_t len = utf8_length(span_from(text, at));
    *next = at + max_size(len, 1);
    return len > 0 ? utf8_decode(text.at + at) : 0xfffd;
}

void transform_put(struct transform *tr, uint32_t code_point, int change)
{
    uint8_t bytes[4];
    struct span character = {bytes, unicode_encode(bytes, code_point)};
    struct text *t = tr->text;
    size_t end = t->bytes.len;
    if (change > 0 && tr->offset == 0) {
        text_put_behind(t, character); /* no character before it: an empty origin */
        return;
    }
    /* More characters than were used up: the origins end with the last one. */
    text_put(t, character, change > 0 || tr->offset == end ? tr->offset - 1 : tr->offset);
    for (int n = change; n <= 0 && tr->offset < end; n++)
        (void)transform_decode(t->bytes, tr->offset, &tr->offset);
}

void transform_keep(struct transform *tr, size_t end)
{
    text_keep(tr->text, tr->offset, end);
    tr->offset = end;
}
