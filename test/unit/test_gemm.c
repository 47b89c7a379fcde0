#include "test/unit/cpu_check.h"

#include "backend/cpu/gemm.h"
#include "tensor/half.h"
#include "tensor/quant.h"

static void check_product(const struct kernels *k, size_t rows, size_t columns, size_t depth)
{
    struct arena arena = {0};
    size_t panels = (columns + k->panel - 1) / k->panel;
    float *a = random_floats(&arena, rows * depth, 1, 1);
    float *b = random_floats(&arena, panels * k->panel * depth, 1, 2);
    float *packed = arena_array(&arena, float, gemm_a_floats(k, rows, depth));
    float *c = arena_array(&arena, float, rows *(columns + 1));
    struct gemm g = {.rows = rows,
                     .columns = columns,
                     .depth = depth,
                     .a = packed,
                     .a_step = k->tile_rows,
                     .b = b,
                     .b_step = k->panel,
                     .b_panel = k->panel * depth,
                     .c = c,
                     .c_step = columns + 1};
    g.a_strip = gemm_pack_a(k, PRODUCTS_F32, packed, (struct mat){a, rows, depth, depth}, 0, rows);
    for (int turn = 1; turn <= 2; turn++) {
        gemm_run(k, &g);
        g.adds = true;
        for (size_t i = 0; i < rows; i++) {
            for (size_t j = 0; j < columns; j++) {
                double sum = 0;
                for (size_t d = 0; d < depth; d++)
                    sum += (double)a[i * depth + d] *
                           b[(j / k->panel * depth + d) * k->panel + j % k->panel];
                assert_near(c[i * (columns + 1) + j], turn * sum, 1e-5);
            }
            assert_true(c[i * (columns + 1) + columns] == 0);
        }
    }
    arena_release(&arena);
}

/* In bfloat16, B packed from weights as well: as exact as the sum of rounded numbers. */
static void check_pairs(const struct kernels *k, size_t rows, size_t columns, size_t depth)
{
    struct arena arena = {0};
    struct cpu_device device = {k};
    struct backend on;
    backend_init(&on, &backend_cpu, NULL);
    on.device = &device;
    float *a = random_floats(&arena, rows * depth, 1, 1);
    float *b = random_floats(&arena, columns * depth, 1, 2);
    float *left = arena_array(&arena, float, gemm_a_floats(k, rows, depth));
    float *right = arena_array(&arena, float, gemm_b_floats(k, columns, depth));
    float *c = arena_array(&arena, float, rows *columns);
    size_t cells = gemm_cells(k, PRODUCTS_BF16, depth);
    struct weight w = {b, DTYPE_F32, columns, depth, false};
    struct packing p = {&w, true, 0, columns, 0, depth, right, depth, 0, PRODUCTS_BF16};
    packing_run(&on, &p, 1, arena_array(&arena, float, PACKING_FLOATS));
    struct gemm g = {.products = PRODUCTS_BF16,
                     .rows = rows,
                     .columns = columns,
                     .depth = cells,
                     .a = left,
                     .a_step = k->tile_rows,
                     .b = right,
                     .b_step = k->panel,
                     .b_panel = k->panel * cells,
                     .c = c,
                     .c_step = columns};
    g.a_strip = gemm_pack_a(k, PRODUCTS_BF16, left, (struct mat){a, rows, depth, depth}, 0, rows);
    gemm_run(k, &g);
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++) {
            double sum = 0;
            for (size_t d = 0; d < depth; d++)
                sum += (double)half_from_bf16(half_to_bf16(a[i * depth + d])) *
                       (double)half_from_bf16(half_to_bf16(b[j * depth + d]));
            assert_near(c[i * columns + j], sum, 1e-5);
        }
    }
    arena_release(&arena);
}

