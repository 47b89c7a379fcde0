/*
 * table.c - tables: a header with names, a row per line.
 *
 * Columns are found by their names (field.h), wherever they stand. An empty field is nothing
 * logged. So may NaN be, where a program wrote it for want of a number: points.c decides that by
 * whether numbers come back after it. A row with too few or too many fields (the last one of a run
 * that was killed) is passed over and counted.
 */
#include "logs/table.h"

#include "format/csv.h"

enum { HEAD = 1 << 18, LONGEST_ROW = 16 << 20 };

/* Whatever stands more often in the first line. */
static char delimiter_of(struct span text)
{
    size_t n_commas = 0, n_tabs = 0;
    for (size_t i = 0; i < min_size(text.len, HEAD) && text.at[i] != '\n'; i++) {
        n_commas += text.at[i] == ',';
        n_tabs += text.at[i] == '\t';
    }
    return n_tabs > n_commas ? '\t' : ',';
}

/* True where below a loss there is what a table has there. */
static bool has_loss(const struct csv *c, const struct csv_row *row)
{
    for (size_t i = 0; i < c->n_columns; i++) {
        double value;
        enum field field = field_of(c->header[i]).field;
        if (field != FIELD_LOSS && field != FIELD_EVAL_LOSS)
            continue;
        if (!row || i >= row->n_fields || row->fields[i].len == 0 ||
            sheet_scan_number(row->fields[i], &value) == row->fields[i].len)
            return true;
    }
    return false;
}

bool table_is(struct span text)
{
    struct csv c;
    struct csv_row row;
    struct err err;
    struct span head = span_part(text, 0, min_size(text.len, HEAD));
    bool more = false;
    if (!csv_open_bytes(&c, head, delimiter_of(head), LONGEST_ROW, &err))
        return false;
    bool is_table =
        c.n_columns > 1 && csv_next(&c, &row, &more, &err) && has_loss(&c, more ? &row : NULL);
    csv_close(&c);
    return is_table;
}

/* W&B's table of runs: a row is a whole run. */
static bool is_list_of_runs(const struct csv *c)
{
    static const char *const names[] = {"Name", "State", "Created", "Runtime"};
    size_t n = 0;
    for (size_t i = 0; i < c->n_columns; i++) {
        for (size_t j = 0; j < COUNT_OF(names); j++)
            n += span_is(c->header[i], names[j]);
    }
    return n >= COUNT_OF(names);
}

/* A name that occurs twice is read where it stands first. */
static void find_columns(struct sheet *sheet, const struct csv *c, int *columns)
{
    bool is_taken[SHEET_COLUMNS] = {false};
    for (size_t i = 0; i < c->n_columns; i++) {
        int column = sheet_column(sheet, c->header[i]);
        columns[i] = column >= 0 && is_taken[column] ? -1 : column;
        if (column >= 0)
            is_taken[column] = true;
    }
}

static void read_row(struct sheet *sheet, const struct csv_row *row, const int *columns)
{
    sheet_row(sheet);
    for (size_t i = 0; i < row->n_fields; i++)
        (void)sheet_put_text(sheet, columns[i], row->fields[i]);
}

bool table_read(struct sheet *sheet, struct span text, struct err *err)
{
    struct csv c;
    struct csv_row row;
    struct arena arena = {0};
    struct err problem;
    bool ok, more = true;
    size_t n_odd = 0;
    if (!csv_open_bytes(&c, text, delimiter_of(text), LONGEST_ROW, err))
        return false;
    if (is_list_of_runs(&c)) {
        err_set(err, ERR_INPUT, "a list of runs with one row each, not the log of one");
        err_hint(err, "export a chart of the loss as CSV instead, or the run's history");
        csv_close(&c);
        return false;
    }
    sheet->nan_is_empty = true;
    int *columns = arena_array(&arena, int, c.n_columns);
    find_columns(sheet, &c, columns);
    while ((ok = csv_next(&c, &row, &more, &problem)) && more) {
        if (row.n_fields == c.n_columns)
            read_row(sheet, &row, columns);
        else
            n_odd++;
    }
    if (!ok && sheet->n_rows > 0) {
        sheet_note(sheet, "it is damaged (%s, %s): what stands before that was read", problem.where,
                   problem.what);
        ok = true;
    } else if (!ok) {
        *err = problem;
    }
    if (n_odd > 0)
        sheet_note(sheet, "%zu row%s not as many fields as the header and %s passed over", n_odd,
                   n_odd > 1 ? "s have" : " has", n_odd > 1 ? "were" : "was");
    arena_release(&arena);
    csv_close(&c);
    return ok;
}
