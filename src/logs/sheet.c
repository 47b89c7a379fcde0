/*
 * sheet.c - rows of named numbers.
 *
 * A cell is kept only where its column's name means something (field.h), 16 bytes each, so a sheet
 * costs a small multiple of the log whatever else the log holds. Names repeat on every line: a
 * cache of hashes answers for all but their first use. Its seed is random, so no log can aim two
 * names at one hash; nothing depends on the seed otherwise.
 */
#include "logs/sheet.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include "base/map.h"
#include "base/num.h"
#include "base/utf8.h"

enum { LONGEST_SHOWN = 60 };

void sheet_init(struct sheet *s, struct arena *arena)
{
    *s = (struct sheet){.arena = arena, .seed = hash_seed()};
    buf_init(&s->cells, BUF_NO_LIMIT);
}

void sheet_release(struct sheet *s)
{
    buf_release(&s->cells);
}

/* --------------------------------------------------------------------------------- columns -- */

static const char *shown(struct arena *arena, struct span name)
{
    char *text =
        arena_printf(arena, "%.*s", (int)min_size(name.len, LONGEST_SHOWN), (const char *)name.at);
    utf8_make_printable(text);
    return text;
}

static int find_column(struct sheet *s, struct span name)
{
    for (size_t i = 0; i < s->n_columns; i++) {
        if (span_is(name, s->columns[i].name))
            return (int)i;
    }
    struct field_match match = field_of(name);
    if (s->n_names < SHEET_NAMES)
        s->names[s->n_names++] = shown(s->arena, name);
    if (match.field == FIELD_NONE || s->n_columns == SHEET_COLUMNS)
        return -1;
    struct sheet_column *column = &s->columns[s->n_columns];
    const char *copy = arena_string(s->arena, name);
    if (match.group.len > 0)
        match.group.at = (const uint8_t *)copy + (match.group.at - name.at);
    *column = (struct sheet_column){.name = copy, .match = match};
    return (int)s->n_columns++;
}

static struct sheet_name *recall(struct sheet *s, struct span name)
{
    uint64_t hash = hash_bytes(name, s->seed);
    struct sheet_name *known = &s->cache[hash % SHEET_CACHE];
    if (!known->is_used || known->hash != hash)
        *known = (struct sheet_name){hash, field_of(name).field, -1, true, false};
    return known;
}

enum field sheet_field(struct sheet *s, struct span name)
{
    return recall(s, name)->field;
}

int sheet_column(struct sheet *s, struct span name)
{
    struct sheet_name *known = recall(s, name);
    if (!known->is_asked)
        known->column = find_column(s, name);
    known->is_asked = true;
    return known->column;
}

/* ----------------------------------------------------------------------------------- cells -- */

void sheet_row(struct sheet *s)
{
    s->n_rows += s->n_rows < UINT32_MAX; /* beyond, rows become one: no log has as many */
}

void sheet_put(struct sheet *s, int column, double value)
{
    if (column < 0)
        return;
    CHECK((size_t)column < s->n_columns && s->n_rows > 0);
    struct sheet_cell cell = {value, s->n_rows - 1, (uint32_t)column};
    struct sheet_column *c = &s->columns[column];
    c->n_cells++;
    c->n_returns += c->was_nan && isfinite(value);
    c->was_nan = isnan(value);
    c->n_nan += c->was_nan;
    buf_add(&s->cells, (struct span){(const uint8_t *)&cell, sizeof cell});
}

void sheet_drop_row(struct sheet *s)
{
    size_t n;
    const struct sheet_cell *cells = sheet_cells(s, &n);
    for (; n > 0 && cells[n - 1].row == s->n_rows - 1; n--)
        s->columns[cells[n - 1].column].n_cells--;
    s->cells.len = n * sizeof *cells;
}

bool sheet_has(const struct sheet *s, const char *name)
{
    for (size_t i = 0; i < s->n_columns; i++) {
        if (s->columns[i].n_cells > 0 && strcmp(s->columns[i].name, name) == 0)
            return true;
    }
    return false;
}

