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
    size_t document_file;
    uint64_t piece_length;
};

/* --------------------------------------------------------------------------------- previews -- */

/* The largest cut of at most `len` bytes that ends between characters. */
static size_t whole_characters(struct span text, size_t len)
{
    while (len > 0 && len < text.len && (text.at[len] & 0xc0) == 0x80)
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
static struct survey_preview *place_for(struct survey *s, uint64_t hash)
{
    struct survey_preview *largest = &s->previews[0];
    for (size_t i = 0; i < s->n_previews; i++) {
        if (s->previews[i].hash == hash)
            return NULL;
        if (s->previews[i].hash > largest->hash)
            largest = &s->previews[i];
    }
    if (s->n_previews < SURVEY_PREVIEWS)
        return &s->previews[s->n_previews++];
    return hash < largest->hash ? largest : NULL;
}

static void look_at_row(struct pass *p, const struct dataset_row *row)
{
    struct survey_preview *preview = place_for(p->s, row->hash);
    if (!preview)
        return;
    row_text_clear(&p->text);
    row_text_add_plain(&p->text, row);
    preview->path = dataset_present_file(p->d)->path;
    preview->line = row->line;
    preview->hash = row->hash;
    fill_preview(preview, &p->text);
}

/* ------------------------------------------------------------------------------------- rows -- */

static void count_length(struct pass *p, uint64_t length)
{
    lengths_add(&p->s->lengths, length);
    if (p->o->encoder && length > p->o->max_length) {
        p->s->too_long++;
        p->s->lost += length - p->o->max_length;
    }
}

static void count_row(struct pass *p, const struct dataset_row *row)
{
    uint64_t length, trained;
    const struct dataset_file *file = dataset_present_file(p->d);
    if (file->is_fixed)
        split_add_fixed(&p->s->split, row->hash, file->part);
    else
        split_add(&p->s->split, row->hash);
    row_text_count(row, &length, &trained);
    count_length(p, length);
    p->s->trained += trained;
    look_at_row(p, row);
}

/* Ends the present plain text: what is left of it is a last, shorter piece. */
static void end_document(struct pass *p)
{
    if (p->document > 0)
        lengths_add(&p->s->lengths, p->document);
    p->document = 0;
}

/* A part of a plain text: whole pieces are counted, the rest waits for the next part. */
static void count_document(struct pass *p, const struct dataset_row *row)
{
    uint64_t length, trained;
    if (p->d->file_index != p->document_file)
        end_document(p);
    p->document_file = p->d->file_index;
    row_text_count(row, &length, &trained);
    p->s->trained += length;
    for (p->document += length; p->document >= p->piece_length; p->document -= p->piece_length)
        lengths_add(&p->s->lengths, p->piece_length);
    look_at_row(p, row);
}

static bool count_all(struct pass *p, struct err *err)
{
    struct dataset_row row;
    bool more;
    for (;;) {
        if (!dataset_next(p->d, &row, &more, err))
            return false;
        if (!more)
            break;
        if (row.kind == ROW_DOCUMENT)
            count_document(p, &row);
        else
            count_row(p, &row);
    }
    end_document(p);
    return true;
}

/* The parts: by content, or for plain texts by place. */
static bool divide(struct pass *p, struct err *err)
{
    struct survey *s = p->s;
    if (s->are_pieces)
        return split_contiguous(s->lengths.n, p->o->sizes, s->rows, err);
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
    split_init(&s->split);
    struct pass p = {.s = s, .d = d, .o = options};
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
    split_release(&s->split);
    lengths_release(&s->lengths);
    *s = (struct survey){0};
}
