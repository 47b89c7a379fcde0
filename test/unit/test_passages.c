#include "test/support/model_folder.h"
#include "test/support/rows.h"

#include <math.h>

#include "train/evaluate.h"
#include "train/passages.h"

enum { V = 10, END = 6 };

static struct engine base, other;
static struct arena arena;
static struct passages p;

static int begin(void **state)
{
    (void)state;
    struct err err = {0};
    struct options o;
    options_init(&o);
    ASSERT_OK(engine_open(&base, model_folder(TINY_TALKER), &o, &err));
    ASSERT_OK(engine_open(&other, model_folder(TINY_TALKER), &o, &err));
    /* Another model that is near: its first matrix of numbers is moved a little. */
    ASSERT_OK(model_train_all(&other.model, &err));
    struct rng rng = {.seed = 5};
    for (size_t i = 0; i < other.model.n_params; i++) {
        for (size_t j = 0; j < param_count(other.model.params[i]); j++)
            other.model.params[i]->value[j] += 0.01f * (float)rng_normal(&rng);
    }
    return 0;
}

static int end(void **state)
{
    (void)state;
    engine_close(&base);
    engine_close(&other);
    arena_release(&arena);
    return 0;
}

static void sample(size_t texts, size_t steps, size_t longest, uint64_t seed)
{
    struct err err = {0};
    struct passages_options o = {texts, steps, longest, seed};
    passages_init(&p, &arena, &o);
    ASSERT_OK(passages_sample(&p, &base, &err));
}

static void texts_begin_with_the_first_token_and_end_with_the_last(void **state)
{
    (void)state;
    sample(4, 50, 20, 1);
    uint64_t said = 0;
    assert_int_equal(p.store.n_rows, p.counts.rows);
    assert_in_range(p.counts.rows, 4 * 50 / 19, 4 * 50);
    for (uint32_t row = 0; row < p.counts.rows; row++) {
        const uint32_t *ids = row_store_ids(&p.store, row);
        uint32_t len = p.store.rows[row].len;
        assert_in_range(len, 2, 20);
        assert_int_equal(ids[0], base.model.config.bos);
        for (uint32_t t = 1; t + 1 < len; t++)
            assert_int_not_equal(ids[t], END);
        said += len - 1;
    }
    assert_int_equal(said, 4 * 50);
}

static void the_same_seed_samples_the_same_texts(void **state)
{
    (void)state;
    static uint32_t ids[400];
    sample(3, 40, 16, 1);
    uint64_t n = p.counts.tokens;
    memcpy(ids, p.ids, n * sizeof *ids);
    sample(3, 40, 16, 1);
    assert_int_equal(p.counts.tokens, n);
    assert_memory_equal(ids, p.ids, n * sizeof *ids);
    sample(3, 40, 16, 2);
    assert_true(p.counts.tokens != n || memcmp(ids, p.ids, n * sizeof *ids) != 0);
}

/* How often each token follows another is what the model's losses say. */
static void texts_are_said_as_likely_as_the_model_finds_them(void **state)
{
    (void)state;
    sample(32, 400, 2, 1); /* one token each: all are drawn from one distribution */
    double said[V] = {0}, wanted[V] = {0};
    for (uint32_t row = 0; row < p.counts.rows; row++) {
        uint32_t id = row_store_ids(&p.store, row)[1];
        said[id]++;
        wanted[id] = exp(-(double)p.base[p.rows[row].first + 1]);
    }
    double n = 32 * 400, sum = 0;
    for (size_t i = 0; i < V; i++) {
        assert_true(fabs(said[i] - n * wanted[i]) < 4 * sqrt(n * wanted[i]) + 1);
        sum += wanted[i];
    }
    assert_true(fabs(sum - 1) < 1e-5);
}

static void a_model_is_not_away_from_itself(void **state)
{
    (void)state;
    struct err err = {0};
    struct divergence d;
    sample(4, 50, 20, 1);
    ASSERT_OK(passages_compare(&p, &base, &d, &err));
    assert_true(d.kl == 0 && d.se == 0);
    assert_int_equal(d.tokens, 200);
}

