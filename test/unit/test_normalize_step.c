#include "test/support/support.h"

#include "text/normalize.h"

static struct arena arena;
static struct text text;
static struct err err;

/* What a normalizer, written in JSON with ' for ", makes of the text. */
static struct span normalized(const char *json, const char *bytes)
{
    struct normalizer n;
    struct json_reader r;
    char *copy = arena_string(&arena, span_of(json));
    for (char *c = copy; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    json_open(&r, span_of(copy), &arena);
    normalizer_read(&n, &r);
    ASSERT_OK(json_close(&r, &err));
    text_set(&text, span_of(bytes), 0, true);
    ASSERT_OK(normalizer_run(&n, &text, &err));
    normalizer_release(&n);
    return text.bytes;
}

#define E_ACUTE "\xc3\xa9"
#define BERT(clean, chinese, accents, lower)                                                       \
    "{'type':'BertNormalizer','clean_text':" clean ",'handle_chinese_chars':" chinese              \
    ",'strip_accents':" accents ",'lowercase':" lower "}"

static void normal_forms_are_applied(void **state)
{
    (void)state;
    ASSERT_SPAN(normalized("{'type':'NFD'}", E_ACUTE), "e\xcc\x81");
    ASSERT_SPAN(normalized("{'type':'NFC'}", "e\xcc\x81"), E_ACUTE);
    ASSERT_SPAN(normalized("{'type':'NFKC'}", "\xef\xac\x81"), "fi");
    ASSERT_SPAN(normalized("{'type':'NFKD'}", "\xef\xac\x81" E_ACUTE), "fie\xcc\x81");
}

static void letters_become_small(void **state)
{
    (void)state;
    ASSERT_SPAN(normalized("{'type':'Lowercase'}", "ABC \xc3\x89 x"), "abc " E_ACUTE " x");
    ASSERT_SPAN(normalized("{'type':'Lowercase'}", "\xc4\xb0"), "i\xcc\x87");
}

static void white_space_is_stripped_where_asked(void **state)
{
    (void)state;
    static const char sample[] = "\xe3\x80\x80 a b \n";
    ASSERT_SPAN(normalized("{'type':'Strip','strip_left':true,'strip_right':true}", sample), "a b");
    ASSERT_SPAN(normalized("{'type':'Strip','strip_left':false,'strip_right':true}", sample),
                "\xe3\x80\x80 a b");
    ASSERT_SPAN(normalized("{'type':'Strip','strip_left':true,'strip_right':false}", sample),
                "a b \n");
    ASSERT_SPAN(normalized("{'type':'Strip','strip_left':true,'strip_right':true}", "  "), "");
    assert_int_equal(text.n_pieces, 0);
}

static void marks_are_dropped(void **state)
{
    (void)state;
    ASSERT_SPAN(normalized("{'type':'StripAccents'}", "e\xcc\x81" E_ACUTE), "e" E_ACUTE);
}

static void bert_cleans_pads_strips_and_lowers(void **state)
{
    (void)state;
    static const char sample[] = "A\t\x01" E_ACUTE "\xe4\xb8\x80";
    ASSERT_SPAN(normalized(BERT("false", "false", "null", "false"), sample), sample);
    ASSERT_SPAN(normalized(BERT("true", "false", "null", "false"), sample),
                "A " E_ACUTE "\xe4\xb8\x80");
    ASSERT_SPAN(normalized(BERT("true", "true", "null", "true"), sample), "a e \xe4\xb8\x80 ");
    ASSERT_SPAN(normalized(BERT("true", "false", "false", "true"), sample),
                "a " E_ACUTE "\xe4\xb8\x80");
    ASSERT_SPAN(normalized(BERT("true", "false", "true", "false"), sample), "A e\xe4\xb8\x80");
}

static void nmt_drops_controls_and_turns_odd_spaces(void **state)
{
    (void)state;
    ASSERT_SPAN(normalized("{'type':'Nmt'}", "a\x01"
                                             "b\tc\xe2\x80\x8b"
                                             "d"),
                "ab c d");
}

static void text_is_replaced_by_string_and_by_pattern(void **state)
{
    (void)state;
    ASSERT_SPAN(normalized("{'type':'Replace','pattern':{'String':'.'},'content':'!'}", "a.b."),
                "a!b!");
    ASSERT_SPAN(normalized("{'type':'Replace','pattern':{'Regex':' +'},'content':'_'}", "a  b c"),
                "a_b_c");
    assert_int_equal(text_origin_of(&text, 1, 2).start, 2);
    ASSERT_SPAN(normalized("{'type':'Replace','pattern':{'Regex':'(?=a)'},'content':'-'}", "aba"),
                "-ab-a");
    assert_true(text_origin_of(&text, 0, 1).end == 0 && text_origin_of(&text, 3, 4).start == 1);
    ASSERT_SPAN(normalized("{'type':'Replace','pattern':{'String':''},'content':'-'}", ""), "");
    ASSERT_SPAN(normalized("{'type':'Replace','pattern':{'String':'b'},'content':''}", "b"), "");
}

static void text_is_put_before_what_is_not_empty(void **state)
{
    (void)state;
    ASSERT_SPAN(normalized("{'type':'Prepend','prepend':'__'}", "ab"), "__ab");
    assert_true(text_origin_of(&text, 0, 2).start == 0 && text_origin_of(&text, 0, 2).end == 1);
    ASSERT_SPAN(normalized("{'type':'Prepend','prepend':'__'}", ""), "");
    ASSERT_SPAN(normalized("{'type':'Prepend','prepend':''}", "a"), "a");
}

static void bytes_become_letters(void **state)
{
    (void)state;
    ASSERT_SPAN(normalized("{'type':'ByteLevel'}", "a b"), "a\xc4\xa0"
                                                           "b");
}

static void a_map_of_characters_is_applied(void **state)
{
    (void)state;
    /* An empty trie: nothing changes. */
    ASSERT_SPAN(normalized("{'type':'Precompiled','precompiled_charsmap':'AAAAAA=='}", "ab"), "ab");
}

static void a_pattern_that_takes_too_long_is_an_error(void **state)
{
    (void)state;
    struct normalizer n;
    struct json_reader r;
    struct buf bytes;
    json_open(&r,
              span_of("{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"(?:a|a|a)*b\"},"
                      "\"content\":\"\"}"),
              &arena);
    normalizer_read(&n, &r);
    ASSERT_OK(json_close(&r, &err));
    buf_init(&bytes, 1000);
    for (int i = 0; i < 500; i++)
        buf_add_byte(&bytes, 'a');
    buf_add_text(&bytes, "cb");
    text_set(&text, buf_span(&bytes), 0, false);
    ASSERT_FAILS(normalizer_run(&n, &text, &err), "takes too long");
    normalizer_release(&n);
    buf_release(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal_forms_are_applied),
        cmocka_unit_test(letters_become_small),
        cmocka_unit_test(white_space_is_stripped_where_asked),
        cmocka_unit_test(marks_are_dropped),
        cmocka_unit_test(bert_cleans_pads_strips_and_lowers),
        cmocka_unit_test(nmt_drops_controls_and_turns_odd_spaces),
        cmocka_unit_test(text_is_replaced_by_string_and_by_pattern),
        cmocka_unit_test(text_is_put_before_what_is_not_empty),
        cmocka_unit_test(bytes_become_letters),
        cmocka_unit_test(a_map_of_characters_is_applied),
        cmocka_unit_test(a_pattern_that_takes_too_long_is_an_error),
    };
    text_init(&text);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    text_release(&text);
    arena_release(&arena);
    return failed;
}
