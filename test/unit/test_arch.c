#include "model/arch.h"

#include "test/support/support.h"

static struct arena arena;

static void every_family_is_found_by_its_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < arch_count; i++) {
        const struct arch *arch = &arch_table[i];
        assert_ptr_equal(arch_of_config(span_of(arch->model_type)), arch);
        if (arch->gguf)
            assert_ptr_equal(arch_of_gguf(span_of(arch->gguf)), arch);
    }
    assert_null(arch_of_config(span_of("mamba")));
    assert_null(arch_of_gguf(span_of("mistral"))); /* which is "llama" there */
}

static void every_family_has_the_modules_of_a_decoder(void **state)
{
    (void)state;
    for (size_t i = 0; i < arch_count; i++) {
        const struct arch *a = &arch_table[i];
        const char *const *n = a->names;
        assert_true(n[SLOT_TOKENS] && n[SLOT_OUT] && n[SLOT_DOWN] && n[SLOT_NORM] && n[SLOT_HEAD]);
        assert_true(n[SLOT_QKV] ? !n[SLOT_Q] : n[SLOT_Q] && n[SLOT_K] && n[SLOT_V]);
        assert_int_equal(a->glu, n[SLOT_GATE_UP] || n[SLOT_GATE]);
        assert_int_equal(a->qk_norm != QK_NORM_NONE, n[SLOT_Q_NORM] && n[SLOT_K_NORM]);
        assert_int_equal((a->norm_places & NORM_BEFORE) != 0, n[SLOT_ATTN_NORM] && n[SLOT_FF_NORM]);
        assert_int_equal((a->norm_places & NORM_BEHIND) != 0,
                         n[SLOT_ATTN_POST_NORM] && n[SLOT_FF_POST_NORM]);
        assert_int_equal(a->learned_positions, n[SLOT_POSITIONS] != NULL);
        assert_true(a->learned_positions || a->theta > 1);
        assert_true(a->windows != WINDOW_PATTERN || a->window_pattern > 0);
    }
}

static void paths_hold_the_number_of_the_layer(void **state)
{
    (void)state;
    const struct arch *llama = arch_of_config(span_of("llama"));
    assert_string_equal(arch_path(llama, &arena, SLOT_Q, 11), "model.layers.11.self_attn.q_proj");
    assert_string_equal(arch_path(llama, &arena, SLOT_HEAD, 0), "lm_head");
    assert_string_equal(arch_gguf_path(llama, &arena, SLOT_OUT, 3), "blk.3.attn_output");
    assert_null(arch_path(llama, &arena, SLOT_QKV, 0));
    assert_null(arch_gguf_path(llama, &arena, SLOT_POSITIONS, 0));
    const struct arch *gpt2 = arch_of_config(span_of("gpt2"));
    assert_string_equal(arch_path(gpt2, &arena, SLOT_POSITIONS, 0), "transformer.wpe");
}

static void an_unknown_family_is_refused_with_the_known_ones(void **state)
{
    (void)state;
    struct err err = {0};
    arch_refuse(span_of("mamba"), false, &err);
    assert_string_equal(err.what, "the architecture \"mamba\" is not supported");
    assert_non_null(strstr(err.hint, "llama, mistral"));
    assert_non_null(strstr(err.hint, "gpt_neox"));
    arch_refuse(span_of("mamba"), true, &err);
    assert_non_null(strstr(err.hint, "gptneox"));
    assert_null(strstr(err.hint, "mistral"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_family_is_found_by_its_names),
        cmocka_unit_test(every_family_has_the_modules_of_a_decoder),
        cmocka_unit_test(paths_hold_the_number_of_the_layer),
        cmocka_unit_test(an_unknown_family_is_refused_with_the_known_ones),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
