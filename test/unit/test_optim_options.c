#include "test/support/support.h"

#include <math.h>
#include <string.h>

#include "optim/optim_options.h"

static void optimizers_have_hugging_faces_names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum optim_kind kind;
    } names[] = {{"adamw_torch", OPTIM_ADAMW},
                 {"adamw_torch_fused", OPTIM_ADAMW},
                 {"paged_adamw_32bit", OPTIM_ADAMW},
                 {"adamw_8bit", OPTIM_ADAMW_8BIT},
                 {"adamw_bnb_8bit", OPTIM_ADAMW_8BIT},
                 {"sgd", OPTIM_SGD},
                 {"lion_32bit", OPTIM_LION},
                 {"adafactor", OPTIM_ADAFACTOR},
                 {"schedule_free_adamw", OPTIM_SCHEDULE_FREE},
                 {"prodigy", OPTIM_PRODIGY}};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        enum optim_kind kind = OPTIM_COUNT;
        assert_true(optim_find(span_of(names[i].name), &kind));
        assert_int_equal(kind, names[i].kind);
    }
    enum optim_kind kind;
    assert_false(optim_find(span_of("adamax"), &kind));
    for (int i = 0; i < OPTIM_COUNT; i++) {
        assert_true(optim_find(span_of(optim_name((enum optim_kind)i)), &kind));
        assert_int_equal(kind, i);
        assert_true(strlen(optim_about((enum optim_kind)i)) > 10);
    }
}

static void the_defaults_are_hugging_faces(void **state)
{
    (void)state;
    struct optim_options o;
    optim_options_init(&o);
    assert_int_equal(o.kind, OPTIM_ADAMW);
    assert_true(o.beta1 == 0.9 && o.beta2 == 0.999 && o.eps == 1e-8 && o.weight_decay == 0);
    assert_false(o.scale_parameter || o.relative_step || o.nesterov);
}

static void arguments_are_set_by_name(void **state)
{
    (void)state;
    struct err err = {0};
    struct optim_options o;
    optim_options_init(&o);
    ASSERT_OK(optim_options_read(&o, span_of(""), &err));
    o.kind = OPTIM_SGD;
    ASSERT_OK(optim_options_read(&o, span_of("momentum=0.9,nesterov=true"), &err));
    assert_true(o.momentum == 0.9 && o.nesterov);
    ASSERT_OK(optim_options_read(&o, span_of("nesterov=False"), &err));
    assert_false(o.nesterov);
    o.kind = OPTIM_ADAFACTOR;
    ASSERT_OK(optim_options_read(&o, span_of("decay_rate=-0.5,relative_step=1"), &err));
    assert_true(o.decay_rate == -0.5 && o.relative_step);
    o.kind = OPTIM_PRODIGY;
    ASSERT_OK(optim_options_read(&o, span_of("growth_rate=1.02"), &err));
    assert_true(o.growth_rate == 1.02);
}

static void what_an_optimizer_does_not_take_is_refused(void **state)
{
    (void)state;
    struct err err = {0};
    struct optim_options o;
    optim_options_init(&o);
    ASSERT_FAILS(optim_options_read(&o, span_of("momentum=0.9"), &err), "takes no 'momentum'");
    ASSERT_FAILS(optim_options_read(&o, span_of("beta1"), &err), "'' is not a number");
    ASSERT_FAILS(optim_options_read(&o, span_of("beta2=1"), &err), "from 0 to below 1");
    ASSERT_FAILS(optim_options_read(&o, span_of("eps=nan"), &err), "'nan' is not a number");
    o.kind = OPTIM_SGD;
    ASSERT_FAILS(optim_options_read(&o, span_of("momentum=.5,nesterov=yes"), &err), "neither true");
    o.momentum = 0;
    ASSERT_FAILS(optim_options_read(&o, span_of("nesterov=true"), &err), "needs a momentum");
    assert_int_equal(err.kind, ERR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(optimizers_have_hugging_faces_names),
        cmocka_unit_test(the_defaults_are_hugging_faces),
        cmocka_unit_test(arguments_are_set_by_name),
        cmocka_unit_test(what_an_optimizer_does_not_take_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
