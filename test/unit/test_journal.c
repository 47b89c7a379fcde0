#include "test/support/support.h"

#include <math.h>
#include <string.h>

#include "logs/journal.h"

static struct arena arena;
static struct err err;

static struct pace_rate_options some_options(void)
{
    struct pace_rate_options o;
    struct pace_problem problem;
    pace_rate_options_init(&o);
    pace_schedule_init(&o.schedule, PACE_SCHEDULE_WARMUP_STABLE_DECAY);
    o.schedule.learning_rate = 0.1 + 0.2; /* needs all 17 digits */
    o.schedule.total_steps = 1234;
    o.schedule.warmup_steps = 12;
    assert_true(pace_schedule_set(&o.schedule, "num_decay_steps", "100", &problem));
    assert_true(pace_schedule_set(&o.schedule, "decay_type", "1-sqrt", &problem));
    o.guard = PACE_GUARD_WATCH;
    o.prior_rate = 2.0 / 3;
    o.prior_sd = 0.25;
    o.uniform_loss = log(49152);
    o.steps_per_epoch = 77;
    o.first_step = 5;
    o.n_slots = 3;
    return o;
}

static struct pace_rate_decision some_decision(void)
{
    return (struct pace_rate_decision){
        .action = PACE_ROLL_BACK,
        .advice = PACE_CUT,
        .reason = PACE_REASON_LOSS_SPIKE,
        .step = 41,
        .learning_rate = 1e-4 / 3,
        .gradient_scale = 0.1,
        .change = 1.0 / 3,
        .apply_update = false,
        .restore_slot = 2,
        .keep_slot = -1,
        .number = {1.0 / 3, -0.0, NAN, INFINITY},
    };
}

static bool same_bits(const void *a, const void *b, size_t size)
{
    return memcmp(a, b, size) == 0;
}

static bool same_number(double a, double b)
{
    return (isnan(a) && isnan(b)) || same_bits(&a, &b, sizeof a);
}

static void assert_same_obs(const struct pace_rate_obs *a, const struct pace_rate_obs *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_true(same_number(a->loss, b->loss));
    assert_true(same_number(a->grad_norm, b->grad_norm));
    assert_int_equal(a->n_targets, b->n_targets);
    assert_int_equal(a->batch, b->batch);
}

static void assert_same_decision(const struct pace_rate_decision *a,
                                 const struct pace_rate_decision *b)
{
    assert_int_equal(a->action, b->action);
    assert_int_equal(a->advice, b->advice);
    assert_int_equal(a->reason, b->reason);
    assert_int_equal(a->step, b->step);
    assert_int_equal(a->apply_update, b->apply_update);
    assert_int_equal(a->restore_slot, b->restore_slot);
    assert_int_equal(a->keep_slot, b->keep_slot);
    assert_true(same_number(a->learning_rate, b->learning_rate));
    assert_true(same_number(a->gradient_scale, b->gradient_scale));
    assert_true(same_number(a->change, b->change));
    for (int i = 0; i < PACE_NUMBERS; i++)
        assert_true(same_number(a->number[i], b->number[i]));
}

static struct buf text;

/* A journal of the options and the entries given. */
static void start(void)
{
    buf_release(&text);
    buf_init(&text, BUF_NO_LIMIT);
    struct pace_rate_options o = some_options();
    journal_put_options(&text, &o);
}

