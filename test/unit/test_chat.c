/*
 * test_chat.c - finding templates and tokens, the rules for messages, and what is trained on.
 */
#include "test/support/support.h"

#include <sys/stat.h>

#include "base/file.h"
#include "format/gguf_writer.h"
#include "text/chat.h"

#define CHATML                                                                                     \
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"     \
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"

static struct arena arena;
static struct err err;
static struct chat chat;
static struct chat_text text;

static int setup(void **state)
{
    (void)state;
    chat_text_init(&text);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    chat_text_release(&text);
    chat_close(&chat);
    arena_release(&arena);
    return 0;
}

static bool render_request(const char *template, const struct chat_request *request)
{
    chat_close(&chat);
    return chat_open_text(&chat, span_of(template), &err) &&
           chat_render(&chat, request, &text, &err);
}

static bool render(const char *template, const char *messages)
{
    struct chat_request request = {.messages = span_of(messages), .wants_spans = true};
    return render_request(template, &request);
}

/* The trained parts, with '|' between them. */
static const char *trained(void)
{
    struct buf parts;
    buf_init(&parts, BUF_NO_LIMIT);
    for (size_t i = 0; i < text.n_spans; i++) {
        if (i > 0)
            buf_add_byte(&parts, '|');
        buf_add(&parts, span_part(buf_span(&text.text), text.spans[i].start,
                                  text.spans[i].end - text.spans[i].start));
    }
    const char *copy = arena_string(&arena, buf_span(&parts));
    buf_release(&parts);
    return copy;
}

/* A model folder with these files; NULL: without. */
static const char *model_folder(const char *config, const char *map, const char *jinja)
{
    static int n;
    const char *folder = arena_printf(&arena, "%s/m%d", temporary_folder(), n++);
    assert_int_equal(mkdir(folder, 0700), 0);
    const char *base = strrchr(folder, '/') + 1;
    const char *const names[] = {"tokenizer_config.json", "special_tokens_map.json",
                                 "chat_template.jinja"};
    const char *const contents[] = {config, map, jinja};
    for (int i = 0; i < 3; i++) {
        if (contents[i])
            temporary_file(arena_printf(&arena, "%s/%s", base, names[i]), span_of(contents[i]));
    }
    return folder;
}

static bool open_folder(const char *folder)
{
    struct chat_source source = {.model = folder};
    chat_close(&chat);
    return chat_open(&chat, &source, &err);
}

static const char *render_hello(void)
{
    struct chat_request request = {.messages =
                                       span_of("[{\"role\": \"user\", \"content\": \"hi\"}]")};
    ASSERT_OK(chat_render(&chat, &request, &text, &err));
    return buf_string(&text.text);
}

static void the_template_file_comes_before_the_configuration(void **state)
{
    (void)state;
    ASSERT_OK(open_folder(model_folder("{\"chat_template\": \"config\"}", NULL, "file")));
    assert_string_equal(render_hello(), "file");
    ASSERT_OK(open_folder(model_folder("{\"chat_template\": \"config\"}", NULL, NULL)));
    assert_string_equal(render_hello(), "config");
    struct chat_source source = {.model = model_folder("{\"bos_token\": \"B\"}", NULL, "file"),
                                 .template_path =
                                     temporary_file("own.jinja", span_of("own {{ bos_token }}"))};
    chat_close(&chat);
    ASSERT_OK(chat_open(&chat, &source, &err));
    assert_string_equal(render_hello(), "own B");
    source = (struct chat_source){
        .template_path = temporary_file("own.json", span_of("{\"chat_template\": \"json\"}"))};
    chat_close(&chat);
    ASSERT_OK(chat_open(&chat, &source, &err));
    assert_string_equal(render_hello(), "json");
}

static void of_a_named_list_the_default_counts_and_tools_have_their_own(void **state)
{
    (void)state;
    ASSERT_OK(open_folder(
        model_folder("{\"chat_template\": [{\"name\": \"tool_use\", \"template\": \"T\"}, "
                     "{\"name\": \"default\", "
                     "\"template\": \"D\"}, {\"name\": \"rag\", \"template\": \"{{\"}]}",
                     NULL, NULL)));
    assert_string_equal(render_hello(), "D");
    struct chat_request request = {.messages = span_of("[{\"role\": \"user\"}]"),
                                   .tools = span_of("[{\"name\": \"f\"}]")};
    ASSERT_OK(chat_render(&chat, &request, &text, &err));
    ASSERT_SPAN(buf_span(&text.text), "T");
}

