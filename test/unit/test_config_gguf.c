#include <math.h>

#include "format/gguf_writer.h"
#include "model/config.h"
#include "test/support/support.h"

static struct err err;
static struct arena arena;

/* The keys of a small model; a test adds or changes some before it is written. */
static void begin(struct gguf_writer *w, const char *arch)
{
    const struct {
        const char *key;
        uint32_t value;
    } sizes[] = {{"embedding_length", 16},    {"block_count", 4},
                 {"attention.head_count", 4}, {"attention.head_count_kv", 2},
                 {"feed_forward_length", 24}, {"context_length", 64}};
    gguf_writer_init(w);
    gguf_put_text(w, "general.architecture", arch);
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        gguf_put_u32(w, arena_printf(&arena, "%s.%s", arch, sizes[i].key), sizes[i].value);
}

static void add_tensor(struct gguf_writer *w, const char *name, size_t rows, size_t width)
{
    struct tensor t = {.name = span_of(name), .dtype = DTYPE_F32, .n_dims = rows > 0 ? 2 : 1};
    t.dims[0] = rows > 0 ? rows : width;
    t.dims[1] = width;
    gguf_writer_add(w, &t);
}

/* Writes with `value` everywhere and reads the description. */
static bool finish(struct gguf_writer *w, float value, size_t n_values, struct model_config *c)
{
    static int count;
    const char *path = arena_printf(&arena, "%s/%d.gguf", temporary_folder(), count++);
    ASSERT_OK(gguf_writer_open(w, path, &err));
    for (size_t i = 0; i < n_values; i++)
        gguf_writer_data(w, (struct span){(const uint8_t *)&value, sizeof value});
    ASSERT_OK(gguf_writer_commit(w, &err));
    gguf_writer_release(w);
    return model_config_read(c, &arena, path, &err);
}

