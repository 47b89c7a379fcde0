/*
 * gguf.c - reading GGUF.
 *
 *     magic "GGUF" | u32 version | u64 n_tensors | u64 n_entries
 *     entries      string key | u32 type | value
 *     tensors      string name | u32 n_dims | u64 dims[] | u32 type | u64 offset
 *     padding to the alignment (key general.alignment, else 32)
 *     data         each tensor at its offset, padded to the alignment
 *
 *     string       u64 length | bytes, no NUL        array   u32 item type | u64 count | items
 *
 * One walk over the metadata proves every length, so that the functions that iterate later cannot
 * fail; vocabularies of a quarter million strings are walked once and never copied. Tensors must
 * lie one behind another without gaps but padding, as ggml demands: a file whose tensors share
 * bytes could ask for far more memory than its size. Arrays of arrays are refused, as ggml does.
 *
 * Sources: ggml's docs/gguf.md and gguf.cpp; checked against the `gguf` Python package.
 */
#include "format/gguf.h"

#include <inttypes.h>

enum { SMALLEST_ENTRY = 13, SMALLEST_TENSOR = 24, LONGEST_KEY = 65535 };

static const struct {
    const char *name;
    uint32_t size; /* bytes of a value; 0 where they differ */
} types[GGUF_TYPE_COUNT] = {
    [GGUF_U8] = {"u8", 1},       [GGUF_I8] = {"i8", 1},     [GGUF_U16] = {"u16", 2},
    [GGUF_I16] = {"i16", 2},     [GGUF_U32] = {"u32", 4},   [GGUF_I32] = {"i32", 4},
    [GGUF_F32] = {"f32", 4},     [GGUF_BOOL] = {"bool", 1}, [GGUF_STRING] = {"string", 0},
    [GGUF_ARRAY] = {"array", 0}, [GGUF_U64] = {"u64", 8},   [GGUF_I64] = {"i64", 8},
    [GGUF_F64] = {"f64", 8},
};

const char *gguf_type_name(enum gguf_type type)
{
    CHECK((unsigned)type < GGUF_TYPE_COUNT);
    return types[type].name;
}

/* ----------------------------------------------------------------------------------- errors -- */

/* The bytes ended before `what` did. */
static bool ends_early(const struct cursor *c, const char *what, struct err *err)
{
    err_set(err, ERR_INPUT, "the file ends inside %s", what);
    err_in(err, "byte %zu", c->offset);
    err_hint(err, "the download may be incomplete; fetch the file again");
    return false;
}

static bool read_string(struct cursor *c, struct span *out, const char *what, struct err *err)
{
    uint64_t len;
    if (!cursor_u64_le(c, &len) || len > cursor_left(c) || !cursor_take(c, (size_t)len, out))
        return ends_early(c, what, err);
    return true;
}

/* ---------------------------------------------------------------------------------- entries -- */

static bool read_type(struct cursor *c, enum gguf_type *out, struct err *err)
{
    uint32_t type;
    if (!cursor_u32_le(c, &type))
        return ends_early(c, "a type", err);
    if (type >= GGUF_TYPE_COUNT) {
        err_set(err, ERR_INPUT, "unknown value type %" PRIu32, type);
        return false;
    }
    *out = (enum gguf_type)type;
    return true;
}

static bool read_array(struct cursor *c, struct gguf_entry *entry, struct err *err)
{
    if (!read_type(c, &entry->item_type, err))
        return false;
    if (entry->item_type == GGUF_ARRAY) {
        err_set(err, ERR_INPUT, "an array of arrays is not supported");
        return false;
    }
    if (!cursor_u64_le(c, &entry->n_items))
        return ends_early(c, "an array", err);

    size_t start = c->offset;
    uint32_t size = types[entry->item_type].size;
    if (size > 0) {
        if (entry->n_items > cursor_left(c) / size || !cursor_skip(c, entry->n_items * size))
            return ends_early(c, "an array", err);
    } else {
        struct span text;
        for (uint64_t i = 0; i < entry->n_items; i++) {
            if (!read_string(c, &text, "an array of strings", err))
                return false;
        }
    }
    entry->bytes = span_part(c->bytes, start, c->offset - start);
    return true;
}

