#include "test/support/params.h"
#include "test/support/support.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "optim/snapshot.h"

static struct params params, first_time;
static struct backend backend;

static void step(struct optim *o, struct average *a, uint64_t number)
{
    params_set_grads(&params, number);
    optim_step(o, 0.01, 1);
    average_add(a);
}

static void begin(struct optim *o, struct average *a, enum optim_kind kind)
{
    struct err err = {0};
    struct optim_options options;
    struct average_options wanted;
    params_init(&params);
    backend_init(&backend, &backend_ref, NULL);
    optim_options_init(&options);
    options.kind = kind;
    options.momentum = 0.9;
    average_options_init(&wanted, AVERAGE_SUFFIX);
    ASSERT_OK(optim_init(o, &backend, &options, params.list, PARAMS_N, &err));
    ASSERT_OK(average_init(a, &backend, &wanted, params.list, PARAMS_N, &err));
}

static void a_run_goes_on_from_a_snapshot_as_it_did_the_first_time(void **state)
{
    (void)state;
    for (int kind = 0; kind < OPTIM_COUNT; kind++) {
        struct err err = {0};
        struct optim o;
        struct average a;
        struct snapshots s;
        begin(&o, &a, (enum optim_kind)kind);
        ASSERT_OK(snapshots_init(&s, &o, &a, 2, &err));
        step(&o, &a, 0);
        snapshots_keep(&s, 0);
        step(&o, &a, 1);
        snapshots_keep(&s, 1);
        step(&o, &a, 2);
        average_show(&a, true);
        memcpy(&first_time, &params, sizeof params);
        average_show(&a, false);

        /* Broken weights and a broken state leave nothing behind. */
        params_set_grads(&params, 3);
        params.grad[0][0] = NAN;
        optim_step(&o, 0.01, 1);
        snapshots_restore(&s, 0);
        step(&o, &a, 1);
        step(&o, &a, 2);
        average_show(&a, true);
        assert_memory_equal(params.value, first_time.value, sizeof params.value);
        average_show(&a, false);
        assert_int_equal(o.memory.step, 3);
        snapshots_release(&s);
        average_release(&a);
        optim_release(&o);
    }
}

static void a_snapshot_without_an_average_is_smaller(void **state)
{
    (void)state;
    struct err err = {0};
    struct optim o;
    struct average a;
    struct snapshots s;
    begin(&o, &a, OPTIM_ADAMW);
    size_t n = PARAMS_ROWS * PARAMS_WIDTH + 50 + 600;
    assert_true(snapshot_bytes(&o, NULL) >= 12 * n);
    assert_int_equal(snapshot_bytes(&o, &a), snapshot_bytes(&o, NULL) + 4 * n);
    ASSERT_OK(snapshots_init(&s, &o, NULL, 1, &err));
    float before = params.value[0][0];
    snapshots_keep(&s, 0);
    params_set_grads(&params, 1);
    optim_step(&o, 0.01, 1);
    assert_true(params.value[0][0] != before);
    snapshots_restore(&s, 0);
    assert_true(params.value[0][0] == before);
    snapshots_release(&s);
    mem_fail_after(2);
    ASSERT_FAILS(snapshots_init(&s, &o, NULL, 3, &err), "3 copies of the training's state");
    mem_fail_after(0);
    average_release(&a);
    optim_release(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_goes_on_from_a_snapshot_as_it_did_the_first_time),
        cmocka_unit_test(a_snapshot_without_an_average_is_smaller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
