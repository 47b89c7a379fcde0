/*
 * file.c - files on POSIX.
 *
 * Mapping: the kernel shares the pages with its cache and drops them under pressure, so a base
 * model costs no private memory. A file that another program cuts while it is mapped raises SIGBUS;
 * that is the one hazard, and the price of not reading gigabytes twice.
 *
 * Writing: rename(2) is atomic, and the fsync before it keeps a crash from leaving an empty file
 * under the final name. The folder is synchronised too, so that the rename itself survives.
 */
#define _GNU_SOURCE
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_SIZE = 1 << 18, WRITE_SIZE = 1 << 18 };

/* Between the name of a file that is being written and the number of the process that writes. */
#define TEMPORARY_MARK ".tmp-"

bool file_failed(struct err *err, const char *path, const char *doing, int error)
{
    err_set(err, ERR_IO, "cannot %s: %s", doing, strerror(error));
    err_in(err, "%s", path);
    if (error == ENOSPC)
        err_hint(err, "the disk is full; free some space and try again");
    return false;
}

static bool not_regular(struct err *err, const char *path)
{
    err_set(err, ERR_IO, "not a regular file");
    err_in(err, "%s", path);
    return false;
}

/* ---------------------------------------------------------------------------------- reading -- */

static bool open_for_reading(const char *path, int *fd, struct err *err)
{
    if (strcmp(path, "-") == 0) {
        *fd = dup(STDIN_FILENO);
        return *fd >= 0 ? true : file_failed(err, "standard input", "read", errno);
    }
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0)
        return file_failed(err, path, "open", errno);
    struct stat status;
    if (fstat(*fd, &status) == 0 && S_ISDIR(status.st_mode)) {
        close(*fd);
        return file_failed(err, path, "read", EISDIR);
    }
    return true;
}

bool file_map(struct file_map *map, const char *path, struct err *err)
{
    *map = (struct file_map){0};
    /* Asked before opening, which would wait for a named pipe's other end. */
    if (file_kind_of(path) == FILE_OTHER)
        return not_regular(err, path);
    int fd;
    if (!open_for_reading(path, &fd, err))
        return false;

    struct stat status;
    bool ok = fstat(fd, &status) == 0;
    if (!ok) {
        file_failed(err, path, "read", errno);
    } else if (!S_ISREG(status.st_mode)) {
        ok = not_regular(err, path);
    } else if (status.st_size > 0) {
        void *at = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        ok = at != MAP_FAILED;
        if (ok)
            map->bytes = (struct span){at, (size_t)status.st_size};
        else
            file_failed(err, path, "map", errno);
    }
    close(fd);
    return ok;
}

void file_unmap(struct file_map *map)
{
    if (map->bytes.at)
        munmap((void *)(uintptr_t)map->bytes.at, map->bytes.len);
    *map = (struct file_map){0};
}

void file_map_forget(const struct file_map *map, size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t whole = min_size(len, map->bytes.len) / page * page;
    if (whole > 0)
        (void)madvise((void *)(uintptr_t)map->bytes.at, whole, MADV_DONTNEED);
}

/* Reads up to READ_SIZE bytes behind the buffer's end. *len is 0 at the end of the file. */
static bool read_some(int fd, struct buf *out, const char *path, size_t *len, struct err *err)
{
    /* A full buffer still asks for one byte: the file may end just there. */
    uint8_t beyond;
    size_t room = min_size(READ_SIZE, out->max - out->len);
    bool reserved = room > 0 && buf_reserve(out, room);
    ssize_t got;
    do
        got = read(fd, reserved ? out->at + out->len : &beyond, reserved ? room : 1);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return file_failed(err, path, "read", errno);
    if (got > 0 && !reserved) {
        out->overflowed = true;
        return buf_check(out, err);
    }
    out->len += (size_t)got;
    *len = (size_t)got;
    return true;
}

bool file_read(struct buf *out, const char *path, struct err *err)
{
    int fd;
    if (!open_for_reading(path, &fd, err))
        return false;
    size_t len = 1;
    bool ok = true;
    while (ok && len > 0)
        ok = read_some(fd, out, path, &len, err);
    close(fd);
    if (!ok && err->kind == ERR_INPUT)
        err_in(err, "%s", path);
    return ok;
}

bool file_lines_open(struct file_lines *lines, const char *path, size_t longest_line,
                     struct err *err)
{
    *lines = (struct file_lines){.fd = -1, .path = path, .longest_line = longest_line};
    buf_init(&lines->buffer, longest_line + READ_SIZE);
    return open_for_reading(path, &lines->fd, err);
}

