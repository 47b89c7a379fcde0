/*
 * safetensors_writer.c - writing safetensors, byte for byte as the library does.
 *
 * What makes files equal: the order of the tensors (type, then name), JSON without blanks, the
 * metadata first, and a header padded with spaces to a multiple of 8 bytes. The library keeps the
 * metadata in a hash table, so with two keys or more its own files differ from run to run; ours
 * have the caller's order.
 */
#include <stdlib.h>

#include "format/json.h"
#include "format/safetensors.h"

enum { HEADER_ALIGNMENT = 8 };

static int compare_tensors(const void *a, const void *b)
{
    const struct tensor *x = a, *y = b;
    if (x->dtype != y->dtype)
        return x->dtype < y->dtype ? -1 : 1;
    return span_compare(x->name, y->name);
}

void safetensors_sort(struct tensor *tensors, size_t n_tensors)
{
    if (n_tensors > 0)
        qsort(tensors, n_tensors, sizeof *tensors, compare_tensors);
}

/* Writes one tensor's entry; gives the offset where its data ends. */
static uint64_t put_entry(struct json_writer *json, const struct tensor *t, uint64_t begin)
{
    uint64_t size;
    CHECK(dtype_info(t->dtype)->in_safetensors && tensor_size(t, &size));
    json_key_span(json, t->name);
    json_begin_object(json);
    json_key(json, "dtype");
    json_put_text(json, dtype_info(t->dtype)->name);
    json_key(json, "shape");
    json_begin_array(json);
    for (uint32_t i = 0; i < t->n_dims; i++)
        json_put_int(json, (int64_t)t->dims[i]);
    json_end(json);
    json_key(json, "data_offsets");
    json_begin_array(json);
    json_put_int(json, (int64_t)begin);
    json_put_int(json, (int64_t)(begin + size));
    json_end(json);
    json_end(json);
    return begin + size;
}

/* Appends the padded header and gives the size of the data. */
static uint64_t put_header(struct buf *out, const struct safetensors_content *content)
{
    struct json_writer json = {.out = out, .compact = true};
    json_begin_object(&json);
    if (content->n_metadata > 0) {
        json_key(&json, "__metadata__");
        json_begin_object(&json);
        for (size_t i = 0; i < content->n_metadata; i++) {
            json_key_span(&json, content->metadata[i].key);
            json_put_string(&json, content->metadata[i].value);
        }
        json_end(&json);
    }
    uint64_t end = 0;
    struct map names = {0};
    for (size_t i = 0; i < content->n_tensors; i++) {
        bool is_new = map_put(&names, content->tensors[i].name, 0);
        CHECK(is_new);
        end = put_entry(&json, &content->tensors[i], end);
    }
    map_release(&names);
    json_end(&json);
    while (out->len % HEADER_ALIGNMENT != 0)
        buf_add_byte(out, ' ');
    return end;
}

bool safetensors_writer_open(struct safetensors_writer *w, const char *path,
                             const struct safetensors_content *content, struct err *err)
{
    *w = (struct safetensors_writer){.file.fd = -1};
    if (!file_writer_open(&w->file, path, err))
        return false;
    safetensors_sort(content->tensors, content->n_tensors);
    struct buf len, header;
    buf_init(&len, 8);
    buf_init(&header, BUF_NO_LIMIT);
    uint64_t data_bytes = put_header(&header, content);
    buf_add_u64_le(&len, header.len);
    file_write(&w->file, buf_span(&len));
    file_write(&w->file, buf_span(&header));
    w->size = w->file.written + data_bytes;
    buf_release(&len);
    buf_release(&header);
    return true;
}

void safetensors_writer_data(struct safetensors_writer *w, struct span bytes)
{
    CHECK(bytes.len <= w->size - w->file.written);
    file_write(&w->file, bytes);
}

bool safetensors_writer_commit(struct safetensors_writer *w, struct err *err)
{
    CHECK(w->file.written == w->size);
    return file_commit(&w->file, err);
}

void safetensors_writer_release(struct safetensors_writer *w)
{
    file_discard(&w->file);
}

bool safetensors_write(const char *path, const struct safetensors_content *content, struct err *err)
{
    struct safetensors_writer w;
    if (!safetensors_writer_open(&w, path, content, err))
        return false;
    for (size_t i = 0; i < content->n_tensors; i++) {
        const struct tensor *t = &content->tensors[i];
        uint64_t size;
        CHECK(tensor_size(t, &size) && size == t->bytes.len);
        safetensors_writer_data(&w, t->bytes);
    }
    return safetensors_writer_commit(&w, err);
}
