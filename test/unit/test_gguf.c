#include "test/support/support.h"

#include "base/file.h"
#include "format/gguf.h"
#include "format/gguf_writer.h"

static struct arena arena;
static struct err err;
static struct gguf g;

/* --------------------------------------------------------------- files built byte by byte -- */

static struct buf file; /* cleared by begin */

static void put_string(const char *text)
{
    buf_add_u64_le(&file, strlen(text));
    buf_add_text(&file, text);
}

static void begin_version(uint32_t version, uint64_t n_tensors, uint64_t n_entries)
{
    buf_clear(&file);
    buf_add_text(&file, "GGUF");
    buf_add_u32_le(&file, version);
    buf_add_u64_le(&file, n_tensors);
    buf_add_u64_le(&file, n_entries);
}

static void begin(uint64_t n_tensors, uint64_t n_entries)
{
    begin_version(3, n_tensors, n_entries);
}

static void put_key(const char *key, uint32_t type)
{
    put_string(key);
    buf_add_u32_le(&file, type);
}

static void put_tensor(const char *name, uint64_t rows, uint64_t columns, uint32_t type,
                       uint64_t offset)
{
    put_string(name);
    buf_add_u32_le(&file, 2);
    buf_add_u64_le(&file, columns);
    buf_add_u64_le(&file, rows);
    buf_add_u32_le(&file, type);
    buf_add_u64_le(&file, offset);
}

static void pad(size_t alignment)
{
    while (file.len % alignment != 0)
        buf_add_byte(&file, 0);
}

static bool opens(void)
{
    gguf_close(&g);
    return gguf_open_bytes(&g, buf_span(&file), &err);
}

static void add_zeros(size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_add_byte(&file, 0);
}

/* ---------------------------------------------------------------------------------- reading -- */

static void metadata_of_every_type_is_read(void **state)
{
    (void)state;
    begin(0, 13);
    put_key("u8", GGUF_U8), buf_add_byte(&file, 200);
    put_key("i8", GGUF_I8), buf_add_byte(&file, 0xff);
    put_key("u16", GGUF_U16), buf_add_u16_le(&file, 60000);
    put_key("i16", GGUF_I16), buf_add_u16_le(&file, 0xfffe);
    put_key("u32", GGUF_U32), buf_add_u32_le(&file, 4000000000);
    put_key("i32", GGUF_I32), buf_add_u32_le(&file, 0xfffffffd);
    put_key("f32", GGUF_F32), buf_add_u32_le(&file, 0x3fc00000);
    put_key("bool", GGUF_BOOL), buf_add_byte(&file, 1);
    put_key("string", GGUF_STRING), put_string("llama");
    put_key("u64", GGUF_U64), buf_add_u64_le(&file, 7);
    put_key("i64", GGUF_I64), buf_add_u64_le(&file, (uint64_t)-5);
    put_key("f64", GGUF_F64), buf_add_u64_le(&file, 0x4004000000000000);
    put_key("huge", GGUF_U64), buf_add_u64_le(&file, UINT64_MAX);
    ASSERT_OK(opens());
    uint32_t u32;
    float f32;
    bool truth;
    struct span text;
    static const struct {
        const char *key;
        uint32_t value;
    } rows[] = {{"u8", 200}, {"u16", 60000}, {"u32", 4000000000}, {"u64", 7}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        ASSERT_OK(gguf_get_u32(&g, rows[i].key, &u32, &err));
        assert_int_equal(u32, rows[i].value);
    }
    ASSERT_FAILS(gguf_get_u32(&g, "i8", &u32, &err), "-1 is not within 0 and 2^32");
    ASSERT_FAILS(gguf_get_u32(&g, "i16", &u32, &err), "-2 is not within 0 and 2^32");
    ASSERT_FAILS(gguf_get_u32(&g, "i32", &u32, &err), "-3 is not within 0 and 2^32");
    ASSERT_FAILS(gguf_get_u32(&g, "i64", &u32, &err), "-5 is not within 0 and 2^32");
    ASSERT_FAILS(gguf_get_u32(&g, "huge", &u32, &err), "9223372036854775807 is not within");
    ASSERT_OK(gguf_get_f32(&g, "f32", &f32, &err));
    assert_true(f32 == 1.5f);
    ASSERT_OK(gguf_get_f32(&g, "f64", &f32, &err));
    assert_true(f32 == 2.5f);
    ASSERT_OK(gguf_get_bool(&g, "bool", &truth, &err));
    assert_true(truth);
    ASSERT_OK(gguf_get_string(&g, "string", &text, &err));
    ASSERT_SPAN(text, "llama");
    assert_null(gguf_find(&g, "absent"));
    assert_string_equal(gguf_type_name(gguf_find(&g, "i64")->type), "i64");
}