static void options_come_back_as_they_were(void **state)
{
    (void)state;
    struct journal j;
    struct pace_rate_options o = some_options();
    start();
    ASSERT_OK(journal_read(&j, buf_span(&text), &arena, &err));
    assert_int_equal(j.n_entries, 0);
    assert_int_equal(j.options.guard, PACE_GUARD_WATCH);
    assert_true(j.options.prior_rate == o.prior_rate && j.options.prior_sd == o.prior_sd);
    assert_true(j.options.uniform_loss == o.uniform_loss);
    assert_true(j.options.max_grad_norm == 1);
    assert_int_equal(j.options.steps_per_epoch, 77);
    assert_int_equal(j.options.first_step, 5);
    assert_int_equal(j.options.n_slots, 3);
    assert_int_equal(j.options.schedule.kind, PACE_SCHEDULE_WARMUP_STABLE_DECAY);
    assert_true(j.options.schedule.learning_rate == o.schedule.learning_rate);
    assert_int_equal(j.options.schedule.total_steps, 1234);
    assert_int_equal(j.options.schedule.warmup_steps, 12);
    assert_int_equal(j.options.schedule.num_decay_steps, 100);
    assert_int_equal(j.options.schedule.decay_type, PACE_CURVE_1_SQRT);
    assert_int_equal(j.options.schedule.num_stable_steps, o.schedule.num_stable_steps);
}

static void entries_come_back_bit_for_bit(void **state)
{
    (void)state;
    struct journal j;
    struct pace_rate_obs step = {PACE_OBS_STEP, NAN, INFINITY, 512, INT64_MAX};
    struct pace_rate_obs eval = pace_rate_obs_eval(-0.0);
    struct pace_rate_decision d = some_decision(), plain = {.gradient_scale = 1,
                                                            .change = 1,
                                                            .apply_update = true,
                                                            .restore_slot = -1,
                                                            .keep_slot = 0,
                                                            .learning_rate = 5e-324};
    start();
    journal_put(&text, &step, &d);
    journal_put(&text, &eval, &plain);
    ASSERT_OK(journal_read(&j, buf_span(&text), &arena, &err));
    assert_int_equal(j.n_entries, 2);
    assert_false(j.is_cut);
    assert_same_obs(&j.entries[0].obs, &step);
    assert_same_obs(&j.entries[1].obs, &eval);
    assert_same_decision(&j.entries[0].decision, &d);
    assert_same_decision(&j.entries[1].decision, &plain);
    char sentence[512];
    (void)pace_rate_explain(&d, sentence, sizeof sentence);
    ASSERT_SPAN(j.entries[0].reason, sentence);
}

static void every_line_is_one_json_object(void **state)
{
    (void)state;
    struct pace_rate_obs obs = pace_rate_obs_step(2.25, 0.5);
    struct pace_rate_decision d = {.gradient_scale = 1,
                                   .change = 1,
                                   .apply_update = true,
                                   .restore_slot = -1,
                                   .keep_slot = -1,
                                   .step = 3,
                                   .learning_rate = 1e-4};
    start();
    size_t first = text.len;
    journal_put(&text, &obs, &d);
    struct span line = span_from(buf_span(&text), first);
    assert_true(span_starts_with(line, span_of("{\"record\": \"step\", \"loss\": 2.25, "
                                               "\"grad_norm\": 0.5, \"action\": \"go\", "
                                               "\"rule\": \"schedule\", \"reason\": \"")));
    assert_true(span_ends_with(line, span_of("\"numbers\": [], \"step\": 3, "
                                             "\"learning_rate\": 0.0001}\n")));
    assert_int_equal(span_find(line, span_of("\n")), line.len - 1);
}

static void a_last_line_cut_off_is_left_out(void **state)
{
    (void)state;
    struct journal j;
    struct pace_rate_obs obs = pace_rate_obs_step(2.25, 0.5);
    struct pace_rate_decision d = some_decision();
    start();
    journal_put(&text, &obs, &d);
    size_t whole = text.len;
    journal_put(&text, &obs, &d);
    for (size_t len = whole; len < text.len; len++) {
        struct span cut = span_part(buf_span(&text), 0, len);
        ASSERT_OK(journal_read(&j, cut, &arena, &err));
        bool complete = len + 1 == text.len; /* only the '\n' is missing */
        assert_int_equal(j.n_entries, complete ? 2 : 1);
        assert_int_equal(j.is_cut, len > whole && !complete);
    }
}

