#include "test/support/model_folder.h"

#include <math.h>

#include "train/estimate.h"

static struct err err;

static void a_forward_pass_takes_time_and_no_gradient_is_touched(void **state)
{
    (void)state;
    struct engine e = {.backend = *plain_backend()};
    ASSERT_OK(model_open(&e.model, model_folder(TINY_LLAMA), &e.backend, &err));
    double seconds = 0;
    ASSERT_OK(estimate_forward(&e, 20, &seconds, &err));
    assert_true(seconds > 0 && seconds < 1);
    ASSERT_OK(estimate_forward(&e, 1, &seconds, &err)); /* a text of one token */
    assert_true(seconds > 0 && isfinite(seconds));
    model_close(&e.model);
    backend_release(&e.backend);
}

static void what_is_trained_and_what_is_redone_costs(void **state)
{
    (void)state;
    assert_true(fabs(estimate_step_cost(false, 0, 30) - 2.2) < 1e-12);
    assert_true(fabs(estimate_step_cost(true, 0, 30) - 3) < 1e-12);
    assert_true(fabs(estimate_step_cost(false, 15, 30) - 2.7) < 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_forward_pass_takes_time_and_no_gradient_is_touched),
        cmocka_unit_test(what_is_trained_and_what_is_redone_costs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
