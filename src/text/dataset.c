/*
 * dataset.c - files and passes.
 *
 * A folder may hold a file for each part, as downloads do: train.jsonl, test.jsonl. Names are cut
 * into words at everything that is no letter, as `datasets` does it, and "train", "validation",
 * "valid", "val", "dev", "eval", "test" and a few more say the part; this counts only where some
 * file is for training and another is not. A .txt beside other data files is a README or a licence
 * and is passed over, and so is every name that no reader knows.
 *
 * Columns are taken from the first hundred rows of a file: enough that an optional column ("input",
 * "system") shows itself, few enough that opening costs nothing.
 */
#include "text/dataset.h"

#include <ctype.h>

#include "base/log.h"

enum { ROWS_LOOKED_AT = 100 };

/* ------------------------------------------------------------------------------------- files -- */

static const struct {
    const char *word;
    enum dataset_part part;
} part_words[] = {
    {"train", PART_TRAIN}, {"training", PART_TRAIN},  {"validation", PART_EVAL},
    {"valid", PART_EVAL},  {"val", PART_EVAL},        {"dev", PART_EVAL},
    {"eval", PART_EVAL},   {"evaluation", PART_EVAL}, {"heldout", PART_EVAL},
    {"test", PART_TEST},   {"testing", PART_TEST},
};

/* The part that a file's name says; PART_COUNT where it says none. */
static enum dataset_part part_of_name(const char *name)
{
    for (const char *word = name; *word;) {
        size_t len = 0;
        while (isalpha((unsigned char)word[len]))
            len++;
        for (size_t i = 0; i < COUNT_OF(part_words); i++) {
            if (len == strlen(part_words[i].word) && strncmp(word, part_words[i].word, len) == 0)
                return part_words[i].part;
        }
        word += len > 0 ? len : 1;
    }
    return PART_COUNT;
}

/* Gives files their own parts where the folder has some for training and some that are not. */
static void fix_parts(struct dataset *d, char *const *names)
{
    size_t seen[PART_COUNT + 1] = {0};
    for (size_t i = 0; i < d->n_files; i++) {
        d->files[i].part = part_of_name(names[i]);
        seen[d->files[i].part]++;
    }
    bool counts = seen[PART_TRAIN] > 0 && seen[PART_EVAL] + seen[PART_TEST] > 0;
    for (size_t i = 0; i < d->n_files; i++) {
        struct dataset_file *file = &d->files[i];
        if (!counts || file->part == PART_COUNT)
            file->part = PART_TRAIN;
        file->is_fixed = file->part != PART_TRAIN;
    }
}

static bool list_folder(struct dataset *d, const char *folder, struct err *err)
{
    char **names;
    size_t n_names, n_tables = 0;
    if (!file_list(&d->arena, folder, &names, &n_names, err))
        return false;
    for (size_t i = 0; i < n_names; i++)
        n_tables += record_reader_knows(names[i]) && !file_has_suffix(names[i], ".txt");

    d->files = arena_array(&d->arena, struct dataset_file, n_names);
    d->passed_over = arena_array(&d->arena, const char *, n_names);
    char **kept = arena_array(&d->arena, char *, n_names);
    for (size_t i = 0; i < n_names; i++) {
        bool is_beside = n_tables > 0 && file_has_suffix(names[i], ".txt");
        if (!record_reader_knows(names[i]) || is_beside) {
            d->passed_over[d->n_passed_over++] = names[i];
            continue;
        }
        kept[d->n_files] = names[i];
        d->files[d->n_files++].path = file_join(&d->arena, folder, names[i]);
    }
    if (d->n_files == 0) {
        err_set(err, ERR_INPUT, "the folder holds no data files");
        err_hint(err, "data files end in .jsonl, .json, .csv, .tsv or .txt");
        err_in(err, "%s", folder);
        return false;
    }
    fix_parts(d, kept);
    return true;
}

static bool list_files(struct dataset *d, const char *path, struct err *err)
{
    if (file_kind_of(path) == FILE_FOLDER)
        return list_folder(d, path, err);
    d->files = arena_new(&d->arena, struct dataset_file);
    d->files[0].path = path;
    d->n_files = 1;
    return true;
}

