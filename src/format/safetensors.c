/*
 * safetensors.c - reading safetensors; safetensors_writer.c writes them.
 *
 *     u64 header length | header, JSON, padded with spaces | data
 *     {"__metadata__": {"format": "pt"},
 *      "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …}
 *
 * The offsets count from the end of the header. Sorted by them, the tensors must follow one another
 * without gap or overlap and end where the file ends: then no byte is hidden or shared, and a file
 * cannot ask for more memory than its size. The names are parts of the mapped header.
 *
 * Source: the format's description and its library's checks (safetensors 0.8).
 */
#include "format/safetensors.h"

#include <inttypes.h>
#include <stdlib.h>

#include "format/json.h"

/* A tensor as the header describes it. */
struct entry {
    struct tensor tensor;
    uint64_t begin, end;
};

/* What is gathered while the files are read; each buffer holds structs one behind another. */
struct gathered {
    struct safetensors *st;
    uint32_t file; /* index of the one being read */
    struct buf tensors, file_of, metadata;
};

static void append(struct buf *out, const void *object, size_t size)
{
    buf_add(out, (struct span){object, size});
}

/* ------------------------------------------------------------------------------ the header -- */

static void read_shape(struct json_reader *r, struct tensor *t)
{
    t->n_dims = 0;
    for (json_enter_array(r); json_next_item(r);) {
        int64_t size = json_int(r);
        if (size < 0)
            json_fail(r, "a dimension of %" PRId64, size);
        else if (t->n_dims == TENSOR_MAX_DIMS)
            json_fail(r, "more than %d dimensions", TENSOR_MAX_DIMS);
        else
            t->dims[t->n_dims++] = (uint64_t)size;
    }
}

static void read_offsets(struct json_reader *r, struct entry *e)
{
    int64_t offsets[2] = {0, 0};
    size_t n = 0;
    for (json_enter_array(r); json_next_item(r); n++) {
        int64_t offset = json_int(r);
        if (n < 2)
            offsets[n] = offset;
    }
    if (n != 2 || offsets[0] < 0 || offsets[1] < offsets[0])
        json_fail(r, "data_offsets must be two numbers, the second not below the first");
    e->begin = (uint64_t)offsets[0];
    e->end = (uint64_t)offsets[1];
}

enum { HAS_DTYPE = 1, HAS_SHAPE = 2, HAS_OFFSETS = 4, HAS_ALL = 7 };

static void read_entry(struct json_reader *r, struct entry *e)
{
    unsigned seen = 0;
    struct span key;
    for (json_enter_object(r); json_next_key(r, &key);) {
        unsigned field = 0;
        if (span_is(key, "dtype")) {
            field = HAS_DTYPE;
            struct span name = json_string(r);
            if (!dtype_from_safetensors(name, &e->tensor.dtype))
                json_fail(r, "unknown dtype \"%.*s\"", SPAN_ARGS(name));
        } else if (span_is(key, "shape")) {
            field = HAS_SHAPE;
            read_shape(r, &e->tensor);
        } else if (span_is(key, "data_offsets")) {
            field = HAS_OFFSETS;
            read_offsets(r, e);
        } else {
            json_skip(r);
        }
        if (seen & field)
            json_fail(r, "\"%.*s\" stands twice", SPAN_ARGS(key));
        seen |= field;
    }
    if (seen != HAS_ALL)
        json_fail(r, "a tensor needs dtype, shape and data_offsets");
}

static void read_metadata(struct json_reader *r, struct buf *metadata)
{
    struct safetensors_meta meta;
    for (json_enter_object(r); json_next_key(r, &meta.key);) {
        meta.value = json_string(r);
        append(metadata, &meta, sizeof meta);
    }
}

