#include "model/export.h"

#include <math.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "format/gguf.h"
#include "model/export_keys.h"
#include "model/lora.h"
#include "model/parts.h"
#include "tensor/quant.h"
#include "test/support/model_folder.h"
#include "test/support/tiny_model.h"

enum { N = 12, TOKENS = 32 };

static struct err err;
static struct arena arena;

/* A byte-level tokenizer of 32 letters. */
static void put_tokenizer(const char *folder)
{
    struct buf json;
    buf_init(&json, BUF_NO_LIMIT);
    buf_add_text(&json, "{\"version\": \"1.0\", \"added_tokens\": [], \"normalizer\": null, "
                        "\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": "
                        "false, \"trim_offsets\": true, \"use_regex\": true}, "
                        "\"post_processor\": null, \"decoder\": null, \"model\": {\"type\": "
                        "\"BPE\", \"vocab\": {");
    for (int i = 0; i < TOKENS; i++)
        buf_printf(&json, "%s\"%c\": %d", i > 0 ? ", " : "", '@' + i, i);
    buf_add_text(&json, "}, \"merges\": []}}");
    /* the escape of a backslash, which is among the letters */
    struct span text = buf_span(&json);
    const char *whole = arena_string(&arena, text), *at = strstr(whole, "\"\\\"");
    write_into(folder, "tokenizer.json",
               arena_printf(&arena, "%.*s\"\\\\\"%s", (int)(at - whole), whole, at + 3));
    buf_release(&json);
}

static const char *new_model(const char *members)
{
    const char *folder = model_folder(members);
    put_tokenizer(folder);
    return folder;
}

static const char *new_file(void)
{
    static int count;
    return arena_printf(&arena, "%s/export%d.gguf", temporary_folder(), count++);
}

static void adapt(struct model *model, const struct lora_options *o)
{
    ASSERT_OK(lora_attach(model, o, 3, &err));
    for (size_t i = 0; i < model->n_adapters; i++) {
        struct param *p = model->adapters[i];
        for (size_t k = 0; k < param_count(p); k++)
            p->value[k] += 0.02f * (float)(k % 5) - 0.03f;
    }
}

static const struct lora_options all = {.all_linear = true, .rank = 3, .alpha = 5};

static void assert_close(const float *a, const float *b)
{
    for (size_t i = 0; i + 1 < N; i++)
        assert_true(fabsf(a[i] - b[i]) < 2e-5f);
}

#define TINY_QWEN2 "\"model_type\": \"qwen2\", \"rms_norm_eps\": 1e-5, " TINY_SIZES
#define TINY_QWEN3 "\"model_type\": \"qwen3\", \"head_dim\": 6, " TINY_SIZES

static void a_gguf_file_gives_the_losses_of_its_folder(void **state)
{
    (void)state;
    static const char *const families[] = {
        TINY_LLAMA,
        TINY_LLAMA ", \"tie_word_embeddings\": true",
        TINY_LLAMA ", \"attention_bias\": true, \"mlp_bias\": true",
        TINY_LLAMA ", \"rope_scaling\": {\"rope_type\": \"linear\", \"factor\": 3}",
        TINY_LLAMA ", \"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8, "
                   "\"low_freq_factor\": 1, \"high_freq_factor\": 4, "
                   "\"original_max_position_embeddings\": 16}",
        TINY_QWEN2 ", \"rope_scaling\": {\"type\": \"yarn\", \"factor\": 4, "
                   "\"original_max_position_embeddings\": 16}",
        TINY_QWEN2,
        TINY_QWEN3,
    };
    for (size_t i = 0; i < COUNT_OF(families); i++) {
        struct model model, again;
        float wanted[N], found[N];
        const char *folder = new_model(families[i]), *file = new_file();
        ASSERT_OK(model_open(&model, folder, plain_backend(), &err));
        model_losses(&model, false, N, wanted);
        ASSERT_OK(export_model(&model, folder, &(struct export_options){0}, file, &err));
        ASSERT_OK(model_open(&again, file, plain_backend(), &err));
        model_losses(&again, false, N, found);
        assert_close(wanted, found);
        assert_true(again.config.norm_eps == model.config.norm_eps);
        model_close(&again);
        model_close(&model);
    }
}

