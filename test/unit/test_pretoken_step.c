#include "test/support/support.h"

#include "text/pretoken.h"

static struct arena arena;
static struct text text;
static struct err err;

/* The pieces that a pre-tokenizer, written in JSON with ' for ", makes, joined by '|'. */
static const char *cut(const char *json, const char *bytes)
{
    static struct buf out = {.max = BUF_NO_LIMIT};
    struct pretokenizer p;
    struct json_reader r;
    char *copy = arena_string(&arena, span_of(json));
    for (char *c = copy; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    json_open(&r, span_of(copy), &arena);
    pretokenizer_read(&p, &r);
    ASSERT_OK(json_close(&r, &err));
    text_set(&text, span_of(bytes), 0, true);
    ASSERT_OK(pretokenizer_run(&p, &text, &err));
    pretokenizer_release(&p);
    buf_clear(&out);
    for (size_t i = 0; i < text.n_pieces; i++) {
        buf_add_text(&out, i ? "|" : "");
        buf_add(&out, span_part(text.bytes, text.pieces[i].start,
                                text.pieces[i].end - text.pieces[i].start));
    }
    return buf_string(&out);
}

#define BYTE_LEVEL(prefix, regex)                                                                  \
    "{'type':'ByteLevel','add_prefix_space':" prefix ",'trim_offsets':true,'use_regex':" regex "}"
#define SPLIT(pattern, behavior, invert)                                                           \
    "{'type':'Split','pattern':{" pattern "},'behavior':'" behavior "','invert':" invert "}"
#define SEQUENCE(a, b) "{'type':'Sequence','pretokenizers':[" a "," b "]}"

static void byte_level_cuts_and_leaves_the_bytes_where_it_is_last(void **state)
{
    (void)state;
    assert_string_equal(cut(BYTE_LEVEL("false", "true"), "Hi you  2"), "Hi| you| | 2");
    assert_string_equal(cut(BYTE_LEVEL("true", "true"), "Hi you"), " Hi| you");
    assert_string_equal(cut(BYTE_LEVEL("true", "false"), " Hi you"), " Hi you");
    assert_string_equal(cut(BYTE_LEVEL("true", "true"), ""), "");
}

static void byte_level_writes_letters_where_a_step_follows(void **state)
{
    (void)state;
    assert_string_equal(
        cut(SEQUENCE(BYTE_LEVEL("false", "true"), "{'type':'WhitespaceSplit'}"), "a \xc3\xa9"),
        "a|\xc4\xa0\xc3\x83\xc2\xa9");
}

static void a_prefix_space_goes_before_each_piece(void **state)
{
    (void)state;
    assert_string_equal(
        cut(SEQUENCE("{'type':'Digits','individual_digits':false}", BYTE_LEVEL("true", "false")),
            "a12b"),
        " a| 12| b");
}

static void metaspace_marks_spaces_and_cuts_before_them(void **state)
{
    (void)state;
    assert_string_equal(cut("{'type':'Metaspace','replacement':'_'}", "Hey  you"), "_Hey|_|_you");
    assert_string_equal(cut("{'type':'Metaspace','replacement':'_'}", " Hey"), "_Hey");
    assert_string_equal(cut("{'type':'Metaspace','replacement':'_'}", "_Hey"), "_Hey");
    assert_string_equal(
        cut("{'type':'Metaspace','replacement':'_','prepend_scheme':'never'}", "Hey you"),
        "Hey|_you");
    assert_string_equal(cut("{'type':'Metaspace','replacement':'_','split':false}", "a b"), "_a_b");
    assert_string_equal(
        cut("{'type':'Metaspace','replacement':'_','add_prefix_space':false}", "a b"), "a|_b");
}

static void metaspace_first_means_the_start_of_the_whole_input(void **state)
{
    (void)state;
    static const char first[] = "{'type':'Metaspace','replacement':'_','prepend_scheme':'first'}";
    assert_string_equal(cut(first, "a b"), "_a|_b");
    assert_string_equal(
        cut(SEQUENCE("{'type':'WhitespaceSplit'}", "{'type':'Metaspace','replacement':'_',"
                                                   "'prepend_scheme':'first'}"),
            "a b"),
        "_a|b");
    struct pretokenizer p;
    struct json_reader r;
    json_open(&r,
              span_of("{\"type\":\"Metaspace\",\"replacement\":\"_\","
                      "\"prepend_scheme\":\"first\"}"),
              &arena);
    pretokenizer_read(&p, &r);
    ASSERT_OK(json_close(&r, &err));
    assert_false(p.needs_origins);
    text_set(&text, span_of("a"), 7, false);
    ASSERT_OK(pretokenizer_run(&p, &text, &err));
    ASSERT_SPAN(text.bytes, "a");
    pretokenizer_release(&p);
}

static void split_cuts_by_string_and_by_regex(void **state)
{
    (void)state;
    assert_string_equal(cut(SPLIT("'String':'.'", "Removed", "false"), "a.b..c"), "a|b|c");
    assert_string_equal(cut(SPLIT("'Regex':'[0-9]+'", "Isolated", "false"), "a12b"), "a|12|b");
    assert_string_equal(cut(SPLIT("'Regex':'[0-9]+'", "Removed", "true"), "a12b3"), "12|3");
    assert_string_equal(cut(SPLIT("'Regex':' '", "MergedWithNext", "false"), "a b"), "a| b");
    assert_string_equal(cut(SPLIT("'Regex':' '", "MergedWithPrevious", "false"), "a b"), "a |b");
    assert_string_equal(cut(SPLIT("'Regex':' '", "Contiguous", "false"), "a  b"), "a|  |b");
    assert_string_equal(cut(SPLIT("'String':''", "Isolated", "false"), "a\xc3\xa9"), "a|\xc3\xa9");
}

static void characters_are_told_apart_by_what_they_are(void **state)
{
    (void)state;
    assert_string_equal(cut("{'type':'Digits','individual_digits':true}", "ab12c"), "ab|1|2|c");
    assert_string_equal(cut("{'type':'Digits','individual_digits':false}", "ab12c"), "ab|12|c");
    assert_string_equal(cut("{'type':'Punctuation'}", "a.,b $"), "a|.|,|b |$");
    assert_string_equal(cut("{'type':'Punctuation','behavior':'Contiguous'}", "a.,b"), "a|.,|b");
    assert_string_equal(cut("{'type':'Whitespace'}", "Hey, you_1!? "), "Hey|,|you_1|!?");
    assert_string_equal(cut("{'type':'WhitespaceSplit'}", " Hey,\xe3\x80\x80you "), "Hey,|you");
    assert_string_equal(cut("{'type':'BertPreTokenizer'}", "Hey, you"), "Hey|,|you");
    assert_string_equal(cut("{'type':'CharDelimiterSplit','delimiter':'-'}", "a--b-"), "a|b");
}

static void pieces_of_a_length_are_counted_in_characters(void **state)
{
    (void)state;
    assert_string_equal(cut("{'type':'FixedLength','length':2}", "a\xc3\xa9"
                                                                 "bcd"),
                        "a\xc3\xa9|bc|d");
    assert_string_equal(cut("{'type':'FixedLength'}", "abcdefg"), "abcde|fg");
}

static void scripts_end_pieces_and_what_precedes_them_is_lost(void **state)
{
    (void)state;
    assert_string_equal(cut("{'type':'UnicodeScripts'}", "ab \xe4\xb8\x80\xe3\x81\x82 1"),
                        "ab |\xe4\xb8\x80\xe3\x81\x82 |1");
    assert_string_equal(cut("{'type':'UnicodeScripts'}", "  ab"), "ab");
    assert_string_equal(cut("{'type':'UnicodeScripts'}", "  "), "");
}

static void a_pattern_that_takes_too_long_is_an_error(void **state)
{
    (void)state;
    struct pretokenizer p;
    struct json_reader r;
    struct buf bytes;
    json_open(&r,
              span_of("{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(?:a|a|a)*b\"},"
                      "\"behavior\":\"Isolated\",\"invert\":false}"),
              &arena);
    pretokenizer_read(&p, &r);
    ASSERT_OK(json_close(&r, &err));
    buf_init(&bytes, 1000);
    for (int i = 0; i < 500; i++)
        buf_add_byte(&bytes, 'a');
    buf_add_text(&bytes, "cb");
    text_set(&text, buf_span(&bytes), 0, false);
    ASSERT_FAILS(pretokenizer_run(&p, &text, &err), "takes too long");
    pretokenizer_release(&p);
    buf_release(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(byte_level_cuts_and_leaves_the_bytes_where_it_is_last),
        cmocka_unit_test(byte_level_writes_letters_where_a_step_follows),
        cmocka_unit_test(a_prefix_space_goes_before_each_piece),
        cmocka_unit_test(metaspace_marks_spaces_and_cuts_before_them),
        cmocka_unit_test(metaspace_first_means_the_start_of_the_whole_input),
        cmocka_unit_test(split_cuts_by_string_and_by_regex),
        cmocka_unit_test(characters_are_told_apart_by_what_they_are),
        cmocka_unit_test(pieces_of_a_length_are_counted_in_characters),
        cmocka_unit_test(scripts_end_pieces_and_what_precedes_them_is_lost),
        cmocka_unit_test(a_pattern_that_takes_too_long_is_an_error),
    };
    text_init(&text);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    text_release(&text);
    arena_release(&arena);
    return failed;
}
