#define _GNU_SOURCE
#include "test/support/support.h"

#include <fcntl.h>
#include <math.h>

#include "base/file.h"
#include "format/tfevents.h"
#include "logs/logs.h"
#include "train/history.h"

static struct err err;

static void begin(struct history *h)
{
    struct history_run run = {
        .steps = 4, .logging_steps = 2, .eval_steps = 2, .batch = 8, .epochs = 1.5};
    history_init(h, &run, 1.7e9);
}

static void add_first_half(struct history *h)
{
    history_add_step(h, &(struct history_step){2, 0.75, 2.123456789012345, 1.5, 1e-4, 900}, 1.7e9);
    history_add_eval(h, &(struct history_eval){2, 0.75, 2.25, 0.5, 10}, 1.7e9 + 1);
}

static void add_second_half(struct history *h)
{
    history_add_step(h, &(struct history_step){4, 1.5, (double)NAN, (double)INFINITY, 5e-5, 1800},
                     1.7e9 + 2);
    history_add_eval(h, &(struct history_eval){4, 1.5, 2.5, 0.5, 10}, 1.7e9 + 3);
}

static void add_end(struct history *h)
{
    history_add_end(h, &(struct history_end){2.3, 4, 32}, 1.7e9 + 4);
}

static const char *write_one(void)
{
    const char *folder = temporary_folder();
    struct history h;
    begin(&h);
    ASSERT_OK(history_open(&h, folder, &err));
    add_first_half(&h);
    add_second_half(&h);
    add_end(&h);
    ASSERT_OK(history_end(&h, &err));
    history_release(&h);
    return folder;
}

/* "step tag", for each point of the file. */
static const char *points_of(const char *folder, struct arena *arena)
{
    struct tfevents t;
    struct tfevents_point point;
    bool more;
    const char *text = "", *path = arena_printf(
                               arena, "%s/tensorboard/events.out.tfevents.1700000000.pace", folder);
    ASSERT_OK(tfevents_open(&t, path, &err));
    for (;;) {
        ASSERT_OK(tfevents_next(&t, &point, &more, &err));
        if (!more)
            break;
        text = arena_printf(arena, "%s %d%.*s", text, (int)point.step, SPAN_ARGS(point.tag));
    }
    assert_false(t.is_cut);
    tfevents_close(&t);
    return text;
}

static const char first_half[] = " 2train/loss 2train/grad_norm 2train/learning_rate 2train/epoch"
                                 " 2eval/loss",
                  second_half[] = " 4train/loss 4train/grad_norm 4train/learning_rate 4train/epoch"
                                  " 4eval/loss";

static void assert_text_holds(const struct buf *text, const char *wanted)
{
    if (!strstr((const char *)text->at, wanted))
        fail_msg("no '%s' in: %s", wanted, (const char *)text->at);
}

static void the_state_has_the_members_of_a_trainers(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    const char *folder = write_one();
    ASSERT_OK(file_read(&text, file_join(&arena, folder, "trainer_state.json"), &err));
    (void)buf_string(&text);
    assert_text_holds(&text, "\"best_global_step\": 2");
    assert_text_holds(&text, "\"best_metric\": 2.25");
    assert_text_holds(&text, "\"global_step\": 4");
    assert_text_holds(&text, "\"max_steps\": 4");
    assert_text_holds(&text, "\"num_input_tokens_seen\": 1800");
    assert_text_holds(&text, "\"loss\": 2.123456789012345,");
    assert_text_holds(&text, "\"loss\": NaN,");
    assert_text_holds(&text, "\"train_loss\": 2.3,");
    assert_text_holds(&text, "\"train_steps_per_second\": 1");
    buf_release(&text);
    arena_release(&arena);
}

static void our_doctor_reads_state_and_events(void **state)
{
    (void)state;
    struct arena arena = {0};
    const char *folder = write_one();
    const char *paths[] = {
        file_join(&arena, folder, "trainer_state.json"),
        arena_printf(&arena, "%s/tensorboard/events.out.tfevents.1700000000.pace", folder)};
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        struct log_file log;
        ASSERT_OK(log_read(&log, paths[i], &arena, &err));
        const struct pace_point *p = log.series.points;
        size_t n_losses = 0;
        for (size_t k = 0; k < log.series.n_points; k++) {
            n_losses += isfinite(p[k].loss) != 0;
            if (p[k].step == 2 && isfinite(p[k].loss))
                assert_true(fabs(p[k].loss - 2.123456789012345) < 1e-6);
        }
        assert_int_equal(n_losses, 1);
    }
    arena_release(&arena);
}

static void a_run_without_lines_is_a_state_too(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct history h;
    struct buf text;
    const char *folder = temporary_folder();
    buf_init(&text, BUF_NO_LIMIT);
    history_init(&h, &(struct history_run){.steps = 1}, 0);
    ASSERT_OK(history_open(&h, folder, &err));
    ASSERT_OK(history_save(&h, &err));
    ASSERT_OK(file_read(&text, file_join(&arena, folder, "trainer_state.json"), &err));
    (void)buf_string(&text);
    assert_text_holds(&text, "\"log_history\": []");
    assert_text_holds(&text, "\"best_metric\": null");
    history_release(&h);
    buf_release(&text);
    arena_release(&arena);
}