static void special_tokens_are_texts_or_objects(void **state)
{
    (void)state;
    const char *show = "{{ bos_token }}{{ eos_token }}{{ pad_token }}{{ image_token }}{{ boi }}"
                       "{{ unk_token is defined }}{{ add_bos_token is defined }}";
    ASSERT_OK(open_folder(
        model_folder("{\"model_max_length\": 1000000000000000019884624838656, \"bos_token\": "
                     "\"<s>\", \"eos_token\": {\"content\": \"</s>\", \"lstrip\": false}, "
                     "\"pad_token\": null, \"add_bos_token\": true, \"image_token\": \"<i>\", "
                     "\"extra_special_tokens\": {\"boi\": \"<b>\"}}",
                     NULL, show)));
    assert_string_equal(render_hello(), "<s></s><i><b>FalseFalse");
}

static void the_tokens_map_counts_where_no_added_tokens_are_listed(void **state)
{
    (void)state;
    const char *map = "{\"bos_token\": {\"content\": \"<map>\"}}", *show = "{{ bos_token }}";
    ASSERT_OK(open_folder(model_folder("{\"bos_token\": \"<config>\"}", map, show)));
    assert_string_equal(render_hello(), "<map>");
    ASSERT_OK(open_folder(
        model_folder("{\"bos_token\": \"<config>\", \"added_tokens_decoder\": {}}", map, show)));
    assert_string_equal(render_hello(), "<config>");
    ASSERT_OK(open_folder(model_folder(NULL, map, show)));
    assert_string_equal(render_hello(), "<map>");
}

static const char *gguf_file(const char *name, const char *template)
{
    const char *path = arena_printf(&arena, "%s/%s", temporary_folder(), name);
    struct gguf_writer w;
    gguf_writer_init(&w);
    gguf_put_array(&w, "tokenizer.ggml.tokens", GGUF_STRING, 3);
    gguf_item_string(&w, span_of("<s>"));
    gguf_item_string(&w, span_of("</s>"));
    gguf_item_string(&w, span_of("x"));
    gguf_put_u32(&w, "tokenizer.ggml.bos_token_id", 0);
    gguf_put_u32(&w, "tokenizer.ggml.eos_token_id", 1);
    gguf_put_u32(&w, "tokenizer.ggml.padding_token_id", 7);
    gguf_put_text(&w, "tokenizer.ggml.unknown_token_id", "not a number");
    if (template)
        gguf_put_text(&w, "tokenizer.chat_template", template);
    ASSERT_OK(gguf_writer_open(&w, path, &err));
    ASSERT_OK(gguf_writer_commit(&w, &err));
    gguf_writer_release(&w);
    return path;
}

static void a_gguf_file_brings_its_template_and_tokens(void **state)
{
    (void)state;
    ASSERT_OK(
        open_folder(gguf_file("a.bin", "{{ bos_token }}{{ eos_token }}"
                                       "{{ pad_token is defined }}{{ unk_token is defined }}")));
    assert_string_equal(render_hello(), "<s></s>FalseFalse");
    ASSERT_FAILS(open_folder(gguf_file("b.gguf", NULL)), "there is no chat template");
    ASSERT_FAILS(open_folder(gguf_file("c.gguf", "{% nope %}")), "unknown tag 'nope'");
    ASSERT_FAILS(open_folder(temporary_file("d.gguf", span_of("GGUF"))), "");
    assert_int_equal(err.kind, ERR_INPUT);
}

