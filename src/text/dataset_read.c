/*
 * dataset_read.c - the table of readers, and those readers.
 *
 *   .jsonl  a line at a time, so that a file of any size costs the memory of its longest line
 *   .json   mapped; dataset_json.h says where the rows stand; pages that were read are given back
 *   .csv, .tsv  format/csv.h; a row with too few or too many fields is a problem of that row
 *   .txt    mapped; parts of up to a megabyte that end with a line where there is one. A part with
 *           invalid UTF-8 or a NUL gives a problem for that line, and goes on behind it
 *
 * A problem belongs to one record; what leaves no next record to go on with is an error.
 *
 * To add a kind: two functions and a row in the table; test_dataset_read.c and fuzz_dataset.c run
 * every row.
 */
#define _GNU_SOURCE /* memrchr */
#include "text/dataset_read.h"

#include "base/utf8.h"
#include "text/dataset_json.h"

enum {
    LONGEST_LINE = 64 << 20,
    LARGEST_PART = 1 << 20, /* of a text file */
    FORGET_EVERY = 16 << 20,
};

struct record_reader_kind {
    const char *suffix;
    bool (*open)(struct record_reader *r, struct err *err);
    bool (*next)(struct record_reader *r, struct arena *arena, struct record *record, bool *more,
                 struct err *err);
};

/* ---------------------------------------------------------------------------------- records -- */

static void add_field(struct record_reader *r, struct record_field field)
{
    buf_add(&r->fields, (struct span){(const uint8_t *)&field, sizeof field});
}

/* Hands the fields gathered so far to the record. */
static void take_fields(struct record_reader *r, struct record *record)
{
    record->fields = (struct record_field *)(void *)r->fields.at;
    record->n_fields = r->fields.len / sizeof(struct record_field);
}

/* "what (column 17: messages[2])" */
static const char *describe(struct arena *arena, const struct err *err)
{
    return err->where[0] ? arena_printf(arena, "%s (%s)", err->what, err->where)
                         : arena_printf(arena, "%s", err->what);
}

/* Reads an object's members into the record; a problem where it is not an object. */
static void record_from_json(struct record_reader *r, struct span text, size_t first_line,
                             struct arena *arena, struct record *record)
{
    struct json_reader json;
    json_open(&json, text, arena);
    json.first_line = first_line;
    if (json_peek(&json) != JSON_OBJECT)
        json_fail(&json, "a row is an object with named columns: {\"prompt\": …, …}");
    struct span name;
    for (json_enter_object(&json); json_next_key(&json, &name);) {
        struct record_field field = {.name = name, .type = json_peek(&json)};
        field.text = field.type == JSON_STRING ? json_string(&json) : json_raw(&json);
        add_field(r, field);
    }
    struct err err;
    if (json_close(&json, &err))
        take_fields(r, record);
    else
        record->problem = describe(arena, &err);
}