static bool read_value(struct cursor *c, struct gguf_entry *entry, struct err *err)
{
    if (!read_type(c, &entry->type, err))
        return false;
    if (entry->type == GGUF_STRING)
        return read_string(c, &entry->bytes, "a string", err);
    if (entry->type == GGUF_ARRAY)
        return read_array(c, entry, err);
    if (!cursor_take(c, types[entry->type].size, &entry->bytes))
        return ends_early(c, "a value", err);
    if (entry->type == GGUF_BOOL && entry->bytes.at[0] > 1) {
        err_set(err, ERR_INPUT, "a truth value of %u", entry->bytes.at[0]);
        return false;
    }
    return true;
}

static bool read_entries(struct gguf *g, struct cursor *c, struct err *err)
{
    map_reserve(&g->keys, g->n_entries);
    for (size_t i = 0; i < g->n_entries; i++) {
        struct gguf_entry *entry = &g->entries[i];
        if (!read_string(c, &entry->key, "a key", err))
            return false;
        if (entry->key.len > LONGEST_KEY) {
            err_set(err, ERR_INPUT, "a key of %zu bytes; at most %d are allowed", entry->key.len,
                    LONGEST_KEY);
            err_in(err, "byte %zu", c->offset - entry->key.len);
            return false;
        }
        bool ok = read_value(c, entry, err);
        if (ok && !map_put(&g->keys, entry->key, (uint32_t)i)) {
            err_set(err, ERR_INPUT, "the key stands twice");
            ok = false;
        }
        if (!ok) {
            err_in(err, "key \"%.*s\"", SPAN_ARGS(entry->key));
            return false;
        }
    }
    return true;
}

/* ---------------------------------------------------------------------------------- tensors -- */

static bool read_dims(struct cursor *c, struct tensor *t, struct err *err)
{
    if (!cursor_u32_le(c, &t->n_dims))
        return ends_early(c, "a tensor's description", err);
    if (t->n_dims > GGUF_MAX_DIMS) {
        err_set(err, ERR_INPUT, "%" PRIu32 " dimensions; at most %d are allowed", t->n_dims,
                GGUF_MAX_DIMS);
        return false;
    }
    for (uint32_t i = t->n_dims; i > 0; i--) {
        if (!cursor_u64_le(c, &t->dims[i - 1]))
            return ends_early(c, "a tensor's description", err);
    }
    return true;
}

/* Everything of a tensor but its bytes, whose offset is given. */
static bool read_description(struct cursor *c, struct tensor *t, uint64_t *offset, struct err *err)
{
    uint32_t type;
    if (!read_dims(c, t, err))
        return false;
    if (!cursor_u32_le(c, &type) || !cursor_u64_le(c, offset))
        return ends_early(c, "a tensor's description", err);
    if (!dtype_from_ggml(type, &t->dtype)) {
        err_set(err, ERR_INPUT, "unknown tensor type %" PRIu32, type);
        err_hint(err, "the file may be newer than this program, or very old; convert it anew");
        return false;
    }
    const struct dtype_info *info = dtype_info(t->dtype);
    uint64_t row = t->n_dims > 0 ? t->dims[t->n_dims - 1] : 1;
    if (row % info->block_elements != 0) {
        err_set(err, ERR_INPUT, "rows of %" PRIu64 " elements do not fill blocks of %u (%s)", row,
                info->block_elements, info->name);
        return false;
    }
    return true;
}

/*
 * Reads the descriptions. The tensor's bytes are set later, when it is known where the data starts;
 * until then bytes.len holds the size. *end becomes the size of all data, padding included.
 */
static bool read_tensor(struct gguf *g, struct cursor *c, struct tensor *t, uint64_t *end,
                        struct err *err)
{
    uint64_t offset, size;
    if (!read_description(c, t, &offset, err))
        return false;
    if (offset != *end) {
        err_set(err, ERR_INPUT, "offset %" PRIu64 ", but the tensor before it ends at %" PRIu64,
                offset, *end);
        return false;
    }
    uint64_t most = SIZE_MAX / 2 - *end;
    if (!tensor_size(t, &size) || size > most || g->alignment > most - size) {
        err_set(err, ERR_INPUT, "the shape is too large");
        return false;
    }
    t->bytes.len = (size_t)size;
    *end += (size + g->alignment - 1) & ~(g->alignment - 1);
    return true;
}

