/*
 * The tiles of the processor's matrix unit. The source is compiled here once more against a model
 * of them, on the plain set, so that every machine tests its indices; and the compiled set runs
 * with the model in the place of instructions that this processor does not have, or with its own.
 */
#define _GNU_SOURCE /* the registers in a signal's context */
#define AMX_MODEL
#define KERNEL_SET plain
#include "test/unit/amx_model.h"

#include "backend/cpu/kernel_amx.c"

#include "backend/cpu/gemm.h"
#include "tensor/half.h"
#include "test/unit/cpu_check.h"

/* The plain set with the tiles; attention, whose lanes are a set's own, does not fit it. */
static struct kernels modelled(void)
{
    struct kernels k = *kernels_at(0);
    k.name = "amx, modelled";
    k.tile_rows = AMX_TILE_ROWS;
    k.panel = AMX_PANEL;
    k.f32 = (struct product)AMX_PRODUCT_F32;
    k.bf16 = (struct product)AMX_PRODUCT_BF16;
    return k;
}

/* ----------------------------------------------------------------------------- the instructions */

static float sum_of_two(float c, float a0, float b0, float a1, float b1)
{
    const float a[] = {a0, a1};
    const model_terms b = {{b0, b1}};
    return amx_model_sum(c, a, b, 0, 1);
}

static void the_model_rounds_and_flushes_as_the_manual_says(void **state)
{
    (void)state;
    assert_true(sum_of_two(1, 2, 3, 4, 5) == 27);
    /* Both products first, and only then the accumulator: 2^24 + 1 would be lost twice. */
    assert_true(sum_of_two(16777216, 1, 1, 1, 1) == 16777218);
    const uint8_t denormal[] = {1, 0, 0x80, 0x3f};
    assert_true(model_term(denormal, 0) == 0 && model_term(denormal, 1) == 1);
    assert_true(sum_of_two(0, 0x1p-70f, 0x1p-70f, 0, 0) == 0);
    assert_true(sum_of_two(0x1p-130f, 0, 0, 0, 0) == 0);
    assert_true(isnan(sum_of_two(0, NAN, 1, 0, 0)) && isnan(sum_of_two(0, INFINITY, 0, 0, 0)));
}

static void use_without_shapes(void)
{
    amx_model_release();
    amx_model_zero(0);
}

static void the_model_refuses_tiles_without_shapes(void **state)
{
    (void)state;
    assert_check_fails(use_without_shapes, "model.is_configured && model.config.rows[tile] > 0");
}

/* ------------------------------------------------------------------------------------- packing */

static uint32_t cell_of(float low, float high)
{
    return half_to_bf16(low) | (uint32_t)half_to_bf16(high) << 16;
}

static size_t place_of(size_t i, size_t c, size_t cells)
{
    size_t first = c / AMX_CELLS * AMX_CELLS, n = min_size(cells - first, AMX_CELLS);
    return first * AMX_TILE_ROWS + i * n + c % AMX_CELLS;
}

static void check_packing(const struct kernels *k, size_t rows, size_t n)
{
    enum { WIDTH = 105, LONGEST = 100 };
    struct arena arena = {0};
    float *in = random_floats(&arena, WIDTH * LONGEST, 1, 3);
    size_t cells = (n + 1) / 2;
    float out[AMX_TILE_ROWS * LONGEST / 2 + 1];
    for (int is_copy = 0; is_copy < 2; is_copy++) {
        memset(out, 0x55, sizeof out);
        out[cells * AMX_TILE_ROWS] = 5;
        (is_copy ? k->bf16.copy_left : k->bf16.pack_left)(out, AMX_TILE_ROWS, in, WIDTH,
                                                          is_copy ? n : rows, is_copy ? rows : n);
        for (size_t i = 0; i < AMX_TILE_ROWS; i++) {
            for (size_t c = 0; c < cells; c++) {
                const float *at = is_copy ? in + 2 * c * WIDTH + i : in + i * WIDTH + 2 * c;
                float high = 2 * c + 1 < n ? at[is_copy ? WIDTH : 1] : 0;
                uint32_t found, wanted = i < rows ? cell_of(at[0], high) : 0;
                memcpy(&found, &out[place_of(i, c, cells)], sizeof found);
                assert_int_equal(found, wanted);
            }
        }
        assert_true(out[cells * AMX_TILE_ROWS] == 5);
    }
    arena_release(&arena);
}