static size_t count_digits(struct span text, size_t start)
{
    size_t end = start;
    while (end < text.len && text.at[end] >= '0' && text.at[end] <= '9')
        end++;
    return end - start;
}

/* The length of the longest "-12.5e-3" at the start: "2.5e" is 2.5, "10-20" is 10. */
static size_t decimal_length(struct span text)
{
    size_t sign = text.len > 0 && (text.at[0] == '-' || text.at[0] == '+');
    size_t whole = count_digits(text, sign), fraction = 0, len = sign + whole;
    if (len < text.len && text.at[len] == '.') {
        fraction = count_digits(text, len + 1);
        len += 1 + fraction;
    }
    if (whole + fraction == 0)
        return 0;
    if (len + 1 < text.len && (text.at[len] == 'e' || text.at[len] == 'E')) {
        size_t exponent = len + 1 + (text.at[len + 1] == '-' || text.at[len + 1] == '+');
        size_t digits = count_digits(text, exponent);
        len = digits > 0 ? exponent + digits : len;
    }
    return len;
}

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* "nan", "NaN", "-inf", "Infinity": Python's, C's and JavaScript's spellings. */
static size_t scan_special(struct span text, double *value)
{
    static const struct {
        const char *word;
        double value;
    } specials[] = {{"nan", NAN}, {"infinity", INFINITY}, {"inf", INFINITY}};
    size_t sign = text.len > 0 && (text.at[0] == '-' || text.at[0] == '+');
    if (text.len < sign + 3 || (text.at[sign] | 0x20) < 'i' || (text.at[sign] | 0x20) > 'n')
        return 0;
    for (size_t i = 0; i < COUNT_OF(specials); i++) {
        size_t len = sign + strlen(specials[i].word);
        if (text.len < len || (text.len > len && is_letter(text.at[len])) ||
            strncasecmp((const char *)text.at + sign, specials[i].word, len - sign) != 0)
            continue;
        *value = sign && text.at[0] == '-' ? -specials[i].value : specials[i].value;
        return len;
    }
    return 0;
}

size_t sheet_scan_number(struct span text, double *value)
{
    size_t len = decimal_length(text);
    if (len == 0)
        return scan_special(text, value);
    if (!num_parse_double(span_part(text, 0, len), value)) /* beyond a double */
        *value = text.at[0] == '-' ? -INFINITY : INFINITY;
    return len;
}

size_t sheet_number_length(struct span text)
{
    double value;
    size_t len = decimal_length(text);
    return len > 0 ? len : scan_special(text, &value);
}

static struct span trimmed(struct span text)
{
    while (text.len > 0 && (text.at[0] == ' ' || text.at[0] == '\t'))
        text = span_from(text, 1);
    while (text.len > 0 && strchr(" \t\r", text.at[text.len - 1]))
        text.len--;
    return text;
}

bool sheet_put_text(struct sheet *s, int column, struct span text)
{
    double value, total;
    text = trimmed(text);
    size_t len = sheet_scan_number(text, &value);
    if (column < 0 || len == 0)
        return false;
    struct span rest = span_from(text, len);
    if (s->columns[column].match.field == FIELD_STEP && rest.len > 1 && rest.at[0] == '/' &&
        sheet_scan_number(span_from(rest, 1), &total) == rest.len - 1) {
        if (total >= 1 && total < 1e15)
            s->total_steps = (int64_t)total;
    } else if (rest.len > 0) {
        return false;
    }
    sheet_put(s, column, value);
    return true;
}

/* ----------------------------------------------------------------------------------- notes -- */

void sheet_note(struct sheet *s, const char *format, ...)
{
    char text[400];
    if (s->n_notes == SHEET_NOTES)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    utf8_make_printable(text);
    s->notes[s->n_notes++] = arena_printf(s->arena, "%s", text);
}
