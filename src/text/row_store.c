/*
 * row_store.c - one pass over the data: rows are encoded, cut or split, and appended to three
 * growing arrays. Which part a row belongs to is known when all hashes are, so it is set at the
 * end.
 *
 * A row cut so short that nothing is left to train on is dropped, as TRL does. A preference is
 * stored as two rows; if one of them has nothing left, both are dropped.
 *
 * A plain text is one document: its tokens are stored as they come, and cut into rows of max_length
 * behind its end. Rows of one document follow each other, and the held-out ones are the last of
 * all.
 */
#include "text/row_store.h"

#include "base/map.h"

struct filler {
    struct row_store *s;
    struct dataset *d;
    struct row_encoder *e;
    const struct row_store_options *o;
    struct dataset_split split;
    uint64_t document_first; /* first token of the document being read */
    bool in_document;
    size_t document_file;
};

/* ----------------------------------------------------------------------------------- storing -- */

static void add_tokens(struct row_store *s, const uint32_t *ids, const uint8_t *mask, size_t n)
{
    buf_add(&s->id_memory, (struct span){(const uint8_t *)ids, n * sizeof *ids});
    for (size_t i = 0; i < n; i++) {
        uint64_t at = s->n_tokens + i;
        if (at % 8 == 0)
            buf_add_byte(&s->mask_memory, 0);
        s->mask_memory.at[at / 8] |= (uint8_t)((mask[i] != 0) << (at % 8));
        s->n_trained += mask[i] != 0;
    }
    s->n_tokens += n;
}

static void add_row(struct filler *f, const struct stored_row *row)
{
    buf_add(&f->s->row_memory, (struct span){(const uint8_t *)row, sizeof *row});
}

static bool any_trained(const uint8_t *mask, size_t n)
{
    return n > 0 && memchr(mask, 1, n) != NULL;
}

/* The stretch of an encoded row that is kept, and whether the rest becomes rows too. */
struct stretch {
    size_t first, len;
    bool is_split;
};

static struct stretch keep(const struct filler *f, const struct dataset_row *row)
{
    size_t n = f->e->tokens.n, most = f->o->max_length;
    enum row_overflow overflow = f->o->overflow;
    if (overflow == OVERFLOW_AUTO)
        overflow = row->kind == ROW_TEXT ? OVERFLOW_SPLIT : OVERFLOW_CUT_END;
    struct stretch all = {0, n, overflow == OVERFLOW_SPLIT && !row->is_preference};
    if (n <= most || all.is_split)
        return all;
    return (struct stretch){overflow == OVERFLOW_CUT_START ? n - most : 0, most, false};
}

static void count_overflow(struct filler *f, const struct dataset_row *row,
                           const struct stretch *kept)
{
    size_t n = f->e->tokens.n;
    if (n <= f->o->max_length)
        return;
    if (!kept->is_split && f->s->n_cut == 0) {
        f->s->cut_line = row->line;
        f->s->cut_file = (uint32_t)f->d->file_index;
    }
    f->s->n_split += kept->is_split;
    f->s->n_cut += !kept->is_split;
    f->s->n_lost += n - kept->len;
}

/* Stores what the encoder holds. False where nothing of it is trained on. */
static bool store_encoded(struct filler *f, const struct dataset_row *row, bool is_rejected)
{
    struct stretch kept = keep(f, row);
    const uint8_t *mask = f->e->mask.at;
    count_overflow(f, row, &kept);
    bool stored = false;
    for (size_t done = 0; done < kept.len;) {
        size_t first = kept.first + done;
        size_t len = min_size(kept.len - done, f->o->max_length);
        done += len;
        if (!any_trained(mask + first, len))
            continue;
        add_row(f, &(struct stored_row){.first = f->s->n_tokens,
                                        .hash = row->hash,
                                        .line = row->line,
                                        .len = (uint32_t)len,
                                        .file = (uint32_t)f->d->file_index,
                                        .is_rejected = is_rejected});
        add_tokens(f->s, f->e->tokens.ids + first, mask + first, len);
        stored = true;
    }
    return stored;
}

