#include "test/support/params.h"
#include "test/support/support.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "optim/optim.h"

static struct params params, other;
static struct backend backend;

static void begin(struct optim *o, const struct optim_options *options)
{
    struct err err = {0};
    params_init(&params);
    backend_init(&backend, &backend_ref, NULL);
    ASSERT_OK(optim_init(o, &backend, options, params.list, PARAMS_N, &err));
}

static struct optim_options options_of(enum optim_kind kind)
{
    struct optim_options options;
    optim_options_init(&options);
    options.kind = kind;
    options.weight_decay = 0.1;
    return options;
}

/* One step of each by hand, for one element. */
static void the_first_step_of_each_is_as_written(void **state)
{
    (void)state;
    const double rate = 0.01, decay = 0.1;
    for (int kind = 0; kind < OPTIM_COUNT; kind++) {
        struct optim_options options = options_of((enum optim_kind)kind);
        struct optim o;
        begin(&o, &options);
        double w = (double)params.value[0][5], g = (double)params.grad[0][5] * 0.5;
        double sign = g > 0 ? 1 : -1;
        optim_step(&o, rate, 0.5);
        double found = (double)params.value[0][5];
        if (kind == OPTIM_SGD)
            assert_true(fabs(found - (w - rate * (g + decay * w))) < 1e-8);
        else if (kind == OPTIM_SCHEDULE_FREE) /* the average is z itself, and so is y */
            assert_true(fabs(found - (w - rate * (sign + decay * w))) < 1e-6);
        else if (kind == OPTIM_PRODIGY) /* m / sqrt(v) = 0.1 / sqrt(0.001), at d0 = 1e-6 */
            assert_true(fabs(found - (w - 1e-6 * rate * (sqrt(10) * sign + decay * w))) < 2e-9);
        else if (kind != OPTIM_ADAFACTOR)
            assert_true(fabs(found - (w * (1 - rate * decay) - rate * sign)) < 1e-6);
        optim_release(&o);
    }
}

static void adafactor_divides_by_the_means_of_rows_and_columns(void **state)
{
    (void)state;
    struct optim_options options = options_of(OPTIM_ADAFACTOR);
    struct optim o;
    options.clip_threshold = 1e6;
    begin(&o, &options);
    double row[PARAMS_ROWS] = {0}, column[PARAMS_WIDTH] = {0}, all = 0;
    for (size_t i = 0; i < PARAMS_ROWS * PARAMS_WIDTH; i++) {
        double square = (double)params.grad[0][i] * (double)params.grad[0][i];
        row[i / PARAMS_WIDTH] += square / PARAMS_WIDTH;
        column[i % PARAMS_WIDTH] += square / PARAMS_ROWS;
        all += square / (PARAMS_ROWS * PARAMS_WIDTH);
    }
    size_t at = 3 * PARAMS_WIDTH + 200;
    double w = (double)params.value[0][at];
    double u = (double)params.grad[0][at] / sqrt(row[3] * column[200] / all);
    optim_step(&o, 1e-3, 1);
    assert_true(fabs((double)params.value[0][at] - (w * (1 - 1e-4) - 1e-3 * u)) < 1e-8);
    optim_release(&o);
}

static void decay_leaves_vectors_alone(void **state)
{
    (void)state;
    struct optim_options options = options_of(OPTIM_ADAMW);
    struct optim o;
    begin(&o, &options);
    for (size_t i = 0; i < PARAMS_N; i++)
        memset(params.grad[i], 0, sizeof params.grad[i]);
    float matrix = params.value[0][0], vector = params.value[1][0];
    optim_step(&o, 0.5, 1);
    assert_true(params.value[1][0] == vector);
    assert_true(params.value[0][0] == matrix * 0.95f);
    optim_release(&o);
}

static void what_is_remembered_is_as_large_as_said(void **state)
{
    (void)state;
    const size_t n = PARAMS_ROWS * PARAMS_WIDTH + 50 + 600;
    uint64_t bytes[OPTIM_COUNT];
    params_init(&params);
    for (int kind = 0; kind < OPTIM_COUNT; kind++) {
        struct optim_options options = options_of((enum optim_kind)kind);
        bytes[kind] = optim_state_bytes(&options, params.list, PARAMS_N);
    }
    assert_int_equal(bytes[OPTIM_SGD], 0);
    assert_true(bytes[OPTIM_ADAMW] >= 8 * n && bytes[OPTIM_ADAMW] < 8 * n + 600);
    assert_true(bytes[OPTIM_ADAMW_8BIT] < bytes[OPTIM_ADAMW] * 3 / 10 + 5200);
    assert_true(bytes[OPTIM_LION] < 4 * n + 400);
    assert_true(bytes[OPTIM_ADAFACTOR] < 4 * (PARAMS_ROWS + PARAMS_WIDTH + 50 + 50) + 400);
    assert_true(bytes[OPTIM_PRODIGY] >= 16 * n);
}