static void a_lookup_names_what_is_absent_or_of_another_type(void **state)
{
    (void)state;
    begin(0, 2);
    put_key("s", GGUF_STRING), put_string("x");
    put_key("a", GGUF_ARRAY), buf_add_u32_le(&file, GGUF_F32), buf_add_u64_le(&file, 0);
    ASSERT_OK(opens());
    uint32_t u32;
    float f32;
    bool truth;
    struct span text;
    struct gguf_items items;
    ASSERT_FAILS(gguf_get_u32(&g, "no", &u32, &err), "the metadata has no key \"no\"");
    ASSERT_FAILS(gguf_get_f32(&g, "no", &f32, &err), "the metadata has no key \"no\"");
    ASSERT_FAILS(gguf_get_bool(&g, "no", &truth, &err), "the metadata has no key \"no\"");
    ASSERT_FAILS(gguf_get_string(&g, "no", &text, &err), "the metadata has no key \"no\"");
    ASSERT_FAILS(gguf_get_strings(&g, "no", &items, &err), "the metadata has no key \"no\"");
    ASSERT_FAILS(gguf_get_u32(&g, "s", &u32, &err), "expected a whole number, found string");
    assert_string_equal(err.where, "key \"s\"");
    ASSERT_FAILS(gguf_get_f32(&g, "s", &f32, &err), "expected a floating-point number");
    ASSERT_FAILS(gguf_get_bool(&g, "s", &truth, &err), "expected true or false");
    ASSERT_FAILS(gguf_get_string(&g, "a", &text, &err), "expected a string, found an array of f32");
    ASSERT_FAILS(gguf_get_strings(&g, "a", &items, &err), "expected an array of strings");
    ASSERT_FAILS(gguf_get_ints(&g, "a", &items, &err), "expected an array of whole numbers");
    ASSERT_FAILS(gguf_get_floats(&g, "s", &items, &err), "expected an array of floating-point");
}

static void arrays_are_walked_without_a_copy(void **state)
{
    (void)state;
    begin(0, 3);
    put_key("tokens", GGUF_ARRAY), buf_add_u32_le(&file, GGUF_STRING), buf_add_u64_le(&file, 3);
    put_string("a"), put_string(""), put_string("ccc");
    put_key("types", GGUF_ARRAY), buf_add_u32_le(&file, GGUF_I32), buf_add_u64_le(&file, 2);
    buf_add_u32_le(&file, 1), buf_add_u32_le(&file, (uint32_t)-6);
    put_key("scores", GGUF_ARRAY), buf_add_u32_le(&file, GGUF_F32), buf_add_u64_le(&file, 1);
    buf_add_u32_le(&file, 0xbf800000);
    ASSERT_OK(opens());
    struct gguf_items items;
    struct span text;
    int64_t whole;
    double number;
    static const char *const wanted[] = {"a", "", "ccc"};
    ASSERT_OK(gguf_get_strings(&g, "tokens", &items, &err));
    for (size_t i = 0; i < 3; i++) {
        assert_true(gguf_next_string(&items, &text));
        ASSERT_SPAN(text, wanted[i]);
        assert_true(text.at >= file.at && text.at <= file.at + file.len);
    }
    assert_false(gguf_next_string(&items, &text));
    ASSERT_OK(gguf_get_ints(&g, "types", &items, &err));
    assert_true(gguf_next_int(&items, &whole) && whole == 1);
    assert_true(gguf_next_int(&items, &whole) && whole == -6);
    assert_false(gguf_next_int(&items, &whole));
    ASSERT_OK(gguf_get_floats(&g, "scores", &items, &err));
    assert_true(gguf_next_double(&items, &number) && number == -1);
    assert_false(gguf_next_double(&items, &number));
}

