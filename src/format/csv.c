/*
 * csv.c - comma-separated tables through libcsv, tab-separated ones by hand.
 *
 * libcsv calls back for each field and each row and does not say where it is. It is fed no further
 * than the next line end at a time, so that a feed completes at most one row and the line of each
 * row is known. Its own trimming of blanks is switched off: no other reader does that. It runs in
 * its strict mode, because the other takes `"a"b,"c"` for one field; what that mode refuses beyond
 * this, a quote inside a field without quotes, is let through here.
 *
 * Source: RFC 4180; checked against Python's csv module.
 */
#include "format/csv.h"

#include <csv.h>
#include <inttypes.h>

#include "base/mem.h"

/* ------------------------------------------------------------------------------- the fields -- */

static void end_field(struct csv *c)
{
    size_t end = c->text.len;
    buf_add(&c->ends, (struct span){(const uint8_t *)&end, sizeof end});
}

static void clear_row(struct csv *c)
{
    buf_clear(&c->text);
    buf_clear(&c->ends);
    c->has_row = false;
    c->row_bytes = 0;
}

/* The fields' spans, made when the row is whole: until then the text may move. */
static struct csv_row finish_row(struct csv *c)
{
    buf_clear(&c->fields);
    size_t start = 0, n_fields = c->ends.len / sizeof(size_t);
    for (size_t i = 0; i < n_fields; i++) {
        size_t end;
        memcpy(&end, c->ends.at + i * sizeof end, sizeof end);
        struct span field = span_part(buf_span(&c->text), start, end - start);
        buf_add(&c->fields, (struct span){(const uint8_t *)&field, sizeof field});
        start = end;
    }
    return (struct csv_row){(const struct span *)(const void *)c->fields.at, n_fields, c->row_line};
}

static bool fail_in_row(const struct csv *c, struct err *err)
{
    err_in(err, "line %" PRIu64, c->row_line);
    if (c->lines.path)
        err_in(err, "%s", c->lines.path);
    return false;
}

/* ------------------------------------------------------------------------------------ lines -- */

/* Takes the next line, with its '\n' where it had one. *more is false at the end of the file. */
static bool next_line(struct csv *c, bool *more, struct err *err)
{
    struct span line;
    bool is_first = c->lines.line == 0;
    if (!file_lines_next(&c->lines, &line, more, err))
        return false;
    if (is_first && span_starts_with(line, span_of("\xef\xbb\xbf")))
        line = span_from(line, 3);
    c->pending = line;
    return true;
}

/* ------------------------------------------------------------------------- comma-separated -- */

static int is_never(unsigned char byte)
{
    (void)byte;
    return 0;
}

static void on_field(void *text, size_t len, void *user)
{
    struct csv *c = user;
    buf_add(&c->text, (struct span){text, len});
    end_field(c);
}

static void on_row(int terminator, void *user)
{
    (void)terminator;
    struct csv *c = user;
    c->has_row = true;
}

static void *resize_block(void *at, size_t size)
{
    return mem_resize(at, size);
}

static void make_parser(struct csv *c)
{
    c->parser = arena_new(&c->arena, struct csv_parser);
    CHECK(csv_init(c->parser, CSV_STRICT | CSV_STRICT_FINI) == 0);
    csv_set_space_func(c->parser, is_never);
    csv_set_realloc_func(c->parser, resize_block);
    csv_set_free_func(c->parser, mem_free);
    csv_set_blk_size(c->parser, 4096);
}

static bool feed(struct csv *c, struct span bytes, struct err *err)
{
    c->row_bytes += bytes.len;
    if (c->row_bytes > c->longest_row) {
        err_set(err, ERR_INPUT, "a row is longer than %zu bytes", c->longest_row);
        err_hint(err, "is a quote in it never closed?");
        return fail_in_row(c, err);
    }
    for (;;) {
        size_t len = csv_parse(c->parser, bytes.at, bytes.len, on_field, on_row, c);
        bytes = span_from(bytes, len);
        if (bytes.len == 0)
            return true;
        if (c->parser->quoted) {
            err_set(err, ERR_INPUT, "text follows the quote that closes a field");
            err_hint(err, "a quote inside a field in quotes must be doubled");
            return fail_in_row(c, err);
        }
        /* Stopped at a quote inside a field without quotes: here it is an ordinary character. */
        csv_set_opts(c->parser, 0);
        CHECK(csv_parse(c->parser, bytes.at, 1, on_field, on_row, c) == 1);
        csv_set_opts(c->parser, CSV_STRICT | CSV_STRICT_FINI);
        bytes = span_from(bytes, 1);
    }
}

/* Feeds the rest of the present line, up to a '\r' within it. */
static bool feed_line(struct csv *c, struct err *err)
{
    static const uint8_t line_end = '\n';
    const uint8_t *mark = c->pending.len > 0 ? memchr(c->pending.at, '\r', c->pending.len) : NULL;
    size_t len = mark ? (size_t)(mark - c->pending.at) + 1 : c->pending.len;
    struct span part = span_part(c->pending, 0, len);
    if (!c->in_row)
        c->row_line = c->lines.line;
    c->in_row = c->in_row || !(len == 0 || span_is(part, "\r"));
    c->pending = span_from(c->pending, len);
    if (!feed(c, part, err))
        return false;
    if (!c->has_row && c->pending.len == 0)
        return feed(c, (struct span){&line_end, 1}, err);
    return true;
}

