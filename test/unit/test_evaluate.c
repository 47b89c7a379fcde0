#include "test/support/model_folder.h"
#include "test/support/rows.h"

#include <math.h>

#include "base/file.h"
#include "format/safetensors.h"
#include "model/generate.h"
#include "train/evaluate.h"

enum { N_ROWS = 12, LONGEST = 20, V = 32 };

static struct rows rows;
static struct row_list list;
static struct engine engine;

static int begin(void **state)
{
    (void)state;
    struct err err = {0};
    struct options o;
    options_init(&o);
    ASSERT_OK(engine_open(&engine, model_folder(TINY_LLAMA), &o, &err));
    rows_fill(&rows, 4, N_ROWS, LONGEST, V);
    list = (struct row_list){.rows = rows.list, .n = N_ROWS};
    for (size_t i = 0; i < N_ROWS; i++)
        list.longest = max_size(list.longest, rows.row[i].len);
    return 0;
}

static int end(void **state)
{
    (void)state;
    engine_close(&engine);
    return 0;
}

static double loss_of(const float *z, uint32_t id, bool *likeliest)
{
    double sum = 0;
    *likeliest = true;
    for (size_t i = 0; i < V; i++) {
        sum += exp((double)z[i]);
        *likeliest = *likeliest && (z[i] < z[id] || i == id);
    }
    return log(sum) - (double)z[id];
}

static void the_loss_is_the_mean_over_the_targets(void **state)
{
    (void)state;
    struct err err = {0};
    struct evaluation e;
    struct generator g;
    double sum = 0;
    uint64_t n = 0, correct = 0, tokens = 0;
    ASSERT_OK(
        generator_open(&g, &engine.model, &(struct record_options){.longest = LONGEST}, 1, &err));
    for (uint32_t row = 0; row < N_ROWS; row++) {
        const uint32_t *ids = row_store_ids(&rows.store, row);
        uint64_t before = n;
        generator_rewind(&g, 0, 0);
        for (uint32_t t = 0; t + 1 < rows.row[row].len; t++) {
            const float *z = generator_feed(&g, 0, (const int32_t *)ids + t, 1);
            bool likeliest;
            double loss = loss_of(z, ids[t + 1], &likeliest);
            if (!row_store_is_trained(&rows.store, row, t + 1))
                continue;
            sum += loss;
            correct += likeliest;
            n++;
        }
        tokens += n > before ? rows.row[row].len : 0; /* others are not looked at */
    }
    generator_close(&g);
    assert_true(n > 20);
    ASSERT_OK(evaluate_rows(&e, &engine, &rows.store, &list, 0, &err));
    assert_int_equal(e.rows, N_ROWS);
    assert_int_equal(e.sums.targets, n);
    assert_int_equal(e.sums.correct, correct);
    assert_int_equal(e.sums.tokens, tokens);
    assert_true(fabs(e.sums.loss - sum / (double)n) < 1e-5);
    assert_true(e.seconds >= 0);
}

/* Says `n` tokens behind the prompt, always the likeliest one. */
static void say(struct generator *g, uint32_t *ids, uint32_t prompt, uint32_t n)
{
    static const struct sample_options likeliest = {.top_p = 1};
    const float *z = generator_feed(g, 0, (const int32_t *)ids, prompt);
    for (uint32_t t = prompt; t < n; t++) {
        ids[t] = (uint32_t)sample_token(&likeliest, z, V, NULL, g->candidates);
        z = generator_feed(g, 0, (const int32_t *)ids + t, 1);
    }
}