static void tensors_are_found_with_row_major_shapes(void **state)
{
    (void)state;
    begin_version(2, 2, 0);
    put_tensor("a", 3, 2, 0, 0);
    put_tensor("b", 1, 32, 8, 32);
    pad(32);
    add_zeros(32);
    add_zeros(34);
    ASSERT_OK(opens());
    const struct tensor *a = gguf_find_tensor(&g, span_of("a"));
    const struct tensor *b = gguf_find_tensor(&g, span_of("b"));
    assert_int_equal(a->dtype, DTYPE_F32);
    assert_int_equal(a->dims[0], 3);
    assert_int_equal(a->dims[1], 2);
    assert_int_equal(a->bytes.len, 24);
    assert_int_equal((a->bytes.at - g.bytes.at) % 32, 0);
    assert_int_equal(b->dtype, DTYPE_Q8_0);
    assert_int_equal(b->bytes.at - a->bytes.at, 32);
    assert_int_equal(b->bytes.len, 34);
    assert_null(gguf_find_tensor(&g, span_of("c")));
}

static void the_alignment_is_the_metadata_s(void **state)
{
    (void)state;
    begin(2, 1);
    put_key("general.alignment", GGUF_U32), buf_add_u32_le(&file, 64);
    put_tensor("a", 1, 1, 24, 0);
    put_tensor("b", 1, 1, 24, 64);
    pad(64);
    add_zeros(65);
    ASSERT_OK(opens());
    assert_int_equal(gguf_find_tensor(&g, span_of("b"))->bytes.at - g.bytes.at, file.len - 1);
    assert_int_equal((file.len - 1) % 64, 0);
    begin(0, 1);
    put_key("general.alignment", GGUF_U32), buf_add_u32_le(&file, 48);
    ASSERT_FAILS(opens(), "an alignment of 48 is not a power of two");
    begin(0, 1);
    put_key("general.alignment", GGUF_U32), buf_add_u32_le(&file, 0);
    ASSERT_FAILS(opens(), "an alignment of 0 is not a power of two");
    begin(0, 1);
    put_key("general.alignment", GGUF_STRING), put_string("x");
    ASSERT_FAILS(opens(), "expected a whole number");
}

static void another_file_or_version_is_named(void **state)
{
    (void)state;
    buf_clear(&file);
    ASSERT_FAILS(opens(), "it does not begin with \"GGUF\"");
    buf_add_text(&file, "GGML....");
    ASSERT_FAILS(opens(), "it does not begin with \"GGUF\"");
    begin_version(1, 0, 0);
    ASSERT_FAILS(opens(), "GGUF version 1 is not supported");
    assert_non_null(strstr(err.hint, "convert the model anew"));
    begin_version(4, 0, 0);
    ASSERT_FAILS(opens(), "GGUF version 4 is not supported");
    begin_version(0x03000000, 0, 0);
    ASSERT_FAILS(opens(), "a big-endian GGUF file");
}

static void counts_beyond_the_file_are_refused_before_memory_is_taken(void **state)
{
    (void)state;
    begin(UINT64_MAX, 0);
    ASSERT_FAILS(opens(), "claims 18446744073709551615 tensors and 0 keys, but 0 bytes follow");
    begin(0, 2);
    add_zeros(25);
    ASSERT_FAILS(opens(), "claims 0 tensors and 2 keys, but 25 bytes follow");
    begin(0, 1);
    put_key("k", GGUF_ARRAY), buf_add_u32_le(&file, GGUF_F32), buf_add_u64_le(&file, 1ull << 62);
    ASSERT_FAILS(opens(), "the file ends inside an array");
    begin(0, 1);
    put_key("k", GGUF_ARRAY), buf_add_u32_le(&file, GGUF_STRING), buf_add_u64_le(&file, UINT64_MAX);
    ASSERT_FAILS(opens(), "the file ends inside an array of strings");
    begin(0, 1);
    buf_add_u64_le(&file, UINT64_MAX), add_zeros(5);
    ASSERT_FAILS(opens(), "the file ends inside a key");
}

