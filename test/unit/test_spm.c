/*
 * test_spm.c - merging by score.
 */
#include "test/support/support.h"

#include <stdio.h>

#include "base/mem.h"
#include "text/spm.h"

static struct err err;

struct word {
    const char *text;
    float score;
};

static void build(struct spm *s, const struct word *words, size_t n)
{
    *s = (struct spm){.unk_id = 0};
    s->scores = mem_alloc(n * sizeof *s->scores);
    for (uint32_t i = 0; i < n; i++) {
        vocab_put(&s->vocab, span_of(words[i].text), i);
        s->scores[s->n_scores++] = words[i].score;
    }
}

static const char *encode(const struct spm *s, const char *word)
{
    static char found[256];
    struct spm_work w = {0};
    struct tokens out = {.with_ranges = true};
    size_t len = 0;
    found[0] = '\0';
    spm_encode(s, &w, span_of(word), &out);
    for (size_t i = 0; i < out.n; i++)
        len += (size_t)snprintf(found + len, sizeof found - len, "%s%u[%zu,%zu)", i ? " " : "",
                                out.ids[i], out.ranges[i].start, out.ranges[i].end);
    tokens_release(&out);
    spm_work_release(&w);
    return found;
}

static const struct word words[] = {
    {"<unk>", 0}, {"a", -1},    {"b", -2},     {"c", -3},     {"ab", -20},
    {"bc", -10},  {"abc", -30}, {"<0xC3>", 0}, {"<0xA9>", 0}, {"aa", -5},
};

static void the_pair_of_the_best_score_goes_first(void **state)
{
    (void)state;
    struct spm s;
    build(&s, words, COUNT_OF(words));
    ASSERT_OK(spm_finish(&s, &err));
    assert_string_equal(encode(&s, "abc"), "6[0,3)");
    assert_string_equal(encode(&s, "aaa"), "9[0,2) 1[2,3)");
    assert_string_equal(encode(&s, "abbc"), "4[0,2) 5[2,4)");
    assert_string_equal(encode(&s, ""), "");
    spm_release(&s);
}

static void what_is_no_token_becomes_bytes_or_unknown(void **state)
{
    (void)state;
    struct spm s;
    build(&s, words, COUNT_OF(words));
    ASSERT_OK(spm_finish(&s, &err));
    assert_string_equal(encode(&s, "a\xc3\xa9"), "1[0,1) 7[1,2) 8[2,3)");
    assert_string_equal(encode(&s, "\xc3\xaa"), "7[0,1) 0[1,2)");
    s.unk_id = VOCAB_NONE;
    assert_string_equal(encode(&s, "x"), "");
    spm_release(&s);
}

static void a_token_without_a_score_is_refused(void **state)
{
    (void)state;
    struct spm s;
    build(&s, words, COUNT_OF(words));
    s.n_scores--;
    ASSERT_FAILS(spm_finish(&s, &err), "9 scores for 10 tokens");
    spm_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pair_of_the_best_score_goes_first),
        cmocka_unit_test(what_is_no_token_becomes_bytes_or_unknown),
        cmocka_unit_test(a_token_without_a_score_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
