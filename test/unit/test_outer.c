#include "test/unit/cpu_check.h"

#include "backend/cpu/outer.h"

static void check_sum(const struct outer *o, const float *was, enum products products)
{
    double difference = 0, size = 0;
    size_t n = o->left.width, m = o->right.width;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < m; j++) {
            double sum = was[i * m + j];
            for (size_t row = 0; row < o->left.rows; row++)
                sum += (double)mat_row(o->left, row)[i] * mat_row(o->right, row)[j];
            double error = (double)o->to[i * m + j] - sum;
            if (products == PRODUCTS_F32)
                assert_near(o->to[i * m + j], sum, 1e-5);
            difference += error * error;
            size += sum * sum;
        }
    }
    assert_true(sqrt(difference) < 0x1p-7 * sqrt(size));
}

/* Two with one right matrix, then one with the sides exchanged. */
static void check_sizes(const struct kernels *k, enum products products, size_t rows, size_t n,
                        size_t m)
{
    struct arena arena = {0};
    struct cpu_device device = {k};
    struct backend b;
    backend_init(&b, &backend_cpu, NULL);
    b.device = &device;
    struct mat wide = {random_floats(&arena, rows * (2 * n + 3), 1, 1), rows, 2 * n, 2 * n + 3};
    struct mat right = {random_floats(&arena, rows * m, 1, 2), rows, m, m};
    struct mat first = mat_columns(wide, 0, n), second = mat_columns(wide, n, n);
    struct outer o[OUTERS_MOST] = {
        {first, right, NULL}, {second, right, NULL}, {right, second, NULL}};
    float *was = random_floats(&arena, n * m, 1, 3);
    for (size_t i = 0; i < OUTERS_MOST; i++)
        o[i].to = random_floats(&arena, n * m, 1, 3);
    outer_run(&b, products, o, OUTERS_MOST, arena_array(&arena, float, outer_floats(&b, m + n)));
    for (size_t i = 0; i < OUTERS_MOST; i++)
        check_sum(&o[i], was, products);
    arena_release(&arena);
}

static void products_of_all_rows_are_added_to_what_was_there(void **state)
{
    (void)state;
    const struct kernels *k;
    for (size_t i = 0; (k = kernels_at(i / 2)) != NULL; i++) {
        enum products products = i % 2 ? PRODUCTS_BF16 : PRODUCTS_F32;
        check_sizes(k, products, 1, 1, 1);
        check_sizes(k, products, 300, 90, 70);
        check_sizes(k, products, 256, 84, 32);
        check_sizes(k, products, 17, 200, 5);
    }
}

static void rows_are_summed_five_hundred_at_a_time(void **state)
{
    (void)state;
    check_sizes(kernels_best(), PRODUCTS_F32, 600, 8, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_of_all_rows_are_added_to_what_was_there),
        cmocka_unit_test(rows_are_summed_five_hundred_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
