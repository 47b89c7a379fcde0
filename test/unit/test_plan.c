#include "graph/plan.h"

#include <string.h>

#include "graph/program.h"
#include "test/support/decoder.h"

static struct run_options batch_options(size_t rows, uint64_t memory_bytes)
{
    return (struct run_options){
        .rows = rows, .targets = rows, .keys = rows, .trains = true, .memory_bytes = memory_bytes};
}

static void without_a_bound_no_layer_is_computed_anew(void **state)
{
    (void)state;
    struct err err = {0};
    struct toy_decoder d;
    struct plan plan;
    toy_decoder_make(&d, &decoder_smollm2);
    struct run_options o = batch_options(64, 0);
    ASSERT_OK(plan_make(&plan, &d.tape, &d.backend, &o, &err));
    assert_int_equal(plan.layers_redone, 0);
    assert_int_equal(plan.bytes, plan.train->bytes);
    assert_int_equal(plan.kept_bytes, plan.train->kept_bytes);
    assert_int_equal(plan.workspace_bytes, d.backend.ops->scratch_bytes(&d.backend, &plan.sizes));
    plan_release(&plan);
    plan_release(&plan);
    toy_decoder_release(&d);
}

static void sizes_are_the_greatest_of_the_tape(void **state)
{
    (void)state;
    struct err err = {0};
    struct toy_decoder d;
    struct plan plan;
    toy_decoder_make(&d, &decoder_smollm2);
    struct run_options o = batch_options(64, 0);
    o.keys = 50;
    o.targets = 40;
    ASSERT_OK(plan_make(&plan, &d.tape, &d.backend, &o, &err));
    const struct backend_sizes *s = &plan.sizes;
    assert_int_equal(s->rows, 64);
    assert_int_equal(s->targets, 40);
    assert_int_equal(s->keys, 50);
    assert_int_equal(s->linear_in, 1536);
    assert_int_equal(s->linear_out, 3072);
    assert_int_equal(s->linear_weights, 3072 * 576);
    assert_int_equal(s->linear_rank, 48);
    assert_int_equal(s->vocabulary, 49152);
    assert_int_equal(s->width, 3072);
    assert_int_equal(s->vocabulary_width, 576);
    assert_int_equal(s->heads, 9);
    assert_int_equal(s->kv_heads, 3);
    assert_int_equal(s->head, 64);
    assert_true(s->trains);
    plan_release(&plan);
    toy_decoder_release(&d);
}

static void losses_alone_take_little(void **state)
{
    (void)state;
    struct err err = {0};
    struct toy_decoder d;
    struct plan plan;
    toy_decoder_make(&d, &decoder_smollm2);
    struct run_options o = batch_options(64, 0);
    o.trains = false;
    ASSERT_OK(plan_make(&plan, &d.tape, &d.backend, &o, &err));
    assert_null(plan.train);
    assert_int_equal(plan.kept_bytes, 0);
    /* x, gate and up, and the output of the activation at once; the projections on the ranks */
    assert_true(plan.bytes <= 64 * (2 * 576 + 3 * 1536 + 100) * sizeof(float));
    plan_release(&plan);
    toy_decoder_release(&d);
}

static void as_few_layers_as_needed_are_computed_anew(void **state)
{
    (void)state;
    struct err err = {0};
    struct toy_decoder d;
    struct plan plan;
    toy_decoder_make(&d, &decoder_smollm2);
    struct run_options o = batch_options(64, 0);
    uint64_t previous = 0;
    for (size_t layers = 0; layers <= 25; layers += 5) {
        struct arena arena = {0};
        struct program p;
        program_make(
            &p, &arena, &d.tape,
            &(struct program_options){.rows = 64, .trains = true, .layers_redone = layers});
        ASSERT_OK(plan_make(&plan, &d.tape, &d.backend, &o, &err));
        uint64_t workspace = plan.workspace_bytes;
        plan_release(&plan);

        o.memory_bytes = p.bytes + workspace; /* just enough */
        ASSERT_OK(plan_make(&plan, &d.tape, &d.backend, &o, &err));
        assert_int_equal(plan.layers_redone, layers);
        assert_int_equal(plan.bytes, p.bytes);
        assert_true(previous == 0 || plan.bytes < previous);
        previous = plan.bytes;
        plan_release(&plan);

        o.memory_bytes--; /* just too little */
        ASSERT_OK(plan_make(&plan, &d.tape, &d.backend, &o, &err));
        assert_int_equal(plan.layers_redone, layers + 1);
        plan_release(&plan);
        arena_release(&arena);
        o.memory_bytes = 0;
    }
    toy_decoder_release(&d);
}

static void what_does_not_fit_is_an_error_with_what_would(void **state)
{
    (void)state;
    struct err err = {0};
    struct toy_decoder d;
    struct plan plan;
    toy_decoder_make(&d, &decoder_smollm2);
    struct run_options o = batch_options(1024, 50000000);
    ASSERT_FAILS(plan_make(&plan, &d.tape, &d.backend, &o, &err), "every layer computed anew");
    assert_int_equal(err.kind, ERR_MEMORY);
    assert_non_null(strstr(err.what, "a pass over 1024 tokens takes at least "));
    assert_non_null(strstr(err.what, "; 50.0 MB are allowed"));
    assert_null(plan.train);

    size_t rows = 0; /* the hint is true */
    for (const char *at = err.hint; *at >= '0' && *at <= '9'; at++)
        rows = 10 * rows + (size_t)(*at - '0');
    assert_non_null(strstr(err.hint, " tokens at a time would fit"));
    o = batch_options(rows, 50000000);
    ASSERT_OK(plan_make(&plan, &d.tape, &d.backend, &o, &err));
    plan_release(&plan);
    o = batch_options(rows + 1, 50000000);
    ASSERT_FAILS(plan_make(&plan, &d.tape, &d.backend, &o, &err), "every layer computed anew");

    o = batch_options(1024, 1000);
    ASSERT_FAILS(plan_make(&plan, &d.tape, &d.backend, &o, &err), "every layer computed anew");
    assert_non_null(strstr(err.hint, "not even one token"));
    o.trains = false;
    ASSERT_FAILS(plan_make(&plan, &d.tape, &d.backend, &o, &err), "0.0 MB are allowed");
    assert_null(strstr(err.what, "computed anew"));
    toy_decoder_release(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_bound_no_layer_is_computed_anew),
        cmocka_unit_test(sizes_are_the_greatest_of_the_tape),
        cmocka_unit_test(losses_alone_take_little),
        cmocka_unit_test(as_few_layers_as_needed_are_computed_anew),
        cmocka_unit_test(what_does_not_fit_is_an_error_with_what_would),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