static void a_wrong_entry_is_named(void **state)
{
    (void)state;
    begin(0, 1);
    put_key("k", 13), add_zeros(8);
    ASSERT_FAILS(opens(), "unknown value type 13");
    assert_string_equal(err.where, "key \"k\"");
    begin(0, 1);
    put_key("k", GGUF_ARRAY), buf_add_u32_le(&file, 99), buf_add_u64_le(&file, 0);
    ASSERT_FAILS(opens(), "unknown value type 99");
    begin(0, 1);
    put_key("k", GGUF_ARRAY), buf_add_u32_le(&file, GGUF_ARRAY), buf_add_u64_le(&file, 0);
    ASSERT_FAILS(opens(), "an array of arrays is not supported");
    begin(0, 1);
    put_key("k", GGUF_BOOL), buf_add_byte(&file, 2);
    ASSERT_FAILS(opens(), "a truth value of 2");
    begin(0, 2);
    put_key("k", GGUF_U8), buf_add_byte(&file, 2);
    put_key("k", GGUF_U8), buf_add_byte(&file, 2);
    ASSERT_FAILS(opens(), "the key stands twice");
    begin(0, 1);
    buf_add_u64_le(&file, 65536), add_zeros(65536 + 4 + 1);
    ASSERT_FAILS(opens(), "a key of 65536 bytes; at most 65535");
}

static void a_wrong_tensor_is_named(void **state)
{
    (void)state;
    begin(1, 0);
    put_tensor("t", 1, 1, 4, 0);
    ASSERT_FAILS(opens(), "unknown tensor type 4");
    assert_string_equal(err.where, "tensor \"t\"");
    begin(1, 0);
    put_string("t"), buf_add_u32_le(&file, 5), add_zeros(5 * 8 + 12);
    ASSERT_FAILS(opens(), "5 dimensions; at most 4");
    begin(1, 0);
    put_tensor("t", 32, 33, 2, 0);
    ASSERT_FAILS(opens(), "rows of 33 elements do not fill blocks of 32 (Q4_0)");
    begin(1, 0);
    put_tensor("t", 1ull << 40, 1ull << 40, 0, 0);
    ASSERT_FAILS(opens(), "the shape is too large");
    begin(2, 0);
    put_tensor("t", 1ull << 31, 1ull << 31, 24, 0);
    put_tensor("u", 1ull << 31, 1ull << 31, 24, 1ull << 62);
    ASSERT_FAILS(opens(), "the shape is too large");
    begin(1, 0);
    put_tensor("t", 1, 1, 0, 32);
    ASSERT_FAILS(opens(), "offset 32, but the tensor before it ends at 0");
    begin(2, 0);
    put_tensor("t", 1, 1, 0, 0);
    put_tensor("t", 1, 1, 0, 32);
    ASSERT_FAILS(opens(), "two tensors have this name");
}

static void missing_data_is_named(void **state)
{
    (void)state;
    begin(1, 0);
    put_tensor("t", 2, 2, 0, 0);
    pad(32);
    add_zeros(15);
    ASSERT_FAILS(opens(), "16 bytes of data are needed, but the file ends after 15");
    assert_non_null(strstr(err.hint, "incomplete"));
    begin(1, 0);
    put_tensor("t", 2, 2, 0, 0);
    ASSERT_FAILS(opens(), "16 bytes of data are needed, but the file ends after 0");
}

static void a_file_cut_anywhere_gives_an_error(void **state)
{
    (void)state;
    begin(2, 4);
    put_key("general.architecture", GGUF_STRING), put_string("llama");
    put_key("n", GGUF_U64), buf_add_u64_le(&file, 7);
    put_key("tokens", GGUF_ARRAY), buf_add_u32_le(&file, GGUF_STRING), buf_add_u64_le(&file, 2);
    put_string("ab"), put_string("cd");
    put_key("types", GGUF_ARRAY), buf_add_u32_le(&file, GGUF_I32), buf_add_u64_le(&file, 2);
    add_zeros(8);
    put_tensor("a", 2, 2, 0, 0);
    put_tensor("b", 1, 32, 8, 32);
    pad(32);
    add_zeros(32 + 34);
    ASSERT_OK(opens());
    size_t whole = file.len;
    for (size_t len = 0; len < whole; len++) {
        file.len = len;
        err = (struct err){0};
        assert_false(opens());
        assert_int_equal(err.kind, ERR_INPUT);
    }
}

