/* Attention at sizes where blocks end; test/op has the options. */
#include "test/unit/cpu_check.h"

#include "backend/cpu/attn.h"

/* Longer than the keys that are taken at once, forward (504) and back (256). */
static const struct segment long_text[] = {{0, 0, 600, 0, SEGMENT_NO_PARENT}};

/* A beginning of 300 tokens that two texts share, one of which branches again, and a text apart. */
static const struct segment tree[] = {
    {0, 0, 300, 0, SEGMENT_NO_PARENT},
    {300, 300, 37, 300, 0},
    {337, 337, 101, 300, 0},
    {438, 438, 5, 401, 2},
    {443, 443, 1, 0, SEGMENT_NO_PARENT},
};

/* One token each of two texts, behind what is in the cache. */
static const struct segment cached[] = {
    {SEGMENT_NO_QUERIES, 0, 700, 0, SEGMENT_NO_PARENT},
    {0, 700, 1, 700, 0},
    {SEGMENT_NO_QUERIES, 710, 90, 0, SEGMENT_NO_PARENT},
    {1, 800, 1, 90, 2},
};

/* Many queries that see little of a large cache: more keys in all than any text has. */
static const struct segment scattered[] = {
    {SEGMENT_NO_QUERIES, 0, 20, 0, SEGMENT_NO_PARENT},
    {0, 300, 6, 20, 0},
};

static void check_segments(const char *name, const struct segment *segments, size_t n,
                           unsigned flags)
{
    struct case_row row = {.op = CASE_ATTN,
                           .name = name,
                           .C = 20,
                           .H = 2,
                           .K = 1,
                           .segments = segments,
                           .n_segments = n,
                           .flags = flags};
    check_large_case(&row);
    row.window = 40;
    row.softcap = 3;
    check_case(&row);
}

static void texts_longer_than_one_go_go_on(void **state)
{
    (void)state;
    check_segments("long", long_text, COUNT_OF(long_text), 0);
}

static void beginnings_are_shared_across_the_ends_of_strips(void **state)
{
    (void)state;
    check_segments("tree", tree, COUNT_OF(tree), 0);
}

/* Enough of them that a block of the adjoint has all heads that read the same keys. */
static void many_texts_sum_the_heads_of_a_group_in_place(void **state)
{
    (void)state;
    struct segment texts[9];
    int32_t n = 0;
    for (int32_t i = 0; i < 9; i++) {
        int32_t parent = i == 8 ? 3 : SEGMENT_NO_PARENT;
        texts[i] = (struct segment){n, n, 5 + 7 * i, i == 8 ? texts[3].n : 0, parent};
        n += texts[i].n;
    }
    struct case_row row = {.op = CASE_ATTN,
                           .name = "many",
                           .C = 12,
                           .H = 6,
                           .K = 2,
                           .segments = texts,
                           .n_segments = COUNT_OF(texts)};
    check_case(&row);
    row.window = 20;
    check_large_case(&row);
}

static void single_queries_read_the_cache(void **state)
{
    (void)state;
    check_segments("cached", cached, COUNT_OF(cached), CASE_FORWARD);
    check_segments("scattered", scattered, COUNT_OF(scattered), CASE_FORWARD);
}

static void a_query_sees_its_window_in_each_segment(void **state)
{
    (void)state;
    struct attn_args a = {.window = 4, .segment = tree, .n_segments = COUNT_OF(tree)};
    struct key_range seen = key_range_seen(&a, &tree[0], 301);
    assert_int_equal(seen.first, 298);
    assert_int_equal(seen.last, 300);
    seen = key_range_seen(&a, &tree[1], 301);
    assert_int_equal(seen.first, 300);
    assert_int_equal(seen.last, 302);
    seen = key_range_seen(&a, &tree[0], 303);
    assert_true(seen.first >= seen.last);
    a.window = 0;
    seen = key_range_seen(&a, &tree[0], 303);
    assert_int_equal(seen.first, 0);
    assert_int_equal(seen.last, 300);
}

static void run_with_parents_behind(void)
{
    static const struct segment wrong[] = {{0, 0, 1, 1, 1}, {1, 1, 1, 0, SEGMENT_NO_PARENT}};
    struct attn_args a = {.heads = 1,
                          .kv_heads = 1,
                          .head = 4,
                          .segment = wrong,
                          .n_segments = 2,
                          .q = {NULL, 2, 4, 4},
                          .k = {NULL, 2, 4, 4},
                          .v = {NULL, 2, 4, 4}};
    attn_check(&a);
}

static void a_parent_behind_its_child_is_a_mistake_of_the_programmer(void **state)
{
    (void)state;
    assert_check_fails(run_with_parents_behind, "s->parent");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_longer_than_one_go_go_on),
        cmocka_unit_test(beginnings_are_shared_across_the_ends_of_strips),
        cmocka_unit_test(many_texts_sum_the_heads_of_a_group_in_place),
        cmocka_unit_test(single_queries_read_the_cache),
        cmocka_unit_test(a_query_sees_its_window_in_each_segment),
        cmocka_unit_test(a_parent_behind_its_child_is_a_mistake_of_the_programmer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