static void the_left_operand_lies_in_blocks_of_rows(void **state)
{
    (void)state;
    struct kernels model_set = modelled();
    for (size_t rows = 1; rows <= AMX_TILE_ROWS; rows++) {
        for (size_t n = 1; n <= 100; n += 1 + rows % 3)
            check_packing(&model_set, rows, n);
    }
}

/* --------------------------------------------------------------------------------------- tiles */

/* A[rows][2 cells] and B[columns][2 cells], and what may be read of them; C in the middle of other
 * numbers. */
struct product_case {
    size_t rows, columns, cells;
    bool is_packed, adds;
    float *a, *b, *c;
};

enum { C_STEP = 45, C_ROWS = 30, C_AT = 1 };

/* One tile. Beyond the depth B is not a number, nor is A beyond its rows where it is not packed. */
static void run_tile(const struct kernels *k, struct arena *arena, const struct product_case *p)
{
    enum { A_STEP = 31 };
    size_t n = 2 * p->cells, left_floats = (p->cells + 1) * 32;
    float *left = arena_array(arena, float, left_floats);
    float *right = arena_array(arena, float, (p->cells + 3) * AMX_PANEL);
    for (size_t i = 0; i < left_floats; i++)
        left[i] = NAN;
    for (size_t i = 0; i < (p->cells + 3) * AMX_PANEL; i++)
        right[i] = NAN;
    if (p->is_packed)
        k->bf16.pack_left(left, AMX_TILE_ROWS, p->a, n, p->rows, n);
    else
        k->bf16.pack(left, A_STEP, p->a, n, p->rows, n);
    for (size_t c = 0; c < p->cells && !p->is_packed; c++) {
        for (size_t i = p->rows; i < A_STEP; i++)
            left[c * A_STEP + i] = NAN;
    }
    k->bf16.pack(right, AMX_PANEL, p->b, n, p->columns, n);
    struct tile t = {.rows = p->rows,
                     .columns = p->columns,
                     .depth = p->cells,
                     .a = left,
                     .b = right,
                     .a_step = p->is_packed ? AMX_TILE_ROWS : A_STEP,
                     .b_step = AMX_PANEL,
                     .c = p->c + C_AT * C_STEP + C_AT,
                     .c_step = C_STEP,
                     .adds = p->adds};
    k->bf16.begin();
    k->bf16.tile(&t);
    k->bf16.end();
}

/* The element as the manual's order of sums has it, 16 cells at a time. */
static float sum_in_order(const struct product_case *p, size_t i, size_t j)
{
    float a[2 * AMX_CELLS], sum = 0;
    model_terms b;
    for (size_t k = 0; k < 2 * p->cells; k += 2 * AMX_CELLS) {
        size_t n = min_size(2 * p->cells - k, 2 * AMX_CELLS);
        for (size_t c = 0; c < n; c++) {
            a[c] = half_from_bf16(half_to_bf16(p->a[i * 2 * p->cells + k + c]));
            b[c / 2][c % 2] = half_from_bf16(half_to_bf16(p->b[j * 2 * p->cells + k + c]));
        }
        sum = amx_model_sum(sum, a, b, 0, (int)n / 2);
    }
    return sum;
}

static void check_tile(const struct kernels *k, struct product_case p, uint64_t stream)
{
    struct arena arena = {0};
    float *before = random_floats(&arena, C_ROWS * C_STEP, 1, stream);
    p.a = random_floats(&arena, p.rows * p.cells * 2, 1, stream + 1);
    p.b = random_floats(&arena, p.columns * p.cells * 2, 1, stream + 2);
    p.c = arena_array(&arena, float, C_ROWS *C_STEP);
    memcpy(p.c, before, C_ROWS * C_STEP * sizeof(float));
    run_tile(k, &arena, &p);
    for (size_t i = 0; i < C_ROWS; i++) {
        for (size_t j = 0; j < C_STEP; j++) {
            float was = before[i * C_STEP + j], found = p.c[i * C_STEP + j];
            bool is_inside = i >= C_AT && i < C_AT + p.rows && j >= C_AT && j < C_AT + p.columns;
            float sum = is_inside ? sum_in_order(&p, i - C_AT, j - C_AT) : 0;
            if (found != (is_inside ? (p.adds ? was + sum : sum) : was))
                fail_msg("%s: %zu x %zu x %zu, %d %d: element %zu, %zu is %.9g", k->name, p.rows,
                         p.columns, p.cells, p.is_packed, p.adds, i, j, (double)found);
        }
    }
    arena_release(&arena);
}

