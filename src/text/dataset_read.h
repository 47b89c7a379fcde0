/*
 * dataset_read.h - data files as a stream of records: columns with their values, and the line where
 * each begins.
 *
 * One reader a kind of file (.jsonl, .json, .csv, .tsv, .txt), chosen by the name and, for JSON, by
 * what the file holds. A record that cannot be read (malformed JSON, invalid UTF-8, a CSV row with
 * too few fields) does not end the reading: it comes with `problem` set.
 */
#ifndef PACE_TEXT_DATASET_READ_H
#define PACE_TEXT_DATASET_READ_H

#include "base/file.h"
#include "format/csv.h"
#include "format/json.h"

struct record_field {
    struct span name;
    enum json_type type; /* JSON_STRING: `text` is the string itself; else the value's JSON text */
    struct span text;
};

struct record {
    uint64_t line; /* where it begins, from 1 */
    struct record_field *fields;
    size_t n_fields;
    const char *problem; /* what is wrong with it, or NULL; then there are no fields */
    bool is_document;    /* a part of a plain text file, in its field "text" */
};

struct record_reader_kind;

struct record_reader {
    const struct record_reader_kind *kind;
    const char *path;
    struct file_lines lines; /* JSONL */
    struct file_map map;     /* JSON, TXT */
    size_t offset;           /* in the map: what has been read */
    size_t forgotten;        /* in the map: given back to the system */
    uint64_t line;           /* in the map: number of the line at `offset` */
    bool in_array;           /* JSON: the rows are items of a list, with commas between them */
    struct csv csv;          /* CSV, TSV */
    struct buf fields;       /* of struct record_field; of the present record */
};

/* True where the file's name says that it can be read. */
bool record_reader_knows(const char *path);

/*
 * Opens a data file; `path` must outlive the reader. Errors: ERR_IO; ERR_INPUT where the name says
 * nothing, the content is of another kind (compressed, UTF-16), or a .json file holds no rows.
 */
MUST_CHECK bool record_reader_open(struct record_reader *r, const char *path, struct err *err);

/*
 * The next record; *more is false at the end. It is valid until the next call, and its texts while
 * the arena lives as well. Errors: ERR_IO; ERR_INPUT where the rest cannot be read.
 */
MUST_CHECK bool record_next(struct record_reader *r, struct arena *arena, struct record *record,
                            bool *more, struct err *err);

/* Safe on a zeroed struct. */
void record_reader_close(struct record_reader *r);

/* The column with that name, or NULL. Of columns of the same name the last counts, as in Python. */
const struct record_field *record_find(const struct record *record, struct span name);

#endif
