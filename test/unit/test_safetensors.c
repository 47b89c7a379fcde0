#include "test/support/support.h"

#include <sys/stat.h>

#include "base/file.h"
#include "format/safetensors.h"

static struct arena arena;
static struct err err;
static struct safetensors st;

/* A file of the header as given and `data_len` bytes 0, 1, 2 … behind it. */
static struct span file_of(const char *header, size_t data_len)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_add_u64_le(&b, strlen(header));
    buf_add_text(&b, header);
    for (size_t i = 0; i < data_len; i++)
        buf_add_byte(&b, (uint8_t)i);
    struct span copy = arena_copy(&arena, buf_span(&b));
    buf_release(&b);
    return copy;
}

static bool opens(const char *header, size_t data_len)
{
    safetensors_close(&st);
    return safetensors_open_bytes(&st, file_of(header, data_len), &err);
}

#define TWO                                                                                        \
    "{\"__metadata__\":{\"format\":\"pt\",\"note\":\"x\"},"                                        \
    "\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[24,27]},"                             \
    "\"a\":{\"data_offsets\":[0,24],\"shape\":[2,3],\"dtype\":\"F32\",\"extra\":[1]}}  "

/* ---------------------------------------------------------------------------------- reading -- */

static void tensors_are_found_by_name_and_lie_in_order(void **state)
{
    (void)state;
    ASSERT_OK(opens(TWO, 27));
    assert_int_equal(st.n_tensors, 2);
    ASSERT_SPAN(st.tensors[0].name, "a");
    const struct tensor *a = safetensors_find(&st, span_of("a"));
    const struct tensor *b = safetensors_find(&st, span_of("b"));
    assert_int_equal(a->dtype, DTYPE_F32);
    assert_int_equal(a->n_dims, 2);
    assert_int_equal(a->dims[1], 3);
    assert_int_equal(a->bytes.len, 24);
    assert_int_equal(a->bytes.at[23], 23);
    assert_int_equal(b->bytes.len, 3);
    assert_int_equal(b->bytes.at[0], 24);
    assert_null(safetensors_find(&st, span_of("c")));
    struct span value;
    assert_true(safetensors_metadata(&st, "note", &value));
    ASSERT_SPAN(value, "x");
    assert_false(safetensors_metadata(&st, "none", &value));
}

static void empty_files_scalars_and_empty_tensors_are_fine(void **state)
{
    (void)state;
    ASSERT_OK(opens("{}", 0));
    assert_int_equal(st.n_tensors, 0);
    ASSERT_OK(opens("{\"s\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[0,8]},"
                    "\"e\":{\"dtype\":\"I8\",\"shape\":[0,5],\"data_offsets\":[0,0]}}",
                    8));
    assert_int_equal(safetensors_find(&st, span_of("s"))->n_dims, 0);
    assert_int_equal(safetensors_find(&st, span_of("e"))->bytes.len, 0);
}

static void what_is_no_safetensors_file_is_named(void **state)
{
    (void)state;
    safetensors_close(&st);
    ASSERT_FAILS(safetensors_open_bytes(&st, span_of("1234567"), &err), "too short");
    ASSERT_FAILS(safetensors_open_bytes(&st, span_of("12345678"), &err), "not a safetensors file");
    ASSERT_FAILS(opens("[]", 0), "its header does not begin with '{'");
    ASSERT_FAILS(opens("", 0), "its header does not begin with '{'");
    struct span whole = file_of(TWO, 27);
    ASSERT_FAILS(safetensors_open_bytes(&st, span_part(whole, 0, 60), &err),
                 "bytes, but 52 follow");
    assert_non_null(strstr(err.hint, "incomplete"));
    ASSERT_FAILS(safetensors_open_bytes(&st, span_part(whole, 0, whole.len - 1), &err),
                 "the header describes 27 bytes of data, but 26 follow");
    ASSERT_FAILS(opens(TWO, 28), "the header describes 27 bytes of data, but 28 follow");
}

#define ONE(fields) "{\"t\":{" fields "}}"

