/*
 * test_decode.c - each decoder on a few tokens. The library's answers were taken from `tokenizers`
 * 0.23; tokens stand here with '|' between.
 */
#include "test/support/support.h"

#include "text/decode.h"

static struct arena arena;
static struct err err;

static bool read(struct decoder *d, const char *text)
{
    struct json_reader r;
    json_open(&r, span_of(text), &arena);
    decoder_read(d, &r);
    return json_close(&r, &err);
}

/* Runs the decoder of that JSON on the tokens of "a|b". */
static void assert_decodes(const char *decoder, const char *tokens, const char *text)
{
    struct decoder d;
    struct buf out;
    struct span list[32], rest = span_of(tokens);
    size_t n = 0;
    while (tokens[0]) {
        size_t end = span_find(rest, span_of("|"));
        list[n++] = span_part(rest, 0, end);
        if (end == rest.len)
            break;
        rest = span_from(rest, end + 1);
    }
    ASSERT_OK(read(&d, decoder));
    buf_init(&out, BUF_NO_LIMIT);
    ASSERT_OK(decoder_run(&d, list, n, &out, &err));
    ASSERT_SPAN(buf_span(&out), text);
    buf_release(&out);
    decoder_release(&d);
}

#define FFFD "\xef\xbf\xbd"

static void without_a_decoder_tokens_stand_apart(void **state)
{
    (void)state;
    assert_decodes("null", "a|b|c", "a b c");
    assert_decodes("null", "", "");
}

static void byte_level_spells_bytes_and_repairs_utf8(void **state)
{
    (void)state;
    static const char d[] = "{\"type\":\"ByteLevel\"}";
    assert_decodes(d, "\xc4\xa0the|\xc3\x83|\xc2\xa9", " the\xc3\xa9");
    assert_decodes(d, "\xc3\x83|a", FFFD "a");
    assert_decodes(d, "<|a b|>", "<a b>");
    /* E2 82 (a beginning) is one replacement; ED A0 80 (a surrogate) is three. */
    assert_decodes(d, "\xc3\xa2\xc4\xa4|x", FFFD "x");
    assert_decodes(d, "\xc3\xad\xc5\x82\xc4\xa2", FFFD FFFD FFFD);
    assert_decodes(d, "", "");
}

static void byte_fallback_joins_byte_tokens(void **state)
{
    (void)state;
    static const char d[] = "{\"type\":\"ByteFallback\"}";
    assert_decodes(d, "a|<0xC3>|<0xa9>|b",
                   "a\xc3\xa9"
                   "b");
    assert_decodes(d, "<0xC3>|<0xC3>|b", FFFD FFFD "b");
    assert_decodes(d, "<0xZZ>|<0x4>|<0x+4>", "<0xZZ><0x4>\x04");
}

static void fuse_and_strip_work_on_the_ends(void **state)
{
    (void)state;
    assert_decodes("{\"type\":\"Strip\",\"content\":\"H\",\"start\":1,\"stop\":0}", "Hey| x|HHH",
                   "ey xHH");
    assert_decodes("{\"type\":\"Strip\",\"content\":\"y\",\"start\":0,\"stop\":2}", "Heyy|y", "He");
    assert_decodes("{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Fuse\"},{\"type\":\"Strip\","
                   "\"content\":\" \",\"start\":1,\"stop\":0}]}",
                   " a| b", "a b");
    assert_decodes("{\"type\":\"Strip\",\"content\":\"a\",\"start\":2,\"stop\":2}", "aaa", "");
}

static void replace_takes_a_text_or_a_pattern(void **state)
{
    (void)state;
    assert_decodes("{\"type\":\"Replace\",\"pattern\":{\"String\":\"ab\"},\"content\":\"-\"}",
                   "abab|xabx|a|b", "--x-xab");
    assert_decodes("{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"[aeiou]+\"},\"content\":\"*\"}",
                   "about|xyz", "*b*txyz");
}

static void metaspace_is_a_blank_but_for_the_first_token(void **state)
{
    (void)state;
    assert_decodes("{\"type\":\"Metaspace\",\"replacement\":\"\xe2\x96\x81\","
                   "\"prepend_scheme\":\"always\"}",
                   "\xe2\x96\x81"
                   "a\xe2\x96\x81|\xe2\x96\x81"
                   "b",
                   "a b");
    assert_decodes("{\"type\":\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":\"never\"}",
                   "_a|_b", " a b");
    assert_decodes("{\"type\":\"Metaspace\",\"replacement\":\"_\",\"add_prefix_space\":false}",
                   "_a|_b", " a b");
}

