/*
 * preview.c - a row to look at before anything is trained on it.
 *
 * The commonest mistake in tuning is to train on other tokens than one thinks: on the questions
 * too, on the marks of a template, or not on the token that ends an answer. A loss does not show
 * it; a row does. So the row is shown as the tokens say it, decoded, special tokens included, and
 * not as the file has it (`pace data` shows that, and more of it).
 *
 * A prompt may be pages long: what is shown is its end, and the beginning of what is trained on.
 */
#include "train/preview.h"

#include <math.h>

enum { TOKENS_BEFORE = 40, TOKENS_TRAINED = 60 };

/* n_rows: there is none. */
static uint32_t choose(const struct row_store *s)
{
    uint32_t best = s->n_rows;
    for (uint32_t row = 0; row < s->n_rows; row++) {
        const struct stored_row *r = &s->rows[row];
        if (r->part != PART_TRAIN || r->is_rejected)
            continue;
        if (best == s->n_rows || r->hash < s->rows[best].hash)
            best = row;
    }
    return best;
}

/* As a text in the arena. */
static bool decode(const struct tokenizer *t, const uint32_t *ids, size_t n, struct arena *arena,
                   const char **text, struct err *err)
{
    struct buf out;
    buf_init(&out, BUF_NO_LIMIT);
    bool ok = tokenizer_decode(t, ids, n, false, &out, err);
    *text = arena_string(arena, buf_span(&out));
    buf_release(&out);
    return ok;
}

bool preview_read(struct preview *p, struct arena *arena, const struct row_store *s,
                  const struct tokenizer *tokenizer, struct err *err)
{
    uint32_t row = choose(s), first = 0;
    *p = (struct preview){.share = (double)s->n_trained / fmax((double)s->n_tokens, 1)};
    if (row == s->n_rows)
        return true;
    const uint32_t *ids = row_store_ids(s, row), len = s->rows[row].len;
    while (first < len && !row_store_is_trained(s, row, first))
        first++;
    uint32_t end = first, from = first > TOKENS_BEFORE ? first - TOKENS_BEFORE : 0;
    while (end < len && end - first < TOKENS_TRAINED && row_store_is_trained(s, row, end))
        end++;
    uint32_t next = end;
    while (next < len && !row_store_is_trained(s, row, next))
        next++;
    p->path = s->files[s->rows[row].file];
    p->line = s->rows[row].line;
    p->begins_late = from > 0;
    p->ends_early = next == end && next < len;
    p->has_more = next > end && next < len;
    return decode(tokenizer, ids + from, first - from, arena, &p->before, err) &&
           decode(tokenizer, ids + first, end - first, arena, &p->trained, err);
}
