#include "model/parts.h"

#include "base/mem.h"
#include "test/support/model_folder.h"

static struct err err;

static void rows_are_where_hugging_face_has_them(void **state)
{
    (void)state;
    struct row_order same = {ROWS_SAME, 2, 4};
    struct row_order by_head = {ROWS_BY_HEAD, 2, 4};
    struct row_order by_pair = {ROWS_BY_PAIR, 2, 4};
    assert_int_equal(row_order_there(&same, 13), 13);
    /* here q0 q1 k0 k1 v0 v1, there q0 k0 v0 q1 k1 v1, four rows each */
    const size_t heads[] = {0, 12, 4, 16, 8, 20};
    for (size_t row = 0; row < 24; row++)
        assert_int_equal(row_order_there(&by_head, row), heads[row / 4] + row % 4);
    const size_t pairs[] = {0, 2, 1, 3, 4, 6, 5, 7};
    for (size_t row = 0; row < 8; row++)
        assert_int_equal(row_order_there(&by_pair, row), pairs[row]);
}

static void modules_have_the_shapes_of_the_description(void **state)
{
    (void)state;
    struct model model = {.backend = plain_backend()};
    ASSERT_OK(model_config_read(&model.config, &model.arena, config_folder(TINY_LLAMA), &err));
    modules_list(&model);
    assert_int_equal(model.parts->n_modules, 2 * 9 + 3);
    const struct module *k = model_module(&model, SLOT_K, 1);
    assert_string_equal(k->path, "model.layers.1.self_attn.k_proj");
    assert_true(k->out == 8 && k->in == 16 && module_is_linear(k));
    const struct module *down = model_module(&model, SLOT_DOWN, 0);
    assert_true(down->out == 16 && down->in == 24);
    const struct module *tokens = model_module(&model, SLOT_TOKENS, 5);
    assert_true(tokens->out == 32 && module_is_embedding(tokens) && !module_is_linear(tokens));
    assert_null(model_module(&model, SLOT_QKV, 0));
    arena_release(&model.arena);
}

static void memory_that_there_is_not_is_an_error(void **state)
{
    (void)state;
    struct model model = {.backend = plain_backend()};
    struct param *p;
    model.parts = arena_new(&model.arena, struct model_parts);
    mem_fail_after(1);
    ASSERT_FAILS(model_new_param(&model, "x.weight", 4, 4, &p, &err), "no memory for 64 bytes");
    mem_fail_after(0);
    assert_string_equal(err.where, "x.weight");
    assert_int_equal(err.kind, ERR_MEMORY);
    ASSERT_OK(model_new_param(&model, "x.weight", 4, 3, &p, &err));
    assert_true(p->value[11] == 0 && p->grad[11] == 0 && p->decays && param_count(p) == 12);
    model_close(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_where_hugging_face_has_them),
        cmocka_unit_test(modules_have_the_shapes_of_the_description),
        cmocka_unit_test(memory_that_there_is_not_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