static void llama_is_interleaved_and_takes_the_vocabulary_from_its_tokens(void **state)
{
    (void)state;
    struct gguf_writer w;
    struct model_config c;
    begin(&w, "llama");
    gguf_put_f32(&w, "llama.rope.freq_base", 5e5f);
    gguf_put_f32(&w, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    gguf_put_u32(&w, "tokenizer.ggml.bos_token_id", 1);
    gguf_put_u32(&w, "tokenizer.ggml.eos_token_id", 2);
    gguf_put_u32(&w, "tokenizer.ggml.eot_token_id", 3);
    add_tensor(&w, "token_embd.weight", 32, 16);
    ASSERT_OK(finish(&w, 1, 512, &c));
    assert_string_equal(c.family, "llama");
    assert_int_equal(c.vocabulary, 32);
    assert_true(c.is_gguf && c.is_tied && c.rope[0].interleaved && !c.qkv_bias);
    assert_true(c.rope[0].theta == 5e5 && c.norm_eps == 1e-5f && c.attn_scale == 0.5f);
    assert_int_equal(c.n_eos, 2);
    assert_int_equal(c.eos[1], 3);
    assert_int_equal(c.pad, -1);
}

static void tensors_tell_of_biases_heads_and_divisors(void **state)
{
    (void)state;
    struct gguf_writer w;
    struct model_config c;
    begin(&w, "llama");
    add_tensor(&w, "token_embd.weight", 32, 16);
    add_tensor(&w, "output.weight", 32, 16);
    add_tensor(&w, "blk.0.attn_q.bias", 0, 16);
    add_tensor(&w, "rope_freqs.weight", 0, 2);
    ASSERT_OK(finish(&w, 3, 512 + 512 + 16 + 2, &c));
    assert_true(!c.is_tied && c.qkv_bias && !c.out_bias);
    assert_true(c.rope[0].divisor[1] == 3);
}

static void what_llama_cpp_fixes_is_fixed(void **state)
{
    (void)state;
    struct gguf_writer w;
    struct model_config c;
    begin(&w, "gemma3");
    gguf_put_u32(&w, "gemma3.attention.sliding_window", 5);
    gguf_put_u32(&w, "gemma3.attention.key_length", 8);
    add_tensor(&w, "token_embd.weight", 32, 16);
    ASSERT_OK(finish(&w, 1, 512, &c));
    assert_true(c.n_ropes == 2 && c.rope[0].theta == 1e6 && c.rope[1].theta == 1e4);
    assert_true(c.norm_shift == 0 && c.embed_scale == 4 && c.logit_softcap == 0);
    assert_int_equal(c.layers[0].window, 5);
    assert_int_equal(c.layers[0].rope, 1);
    begin(&w, "gemma2");
    gguf_put_u32(&w, "gemma2.attention.sliding_window", 5);
    add_tensor(&w, "token_embd.weight", 32, 16);
    ASSERT_OK(finish(&w, 1, 512, &c));
    assert_true(c.attn_softcap == 50 && c.logit_softcap == 30);
    assert_int_equal(c.layers[1].window, 0);
    begin(&w, "smollm3");
    add_tensor(&w, "token_embd.weight", 32, 16);
    ASSERT_OK(finish(&w, 1, 512, &c));
    assert_int_equal(c.layers[3].rope, ROPE_NONE);
    assert_int_equal(c.layers[2].rope, 0);
}

static void ropes_are_stretched_by_keys_or_tensors(void **state)
{
    (void)state;
    struct gguf_writer w;
    struct model_config c;
    begin(&w, "qwen2");
    gguf_put_text(&w, "qwen2.rope.scaling.type", "yarn");
    gguf_put_f32(&w, "qwen2.rope.scaling.factor", 4);
    gguf_put_u32(&w, "qwen2.rope.scaling.original_context_length", 32);
    add_tensor(&w, "token_embd.weight", 32, 16);
    ASSERT_OK(finish(&w, 1, 512, &c));
    assert_true(c.rope[0].divisor && fabs(c.rope[0].attention_factor - 1.1386294361) < 1e-6);
    begin(&w, "phi3");
    gguf_put_u32(&w, "phi3.rope.scaling.original_context_length", 32);
    gguf_put_f32(&w, "phi3.rope.scaling.attn_factor", 1.5f);
    add_tensor(&w, "token_embd.weight", 32, 16);
    add_tensor(&w, "rope_factors_long.weight", 0, 2);
    add_tensor(&w, "rope_factors_short.weight", 0, 2);
    ASSERT_OK(finish(&w, 2, 512 + 2 + 2, &c));
    assert_true(c.rope[0].long_divisor[0] == 2 && c.rope[0].long_beyond == 32);
    assert_true(c.rope[0].attention_factor == 1.5);
}

#define REFUSES(w, n, value, text)                                                                 \
    do {                                                                                           \
        struct model_config c_;                                                                    \
        ASSERT_FAILS(finish((w), (value), (n), &c_), text);                                        \
        assert_int_equal(err.kind, ERR_INPUT);                                                     \
    } while (0)

static void what_pace_has_not_is_refused_by_name(void **state)
{
    (void)state;
    struct gguf_writer w;
    begin(&w, "mamba");
    REFUSES(&w, 0, 0, "\"mamba\" is not supported");
    gguf_writer_init(&w);
    gguf_put_u32(&w, "general.other", 1);
    REFUSES(&w, 0, 0, "no key \"general.architecture\"");
    begin(&w, "llama");
    REFUSES(&w, 0, 0, "the size of the vocabulary is missing");
    begin(&w, "llama");
    gguf_put_u32(&w, "llama.expert_count", 8);
    REFUSES(&w, 0, 0, "mixture of experts");
    begin(&w, "llama");
    gguf_put_u32(&w, "llama.attention.value_length", 9);
    REFUSES(&w, 0, 0, "differ in width");
    begin(&w, "olmo2");
    gguf_put_u32(&w, "olmo2.attention.sliding_window_pattern", 4);
    add_tensor(&w, "token_embd.weight", 32, 16);
    REFUSES(&w, 512, 1, "sliding_window_pattern is not supported");
}

static void impossible_numbers_are_refused(void **state)
{
    (void)state;
    struct gguf_writer w;
    begin(&w, "llama");
    gguf_put_u32(&w, "llama.rope.dimension_count", 3);
    add_tensor(&w, "token_embd.weight", 32, 16);
    REFUSES(&w, 512, 1, "3 numbers of a head of 4 would turn");
    begin(&w, "llama");
    gguf_put_f32(&w, "llama.rope.freq_base", 0);
    add_tensor(&w, "token_embd.weight", 32, 16);
    REFUSES(&w, 512, 1, "rope_theta is 0");
    begin(&w, "llama");
    add_tensor(&w, "token_embd.weight", 32, 16);
    add_tensor(&w, "rope_freqs.weight", 0, 3);
    REFUSES(&w, 512 + 3, 1, "rope_freqs.weight: 2 numbers of type F32 are wanted");
    begin(&w, "llama");
    add_tensor(&w, "token_embd.weight", 32, 16);
    add_tensor(&w, "rope_freqs.weight", 0, 2);
    REFUSES(&w, 512 + 2, -1, "number 0 is -1");
    begin(&w, "llama");
    gguf_put_text(&w, "llama.rope.freq_base", "much");
    add_tensor(&w, "token_embd.weight", 32, 16);
    REFUSES(&w, 512, 1, "expected a floating-point number");
    begin(&w, "gptneox");
    gguf_put_u32(&w, "gptneox.use_parallel_residual", 1);
    add_tensor(&w, "token_embd.weight", 32, 16);
    REFUSES(&w, 512, 1, "expected");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(llama_is_interleaved_and_takes_the_vocabulary_from_its_tokens),
        cmocka_unit_test(tensors_tell_of_biases_heads_and_divisors),
        cmocka_unit_test(what_llama_cpp_fixes_is_fixed),
        cmocka_unit_test(ropes_are_stretched_by_keys_or_tensors),
        cmocka_unit_test(what_pace_has_not_is_refused_by_name),
        cmocka_unit_test(impossible_numbers_are_refused),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
