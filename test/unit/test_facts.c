#include "test/support/made_run.h"
#include "test/support/support.h"

#include <math.h>

#include "report/facts.h"

static struct arena arena;
static struct buf text;
static struct err err;
static struct journal journal;
static struct facts facts;

static void read_facts(void)
{
    ASSERT_OK(journal_read(&journal, buf_span(&text), &arena, &err));
    facts_read(&facts, &journal, &arena);
}

static void start(void)
{
    buf_release(&text);
    buf_init(&text, BUF_NO_LIMIT);
}

static void every_record_is_read(void **state)
{
    (void)state;
    start();
    made_run(&text);
    read_facts();
    assert_true(facts.has_run);
    assert_string_equal(facts.model, "models/<small>");
    assert_true(facts.parameters == 1234567 && facts.train_rows == 900 && facts.test_rows == 40);
    assert_int_equal(facts.n_options, 2);
    assert_string_equal(facts.options[0].reason, "enough for 900 rows");
    assert_null(facts.options[1].reason);
    assert_int_equal(facts.n_memory, 3);
    assert_string_equal(facts.memory[1].name, "adapters");
    assert_int_equal(facts.n_checks, 2);
    assert_true(facts.checks[0].ok && !facts.checks[1].ok);
    assert_int_equal(facts.prior.n_terms, 2);
    assert_true(facts.prior.terms[1].runs == 12);
    assert_int_equal(facts.n_arms, 3);
    assert_string_equal(facts.arms[2].status, "diverged");
    assert_true(isnan(facts.arms[2].se));
    assert_true(facts.search.is_there && facts.search.curvature == 0.2 && facts.search.arm == 1);
    assert_int_equal(facts.n_quarantined, 1);
    assert_true(facts.quarantined[0].line == 9);
    assert_int_equal(facts.quarantined[0].n_entries, 32);
    assert_int_equal(facts.n_answers, 1);
    assert_string_equal(facts.answers[0].base, "Why? Why?\nWhy?");
    assert_string_equal(facts.choice.action, "average");
    assert_true(facts.verdict.is_better && facts.verdict.kl_tokens == 4096);
    assert_true(facts.verdict.answers == 40 && facts.verdict.base_exact == 1);
    assert_true(facts.verdict.tuned_exact == 36);
    assert_null(facts.verdict.reason);
    assert_string_equal(facts.end.status, "done");
    assert_true(facts.end.total_ratio == 1.39 && facts.end.peak_memory_bytes == 7e6);
}

static void what_is_not_there_is_not_known(void **state)
{
    (void)state;
    start();
    made_run_steps(&text);
    read_facts();
    assert_false(facts.has_run || facts.prior.is_there || facts.search.is_there);
    assert_false(facts.verdict.is_there || facts.end.is_there);
    assert_null(facts.model);
    assert_null(facts.choice.action);
    assert_true(isnan(facts.parameters) && isnan(facts.train_rows) && isnan(facts.verdict.kl));
    assert_true(isnan(facts.search.learning_rate) && isnan(facts.end.search));
    assert_int_equal(facts.n_arms + facts.n_answers + facts.n_options, 0);
}

static void a_member_of_another_type_counts_as_missing(void **state)
{
    (void)state;
    start();
    buf_add_text(&text, "{\"record\":\"run\",\"parameters\":\"many\",\"rows\":[1],\"memory\":[1,2],"
                        "\"choices\":{\"a\":1},\"model\":7,\"data\":[\"a\"],\"guard\":true}\n"
                        "{\"record\":\"prior\",\"terms\":{\"x\":1},\"sd\":null}\n"
                        "{\"record\":\"arm\"}\n{\"record\":\"verdict\",\"better\":1}\n"
                        "{\"record\":\"end\",\"compute\":5}\n{\"record\":[1]}\n{\"other\":1}\n");
    read_facts();
    assert_true(isnan(facts.parameters) && isnan(facts.train_rows) && isnan(facts.prior.sd));
    assert_string_equal(facts.model, "7");
    assert_string_equal(facts.guard, "true");
    assert_null(facts.data);
    assert_int_equal(facts.n_options + facts.n_memory + facts.prior.n_terms, 0);
    assert_int_equal(facts.n_arms, 1);
    assert_true(isnan(facts.arms[0].loss));
    assert_false(facts.verdict.is_better);
}

static void the_last_end_counts(void **state)
{
    (void)state;
    start();
    buf_add_text(&text, "{\"record\":\"run\"}\n{\"record\":\"end\",\"status\":\"interrupted\"}\n"
                        "{\"record\":\"resume\",\"step\":3}\n{\"record\":\"end\",\"steps\":9}\n");
    read_facts();
    assert_int_equal(facts.n_resumes, 1);
    assert_null(facts.end.status);
    assert_true(facts.end.steps == 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_record_is_read),
        cmocka_unit_test(what_is_not_there_is_not_known),
        cmocka_unit_test(a_member_of_another_type_counts_as_missing),
        cmocka_unit_test(the_last_end_counts),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_release(&text);
    arena_release(&arena);
    return failed;
}