static void records_of_other_kinds_are_kept_as_lines(void **state)
{
    (void)state;
    struct journal j;
    start();
    buf_add_text(&text, "{\"record\": \"checkpoint\", \"step\": 3, \"files\": [1, {\"a\": 2}]}\n"
                        "{}\n{\"loss\": 2}\n\n\r\n");
    ASSERT_OK(journal_read(&j, buf_span(&text), &arena, &err));
    assert_int_equal(j.n_entries, 0);
    assert_int_equal(j.n_lines, 2);
    ASSERT_SPAN(j.lines[1].text, "{\"loss\": 2}");
}

static void a_run_begins_before_its_options(void **state)
{
    (void)state;
    struct journal j;
    buf_release(&text);
    buf_init(&text, BUF_NO_LIMIT);
    buf_add_text(&text, "{\"record\": \"run\", \"journal\": 1}\n{\"record\": \"arm\"}\n");
    assert_true(journal_is(buf_span(&text)));
    ASSERT_OK(journal_read(&j, buf_span(&text), &arena, &err));
    assert_false(j.has_options);
    assert_int_equal(j.n_lines, 2);
    struct pace_rate_options o = some_options();
    struct pace_rate_obs obs = pace_rate_obs_step(2.25, 0.5);
    struct pace_rate_decision d = some_decision();
    journal_put_options(&text, &o);
    journal_put(&text, &obs, &d);
    buf_add_text(&text, "{\"record\": \"verdict\"}\n");
    ASSERT_OK(journal_read(&j, buf_span(&text), &arena, &err));
    assert_true(j.has_options);
    assert_int_equal(j.options.schedule.total_steps, 1234);
    assert_int_equal(j.n_entries, 1);
    assert_int_equal(j.n_lines, 3);
    ASSERT_SPAN(j.lines[1].text, "{\"record\": \"arm\"}");
    assert_int_equal(j.lines[1].n_entries, 0);
    assert_int_equal(j.lines[2].n_entries, 1);
    assert_int_equal(j.lines[2].line, 5);
}

static void put_step(double loss)
{
    struct pace_rate_obs obs = pace_rate_obs_step(loss, 0.5);
    struct pace_rate_decision d = some_decision();
    journal_put(&text, &obs, &d);
}

/* The last records before a kill were never part of the run that goes on from the checkpoint. */
static void what_a_resumed_run_does_again_is_there_once(void **state)
{
    (void)state;
    struct journal j;
    start();
    put_step(1);
    buf_add_text(&text, "{\"record\": \"checkpoint\", \"step\": 41}\n");
    put_step(2);
    buf_add_text(&text, "{\"record\": \"quarantine\", \"row\": 3}\n");
    size_t at = text.len;
    buf_add_text(&text, "{\"record\": \"resume\", \"step\": 41}\n");
    put_step(3);
    ASSERT_OK(journal_read(&j, buf_span(&text), &arena, &err));
    assert_int_equal(j.n_entries, 2);
    assert_true(j.entries[0].obs.loss == 1 && j.entries[1].obs.loss == 3);
    assert_int_equal(j.n_lines, 2);
    assert_true(span_find(j.lines[1].text, span_of("resume")) < j.lines[1].text.len);
    text.at[at + 29]++; /* step 51: no checkpoint says what came before it */
    ASSERT_OK(journal_read(&j, buf_span(&text), &arena, &err));
    assert_int_equal(j.n_entries, 3);
    assert_int_equal(j.n_lines, 3);
}

static bool read_with(const char *line)
{
    struct journal j;
    start();
    buf_add_text(&text, line);
    buf_add_text(&text, "\n");
    return journal_read(&j, buf_span(&text), &arena, &err);
}