static bool read_tensors(struct gguf *g, struct cursor *c, struct err *err)
{
    uint64_t end = 0;
    map_reserve(&g->names, g->n_tensors);
    for (size_t i = 0; i < g->n_tensors; i++) {
        struct tensor *t = &g->tensors[i];
        if (!read_string(c, &t->name, "a tensor's name", err))
            return false;
        bool ok = read_tensor(g, c, t, &end, err);
        if (ok && !map_put(&g->names, t->name, (uint32_t)i)) {
            err_set(err, ERR_INPUT, "two tensors have this name");
            ok = false;
        }
        if (!ok) {
            err_in(err, "tensor \"%.*s\"", SPAN_ARGS(t->name));
            return false;
        }
    }
    return true;
}

/* Gives each tensor its bytes, behind the descriptions that end at `offset`. */
static bool place_tensors(struct gguf *g, size_t offset, struct err *err)
{
    size_t mask = (size_t)g->alignment - 1;
    for (size_t i = 0; i < g->n_tensors; i++) {
        struct tensor *t = &g->tensors[i];
        size_t padding = (0 - offset) & mask;
        size_t left = g->bytes.len - offset;
        if (t->bytes.len > 0 && (padding > left || t->bytes.len > left - padding)) {
            err_set(err, ERR_INPUT, "%zu bytes of data are needed, but the file ends after %zu",
                    t->bytes.len, padding > left ? 0 : left - padding);
            err_in(err, "tensor \"%.*s\"", SPAN_ARGS(t->name));
            err_hint(err, "the download may be incomplete; fetch the file again");
            return false;
        }
        if (t->bytes.len > 0)
            offset += padding;
        t->bytes = span_part(g->bytes, offset, t->bytes.len);
        offset += t->bytes.len;
    }
    return true;
}

/* ------------------------------------------------------------------------------------- file -- */

bool gguf_is(struct span bytes)
{
    return span_starts_with(bytes, span_of("GGUF"));
}

static bool read_version(struct gguf *g, struct cursor *c, struct err *err)
{
    if (!gguf_is(g->bytes)) {
        err_set(err, ERR_INPUT, "not a GGUF file: it does not begin with \"GGUF\"");
        return false;
    }
    if (!cursor_skip(c, 4) || !cursor_u32_le(c, &g->version))
        return ends_early(c, "the header", err);
    if ((g->version & 0xffff) == 0) {
        err_set(err, ERR_INPUT, "a big-endian GGUF file is not supported");
        return false;
    }
    if (g->version < 2 || g->version > GGUF_VERSION) {
        err_set(err, ERR_INPUT, "GGUF version %" PRIu32 " is not supported; 2 and 3 are",
                g->version);
        err_hint(err, "convert the model anew with a present llama.cpp");
        return false;
    }
    return true;
}

/* The counts, and room for what they count: both are held against the bytes that follow. */
static bool read_counts(struct gguf *g, struct cursor *c, struct err *err)
{
    uint64_t n_tensors, n_entries;
    if (!cursor_u64_le(c, &n_tensors) || !cursor_u64_le(c, &n_entries))
        return ends_early(c, "the header", err);
    size_t left = cursor_left(c);
    if (n_tensors > left / SMALLEST_TENSOR || n_entries > left / SMALLEST_ENTRY ||
        n_tensors > UINT32_MAX || n_entries > UINT32_MAX) {
        err_set(err, ERR_INPUT,
                "the header claims %" PRIu64 " tensors and %" PRIu64 " keys, but %zu bytes follow",
                n_tensors, n_entries, left);
        err_hint(err, "the download may be incomplete; fetch the file again");
        return false;
    }
    g->n_tensors = (size_t)n_tensors;
    g->n_entries = (size_t)n_entries;
    g->tensors = arena_array(&g->arena, struct tensor, g->n_tensors);
    g->entries = arena_array(&g->arena, struct gguf_entry, g->n_entries);
    return true;
}

