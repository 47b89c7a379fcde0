/*
 * gguf_writer.c - writing GGUF; gguf.c shows the layout.
 *
 * Keys and descriptions are gathered in two buffers, because their counts stand before them. Each
 * tensor's data is padded to the alignment, the last one too, as the `gguf` package does.
 */
#include "format/gguf_writer.h"

static const uint8_t zeros[GGUF_ALIGNMENT];

static size_t padding_of(uint64_t size)
{
    return (size_t)((0 - size) % GGUF_ALIGNMENT);
}

void gguf_writer_init(struct gguf_writer *w)
{
    *w = (struct gguf_writer){.file.fd = -1};
    buf_init(&w->entries, BUF_NO_LIMIT);
    buf_init(&w->tensors, BUF_NO_LIMIT);
    buf_init(&w->sizes, BUF_NO_LIMIT);
}

/* --------------------------------------------------------------------------------- metadata -- */

static void add_string(struct buf *out, struct span text)
{
    buf_add_u64_le(out, text.len);
    buf_add(out, text);
}

static void add_f32(struct buf *out, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    buf_add_u32_le(out, bits);
}

static void put_key(struct gguf_writer *w, struct span key, enum gguf_type type)
{
    CHECK(w->n_items_left == 0 && !w->is_open);
    w->n_entries++;
    add_string(&w->entries, key);
    buf_add_u32_le(&w->entries, type);
}

void gguf_put_u32(struct gguf_writer *w, const char *key, uint32_t value)
{
    put_key(w, span_of(key), GGUF_U32);
    buf_add_u32_le(&w->entries, value);
}

void gguf_put_i32(struct gguf_writer *w, const char *key, int32_t value)
{
    put_key(w, span_of(key), GGUF_I32);
    buf_add_u32_le(&w->entries, (uint32_t)value);
}

void gguf_put_u64(struct gguf_writer *w, const char *key, uint64_t value)
{
    put_key(w, span_of(key), GGUF_U64);
    buf_add_u64_le(&w->entries, value);
}

void gguf_put_f32(struct gguf_writer *w, const char *key, float value)
{
    put_key(w, span_of(key), GGUF_F32);
    add_f32(&w->entries, value);
}

void gguf_put_bool(struct gguf_writer *w, const char *key, bool value)
{
    put_key(w, span_of(key), GGUF_BOOL);
    buf_add_byte(&w->entries, value);
}

void gguf_put_string(struct gguf_writer *w, const char *key, struct span value)
{
    put_key(w, span_of(key), GGUF_STRING);
    add_string(&w->entries, value);
}

void gguf_put_text(struct gguf_writer *w, const char *key, const char *value)
{
    gguf_put_string(w, key, span_of(value));
}

void gguf_put_array(struct gguf_writer *w, const char *key, enum gguf_type item_type,
                    uint64_t n_items)
{
    CHECK(item_type == GGUF_STRING || item_type == GGUF_U32 || item_type == GGUF_I32 ||
          item_type == GGUF_F32);
    put_key(w, span_of(key), GGUF_ARRAY);
    buf_add_u32_le(&w->entries, item_type);
    buf_add_u64_le(&w->entries, n_items);
    w->item_type = item_type;
    w->n_items_left = n_items;
}

static struct buf *next_item(struct gguf_writer *w, enum gguf_type type)
{
    CHECK(w->n_items_left > 0 && w->item_type == type);
    w->n_items_left--;
    return &w->entries;
}

void gguf_item_string(struct gguf_writer *w, struct span value)
{
    add_string(next_item(w, GGUF_STRING), value);
}

void gguf_item_u32(struct gguf_writer *w, uint32_t value)
{
    buf_add_u32_le(next_item(w, GGUF_U32), value);
}

void gguf_item_i32(struct gguf_writer *w, int32_t value)
{
    buf_add_u32_le(next_item(w, GGUF_I32), (uint32_t)value);
}

void gguf_item_f32(struct gguf_writer *w, float value)
{
    add_f32(next_item(w, GGUF_F32), value);
}

