#include "test/support/toy_run.h"

#include <math.h>

#include "base/file.h"
#include "train/run_journal.h"
#include "train/verdict.h"

static struct rows rows;
static struct toy_run t;
static struct verdict v;
static struct budget budget;
static struct verdict_options options;

/* A twenty-fifth of what a run's steps cost. */
static void spend(double run)
{
    budget.passages = 0.025 * run;
    budget.answers = 0.015 * run;
}

static int begin(void **state)
{
    bool *full = *state;
    toy_rows_fill(&rows, 1);
    toy_run_open(&t, &rows, full == NULL);
    spend(3e5);
    options = (struct verdict_options){.engine = &t.engine,
                                       .stepper = &t.stepper,
                                       .store = &rows.store,
                                       .test = &t.test,
                                       .model = t.folder,
                                       .budget = &budget};
    return 0;
}

static int end(void **state)
{
    (void)state;
    verdict_release(&v);
    toy_run_close(&t);
    return 0;
}

static void open_verdict(void)
{
    struct err err = {0};
    ASSERT_OK(verdict_init(&v, &t.arena, &options, &err));
}

static void end_verdict(struct verdict *of)
{
    struct err err = {0};
    (void)verdict_test_loss(of);
    ASSERT_OK(verdict_end(of, &err));
}

static void training_is_judged_better_further_away_and_in_words(void **state)
{
    (void)state;
    struct err err = {0};
    struct step_sums sums;
    open_verdict();
    ASSERT_OK(verdict_begin(&v, &err));
    stepper_evaluate(&t.stepper, &rows.store, t.test.rows, t.test.n, &sums);
    assert_true(fabs(v.state.base_loss / sums.loss - 1) < 1e-9 && isnan(v.state.tuned_loss));
    toy_run_train(&t, 40, 0.004);
    end_verdict(&v);
    stepper_evaluate(&t.stepper, &rows.store, t.test.rows, t.test.n, &sums);
    assert_true(fabs(v.state.tuned_loss / sums.loss - 1) < 1e-9);
    assert_int_equal(v.state.tokens, 2 * sums.tokens);
    assert_int_equal(verdict_of(&v), BOOTSTRAP_BETTER);
    assert_true(fabs(v.test.before / v.state.base_loss - 1) < 1e-6);
    assert_true(fabs(v.test.after / v.state.tuned_loss - 1) < 1e-6);
    assert_true(v.divergence.kl > 4 * v.divergence.se && v.divergence.se > 0);
    assert_non_null(strstr(v.reason, "Better: on 10 test rows"));
    assert_non_null(strstr(v.forgotten, "KL divergence"));
    assert_int_equal(v.state.answers.n, ANSWERS_MOST);
}

static void answers_that_are_said_word_for_word_are_counted(void **state)
{
    (void)state;
    struct err err = {0};
    open_verdict();
    ASSERT_OK(verdict_begin(&v, &err));
    end_verdict(&v);
    assert_string_equal(v.exactly, "");
    for (size_t i = 0; i < 10; i++) { /* as if training had made it so */
        v.base[i].correct = i == 3 ? v.base[i].targets : 0;
        v.tuned[i].correct = i < 7 ? v.tuned[i].targets : v.tuned[i].targets - 1;
    }
    ASSERT_OK(verdict_end(&v, &err));
    assert_int_equal(v.exact[ANSWERS_BASE].exact, 1);
    assert_int_equal(v.exact[ANSWERS_TUNED].exact, 7);
    assert_string_equal(v.exactly, "Said word for word: 7 of their 10 answers, 1 before.");
}

static void a_run_that_does_nothing_cannot_be_told(void **state)
{
    (void)state;
    struct err err = {0};
    open_verdict();
    ASSERT_OK(verdict_begin(&v, &err));
    end_verdict(&v);
    assert_int_equal(verdict_of(&v), BOOTSTRAP_UNSURE);
    assert_true(v.test.difference == 0 && v.divergence.kl == 0);
    assert_non_null(strstr(v.reason, "Cannot be told"));
    for (uint32_t i = 0; i < v.state.answers.n; i++)
        assert_memory_equal(v.state.answers.answer[i].id[ANSWERS_BASE],
                            v.state.answers.answer[i].id[ANSWERS_TUNED],
                            sizeof v.state.answers.answer[i].id[ANSWERS_BASE]);
}