/* Where the processor has tiles of its own this says whether they follow the manual's order. */
static void check_tiles(const struct kernels *k)
{
    static const size_t cells[] = {0, 1, 2, 7, 15, 16, 17, 31, 32, 33, 50};
    for (size_t i = 0; i < COUNT_OF(cells); i++) {
        for (size_t rows = 1; rows <= AMX_TILE_ROWS; rows += i % 3 ? 9 : 1) {
            size_t columns = 1 + (rows * 11 + i * 5) % AMX_PANEL;
            for (unsigned way = 0; way < 4; way++) {
                struct product_case p = {rows, columns, cells[i], way & 1, way & 2, 0, 0, 0};
                check_tile(k, p, i + rows);
                p.columns = AMX_PANEL;
                check_tile(k, p, i + rows);
            }
        }
    }
}

static void tiles_are_right_at_every_rest_and_in_the_manuals_order(void **state)
{
    (void)state;
    struct kernels model_set = modelled();
    check_tiles(&model_set);
    for (size_t columns = 1; columns <= AMX_PANEL; columns++)
        check_tile(&model_set, (struct product_case){28, columns, 18, true, false, 0, 0, 0},
                   columns);
}

static void the_last_processors_tile_need_not_be_whole(void **state)
{
    (void)state;
    struct kernels model_set = modelled();
    assert_true(kernel_amx_multiplies(&model_set));
}

static void tile_that_forgets_a_column(const struct tile *t)
{
    struct tile less = *t;
    less.columns -= less.columns > 16;
    KERNEL(kernel_amx_tile)(&less);
}

static void tile_that_reads_one_cell_less(const struct tile *t)
{
    struct tile less = *t;
    less.depth -= less.depth % 16 == 7;
    KERNEL(kernel_amx_tile)(&less);
}

static void a_set_that_multiplies_wrongly_is_found_out(void **state)
{
    (void)state;
    struct kernels wrong = modelled();
    wrong.bf16.tile = tile_that_forgets_a_column;
    assert_false(kernel_amx_multiplies(&wrong));
    wrong.bf16.tile = tile_that_reads_one_cell_less;
    assert_false(kernel_amx_multiplies(&wrong));
    wrong = modelled();
    wrong.bf16.pack_left = wrong.bf16.pack;
    assert_false(kernel_amx_multiplies(&wrong));
}

/* ---------------------------------------------------------------------------- whole operations */

/* Gradients of weights over more rows than a block of cells. */
static const struct case_row many_rows = {
    .op = CASE_LINEAR, .name = "many rows", .R = 301, .C = 40, .out = {24, 36}, .rank = {4}};

/* Linear layers and the loss on the model: everything but attention. */
static void operations_on_the_model_are_those_of_ref(void **state)
{
    (void)state;
    struct kernels model_set = modelled();
    struct cpu_device device = {&model_set};
    struct case_backend ref = {.ops = &backend_ref};
    struct case_backend on = {.ops = &backend_cpu, .device = &device, .products = PRODUCTS_BF16};
    size_t n = 0;
    for (size_t i = 0; i <= cases_count; i++) {
        const struct case_row *row = i < cases_count ? &cases_table[i] : &many_rows;
        if (!cases_has_products(row->op) || row->op == CASE_ATTN || (row->flags & CASE_LARGE))
            continue;
        struct case_finding found = cases_compare(row, &ref, &on);
        if (!cases_pass(&found))
            fail_msg("%s: %s differs by %g", row->name, found.output, found.error);
        n++;
    }
    assert_true(n > 10);
}

/* ----------------------------------------------------------------------------- the compiled set */

#if defined(__x86_64__) && defined(__linux__)

/* The set as compiled, on the processor's tiles or on the model; NULL where neither can run it. */
static const struct kernels *compiled(void)
{
    const struct kernels *k = kernel_amx_built();
    if (!k || !__builtin_cpu_supports("avx512bf16") || !__builtin_cpu_supports("avx512dq"))
        return NULL;
    if (!kernel_amx_open())
        amx_model_answer();
    return k;
}

