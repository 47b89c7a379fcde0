#define _GNU_SOURCE
#include "test/support/model_folder.h"
#include "test/support/tiny_model.h"

#include <math.h>

#include "base/file.h"
#include "logs/journal.h"
#include "train/tune.h"

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

static bool run(struct tune_report *report, struct err *err)
{
    struct tune t;
    *report = (struct tune_report){0};
    if (!tune_open(&t, &options, err))
        return false;
    bool ok = tune_run(&t, NULL, NULL, err);
    *report = t.report;
    tune_close(&t);
    return ok;
}

static bool is_there(const char *name)
{
    return file_kind_of(file_join(&arena, options.output_dir, name)) == FILE_REGULAR;
}

static struct span content_of(const char *name)
{
    struct err err = {0};
    struct file_map map;
    ASSERT_OK(file_map(&map, file_join(&arena, options.output_dir, name), &err));
    uint8_t *copy = arena_array(&arena, uint8_t, map.bytes.len);
    struct span span = {copy, map.bytes.len};
    memcpy(copy, map.bytes.at, map.bytes.len);
    file_unmap(&map);
    return span;
}

static void twelve_steps_lower_the_loss(void **state)
{
    (void)state;
    struct err err = {0};
    struct tune_report r;
    ASSERT_OK(run(&r, &err));
    assert_int_equal(r.end, TRAINER_DONE);
    assert_int_equal(r.done, STEPS);
    assert_int_equal(r.test_rows, 4);
    assert_true(r.is_saved && r.tuned_loss < r.base_loss - 0.3);
    assert_true(r.tokens > 0 && r.eval_share > 0);
    assert_true(is_there("adapter/adapter_model.safetensors"));
    assert_true(is_there("adapter/tokenizer.json"));
    assert_true(is_there("trainer_state.json"));
}

static void any_number_of_threads_gives_the_same_bytes(void **state)
{
    (void)state;
    struct err err = {0};
    struct tune_report r;
    struct span first = {0};
    static const int64_t threads[] = {1, 2, 5};
    options.lora_dropout = 0.1;
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        options.output_dir = arena_printf(&arena, "%s/threads%zu", temporary_folder(), i);
        options.threads = threads[i];
        ASSERT_OK(run(&r, &err));
        struct span bytes = content_of("adapter/adapter_model.safetensors");
        if (i == 0)
            first = bytes;
        assert_int_equal(bytes.len, first.len);
        assert_memory_equal(bytes.at, first.at, first.len);
    }
    options.output_dir = arena_printf(&arena, "%s/seed", temporary_folder());
    options.seed = 43;
    ASSERT_OK(run(&r, &err));
    struct span bytes = content_of("adapter/adapter_model.safetensors");
    assert_true(bytes.len != first.len || memcmp(bytes.at, first.at, first.len) != 0);
}

static void a_rate_that_breaks_the_numbers_ends_the_plain_loop_without_an_adapter(void **state)
{
    (void)state;
    struct err err = {0};
    struct tune_report r;
    options.learning_rate = "1e30";
    ASSERT_FAILS(run(&r, &err), "not finite");
    assert_int_equal(err.kind, ERR_STOPPED);
    assert_false(r.is_saved);
    assert_int_equal(file_kind_of(file_join(&arena, options.output_dir, "adapter")), FILE_MISSING);
    assert_true(is_there("trainer_state.json"));
}

static void the_guard_brings_a_run_with_such_a_rate_to_a_good_end(void **state)
{
    (void)state;
    struct err err = {0};
    struct tune t;
    options.learning_rate = "30";
    options.guard = "act";
    options.max_steps = 60;
    ASSERT_OK(tune_open(&t, &options, &err));
    bool ok = tune_run(&t, NULL, NULL, &err);
    assert_true(ok || err.kind == ERR_STOPPED);
    assert_true(t.report.is_saved && t.report.tuned_loss < t.report.base_loss);
    assert_true(tune_incident_count(&t) > 0);
    struct tune_incident i = tune_incident_at(&t, 0);
    assert_true(i.reason[0] && i.action != PACE_GO);
    tune_close(&t);
}

static void all_weights_can_be_trained(void **state)
{
    (void)state;
    struct err err = {0};
    struct tune_report r;
    struct engine engine;
    options.method = "full";
    ASSERT_OK(run(&r, &err));
    assert_true(r.tuned_loss < r.base_loss - 0.3);
    assert_true(is_there("model/model.safetensors") && is_there("model/config.json"));
    assert_true(is_there("model/tokenizer.json"));
    assert_int_equal(file_kind_of(file_join(&arena, options.output_dir, "adapter")), FILE_MISSING);
    ASSERT_OK(engine_open(&engine, file_join(&arena, options.output_dir, "model"), &options, &err));
    engine_close(&engine);
}

