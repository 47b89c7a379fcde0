#include "test/support/report_text.h"

#include "format/json.h"
#include "report/summary.h"

static void is_json(const char *text)
{
    struct arena arena = {0};
    struct err err = {0};
    struct json_reader json;
    json_open(&json, span_of(text), &arena);
    json_skip(&json);
    ASSERT_OK(json_close(&json, &err));
    arena_release(&arena);
}

static void the_members_that_scripts_rely_on_are_there(void **state)
{
    (void)state;
    const char *text = report_text(made_run, summary_put);
    is_json(text);
    ASSERT_HAS(text,
               "\"learning_rate\": 0.0005,\n  \"steps\": 40,\n  \"base\": {\n    \"loss\": 2.3\n"
               "  },\n  \"tuned\": {\n    \"loss\": 1.5\n  },\n  \"test_rows\": 40,\n"
               "  \"tokens\": 50000,\n  \"compute\": {\n    \"main\": 1,\n");
    ASSERT_HAS(text,
               "\"total_ratio\": 1.39\n  },\n  \"seconds\": 100.0,\n"
               "  \"tokens_per_second\": 500.0,\n  \"peak_memory_bytes\": 7000000,\n"
               "  \"incidents\": [\n    {\n      \"step\": 31,\n      \"action\": \"roll_back\"");
    ASSERT_HAS(text, "\"status\": \"done\"");
}

static void the_facts_stand_beside_them(void **state)
{
    (void)state;
    const char *text = report_text(made_run, summary_put);
    ASSERT_HAS(text, "\"model\": \"models/<small>\"");
    ASSERT_HAS(text, "\"option\": \"num-train-epochs\",\n        \"value\": \"1.5\",\n"
                     "        \"reason\": null");
    ASSERT_HAS(text, "\"status\": \"diverged\"");
    ASSERT_HAS(text, "\"double_cost\": 0.02,");
    ASSERT_HAS(text, "\"better\": true,");
    ASSERT_HAS(text, "\"base\": \"Why? Why?\\nWhy?\"");
}

static void what_is_not_known_is_null(void **state)
{
    (void)state;
    const char *text = report_text(made_run_steps, summary_put);
    is_json(text);
    ASSERT_HAS(text, "\"base\": {\n    \"loss\": null\n  }");
    ASSERT_HAS(text, "\"test_rows\": null");
    ASSERT_HAS(text, "\"run\": null");
    ASSERT_HAS(text, "\"search\": null");
    ASSERT_HAS(text, "\"verdict\": null");
    ASSERT_HAS(text, "\"steps\": 40");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_members_that_scripts_rely_on_are_there),
        cmocka_unit_test(the_facts_stand_beside_them),
        cmocka_unit_test(what_is_not_known_is_null),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_release(&report_output);
    return failed;
}