const struct record_field *record_find(const struct record *record, struct span name)
{
    for (size_t i = record->n_fields; i > 0; i--) {
        if (span_equal(record->fields[i - 1].name, name))
            return &record->fields[i - 1];
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------ lines -- */

static bool is_blank(struct span line)
{
    return json_skip_space(line, 0) == line.len;
}

/* The next line that is not blank. */
static bool next_line(struct record_reader *r, struct record *record, struct span *line, bool *more,
                      struct err *err)
{
    do {
        if (!file_lines_next(&r->lines, line, more, err))
            return false;
    } while (*more && is_blank(*line));
    record->line = r->lines.line;
    return true;
}

static bool next_json_line(struct record_reader *r, struct arena *arena, struct record *record,
                           bool *more, struct err *err)
{
    struct span line;
    if (!next_line(r, record, &line, more, err))
        return false;
    if (*more)
        record_from_json(r, line, 1, arena, record);
    return true;
}

/* ------------------------------------------------------------------------------------- JSON -- */

/* Gives the pages behind the reader back now and then. */
static void forget_what_was_read(struct record_reader *r)
{
    if (r->offset - r->forgotten < FORGET_EVERY)
        return;
    file_map_forget(&r->map, r->offset);
    r->forgotten = r->offset;
}

/* Moves to `offset`, counting lines. */
static void move_to(struct record_reader *r, size_t offset)
{
    const uint8_t *at = r->map.bytes.at, *end = at + offset;
    for (at += r->offset; at < end && (at = memchr(at, '\n', (size_t)(end - at))); at++)
        r->line++;
    r->offset = offset;
}

static bool json_rows_broken(const struct record_reader *r, const char *what, struct err *err)
{
    err_set(err, ERR_INPUT, "%s", what);
    err_in(err, "%s: line %llu", r->path, (unsigned long long)r->line);
    return false;
}

/* Behind the last item: nothing but the rest of the object around the list may follow. */
static bool finish_list(struct record_reader *r, bool *more)
{
    move_to(r, r->map.bytes.len);
    *more = false;
    return true;
}

static bool next_json_value(struct record_reader *r, struct arena *arena, struct record *record,
                            bool *more, struct err *err)
{
    struct span text = r->map.bytes;
    forget_what_was_read(r);
    move_to(r, json_skip_space(text, r->offset));
    *more = r->offset < text.len;
    if (!*more)
        return r->in_array ? json_rows_broken(r, "the file ends inside the list of rows", err)
                           : true;
    if (r->in_array && text.at[r->offset] == ']')
        return finish_list(r, more);
    size_t end = json_value_end(text, r->offset);
    if (end > text.len)
        return json_rows_broken(r, "the row that begins here is not closed", err);

    struct span row = span_part(text, r->offset, end - r->offset);
    bool is_one_line = row.len == 0 || !memchr(row.at, '\n', row.len);
    record->line = r->line;
    record_from_json(r, row, is_one_line ? 1 : (size_t)r->line, arena, record);

    size_t behind = json_skip_space(text, end);
    bool is_separated =
        !r->in_array || (behind < text.len && (text.at[behind] == ',' || text.at[behind] == ']'));
    move_to(r, behind);
    if (row.len == 0 || (!is_separated && behind < text.len))
        return json_rows_broken(r, "expected ',' or ']' between the rows", err);
    if (r->in_array && behind < text.len && text.at[behind] == ',')
        move_to(r, behind + 1);
    return true;
}

/* JSON of any layout: lines are read as JSONL, the rest from the map. */
static bool open_json(struct record_reader *r, struct err *err)
{
    enum json_rows_kind kind = JSON_ROWS_LINES;
    size_t start = 0;
    bool is_named_lines = !file_has_suffix(r->path, ".json");
    if (!file_map(&r->map, r->path, err))
        return false;
    size_t first = json_skip_space(r->map.bytes, 0);
    bool is_list = first < r->map.bytes.len && r->map.bytes.at[first] == '[';
    if ((!is_named_lines || is_list) && !json_rows_find(r->map.bytes, &kind, &start, err)) {
        err_in(err, "%s", r->path);
        return false;
    }
    if (kind == JSON_ROWS_LINES) {
        file_unmap(&r->map);
        return file_lines_open(&r->lines, r->path, LONGEST_LINE, err);
    }
    r->in_array = kind == JSON_ROWS_LIST;
    r->line = 1;
    move_to(r, start);
    return true;
}

static bool next_json(struct record_reader *r, struct arena *arena, struct record *record,
                      bool *more, struct err *err)
{
    return r->map.bytes.at ? next_json_value(r, arena, record, more, err)
                           : next_json_line(r, arena, record, more, err);
}

/* ----------------------------------------------------------------------------------- tables -- */

static bool open_csv(struct record_reader *r, struct err *err)
{
    return csv_open(&r->csv, r->path, ',', LONGEST_LINE, err);
}

static bool open_tsv(struct record_reader *r, struct err *err)
{
    return csv_open(&r->csv, r->path, '\t', LONGEST_LINE, err);
}

static bool next_table_row(struct record_reader *r, struct arena *arena, struct record *record,
                           bool *more, struct err *err)
{
    struct csv_row row;
    struct err problem;
    if (!csv_next(&r->csv, &row, more, err))
        return false;
    if (!*more)
        return true;
    record->line = row.line;
    if (!csv_check_row(&r->csv, &row, &problem)) {
        record->problem = arena_printf(arena, "%s", problem.what);
        return true;
    }
    for (size_t i = 0; i < row.n_fields; i++) {
        struct span name = r->csv.header[i], value = row.fields[i];
        if (utf8_first_invalid(value) < value.len) {
            record->problem =
                arena_printf(arena, "invalid UTF-8 in column '%.*s'", SPAN_ARGS(name));
            return true;
        }
        add_field(r, (struct record_field){name, JSON_STRING, value});
    }
    take_fields(r, record);
    return true;
}

/* ------------------------------------------------------------------------------- plain text -- */

static bool open_txt(struct record_reader *r, struct err *err)
{
    r->line = 1;
    if (!file_map(&r->map, r->path, err))
        return false;
    r->offset = span_starts_with(r->map.bytes, span_of("\xef\xbb\xbf")) ? 3 : 0;
    return true;
}

/* Where a part of `text` ends: behind its last line, else its last space, else its last letter. */
static size_t part_end(struct span text)
{
    if (text.len <= LARGEST_PART)
        return text.len;
    CHECK(text.at); /* gcc's sanitizers warn without it */
    const uint8_t *newline = memrchr(text.at, '\n', LARGEST_PART);
    if (newline)
        return (size_t)(newline - text.at) + 1;
    const uint8_t *space = memrchr(text.at, ' ', LARGEST_PART);
    if (space && space > text.at)
        return (size_t)(space - text.at); /* the space belongs to the word behind it */
    size_t end = LARGEST_PART;
    while (end > LARGEST_PART - 4 && utf8_is_inner(text.at[end]))
        end--;
    return end;
}

/* End of the line that holds `at`, or `limit`. */
static size_t line_end(struct span text, size_t at, size_t limit)
{
    const uint8_t *newline = memchr(text.at + at, '\n', limit - at);
    return newline ? (size_t)(newline - text.at) + 1 : limit;
}

/* Start of the line that holds `at`. */
static size_t line_start(struct span text, size_t at)
{
    const uint8_t *newline = at > 0 ? memrchr(text.at, '\n', at) : NULL;
    return newline ? (size_t)(newline - text.at) + 1 : 0;
}

static bool next_txt(struct record_reader *r, struct arena *arena, struct record *record,
                     bool *more, struct err *err)
{
    (void)err;
    forget_what_was_read(r);
    *more = r->offset < r->map.bytes.len;
    if (!*more)
        return true;
    struct span rest = span_from(r->map.bytes, r->offset);
    struct span part = span_part(rest, 0, part_end(rest));
    size_t invalid = utf8_first_invalid(part);
    const uint8_t *nul = memchr(part.at, '\0', invalid);
    size_t bad = nul ? (size_t)(nul - part.at) : invalid;
    size_t end = bad < part.len ? line_start(part, bad) : part.len;
    record->line = r->line;
    record->is_document = true;
    if (end == 0) {
        record->problem =
            arena_printf(arena, "%s (byte %zu)", nul ? "a NUL" : "invalid UTF-8", r->offset + bad);
        end = line_end(part, bad, part.len);
    } else {
        struct span text = span_part(part, 0, end);
        add_field(r, (struct record_field){span_of("text"), JSON_STRING, text});
        take_fields(r, record);
    }
    move_to(r, r->offset + end);
    return true;
}

/* ------------------------------------------------------------------------------------ table -- */

static const struct record_reader_kind kinds[] = {
    {".jsonl", open_json, next_json},   {".ndjson", open_json, next_json},
    {".json", open_json, next_json},    {".csv", open_csv, next_table_row},
    {".tsv", open_tsv, next_table_row}, {".txt", open_txt, next_txt},
};

static const struct record_reader_kind *kind_of(const char *path)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (file_has_suffix(path, kinds[i].suffix))
            return &kinds[i];
    }
    return NULL;
}

