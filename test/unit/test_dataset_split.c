#include "test/support/support.h"

#include "base/map.h"
#include "base/rng.h"
#include "text/dataset_split.h"

static struct err err;

static uint64_t hash_of(uint64_t row, uint64_t seed)
{
    return hash_bytes((struct span){(const uint8_t *)&row, sizeof row}, seed);
}

static const struct split_sizes by_default = {-1, -1};

/* Counts the rows 0 … n-1 of each part. */
static void count_parts(const struct dataset_split *s, uint64_t n, uint64_t rows[PART_COUNT])
{
    memset(rows, 0, PART_COUNT * sizeof *rows);
    for (uint64_t i = 0; i < n; i++)
        rows[split_part(s, hash_of(i, 7))]++;
}

static void split_numbers(struct dataset_split *s, uint64_t n, struct split_sizes sizes)
{
    split_init(s);
    for (uint64_t i = 0; i < n; i++)
        split_add(s, hash_of(i, 7));
    ASSERT_OK(split_finish(s, sizes, &err));
}

static void assert_rows(uint64_t n, struct split_sizes sizes, uint64_t eval, uint64_t test)
{
    struct dataset_split s;
    uint64_t rows[PART_COUNT];
    split_numbers(&s, n, sizes);
    assert_int_equal(s.rows[PART_EVAL], eval);
    assert_int_equal(s.rows[PART_TEST], test);
    assert_int_equal(s.rows[PART_TRAIN], n - eval - test);
    count_parts(&s, n, rows);
    for (int part = 0; part < PART_COUNT; part++)
        assert_int_equal(rows[part], s.rows[part]);
    split_release(&s);
}

static void shares_and_numbers_of_rows_are_exact(void **state)
{
    (void)state;
    assert_rows(1000, (struct split_sizes){0.1, 0.05}, 100, 50);
    assert_rows(1000, (struct split_sizes){100, 7}, 100, 7);
    assert_rows(1000, (struct split_sizes){0, 0}, 0, 0);
    assert_rows(30, (struct split_sizes){0.1, 0.1}, 3, 3);
    assert_rows(11, (struct split_sizes){0.1, 0}, 2, 0);
    assert_rows(1, (struct split_sizes){0, 0}, 0, 0);
    assert_rows(0, by_default, 0, 0);
}

static void the_default_grows_with_the_data_and_stops_at_a_thousand(void **state)
{
    (void)state;
    assert_rows(9, by_default, 0, 0);
    assert_rows(10, by_default, 1, 1);
    assert_rows(500, by_default, 50, 50);
    assert_rows(1500, by_default, 100, 100);
    assert_rows(10000, by_default, 500, 500);
    assert_rows(100000, by_default, 1000, 1000);
}

static void sizes_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    struct dataset_split s;
    uint64_t rows[PART_COUNT] = {10, 0, 0};
    split_init(&s);
    for (uint64_t i = 0; i < 10; i++)
        split_add(&s, hash_of(i, 7));
    ASSERT_FAILS(split_finish(&s, (struct split_sizes){6, 4}, &err), "no row would be left");
    assert_int_equal(err.kind, ERR_USAGE);
    split_release(&s);
    ASSERT_FAILS(split_contiguous((struct split_sizes){2.5, 0}, rows, &err),
                 "--eval-split 2.5 is neither");
    ASSERT_FAILS(split_contiguous((struct split_sizes){0, 1e300}, rows, &err),
                 "--test-split 1e+300 is neither");
    ASSERT_FAILS(split_contiguous((struct split_sizes){0.5, 0.5}, rows, &err), "no row");
}

/* Rows with duplicates, in an order of its own for each shuffle. */
static void add_shuffled(struct dataset_split *s, const uint32_t *rows, size_t n, uint64_t shuffle)
{
    uint32_t *copy = test_malloc(n * sizeof *copy);
    memcpy(copy, rows, n * sizeof *copy);
    struct rng rng = {.seed = shuffle};
    rng_shuffle(&rng, copy, n);
    for (size_t i = 0; i < n; i++)
        split_add(s, hash_of(copy[i], 7));
    test_free(copy);
}

static void order_changes_nothing_and_duplicates_never_cross(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct rng rng = {.seed = seed};
        enum { MOST = 400 };
        uint32_t rows[MOST];
        size_t n = 20 + (size_t)rng_below(&rng, MOST - 20);
        uint64_t distinct = 1 + rng_below(&rng, n);
        for (size_t i = 0; i < n; i++)
            rows[i] = (uint32_t)rng_below(&rng, distinct);
        struct split_sizes sizes = {(double)rng_below(&rng, n / 3), rng_uniform(&rng) * 0.3};
        struct dataset_split one, other;
        split_init(&one);
        split_init(&other);
        add_shuffled(&one, rows, n, 1);
        add_shuffled(&other, rows, n, 2);
        ASSERT_OK(split_finish(&one, sizes, &err));
        ASSERT_OK(split_finish(&other, sizes, &err));
        uint64_t counted[PART_COUNT] = {0};
        for (size_t i = 0; i < n; i++) {
            uint64_t hash = hash_of(rows[i], 7);
            assert_int_equal(split_part(&one, hash), split_part(&other, hash));
            counted[split_part(&one, hash)]++;
        }
        for (int part = 0; part < PART_COUNT; part++)
            assert_int_equal(counted[part], one.rows[part]);
        assert_true(one.rows[PART_EVAL] <= (uint64_t)sizes.eval);
        assert_int_equal(one.duplicates, other.duplicates);
        split_release(&one);
        split_release(&other);
    }
}

