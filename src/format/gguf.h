/*
 * gguf.h - GGUF files (llama.cpp, Ollama), read in place: metadata and tensors. Versions 2 and 3,
 * little-endian. A file is known by its magic, not by its name.
 *
 *     struct gguf g;
 *     if (!gguf_open(&g, path, err)) …
 *     uint32_t n_layers;
 *     if (!gguf_get_u32(&g, "llama.block_count", &n_layers, err)) …
 *     const struct tensor *embedding = gguf_find_tensor(&g, "token_embd.weight");
 *
 * Nothing is copied: texts, arrays and tensors are parts of the mapped file and valid until
 * gguf_close. Shapes are turned to row-major order (GGUF lists the fastest dimension first).
 */
#ifndef PACE_FORMAT_GGUF_H
#define PACE_FORMAT_GGUF_H

#include "base/file.h"
#include "base/map.h"
#include "tensor/tensor.h"

/* The numbers are those in the file. */
enum gguf_type {
    GGUF_U8,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_STRING,
    GGUF_ARRAY,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64,
    GGUF_TYPE_COUNT,
};

enum { GGUF_VERSION = 3, GGUF_ALIGNMENT = 32, GGUF_MAX_DIMS = 4 };

/* One key of the metadata. */
struct gguf_entry {
    struct span key;
    enum gguf_type type;
    enum gguf_type item_type; /* of an array */
    uint64_t n_items;         /* of an array */
    struct span bytes;        /* a string's text; else the value or the items as they are stored */
};

struct gguf {
    struct file_map file;
    struct span bytes;
    uint32_t version;
    uint64_t alignment;
    struct gguf_entry *entries; /* in the file's order */
    size_t n_entries;
    struct tensor *tensors; /* in the file's order */
    size_t n_tensors;
    struct map keys, names;
    struct arena arena;
};

/* True where the bytes begin as a GGUF file does. */
bool gguf_is(struct span bytes);

/*
 * Maps and checks a whole file: every count, length, type, shape and place is proved before
 * anything relies on it. Errors: ERR_IO; ERR_INPUT with the byte or the key or tensor in `where`.
 */
MUST_CHECK bool gguf_open(struct gguf *g, const char *path, struct err *err);

/* The same of bytes in memory, which must outlive the struct. */
MUST_CHECK bool gguf_open_bytes(struct gguf *g, struct span bytes, struct err *err);

/* Safe on a zeroed struct and after a failed open. */
void gguf_close(struct gguf *g);

/* NULL where there is none. */
const struct gguf_entry *gguf_find(const struct gguf *g, const char *key);
const struct tensor *gguf_find_tensor(const struct gguf *g, struct span name);

/*
 * The value of a key that must be there. A whole number may be stored in any of the whole types, as
 * long as it fits. Errors: ERR_INPUT for a key that is absent or of another type.
 */
MUST_CHECK bool gguf_get_u32(const struct gguf *g, const char *key, uint32_t *out, struct err *err);
MUST_CHECK bool gguf_get_f32(const struct gguf *g, const char *key, float *out, struct err *err);
MUST_CHECK bool gguf_get_bool(const struct gguf *g, const char *key, bool *out, struct err *err);
MUST_CHECK bool gguf_get_string(const struct gguf *g, const char *key, struct span *out,
                                struct err *err);

/* "u32", "string", "array" … */
const char *gguf_type_name(enum gguf_type type);

/* --- One value after another. ---------------------------------------------------------------- */

/* Walks the items of an array, or the one value of a number. */
struct gguf_items {
    enum gguf_type type;
    uint64_t n_left;
    struct cursor rest;
};

/* The entry is no single string (CHECKed): that is its `bytes`. */
struct gguf_items gguf_items_of(const struct gguf_entry *entry);

/* True where the values are whole numbers, or true and false. */
bool gguf_is_whole(enum gguf_type type);

/* The next value; false at the end. The type is CHECKed: string; whole; f32 or f64. */
bool gguf_next_string(struct gguf_items *items, struct span *out);
bool gguf_next_int(struct gguf_items *items, int64_t *out); /* u64: INT64_MAX at most */
bool gguf_next_double(struct gguf_items *items, double *out);

/* The items of a key that must be an array of strings, of whole numbers, of floats. */
MUST_CHECK bool gguf_get_strings(const struct gguf *g, const char *key, struct gguf_items *out,
                                 struct err *err);
MUST_CHECK bool gguf_get_ints(const struct gguf *g, const char *key, struct gguf_items *out,
                              struct err *err);
MUST_CHECK bool gguf_get_floats(const struct gguf *g, const char *key, struct gguf_items *out,
                                struct err *err);

#endif
