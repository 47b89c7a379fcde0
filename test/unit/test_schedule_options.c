#include "test/support/support.h"

#include <math.h>

#include "options/schedule_options.h"

static struct err err;
static struct options o;
static struct arena arena;
static struct schedule_list list;

static int set_up(void **state)
{
    (void)state;
    options_init(&o);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static void give(const char *name, const char *value)
{
    size_t row = options_find(span_of(name));
    assert_true(row < option_count);
    ASSERT_OK(options_set(&o, row, value, FOR_SCHEDULE, &err));
}

static bool read_one(struct pace_schedule *s)
{
    return schedule_options_read(&o, 2e-4, 1000, s, &err);
}

static bool read_list(void)
{
    return schedule_options_list(&o, 2e-4, 1000, &arena, &list, &err);
}

static void assert_hint(const char *text)
{
    if (!strstr(err.hint, text))
        fail_msg("expected a hint with \"%s\", got \"%s\"", text, err.hint);
    assert_int_equal(err.kind, ERR_USAGE);
}

static void the_defaults_are_hugging_faces(void **state)
{
    (void)state;
    struct pace_schedule s;
    ASSERT_OK(read_one(&s));
    assert_int_equal(s.kind, PACE_SCHEDULE_LINEAR);
    assert_int_equal(s.warmup_steps, 0);
    assert_int_equal(s.total_steps, 1000);
    assert_true(s.learning_rate == 2e-4);
}

static void kwargs_are_a_json_object(void **state)
{
    (void)state;
    struct pace_schedule s;
    give("schedule", "greedy");
    give("lr-scheduler-kwargs", "{\"mode\": \"max\", \"smooth\": true, \"factor\": 9e-1}");
    ASSERT_OK(read_one(&s));
    assert_true(s.mode_max && s.smooth && s.factor == 0.9);
    give("schedule", "inverse-sqrt");
    give("lr-scheduler-kwargs", "{\"timescale\": null}");
    ASSERT_OK(read_one(&s));
    assert_true(isnan(s.timescale));
}

static void kwargs_that_are_no_object_are_refused(void **state)
{
    (void)state;
    struct pace_schedule s;
    static const char *const texts[] = {"",  "num_cycles=2", "[1]", "{\"a\": 1", "{} x",
                                        "3", "null"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        give("lr-scheduler-kwargs", texts[i]);
        ASSERT_FAILS(read_one(&s), "--lr-scheduler-kwargs is not a JSON object");
        assert_int_equal(err.kind, ERR_USAGE);
    }
    give("lr-scheduler-kwargs", "{\"num_cycles\": [1, 2]}");
    ASSERT_FAILS(read_one(&s), "one value is expected");
}

static void too_many_kwargs_are_refused(void **state)
{
    (void)state;
    struct pace_schedule s;
    struct buf text;
    buf_init(&text, 4096);
    for (int i = 0; i < 33; i++)
        buf_printf(&text, "%s\"a%d\": 1", i > 0 ? "," : "{", i);
    buf_add_text(&text, "}");
    give("lr-scheduler-kwargs", buf_string(&text));
    ASSERT_FAILS(read_one(&s), "more than 32 parameters");
    buf_release(&text);
}

static void an_unknown_name_is_met_with_the_nearest(void **state)
{
    (void)state;
    struct pace_schedule s;
    give("schedule", "cosin");
    ASSERT_FAILS(read_one(&s), "--lr-scheduler-type: there is no schedule 'cosin'");
    assert_hint("did you mean cosine?");
    give("schedule", "zzzzzzzz");
    ASSERT_FAILS(read_one(&s), "there is no schedule");
    assert_hint("linear, cosine");
    give("schedule", "cosine");
    give("lr-scheduler-kwargs", "{\"num_cycle\": 2}");
    ASSERT_FAILS(read_one(&s), "--lr-scheduler-kwargs: cosine has no parameter 'num_cycle'");
    assert_hint("did you mean num_cycles?");
    give("lr-scheduler-kwargs", "{\"zzzzzzzz\": 2}");
    ASSERT_FAILS(read_one(&s), "has no parameter");
    assert_hint("cosine takes num_cycles");
}

static void a_warmup_longer_than_the_run_is_refused(void **state)
{
    (void)state;
    struct pace_schedule s;
    give("warmup-steps", "1000");
    ASSERT_OK(read_one(&s));
    give("warmup-steps", "1001");
    ASSERT_FAILS(read_one(&s), "--warmup-steps: a warmup of 1001 steps is longer than the run of");
    assert_int_equal(err.kind, ERR_USAGE);
}

static void warmup_is_steps_or_a_ratio(void **state)
{
    (void)state;
    struct pace_schedule s;
    give("warmup-ratio", "0.0301");
    ASSERT_OK(read_one(&s));
    assert_int_equal(s.warmup_steps, 31);
    give("warmup-steps", "0.05");
    ASSERT_OK(read_one(&s));
    assert_int_equal(s.warmup_steps, 50);
    give("warmup-steps", "7");
    ASSERT_OK(read_one(&s));
    assert_int_equal(s.warmup_steps, 7);
}

static void parameters_that_make_no_schedule_name_their_option(void **state)
{
    (void)state;
    struct pace_schedule s;
    give("schedule", "cosine_with_min_lr");
    ASSERT_FAILS(read_one(&s), "--lr-scheduler-kwargs: cosine_with_min_lr needs min_lr or");
    give("schedule", "cosine_with_min_lr:num_cycles=1");
    ASSERT_FAILS(read_list(), "cosine_with_min_lr: cosine_with_min_lr needs min_lr or");
    give("schedule", "step");
    ASSERT_FAILS(read_one(&s), "step needs step_size");
    assert_non_null(strstr(err.hint, "step:NAME=VALUE"));
    give("schedule", "cosine:");
    ASSERT_FAILS(read_one(&s), "'cosine:' ends where a parameter is expected");
    give("schedule", "cosine:num_cycles=1:");
    ASSERT_FAILS(read_one(&s), "ends where a parameter is expected");
}

static void a_learning_rate_is_a_number_above_zero_or_auto(void **state)
{
    (void)state;
    double rate = 1;
    ASSERT_OK(schedule_options_rate(&o, &rate, &err));
    assert_true(rate == 0);
    give("lr", "auto");
    ASSERT_OK(schedule_options_rate(&o, &rate, &err));
    assert_true(rate == 0);
    give("lr", "2e-4");
    ASSERT_OK(schedule_options_rate(&o, &rate, &err));
    assert_true(rate == 2e-4);
    static const char *const texts[] = {"0", "-1e-4", "inf", "nan", "1e999", "fast", ""};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        give("lr", texts[i]);
        ASSERT_FAILS(schedule_options_rate(&o, &rate, &err), "is not a finite number above 0");
        assert_int_equal(err.kind, ERR_USAGE);
    }
}

