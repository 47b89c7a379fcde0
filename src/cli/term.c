/*
 * term.c - terminals, narrow and wide, with and without colour and Unicode.
 *
 * Data comes from strangers: a data set can hold escape sequences that recolour the terminal, move
 * the cursor or answer on the user's behalf, and characters that reverse the direction of a line
 * (Boucher and Anderson, "Trojan Source", 2021). Nothing of that is ever written as it is.
 */
#include "cli/term.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/num.h"
#include "base/utf8.h"

enum { DEFAULT_WIDTH = 80, LEAST_WIDTH = 32, MOST_WIDTH = 200 };

/* --------------------------------------------------------------------------------- abilities -- */

static size_t width_of(int fd)
{
    int64_t columns = 0;
    const char *text = getenv("COLUMNS");
    struct winsize size;
    if (!text || !num_parse_i64(span_of(text), &columns) || columns <= 0)
        columns = ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
    if (columns <= 0)
        columns = DEFAULT_WIDTH;
    return columns < LEAST_WIDTH  ? LEAST_WIDTH
           : columns > MOST_WIDTH ? MOST_WIDTH
                                  : (size_t)columns;
}

/* As the C library chooses: the first of these that is set and not empty. */
static const char *locale_name(void)
{
    static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < COUNT_OF(variables); i++) {
        const char *value = getenv(variables[i]);
        if (value && value[0])
            return value;
    }
    return "C";
}

static struct term term_of(int fd)
{
    const char *no_color = getenv("NO_COLOR"), *kind = getenv("TERM"), *locale = locale_name();
    bool is_dumb = !kind || strcmp(kind, "dumb") == 0;
    return (struct term){
        .width = width_of(fd),
        .has_color = isatty(fd) && !is_dumb && !(no_color && no_color[0]),
        .has_unicode = strstr(locale, "UTF-8") || strstr(locale, "utf8") || strstr(locale, "utf-8"),
    };
}

struct term term_of_stdout(void)
{
    return term_of(STDOUT_FILENO);
}

struct term term_of_stderr(void)
{
    return term_of(STDERR_FILENO);
}

const char *term_style(const struct term *t, enum term_style style)
{
    static const char *const codes[TERM_STYLE_COUNT] = {
        [TERM_PLAIN] = "\x1b[0m",  [TERM_DIM] = "\x1b[2m",     [TERM_BOLD] = "\x1b[1m",
        [TERM_GREEN] = "\x1b[32m", [TERM_YELLOW] = "\x1b[33m",
    };
    return t->has_color ? codes[style] : "";
}

/* ------------------------------------------------------------------------------- characters -- */

struct range {
    uint32_t first, last;
};

static bool is_in(const struct range *ranges, size_t n, uint32_t c)
{
    for (size_t i = 0; i < n; i++) {
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    }
    return false;
}

/* The blocks that terminals show two columns wide; a coarse form of Unicode's East Asian Width. */
static const struct range wide[] = {
    {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},   {0xac00, 0xd7a3},
    {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
    {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
};

/* The commonest blocks of marks that stand on the character before them. */
static const struct range combining[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x064b, 0x065f},   {0x0900, 0x0902},
    {0x093c, 0x093c}, {0x0e31, 0x0e31}, {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e},   {0x200b, 0x200d},
    {0x20d0, 0x20f0}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xe0100, 0xe01ef},
};

