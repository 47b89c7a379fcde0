/*
 * append.c - a file that grows line by line.
 *
 * Each call is one write(2): a program that is killed leaves whole calls, and a reader at the same
 * time sees them as they come. Nothing is buffered here, so lines should come whole. The first
 * failure (a full disk) ends the writing, so that no line ever follows a torn one; who takes the
 * file up again says how much of it counts, and the rest is cut off.
 */
#define _GNU_SOURCE
#include "base/append.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

bool append_open(struct append *a, const char *path, uint64_t len, struct err *err)
{
    struct stat status;
    *a = (struct append){.fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666), .len = len};
    if (a->fd < 0)
        return file_failed(err, path, "open", errno);
    if (fstat(a->fd, &status) != 0 || (S_ISREG(status.st_mode) && (uint64_t)status.st_size < len)) {
        err_set(err, ERR_IO, "shorter than the %llu bytes that were written to it",
                (unsigned long long)len);
        err_in(err, "%s", path);
        goto fail;
    }
    if (S_ISREG(status.st_mode) &&
        (ftruncate(a->fd, (off_t)len) != 0 || lseek(a->fd, (off_t)len, SEEK_SET) < 0)) {
        (void)file_failed(err, path, "write", errno);
        goto fail;
    }
    return true;

fail:
    append_close(a);
    return false;
}

void append_put(struct append *a, struct span bytes)
{
    while (a->fd >= 0 && a->error == 0 && bytes.len > 0) {
        ssize_t n = write(a->fd, bytes.at, bytes.len);
        if (n < 0 && errno != EINTR)
            a->error = errno;
        if (n <= 0)
            continue;
        a->len += (uint64_t)n;
        bytes = span_part(bytes, (size_t)n, bytes.len - (size_t)n);
    }
}

bool append_check(const struct append *a, const char *path, struct err *err)
{
    return a->error == 0 || file_failed(err, path, "write", a->error);
}

bool append_sync(struct append *a, const char *path, struct err *err)
{
    if (a->fd >= 0 && a->error == 0 && fsync(a->fd) != 0 && errno != EINVAL)
        a->error = errno;
    return append_check(a, path, err);
}

void append_close(struct append *a)
{
    if (a->fd >= 0)
        (void)close(a->fd);
    a->fd = -1;
}
