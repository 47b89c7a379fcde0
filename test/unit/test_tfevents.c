#include "test/support/support.h"

#include <math.h>

#include "format/tfevents.h"

static struct arena arena;
static struct err err;
static struct tfevents t;
static struct buf file; /* cleared by begin */

/* --------------------------------------------------------------- records built byte by byte -- */

/* The checksum bit by bit, as its definition says. */
static uint32_t masked_crc(struct span bytes)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < 8 * bytes.len; i++) {
        uint32_t bit = bytes.at[i / 8] >> i % 8 & 1;
        crc = crc >> 1 ^ ((crc ^ bit) & 1 ? 0x82f63b78 : 0);
    }
    crc = ~crc;
    return (crc >> 15 | crc << 17) + 0xa282ead8;
}

static void add_record(struct span data)
{
    size_t start = file.len;
    buf_add_u64_le(&file, data.len);
    buf_add_u32_le(&file, masked_crc(span_part(buf_span(&file), start, 8)));
    buf_add(&file, data);
    buf_add_u32_le(&file, masked_crc(data));
}

/* Field `number` of a message: the wire type says what follows. */
static void put_bytes(struct buf *b, unsigned number, struct span bytes)
{
    CHECK(bytes.len < 128);
    buf_add_byte(b, (uint8_t)(number << 3 | 2));
    buf_add_byte(b, (uint8_t)bytes.len);
    buf_add(b, bytes);
}

static void put_varint(struct buf *b, unsigned number, uint8_t value)
{
    CHECK(value < 128);
    buf_add_byte(b, (uint8_t)(number << 3));
    buf_add_byte(b, value);
}

/* An event of step 7 whose one value has the given further fields. */
static void add_value(const char *tag, struct span fields)
{
    struct buf value, summary, event;
    buf_init(&value, 128);
    buf_init(&summary, 128);
    buf_init(&event, 256);
    put_bytes(&value, 1, span_of(tag));
    buf_add(&value, fields);
    put_bytes(&summary, 1, buf_span(&value));
    put_varint(&event, 2, 7);
    put_bytes(&event, 5, buf_span(&summary));
    add_record(buf_span(&event));
    buf_release(&value);
    buf_release(&summary);
    buf_release(&event);
}

/* A value that is a tensor of one element: its type, and the field that holds it. */
static void add_tensor(const char *tag, uint8_t dtype, unsigned field, struct span content)
{
    struct buf tensor, fields;
    buf_init(&tensor, 128);
    buf_init(&fields, 128);
    put_varint(&tensor, 1, dtype);
    put_bytes(&tensor, field, content);
    put_bytes(&fields, 8, buf_span(&tensor));
    add_value(tag, buf_span(&fields));
    buf_release(&tensor);
    buf_release(&fields);
}

#define BYTES(text)                                                                                \
    (struct span)                                                                                  \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }

static void begin(void)
{
    tfevents_close(&t);
    buf_clear(&file);
}

/* All scalars as "tag:step=value " */
static const char *scalars(void)
{
    struct tfevents_point point;
    struct buf out;
    bool more;
    buf_init(&out, 1 << 16);
    tfevents_close(&t);
    tfevents_open_bytes(&t, buf_span(&file));
    for (;;) {
        ASSERT_OK(tfevents_next(&t, &point, &more, &err));
        if (!more)
            break;
        buf_printf(&out, "%.*s:%d=%g ", SPAN_ARGS(point.tag), (int)point.step, point.value);
    }
    char *copy = arena_string(&arena, buf_span(&out));
    buf_release(&out);
    return copy;
}

static bool reads(void)
{
    struct tfevents_point point;
    bool more = true;
    tfevents_close(&t);
    tfevents_open_bytes(&t, buf_span(&file));
    while (more) {
        if (!tfevents_next(&t, &point, &more, &err))
            return false;
    }
    return true;
}

/* ------------------------------------------------------------------------------------ tests -- */

