/*
 * safetensors.h - weights as Hugging Face stores them, read in place.
 *
 *     struct safetensors st;
 *     if (!safetensors_open(&st, "model folder or file", err)) …
 *     const struct tensor *w = safetensors_find(&st, span_of("model.norm.weight"));
 *     safetensors_close(&st);
 *
 * Names, metadata and tensors' bytes are valid until safetensors_close. A tensor's bytes may lie at
 * any address: the format does not promise alignment.
 */
#ifndef PACE_FORMAT_SAFETENSORS_H
#define PACE_FORMAT_SAFETENSORS_H

#include "base/file.h"
#include "base/map.h"
#include "tensor/tensor.h"

/* The library's own limit, in bytes. */
#define SAFETENSORS_MAX_HEADER 100000000u

struct safetensors_meta {
    struct span key, value;
};

struct safetensors {
    struct file_map *files; /* one, or the shards in the order of their names */
    char **file_names;
    size_t n_files;
    struct tensor *tensors; /* file by file, in the order of their bytes */
    uint32_t *file_of;      /* index into files, for each tensor */
    size_t n_tensors;
    struct safetensors_meta *metadata; /* of the first file, in its order */
    size_t n_metadata;
    struct map names;
    struct arena arena;
};

/*
 * Opens a file, or a model folder: its model.safetensors, else the shards that its
 * model.safetensors.index.json names. Everything is checked as the safetensors library does:
 * header, types, shapes, and that the tensors fill each file without gap or overlap; of an index,
 * that each tensor is where it says. Errors: ERR_IO; ERR_INPUT with file and tensor in `where`.
 */
MUST_CHECK bool safetensors_open(struct safetensors *st, const char *path, struct err *err);

/* One file's bytes in memory, which must outlive the struct. */
MUST_CHECK bool safetensors_open_bytes(struct safetensors *st, struct span bytes, struct err *err);

/* Safe on a zeroed struct and after a failed open. */
void safetensors_close(struct safetensors *st);

/* Lets the system take back the memory of what was read; the bytes are read again if touched. */
void safetensors_forget(const struct safetensors *st);

/* NULL where there is none. */
const struct tensor *safetensors_find(const struct safetensors *st, struct span name);

/* The value of a key of __metadata__; false where there is none. */
bool safetensors_metadata(const struct safetensors *st, const char *key, struct span *out);

/* --- Writing. -------------------------------------------------------------------------------- */

struct safetensors_content {
    struct tensor *tensors; /* writing sorts them */
    size_t n_tensors;
    const struct safetensors_meta *metadata; /* written in this order */
    size_t n_metadata;
};

/* Puts tensors into the order of the library's files: by type (enum dtype), then by name. */
void safetensors_sort(struct tensor *tensors, size_t n_tensors);

/*
 * Writes a file from the tensors' bytes, byte for byte as the library writes it. Errors: ERR_IO.
 * CHECKed: types that safetensors has, distinct names, bytes as many as the shapes call for.
 */
MUST_CHECK bool safetensors_write(const char *path, const struct safetensors_content *content,
                                  struct err *err);

/* The same where the bytes are made one after another and never stand in memory together. */
struct safetensors_writer {
    struct file_writer file;
    uint64_t size; /* of the whole file, in bytes */
};

/* Sorts the tensors and writes the header; their `bytes` are not read. Errors: ERR_IO. */
MUST_CHECK bool safetensors_writer_open(struct safetensors_writer *w, const char *path,
                                        const struct safetensors_content *content, struct err *err);

/* The next bytes of the tensors in their sorted order; any cut is fine. */
void safetensors_writer_data(struct safetensors_writer *w, struct span bytes);

/* All data must have been written (CHECKed). Errors: ERR_IO. */
MUST_CHECK bool safetensors_writer_commit(struct safetensors_writer *w, struct err *err);

/* Without a commit before it, no file is left. Safe on a zeroed struct. */
void safetensors_writer_release(struct safetensors_writer *w);

#endif
