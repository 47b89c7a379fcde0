#include "test/support/model_folder.h"
#include "test/support/tiny_model.h"

#include <math.h>

#include "base/utf8.h"
#include "model/lora.h"
#include "train/talk.h"

static const char TEMPLATE[] =
    "{% for m in messages %}{% if m['role'] == 'assistant' %}a:{{ m['content'] }}<e>\n"
    "{% else %}u:{{ m['content'] }}\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}a:{% endif %}";

/* No end token in the description: the template's own has to be found. */
#define WITHOUT_EOS                                                                                \
    "\"model_type\": \"llama\", \"hidden_size\": 16, \"intermediate_size\": 24, "                  \
    "\"num_hidden_layers\": 2, \"num_attention_heads\": 4, \"num_key_value_heads\": 2, "           \
    "\"vocab_size\": 10, \"max_position_embeddings\": 64, \"initializer_range\": 0.3"

/* Ten tokens that are bytes: of "é", of "€", and an 'a'. */
static const char BYTES[] =
    "{\"version\": \"1.0\", \"added_tokens\": [], \"normalizer\": null, \"pre_tokenizer\": null, "
    "\"post_processor\": null, \"decoder\": {\"type\": \"Sequence\", \"decoders\": [{\"type\": "
    "\"ByteFallback\"}, {\"type\": \"Fuse\"}]}, \"model\": {\"type\": \"BPE\", \"byte_fallback\": "
    "true, \"unk_token\": null, \"vocab\": {\"<0xC3>\": 0, \"<0xA9>\": 1, \"<0xE2>\": 2, "
    "\"<0x82>\": 3, \"<0xAC>\": 4, \"a\": 5, \"b\": 6, \"c\": 7, \"d\": 8, \"e\": 9}, "
    "\"merges\": []}}";

static struct model model;
static struct buf heard;
static bool heard_broken, heard_open; /* a piece that is no text; one that ends with U+FFFD */
static size_t patience;               /* pieces until nobody listens any more */

static bool hear(void *context, struct span text)
{
    (void)context;
    heard_broken |= utf8_first_invalid(text) < text.len;
    heard_open |= text.len >= 3 && memcmp(text.at + text.len - 3, "\xef\xbf\xbd", 3) == 0;
    buf_add(&heard, text);
    return patience == 0 || --patience > 0;
}

static struct talk_options options_of(double temperature, uint64_t seed)
{
    return (struct talk_options){
        .sample = {.temperature = temperature, .top_p = 1}, .seed = seed, .context = 64, .most = 8};
}

static const char *talker(const char *members, const char *template)
{
    const char *folder = model_folder(members);
    tiny_tokenizer(folder, "{\"eos_token\": \"<e>\"}", template);
    return folder;
}

static void open_talk(struct talk *t, const char *folder, const struct talk_options *o)
{
    struct err err = {0};
    ASSERT_OK(model_open(&model, folder, plain_backend(), &err));
    ASSERT_OK(talk_open(t, &model, folder, o, &err));
    buf_init(&heard, BUF_NO_LIMIT);
    heard_broken = heard_open = false;
    patience = 0;
}

static void close_talk(struct talk *t)
{
    talk_close(t);
    model_close(&model);
    buf_release(&heard);
}

static enum talk_end say(struct talk *t, const char *words)
{
    struct err err = {0};
    enum talk_end end;
    ASSERT_OK(talk_say(t, span_of(words), hear, NULL, &end, &err));
    return end;
}

static void the_template_says_how_an_answer_ends(void **state)
{
    (void)state;
    struct talk t;
    struct talk_options o = options_of(1, 1);
    open_talk(&t, talker(WITHOUT_EOS, TEMPLATE), &o);
    assert_true(t.has_chat);
    assert_int_equal(t.end_of_turn, TINY_END);
    bool ended = false, full = false;
    for (int i = 0; i < 40; i++) {
        enum talk_end end = say(&t, "ab");
        ended |= end == TALK_ENDED;
        full |= end == TALK_FULL;
        assert_true(end == TALK_ENDED ? t.answer.n < o.most : t.answer.n == o.most);
        for (size_t k = 0; k < t.answer.n; k++)
            assert_int_not_equal(t.answer.ids[k], TINY_END);
        talk_forget(&t);
    }
    assert_true(ended && full);
    close_talk(&t);
}

static void what_is_shown_is_what_was_said(void **state)
{
    (void)state;
    struct talk t;
    struct talk_options o = options_of(1, 3);
    open_talk(&t, talker(WITHOUT_EOS, TEMPLATE), &o);
    say(&t, "a");
    assert_int_equal(heard.len, t.said.len);
    assert_memory_equal(heard.at, t.said.at, heard.len);
    close_talk(&t);
}