static bool read_header(struct gathered *g, struct span header, struct buf *entries,
                        struct err *err)
{
    struct json_reader r;
    struct span key;
    json_open(&r, header, &g->st->arena);
    for (json_enter_object(&r); json_next_key(&r, &key);) {
        if (span_is(key, "__metadata__")) {
            if (g->file == 0)
                read_metadata(&r, &g->metadata);
            else
                json_skip(&r);
            continue;
        }
        struct entry e = {.tensor = {.name = key}};
        read_entry(&r, &e);
        append(entries, &e, sizeof e);
    }
    if (json_close(&r, err))
        return true;
    err_in(err, "header");
    return false;
}

/* -------------------------------------------------------------------------------- the data -- */

static int compare_places(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end)
        return x->end < y->end ? -1 : 1;
    return span_compare(x->tensor.name, y->tensor.name);
}

/* The shape's size is that of the offsets, and the offsets begin where the last ended. */
static bool check_place(const struct entry *e, uint64_t end_before, struct err *err)
{
    uint64_t size;
    if (!tensor_size(&e->tensor, &size)) {
        err_set(err, ERR_INPUT, "the shape is too large, or does not fill whole bytes");
        return false;
    }
    if (size != e->end - e->begin) {
        err_set(err, ERR_INPUT, "the shape needs %" PRIu64 " bytes, the offsets span %" PRIu64,
                size, e->end - e->begin);
        return false;
    }
    if (e->begin != end_before) {
        err_set(err, ERR_INPUT,
                "begins at offset %" PRIu64 ", but the tensor before it ends at %" PRIu64, e->begin,
                end_before);
        return false;
    }
    return true;
}

/* Sorts the entries by place and proves that they fill the data without gap or overlap. */
static bool check_places(struct gathered *g, struct entry *entries, size_t n, struct span data,
                         struct err *err)
{
    uint64_t end = 0;
    size_t n_before = g->tensors.len / sizeof(struct tensor);
    if (n > 0)
        qsort(entries, n, sizeof *entries, compare_places);
    for (size_t i = 0; i < n; i++) {
        const struct entry *e = &entries[i];
        bool ok = check_place(e, end, err);
        if (ok && !map_put(&g->st->names, e->tensor.name, (uint32_t)(n_before + i))) {
            err_set(err, ERR_INPUT, "two tensors have this name");
            ok = false;
        }
        if (!ok) {
            err_in(err, "tensor \"%.*s\"", SPAN_ARGS(e->tensor.name));
            return false;
        }
        end = e->end;
    }
    if (end == data.len)
        return true;
    err_set(err, ERR_INPUT, "the header describes %" PRIu64 " bytes of data, but %zu follow", end,
            data.len);
    err_hint(err, "the download may be incomplete; fetch the file again");
    return false;
}

/* ------------------------------------------------------------------------------- the files -- */

/* The header's text and what follows it. */
static bool split_file(struct span bytes, struct span *header, struct span *data, struct err *err)
{
    struct cursor c = cursor_of(bytes);
    uint64_t len;
    if (!cursor_u64_le(&c, &len)) {
        err_set(err, ERR_INPUT, "too short for a safetensors file: %zu bytes", bytes.len);
        return false;
    }
    if (len > SAFETENSORS_MAX_HEADER) {
        err_set(err, ERR_INPUT,
                "not a safetensors file: a header of %" PRIu64 " bytes; at most %u are allowed",
                len, SAFETENSORS_MAX_HEADER);
        return false;
    }
    if (!cursor_take(&c, (size_t)len, header)) {
        err_set(err, ERR_INPUT, "the header claims %" PRIu64 " bytes, but %zu follow", len,
                cursor_left(&c));
        err_hint(err, "the download may be incomplete; fetch the file again");
        return false;
    }
    if (header->len == 0 || header->at[0] != '{') {
        err_set(err, ERR_INPUT, "not a safetensors file: its header does not begin with '{'");
        return false;
    }
    *data = span_from(bytes, c.offset);
    return true;
}