static void a_malformed_header_is_named(void **state)
{
    (void)state;
    ASSERT_FAILS(opens("{\"t\":1}", 0), "expected an object, found a number");
    assert_non_null(strstr(err.where, "header"));
    ASSERT_FAILS(opens("{\"__metadata__\":{\"a\":1}}", 0), "expected a string");
    ASSERT_FAILS(opens("{} x", 0), "text after the end");
    ASSERT_FAILS(opens(ONE("\"dtype\":\"Q4_0\""), 0), "unknown dtype \"Q4_0\"");
    ASSERT_FAILS(opens(ONE("\"dtype\":\"F32\",\"shape\":[1]"), 0), "a tensor needs dtype, shape");
    ASSERT_FAILS(opens(ONE("\"dtype\":\"F32\",\"dtype\":\"F32\""), 0), "\"dtype\" stands twice");
    ASSERT_FAILS(opens(ONE("\"shape\":[-1]"), 0), "a dimension of -1");
    ASSERT_FAILS(opens(ONE("\"shape\":[1.5]"), 0), "expected a whole number");
    ASSERT_FAILS(opens(ONE("\"shape\":[1,1,1,1,1,1,1,1,1]"), 0), "more than 8 dimensions");
    ASSERT_FAILS(opens(ONE("\"data_offsets\":[0]"), 0), "data_offsets must be two numbers");
    ASSERT_FAILS(opens(ONE("\"data_offsets\":[0,1,2]"), 0), "data_offsets must be two numbers");
    ASSERT_FAILS(opens(ONE("\"data_offsets\":[4,0]"), 0), "data_offsets must be two numbers");
    ASSERT_FAILS(opens(ONE("\"data_offsets\":[-1,0]"), 0), "data_offsets must be two numbers");
}

static void places_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    ASSERT_FAILS(opens(ONE("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,9]"), 9),
                 "the shape needs 8 bytes, the offsets span 9");
    assert_string_equal(err.where, "tensor \"t\"");
    ASSERT_FAILS(opens(ONE("\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],"
                           "\"data_offsets\":[0,0]"),
                       0),
                 "the shape is too large");
    ASSERT_FAILS(opens(ONE("\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,1]"), 1),
                 "does not fill whole bytes");
    ASSERT_FAILS(opens(ONE("\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]"), 3),
                 "begins at offset 1, but the tensor before it ends at 0");
    ASSERT_FAILS(opens("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
                       "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
                       3),
                 "begins at offset 1, but the tensor before it ends at 2");
    ASSERT_FAILS(opens("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
                       "\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}",
                       4),
                 "two tensors have this name");
}

/* ---------------------------------------------------------------------------- model folders -- */

static const char *new_folder(const char *name)
{
    const char *folder = file_join(&arena, temporary_folder(), name);
    assert_int_equal(mkdir(folder, 0700), 0);
    return folder;
}

static void put_file(const char *folder, const char *name, struct span content)
{
    struct file_writer w;
    ASSERT_OK(file_writer_open(&w, file_join(&arena, folder, name), &err));
    file_write(&w, content);
    ASSERT_OK(file_commit(&w, &err));
}

static struct span shard(const char *name)
{
    return file_of(arena_printf(&arena,
                                "{\"%s\":{\"dtype\":\"U8\",\"shape\":[2],"
                                "\"data_offsets\":[0,2]}}",
                                name),
                   2);
}

static void a_folder_s_whole_file_comes_before_its_index(void **state)
{
    (void)state;
    const char *folder = new_folder("whole");
    ASSERT_FAILS(safetensors_open(&st, folder, &err), "no model.safetensors and no index");
    put_file(folder, "model.safetensors.index.json", span_of("broken"));
    put_file(folder, "model.safetensors", shard("a"));
    ASSERT_OK(safetensors_open(&st, folder, &err));
    assert_string_equal(st.file_names[0], "model.safetensors");
    assert_non_null(safetensors_find(&st, span_of("a")));
    safetensors_close(&st);
}

static void shards_are_read_through_the_index(void **state)
{
    (void)state;
    const char *folder = new_folder("shards");
    put_file(folder, "m-2.safetensors",
             file_of("{\"__metadata__\":{\"of\":\"2\"},\"b\":{\"dtype\":\"U8\",\"shape\":[2],"
                     "\"data_offsets\":[0,2]}}",
                     2));
    put_file(folder, "m-1.safetensors", shard("a"));
    put_file(folder, "model.safetensors.index.json",
             span_of("{\"metadata\": {\"total_size\": 4}, \"weight_map\": {\"b\": "
                     "\"m-2.safetensors\", \"a\": \"m-1.safetensors\"}}"));
    ASSERT_OK(safetensors_open(&st, folder, &err));
    assert_int_equal(st.n_files, 2);
    assert_int_equal(st.n_metadata, 0); /* the first file's alone */
    assert_int_equal(st.n_tensors, 2);
    const struct tensor *b = safetensors_find(&st, span_of("b"));
    assert_int_equal(b->bytes.at[1], 1);
    assert_string_equal(st.file_names[st.file_of[b - st.tensors]], "m-2.safetensors");
    safetensors_close(&st);
}

