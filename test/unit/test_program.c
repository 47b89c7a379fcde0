#include "graph/program.h"

#include "test/support/decoder.h"

enum { WIDTH = 8, WORDS = 16 };

/* A tape of a few nodes, whose vocabulary is trained or not. */
struct small {
    struct arena arena;
    struct tape tape;
    struct program program;
    struct param table, head, weight;
    float gradient;
};

static struct value *open_small(struct small *s, bool trained)
{
    *s = (struct small){0};
    s->table.weight = (struct weight){.dtype = DTYPE_F32, .rows = WORDS, .width = WIDTH};
    s->head = s->table;
    s->weight.weight = (struct weight){.dtype = DTYPE_F32, .rows = WIDTH, .width = WIDTH};
    s->table.grad = trained ? &s->gradient : NULL;
    return op_embed(&s->tape, &s->table, NULL, 1);
}

static struct value *linear(struct small *s, struct value *x)
{
    struct linear_spec spec = {.part = {{.weight = &s->weight}}, .n_parts = 1};
    return op_linear(&s->tape, x, &spec);
}

static void finish(struct small *s, struct value *h, const struct program_options *options)
{
    op_xent(&s->tape, h, &(struct xent_spec){.head.weight = &s->head});
    program_make(&s->program, &s->arena, &s->tape, options);
}

static void close_small(struct small *s)
{
    tape_release(&s->tape);
    arena_release(&s->arena);
}

static size_t count(const struct program *p, enum instruction_kind kind, enum op_kind op)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_instructions; i++) {
        const struct instruction *ins = &p->instructions[i];
        n += ins->kind == kind && (!ins->node || ins->node->kind == op);
    }
    return n;
}

static const struct instruction *find(const struct program *p, enum instruction_kind kind,
                                      enum op_kind op)
{
    for (size_t i = 0; i < p->n_instructions; i++) {
        const struct instruction *ins = &p->instructions[i];
        if (ins->kind == kind && ins->node->kind == op)
            return ins;
    }
    fail_msg("no such instruction");
    return NULL;
}

static const struct program_options trains = {.rows = 4, .trains = true};
static const struct norm_spec norm = {.group = WIDTH};

static void a_forward_program_is_the_tape(void **state)
{
    (void)state;
    struct small s;
    struct value *x = open_small(&s, true);
    finish(&s, linear(&s, x), &(struct program_options){.rows = 4});
    assert_int_equal(s.program.n_instructions, 3);
    assert_int_equal(s.program.n_buffers, 2);
    assert_int_equal(s.program.bytes, 2 * 4 * WIDTH * sizeof(float));
    assert_int_equal(s.program.kept_bytes, 0);
    close_small(&s);
}

static void what_nobody_trains_has_no_adjoint(void **state)
{
    (void)state;
    struct small s;
    struct value *x = open_small(&s, false);
    struct value *h = op_act(&s.tape, linear(&s, x), ACT_RELU, false);
    s.weight.grad = &s.gradient;
    finish(&s, linear(&s, h), &trains);
    assert_int_equal(count(&s.program, INSTRUCTION_BACK, OP_EMBED), 0);
    assert_int_equal(count(&s.program, INSTRUCTION_BACK, OP_LINEAR), 2);
    const struct instruction *last = &s.program.instructions[s.program.n_instructions - 1];
    assert_int_equal(last->kind, INSTRUCTION_BACK);
    assert_int_equal(last->d_in[0], BUFFER_NONE); /* the embedding's */
    close_small(&s);

    x = open_small(&s, false);
    finish(&s, linear(&s, x), &trains);
    assert_int_equal(s.program.n_instructions, 3); /* nothing at all is trained */
    close_small(&s);
}

static void an_addition_and_a_norm_are_one_pass(void **state)
{
    (void)state;
    struct small s;
    struct value *x = open_small(&s, true);
    struct residual r = op_add_norm(&s.tape, x, linear(&s, x), &norm);
    finish(&s, op_add(&s.tape, r.sum, linear(&s, r.normed)), &trains);
    assert_int_equal(count(&s.program, INSTRUCTION_FORWARD, OP_ADD), 1);
    const struct instruction *fused = find(&s.program, INSTRUCTION_FORWARD, OP_NORM);
    assert_non_null(fused->add);
    assert_ptr_equal(fused->add->out, r.sum);
    assert_int_not_equal(fused->sum, BUFFER_NONE);
    close_small(&s);
}