static void schedules_stand_between_commas(void **state)
{
    (void)state;
    give("schedule", "linear,cosine:num_cycles=2,warmup-stable-decay:num_decay_steps=200"
                     ":decay_type=linear");
    ASSERT_OK(read_list());
    assert_int_equal(list.n, 3);
    assert_int_equal(list.schedules[0].kind, PACE_SCHEDULE_LINEAR);
    assert_true(list.schedules[1].num_cycles == 2);
    assert_int_equal(list.schedules[2].num_decay_steps, 200);
    assert_int_equal(list.schedules[2].decay_type, PACE_CURVE_LINEAR);
    assert_string_equal(list.labels[1], "cosine:num_cycles=2");
}

static void schedules_are_arguments_too(void **state)
{
    (void)state;
    o.arguments[0] = "cosine";
    o.arguments[1] = "polynomial:power=2:lr_end=0";
    o.n_arguments = 2;
    ASSERT_OK(read_list());
    assert_int_equal(list.n, 2);
    assert_true(list.schedules[1].power == 2 && list.schedules[1].lr_end == 0);
    o.arguments[1] = "polynomial:pover=2";
    ASSERT_FAILS(read_list(), "polynomial has no parameter 'pover'");
    assert_hint("did you mean power?");
    o.arguments[1] = "polynomial:power";
    ASSERT_FAILS(read_list(), "power: '' is not a number");
    give("schedule", "linear");
    ASSERT_FAILS(read_list(), "--lr-scheduler-type beside schedules named as arguments");
}