static void the_compiled_tiles_are_those_of_the_source(void **state)
{
    (void)state;
    const struct kernels *k = compiled();
    if (!k)
        skip();
    assert_string_equal(k->name, "amx");
    assert_true(kernel_amx_multiplies(k));
    for (size_t rows = 1; rows <= AMX_TILE_ROWS; rows++) {
        for (size_t n = 1; n <= 100; n += 1 + rows % 3)
            check_packing(k, rows, n);
    }
    check_tiles(k);
    for (int i = 0; i < MODEL_KINDS && !kernel_amx_open(); i++)
        assert_true(atomic_load(&amx_model_did[i]) > 0);
}

static void check_operation(const struct kernels *k, const struct case_row *row,
                            struct thread_pool *three)
{
    struct cpu_device device = {k};
    struct case_backend ref = {.ops = &backend_ref};
    struct case_backend alone = {.ops = &backend_cpu, .device = &device, .products = PRODUCTS_BF16};
    struct case_backend shared = alone;
    shared.threads = three;
    struct case_finding found = cases_compare(row, &ref, &shared);
    if (!cases_pass(&found))
        fail_msg("%s: %s differs by %g", row->name, found.output, found.error);
    found = cases_repeat(row, &alone, &shared);
    if (!cases_pass(&found))
        fail_msg("%s: %s depends on threads", row->name, found.output);
    shared.products = PRODUCTS_F32;
    found = cases_compare(row, &ref, &shared);
    if (!cases_pass(&found))
        fail_msg("%s, in float32: %s differs by %g", row->name, found.output, found.error);
    struct cpu_device without = {kernels_at(3)};
    struct case_backend base = {.ops = &backend_cpu, .device = &without};
    assert_string_equal(without.kernels->name, "avx512bf16");
    found = cases_repeat(row, &base, &shared);
    if (row->op != CASE_ATTN && !cases_pass(&found))
        fail_msg("%s, in float32: %s differs from avx512bf16's", row->name, found.output);
}

/* Attention too, and with several threads; of the large cases one for each operation. */
static void operations_of_the_compiled_set_are_those_of_ref(void **state)
{
    (void)state;
    const struct kernels *k = compiled();
    if (!k)
        skip();
    struct err err = {0};
    struct thread_pool *three;
    bool has_large[CASE_OPS] = {false};
    ASSERT_OK(thread_pool_open(&three, 3, &err));
    for (size_t i = 0; i < cases_count; i++) {
        const struct case_row *row = &cases_table[i];
        bool is_large = row->flags & CASE_LARGE;
        if (cases_has_products(row->op) && !(is_large && has_large[row->op]))
            check_operation(k, row, three);
        has_large[row->op] = has_large[row->op] || is_large;
    }
    check_operation(k, &many_rows, three);
    thread_pool_close(three);
}

static void blocks_of_rows_are_whole_tiles_and_bfloat16_is_faster(void **state)
{
    (void)state;
    const struct kernels *k = kernel_amx_built();
    if (!k)
        skip();
    struct cpu_device device = {k};
    struct backend b;
    backend_init(&b, &backend_cpu, NULL);
    b.device = &device;
    for (size_t rows = 1; rows < 5000; rows += 7)
        assert_int_equal(cpu_row_block(&b, rows) % k->tile_rows, 0);
    assert_true(b.ops->is_bf16_faster(&b));
    backend_release(&b);
}
#endif

static void the_set_is_open_or_not_once_and_for_all(void **state)
{
    (void)state;
    const struct kernels *k = kernel_amx_open();
    assert_true(k == NULL || k == kernel_amx_built());
    assert_ptr_equal(kernel_amx_open(), k);
    const struct kernels *best = kernels_best();
    assert_int_equal(k != NULL, strcmp(best->name, "amx") == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_model_rounds_and_flushes_as_the_manual_says),
        cmocka_unit_test(the_model_refuses_tiles_without_shapes),
        cmocka_unit_test(the_left_operand_lies_in_blocks_of_rows),
        cmocka_unit_test(tiles_are_right_at_every_rest_and_in_the_manuals_order),
        cmocka_unit_test(the_last_processors_tile_need_not_be_whole),
        cmocka_unit_test(a_set_that_multiplies_wrongly_is_found_out),
        cmocka_unit_test(operations_on_the_model_are_those_of_ref),
        cmocka_unit_test(the_set_is_open_or_not_once_and_for_all),
#if defined(__x86_64__) && defined(__linux__)
        cmocka_unit_test(the_compiled_tiles_are_those_of_the_source),
        cmocka_unit_test(operations_of_the_compiled_set_are_those_of_ref),
        cmocka_unit_test(blocks_of_rows_are_whole_tiles_and_bfloat16_is_faster),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
