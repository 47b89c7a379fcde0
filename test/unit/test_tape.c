#include "graph/tape.h"

#include "graph/node.h"
#include "test/support/support.h"

enum { WIDTH = 8, WORDS = 16 };

static float numbers[WORDS * WIDTH], gradient[WORDS * WIDTH];

static struct param table = {.weight = {.at = numbers, .rows = WORDS, .width = WIDTH},
                             .name = "table"};
static const struct norm_spec norm = {.group = WIDTH, .eps = 1e-5f};

static void nodes_and_values_are_recorded_in_order(void **state)
{
    (void)state;
    struct tape tape = {0};
    struct value *x = op_embed(&tape, &table, NULL, 1);
    struct value *h = op_norm(&tape, op_whole(x), &norm);
    op_xent(&tape, h, &(struct xent_spec){.head.weight = &table});
    assert_int_equal(tape.n_nodes, 3);
    assert_int_equal(tape.n_values, 3); /* the norm's sums are one too */
    assert_int_equal(x->width, WIDTH);
    assert_ptr_equal(h->node, tape.nodes[1]);
    assert_ptr_equal(tape.nodes[1]->in[0].of, x);
    assert_int_equal(tape.nodes[1]->state->width, 2);
    tape_release(&tape);
    tape_release(&tape);
}

static void a_long_tape_keeps_its_beginning(void **state)
{
    (void)state;
    struct tape tape = {0};
    struct value *first = op_embed(&tape, &table, NULL, 1), *x = first;
    for (size_t i = 0; i < 1000; i++)
        x = op_act(&tape, x, ACT_RELU, false);
    assert_int_equal(tape.n_nodes, 1001);
    assert_ptr_equal(tape.values[0], first);
    assert_ptr_equal(tape.nodes[0], first->node);
    assert_int_equal(x->index, 1000);
    tape_release(&tape);
}

static void an_addition_that_opens_a_layer_closes_the_one_before(void **state)
{
    (void)state;
    struct tape tape = {0};
    struct value *x = op_embed(&tape, &table, NULL, 1);
    op_begin_layer(&tape);
    struct value *y = op_norm(&tape, op_whole(x), &norm);
    op_begin_layer(&tape);
    struct residual r = op_add_norm(&tape, x, y, &norm);
    struct value *z = op_add(&tape, r.sum, r.normed);
    assert_int_equal(x->node->layer, 0);
    assert_int_equal(y->node->layer, 1);
    assert_int_equal(r.sum->node->layer, 1);
    assert_int_equal(r.normed->node->layer, 2);
    assert_int_equal(z->node->layer, 2);
    assert_int_equal(tape.n_layers, 2);
    tape_release(&tape);
}

static void a_node_is_trained_if_one_of_its_parameters_is(void **state)
{
    (void)state;
    struct tape tape = {0};
    struct param other = table;
    struct value *x = op_embed(&tape, &table, &other, 1);
    assert_false(node_is_trained(x->node));
    other.grad = gradient;
    assert_true(node_is_trained(x->node));
    tape_release(&tape);
}

static void views_are_parts_of_a_value(void **state)
{
    (void)state;
    struct tape tape = {0};
    struct value *x = op_embed(&tape, &table, NULL, 1);
    struct value *y = op_embed(&tape, &table, NULL, 1);
    assert_true(view_is_whole(op_whole(x)));
    assert_false(view_is_whole(op_part(x, 0, 4)));
    assert_true(views_overlap(op_part(x, 0, 4), op_part(x, 3, 4)));
    assert_false(views_overlap(op_part(x, 0, 4), op_part(x, 4, 4)));
    assert_false(views_overlap(op_whole(x), op_whole(y)));
    tape_release(&tape);
}

static void cut_too_wide(void)
{
    struct tape tape = {0};
    op_part(op_embed(&tape, &table, NULL, 1), 5, 4);
}

static void record_behind_the_loss(void)
{
    struct tape tape = {0};
    struct value *x = op_embed(&tape, &table, NULL, 1);
    op_xent(&tape, x, &(struct xent_spec){.head.weight = &table});
    op_norm(&tape, op_whole(x), &norm);
}

static void mistakes_are_caught_as_they_are_made(void **state)
{
    (void)state;
    assert_check_fails(cut_too_wide, "first + width <= v->width");
    assert_check_fails(record_behind_the_loss, "OP_XENT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_and_values_are_recorded_in_order),
        cmocka_unit_test(a_long_tape_keeps_its_beginning),
        cmocka_unit_test(an_addition_that_opens_a_layer_closes_the_one_before),
        cmocka_unit_test(a_node_is_trained_if_one_of_its_parameters_is),
        cmocka_unit_test(views_are_parts_of_a_value),
        cmocka_unit_test(mistakes_are_caught_as_they_are_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