static void an_index_that_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *index, *what;
    } rows[] = {
        {"{\"weight_map\": {\"a\": \"../x\"}}", "a shard's name must be that of a file beside"},
        {"{\"weight_map\": {\"a\": \"\"}}", "a shard's name must be that of a file beside"},
        {"{\"weight_map\": {\"a\": 1}}", "expected a string"},
        {"{\"weight_map\": {}}", "the index has no weight_map"},
        {"{}", "the index has no weight_map"},
        {"{\"weight_map\": {\"a\": \"none.safetensors\"}}", "cannot open"},
        {"{\"weight_map\": {\"c\": \"1.safetensors\"}}",
         "the index places \"c\" in 1.safetensors, which has no such tensor"},
        {"{\"weight_map\": {\"a\": \"1.safetensors\", \"b\": \"1.safetensors\", \"c\": "
         "\"2.safetensors\"}}",
         "the index places \"b\" in 1.safetensors, which has no such tensor"},
        {"{\"weight_map\": {\"a\": \"1.safetensors\", \"b\": \"bad.safetensors\"}}", "too short"},
        {"{\"weight_map\": {\"a\": \"1.safetensors\", \"b\": \"twin.safetensors\"}}",
         "two tensors have this name"},
    };
    const char *folder = new_folder("wrong");
    put_file(folder, "1.safetensors", shard("a"));
    put_file(folder, "2.safetensors", shard("b"));
    put_file(folder, "twin.safetensors", shard("a"));
    put_file(folder, "bad.safetensors", span_of("bad"));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        put_file(folder, "model.safetensors.index.json", span_of(rows[i].index));
        ASSERT_FAILS(safetensors_open(&st, folder, &err), rows[i].what);
    }
    ASSERT_FAILS(safetensors_open(&st, file_join(&arena, folder, "none"), &err), "cannot open");
    safetensors_close(&st);
}

/* ---------------------------------------------------------------------------------- writing -- */

static const char *written(struct tensor *tensors, size_t n, const struct safetensors_meta *meta,
                           size_t n_meta)
{
    const char *path = file_join(&arena, temporary_folder(), "out.safetensors");
    struct safetensors_content content = {tensors, n, meta, n_meta};
    ASSERT_OK(safetensors_write(path, &content, &err));
    return path;
}

