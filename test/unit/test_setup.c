#include "test/support/model_folder.h"
#include "test/support/tiny_model.h"

#include <math.h>

#include "base/file.h"
#include "train/setup.h"

enum { STEPS = 12 };

static struct arena arena;
static const char *base, *data;
static struct options options;

static int begin(void **state)
{
    (void)state;
    base = model_folder(TINY_TALKER);
    tiny_tokenizer(base, "{\"eos_token\": \"<e>\"}", NULL);
    data = tiny_rows(40);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static int defaults(void **state)
{
    (void)state;
    static int count;
    options_init(&options);
    options.arguments[0] = base;
    options.arguments[1] = data;
    options.n_arguments = 2;
    options.output_dir = arena_printf(&arena, "%s/out%d", temporary_folder(), count++);
    options.learning_rate = "0.02";
    options.max_steps = STEPS;
    options.eval_split = options.test_split = 4;
    options.guard = "off";
    return 0;
}

static void assert_refused(const char *message)
{
    struct err err = {0};
    struct setup s;
    ASSERT_FAILS(setup_open(&s, &options, &err), message);
    assert_int_equal(err.kind, ERR_USAGE);
}

/* 32 rows are trained on in 12 steps of 4; an evaluation reads 4. */
static void evaluations_are_seldom_enough_to_cost_little(void **state)
{
    (void)state;
    struct err err = {0};
    struct setup s;
    ASSERT_OK(setup_open(&s, &options, &err));
    assert_int_equal(s.job.batch_rows, 4);
    assert_int_equal(s.eval_steps, 6); /* the least: two */
    setup_close(&s);
    options.max_steps = 80; /* 640 rows: as many evaluations as are of use */
    ASSERT_OK(setup_open(&s, &options, &err));
    assert_int_equal(s.eval_steps, 8);
    setup_close(&s);
    options.max_steps = 1000;
    ASSERT_OK(setup_open(&s, &options, &err));
    assert_int_equal(s.eval_steps, 100);
    setup_close(&s);
    options.eval_steps = 7;
    ASSERT_OK(setup_open(&s, &options, &err));
    assert_int_equal(s.eval_steps, 7);
    setup_close(&s);
}

static void memory_is_counted_and_bounded(void **state)
{
    (void)state;
    struct err err = {0};
    struct setup s;
    options.guard = "act";
    ASSERT_OK(setup_open(&s, &options, &err));
    const struct setup_memory *m = &s.memory;
    assert_int_equal(m->total, m->parameters + m->adapters + m->gradients + m->optimizer +
                                   m->activations + m->workspace + m->snapshots);
    assert_int_equal(m->adapters, m->gradients);
    assert_int_equal(m->optimizer, 2 * m->adapters);
    /* Three states and the means in them, one mean and where the weights hide behind it. */
    assert_int_equal(m->snapshots, 3 * 4 * m->adapters + 2 * m->adapters);
    uint64_t least = m->total - m->activations - m->workspace;
    setup_close(&s);
    options.memory_bytes = 50000;
    ASSERT_FAILS(setup_open(&s, &options, &err), "weights and what trains them take");
    assert_int_equal(err.kind, ERR_MEMORY);
    options.memory_bytes = least + 1000;
    ASSERT_FAILS(setup_open(&s, &options, &err), "a pass over");
    assert_int_equal(err.kind, ERR_MEMORY);
}

static void the_guard_has_as_many_earlier_states_as_there_is_room_for(void **state)
{
    (void)state;
    struct err err = {0};
    struct setup s;
    options.guard = "act";
    ASSERT_OK(setup_plan(&s, &options, &err));
    uint64_t all = s.memory.total, state_bytes = 4 * s.memory.adapters;
    int n_slots = s.rate.n_slots;
    setup_close(&s);
    /* Layers computed anew come first, then the states give way. */
    for (int fewer = 1; fewer <= n_slots; fewer++) {
        options.memory_bytes = all - state_bytes * (uint64_t)(fewer - 1) - 1;
        ASSERT_OK(setup_plan(&s, &options, &err));
        assert_true(s.memory.total <= options.memory_bytes);
        assert_true(s.rate.n_slots < n_slots || s.run.plan.layers_redone > 0);
        setup_close(&s);
    }
}

static void what_cannot_be_done_is_refused_by_its_option(void **state)
{
    (void)state;
    options.guard = "maybe";
    assert_refused("--guard: 'maybe' is not act, watch or off");
    options.guard = "off";
    options.optim = "lbfgs";
    assert_refused("--optim: there is no optimizer 'lbfgs'");
    options.optim = "sgd";
    options.method = "qlora";
    assert_refused("--method qlora: the base is not quantised");
    options.method = "dpo";
    assert_refused("training on preferences is not built yet");
    options.method = "full";
    options.adapter = "/nowhere";
    assert_refused("--adapter goes on with an adapter");
    options.adapter = NULL;
    options.method = NULL;
    options.target_modules = "no_such_layer";
    assert_refused("no module is called \"no_such_layer\"");
    options.target_modules = NULL;
    options.learning_rate = "-1";
    assert_refused("");
}

static void rows_that_are_all_held_out_leave_nothing_to_train_on(void **state)
{
    (void)state;
    struct err err = {0};
    struct setup s;
    options.eval_split = 20;
    options.test_split = 20;
    assert_false(setup_open(&s, &options, &err));
    assert_true(err.kind == ERR_INPUT || err.kind == ERR_USAGE);
}

static void a_rate_that_is_to_be_found_needs_states_and_averages(void **state)
{
    (void)state;
    struct err err = {0};
    struct setup s;
    ASSERT_OK(setup_open(&s, &options, &err));
    assert_true(s.learning_rate == 0.02 && s.rate.schedule.learning_rate == 0.02);
    assert_true(s.n_states == 0 && !s.averages && s.rate.n_slots == 0);
    assert_int_equal(s.rate.schedule.warmup_steps, 0);
    setup_close(&s);
    options.learning_rate = "auto";
    ASSERT_OK(setup_open(&s, &options, &err));
    assert_true(s.learning_rate == 0 && s.rate.schedule.learning_rate == s.prior.learning_rate);
    assert_true(s.n_states == 2 && s.averages && s.rate.n_slots == 0);
    assert_int_equal(s.rate.schedule.warmup_steps, 1); /* 3 % of 12, rounded up */
    uint64_t all = s.memory.total;
    setup_close(&s);
    /* Where memory is short the search gives way, not the run. */
    options.memory_bytes = all - s.memory.snapshots;
    ASSERT_OK(setup_plan(&s, &options, &err));
    uint64_t without = s.memory.total - s.memory.snapshots;
    setup_close(&s);
    options.memory_bytes = without;
    ASSERT_OK(setup_open(&s, &options, &err));
    assert_true(!s.averages && s.fits);
    setup_close(&s);
}

static void a_search_alone_has_the_schedule_of_a_run_at_a_given_rate(void **state)
{
    (void)state;
    struct err err = {0};
    struct setup s;
    options.max_steps = 100;
    ASSERT_OK(setup_open_to_find(&s, &options, &err)); /* which passes over the rate */
    assert_true(s.learning_rate == 0 && s.averages && s.n_states >= 2);
    assert_int_equal(s.rate.schedule.warmup_steps, 0);
    setup_close(&s);
    options.learning_rate = NULL;
    ASSERT_OK(setup_open(&s, &options, &err));
    assert_int_equal(s.rate.schedule.warmup_steps, 3);
    setup_close(&s);
}

static void rows_that_nobody_counted_are_no_more_than_the_run_is_worth(void **state)
{
    (void)state;
    struct err err = {0};
    struct setup s;
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    for (int i = 0; i < 900; i++)
        buf_printf(&text, "{\"prompt\": \"%c%c%c%c%c%c\", \"completion\": \"abc\"}\n", "abc"[i % 3],
                   "abc"[i / 3 % 3], "abc"[i / 9 % 3], "abc"[i / 27 % 3], "abc"[i / 81 % 3],
                   "abcu"[i / 243]);
    options.arguments[1] = temporary_file("many.jsonl", buf_span(&text));
    buf_release(&text);
    options.eval_split = options.test_split = -1;
    ASSERT_OK(setup_open(&s, &options, &err));
    assert_true(s.eval.n == 6 && s.test.n == 13);
    setup_close(&s);
    options.max_steps = 300;
    ASSERT_OK(setup_open(&s, &options, &err));
    assert_true(s.eval.n == 70 && s.test.n == 90);
    assert_true(s.budget.eval_rows == 70 && s.budget.search == 0);
    setup_close(&s);
    options.learning_rate = NULL;
    ASSERT_OK(setup_open(&s, &options, &err));
    assert_true(s.eval.n == 70 && s.test.n == 90);
    assert_true(s.budget.search > 0.13);
    setup_close(&s);
    options.learning_rate = "0.02";
    options.eval_split = options.test_split = 0.1;
    ASSERT_OK(setup_open(&s, &options, &err));
    assert_true(s.eval.n == 90 && s.test.n == 90);
    setup_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(evaluations_are_seldom_enough_to_cost_little, defaults),
        cmocka_unit_test_setup(memory_is_counted_and_bounded, defaults),
        cmocka_unit_test_setup(the_guard_has_as_many_earlier_states_as_there_is_room_for, defaults),
        cmocka_unit_test_setup(what_cannot_be_done_is_refused_by_its_option, defaults),
        cmocka_unit_test_setup(a_search_alone_has_the_schedule_of_a_run_at_a_given_rate, defaults),
        cmocka_unit_test_setup(rows_that_are_all_held_out_leave_nothing_to_train_on, defaults),
        cmocka_unit_test_setup(rows_that_nobody_counted_are_no_more_than_the_run_is_worth,
                               defaults),
        cmocka_unit_test_setup(a_rate_that_is_to_be_found_needs_states_and_averages, defaults),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
