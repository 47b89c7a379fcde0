/*
 * logs.c - the table of readers, and the way through it.
 *
 * A log's format is told by its first bytes, because names tell nothing: trainer_state.json is
 * renamed when it is shared, a console's output is called train.log, out.txt or nohup.out. The rows
 * of the table are asked in turn; each reader delivers a sheet (sheet.h), from which points.c makes
 * the points of one run. Text that no format claims is looked through line by line (console.c); a
 * file in which nobody finds a loss is refused, and the message says what was found instead.
 *
 * To add a format: two functions and a row; test_logs.c and fuzz_logs.c run every row.
 */
#include "logs/logs.h"

#include <stdio.h>

#include "base/file.h"
#include "base/utf8.h"
#include "logs/console.h"
#include "logs/journal.h"
#include "logs/journal_rows.h"
#include "logs/json_rows.h"
#include "logs/logs_folder.h"
#include "logs/points.h"
#include "logs/table.h"
#include "logs/tensorboard.h"
#include "logs/trainer_state.h"

struct reader {
    const char *name, *about;
    bool (*is)(struct span text);
    bool (*read)(struct sheet *sheet, struct span text, struct err *err);
};

static const struct reader readers[] = {
    {"journal", "pace's own journal.jsonl, or an output folder", journal_is, journal_rows_read},
    {"trainer_state", "Hugging Face's trainer_state.json, a checkpoint or an output folder",
     trainer_state_is, trainer_state_read},
    {"tensorboard", "TensorBoard event files, or a folder with them", tensorboard_is,
     tensorboard_read},
    {"json_lines", "one JSON object a line: LLaMA-Factory, ms-swift, torchtune, your own",
     json_rows_is, json_rows_read},
    {"table", "CSV or TSV with columns found by name: W&B's export, pandas, Keras", table_is,
     table_read},
    {"console",
     "what a trainer prints: Trainer, llm.c, llama.cpp, torchtune, mlx-lm, nanoGPT, xtuner",
     console_is, console_read},
};

bool log_reader(size_t index, const char **name, const char **about)
{
    if (index >= COUNT_OF(readers))
        return false;
    *name = readers[index].name;
    *about = readers[index].about;
    return true;
}

/* ---------------------------------------------------------------------------------- refusals -- */

static void hint_formats(struct err *err)
{
    struct buf text;
    buf_init(&text, sizeof err->hint);
    buf_add_text(&text, "what is read: ");
    for (size_t i = 0; i < COUNT_OF(readers); i++)
        buf_printf(&text, "%s%s", i > 0 ? ", " : "", readers[i].name);
    err_hint(err, "%s", buf_string(&text));
    buf_release(&text);
}

/* Text in 16-bit units: what a redirection in Windows PowerShell leaves. */
static bool is_utf16(struct span text)
{
    return span_starts_with(text, span_of("\xff\xfe")) ||
           span_starts_with(text, span_of("\xfe\xff"));
}

/* Why no reader takes the bytes. */
static void refuse_unreadable(struct span text, struct err *err)
{
    if (is_utf16(text)) {
        err_set(err, ERR_INPUT, "the text is UTF-16");
        err_hint(err, "save it as UTF-8 (Notepad: Save as; PowerShell: Out-File -Encoding utf8)");
        return;
    }
    err_set(err, ERR_INPUT,
            text.len == 0 ? "the file is empty"
                          : "a binary file that is no TensorBoard event file");
    hint_formats(err);
}

/* What there was instead of a loss: the names of columns; of a text its first line. */
static void refuse_contents(const struct log_file *log, const struct sheet *sheet, struct span text,
                            struct err *err)
{
    char line[100];
    size_t len = 0;
    struct buf found;
    buf_init(&found, 300);
    for (size_t i = 0; i < sheet->n_names; i++)
        buf_printf(&found, "%s%s", i > 0 ? ", " : "", sheet->names[i]);
    if (found.len > 0 && strcmp(log->format, "console") != 0) {
        err_set(err, ERR_INPUT, "no loss in it; names found: %s", buf_string(&found));
    } else {
        while (text.len > 0 && strchr(" \t\r\n", text.at[0]))
            text = span_from(text, 1);
        while (len < min_size(text.len, sizeof line - 1) && text.at[len] != '\n')
            len++;
        snprintf(line, sizeof line, "%.*s", (int)len, len > 0 ? (const char *)text.at : "");
        utf8_make_printable(line);
        err_set(err, ERR_INPUT, "no loss in it; it begins with: %s", line);
    }
    hint_formats(err);
    buf_release(&found);
}

/* ----------------------------------------------------------------------------------- reading -- */