/* --------------------------------------------------------------------------------- documents -- */

/* Cuts the tokens of the document just ended into rows. */
static void end_document(struct filler *f)
{
    struct row_store *s = f->s;
    for (uint64_t at = f->document_first; at < s->n_tokens; at += f->o->max_length) {
        uint64_t left = s->n_tokens - at;
        uint32_t len = left < f->o->max_length ? (uint32_t)left : f->o->max_length;
        struct span ids =
            span_part(buf_span(&s->id_memory), at * sizeof *s->ids, len * sizeof *s->ids);
        add_row(f, &(struct stored_row){.first = at,
                                        .hash = hash_bytes(ids, f->d->options.seed),
                                        .len = len,
                                        .file = (uint32_t)f->document_file});
    }
    f->in_document = false;
}

static bool close_document(struct filler *f, struct err *err)
{
    if (!f->in_document)
        return true;
    if (!row_encoder_end(f->e, err))
        return false;
    add_tokens(f->s, f->e->tokens.ids, f->e->mask.at, f->e->tokens.n);
    end_document(f);
    return true;
}

static bool store_part(struct filler *f, const struct dataset_row *row, struct err *err)
{
    bool is_first = !f->in_document || f->d->file_index != f->document_file;
    if (is_first && !close_document(f, err))
        return false;
    if (is_first)
        f->document_first = f->s->n_tokens;
    f->in_document = true;
    f->document_file = f->d->file_index;
    if (!row_encoder_part(f->e, row->completion, is_first, err))
        return false;
    add_tokens(f->s, f->e->tokens.ids, f->e->mask.at, f->e->tokens.n);
    return true;
}

/* -------------------------------------------------------------------------------------- rows -- */

/* Takes back what was stored of the row that began at `row_memory` and `n_tokens`. */
static void take_back(struct row_store *s, size_t row_bytes, uint64_t n_tokens)
{
    for (uint64_t i = n_tokens; i < s->n_tokens; i++) {
        uint8_t bit = (uint8_t)(1 << (i % 8));
        s->n_trained -= (s->mask_memory.at[i / 8] & bit) != 0;
        s->mask_memory.at[i / 8] &= (uint8_t)~bit;
    }
    s->row_memory.len = row_bytes;
    s->id_memory.len = n_tokens * sizeof *s->ids;
    s->mask_memory.len = (n_tokens + 7) / 8;
    s->n_tokens = n_tokens;
}

static void count_row(struct filler *f, const struct dataset_row *row)
{
    const struct dataset_file *file = dataset_present_file(f->d);
    if (file->is_fixed)
        split_add_fixed(&f->split, row->hash, file->part);
    else
        split_add(&f->split, row->hash);
}

/* Encodes and stores a row, a preference as two. A row that cannot be encoded is a bad one. */
static void store_row(struct filler *f, const struct dataset_row *row)
{
    struct row_store *s = f->s;
    struct err err;
    size_t row_bytes = s->row_memory.len;
    uint64_t n_tokens = s->n_tokens;
    bool ok = row_encoder_row(f->e, row, &err);
    bool is_kept = ok && store_encoded(f, row, false);
    if (is_kept && row->is_preference) {
        ok = row_encoder_rejected(f->e, row, &err);
        is_kept = ok && store_encoded(f, row, true);
    }
    if (!ok)
        dataset_reject(f->d, row, err.what);
    s->n_merged += ok && f->e->is_merged;
    if (is_kept) {
        count_row(f, row);
    } else {
        take_back(s, row_bytes, n_tokens);
        s->n_dropped += ok;
    }
}

