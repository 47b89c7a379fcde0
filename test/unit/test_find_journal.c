#include "test/support/support.h"

#include <math.h>

#include "base/file.h"
#include "train/find_journal.h"

static struct arena arena;

/* A search of four arms: a usual one, one that diverged, one beyond an edge, one more. */
static void make_search(struct pace_search *s)
{
    struct pace_search_options o;
    pace_search_options_init(&o);
    o.prior_rate = 1e-3;
    o.prior_sd = 0.25;
    o.total_steps = 100;
    o.eval_cost = 0.5;
    pace_search_init(s, &o);
    for (;;) {
        struct pace_search_request r = pace_search_next(s);
        if (r.action == PACE_SEARCH_DONE)
            return;
        double off = r.steps > 0 ? log10(r.learning_rate / 1e-3) : 0;
        bool goes_on = true;
        for (int64_t i = 0; i < r.steps && goes_on; i++)
            goes_on = pace_search_watch(s, off > 0.2 ? NAN : 3.5);
        pace_search_tell(s, !goes_on ? NAN : r.steps > 0 ? 3 + off : 4, 0.02);
    }
}

static const char *written(const struct pace_search *s, int arm)
{
    struct err err = {0};
    struct run_journal j;
    struct file_map map;
    struct pace_search_result result;
    const char *folder = temporary_folder();
    run_journal_init(&j);
    ASSERT_OK(run_journal_open(&j, folder, 0, &err));
    pace_search_find(s, &result);
    if (arm >= 0)
        find_journal_arm(&j, s, arm);
    else
        find_journal_result(&j, s, &result);
    ASSERT_OK(run_journal_check(&j, &err));
    run_journal_close(&j);
    ASSERT_OK(file_map(&map, file_join(&arena, folder, "journal.jsonl"), &err));
    char *text = arena_array(&arena, char, map.bytes.len + 1);
    memcpy(text, map.bytes.at, map.bytes.len);
    file_unmap(&map);
    return text;
}

static void assert_has(const char *line, const char *part)
{
    if (!strstr(line, part))
        fail_msg("no %s in %s", part, line);
}

static void an_arm_says_what_it_showed(void **state)
{
    (void)state;
    struct pace_search s;
    make_search(&s);
    const char *first = written(&s, 0);
    assert_has(first, "{\"record\": \"arm\", \"arm\": 0, \"learning_rate\": 0.001, \"steps\": 5");
    assert_has(first, "\"loss\": 3.0, \"se\": 0.02, \"base_loss\": 4.0, \"train_loss\": 3.5, "
                      "\"status\": \"measured\", \"action\": \"branch\"");
    assert_has(first, "held-out loss 3.0000, of 4.0000 before");
    assert_int_equal(s.arms[1].status, PACE_ARM_DIVERGED);
    const char *second = written(&s, 1);
    assert_has(second, "\"loss\": null");
    assert_has(second, "\"status\": \"diverged\"");
    assert_true(s.arms[3].is_edge);
    assert_has(written(&s, 3), "\"status\": \"edge\"");
}

static void the_result_says_what_was_chosen_and_why(void **state)
{
    (void)state;
    struct pace_search s;
    make_search(&s);
    const char *line = written(&s, -1);
    assert_has(line, "{\"record\": \"search\", \"learning_rate\": ");
    assert_has(line, "\"method\": \"race\"");
    assert_has(line, "\"base_loss\": 4.0, \"curvature\": ");
    assert_has(line, "\"action\": \"choose\", \"reason\": \"");
    assert_has(line, "arms of 5 steps");
}

static void a_search_without_arms_has_no_losses(void **state)
{
    (void)state;
    struct pace_search s;
    struct pace_search_options o;
    pace_search_options_init(&o);
    o.prior_rate = 1e-3;
    o.prior_sd = 0.25;
    o.total_steps = 10;
    pace_search_init(&s, &o);
    const char *line = written(&s, -1);
    assert_has(line, "\"best_loss\": null");
    assert_has(line, "\"cost\": 0");
    assert_has(line, "\"arm\": -1");
}

static int release(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_arm_says_what_it_showed),
        cmocka_unit_test(the_result_says_what_was_chosen_and_why),
        cmocka_unit_test(a_search_without_arms_has_no_losses),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
