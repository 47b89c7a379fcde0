#include "test/support/toy_run.h"

#include "model/generate.h"
#include "train/answers.h"

static struct rows rows;
static struct toy_run t;
static struct tokenizer tokenizer;
static struct answers a;

static const struct answers_limits rich = {.cost = 1e6, .positions = 64};

static int begin(void **state)
{
    (void)state;
    struct err err = {0};
    toy_rows_fill(&rows, 1);
    toy_run_open(&t, &rows, true);
    ASSERT_OK(tokenizer_open(&tokenizer, t.folder, &err));
    return 0;
}

static int end(void **state)
{
    (void)state;
    tokenizer_close(&tokenizer);
    toy_run_close(&t);
    return 0;
}

static void the_first_rows_with_different_prompts_are_asked(void **state)
{
    (void)state;
    static struct rows few;
    rows_init(&few);
    rows_add(&few, (const uint32_t[]){5, 0, 1, 2, 6}, 5, 3);
    rows_add(&few, (const uint32_t[]){5, 0, 1, 9, 6}, 5, 3); /* the same prompt */
    rows_add(&few, (const uint32_t[]){5, 1, 2, 6}, 4, 3);
    rows_add(&few, (const uint32_t[]){5, 2, 2, 6}, 4, 4); /* nothing is expected */
    rows_add(&few, (const uint32_t[]){5, 2, 0, 1, 0, 1}, 6, 2);
    struct row_list list = {few.list, 5, 6};
    answers_choose(&a, &few.store, &list, &tokenizer, &rich);
    assert_int_equal(a.n, 3);
    assert_int_equal(a.answer[0].row, 0);
    assert_int_equal(a.answer[0].prompt, 3);
    assert_int_equal(a.answer[0].end, 5);
    assert_int_equal(a.answer[0].stop, TINY_END);
    assert_int_equal(a.answer[1].row, 2);
    assert_int_equal(a.answer[2].row, 4);
    assert_int_equal(a.answer[2].stop, -1);
}

static void a_plain_text_is_continued_from_its_middle(void **state)
{
    (void)state;
    static struct rows few;
    uint32_t ids[40];
    rows_init(&few);
    for (uint32_t i = 0; i < 40; i++)
        ids[i] = i % 3;
    rows_add(&few, ids, 40, 0);
    ids[0] = 5;
    rows_add(&few, ids, 20, 1);
    struct row_list list = {few.list, 2, 40};
    answers_choose(&a, &few.store, &list, &tokenizer, &rich);
    assert_int_equal(a.n, 1); /* the longer one has no room behind it: 64 positions */
    assert_int_equal(a.answer[0].row, 1);
    assert_int_equal(a.answer[0].prompt, 10);
    assert_int_equal(a.answer[0].end, 20);
}

static void what_is_asked_keeps_to_the_cost(void **state)
{
    (void)state;
    uint32_t tokens = ANSWER_TOKENS_MOST + 1, n = ANSWERS_MOST;
    struct answers_limits limits = rich;
    for (limits.cost = 3000; limits.cost > 10; limits.cost *= 0.8) {
        answers_choose(&a, &rows.store, &t.test, &tokenizer, &limits);
        assert_true(answers_cost(&a) <= limits.cost);
        assert_true(a.n < n || (a.n == n && a.tokens <= tokens));
        n = a.n;
        tokens = a.tokens;
    }
    assert_int_equal(n, 0);
}