static bool read_all(struct filler *f, struct err *err)
{
    struct dataset_row row;
    bool more;
    dataset_rewind(f->d);
    for (;;) {
        if (!dataset_next(f->d, &row, &more, err))
            return false;
        if (!more)
            return close_document(f, err) && dataset_check(f->d, err);
        if (!row_encoder_can(f->e, &row, err))
            return false;
        if (row.kind != ROW_DOCUMENT)
            store_row(f, &row);
        else if (!store_part(f, &row, err))
            return false;
    }
}

/* ------------------------------------------------------------------------------------ parts -- */

/*
 * Rows of plain texts: of those whose file is not one part's own the last are held out, and the
 * very last are the test.
 */
static bool divide_pieces(struct filler *f, struct err *err)
{
    struct row_store *s = f->s;
    uint64_t n_free = 0;
    for (uint32_t i = 0; i < s->n_rows; i++) {
        s->rows[i].part = (uint8_t)f->d->files[s->rows[i].file].part;
        s->part_rows[s->rows[i].part]++;
    }
    uint64_t fixed_eval = s->part_rows[PART_EVAL];
    if (!split_contiguous(f->o->sizes, s->part_rows, err))
        return false;
    uint64_t eval_from = s->part_rows[PART_TRAIN];
    uint64_t test_from = eval_from + s->part_rows[PART_EVAL] - fixed_eval;
    for (uint32_t i = 0; i < s->n_rows; i++) {
        if (s->rows[i].part != PART_TRAIN)
            continue;
        s->rows[i].part = n_free >= test_from   ? PART_TEST
                          : n_free >= eval_from ? PART_EVAL
                                                : PART_TRAIN;
        n_free++;
    }
    return true;
}

static bool divide(struct filler *f, struct err *err)
{
    struct row_store *s = f->s;
    size_t n_rows = s->row_memory.len / sizeof *s->rows;
    if (n_rows >= UINT32_MAX) {
        err_set(err, ERR_INPUT, "%zu rows are more than 4 billion", n_rows);
        return false;
    }
    s->rows = (struct stored_row *)(void *)s->row_memory.at;
    s->n_rows = (uint32_t)n_rows;
    s->ids = (const uint32_t *)(const void *)s->id_memory.at;
    s->mask = s->mask_memory.at;
    if (dataset_format_of(f->d) == FORMAT_DOCUMENT)
        return divide_pieces(f, err);
    if (!split_finish(&f->split, f->o->sizes, err))
        return false;
    s->duplicates = f->split.duplicates;
    s->crossing = f->split.crossing;
    for (uint32_t i = 0; i < s->n_rows; i++) {
        s->rows[i].part = (uint8_t)split_part(&f->split, s->rows[i].hash);
        s->part_rows[s->rows[i].part]++;
    }
    return true;
}

/* The rows outlive the data set, and so must the names of their places. */
static void keep_paths(struct row_store *s, const struct dataset *d)
{
    s->n_files = d->n_files;
    s->files = arena_array(&s->arena, const char *, d->n_files);
    for (size_t i = 0; i < d->n_files; i++)
        s->files[i] = arena_string(&s->arena, span_of(d->files[i].path));
}

bool row_store_fill(struct row_store *s, struct dataset *d, struct row_encoder *e,
                    const struct row_store_options *options, struct err *err)
{
    *s = (struct row_store){0};
    buf_init(&s->row_memory, BUF_NO_LIMIT);
    buf_init(&s->id_memory, BUF_NO_LIMIT);
    buf_init(&s->mask_memory, BUF_NO_LIMIT);
    struct filler f = {.s = s, .d = d, .e = e, .o = options};
    split_init(&f.split);
    keep_paths(s, d);
    bool ok = read_all(&f, err) && divide(&f, err);
    split_release(&f.split);
    if (!ok)
        row_store_release(s);
    return ok;
}

void row_store_release(struct row_store *s)
{
    buf_release(&s->row_memory);
    buf_release(&s->id_memory);
    buf_release(&s->mask_memory);
    arena_release(&s->arena);
    *s = (struct row_store){0};
}
