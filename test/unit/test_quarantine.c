#include "test/support/decoder.h"
#include "test/support/rows.h"

#include <math.h>

#include "train/quarantine.h"

enum { LONGEST = 30, TOKENS = 200, N_ROWS = 8, BAD_TOKEN = 7 };

static struct quarantine q;

static int begin(void **state)
{
    (void)state;
    q = (struct quarantine){0};
    return 0;
}

static bool is_left_out(uint32_t row)
{
    return quarantine_filter(&q, &row, 1) == 0;
}

static void what_is_out_is_taken_from_the_list_in_order(void **state)
{
    (void)state;
    uint32_t rows[] = {5, 2, 9, 4};
    quarantine_add(&q, 2, 0, QUARANTINE_NOT_FINITE, QUARANTINE_FOUND);
    quarantine_add(&q, 4, 0, QUARANTINE_NOT_FINITE, QUARANTINE_OUT);
    quarantine_add(&q, 9, 0, QUARANTINE_OUTLIER, QUARANTINE_STRUCK);
    assert_int_equal(quarantine_filter(&q, rows, 4), 2);
    assert_int_equal(rows[0], 5);
    assert_int_equal(rows[1], 9);
}

static void each_row_that_is_found_is_told_once(void **state)
{
    (void)state;
    quarantine_add(&q, 2, 8, QUARANTINE_NOT_FINITE, QUARANTINE_FOUND);
    quarantine_add(&q, 4, 8, QUARANTINE_NOT_FINITE, QUARANTINE_STRUCK);
    const struct quarantined *found = quarantine_next(&q);
    assert_true(found && found->row == 2 && found->step == 8);
    assert_null(quarantine_next(&q));
    assert_true(is_left_out(2) && !is_left_out(4));
}

static void a_suspect_is_judged_by_the_next_batch(void **state)
{
    (void)state;
    quarantine_add(&q, 2, 8, QUARANTINE_NOT_FINITE, QUARANTINE_SUSPECT);
    assert_false(is_left_out(2));
    quarantine_settle(&q, false);
    assert_false(is_left_out(2));
    quarantine_settle(&q, true);
    assert_false(is_left_out(2));
    quarantine_add(&q, 2, 9, QUARANTINE_NOT_FINITE, QUARANTINE_SUSPECT);
    quarantine_settle(&q, true);
    assert_true(is_left_out(2));
}

static void a_run_that_goes_back_forgives_once(void **state)
{
    (void)state;
    quarantine_add(&q, 1, 4, QUARANTINE_NOT_FINITE, QUARANTINE_OUT);
    quarantine_add(&q, 2, 8, QUARANTINE_NOT_FINITE, QUARANTINE_OUT);
    quarantine_lift(&q, 5);
    assert_true(is_left_out(1)); /* noticed before the step that is gone back to */
    assert_false(is_left_out(2));
    quarantine_add(&q, 2, 8, QUARANTINE_NOT_FINITE, QUARANTINE_OUT);
    quarantine_lift(&q, 5);
    assert_true(is_left_out(2));
}

static void a_full_list_takes_no_more(void **state)
{
    (void)state;
    for (uint32_t row = 0; row < QUARANTINE_MOST + 3; row++)
        quarantine_add(&q, row, 0, QUARANTINE_NOT_FINITE, QUARANTINE_OUT);
    assert_int_equal(q.n, QUARANTINE_MOST);
    assert_true(is_left_out(QUARANTINE_MOST - 1) && !is_left_out(QUARANTINE_MOST));
    quarantine_add(&q, 3, 5, QUARANTINE_OUTLIER, QUARANTINE_OUT); /* a known one is still known */
    assert_int_equal(q.rows[3].strikes, 2);
}

/* -------------------------------------------------------------------------------- examining -- */

static struct rows rows;
static struct arena arena;

struct model {
    struct toy_decoder d;
    struct run run;
    struct stepper stepper;
    struct param *trained[DECODER_PARAMS_MOST];
    size_t n_trained;
};