/* The first layer's keys of the first token become NaN: whatever looks at them is NaN too. */
static void spoil_the_beginning(struct talk *t)
{
    struct mat k = t->generator.cache.k[0];
    for (size_t i = 0; i < k.width; i++)
        ((float *)k.at)[i] = NAN;
}

static void a_turn_is_fed_behind_what_the_model_has_read(void **state)
{
    (void)state;
    struct talk t;
    struct talk_options o = options_of(0, 1);
    o.most = 2;
    open_talk(&t, talker(WITHOUT_EOS, TEMPLATE), &o);
    say(&t, "ab");
    say(&t, "c");
    assert_false(isnan(t.generator.logits[0]));
    spoil_the_beginning(&t);
    say(&t, "b");
    assert_true(isnan(t.generator.logits[0]));
    talk_forget(&t);
    say(&t, "b"); /* "u:" is kept, nothing else: still spoilt */
    assert_true(isnan(t.generator.logits[0]));
    close_talk(&t);
}

static void a_turn_has_the_same_answer_when_everything_is_fed_anew(void **state)
{
    (void)state;
    struct err err = {0};
    struct talk t;
    float logits[TINY_VOCABULARY];
    struct talk_options o = options_of(0, 1);
    open_talk(&t, talker(WITHOUT_EOS, TEMPLATE), &o);
    for (int anew = 0; anew < 2; anew++) {
        talk_forget(&t);
        say(&t, "ab");
        if (anew)
            ASSERT_OK(talk_use_adapters(&t, true, &err));
        say(&t, "c a");
        if (!anew)
            memcpy(logits, t.generator.logits, sizeof logits);
    }
    for (size_t i = 0; i < TINY_VOCABULARY; i++)
        assert_true(fabsf(logits[i] - t.generator.logits[i]) < 2e-5f);
    close_talk(&t);
}

static void the_same_seed_says_the_same(void **state)
{
    (void)state;
    const char *folder = talker(WITHOUT_EOS, TEMPLATE);
    struct tokens answers[3] = {0};
    for (size_t i = 0; i < 3; i++) {
        struct talk t;
        struct talk_options o = options_of(2, i == 2 ? 9 : 5);
        open_talk(&t, folder, &o);
        say(&t, "a b");
        for (size_t k = 0; k < t.answer.n; k++)
            tokens_add(&answers[i], t.answer.ids[k], 0, 0);
        close_talk(&t);
    }
    assert_int_equal(answers[0].n, answers[1].n);
    assert_memory_equal(answers[0].ids, answers[1].ids, answers[0].n * sizeof(uint32_t));
    assert_true(answers[0].n != answers[2].n ||
                memcmp(answers[0].ids, answers[2].ids, answers[0].n * sizeof(uint32_t)) != 0);
    for (size_t i = 0; i < 3; i++)
        tokens_release(&answers[i]);
}

static void characters_are_shown_when_they_are_whole(void **state)
{
    (void)state;
    size_t n_whole = 0;
    const char *folder = talker(WITHOUT_EOS, NULL);
    write_into(folder, "tokenizer.json", BYTES);
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct talk t;
        struct talk_options o = options_of(1.5, seed);
        o.most = 20;
        open_talk(&t, folder, &o);
        say(&t, "a");
        assert_false(heard_broken);
        assert_int_equal(heard.len, t.said.len);
        n_whole += span_find(buf_span(&heard), span_of("\xc3\xa9")) < heard.len;
        close_talk(&t);
    }
    assert_true(n_whole > 3);
}

static void without_a_template_the_text_goes_on(void **state)
{
    (void)state;
    struct talk t;
    struct talk_options o = options_of(1, 2);
    open_talk(&t, talker(TINY_TALKER, NULL), &o);
    assert_false(t.has_chat);
    say(&t, "ab c");
    assert_int_equal(t.prompt.ids[0], 5); /* the tokenizer's <s> */
    assert_int_equal(t.messages.len, 4 + t.said.len);
    assert_memory_equal(t.messages.at, "ab c", 4);
    close_talk(&t);
}