/* The value of a key, NAN where it is not there. */
static double number_of(const struct gguf *g, const char *key)
{
    uint32_t i;
    float x;
    struct err ignored;
    if (!gguf_find(g, key))
        return (double)NAN;
    if (gguf_get_u32(g, key, &i, &ignored))
        return i;
    return gguf_get_f32(g, key, &x, &err) ? x : -1;
}

static void sampling_defaults_go_into_the_file(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        double top_k, temp, repeat;
    } cases[] = {
        {"{\"eos_token_id\": 2, \"top_k\": 20, \"temperature\": 0.5, \"repetition_penalty\": 1.25}",
         20, 0.5, 1.25},
        {"{\"penalty_repeat\": 1.5, \"repetition_penalty\": 1.25, \"top_k\": null}", NAN, NAN, 1.5},
        {"{\"top_k\": 1e300, \"temperature\": \"hot\"}", NAN, NAN, NAN},
        {"{\"top_k\": 20, ", NAN, NAN, NAN},
        {"[]", NAN, NAN, NAN},
    };
    log_set_level(LOG_QUIET);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct model model;
        struct gguf g;
        const char *folder = new_model(TINY_LLAMA), *file = new_file();
        write_into(folder, "generation_config.json", cases[i].json);
        ASSERT_OK(model_open(&model, folder, plain_backend(), &err));
        ASSERT_OK(export_model(&model, folder, &(struct export_options){0}, file, &err));
        ASSERT_OK(gguf_open(&g, file, &err));
        const double found[] = {number_of(&g, "general.sampling.top_k"),
                                number_of(&g, "general.sampling.temp"),
                                number_of(&g, "general.sampling.penalty_repeat")},
                     wanted[] = {cases[i].top_k, cases[i].temp, cases[i].repeat};
        for (size_t k = 0; k < COUNT_OF(found); k++)
            assert_true(found[k] == wanted[k] || (isnan(found[k]) && isnan(wanted[k])));
        gguf_close(&g);
        model_close(&model);
    }
    log_set_level(LOG_NORMAL);
}

static void adapters_are_folded_in_wherever_the_base_comes_from(void **state)
{
    (void)state;
    struct model model, again;
    float wanted[N], found[N];
    const char *folder = new_model(TINY_LLAMA), *base = new_file(), *merged = new_file();
    const char *adapter = file_join(&arena, temporary_folder(), "adapter");
    assert_int_equal(mkdir(adapter, 0700), 0);
    ASSERT_OK(model_open(&model, folder, plain_backend(), &err));
    ASSERT_OK(export_model(&model, folder, &(struct export_options){0}, base, &err));
    adapt(&model, &all);
    model_losses(&model, false, N, wanted);
    ASSERT_OK(lora_save(&model, adapter, folder, &err));
    model_close(&model);

    ASSERT_OK(model_open(&model, base, plain_backend(), &err));
    ASSERT_OK(lora_load(&model, adapter, &err));
    ASSERT_OK(export_model(&model, base, &(struct export_options){0}, merged, &err));
    ASSERT_OK(model_open(&again, merged, plain_backend(), &err));
    model_losses(&again, false, N, found);
    assert_close(wanted, found);
    model_close(&again);
    model_close(&model);
}