/* A model whose token BAD_TOKEN has an embedding beyond all numbers; rows `bad` (bits) have it. */
static void make(struct model *m, unsigned bad)
{
    struct err err = {0};
    *m = (struct model){0};
    rows_fill(&rows, 9, N_ROWS, LONGEST, 5);
    for (uint32_t row = 0; row < N_ROWS; row++)
        if (bad >> row & 1)
            rows.ids[rows.row[row].first] = BAD_TOKEN;
    toy_decoder_make(&m->d, &decoder_kinds[1]);
    struct param *embedding = m->d.params[0];
    for (size_t i = 0; i < embedding->weight.width; i++)
        embedding->value[BAD_TOKEN * embedding->weight.width + i] = 3e38f;
    for (size_t i = 0; i < m->d.n_params; i++)
        if (m->d.params[i]->grad)
            m->trained[m->n_trained++] = m->d.params[i];
    struct run_options o = {.rows = TOKENS, .targets = TOKENS, .keys = LONGEST, .trains = true};
    ASSERT_OK(run_init(&m->run, &m->d.tape, &m->d.backend, &o, &err));
    stepper_init(&m->stepper, &arena,
                 &(struct stepper_options){.run = &m->run,
                                           .params = m->trained,
                                           .n_params = m->n_trained,
                                           .batches = {.tokens = TOKENS, .rows = ROWS_MOST}});
}

static void release(struct model *m)
{
    run_release(&m->run);
    toy_decoder_release(&m->d);
}

static unsigned left_out(void)
{
    unsigned out = 0;
    for (uint32_t row = 0; row < N_ROWS; row++)
        out |= (unsigned)is_left_out(row) << row;
    return out;
}

static void rows_that_break_a_batch_are_found(void **state)
{
    (void)state;
    for (int64_t step = -1; step <= 3; step += 4) { /* held out, and trained on */
        struct model m;
        q = (struct quarantine){0};
        make(&m, 0x24);
        struct step_sums sums;
        struct quarantine_batch batch = {&m.stepper, &rows.store, rows.list, N_ROWS};
        if (step < 0)
            quarantine_evaluate(&q, &batch, &sums);
        else
            quarantine_train(&q, &batch, step, &sums);
        assert_int_equal(left_out(), 0x24);
        assert_int_equal(batch.n, N_ROWS - 2);
        assert_true(isfinite(sums.loss) && isfinite(sums.grad_norm) && q.examined > 0);
        release(&m);
    }
}

static void where_all_rows_break_none_is_out_yet(void **state)
{
    (void)state;
    struct model m;
    struct step_sums sums;
    make(&m, 0xff);
    struct quarantine_batch batch = {&m.stepper, &rows.store, rows.list, N_ROWS};
    quarantine_train(&q, &batch, 3, &sums);
    assert_true(batch.n == N_ROWS && isnan(sums.loss));
    assert_int_equal(left_out(), 0);
    quarantine_settle(&q, true);
    unsigned with_targets = left_out(); /* a row without targets has no loss to be judged by */
    assert_true(with_targets != 0);
    release(&m);
}

static void a_row_that_makes_most_of_the_gradient_twice_is_out(void **state)
{
    (void)state;
    struct model m;
    make(&m, 0);
    struct step_sums sums;
    double most = 0;
    uint32_t worst = 0;
    for (uint32_t row = 0; row < N_ROWS; row++) {
        stepper_train(&m.stepper, &rows.store, &row, 1, 0, &sums);
        double share = (double)sums.targets * sums.grad_norm;
        worst = sums.targets > 0 && share > most ? row : worst;
        most = sums.targets > 0 ? fmax(most, share) : most;
    }
    uint32_t two[] = {worst, 0}; /* beside it, one without weight */
    for (uint32_t row = 0; row < N_ROWS; row++)
        if (row != worst && rows.row[row].len < rows.row[two[1]].len)
            two[1] = row;
    struct quarantine_batch batch = {&m.stepper, &rows.store, two, 2};
    quarantine_blame(&q, &batch, 0);
    assert_false(is_left_out(worst));
    quarantine_blame(&q, &batch, 5);
    assert_true(is_left_out(worst) && !is_left_out(two[1]));
    assert_int_equal(q.rows[0].why, QUARANTINE_OUTLIER);
    release(&m);
}

static int end(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_out_is_taken_from_the_list_in_order, begin),
        cmocka_unit_test_setup(each_row_that_is_found_is_told_once, begin),
        cmocka_unit_test_setup(a_suspect_is_judged_by_the_next_batch, begin),
        cmocka_unit_test_setup(a_run_that_goes_back_forgives_once, begin),
        cmocka_unit_test_setup(a_full_list_takes_no_more, begin),
        cmocka_unit_test_setup(rows_that_break_a_batch_are_found, begin),
        cmocka_unit_test_setup(where_all_rows_break_none_is_out_yet, begin),
        cmocka_unit_test_setup(a_row_that_makes_most_of_the_gradient_twice_is_out, begin),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