static void the_stream_of_residuals_has_one_adjoint(void **state)
{
    (void)state;
    struct small s;
    struct value *x = open_small(&s, true);
    for (size_t i = 0; i < 3; i++)
        x = op_add(&s.tape, x, linear(&s, op_norm(&s.tape, op_whole(x), &norm)));
    finish(&s, x, &trains);
    assert_int_equal(count(&s.program, INSTRUCTION_BACK, OP_ADD), 0);
    int32_t stream = find(&s.program, INSTRUCTION_FORWARD, OP_XENT)->d_in[0];
    for (size_t i = 0; i < s.program.n_instructions; i++) {
        const struct instruction *ins = &s.program.instructions[i];
        if (ins->kind == INSTRUCTION_BACK && ins->node->kind == OP_NORM)
            assert_true(ins->d_in[0] == stream && ins->adds[0]);
        if (ins->kind == INSTRUCTION_BACK && ins->node->kind == OP_LINEAR)
            assert_int_equal(ins->d_out, stream);
    }
    assert_int_equal(find(&s.program, INSTRUCTION_BACK, OP_EMBED)->d_out, stream);
    close_small(&s);
}

static void adjoints_that_would_disturb_each_other_are_copied(void **state)
{
    (void)state;
    struct small s;
    struct value *x = open_small(&s, true);
    struct value *y = op_norm(&s.tape, op_whole(x), &norm); /* reads dy as it writes dx */
    finish(&s, op_add(&s.tape, x, y), &trains);
    const struct instruction *add = find(&s.program, INSTRUCTION_BACK, OP_ADD);
    assert_int_equal(add->d_in[0], BUFFER_NONE); /* x shares */
    assert_int_not_equal(add->d_in[1], BUFFER_NONE);
    assert_int_not_equal(add->d_in[1], add->d_out);
    assert_false(add->adds[1]);
    close_small(&s);
}

static void an_adjoint_that_exists_is_added_to(void **state)
{
    (void)state;
    struct small s;
    struct value *x = open_small(&s, true);
    struct value *y = linear(&s, x);
    struct value *sum = op_add(&s.tape, x, y);
    struct value *z = linear(&s, y); /* writes dy before the addition does */
    finish(&s, op_add(&s.tape, sum, z), &trains);
    const struct instruction *add = find(&s.program, INSTRUCTION_BACK, OP_ADD);
    assert_ptr_equal(add->node, sum->node);
    assert_true(add->adds[1]);
    close_small(&s);
}

static void columns_that_nobody_reads_have_an_adjoint_of_zeros(void **state)
{
    (void)state;
    struct small s;
    struct value *x = open_small(&s, true);
    struct norm_spec half = {.group = 4};
    struct value *left = op_norm(&s.tape, op_part(x, 0, 4), &half);
    struct value *right = op_norm(&s.tape, op_part(x, 4, 4), &half);
    struct param w = {.weight = {.dtype = DTYPE_F32, .rows = WIDTH, .width = 4}};
    struct linear_spec spec = {.part = {{.weight = &w}}, .n_parts = 1};
    left = op_linear(&s.tape, left, &spec);
    right = op_linear(&s.tape, right, &spec);
    finish(&s, op_add(&s.tape, left, right), &trains);
    assert_int_equal(count(&s.program, INSTRUCTION_ZERO, 0), 0); /* each writes its half */
    close_small(&s);

    x = open_small(&s, true);
    left = op_norm(&s.tape, op_part(x, 0, 4), &half);
    finish(&s, op_linear(&s.tape, left, &spec), &trains);
    assert_int_equal(count(&s.program, INSTRUCTION_ZERO, 0), 1);
    assert_true(find(&s.program, INSTRUCTION_BACK, OP_NORM)->adds[0]);
    close_small(&s);
}

static void a_branch_without_loss_has_no_adjoint(void **state)
{
    (void)state;
    struct small s;
    struct value *x = open_small(&s, true);
    struct value *aside = linear(&s, x);
    op_rope(&s.tape, op_whole(aside), &(struct rope_spec){.head = 4, .rotary = 4});
    finish(&s, x, &trains);
    assert_int_equal(count(&s.program, INSTRUCTION_BACK, OP_LINEAR), 0);
    assert_int_equal(count(&s.program, INSTRUCTION_BACK, OP_ROPE), 0);
    assert_int_equal(count(&s.program, INSTRUCTION_BACK, OP_EMBED), 1);
    close_small(&s);
}

