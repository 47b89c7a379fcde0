#include "test/support/params.h"
#include "test/support/support.h"

#include <math.h>

#include "optim/grad.h"

static struct params params;
static struct backend backend;

static void the_norm_is_of_all_gradients_as_one(void **state)
{
    (void)state;
    uint64_t not_finite;
    double sum = 0;
    backend_init(&backend, &backend_cpu, NULL);
    params_init(&params);
    for (size_t i = 0; i < PARAMS_N; i++)
        for (size_t k = 0; k < param_count(&params.all[i]); k++)
            sum += (double)params.grad[i][k] * (double)params.grad[i][k];
    double norm = grad_norm(&backend, params.list, PARAMS_N, &not_finite);
    assert_true(fabs(norm / sqrt(sum) - 1) < 1e-12);
    assert_int_equal(not_finite, 0);
    grad_zero(&backend, params.list, PARAMS_N);
    assert_true(grad_norm(&backend, params.list, PARAMS_N, &not_finite) == 0);
}

static void gradients_that_are_not_finite_are_counted(void **state)
{
    (void)state;
    const struct backend_ops *const backends[] = {&backend_ref, &backend_cpu};
    for (size_t i = 0; i < COUNT_OF(backends); i++) {
        uint64_t not_finite;
        backend_init(&backend, backends[i], NULL);
        params_init(&params);
        params.grad[0][3] = INFINITY;
        params.grad[1][49] = -INFINITY; /* behind the last eight */
        params.grad[2][1] = NAN;
        assert_true(isnan(grad_norm(&backend, params.list, PARAMS_N, &not_finite)));
        assert_int_equal(not_finite, 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_norm_is_of_all_gradients_as_one),
        cmocka_unit_test(gradients_that_are_not_finite_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
