/*
 * gguf_writer.h - writing GGUF version 3: metadata first, then the tensors' data as it comes.
 *
 *     struct gguf_writer w;
 *     gguf_writer_init(&w);
 *     gguf_put_text(&w, "general.architecture", "llama");
 *     gguf_put_array(&w, "tokenizer.ggml.tokens", GGUF_STRING, n_tokens);
 *     … n_tokens times gguf_item_string(&w, token);
 *     … gguf_writer_add(&w, &tensor) for each tensor
 *     if (!gguf_writer_open(&w, path, err)) goto done;
 *     … gguf_writer_data(&w, part) until every tensor's bytes are written, in the order of adding
 *     ok = gguf_writer_commit(&w, err);
 * done:
 *     gguf_writer_release(&w);
 *
 * Nothing but metadata and descriptions is held in memory. The file appears under its name when it
 * is whole. Calls out of order are failed CHECKs.
 */
#ifndef PACE_FORMAT_GGUF_WRITER_H
#define PACE_FORMAT_GGUF_WRITER_H

#include "format/gguf.h"

struct gguf_writer {
    struct buf entries, tensors; /* as they stand in the file */
    uint64_t n_entries, n_tensors;
    enum gguf_type item_type;
    uint64_t n_items_left; /* of the array begun */
    struct buf sizes;      /* u64 of each tensor, in bytes */
    uint64_t data_bytes;   /* padding included */
    uint64_t n_written;    /* tensors whose data is whole */
    uint64_t left;         /* bytes of the tensor being written */
    bool is_open;
    struct file_writer file;
};

void gguf_writer_init(struct gguf_writer *w);

void gguf_put_u32(struct gguf_writer *w, const char *key, uint32_t value);
void gguf_put_i32(struct gguf_writer *w, const char *key, int32_t value);
void gguf_put_u64(struct gguf_writer *w, const char *key, uint64_t value);
void gguf_put_f32(struct gguf_writer *w, const char *key, float value);
void gguf_put_bool(struct gguf_writer *w, const char *key, bool value);
void gguf_put_string(struct gguf_writer *w, const char *key, struct span value);
void gguf_put_text(struct gguf_writer *w, const char *key, const char *value);

/* Begins an array of STRING, U32, I32 or F32; `n_items` calls of its item function follow. */
void gguf_put_array(struct gguf_writer *w, const char *key, enum gguf_type item_type,
                    uint64_t n_items);
void gguf_item_string(struct gguf_writer *w, struct span value);
void gguf_item_u32(struct gguf_writer *w, uint32_t value);
void gguf_item_i32(struct gguf_writer *w, int32_t value);
void gguf_item_f32(struct gguf_writer *w, float value);

/* Copies an entry of another file; general.alignment is left out: this file's is 32. */
void gguf_put_entry(struct gguf_writer *w, const struct gguf_entry *entry);

/*
 * Announces a tensor: name, dtype and dims count; `bytes` is not read. CHECKed: a type that GGUF
 * has, at most GGUF_MAX_DIMS dimensions, rows of whole blocks.
 */
void gguf_writer_add(struct gguf_writer *w, const struct tensor *t);

/* The size that the file will have, in bytes. */
uint64_t gguf_writer_size(const struct gguf_writer *w);

/* Opens the file and writes all but the data. Errors: ERR_IO. */
MUST_CHECK bool gguf_writer_open(struct gguf_writer *w, const char *path, struct err *err);

/* The next bytes of data; any cut is fine. More than all tensors need is a failed CHECK. */
void gguf_writer_data(struct gguf_writer *w, struct span bytes);

/* All data must have been written (CHECKed). Errors: ERR_IO. */
MUST_CHECK bool gguf_writer_commit(struct gguf_writer *w, struct err *err);

/* Frees; without a commit before it, no file is left. Safe on a zeroed struct. */
void gguf_writer_release(struct gguf_writer *w);

#endif