static void event_files_of_an_earlier_run_are_removed(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct history h;
    const char *folder = temporary_folder();
    const char *board = file_join(&arena, folder, "tensorboard");
    const char *old = file_join(&arena, board, "events.out.tfevents.1600000000.pace");
    const char *foreign = file_join(&arena, board, "events.out.tfevents.1600000000.host");
    begin(&h);
    ASSERT_OK(file_make_folder(board, &err));
    ASSERT_OK(file_put(old, span_of("old"), &err));
    ASSERT_OK(file_put(foreign, span_of("foreign"), &err));
    ASSERT_OK(history_open(&h, folder, &err));
    assert_int_equal(file_kind_of(old), FILE_MISSING);
    assert_int_equal(file_kind_of(foreign), FILE_REGULAR);
    history_release(&h);
    arena_release(&arena);
}

static void events_are_in_the_file_as_soon_as_they_are_added(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct history h;
    const char *folder = temporary_folder();
    begin(&h);
    ASSERT_OK(history_open(&h, folder, &err));
    assert_string_equal(points_of(folder, &arena), "");
    add_first_half(&h);
    assert_string_equal(points_of(folder, &arena), first_half);
    add_second_half(&h);
    assert_string_equal(points_of(folder, &arena),
                        arena_printf(&arena, "%s%s", first_half, second_half));
    history_release(&h);
    arena_release(&arena);
}

static void what_was_lost_is_written_again_over_itself(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct history h;
    const char *folder = temporary_folder();
    begin(&h);
    ASSERT_OK(history_open(&h, folder, &err));
    add_first_half(&h);
    add_second_half(&h);
    uint64_t len = h.file.len;
    history_release(&h);
    begin(&h);
    add_first_half(&h); /* as a checkpoint gives it back */
    ASSERT_OK(history_open(&h, folder, &err));
    assert_string_equal(points_of(folder, &arena), first_half);
    add_second_half(&h);
    assert_int_equal(h.file.len, len);
    assert_string_equal(points_of(folder, &arena),
                        arena_printf(&arena, "%s%s", first_half, second_half));
    history_release(&h);
    arena_release(&arena);
}

static void a_state_is_there_in_the_middle_of_a_run(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct history h;
    struct buf text;
    const char *folder = temporary_folder();
    buf_init(&text, BUF_NO_LIMIT);
    begin(&h);
    ASSERT_OK(history_open(&h, folder, &err));
    add_first_half(&h);
    ASSERT_OK(history_save(&h, &err));
    ASSERT_OK(file_read(&text, file_join(&arena, folder, "trainer_state.json"), &err));
    (void)buf_string(&text);
    assert_text_holds(&text, "\"global_step\": 2");
    assert_text_holds(&text, "\"max_steps\": 4");
    history_release(&h);
    buf_release(&text);
    arena_release(&arena);
}

/* The base's own held-out loss may be the lowest. */
static void the_best_may_be_at_step_0(void **state)
{
    (void)state;
    struct history h;
    begin(&h);
    history_add_eval(&h, &(struct history_eval){0, 0, 2, 0.5, 10}, 1.7e9);
    add_first_half(&h);
    assert_int_equal(h.best.step, 0);
    assert_true(h.best.loss == 2);
    history_release(&h);
}

static void events_that_cannot_be_written_are_told_at_the_end(void **state)
{
    (void)state;
    struct history h;
    begin(&h);
    ASSERT_OK(history_open(&h, temporary_folder(), &err));
    append_close(&h.file);
    h.file.fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(h.file.fd >= 0);
    add_first_half(&h);
    ASSERT_FAILS(history_end(&h, &err), "cannot write");
    assert_int_equal(err.kind, ERR_IO);
    history_release(&h);
}

static void a_folder_that_is_not_there_is_an_error(void **state)
{
    (void)state;
    struct history h;
    begin(&h);
    assert_false(history_open(&h, "/nowhere/at/all", &err));
    assert_int_equal(err.kind, ERR_IO);
    history_release(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_has_the_members_of_a_trainers),
        cmocka_unit_test(our_doctor_reads_state_and_events),
        cmocka_unit_test(a_run_without_lines_is_a_state_too),
        cmocka_unit_test(event_files_of_an_earlier_run_are_removed),
        cmocka_unit_test(events_are_in_the_file_as_soon_as_they_are_added),
        cmocka_unit_test(what_was_lost_is_written_again_over_itself),
        cmocka_unit_test(a_state_is_there_in_the_middle_of_a_run),
        cmocka_unit_test(the_best_may_be_at_step_0),
        cmocka_unit_test(events_that_cannot_be_written_are_told_at_the_end),
        cmocka_unit_test(a_folder_that_is_not_there_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