static void what_is_written_reads_back(void **state)
{
    (void)state;
    begin();
    tfevents_begin(&file, 1700000000.5);
    static const double values[] = {0.5, 0, -1e30, NAN};
    for (int i = 0; i < 4; i++) {
        struct tfevents_point point = {1700000001.25 + i, i * 1000000000000, span_of("train/loss"),
                                       values[i]};
        tfevents_add(&file, &point);
    }
    assert_true(tfevents_is(buf_span(&file)));
    const char *path = temporary_file("events.out.tfevents.1", buf_span(&file));
    struct tfevents_point point;
    bool more;
    ASSERT_OK(tfevents_open(&t, path, &err));
    for (int i = 0; i < 4; i++) {
        ASSERT_OK(tfevents_next(&t, &point, &more, &err));
        assert_true(more);
        ASSERT_SPAN(point.tag, "train/loss");
        assert_true(point.step == i * 1000000000000);
        assert_true(point.wall_time == 1700000001.25 + i);
        assert_true(point.value == (double)(float)values[i] ||
                    (isnan(values[i]) && isnan(point.value)));
    }
    ASSERT_OK(tfevents_next(&t, &point, &more, &err));
    assert_false(more);
    assert_false(t.is_cut);
    assert_int_equal(t.n_records, 5);
    tfevents_close(&t);
}

static void the_first_record_is_the_one_that_tensorflow_writes(void **state)
{
    (void)state;
    static const uint8_t wanted[] = {24,   0,    0,    0,    0,    0,    0,   0,
                                     0xa3, 0x7f, 0x4b, 0x22, 0x09, 0x00, 0x00};
    begin();
    tfevents_begin(&file, 0);
    /* protobuf leaves out a time of 0 */
    assert_int_equal(file.at[0], 15);
    begin();
    tfevents_begin(&file, 1.0);
    assert_memory_equal(file.at, wanted, sizeof wanted);
    assert_int_equal(file.len, 24 + 16);
}

static void tensors_of_one_element_are_scalars(void **state)
{
    (void)state;
    begin();
    add_tensor("f", 1, 5, BYTES("\0\0\0\x3f"));
    add_tensor("F", 1, 4, BYTES("\0\0\0\x3f"));
    add_tensor("d", 2, 6, BYTES("\0\0\0\0\0\0\xf8\x3f"));
    add_tensor("D", 2, 4, BYTES("\0\0\0\0\0\0\xf8\x3f"));
    add_tensor("i", 3, 7, BYTES("\x05"));
    add_tensor("I", 3, 4, BYTES("\xff\xff\xff\xff"));
    add_tensor("l", 9, 10, BYTES("\x06"));
    add_tensor("L", 9, 4, BYTES("\xfe\xff\xff\xff\xff\xff\xff\xff"));
    add_tensor("h", 19, 13, BYTES("\x80\x78"));
    add_tensor("H", 19, 4, BYTES("\0\x3c"));
    add_tensor("b", 14, 13, BYTES("\x80\x7f"));
    add_tensor("B", 14, 4, BYTES("\x80\xbf"));
    assert_string_equal(scalars(), "f:7=0.5 F:7=0.5 d:7=1.5 D:7=1.5 i:7=5 I:7=-1 l:7=6 L:7=-2 "
                                   "h:7=1 H:7=1 b:7=1 B:7=-1 ");
}

static void what_is_no_scalar_is_passed_over(void **state)
{
    (void)state;
    begin();
    add_tensor("two", 1, 5, BYTES("\0\0\0\x3f\0\0\0\x3f"));
    add_tensor("text", 7, 8, BYTES("hello"));
    add_tensor("none", 1, 5, BYTES(""));
    add_value("histogram", BYTES("\x2a\x00"));
    add_value("plain", BYTES("\x15\0\0\0\x40"));
    add_value("scalars", BYTES("\x15\0\0\0\x40\x4a\x0b\x0a\x09\x0a\x07scalars"));
    add_value("hparams", BYTES("\x15\0\0\0\x40\x4a\x0b\x0a\x09\x0a\x07hparams"));
    add_record(BYTES("\x22\x03xyz")); /* a graph */
    add_record(BYTES(""));
    assert_string_equal(scalars(), "plain:7=2 scalars:7=2 ");
}

