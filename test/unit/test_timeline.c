#include "test/support/made_run.h"
#include "test/support/support.h"

#include "report/timeline.h"

static struct arena arena;
static struct buf text;
static struct journal journal;
static struct story story;
static struct facts facts;
static struct timeline timeline;

static void read_timeline(void)
{
    struct err err = {0};
    ASSERT_OK(journal_read(&journal, buf_span(&text), &arena, &err));
    story_make(&story, &journal, &arena);
    facts_read(&facts, &journal, &arena);
    timeline_make(&timeline, &story, &facts, &arena);
}

static void start(void)
{
    buf_release(&text);
    buf_init(&text, BUF_NO_LIMIT);
}

static void incidents_of_all_kinds_stand_in_their_order(void **state)
{
    (void)state;
    start();
    made_run(&text);
    read_timeline();
    assert_int_equal(timeline.n_items, 3);
    assert_string_equal(timeline.items[0].action, "roll_back");
    assert_string_equal(timeline.items[0].label, "roll back");
    assert_int_equal(timeline.items[0].step, 31);
    assert_true(timeline.items[0].changes_run && timeline.items[0].event);
    assert_string_equal(timeline.items[1].action, "quarantine");
    assert_int_equal(timeline.items[1].step, 32);
    assert_string_equal(timeline.items[1].reason, "its loss is no number");
    assert_false(timeline.items[1].changes_run);
    assert_string_equal(timeline.items[2].action, "average");
    assert_int_equal(timeline.items[2].step, 40);
}

static void an_incident_behind_the_last_step_has_its_step(void **state)
{
    (void)state;
    start();
    made_run_steps(&text);
    buf_add_text(&text, "{\"record\": \"resume\", \"step\": 12}\n{\"record\": \"quarantine\"}\n"
                        "{\"record\": \"choice\", \"action\": \"go\", \"step\": 1e300}\n");
    read_timeline();
    assert_int_equal(timeline.n_items, 5);
    assert_string_equal(timeline.items[1].action, "quarantine");
    assert_string_equal(timeline.items[2].action, "resume");
    assert_non_null(strstr(timeline.items[2].reason, "cut off"));
    assert_int_equal(timeline.items[2].step, 40);
    assert_string_equal(timeline.items[3].action, "quarantine");
    assert_string_equal(timeline.items[3].reason, "");
    assert_int_equal(timeline.items[4].step, 40);
    assert_string_equal(timeline.items[4].label, "saved");
}

static void a_run_without_incidents_has_none(void **state)
{
    (void)state;
    start();
    made_run_begin(&text);
    read_timeline();
    assert_int_equal(timeline.n_items, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(incidents_of_all_kinds_stand_in_their_order),
        cmocka_unit_test(an_incident_behind_the_last_step_has_its_step),
        cmocka_unit_test(a_run_without_incidents_has_none),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_release(&text);
    arena_release(&arena);
    return failed;
}
