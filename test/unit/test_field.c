#include "test/support/support.h"

#include "logs/field.h"

static const struct {
    const char *name;
    enum field field;
} cases[] = {
    {"loss", FIELD_LOSS},
    {"train/loss", FIELD_LOSS},
    {"Loss/train", FIELD_LOSS},
    {"Train loss", FIELD_LOSS},
    {"trainLoss", FIELD_LOSS},
    {"training_loss", FIELD_LOSS},
    {"train/lm_loss", FIELD_LOSS},
    {"lm loss", FIELD_LOSS},
    {"train_loss_step", FIELD_LOSS},
    {"total_loss", FIELD_LOSS},
    {"loss_scale", FIELD_NONE},
    {"kl_loss", FIELD_NONE},
    {"loss/policy_avg", FIELD_NONE},
    {"eval_loss", FIELD_EVAL_LOSS},
    {"eval/loss", FIELD_EVAL_LOSS},
    {"val_loss", FIELD_EVAL_LOSS},
    {"Val loss", FIELD_EVAL_LOSS},
    {"Loss/validation", FIELD_EVAL_LOSS},
    {"valid/loss", FIELD_EVAL_LOSS},
    {"validation_loss", FIELD_EVAL_LOSS},
    {"test_loss", FIELD_EVAL_LOSS},
    {"eval_wiki_loss", FIELD_EVAL_LOSS},
    {"eval_samples_per_second", FIELD_NONE},
    {"eval_loss_min", FIELD_NONE},
    {"lr", FIELD_RATE},
    {"LR", FIELD_RATE},
    {"learning_rate", FIELD_RATE},
    {"Learning Rate", FIELD_RATE},
    {"learningRate", FIELD_RATE},
    {"train/learning_rate", FIELD_RATE},
    {"lr-AdamW/pg1", FIELD_RATE},
    {"lr_group0", FIELD_RATE},
    {"embedding_lr", FIELD_NONE},
    {"min_lr", FIELD_NONE},
    {"lr_scheduler_type", FIELD_NONE},
    {"warmup_learning_rate", FIELD_NONE},
    {"grad_norm", FIELD_GRAD_NORM},
    {"train/grad_norm", FIELD_GRAD_NORM},
    {"gradient_norm", FIELD_GRAD_NORM},
    {"gnorm", FIELD_GRAD_NORM},
    {"norm", FIELD_GRAD_NORM},
    {"param_norm", FIELD_NONE},
    {"step", FIELD_STEP},
    {"_step", FIELD_STEP},
    {"global_step", FIELD_STEP},
    {"train/global_step", FIELD_STEP},
    {"trainer/global_step", FIELD_STEP},
    {"current_steps", FIELD_STEP},
    {"global_step/max_steps", FIELD_STEP},
    {"iter", FIELD_STEP},
    {"Iteration", FIELD_STEP},
    {"step_time", FIELD_NONE},
    {"save_steps", FIELD_NONE},
    {"eval_steps", FIELD_NONE},
    {"total_steps", FIELD_TOTAL_STEPS},
    {"max_steps", FIELD_TOTAL_STEPS},
    {"max_iters", FIELD_TOTAL_STEPS},
    {"epoch", FIELD_EPOCH},
    {"train/epoch", FIELD_EPOCH},
    {"num_train_epochs", FIELD_TOTAL_EPOCHS},
    {"train_runtime", FIELD_RUNTIME},
    {"eval_runtime", FIELD_NONE},
    {"", FIELD_NONE},
    {"reward", FIELD_NONE},
    {"averylongwordthatnobodyuses_loss", FIELD_NONE},
};

static void names_say_what_a_column_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        enum field field = field_of(span_of(cases[i].name)).field;
        if (field != cases[i].field)
            fail_msg("%s: %s, not %s", cases[i].name, field_name(field),
                     field_name(cases[i].field));
    }
}

static void the_barer_name_has_the_lower_rank(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"loss", "train_loss"},        {"train_loss", "train_loss_epoch"},
        {"eval_loss", "test_loss"},    {"eval_loss", "eval_wiki_loss"},
        {"global_step", "_step"},      {"train/global_step", "train/step"},
        {"learning_rate", "lr-AdamW"}, {"grad_norm", "global_grad_norm"},
    };
    for (size_t i = 0; i < COUNT_OF(pairs); i++)
        assert_true(field_of(span_of(pairs[i][0])).rank < field_of(span_of(pairs[i][1])).rank);
    assert_int_equal(field_of(span_of("lr")).rank, field_of(span_of("learning_rate")).rank);
}

static void a_run_stands_in_front_of_the_name(void **state)
{
    (void)state;
    struct field_match m = field_of(span_of("my - run 3 - train/loss"));
    assert_int_equal(m.field, FIELD_LOSS);
    ASSERT_SPAN(m.group, "my - run 3");
    assert_int_equal(field_of(span_of("loss")).group.len, 0);
    assert_int_equal(field_of(span_of("run - train/loss__MIN")).field, FIELD_NONE);
    assert_int_equal(field_of(span_of("run - train/loss__MAX")).field, FIELD_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_say_what_a_column_holds),
        cmocka_unit_test(the_barer_name_has_the_lower_rank),
        cmocka_unit_test(a_run_stands_in_front_of_the_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
