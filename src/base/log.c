/*
 * log.c - lines to standard error, each written by one call so that lines of threads do not mix.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"

static enum log_level level = LOG_NORMAL;

void log_set_level(enum log_level wanted)
{
    level = wanted;
}

static void write_line(const char *prefix, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static void write_line(const char *prefix, const char *format, va_list args)
{
    char line[2048];
    int len = vsnprintf(line, sizeof line, format, args);
    if (len < 0)
        return;
    utf8_make_printable(line);
    fprintf(stderr, "%s%s\n", prefix, line);
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
    write_line("warning: ", format, args);
    va_end(args);
}

void log_error(const struct err *err)
{
    const char *colon = err->where[0] ? ": " : "";
    fprintf(stderr, "pace: %s%s%s\n", err->where, colon, err->what);
    if (err->hint[0])
        fprintf(stderr, "  hint: %s\n", err->hint);
}
