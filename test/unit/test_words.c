#include "test/support/support.h"

#include <math.h>
#include <string.h>

#include "report/words.h"

static struct arena arena;

static void rates_are_as_options_take_them(void **state)
{
    (void)state;
    assert_string_equal(words_rate(&arena, 2.3e-5), "2.3e-5");
    assert_string_equal(words_rate(&arena, 0.00021), "2.1e-4");
    assert_string_equal(words_rate(&arena, 1e-3), "1e-3");
    assert_string_equal(words_rate(&arena, 9.9999e-4), "1e-3");
    assert_string_equal(words_rate(&arena, 0.01), "0.01");
    assert_string_equal(words_rate(&arena, 0), "0");
    assert_string_equal(words_rate(&arena, 2.5e7), "2.5e7");
    assert_string_equal(words_rate(&arena, NAN), "not known");
}

static void losses_have_the_digits_that_count(void **state)
{
    (void)state;
    assert_string_equal(words_loss(&arena, 2.30412), "2.304");
    assert_string_equal(words_loss(&arena, -0.0312), "-0.0312");
    assert_string_equal(words_loss(&arena, 0.00123), "0.00123");
    assert_string_equal(words_loss(&arena, 1e300), "1e+300");
    assert_string_equal(words_loss(&arena, INFINITY), "not known");
    assert_string_equal(words_spread(&arena, 1.984, 0.012), "1.984 ± 0.012");
    assert_string_equal(words_spread(&arena, 1.984, NAN), "1.984");
    assert_string_equal(words_spread(&arena, 1.984, 0), "1.984");
    assert_string_equal(words_perplexity(&arena, log(10)), "10.0");
    assert_string_equal(words_perplexity(&arena, 1.771), "5.88");
    assert_string_equal(words_perplexity(&arena, log(4840)), "4,840");
    assert_string_equal(words_perplexity(&arena, 20), "4.85e+08");
    assert_string_equal(words_perplexity(&arena, 1e9), "not known");
}

static void what_a_search_took_is_told_with_what_was_not_lost(void **state)
{
    (void)state;
    struct facts_arm arms[] = {{.arm = 0, .steps = 5}, {.arm = 1, .steps = 4}};
    struct facts f = {.steps = 100, .arms = arms, .n_arms = 2, .search = {.arm = 1, .cost = 0.18}};
    assert_string_equal(words_search_cost(&arena, &f),
                        "18 % of the run's computing; 4.0 % is steps that the run went on from");
    f.search.arm = -1;
    assert_string_equal(words_search_cost(&arena, &f), "18 % of the run's computing");
    f.search.cost = 0;
    assert_string_equal(words_search_cost(&arena, &f), "nothing: the first guess alone decided");
}

static void counts_sizes_and_times_are_readable(void **state)
{
    (void)state;
    assert_string_equal(words_count(&arena, 1234567), "1,234,567");
    assert_string_equal(words_count(&arena, -1000), "-1,000");
    assert_string_equal(words_count(&arena, 0), "0");
    assert_int_equal(strlen(words_count(&arena, 1e308)), 309 + 102);
    assert_string_equal(words_size(&arena, 494032768), "494 million");
    assert_string_equal(words_size(&arena, 1.24e9), "1.24 billion");
    assert_string_equal(words_size(&arena, 512000), "512,000");
    assert_string_equal(words_time(&arena, 3.21), "3.2 s");
    assert_string_equal(words_time(&arena, 59.7), "1 min 00 s");
    assert_string_equal(words_time(&arena, 192), "3 min 12 s");
    assert_string_equal(words_time(&arena, 7300), "2 h 01 min");
    assert_string_equal(words_time(&arena, -1), "not known");
    assert_string_equal(words_bytes(&arena, 1.244e9), "1.24 GB");
    assert_string_equal(words_bytes(&arena, 2048), "2.05 KB");
    assert_string_equal(words_share(&arena, 0.141), "14 %");
    assert_string_equal(words_share(&arena, 0.0412), "4.1 %");
}

static void names_are_the_last_part_of_a_path(void **state)
{
    (void)state;
    assert_string_equal(words_name(&arena, "/a/model/"), "model");
    assert_string_equal(words_name(&arena, "model.gguf"), "model.gguf");
    assert_string_equal(words_name(&arena, "/"), "");
    assert_string_equal(words_name(&arena, NULL), "");
    assert_string_equal(words_key(&arena, "base_loss"), "base loss");
}

static void paths_are_quoted_for_a_shell(void **state)
{
    (void)state;
    assert_string_equal(words_shell(&arena, "out/adapter"), "out/adapter");
    assert_string_equal(words_shell(&arena, "my out"), "'my out'");
    assert_string_equal(words_shell(&arena, "it's"), "'it'\\''s'");
    assert_string_equal(words_shell(&arena, ""), "''");
}

static struct facts tested(double base, double tuned, double low, double high, bool better)
{
    struct facts f = {0};
    f.verdict = (struct facts_verdict){.is_there = true,
                                       .is_better = better,
                                       .base_loss = base,
                                       .tuned_loss = tuned,
                                       .difference = base - tuned,
                                       .low = low,
                                       .high = high,
                                       .rows = 105,
                                       .kl = NAN};
    return f;
}