static void a_run_that_breaks_the_model_is_not_better(void **state)
{
    (void)state;
    struct err err = {0};
    open_verdict();
    ASSERT_OK(verdict_begin(&v, &err));
    toy_run_train(&t, 3, 1);
    end_verdict(&v);
    assert_int_equal(verdict_of(&v), BOOTSTRAP_WORSE);
    assert_non_null(strstr(v.reason, "Not better: on 10 test rows the loss rose"));
    toy_run_train(&t, 3, 1e30);
    end_verdict(&v);
    assert_int_equal(verdict_of(&v), BOOTSTRAP_WORSE);
    assert_non_null(strstr(v.reason, "not a number any more"));
    assert_non_null(strstr(v.forgotten, "no numbers any more"));
}

/* 9 stands in one row alone, and its vector is broken from the start. */
static void a_row_that_the_base_cannot_say_is_left_out(void **state)
{
    (void)state;
    struct err err = {0};
    for (uint64_t k = 0; k < rows.store.n_tokens; k++)
        rows.ids[k] = rows.ids[k] == 9 ? 0 : rows.ids[k];
    rows.ids[rows.row[t.test.rows[2]].first + 1] = 9;
    t.engine.model.params[0]->value[9 * t.engine.model.config.width] = NAN;
    open_verdict();
    ASSERT_OK(verdict_begin(&v, &err));
    assert_true(isfinite(v.state.base_loss) && !isfinite(v.base[2].sum));
    end_verdict(&v);
    assert_true(isfinite(v.state.tuned_loss));
    assert_int_equal(v.test.rows, 9);
    assert_int_equal(v.test.left_out, 1);
}

static void few_test_rows_cannot_tell(void **state)
{
    (void)state;
    struct err err = {0};
    t.test.n = 3;
    open_verdict();
    ASSERT_OK(verdict_begin(&v, &err));
    toy_run_train(&t, 40, 0.01);
    end_verdict(&v);
    assert_int_equal(verdict_of(&v), BOOTSTRAP_UNSURE);
    assert_non_null(strstr(v.reason, "with 3 test rows that may be chance"));
}

static void without_test_rows_there_is_still_the_divergence(void **state)
{
    (void)state;
    struct err err = {0};
    t.test.n = 0;
    open_verdict();
    ASSERT_OK(verdict_begin(&v, &err));
    toy_run_train(&t, 40, 0.01);
    assert_true(isnan(verdict_test_loss(&v)));
    end_verdict(&v);
    assert_int_equal(verdict_of(&v), BOOTSTRAP_NO_ROWS);
    assert_true(v.divergence.kl > 0);
    assert_non_null(strstr(v.reason, "there are no test rows"));
}

static void what_it_costs_is_a_share_of_the_run(void **state)
{
    (void)state;
    struct err err = {0};
    double most = 0;
    for (double run = 100; run < 1e8; run *= 1.7) {
        spend(run);
        open_verdict();
        assert_true(v.cost <= 0.04 * run);
        assert_true(v.cost >= most || v.cost > 0.9 * most);
        most = fmax(most, v.cost);
        verdict_release(&v);
    }
    assert_true(most < 1e5); /* long runs do not pay for more than is of use */
    spend(1000);
    open_verdict();
    assert_true(v.cost == 0);
    ASSERT_OK(verdict_begin(&v, &err));
    end_verdict(&v);
    assert_non_null(strstr(v.forgotten, "was not measured: the run is too short"));
}

/* As a checkpoint does it: the base's side is put back, the weights are those of the resumed run.
 */
static void a_verdict_that_was_put_back_says_the_same(void **state)
{
    (void)state;
    struct err err = {0};
    struct verdict first;
    open_verdict();
    ASSERT_OK(verdict_begin(&v, &err));
    first = v;
    v.has_tokenizer = false; /* it is first's now */
    toy_run_train(&t, 10, 0.01);
    end_verdict(&first);

    open_verdict();
    memcpy(v.base, first.base, t.test.n * sizeof *v.base);
    v.state = first.state;
    v.state.answers = (struct answers){0};
    v.state.answers = first.state.answers;
    memcpy(v.passages.rows, first.passages.rows, v.passages.rows_most * sizeof *v.passages.rows);
    memcpy(v.passages.ids, first.passages.ids, v.passages.tokens_most * sizeof *v.passages.ids);
    memcpy(v.passages.base, first.passages.base, v.passages.tokens_most * sizeof *v.passages.base);
    verdict_resume(&v);
    end_verdict(&v);
    assert_string_equal(v.reason, first.reason);
    assert_true(v.divergence.kl == first.divergence.kl && v.test.low == first.test.low);
    verdict_release(&first);
}

