/* The table itself runs in test/op; here: that its checks see what is wrong with a backend. */
#include "test/support/support.h"

#include <math.h>
#include <string.h>

#include "backend/cases.h"
#include "backend/ref/ref.h"
#include "base/mem.h"

static const struct case_row *case_named(enum case_op op, const char *name)
{
    for (size_t i = 0; i < cases_count; i++) {
        if (cases_table[i].op == op && strcmp(cases_table[i].name, name) == 0)
            return &cases_table[i];
    }
    fail_msg("no case %s", name);
    return NULL;
}

static void names_are_unique_and_every_operation_has_cases(void **state)
{
    (void)state;
    size_t of[CASE_OPS] = {0};
    for (size_t i = 0; i < cases_count; i++) {
        const struct case_row *row = &cases_table[i];
        of[row->op]++;
        assert_ptr_equal(case_named(row->op, row->name), row);
    }
    for (enum case_op op = 0; op < CASE_OPS; op++)
        assert_true(of[op] > 0 && strlen(cases_op_name(op)) > 0);
}

static void every_dtype_of_weights_is_in_the_table(void **state)
{
    (void)state;
    static const enum dtype wanted[] = {DTYPE_F16,  DTYPE_BF16, DTYPE_Q8_0,
                                        DTYPE_Q4_0, DTYPE_Q4_K, DTYPE_Q6_K};
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        bool is_there = false;
        for (size_t k = 0; k < cases_count; k++)
            is_there = is_there || (cases_table[k].op == CASE_LINEAR && //
                                    cases_table[k].dtype == wanted[i]);
        assert_true(is_there);
    }
}

/* --- Backends with one thing wrong each. --- */

static void spoil(float *at)
{
    *at = *at * 1.001f + 0.01f;
}

static void linear_wrong(struct backend *b, const struct linear_args *a)
{
    ref_linear(b, a);
    spoil(a->y.at);
}

static void linear_back_wrong(struct backend *b, const struct linear_args *a)
{
    ref_linear_back(b, a);
    spoil(&a->part[0].dlora_b[3]);
}

static void linear_back_forgets_to_add(struct backend *b, const struct linear_args *a)
{
    struct linear_args replacing = *a;
    replacing.dx.adds = false;
    ref_linear_back(b, &replacing);
}

static void linear_writes_between_rows(struct backend *b, const struct linear_args *a)
{
    ref_linear(b, a);
    a->y.at[a->y.width] = 0;
}

static void norm_changes_its_input(struct backend *b, const struct norm_args *a)
{
    ref_norm(b, a);
    a->x.at[2] += 1e-6f;
}

static void norm_back_wrong(struct backend *b, const struct norm_args *a)
{
    ref_norm_back(b, a);
    for (size_t c = 0; a->dx.to.at && c < a->dx.to.width; c++)
        a->dx.to.at[c] += 0.001f;
}

static void attn_ignores_the_window(struct backend *b, const struct attn_args *a)
{
    struct attn_args all = *a;
    all.window = 0;
    ref_attn(b, &all);
}

static void attn_back_not_a_number(struct backend *b, const struct attn_args *a)
{
    ref_attn_back(b, a);
    a->dk.at[0] = (float)NAN;
}

static void xent_rounds_its_losses(struct backend *b, const struct xent_args *a)
{
    ref_xent(b, a);
    for (size_t i = 0; i < a->n_targets; i++)
        a->loss[i] *= 1.000003f;
}

static void xent_prefers_the_last(struct backend *b, const struct xent_args *a)
{
    ref_xent(b, a);
    a->best[0] = (int32_t)a->head.weight.rows - 1;
}

static void rope_turns_too_far(struct backend *b, const struct rope_args *a)
{
    ref_rope(b, a);
    ref_rope(b, a);
}

static void act_ignores_the_gate(struct backend *b, const struct act_args *a)
{
    struct act_args plain = *a;
    plain.glu = false;
    plain.x = mat_columns(a->x, 0, a->y.width);
    ref_act(b, &plain);
}

static void embed_ignores_the_scale(struct backend *b, const struct embed_args *a)
{
    struct embed_args plain = *a;
    plain.scale = 1;
    ref_embed(b, &plain);
}

static void add_swaps(struct backend *b, struct mat y, struct mat a, struct mat c)
{
    (void)c;
    ref_copy(b, y, a);
}

static void logits_of_another_row(struct backend *b, const struct logits_args *a)
{
    const int32_t zero[8] = {0};
    struct logits_args other = *a;
    other.row = zero;
    ref_logits(b, &other);
}

static void reduce_counts_all(struct backend *b, struct reduce_result *out, const float *x,
                              size_t n)
{
    ref_reduce(b, out, x, n);
    out->not_finite += 1;
}

static void update_leaves_the_last_number(struct backend *b, const struct optim_args *a)
{
    float last = a->w[rule_count(a) - 1];
    ref_update(b, a);
    a->w[rule_count(a) - 1] = last;
}

static void needs_more_threads(struct backend *b, struct mat y, struct mat a, struct mat c)
{
    ref_add(b, y, a, c);
    y.at[0] += thread_pool_size(b->threads) > 1 ? 1e-6f : 0;
}

static void *no_memory(struct backend *b, size_t bytes)
{
    (void)b, (void)bytes;
    return NULL;
}