/* Controls, and characters that change how their neighbours are laid out. */
static const struct range unsafe[] = {
    {0x00, 0x1f},     {0x7f, 0x9f},     {0x061c, 0x061c}, {0x200e, 0x200f},   {0x2028, 0x202e},
    {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
};

/* How people write it who have no other keys. */
static const char *ascii_of(uint32_t c)
{
    static const struct {
        uint32_t c;
        const char *text;
    } rows[] = {{0xb1, "+-"},   {0xd7, "x"},     {0xf7, "/"},   {0x2013, "-"},
                {0x2014, "-"},  {0x2018, "'"},   {0x2019, "'"}, {0x201c, "\""},
                {0x201d, "\""}, {0x2026, "..."}, {0x2192, "->"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (rows[i].c == c)
            return rows[i].text;
    }
    return "?";
}

size_t term_columns(uint32_t code_point)
{
    if (code_point < 0x300)
        return 1;
    if (is_in(combining, COUNT_OF(combining), code_point))
        return 0;
    return 1 + is_in(wide, COUNT_OF(wide), code_point);
}

size_t term_add_safe(const struct term *t, struct buf *out, struct span text, size_t *len)
{
    size_t before = out->len;
    *len = utf8_length(text);
    if (*len == 0) {
        *len = 1;
        buf_printf(out, "\\x%02x", text.at[0]);
        return out->len - before;
    }
    uint32_t c = utf8_decode(text.at);
    if (is_in(unsafe, COUNT_OF(unsafe), c)) {
        const char *at = c >= '\t' && c <= '\r' ? strchr("t\tn\nv\vf\fr\r", (int)c) : NULL;
        if (at)
            buf_printf(out, "\\%c", at[-1]);
        else if (c < 0x100)
            buf_printf(out, "\\x%02x", c);
        else
            buf_printf(out, "\\u%04x", c);
        return out->len - before;
    }
    if (c >= 0x80 && !t->has_unicode) {
        buf_add_text(out, ascii_of(c));
        return out->len - before;
    }
    buf_add(out, span_part(text, 0, *len));
    return term_columns(c);
}

size_t term_add_line(const struct term *t, struct buf *out, struct span text, size_t columns)
{
    size_t used = 0, at = 0, len;
    size_t mark = out->len, mark_used = 0; /* where a cut leaves room for the dots */
    const char *dots = t->has_unicode ? "\xe2\x80\xa6" : "...";
    size_t dots_columns = t->has_unicode ? 1 : 3;
    while (at < text.len) {
        used += term_add_safe(t, out, span_from(text, at), &len);
        at += len;
        if (used + dots_columns <= columns) {
            mark = out->len;
            mark_used = used;
        }
        if (used > columns) {
            out->len = mark;
            buf_add_text(out, dots);
            return mark_used + dots_columns;
        }
    }
    return used;
}

void term_add_paragraph(const struct term *t, struct buf *out, const char *lead, const char *text)
{
    size_t indent = strlen(lead), column = indent;
    buf_add_text(out, lead);
    struct span left = span_of(text);
    for (bool is_first = true; left.len > 0; is_first = false) {
        size_t len = span_find(left, span_of(" "));
        struct buf word;
        buf_init(&word, BUF_NO_LIMIT);
        size_t columns = term_add_line(t, &word, span_part(left, 0, len), t->width);
        if (!is_first && column + 1 + columns > t->width) {
            buf_printf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (!is_first) {
            buf_add_byte(out, ' ');
            column++;
        }
        buf_add(out, buf_span(&word));
        buf_release(&word);
        column += columns;
        left = span_from(left, min_size(len + 1, left.len));
    }
    buf_add_byte(out, '\n');
}

/* ---------------------------------------------------------------------------------- numbers -- */

void term_add_bar(const struct term *t, struct buf *out, double share, size_t columns)
{
    double eighths = share * (double)columns * 8;
    size_t n = (size_t)(eighths + 0.5);
    n = share > 0 ? max_size(n, 1) : 0;
    if (!t->has_unicode) {
        for (size_t i = 0; i < (n + 7) / 8; i++)
            buf_add_byte(out, '#');
        return;
    }
    for (size_t i = 0; i < n / 8; i++)
        buf_add_text(out, "\xe2\x96\x88");
    if (n % 8 > 0)
        buf_add_utf8(out,
                     0x2590 - (uint32_t)(n % 8)); /* left one eighth is U+258F … seven U+2589 */
}

void term_add_count(struct buf *out, uint64_t n, const char *noun)
{
    struct arena arena = {0};
    buf_add_text(out, arena_count(&arena, n, noun));
    arena_release(&arena);
}