void gguf_put_entry(struct gguf_writer *w, const struct gguf_entry *entry)
{
    if (span_is(entry->key, "general.alignment"))
        return;
    put_key(w, entry->key, entry->type);
    if (entry->type == GGUF_ARRAY) {
        buf_add_u32_le(&w->entries, entry->item_type);
        buf_add_u64_le(&w->entries, entry->n_items);
    } else if (entry->type == GGUF_STRING) {
        buf_add_u64_le(&w->entries, entry->bytes.len);
    }
    buf_add(&w->entries, entry->bytes);
}

/* ---------------------------------------------------------------------------------- tensors -- */

void gguf_writer_add(struct gguf_writer *w, const struct tensor *t)
{
    const struct dtype_info *info = dtype_info(t->dtype);
    uint64_t row = t->n_dims > 0 ? t->dims[t->n_dims - 1] : 1;
    uint64_t size;
    CHECK(w->n_items_left == 0 && !w->is_open);
    CHECK(info->ggml_id != GGML_ID_NONE && t->n_dims <= GGUF_MAX_DIMS);
    CHECK(row % info->block_elements == 0 && tensor_size(t, &size));

    w->n_tensors++;
    add_string(&w->tensors, t->name);
    buf_add_u32_le(&w->tensors, t->n_dims);
    for (uint32_t i = t->n_dims; i > 0; i--)
        buf_add_u64_le(&w->tensors, t->dims[i - 1]);
    buf_add_u32_le(&w->tensors, (uint32_t)info->ggml_id);
    buf_add_u64_le(&w->tensors, w->data_bytes);
    buf_add(&w->sizes, (struct span){(const uint8_t *)&size, sizeof size});
    w->data_bytes += size + padding_of(size);
}

static uint64_t head_size(const struct gguf_writer *w)
{
    return 24 + w->entries.len + w->tensors.len;
}

uint64_t gguf_writer_size(const struct gguf_writer *w)
{
    return head_size(w) + padding_of(head_size(w)) + w->data_bytes;
}

/* Closes every tensor that needs no more bytes, and opens the next. */
static void advance(struct gguf_writer *w)
{
    while (w->left == 0 && w->n_written < w->n_tensors) {
        uint64_t size;
        memcpy(&size, w->sizes.at + w->n_written * sizeof size, sizeof size);
        file_write(&w->file, (struct span){zeros, padding_of(size)});
        w->n_written++;
        if (w->n_written < w->n_tensors)
            memcpy(&w->left, w->sizes.at + w->n_written * sizeof size, sizeof size);
    }
}

bool gguf_writer_open(struct gguf_writer *w, const char *path, struct err *err)
{
    CHECK(w->n_items_left == 0 && !w->is_open);
    if (!file_writer_open(&w->file, path, err))
        return false;
    w->is_open = true;
    struct buf head;
    buf_init(&head, 64);
    buf_add_text(&head, "GGUF");
    buf_add_u32_le(&head, GGUF_VERSION);
    buf_add_u64_le(&head, w->n_tensors);
    buf_add_u64_le(&head, w->n_entries);
    file_write(&w->file, buf_span(&head));
    buf_release(&head);
    file_write(&w->file, buf_span(&w->entries));
    file_write(&w->file, buf_span(&w->tensors));
    file_write(&w->file, (struct span){zeros, padding_of(head_size(w))});
    if (w->n_tensors > 0)
        memcpy(&w->left, w->sizes.at, sizeof w->left);
    advance(w);
    return true;
}

void gguf_writer_data(struct gguf_writer *w, struct span bytes)
{
    CHECK(w->is_open);
    while (bytes.len > 0) {
        CHECK(w->left > 0);
        size_t len = min_size(bytes.len, (size_t)w->left);
        file_write(&w->file, span_part(bytes, 0, len));
        bytes = span_from(bytes, len);
        w->left -= len;
        advance(w);
    }
}

bool gguf_writer_commit(struct gguf_writer *w, struct err *err)
{
    CHECK(w->is_open && w->n_written == w->n_tensors);
    CHECK(w->file.written == gguf_writer_size(w));
    return file_commit(&w->file, err);
}

void gguf_writer_release(struct gguf_writer *w)
{
    file_discard(&w->file);
    buf_release(&w->entries);
    buf_release(&w->tensors);
    buf_release(&w->sizes);
    *w = (struct gguf_writer){.file.fd = -1};
}