static void other_keys_and_tensors_of_a_gguf_file_stay(void **state)
{
    (void)state;
    struct model model;
    struct gguf a, b;
    const char *first = new_file(), *second = new_file();
    const char *folder = new_model(TINY_LLAMA ", \"rope_scaling\": {\"rope_type\": \"llama3\", "
                                              "\"factor\": 8, \"low_freq_factor\": 1, "
                                              "\"high_freq_factor\": 4, "
                                              "\"original_max_position_embeddings\": 16}");
    struct export_options f16 = {.has_type = true, .type = DTYPE_F16};
    ASSERT_OK(model_open(&model, folder, plain_backend(), &err));
    ASSERT_OK(export_model(&model, folder, &(struct export_options){0}, first, &err));
    model_close(&model);
    ASSERT_OK(model_open(&model, first, plain_backend(), &err));
    ASSERT_OK(export_model(&model, first, &f16, second, &err));
    model_close(&model);
    ASSERT_OK(gguf_open(&a, first, &err));
    ASSERT_OK(gguf_open(&b, second, &err));
    assert_int_equal(a.n_entries, b.n_entries);
    assert_int_equal(a.n_tensors, b.n_tensors);
    uint32_t type;
    ASSERT_OK(gguf_get_u32(&a, "general.file_type", &type, &err));
    assert_int_equal(type, 0);
    ASSERT_OK(gguf_get_u32(&b, "general.file_type", &type, &err));
    assert_int_equal(type, 1);
    for (size_t i = 0; i < a.n_tensors; i++) {
        const struct tensor *x = &a.tensors[i], *y = gguf_find_tensor(&b, x->name);
        assert_non_null(y);
        assert_int_equal(y->dtype, x->n_dims == 1 ? DTYPE_F32 : DTYPE_F16);
    }
    assert_non_null(gguf_find_tensor(&b, span_of("rope_freqs.weight")));
    gguf_close(&a);
    gguf_close(&b);
}

static void matrices_get_the_models_own_type(void **state)
{
    (void)state;
    static const enum dtype types[] = {DTYPE_F32, DTYPE_BF16, DTYPE_F16};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        struct model model;
        enum dtype type;
        model_folder_add("model.embed_tokens.weight", types[i], 32, 16);
        ASSERT_OK(model_open(&model, model_folder(TINY_LLAMA), plain_backend(), &err));
        assert_int_equal(export_type(&model, &(struct export_options){0}), types[i]);
        assert_int_equal(export_type(&model, &(struct export_options){true, DTYPE_F16, NULL}),
                         DTYPE_F16);
        model_close(&model);
        assert_true(export_type_named(i == 0 ? "f32" : i == 1 ? "bf16" : "f16", &type));
        assert_int_equal(type, types[i]);
    }
    assert_false(export_type_named("q8_0", &(enum dtype){0}));
}

/* scale B A of a module, as a reader of the adapter's file computes it, in the file's order. */
static void check_module(const struct gguf *g, float alpha, const struct model *model,
                         enum slot slot, const char *name, bool turns)
{
    const struct module *m = model_module(model, slot, 1);
    const struct tensor *a =
        gguf_find_tensor(g, span_of(arena_printf(&arena, "%s.weight.lora_a", name)));
    const struct tensor *b =
        gguf_find_tensor(g, span_of(arena_printf(&arena, "%s.weight.lora_b", name)));
    assert_true(a && b && a->n_dims == 2 && b->n_dims == 2);
    size_t r = m->lora_a->weight.rows, in = m->in;
    assert_true(a->dims[0] == r && a->dims[1] == in && b->dims[0] == m->out && b->dims[1] == r);
    float *x = arena_array(&arena, float, r *in), *y = arena_array(&arena, float, m->out *r);
    quant_decode(a->dtype, a->bytes.at, x, r * in);
    quant_decode(b->dtype, b->bytes.at, y, m->out * r);
    struct row_order order = {turns ? ROWS_BY_PAIR : ROWS_SAME, 4, 4};
    for (size_t o = 0; o < m->out; o++) {
        size_t there = row_order_there(&order, o);
        for (size_t i = 0; i < in; i++) {
            double ours = 0, wanted = 0;
            for (size_t k = 0; k < r; k++) {
                ours += (double)y[o * r + k] * (double)x[k * in + i];
                wanted +=
                    (double)m->lora_b->value[there * r + k] * (double)m->lora_a->value[k * in + i];
            }
            assert_true(fabs(ours * (double)alpha / (double)r - wanted * m->lora_scale) < 1e-5);
        }
    }
}