static void fill(struct log_file *log, struct sheet *sheet, const char **columns)
{
    const char **found = arena_array(sheet->arena, const char *, FIELD_COUNT);
    for (int i = 0; i < FIELD_COUNT; i++) {
        if (columns[i])
            found[log->n_columns++] = columns[i];
    }
    log->columns = found;
    log->n_notes = sheet->n_notes;
    memcpy(log->notes, sheet->notes, sizeof log->notes);
}

static const struct reader *reader_of(struct span bytes)
{
    for (size_t i = 0; i < COUNT_OF(readers); i++) {
        if (readers[i].is(bytes))
            return &readers[i];
    }
    return NULL;
}

/* Reads the bytes into the sheet with the reader that they ask for. */
static bool read_sheet(struct log_file *log, struct sheet *sheet, struct span bytes,
                       struct err *err)
{
    const struct reader *reader = reader_of(bytes);
    if (!reader) {
        refuse_unreadable(bytes, err);
        return false;
    }
    log->format = reader->name;
    if (reader->read(sheet, bytes, err))
        return true;
    if (!err->hint[0])
        hint_formats(err);
    return false;
}

/* From the sheet to the points. */
static bool finish(struct log_file *log, struct sheet *sheet, struct span bytes, struct err *err)
{
    const char *columns[FIELD_COUNT];
    points_of_sheet(sheet, &log->series, columns);
    if (log->series.n_points == 0) {
        refuse_contents(log, sheet, bytes, err);
        return false;
    }
    fill(log, sheet, columns);
    return true;
}

bool log_read_bytes(struct log_file *log, struct span bytes, const char *path, struct arena *arena,
                    struct err *err)
{
    struct sheet sheet;
    *log = (struct log_file){.path = arena_printf(arena, "%s", path)};
    sheet_init(&sheet, arena);
    bool ok = read_sheet(log, &sheet, bytes, err) && finish(log, &sheet, bytes, err);
    sheet_release(&sheet);
    if (!ok)
        err_in(err, "%s", path);
    return ok;
}

static bool read_stream(struct log_file *log, struct arena *arena, struct err *err)
{
    struct buf text;
    buf_init(&text, (size_t)2 << 30);
    bool ok = file_read(&text, "-", err) &&
              log_read_bytes(log, buf_span(&text), "standard input", arena, err);
    buf_release(&text);
    return ok;
}

/* Event files one behind another; some may be empty or broken. */
static bool read_events(struct sheet *sheet, const struct logs_folder *files, struct err *err)
{
    size_t n_broken = 0;
    struct err problem = {0};
    for (size_t i = 0; i < files->n_paths; i++) {
        struct file_map map = {0};
        if (!file_map(&map, files->paths[i], &problem) ||
            !tensorboard_read_part(sheet, map.bytes, files->parts[i], &problem))
            n_broken++;
        file_unmap(&map);
    }
    if (n_broken == files->n_paths) {
        *err = problem;
        return false;
    }
    if (n_broken > 0)
        sheet_note(sheet, "%zu of its %zu event files could not be read", n_broken, files->n_paths);
    return true;
}

static bool read_run(struct log_file *log, const struct logs_folder *files, struct arena *arena,
                     struct err *err)
{
    struct sheet sheet;
    *log = (struct log_file){.path = files->paths[0], .format = "tensorboard"};
    sheet_init(&sheet, arena);
    bool ok = read_events(&sheet, files, err) && finish(log, &sheet, (struct span){0}, err);
    sheet_release(&sheet);
    if (!ok)
        err_in(err, "%s", files->paths[0]);
    return ok;
}

static bool read_folder(struct log_file *log, const char *path, struct arena *arena,
                        struct err *err)
{
    struct logs_folder files;
    if (!logs_folder_find(&files, path, arena, err)) {
        err_in(err, "%s", path);
        return false;
    }
    bool is_one = files.n_paths == 1 && !files.parts[0][0];
    if (is_one ? !log_read(log, files.paths[0], arena, err) : !read_run(log, &files, arena, err))
        return false;
    if (files.note && log->n_notes < COUNT_OF(log->notes))
        log->notes[log->n_notes++] = files.note;
    return true;
}

bool log_read(struct log_file *log, const char *path, struct arena *arena, struct err *err)
{
    struct file_map map;
    if (strcmp(path, "-") == 0)
        return read_stream(log, arena, err);
    if (file_kind_of(path) == FILE_FOLDER)
        return read_folder(log, path, arena, err);
    if (!file_map(&map, path, err))
        return false;
    bool ok = log_read_bytes(log, map.bytes, path, arena, err);
    file_unmap(&map);
    return ok;
}
