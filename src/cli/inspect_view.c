/*
 * inspect_view.c - what `pace inspect` shows: the metadata, a line for each tensor, the totals.
 *
 * The JSON has these fields:
 *
 *   format ("gguf", "safetensors"), path, version (gguf), files [name] (safetensors),
 *   metadata {key: value}, tensors [{name, dtype, shape, bytes, file}],
 *   total {tensors, elements, bytes, dtypes {name: number of tensors}}
 *
 * An array in the metadata, which may be a vocabulary of a quarter million words, is
 * {type, count, first: its first items}. `file` is there where the model has several.
 */
#include "cli/inspect_view.h"

#include <inttypes.h>

#include "base/num.h"

enum { FIRST_ITEMS = 8, LONGEST_NAME = 60, MARGIN = 2 };

struct totals {
    uint64_t elements, bytes;
    size_t by_dtype[DTYPE_COUNT];
};

static struct totals count_all(const struct tensor *tensors, size_t n)
{
    struct totals totals = {0};
    for (size_t i = 0; i < n; i++) {
        uint64_t count;
        CHECK(tensor_count(&tensors[i], &count));
        totals.elements += count;
        totals.bytes += tensors[i].bytes.len;
        totals.by_dtype[tensors[i].dtype]++;
    }
    return totals;
}

/* ------------------------------------------------------------------------------------- text -- */

/* Text in a column: cut to it, filled up with blanks, and two more behind it. */
static void put_cell(const struct term *term, struct buf *out, struct span text, size_t columns)
{
    size_t used = term_add_line(term, out, text, columns);
    for (; used < columns + MARGIN; used++)
        buf_add_byte(out, ' ');
}

static size_t widest(size_t so_far, struct span text)
{
    return max_size(so_far, min_size(text.len, LONGEST_NAME));
}

static void put_tensors(const struct term *term, const struct tensor *tensors, size_t n,
                        struct buf *out)
{
    struct buf shape;
    size_t name_columns = 4, shape_columns = 5;
    buf_init(&shape, 256);
    for (size_t i = 0; i < n; i++) {
        name_columns = widest(name_columns, tensors[i].name);
        buf_clear(&shape);
        tensor_put_shape(&tensors[i], &shape);
        shape_columns = max_size(shape_columns, shape.len);
    }
    buf_printf(out, "tensors (%zu)\n", n);
    for (size_t i = 0; i < n; i++) {
        buf_clear(&shape);
        tensor_put_shape(&tensors[i], &shape);
        buf_add_text(out, "  ");
        put_cell(term, out, tensors[i].name, name_columns);
        put_cell(term, out, span_of(dtype_info(tensors[i].dtype)->name), 5);
        put_cell(term, out, buf_span(&shape), shape_columns);
        term_add_count(out, tensors[i].bytes.len, NULL);
        buf_add_byte(out, '\n');
    }
    buf_release(&shape);
}

static void put_totals(const struct tensor *tensors, size_t n, struct buf *out)
{
    struct totals totals = count_all(tensors, n);
    buf_add_text(out, "total: ");
    term_add_count(out, totals.elements, NULL);
    buf_add_text(out, " elements in ");
    term_add_count(out, totals.bytes, "byte");
    const char *before = " (";
    for (enum dtype i = 0; i < DTYPE_COUNT; i++) {
        if (totals.by_dtype[i] == 0)
            continue;
        buf_printf(out, "%s%s: %zu", before, dtype_info(i)->name, totals.by_dtype[i]);
        before = ", ";
    }
    buf_add_text(out, n > 0 ? ")\n" : "\n");
}