static void a_template_that_is_missing_or_broken_is_an_error(void **state)
{
    (void)state;
    ASSERT_FAILS(open_folder(model_folder("{}", NULL, NULL)), "there is no chat template");
    ASSERT_FAILS(open_folder(model_folder("{", NULL, NULL)), "expected a member");
    ASSERT_FAILS(open_folder(model_folder(NULL, NULL, "{{")), "unexpected");
    assert_non_null(strstr(err.where, "chat_template.jinja: line 1"));
    ASSERT_FAILS(open_folder(model_folder("{\"chat_template\": \"{%\"}", NULL, NULL)),
                 "tag name expected");
    struct chat_source source = {.template_path = "/no/such/file.jinja"};
    chat_close(&chat);
    ASSERT_FAILS(chat_open(&chat, &source, &err), "");
    assert_int_equal(err.kind, ERR_IO);
    source.template_path = temporary_file("none.json", span_of("{\"x\": 1}"));
    ASSERT_FAILS(chat_open(&chat, &source, &err), "the file has no member chat_template");
}

static void messages_are_prepared_as_transformers_does(void **state)
{
    (void)state;
    ASSERT_OK(render("{{ messages }}{{ tools }}{{ documents }}{{ add_generation_prompt }}",
                     "[{\"role\": \"user\", \"content\": null, \"x\": 1}]"));
    ASSERT_SPAN(buf_span(&text.text), "[{'role': 'user', 'x': 1}]NoneNoneFalse");
    struct chat_request request = {
        .messages =
            span_of("[{\"role\": \"assistant\", \"reasoning\": \"r\", \"content\": \"c\"}]")};
    ASSERT_OK(render_request("{{ messages[0] }}", &request));
    ASSERT_SPAN(buf_span(&text.text), "{'thinking': 'r', 'role': 'assistant', 'reasoning': 'r', "
                                      "'content': 'c', 'reasoning_content': 'r'}");
}

static void an_object_brings_tools_and_variables(void **state)
{
    (void)state;
    ASSERT_OK(render("{{ messages|length }}{{ tools[0].name }}{{ depth }}",
                     "{\"messages\": [{\"role\": \"user\"}], \"tools\": [{\"name\": \"f\"}], "
                     "\"depth\": 3}"));
    ASSERT_SPAN(buf_span(&text.text), "1f3");
}

static void wrong_messages_are_refused(void **state)
{
    (void)state;
    ASSERT_FAILS(render(CHATML, "[]"), "Cannot apply chat template to an empty conversation.");
    ASSERT_FAILS(render(CHATML, "5"), "expected a JSON list of messages");
    ASSERT_FAILS(render(CHATML, "{}"), "the object has no member messages");
    ASSERT_FAILS(render(CHATML, "[[{}]]"), "message 1 is not an object");
    ASSERT_FAILS(render(CHATML, "[{\"role\": 1"), "the text ends early");
    ASSERT_FAILS(render(CHATML, "{\"messages\": [{}], \"tools\": [1]}"),
                 "tools must be a list of objects");
    ASSERT_FAILS(render(CHATML, "{\"messages\": [{}], \"documents\": {}}"),
                 "documents must be a list of objects");
    struct chat_request request = {.messages = span_of("[{}]"), .tools = span_of("[")};
    ASSERT_FAILS(render_request(CHATML, &request), "the text ends early");
    ASSERT_FAILS(render("{{ raise_exception('only one turn') }}", "[{}]"), "only one turn");
}

#define TWO_TURNS                                                                                  \
    "[{\"role\": \"user\", \"content\": \"q1\"}, {\"role\": \"assistant\", \"content\": \"a1\"}, " \
    "{\"role\": \"user\", \"content\": \"q2\"}, {\"role\": \"assistant\", \"content\": \"a2\"}]"

static void answers_and_their_end_marks_are_trained_on(void **state)
{
    (void)state;
    ASSERT_OK(render(CHATML, TWO_TURNS));
    assert_string_equal(trained(), "a1<|im_end|>|a2<|im_end|>");
    ASSERT_OK(render("{% for m in messages %}{{ '[INST] ' ~ m.content ~ ' [/INST]' if m.role == "
                     "'user' else ' ' ~ m.content ~ '</s>' }}{% endfor %}",
                     TWO_TURNS));
    assert_string_equal(trained(), " a1</s>| a2</s>");
    ASSERT_OK(render("{% for m in messages %}{{ m.role }}: {{ m.content }}\n\n{% endfor %}"
                     "{% if add_generation_prompt %}assistant:{% endif %}",
                     TWO_TURNS));
    assert_string_equal(trained(), " a1\n\n| a2\n\n");
}

