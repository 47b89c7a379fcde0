/*
 * support.h - what unit tests share: cmocka with its includes, errors that must come, temporary
 * folders, test data.
 */
#ifndef PACE_TEST_SUPPORT_H
#define PACE_TEST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* The call is true; otherwise prints the error and fails. Uses a local `struct err err`. */
#define ASSERT_OK(call)                                                                            \
    do {                                                                                           \
        if (!(call))                                                                               \
            fail_msg("%s: %s: %s", #call, err.where, err.what);                                    \
    } while (0)

/* The call is false, and `what` of the error contains the text. */
#define ASSERT_FAILS(call, text)                                                                   \
    do {                                                                                           \
        err = (struct err){0};                                                                     \
        assert_false(call);                                                                        \
        if (!strstr(err.what, (text)))                                                             \
            fail_msg("expected an error with \"%s\", got \"%s\"", (text), err.what);               \
    } while (0)

/* The span's bytes are those of the C string. */
#define ASSERT_SPAN(span, text) assert_span((span), (text), __FILE__, __LINE__)
void assert_span(struct span found, const char *wanted, const char *file, int line);

/* A new empty folder, removed with its content when the program ends. */
const char *temporary_folder(void);

/* Writes a file into the temporary folder and gives its path. */
const char *temporary_file(const char *name, struct span content);

/* Path of a file of the test data; NULL where PACE_DATA is unset: then call skip_without_data. */
const char *data_path(struct arena *arena, const char *name);

/* Says why and skips the running test. */
void skip_without_data(void);

/*
 * Runs the function in a process of its own: for calls that end the program. Gives its exit code,
 * or -1 where it aborted, and what it wrote to standard error.
 */
int run_apart(void (*call)(void), struct buf *errors);

/* The call fails a CHECK that says `condition`. */
void assert_check_fails(void (*call)(void), const char *condition);

/* Path of a file of this repository. */
const char *source_path(struct arena *arena, const char *name);

#endif
