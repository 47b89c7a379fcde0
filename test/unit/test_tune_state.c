#define _GNU_SOURCE
#include "test/support/model_folder.h"
#include "test/support/tiny_model.h"

#include "base/file.h"
#include "base/log.h"
#include "train/tune_state.h"

enum { STEPS = 24 };

static struct arena arena;
static struct err err;
static const char *base, *data;
static struct options options;

static int begin(void **state)
{
    (void)state;
    base = model_folder(TINY_TALKER);
    tiny_tokenizer(base, "{\"eos_token\": \"<e>\"}", NULL);
    data = tiny_rows(40);
    log_set_level(LOG_QUIET);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static void choose_folder(void)
{
    static int count;
    options.output_dir = arena_printf(&arena, "%s/out%d", temporary_folder(), count++);
}

static int defaults(void **state)
{
    (void)state;
    options_init(&options);
    options.arguments[0] = base;
    options.arguments[1] = data;
    options.n_arguments = 2;
    options.learning_rate = "0.02";
    options.max_steps = STEPS;
    options.eval_steps = 5;
    options.eval_split = options.test_split = 4;
    choose_folder();
    return 0;
}

/* Ends the run at the n-th event. */
static bool stop(void *context, const struct trainer_event *e)
{
    (void)e;
    int *left = context;
    return --*left != 0;
}

/* The same at the events of the search. */
static bool stop_search(void *context, const struct find_event *e)
{
    (void)e;
    int *left = context;
    return --*left != 0;
}

static struct span content_of(const char *name)
{
    struct file_map map;
    ASSERT_OK(file_map(&map, file_join(&arena, options.output_dir, name), &err));
    struct span copy = arena_copy(&arena, map.bytes);
    file_unmap(&map);
    return copy;
}

static const char *result_name(void)
{
    bool is_full = options.method && strcmp(options.method, "full") == 0;
    return is_full ? "model/model.safetensors" : "adapter/adapter_model.safetensors";
}

/* The weights and the held-out losses that the undisturbed run comes to. */
static struct span run_whole(struct tune_report *report)
{
    struct tune t;
    choose_folder();
    ASSERT_OK(tune_open(&t, &options, &err));
    ASSERT_OK(tune_run(&t, NULL, NULL, &err));
    *report = t.report;
    tune_close(&t);
    return content_of(result_name());
}

static bool take_up(struct tune *t)
{
    struct checkpoint_file f;
    bool ok = checkpoint_open(&f, options.output_dir, &err) && tune_reopen(t, &options, &f, &err);
    checkpoint_close(&f);
    return ok;
}

/* The same with an end at every n-th event. */
static struct span run_in_parts(int n, struct tune_report *report)
{
    struct tune t;
    int left = n;
    choose_folder();
    ASSERT_OK(tune_open(&t, &options, &err));
    t.on_search = stop_search;
    while (!tune_run(&t, stop, &left, &err)) {
        assert_int_equal(err.kind, ERR_INTERRUPTED);
        assert_non_null(strstr(err.what, "its state is saved"));
        tune_close(&t);
        ASSERT_OK(take_up(&t));
        t.on_search = stop_search;
        left = n;
    }
    *report = t.report;
    tune_close(&t);
    return content_of(result_name());
}

static void check_parts(int n)
{
    struct tune_report whole, parts;
    struct span a = run_whole(&whole), b = run_in_parts(n, &parts);
    assert_true(span_equal(a, b));
    assert_true(whole.base_loss == parts.base_loss && whole.tuned_loss == parts.tuned_loss);
    assert_true(whole.tokens == parts.tokens && whole.train_loss == parts.train_loss);
    assert_true(whole.eval_share == parts.eval_share && whole.done == parts.done);
}

static void a_run_in_parts_comes_to_the_same_with_the_guard(void **state)
{
    (void)state;
    check_parts(2);
    check_parts(7);
}

static void a_run_that_breaks_comes_to_the_same_in_parts(void **state)
{
    (void)state;
    options.learning_rate = "3";
    options.max_steps = 60;
    check_parts(7);
}

static void a_run_in_parts_comes_to_the_same_with_every_optimizer(void **state)
{
    (void)state;
    static const char *const names[] = {"adamw_torch",         "adamw_8bit", "sgd",      "lion",
                                        "schedule_free_adamw", "prodigy",    "adafactor"};
    options.guard = "off";
    options.lora_dropout = 0.1;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        options.optim = names[i];
        check_parts(8);
    }
}

static void all_weights_come_to_the_same_in_parts(void **state)
{
    (void)state;
    options.method = "full";
    options.learning_rate = "0.005";
    check_parts(9);
    options.guard = "off";
    check_parts(4);
}

static void a_rate_is_found_in_parts_as_it_is_in_one(void **state)
{
    (void)state;
    struct tune_report r;
    options.learning_rate = NULL;
    options.max_steps = 120;
    options.eval_split = 8;
    (void)run_whole(&r);
    assert_true(r.search_share > 0); /* there was a race */
    check_parts(3);
    check_parts(17);
}