static bool finish_file(struct csv *c, struct err *err)
{
    c->at_end = true;
    if (csv_fini(c->parser, on_field, on_row, c) == 0)
        return true;
    err_set(err, ERR_INPUT, "the quote that opens a field is never closed");
    return fail_in_row(c, err);
}

static bool next_by_comma(struct csv *c, struct err *err)
{
    while (!c->has_row && !c->at_end) {
        bool more = true;
        if (c->pending.len == 0 && !next_line(c, &more, err))
            return false;
        if (!(more ? feed_line(c, err) : finish_file(c, err)))
            return false;
        if (!c->in_row)
            c->row_bytes = 0;
    }
    c->in_row = false;
    return true;
}

/* --------------------------------------------------------------------------- tab-separated -- */

/* True where the field is in quotes from end to end, and every quote within them is doubled. */
static bool is_quoted(struct span field)
{
    if (field.len < 2 || field.at[0] != '"' || field.at[field.len - 1] != '"')
        return false;
    for (size_t i = 1; i < field.len - 1; i++) {
        if (field.at[i] != '"')
            continue;
        i++;
        if (i == field.len - 1 || field.at[i] != '"')
            return false;
    }
    return true;
}

static void add_tabbed_field(struct csv *c, struct span field)
{
    if (!is_quoted(field)) {
        buf_add(&c->text, field);
    } else {
        for (size_t i = 1; i < field.len - 1; i++) {
            buf_add_byte(&c->text, field.at[i]);
            i += field.at[i] == '"';
        }
    }
    end_field(c);
}

static bool next_by_tab(struct csv *c, struct err *err)
{
    bool more;
    do {
        if (!next_line(c, &more, err))
            return false;
        if (c->pending.len > 0 && c->pending.at[c->pending.len - 1] == '\r')
            c->pending.len--;
    } while (more && c->pending.len == 0);
    if (!more)
        return true;

    c->row_line = c->lines.line;
    for (;;) {
        size_t len = span_find(c->pending, span_of("\t"));
        add_tabbed_field(c, span_part(c->pending, 0, len));
        if (len == c->pending.len)
            break;
        c->pending = span_from(c->pending, len + 1);
    }
    c->has_row = true;
    return true;
}

/* ------------------------------------------------------------------------------------- rows -- */

bool csv_next(struct csv *c, struct csv_row *row, bool *more, struct err *err)
{
    clear_row(c);
    *row = (struct csv_row){0};
    if (!(c->parser ? next_by_comma(c, err) : next_by_tab(c, err)))
        return false;
    *more = c->has_row;
    if (*more)
        *row = finish_row(c);
    return true;
}

bool csv_check_row(const struct csv *c, const struct csv_row *row, struct err *err)
{
    if (row->n_fields == c->n_columns)
        return true;
    err_set(err, ERR_INPUT, "%zu fields, but the header has %zu", row->n_fields, c->n_columns);
    err_in(err, "line %" PRIu64, row->line);
    if (c->lines.path)
        err_in(err, "%s", c->lines.path);
    return false;
}

static bool read_header(struct csv *c, char delimiter, size_t longest_row, struct err *err)
{
    CHECK(delimiter == ',' || delimiter == '\t');
    c->longest_row = longest_row;
    buf_init(&c->text, BUF_NO_LIMIT);
    buf_init(&c->ends, BUF_NO_LIMIT);
    buf_init(&c->fields, BUF_NO_LIMIT);
    if (delimiter == ',')
        make_parser(c);

    struct csv_row row;
    bool more;
    if (!csv_next(c, &row, &more, err))
        return false;
    if (!more) {
        err_set(err, ERR_INPUT, "the table is empty: it has no header");
        if (c->lines.path)
            err_in(err, "%s", c->lines.path);
        return false;
    }
    struct span *header = arena_array(&c->arena, struct span, row.n_fields);
    for (size_t i = 0; i < row.n_fields; i++)
        header[i] = arena_copy(&c->arena, row.fields[i]);
    c->header = header;
    c->n_columns = row.n_fields;
    return true;
}

bool csv_open(struct csv *c, const char *path, char delimiter, size_t longest_row, struct err *err)
{
    *c = (struct csv){0};
    if (file_lines_open(&c->lines, path, longest_row, err) &&
        read_header(c, delimiter, longest_row, err))
        return true;
    csv_close(c);
    return false;
}

bool csv_open_bytes(struct csv *c, struct span bytes, char delimiter, size_t longest_row,
                    struct err *err)
{
    *c = (struct csv){0};
    file_lines_of(&c->lines, bytes, longest_row);
    if (read_header(c, delimiter, longest_row, err))
        return true;
    csv_close(c);
    return false;
}

void csv_close(struct csv *c)
{
    if (c->parser)
        csv_free(c->parser);
    file_lines_close(&c->lines);
    buf_release(&c->text);
    buf_release(&c->ends);
    buf_release(&c->fields);
    arena_release(&c->arena);
    *c = (struct csv){0};
}
