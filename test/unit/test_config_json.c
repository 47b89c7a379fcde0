#include "model/config_json.h"

#include <math.h>

#include "test/support/support.h"

static struct err err;
static struct arena arena;

static void keys_are_read_by_any_of_their_names(void **state)
{
    (void)state;
    struct config_keys k;
    ASSERT_OK(config_keys_read(
        &k, &arena,
        span_of("{\"n_embd\": 48, \"num_hidden_layers\": 3, \"rms_norm_eps\": 1e-5, "
                "\"rope_theta\": 5e5, \"tie_word_embeddings\": true, "
                "\"hidden_act\": \"silu\", \"eos_token_id\": [1, 2], \"other\": {}}"),
        &err));
    assert_int_equal(k.width, 48);
    assert_int_equal(k.n_layers, 3);
    assert_true(k.eps == 1e-5 && k.theta == 5e5);
    assert_int_equal(k.tied, FLAG_YES);
    assert_string_equal(k.hidden_act, "silu");
    ASSERT_SPAN(k.eos, "[1, 2]");
}

static void null_is_the_same_as_absent_but_for_the_window(void **state)
{
    (void)state;
    struct config_keys k;
    ASSERT_OK(config_keys_read(&k, &arena, span_of("{}"), &err));
    assert_true(k.window == UINT64_MAX && k.max_window_layers == 28 && isnan(k.theta));
    assert_int_equal(k.tied, FLAG_ABSENT);
    ASSERT_OK(config_keys_read(&k, &arena,
                               span_of("{\"sliding_window\": null, \"n_inner\": null, "
                                       "\"rope_theta\": null, \"tie_word_embeddings\": null}"),
                               &err));
    assert_int_equal(k.window, 0);
    assert_int_equal(k.feed_forward, 0);
    assert_true(isnan(k.theta));
    assert_int_equal(k.tied, FLAG_ABSENT);
}

static void wrong_types_and_counts_are_errors(void **state)
{
    (void)state;
    struct config_keys k;
    ASSERT_FAILS(config_keys_read(&k, &arena, span_of("[]"), &err), "expected an object");
    ASSERT_FAILS(config_keys_read(&k, &arena, span_of("{\"hidden_size\": -1}"), &err),
                 "hidden_size is no whole number");
    ASSERT_FAILS(config_keys_read(&k, &arena, span_of("{\"hidden_size\": 1.5}"), &err),
                 "hidden_size is no whole number");
    ASSERT_FAILS(config_keys_read(&k, &arena, span_of("{\"vocab_size\": 1e12}"), &err),
                 "vocab_size is no whole number");
    ASSERT_FAILS(config_keys_read(&k, &arena, span_of("{\"rope_theta\": \"x\"}"), &err),
                 "expected a number");
}

static void a_rope_is_read_with_its_lists(void **state)
{
    (void)state;
    struct rope_keys k;
    ASSERT_OK(config_rope_read(&k, &arena,
                               span_of("{\"type\": \"longrope\", \"long_factor\": [2, 3.5], "
                                       "\"short_factor\": [1], \"truncate\": false}"),
                               &err));
    assert_string_equal(k.type, "longrope");
    assert_int_equal(k.n_long, 2);
    assert_int_equal(k.n_short, 1);
    assert_true(k.long_factor[1] == 3.5 && k.keeps_fractions && isnan(k.factor));
    ASSERT_FAILS(config_rope_read(&k, &arena, span_of("{\"long_factor\": [1, \"a\"]}"), &err),
                 "a list of numbers is wanted");
    ASSERT_FAILS(config_rope_read(&k, &arena, span_of("3"), &err), "expected an object");
}

static void a_member_is_given_as_it_stands(void **state)
{
    (void)state;
    struct span out;
    const char *text = "{\"a\": {\"b\": 1}, \"c\": 2}";
    ASSERT_OK(config_member(&out, &arena, span_of(text), "a", &err));
    ASSERT_SPAN(out, "{\"b\": 1}");
    ASSERT_OK(config_member(&out, &arena, span_of(text), "c", &err));
    assert_int_equal(out.len, 0); /* no object */
    ASSERT_FAILS(config_member(&out, &arena, span_of("["), "c", &err), "expected an object");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_read_by_any_of_their_names),
        cmocka_unit_test(null_is_the_same_as_absent_but_for_the_window),
        cmocka_unit_test(wrong_types_and_counts_are_errors),
        cmocka_unit_test(a_rope_is_read_with_its_lists),
        cmocka_unit_test(a_member_is_given_as_it_stands),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