static void an_adapter_has_the_scale_of_each_module(void **state)
{
    (void)state;
    static const struct {
        enum slot slot;
        const char *name;
        bool turns;
    } others[] = {{SLOT_K, "blk.1.attn_k", true},
                  {SLOT_V, "blk.1.attn_v", false},
                  {SLOT_UP, "blk.1.ffn_up", false},
                  {SLOT_DOWN, "blk.1.ffn_down", false}};
    static const struct lora_pattern ranks[] = {{"up_proj", 5}}, alphas[] = {{"v_proj", 11}};
    static const char *const head[] = {"lm_head", "q_proj"};
    struct lora_options options[] = {all, all, all, all};
    options[1].rslora = true;
    options[2].ranks = ranks;
    options[2].alphas = alphas;
    options[2].n_ranks = options[2].n_alphas = 1;
    options[3].all_linear = false;
    options[3].targets = head;
    options[3].n_targets = 2;
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        struct model model;
        struct gguf g;
        float alpha;
        struct span type;
        const char *file = new_file();
        ASSERT_OK(model_open(&model, model_folder(TINY_LLAMA), plain_backend(), &err));
        adapt(&model, &options[i]);
        ASSERT_OK(export_adapter(&model, "some/adapter/", &(struct export_options){0}, file, &err));
        ASSERT_OK(gguf_open(&g, file, &err));
        assert_int_equal(g.n_tensors, model.n_adapters);
        ASSERT_OK(gguf_get_f32(&g, "adapter.lora.alpha", &alpha, &err));
        assert_true(fabsf(alpha - (i == 1 ? 5 * sqrtf(3) : 5)) < 1e-5f);
        ASSERT_OK(gguf_get_string(&g, "general.type", &type, &err));
        ASSERT_SPAN(type, "adapter");
        ASSERT_OK(gguf_get_string(&g, "general.name", &type, &err));
        ASSERT_SPAN(type, "adapter");
        check_module(&g, alpha, &model, SLOT_Q, "blk.1.attn_q", true);
        if (i == 3)
            check_module(&g, alpha, &model, SLOT_HEAD, "output", false);
        for (size_t k = 0; i < 3 && k < COUNT_OF(others); k++)
            check_module(&g, alpha, &model, others[k].slot, others[k].name, others[k].turns);
        gguf_close(&g);
        model_close(&model);
    }
}

static void copies_of_modules_are_no_adapter(void **state)
{
    (void)state;
    static const char *const norms[] = {"input_layernorm"};
    struct lora_options o = all;
    struct model model;
    o.saved = norms;
    o.n_saved = 1;
    ASSERT_OK(model_open(&model, model_folder(TINY_LLAMA), plain_backend(), &err));
    adapt(&model, &o);
    ASSERT_FAILS(export_adapter(&model, "a", &(struct export_options){0}, new_file(), &err),
                 "the adapter has a trained copy of model.layers.0.input_layernorm, which a GGUF "
                 "adapter cannot hold");
    assert_non_null(strstr(err.hint, "--format gguf "));
    model_close(&model);
}

static void a_tied_head_has_no_tensor_for_an_adapter(void **state)
{
    (void)state;
    static const char *const head[] = {"lm_head"};
    struct lora_options o = all;
    struct model model;
    o.all_linear = false;
    o.targets = head;
    o.n_targets = 1;
    const char *tied = model_folder("\"tie_word_embeddings\": true, " TINY_LLAMA);
    ASSERT_OK(model_open(&model, tied, plain_backend(), &err));
    adapt(&model, &o);
    ASSERT_FAILS(export_adapter(&model, "a", &(struct export_options){0}, new_file(), &err),
                 "the adapter is on lm_head, which has no weights of its own in a GGUF file");
    model_close(&model);
}

