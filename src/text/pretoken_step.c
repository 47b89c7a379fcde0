/*
 * pretoken_step.c - what each kind of pre-tokenizer does to the pieces.
 *
 * Most kinds are a test of single characters and a behaviour: every character that passes is a
 * match of its own. Their runs of equal outcome are handed to the cutter. The loops go by bytes
 * through ASCII with a table and decode the rest.
 *
 * Two kinds rewrite: Metaspace (spaces become another character, which may also be put before a
 * piece) and ByteLevel (a space may be put before a piece; bytes become letters where another step
 * follows). They write the whole text anew, piece by piece, and leave out what lies between pieces.
 */
#include "text/pretoken_step.h"

#include "text/transform.h"
#include "text/unicode.h"

static struct span piece_bytes(const struct text *t, struct text_piece piece)
{
    return span_part(t->bytes, piece.start, piece.end - piece.start);
}

/* ----------------------------------------------------------------------- tests of characters -- */

/* Each character with one of the flags is a match. */
static void cut_by_flags(struct text *t, unsigned flags, enum cut_behavior behavior)
{
    struct cutter c = {.text = t, .behavior = behavior};
    for (size_t i = 0; i < t->n_pieces; i++) {
        size_t at = t->pieces[i].start, end = t->pieces[i].end, from = at, next;
        cut_begin(&c);
        for (; at < end; at = next) {
            if (!(unicode_flags(transform_decode(t->bytes, at, &next)) & flags))
                continue;
            if (from < at)
                cut_segment(&c, from, at, false);
            cut_segment(&c, at, next, true);
            from = next;
        }
        if (from < end)
            cut_segment(&c, from, end, false);
        cut_end(&c);
    }
    text_end_pieces(t);
}

static bool run_whitespace_split(const struct pretoken_step *step, struct text *t, struct err *err)
{
    (void)step, (void)err;
    cut_by_flags(t, UNICODE_SPACE, CUT_REMOVED);
    return true;
}

static bool run_bert(const struct pretoken_step *step, struct text *t, struct err *err)
{
    (void)step, (void)err;
    cut_by_flags(t, UNICODE_SPACE, CUT_REMOVED);
    cut_by_flags(t, UNICODE_PUNCTUATION, CUT_ISOLATED);
    return true;
}

static bool run_punctuation(const struct pretoken_step *step, struct text *t, struct err *err)
{
    (void)err;
    cut_by_flags(t, UNICODE_PUNCTUATION, step->behavior);
    return true;
}

static bool run_digits(const struct pretoken_step *step, struct text *t, struct err *err)
{
    (void)err;
    cut_by_flags(t, UNICODE_NUMERIC, step->behavior);
    return true;
}

/* Runs of word characters, and runs of what is neither that nor white space. */
static bool run_whitespace(const struct pretoken_step *step, struct text *t, struct err *err)
{
    (void)step, (void)err;
    for (size_t i = 0; i < t->n_pieces; i++) {
        size_t end = t->pieces[i].end, from = t->pieces[i].start, next;
        unsigned kind = UNICODE_SPACE;
        for (size_t at = from; at < end; at = next) {
            unsigned flags = unicode_flags(transform_decode(t->bytes, at, &next));
            unsigned here = flags & UNICODE_WORD ? UNICODE_WORD : flags & UNICODE_SPACE;
            if (here == kind)
                continue;
            if (kind != UNICODE_SPACE)
                text_add_piece(t, from, at);
            from = at;
            kind = here;
        }
        if (kind != UNICODE_SPACE)
            text_add_piece(t, from, end);
    }
    text_end_pieces(t);
    return true;
}

/* Cuts wherever the needle, one character, stands. */
static void cut_by_character(struct text *t, struct span needle, enum cut_behavior behavior)
{
    struct cutter c = {.text = t, .behavior = behavior};
    for (size_t i = 0; i < t->n_pieces; i++) {
        size_t from = t->pieces[i].start, end = t->pieces[i].end;
        cut_begin(&c);
        while (from < end) {
            struct span rest = span_part(t->bytes, from, end - from);
            size_t at = from + span_find(rest, needle);
            if (from < at)
                cut_segment(&c, from, at, false);
            if (at < end)
                cut_segment(&c, at, at + needle.len, true);
            from = at + needle.len;
        }
        cut_end(&c);
    }
    text_end_pieces(t);
}

static bool run_delimiter(const struct pretoken_step *step, struct text *t, struct err *err)
{
    (void)err;
    cut_by_character(t, step->replacement, CUT_REMOVED);
    return true;
}

static bool run_fixed_length(const struct pretoken_step *step, struct text *t, struct err *err)
{
    (void)err;
    for (size_t i = 0; i < t->n_pieces; i++) {
        size_t at = t->pieces[i].start, end = t->pieces[i].end, from = at, n = 0;
        while (at < end) {
            (void)transform_decode(t->bytes, at, &at);
            if (++n < step->length && at < end)
                continue;
            text_add_piece(t, from, at);
            from = at;
            n = 0;
        }
    }
    text_end_pieces(t);
    return true;
}

/*
 * A piece ends where the script changes. Han, Hiragana and Katakana are one script here; a
 * character of the script "any" (the space is) goes on with the script before it. As in the
 * library, what stands before the first character of a definite script is lost.
 */
static bool run_unicode_scripts(const struct pretoken_step *step, struct text *t, struct err *err)
{
    (void)step, (void)err;
    for (size_t i = 0; i < t->n_pieces; i++) {
        size_t end = t->pieces[i].end, from = t->pieces[i].start, next;
        uint8_t last = UNICODE_SCRIPT_ANY;
        for (size_t at = from; at < end; at = next) {
            uint8_t script = unicode_script(transform_decode(t->bytes, at, &next));
            if (script == UNICODE_SCRIPT_ANY || script == last)
                continue;
            if (last != UNICODE_SCRIPT_ANY)
                text_add_piece(t, from, at);
            from = at;
            last = script;
        }
        if (last != UNICODE_SCRIPT_ANY)
            text_add_piece(t, from, end);
    }
    text_end_pieces(t);
    return true;
}

