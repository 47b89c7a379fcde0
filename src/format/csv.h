/*
 * csv.h - tables in text: comma- or tab-separated, one row at a time, from a file of any size.
 *
 *     struct csv c;
 *     if (!csv_open(&c, path, ',', longest_row_bytes, err)) …       reads the header
 *     struct csv_row row;
 *     bool more;
 *     while ((ok = csv_next(&c, &row, &more, err)) && more) {
 *         if (!csv_check_row(&c, &row, err)) … a bad row: refuse, or count and go on
 *     }
 *     csv_close(&c);
 *
 * Comma-separated: RFC 4180, read as Python's csv module does: a field that begins with a quote
 * ends with the next single quote, may hold line breaks, and "" in it is a quote; a quote elsewhere
 * is an ordinary character; blanks belong to the field; a line ends at \n, \r\n or \r; empty lines
 * are passed over.
 *
 * Tab-separated: a row is a line. Files in the wild disagree on quotes: spreadsheets and pandas
 * quote, others (GLUE's tasks) never do and hold bare quotes. So a field is unquoted only where
 * that is certain: it begins and ends with a quote on its line, and quotes between them are
 * doubled. Everything else stays as it is, and no quote can swallow the rows behind it.
 *
 * A byte order mark at the start is passed over. Text is not checked to be UTF-8.
 */
#ifndef PACE_FORMAT_CSV_H
#define PACE_FORMAT_CSV_H

#include "base/file.h"

struct csv_parser; /* libcsv's */

struct csv_row {
    const struct span *fields; /* valid until the next call */
    size_t n_fields;
    uint64_t line; /* where the row begins, from 1 */
};

struct csv {
    struct file_lines lines;
    struct csv_parser *parser; /* NULL for tab-separated files */
    const struct span *header;
    size_t n_columns;
    struct arena arena;
    size_t longest_row;  /* bytes */
    struct buf text;     /* the present row's fields, one behind another */
    struct buf ends;     /* size_t each: where they end in it */
    struct buf fields;   /* struct span each */
    struct span pending; /* of the present line, not parsed yet */
    bool has_row;
    bool in_row; /* a row has begun; its line is known */
    bool at_end;
    uint64_t row_line;
    size_t row_bytes; /* fed since the row began */
};

/*
 * Opens the file and reads the header. `delimiter`: ',' or '\t'. `path` "-" is standard input and
 * must outlive the struct. Errors: ERR_IO; ERR_INPUT for an empty file and what csv_next names.
 */
MUST_CHECK bool csv_open(struct csv *c, const char *path, char delimiter, size_t longest_row,
                         struct err *err);

/* The same of bytes in memory. */
MUST_CHECK bool csv_open_bytes(struct csv *c, struct span bytes, char delimiter, size_t longest_row,
                               struct err *err);

/*
 * The next row; *more is false at the end. Errors: ERR_IO; ERR_INPUT for a quote that is never
 * closed, text behind one that closes a field, and a row over the limit, with the line in `where`.
 */
MUST_CHECK bool csv_next(struct csv *c, struct csv_row *row, bool *more, struct err *err);

/* False, naming the line, where the row has not as many fields as the header. */
MUST_CHECK bool csv_check_row(const struct csv *c, const struct csv_row *row, struct err *err);

/* Safe on a zeroed struct and after a failed open. */
void csv_close(struct csv *c);

#endif
