#define _GNU_SOURCE
#include "test/support/model_folder.h"
#include "test/support/tiny_model.h"

#include <math.h>

#include "base/file.h"
#include "base/log.h"
#include "model/save.h"
#include "train/tune_verdict.h"

static struct arena arena;
static struct err err;
static struct options options;

static int begin(void **state)
{
    (void)state;
    static int count;
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    for (int i = 0; i < 200; i++)
        buf_printf(&text, "{\"prompt\": \"%c%c%c%c\", \"completion\": \"%s\"}\n", "abc"[i % 3],
                   "cab"[i / 3 % 3], "uc "[i / 9 % 3], "cua"[i / 27 % 3],
                   i % 2 ? "abcabcabc" : "bcabcabcabc");
    options_init(&options);
    options.arguments[0] = model_folder(TINY_TALKER);
    options.arguments[1] = temporary_file("rows.jsonl", buf_span(&text));
    options.n_arguments = 2;
    options.learning_rate = "0.01";
    options.max_steps = 400;
    options.per_device_train_batch_size = 8;
    options.eval_split = 6;
    options.test_split = 12;
    options.output_dir = arena_printf(&arena, "%s/out%d", temporary_folder(), count++);
    tiny_tokenizer(options.arguments[0], "{\"eos_token\": \"<e>\"}", NULL);
    buf_release(&text);
    log_set_level(LOG_QUIET);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static const char *journal(void)
{
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    ASSERT_OK(file_read(&text, file_join(&arena, options.output_dir, "journal.jsonl"), &err));
    const char *copy = arena_string(&arena, buf_span(&text));
    buf_release(&text);
    return copy;
}

static void a_run_is_looked_at_before_and_judged_behind(void **state)
{
    (void)state;
    struct tune t;
    static const char *const wanted[] = {
        "{\"record\": \"run\"",      "\"check\": \"targets\"",    "\"check\": \"base_loss\"",
        "\"check\": \"duplicates\"", "\"check\": \"first_step\"", "{\"record\": \"step\"",
        "{\"record\": \"answer\"",   "{\"record\": \"verdict\"",  "{\"record\": \"end\""};
    ASSERT_OK(tune_open(&t, &options, &err));
    ASSERT_OK(tune_run(&t, NULL, NULL, &err));
    const char *at = journal();
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        at = strstr(at, wanted[i]);
        if (!at)
            fail_msg("%s is not where it should be", wanted[i]);
    }
    assert_int_equal(t.report.test_rows, 12);
    assert_true(t.report.base_loss == t.verdict.state.base_loss);
    assert_true(t.report.tuned_loss == t.verdict.state.tuned_loss);
    assert_int_equal(verdict_of(&t.verdict), BOOTSTRAP_BETTER);
    assert_true(t.verdict.divergence.tokens > 0);
    tune_close(&t);
}

static bool stop_at_20(void *context, const struct trainer_event *e)
{
    (void)context;
    return e->step != 20;
}

/* What was measured of the base is in the checkpoint, for a run that goes on has none. */
static void a_run_that_is_gone_on_with_is_judged_the_same(void **state)
{
    (void)state;
    struct tune t;
    struct checkpoint_file f;
    options.method = "full";
    ASSERT_OK(tune_open(&t, &options, &err));
    ASSERT_OK(tune_run(&t, NULL, NULL, &err));
    struct bootstrap whole = t.verdict.test;
    struct divergence divergence = t.verdict.divergence;
    struct answers answers = t.verdict.state.answers;
    double evaluated = t.report.eval_share;
    tune_close(&t);

    options.output_dir = arena_printf(&arena, "%s/parts", temporary_folder());
    ASSERT_OK(tune_open(&t, &options, &err));
    assert_false(tune_run(&t, stop_at_20, NULL, &err));
    tune_close(&t);
    ASSERT_OK(checkpoint_open(&f, options.output_dir, &err));
    ASSERT_OK(tune_reopen(&t, &options, &f, &err));
    checkpoint_close(&f);
    ASSERT_OK(tune_run(&t, NULL, NULL, &err));
    assert_memory_equal(&whole, &t.verdict.test, sizeof whole);
    assert_memory_equal(&divergence, &t.verdict.divergence, sizeof divergence);
    assert_memory_equal(&answers, &t.verdict.state.answers, sizeof answers);
    assert_true(evaluated == t.report.eval_share);
    tune_close(&t);
}

/* All weights are numbers, but what they make is not. */
static void a_base_whose_losses_are_no_numbers_is_refused_before_the_first_step(void **state)
{
    (void)state;
    struct model model;
    struct tune t;
    const char *broken = arena_printf(&arena, "%s/broken", temporary_folder());
    ASSERT_OK(model_open(&model, options.arguments[0], plain_backend(), &err));
    ASSERT_OK(model_train_all(&model, &err));
    struct param *head = model.params[model.n_params - 1];
    for (size_t k = 0; k < param_count(head); k++)
        head->value[k] *= 2e38f;
    ASSERT_OK(file_make_folder(broken, &err));
    ASSERT_OK(model_save(&model, options.arguments[0], broken, &err));
    ASSERT_OK(model_copy_companions(options.arguments[0], broken, &err));
    model_close(&model);
    options.arguments[0] = broken;
    ASSERT_OK(tune_open(&t, &options, &err));
    ASSERT_FAILS(tune_run(&t, NULL, NULL, &err), "loss is not a finite number");
    assert_int_equal(err.kind, ERR_INPUT);
    assert_non_null(strstr(err.what, "rows.jsonl:"));
    tune_close(&t);
    assert_non_null(
        strstr(journal(), "\"check\": \"base_loss\", \"ok\": false, \"action\": \"stop\""));
    assert_null(strstr(journal(), "{\"record\": \"step\""));
}

static void without_test_rows_there_is_no_loss_to_tell(void **state)
{
    (void)state;
    struct tune t;
    options.test_split = 0;
    options.max_steps = 3;
    ASSERT_OK(tune_open(&t, &options, &err));
    ASSERT_OK(tune_run(&t, NULL, NULL, &err));
    assert_true(isnan(t.report.base_loss) && isnan(t.report.tuned_loss));
    assert_string_equal(t.verdict.reason, "Not measured: there are no test rows.");
    tune_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_run_is_looked_at_before_and_judged_behind, begin),
        cmocka_unit_test_setup(a_run_that_is_gone_on_with_is_judged_the_same, begin),
        cmocka_unit_test_setup(a_base_whose_losses_are_no_numbers_is_refused_before_the_first_step,
                               begin),
        cmocka_unit_test_setup(without_test_rows_there_is_no_loss_to_tell, begin),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
