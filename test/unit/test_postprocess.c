/*
 * test_postprocess.c - which tokens stand around a text.
 */
#include "test/support/support.h"

#include <stdio.h>

#include "text/postprocess.h"

static struct arena arena;
static struct err err;

static bool read(struct postprocess *p, const char *text)
{
    struct json_reader r;
    json_open(&r, span_of(text), &arena);
    postprocess_read(p, &r);
    return json_close(&r, &err);
}

/* "1 T 2": the ids, T for the text. */
static const char *show(const struct postprocess_list *list)
{
    static char found[128];
    size_t len = 0;
    found[0] = '\0';
    for (size_t i = 0; i < list->n; i++) {
        len += (size_t)snprintf(found + len, sizeof found - len, "%s", i ? " " : "");
        if (list->items[i].is_text)
            len += (size_t)snprintf(found + len, sizeof found - len, "T");
        else
            len += (size_t)snprintf(found + len, sizeof found - len, "%u", list->items[i].id);
    }
    return found;
}

static void assert_lists(const char *text, const char *special, const char *plain)
{
    struct postprocess p;
    ASSERT_OK(read(&p, text));
    assert_string_equal(show(&p.special), special);
    assert_string_equal(show(&p.plain), plain);
}

#define BERT "{\"type\":\"BertProcessing\",\"sep\":[\"[SEP]\",2],\"cls\":[\"[CLS]\",1]}"
#define ROBERTA                                                                                    \
    "{\"type\":\"RobertaProcessing\",\"sep\":[\"</s>\",2],\"cls\":[\"<s>\",0],"                    \
    "\"trim_offsets\":true,\"add_prefix_space\":true}"
#define A_PIECE "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}"
#define S_PIECE "{\"SpecialToken\":{\"id\":\"<s>\",\"type_id\":0}}"
#define TOKENS                                                                                     \
    "\"special_tokens\":{\"<s>\":{\"id\":\"<s>\",\"ids\":[5,6],\"tokens\":[\"a\",\"b\"]}}"
#define TEMPLATE(single, pair)                                                                     \
    "{\"type\":\"TemplateProcessing\",\"single\":[" single "],\"pair\":[" pair "]," TOKENS "}"

static void nothing_is_added_without_a_post_processor(void **state)
{
    (void)state;
    assert_lists("null", "T", "T");
    assert_lists("{\"type\":\"ByteLevel\",\"trim_offsets\":true}", "T", "T");
}

static void bert_and_roberta_put_the_text_between_two_tokens(void **state)
{
    (void)state;
    assert_lists(BERT, "1 T 2", "T");
    assert_lists(ROBERTA, "0 T 2", "T");
}

static void a_template_says_what_stands_where(void **state)
{
    (void)state;
    assert_lists(TEMPLATE(S_PIECE "," A_PIECE, A_PIECE), "5 6 T", "T");
    assert_lists(TEMPLATE(A_PIECE "," S_PIECE "," A_PIECE, A_PIECE), "T 5 6 T", "T T");
}

/* A template makes parts, and the next processor takes two parts for a pair of texts. */
static void a_chain_works_on_the_parts_of_the_one_before(void **state)
{
    (void)state;
    assert_lists("{\"type\":\"Sequence\",\"processors\":[{\"type\":\"ByteLevel\"}," BERT "]}",
                 "1 T 2", "T");
    assert_lists("{\"type\":\"Sequence\",\"processors\":[" TEMPLATE(S_PIECE "," A_PIECE,
                                                                    A_PIECE) "," BERT "]}",
                 "1 5 6 2 T 2", "T");
    assert_lists("{\"type\":\"Sequence\",\"processors\":[" TEMPLATE(S_PIECE "," A_PIECE,
                                                                    A_PIECE) "," ROBERTA "]}",
                 "0 5 6 2 2 T 2", "T");
}

static void without_a_type_the_members_tell_the_kind(void **state)
{
    (void)state;
    assert_lists("{\"sep\":[\"x\",2],\"cls\":[\"y\",1]}", "1 T 2", "T");
    assert_lists("{\"trim_offsets\":true,\"sep\":[\"x\",2],\"cls\":[\"y\",1]}", "1 T 2", "T");
    assert_lists("{\"single\":[" A_PIECE "," A_PIECE "],\"pair\":[],\"special_tokens\":{}}", "T T",
                 "T T");
}