/* The same as one prompt after another, always the likeliest token. */
static void an_answer_is_what_the_model_finds_likeliest(void **state)
{
    (void)state;
    struct err err = {0};
    struct generator g;
    answers_choose(&a, &rows.store, &t.test, &tokenizer, &rich);
    assert_int_equal(a.n, ANSWERS_MOST);
    a.tokens = 20;
    ASSERT_OK(answers_say(&a, ANSWERS_BASE, &t.engine, &rows.store, &err));
    ASSERT_OK(
        generator_open(&g, &t.engine.model, &(struct record_options){.longest = 64}, 1, &err));
    for (uint32_t i = 0; i < a.n; i++) {
        const struct answer *answer = &a.answer[i];
        const int32_t *ids = (const int32_t *)row_store_ids(&rows.store, answer->row);
        uint32_t n = 0;
        generator_rewind(&g, 0, 0);
        const float *z = generator_feed(&g, 0, ids, answer->prompt);
        for (; n < 20; n++) {
            int32_t best = 0;
            for (int32_t v = 1; v < TINY_VOCABULARY; v++)
                best = z[v] > z[best] ? v : best;
            if (best == TINY_END)
                break;
            assert_int_equal(answer->id[ANSWERS_BASE][n], best);
            z = generator_feed(&g, 0, &best, 1);
        }
        assert_int_equal(answer->n[ANSWERS_BASE], n);
    }
    generator_close(&g);
}

/* Letters that say the next one are learned by heart in some steps. */
static void training_changes_the_answers(void **state)
{
    (void)state;
    struct err err = {0};
    struct arena arena = {0};
    struct answer_text text;
    size_t n_state;
    (void)toy_run_state(&t, &n_state);
    answers_choose(&a, &rows.store, &t.test, &tokenizer, &rich);
    ASSERT_OK(answers_say(&a, ANSWERS_BASE, &t.engine, &rows.store, &err));
    toy_run_train(&t, 60, 0.02);
    ASSERT_OK(answers_say(&a, ANSWERS_TUNED, &t.engine, &rows.store, &err));
    int ended = 0, changed = 0;
    for (uint32_t i = 0; i < a.n; i++) {
        ASSERT_OK(answers_text(&a.answer[i], &rows.store, &tokenizer, &arena, &text, &err));
        ended += a.answer[i].n[ANSWERS_TUNED] < a.tokens;
        changed += strcmp(text.said[ANSWERS_BASE], text.said[ANSWERS_TUNED]) != 0;
    }
    assert_true(changed > 0 && ended > 0);
    arena_release(&arena);
}

static void a_text_has_line_breaks_for_special_tokens(void **state)
{
    (void)state;
    struct err err = {0};
    struct arena arena = {0};
    struct answer_text text;
    static struct rows few;
    rows_init(&few);
    rows_add(&few, (const uint32_t[]){5, 0, 1, 6, 5, 2, 8, 7, 4, 3, 2, 6}, 12, 8);
    struct row_list list = {few.list, 1, 12};
    answers_choose(&a, &few.store, &list, &tokenizer, &rich);
    a.answer[0].n[ANSWERS_TUNED] = 2;
    a.answer[0].id[ANSWERS_TUNED][0] = 9;
    a.answer[0].id[ANSWERS_TUNED][1] = 3;
    ASSERT_OK(answers_text(&a.answer[0], &few.store, &tokenizer, &arena, &text, &err));
    assert_string_equal(text.prompt, "a b\nc :");
    assert_string_equal(text.expected, "ab   c");
    assert_string_equal(text.said[ANSWERS_BASE], "");
    assert_string_equal(text.said[ANSWERS_TUNED], "u");
    arena_release(&arena);
}

static void without_test_rows_nothing_is_asked(void **state)
{
    (void)state;
    struct err err = {0};
    struct row_list none = {0};
    answers_choose(&a, &rows.store, &none, &tokenizer, &rich);
    assert_int_equal(a.n, 0);
    assert_true(answers_cost(&a) == 0);
    ASSERT_OK(answers_say(&a, ANSWERS_BASE, &t.engine, &rows.store, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_rows_with_different_prompts_are_asked),
        cmocka_unit_test(a_plain_text_is_continued_from_its_middle),
        cmocka_unit_test(what_is_asked_keeps_to_the_cost),
        cmocka_unit_test(an_answer_is_what_the_model_finds_likeliest),
        cmocka_unit_test(training_changes_the_answers),
        cmocka_unit_test(a_text_has_line_breaks_for_special_tokens),
        cmocka_unit_test(without_test_rows_nothing_is_asked),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