/* ---------------------------------------------------------------------------------- writing -- */

static void what_is_written_reads_back(void **state)
{
    (void)state;
    static const uint8_t data[100] = {1, 2, 3};
    const char *path = file_join(&arena, temporary_folder(), "w.gguf");
    struct gguf_writer w;
    gguf_writer_init(&w);
    gguf_put_text(&w, "general.architecture", "llama");
    gguf_put_u32(&w, "u32", 9);
    gguf_put_i32(&w, "i32", -9);
    gguf_put_u64(&w, "u64", 1ull << 40);
    gguf_put_f32(&w, "f32", 1e-5f);
    gguf_put_bool(&w, "bool", true);
    gguf_put_array(&w, "tokens", GGUF_STRING, 2);
    gguf_item_string(&w, span_of("x")), gguf_item_string(&w, span_of(""));
    gguf_put_array(&w, "u32s", GGUF_U32, 1), gguf_item_u32(&w, 5);
    gguf_put_array(&w, "i32s", GGUF_I32, 1), gguf_item_i32(&w, -5);
    gguf_put_array(&w, "f32s", GGUF_F32, 1), gguf_item_f32(&w, 0.5f);
    struct tensor a = {.name = span_of("a"), .dtype = DTYPE_F32, .n_dims = 2, .dims = {3, 5}};
    struct tensor none = {.name = span_of("none"), .dtype = DTYPE_F32, .n_dims = 1};
    struct tensor b = {.name = span_of("b"), .dtype = DTYPE_Q8_0, .n_dims = 1, .dims = {32}};
    gguf_writer_add(&w, &a);
    gguf_writer_add(&w, &none);
    gguf_writer_add(&w, &b);
    uint64_t size = gguf_writer_size(&w);
    ASSERT_OK(gguf_writer_open(&w, path, &err));
    gguf_writer_data(&w, (struct span){data, 7});
    gguf_writer_data(&w, (struct span){data + 7, 60 + 34 - 7});
    ASSERT_OK(gguf_writer_commit(&w, &err));
    gguf_writer_release(&w);

    struct gguf back;
    ASSERT_OK(gguf_open(&back, path, &err));
    assert_int_equal(back.bytes.len, size);
    assert_int_equal(back.n_entries, 10);
    assert_int_equal(back.n_tensors, 3);
    const struct tensor *t = gguf_find_tensor(&back, span_of("a"));
    assert_memory_equal(t->bytes.at, data, 60);
    assert_int_equal(t->dims[0], 3);
    t = gguf_find_tensor(&back, span_of("b"));
    assert_memory_equal(t->bytes.at, data + 60, 34);
    float f32;
    ASSERT_OK(gguf_get_f32(&back, "f32", &f32, &err));
    assert_true(f32 == 1e-5f);
    struct gguf_items items;
    int64_t whole;
    ASSERT_OK(gguf_get_ints(&back, "i32s", &items, &err));
    assert_true(gguf_next_int(&items, &whole) && whole == -5);
    gguf_close(&back);
}

static void entries_of_another_file_are_copied_but_for_the_alignment(void **state)
{
    (void)state;
    begin(0, 4);
    put_key("general.alignment", GGUF_U32), buf_add_u32_le(&file, 64);
    put_key("s", GGUF_STRING), put_string("text");
    put_key("a", GGUF_ARRAY), buf_add_u32_le(&file, GGUF_STRING), buf_add_u64_le(&file, 1);
    put_string("item");
    put_key("n", GGUF_I16), buf_add_u16_le(&file, 3);
    ASSERT_OK(opens());
    struct gguf_writer w;
    gguf_writer_init(&w);
    for (size_t i = 0; i < g.n_entries; i++)
        gguf_put_entry(&w, &g.entries[i]);
    const char *path = file_join(&arena, temporary_folder(), "c.gguf");
    ASSERT_OK(gguf_writer_open(&w, path, &err));
    ASSERT_OK(gguf_writer_commit(&w, &err));
    gguf_writer_release(&w);
    struct gguf back;
    ASSERT_OK(gguf_open(&back, path, &err));
    assert_int_equal(back.n_entries, 3);
    struct gguf_items items;
    struct span text;
    ASSERT_OK(gguf_get_strings(&back, "a", &items, &err));
    assert_true(gguf_next_string(&items, &text));
    ASSERT_SPAN(text, "item");
    gguf_close(&back);
}

