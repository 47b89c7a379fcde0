/*
 * lock.h - a file that says: this folder is mine while I live.
 *
 *     struct lock lock;
 *     if (!lock_take(&lock, "OUT/checkpoint/lock", err)) …       another process has it
 *     lock_release(&lock);
 */
#ifndef PACE_BASE_LOCK_H
#define PACE_BASE_LOCK_H

#include "base/err.h"

struct lock {
    int fd; /* -1: none */
};

/*
 * Takes the lock, whose file is made where it is missing, or says at once who has it. Where a file
 * system knows no locks, or nobody may write there, it is taken in name only. Errors: ERR_IO.
 */
MUST_CHECK bool lock_take(struct lock *lock, const char *path, struct err *err);

/* Safe on one that was not taken (fd -1), and twice. */
void lock_release(struct lock *lock);

#endif
