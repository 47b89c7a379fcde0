/*
 * err.c - errors as what, where and hint; and the end of a program that is wrong in itself.
 *
 * Nothing here allocates: an error must be reportable when memory has run out.
 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

_Noreturn void check_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, condition);
    abort();
}

/* Drops a UTF-8 sequence that the buffer's end has cut, and makes the rest safe to show. */
static void make_printable(char *text, bool cut)
{
    if (cut) {
        size_t start = strlen(text);
        while (start > 0 && utf8_is_inner((uint8_t)text[start - 1]))
            start--;
        if (start > 0 && (unsigned char)text[start - 1] >= 0xc0)
            text[start - 1] = '\0';
    }
    utf8_make_printable(text);
}

static void format_into(char *text, size_t size, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

static void format_into(char *text, size_t size, const char *format, va_list args)
{
    int len = vsnprintf(text, size, format, args);
    make_printable(text, len < 0 || (size_t)len >= size);
}

void err_set(struct err *err, enum err_kind kind, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    *err = (struct err){.kind = kind};
    format_into(err->what, sizeof err->what, format, args);
    va_end(args);
}

void err_in(struct err *err, const char *format, ...)
{
    char inner[sizeof err->where];
    memcpy(inner, err->where, sizeof inner);

    va_list args;
    va_start(args, format);
    format_into(err->where, sizeof err->where, format, args);
    va_end(args);

    size_t len = strlen(err->where);
    if (inner[0] != '\0') {
        int added = snprintf(err->where + len, sizeof err->where - len, ": %s", inner);
        make_printable(err->where, added < 0 || (size_t)added >= sizeof err->where - len);
    }
}

void err_hint(struct err *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    format_into(err->hint, sizeof err->hint, format, args);
    va_end(args);
}
