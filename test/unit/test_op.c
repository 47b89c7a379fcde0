/* The constructors: shapes that they give, and mistakes that they catch. */
#include "graph/op.h"

#include "graph/node.h"
#include "test/support/support.h"

enum { WIDTH = 8, WORDS = 16 };

static struct param make(size_t rows, size_t width)
{
    return (struct param){.weight = {.dtype = DTYPE_F32, .rows = rows, .width = width}};
}

static struct value *embed(struct tape *tape)
{
    static struct param table;
    table = make(WORDS, WIDTH);
    return op_embed(tape, &table, NULL, 1);
}

static void linear_layers_stand_side_by_side(void **state)
{
    (void)state;
    struct tape tape = {0};
    struct param q = make(6, WIDTH), k = make(WIDTH, 4), bias = make(1, 4);
    k.weight.transposed = true;
    struct param a = make(2, WIDTH), b = make(6, 2), a2 = make(3, WIDTH), b2 = make(4, 3);
    struct linear_spec spec = {
        .part = {{.weight = &q, .lora_a = &a, .lora_b = &b},
                 {.weight = &k, .bias = &bias, .lora_a = &a2, .lora_b = &b2}},
        .n_parts = 2};
    struct value *y = op_linear(&tape, embed(&tape), &spec);
    assert_int_equal(y->width, 10);
    assert_int_equal(y->node->state->width, 5);
    assert_int_equal(y->node->n_params, 7);
    tape_release(&tape);
}

static void the_input_of_a_layer_is_wanted_for_gradients_of_weights(void **state)
{
    (void)state;
    struct tape tape = {0};
    float gradient;
    struct param w = make(6, WIDTH), bias = make(1, 6), a = make(2, WIDTH), b = make(6, 2);
    struct linear_spec spec = {.part = {{&w, &bias, &a, &b, 1}}, .n_parts = 1};
    const struct node *node = op_linear(&tape, embed(&tape), &spec)->node;
    bias.grad = b.grad = &gradient;
    assert_int_equal(node_op(node)->needs(node), NEEDS_STATE);
    a.grad = &gradient;
    assert_int_equal(node_op(node)->needs(node), NEEDS_STATE | NEEDS_IN);
    a.grad = NULL;
    w.grad = &gradient;
    assert_int_equal(node_op(node)->needs(node), NEEDS_STATE | NEEDS_IN);
    tape_release(&tape);
}

static void a_gate_halves_the_width(void **state)
{
    (void)state;
    struct tape tape = {0};
    struct value *x = embed(&tape);
    assert_int_equal(op_act(&tape, x, ACT_SILU, true)->width, WIDTH / 2);
    assert_int_equal(op_act(&tape, x, ACT_SILU, false)->width, WIDTH);
    tape_release(&tape);
}

static void a_norm_of_heads_has_sums_for_each(void **state)
{
    (void)state;
    struct tape tape = {0};
    struct param w = make(1, 2);
    struct norm_spec spec = {.group = 2, .weight = &w};
    struct value *y = op_norm(&tape, op_part(embed(&tape), 2, 6), &spec);
    assert_int_equal(y->width, 6);
    assert_int_equal(y->node->state->width, 6);
    tape_release(&tape);
}

static void linear_of_another_width(void)
{
    struct tape tape = {0};
    struct param w = make(6, WIDTH + 1);
    op_linear(&tape, embed(&tape), &(struct linear_spec){.part = {{.weight = &w}}, .n_parts = 1});
}

static void half_an_adapter(void)
{
    struct tape tape = {0};
    struct param w = make(6, WIDTH), a = make(2, WIDTH);
    op_linear(&tape, embed(&tape),
              &(struct linear_spec){.part = {{.weight = &w, .lora_a = &a}}, .n_parts = 1});
}

static void add_to_itself(void)
{
    struct tape tape = {0};
    struct value *x = embed(&tape);
    op_add(&tape, x, x);
}

static void norm_of_groups_that_do_not_fit(void)
{
    struct tape tape = {0};
    op_norm(&tape, op_whole(embed(&tape)), &(struct norm_spec){.group = 3});
}

static void turn_what_was_read(void)
{
    struct tape tape = {0};
    struct value *x = embed(&tape);
    op_act(&tape, x, ACT_RELU, false);
    op_rope(&tape, op_part(x, 0, 4), &(struct rope_spec){.head = 4, .rotary = 4});
}

static void heads_of_another_width(void)
{
    struct tape tape = {0};
    struct view x = op_whole(embed(&tape));
    op_attn(&tape, x, x, x, &(struct attn_spec){.heads = 2, .kv_heads = 1, .head = 4});
}

static void a_vocabulary_of_another_width(void)
{
    struct tape tape = {0};
    struct param w = make(WORDS, WIDTH + 1);
    op_xent(&tape, embed(&tape), &(struct xent_spec){.head.weight = &w});
}

static void shapes_that_do_not_fit_are_caught(void **state)
{
    (void)state;
    assert_check_fails(linear_of_another_width, "== k");
    assert_check_fails(half_an_adapter, "lora_b");
    assert_check_fails(add_to_itself, "x != y");
    assert_check_fails(norm_of_groups_that_do_not_fit, "spec->group == 0");
    assert_check_fails(turn_what_was_read, "!views_overlap");
    assert_check_fails(heads_of_another_width, "k.width");
    assert_check_fails(a_vocabulary_of_another_width, "== k");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_layers_stand_side_by_side),
        cmocka_unit_test(the_input_of_a_layer_is_wanted_for_gradients_of_weights),
        cmocka_unit_test(a_gate_halves_the_width),
        cmocka_unit_test(a_norm_of_heads_has_sums_for_each),
        cmocka_unit_test(shapes_that_do_not_fit_are_caught),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
