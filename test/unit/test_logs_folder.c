#include "test/support/support.h"

#include <sys/stat.h>

#include "base/file.h"
#include "format/tfevents.h"
#include "logs/logs.h"

static struct arena arena;
static struct err err;
static struct log_file log_;
static const char *root; /* of the present test, in the temporary folder */

static void begin_folder(const char *name)
{
    root = name;
    assert_int_equal(mkdir(file_join(&arena, temporary_folder(), name), 0700), 0);
}

static void make_folder(const char *name)
{
    char *path = arena_printf(&arena, "%s/%s/%s", temporary_folder(), root, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void put(const char *name, struct span text)
{
    (void)temporary_file(arena_printf(&arena, "%s/%s", root, name), text);
}

static void put_state(const char *name, int steps)
{
    put(name, span_of(arena_printf(&arena,
                                   "{\"global_step\": %d, \"log_history\": [{\"loss\": 2.5, "
                                   "\"step\": %d}]}",
                                   steps, steps)));
}

static void put_events(const char *name, const char *tag, int64_t step)
{
    struct buf file;
    buf_init(&file, BUF_NO_LIMIT);
    tfevents_begin(&file, 1.7e9);
    tfevents_add(&file, &(struct tfevents_point){1.7e9, step, span_of(tag), 2.5});
    put(name, buf_span(&file));
    buf_release(&file);
}

static bool read_folder(const char *name)
{
    const char *path = arena_printf(&arena, "%s/%s/%s", temporary_folder(), root, name);
    return log_read(&log_, path, &arena, &err);
}

static void the_state_that_came_furthest_is_read(void **state)
{
    (void)state;
    begin_folder("states");
    make_folder("checkpoint-500");
    make_folder("checkpoint-1000");
    make_folder("checkpoint-2000"); /* without a state */
    put_state("checkpoint-500/trainer_state.json", 500);
    put_state("checkpoint-1000/trainer_state.json", 1000);
    ASSERT_OK(read_folder(""));
    assert_int_equal(log_.series.points[0].step, 1000);
    assert_string_equal(log_.notes[0], "the state of the newest checkpoint, 1000, is read");
    put_state("trainer_state.json", 1200);
    ASSERT_OK(read_folder(""));
    assert_int_equal(log_.series.points[0].step, 1200);
    ASSERT_OK(read_folder("checkpoint-500"));
    assert_int_equal(log_.series.points[0].step, 500);
    assert_non_null(strstr(log_.path, "checkpoint-500/trainer_state.json"));
}

static void of_runs_in_event_files_the_newest_is_read(void **state)
{
    (void)state;
    begin_folder("boards");
    make_folder("runs");
    make_folder("runs/Jan01");
    make_folder("runs/Feb01");
    put_events("runs/Jan01/events.out.tfevents.1700000001.host", "loss", 1);
    put_events("runs/Feb01/events.out.tfevents.1700000002.host", "loss", 2);
    put_events("runs/Feb01/events.out.tfevents.1700000003.host", "eval_loss", 2);
    put("runs/Feb01/events.out.tfevents.1700000004.host", span_of("no event file at all"));
    ASSERT_OK(read_folder(""));
    assert_int_equal(log_.series.n_points, 1);
    assert_int_equal(log_.series.points[0].step, 2);
    assert_true(log_.series.points[0].loss == 2.5 && log_.series.points[0].eval_loss == 2.5);
    assert_string_equal(log_.format, "tensorboard");
    assert_string_equal(log_.notes[0], "1 of its 3 event files could not be read");
    assert_string_equal(log_.notes[1], "2 runs are in the folder; the newest is read");
}

static void parts_of_a_run_are_read_together(void **state)
{
    (void)state;
    begin_folder("parts");
    make_folder("run");
    make_folder("run/train");
    make_folder("run/validation");
    put_events("run/train/events.out.tfevents.1700000001.host", "epoch_loss", 1);
    put_events("run/validation/events.out.tfevents.1700000002.host", "epoch_loss", 1);
    ASSERT_OK(read_folder(""));
    assert_int_equal(log_.series.n_points, 1);
    assert_true(log_.series.points[0].loss == 2.5 && log_.series.points[0].eval_loss == 2.5);
    assert_int_equal(log_.n_notes, 0);
}

static void the_one_text_of_a_folder_is_read(void **state)
{
    (void)state;
    begin_folder("texts");
    make_folder("files");
    put("files/output.log", span_of("iter 5: loss 2.5\n"));
    put("files/requirements.txt", span_of("torch\n"));
    ASSERT_OK(read_folder(""));
    assert_string_equal(log_.format, "console");
    put("files/losses.csv", span_of("step,loss\n1,2\n"));
    ASSERT_FAILS(read_folder(""), "2 logs are in the folder: files/losses.csv, files/output.log");
    assert_string_equal(err.hint, "name one of them");
    put("files/logging.jsonl", span_of("{\"loss\": 2, \"step\": 7}\n"));
    ASSERT_OK(read_folder(""));
    assert_int_equal(log_.series.points[0].step, 7);
}

static void a_folder_without_a_log_is_refused(void **state)
{
    (void)state;
    begin_folder("empty");
    ASSERT_FAILS(read_folder(""), "no training log in the folder");
    assert_non_null(strstr(err.hint, "trainer_state.json"));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_non_null(strstr(err.where, "empty"));
    make_folder("runs");
    put("runs/tfevents.proto", span_of("message"));
    ASSERT_FAILS(read_folder(""), "no training log in the folder");
    put_events("runs/events.out.tfevents.1700000001.host", "accuracy", 1);
    ASSERT_FAILS(read_folder(""), "no loss in it; names found: step, accuracy");
    put("runs/events.out.tfevents.1700000002.host", span_of("no event file at all"));
    put("runs/events.out.tfevents.1700000001.host", span_of("no event file at all"));
    ASSERT_FAILS(read_folder(""), "not a TensorBoard event file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_that_came_furthest_is_read),
        cmocka_unit_test(of_runs_in_event_files_the_newest_is_read),
        cmocka_unit_test(parts_of_a_run_are_read_together),
        cmocka_unit_test(the_one_text_of_a_folder_is_read),
        cmocka_unit_test(a_folder_without_a_log_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
