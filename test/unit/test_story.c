#include "test/support/support.h"

#include <math.h>

#include "report/story.h"

static struct arena arena;
static struct buf text;
static struct story story;
static struct journal journal;

static void start(enum pace_guard guard)
{
    struct pace_rate_options o;
    pace_rate_options_init(&o);
    o.schedule.learning_rate = 1e-3;
    o.schedule.total_steps = 100;
    o.guard = guard;
    buf_release(&text);
    buf_init(&text, BUF_NO_LIMIT);
    journal_put_options(&text, &o);
}

static struct pace_rate_decision decision(enum pace_action action, enum pace_reason reason,
                                          int64_t step)
{
    return (struct pace_rate_decision){.action = action,
                                       .advice = action,
                                       .reason = reason,
                                       .step = step,
                                       .learning_rate = 1e-3,
                                       .gradient_scale = 1,
                                       .apply_update = true,
                                       .restore_slot = -1,
                                       .keep_slot = -1,
                                       .change = 1};
}

static void put(double loss, struct pace_rate_decision d)
{
    struct pace_rate_obs obs = pace_rate_obs_step(loss, 1);
    journal_put(&text, &obs, &d);
}

static void put_steps(int64_t from, int64_t n, double loss)
{
    for (int64_t i = from; i < from + n; i++)
        put(loss, decision(PACE_GO, PACE_REASON_SCHEDULE, i));
}

static void put_eval(double loss, struct pace_rate_decision d)
{
    struct pace_rate_obs obs = pace_rate_obs_eval(loss);
    d.apply_update = false;
    journal_put(&text, &obs, &d);
}

static void put_roll_back(double loss, int64_t to_step)
{
    struct pace_rate_decision d = decision(PACE_ROLL_BACK, PACE_REASON_LOSS_SPIKE, to_step);
    d.apply_update = false;
    d.restore_slot = 1;
    put(loss, d);
}

static void put_skip(int64_t step)
{
    struct pace_rate_decision d = decision(PACE_SKIP, PACE_REASON_NON_FINITE, step);
    d.apply_update = false;
    put(NAN, d);
}

static void read_story(void)
{
    struct err err = {0};
    ASSERT_OK(journal_read(&journal, buf_span(&text), &arena, &err));
    story_make(&story, &journal, &arena);
}

static void a_calm_run_has_no_events(void **state)
{
    (void)state;
    start(PACE_GUARD_ACT);
    put_steps(0, 100, 2);
    put_eval(1.5, decision(PACE_GO, PACE_REASON_BEST_SO_FAR, 100));
    read_story();
    assert_int_equal(story.n_events, 0);
    assert_int_equal(story.end, STORY_DONE);
    assert_int_equal(story.end_step, 100);
    assert_int_equal(story.n_gradients, 100);
    assert_true(story.first_loss == 2 && story.last_loss == 2);
    assert_true(story.best_eval == 1.5 && story.best_eval_step == 100);
}

static void a_roll_back_is_placed_where_it_was_made(void **state)
{
    (void)state;
    start(PACE_GUARD_ACT);
    put_steps(0, 30, 2);
    put_roll_back(9, 12);
    put_steps(12, 88, 1);
    read_story();
    assert_int_equal(story.n_events, 1);
    assert_int_equal(story.events[0].step, 31);
    assert_int_equal(story.steps[31], 12);
    assert_int_equal(story.end_step, 100);
    assert_int_equal(story.n_gradients, 119);
    assert_int_equal(story.end, STORY_DONE);
}

static void small_decisions_alike_are_told_once(void **state)
{
    (void)state;
    start(PACE_GUARD_ACT);
    put_steps(0, 10, 2);
    for (int64_t i = 10; i < 20; i += 2) {
        put_skip(i);
        put_steps(i + 1, 1, 2);
    }
    put(3, decision(PACE_CUT, PACE_REASON_OSCILLATION, 20));
    put(3, decision(PACE_CUT, PACE_REASON_OSCILLATION, 21));
    put_skip(22);
    read_story();
    assert_int_equal(story.n_events, 4);
    assert_int_equal(story.events[0].n, 5);
    assert_int_equal(story.events[0].step, 11);
    assert_int_equal(story.events[0].last_step, 19);
    assert_int_equal(story.events[1].n, 1);
    assert_int_equal(story.events[2].step, 22);
    assert_int_equal(story.events[3].n, 1);
}