bool record_reader_knows(const char *path)
{
    return kind_of(path) != NULL;
}

/* What a file is whose first bytes are not text. */
struct foreign {
    const char *magic;
    size_t len;
    const char *what, *hint;
};

static const struct foreign foreign_table[] = {
    {"\x1f\x8b", 2, "the file is compressed with gzip", "unpack it first: gunzip -k FILE"},
    {"\x28\xb5\x2f\xfd", 4, "the file is compressed with zstd", "unpack it first: unzstd FILE"},
    {"PK\x03\x04", 4, "the file is a zip archive or a spreadsheet", "unpack it, or save it as CSV"},
    {"PAR1", 4, "the file is Parquet",
     "write it as JSONL: pandas.read_parquet(f).to_json(g, orient='records', lines=True)"},
    {"\xff\xfe", 2, "the text is UTF-16", "convert it: iconv -f UTF-16 -t UTF-8 FILE"},
    {"\xfe\xff", 2, "the text is UTF-16", "convert it: iconv -f UTF-16 -t UTF-8 FILE"},
};

static bool refuse_foreign(const char *path, struct err *err)
{
    struct file_map map;
    if (!file_map(&map, path, err)) {
        if (file_kind_of(path) == FILE_OTHER)
            err_hint(err, "data is read more than once: write it to a file first");
        return false;
    }
    bool ok = true;
    for (size_t i = 0; ok && i < COUNT_OF(foreign_table); i++) {
        const struct foreign *foreign = &foreign_table[i];
        struct span magic = {(const uint8_t *)foreign->magic, foreign->len};
        if (!span_starts_with(map.bytes, magic))
            continue;
        err_set(err, ERR_INPUT, "%s", foreign->what);
        err_hint(err, "%s", foreign->hint);
        err_in(err, "%s", path);
        ok = false;
    }
    file_unmap(&map);
    return ok;
}

bool record_reader_open(struct record_reader *r, const char *path, struct err *err)
{
    *r = (struct record_reader){.path = path, .kind = kind_of(path), .lines.fd = -1};
    buf_init(&r->fields, BUF_NO_LIMIT);
    if (!refuse_foreign(path, err))
        return false;
    if (!r->kind) {
        err_set(err, ERR_INPUT, "the name does not say what kind of data this is");
        err_hint(err, "data files end in .jsonl, .json, .csv, .tsv or .txt");
        err_in(err, "%s", path);
        return false;
    }
    if (r->kind->open(r, err))
        return true;
    record_reader_close(r);
    return false;
}

bool record_next(struct record_reader *r, struct arena *arena, struct record *record, bool *more,
                 struct err *err)
{
    *record = (struct record){0};
    buf_clear(&r->fields);
    return r->kind->next(r, arena, record, more, err);
}

void record_reader_close(struct record_reader *r)
{
    if (r->kind)
        file_lines_close(&r->lines);
    file_unmap(&r->map);
    csv_close(&r->csv);
    buf_release(&r->fields);
    *r = (struct record_reader){.lines.fd = -1};
}
