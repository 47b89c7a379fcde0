#define _GNU_SOURCE
#include "test/support/model_folder.h"
#include "test/support/tiny_model.h"

#include <math.h>

#include "base/mem.h"
#include "train/find.h"
#include "train/trainer.h"

enum { STEPS = 60, HELD_OUT = 16 };

static struct arena arena;
static struct options options;

/* No two with the same prompt. */
static const char *distinct_rows(int n, const char *name)
{
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    for (int i = 0; i < n; i++) {
        buf_add_text(&text, "{\"prompt\": \"");
        for (int j = 0, left = i; j < 6; j++, left /= 3)
            buf_add_byte(&text, (uint8_t)"abc"[left % 3]);
        buf_printf(&text, "\", \"completion\": \"%.*s\"}\n", 5 + i % 7, "bcabcabcabc");
    }
    const char *path = temporary_file(name, buf_span(&text));
    buf_release(&text);
    return path;
}

static int begin(void **state)
{
    (void)state;
    const char *base = model_folder(TINY_TALKER);
    tiny_tokenizer(base, "{\"eos_token\": \"<e>\"}", NULL);
    options_init(&options);
    options.arguments[0] = base;
    options.arguments[1] = distinct_rows(700, "many.jsonl"); /* more than the run sees */
    options.n_arguments = 2;
    options.max_steps = STEPS;
    options.eval_split = HELD_OUT;
    options.test_split = 4;
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

struct outcome {
    struct find_memory memory;
    struct pace_search_result result;
    int64_t steps; /* that the main run has behind it */
    size_t n_weights;
    float *weights;
};

static void take_weights(const struct setup *s, struct outcome *out)
{
    for (size_t i = 0; i < s->n_params; i++)
        out->n_weights += param_count(s->params[i]);
    float *at = out->weights = arena_array(&arena, float, out->n_weights);
    for (size_t i = 0; i < s->n_params; at += param_count(s->params[i++]))
        memcpy(at, s->params[i]->value, param_count(s->params[i]) * sizeof(float));
}

static void search(const struct options *o, const struct find_options *wanted, struct outcome *out)
{
    struct err err = {0};
    struct setup setup;
    struct find find;
    *out = (struct outcome){0};
    ASSERT_OK(setup_open(&setup, o, &err));
    find_init(&find, &setup, wanted);
    while (!find_run(&find))
        ;
    find_result(&find, &out->result);
    out->steps = find_go_on(&find, &out->result);
    out->memory = find.memory;
    take_weights(&setup, out);
    setup_close(&setup);
}

static void assert_same(const struct outcome *a, const struct outcome *b)
{
    assert_int_equal(a->memory.search.n_arms, b->memory.search.n_arms);
    assert_true(a->result.learning_rate == b->result.learning_rate);
    assert_true(a->result.cost == b->result.cost);
    assert_int_equal(a->steps, b->steps);
    assert_memory_equal(a->weights, b->weights, a->n_weights * sizeof(float));
}

static void a_search_measures_arms_within_a_quarter_of_the_run(void **state)
{
    (void)state;
    struct find_options wanted;
    struct outcome out;
    find_options_init(&wanted);
    search(&options, &wanted, &out);
    const struct pace_search *s = &out.memory.search;
    assert_in_range(s->n_arms, 2, PACE_SEARCH_ARMS);
    assert_true(out.result.cost > 0.05 && out.result.cost <= 0.25);
    assert_true(s->base_loss > 0);
    for (int i = 0; i < s->n_arms; i++) {
        assert_int_equal(s->arms[i].status, PACE_ARM_MEASURED);
        assert_true(s->arms[i].loss < s->base_loss);
        assert_true(s->arms[i].se > 0 && s->arms[i].se < 1);
    }
    assert_true(out.memory.tokens > 0 && out.memory.eval_tokens > 0);
    assert_true(out.memory.base_sums.loss == s->base_loss);
}

/* What the main run goes on from and the base's loss are not lost. */
static void a_search_loses_no_more_than_it_may(void **state)
{
    (void)state;
    struct find_options wanted;
    struct outcome out;
    int raced = 0;
    find_options_init(&wanted);
    for (wanted.lost = 0.05; wanted.lost < 0.25; wanted.lost += 0.03) {
        search(&options, &wanted, &out);
        const struct pace_search *s = &out.memory.search;
        double kept = (double)out.steps + (s->n_arms > 0 ? s->options.eval_cost : 0);
        assert_true(out.result.cost - kept / STEPS <= wanted.lost + 1e-9);
        raced += s->n_arms > 0;
    }
    assert_in_range(raced, 3, 6);
}

/* The two that are nearest to what was found. */
static void the_states_of_two_arms_are_kept(void **state)
{
    (void)state;
    struct find_options wanted;
    struct outcome out;
    find_options_init(&wanted);
    search(&options, &wanted, &out);
    const int *held = out.memory.held;
    assert_true(held[0] >= 0 && held[1] >= 0 && held[0] != held[1]);
    assert_true(held[0] == out.result.arm || held[1] == out.result.arm);
}

/* The main run goes on from an arm as if it had been made by the trainer. */
static void the_run_goes_on_from_the_best_arm_as_the_trainer_would_have_made_it(void **state)
{
    (void)state;
    struct find_options wanted;
    struct outcome out, plain = {0};
    find_options_init(&wanted);
    search(&options, &wanted, &out);
    const struct pace_search *s = &out.memory.search;
    assert_true(out.result.arm >= 0);
    assert_int_equal(out.steps, s->arm_steps);
    assert_true(out.memory.held[0] == out.result.arm || out.memory.held[1] == out.result.arm);

    struct err err = {0};
    struct setup setup;
    struct trainer trainer;
    ASSERT_OK(setup_open(&setup, &options, &err));
    setup.rate.schedule.learning_rate = s->arms[out.result.arm].learning_rate;
    setup.rate.guard = PACE_GUARD_OFF;
    setup.rate.n_slots = 0;
    struct trainer_options made = {.stepper = &setup.stepper,
                                   .optim = &setup.optim,
                                   .store = &setup.store,
                                   .order = setup_order(&setup),
                                   .rate = setup.rate};
    trainer_init(&trainer, &arena, &made);
    assert_int_equal(trainer_run_until(&trainer, out.steps), TRAINER_PAUSED);
    take_weights(&setup, &plain);
    assert_memory_equal(out.weights, plain.weights, out.n_weights * sizeof(float));
    setup_close(&setup);
}

static struct options of_few_rows(void)
{
    struct options o = options;
    o.arguments[1] = distinct_rows(200, "few.jsonl");
    o.max_steps = -1;
    o.num_train_epochs = 5;
    return o;
}

/* What goes on must be a beginning of the run. */
static void where_rows_come_again_the_run_starts_over(void **state)
{
    (void)state;
    struct find_options wanted;
    struct outcome prior, out;
    struct options o = of_few_rows();
    find_options_init(&wanted);
    wanted.method = PACE_SEARCH_PRIOR;
    search(&o, &wanted, &prior);
    find_options_init(&wanted);
    search(&o, &wanted, &out);
    assert_true(out.memory.search.fresh_steps < out.memory.search.arm_steps);
    assert_in_range(out.memory.search.n_arms, 2, PACE_SEARCH_ARMS);
    assert_true(out.memory.held[0] < 0 && out.memory.held[1] < 0);
    assert_int_equal(out.result.arm, -1);
    assert_int_equal(out.steps, 0);
    assert_memory_equal(prior.weights, out.weights, out.n_weights * sizeof(float));
}

static bool compare_tokens(void *context, const struct find_event *e)
{
    static uint64_t tokens[PACE_SEARCH_STEPS];
    int *different = context;
    if (e->moment != FIND_STEP)
        return true;
    const struct pace_search *s = e->search;
    int64_t step = s->arms[e->arm].done - 1;
    tokens[step] = e->step.tokens;
    assert_true(tokens[step] == tokens[step % s->fresh_steps]);
    *different += tokens[step] != tokens[0];
    return true;
}

static void where_rows_come_again_an_arm_sees_its_first_rows_as_often_as_the_run(void **state)
{
    (void)state;
    struct find_options wanted;
    struct outcome out;
    struct options o = of_few_rows();
    int different = 0;
    find_options_init(&wanted);
    wanted.on_event = compare_tokens;
    wanted.context = &different;
    search(&o, &wanted, &out);
    assert_in_range(out.memory.search.fresh_steps, 2, out.memory.search.arm_steps / 2);
    assert_true(different > 0);
}

static bool end_now_and_then(void *context, const struct find_event *e)
{
    int *count = context;
    assert_true(e->share >= 0 && e->share <= 1 + 1e-9);
    return ++*count % 3 != 0;
}

static void a_search_that_was_ended_now_and_then_finds_the_same(void **state)
{
    (void)state;
    struct find_options wanted;
    struct outcome whole, parts;
    int count = 0;
    find_options_init(&wanted);
    search(&options, &wanted, &whole);
    wanted.on_event = end_now_and_then;
    wanted.context = &count;
    search(&options, &wanted, &parts);
    assert_true(count > 10);
    assert_same(&whole, &parts);
}

static void the_prior_alone_and_a_short_run_leave_the_beginning_untouched(void **state)
{
    (void)state;
    struct find_options wanted;
    struct outcome out, raced;
    struct options few = options;
    find_options_init(&wanted);
    wanted.method = PACE_SEARCH_PRIOR;
    search(&options, &wanted, &out);
    assert_int_equal(out.memory.search.n_arms, 0);
    assert_int_equal(out.steps, 0);
    assert_true(out.result.cost == 0);
    few.max_steps = 20;
    find_options_init(&wanted);
    search(&few, &wanted, &raced);
    assert_int_equal(raced.result.reason, PACE_FOUND_TOO_SHORT);
    assert_memory_equal(out.weights, raced.weights, out.n_weights * sizeof(float));
}

static void without_held_out_rows_or_memory_the_prior_stands(void **state)
{
    (void)state;
    struct find_options wanted;
    struct outcome out;
    struct options o = options;
    find_options_init(&wanted);
    o.eval_split = 0;
    search(&o, &wanted, &out);
    assert_int_equal(out.result.reason, PACE_FOUND_NO_ROWS);
    o = options;
    o.learning_rate = "0.01"; /* then the setup keeps no states */
    o.guard = "off";
    search(&o, &wanted, &out);
    assert_int_equal(out.result.reason, PACE_FOUND_NO_MEMORY);
    assert_int_equal(out.steps, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_search_measures_arms_within_a_quarter_of_the_run),
        cmocka_unit_test(a_search_loses_no_more_than_it_may),
        cmocka_unit_test(the_states_of_two_arms_are_kept),
        cmocka_unit_test(the_run_goes_on_from_the_best_arm_as_the_trainer_would_have_made_it),
        cmocka_unit_test(where_rows_come_again_the_run_starts_over),
        cmocka_unit_test(where_rows_come_again_an_arm_sees_its_first_rows_as_often_as_the_run),
        cmocka_unit_test(a_search_that_was_ended_now_and_then_finds_the_same),
        cmocka_unit_test(the_prior_alone_and_a_short_run_leave_the_beginning_untouched),
        cmocka_unit_test(without_held_out_rows_or_memory_the_prior_stands),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
