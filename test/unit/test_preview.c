#include "test/support/rows.h"
#include "test/support/support.h"
#include "test/support/tiny_model.h"

#include <math.h>

#include "train/preview.h"

static struct tokenizer tokenizer;
static struct rows rows;
static struct arena arena;
static const char *files[] = {"some/rows.jsonl"};

static int open_tokenizer(void **state)
{
    (void)state;
    struct err err = {0};
    ASSERT_OK(tokenizer_open(&tokenizer, tiny_model("tokens", "{}", NULL), &err));
    return 0;
}

static int close_tokenizer(void **state)
{
    (void)state;
    tokenizer_close(&tokenizer);
    arena_release(&arena);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    rows_init(&rows);
    rows.store.files = files;
    rows.store.n_files = 1;
    return 0;
}

static struct preview look(void)
{
    struct preview p;
    struct err err = {0};
    ASSERT_OK(preview_read(&p, &arena, &rows.store, &tokenizer, &err));
    return p;
}

static void a_row_is_shown_with_what_stands_before_what_is_trained_on(void **state)
{
    (void)state;
    rows_add(&rows, (const uint32_t[]){0, 1, 2, 1, TINY_END}, 5, 2);
    rows.row[0].line = 7;
    rows.store.n_trained = 3;
    struct preview p = look();
    assert_string_equal(p.path, "some/rows.jsonl");
    assert_int_equal(p.line, 7);
    assert_string_equal(p.before, "a b");
    assert_string_equal(p.trained, "c b <e>"); /* the token that ends it, too */
    assert_false(p.begins_late || p.ends_early || p.has_more);
    assert_true(fabs(p.share - 0.6) < 1e-12);
}

static void it_is_the_row_with_the_smallest_hash_that_is_trained_on(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 5; i++)
        rows_add(&rows, (const uint32_t[]){0, i % 3}, 2, 1);
    static const uint64_t hashes[] = {9, 5, 1, 3, 2};
    for (uint32_t i = 0; i < 5; i++) {
        rows.row[i].hash = hashes[i];
        rows.row[i].line = i;
    }
    rows.row[2].part = PART_EVAL;
    rows.row[4].is_rejected = true;
    assert_int_equal(look().line, 3);
}

static void long_parts_lose_what_is_far_from_where_training_begins(void **state)
{
    (void)state;
    uint32_t ids[200];
    for (uint32_t i = 0; i < 200; i++)
        ids[i] = i < 100 ? 0 : 1;
    rows_add(&rows, ids, 200, 100);
    struct preview p = look();
    assert_true(p.begins_late && p.ends_early && !p.has_more);
    assert_true(strlen(p.before) < 100 && strspn(p.before, "a ") == strlen(p.before));
    assert_true(strlen(p.trained) < 150 && strspn(p.trained, "b ") == strlen(p.trained));
}

static void further_stretches_are_said_to_follow(void **state)
{
    (void)state;
    rows_add(&rows, (const uint32_t[]){0, 1, 2, 2, 1}, 5, 1);
    rows.mask[0] &= (uint8_t) ~(1 << 2); /* 1 and 3, 4 are left */
    struct preview p = look();
    assert_string_equal(p.trained, "b");
    assert_true(p.has_more && !p.ends_early);
}

static void without_a_row_there_is_nothing_to_show(void **state)
{
    (void)state;
    assert_null(look().path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_row_is_shown_with_what_stands_before_what_is_trained_on, begin),
        cmocka_unit_test_setup(it_is_the_row_with_the_smallest_hash_that_is_trained_on, begin),
        cmocka_unit_test_setup(long_parts_lose_what_is_far_from_where_training_begins, begin),
        cmocka_unit_test_setup(further_stretches_are_said_to_follow, begin),
        cmocka_unit_test_setup(without_a_row_there_is_nothing_to_show, begin),
    };
    return cmocka_run_group_tests(tests, open_tokenizer, close_tokenizer);
}