static void what_is_wrong_is_named_with_its_line(void **state)
{
    (void)state;
    ASSERT_FAILS(read_with("{\"record\": \"step\", \"loss\": 1, \"action\": \"fly\"}"),
                 "'fly' is no action");
    assert_non_null(strstr(err.where, "line 2"));
    assert_non_null(strstr(err.hint, "pace doctor"));
    ASSERT_FAILS(read_with("{\"record\": \"step\", \"action\": \"go\", \"rule\": \"whim\", "
                           "\"reason\": \"because it seemed like a good idea\"}"),
                 "'whim' is no rule");
    ASSERT_FAILS(read_with("{\"record\": \"step\", \"action\": \"go\", \"restore\": 4, "
                           "\"reason\": \"a slot that there is none of anywhere\"}"),
                 "restore: there is no slot 4");
    ASSERT_FAILS(read_with("{\"record\": \"step\", \"action\": \"go\", \"numbers\": [1,2,3,4,5], "
                           "\"reason\": \"more numbers than a decision has\"}"),
                 "more than 4 numbers");
    ASSERT_FAILS(read_with("{\"record\": \"step\", \"action\": \"go\", \"step\": -1, "
                           "\"reason\": \"a step before the first\"}"),
                 "no run has a step -1");
    ASSERT_FAILS(read_with("{\"record\": \"step\", \"loss\": 1.5, \"reason\": \"none, and it is a "
                           "long sentence, too\"}"),
                 "the record has no action");
    ASSERT_FAILS(read_with("{\"record\": \"step\", \"loss\": "), "");
    ASSERT_FAILS(read_with("{\"record\": \"resume\", \"step\": \"3\"}"), "");
}

static bool read_options(const char *line)
{
    struct journal j;
    return journal_read(&j, span_of(line), &arena, &err);
}

static void options_that_make_no_run_are_refused(void **state)
{
    (void)state;
    ASSERT_FAILS(read_options(""), "the journal is empty");
    ASSERT_FAILS(read_options("{\"record\": \"step\", \"loss\": 1}\n"),
                 "begins with the options of its run");
    ASSERT_FAILS(read_options("{\"loss\": 1}\n"), "begins with the options of its run");
    ASSERT_FAILS(read_options("{\"record\": \"run\"}\n{\"record\": \"step\", \"loss\": 1}\n"),
                 "begins with the options of its run");
    ASSERT_FAILS(read_options("{\"record\": \"options\", \"journal\": 7}\n"),
                 "version 7 of the journal is not known");
    ASSERT_FAILS(read_options("{\"record\": \"options\", \"guard\": \"dog\"}\n"),
                 "'dog' is no guard");
    ASSERT_FAILS(read_options("{\"record\": \"options\", \"schedule\": \"zigzag\"}\n"),
                 "'zigzag' is no schedule");
    ASSERT_FAILS(read_options("{\"record\": \"options\", \"schedule\": \"step\", "
                              "\"lr_scheduler_kwargs\": {\"gamma\": \"x\"}}\n"),
                 "gamma: 'x' is not a number");
    ASSERT_FAILS(read_options("{\"record\": \"options\", \"n_slots\": 5}\n"),
                 "n_slots: there is no slot 5");
    ASSERT_FAILS(read_options("{\"record\": \"options\", \"schedule\": \"linear\", "
                              "\"learning_rate\": -1, \"total_steps\": 10}\n"),
                 "the learning rate -1 is not");
}

static void a_journal_is_known_by_its_beginning(void **state)
{
    (void)state;
    start();
    assert_true(journal_is(buf_span(&text)));
    assert_false(journal_is(span_of("")));
    assert_false(journal_is(span_of("{\"loss\": 1, \"step\": 2}\n")));
    assert_false(journal_is(span_of("record options")));
    assert_false(journal_is(span_of("{\"record\": \"ran\", \"what\": \"options\"}")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_come_back_as_they_were),
        cmocka_unit_test(entries_come_back_bit_for_bit),
        cmocka_unit_test(every_line_is_one_json_object),
        cmocka_unit_test(a_last_line_cut_off_is_left_out),
        cmocka_unit_test(records_of_other_kinds_are_kept_as_lines),
        cmocka_unit_test(a_run_begins_before_its_options),
        cmocka_unit_test(what_a_resumed_run_does_again_is_there_once),
        cmocka_unit_test(what_is_wrong_is_named_with_its_line),
        cmocka_unit_test(options_that_make_no_run_are_refused),
        cmocka_unit_test(a_journal_is_known_by_its_beginning),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_release(&text);
    arena_release(&arena);
    return failed;
}