static void a_file_that_cannot_be_opened_is_named(void **state)
{
    (void)state;
    const char *path = file_join(&arena, temporary_folder(), "absent/x.gguf");
    gguf_close(&g);
    ASSERT_FAILS(gguf_open(&g, path, &err), "cannot open");
    ASSERT_FAILS(gguf_open(&g, temporary_file("bad.gguf", span_of("nothing")), &err), "not a GGUF");
    assert_non_null(strstr(err.where, "bad.gguf"));
    struct gguf_writer w;
    gguf_writer_init(&w);
    ASSERT_FAILS(gguf_writer_open(&w, path, &err), "cannot write");
    gguf_writer_release(&w);
    struct gguf_writer zeroed = {0};
    gguf_writer_release(&zeroed);
}

static void write_too_much(void)
{
    struct gguf_writer w;
    gguf_writer_init(&w);
    if (gguf_writer_open(&w, file_join(&arena, temporary_folder(), "x"), &err))
        gguf_writer_data(&w, span_of("x"));
}

static void commit_too_early(void)
{
    struct gguf_writer w;
    struct tensor t = {.name = span_of("t"), .dtype = DTYPE_F32};
    gguf_writer_init(&w);
    gguf_writer_add(&w, &t);
    if (gguf_writer_open(&w, file_join(&arena, temporary_folder(), "x"), &err))
        (void)!gguf_writer_commit(&w, &err);
}

static void forget_an_item(void)
{
    struct gguf_writer w;
    gguf_writer_init(&w);
    gguf_put_array(&w, "a", GGUF_F32, 1);
    gguf_put_u32(&w, "b", 1);
}

static void calls_out_of_order_are_mistakes_of_the_programmer(void **state)
{
    (void)state;
    assert_check_fails(write_too_much, "w->left > 0");
    assert_check_fails(commit_too_early, "w->n_written == w->n_tensors");
    assert_check_fails(forget_an_item, "w->n_items_left == 0");
}

static void the_data_folder_s_files_open(void **state)
{
    (void)state;
    static const char *const folders[] = {"models/stories260K/gguf", "tokenizers/ggml-vocab"};
    size_t n_files = 0;
    gguf_close(&g);
    for (size_t f = 0; f < COUNT_OF(folders); f++) {
        const char *folder = data_path(&arena, folders[f]);
        if (!folder)
            skip_without_data();
        char **names;
        size_t n_names;
        ASSERT_OK(file_list(&arena, folder, &names, &n_names, &err));
        for (size_t i = 0; i < n_names; i++) {
            if (!file_has_suffix(names[i], ".gguf"))
                continue;
            ASSERT_OK(gguf_open(&g, file_join(&arena, folder, names[i]), &err));
            struct span architecture;
            ASSERT_OK(gguf_get_string(&g, "general.architecture", &architecture, &err));
            gguf_close(&g);
            n_files++;
        }
    }
    assert_true(n_files >= 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metadata_of_every_type_is_read),
        cmocka_unit_test(a_lookup_names_what_is_absent_or_of_another_type),
        cmocka_unit_test(arrays_are_walked_without_a_copy),
        cmocka_unit_test(tensors_are_found_with_row_major_shapes),
        cmocka_unit_test(the_alignment_is_the_metadata_s),
        cmocka_unit_test(another_file_or_version_is_named),
        cmocka_unit_test(counts_beyond_the_file_are_refused_before_memory_is_taken),
        cmocka_unit_test(a_wrong_entry_is_named),
        cmocka_unit_test(a_wrong_tensor_is_named),
        cmocka_unit_test(missing_data_is_named),
        cmocka_unit_test(a_file_cut_anywhere_gives_an_error),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(entries_of_another_file_are_copied_but_for_the_alignment),
        cmocka_unit_test(a_file_that_cannot_be_opened_is_named),
        cmocka_unit_test(calls_out_of_order_are_mistakes_of_the_programmer),
        cmocka_unit_test(the_data_folder_s_files_open),
    };
    buf_init(&file, 1 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    gguf_close(&g);
    buf_release(&file);
    arena_release(&arena);
    return failed;
}