/* Appends the next value; false at the end. */
static bool put_item(struct gguf_items *items, struct json_writer *w)
{
    struct span text;
    int64_t whole;
    double number;
    if (items->type == GGUF_STRING) {
        if (!gguf_next_string(items, &text))
            return false;
        json_put_string(w, text);
    } else if (gguf_is_whole(items->type)) {
        if (!gguf_next_int(items, &whole))
            return false;
        if (items->type == GGUF_BOOL)
            json_put_bool(w, whole != 0);
        else
            json_put_int(w, whole);
    } else {
        if (!gguf_next_double(items, &number))
            return false;
        json_put_double(w, items->type == GGUF_F32 ? num_widen((float)number) : number);
    }
    return true;
}

static void put_first_items(struct gguf_items items, struct json_writer *w)
{
    json_begin_array(w);
    for (int i = 0; i < FIRST_ITEMS && put_item(&items, w); i++)
        continue;
    json_end(w);
}

/* "f32 1e-05", "512 x string ["<s>", …]" */
static void put_value(const struct gguf_entry *entry, struct buf *out)
{
    struct json_writer w = {.out = out, .python_nan = true};
    if (entry->type == GGUF_STRING) {
        buf_add(out, entry->bytes);
    } else if (entry->type == GGUF_ARRAY) {
        buf_printf(out, "%" PRIu64 " x %s ", entry->n_items, gguf_type_name(entry->item_type));
        put_first_items(gguf_items_of(entry), &w);
    } else {
        struct gguf_items items = gguf_items_of(entry);
        (void)put_item(&items, &w);
    }
}

void inspect_view_gguf(const struct gguf *g, const struct term *term, struct buf *out)
{
    struct buf value;
    size_t key_columns = 0;
    buf_init(&value, BUF_NO_LIMIT);
    for (size_t i = 0; i < g->n_entries; i++)
        key_columns = widest(key_columns, g->entries[i].key);
    buf_printf(out, "GGUF, version %" PRIu32 "\nmetadata (%zu)\n", g->version, g->n_entries);
    for (size_t i = 0; i < g->n_entries; i++) {
        const struct gguf_entry *entry = &g->entries[i];
        buf_clear(&value);
        put_value(entry, &value);
        buf_add_text(out, "  ");
        put_cell(term, out, entry->key, key_columns);
        put_cell(term, out, span_of(gguf_type_name(entry->type)), 6);
        size_t left = key_columns + 12 < term->width ? term->width - key_columns - 12 : 0;
        (void)term_add_line(term, out, buf_span(&value), max_size(left, 20));
        buf_add_byte(out, '\n');
    }
    buf_release(&value);
    put_tensors(term, g->tensors, g->n_tensors, out);
    put_totals(g->tensors, g->n_tensors, out);
}

void inspect_view_safetensors(const struct safetensors *st, const struct term *term,
                              struct buf *out)
{
    size_t key_columns = 0;
    buf_add_text(out, "safetensors");
    if (st->n_files > 1)
        buf_printf(out, ", %zu files", st->n_files);
    buf_printf(out, "\nmetadata (%zu)\n", st->n_metadata);
    for (size_t i = 0; i < st->n_metadata; i++)
        key_columns = widest(key_columns, st->metadata[i].key);
    for (size_t i = 0; i < st->n_metadata; i++) {
        buf_add_text(out, "  ");
        put_cell(term, out, st->metadata[i].key, key_columns);
        size_t left = key_columns + 4 < term->width ? term->width - key_columns - 4 : 0;
        (void)term_add_line(term, out, st->metadata[i].value, max_size(left, 20));
        buf_add_byte(out, '\n');
    }
    put_tensors(term, st->tensors, st->n_tensors, out);
    put_totals(st->tensors, st->n_tensors, out);
}

/* ------------------------------------------------------------------------------------- JSON -- */

static void begin_json(struct json_writer *w, const char *format, const char *path)
{
    json_begin_object(w);
    json_key(w, "format");
    json_put_text(w, format);
    json_key(w, "path");
    json_put_text(w, path);
}