static bool read_alignment(struct gguf *g, struct err *err)
{
    g->alignment = GGUF_ALIGNMENT;
    if (!gguf_find(g, "general.alignment"))
        return true;
    uint32_t alignment;
    if (!gguf_get_u32(g, "general.alignment", &alignment, err))
        return false;
    if (alignment == 0 || (alignment & (alignment - 1)) != 0) {
        err_set(err, ERR_INPUT, "an alignment of %" PRIu32 " is not a power of two", alignment);
        return false;
    }
    g->alignment = alignment;
    return true;
}

static bool read_file(struct gguf *g, struct err *err)
{
    struct cursor c = cursor_of(g->bytes);
    return read_version(g, &c, err) && read_counts(g, &c, err) && read_entries(g, &c, err) &&
           read_alignment(g, err) && read_tensors(g, &c, err) && place_tensors(g, c.offset, err);
}

bool gguf_open_bytes(struct gguf *g, struct span bytes, struct err *err)
{
    *g = (struct gguf){.bytes = bytes};
    if (read_file(g, err))
        return true;
    gguf_close(g);
    return false;
}

bool gguf_open(struct gguf *g, const char *path, struct err *err)
{
    *g = (struct gguf){0};
    if (!file_map(&g->file, path, err))
        return false;
    g->bytes = g->file.bytes;
    if (read_file(g, err))
        return true;
    err_in(err, "%s", path);
    gguf_close(g);
    return false;
}

void gguf_close(struct gguf *g)
{
    map_release(&g->keys);
    map_release(&g->names);
    arena_release(&g->arena);
    file_unmap(&g->file);
    *g = (struct gguf){0};
}

/* ----------------------------------------------------------------------------------- values -- */

const struct gguf_entry *gguf_find(const struct gguf *g, const char *key)
{
    uint32_t index;
    return map_get(&g->keys, span_of(key), &index) ? &g->entries[index] : NULL;
}

const struct tensor *gguf_find_tensor(const struct gguf *g, struct span name)
{
    uint32_t index;
    return map_get(&g->names, name, &index) ? &g->tensors[index] : NULL;
}

static bool is_float(enum gguf_type type)
{
    return type == GGUF_F32 || type == GGUF_F64;
}

static bool is_string(enum gguf_type type)
{
    return type == GGUF_STRING;
}

bool gguf_is_whole(enum gguf_type type)
{
    return !is_float(type) && !is_string(type) && type != GGUF_ARRAY;
}

struct gguf_items gguf_items_of(const struct gguf_entry *entry)
{
    CHECK(entry->type != GGUF_STRING);
    bool is_array = entry->type == GGUF_ARRAY;
    return (struct gguf_items){.type = is_array ? entry->item_type : entry->type,
                               .n_left = is_array ? entry->n_items : 1,
                               .rest = cursor_of(entry->bytes)};
}

bool gguf_next_string(struct gguf_items *items, struct span *out)
{
    CHECK(items->type == GGUF_STRING);
    if (items->n_left == 0)
        return false;
    items->n_left--;
    uint64_t len;
    CHECK(cursor_u64_le(&items->rest, &len) && cursor_take(&items->rest, (size_t)len, out));
    return true;
}

/* The next value's bytes as a number, lowest byte first; false at the end. */
static bool next_bits(struct gguf_items *items, uint64_t *out)
{
    if (items->n_left == 0)
        return false;
    items->n_left--;
    struct span bytes;
    CHECK(cursor_take(&items->rest, types[items->type].size, &bytes));
    *out = 0;
    for (size_t i = bytes.len; i > 0; i--)
        *out = *out << 8 | bytes.at[i - 1];
    return true;
}

bool gguf_next_int(struct gguf_items *items, int64_t *out)
{
    CHECK(gguf_is_whole(items->type));
    uint64_t bits;
    if (!next_bits(items, &bits))
        return false;
    switch (items->type) {
    case GGUF_I8:
        *out = (int8_t)bits;
        break;
    case GGUF_I16:
        *out = (int16_t)bits;
        break;
    case GGUF_I32:
        *out = (int32_t)bits;
        break;
    case GGUF_I64:
        *out = (int64_t)bits;
        break;
    default:
        *out = bits > INT64_MAX ? INT64_MAX : (int64_t)bits;
        break;
    }
    return true;
}