static void a_header_is_not_trained_on_even_without_a_generation_prompt(void **state)
{
    (void)state;
    ASSERT_OK(render("{% for m in messages %}<|{{ m.role }}|>{{ m.content }}</s>{% endfor %}",
                     TWO_TURNS));
    assert_string_equal(trained(), "a1</s>|a2</s>");
}

static void turns_that_are_rewritten_later_are_found(void **state)
{
    (void)state;
    /* Only the last answer keeps its empty reasoning, as in Qwen3. */
    const char *rewriting =
        "{% for m in messages %}<|im_start|>{{ m.role }}\n"
        "{% if m.role == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}"
        "{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
    ASSERT_OK(render(rewriting, TWO_TURNS));
    assert_string_equal(trained(), "a1<|im_end|>|<think>\n\n</think>\n\na2<|im_end|>");
    /* The generation prompt opens the reasoning; earlier turns have none. */
    const char *opening =
        "{% for m in messages %}<|im_start|>{{ m.role }}\n"
        "{% if m.role == 'assistant' and loop.last %}<think>\nx</think>{% endif %}"
        "{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}";
    ASSERT_OK(render(opening, TWO_TURNS));
    assert_string_equal(trained(), "a1<|im_end|>|x</think>a2<|im_end|>");
    /* The last turn has another end mark, as in gpt-oss. */
    const char *marks = "{% for m in messages %}<|start|>{{ m.role }}<|message|>{{ m.content }}"
                        "{{ '<|return|>' if loop.last and m.role == 'assistant' else '<|end|>' }}"
                        "{% endfor %}{% if add_generation_prompt %}<|start|>assistant{% endif %}";
    ASSERT_OK(render(marks, TWO_TURNS));
    assert_string_equal(trained(), "<|message|>a1<|end|>|<|message|>a2<|return|>");
}

static void a_template_that_refuses_parts_of_a_conversation_is_no_obstacle(void **state)
{
    (void)state;
    ASSERT_OK(
        render("{% if messages|length != 4 %}{{ raise_exception('all or nothing') }}{% endif %}"
               "{% for m in messages %}<{{ m.role }}>{{ m.content }}<end>{% endfor %}",
               TWO_TURNS));
    assert_string_equal(trained(), "a1<end>|a2<end>");
}

static void a_turn_without_content_ends_with_its_mark(void **state)
{
    (void)state;
    /* Tools are dropped, and the last turn closes with a further mark, as in Phi-3. */
    const char *template =
        "{% for m in messages if m.role != 'tool' %}<|{{ m.role }}|>\n{{ m.content }}{{ m.calls }}"
        "<|end|>\n{% endfor %}"
        "{{ '<|assistant|>\n' if add_generation_prompt else '<|endoftext|>' }}";
    ASSERT_OK(render(template, "[{\"role\": \"user\", \"content\": \"q\"}, "
                               "{\"role\": \"assistant\", \"content\": \"\"}, "
                               "{\"role\": \"tool\", \"content\": \"r\"}, "
                               "{\"role\": \"assistant\", \"content\": \"a\"}]"));
    assert_string_equal(trained(), "<|end|>|a<|end|>\n<|endoftext|>");
    ASSERT_OK(render(template, "[{\"role\": \"user\", \"content\": \"q\"}, "
                               "{\"role\": \"assistant\", \"content\": \"\", \"calls\": [1]}, "
                               "{\"role\": \"user\", \"content\": \"r\"}]"));
    assert_string_equal(trained(), "[1]<|end|>");
}

static void finding_the_turns_has_a_limit_of_its_own(void **state)
{
    (void)state;
    /* Every rendering nearly uses up its steps, and every message asks for several. */
    const struct jinja_limits limits = {
        .steps = 30000, .memory_bytes = 16u << 20, .output_bytes = 1u << 20, .depth = 100};
    struct buf messages;
    buf_init(&messages, BUF_NO_LIMIT);
    for (int i = 0; i < 200; i++)
        buf_printf(&messages, "%s{\"role\": \"%s\", \"content\": \"c%d\"}", i > 0 ? ", " : "[",
                   i % 2 > 0 ? "assistant" : "user", i);
    buf_add_text(&messages, "]");
    struct chat_request request = {.messages = buf_span(&messages), .wants_spans = true};
    chat_close(&chat);
    ASSERT_OK(chat_open_text(&chat,
                             span_of("{% for i in range(6000) %}{% endfor %}{% for m in messages %}"
                                     "{{ m.role if loop.last }}{{ m.content }}{% endfor %}"),
                             &err));
    chat.limits = &limits;
    ASSERT_FAILS(chat_render(&chat, &request, &text, &err), "cannot tell where message");
    buf_release(&messages);
}

