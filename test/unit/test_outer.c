#include "test/unit/cpu_check.h"

#include "backend/cpu/outer.h"

static void check_sizes(const struct kernels *k, enum products products, size_t rows, size_t n,
                        size_t m)
{
    struct arena arena = {0};
    struct cpu_device device = {k};
    struct backend b;
    backend_init(&b, &backend_cpu, NULL);
    b.device = &device;
    float *left = random_floats(&arena, rows * (n + 3), 1, 1);
    float *right = random_floats(&arena, rows * m, 1, 2);
    float *to = random_floats(&arena, n * m, 1, 3), *was = random_floats(&arena, n * m, 1, 3);
    struct outer o = {products, {left, rows, n, n + 3}, {right, rows, m, m}, to, NULL};
    o.scratch = arena_array(&arena, float, outer_floats(&b, m));
    outer_run(&b, &o);
    double difference = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < m; j++) {
            double sum = was[i * m + j];
            for (size_t row = 0; row < rows; row++)
                sum += (double)left[row * (n + 3) + i] * right[row * m + j];
            if (products == PRODUCTS_F32)
                assert_near(to[i * m + j], sum, 1e-5);
            difference += ((double)to[i * m + j] - sum) * ((double)to[i * m + j] - sum);
            size += sum * sum;
        }
    }
    assert_true(sqrt(difference) < 0x1p-7 * sqrt(size));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_of_all_rows_are_added_to_what_was_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