static void end_json(struct json_writer *w, const struct tensor *tensors, size_t n)
{
    struct totals totals = count_all(tensors, n);
    json_key(w, "total");
    json_begin_object(w);
    json_key(w, "tensors");
    json_put_int(w, (int64_t)n);
    json_key(w, "elements");
    json_put_int(w, (int64_t)totals.elements);
    json_key(w, "bytes");
    json_put_int(w, (int64_t)totals.bytes);
    json_key(w, "dtypes");
    json_begin_object(w);
    for (enum dtype i = 0; i < DTYPE_COUNT; i++) {
        if (totals.by_dtype[i] > 0) {
            json_key(w, dtype_info(i)->name);
            json_put_int(w, (int64_t)totals.by_dtype[i]);
        }
    }
    json_end(w);
    json_end(w);
    json_end(w);
    buf_add_byte(w->out, '\n');
}

static void put_tensor_json(const struct tensor *t, const char *file, struct json_writer *w)
{
    json_begin_object(w);
    json_key(w, "name");
    json_put_string(w, t->name);
    json_key(w, "dtype");
    json_put_text(w, dtype_info(t->dtype)->name);
    json_key(w, "shape");
    json_begin_array(w);
    for (uint32_t i = 0; i < t->n_dims; i++)
        json_put_int(w, (int64_t)t->dims[i]);
    json_end(w);
    json_key(w, "bytes");
    json_put_int(w, (int64_t)t->bytes.len);
    if (file) {
        json_key(w, "file");
        json_put_text(w, file);
    }
    json_end(w);
}

static void put_entry_json(const struct gguf_entry *entry, struct json_writer *w)
{
    json_key_span(w, entry->key);
    if (entry->type == GGUF_STRING) {
        json_put_string(w, entry->bytes);
    } else if (entry->type == GGUF_ARRAY) {
        json_begin_object(w);
        json_key(w, "type");
        json_put_text(w, gguf_type_name(entry->item_type));
        json_key(w, "count");
        json_put_int(w, (int64_t)entry->n_items);
        json_key(w, "first");
        put_first_items(gguf_items_of(entry), w);
        json_end(w);
    } else {
        struct gguf_items items = gguf_items_of(entry);
        (void)put_item(&items, w);
    }
}

void inspect_view_gguf_json(const struct gguf *g, const char *path, struct buf *out)
{
    struct json_writer w = {.out = out};
    begin_json(&w, "gguf", path);
    json_key(&w, "version");
    json_put_int(&w, g->version);
    json_key(&w, "metadata");
    json_begin_object(&w);
    for (size_t i = 0; i < g->n_entries; i++)
        put_entry_json(&g->entries[i], &w);
    json_end(&w);
    json_key(&w, "tensors");
    json_begin_array(&w);
    for (size_t i = 0; i < g->n_tensors; i++)
        put_tensor_json(&g->tensors[i], NULL, &w);
    json_end(&w);
    end_json(&w, g->tensors, g->n_tensors);
}

void inspect_view_safetensors_json(const struct safetensors *st, const char *path, struct buf *out)
{
    struct json_writer w = {.out = out};
    bool has_files = st->n_files > 1;
    begin_json(&w, "safetensors", path);
    json_key(&w, "files");
    json_begin_array(&w);
    for (size_t i = 0; i < st->n_files; i++)
        json_put_text(&w, st->file_names[i]);
    json_end(&w);
    json_key(&w, "metadata");
    json_begin_object(&w);
    for (size_t i = 0; i < st->n_metadata; i++) {
        json_key_span(&w, st->metadata[i].key);
        json_put_string(&w, st->metadata[i].value);
    }
    json_end(&w);
    json_key(&w, "tensors");
    json_begin_array(&w);
    for (size_t i = 0; i < st->n_tensors; i++)
        put_tensor_json(&st->tensors[i], has_files ? st->file_names[st->file_of[i]] : NULL, &w);
    json_end(&w);
    end_json(&w, st->tensors, st->n_tensors);
}