/* A slot of the table with a function for it: the one that is not NULL. */
static const struct sabotage {
    enum case_op op;
    const char *name, *output;
    struct backend_ops ops;
} sabotages[] = {
    {CASE_LINEAR, "plain", "y", {.linear = linear_wrong}},
    {CASE_LINEAR, "adapter", "dlora_b 0", {.linear_back = linear_back_wrong}},
    {CASE_LINEAR, "adds", "dx", {.linear_back = linear_back_forgets_to_add}},
    {CASE_LINEAR, "bias, strided", "y: between rows", {.linear = linear_writes_between_rows}},
    {CASE_NORM, "rms", "x is an input", {.norm = norm_changes_its_input}},
    {CASE_NORM, "rms", "dx", {.norm_back = norm_back_wrong}},
    {CASE_ATTN, "packed, window", "o", {.attn = attn_ignores_the_window}},
    {CASE_ATTN, "plain", "dk", {.attn_back = attn_back_not_a_number}},
    {CASE_XENT, "all alike", "best", {.xent = xent_prefers_the_last}},
    {CASE_XENT, "plain", "loss", {.xent = xent_rounds_its_losses}},
    {CASE_ROPE, "halves", "x", {.rope = rope_turns_too_far}},
    {CASE_ACT, "gated silu", "y", {.act = act_ignores_the_gate}},
    {CASE_EMBED, "scaled, with positions", "y", {.embed = embed_ignores_the_scale}},
    {CASE_SUM, "plain", "a + c", {.add = add_swaps}},
    {CASE_LOGITS, "plain", "z", {.logits = logits_of_another_row}},
    {CASE_ARRAY, "some", "not finite", {.reduce = reduce_counts_all}},
    {CASE_UPDATE, "adamw", "w", {.update = update_leaves_the_last_number}},
};

#define TAKE(slot)                                                                                 \
    do {                                                                                           \
        if (wrong->slot)                                                                           \
            ops.slot = wrong->slot;                                                                \
    } while (0)

static struct backend_ops with(const struct backend_ops *wrong)
{
    struct backend_ops ops = backend_ref;
    TAKE(embed);
    TAKE(linear);
    TAKE(linear_back);
    TAKE(norm);
    TAKE(norm_back);
    TAKE(rope);
    TAKE(attn);
    TAKE(attn_back);
    TAKE(act);
    TAKE(add);
    TAKE(xent);
    TAKE(logits);
    TAKE(reduce);
    TAKE(update);
    return ops;
}

static const struct case_backend ref = {.ops = &backend_ref};

static void a_backend_with_one_thing_wrong_is_told_where(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(sabotages); i++) {
        const struct sabotage *s = &sabotages[i];
        struct backend_ops ops = with(&s->ops);
        struct case_backend wrong = {.ops = &ops};
        const struct case_row *row = case_named(s->op, s->name);
        struct case_finding found = cases_compare(row, &ref, &wrong);
        if (cases_pass(&found) || strcmp(found.output, s->output) != 0)
            fail_msg("%s, %s: %s, not %s", cases_op_name(s->op), s->name, found.output, s->output);
        found = cases_compare(row, &ref, &ref);
        assert_true(cases_pass(&found) && found.error == 0);
    }
}

/* Against the formulas: what the table of exact outputs cannot see is left out. */
static void the_formulas_tell_of_wrong_values_and_derivatives(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(sabotages); i++) {
        const struct sabotage *s = &sabotages[i];
        bool is_seen =
            s->op < CASE_ARRAY && strcmp(s->output, "best") != 0 && strcmp(s->output, "loss") != 0;
        if (!is_seen)
            continue;
        struct backend_ops ops = with(&s->ops);
        struct case_backend wrong = {.ops = &ops};
        struct case_finding found = cases_differentiate(case_named(s->op, s->name), &wrong);
        if (cases_pass(&found))
            fail_msg("%s, %s passes", cases_op_name(s->op), s->name);
    }
}

static void bits_that_depend_on_the_threads_are_seen(void **state)
{
    (void)state;
    struct err err = {0};
    struct thread_pool *one = NULL, *two = NULL;
    ASSERT_OK(thread_pool_open(&one, 1, &err));
    ASSERT_OK(thread_pool_open(&two, 2, &err));
    struct backend_ops ops = backend_ref;
    ops.add = needs_more_threads;
    struct case_backend first = {.ops = &ops, .threads = one};
    struct case_backend second = {.ops = &ops, .threads = two};
    struct case_finding found = cases_repeat(case_named(CASE_SUM, "plain"), &first, &second);
    assert_false(cases_pass(&found));
    assert_string_equal(found.output, "a + c: other bits");
    found = cases_repeat(case_named(CASE_SUM, "plain"), &second, &second);
    assert_true(cases_pass(&found));
    thread_pool_close(one);
    thread_pool_close(two);
}

static void scratch_memory_that_is_refused_is_a_finding(void **state)
{
    (void)state;
    struct backend_ops ops = backend_ref;
    ops.alloc = no_memory;
    struct case_backend poor = {.ops = &ops};
    struct case_finding found = cases_compare(case_named(CASE_SUM, "plain"), &ref, &poor);
    assert_false(cases_pass(&found));
    assert_string_equal(found.output, "memory for scratch");
}

static void differentiate_a_large_case(void)
{
    (void)cases_differentiate(case_named(CASE_LINEAR, "large"), &ref);
}

static void large_cases_are_not_differentiated(void **state)
{
    (void)state;
    assert_check_fails(differentiate_a_large_case, "CASE_LARGE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_unique_and_every_operation_has_cases),
        cmocka_unit_test(every_dtype_of_weights_is_in_the_table),
        cmocka_unit_test(a_backend_with_one_thing_wrong_is_told_where),
        cmocka_unit_test(the_formulas_tell_of_wrong_values_and_derivatives),
        cmocka_unit_test(bits_that_depend_on_the_threads_are_seen),
        cmocka_unit_test(scratch_memory_that_is_refused_is_a_finding),
        cmocka_unit_test(large_cases_are_not_differentiated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
