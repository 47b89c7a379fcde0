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
#include "logs/json_rows.h"
#include "logs/points.h"
#include "logs/trainer_state.h"

struct reader {
    const char *name, *about;
    bool (*is)(struct span text);
    bool (*read)(struct sheet *sheet, struct span text, struct err *err);
};

static const struct reader readers[] = {
    {"trainer_state", "Hugging Face's trainer_state.json, a checkpoint or an output folder",
     trainer_state_is, trainer_state_read},
    {"json_lines", "one JSON object a line: LLaMA-Factory, ms-swift, torchtune, your own",
     json_rows_is, json_rows_read},
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

enum { HEAD = 4096 }; /* bytes from which a format is told */

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

static bool refuse_unreadable(struct span text, struct err *err)
{
    size_t head = min_size(text.len, HEAD);
    if (text.len == 0) {
        err_set(err, ERR_INPUT, "the file is empty");
    } else if (is_utf16(text)) {
        err_set(err, ERR_INPUT, "the text is UTF-16");
        err_hint(err, "save it as UTF-8 (Notepad: Save as; PowerShell: Out-File -Encoding utf8)");
        return true;
    } else if (memchr(text.at, '\0', head)) {
        err_set(err, ERR_INPUT, "a binary file that is no TensorBoard event file");
    } else {
        return false;
    }
    hint_formats(err);
    return true;
}

/* What there was instead of a loss. */
static void refuse_contents(const struct sheet *sheet, struct span text, struct err *err)
{
    struct buf found;
    buf_init(&found, 300);
    for (size_t i = 0; i < sheet->n_names; i++)
        buf_printf(&found, "%s%s", i > 0 ? ", " : "", sheet->names[i]);
    if (found.len > 0) {
        err_set(err, ERR_INPUT, "no loss in it; names found: %s", buf_string(&found));
    } else {
        char line[100];
        size_t len = 0;
        while (len < min_size(text.len, sizeof line - 1) && text.at[len] != '\n')
            len++;
        snprintf(line, sizeof line, "%.*s", (int)len, (const char *)text.at);
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

bool log_read_bytes(struct log_file *log, struct span bytes, const char *path, struct arena *arena,
                    struct err *err)
{
    struct sheet sheet;
    const char *columns[FIELD_COUNT];
    const struct reader *reader = NULL;
    *log = (struct log_file){.path = arena_printf(arena, "%s", path)};
    sheet_init(&sheet, arena);
    bool ok = false;
    for (size_t i = 0; i < COUNT_OF(readers) && !reader; i++)
        reader = readers[i].is(bytes) ? &readers[i] : NULL;
    if (!reader) {
        if (!refuse_unreadable(bytes, err))
            refuse_contents(&sheet, bytes, err);
        goto done;
    }
    log->format = reader->name;
    if (!reader->read(&sheet, bytes, err)) {
        hint_formats(err);
        goto done;
    }
    points_of_sheet(&sheet, &log->series, columns);
    if (log->series.n_points == 0) {
        refuse_contents(&sheet, bytes, err);
        goto done;
    }
    fill(log, &sheet, columns);
    ok = true;

done:
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

bool log_read(struct log_file *log, const char *path, struct arena *arena, struct err *err)
{
    struct file_map map;
    if (strcmp(path, "-") == 0)
        return read_stream(log, arena, err);
    if (!file_map(&map, path, err))
        return false;
    bool ok = log_read_bytes(log, map.bytes, path, arena, err);
    file_unmap(&map);
    return ok;
}