static void an_adapter_is_gone_on_with(void **state)
{
    (void)state;
    struct err err = {0};
    struct tune_report first, second;
    ASSERT_OK(run(&first, &err));
    options.adapter = file_join(&arena, options.output_dir, "adapter");
    options.output_dir = arena_printf(&arena, "%s/second", temporary_folder());
    ASSERT_OK(run(&second, &err));
    assert_true(fabs(second.base_loss - first.tuned_loss) < 1e-6);
    assert_true(second.tuned_loss < second.base_loss);
}

struct listener {
    int64_t stop_at;
    int64_t evals[64];
    size_t n_evals;
};

static bool listen(void *context, const struct trainer_event *e)
{
    struct listener *l = context;
    if (e->moment == TRAINER_EVAL)
        l->evals[l->n_evals++] = e->step;
    return e->moment == TRAINER_EVAL || e->step != l->stop_at;
}

static void a_run_that_is_interrupted_saves_its_state_and_says_so(void **state)
{
    (void)state;
    struct err err = {0};
    struct tune t;
    struct listener l = {.stop_at = 5};
    ASSERT_OK(tune_open(&t, &options, &err));
    ASSERT_FAILS(tune_run(&t, listen, &l, &err), "interrupted at step 5 of 12; its state is saved");
    assert_int_equal(err.kind, ERR_INTERRUPTED);
    assert_false(t.report.is_saved || is_there("adapter"));
    assert_true(is_there("checkpoint/state.safetensors") && is_there("trainer_state.json"));
    tune_close(&t);
}

/* 32 rows are trained on in 12 steps of 4, an evaluation every 6. */
static void the_journal_tells_the_run_from_its_plan_to_its_end(void **state)
{
    (void)state;
    struct err err = {0};
    struct tune_report r;
    struct journal journal;
    options.learning_rate = NULL;
    options.guard = "act";
    ASSERT_OK(run(&r, &err));
    assert_true(r.learning_rate > 0 && r.tuned_loss < r.base_loss);
    struct span text = content_of("journal.jsonl");
    static const char *const records[] = {"\"run\"",  "\"prior\"", "\"options\"",
                                          "\"eval\"", "\"step\"",  "\"end\""};
    size_t at = 0;
    for (size_t i = 0; i < COUNT_OF(records); i++) {
        const char *found = memmem(text.at + at, text.len - at, records[i], strlen(records[i]));
        assert_non_null(found);
        at = (size_t)((const uint8_t *)found - text.at);
    }
    size_t options_at =
        (size_t)((const uint8_t *)memmem(text.at, text.len, "{\"record\": \"options", 19) -
                 text.at);
    ASSERT_OK(
        journal_read(&journal, span_part(text, options_at, text.len - options_at), &arena, &err));
    assert_true(journal.options.schedule.learning_rate == r.learning_rate);
    assert_int_equal(journal.n_entries, STEPS + 3); /* a held-out loss before the first one */
}

static void the_last_step_is_evaluated_too(void **state)
{
    (void)state;
    struct err err = {0};
    struct tune t;
    struct listener l = {0};
    ASSERT_OK(tune_open(&t, &options, &err));
    ASSERT_OK(tune_run(&t, listen, &l, &err));
    assert_int_equal(l.n_evals, 2);
    assert_int_equal(l.evals[1], STEPS);
    tune_close(&t);
}

static void without_a_folder_nothing_begins(void **state)
{
    (void)state;
    struct err err = {0};
    struct tune_report r;
    options.output_dir = NULL;
    ASSERT_FAILS(run(&r, &err), "-o OUT");
    assert_int_equal(err.kind, ERR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(twelve_steps_lower_the_loss, defaults),
        cmocka_unit_test_setup(any_number_of_threads_gives_the_same_bytes, defaults),
        cmocka_unit_test_setup(
            a_rate_that_breaks_the_numbers_ends_the_plain_loop_without_an_adapter, defaults),
        cmocka_unit_test_setup(the_guard_brings_a_run_with_such_a_rate_to_a_good_end, defaults),
        cmocka_unit_test_setup(all_weights_can_be_trained, defaults),
        cmocka_unit_test_setup(an_adapter_is_gone_on_with, defaults),
        cmocka_unit_test_setup(a_run_that_is_interrupted_saves_its_state_and_says_so, defaults),
        cmocka_unit_test_setup(the_journal_tells_the_run_from_its_plan_to_its_end, defaults),
        cmocka_unit_test_setup(the_last_step_is_evaluated_too, defaults),
        cmocka_unit_test_setup(without_a_folder_nothing_begins, defaults),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