/* ---------------------------------------------------------------------------------- patterns -- */

static bool cut_piece_by_regex(struct cutter *c, const struct regex *re, struct text_piece piece,
                               struct err *err)
{
    struct regex_search *search = &c->text->search;
    size_t from = 0, start, end;
    bool found;
    regex_begin(search, re, piece_bytes(c->text, piece));
    for (;;) {
        if (!regex_next(search, &start, &end, &found, err))
            return false;
        if (!found)
            break;
        if (from < start)
            cut_segment(c, piece.start + from, piece.start + start, false);
        cut_segment(c, piece.start + start, piece.start + end, true);
        from = end;
    }
    if (piece.start + from < piece.end)
        cut_segment(c, piece.start + from, piece.end, false);
    return true;
}

static bool cut_by_regex(struct text *t, const struct pretoken_step *step,
                         enum cut_behavior behavior, struct err *err)
{
    struct cutter c = {.text = t, .behavior = behavior, .invert = step->invert};
    for (size_t i = 0; i < t->n_pieces; i++) {
        cut_begin(&c);
        if (!cut_piece_by_regex(&c, &step->regex, t->pieces[i], err)) {
            t->n_next = 0;
            return false;
        }
        cut_end(&c);
    }
    text_end_pieces(t);
    return true;
}

static bool run_split(const struct pretoken_step *step, struct text *t, struct err *err)
{
    return cut_by_regex(t, step, step->behavior, err);
}

/* --------------------------------------------------------------------------------- rewriting -- */

static bool wants_prefix(const struct pretoken_step *step, const struct text *t, size_t i)
{
    if (span_starts_with(piece_bytes(t, t->pieces[i]), step->replacement))
        return false;
    if (step->scheme == METASPACE_FIRST) {
        struct text_piece piece = t->pieces[i];
        size_t origin =
            t->tracked ? text_origin_of(t, piece.start, piece.end).start : t->first_origin;
        return origin == 0;
    }
    return step->scheme == METASPACE_ALWAYS;
}

static void write_metaspace_piece(const struct pretoken_step *step, struct text *t, size_t i)
{
    size_t from = t->pieces[i].start, end = t->pieces[i].end;
    /* A space in front becomes the replacement, which then stands there already. */
    if (t->bytes.at[from] != ' ' && wants_prefix(step, t, i))
        text_put(t, step->replacement, from);
    while (from < end) {
        const uint8_t *space = memchr(t->bytes.at + from, ' ', end - from);
        size_t at = space ? (size_t)(space - t->bytes.at) : end;
        if (from < at)
            text_keep(t, from, at);
        if (at < end)
            text_put(t, step->replacement, at);
        from = at + 1;
    }
}

static bool run_metaspace(const struct pretoken_step *step, struct text *t, struct err *err)
{
    text_begin_rewrite(t);
    for (size_t i = 0; i < t->n_pieces; i++) {
        size_t start = text_written(t);
        write_metaspace_piece(step, t, i);
        text_add_piece(t, start, text_written(t));
    }
    text_end_pieces(t);
    if (!text_end_rewrite(t, err))
        return false;
    if (step->split)
        cut_by_character(t, step->replacement, CUT_MERGED_WITH_NEXT);
    return true;
}

/* Every piece in order, a space before it where it does not begin with one. */
static bool put_prefix_spaces(struct text *t, struct err *err)
{
    struct span space = span_of(" ");
    text_begin_rewrite(t);
    for (size_t i = 0; i < t->n_pieces; i++) {
        size_t start = text_written(t);
        if (!span_starts_with(piece_bytes(t, t->pieces[i]), space))
            text_put(t, space, t->pieces[i].start);
        text_keep(t, t->pieces[i].start, t->pieces[i].end);
        text_add_piece(t, start, text_written(t));
    }
    text_end_pieces(t);
    return text_end_rewrite(t, err);
}

static bool write_letters(struct text *t, struct err *err)
{
    text_begin_rewrite(t);
    for (size_t i = 0; i < t->n_pieces; i++) {
        size_t start = text_written(t);
        text_put_letters(t, t->pieces[i].start, t->pieces[i].end);
        text_add_piece(t, start, text_written(t));
    }
    text_end_pieces(t);
    return text_end_rewrite(t, err);
}

static bool run_byte_level(const struct pretoken_step *step, struct text *t, struct err *err)
{
    if (step->add_prefix_space && !put_prefix_spaces(t, err))
        return false;
    if (step->use_regex && !cut_by_regex(t, step, CUT_ISOLATED, err))
        return false;
    return !step->write_letters || write_letters(t, err);
}

const struct pretoken_kind pretoken_kinds[] = {
    {"BertPreTokenizer", run_bert, ""},
    {"ByteLevel", run_byte_level, "add_prefix_space trim_offsets "},
    {"CharDelimiterSplit", run_delimiter, "delimiter "},
    {"Digits", run_digits, "individual_digits "},
    {"FixedLength", run_fixed_length, ""},
    {"Metaspace", run_metaspace, "replacement "},
    {"Punctuation", run_punctuation, ""},
    {"Split", run_split, "pattern behavior invert "},
    {"UnicodeScripts", run_unicode_scripts, ""},
    {"Whitespace", run_whitespace, ""},
    {"WhitespaceSplit", run_whitespace_split, ""},
};
const size_t pretoken_n_kinds = COUNT_OF(pretoken_kinds);
