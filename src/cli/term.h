/*
 * term.h - what the terminal can show, and text made fit for it.
 */
#ifndef PACE_CLI_TERM_H
#define PACE_CLI_TERM_H

#include "base/buf.h"

struct term {
    size_t width;     /* columns, 32 … 200 */
    bool has_color;   /* a terminal that is no dumb one, and NO_COLOR is not set */
    bool has_unicode; /* the locale's encoding is UTF-8 */
};

/* Of standard output: COLUMNS or the terminal's own width, 80 where there is none. */
struct term term_of_stdout(void);

/* The same of standard error, for what is told while a command works. */
struct term term_of_stderr(void);

/* What a stretch of text is shown as. */
enum term_style { TERM_PLAIN, TERM_DIM, TERM_BOLD, TERM_GREEN, TERM_YELLOW, TERM_STYLE_COUNT };

/* The escape sequence that begins the style (TERM_PLAIN: ends all), or "" without colour. */
const char *term_style(const struct term *t, enum term_style style);

/* Columns of a character: 0 for combining marks, 2 for East Asian wide ones and emoji, else 1. */
size_t term_columns(uint32_t code_point);

/*
 * One character of foreign text, harmless: control characters and those that turn the direction of
 * writing come out as "\x1b" or "\u202e", bytes that are not UTF-8 as "\xff"; without Unicode, a
 * few signs come out as they are typed ("+-"), what else is not ASCII as "?". Line breaks and tabs
 * are the caller's: they are written as "\n". Adds to `out`, returns the columns used; *len is set
 * to the bytes of `text` that were taken.
 */
size_t term_add_safe(const struct term *t, struct buf *out, struct span text, size_t *len);

/* All of the text, on one line, cut with "…" where it would pass `columns`. Returns those used. */
size_t term_add_line(const struct term *t, struct buf *out, struct span text, size_t columns);

/*
 * The text as a paragraph: broken at blanks where it would pass the terminal's width, the first
 * line behind `lead`, the others indented as far. Ends with a line break.
 */
void term_add_paragraph(const struct term *t, struct buf *out, const char *lead, const char *text);

/* A bar of `share` (0 … 1) of `columns`; a share that is not 0 shows at least a trace. */
void term_add_bar(const struct term *t, struct buf *out, double share, size_t columns);

/* "1 row", "1,234,567 rows"; without a noun (NULL) the number alone. */
void term_add_count(struct buf *out, uint64_t n, const char *noun);

#endif