/* --------------------------------------------------------------------------------- problems -- */

static void note_problem(struct dataset *d, const char *path, uint64_t line, const char *what)
{
    if (d->n_bad++ >= DATASET_SHOWN_PROBLEMS)
        return;
    struct dataset_problem *problem = &d->problems[d->n_bad - 1];
    struct err err;
    err_set(&err, ERR_INPUT, "%.*s", (int)sizeof problem->what - 1, what);
    *problem = (struct dataset_problem){.path = path, .line = line};
    memcpy(problem->what, err.what, sizeof problem->what - 1);
}

void dataset_reject(struct dataset *d, const struct dataset_row *row, const char *what)
{
    d->files[d->file_index].rows--;
    d->n_rows--;
    note_problem(d, d->files[d->file_index].path, row->line, what);
}

void dataset_warn(const struct dataset *d)
{
    for (size_t i = 0; i < min_size(d->n_bad, DATASET_SHOWN_PROBLEMS); i++) {
        const struct dataset_problem *problem = &d->problems[i];
        log_warning("%s:%llu: %s", problem->path, (unsigned long long)problem->line, problem->what);
    }
    if (d->n_bad > DATASET_SHOWN_PROBLEMS)
        log_warning("and %llu more bad rows",
                    (unsigned long long)d->n_bad - DATASET_SHOWN_PROBLEMS);
}

bool dataset_check(const struct dataset *d, struct err *err)
{
    unsigned long long bad = d->n_bad, all = d->n_bad + d->n_rows;
    bool are_lines = dataset_format_of(d) == FORMAT_DOCUMENT; /* a plain text is one row */
    const char *noun = are_lines ? "line" : "row", *verb = bad == 1 ? "is" : "are";
    if (d->n_rows == 0) {
        if (bad == 0)
            err_set(err, ERR_INPUT, "there are no rows");
        else if (bad == 1)
            err_set(err, ERR_INPUT, "the only %s is bad", noun);
        else
            err_set(err, ERR_INPUT, "all %llu %ss are bad", bad, noun);
        err_in(err, "%s", d->files[0].path);
        return false;
    }
    if (bad == 0 || d->options.skip_bad_rows)
        return true;
    if (are_lines)
        err_set(err, ERR_INPUT, "%llu line%s %s bad", bad, bad == 1 ? "" : "s", verb);
    else
        err_set(err, ERR_INPUT, "%llu of %llu rows %s bad", bad, all, verb);
    err_hint(err, "mend %s, or leave %s out with --skip-bad-rows", bad == 1 ? "it" : "them",
             bad == 1 ? "it" : "them");
    return false;
}

/* ------------------------------------------------------------------------------ recognition -- */

static bool no_rows(const char *path, const char *problem, uint64_t line, struct err *err)
{
    if (problem) {
        err_set(err, ERR_INPUT, "%s", problem);
        err_in(err, "%s: line %llu", path, (unsigned long long)line);
        err_hint(err, "none of the first rows can be read");
    } else {
        err_set(err, ERR_INPUT, "the file holds no rows");
        err_in(err, "%s", path);
    }
    return false;
}

/* Collects the columns of the first rows. */
static bool look_at_rows(struct dataset *d, struct dataset_file *file, struct record_reader *reader,
                         struct err *err)
{
    struct arena arena = {0};
    struct record record;
    const char *problem = NULL;
    uint64_t line = 0;
    size_t good = 0;
    bool more = true, ok = true, is_document = false;
    for (size_t i = 0; ok && more && i < ROWS_LOOKED_AT && !is_document; i++) {
        ok = record_next(reader, &arena, &record, &more, err);
        if (!ok || !more)
            break;
        if (record.problem && !problem) {
            problem = record.problem;
            line = record.line;
        }
        is_document = record.is_document;
        good += !record.problem;
        dataset_format_look(&file->format, &d->arena, &record);
    }
    if (ok && good == 0 && !is_document)
        ok = no_rows(file->path, problem, line, err);
    else if (ok && is_document)
        file->format = (struct dataset_format){.id = FORMAT_DOCUMENT};
    else if (ok)
        ok = dataset_format_recognise(&file->format, &d->columns, err);
    if (!ok && !err->where[0])
        err_in(err, "%s", file->path);
    arena_release(&arena);
    return ok;
}

