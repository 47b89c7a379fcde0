/*
 * tfevents.c - event files.
 *
 *     record: u64 length | u32 crc of the length | data | u32 crc of the data
 *     data: a protocol buffer, message Event (tfevents.proto)
 *
 * The checksums are CRC-32C (Castagnoli), masked: rotated right by 15 bits, plus 0xa282ead8. A file
 * that ends inside a record is not an error: a live run's file often does. A wrong checksum is.
 *
 * protobuf-c unpacks into memory that it asks for piece by piece; it gets it from an arena, and no
 * more than a multiple of the record's size, because two bytes of a hostile record can call for a
 * hundred.
 *
 * Source: TensorFlow's record_writer, event.proto, summary.proto; checked against tensorboard.
 */
#include "format/tfevents.h"

#include <inttypes.h>

#include "tensor/half.h"
#include "tfevents.pb-c.h"

enum { HEAD_SIZE = 12, FOOT_SIZE = 4, MEMORY_FACTOR = 64, MEMORY_BASE = 1 << 16 };

/* ------------------------------------------------------------------------------- checksums -- */

/* The remainders of four bits by the reflected polynomial 0x82f63b78. */
static const uint32_t remainders[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

static uint32_t masked_crc(struct span bytes)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < bytes.len; i++) {
        crc ^= bytes.at[i];
        crc = crc >> 4 ^ remainders[crc & 15];
        crc = crc >> 4 ^ remainders[crc & 15];
    }
    crc = ~crc;
    return (crc >> 15 | crc << 17) + 0xa282ead8;
}

/* --------------------------------------------------------------------------------- records -- */

static bool fail_at(const struct tfevents *t, size_t offset, const char *what, struct err *err)
{
    err_set(err, ERR_INPUT, "%s", what);
    err_in(err, "byte %zu", offset);
    if (t->path)
        err_in(err, "%s", t->path);
    return false;
}

/*
 * The next record's data. *more is false at the end of the file, be it between two records or
 * inside one.
 */
static bool next_record(struct tfevents *t, struct span *data, bool *more, struct err *err)
{
    size_t start = t->rest.offset;
    uint64_t len;
    uint32_t crc;
    struct span head;
    *more = false;
    if (cursor_left(&t->rest) == 0)
        return true;
    t->is_cut = cursor_left(&t->rest) < HEAD_SIZE;
    if (t->is_cut)
        return true;
    head = span_part(t->rest.bytes, start, sizeof len);
    if (!cursor_u64_le(&t->rest, &len) || !cursor_u32_le(&t->rest, &crc) || crc != masked_crc(head))
        return fail_at(t, start,
                       t->n_records == 0 ? "not a TensorBoard event file"
                                         : "the checksum of a record's length is wrong",
                       err);
    t->is_cut = len > SIZE_MAX - FOOT_SIZE || len + FOOT_SIZE > cursor_left(&t->rest);
    if (t->is_cut)
        return true;
    if (!cursor_take(&t->rest, (size_t)len, data) || !cursor_u32_le(&t->rest, &crc) ||
        crc != masked_crc(*data))
        return fail_at(t, start, "the checksum of a record's data is wrong", err);
    t->n_records++;
    *more = true;
    return true;
}

/* ------------------------------------------------------------------------------- unpacking -- */

struct budget {
    struct arena *arena;
    size_t left; /* bytes */
};

static void *take(void *user, size_t size)
{
    struct budget *budget = user;
    if (size > budget->left)
        return NULL;
    budget->left -= size;
    return arena_alloc(budget->arena, size);
}

static void leave(void *user, void *at)
{
    (void)user, (void)at; /* the arena frees all at once */
}

static bool read_event(struct tfevents *t, struct span data, size_t start, struct err *err)
{
    arena_release(&t->event);
    size_t most =
        data.len > (SIZE_MAX / 2) / MEMORY_FACTOR ? SIZE_MAX / 2 : data.len * MEMORY_FACTOR;
    struct budget budget = {&t->event, most + MEMORY_BASE};
    ProtobufCAllocator allocator = {take, leave, &budget};
    const Tfevents__Event *event = tfevents__event__unpack(&allocator, data.len, data.at);
    if (!event)
        return fail_at(t, start, "a record is not a TensorBoard event", err);
    t->summary = event->what_case == TFEVENTS__EVENT__WHAT_SUMMARY ? event->summary : NULL;
    t->next_value = 0;
    t->wall_time = event->wall_time;
    t->step = event->step;
    return true;
}

/* ---------------------------------------------------------------------------------- values -- */

/* One number of `size` bytes, lowest first. */
static uint64_t content_bits(const Tfevents__Tensor *tensor, size_t size)
{
    uint64_t bits = 0;
    for (size_t i = size; i > 0; i--)
        bits = bits << 8 | tensor->tensor_content.data[i - 1];
    return bits;
}

static double double_of_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/*
 * The types that scalars come in. Each is stored as a list of its own, or as raw bytes.
 */
