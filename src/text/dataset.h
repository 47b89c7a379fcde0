/*
 * dataset.h - a data file, or a folder of them, as one stream of rows.
 *
 *     struct dataset d;
 *     if (!dataset_open(&d, "data/", &options, err)) …
 *     struct dataset_row row;
 *     bool more;
 *     while ((ok = dataset_next(&d, &row, &more, err)) && more)
 *         …;
 *     ok = ok && dataset_check(&d, err);
 *     dataset_close(&d);
 *
 * Opening looks at the first rows of every file and recognises its format. A pass gives the good
 * rows alone; the bad ones are counted, and the first ten kept with what is wrong.
 */
#ifndef PACE_TEXT_DATASET_H
#define PACE_TEXT_DATASET_H

#include "text/dataset_row.h"
#include "text/dataset_split.h"

enum { DATASET_SHOWN_PROBLEMS = 10 };

struct dataset_options {
    const char *columns; /* "prompt=question,completion=query", or NULL */
    bool as_chat;        /* instructions and questions become conversations for a template */
    bool skip_bad_rows;
    uint64_t seed; /* goes into the rows' hashes, and so into the split */
};

struct dataset_file {
    const char *path;
    struct dataset_format format;
    enum dataset_part part; /* what the name says where the folder has files for several parts */
    bool is_fixed;          /* all its rows belong to that part, which is not training */
    uint64_t rows;          /* good ones, of the present pass */
};

struct dataset_problem {
    const char *path;
    uint64_t line;
    char what[240];
};

struct dataset {
    struct dataset_options options;
    struct dataset_columns columns;
    struct dataset_file *files;
    size_t n_files;
    const char **passed_over; /* names of files in the folder that are no data */
    size_t n_passed_over;
    struct arena arena;

    /* The present pass. */
    size_t file_index; /* of the last row given */
    uint64_t n_rows;
    uint64_t n_bad;
    struct dataset_problem problems[DATASET_SHOWN_PROBLEMS];
    bool is_reading;
    struct record_reader reader;
    struct arena row_arena;
};

/*
 * `path` and the options' texts must outlive the struct. Errors: ERR_IO; ERR_USAGE for --columns;
 * ERR_INPUT where there is no data, where columns are not recognised, or where files do not go
 * together.
 */
MUST_CHECK bool dataset_open(struct dataset *d, const char *path,
                             const struct dataset_options *options, struct err *err);

/* The next good row; valid until the next call. *more is false at the end of the pass. */
MUST_CHECK bool dataset_next(struct dataset *d, struct dataset_row *row, bool *more,
                             struct err *err);

/* The file of the last row. */
const struct dataset_file *dataset_present_file(const struct dataset *d);

/* Counts the last row given as bad after all: the template or the tokenizer refuses it. */
void dataset_reject(struct dataset *d, const struct dataset_row *row, const char *what);

/* Begins a new pass. */
void dataset_rewind(struct dataset *d);

/*
 * After a pass: false, with an ERR_INPUT that counts them, where rows were bad and skip_bad_rows is
 * not set; where no row was good, in any case.
 */
MUST_CHECK bool dataset_check(const struct dataset *d, struct err *err);

/* Tells the kept problems as warnings, one a line: "file:line: what". */
void dataset_warn(const struct dataset *d);

/* The format of the rows: of the first file. */
enum dataset_format_id dataset_format_of(const struct dataset *d);

/* Safe on a zeroed struct. */
void dataset_close(struct dataset *d);

#endif