static bool line_too_long(const struct file_lines *lines, struct err *err)
{
    err_set(err, ERR_INPUT, "a line is longer than %zu bytes", lines->longest_line);
    err_in(err, "line %" PRIu64, lines->line + 1);
    if (lines->path)
        err_in(err, "%s", lines->path);
    return false;
}

void file_lines_of(struct file_lines *lines, struct span bytes, size_t longest_line)
{
    *lines = (struct file_lines){.fd = -1, .longest_line = longest_line, .at_end = true};
    buf_init(&lines->buffer, BUF_NO_LIMIT);
    buf_add(&lines->buffer, bytes);
}

/* Moves the unread part to the front and reads more behind it. */
static bool refill(struct file_lines *lines, struct err *err)
{
    struct buf *b = &lines->buffer;
    if (lines->start > 0 && b->len > lines->start)
        memmove(b->at, b->at + lines->start, b->len - lines->start);
    b->len -= lines->start;
    lines->start = 0;

    size_t len;
    if (!read_some(lines->fd, b, lines->path, &len, err)) {
        if (err->kind == ERR_INPUT)
            line_too_long(lines, err);
        return false;
    }
    lines->at_end = len == 0;
    return true;
}

bool file_lines_next(struct file_lines *lines, struct span *line, bool *more, struct err *err)
{
    struct buf *b = &lines->buffer;
    size_t searched = 0; /* bytes behind start that hold no '\n' */
    for (;;) {
        size_t left = b->len - lines->start;
        const uint8_t *from = b->at ? b->at + lines->start : NULL;
        const uint8_t *newline =
            left > searched ? memchr(from + searched, '\n', left - searched) : NULL;
        if (newline || lines->at_end) {
            size_t len = newline ? (size_t)(newline - from) : left;
            if (len > lines->longest_line)
                return line_too_long(lines, err);
            *more = newline || left > 0;
            *line = (struct span){from, len};
            lines->start += len + (newline != NULL);
            lines->line += *more;
            return true;
        }
        searched = left;
        if (!refill(lines, err))
            return false;
    }
}

void file_lines_close(struct file_lines *lines)
{
    if (lines->path && lines->fd >= 0)
        close(lines->fd);
    lines->fd = -1;
    buf_release(&lines->buffer);
}

/* ---------------------------------------------------------------------------------- writing -- */

bool file_writer_open(struct file_writer *w, const char *path, struct err *err)
{
    *w = (struct file_writer){.fd = -1};
    /* A rename would put a file in the place of a device or a folder. */
    enum file_kind kind = file_kind_of(path);
    if (kind == FILE_FOLDER)
        return file_failed(err, path, "write", EISDIR);
    if (kind == FILE_OTHER)
        return not_regular(err, path);
    buf_init(&w->pending, BUF_NO_LIMIT);
    w->path = arena_printf(&w->arena, "%s", path);
    w->temporary = arena_printf(&w->arena, "%s" TEMPORARY_MARK "%ld", path, (long)getpid());
    w->fd = open(w->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (w->fd < 0) {
        file_failed(err, path, "write", errno);
        arena_release(&w->arena);
        *w = (struct file_writer){.fd = -1};
        return false;
    }
    return true;
}

static void write_all(struct file_writer *w, struct span bytes)
{
    while (bytes.len > 0 && w->error == 0) {
        ssize_t len = write(w->fd, bytes.at, bytes.len);
        if (len >= 0)
            bytes = span_from(bytes, (size_t)len);
        else if (errno != EINTR)
            w->error = errno;
    }
}

void file_write(struct file_writer *w, struct span bytes)
{
    CHECK(w->fd >= 0);
    w->written += bytes.len;
    if (w->pending.len + bytes.len > WRITE_SIZE) {
        write_all(w, buf_span(&w->pending));
        buf_clear(&w->pending);
    }
    if (bytes.len > WRITE_SIZE)
        write_all(w, bytes);
    else
        buf_add(&w->pending, bytes);
}

/* Makes a rename in the file's folder durable; folders that cannot be synchronised are let be. */
static void sync_folder(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) + (slash == path) : 1;
    const char *folder = slash ? arena_printf(arena, "%.*s", (int)len, path) : ".";
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
}

bool file_commit(struct file_writer *w, struct err *err)
{
    write_all(w, buf_span(&w->pending));
    if (w->error == 0 && fsync(w->fd) != 0 && errno != EINVAL)
        w->error = errno;
    if (close(w->fd) != 0 && w->error == 0)
        w->error = errno;
    w->fd = -1;
    if (w->error == 0 && rename(w->temporary, w->path) != 0)
        w->error = errno;

    bool ok = w->error == 0;
    if (ok) {
        sync_folder(&w->arena, w->path);
        w->temporary = NULL;
    } else {
        file_failed(err, w->path, "write", w->error);
    }
    file_discard(w);
    return ok;
}