/* Of texts of one token the divergence is a sum over the vocabulary. */
static void the_estimate_is_the_exact_divergence_within_its_error(void **state)
{
    (void)state;
    struct err err = {0};
    struct divergence d;
    static float tuned[4 * 32 * 400];
    double exact = 0;
    float log_p[V] = {0}, log_q[V] = {0};
    sample(32, 400, 2, 3);
    struct row_list list = {p.list, p.counts.rows, 2};
    ASSERT_OK(evaluate_tokens(&other, &p.store, &list, tuned, &err));
    for (uint32_t row = 0; row < p.counts.rows; row++) {
        uint64_t t = p.rows[row].first + 1;
        log_p[p.ids[t]] = -p.base[t];
        log_q[p.ids[t]] = -tuned[t];
    }
    for (size_t i = 0; i < V; i++)
        exact += exp((double)log_p[i]) * (double)(log_p[i] - log_q[i]);
    ASSERT_OK(passages_compare(&p, &other, &d, &err));
    assert_true(exact > 1e-3);
    assert_true(fabs(d.kl - exact) < 4 * d.se);
    assert_true(d.se < 0.2 * exact);
}

/* The plain mean of the differences has many times the error. */
static void the_control_variate_takes_noise_out(void **state)
{
    (void)state;
    struct err err = {0};
    struct divergence d;
    sample(16, 100, 30, 4);
    static float tuned[16 * 100 * 2];
    struct row_list list = {p.list, p.counts.rows, 30};
    ASSERT_OK(evaluate_tokens(&other, &p.store, &list, tuned, &err));
    d = passages_divergence(&p, tuned);
    double squares = 0, n = 0;
    for (uint64_t t = 0; t < p.counts.tokens; t++) {
        double x = (double)tuned[t] - (double)p.base[t];
        squares += x * x;
        n += p.base[t] > 0;
    }
    assert_true(d.se < 0.5 * sqrt(squares) / n);
    assert_true(d.kl > 0);
}

static void a_model_that_makes_no_numbers_is_infinitely_far(void **state)
{
    (void)state;
    static float tuned[400];
    sample(4, 20, 20, 1);
    for (uint64_t t = 0; t < p.counts.tokens; t++)
        tuned[t] = p.base[t];
    tuned[p.rows[1].first + 1] = NAN;
    struct divergence d = passages_divergence(&p, tuned);
    assert_true(isinf(d.kl));
    tuned[p.rows[1].first + 1] = 1e30f; /* says it is impossible */
    d = passages_divergence(&p, tuned);
    assert_true(d.kl > 1e20);
    tuned[p.rows[1].first + 1] = p.base[p.rows[1].first + 1];
    assert_true(passages_divergence(&p, tuned).kl == 0);
}

static void what_was_put_back_compares_the_same(void **state)
{
    (void)state;
    struct err err = {0};
    struct divergence first, again;
    sample(4, 50, 20, 1);
    ASSERT_OK(passages_compare(&p, &other, &first, &err));
    struct passages kept = p;
    passages_init(&p, &arena, &kept.options);
    memcpy(p.rows, kept.rows, p.rows_most * sizeof *p.rows);
    memcpy(p.ids, kept.ids, p.tokens_most * sizeof *p.ids);
    memcpy(p.base, kept.base, p.tokens_most * sizeof *p.base);
    p.counts = kept.counts;
    passages_resume(&p);
    ASSERT_OK(passages_compare(&p, &other, &again, &err));
    assert_true(first.kl == again.kl && first.se == again.se);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_begin_with_the_first_token_and_end_with_the_last),
        cmocka_unit_test(the_same_seed_samples_the_same_texts),
        cmocka_unit_test(texts_are_said_as_likely_as_the_model_finds_them),
        cmocka_unit_test(a_model_is_not_away_from_itself),
        cmocka_unit_test(the_estimate_is_the_exact_divergence_within_its_error),
        cmocka_unit_test(the_control_variate_takes_noise_out),
        cmocka_unit_test(a_model_that_makes_no_numbers_is_infinitely_far),
        cmocka_unit_test(what_was_put_back_compares_the_same),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