static void a_row_repeated_often_does_not_become_the_test(void **state)
{
    (void)state;
    struct dataset_split s;
    split_init(&s);
    for (uint64_t i = 0; i < 1000; i++)
        split_add(&s, hash_of(i % 10 == 0 ? i : 1, 7));
    ASSERT_OK(split_finish(&s, (struct split_sizes){20, 20}, &err));
    assert_int_equal(s.rows[PART_TEST], 20);
    assert_int_equal(s.rows[PART_EVAL], 20);
    assert_int_equal(split_part(&s, hash_of(1, 7)), PART_TRAIN);
    assert_int_equal(s.duplicates, 899);
    split_release(&s);
}

static void asking_for_more_eval_rows_keeps_the_test_rows(void **state)
{
    (void)state;
    struct dataset_split few, many;
    split_numbers(&few, 500, (struct split_sizes){10, 50});
    split_numbers(&many, 500, (struct split_sizes){200, 50});
    for (uint64_t i = 0; i < 500; i++) {
        uint64_t hash = hash_of(i, 7);
        assert_int_equal(split_part(&few, hash) == PART_TEST, split_part(&many, hash) == PART_TEST);
        if (split_part(&few, hash) == PART_EVAL)
            assert_int_equal(split_part(&many, hash), PART_EVAL);
    }
    split_release(&few);
    split_release(&many);
}

static void rows_of_a_test_file_stay_test_and_take_their_copies_along(void **state)
{
    (void)state;
    struct dataset_split s;
    split_init(&s);
    for (uint64_t i = 0; i < 100; i++)
        split_add(&s, hash_of(i, 7));
    for (uint64_t i = 95; i < 115; i++)
        split_add_fixed(&s, hash_of(i, 7), PART_TEST);
    split_add_fixed(&s, hash_of(97, 7), PART_EVAL);
    ASSERT_OK(split_finish(&s, by_default, &err));
    assert_int_equal(s.crossing, 5);
    assert_int_equal(s.duplicates, 6);
    assert_int_equal(s.rows[PART_TEST], 26);
    assert_int_equal(s.rows[PART_EVAL], 0);
    assert_int_equal(s.rows[PART_TRAIN], 95);
    for (uint64_t i = 0; i < 115; i++)
        assert_int_equal(split_part(&s, hash_of(i, 7)), i < 95 ? PART_TRAIN : PART_TEST);
    split_release(&s);
}

static void the_largest_hashes_have_a_part_too(void **state)
{
    (void)state;
    struct dataset_split s;
    split_init(&s);
    const uint64_t hashes[] = {0, 1, UINT64_MAX, UINT64_MAX - 1, UINT64_MAX / 2};
    for (size_t i = 0; i < COUNT_OF(hashes); i++)
        split_add(&s, hashes[i]);
    ASSERT_OK(split_finish(&s, (struct split_sizes){1, 1}, &err));
    assert_int_equal(split_part(&s, 0), PART_TEST);
    assert_int_equal(split_part(&s, 1), PART_TRAIN);
    assert_int_equal(split_part(&s, UINT64_MAX), PART_EVAL);
    split_release(&s);
}

static void pieces_of_a_document_are_held_out_from_its_end(void **state)
{
    (void)state;
    uint64_t rows[PART_COUNT] = {100, 0, 0};
    ASSERT_OK(split_contiguous((struct split_sizes){0.1, 5}, rows, &err));
    assert_int_equal(rows[PART_TRAIN], 85);
    assert_int_equal(rows[PART_EVAL], 10);
    assert_int_equal(rows[PART_TEST], 5);
    uint64_t with_test_file[PART_COUNT] = {100, 0, 7};
    ASSERT_OK(split_contiguous((struct split_sizes){0.1, 5}, with_test_file, &err));
    assert_int_equal(with_test_file[PART_TRAIN], 90);
    assert_int_equal(with_test_file[PART_EVAL], 10);
    assert_int_equal(with_test_file[PART_TEST], 7);
    assert_string_equal(dataset_part_name(PART_EVAL), "eval");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_and_numbers_of_rows_are_exact),
        cmocka_unit_test(the_default_grows_with_the_data_and_stops_at_a_thousand),
        cmocka_unit_test(sizes_that_make_no_sense_are_refused),
        cmocka_unit_test(order_changes_nothing_and_duplicates_never_cross),
        cmocka_unit_test(a_row_repeated_often_does_not_become_the_test),
        cmocka_unit_test(asking_for_more_eval_rows_keeps_the_test_rows),
        cmocka_unit_test(rows_of_a_test_file_stay_test_and_take_their_copies_along),
        cmocka_unit_test(the_largest_hashes_have_a_part_too),
        cmocka_unit_test(pieces_of_a_document_are_held_out_from_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
