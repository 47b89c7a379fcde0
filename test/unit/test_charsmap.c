#include "test/support/support.h"

#include "text/charsmap.h"

static struct arena arena;
static struct text text;
static struct err err;

static void put_base64(struct buf *out, struct span bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes.len; i += 3) {
        uint32_t value = (uint32_t)bytes.at[i] << 16;
        value |= i + 1 < bytes.len ? (uint32_t)bytes.at[i + 1] << 8 : 0;
        value |= i + 2 < bytes.len ? bytes.at[i + 2] : 0;
        for (size_t k = 0; k < 4; k++)
            buf_add_byte(out,
                         i + k < bytes.len + 1 ? (uint8_t)digits[value >> (18 - 6 * k) & 63] : '=');
    }
}

/* A map of one character, 'A', to the text; `value` is the place that its unit claims. */
static bool read_map(struct charsmap *map, const char *content, uint32_t value)
{
    struct buf bytes, base64;
    buf_init(&bytes, BUF_NO_LIMIT);
    buf_init(&base64, BUF_NO_LIMIT);
    buf_add_u32_le(&bytes, 256 * 4);
    for (uint32_t i = 0; i < 256; i++) {
        /* The root's offset is 0: 'A' leads to unit 0x41, whose offset 1 leads to 0x40. */
        uint32_t unit = i == 'A' ? 'A' | 1 << 8 | 1 << 10 : i == 0x40 ? value | 1u << 31 : 0;
        buf_add_u32_le(&bytes, unit);
    }
    buf_add_text(&bytes, content);
    buf_add_byte(&bytes, 0);
    put_base64(&base64, buf_span(&bytes));
    bool ok = charsmap_read(map, arena_copy(&arena, buf_span(&base64)), &arena, &err);
    buf_release(&bytes);
    buf_release(&base64);
    return ok;
}

static void an_entry_is_found_by_what_the_text_begins_with(void **state)
{
    (void)state;
    struct charsmap map;
    struct span found;
    ASSERT_OK(read_map(&map, "xyz", 0));
    assert_true(charsmap_find(&map, span_of("AB"), &found));
    ASSERT_SPAN(found, "xyz");
    assert_false(charsmap_find(&map, span_of("BA"), &found));
    assert_false(charsmap_find(&map, span_of(""), &found));
    ASSERT_OK(read_map(&map, "xyz", 1));
    assert_true(charsmap_find(&map, span_of("A"), &found));
    ASSERT_SPAN(found, "yz");
}

static void an_entry_that_points_nowhere_is_none(void **state)
{
    (void)state;
    struct charsmap map;
    struct span found;
    ASSERT_OK(read_map(&map, "xyz", 1000));
    assert_false(charsmap_find(&map, span_of("A"), &found));
    ASSERT_OK(read_map(&map, "\xc3\xa9", 1)); /* into the middle of a character */
    assert_false(charsmap_find(&map, span_of("A"), &found));
}

static void a_cluster_is_replaced_whole(void **state)
{
    (void)state;
    struct charsmap map;
    ASSERT_OK(read_map(&map, "xy", 0));
    text_set(&text,
             span_of("bA\xcc\x81"
                     "Ac"),
             0, false);
    ASSERT_OK(charsmap_run(&map, &text, &err));
    ASSERT_SPAN(text.bytes,
                "bxyxyc"); /* the accent behind the first A is lost, as in the library */
    static const char plain[] = "bcd";
    text_set(&text, span_of(plain), 0, false);
    ASSERT_OK(charsmap_run(&map, &text, &err));
    assert_ptr_equal(text.bytes.at, plain);
}

static void assert_origin(size_t at, uint32_t start, uint32_t end)
{
    struct text_origin origin = text_origin_of(&text, at, at + 1);
    assert_int_equal(origin.start, start);
    assert_int_equal(origin.end, end);
}

static void origins_follow_the_account_of_the_library(void **state)
{
    (void)state;
    struct charsmap map;
    ASSERT_OK(read_map(&map, "xyz", 0));
    text_set(&text, span_of("bAc"), 0, true);
    ASSERT_OK(charsmap_run(&map, &text, &err));
    assert_origin(1, 1, 2);
    assert_origin(3, 1, 2);
    assert_origin(4, 2, 3);
    ASSERT_OK(read_map(&map, "", 0));
    text_set(&text, span_of("bAc"), 0, true);
    ASSERT_OK(charsmap_run(&map, &text, &err));
    assert_origin(0, 0, 1);
    assert_origin(1, 2, 3);
    text_set(&text, span_of("Ac"), 0, true);
    ASSERT_OK(charsmap_run(&map, &text, &err));
    assert_origin(0, 0, 1); /* nothing stands before it that the loss could be charged to */
}

static bool reads(const char *base64)
{
    struct charsmap map;
    return charsmap_read(&map, span_of(base64), &arena, &err);
}

static void broken_maps_are_refused(void **state)
{
    (void)state;
    ASSERT_FAILS(reads("AAA"), "not Base64");
    ASSERT_FAILS(reads("A!AA"), "not Base64");
    ASSERT_FAILS(reads("A===AAAA"), "not Base64");
    ASSERT_FAILS(reads(""), "of 0 bytes is too short for its trie");
    ASSERT_FAILS(reads("CAAAAA=="), "of 4 bytes is too short for its trie");
    ASSERT_FAILS(reads("AgAAAAAA"), "of 6 bytes is too short for its trie");
    ASSERT_FAILS(reads("AAAAAP8="), "text that is not UTF-8");
    assert_true(reads("AAAAAA=="));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_is_found_by_what_the_text_begins_with),
        cmocka_unit_test(an_entry_that_points_nowhere_is_none),
        cmocka_unit_test(a_cluster_is_replaced_whole),
        cmocka_unit_test(origins_follow_the_account_of_the_library),
        cmocka_unit_test(broken_maps_are_refused),
    };
    text_init(&text);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    text_release(&text);
    arena_release(&arena);
    return failed;
}