static void small_and_embedded_parameters_keep_32_bits(void **state)
{
    (void)state;
    struct optim_options options = options_of(OPTIM_ADAMW_8BIT);
    struct optim o;
    begin(&o, &options);
    assert_non_null(o.slots[0].code[0]);
    assert_null(o.slots[1].code[0]);
    optim_release(&o);
    params.all[0].name = "model.embed_tokens.weight";
    struct err err = {0};
    ASSERT_OK(optim_init(&o, &backend, &options, params.list, PARAMS_N, &err));
    assert_null(o.slots[0].code[0]);
    optim_release(&o);
}

static void a_gradient_of_zeros_in_8_bits_moves_nothing(void **state)
{
    (void)state;
    struct optim_options options = options_of(OPTIM_ADAMW_8BIT);
    struct optim o;
    options.weight_decay = 0;
    begin(&o, &options);
    float before = params.value[0][0];
    memset(params.grad[0], 0, sizeof params.grad[0]);
    optim_step(&o, 0.1, 1);
    optim_step(&o, 0.1, 1);
    assert_true(params.value[0][0] == before);
    optim_release(&o);
}

static void a_rate_of_zero_changes_nothing(void **state)
{
    (void)state;
    for (int kind = 0; kind < OPTIM_COUNT; kind++) {
        struct optim_options options = options_of((enum optim_kind)kind);
        struct optim o;
        begin(&o, &options);
        memcpy(&other, &params, sizeof params);
        optim_step(&o, 0, 1);
        assert_memory_equal(params.value, other.value, sizeof params.value);
        optim_release(&o);
    }
}

static void the_average_is_shown_and_hidden_without_a_trace(void **state)
{
    (void)state;
    struct optim_options options = options_of(OPTIM_SCHEDULE_FREE);
    struct optim o;
    begin(&o, &options);
    for (uint64_t step = 0; step < 5; step++) {
        params_set_grads(&params, step);
        optim_step(&o, 0.01, 1);
    }
    memcpy(&other, &params, sizeof params);
    optim_show_average(&o, true);
    optim_show_average(&o, true);
    assert_memory_equal(params.value[0], o.slots[0].state[2], sizeof params.value[0]);
    assert_true(params.value[0][0] != other.value[0][0]);
    optim_show_average(&o, false);
    assert_memory_equal(params.value, other.value, sizeof params.value);
    optim_release(&o);
}

static void relative_steps_do_not_ask_for_a_rate(void **state)
{
    (void)state;
    struct optim_options options = options_of(OPTIM_ADAFACTOR);
    options.relative_step = options.scale_parameter = true;
    struct optim o;
    begin(&o, &options);
    optim_step(&o, 123, 1);
    memcpy(&other, &params, sizeof params);
    optim_release(&o);
    begin(&o, &options);
    optim_step(&o, 0, 1);
    assert_memory_equal(params.value, other.value, sizeof params.value);
    optim_release(&o);
}

static void state_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    struct err err = {0};
    struct optim_options options = options_of(OPTIM_ADAMW);
    struct optim o;
    params_init(&params);
    backend_init(&backend, &backend_ref, NULL);
    mem_fail_after(1);
    ASSERT_FAILS(optim_init(&o, &backend, &options, params.list, PARAMS_N, &err),
                 "the state of the optimizer, 0.2 MB, does not fit");
    mem_fail_after(0);
    assert_int_equal(err.kind, ERR_MEMORY);
    optim_release(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_step_of_each_is_as_written),
        cmocka_unit_test(adafactor_divides_by_the_means_of_rows_and_columns),
        cmocka_unit_test(decay_leaves_vectors_alone),
        cmocka_unit_test(what_is_remembered_is_as_large_as_said),
        cmocka_unit_test(small_and_embedded_parameters_keep_32_bits),
        cmocka_unit_test(a_gradient_of_zeros_in_8_bits_moves_nothing),
        cmocka_unit_test(a_rate_of_zero_changes_nothing),
        cmocka_unit_test(the_average_is_shown_and_hidden_without_a_trace),
        cmocka_unit_test(relative_steps_do_not_ask_for_a_rate),
        cmocka_unit_test(state_that_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
