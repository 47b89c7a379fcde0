#include "test/support/decoder.h"
#include "test/support/rows.h"

#include <math.h>

#include "train/step.h"

enum { LONGEST = 50, TOKENS = 400 };

static struct rows rows;
static struct arena arena;

struct setup {
    struct toy_decoder d;
    struct run run;
    struct stepper s;
    struct param *trained[DECODER_PARAMS_MOST];
    size_t n_trained;
};

static void begin(struct setup *t, const struct decoder_options *kind, size_t tokens, bool shares)
{
    struct err err = {0};
    *t = (struct setup){0};
    toy_decoder_make(&t->d, kind);
    for (size_t i = 0; i < t->d.n_params; i++)
        if (t->d.params[i]->grad)
            t->trained[t->n_trained++] = t->d.params[i];
    struct run_options o = {.rows = tokens, .targets = tokens, .keys = LONGEST, .trains = true};
    ASSERT_OK(run_init(&t->run, &t->d.tape, &t->d.backend, &o, &err));
    stepper_init(&t->s, &arena,
                 &(struct stepper_options){
                     .run = &t->run,
                     .params = t->trained,
                     .n_params = t->n_trained,
                     .batches = {.tokens = tokens, .rows = ROWS_MOST, .shares = shares}});
}

static void end(struct setup *t)
{
    run_release(&t->run);
    toy_decoder_release(&t->d);
}

/* One step's gradients, and its loss. */
static float *train(const struct decoder_options *kind, size_t tokens, bool shares,
                    struct step_sums *sums, size_t *n)
{
    struct setup t;
    begin(&t, kind, tokens, shares);
    stepper_train(&t.s, &rows.store, rows.list, rows.store.n_rows, 3, sums);
    float *gradients = toy_decoder_gradients(&t.d, &arena, n);
    end(&t);
    return gradients;
}

static double distance(const float *a, const float *b, size_t n)
{
    double error = 0, norm = 0;
    for (size_t i = 0; i < n; i++) {
        error += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        norm += (double)a[i] * (double)a[i];
    }
    return sqrt(error / norm);
}

static void shared_beginnings_change_neither_loss_nor_gradients(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < decoder_kind_count; kind++) {
        struct decoder_options options = decoder_kinds[kind];
        struct step_sums apart, together, small;
        size_t n;
        options.dropout = 0;
        rows_fill(&rows, kind, 12, LONGEST, (uint32_t)options.vocabulary);
        float *wanted = train(&options, TOKENS, false, &apart, &n);
        float *found = train(&options, TOKENS, true, &together, &n);
        float *pieces = train(&options, LONGEST, true, &small, &n);
        assert_true(together.computed < apart.computed && apart.computed == apart.tokens);
        assert_true(small.batches > together.batches && small.targets == apart.targets);
        assert_true(fabs(together.loss / apart.loss - 1) < 1e-6);
        assert_true(fabs(small.loss / apart.loss - 1) < 1e-6);
        assert_true(distance(wanted, found, n) < 1e-5);
        assert_true(distance(wanted, pieces, n) < 1e-5);
        assert_true(fabs(together.grad_norm / apart.grad_norm - 1) < 1e-5);
    }
    arena_release(&arena);
}

static void an_evaluation_has_the_loss_of_training(void **state)
{
    (void)state;
    struct setup t;
    struct step_sums trained, evaluated;
    rows_fill(&rows, 5, 40, LONGEST, 13);
    begin(&t, &decoder_kinds[0], TOKENS, true);
    stepper_train(&t.s, &rows.store, rows.list, 40, 0, &trained);
    stepper_evaluate(&t.s, &rows.store, rows.list, 40, &evaluated);
    assert_true(fabs(trained.loss / evaluated.loss - 1) < 1e-7);
    assert_true(evaluated.correct <= evaluated.targets);
    assert_int_equal(trained.targets, evaluated.targets);
    t.s.options.batches.rows = 7; /* in several goes */
    stepper_evaluate(&t.s, &rows.store, rows.list, 40, &evaluated);
    assert_true(fabs(trained.loss / evaluated.loss - 1) < 1e-6);
    assert_int_equal(trained.targets, evaluated.targets);
    end(&t);
    arena_release(&arena);
}

/* Also where rows share beginnings, and where they go through in several goes. */
static void each_row_has_the_loss_that_it_has_alone(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < decoder_kind_count; kind++) {
        struct setup t;
        struct step_sums sums, alone;
        struct row_loss losses[40];
        static float token[ROWS_TOKENS_MOST];
        double all = 0;
        uint64_t correct = 0;
        rows_fill(&rows, 5 + kind, 40, LONGEST, (uint32_t)decoder_kinds[kind].vocabulary);
        begin(&t, &decoder_kinds[kind], TOKENS, kind % 3 > 0);
        t.s.options.batches.rows = kind % 2 ? 40 : 7;
        stepper_evaluate_rows(&t.s, &rows.store, rows.list, 40, losses, &sums);
        stepper_evaluate_tokens(&t.s, &rows.store, rows.list, 40, token);
        for (uint32_t i = 0; i < 40; i++) {
            const struct stored_row *row = &rows.row[i];
            double sum = 0;
            stepper_evaluate(&t.s, &rows.store, &i, 1, &alone);
            assert_int_equal(losses[i].targets, alone.targets);
            correct += losses[i].correct;
            if (alone.targets == 0) {
                assert_true(losses[i].sum == 0);
                continue;
            }
            for (uint64_t k = row->first; k < row->first + row->len; k++)
                sum += (double)token[k];
            double wanted = alone.loss * (double)alone.targets;
            assert_true(fabs(losses[i].sum / wanted - 1) < 2e-6);
            assert_true(fabs(sum / wanted - 1) < 2e-6);
            all += losses[i].sum;
        }
        assert_true(fabs(all / (sums.loss * (double)sums.targets) - 1) < 1e-9);
        assert_int_equal(correct, sums.correct);
        end(&t);
    }
    arena_release(&arena);
}

static void dropout_is_drawn_anew_for_each_step(void **state)
{
    (void)state;
    struct setup t;
    struct step_sums first, again, next;
    rows_fill(&rows, 5, 10, LONGEST, 13);
    begin(&t, &decoder_kinds[2], TOKENS, false);
    stepper_train(&t.s, &rows.store, rows.list, 10, 0, &first);
    stepper_train(&t.s, &rows.store, rows.list, 10, 0, &again);
    stepper_train(&t.s, &rows.store, rows.list, 10, 1, &next);
    assert_true(first.loss == again.loss && first.grad_norm == again.grad_norm);
    assert_true(first.loss != next.loss);
    end(&t);
    arena_release(&arena);
}

static void rows_without_targets_have_no_loss(void **state)
{
    (void)state;
    struct setup t;
    struct step_sums sums;
    const uint32_t ids[4] = {1, 2, 3, 4};
    rows_init(&rows);
    rows_add(&rows, ids, 4, 4);
    begin(&t, &decoder_kinds[0], TOKENS, true);
    stepper_train(&t.s, &rows.store, rows.list, 1, 0, &sums);
    assert_true(isnan(sums.loss) && sums.targets == 0 && sums.grad_norm == 0);
    end(&t);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_beginnings_change_neither_loss_nor_gradients),
        cmocka_unit_test(an_evaluation_has_the_loss_of_training),
        cmocka_unit_test(each_row_has_the_loss_that_it_has_alone),
        cmocka_unit_test(dropout_is_drawn_anew_for_each_step),
        cmocka_unit_test(rows_without_targets_have_no_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
