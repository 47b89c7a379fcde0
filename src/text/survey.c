/*
 * survey.c - counting what a data set holds, row by row.
 *
 * What is kept of a row is its hash (8 bytes, for duplicates and the split) and a place in the
 * histogram of lengths; the row itself is gone when the next one is read. The rows to look at are
 * those with the smallest hashes: a random choice that neither order nor file names change.
 *
 * Plain texts have no rows: their tokens are counted through, and every max_length of them are a
 * piece. Without a tokenizer a token is taken for four characters, and the pieces for a guess.
 *
 * A preview leaves out the middle of long stretches, so that a prompt of ten pages does not hide
 * the answer below it.
 */
#include "text/survey.h"

#include "base/utf8.h"

enum {
    SEGMENT_BYTES = 600,  /* shown of a stretch, half of them before the gap */
    PREVIEW_SEGMENTS = 24 /* shown of a row */
};

/* One pass in progress. */
struct pass {
    struct survey *s;
    struct dataset *d;
    const struct survey_options *o;
    struct row_text text;
    uint64_t document; /* characters or tokens of the present plain text not yet made a piece */
    bool in_document;
    size_t document_file;
    uint64_t pieces_before; /* those of the plain texts before it */
    uint64_t piece_length;
    uint64_t largest_preview; /* no hash from here on gets in; once there are as many as wanted */
};

/* --------------------------------------------------------------------------------- previews -- */

/* The largest cut of at most `len` bytes that ends between characters. */
static size_t whole_characters(struct span text, size_t len)
{
    while (len > 0 && len < text.len && utf8_is_inner(text.at[len]))
        len--;
    return min_size(len, text.len);
}

static void add_segment(struct survey_preview *p, struct span text, bool is_trained, bool is_cut)
{
    if (text.len == 0 || p->n_segments == PREVIEW_SEGMENTS)
        return;
    p->segments[p->n_segments++] =
        (struct survey_segment){arena_copy(&p->arena, text), is_trained, is_cut};
}

/* A stretch: whole where it is short, else its beginning and its end. */
static void add_stretch(struct survey_preview *p, struct span text, bool is_trained)
{
    if (text.len <= SEGMENT_BYTES) {
        add_segment(p, text, is_trained, false);
        return;
    }
    size_t head = whole_characters(text, SEGMENT_BYTES / 2);
    size_t tail = whole_characters(text, text.len - SEGMENT_BYTES / 2);
    add_segment(p, span_part(text, 0, head), is_trained, true);
    add_segment(p, span_from(text, tail), is_trained, false);
}

static void fill_preview(struct survey_preview *p, const struct row_text *t)
{
    struct span text = buf_span(&t->text);
    const struct text_range *trained = row_text_trained(t);
    size_t at = 0;
    arena_release(&p->arena);
    p->segments = arena_array(&p->arena, struct survey_segment, PREVIEW_SEGMENTS);
    p->n_segments = 0;
    for (size_t i = 0; i < row_text_n_trained(t) && p->n_segments < PREVIEW_SEGMENTS; i++) {
        add_stretch(p, span_part(text, at, trained[i].start - at), false);
        add_stretch(p, span_part(text, trained[i].start, trained[i].end - trained[i].start), true);
        at = trained[i].end;
    }
    if (p->n_segments < PREVIEW_SEGMENTS)
        add_stretch(p, span_from(text, at), false);
    else
        p->segments[PREVIEW_SEGMENTS - 1].is_cut = true;
}

/* The preview that the row should replace; NULL where those there are all to be kept. */
static struct survey_preview *place_for(struct pass *p, uint64_t hash)
{
    struct survey *s = p->s;
    bool is_full = s->n_previews == p->o->n_previews;
    if (p->o->n_previews == 0 || (is_full && hash >= p->largest_preview))
        return NULL;
    struct survey_preview *largest = NULL;
    for (size_t i = 0; i < s->n_previews; i++) {
        if (s->previews[i].hash == hash)
            return NULL;
        if (!largest || s->previews[i].hash > largest->hash)
            largest = &s->previews[i];
    }
    if (!is_full)
        return &s->previews[s->n_previews++];
    p->largest_preview = largest->hash;
    return hash < largest->hash ? largest : NULL;
}