static void adapters_can_be_switched_off_and_on(void **state)
{
    (void)state;
    struct err err = {0};
    struct talk t;
    float with[TINY_VOCABULARY], without[TINY_VOCABULARY], base[TINY_VOCABULARY];
    struct talk_options o = options_of(0, 1);
    struct lora_options lora = {.all_linear = true, .rank = 2, .alpha = 8};
    o.most = 1;
    open_talk(&t, talker(WITHOUT_EOS, TEMPLATE), &o);
    say(&t, "ab");
    memcpy(base, t.generator.logits, sizeof base);
    talk_close(&t);
    ASSERT_OK(lora_attach(&model, &lora, 1, &err));
    for (size_t i = 0; i < model.n_adapters; i++) {
        for (size_t j = 0; j < param_count(model.adapters[i]); j++)
            model.adapters[i]->value[j] = (float)(j % 5) * 0.1f - 0.2f;
    }
    const char *folder = talker(WITHOUT_EOS, TEMPLATE);
    ASSERT_OK(talk_open(&t, &model, folder, &o, &err));
    say(&t, "ab");
    memcpy(with, t.generator.logits, sizeof with);
    ASSERT_OK(talk_use_adapters(&t, false, &err));
    talk_forget(&t);
    say(&t, "ab");
    memcpy(without, t.generator.logits, sizeof without);
    ASSERT_OK(talk_use_adapters(&t, true, &err));
    talk_forget(&t);
    say(&t, "ab");
    assert_memory_equal(with, t.generator.logits, sizeof with);
    float apart = 0;
    for (size_t i = 0; i < TINY_VOCABULARY; i++)
        apart = fmaxf(apart, fabsf(with[i] - without[i]));
    assert_true(apart > 1e-3f);
    assert_memory_equal(base, without, sizeof base);
    close_talk(&t);
}

static void a_system_speaks_first(void **state)
{
    (void)state;
    struct talk t;
    struct talk_options o = options_of(0, 1);
    o.system = "cc";
    open_talk(&t, talker(WITHOUT_EOS, TEMPLATE), &o);
    say(&t, "a");
    static const uint32_t wanted[] = {9, 8, 2, 2, 7, 9, 8, 0, 7}; /* u:cc, u:a */
    assert_memory_equal(t.prompt.ids, wanted, sizeof wanted);
    close_talk(&t);
}

static void nobody_has_to_hear_the_end(void **state)
{
    (void)state;
    struct talk t;
    struct talk_options o = options_of(3, 4);
    open_talk(&t, talker(WITHOUT_EOS, TEMPLATE), &o);
    patience = 1;
    assert_int_equal(say(&t, "ab"), TALK_STOPPED);
    assert_true(t.answer.n <= 3);
    say(&t, "ab"); /* and it goes on */
    close_talk(&t);
}

static void a_conversation_longer_than_the_context_is_refused_and_the_turn_taken_back(void **state)
{
    (void)state;
    struct err err = {0};
    struct talk t;
    enum talk_end end;
    struct talk_options o = options_of(0, 1);
    o.context = 20;
    open_talk(&t, talker(WITHOUT_EOS, TEMPLATE), &o);
    say(&t, "a");
    size_t before = t.messages.len;
    ASSERT_FAILS(talk_say(&t, span_of("cccccccccccccccccccc"), hear, NULL, &end, &err),
                 "the context room for 19");
    assert_non_null(strstr(err.hint, "/forget"));
    assert_int_equal(t.messages.len, before);
    talk_forget(&t);
    say(&t, "a");
    close_talk(&t);
}

static void a_tokenizer_of_another_model_is_refused(void **state)
{
    (void)state;
    struct err err = {0};
    struct talk t;
    struct talk_options o = options_of(0, 1);
    const char *folder = model_folder("\"model_type\": \"llama\", \"hidden_size\": 16, "
                                      "\"intermediate_size\": 24, \"num_hidden_layers\": 1, "
                                      "\"num_attention_heads\": 4, \"vocab_size\": 8");
    tiny_tokenizer(folder, NULL, NULL);
    ASSERT_OK(model_open(&model, folder, plain_backend(), &err));
    ASSERT_FAILS(talk_open(&t, &model, folder, &o, &err),
                 "the tokenizer has ids up to 9, but the model's vocabulary is 8");
    model_close(&model);
}

static void a_model_without_a_tokenizer_is_refused(void **state)
{
    (void)state;
    struct err err = {0};
    struct talk t;
    struct talk_options o = options_of(0, 1);
    const char *folder = model_folder(TINY_TALKER);
    ASSERT_OK(model_open(&model, folder, plain_backend(), &err));
    assert_false(talk_open(&t, &model, folder, &o, &err));
    assert_non_null(strstr(err.where, "tokenizer"));
    model_close(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_template_says_how_an_answer_ends),
        cmocka_unit_test(what_is_shown_is_what_was_said),
        cmocka_unit_test(a_turn_is_fed_behind_what_the_model_has_read),
        cmocka_unit_test(a_turn_has_the_same_answer_when_everything_is_fed_anew),
        cmocka_unit_test(the_same_seed_says_the_same),
        cmocka_unit_test(characters_are_shown_when_they_are_whole),
        cmocka_unit_test(without_a_template_the_text_goes_on),
        cmocka_unit_test(adapters_can_be_switched_off_and_on),
        cmocka_unit_test(a_system_speaks_first),
        cmocka_unit_test(nobody_has_to_hear_the_end),
        cmocka_unit_test(a_conversation_longer_than_the_context_is_refused_and_the_turn_taken_back),
        cmocka_unit_test(a_tokenizer_of_another_model_is_refused),
        cmocka_unit_test(a_model_without_a_tokenizer_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
