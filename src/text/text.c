/*
 * text.c - a text that steps rewrite and cut.
 *
 * Rewriting always reads the whole present text and writes the next one behind it in a second
 * buffer; then the two change roles. So every step is linear however often it replaces, and a text
 * that no step changes is never copied.
 *
 * Origins are an array beside the bytes, one range of the original for each. As long as nothing was
 * rewritten there is no array: byte i then stems from the character that it is part of. The rules
 * for what new bytes stem from are those of the `tokenizers` library (a new character shares the
 * origin of the one before it; a removed one leaves no trace), since the masks and offsets that it
 * reports are the ones to be met.
 */
#include "text/text.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "text/unicode.h"

enum {
    /* What rewriting may make of a text: legitimate normalisers stay below 20 times (NFKD of
     * U+FDFA is 11 times). Beyond it a hostile file is at work. */
    LARGEST_GROWTH = 64,
    GROWTH_FREE_BYTES = 1 << 16,
};

void text_init(struct text *t)
{
    *t = (struct text){0};
}

void text_release(struct text *t)
{
    for (int i = 0; i < 2; i++) {
        buf_release(&t->rewritten[i]);
        buf_release(&t->rewritten_at[i]);
    }
    mem_free(t->pieces);
    mem_free(t->next_pieces);
    regex_search_release(&t->search);
    *t = (struct text){0};
}

static void begin_anew(struct text *t, struct span bytes, size_t base, bool tracked)
{
    CHECK(bytes.len <= TEXT_MAX_BYTES && base <= TEXT_MAX_BYTES - bytes.len);
    t->bytes = bytes;
    t->base = base;
    t->tracked = tracked;
    t->origins = NULL;
    text_add_piece(t, 0, bytes.len);
    text_end_pieces(t);
}

void text_set(struct text *t, struct span bytes, size_t base, bool tracked)
{
    begin_anew(t, bytes, base, tracked);
    t->first_origin = base;
}

void text_part(struct text *t, const struct text *whole, size_t start, size_t end)
{
    struct span bytes = span_part(whole->bytes, start, end - start);
    if (whole->origins) {
        begin_anew(t, bytes, 0, whole->tracked);
        t->origins = whole->origins + start;
    } else {
        begin_anew(t, bytes, whole->base + start, whole->tracked);
    }
    t->first_origin = start == 0 || !whole->tracked ? whole->first_origin + start
                                                    : text_origin_of(whole, start, end).start;
}

/* Origin of byte i. */
static struct text_origin origin_at(const struct text *t, size_t i)
{
    if (t->origins)
        return t->origins[i];
    size_t start = i, end = i + 1;
    while (start > 0 && utf8_is_inner(t->bytes.at[start]))
        start--;
    while (end < t->bytes.len && utf8_is_inner(t->bytes.at[end]))
        end++;
    return (struct text_origin){(uint32_t)(t->base + start), (uint32_t)(t->base + end)};
}

struct text_origin text_origin_of(const struct text *t, size_t start, size_t end)
{
    CHECK(t->tracked && start < end && end <= t->bytes.len);
    return (struct text_origin){origin_at(t, start).start, origin_at(t, end - 1).end};
}

/* -------------------------------------------------------------------------------- rewriting -- */

void text_begin_rewrite(struct text *t)
{
    struct buf *bytes = &t->rewritten[t->building], *at = &t->rewritten_at[t->building];
    size_t limit = min_size(t->bytes.len * LARGEST_GROWTH + GROWTH_FREE_BYTES, TEXT_MAX_BYTES);
    buf_clear(bytes);
    buf_clear(at);
    bytes->max = limit;
    at->max = BUF_NO_LIMIT; /* follows the bytes */
}

static void add_origins(struct text *t, struct text_origin origin, size_t n)
{
    struct buf *at = &t->rewritten_at[t->building];
    if (t->rewritten[t->building].overflowed)
        return;
    for (size_t i = 0; i < n; i++)
        buf_add(at, (struct span){(const uint8_t *)&origin, sizeof origin});
}

void text_keep(struct text *t, size_t start, size_t end)
{
    buf_add(&t->rewritten[t->building], span_part(t->bytes, start, end - start));
    if (!t->tracked)
        return;
    for (size_t i = start; i < end; i++)
        add_origins(t, origin_at(t, i), 1);
}

void text_put(struct text *t, struct span bytes, size_t like)
{
    buf_add(&t->rewritten[t->building], bytes);
    if (t->tracked)
        add_origins(t, origin_at(t, like), bytes.len);
}

void text_put_behind(struct text *t, struct span bytes)
{
    const struct buf *at = &t->rewritten_at[t->building];
    struct text_origin origin = {(uint32_t)t->first_origin, (uint32_t)t->first_origin};
    if (at->len > 0)
        memcpy(&origin, at->at + at->len - sizeof origin, sizeof origin);
    buf_add(&t->rewritten[t->building], bytes);
    if (t->tracked)
        add_origins(t, origin, bytes.len);
}

void text_put_letters(struct text *t, size_t start, size_t end)
{
    for (size_t i = start; i < end; i++) {
        uint8_t letter[4];
        size_t len = unicode_encode(letter, unicode_of_byte[t->bytes.at[i]]);
        text_put(t, (struct span){letter, len}, i);
    }
}

size_t text_written(const struct text *t)
{
    return t->rewritten[t->building].len;
}

bool text_end_rewrite(struct text *t, struct err *err)
{
    struct buf *bytes = &t->rewritten[t->building];
    if (bytes->overflowed) {
        err_set(err, ERR_INPUT, "the tokenizer's steps make over %zu bytes of a text of %zu",
                bytes->max, t->bytes.len);
        return false;
    }
    t->bytes = buf_span(bytes);
    if (t->tracked) {
        /* Aligned: the buffer's memory comes from malloc and the entries have one size. */
        t->origins = (const struct text_origin *)(const void *)t->rewritten_at[t->building].at;
    }
    t->building = 1 - t->building;
    return true;
}

/* ---------------------------------------------------------------------------------- cutting -- */

void text_add_piece(struct text *t, size_t start, size_t end)
{
    if (start == end)
        return;
    if (t->n_next == t->next_cap) {
        t->next_cap = max_size(2 * t->next_cap, 64);
        t->next_pieces = mem_resize(t->next_pieces, t->next_cap * sizeof *t->next_pieces);
    }
    t->next_pieces[t->n_next++] = (struct text_piece){(uint32_t)start, (uint32_t)end};
}

void text_end_pieces(struct text *t)
{
    struct text_piece *old = t->pieces;
    size_t old_cap = t->pieces_cap;
    t->pieces = t->next_pieces;
    t->n_pieces = t->n_next;
    t->pieces_cap = t->next_cap;
    t->next_pieces = old;
    t->next_cap = old_cap;
    t->n_next = 0;
}