static void a_finished_run_keeps_no_state(void **state)
{
    (void)state;
    struct checkpoint_file f;
    struct tune_report r;
    struct setup_kept kept;
    (void)run_whole(&r);
    ASSERT_OK(checkpoint_open(&f, options.output_dir, &err));
    assert_int_equal(f.about.status, CHECKPOINT_DONE);
    assert_int_equal(f.about.step, STEPS);
    ASSERT_FAILS(tune_state_kept(&f, &kept, &err), "no 'kept'");
    checkpoint_close(&f);
}

static void steps_that_were_asked_for_are_saved(void **state)
{
    (void)state;
    struct tune t;
    struct checkpoint_file f;
    int left = 12; /* an evaluation before the first step, and behind the 5th and 10th */
    options.save_steps = 4;
    choose_folder();
    ASSERT_OK(tune_open(&t, &options, &err));
    t.saver.folder = "/none/at/all"; /* so that the one of the interruption fails */
    ASSERT_FAILS(tune_run(&t, stop, &left, &err),
                 "interrupted at step 10 of 24; nothing was saved");
    assert_true(t.saver.failed);
    t.saver.folder = options.output_dir;
    assert_true(tune_state_save(&t));
    tune_close(&t);
    ASSERT_OK(checkpoint_open(&f, options.output_dir, &err));
    assert_int_equal(f.about.step, 10);
    checkpoint_close(&f);
}

static void a_checkpoint_that_fails_leaves_the_one_before_it(void **state)
{
    (void)state;
    struct tune t;
    int left = 3;
    choose_folder();
    ASSERT_OK(tune_open(&t, &options, &err));
    assert_true(tune_state_save(&t));
    t.saver.folder = "/none/at/all";
    ASSERT_FAILS(tune_run(&t, stop, &left, &err), "the state of step 0 is saved");
    tune_close(&t);
    ASSERT_OK(take_up(&t));
    ASSERT_OK(tune_run(&t, NULL, NULL, &err));
    tune_close(&t);
}

static void what_the_run_kept_must_fit_again(void **state)
{
    (void)state;
    struct tune t;
    struct checkpoint_file f;
    struct setup_kept kept;
    int left = 3;
    ASSERT_OK(tune_open(&t, &options, &err));
    uint64_t needed = t.setup.memory.total;
    ASSERT_FAILS(tune_run(&t, stop, &left, &err), "interrupted");
    tune_close(&t);
    ASSERT_OK(checkpoint_open(&f, options.output_dir, &err));
    ASSERT_OK(tune_state_kept(&f, &kept, &err));
    assert_true(kept.n_states == 3 && kept.averages);
    checkpoint_close(&f);
    options.memory_bytes = needed / 2;
    assert_false(take_up(&t));
    assert_int_equal(err.kind, ERR_MEMORY);
    options.memory_bytes = 0;
    options.method = "full";
    assert_false(take_up(&t));
    assert_int_equal(err.kind, ERR_INPUT);
}

/* How a step is cut into passes shows in the last bits of its gradients. */
static void passes_that_were_cut_for_memory_stay_so_where_there_is_more(void **state)
{
    (void)state;
    struct tune t;
    int left = 3;
    options.guard = "off";
    ASSERT_OK(tune_open(&t, &options, &err));
    size_t whole = t.setup.batch_tokens, cut = whole;
    options.memory_bytes = t.setup.memory.total;
    while (cut == whole) {
        tune_close(&t);
        choose_folder();
        options.memory_bytes -= 500;
        ASSERT_OK(tune_open(&t, &options, &err));
        cut = t.setup.batch_tokens;
    }
    ASSERT_FAILS(tune_run(&t, stop, &left, &err), "interrupted");
    tune_close(&t);
    options.memory_bytes = 0;
    ASSERT_OK(take_up(&t));
    assert_int_equal(t.setup.batch_tokens, cut);
    tune_close(&t);
}

static void a_journal_that_was_cut_is_refused(void **state)
{
    (void)state;
    struct tune t;
    int left = 3;
    ASSERT_OK(tune_open(&t, &options, &err));
    ASSERT_FAILS(tune_run(&t, stop, &left, &err), "interrupted");
    tune_close(&t);
    ASSERT_OK(
        file_put(file_join(&arena, options.output_dir, "journal.jsonl"), span_of("{}\n"), &err));
    ASSERT_FAILS(take_up(&t), "shorter than the");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_run_in_parts_comes_to_the_same_with_the_guard, defaults),
        cmocka_unit_test_setup(a_run_that_breaks_comes_to_the_same_in_parts, defaults),
        cmocka_unit_test_setup(a_run_in_parts_comes_to_the_same_with_every_optimizer, defaults),
        cmocka_unit_test_setup(all_weights_come_to_the_same_in_parts, defaults),
        cmocka_unit_test_setup(a_rate_is_found_in_parts_as_it_is_in_one, defaults),
        cmocka_unit_test_setup(a_finished_run_keeps_no_state, defaults),
        cmocka_unit_test_setup(steps_that_were_asked_for_are_saved, defaults),
        cmocka_unit_test_setup(a_checkpoint_that_fails_leaves_the_one_before_it, defaults),
        cmocka_unit_test_setup(what_the_run_kept_must_fit_again, defaults),
        cmocka_unit_test_setup(passes_that_were_cut_for_memory_stay_so_where_there_is_more,
                               defaults),
        cmocka_unit_test_setup(a_journal_that_was_cut_is_refused, defaults),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