static void generation_blocks_decide_where_there_are_any(void **state)
{
    (void)state;
    const char *template =
        "{% for m in messages %}{% if m.role == 'assistant' %}A: {% generation %}"
        "{{ m.content }}.{% endgeneration %}\n{% else %}{{ m.content }}\n"
        "{% endif %}{% endfor %}";
    ASSERT_OK(render(template, TWO_TURNS));
    assert_string_equal(trained(), "a1.|a2.");
    const bool last_only[4] = {false, false, false, true};
    struct chat_request request = {
        .messages = span_of(TWO_TURNS), .wants_spans = true, .trained = last_only, .n_trained = 4};
    ASSERT_OK(render_request(template, &request));
    assert_string_equal(trained(), "a2.");
    ASSERT_OK(render_request(CHATML, &request));
    assert_string_equal(trained(), "a2<|im_end|>");
}

static void a_generation_block_inside_a_macro_falls_back_to_the_turns(void **state)
{
    (void)state;
    ASSERT_OK(
        render("{% macro say(t) %}{% generation %}{{ t }}<end>{% endgeneration %}{% endmacro %}"
               "{% for m in messages %}<{{ m.role }}>{{ say(m.content) }}{% endfor %}",
               TWO_TURNS));
    assert_string_equal(trained(), "a1<end>|a2<end>");
}

static void a_turn_that_is_not_in_the_text_is_an_error(void **state)
{
    (void)state;
    ASSERT_FAILS(render("{{ messages|length }}", TWO_TURNS), "cannot tell where message 2");
}

static void tokens_that_touch_a_trained_part_are_in_the_mask(void **state)
{
    (void)state;
    struct text_range spans[] = {{2, 4}, {8, 10}};
    struct chat_text marked = {.spans = spans, .n_spans = 2};
    struct text_range tokens[] = {{0, 2}, {2, 3}, {3, 6},  {6, 8},
                                  {7, 9}, {9, 9}, {9, 10}, {10, 12}};
    uint8_t mask[8];
    const uint8_t wanted[8] = {0, 1, 1, 0, 1, 0, 1, 0};
    chat_mask(&marked, tokens, 8, mask);
    assert_memory_equal(mask, wanted, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_template_file_comes_before_the_configuration),
        cmocka_unit_test(of_a_named_list_the_default_counts_and_tools_have_their_own),
        cmocka_unit_test(special_tokens_are_texts_or_objects),
        cmocka_unit_test(the_tokens_map_counts_where_no_added_tokens_are_listed),
        cmocka_unit_test(a_gguf_file_brings_its_template_and_tokens),
        cmocka_unit_test(a_template_that_is_missing_or_broken_is_an_error),
        cmocka_unit_test(messages_are_prepared_as_transformers_does),
        cmocka_unit_test(an_object_brings_tools_and_variables),
        cmocka_unit_test(wrong_messages_are_refused),
        cmocka_unit_test(answers_and_their_end_marks_are_trained_on),
        cmocka_unit_test(a_header_is_not_trained_on_even_without_a_generation_prompt),
        cmocka_unit_test(turns_that_are_rewritten_later_are_found),
        cmocka_unit_test(a_template_that_refuses_parts_of_a_conversation_is_no_obstacle),
        cmocka_unit_test(a_turn_without_content_ends_with_its_mark),
        cmocka_unit_test(finding_the_turns_has_a_limit_of_its_own),
        cmocka_unit_test(generation_blocks_decide_where_there_are_any),
        cmocka_unit_test(a_generation_block_inside_a_macro_falls_back_to_the_turns),
        cmocka_unit_test(a_turn_that_is_not_in_the_text_is_an_error),
        cmocka_unit_test(tokens_that_touch_a_trained_part_are_in_the_mask),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
