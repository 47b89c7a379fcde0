#include "test/support/support.h"

#include <string.h>

#include "train/order.h"

enum { N = 10 };

static const uint32_t rows[N] = {3, 5, 7, 9, 11, 13, 15, 17, 19, 21};
static struct arena arena;
static struct order o;

static void begin(size_t batch_rows, bool shuffles, uint64_t seed)
{
    arena_release(&arena);
    order_init(
        &o, &arena,
        &(struct order_options){
            .rows = rows, .n = N, .batch_rows = batch_rows, .shuffles = shuffles, .seed = seed});
}

static void an_epoch_has_every_row_once(void **state)
{
    (void)state;
    begin(4, true, 1);
    assert_int_equal(o.steps_per_epoch, 3);
    uint32_t first[N] = {0};
    for (int64_t epoch = 0; epoch < 3; epoch++) {
        uint32_t seen[N];
        size_t total = 0;
        for (int64_t i = 0; i < 3; i++) {
            size_t n;
            const uint32_t *step = order_step(&o, 3 * epoch + i, &n);
            assert_int_equal(n, i < 2 ? 4 : 2);
            memcpy(seen + total, step, n * sizeof *step);
            total += n;
        }
        assert_int_equal(total, N);
        for (size_t i = 0; i < N; i++) {
            size_t k = 0;
            while (k < N && seen[k] != rows[i])
                k++;
            assert_true(k < N);
        }
        assert_true(memcmp(seen, first, sizeof seen) != 0);
        memcpy(first, seen, sizeof first);
    }
}

static void the_order_depends_on_seed_and_step_alone(void **state)
{
    (void)state;
    size_t n;
    uint32_t kept[4];
    begin(4, true, 1);
    memcpy(kept, order_step(&o, 7, &n), sizeof kept);
    order_step(&o, 0, &n);
    assert_memory_equal(order_step(&o, 7, &n), kept, sizeof kept);
    begin(4, true, 2);
    assert_memory_not_equal(order_step(&o, 7, &n), kept, sizeof kept);
    assert_int_equal(order_batch(&o, 7), 7);
}

static void without_shuffling_rows_come_as_in_the_file(void **state)
{
    (void)state;
    size_t n;
    begin(4, false, 1);
    assert_memory_equal(order_step(&o, 3, &n), rows, 4 * sizeof *rows);
    assert_memory_equal(order_step(&o, 4, &n), rows + 4, 4 * sizeof *rows);
    assert_int_equal(order_batch(&o, 4), 1);
}

static void steps_are_rounded_as_hugging_face_rounds_them(void **state)
{
    (void)state;
    begin(4, true, 1);
    assert_int_equal(order_total_steps(&o, 1, -1), 3);
    assert_int_equal(order_total_steps(&o, 1.1, 0), 4);
    assert_int_equal(order_total_steps(&o, 2.5, -1), 8);
    assert_int_equal(order_total_steps(&o, 2.5, 5), 5);
    begin(100, true, 1);
    assert_int_equal(o.steps_per_epoch, 1);
}

static void rows_that_are_packed_stay_together(void **state)
{
    (void)state;
    const size_t unit[] = {0, 3, 4, 9, 10};
    size_t n, total = 0;
    arena_release(&arena);
    order_init(
        &o, &arena,
        &(struct order_options){
            .rows = rows, .n = N, .unit = unit, .n_units = 4, .batch_rows = 3, .shuffles = true});
    assert_int_equal(o.steps_per_epoch, 2);
    for (int64_t step = 0; step < 2; step++) {
        const uint32_t *taken = order_step(&o, step, &n);
        for (size_t i = 0; i < n; i++)
            if (taken[i] == 11) /* the first of five */
                assert_memory_equal(taken + i, rows + 4, 5 * sizeof *rows);
        total += n;
    }
    assert_int_equal(total, N);
}

static int release(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_epoch_has_every_row_once),
        cmocka_unit_test(the_order_depends_on_seed_and_step_alone),
        cmocka_unit_test(without_shuffling_rows_come_as_in_the_file),
        cmocka_unit_test(steps_are_rounded_as_hugging_face_rounds_them),
        cmocka_unit_test(rows_that_are_packed_stay_together),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
