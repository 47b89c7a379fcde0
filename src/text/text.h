/*
 * text.h - a text on its way to the model: its bytes, the pieces that it is cut into and, where the
 * caller asks, the place in the original that each byte came from.
 *
 *     struct text t;
 *     text_init(&t);
 *     text_set(&t, bytes, 0, false);
 *     ok = normalize_run(&normalizer, &t, err) && pretoken_run(&pretokenizer, &t, err);
 *     for (size_t i = 0; i < t.n_pieces; i++)
 *         encode(span_part(t.bytes, t.pieces[i].start, t.pieces[i].end - t.pieces[i].start));
 *     text_release(&t);
 *
 * Until a step rewrites something, `bytes` is the caller's own memory: plain byte-level encoding
 * copies nothing. The struct also holds the scratch memory of the steps, so one per thread is
 * enough, and using it again costs no allocation.
 */
#ifndef PACE_TEXT_TEXT_H
#define PACE_TEXT_TEXT_H

#include "base/buf.h"
#include "base/err.h"
#include "text/regex.h"

/* The longest text, so that a place fits 32 bits. */
#define TEXT_MAX_BYTES ((size_t)UINT32_MAX - 1)

/* Bytes start … end of the original. */
struct text_origin {
    uint32_t start, end;
};

/* Bytes start … end of text.bytes; never empty. */
struct text_piece {
    uint32_t start, end;
};

struct text {
    struct span bytes;         /* UTF-8 */
    struct text_piece *pieces; /* in order; text that is dropped lies between them */
    size_t n_pieces;
    bool tracked; /* origins are wanted */
    size_t base;  /* where the text begins in the original */

    /* The rest belongs to text.c and the steps. */
    size_t first_origin; /* where the whole began in the original, before it was cut */
    const struct text_origin *origins; /* one a byte; NULL: untouched, or not tracked */
    size_t pieces_cap;
    struct text_piece *next_pieces; /* what the running step builds */
    size_t n_next, next_cap;
    struct buf rewritten[2];    /* bytes: the present text's and the one being built */
    struct buf rewritten_at[2]; /* origins, in step with those bytes */
    int building;               /* 0 or 1: which of the two is being built */
    struct regex_search search;
};

void text_init(struct text *t);
void text_release(struct text *t);

/*
 * Begins anew with these bytes, which must outlive the use of the struct and be valid UTF-8 of at
 * most TEXT_MAX_BYTES (CHECKed), as one piece (none where empty).
 *
 *   base     where the bytes begin in the original: 0 makes this the start of the whole input,
 *            which Metaspace's prepend_scheme "first" asks for
 *   tracked  whether text_origin_of will be called
 */
void text_set(struct text *t, struct span bytes, size_t base, bool tracked);

/*
 * Begins anew with bytes start … end of another text, which stays untouched and must outlive the
 * use of `t`: for what lies between added tokens found in normalised text.
 */
void text_part(struct text *t, const struct text *whole, size_t start, size_t end);

/*
 * The range of the original that bytes start … end (start < end) of t->bytes came from, as the
 * `tokenizers` library tells it: from the first byte's beginning to the last byte's end. Asks for a
 * tracked text (CHECKed).
 */
struct text_origin text_origin_of(const struct text *t, size_t start, size_t end);

/* --- For the steps: rewriting. --------------------------------------------------------------- */

/*
 * Between begin and end the new text is written in order from parts of the old one and from new
 * bytes; then it takes the old one's place. Pieces are not touched.
 */
void text_begin_rewrite(struct text *t);
/* Bytes start … end of the present text, as they are. */
void text_keep(struct text *t, size_t start, size_t end);
/* New bytes with the origin of the present text's byte `like`. */
void text_put(struct text *t, struct span bytes, size_t like);
/* New bytes that share the origin of the byte written last; an empty one at the beginning. */
void text_put_behind(struct text *t, struct span bytes);
/* Bytes start … end of the present text, each as its letter of the byte alphabet (unicode.h). */
void text_put_letters(struct text *t, size_t start, size_t end);
/* Length of what has been written since text_begin_rewrite. */
size_t text_written(const struct text *t);
/* False where the new text is longer than a normaliser may make it. */
MUST_CHECK bool text_end_rewrite(struct text *t, struct err *err);

/* --- For the steps: cutting. ----------------------------------------------------------------- */

/* Adds bytes start … end to the pieces being built; an empty piece is dropped. */
void text_add_piece(struct text *t, size_t start, size_t end);
/* The pieces built become the text's pieces. */
void text_end_pieces(struct text *t);

#endif
