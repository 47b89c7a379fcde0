/*
 * console.c - a console's output, segment by segment.
 *
 * Carriage returns end a segment as line feeds do (a progress bar is drawn over itself), colours
 * are taken out, and each segment is a dict, a bar, or a line of names and numbers; the three files
 * console_*.c read them. Where no line and no dict holds a loss, the text is gone through again for
 * bars that carry one in their postfix.
 */
#include "logs/console.h"

#include "logs/console_line.h"

enum { LONGEST_SEGMENT = 1 << 16 };

bool console_is(struct span text)
{
    return text.len > 0 && !memchr(text.at, '\0', min_size(text.len, 4096)) &&
           !span_starts_with(text, span_of("\xff\xfe")) &&
           !span_starts_with(text, span_of("\xfe\xff"));
}

/* Without "\x1b[1;32m" and its like; `clean` holds the copy where there was one. */
static struct span without_colours(struct span s, struct buf *clean)
{
    if (!memchr(s.at, 0x1b, s.len))
        return s;
    buf_clear(clean);
    for (size_t i = 0; i < s.len;) {
        if (s.at[i] != 0x1b) {
            buf_add_byte(clean, s.at[i++]);
            continue;
        }
        i++;
        if (i < s.len && s.at[i] == '[')
            for (i++; i < s.len && (s.at[i] < 0x40 || s.at[i] > 0x7e); i++)
                ;
        i += i < s.len;
    }
    return buf_span(clean);
}

static void read_segment(struct console *c, struct span segment)
{
    if (segment.len == 0)
        return;
    uint32_t n_rows = c->sheet->n_rows;
    bool is_bar = console_read_bar(c, segment);
    if (c->reads_bars)
        return;
    console_read_dicts(c, &segment);
    if (!is_bar && c->sheet->n_rows == n_rows)
        console_read_line(c, segment);
}

static void read_segments(struct console *c, struct span text)
{
    struct buf clean;
    buf_init(&clean, LONGEST_SEGMENT);
    for (size_t start = 0, end; start < text.len; start = end + 1) {
        end = start;
        while (end < text.len && text.at[end] != '\n' && text.at[end] != '\r')
            end++;
        c->n_lines++;
        if (end > start && end - start < LONGEST_SEGMENT)
            read_segment(c, without_colours(span_part(text, start, end - start), &clean));
    }
    buf_release(&clean);
}

bool console_read(struct sheet *sheet, struct span text, struct err *err)
{
    (void)err; /* nothing in a text is an error: at worst there is no loss in it */
    struct console c = {.sheet = sheet};
    if (span_starts_with(text, span_of("\xef\xbb\xbf")))
        text = span_from(text, 3);
    read_segments(&c, text);
    console_judge_bars(&c);
    for (size_t i = 0; i < sheet->n_columns; i++) {
        enum field field = sheet->columns[i].match.field;
        if ((field == FIELD_LOSS || field == FIELD_EVAL_LOSS) && sheet->columns[i].n_cells > 0)
            return true;
    }
    c.reads_bars = true;
    read_segments(&c, text);
    return true;
}
