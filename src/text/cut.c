/*
 * cut.c - segments into pieces, one at a time: at most one segment waits for its neighbour.
 *
 * Segments may be empty (a pattern can match nothing); they count for what is merged with what, as
 * in the `tokenizers` library, and leave no piece. The library merges with the next segment by
 * walking backwards; forwards it comes to this: a match joins the segment behind it where that is
 * no match.
 */
#include "text/cut.h"

void cut_begin(struct cutter *c)
{
    c->pending = false;
    c->last_matched = false;
}

static void flush(struct cutter *c)
{
    if (c->pending)
        text_add_piece(c->text, c->start, c->end);
    c->pending = false;
}

static void hold(struct cutter *c, size_t start, size_t end)
{
    flush(c);
    c->start = start;
    c->end = end;
    c->pending = true;
}

static void merge_with_next(struct cutter *c, size_t start, size_t end, bool matched)
{
    if (matched)
        hold(c, start, end);
    else if (c->pending)
        c->end = end;
    else
        hold(c, start, end);
    if (!matched)
        flush(c);
}

void cut_segment(struct cutter *c, size_t start, size_t end, bool matched)
{
    matched = matched != c->invert;
    bool grows;
    switch (c->behavior) {
    case CUT_REMOVED:
        if (!matched)
            text_add_piece(c->text, start, end);
        return;
    case CUT_ISOLATED:
        text_add_piece(c->text, start, end);
        return;
    case CUT_MERGED_WITH_NEXT:
        merge_with_next(c, start, end, matched);
        return;
    case CUT_MERGED_WITH_PREVIOUS:
        grows = matched && !c->last_matched;
        break;
    case CUT_CONTIGUOUS:
        grows = matched == c->last_matched;
        break;
    default:
        CHECK(false && "a behaviour without a case");
        return;
    }
    if (grows && c->pending)
        c->end = end;
    else
        hold(c, start, end);
    c->last_matched = matched;
}

void cut_end(struct cutter *c)
{
    flush(c);
}