static bool recognise(struct dataset *d, struct dataset_file *file, struct err *err)
{
    struct record_reader reader;
    if (!record_reader_open(&reader, file->path, err))
        return false;
    bool ok = look_at_rows(d, file, &reader, err);
    record_reader_close(&reader);
    return ok;
}

/* Preferences are trained in another way than answers: a folder holds one or the other. */
static bool go_together(const struct dataset *d, struct err *err)
{
    const struct dataset_file *first = &d->files[0];
    for (size_t i = 1; i < d->n_files; i++) {
        const struct dataset_file *file = &d->files[i];
        bool differs =
            (first->format.id == FORMAT_PREFERENCE) != (file->format.id == FORMAT_PREFERENCE);
        if (!differs)
            continue;
        err_set(err, ERR_INPUT, "preferences and answers do not go together: %s holds %s, %s %s",
                first->path, dataset_format_name(first->format.id), file->path,
                dataset_format_name(file->format.id));
        err_hint(err, "put them into folders of their own");
        return false;
    }
    return true;
}

bool dataset_open(struct dataset *d, const char *path, const struct dataset_options *options,
                  struct err *err)
{
    *d = (struct dataset){.options = *options, .reader.lines.fd = -1};
    if (options->columns && !dataset_columns_parse(&d->columns, options->columns, err))
        goto fail;
    if (!list_files(d, path, err))
        goto fail;
    for (size_t i = 0; i < d->n_files; i++) {
        if (!recognise(d, &d->files[i], err))
            goto fail;
    }
    if (!go_together(d, err))
        goto fail;
    return true;

fail:
    dataset_close(d);
    return false;
}

enum dataset_format_id dataset_format_of(const struct dataset *d)
{
    return d->files[0].format.id;
}

const struct dataset_file *dataset_present_file(const struct dataset *d)
{
    return &d->files[d->file_index];
}

/* ------------------------------------------------------------------------------------ passes -- */

static void end_reading(struct dataset *d)
{
    if (d->is_reading)
        record_reader_close(&d->reader);
    d->is_reading = false;
}

void dataset_rewind(struct dataset *d)
{
    end_reading(d);
    d->file_index = 0;
    d->n_rows = 0;
    d->n_bad = 0;
    for (size_t i = 0; i < d->n_files; i++)
        d->files[i].rows = 0;
}

/* Reads a record of the present file into a row; *more is false at the file's end. */
static bool next_of_file(struct dataset *d, struct dataset_row *row, bool *more, struct err *err)
{
    struct dataset_file *file = &d->files[d->file_index];
    if (!d->is_reading && !record_reader_open(&d->reader, file->path, err))
        return false;
    d->is_reading = true;
    struct record record;
    if (!record_next(&d->reader, &d->row_arena, &record, more, err))
        return false;
    if (*more)
        dataset_row_read(row, &record, &file->format, d->options.as_chat, d->options.seed,
                         &d->row_arena);
    return true;
}

bool dataset_next(struct dataset *d, struct dataset_row *row, bool *more, struct err *err)
{
    for (;;) {
        arena_release(&d->row_arena);
        if (!next_of_file(d, row, more, err))
            return false;
        struct dataset_file *file = &d->files[d->file_index];
        if (*more && !row->problem) {
            /* A plain text is one row, in however many parts it comes. */
            bool is_new = row->kind != ROW_DOCUMENT || file->rows == 0;
            file->rows += is_new;
            d->n_rows += is_new;
            return true;
        }
        if (*more) {
            note_problem(d, file->path, row->line, row->problem);
        } else {
            end_reading(d);
            if (d->file_index + 1 == d->n_files)
                return true;
            d->file_index++;
        }
    }
}

void dataset_close(struct dataset *d)
{
    end_reading(d);
    arena_release(&d->row_arena);
    arena_release(&d->arena);
    *d = (struct dataset){.reader.lines.fd = -1};
}