static void the_decoders_of_words_and_sounds(void **state)
{
    (void)state;
    assert_decodes("{\"type\":\"BPEDecoder\",\"suffix\":\"</w>\"}", "a|b</w>|c</w>", "ab c");
    assert_decodes("{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":false}", "##a|b|##c|.",
                   "##a bc .");
    assert_decodes("{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":true}", "a|b|##c|.|n't",
                   "a bc.n't");
    assert_decodes("{\"type\":\"CTC\",\"pad_token\":\"_\",\"word_delimiter_token\":\"/\","
                   "\"cleanup\":true}",
                   "h|h|_|e|l|l|_|l|o|/|x", "hello x");
}

static void without_a_type_a_member_tells_the_kind(void **state)
{
    (void)state;
    assert_decodes("{\"suffix\":\"</w>\"}", "a|b</w>|c</w>", "ab c");
    assert_decodes("{\"prefix\":\"##\",\"cleanup\":false}", "a|##b", "ab");
    assert_decodes("{\"pattern\":{\"String\":\"a\"},\"content\":\"x\"}", "a|b", "xb");
}

static void a_token_may_hold_the_character_0(void **state)
{
    (void)state;
    struct decoder d;
    struct buf out;
    struct span tokens[] = {span_of("a"), {(const uint8_t *)"b\0c", 3}};
    ASSERT_OK(read(&d, "{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":true}"));
    buf_init(&out, BUF_NO_LIMIT);
    ASSERT_OK(decoder_run(&d, tokens, 2, &out, &err));
    assert_int_equal(out.len, 5);
    assert_memory_equal(out.at, "a b\0c", 5);
    buf_release(&out);
    decoder_release(&d);
}

static void what_is_wrong_is_refused(void **state)
{
    (void)state;
    struct decoder d;
    ASSERT_FAILS(read(&d, "{\"type\":\"Other\"}"), "decoder \"Other\" is not known");
    decoder_release(&d);
    ASSERT_FAILS(read(&d, "3"), "expected a decoder");
    decoder_release(&d);
    ASSERT_FAILS(read(&d, "{\"type\":\"Strip\",\"content\":\"ab\"}"), "expected one character");
    decoder_release(&d);
    ASSERT_FAILS(read(&d, "{\"type\":\"Strip\",\"content\":\"a\",\"start\":-1}"),
                 "a count below zero");
    decoder_release(&d);
    ASSERT_FAILS(read(&d, "{\"type\":\"Replace\",\"content\":\"a\"}"), "\"pattern\" is missing");
    decoder_release(&d);
    ASSERT_FAILS(read(&d, "{\"type\":\"Replace\",\"pattern\":{\"X\":\"a\"}}"),
                 "expected \"String\" or \"Regex\"");
    decoder_release(&d);
}

static void steps_and_growth_are_bounded(void **state)
{
    (void)state;
    struct decoder d;
    struct buf text, out;
    buf_init(&text, BUF_NO_LIMIT);
    buf_init(&out, BUF_NO_LIMIT);
    buf_add_text(&text, "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Fuse\"}");
    for (int i = 0; i < 64; i++)
        buf_add_text(&text, ",{\"type\":\"Fuse\"}");
    buf_add_text(&text, "]}");
    ASSERT_FAILS(read(&d, buf_string(&text)), "more than 64 decoders");
    decoder_release(&d);

    static const char twice[] =
        "{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":\"aa\"}";
    buf_clear(&text);
    buf_printf(&text, "{\"type\":\"Sequence\",\"decoders\":[%s", twice);
    for (int i = 0; i < 50; i++)
        buf_printf(&text, ",%s", twice);
    buf_add_text(&text, "]}");
    ASSERT_OK(read(&d, buf_string(&text)));
    struct span token = span_of("a");
    ASSERT_FAILS(decoder_run(&d, &token, 1, &out, &err), "the decoder's Replace makes more than");
    decoder_release(&d);
    buf_release(&text);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_decoder_tokens_stand_apart),
        cmocka_unit_test(byte_level_spells_bytes_and_repairs_utf8),
        cmocka_unit_test(byte_fallback_joins_byte_tokens),
        cmocka_unit_test(fuse_and_strip_work_on_the_ends),
        cmocka_unit_test(replace_takes_a_text_or_a_pattern),
        cmocka_unit_test(metaspace_is_a_blank_but_for_the_first_token),
        cmocka_unit_test(the_decoders_of_words_and_sounds),
        cmocka_unit_test(without_a_type_a_member_tells_the_kind),
        cmocka_unit_test(a_token_may_hold_the_character_0),
        cmocka_unit_test(what_is_wrong_is_refused),
        cmocka_unit_test(steps_and_growth_are_bounded),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
