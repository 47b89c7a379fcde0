#include "test/support/report_text.h"

#include "report/card.h"

static void the_head_is_what_the_hub_reads(void **state)
{
    (void)state;
    const char *text = report_text(made_run, card_put);
    const char *head = "---\nbase_model: \"models/<small>\"\nlibrary_name: peft\n"
                       "pipeline_tag: text-generation\ntags:\n- pace\n- lora\n- adapter\n---\n\n";
    assert_int_equal(strncmp(text, head, strlen(head)), 0);
}

static void results_and_rate_are_told(void **state)
{
    (void)state;
    const char *text = report_text(made_run, card_put);
    ASSERT_HAS(text, "# \\<small\\>, tuned on rows.jsonl\n");
    ASSERT_HAS(text, "**Better than its base.** On 40 rows");
    ASSERT_HAS(text, "| loss, nats per token | 2.300 | 1.500 |\n| perplexity | 9.97 | 4.48 |\n");
    ASSERT_HAS(text, "| of 40 answers, said word for word | 1 | 36 |\n");
    ASSERT_HAS(text, "| learning rate | 5e-4 |\n");
    ASSERT_HAS(text, "- step 31, roll back: loss rose");
    ASSERT_HAS(text, "- step 32, quarantine: its loss is no number\n");
    ASSERT_HAS(text, "pace chat 'models/<small>' --adapter ");
    ASSERT_HAS(text, "PeftModel.from_pretrained(base, \"");
}

static void put_full(struct buf *out)
{
    buf_add_text(out, "{\"record\":\"run\",\"model\":\"base\",\"method\":\"full\"}\n");
    made_run_steps(out);
}

static void a_model_of_its_own_has_another_head(void **state)
{
    (void)state;
    const char *text = report_text(put_full, card_put);
    ASSERT_HAS(text, "library_name: transformers\n");
    ASSERT_HAS(text, "- full-fine-tuning\n");
    ASSERT_HAS(text, "/model\")");
    assert_null(strstr(text, "PeftModel"));
}

static void put_hostile(struct buf *out)
{
    buf_add_text(
        out, "{\"record\":\"run\",\"model\":\"a\\nb: c\\u0000d\","
             "\"data\":\"|x](javascript:1) <img src=y> `\"}\n"
             "{\"record\":\"answer\",\"prompt\":\"````\\n# no heading\",\"base\":\"\\u001b[2J\","
             "\"tuned\":\"t\"}\n");
    made_run_steps(out);
}

static void foreign_text_has_no_meaning(void **state)
{
    (void)state;
    const char *text = report_text(put_hostile, card_put);
    ASSERT_HAS(text, "base_model: \"a?b: c\"\n");
    ASSERT_HAS(text, "\\|x\\]\\(javascript:1\\) \\<img src=y\\> \\`");
    ASSERT_HAS(text, "`````text\n````\n# no heading\n`````\n");
    ASSERT_HAS(text, "?[2J");
    assert_null(strstr(text, "\x1b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_head_is_what_the_hub_reads),
        cmocka_unit_test(results_and_rate_are_told),
        cmocka_unit_test(a_model_of_its_own_has_another_head),
        cmocka_unit_test(foreign_text_has_no_meaning),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_release(&report_output);
    return failed;
}
