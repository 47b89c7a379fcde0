#include "test/support/support.h"

#include "base/file.h"
#include "train/saver.h"

static struct arena arena;
static struct err err;
static struct saver s;
static struct buf origin;
static int64_t number;
static float big[1 << 16];

static void begin(const char *name, int64_t every)
{
    const char *folder = file_join(&arena, temporary_folder(), name);
    ASSERT_OK(file_make_folder(folder, &err));
    saver_begin(&s, folder, "cpu", every);
    buf_init(&origin, BUF_NO_LIMIT);
    buf_add_text(&origin, "from here");
    checkpoint_add_buf(&s.list, "origin", &origin, 1);
    checkpoint_add(&s.list, "number", &number, sizeof number);
    checkpoint_add_floats(&s.list, "big", big, COUNT_OF(big));
}

static void finish(void)
{
    saver_release(&s);
    buf_release(&origin);
}

static void steps_that_were_asked_for_are_saved(void **state)
{
    (void)state;
    begin("steps", 5);
    assert_true(saver_is_due(&s, 5) && saver_is_due(&s, 10));
    assert_false(saver_is_due(&s, 1) || saver_is_due(&s, 9));
    finish();
}

static void the_time_that_saving_takes_is_a_hundredth_at_most(void **state)
{
    (void)state;
    begin("time", 0);
    assert_false(saver_is_due(&s, 1));
    s.last -= 101 * (0.02 + sizeof big / 2e8);
    assert_true(saver_is_due(&s, 1)); /* as its size says */
    number = 7;
    ASSERT_OK(saver_save(&s, 7, &err));
    assert_int_equal(s.saved_step, 7);
    assert_true(s.cost > 0);
    s.cost = 3;
    s.last -= 299;
    assert_false(saver_is_due(&s, 8));
    s.last -= 2;
    assert_true(saver_is_due(&s, 8));
    finish();
}

static void a_save_that_fails_is_not_tried_at_every_step(void **state)
{
    (void)state;
    begin("fails", 0);
    ASSERT_OK(saver_save(&s, 3, &err));
    s.folder = "/none/at/all";
    ASSERT_FAILS(saver_save(&s, 9, &err), "cannot make the folder");
    assert_int_equal(s.saved_step, 3);
    assert_true(s.failed);
    s.cost = 1;
    assert_false(saver_is_due(&s, 10));
    finish();
}

static void an_ended_run_keeps_its_origin_alone(void **state)
{
    (void)state;
    struct checkpoint_file f;
    struct span text;
    begin("ended", 0);
    ASSERT_OK(saver_save(&s, 3, &err));
    ASSERT_OK(saver_end(&s, CHECKPOINT_DONE, 4, "all steps are done", &err));
    ASSERT_OK(checkpoint_open(&f, s.folder, &err));
    assert_int_equal(f.about.status, CHECKPOINT_DONE);
    assert_int_equal(f.about.step, 4);
    assert_string_equal(f.about.reason, "all steps are done");
    ASSERT_OK(checkpoint_find(&f, "origin", &text, &err));
    ASSERT_SPAN(text, "from here");
    ASSERT_FAILS(checkpoint_find(&f, "big", &text, &err), "no 'big'");
    checkpoint_close(&f);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_that_were_asked_for_are_saved),
        cmocka_unit_test(the_time_that_saving_takes_is_a_hundredth_at_most),
        cmocka_unit_test(a_save_that_fails_is_not_tried_at_every_step),
        cmocka_unit_test(an_ended_run_keeps_its_origin_alone),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