static void a_file_is_written_as_the_library_writes_it(void **state)
{
    (void)state;
    static const uint8_t data[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct tensor tensors[] = {
        {span_of("u"), DTYPE_U8, 1, {2}, {data, 2}},
        {span_of("z"), DTYPE_F16, 0, {0}, {data + 2, 2}},
        {span_of("b"), DTYPE_BF16, 1, {1}, {data + 4, 2}},
        {span_of("a\xc3\xa9\"\x7f"), DTYPE_BF16, 2, {1, 1}, {data + 6, 2}},
    };
    struct safetensors_meta meta = {span_of("format"), span_of("pt")};
    const char *path = written(tensors, COUNT_OF(tensors), &meta, 1);
    static const char header[] =
        "{\"__metadata__\":{\"format\":\"pt\"},"
        "\"a\xc3\xa9\\\"\x7f\":{\"dtype\":\"BF16\",\"shape\":[1,1],\"data_offsets\":[0,2]},"
        "\"b\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[2,4]},"
        "\"z\":{\"dtype\":\"F16\",\"shape\":[],\"data_offsets\":[4,6]},"
        "\"u\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[6,8]}}";
    struct file_map map;
    ASSERT_OK(file_map(&map, path, &err));
    size_t padded = (sizeof header - 1 + 7) / 8 * 8;
    assert_int_equal(map.bytes.len, 8 + padded + 8);
    assert_int_equal(map.bytes.at[0] | map.bytes.at[1] << 8, padded);
    assert_memory_equal(map.bytes.at + 8, header, sizeof header - 1);
    static const uint8_t wanted[8] = {7, 8, 5, 6, 3, 4, 1, 2};
    assert_memory_equal(map.bytes.at + 8 + padded, wanted, 8);
    file_unmap(&map);
}

static void data_may_come_in_any_cuts(void **state)
{
    (void)state;
    struct tensor tensors[] = {{.name = span_of("b"), .dtype = DTYPE_U8, .n_dims = 1, .dims = {3}},
                               {.name = span_of("a"), .dtype = DTYPE_U8, .n_dims = 1, .dims = {2}}};
    struct safetensors_content content = {.tensors = tensors, .n_tensors = 2};
    const char *path = file_join(&arena, temporary_folder(), "cut.safetensors");
    struct safetensors_writer w;
    ASSERT_OK(safetensors_writer_open(&w, path, &content, &err));
    safetensors_writer_data(&w, span_of("1"));
    safetensors_writer_data(&w, span_of("234"));
    safetensors_writer_data(&w, span_of("5"));
    ASSERT_OK(safetensors_writer_commit(&w, &err));
    safetensors_writer_release(&w);
    ASSERT_OK(safetensors_open(&st, path, &err));
    ASSERT_SPAN(safetensors_find(&st, span_of("a"))->bytes, "12");
    ASSERT_SPAN(safetensors_find(&st, span_of("b"))->bytes, "345");
    safetensors_close(&st);
}

static void a_file_that_cannot_be_written_is_named(void **state)
{
    (void)state;
    struct safetensors_content content = {0};
    ASSERT_FAILS(safetensors_write("/absent/x", &content, &err), "cannot write");
    struct safetensors_writer zeroed = {0};
    safetensors_writer_release(&zeroed);
    ASSERT_OK(safetensors_open(&st, written(NULL, 0, NULL, 0), &err));
    assert_int_equal(st.n_tensors, 0);
    safetensors_close(&st);
}

static struct tensor twins[] = {{.dtype = DTYPE_U8}, {.dtype = DTYPE_F32}};

static void write_twins(void)
{
    struct safetensors_content content = {.tensors = twins, .n_tensors = 2};
    (void)!safetensors_write(file_join(&arena, temporary_folder(), "t"), &content, &err);
}

static void write_a_gguf_type(void)
{
    struct tensor t = {.dtype = DTYPE_Q4_0};
    struct safetensors_content content = {.tensors = &t, .n_tensors = 1};
    (void)!safetensors_write(file_join(&arena, temporary_folder(), "t"), &content, &err);
}

static void wrong_contents_are_mistakes_of_the_programmer(void **state)
{
    (void)state;
    assert_check_fails(write_twins, "is_new");
    assert_check_fails(write_a_gguf_type, "in_safetensors");
}

static void the_data_folder_s_models_open(void **state)
{
    (void)state;
    const char *folder = data_path(&arena, "models/stories260K");
    if (!folder)
        skip_without_data();
    ASSERT_OK(safetensors_open(&st, folder, &err));
    const struct tensor *t = safetensors_find(&st, span_of("model.embed_tokens.weight"));
    assert_non_null(t);
    assert_int_equal(t->dims[0], 512);
    safetensors_close(&st);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_are_found_by_name_and_lie_in_order),
        cmocka_unit_test(empty_files_scalars_and_empty_tensors_are_fine),
        cmocka_unit_test(what_is_no_safetensors_file_is_named),
        cmocka_unit_test(a_malformed_header_is_named),
        cmocka_unit_test(places_that_do_not_fit_are_refused),
        cmocka_unit_test(a_folder_s_whole_file_comes_before_its_index),
        cmocka_unit_test(shards_are_read_through_the_index),
        cmocka_unit_test(an_index_that_is_wrong_is_named),
        cmocka_unit_test(a_file_is_written_as_the_library_writes_it),
        cmocka_unit_test(data_may_come_in_any_cuts),
        cmocka_unit_test(a_file_that_cannot_be_written_is_named),
        cmocka_unit_test(wrong_contents_are_mistakes_of_the_programmer),
        cmocka_unit_test(the_data_folder_s_models_open),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    safetensors_close(&st);
    arena_release(&arena);
    return failed;
}
