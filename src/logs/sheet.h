/*
 * sheet.h - a log as all readers deliver it: a sparse sheet, rows in the order of the log, columns
 * by name. What the numbers mean together is points.h's.
 *
 *     sheet_row(&sheet);
 *     sheet_put(&sheet, sheet_column(&sheet, name), value);
 */
#ifndef PACE_LOGS_SHEET_H
#define PACE_LOGS_SHEET_H

#include "base/arena.h"
#include "base/buf.h"
#include "logs/field.h"

enum {
    SHEET_COLUMNS = 256, /* more names than that are passed over */
    SHEET_NOTES = 8,
    SHEET_NAMES = 12, /* of what was found, for a message */
    SHEET_CACHE = 256,
};

struct sheet_column {
    const char *name;
    struct field_match match;
    size_t n_cells, n_nan;
    size_t n_returns; /* times that a finite number followed NaN */
    bool was_nan;
};

struct sheet_cell {
    double value;
    uint32_t row, column;
};

/* Whose learning rate a Trainer of a known version logs. */
enum rate_owner { RATE_UNKNOWN, RATE_OF_NEXT, RATE_OF_UPDATE };

struct sheet {
    struct arena *arena; /* of names and notes */
    struct sheet_column columns[SHEET_COLUMNS];
    size_t n_columns;
    struct buf cells; /* struct sheet_cell, by row */
    uint32_t n_rows;

    bool is_trainer;   /* written by Hugging Face's Trainer, or by what is built on it */
    bool is_one_run;   /* whatever its steps say: one run's own state, not a file appended to */
    bool nan_is_empty; /* a table may write NaN where nothing was logged */
    enum rate_owner rate_owner;
    int64_t total_steps; /* planned; 0: not known */
    double total_epochs;
    int64_t end_step;  /* of a run that came to its end, set by points.c; 0: not known */
    int64_t last_step; /* where rows have none: how far a progress bar came; 0: not known */

    const char *notes[SHEET_NOTES];
    size_t n_notes;
    const char *names[SHEET_NAMES]; /* the first names seen, of whatever meaning */
    size_t n_names;

    uint64_t seed;
    struct sheet_name {
        uint64_t hash;
        enum field field;
        int column; /* -1: none, or not asked for yet */
        bool is_used, is_asked;
    } cache[SHEET_CACHE];
};

void sheet_init(struct sheet *s, struct arena *arena);
void sheet_release(struct sheet *s);

/* What a column of that name would hold: field_of, remembered. */
enum field sheet_field(struct sheet *s, struct span name);

/* The column of a name, -1 for one that says nothing of the run. The name is copied. */
int sheet_column(struct sheet *s, struct span name);

/* Begins the next row. */
void sheet_row(struct sheet *s);

/* Takes back the present row's values: it turned out to be broken. */
void sheet_drop_row(struct sheet *s);

/* True where a column of that name has values. */
bool sheet_has(const struct sheet *s, const char *name);

/* A value of the present row; column -1 is passed over. */
void sheet_put(struct sheet *s, int column, double value);

/*
 * The same from text as trainers print it: a number, "nan", "-inf"; "601/2161" of a column
 * of steps gives the planned number too. False where it is none of these.
 */
bool sheet_put_text(struct sheet *s, int column, struct span text);

/* The number that begins the text and its length; 0 where none does. Also "nan", "inf", "-inf". */
size_t sheet_scan_number(struct span text, double *value);

/* Its length alone. */
size_t sheet_number_length(struct span text);

static inline const struct sheet_cell *sheet_cells(const struct sheet *s, size_t *n)
{
    *n = s->cells.len / sizeof(struct sheet_cell);
    return (const struct sheet_cell *)(const void *)s->cells.at;
}

/* Keeps a sentence for the person; more than SHEET_NOTES are dropped. */
void sheet_note(struct sheet *s, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