static bool read_file(struct gathered *g, struct span bytes, struct err *err)
{
    struct span header, data;
    if (!split_file(bytes, &header, &data, err))
        return false;
    struct buf entries;
    buf_init(&entries, BUF_NO_LIMIT);
    bool ok = read_header(g, header, &entries, err);
    struct entry *entry = (struct entry *)(void *)entries.at;
    size_t n = entries.len / sizeof *entry;
    ok = ok && check_places(g, entry, n, data, err);
    for (size_t i = 0; ok && i < n; i++) {
        struct tensor *t = &entry[i].tensor;
        t->bytes = span_part(data, (size_t)entry[i].begin, (size_t)(entry[i].end - entry[i].begin));
        append(&g->tensors, t, sizeof *t);
        append(&g->file_of, &g->file, sizeof g->file);
    }
    buf_release(&entries);
    return ok;
}

static struct gathered begin(struct safetensors *st)
{
    struct gathered g = {.st = st};
    buf_init(&g.tensors, BUF_NO_LIMIT);
    buf_init(&g.file_of, BUF_NO_LIMIT);
    buf_init(&g.metadata, BUF_NO_LIMIT);
    return g;
}

/* Moves what was gathered into the arena where all went well; closes the file where it did not. */
static bool finish(struct gathered *g, bool ok)
{
    struct safetensors *st = g->st;
    if (ok) {
        st->n_tensors = g->tensors.len / sizeof *st->tensors;
        st->n_metadata = g->metadata.len / sizeof *st->metadata;
        st->tensors = (void *)(uintptr_t)arena_copy(&st->arena, buf_span(&g->tensors)).at;
        st->file_of = (void *)(uintptr_t)arena_copy(&st->arena, buf_span(&g->file_of)).at;
        st->metadata = (void *)(uintptr_t)arena_copy(&st->arena, buf_span(&g->metadata)).at;
    } else {
        safetensors_close(st);
    }
    buf_release(&g->tensors);
    buf_release(&g->file_of);
    buf_release(&g->metadata);
    return ok;
}

bool safetensors_open_bytes(struct safetensors *st, struct span bytes, struct err *err)
{
    *st = (struct safetensors){0};
    struct gathered g = begin(st);
    return finish(&g, read_file(&g, bytes, err));
}

/* ------------------------------------------------------------------------------ the folder -- */

/* Where the index says that a tensor is. */
struct placement {
    struct span tensor, file;
};

static int compare_files(const void *a, const void *b)
{
    const struct placement *x = a, *y = b;
    return span_compare(x->file, y->file);
}

/* Reads weight_map; everything else in the index is passed over. */
static bool read_index(struct safetensors *st, struct span text, struct buf *placements,
                       struct err *err)
{
    struct json_reader r;
    struct span key;
    json_open(&r, text, &st->arena);
    for (json_enter_object(&r); json_next_key(&r, &key);) {
        if (!span_is(key, "weight_map")) {
            json_skip(&r);
            continue;
        }
        struct placement p;
        for (json_enter_object(&r); json_next_key(&r, &p.tensor);) {
            p.file = json_string(&r);
            if (p.file.len == 0 || memchr(p.file.at, '/', p.file.len) ||
                memchr(p.file.at, '\0', p.file.len))
                json_fail(&r, "a shard's name must be that of a file beside the index");
            append(placements, &p, sizeof p);
        }
    }
    if (!json_close(&r, err))
        return false;
    if (placements->len == 0)
        err_set(err, ERR_INPUT, "the index has no weight_map");
    return placements->len > 0;
}

static bool read_named_file(struct gathered *g, const char *path, struct file_map *map,
                            struct err *err)
{
    if (!file_map(map, path, err))
        return false;
    if (read_file(g, map->bytes, err))
        return true;
    err_in(err, "%s", path);
    return false;
}