static void a_file_cut_anywhere_ends_early_without_an_error(void **state)
{
    (void)state;
    begin();
    tfevents_begin(&file, 1);
    size_t first = file.len;
    struct tfevents_point point = {1, 2, span_of("x"), 3};
    tfevents_add(&file, &point);
    size_t whole = file.len;
    for (size_t len = 0; len <= whole; len++) {
        file.len = len;
        const char *found = scalars();
        assert_int_equal(t.is_cut, len != 0 && len != first && len != whole);
        assert_string_equal(found, len == whole ? "x:2=3 " : "");
    }
}

static void damage_is_named_by_its_byte(void **state)
{
    (void)state;
    begin();
    tfevents_begin(&file, 1);
    size_t first = file.len;
    struct tfevents_point point = {1, 2, span_of("x"), 3};
    tfevents_add(&file, &point);
    file.at[0] ^= 1;
    ASSERT_FAILS(reads(), "not a TensorBoard event file");
    assert_false(tfevents_is(buf_span(&file)));
    file.at[0] ^= 1;
    file.at[first] ^= 1;
    ASSERT_FAILS(reads(), "the checksum of a record's length is wrong");
    assert_string_equal(err.where, arena_printf(&arena, "byte %zu", first));
    file.at[first] ^= 1;
    file.at[first + 13] ^= 1;
    ASSERT_FAILS(reads(), "the checksum of a record's data is wrong");
    assert_int_equal(err.kind, ERR_INPUT);
    tfevents_close(&t);
    ASSERT_OK(tfevents_open(&t, temporary_file("damaged", buf_span(&file)), &err));
    struct tfevents_point read;
    bool more;
    ASSERT_FAILS(tfevents_next(&t, &read, &more, &err), "checksum");
    assert_non_null(strstr(err.where, "damaged: byte"));
    begin();
    add_record(BYTES("\x09\x01"));
    ASSERT_FAILS(reads(), "a record is not a TensorBoard event");
    tfevents_close(&t);
    ASSERT_FAILS(tfevents_open(&t, "/absent", &err), "cannot open");
    assert_false(tfevents_is(BYTES("short")));
}

static void a_record_that_asks_for_too_much_memory_is_refused(void **state)
{
    (void)state;
    struct buf event;
    buf_init(&event, BUF_NO_LIMIT);
    enum { N = 200000 };
    /* A summary of N empty values: two bytes each. */
    buf_add(&event, BYTES("\x2a\x80\xb5\x18"));
    for (int i = 0; i < N; i++)
        buf_add(&event, BYTES("\x0a\x00"));
    begin();
    buf_release(&file);
    buf_init(&file, BUF_NO_LIMIT);
    add_record(buf_span(&event));
    bool ok = reads();
    assert_true(ok || strstr(err.what, "not a TensorBoard event"));
    assert_true(t.event.total_bytes < 80 * event.len + (1 << 20));
    buf_release(&event);
    tfevents_close(&t);
}

static void the_data_folder_s_logs_are_read(void **state)
{
    (void)state;
    const char *folder = data_path(&arena, "logs/tfevents");
    if (!folder)
        skip_without_data();
    char **names;
    size_t n_names;
    ASSERT_OK(file_list(&arena, folder, &names, &n_names, &err));
    assert_true(n_names >= 6);
    for (size_t i = 0; i < n_names; i++) {
        struct tfevents_point point;
        bool more = true;
        size_t n_points = 0;
        ASSERT_OK(tfevents_open(&t, file_join(&arena, folder, names[i]), &err));
        for (; more; n_points++)
            ASSERT_OK(tfevents_next(&t, &point, &more, &err));
        assert_true(n_points > 1);
        tfevents_close(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(the_first_record_is_the_one_that_tensorflow_writes),
        cmocka_unit_test(tensors_of_one_element_are_scalars),
        cmocka_unit_test(what_is_no_scalar_is_passed_over),
        cmocka_unit_test(a_file_cut_anywhere_ends_early_without_an_error),
        cmocka_unit_test(damage_is_named_by_its_byte),
        cmocka_unit_test(a_record_that_asks_for_too_much_memory_is_refused),
        cmocka_unit_test(the_data_folder_s_logs_are_read),
    };
    buf_init(&file, 1 << 16);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tfevents_close(&t);
    buf_release(&file);
    arena_release(&arena);
    return failed;
}