static void what_was_only_advised_is_told_too(void **state)
{
    (void)state;
    struct pace_rate_decision d = decision(PACE_GO, PACE_REASON_DIVERGENCE, 5);
    d.advice = PACE_ROLL_BACK;
    start(PACE_GUARD_WATCH);
    put_steps(0, 5, 2);
    put(9, d);
    put_steps(6, 3, 9);
    read_story();
    assert_int_equal(story.n_events, 1);
    assert_int_equal(story.events[0].entry->decision.advice, PACE_ROLL_BACK);
    assert_int_equal(story.end_step, 9);
    assert_int_equal(story.end, STORY_UNFINISHED);
}

static void a_run_that_the_guard_ended_is_stopped(void **state)
{
    (void)state;
    struct pace_rate_decision d = decision(PACE_STOP, PACE_REASON_GIVE_UP, 40);
    d.apply_update = false;
    start(PACE_GUARD_ACT);
    put_steps(0, 40, 2);
    put(INFINITY, d);
    read_story();
    assert_int_equal(story.end, STORY_STOPPED);
    assert_int_equal(story.n_events, 1);
    assert_int_equal(story.end_step, 40);
}

static void losses_that_are_not_finite_are_passed_over(void **state)
{
    (void)state;
    start(PACE_GUARD_ACT);
    put_skip(0);
    put_steps(1, 60, 4);
    put_steps(61, 2, 2);
    put_skip(63);
    put_eval(NAN, decision(PACE_GO, PACE_REASON_SCHEDULE, 64));
    read_story();
    assert_true(story.first_loss == 4);
    assert_true(story.last_loss == 3); /* the last four of them: 4, 4, 2, 2 */
    assert_true(isnan(story.best_eval) && story.n_evals == 1);
}

static void a_journal_without_entries_has_no_losses(void **state)
{
    (void)state;
    start(PACE_GUARD_ACT);
    read_story();
    assert_true(isnan(story.first_loss) && isnan(story.last_loss));
    assert_int_equal(story.end, STORY_UNFINISHED);
    assert_int_equal(story.end_step, 0);
}

/* The search's arm came before the controller's first decision, which was on the base. */
static void steps_of_the_search_are_the_first_of_the_run(void **state)
{
    (void)state;
    start(PACE_GUARD_ACT);
    put_eval(2.5, decision(PACE_GO, PACE_REASON_SCHEDULE, 12));
    put_steps(0, 12, 2.4);
    put_steps(12, 8, 2.0);
    put_eval(1.9, decision(PACE_GO, PACE_REASON_SCHEDULE, 20));
    read_story();
    assert_int_equal(story.first_step, 0);
    assert_int_equal(story.steps[0], 0);
    for (int i = 0; i < 20; i++)
        assert_int_equal(story.steps[1 + i], i);
    assert_int_equal(story.steps[21], 20);
    assert_int_equal(story.n_gradients, 20);
    assert_int_equal(story.end_step, 20);

    start(PACE_GUARD_ACT); /* as journals were before they told them */
    put_eval(2.5, decision(PACE_GO, PACE_REASON_SCHEDULE, 12));
    put_steps(12, 8, 2.0);
    read_story();
    assert_int_equal(story.first_step, 12);
    assert_int_equal(story.steps[1], 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_calm_run_has_no_events),
        cmocka_unit_test(a_roll_back_is_placed_where_it_was_made),
        cmocka_unit_test(small_decisions_alike_are_told_once),
        cmocka_unit_test(what_was_only_advised_is_told_too),
        cmocka_unit_test(a_run_that_the_guard_ended_is_stopped),
        cmocka_unit_test(losses_that_are_not_finite_are_passed_over),
        cmocka_unit_test(steps_of_the_search_are_the_first_of_the_run),
        cmocka_unit_test(a_journal_without_entries_has_no_losses),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_release(&text);
    arena_release(&arena);
    return failed;
}
