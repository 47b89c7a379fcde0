#include "test/support/support.h"

#include "base/file.h"
#include "train/tune_journal.h"

static struct arena arena;
static struct options options;
static struct tune t;

static const char *written(void)
{
    struct err err = {0};
    struct buf out;
    buf_init(&out, BUF_NO_LIMIT);
    run_journal_close(&t.journal);
    ASSERT_OK(file_read(&out, file_join(&arena, temporary_folder(), "journal.jsonl"), &err));
    const char *text = arena_printf(&arena, "%s", buf_string(&out));
    buf_release(&out);
    return text;
}

static int begin(void **state)
{
    (void)state;
    struct err err = {0};
    options_init(&options);
    options.arguments[0] = "base";
    options.arguments[1] = "rows.jsonl";
    t = (struct tune){.setup = {.options = &options, .steps = 12, .eval = {.n = 3}}};
    t.setup.job.model.model_type = "llama";
    t.setup.job.choices[0] = (struct job_choice){"r", "16", "as most do"};
    t.setup.job.choices[1] = (struct job_choice){"lora-alpha", "7", NULL};
    t.setup.job.n_choices = 2;
    ASSERT_OK(run_journal_open(&t.journal, temporary_folder(), 0, &err));
    return 0;
}

static void assert_says(const char *text, const char *words)
{
    if (!strstr(text, words))
        fail_msg("no %s in %s", words, text);
}

static void a_run_says_what_it_is_and_what_was_chosen(void **state)
{
    (void)state;
    t.setup.memory = (struct setup_memory){.parameters = 5, .total = 9};
    tune_journal_run(&t);
    const char *text = written();
    assert_says(text, "{\"record\": \"run\", \"journal\": 1, \"pace\": \"");
    assert_says(text, "\"model\": \"base\", \"data\": \"rows.jsonl\"");
    assert_says(text, "{\"option\": \"r\", \"value\": \"16\", \"reason\": \"as most do\"}");
    assert_says(text, "{\"option\": \"lora-alpha\", \"value\": \"7\", \"reason\": null}");
    assert_says(text, "\"rows\": {\"train\": 0, \"eval\": 3, \"test\": 0}, \"steps\": 12");
    assert_says(text, "\"memory\": {\"parameters\": 5,");
    assert_says(text, "\"total\": 9}}\n");
}

static void the_first_guess_comes_with_its_terms(void **state)
{
    (void)state;
    t.setup.prior = (struct pace_prior){.learning_rate = 0.5, .sd = 0.25, .low = 0.25, .high = 1};
    t.setup.prior.terms[0] = (struct pace_prior_term){"base", 1, -0.5, 0.25, 7, "a sweep"};
    t.setup.prior.n_terms = 1;
    tune_journal_prior(&t);
    assert_says(written(), "{\"record\": \"prior\", \"learning_rate\": 0.5, \"sd\": 0.25, "
                           "\"low\": 0.25, \"high\": 1.0, \"terms\": [{\"name\": \"base\", "
                           "\"value\": 1.0, \"effect\": -0.5, \"se\": 0.25, \"runs\": 7, "
                           "\"source\": \"a sweep\"}]}\n");
}

static void the_end_says_how_and_at_what_cost(void **state)
{
    (void)state;
    t.trainer.rate.step = 9;
    t.report = (struct tune_report){.tokens = 1000,
                                    .end = TRAINER_STOPPED,
                                    .main_share = 1,
                                    .search_share = 0.25,
                                    .redo_share = 0.5,
                                    .reason = "broken"};
    tune_journal_end(&t);
    const char *text = written();
    assert_says(text,
                "{\"record\": \"end\", \"status\": \"stopped\", \"steps\": 9, \"tokens\": 1000");
    assert_says(text, "\"compute\": {\"main\": 1.0, \"search\": 0.25, \"eval\": 0.0, "
                      "\"redo\": 0.5, \"total_ratio\": 1.75}");
    assert_says(text, "\"reason\": \"broken\"}\n");
}

static int end(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_run_says_what_it_is_and_what_was_chosen, begin),
        cmocka_unit_test_setup(the_first_guess_comes_with_its_terms, begin),
        cmocka_unit_test_setup(the_end_says_how_and_at_what_cost, begin),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
