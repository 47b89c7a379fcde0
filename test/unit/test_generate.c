#include "test/support/model_folder.h"

#include <math.h>

#include "model/generate.h"
#include "model/lora.h"

enum { N = 40, V = 32 };

#define LONG_LLAMA                                                                                 \
    "\"model_type\": \"llama\", \"hidden_size\": 16, \"intermediate_size\": 24, "                  \
    "\"num_hidden_layers\": 2, \"num_attention_heads\": 4, \"num_key_value_heads\": 2, "           \
    "\"vocab_size\": 32, \"max_position_embeddings\": 400, \"initializer_range\": 0.3"
#define WINDOWED_MISTRAL "\"model_type\": \"mistral\", \"sliding_window\": 9, " TINY_SIZES

static void fill_ids(int32_t *ids, size_t n, size_t seed)
{
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)((7 * i * i + 3 * i + seed) % V);
}

/* Logits [n, V] of one pass over everything, without a cache. */
static void whole_pass(const struct model *model, const int32_t *ids, size_t n, bool without,
                       float *z)
{
    struct err err = {0};
    struct arena arena = {0};
    struct tape tape = {0};
    struct run run = {0};
    int32_t *place = arena_array(&arena, int32_t, n);
    for (size_t i = 0; i < n; i++)
        place[i] = (int32_t)i;
    struct segment segment = {.n = (int32_t)n, .parent = SEGMENT_NO_PARENT};
    struct batch batch = {
        .n_tokens = n, .id = ids, .position = place, .segment = &segment, .n_segments = 1};
    struct record_options record = {.longest = n, .without_adapters = without};
    struct run_options options = {.rows = n, .targets = n, .keys = n};
    model_record(model, &tape, &record);
    ASSERT_OK(run_init(&run, &tape, model->backend, &options, &err));
    run_logits(&run, &batch, NULL, place, n, (struct mat){z, n, V, V});
    run_release(&run);
    tape_release(&tape);
    arena_release(&arena);
}

static void assert_logits(const float *found, const float *wanted)
{
    for (size_t i = 0; i < V; i++) {
        if (!(fabsf(found[i] - wanted[i]) <= 2e-5f))
            fail_msg("logit %zu is %g, in one pass %g", i, (double)found[i], (double)wanted[i]);
    }
}

static void open_model(struct model *model, struct generator *g, const char *members,
                       size_t longest)
{
    struct err err = {0};
    ASSERT_OK(model_open(model, model_folder(members), plain_backend(), &err));
    ASSERT_OK(generator_open(g, model, &(struct record_options){.longest = longest}, 1, &err));
}

static void close_both(struct model *model, struct generator *g)
{
    generator_close(g);
    model_close(model);
}

static void tokens_fed_in_parts_give_the_logits_of_one_pass(void **state)
{
    (void)state;
    static const char *const families[] = {TINY_LLAMA, TINY_GPT2, TINY_NEOX, WINDOWED_MISTRAL};
    static const size_t parts[] = {7, 1, 1, 12, 1, 18};
    for (size_t f = 0; f < COUNT_OF(families); f++) {
        struct model model;
        struct generator g;
        int32_t ids[N];
        float z[N * V];
        open_model(&model, &g, families[f], N);
        fill_ids(ids, N, 1);
        whole_pass(&model, ids, N, false, z);
        size_t fed = 0;
        for (size_t i = 0; i < COUNT_OF(parts); i++) {
            const float *logits = generator_feed(&g, 0, ids + fed, parts[i]);
            fed += parts[i];
            assert_logits(logits, z + (fed - 1) * V);
        }
        assert_int_equal(fed, N);
        close_both(&model, &g);
    }
}

static void a_long_prompt_is_fed_in_several_passes(void **state)
{
    (void)state;
    enum { LONG = 300 };
    struct model model;
    struct generator g;
    static int32_t ids[LONG];
    static float z[LONG * V];
    open_model(&model, &g, LONG_LLAMA, LONG);
    assert_true(g.run.plan.bytes > 0);
    fill_ids(ids, LONG, 2);
    whole_pass(&model, ids, LONG, false, z);
    assert_logits(generator_feed(&g, 0, ids, LONG - 1), z + (LONG - 2) * V);
    assert_logits(generator_feed(&g, 0, ids + LONG - 1, 1), z + (LONG - 1) * V);
    close_both(&model, &g);
}

