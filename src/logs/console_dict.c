/*
 * console_dict.c - dicts as Python prints them.
 *
 *     {'loss': 2.1048, 'grad_norm': tensor(nan, device='cuda:0'), 'epoch': 0.5}    transformers 4
 *     {'loss': '2.105', 'grad_norm': '2.135', 'epoch': '0.5'}                      transformers 5
 *
 * A value is a number, a string that holds one, or a call around one (tensor, np.float64);
 * everything else is passed over with its brackets balanced. A dict that is cut off keeps the
 * members that are whole. Strings for numbers date the Trainer: see shift.c.
 *
 * Sources: transformers, ProgressCallback.on_log and PrinterCallback, before and since version 5.
 */
#include "logs/console_line.h"

enum { MEMBERS_MOST = 64, TRIES_MOST = 16 };

struct member {
    int column;
    struct span value;
    bool is_string;
};

struct dict {
    struct member members[MEMBERS_MOST];
    size_t n_members;
    bool is_ours; /* a metric of a run is among them */
    size_t len;   /* bytes, braces included */
};

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static size_t skip_blanks(struct span s, size_t i)
{
    while (i < s.len && is_blank(s.at[i]))
        i++;
    return i;
}

/* The place behind the quoted string at i; s.len where it is not closed. */
static size_t skip_string(struct span s, size_t i)
{
    uint8_t quote = s.at[i++];
    while (i < s.len && s.at[i] != quote)
        i += s.at[i] == '\\' ? 2 : 1;
    return min_size(i + 1, s.len);
}

/* The place of the ',' or '}' that ends the value at i, brackets balanced; s.len for none. */
static size_t skip_value(struct span s, size_t i)
{
    int depth = 0;
    while (i < s.len) {
        uint8_t c = s.at[i];
        if (c == '\'' || c == '"') {
            i = skip_string(s, i);
            continue;
        }
        if (depth == 0 && (c == ',' || c == '}'))
            return i;
        depth += c == '{' || c == '[' || c == '(';
        depth -= (c == '}' || c == ']' || c == ')') && depth > 0;
        i++;
    }
    return s.len;
}

/* What the value says, without the quotes or the call around it. */
static struct span bare_value(struct span value, bool *is_string)
{
    const uint8_t *open = memchr(value.at, '(', value.len);
    *is_string = value.len >= 2 && (value.at[0] == '\'' || value.at[0] == '"');
    if (*is_string)
        return span_part(value, 1, value.len - 2);
    if (!open)
        return value;
    double number;
    struct span inner = span_from(value, (size_t)(open - value.at) + 1);
    return span_part(inner, 0, sheet_scan_number(inner, &number));
}

static void add_member(struct sheet *sheet, struct dict *d, struct span key, struct span value)
{
    struct member m = {.column = sheet_column(sheet, key)};
    if (m.column < 0 || d->n_members == MEMBERS_MOST)
        return;
    enum field field = sheet->columns[m.column].match.field;
    m.value = bare_value(value, &m.is_string);
    d->is_ours |= field == FIELD_LOSS || field == FIELD_EVAL_LOSS || field == FIELD_GRAD_NORM ||
                  field == FIELD_RUNTIME;
    d->members[d->n_members++] = m;
}

/* The dict that begins at the start of `s`; false where none does. */
static bool scan_dict(struct sheet *sheet, struct span s, struct dict *d)
{
    size_t i = 1;
    *d = (struct dict){0};
    for (;;) {
        i = skip_blanks(s, i);
        if (i >= s.len || (s.at[i] != '\'' && s.at[i] != '"'))
            break;
        size_t end = skip_string(s, i);
        struct span key = span_part(s, i + 1, end - i - 1);
        key.len -= key.len > 0;
        i = skip_blanks(s, end);
        if (i >= s.len || s.at[i] != ':')
            break;
        i = skip_blanks(s, i + 1);
        end = skip_value(s, i);
        if (end == s.len)
            break;
        add_member(sheet, d, key, span_part(s, i, end - i));
        i = end + 1;
        if (s.at[end] == '}') {
            d->len = i;
            return true;
        }
    }
    d->len = s.len;
    return d->n_members > 0;
}

static void put_dict(struct console *c, const struct dict *d)
{
    struct sheet *sheet = c->sheet;
    bool has_loss = false, is_timed = false;
    sheet_row(sheet);
    for (size_t i = 0; i < d->n_members; i++) {
        const struct member *m = &d->members[i];
        enum field field = sheet->columns[m->column].match.field;
        if (!sheet_put_text(sheet, m->column, m->value))
            continue;
        has_loss |= field == FIELD_LOSS;
        is_timed |= field == FIELD_EPOCH;
        if (m->is_string)
            sheet->rate_owner = RATE_OF_UPDATE;
    }
    c->has_loss |= has_loss;
    sheet->is_trainer |= has_loss && is_timed;
}

void console_read_dicts(struct console *c, struct span *line)
{
    struct dict d;
    struct span rest = *line;
    for (int tries = 0; tries < TRIES_MOST && rest.len > 0;) {
        const uint8_t *open = memchr(rest.at, '{', rest.len);
        if (!open)
            return;
        rest = span_from(rest, (size_t)(open - rest.at));
        if (!scan_dict(c->sheet, rest, &d)) {
            rest = span_from(rest, 1);
            tries++; /* each may look at the whole line */
            continue;
        }
        if (d.is_ours)
            put_dict(c, &d);
        rest = span_from(rest, d.len);
        *line = rest;
    }
}