static const char *journal_of(const struct verdict *of)
{
    struct err err = {0};
    struct run_journal j;
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    ASSERT_OK(run_journal_open(&j, temporary_folder(), 0, &err));
    ASSERT_OK(verdict_journal(of, &j, &err));
    run_journal_close(&j);
    ASSERT_OK(file_read(&text, file_join(&t.arena, temporary_folder(), "journal.jsonl"), &err));
    const char *content = arena_string(&t.arena, buf_span(&text));
    buf_release(&text);
    return content;
}

static void the_journal_has_the_answers_and_the_verdict(void **state)
{
    (void)state;
    struct err err = {0};
    open_verdict();
    ASSERT_OK(verdict_begin(&v, &err));
    toy_run_train(&t, 40, 0.004);
    end_verdict(&v);
    const char *text = journal_of(&v);
    assert_ptr_equal(strstr(text, "{\"record\": \"answer\", \"prompt\": \""), text);
    assert_non_null(strstr(text, "\", \"expected\": \""));
    assert_non_null(strstr(text, "\", \"base\": \""));
    assert_non_null(strstr(text, "\", \"tuned\": \""));
    assert_non_null(strstr(text, "{\"record\": \"verdict\", \"base_loss\": "));
    assert_non_null(strstr(text, "\"rows\": 10, \"better\": true, \"kl\": "));
    assert_non_null(strstr(text, "\"action\": \"better\", \"reason\": \"Better: on 10 test"));
}

static void what_was_not_measured_is_null_in_the_journal(void **state)
{
    (void)state;
    struct err err = {0};
    t.test.n = 0;
    spend(100);
    open_verdict();
    ASSERT_OK(verdict_begin(&v, &err));
    end_verdict(&v);
    const char *text = journal_of(&v);
    assert_ptr_equal(strstr(text, "{\"record\": \"verdict\", \"base_loss\": null, \"tuned_loss\": "
                                  "null, \"difference\": null, \"low\": null, \"high\": null, "
                                  "\"rows\": 0, \"better\": false, \"kl\": null"),
                     text);
    assert_non_null(strstr(text, "\"action\": \"not_measured\""));
}

static void a_model_without_a_tokenizer_is_an_error(void **state)
{
    (void)state;
    struct err err = {0};
    options.model = temporary_folder();
    assert_false(verdict_init(&v, &t.arena, &options, &err));
    assert_true(err.kind != ERR_NONE);
}

int main(void)
{
    static bool lora;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_that_are_said_word_for_word_are_counted, begin,
                                        end),
        cmocka_unit_test_setup_teardown(training_is_judged_better_further_away_and_in_words, begin,
                                        end),
        cmocka_unit_test_prestate_setup_teardown(
            training_is_judged_better_further_away_and_in_words, begin, end, &lora),
        cmocka_unit_test_setup_teardown(a_run_that_does_nothing_cannot_be_told, begin, end),
        cmocka_unit_test_setup_teardown(a_run_that_breaks_the_model_is_not_better, begin, end),
        cmocka_unit_test_setup_teardown(a_row_that_the_base_cannot_say_is_left_out, begin, end),
        cmocka_unit_test_setup_teardown(few_test_rows_cannot_tell, begin, end),
        cmocka_unit_test_setup_teardown(without_test_rows_there_is_still_the_divergence, begin,
                                        end),
        cmocka_unit_test_setup_teardown(what_it_costs_is_a_share_of_the_run, begin, end),
        cmocka_unit_test_setup_teardown(a_verdict_that_was_put_back_says_the_same, begin, end),
        cmocka_unit_test_setup_teardown(the_journal_has_the_answers_and_the_verdict, begin, end),
        cmocka_unit_test_setup_teardown(what_was_not_measured_is_null_in_the_journal, begin, end),
        cmocka_unit_test_setup_teardown(a_model_without_a_tokenizer_is_an_error, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