static void what_is_behind_a_rewind_is_forgotten(void **state)
{
    (void)state;
    struct model model;
    struct generator g;
    int32_t ids[N], other[N];
    float z[N * V];
    open_model(&model, &g, WINDOWED_MISTRAL, N);
    fill_ids(ids, N, 1);
    fill_ids(other, N, 5);
    (void)generator_feed(&g, 0, ids, 5);
    (void)generator_feed(&g, 0, other + 5, N - 5);
    generator_rewind(&g, 0, 5);
    assert_int_equal(g.n_fed[0], 5);
    whole_pass(&model, ids, N, false, z);
    assert_logits(generator_feed(&g, 0, ids + 5, N - 5), z + (N - 1) * V);
    generator_rewind(&g, 0, 0);
    assert_logits(generator_feed(&g, 0, ids, 3), z + 2 * V);
    close_both(&model, &g);
}

/* Each of three texts has its own prompt, its own place, and rests at times. */
static void texts_side_by_side_are_as_each_by_itself(void **state)
{
    (void)state;
    static const char *const families[] = {TINY_LLAMA, TINY_GPT2, WINDOWED_MISTRAL};
    enum { TEXTS = 3 };
    static const size_t prompt[TEXTS] = {5, 1, 11};
    for (size_t f = 0; f < COUNT_OF(families); f++) {
        struct err err = {0};
        struct model model;
        struct generator g;
        int32_t ids[TEXTS][N];
        static float z[TEXTS][N * V];
        size_t fed[TEXTS];
        ASSERT_OK(model_open(&model, model_folder(families[f]), plain_backend(), &err));
        ASSERT_OK(generator_open(&g, &model, &(struct record_options){.longest = N}, TEXTS, &err));
        for (size_t i = 0; i < TEXTS; i++) {
            fill_ids(ids[i], N, i);
            whole_pass(&model, ids[i], N, false, z[i]);
            fed[i] = prompt[i];
            assert_logits(generator_feed(&g, i, ids[i], fed[i]), z[i] + (fed[i] - 1) * V);
        }
        for (size_t step = 0; step < 24; step++) {
            int32_t next[TEXTS];
            for (size_t i = 0; i < TEXTS; i++)
                next[i] = (step + i) % 4 == 0 ? -1 : ids[i][fed[i]];
            const float *logits = generator_step(&g, next);
            for (size_t i = 0; i < TEXTS; i++) {
                fed[i] += next[i] >= 0;
                if (next[i] >= 0)
                    assert_logits(logits + i * V, z[i] + (fed[i] - 1) * V);
                assert_int_equal(g.n_fed[i], fed[i]);
            }
            if (step == 10) { /* one begins anew, the others go on */
                generator_rewind(&g, 1, 3);
                fed[1] = 3;
            }
        }
        close_both(&model, &g);
    }
}

static void adapters_count_unless_they_are_left_out(void **state)
{
    (void)state;
    struct err err = {0};
    struct model model;
    struct generator with, without;
    int32_t ids[N];
    float z[N * V], base[N * V];
    struct lora_options lora = {.all_linear = true, .rank = 2, .alpha = 8};
    ASSERT_OK(model_open(&model, model_folder(TINY_LLAMA), plain_backend(), &err));
    fill_ids(ids, N, 1);
    whole_pass(&model, ids, N, false, base);
    ASSERT_OK(lora_attach(&model, &lora, 1, &err));
    for (size_t i = 0; i < model.n_adapters; i++) {
        for (size_t j = 0; j < param_count(model.adapters[i]); j++)
            model.adapters[i]->value[j] = (float)(j % 5) * 0.1f - 0.2f;
    }
    whole_pass(&model, ids, N, false, z);
    assert_true(fabsf(z[(N - 1) * V] - base[(N - 1) * V]) > 1e-3f);
    struct record_options record = {.longest = N};
    ASSERT_OK(generator_open(&with, &model, &record, 1, &err));
    record.without_adapters = true;
    ASSERT_OK(generator_open(&without, &model, &record, 1, &err));
    assert_logits(generator_feed(&with, 0, ids, N), z + (N - 1) * V);
    assert_logits(generator_feed(&without, 0, ids, N), base + (N - 1) * V);
    generator_close(&with);
    close_both(&model, &without);
}

static void feed_too_many(void)
{
    struct model model;
    struct generator g;
    int32_t ids[N] = {0};
    open_model(&model, &g, TINY_LLAMA, 8);
    (void)generator_feed(&g, 0, ids, 9);
}

static void more_tokens_than_there_is_room_for_are_a_programmers_mistake(void **state)
{
    (void)state;
    assert_check_fails(feed_too_many, "g->n_fed[text] + n <= g->room");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_fed_in_parts_give_the_logits_of_one_pass),
        cmocka_unit_test(a_long_prompt_is_fed_in_several_passes),
        cmocka_unit_test(what_is_behind_a_rewind_is_forgotten),
        cmocka_unit_test(texts_side_by_side_are_as_each_by_itself),
        cmocka_unit_test(adapters_count_unless_they_are_left_out),
        cmocka_unit_test(more_tokens_than_there_is_room_for_are_a_programmers_mistake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
