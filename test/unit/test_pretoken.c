#include "test/support/support.h"

#include "text/pretoken.h"

static struct arena arena;
static struct err err;

static bool reads(const char *json, struct pretokenizer *p)
{
    struct json_reader r;
    char *copy = arena_string(&arena, span_of(json));
    for (char *c = copy; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    json_open(&r, span_of(copy), &arena);
    pretokenizer_read(p, &r);
    return json_close(&r, &err);
}

static bool is_read(const char *json)
{
    struct pretokenizer p;
    bool ok = reads(json, &p);
    pretokenizer_release(&p);
    return ok;
}

#define LEVEL "{'type':'ByteLevel','add_prefix_space':false,'trim_offsets':true,'use_regex':false}"
#define DIGITS "{'type':'Digits','individual_digits':true}"

static void null_leaves_one_piece(void **state)
{
    (void)state;
    struct pretokenizer p;
    struct text text;
    ASSERT_OK(reads("null", &p));
    text_init(&text);
    text_set(&text, span_of("a b"), 0, false);
    ASSERT_OK(pretokenizer_run(&p, &text, &err));
    assert_int_equal(text.n_pieces, 1);
    assert_false(p.byte_level);
    text_release(&text);
}

static void byte_level_is_told_only_where_it_is_last(void **state)
{
    (void)state;
    struct pretokenizer p;
    ASSERT_OK(reads(LEVEL, &p));
    assert_true(p.byte_level);
    pretokenizer_release(&p);
    ASSERT_OK(reads("{'type':'Sequence','pretokenizers':[" DIGITS "," LEVEL "]}", &p));
    assert_true(p.byte_level && p.n_steps == 2);
    pretokenizer_release(&p);
    ASSERT_OK(reads("{'type':'Sequence','pretokenizers':[" LEVEL "," DIGITS "]}", &p));
    assert_false(p.byte_level);
    pretokenizer_release(&p);
    ASSERT_OK(reads("{'pretokenizers':[{'type':'Sequence','pretokenizers':[" DIGITS "]}],"
                    "'type':'Sequence'}",
                    &p));
    assert_int_equal(p.n_steps, 1);
    pretokenizer_release(&p);
}

static void bytes_become_letters_where_the_model_asks_for_it(void **state)
{
    (void)state;
    struct pretokenizer p;
    struct text text;
    ASSERT_OK(reads(LEVEL, &p));
    pretokenizer_write_letters(&p);
    assert_false(p.byte_level);
    text_init(&text);
    text_set(&text, span_of(" a"), 0, false);
    ASSERT_OK(pretokenizer_run(&p, &text, &err));
    ASSERT_SPAN(text.bytes, "\xc4\xa0"
                            "a");
    text_release(&text);
    pretokenizer_release(&p);
}

static void origins_are_needed_where_a_later_step_asks_for_the_first_piece(void **state)
{
    (void)state;
    struct pretokenizer p;
    ASSERT_OK(reads("{'type':'Sequence','pretokenizers':[" DIGITS ",{'type':'Metaspace',"
                    "'replacement':'_','prepend_scheme':'first'}]}",
                    &p));
    assert_true(p.needs_origins && !p.asks_start);
    pretokenizer_release(&p);
    ASSERT_OK(reads("{'type':'Metaspace','replacement':'_','prepend_scheme':'first'}", &p));
    assert_true(p.asks_start && !p.needs_origins);
    pretokenizer_release(&p);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{'type':'Nope'}", "unknown pre-tokenizer \"Nope\""},
        {"{'type':'ByteLevel','add_prefix_space':true}", "ByteLevel lacks \"trim_offsets\""},
        {"{'type':'Digits'}", "Digits lacks \"individual_digits\""},
        {"{'type':'Metaspace'}", "Metaspace lacks \"replacement\""},
        {"{'type':'Metaspace','replacement':'ab'}", "expected one character, found \"ab\""},
        {"{'type':'Metaspace','replacement':'a','prepend_scheme':'x'}", "unknown value \"x\""},
        {"{'type':'Metaspace','replacement':'a','prepend_scheme':'first',"
         "'add_prefix_space':false}",
         "add_prefix_space is false but"},
        {"{'type':'Split','pattern':{'String':'a'},'behavior':'x'}", "unknown value \"x\""},
        {"{'type':'Split','pattern':{'String':'a'},'behavior':'Removed'}", "lacks \"invert\""},
        {"{'type':'Split','pattern':{'Regex':'\\\\k<a>'},'behavior':'Removed','invert':false}",
         "\\k is not supported"},
        {"{'type':'FixedLength','length':0}", "a length of 0 characters"},
        {"{'type':'CharDelimiterSplit','delimiter':''}", "expected one character"},
        {"{'type':'Sequence'}", "a Sequence without \"pretokenizers\""},
        {"{'type':'Whitespace','pretokenizers':[]}", "that is no Sequence"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        ASSERT_FAILS(is_read(cases[i][0]), cases[i][1]);
}

static void the_number_of_steps_and_their_nesting_are_bounded(void **state)
{
    (void)state;
    struct buf json;
    buf_init(&json, 1 << 20);
    buf_add_text(&json, "{'type':'Sequence','pretokenizers':[" DIGITS);
    for (int i = 0; i < 100; i++)
        buf_add_text(&json, "," DIGITS);
    buf_add_text(&json, "]}");
    ASSERT_FAILS(is_read(buf_string(&json)), "more than 64 pre-tokenizers");
    buf_clear(&json);
    for (int i = 0; i < 20; i++)
        buf_add_text(&json, "{'type':'Sequence','pretokenizers':[");
    ASSERT_FAILS(is_read(buf_string(&json)), "nested more than 16 deep");
    buf_release(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_leaves_one_piece),
        cmocka_unit_test(byte_level_is_told_only_where_it_is_last),
        cmocka_unit_test(bytes_become_letters_where_the_model_asks_for_it),
        cmocka_unit_test(origins_are_needed_where_a_later_step_asks_for_the_first_piece),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(the_number_of_steps_and_their_nesting_are_bounded),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
