#include "test/support/report_text.h"

#include "report/page.h"

static size_t count(const char *text, const char *part)
{
    size_t n = 0;
    for (; (text = strstr(text, part)) != NULL; text += strlen(part))
        n++;
    return n;
}

static void the_verdict_comes_first(void **state)
{
    (void)state;
    const char *text = report_text(made_run, page_put);
    ASSERT_HAS(text, "<title>&lt;small&gt;: Better than its base</title>");
    ASSERT_HAS(text, "<section class=\"verdict good\">\n<h1>Better than its base.</h1>");
    assert_true(strstr(text, "<h1>") < strstr(text, "The learning rate"));
    ASSERT_HAS(text, "<i>2.300 → </i>1.500");
    ASSERT_HAS(text, "the loss fell by 0.800 (95 %: 0.700 to 0.900)");
    ASSERT_HAS(text, "0.0300 ± 0.0020");
    ASSERT_HAS(text, "<i>1 → </i>36</b><span>of 40 answers there said word for word");
}

static void every_part_of_the_run_is_told(void **state)
{
    (void)state;
    const char *text = report_text(made_run, page_put);
    ASSERT_HAS(text, "three short runs: 5e-4");
    ASSERT_HAS(text, "0.0200 nats per token, 2.5 % of the gain");
    ASSERT_HAS(text, "<tr class=\"chosen\"><td class=\"nowrap\">6e-4</td>");
    ASSERT_HAS(text, "× 3.00");
    ASSERT_HAS(text, "<b>roll back</b>");
    ASSERT_HAS(text, "<span class=\"badge\">1</span>");
    ASSERT_HAS(text, "d/rows.jsonl, line 9");
    ASSERT_HAS(text, "the loss of the base is 9.5");
    ASSERT_HAS(text, "enough for 900 rows");
    ASSERT_HAS(text, "Why? Why?\nWhy?");
    ASSERT_HAS(text, "<b>5 MB</b>");
    ASSERT_HAS(text, "pace chat &#39;models/&lt;small&gt;&#39; --adapter");
}

static void the_page_stands_alone(void **state)
{
    (void)state;
    const char *text = report_text(made_run, page_put);
    assert_null(strstr(text, "src="));
    assert_null(strstr(text, "href="));
    assert_null(strstr(text, "xmlns"));
    ASSERT_HAS(text, "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-");
    assert_int_equal(count(text, "'sha256-"), 2);
    assert_int_equal(count(text, "<script"), 3); /* the numbers, Chart.js, the page's own */
    assert_int_equal(count(text, "</script"), 3);
    assert_int_equal(count(text, "<svg"), 3);
}

static void answers_cannot_become_markup(void **state)
{
    (void)state;
    const char *text = report_text(made_run, page_put);
    ASSERT_HAS(text, "&lt;/script&gt;&lt;b&gt;So");
    assert_null(strstr(text, "<b>So"));
}

static void a_bare_journal_makes_a_page(void **state)
{
    (void)state;
    const char *text = report_text(made_run_steps, page_put);
    ASSERT_HAS(text, "<h1>Not tested.</h1>");
    ASSERT_HAS(text, "No rows were set aside");
    ASSERT_HAS(text, "\"bowl\":null");
    assert_null(strstr(text, "NaN,"));
}

static void a_run_that_was_killed_early_makes_a_page(void **state)
{
    (void)state;
    const char *text = report_text(made_run_begin, page_put);
    ASSERT_HAS(text, "The run was not done to its end: unfinished.");
    assert_null(strstr(text, "chart-loss\" data"));
}

static void put_long(struct buf *out)
{
    struct pace_rate_options o;
    struct pace_rate_obs obs = pace_rate_obs_step(2.123456789, 1);
    struct pace_rate_decision d = {.gradient_scale = 1,
                                   .learning_rate = 1e-4 / 3,
                                   .change = 1,
                                   .apply_update = true,
                                   .restore_slot = -1,
                                   .keep_slot = -1};
    pace_rate_options_init(&o);
    o.schedule.learning_rate = 1e-4;
    o.schedule.total_steps = 60000;
    journal_put_options(out, &o);
    for (d.step = 0; d.step < 60000; d.step++)
        journal_put(out, &obs, &d);
}

static void a_long_run_makes_no_long_page(void **state)
{
    (void)state;
    assert_true(strlen(report_text(put_long, page_put)) < 500000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_verdict_comes_first),
        cmocka_unit_test(every_part_of_the_run_is_told),
        cmocka_unit_test(the_page_stands_alone),
        cmocka_unit_test(answers_cannot_become_markup),
        cmocka_unit_test(a_bare_journal_makes_a_page),
        cmocka_unit_test(a_run_that_was_killed_early_makes_a_page),
        cmocka_unit_test(a_long_run_makes_no_long_page),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_release(&report_output);
    return failed;
}
