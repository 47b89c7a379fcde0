#include "model/model.h"

#include <math.h>

#include "model/arch.h"
#include "test/support/model_folder.h"

static struct err err;
static struct arena arena;

static void every_family_gives_losses_near_those_of_chance(void **state)
{
    (void)state;
    for (size_t i = 0; i < arch_count; i++) {
        struct model model;
        float loss[15];
        double sum = 0;
        const char *members = arch_table[i].learned_positions
                                  ? TINY_GPT2
                                  : arena_printf(&arena, "\"model_type\": \"%s\", " TINY_SIZES,
                                                 arch_table[i].model_type);
        const char *folder = config_folder(arena_printf(
            &arena, "%s, \"initializer_range\": 0.02, \"head_dim\": 8, \"rotary_pct\": 1",
            members));
        ASSERT_OK(model_create(&model, folder, plain_backend(), 5, &err));
        model_losses(&model, false, 16, loss);
        for (size_t j = 0; j < 15; j++)
            sum += (double)loss[j];
        if (!(fabs(sum / 15 - log(32)) < 0.7))
            fail_msg("%s: loss %g", arch_table[i].model_type, sum / 15);
        model_close(&model);
    }
}

/* Tokens beyond the window are not seen: the losses behind it do not change with them. */
static void a_window_hides_what_is_far(void **state)
{
    (void)state;
    struct model near, all;
    float a[19], b[19];
    const char *one = TINY_SIZES ", \"model_type\": \"mistral\", \"sliding_window\": 4";
    const char *two = TINY_SIZES ", \"model_type\": \"mistral\", \"sliding_window\": null";
    ASSERT_OK(model_create(&near, config_folder(one), plain_backend(), 5, &err));
    ASSERT_OK(model_create(&all, config_folder(two), plain_backend(), 5, &err));
    model_losses(&near, false, 20, a);
    model_losses(&all, false, 20, b);
    for (size_t i = 0; i < 4; i++)
        assert_true(a[i] == b[i]);
    assert_true(a[10] != b[10]);
    model_close(&near);
    model_close(&all);
}

static struct model checked;

static void record_too_long(void)
{
    struct tape tape = {0};
    struct record_options options = {.longest = 65};
    model_record(&checked, &tape, &options);
}

static void texts_beyond_the_model_s_positions_are_a_mistake(void **state)
{
    (void)state;
    ASSERT_OK(model_create(&checked, config_folder(TINY_LLAMA), plain_backend(), 5, &err));
    assert_check_fails(record_too_long, "options->longest > 0");
    model_close(&checked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_family_gives_losses_near_those_of_chance),
        cmocka_unit_test(a_window_hides_what_is_far),
        cmocka_unit_test(texts_beyond_the_model_s_positions_are_a_mistake),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