static void numbers_that_do_not_fit_leave_no_file(void **state)
{
    (void)state;
    struct model model;
    struct export_options f16 = {.has_type = true, .type = DTYPE_F16};
    const char *folder = new_model(TINY_LLAMA), *file = new_file();
    ASSERT_OK(model_open(&model, folder, plain_backend(), &err));
    adapt(&model, &all);
    model_module(&model, SLOT_V, 0)->lora_b->value[4] = 1e9f;
    assert_false(export_model(&model, folder, &f16, file, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_non_null(strstr(err.where, "model.layers.0.self_attn.v_proj.weight"));
    assert_int_equal(file_kind_of(file), FILE_MISSING);
    ASSERT_FAILS(export_adapter(&model, "a", &f16, file, &err),
                 "a number is not finite in the type F16");
    assert_int_equal(file_kind_of(file), FILE_MISSING);
    model_close(&model);
    ASSERT_OK(model_open(&model, folder, plain_backend(), &err));
    assert_false(export_model(&model, folder, &f16, "/nowhere/at/all", &err));
    assert_int_equal(err.kind, ERR_IO);
    model_close(&model);
}

static void what_llama_cpp_would_compute_otherwise_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *members, *message;
    } cases[] = {
        {TINY_GPT2, "models of the family \"gpt2\" cannot be exported"},
        {TINY_LLAMA ", \"hidden_act\": \"gelu\"", "activations other than SiLU"},
        {TINY_QWEN3 ", \"attention_bias\": true", "a bias behind attention (attention_bias)"},
        {TINY_QWEN2 ", \"use_sliding_window\": true, \"sliding_window\": 5, "
                    "\"max_window_layers\": 1",
         "sliding windows"},
        {TINY_QWEN2 ", \"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8, "
                    "\"low_freq_factor\": 1, \"high_freq_factor\": 4, "
                    "\"original_max_position_embeddings\": 16}",
         "a rope of the type \"llama3\""},
        {TINY_LLAMA ", \"rope_scaling\": {\"rope_type\": \"dynamic\", \"factor\": 2}",
         "a rope of the type \"dynamic\""},
        {TINY_LLAMA ", \"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": 2, "
                    "\"beta_fast\": 16}",
         "a yarn rope with constants of its own"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct model model;
        const char *folder = new_model(cases[i].members), *file = new_file();
        ASSERT_OK(model_open(&model, folder, plain_backend(), &err));
        assert_false(export_model(&model, folder, &(struct export_options){0}, file, &err));
        assert_int_equal(err.kind, ERR_INPUT);
        assert_non_null(strstr(err.what, cases[i].message));
        assert_int_equal(file_kind_of(file), FILE_MISSING);
        model_close(&model);
    }
}

static void a_folder_without_a_tokenizer_is_refused(void **state)
{
    (void)state;
    struct model model;
    const char *folder = model_folder(TINY_LLAMA), *file = new_file();
    ASSERT_OK(model_open(&model, folder, plain_backend(), &err));
    assert_false(export_model(&model, folder, &(struct export_options){0}, file, &err));
    assert_non_null(strstr(err.where, "tokenizer.json"));
    assert_int_equal(file_kind_of(file), FILE_MISSING);
    model_close(&model);
}

static int release(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gguf_file_gives_the_losses_of_its_folder),
        cmocka_unit_test(sampling_defaults_go_into_the_file),
        cmocka_unit_test(adapters_are_folded_in_wherever_the_base_comes_from),
        cmocka_unit_test(other_keys_and_tensors_of_a_gguf_file_stay),
        cmocka_unit_test(matrices_get_the_models_own_type),
        cmocka_unit_test(an_adapter_has_the_scale_of_each_module),
        cmocka_unit_test(copies_of_modules_are_no_adapter),
        cmocka_unit_test(a_tied_head_has_no_tensor_for_an_adapter),
        cmocka_unit_test(numbers_that_do_not_fit_leave_no_file),
        cmocka_unit_test(what_llama_cpp_would_compute_otherwise_is_refused),
        cmocka_unit_test(a_folder_without_a_tokenizer_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