static void the_verdict_is_said_in_plain_words(void **state)
{
    (void)state;
    struct facts better = tested(2.3, 1.8, 0.4, 0.6, true);
    struct facts even = tested(2.3, 2.29, -0.02, 0.04, false);
    struct facts worse = tested(2.3, 2.6, -0.4, -0.2, false);
    struct facts none = {0};
    assert_string_equal(words_headline(&better), "Better than its base");
    assert_string_equal(words_headline(&even), "Not shown to be better");
    assert_string_equal(words_headline(&worse), "Worse than its base");
    assert_string_equal(words_headline(&none), "Not tested");
    assert_non_null(strstr(words_verdict(&arena, &better), "On 105 rows"));
    assert_non_null(strstr(words_verdict(&arena, &better),
                           "the loss fell by 0.500 nats per token, from 2.300 "
                           "to 1.800 (95 % interval: 0.400 to 0.600)"));
    assert_non_null(strstr(words_verdict(&arena, &none), "No rows were set aside"));
    none.test_rows = 40;
    assert_non_null(strstr(words_verdict(&arena, &none), "did not come to the test"));
    better.verdict.reason = "Better: on 105 rows, as the run said it";
    assert_string_equal(words_verdict(&arena, &better), "On 105 rows, as the run said it.");
    better.verdict.reason = "In whole sentences.";
    assert_string_equal(words_verdict(&arena, &better), "In whole sentences.");
    assert_non_null(strstr(words_verdict(&arena, &worse), "the loss rose by 0.300 nats"));
    assert_non_null(strstr(words_verdict(&arena, &worse), "0.200 to 0.400"));
    worse.verdict.tuned_loss = NAN;
    assert_string_equal(words_headline(&worse), "Worse than its base");
}

static void a_gain_has_one_sign_whatever_the_record_counts(void **state)
{
    (void)state;
    struct facts f = tested(2.3, 1.8, 0.4, 0.6, true);
    struct words_gain g = words_gain(&f.verdict);
    assert_true(g.low == 0.4 && g.high == 0.6);
    f.verdict.difference = -0.5;
    f.verdict.low = -0.6;
    f.verdict.high = -0.4;
    g = words_gain(&f.verdict);
    assert_true(g.gain > 0.49 && g.low == 0.4 && g.high == 0.6);
}

static void a_loss_is_told_in_plain_words(void **state)
{
    (void)state;
    struct facts f = tested(2.3025851, 1.6094379, 0.4, 0.6, true);
    assert_non_null(strstr(words_plainly(&arena, &f), "a draw out of 10.0, to the tuned model like "
                                                      "one out of 5.00"));
    f.verdict.tuned_loss = NAN;
    assert_null(words_plainly(&arena, &f));
    f.verdict = (struct facts_verdict){0};
    assert_null(words_plainly(&arena, &f));
}

static void forgetting_is_told_where_it_was_measured(void **state)
{
    (void)state;
    struct facts f = tested(2.3, 1.8, 0.4, 0.6, true);
    assert_null(words_forgotten(&arena, &f));
    f.verdict.kl = 0.0312;
    f.verdict.kl_se = 0.0021;
    f.verdict.kl_tokens = 4096;
    assert_non_null(strstr(words_forgotten(&arena, &f), "On 4,096 tokens"));
    assert_non_null(strstr(words_forgotten(&arena, &f), "0.0312 ± 0.0021"));
    assert_non_null(strstr(words_forgotten(&arena, &f), "97 % as likely"));
    f.verdict.reason = "better: …; it moved 0.03 nats (KL divergence)";
    assert_null(words_forgotten(&arena, &f));
}

static void the_rate_says_where_it_comes_from(void **state)
{
    (void)state;
    struct facts_option option = {"learning-rate", "2e-4", NULL};
    struct facts f = {0};
    assert_string_equal(words_rate_origin(&arena, &f), "Where it comes from is not recorded.");
    f.has_run = true;
    assert_non_null(strstr(words_rate_origin(&arena, &f), "Given by the user"));
    f.prior.is_there = true;
    assert_non_null(strstr(words_rate_origin(&arena, &f), "The first guess"));
    f.options = &option;
    f.n_options = 1;
    assert_non_null(strstr(words_rate_origin(&arena, &f), "Given by the user"));
    option.reason = "the prior";
    assert_string_equal(words_rate_origin(&arena, &f), "Chosen without a search: the prior.");
    f.search.reason = "three short runs";
    assert_string_equal(words_rate_origin(&arena, &f), "three short runs");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_as_options_take_them),
        cmocka_unit_test(losses_have_the_digits_that_count),
        cmocka_unit_test(what_a_search_took_is_told_with_what_was_not_lost),
        cmocka_unit_test(counts_sizes_and_times_are_readable),
        cmocka_unit_test(names_are_the_last_part_of_a_path),
        cmocka_unit_test(paths_are_quoted_for_a_shell),
        cmocka_unit_test(the_verdict_is_said_in_plain_words),
        cmocka_unit_test(a_gain_has_one_sign_whatever_the_record_counts),
        cmocka_unit_test(a_loss_is_told_in_plain_words),
        cmocka_unit_test(forgetting_is_told_where_it_was_measured),
        cmocka_unit_test(the_rate_says_where_it_comes_from),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