static void keep_tokens(struct survey_preview *preview, const struct row_encoder *e)
{
    preview->n_tokens = e->tokens.n;
    preview->ids = arena_array(&preview->arena, uint32_t, e->tokens.n);
    preview->mask = arena_array(&preview->arena, uint8_t, e->tokens.n);
    if (e->tokens.n == 0)
        return;
    memcpy(preview->ids, e->tokens.ids, e->tokens.n * sizeof *preview->ids);
    memcpy(preview->mask, e->mask.at, e->tokens.n);
}

static void look_at_row(struct pass *p, const struct dataset_row *row)
{
    struct survey_preview *preview = place_for(p, row->hash);
    if (!preview)
        return;
    bool is_encoded = p->o->encoder && row->kind != ROW_DOCUMENT;
    row_text_clear(&p->text);
    if (!is_encoded)
        row_text_add_plain(&p->text, row);
    preview->path = dataset_present_file(p->d)->path;
    preview->line = row->line;
    preview->hash = row->hash;
    fill_preview(preview, is_encoded ? &p->o->encoder->text : &p->text);
    if (is_encoded)
        keep_tokens(preview, p->o->encoder);
}

/* ------------------------------------------------------------------------------------- rows -- */

/* What was counted of a row. */
struct measure {
    uint64_t length;  /* of a preference: with the preferred answer */
    uint64_t trained; /* of them trained on */
    uint64_t lost;    /* tokens beyond max_length, those of the rejected answer included */
    bool is_too_long;
    bool is_dropped; /* nothing is left to train on */
};

/* What max_length does to what the encoder holds: a row, or its rejected answer. */
static void measure_overflow(const struct pass *p, struct measure *m)
{
    const struct row_encoder *e = p->o->encoder;
    size_t n = e->tokens.n, left = min_size(n, p->o->max_length);
    m->is_too_long |= left < n;
    m->lost += n - left;
    left = p->s->are_split ? n : left;
    m->is_dropped |= left == 0 || !memchr(e->mask.at, 1, left);
}

/* False where the row cannot be encoded. */
static bool measure(struct pass *p, const struct dataset_row *row, struct measure *m)
{
    struct row_encoder *e = p->o->encoder;
    struct err err;
    *m = (struct measure){0};
    if (!e) {
        row_text_count(row, &m->length, &m->trained);
        return true;
    }
    /* The rejected answer first, so that the encoder is left with the one to look at. */
    bool ok = !row->is_preference || row_encoder_rejected(e, row, &err);
    if (ok && row->is_preference)
        measure_overflow(p, m);
    if (!ok || !row_encoder_row(e, row, &err)) {
        dataset_reject(p->d, row, err.what);
        return false;
    }
    measure_overflow(p, m);
    m->length = e->tokens.n;
    m->trained = e->n_trained;
    p->s->merged += e->is_merged;
    return true;
}

static bool count_row(struct pass *p, const struct dataset_row *row, struct err *err)
{
    struct measure m;
    const struct dataset_file *file = dataset_present_file(p->d);
    if (p->o->encoder && !row_encoder_can(p->o->encoder, row, err))
        return false;
    if (!measure(p, row, &m))
        return true; /* a bad row, which has been counted as one */
    if (m.is_dropped)
        ; /* of no part */
    else if (file->is_fixed)
        split_add_fixed(&p->s->split, row->hash, file->part);
    else
        split_add(&p->s->split, row->hash);
    lengths_add(&p->s->lengths, m.length);
    if (p->s->are_split && m.length > 0)
        p->s->added += (m.length - 1) / p->piece_length;
    p->s->trained += m.trained;
    p->s->lost += m.lost;
    p->s->too_long += m.is_too_long;
    p->s->dropped += m.is_dropped;
    look_at_row(p, row);
    return true;
}

