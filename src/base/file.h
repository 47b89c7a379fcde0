/*
 * file.h - files: mapped for reading, read line by line, written so that a reader sees either the
 * old content or the whole new one.
 */
#ifndef PACE_BASE_FILE_H
#define PACE_BASE_FILE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* --- A whole file as bytes. ------------------------------------------------------------------ */

struct file_map {
    struct span bytes; /* read-only; {NULL, 0} for an empty file */
};

/* Maps a regular file. The bytes stay valid until file_unmap. Errors: ERR_IO. */
MUST_CHECK bool file_map(struct file_map *map, const char *path, struct err *err);

/* Safe on a zeroed struct. */
void file_unmap(struct file_map *map);

/*
 * Lets the system take back the memory of the first `len` bytes, which have been read: a pass over
 * a file larger than the memory stays small. The bytes are still valid, and are read again if
 * touched.
 */
void file_map_forget(const struct file_map *map, size_t len);

/*
 * Appends what is left of the file, at most the buffer's limit (beyond it: ERR_INPUT). `path` "-"
 * is standard input; pipes work.
 */
MUST_CHECK bool file_read(struct buf *out, const char *path, struct err *err);

/* --- Lines of a file of any size. ------------------------------------------------------------ */

struct file_lines {
    int fd;
    const char *path;
    struct buf buffer;
    size_t longest_line; /* bytes */
    size_t start;        /* of the next line in the buffer */
    uint64_t line;       /* number of the line last given, from 1 */
    bool at_end;
};

/* Opens for reading; `path` "-" is standard input, and must outlive the struct. Errors: ERR_IO. */
MUST_CHECK bool file_lines_open(struct file_lines *lines, const char *path, size_t longest_line,
                                struct err *err);

/* The lines of bytes in memory, which are copied. */
void file_lines_of(struct file_lines *lines, struct span bytes, size_t longest_line);

/*
 * The next line without its '\n' (a '\r' before it stays), valid until the next call. *more is
 * false at the end of the file. A last line without '\n' counts; nothing behind a last '\n' does
 * not. Errors: ERR_IO; ERR_INPUT for a line over the limit, with its number in `where`.
 */
MUST_CHECK bool file_lines_next(struct file_lines *lines, struct span *line, bool *more,
                                struct err *err);

/* Safe on a zeroed struct. */
void file_lines_close(struct file_lines *lines);

/* --- Writing. -------------------------------------------------------------------------------- */

/*
 * A file that appears under its name only when all of it is on the disk: written to a temporary
 * neighbour, synchronised, renamed. Writes are buffered; an error is kept and reported by
 * file_commit, so that a loop of writes needs one check.
 */
struct file_writer {
    int fd;           /* -1: none */
    int error;        /* errno of the first write that failed */
    uint64_t written; /* bytes, those still in the buffer included */
    char *path, *temporary;
    struct arena arena;
    struct buf pending;
};

/* Errors: ERR_IO; a path that names a folder, a device or a pipe is refused. */
MUST_CHECK bool file_writer_open(struct file_writer *w, const char *path, struct err *err);
void file_write(struct file_writer *w, struct span bytes);

/* Flush, fsync, rename, fsync of the folder. On failure the old file is untouched. */
MUST_CHECK bool file_commit(struct file_writer *w, struct err *err);

/* A whole file at once. Errors: ERR_IO. */
MUST_CHECK bool file_put(const char *path, struct span content, struct err *err);

/* Removes the temporary file. Safe on a zeroed struct, after a failed open and after a commit. */
void file_discard(struct file_writer *w);

/* Sets ERR_IO: "cannot <doing>: <errno's words>", with a hint where the disk is full; false. */
bool file_failed(struct err *err, const char *path, const char *doing, int error);

/* --- Names. ---------------------------------------------------------------------------------- */

enum file_kind { FILE_MISSING, FILE_REGULAR, FILE_FOLDER, FILE_OTHER };

enum file_kind file_kind_of(const char *path);

/* Makes a folder, unless there is one. Errors: ERR_IO. */
MUST_CHECK bool file_make_folder(const char *path, struct err *err);

/* "folder/name" in the arena; a trailing '/' of the folder is not doubled. */
char *file_join(struct arena *arena, const char *folder, const char *name);

/* The names (not paths) of a folder's regular files, sorted by bytes, without hidden ones. */
MUST_CHECK bool file_list(struct arena *arena, const char *folder, char ***names, size_t *n_names,
                          struct err *err);

/* The same for the folders in it. */
MUST_CHECK bool file_list_folders(struct arena *arena, const char *folder, char ***names,
                                  size_t *n_names, struct err *err);

/*
 * The path from the root on, in the arena, without links; as it was given where nothing is there.
 */
char *file_absolute(struct arena *arena, const char *path);

/* Removes a file, where there is one. Errors: ERR_IO. */
MUST_CHECK bool file_remove(const char *path, struct err *err);

/*
 * Removes what writers that were killed have left in the folder. Nobody may be writing there; a
 * folder that is not there is clean. Errors: ERR_IO.
 */
MUST_CHECK bool file_sweep(const char *folder, struct err *err);

/* True where the name ends with the suffix, letter case ignored: ".jsonl". */
bool file_has_suffix(const char *path, const char *suffix);

#endif