static bool read_tensor(const Tfevents__Tensor *t, double *out)
{
    enum { FLOAT = 1, DOUBLE = 2, INT32 = 3, INT64 = 9, BFLOAT16 = 14, HALF = 19 };
    size_t raw = t->tensor_content.len;
    if (t->dtype == FLOAT && (raw == 4 || (raw == 0 && t->n_float_val == 1))) {
        *out = (double)(raw ? half_of_bits((uint32_t)content_bits(t, 4)) : t->float_val[0]);
    } else if (t->dtype == DOUBLE && (raw == 8 || (raw == 0 && t->n_double_val == 1))) {
        *out = raw ? double_of_bits(content_bits(t, 8)) : t->double_val[0];
    } else if (t->dtype == INT32 && (raw == 4 || (raw == 0 && t->n_int_val == 1))) {
        *out = raw ? (int32_t)(uint32_t)content_bits(t, 4) : t->int_val[0];
    } else if (t->dtype == INT64 && (raw == 8 || (raw == 0 && t->n_int64_val == 1))) {
        *out = (double)(raw ? (int64_t)content_bits(t, 8) : t->int64_val[0]);
    } else if ((t->dtype == BFLOAT16 || t->dtype == HALF) &&
               (raw == 2 || (raw == 0 && t->n_half_val == 1))) {
        uint16_t bits = (uint16_t)(raw ? content_bits(t, 2) : (uint32_t)t->half_val[0]);
        *out = (double)(t->dtype == HALF ? half_from_f16(bits) : half_from_bf16(bits));
    } else {
        return false;
    }
    return true;
}

/* False where the value is no scalar. A plugin's name, where there is one, must say so. */
static bool read_value(const Tfevents__Value *value, double *out)
{
    const Tfevents__Plugin *plugin = value->metadata ? value->metadata->plugin_data : NULL;
    struct span name = plugin ? span_of(plugin->plugin_name) : (struct span){0};
    if (name.len > 0 && !span_is(name, "scalars"))
        return false;
    if (value->value_case == TFEVENTS__VALUE__VALUE_SIMPLE_VALUE) {
        *out = (double)value->simple_value;
        return true;
    }
    return value->value_case == TFEVENTS__VALUE__VALUE_TENSOR && read_tensor(value->tensor, out);
}

bool tfevents_next(struct tfevents *t, struct tfevents_point *point, bool *more, struct err *err)
{
    for (;;) {
        const Tfevents__Summary *summary = t->summary;
        while (summary && t->next_value < summary->n_value) {
            const Tfevents__Value *value = summary->value[t->next_value++];
            *point = (struct tfevents_point){t->wall_time, t->step, span_of(value->tag), 0};
            *more = true;
            if (read_value(value, &point->value))
                return true;
        }
        t->summary = NULL;
        struct span data;
        size_t start = t->rest.offset;
        if (!next_record(t, &data, more, err))
            return false;
        if (!*more)
            return true;
        if (!read_event(t, data, start, err))
            return false;
    }
}

/* ------------------------------------------------------------------------------------ file -- */

bool tfevents_is(struct span bytes)
{
    uint32_t crc;
    struct cursor c = cursor_of(bytes);
    return cursor_skip(&c, 8) && cursor_u32_le(&c, &crc) &&
           crc == masked_crc(span_part(bytes, 0, 8));
}

void tfevents_open_bytes(struct tfevents *t, struct span bytes)
{
    *t = (struct tfevents){.rest = cursor_of(bytes)};
}

bool tfevents_open(struct tfevents *t, const char *path, struct err *err)
{
    *t = (struct tfevents){.path = path};
    if (!file_map(&t->file, path, err))
        return false;
    t->rest = cursor_of(t->file.bytes);
    return true;
}

void tfevents_close(struct tfevents *t)
{
    arena_release(&t->event);
    file_unmap(&t->file);
    *t = (struct tfevents){0};
}

/* --------------------------------------------------------------------------------- writing -- */

static void add_record(struct buf *out, const Tfevents__Event *event)
{
    struct buf length, data;
    size_t size = tfevents__event__get_packed_size(event);
    buf_init(&length, 8);
    buf_init(&data, BUF_NO_LIMIT);
    buf_add_u64_le(&length, size);
    if (buf_reserve(&data, size))
        data.len = tfevents__event__pack(event, data.at);
    buf_add(out, buf_span(&length));
    buf_add_u32_le(out, masked_crc(buf_span(&length)));
    buf_add(out, buf_span(&data));
    buf_add_u32_le(out, masked_crc(buf_span(&data)));
    buf_release(&length);
    buf_release(&data);
}

void tfevents_begin(struct buf *out, double wall_time)
{
    char version[] = "brain.Event:2";
    Tfevents__Event event;
    tfevents__event__init(&event);
    event.wall_time = wall_time;
    event.what_case = TFEVENTS__EVENT__WHAT_FILE_VERSION;
    event.file_version = version;
    add_record(out, &event);
}

void tfevents_add(struct buf *out, const struct tfevents_point *point)
{
    struct arena arena = {0};
    Tfevents__Value value;
    tfevents__value__init(&value);
    value.tag = arena_string(&arena, point->tag);
    value.value_case = TFEVENTS__VALUE__VALUE_SIMPLE_VALUE;
    value.simple_value = (float)point->value;

    Tfevents__Value *values[] = {&value};
    Tfevents__Summary summary;
    tfevents__summary__init(&summary);
    summary.n_value = 1;
    summary.value = values;

    Tfevents__Event event;
    tfevents__event__init(&event);
    event.wall_time = point->wall_time;
    event.step = point->step;
    event.what_case = TFEVENTS__EVENT__WHAT_SUMMARY;
    event.summary = &summary;
    add_record(out, &event);
    arena_release(&arena);
}