void file_discard(struct file_writer *w)
{
    if (w->fd >= 0 && w->path)
        close(w->fd);
    if (w->temporary)
        unlink(w->temporary);
    buf_release(&w->pending);
    arena_release(&w->arena);
    *w = (struct file_writer){.fd = -1};
}

bool file_put(const char *path, struct span content, struct err *err)
{
    struct file_writer writer;
    bool ok = file_writer_open(&writer, path, err);
    if (ok) {
        file_write(&writer, content);
        ok = file_commit(&writer, err);
    }
    file_discard(&writer);
    return ok;
}

/* ------------------------------------------------------------------------------------ names -- */

enum file_kind file_kind_of(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return FILE_MISSING;
    if (S_ISREG(status.st_mode))
        return FILE_REGULAR;
    return S_ISDIR(status.st_mode) ? FILE_FOLDER : FILE_OTHER;
}

bool file_make_folder(const char *path, struct err *err)
{
    if (mkdir(path, 0777) == 0)
        return true;
    int why = errno; /* which looking at the path sets anew */
    if (file_kind_of(path) == FILE_FOLDER)
        return true;
    return file_failed(err, path, "make the folder", why);
}

char *file_join(struct arena *arena, const char *folder, const char *name)
{
    size_t len = strlen(folder);
    const char *slash = len > 0 && folder[len - 1] == '/' ? "" : "/";
    return arena_printf(arena, "%s%s%s", folder, slash, name);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool list_kind(struct arena *arena, const char *folder, enum file_kind kind, char ***names,
                      size_t *n_names, struct err *err)
{
    DIR *stream = opendir(folder);
    if (!stream)
        return file_failed(err, folder, "list", errno);
    struct buf found; /* of char * */
    buf_init(&found, BUF_NO_LIMIT);
    for (struct dirent *entry = readdir(stream); entry; entry = readdir(stream)) {
        if (entry->d_name[0] == '.')
            continue;
        if (file_kind_of(file_join(arena, folder, entry->d_name)) != kind)
            continue;
        char *name = arena_printf(arena, "%s", entry->d_name);
        buf_add(&found, (struct span){(const uint8_t *)&name, sizeof name});
    }
    closedir(stream);

    *n_names = found.len / sizeof(char *);
    *names = arena_array(arena, char *, *n_names);
    if (found.len > 0)
        memcpy(*names, found.at, found.len);
    qsort(*names, *n_names, sizeof(char *), compare_names);
    buf_release(&found);
    return true;
}

bool file_list(struct arena *arena, const char *folder, char ***names, size_t *n_names,
               struct err *err)
{
    return list_kind(arena, folder, FILE_REGULAR, names, n_names, err);
}

bool file_list_folders(struct arena *arena, const char *folder, char ***names, size_t *n_names,
                       struct err *err)
{
    return list_kind(arena, folder, FILE_FOLDER, names, n_names, err);
}

char *file_absolute(struct arena *arena, const char *path)
{
    char whole[PATH_MAX];
    return arena_printf(arena, "%s", realpath(path, whole) ? whole : path);
}

bool file_remove(const char *path, struct err *err)
{
    return unlink(path) == 0 || errno == ENOENT || file_failed(err, path, "remove", errno);
}

/* A name that file_writer_open makes up. */
static bool is_temporary(const char *name)
{
    const char *mark = strstr(name, TEMPORARY_MARK);
    const char *number = mark ? mark + strlen(TEMPORARY_MARK) : "";
    return *number && number[strspn(number, "0123456789")] == '\0';
}

bool file_sweep(const char *folder, struct err *err)
{
    struct arena arena = {0};
    char **names = NULL;
    size_t n = 0;
    bool ok = file_kind_of(folder) != FILE_FOLDER || file_list(&arena, folder, &names, &n, err);
    for (size_t i = 0; ok && i < n; i++) {
        if (is_temporary(names[i]))
            ok = file_remove(file_join(&arena, folder, names[i]), err);
    }
    arena_release(&arena);
    return ok;
}

bool file_has_suffix(const char *path, const char *suffix)
{
    size_t len = strlen(path), suffix_len = strlen(suffix);
    return len >= suffix_len && strcasecmp(path + len - suffix_len, suffix) == 0;
}