static void products_of_pairs_are_those_of_rounded_numbers(void **state)
{
    (void)state;
    const struct kernels *k;
    for (size_t i = 0; (k = kernels_at(i)) != NULL; i++) {
        for (size_t n = 1; n <= 34; n++) {
            check_pairs(k, n, 35 - n, 5);
            check_pairs(k, 3, n, 1);
            check_pairs(k, n, 65, 40);
        }
        check_pairs(k, 29, 70, 513);
    }
}

static void products_are_right_at_every_rest(void **state)
{
    (void)state;
    const struct kernels *k;
    for (size_t i = 0; (k = kernels_at(i)) != NULL; i++) {
        for (size_t n = 1; n <= 34; n++) {
            check_product(k, n, 35 - n, 5);
            check_product(k, 3, n, 1);
            check_product(k, n, 65, 40);
        }
        check_product(k, 5, 5, 0);
    }
}

/* B[depth][column] of the packing, from its panels. */
static float packed_at(const struct kernels *k, const struct packing *p, size_t d, size_t j)
{
    return p->out[(j / k->panel * p->panel_depth + p->to_depth + d) * k->panel + j % k->panel];
}

static void check_packing(const struct kernels *k, enum dtype dtype, bool is_across,
                          bool transposed)
{
    enum { ROWS = 300, WIDTH = 768, FIRST = 256, PAD = 3 };
    struct arena arena = {0};
    struct cpu_device device = {k};
    struct backend b;
    backend_init(&b, &backend_cpu, NULL);
    b.device = &device;
    float *values = random_floats(&arena, ROWS * WIDTH, 1, 4);
    uint64_t bytes = 0;
    assert_true(dtype_bytes(dtype, ROWS * WIDTH, &bytes));
    uint8_t *stored = (uint8_t *)arena_alloc(&arena, bytes + 1) + 1; /* at any address */
    quant_encode(dtype, values, stored, ROWS * WIDTH);
    quant_decode(dtype, stored, values, ROWS * WIDTH);
    struct weight w = {stored, dtype, ROWS, WIDTH, transposed};
    bool crosses = is_across != transposed;
    struct packing p = {.weight = &w,
                        .is_across = is_across,
                        .column = crosses ? 0 : FIRST,
                        .depth = crosses ? FIRST : 0,
                        .n_columns = crosses ? ROWS - 1 : WIDTH - FIRST,
                        .n_depth = crosses ? WIDTH - FIRST : ROWS - 1,
                        .to_depth = PAD};
    p.panel_depth = p.n_depth + PAD;
    size_t panels = (p.n_columns + k->panel - 1) / k->panel;
    p.out = arena_array(&arena, float, panels * k->panel * p.panel_depth);
    packing_run(&b, &p, 1, arena_array(&arena, float, PACKING_FLOATS));
    for (size_t d = 0; d < p.n_depth; d++) {
        for (size_t j = 0; j < panels * k->panel; j++) {
            size_t row = crosses ? j : d, column = FIRST + (crosses ? d : j);
            float wanted = j < p.n_columns ? values[row * WIDTH + column] : 0;
            assert_true(packed_at(k, &p, d, j) == wanted);
        }
    }
    arena_release(&arena);
}

static void weights_are_packed_in_both_directions_from_every_storage(void **state)
{
    (void)state;
    static const enum dtype all[] = {DTYPE_F32,  DTYPE_BF16, DTYPE_F16, DTYPE_Q8_0,
                                     DTYPE_Q4_0, DTYPE_Q4_K, DTYPE_Q6_K};
    const struct kernels *k;
    for (size_t i = 0; (k = kernels_at(i)) != NULL; i++) {
        for (size_t type = 0; type < COUNT_OF(all); type++) {
            for (int way = 0; way < 4; way++)
                check_packing(k, all[type], way & 1, way & 2);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_right_at_every_rest),
        cmocka_unit_test(products_of_pairs_are_those_of_rounded_numbers),
        cmocka_unit_test(weights_are_packed_in_both_directions_from_every_storage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
