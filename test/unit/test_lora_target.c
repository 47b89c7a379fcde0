#include "model/lora_target.h"

#include "test/support/model_folder.h"

enum { MODULES_MOST = 64 };

static struct err err;
static struct arena arena;
static struct model model;
static struct lora_choice choices[MODULES_MOST];

static void list(const char *members)
{
    arena_release(&model.arena);
    model = (struct model){.backend = plain_backend()};
    ASSERT_OK(model_config_read(&model.config, &model.arena, config_folder(members), &err));
    modules_list(&model);
    assert_true(model.parts->n_modules <= MODULES_MOST);
}

/* The ends of the paths of what is adapted in layer 1, and outside of layers. */
static const char *adapted(const struct lora_options *o)
{
    char *text = arena_printf(&arena, "%s", "");
    ASSERT_OK(lora_choose(&model, o, false, choices, &err));
    for (size_t i = 0; i < model.parts->n_modules; i++) {
        const struct module *m = &model.parts->modules[i];
        const char *name = strrchr(m->path, '.') ? strrchr(m->path, '.') + 1 : m->path;
        if (choices[i].adapted && (m->layer == 1 || !slot_is_in_layer(m->slot)))
            text = arena_printf(&arena, "%s%s ", text, name);
    }
    return text;
}

static void names_are_ends_of_paths(void **state)
{
    (void)state;
    const char *names[] = {"q_proj", "mlp.down_proj", "model.layers.1.mlp.up_proj"};
    struct lora_options o = {.targets = names, .n_targets = 3, .rank = 4, .alpha = 8};
    list(TINY_LLAMA);
    assert_string_equal(adapted(&o), "q_proj up_proj down_proj ");
}

static void all_linear_is_all_but_the_head(void **state)
{
    (void)state;
    struct lora_options o = {.all_linear = true, .rank = 4, .alpha = 8};
    list(TINY_LLAMA);
    assert_string_equal(adapted(&o), "q_proj k_proj v_proj o_proj gate_proj up_proj down_proj ");
    list(TINY_GPT2);
    assert_string_equal(adapted(&o), "c_attn c_proj c_fc c_proj ");
}

static void nothing_said_is_peft_s_choice(void **state)
{
    (void)state;
    struct lora_options o = {.rank = 4, .alpha = 8};
    list(TINY_LLAMA);
    assert_string_equal(adapted(&o), "q_proj v_proj ");
    list(TINY_NEOX);
    assert_string_equal(adapted(&o), "query_key_value ");
    list("\"model_type\": \"phi3\", " TINY_SIZES);
    assert_string_equal(adapted(&o), "qkv_proj o_proj gate_up_proj down_proj ");
}

static void the_head_is_adapted_where_it_is_named(void **state)
{
    (void)state;
    const char *names[] = {"v_proj", "lm_head"};
    struct lora_options o = {.targets = names, .n_targets = 2, .rank = 4, .alpha = 8};
    list(TINY_LLAMA);
    assert_string_equal(adapted(&o), "v_proj lm_head ");
    o.all_linear = true;
    assert_null(strstr(adapted(&o), "lm_head"));
    list(TINY_NEOX);
    names[0] = "embed_out"; /* as its files call it */
    o = (struct lora_options){.targets = names, .n_targets = 1, .rank = 4, .alpha = 8};
    assert_string_equal(adapted(&o), "lm_head ");
}

static void what_is_saved_as_a_whole_gets_no_adapter(void **state)
{
    (void)state;
    const char *saved[] = {"lm_head", "v_proj"}, *names[] = {"q_proj", "v_proj"};
    struct lora_options o = {
        .targets = names, .n_targets = 2, .rank = 4, .alpha = 8, .saved = saved, .n_saved = 2};
    list(TINY_LLAMA);
    assert_string_equal(adapted(&o), "q_proj ");
    assert_true(choices[model.parts->n_modules - 1].saved);
}

static void patterns_match_ends_of_paths_and_the_first_counts(void **state)
{
    (void)state;
    const char *names[] = {"q_proj", "v_proj"};
    struct lora_pattern ranks[] = {{"layers\\.1\\..*_proj", 2}, {"q_proj", 3}, {"proj", 9}};
    struct lora_pattern alphas[] = {{"v_proj", 5}};
    struct lora_options o = {.targets = names,
                             .n_targets = 2,
                             .rank = 4,
                             .alpha = 8,
                             .ranks = ranks,
                             .n_ranks = 3,
                             .alphas = alphas,
                             .n_alphas = 1};
    list(TINY_LLAMA);
    ASSERT_OK(lora_choose(&model, &o, true, choices, &err)); /* "proj" is no end behind a '.' */
    const struct module *first = model.parts->modules;
    assert_int_equal(choices[model_module(&model, SLOT_Q, 1) - first].rank, 2);
    assert_int_equal(choices[model_module(&model, SLOT_Q, 0) - first].rank, 3);
    assert_int_equal(choices[model_module(&model, SLOT_V, 0) - first].rank, 4);
    assert_true(choices[model_module(&model, SLOT_V, 0) - first].alpha == 5);
    ranks[0].pattern = "(";
    ASSERT_FAILS(lora_choose(&model, &o, false, choices, &err), "");
    assert_non_null(strstr(err.where, "rank_pattern \"(\""));
}

