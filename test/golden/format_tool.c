/*
 * format_tool.c - the formats' readers and writers as commands, for format_check.py.
 *
 *     gguf-list FILE             metadata and tensors as JSON
 *     gguf-copy FROM TO          reads, and writes the same again
 *     safetensors-list PATH      metadata and tensors as JSON
 *     safetensors-copy FROM TO   reads, and writes the same again
 *     decode DTYPE FROM TO       raw blocks to raw float32
 *     encode DTYPE FROM TO       raw float32 to raw blocks
 *     csv-list FILE , or tab     rows as JSON
 *     yaml-list FILE             the document as JSON
 *     tfevents-list FILE         [tag, step, wall time, value] of each scalar, as JSON
 *     tfevents-copy FROM TO      reads, and writes the scalars again
 */
#include <stdio.h>

#include "format/csv.h"
#include "format/gguf_writer.h"
#include "format/json.h"
#include "format/safetensors.h"
#include "format/tfevents.h"
#include "format/yaml.h"
#include "tensor/quant.h"

static struct buf out;
static struct json_writer json = {.out = &out, .python_nan = true};

/* ------------------------------------------------------------------------------------- JSON -- */

static void put_tensor(const struct tensor *t)
{
    json_key_span(&json, t->name);
    json_begin_array(&json);
    json_put_text(&json, dtype_info(t->dtype)->name);
    json_begin_array(&json);
    for (uint32_t i = 0; i < t->n_dims; i++)
        json_put_int(&json, (int64_t)t->dims[i]);
    json_end(&json);
    json_put_int(&json, (int64_t)t->bytes.len);
    json_end(&json);
}

static void put_tensors(const struct tensor *tensors, size_t n)
{
    json_key(&json, "tensors");
    json_begin_object(&json);
    for (size_t i = 0; i < n; i++)
        put_tensor(&tensors[i]);
    json_end(&json);
}

/* ------------------------------------------------------------------------------------- gguf -- */

static void put_items(struct gguf_items items)
{
    struct span text;
    int64_t whole;
    double number;
    if (items.type == GGUF_STRING) {
        while (gguf_next_string(&items, &text))
            json_put_string(&json, text);
    } else if (gguf_is_whole(items.type)) {
        while (gguf_next_int(&items, &whole))
            json_put_int(&json, whole);
    } else {
        while (gguf_next_double(&items, &number))
            json_put_double(&json, number);
    }
}

static bool list_gguf(char **args, struct err *err)
{
    struct gguf g;
    if (!gguf_open(&g, args[0], err))
        return false;
    json_begin_object(&json);
    json_key(&json, "metadata");
    json_begin_object(&json);
    for (size_t i = 0; i < g.n_entries; i++) {
        const struct gguf_entry *entry = &g.entries[i];
        json_key_span(&json, entry->key);
        json_begin_array(&json);
        json_put_text(&json, gguf_type_name(entry->type));
        if (entry->type == GGUF_STRING)
            json_put_string(&json, entry->bytes);
        else
            put_items(gguf_items_of(entry));
        json_end(&json);
    }
    json_end(&json);
    put_tensors(g.tensors, g.n_tensors);
    json_end(&json);
    gguf_close(&g);
    return true;
}

static bool copy_gguf(char **args, struct err *err)
{
    struct gguf g;
    struct gguf_writer w;
    if (!gguf_open(&g, args[0], err))
        return false;
    gguf_writer_init(&w);
    for (size_t i = 0; i < g.n_entries; i++)
        gguf_put_entry(&w, &g.entries[i]);
    for (size_t i = 0; i < g.n_tensors; i++)
        gguf_writer_add(&w, &g.tensors[i]);
    bool ok = gguf_writer_open(&w, args[1], err);
    for (size_t i = 0; ok && i < g.n_tensors; i++)
        gguf_writer_data(&w, g.tensors[i].bytes);
    ok = ok && gguf_writer_commit(&w, err);
    gguf_writer_release(&w);
    gguf_close(&g);
    return ok;
}

/* ------------------------------------------------------------------------------ safetensors -- */

static bool list_safetensors(char **args, struct err *err)
{
    struct safetensors st;
    if (!safetensors_open(&st, args[0], err))
        return false;
    json_begin_object(&json);
    json_key(&json, "metadata");
    json_begin_object(&json);
    for (size_t i = 0; i < st.n_metadata; i++) {
        json_key_span(&json, st.metadata[i].key);
        json_put_string(&json, st.metadata[i].value);
    }
    json_end(&json);
    put_tensors(st.tensors, st.n_tensors);
    json_end(&json);
    safetensors_close(&st);
    return true;
}

static bool copy_safetensors(char **args, struct err *err)
{
    struct safetensors st;
    if (!safetensors_open(&st, args[0], err))
        return false;
    struct safetensors_content content = {st.tensors, st.n_tensors, st.metadata, st.n_metadata};
    bool ok = safetensors_write(args[1], &content, err);
    safetensors_close(&st);
    return ok;
}

/* ----------------------------------------------------------------------------------- blocks -- */

