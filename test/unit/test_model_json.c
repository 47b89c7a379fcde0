/*
 * test_model_json.c - the "model" of a tokenizer.json in all its shapes, and its errors.
 */
#include "test/support/support.h"

#include "text/model_json.h"

static struct arena arena;
static struct err err;
static struct bpe bpe;
static struct unigram unigram;

static void clear(void)
{
    bpe_release(&bpe);
    unigram_release(&unigram);
}

static bool read(const char *text, enum model_kind *kind)
{
    struct json_reader r;
    clear();
    json_open(&r, span_of(text), &arena);
    *kind = model_json_read(&bpe, &unigram, &r);
    return json_close(&r, &err);
}

#define VOCAB "\"vocab\":{\"a\":0,\"b\":1,\"ab\":2}"

static void assert_bpe(const char *text)
{
    enum model_kind kind;
    ASSERT_OK(read(text, &kind));
    assert_int_equal(kind, MODEL_BPE);
    assert_int_equal(bpe.vocab.n_words, 3);
    assert_int_equal(bpe.n_merges, 1);
}

static void merges_come_as_pairs_or_lines_before_or_after_the_vocabulary(void **state)
{
    (void)state;
    assert_bpe("{\"type\":\"BPE\"," VOCAB ",\"merges\":[[\"a\",\"b\"]]}");
    assert_bpe("{\"type\":\"BPE\"," VOCAB ",\"merges\":[\"a b\"]}");
    assert_bpe("{\"merges\":[\"#version: 0.2\",\"a b\"]," VOCAB ",\"type\":\"BPE\"}");
    assert_bpe("{\"dropout\":null," VOCAB ",\"merges\":[\"a b\"]}");
    clear();
}

static void the_members_are_read(void **state)
{
    (void)state;
    assert_bpe(
        "{\"type\":\"BPE\",\"dropout\":0.1,\"unk_token\":\"<u>\",\"fuse_unk\":true,"
        "\"continuing_subword_prefix\":\"\",\"end_of_word_suffix\":\"</w>\",\"byte_fallback\":true,"
        "\"ignore_merges\":true," VOCAB ",\"merges\":[\"a b\"]}");
    ASSERT_SPAN(bpe.unk_token, "<u>");
    ASSERT_SPAN(bpe.suffix, "</w>");
    assert_true(bpe.fuse_unk && bpe.byte_fallback && bpe.ignore_merges);
    clear();
}

static void a_unigram_model_is_a_list_of_pieces(void **state)
{
    (void)state;
    enum model_kind kind;
    ASSERT_OK(read("{\"type\":\"Unigram\",\"unk_id\":0,\"byte_fallback\":true,"
                   "\"vocab\":[[\"<unk>\",0],[\"a\",-1.5]]}",
                   &kind));
    assert_int_equal(kind, MODEL_UNIGRAM);
    assert_int_equal(unigram.n_pieces, 2);
    assert_int_equal(unigram.unk_id, 0);
    assert_true(unigram.byte_fallback);
    assert_true(unigram.pieces[1].score == -1.5);
    ASSERT_OK(read("{\"unk_id\":null,\"vocab\":[[\"a\",-1.5]]}", &kind));
    assert_int_equal(kind, MODEL_UNIGRAM);
    assert_true(unigram.unk_id == VOCAB_NONE);
    clear();
}

/*
 * serde_json multiplies a 64-bit whole number by a power of ten, which is not always the nearest.
 */
static void scores_are_computed_as_the_library_computes_them(void **state)
{
    (void)state;
    enum model_kind kind;
    ASSERT_OK(
        read("{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"a\",-2.5e+1],[\"b\",1e-320],"
             "[\"c\",-10.123456789012345678901],[\"d\",0.000],[\"e\",123456789012345678901234]]}",
             &kind));
    assert_true(unigram.pieces[0].score == -25);
    assert_true(unigram.pieces[1].score > 0 && unigram.pieces[1].score < 1e-319);
    assert_true(unigram.pieces[2].score == -((double)10123456789012345678u / 1e18));
    assert_true(unigram.pieces[3].score == 0);
    assert_true(unigram.pieces[4].score == (double)12345678901234567890u * 1e4);
    clear();
}

static void what_is_wrong_is_refused(void **state)
{
    (void)state;
    enum model_kind kind;
    ASSERT_FAILS(read("{\"type\":\"WordPiece\"," VOCAB "}", &kind),
                 "model WordPiece is not supported: BPE and Unigram are");
    ASSERT_FAILS(read("{" VOCAB "}", &kind), "a model without type and merges");
    ASSERT_FAILS(read("{\"type\":\"BPE\"," VOCAB "}", &kind), "without \"vocab\" or \"merges\"");
    ASSERT_FAILS(read("{\"type\":\"Unigram\"}", &kind), "without its list \"vocab\"");
    ASSERT_FAILS(read("{\"type\":\"BPE\"," VOCAB ",\"merges\":[\"a c\"]}", &kind),
                 "\"c\" is not in the vocabulary");
    ASSERT_FAILS(read("{\"merges\":[\"a c\"],\"type\":\"BPE\"," VOCAB "}", &kind),
                 "merges: \"c\" is not in the vocabulary");
    ASSERT_FAILS(read("{\"type\":\"BPE\"," VOCAB ",\"merges\":[\"ab\"]}", &kind),
                 "expected two tokens with a space between, found \"ab\"");
    ASSERT_FAILS(read("{\"type\":\"BPE\"," VOCAB ",\"merges\":[\"a b c\"]}", &kind),
                 "expected two tokens with a space between");
    ASSERT_FAILS(read("{\"type\":\"BPE\"," VOCAB ",\"merges\":[[\"a\"]]}", &kind),
                 "expected two tokens");
    ASSERT_FAILS(read("{\"type\":\"BPE\"," VOCAB ",\"merges\":[[\"a\",\"b\",\"c\"]]}", &kind),
                 "expected two tokens alone");
    ASSERT_FAILS(read("{\"type\":\"BPE\",\"vocab\":{\"a\":-1},\"merges\":[]}", &kind),
                 "-1 is not a token's id");
    ASSERT_FAILS(read("{\"type\":\"Unigram\",\"unk_id\":-1,\"vocab\":[[\"a\",0]]}", &kind),
                 "-1 is not a piece's id");
    ASSERT_FAILS(read("{\"type\":\"Unigram\",\"vocab\":[[\"a\"]]}", &kind),
                 "expected a piece and its score");
    ASSERT_FAILS(read("{\"type\":\"Unigram\",\"vocab\":[[\"a\",0,0]]}", &kind),
                 "expected a piece and its score alone");
    ASSERT_FAILS(read("{\"type\":\"Unigram\",\"vocab\":[[\"a\",NaN]]}", &kind),
                 "\"NaN\" is no score");
    ASSERT_FAILS(read("{\"type\":\"Unigram\",\"vocab\":[[\"a\",1e999]]}", &kind),
                 "\"1e999\" is too large");
    clear();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_come_as_pairs_or_lines_before_or_after_the_vocabulary),
        cmocka_unit_test(the_members_are_read),
        cmocka_unit_test(a_unigram_model_is_a_list_of_pieces),
        cmocka_unit_test(scores_are_computed_as_the_library_computes_them),
        cmocka_unit_test(what_is_wrong_is_refused),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