/* Opens each shard once; the placements are sorted by file. */
static bool read_shards(struct gathered *g, const char *folder, const struct placement *placed,
                        size_t n, struct err *err)
{
    struct safetensors *st = g->st;
    size_t n_files = 0;
    for (size_t i = 0; i < n; i++)
        n_files += i == 0 || !span_equal(placed[i].file, placed[i - 1].file);
    st->files = arena_array(&st->arena, struct file_map, n_files);
    st->file_names = arena_array(&st->arena, char *, n_files);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || !span_equal(placed[i].file, placed[i - 1].file)) {
            g->file = (uint32_t)st->n_files;
            char *name = arena_string(&st->arena, placed[i].file);
            st->file_names[st->n_files] = name;
            char *path = file_join(&st->arena, folder, name);
            if (!read_named_file(g, path, &st->files[st->n_files++], err))
                return false;
        }
        uint32_t index, file = UINT32_MAX;
        if (map_get(&st->names, placed[i].tensor, &index))
            memcpy(&file, g->file_of.at + index * sizeof file, sizeof file);
        if (file != g->file) {
            err_set(err, ERR_INPUT, "the index places \"%.*s\" in %.*s, which has no such tensor",
                    SPAN_ARGS(placed[i].tensor), SPAN_ARGS(placed[i].file));
            return false;
        }
    }
    return true;
}

static bool read_indexed(struct gathered *g, const char *folder, const char *index_path,
                         struct err *err)
{
    struct file_map index;
    struct buf placements;
    buf_init(&placements, BUF_NO_LIMIT);
    if (!file_map(&index, index_path, err))
        return false;
    bool ok = read_index(g->st, index.bytes, &placements, err);
    if (!ok)
        err_in(err, "%s", index_path);
    if (ok) {
        struct placement *placed = (struct placement *)(void *)placements.at;
        size_t n = placements.len / sizeof *placed;
        qsort(placed, n, sizeof *placed, compare_files);
        ok = read_shards(g, folder, placed, n, err);
    }
    buf_release(&placements);
    file_unmap(&index);
    return ok;
}

static bool read_single(struct gathered *g, const char *path, struct err *err)
{
    struct safetensors *st = g->st;
    st->files = arena_new(&st->arena, struct file_map);
    st->file_names = arena_new(&st->arena, char *);
    const char *slash = strrchr(path, '/');
    st->file_names[0] = arena_string(&st->arena, span_of(slash ? slash + 1 : path));
    st->n_files = 1;
    return read_named_file(g, path, &st->files[0], err);
}

static bool read_folder(struct gathered *g, const char *folder, struct err *err)
{
    struct arena *arena = &g->st->arena;
    const char *whole = file_join(arena, folder, "model.safetensors");
    if (file_kind_of(whole) != FILE_MISSING)
        return read_single(g, whole, err);
    const char *index = file_join(arena, folder, "model.safetensors.index.json");
    if (file_kind_of(index) != FILE_MISSING)
        return read_indexed(g, folder, index, err);
    err_set(err, ERR_INPUT, "the folder has no model.safetensors and no index of shards");
    err_in(err, "%s", folder);
    return false;
}

bool safetensors_open(struct safetensors *st, const char *path, struct err *err)
{
    *st = (struct safetensors){0};
    struct gathered g = begin(st);
    bool is_folder = file_kind_of(path) == FILE_FOLDER;
    return finish(&g, is_folder ? read_folder(&g, path, err) : read_single(&g, path, err));
}

void safetensors_close(struct safetensors *st)
{
    for (size_t i = 0; i < st->n_files; i++)
        file_unmap(&st->files[i]);
    map_release(&st->names);
    arena_release(&st->arena);
    *st = (struct safetensors){0};
}

/* --------------------------------------------------------------------------------- lookups -- */

void safetensors_forget(const struct safetensors *st)
{
    for (size_t i = 0; i < st->n_files; i++)
        file_map_forget(&st->files[i], st->files[i].bytes.len);
}

const struct tensor *safetensors_find(const struct safetensors *st, struct span name)
{
    uint32_t index;
    return map_get(&st->names, name, &index) ? &st->tensors[index] : NULL;
}

bool safetensors_metadata(const struct safetensors *st, const char *key, struct span *out)
{
    for (size_t i = 0; i < st->n_metadata; i++) {
        if (span_is(st->metadata[i].key, key)) {
            *out = st->metadata[i].value;
            return true;
        }
    }
    return false;
}