static void names_that_name_nothing_and_what_cannot_be_adapted_are_errors(void **state)
{
    (void)state;
    const char *names[] = {"c_attn"};
    struct lora_options o = {.targets = names, .n_targets = 1, .rank = 4, .alpha = 8};
    list(TINY_LLAMA);
    ASSERT_FAILS(lora_choose(&model, &o, false, choices, &err), "no module is called \"c_attn\"");
    assert_string_equal(err.hint, "linear layers of this model are q_proj, k_proj, v_proj, o_proj, "
                                  "gate_proj, up_proj, down_proj, lm_head");
    ASSERT_OK(lora_choose(&model, &o, true, choices, &err));
    names[0] = "embed_tokens";
    ASSERT_FAILS(lora_choose(&model, &o, false, choices, &err), "adapters on model.embed_tokens");
    assert_non_null(strstr(err.hint, "modules_to_save"));
    names[0] = "norm";
    ASSERT_FAILS(lora_choose(&model, &o, false, choices, &err), "adapters on model.norm");
    assert_string_equal(err.hint, "it is no linear layer");
    const char *saved[] = {"nothing"};
    o = (struct lora_options){
        .all_linear = true, .rank = 4, .alpha = 8, .saved = saved, .n_saved = 1};
    ASSERT_FAILS(lora_choose(&model, &o, false, choices, &err),
                 "modules_to_save: no module is called \"nothing\"");
    saved[0] = "embed_token";
    ASSERT_FAILS(lora_choose(&model, &o, false, choices, &err), "called \"embed_token\"");
    assert_non_null(strstr(err.hint, "did you mean embed_tokens? modules of this model are"));
}

static void a_name_that_is_almost_right_gets_the_right_one(void **state)
{
    (void)state;
    const char *names[] = {"self_attn.q_prj"};
    struct lora_options o = {.targets = names, .n_targets = 1, .rank = 4, .alpha = 8};
    list(TINY_LLAMA);
    ASSERT_FAILS(lora_choose(&model, &o, false, choices, &err), "called \"self_attn.q_prj\"");
    assert_non_null(
        strstr(err.hint, "did you mean q_proj? linear layers of this model are q_proj,"));
}

static void a_pattern_that_fits_no_adapter_is_an_error_but_in_a_file(void **state)
{
    (void)state;
    const char *names[] = {"q_proj", "v_proj"};
    struct lora_pattern pattern = {"q_porj", 2};
    struct lora_options o = {.targets = names, .n_targets = 2, .rank = 4, .alpha = 8};
    list(TINY_LLAMA);
    o.ranks = &pattern;
    o.n_ranks = 1;
    ASSERT_FAILS(lora_choose(&model, &o, false, choices, &err), "it matches no layer that has");
    assert_int_equal(err.kind, ERR_USAGE);
    assert_string_equal(err.where, "rank_pattern \"q_porj\"");
    assert_string_equal(err.hint, "did you mean q_proj? adapters are on q_proj, v_proj");
    ASSERT_OK(lora_choose(&model, &o, true, choices, &err));
    o = (struct lora_options){.targets = names, .n_targets = 2, .rank = 4, .alpha = 8};
    o.alphas = &pattern;
    o.n_alphas = 1;
    pattern.pattern = "layers\\.9\\.self_attn\\.q_proj"; /* there are two layers */
    ASSERT_FAILS(lora_choose(&model, &o, false, choices, &err), "it matches no layer that has");
    assert_string_equal(err.hint, "adapters are on q_proj, v_proj");
    pattern.pattern = "up_proj"; /* a layer that gets none */
    ASSERT_FAILS(lora_choose(&model, &o, false, choices, &err), "it matches no layer that has");
    assert_non_null(strstr(err.where, "alpha_pattern"));
}

static void targets_name_exactly_what_is_adapted(void **state)
{
    (void)state;
    struct param one = {0};
    size_t n;
    list(TINY_LLAMA);
    for (size_t layer = 0; layer < 2; layer++)
        model_module(&model, SLOT_Q, layer)->lora_a = &one;
    const char *const *names = lora_targets(&model, &arena, &n);
    assert_int_equal(n, 1);
    assert_string_equal(names[0], "q_proj");
    model_module(&model, SLOT_Q, 0)->lora_a = NULL;
    names = lora_targets(&model, &arena, &n);
    assert_int_equal(n, 1);
    assert_string_equal(names[0], "model.layers.1.self_attn.q_proj");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_ends_of_paths),
        cmocka_unit_test(all_linear_is_all_but_the_head),
        cmocka_unit_test(nothing_said_is_peft_s_choice),
        cmocka_unit_test(the_head_is_adapted_where_it_is_named),
        cmocka_unit_test(what_is_saved_as_a_whole_gets_no_adapter),
        cmocka_unit_test(patterns_match_ends_of_paths_and_the_first_counts),
        cmocka_unit_test(names_that_name_nothing_and_what_cannot_be_adapted_are_errors),
        cmocka_unit_test(a_name_that_is_almost_right_gets_the_right_one),
        cmocka_unit_test(a_pattern_that_fits_no_adapter_is_an_error_but_in_a_file),
        cmocka_unit_test(targets_name_exactly_what_is_adapted),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&model.arena);
    arena_release(&arena);
    return failed;
}