static bool write_file(const char *path, struct span bytes, struct err *err)
{
    struct file_writer w;
    if (!file_writer_open(&w, path, err))
        return false;
    file_write(&w, bytes);
    return file_commit(&w, err);
}

static bool convert(char **args, bool is_encoding, struct err *err)
{
    enum dtype dtype;
    struct file_map from;
    struct arena arena = {0};
    CHECK(dtype_from_name(span_of(args[0]), &dtype));
    if (!file_map(&from, args[1], err))
        return false;
    const struct dtype_info *info = dtype_info(dtype);
    size_t n = is_encoding ? from.bytes.len / 4
                           : from.bytes.len / info->block_bytes * info->block_elements;
    size_t size = is_encoding ? n / info->block_elements * info->block_bytes : 4 * n;
    uint8_t *to = arena_alloc(&arena, size);
    if (is_encoding)
        quant_encode(dtype, (const float *)(const void *)from.bytes.at, to, n);
    else
        quant_decode(dtype, from.bytes.at, (float *)(void *)to, n);
    bool ok = write_file(args[2], (struct span){to, size}, err);
    file_unmap(&from);
    arena_release(&arena);
    return ok;
}

static bool decode(char **args, struct err *err)
{
    return convert(args, false, err);
}

static bool encode(char **args, struct err *err)
{
    return convert(args, true, err);
}

/* -------------------------------------------------------------------------------------- csv -- */

static bool list_csv(char **args, struct err *err)
{
    struct csv c;
    struct csv_row row;
    if (!csv_open(&c, args[0], args[1][0] == ',' ? ',' : '\t', 1 << 24, err))
        return false;
    json_begin_array(&json);
    row = (struct csv_row){c.header, c.n_columns, 1};
    bool ok = true;
    for (bool more = true; ok && more;) {
        json_begin_array(&json);
        for (size_t i = 0; i < row.n_fields; i++)
            json_put_string(&json, row.fields[i]);
        json_end(&json);
        ok = csv_next(&c, &row, &more, err);
    }
    json_end(&json);
    csv_close(&c);
    return ok;
}

/* ------------------------------------------------------------------------------------- yaml -- */

static bool list_yaml(char **args, struct err *err)
{
    struct file_map map;
    struct yaml y;
    if (!file_map(&map, args[0], err))
        return false;
    bool ok = yaml_open(&y, map.bytes, err);
    if (ok)
        yaml_put_json(y.root, &json);
    yaml_close(&y);
    file_unmap(&map);
    return ok;
}

/* --------------------------------------------------------------------------------- tfevents -- */

static bool list_tfevents(char **args, struct err *err)
{
    struct tfevents t;
    struct tfevents_point point;
    if (!tfevents_open(&t, args[0], err))
        return false;
    bool ok, more;
    json_begin_array(&json);
    while ((ok = tfevents_next(&t, &point, &more, err)) && more) {
        json_begin_array(&json);
        json_put_string(&json, point.tag);
        json_put_int(&json, point.step);
        json_put_double(&json, point.wall_time);
        json_put_double(&json, point.value);
        json_end(&json);
    }
    json_end(&json);
    tfevents_close(&t);
    return ok;
}

static bool copy_tfevents(char **args, struct err *err)
{
    struct tfevents t;
    struct tfevents_point point;
    struct buf file;
    if (!tfevents_open(&t, args[0], err))
        return false;
    buf_init(&file, BUF_NO_LIMIT);
    tfevents_begin(&file, 1.5);
    bool ok, more;
    while ((ok = tfevents_next(&t, &point, &more, err)) && more)
        tfevents_add(&file, &point);
    ok = ok && write_file(args[1], buf_span(&file), err);
    buf_release(&file);
    tfevents_close(&t);
    return ok;
}

/* --------------------------------------------------------------------------------- commands -- */

static const struct {
    const char *name;
    int n_args;
    bool (*run)(char **args, struct err *err);
} commands[] = {
    {"gguf-list", 1, list_gguf},
    {"gguf-copy", 2, copy_gguf},
    {"safetensors-list", 1, list_safetensors},
    {"safetensors-copy", 2, copy_safetensors},
    {"decode", 3, decode},
    {"encode", 3, encode},
    {"csv-list", 2, list_csv},
    {"yaml-list", 1, list_yaml},
    {"tfevents-list", 1, list_tfevents},
    {"tfevents-copy", 2, copy_tfevents},
};

int main(int argc, char **argv)
{
    struct err err = {0};
    buf_init(&out, BUF_NO_LIMIT);
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        if (argc != commands[i].n_args + 2 || !span_is(span_of(argv[1]), commands[i].name))
            continue;
        bool ok = commands[i].run(argv + 2, &err);
        if (ok)
            printf("%s\n", buf_string(&out));
        else
            fprintf(stderr, "%s: %s\n", err.where, err.what);
        buf_release(&out);
        return ok ? 0 : 3;
    }
    fprintf(stderr, "usage: see the comment in format_tool.c\n");
    return 2;
}
