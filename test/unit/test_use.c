#include "test/support/support.h"

#include <string.h>

#include "report/use.h"

static struct arena arena;

static struct report run_of(const char *model, const char *method)
{
    return (struct report){.folder = "out", .facts = {.model = model, .method = method}};
}

static void an_adapter_is_used_with_its_base(void **state)
{
    (void)state;
    struct report r = run_of("my model", "lora");
    assert_string_equal(use_weights(&r, &arena), "out/adapter");
    assert_string_equal(use_chat(&r, &arena), "pace chat 'my model' --adapter out/adapter");
    assert_string_equal(use_merge(&r, &arena),
                        "pace merge 'my model' --adapter out/adapter -o merged");
    assert_non_null(strstr(use_python(&r, &arena), "from_pretrained(\"my model\")"));
    assert_non_null(strstr(use_python(&r, &arena), "from_pretrained(base, \"out/adapter\")"));
}

static void a_model_of_its_own_needs_no_base(void **state)
{
    (void)state;
    struct report r = run_of("base", "full");
    assert_string_equal(use_chat(&r, &arena), "pace chat out/model");
    assert_null(use_merge(&r, &arena));
    assert_null(strstr(use_python(&r, &arena), "peft"));
}

static void what_python_cannot_read_has_no_snippet(void **state)
{
    (void)state;
    struct report r = run_of("base.gguf", "lora");
    assert_null(use_python(&r, &arena));
}

static void strings_are_quoted_for_python(void **state)
{
    (void)state;
    struct report r = run_of("a\"); import os #\n", "lora");
    assert_non_null(strstr(use_python(&r, &arena), "(\"a\\\"); import os #\\n\")"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_adapter_is_used_with_its_base),
        cmocka_unit_test(a_model_of_its_own_needs_no_base),
        cmocka_unit_test(what_python_cannot_read_has_no_snippet),
        cmocka_unit_test(strings_are_quoted_for_python),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