static void a_layer_keeps_what_its_adjoints_read_and_no_more(void **state)
{
    (void)state;
    struct toy_decoder d;
    toy_decoder_make(&d, &decoder_smollm2);
    struct arena arena = {0};
    struct program p;
    struct program_options o = {.rows = 64, .trains = true};
    program_make(&p, &arena, &d.tape, &o);
    /* 2 C + (H + 2 K) D + H D + 2 F + the ranks of 7 adapters + H */
    size_t floats = 2 * 576 + 960 + 576 + 3072 + 7 * 16 + 9;
    assert_int_equal(p.kept_bytes / (30 * 64 * sizeof(float)), floats);
    assert_int_equal(count(&p, INSTRUCTION_FORWARD, OP_LINEAR), 4 * 30); /* none twice */
    assert_true(p.bytes < p.kept_bytes * 103 / 100);
    assert_true(p.bytes <= place_least(p.buffers, p.n_buffers) * 101 / 100);

    o.layers_redone = 30;
    program_make(&p, &arena, &d.tape, &o);
    /* The last product of a layer is not read by any adjoint, but for the sum behind the last. */
    assert_int_equal(count(&p, INSTRUCTION_FORWARD, OP_LINEAR), 4 * 30 + 3 * 30 + 1);
    assert_true(p.kept_bytes < (31 * 576 + 30 * 16) * 64 * sizeof(float) + 4096);
    assert_true(p.bytes <= place_least(p.buffers, p.n_buffers) * 103 / 100);

    o = (struct program_options){.rows = 64, .trains = true, .keeps_bf16 = true};
    uint64_t full = 30 * 64 * floats * sizeof(float);
    program_make(&p, &arena, &d.tape, &o);
    assert_true(p.kept_bytes < full * 53 / 100);
    arena_release(&arena);
    toy_decoder_release(&d);
}

static void buffers_live_from_their_first_instruction_to_their_last(void **state)
{
    (void)state;
    struct toy_decoder d;
    toy_decoder_make(&d, &decoder_kinds[0]);
    struct arena arena = {0};
    struct program p;
    program_make(&p, &arena, &d.tape, &trains);
    for (size_t i = 0; i < p.n_instructions; i++) {
        const struct instruction *ins = &p.instructions[i];
        const int32_t used[] = {ins->in[0], ins->in[1], ins->in[2],   ins->out,     ins->state,
                                ins->sum,   ins->d_out, ins->d_in[0], ins->d_in[1], ins->d_in[2]};
        for (size_t j = 0; j < COUNT_OF(used); j++) {
            if (used[j] != BUFFER_NONE)
                assert_true(p.buffers[used[j]].first <= i && i <= p.buffers[used[j]].last);
        }
    }
    arena_release(&arena);
    toy_decoder_release(&d);
}

static void make_without_a_loss(void)
{
    struct small s;
    open_small(&s, true);
    program_make(&s.program, &s.arena, &s.tape, &trains);
}

static void a_tape_ends_with_the_loss(void **state)
{
    (void)state;
    assert_check_fails(make_without_a_loss, "OP_XENT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_forward_program_is_the_tape),
        cmocka_unit_test(what_nobody_trains_has_no_adjoint),
        cmocka_unit_test(an_addition_and_a_norm_are_one_pass),
        cmocka_unit_test(the_stream_of_residuals_has_one_adjoint),
        cmocka_unit_test(adjoints_that_would_disturb_each_other_are_copied),
        cmocka_unit_test(an_adjoint_that_exists_is_added_to),
        cmocka_unit_test(columns_that_nobody_reads_have_an_adjoint_of_zeros),
        cmocka_unit_test(a_branch_without_loss_has_no_adjoint),
        cmocka_unit_test(a_layer_keeps_what_its_adjoints_read_and_no_more),
        cmocka_unit_test(buffers_live_from_their_first_instruction_to_their_last),
        cmocka_unit_test(a_tape_ends_with_the_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
