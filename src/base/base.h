/*
 * base.h - the few macros that every file needs.
 *
 * CHECK is for mistakes of the programmer: it prints the condition and aborts, in every build. What
 * the world can do wrong (a file, an option, a full disk) is never a CHECK: it is a `struct err`.
 */
#ifndef PACE_BASE_BASE_H
#define PACE_BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A function whose result says whether it worked. */
#define MUST_CHECK __attribute__((warn_unused_result))

/* Lets the compiler check printf-style arguments; the places are counted from 1. */
#define PRINTF_LIKE(string, first) __attribute__((format(printf, string, first)))

#define CHECK(condition)                                                                           \
    ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition))

/* Prints "file:line: CHECK failed: condition" on standard error and aborts. */
_Noreturn void check_failed(const char *file, int line, const char *condition);

static inline size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

#endif