/* Adds to the present plain text; every piece_length of it is a piece. */
static void add_to_document(struct pass *p, uint64_t length)
{
    p->s->trained += length;
    for (p->document += length; p->document >= p->piece_length; p->document -= p->piece_length)
        lengths_add(&p->s->lengths, p->piece_length);
}

/* Ends the present plain text: what is left of it is a last, shorter piece. */
static bool end_document(struct pass *p, struct err *err)
{
    struct row_encoder *e = p->o->encoder;
    if (!p->in_document)
        return true;
    if (e && !row_encoder_end(e, err))
        return false;
    add_to_document(p, e ? e->tokens.n : 0);
    if (p->document > 0)
        lengths_add(&p->s->lengths, p->document);
    p->s->rows[p->d->files[p->document_file].part] += p->s->lengths.n - p->pieces_before;
    p->pieces_before = p->s->lengths.n;
    p->document = 0;
    p->in_document = false;
    return true;
}

static bool count_part(struct pass *p, const struct dataset_row *row, struct err *err)
{
    struct row_encoder *e = p->o->encoder;
    uint64_t length, trained;
    bool is_first = !p->in_document || p->d->file_index != p->document_file;
    if (is_first && !end_document(p, err))
        return false;
    p->in_document = true;
    p->document_file = p->d->file_index;
    if (e && !row_encoder_part(e, row->completion, is_first, err))
        return false;
    row_text_count(row, &length, &trained);
    add_to_document(p, e ? e->tokens.n : length);
    look_at_row(p, row);
    return true;
}

static bool count_all(struct pass *p, struct err *err)
{
    struct dataset_row row;
    bool more;
    for (;;) {
        if (!dataset_next(p->d, &row, &more, err))
            return false;
        if (!more)
            return end_document(p, err);
        bool is_part = row.kind == ROW_DOCUMENT;
        if (is_part ? !count_part(p, &row, err) : !count_row(p, &row, err))
            return false;
    }
}

/* The parts: by content, or for plain texts by place. */
static bool divide(struct pass *p, struct err *err)
{
    struct survey *s = p->s;
    if (s->are_pieces)
        return split_contiguous(p->o->sizes, s->rows, err);
    if (!split_finish(&s->split, p->o->sizes, err))
        return false;
    memcpy(s->rows, s->split.rows, sizeof s->rows);
    return true;
}

static int compare_previews(const struct survey_preview *a, const struct survey_preview *b)
{
    return (a->hash > b->hash) - (a->hash < b->hash);
}

static void sort_previews(struct survey *s)
{
    for (size_t i = 1; i < s->n_previews; i++) {
        for (size_t k = i; k > 0 && compare_previews(&s->previews[k - 1], &s->previews[k]) > 0;
             k--) {
            struct survey_preview moved = s->previews[k];
            s->previews[k] = s->previews[k - 1];
            s->previews[k - 1] = moved;
        }
    }
}

bool survey_run(struct survey *s, struct dataset *d, const struct survey_options *options,
                struct err *err)
{
    *s = (struct survey){.are_pieces = dataset_format_of(d) == FORMAT_DOCUMENT};
    s->are_split = s->are_pieces || dataset_format_of(d) == FORMAT_TEXT;
    s->previews = arena_array(&s->arena, struct survey_preview, options->n_previews);
    split_init(&s->split);
    struct pass p = {.s = s, .d = d, .o = options, .largest_preview = UINT64_MAX};
    p.piece_length =
        (uint64_t)options->max_length * (options->encoder ? 1 : SURVEY_CHARACTERS_A_TOKEN);
    row_text_init(&p.text);
    dataset_rewind(d);
    bool ok = count_all(&p, err) && divide(&p, err);
    row_text_release(&p.text);
    sort_previews(s);
    if (!ok)
        survey_release(s);
    return ok;
}

void survey_release(struct survey *s)
{
    for (size_t i = 0; i < s->n_previews; i++)
        arena_release(&s->previews[i].arena);
    arena_release(&s->arena);
    split_release(&s->split);
    lengths_release(&s->lengths);
    *s = (struct survey){0};
}
