/*
 * append.h - a file that grows line by line while a program works, and stays whole up to its last
 * line whatever happens to the program.
 */
#ifndef PACE_BASE_APPEND_H
#define PACE_BASE_APPEND_H

#include "base/err.h"
#include "base/span.h"

struct append {
    int fd;       /* -1: none */
    int error;    /* errno of the first write that failed; nothing is written after it */
    uint64_t len; /* bytes of the file */
};

/*
 * Opens for appending behind the first `len` bytes; what was behind them is cut off. A file that is
 * not there is made. Errors: ERR_IO, also where the file is shorter than that.
 */
MUST_CHECK bool append_open(struct append *a, const char *path, uint64_t len, struct err *err);

/* Hands the bytes to the system at once. A failure is kept: see append_check. */
void append_put(struct append *a, struct span bytes);

/* Errors: ERR_IO, the first write that failed. */
MUST_CHECK bool append_check(const struct append *a, const char *path, struct err *err);

/* Waits until the disk has it all. Errors: as append_check. */
MUST_CHECK bool append_sync(struct append *a, const char *path, struct err *err);

/* Safe on a zeroed struct whose fd is -1, and twice. */
void append_close(struct append *a);

#endif