static void an_answer_is_exact_if_generation_says_it(void **state)
{
    (void)state;
    enum { PROMPT = 5, WHOLE = 12 };
    static struct rows answers;
    struct err err = {0};
    struct evaluation e;
    struct generator g;
    struct rng rng = {.seed = 3};
    ASSERT_OK(
        generator_open(&g, &engine.model, &(struct record_options){.longest = LONGEST}, 1, &err));
    rows_init(&answers);
    for (uint32_t i = 0; i < 12; i++) {
        uint32_t ids[WHOLE];
        for (uint32_t t = 0; t < PROMPT; t++)
            ids[t] = (uint32_t)rng_below(&rng, V);
        generator_rewind(&g, 0, 0);
        say(&g, ids, PROMPT, WHOLE);
        if (i < 7) /* one token of the answer is another: each in turn */
            ids[PROMPT + i] = (ids[PROMPT + i] + 1) % V;
        rows_add(&answers, ids, WHOLE, PROMPT);
    }
    generator_close(&g);
    uint32_t text[WHOLE] = {1, 2, 3};
    rows_add(&answers, text, WHOLE, 0);     /* a text answers nothing */
    rows_add(&answers, text, WHOLE, WHOLE); /* and of this row nothing is wanted */
    struct row_list all = {.rows = answers.list, .n = 14, .longest = WHOLE};
    ASSERT_OK(evaluate_rows(&e, &engine, &answers.store, &all, 0, &err));
    assert_int_equal(e.answers.answers, 12);
    assert_int_equal(e.answers.exact, 5);
}

static void rows_may_be_left_out(void **state)
{
    (void)state;
    struct err err = {0};
    struct evaluation all, some;
    struct row_list few = {.rows = rows.list, .n = 3, .longest = list.longest};
    ASSERT_OK(evaluate_rows(&all, &engine, &rows.store, &list, 0, &err));
    ASSERT_OK(evaluate_rows(&some, &engine, &rows.store, &few, 0, &err));
    assert_int_equal(some.rows, 3);
    assert_true(some.sums.tokens < all.sums.tokens);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    struct err err = {0};
    struct evaluation e;
    assert_false(evaluate_rows(&e, &engine, &rows.store, &list, 1000, &err));
    assert_int_equal(err.kind, ERR_MEMORY);
}

static void logits_are_written_a_row_each_and_padded(void **state)
{
    (void)state;
    struct err err = {0};
    struct arena arena = {0};
    struct safetensors st;
    struct generator g;
    static float z[LONGEST * V];
    const char *path = file_join(&arena, temporary_folder(), "logits.safetensors");
    ASSERT_OK(evaluate_logits(&engine, &rows.store, &list, path, &err));
    ASSERT_OK(safetensors_open(&st, path, &err));
    const struct tensor *t = safetensors_find(&st, span_of("logits"));
    assert_non_null(t);
    assert_int_equal(t->dtype, DTYPE_F32);
    assert_int_equal(t->n_dims, 3);
    assert_int_equal(t->dims[0], N_ROWS);
    assert_int_equal(t->dims[1], list.longest);
    assert_int_equal(t->dims[2], V);
    ASSERT_OK(
        generator_open(&g, &engine.model, &(struct record_options){.longest = LONGEST}, 1, &err));
    for (uint32_t row = 0; row < N_ROWS; row++) {
        size_t row_bytes = list.longest * V * sizeof(float);
        memcpy(z, t->bytes.at + row * row_bytes, row_bytes);
        generator_rewind(&g, 0, 0);
        for (uint32_t i = 0; i < list.longest; i++) {
            bool is_real = i < rows.row[row].len;
            const int32_t *id = (const int32_t *)row_store_ids(&rows.store, row) + i;
            const float *wanted = is_real ? generator_feed(&g, 0, id, 1) : NULL;
            for (size_t v = 0; v < V; v++)
                assert_true(fabsf(z[i * V + v] - (wanted ? wanted[v] : 0)) < 2e-5f);
        }
    }
    generator_close(&g);
    safetensors_close(&st);
    arena_release(&arena);
}

static void a_file_that_cannot_be_written_is_named(void **state)
{
    (void)state;
    struct err err = {0};
    assert_false(evaluate_logits(&engine, &rows.store, &list, "/nowhere/z.safetensors", &err));
    assert_int_equal(err.kind, ERR_IO);
    assert_non_null(strstr(err.where, "/nowhere/z.safetensors"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_loss_is_the_mean_over_the_targets),
        cmocka_unit_test(an_answer_is_exact_if_generation_says_it),
        cmocka_unit_test(rows_may_be_left_out),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(logits_are_written_a_row_each_and_padded),
        cmocka_unit_test(a_file_that_cannot_be_written_is_named),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