static void what_is_wrong_is_refused(void **state)
{
    (void)state;
    struct postprocess p;
    ASSERT_FAILS(read(&p, "{\"type\":\"Other\"}"), "post-processor \"Other\" is not known");
    ASSERT_FAILS(read(&p, "[]"), "expected a post-processor");
    ASSERT_FAILS(read(&p, "{\"type\":\"BertProcessing\",\"sep\":[\"x\",1]}"),
                 "\"cls\" or \"sep\" is missing");
    ASSERT_FAILS(read(&p, "{\"type\":\"BertProcessing\",\"sep\":[\"x\"],\"cls\":[\"x\",1]}"),
                 "expected a token and its id");
    ASSERT_FAILS(read(&p, "{\"type\":\"BertProcessing\",\"sep\":[\"x\",1,2],\"cls\":[\"x\",1]}"),
                 "expected a token and its id alone");
    ASSERT_FAILS(read(&p, "{\"type\":\"BertProcessing\",\"sep\":[\"x\",-1],\"cls\":[\"x\",1]}"),
                 "-1 is not a token's id");
    ASSERT_FAILS(read(&p, "{\"type\":\"TemplateProcessing\"}"),
                 "a template without \"single\" or \"pair\"");
    ASSERT_FAILS(read(&p, TEMPLATE("{\"Sequence\":{\"id\":\"B\"}}", A_PIECE)),
                 "the template for one text asks for a second one");
    ASSERT_FAILS(read(&p, TEMPLATE("{\"Sequence\":{\"id\":\"C\"}}", A_PIECE)),
                 "expected \"A\" or \"B\"");
    ASSERT_FAILS(read(&p, TEMPLATE("{\"Other\":{\"id\":\"C\"}}", A_PIECE)),
                 "expected \"Sequence\" or \"SpecialToken\"");
    ASSERT_FAILS(read(&p, TEMPLATE("{}", A_PIECE)), "expected \"Sequence\" or \"SpecialToken\"");
    ASSERT_FAILS(read(&p, TEMPLATE("{\"Sequence\":{\"id\":\"A\"},\"x\":1}", A_PIECE)),
                 "expected one member");
    ASSERT_FAILS(read(&p, TEMPLATE("{\"SpecialToken\":{\"id\":\"<x>\"}}", A_PIECE)),
                 "\"special_tokens\" does not tell the ids of \"<x>\"");
    ASSERT_FAILS(
        read(&p, "{\"type\":\"Sequence\",\"processors\":[" TEMPLATE(
                     S_PIECE "," A_PIECE "," S_PIECE, A_PIECE) "," TEMPLATE(A_PIECE, A_PIECE) "]}"),
        "a template behind another processor that makes parts");
}

static void a_chain_that_multiplies_without_end_is_refused(void **state)
{
    (void)state;
    struct buf text;
    struct postprocess p;
    buf_init(&text, BUF_NO_LIMIT);
    buf_add_text(&text, "{\"type\":\"TemplateProcessing\",\"pair\":[],\"single\":[" A_PIECE);
    for (int i = 0; i < 300; i++)
        buf_add_text(&text, "," A_PIECE);
    buf_add_text(&text, "]}");
    ASSERT_FAILS(read(&p, buf_string(&text)), "a template of more than 256 pieces");

    buf_clear(&text);
    buf_add_text(&text, "{\"type\":\"Sequence\",\"processors\":[");
    for (int i = 0; i < 20; i++)
        buf_add_text(&text, TEMPLATE(A_PIECE "," A_PIECE, A_PIECE "," A_PIECE "," A_PIECE) ",");
    buf_add_text(&text, BERT "]}");
    assert_false(read(&p, buf_string(&text)));
    buf_release(&text);
}

static void a_list_can_be_made_without_a_file(void **state)
{
    (void)state;
    struct postprocess p;
    const uint32_t before[] = {7}, after[] = {8, 9};
    postprocess_make(&p, &arena, before, 1, after, 2);
    assert_string_equal(show(&p.special), "7 T 8 9");
    assert_string_equal(show(&p.plain), "T");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_added_without_a_post_processor),
        cmocka_unit_test(bert_and_roberta_put_the_text_between_two_tokens),
        cmocka_unit_test(a_template_says_what_stands_where),
        cmocka_unit_test(a_chain_works_on_the_parts_of_the_one_before),
        cmocka_unit_test(without_a_type_the_members_tell_the_kind),
        cmocka_unit_test(what_is_wrong_is_refused),
        cmocka_unit_test(a_chain_that_multiplies_without_end_is_refused),
        cmocka_unit_test(a_list_can_be_made_without_a_file),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