bool gguf_next_double(struct gguf_items *items, double *out)
{
    CHECK(is_float(items->type));
    uint64_t bits;
    if (!next_bits(items, &bits))
        return false;
    if (items->type == GGUF_F64) {
        memcpy(out, &bits, sizeof *out);
    } else {
        uint32_t half = (uint32_t)bits;
        float value;
        memcpy(&value, &half, sizeof value);
        *out = (double)value;
    }
    return true;
}

/* ---------------------------------------------------------------------------------- lookups -- */

static bool need(const struct gguf *g, const char *key, const struct gguf_entry **out,
                 struct err *err)
{
    *out = gguf_find(g, key);
    if (!*out)
        err_set(err, ERR_INPUT, "the metadata has no key \"%s\"", key);
    return *out;
}

static bool is_not(const struct gguf_entry *entry, const char *wanted, struct err *err)
{
    bool is_array = entry->type == GGUF_ARRAY;
    err_set(err, ERR_INPUT, "expected %s, found %s%s", wanted, is_array ? "an array of " : "",
            gguf_type_name(is_array ? entry->item_type : entry->type));
    err_in(err, "key \"%.*s\"", SPAN_ARGS(entry->key));
    return false;
}

bool gguf_get_u32(const struct gguf *g, const char *key, uint32_t *out, struct err *err)
{
    const struct gguf_entry *entry;
    if (!need(g, key, &entry, err))
        return false;
    if (!gguf_is_whole(entry->type) || entry->type == GGUF_BOOL)
        return is_not(entry, "a whole number", err);
    struct gguf_items items = gguf_items_of(entry);
    int64_t value = 0;
    (void)gguf_next_int(&items, &value);
    if (value < 0 || value > UINT32_MAX) {
        err_set(err, ERR_INPUT, "%" PRId64 " is not within 0 and 2^32", value);
        err_in(err, "key \"%s\"", key);
        return false;
    }
    *out = (uint32_t)value;
    return true;
}

bool gguf_get_f32(const struct gguf *g, const char *key, float *out, struct err *err)
{
    const struct gguf_entry *entry;
    if (!need(g, key, &entry, err))
        return false;
    if (!is_float(entry->type))
        return is_not(entry, "a floating-point number", err);
    struct gguf_items items = gguf_items_of(entry);
    double value = 0;
    (void)gguf_next_double(&items, &value);
    *out = (float)value;
    return true;
}

bool gguf_get_bool(const struct gguf *g, const char *key, bool *out, struct err *err)
{
    const struct gguf_entry *entry;
    if (!need(g, key, &entry, err))
        return false;
    if (entry->type != GGUF_BOOL)
        return is_not(entry, "true or false", err);
    *out = entry->bytes.at[0] != 0;
    return true;
}

bool gguf_get_string(const struct gguf *g, const char *key, struct span *out, struct err *err)
{
    const struct gguf_entry *entry;
    if (!need(g, key, &entry, err))
        return false;
    if (entry->type != GGUF_STRING)
        return is_not(entry, "a string", err);
    *out = entry->bytes;
    return true;
}

static bool get_items(const struct gguf *g, const char *key, bool (*fits)(enum gguf_type),
                      const char *wanted, struct gguf_items *out, struct err *err)
{
    const struct gguf_entry *entry;
    if (!need(g, key, &entry, err))
        return false;
    if (entry->type != GGUF_ARRAY || !fits(entry->item_type))
        return is_not(entry, wanted, err);
    *out = gguf_items_of(entry);
    return true;
}

bool gguf_get_strings(const struct gguf *g, const char *key, struct gguf_items *out,
                      struct err *err)
{
    return get_items(g, key, is_string, "an array of strings", out, err);
}

bool gguf_get_ints(const struct gguf *g, const char *key, struct gguf_items *out, struct err *err)
{
    return get_items(g, key, gguf_is_whole, "an array of whole numbers", out, err);
}

bool gguf_get_floats(const struct gguf *g, const char *key, struct gguf_items *out, struct err *err)
{
    return get_items(g, key, is_float, "an array of floating-point numbers", out, err);
}
