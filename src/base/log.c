/*
 * log.c - lines to standard error, each written by one call so that lines of threads do not mix.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"

static enum log_level level = LOG_NORMAL;
static size_t width;

void log_set_level(enum log_level wanted)
{
    level = wanted;
}

void log_set_width(size_t columns)
{
    width = columns;
}

static size_t columns_of(struct span word)
{
    size_t n = 0;
    for (size_t i = 0; i < word.len; i++)
        n += (word.at[i] & 0xc0) != 0x80; /* characters, not bytes */
    return n;
}

/* Two columns deeper where it goes on. */
static void put_line(const char *line)
{
    size_t indent = strspn(line, " ") + 2, column = 0;
    struct buf out;
    buf_init(&out, BUF_NO_LIMIT);
    for (struct span left = span_of(line); left.len > 0;) {
        size_t blanks = 0;
        while (blanks < left.len && left.at[blanks] == ' ')
            blanks++;
        size_t len = blanks + span_find(span_from(left, blanks), span_of(" "));
        struct span word = span_part(left, 0, len);
        if (width > 0 && column > indent && column + columns_of(word) > width) {
            buf_printf(&out, "\n%*s", (int)indent, "");
            column = indent;
            word = span_from(word, blanks);
        }
        buf_add(&out, word);
        column += columns_of(word);
        left = span_from(left, len);
    }
    fprintf(stderr, "%s\n", buf_string(&out));
    buf_release(&out);
}

static void write_line(const char *prefix, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static void write_line(const char *prefix, const char *format, va_list args)
{
    char line[2048];
    size_t at = strlen(prefix);
    memcpy(line, prefix, at);
    int len = vsnprintf(line + at, sizeof line - at, format, args);
    if (len < 0)
        return;
    utf8_make_printable(line + at);
    put_line(line);
}

void log_detail(const char *format, ...)
{
    if (level < LOG_VERBOSE)
        return;
    va_list args;
    va_start(args, format);
    write_line("", format, args);
    va_end(args);
}

void log_note(const char *format, ...)
{
    if (level < LOG_NORMAL)
        return;
    va_list args;
    va_start(args, format);
    write_line("note: ", format, args);
    va_end(args);
}

void log_warning(const char *format, ...)
{
    if (level < LOG_NORMAL)
        return;
    va_list args;
    va_start(args, format);
    if (width > 0)
        fputs("\r\033[K", stderr);
    write_line("warning: ", format, args);
    va_end(args);
}

static void log_plain(const char *prefix, const char *format, ...) PRINTF_LIKE(2, 3);

static void log_plain(const char *prefix, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_line(prefix, format, args);
    va_end(args);
}

void log_error(const struct err *err)
{
    log_plain("pace: ", "%s%s%s", err->where, err->where[0] ? ": " : "", err->what);
    if (err->hint[0])
        log_plain("  hint: ", "%s", err->hint);
}