static void kwargs_go_to_those_that_take_them(void **state)
{
    (void)state;
    give("schedule", "linear,cosine,cosine:num_cycles=3");
    give("lr-scheduler-kwargs", "{\"num_cycles\": 2}");
    ASSERT_OK(read_list());
    assert_true(list.schedules[1].num_cycles == 2);
    assert_true(list.schedules[2].num_cycles == 3);
    give("lr-scheduler-kwargs", "{\"power\": 2}");
    ASSERT_FAILS(read_list(), "none of the schedules has a parameter 'power'");
}

static void no_schedule_and_too_many_are_refused(void **state)
{
    (void)state;
    give("schedule", "");
    ASSERT_FAILS(read_list(), "there is no schedule ''");
    give("schedule", "linear,,cosine");
    ASSERT_FAILS(read_list(), "there is no schedule ''");
    give("schedule", "linear,linear,linear,linear,linear,linear,linear,linear,linear,linear,"
                     "linear,linear,linear,linear,linear,linear,linear");
    ASSERT_FAILS(read_list(), "more than 16 schedules");
    options_init(&o);
    o.n_arguments = 17;
    for (size_t i = 0; i < o.n_arguments; i++)
        o.arguments[i] = "linear";
    ASSERT_FAILS(read_list(), "more than 16 schedules");
}

static void metrics_are_a_json_list_for_schedules_that_use_them(void **state)
{
    (void)state;
    struct metric_list metrics;
    ASSERT_OK(read_list());
    ASSERT_OK(schedule_options_metrics(&o, &list, 1000, &arena, &metrics, &err));
    assert_int_equal(metrics.n, 0);
    give("metrics", "[2.5, NaN,1]");
    ASSERT_FAILS(schedule_options_metrics(&o, &list, 1000, &arena, &metrics, &err),
                 "none of the schedules moves after evaluations");
    give("schedule", "linear,greedy");
    ASSERT_OK(read_list());
    ASSERT_FAILS(schedule_options_metrics(&o, &list, 1000, &arena, &metrics, &err),
                 "--metrics needs --eval-steps");
    give("eval-steps", "1.5");
    ASSERT_FAILS(schedule_options_metrics(&o, &list, 1000, &arena, &metrics, &err),
                 "--eval-steps: neither a whole number nor a share");
    give("eval-steps", "0.0101");
    ASSERT_OK(schedule_options_metrics(&o, &list, 1000, &arena, &metrics, &err));
    assert_int_equal(metrics.eval_steps, 11);
    assert_int_equal(metrics.n, 3);
    assert_true(metrics.values[0] == 2.5 && isnan(metrics.values[1]) && metrics.values[2] == 1);
    static const char *const texts[] = {"", "1", "[1", "[1,]", "[null]", "[\"1\"]", "{}"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        give("metrics", texts[i]);
        ASSERT_FAILS(schedule_options_metrics(&o, &list, 1000, &arena, &metrics, &err),
                     "--metrics is not a JSON list of numbers");
        assert_int_equal(err.kind, ERR_USAGE);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_defaults_are_hugging_faces),
        TEST(kwargs_are_a_json_object),
        TEST(kwargs_that_are_no_object_are_refused),
        TEST(too_many_kwargs_are_refused),
        TEST(an_unknown_name_is_met_with_the_nearest),
        TEST(a_warmup_longer_than_the_run_is_refused),
        TEST(warmup_is_steps_or_a_ratio),
        TEST(parameters_that_make_no_schedule_name_their_option),
        TEST(a_learning_rate_is_a_number_above_zero_or_auto),
        TEST(schedules_stand_between_commas),
        TEST(schedules_are_arguments_too),
        TEST(kwargs_go_to_those_that_take_them),
        TEST(no_schedule_and_too_many_are_refused),
        TEST(metrics_are_a_json_list_for_schedules_that_use_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
