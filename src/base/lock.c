/*
 * lock.c - locks between processes.
 *
 * fcntl's locks of a whole file: the system drops them when a process ends, however it ends, they
 * work over NFS, and they can say who holds them, which flock's cannot. They belong to the process:
 * it may take one twice, and loses it when it closes the file, so nothing else opens that file. The
 * file stays where it is: if it were removed, two processes could hold a lock of the same name.
 */
#define _GNU_SOURCE
#include "base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"

/* Across containers and machines a holder may have no number that means something here. */
static bool refuse(const struct lock *lock, const char *path, struct err *err)
{
    struct flock held = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(lock->fd, F_GETLK, &held) == 0 && held.l_type != F_UNLCK && held.l_pid > 0) {
        err_set(err, ERR_IO, "process %ld is writing here", (long)held.l_pid);
        err_hint(err, "wait until it has ended, or stop it: kill %ld", (long)held.l_pid);
    } else {
        err_set(err, ERR_IO, "another process is writing here");
        err_hint(err, "wait until it has ended, or stop it");
    }
    err_in(err, "%s", path);
    return false;
}

bool lock_take(struct lock *lock, const char *path, struct err *err)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    lock->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (lock->fd < 0)
        return errno == EACCES || errno == EROFS || file_failed(err, path, "open", errno);
    if (fcntl(lock->fd, F_SETLK, &whole) == 0 || (errno != EACCES && errno != EAGAIN))
        return true;
    (void)refuse(lock, path, err);
    lock_release(lock);
    return false;
}

void lock_release(struct lock *lock)
{
    if (lock->fd >= 0)
        (void)close(lock->fd);
    lock->fd = -1;
}
