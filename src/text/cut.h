/*
 * cut.h - from matches of a delimiter to pieces: the five behaviours of Split and Punctuation.
 *
 * A piece is told to the cutter as a row of segments, in order and without gaps, each either a
 * match of the delimiter or what lies between matches. For "the-final--countdown" and '-':
 *
 *   Removed               the final countdown
 *   Isolated              the - final - - countdown
 *   Contiguous            the - final -- countdown
 *   MergedWithPrevious    the- final- - countdown
 *   MergedWithNext        the -final - -countdown
 */
#ifndef PACE_TEXT_CUT_H
#define PACE_TEXT_CUT_H

#include "text/text.h"

enum cut_behavior {
    CUT_REMOVED,
    CUT_ISOLATED,
    CUT_MERGED_WITH_PREVIOUS,
    CUT_MERGED_WITH_NEXT,
    CUT_CONTIGUOUS,
};

struct cutter {
    struct text *text;
    enum cut_behavior behavior;
    bool invert;       /* matches and what lies between change places */
    bool pending;      /* start … end is not a piece yet: it may grow */
    bool last_matched; /* the segment before was a match */
    size_t start, end;
};

/* Begins a piece. */
void cut_begin(struct cutter *c);
void cut_segment(struct cutter *c, size_t start, size_t end, bool matched);
/* Ends the piece. */
void cut_end(struct cutter *c);

#endif
