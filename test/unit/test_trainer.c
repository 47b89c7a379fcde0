#include "test/support/decoder.h"
#include "test/support/rows.h"

#include <math.h>

#include "train/trainer.h"

enum { LONGEST = 30, TOKENS = 200, STEPS = 12, N_ROWS = 24, N_EVAL = 6 };

static struct rows rows;

struct seen {
    double loss[64], rate[64], eval[64];
    int64_t eval_step[64];
    size_t n, n_evals;
    int64_t stop_at; /* 0: never */
    uint32_t rows;   /* in quarantine, as bits */
    size_t n_rows;
};

/* A model, its memory and a run of it. */
struct setup {
    struct arena arena;
    struct toy_decoder d;
    struct run run;
    struct stepper stepper;
    struct optim optim;
    struct average average;
    struct snapshots snapshots;
    struct quarantine quarantine;
    struct trainer trainer;
    struct trainer_options options;
    struct param *trained[DECODER_PARAMS_MOST];
    size_t n_trained;
    struct seen seen;
};

static bool listen(void *context, const struct trainer_event *event)
{
    struct seen *s = context;
    if (event->moment == TRAINER_EVAL) {
        s->eval_step[s->n_evals] = event->step;
        s->eval[s->n_evals++] = event->sums->loss;
        return true;
    }
    s->rate[s->n] = event->decision.learning_rate;
    s->loss[s->n++] = event->sums->loss;
    return event->step != s->stop_at;
}

static void choose_options(struct setup *t)
{
    t->options = (struct trainer_options){.stepper = &t->stepper,
                                          .optim = &t->optim,
                                          .store = &rows.store,
                                          .order = {.rows = rows.list,
                                                    .n = N_ROWS - N_EVAL,
                                                    .batch_rows = 5,
                                                    .shuffles = true,
                                                    .seed = 1},
                                          .eval_rows = rows.list + N_ROWS - N_EVAL,
                                          .n_eval = N_EVAL,
                                          .eval_steps = 5,
                                          .on_event = listen,
                                          .context = &t->seen};
    pace_rate_options_init(&t->options.rate);
    t->options.rate.guard = PACE_GUARD_OFF;
    t->options.rate.schedule.learning_rate = 0.02;
    t->options.rate.schedule.total_steps = STEPS;
    t->options.rate.schedule.warmup_steps = 2;
}

static void begin(struct setup *t, enum optim_kind kind)
{
    struct err err = {0};
    struct optim_options optim;
    struct average_options average;
    *t = (struct setup){0};
    rows_fill(&rows, 9, N_ROWS, LONGEST, 5);
    toy_decoder_make(&t->d, &decoder_kinds[1]);
    for (size_t i = 0; i < t->d.n_params; i++)
        if (t->d.params[i]->grad)
            t->trained[t->n_trained++] = t->d.params[i];
    struct run_options o = {.rows = TOKENS, .targets = TOKENS, .keys = LONGEST, .trains = true};
    ASSERT_OK(run_init(&t->run, &t->d.tape, &t->d.backend, &o, &err));
    stepper_init(&t->stepper, &t->arena,
                 &(struct stepper_options){
                     .run = &t->run,
                     .params = t->trained,
                     .n_params = t->n_trained,
                     .batches = {.tokens = TOKENS, .rows = ROWS_MOST, .shares = true}});
    optim_options_init(&optim);
    optim.kind = kind;
    ASSERT_OK(optim_init(&t->optim, &t->d.backend, &optim, t->trained, t->n_trained, &err));
    average_options_init(&average, AVERAGE_SUFFIX);
    ASSERT_OK(average_init(&t->average, &t->d.backend, &average, t->trained, t->n_trained, &err));
    ASSERT_OK(snapshots_init(&t->snapshots, &t->optim, &t->average, PACE_SLOTS, &err));
    choose_options(t);
}

static enum trainer_end run_it(struct setup *t)
{
    trainer_init(&t->trainer, &t->arena, &t->options);
    return trainer_run(&t->trainer);
}

static void end(struct setup *t)
{
    snapshots_release(&t->snapshots);
    average_release(&t->average);
    optim_release(&t->optim);
    run_release(&t->run);
    toy_decoder_release(&t->d);
    arena_release(&t->arena);
}

static void a_run_makes_its_steps_and_learns(void **state)
{
    (void)state;
    for (int kind = 0; kind < OPTIM_COUNT; kind++) {
        struct setup t;
        begin(&t, (enum optim_kind)kind);
        if (kind == OPTIM_PRODIGY || kind == OPTIM_SGD)
            t.options.rate.schedule.learning_rate = 1;
        assert_int_equal(run_it(&t), TRAINER_DONE);
        assert_int_equal(t.seen.n, STEPS);
        assert_int_equal(t.seen.n_evals, 3); /* 5, 10, 12 */
        assert_int_equal(t.seen.eval_step[2], STEPS);
        assert_true(t.seen.rate[0] == 0);
        assert_true(fabs(t.seen.rate[1] - t.options.rate.schedule.learning_rate / 2) < 1e-12);
        if (kind != OPTIM_PRODIGY) /* which is still finding out how large a step is */
            assert_true(t.seen.eval[2] < t.seen.eval[0]);
        assert_int_equal(t.trainer.totals.steps, STEPS);
        assert_int_equal(t.trainer.totals.rows, 18 * 3); /* 4 steps an epoch */
        assert_true(t.trainer.last_eval.loss == t.seen.eval[2]);
        end(&t);
    }
}

static void without_held_out_rows_nothing_is_evaluated(void **state)
{
    (void)state;
    struct setup t;
    begin(&t, OPTIM_ADAMW);
    t.options.n_eval = 0;
    t.options.eval_on_start = true;
    assert_int_equal(run_it(&t), TRAINER_DONE);
    assert_int_equal(t.seen.n_evals, 0);
    end(&t);
}

static void the_first_evaluation_can_come_before_the_first_step(void **state)
{
    (void)state;
    struct setup t;
    begin(&t, OPTIM_ADAMW);
    t.options.eval_on_start = true;
    t.options.eval_steps = 0;
    assert_int_equal(run_it(&t), TRAINER_DONE);
    assert_int_equal(t.seen.n_evals, 2);
    assert_int_equal(t.seen.eval_step[0], 0);
    end(&t);
}

static void a_loss_that_is_not_finite_ends_the_run(void **state)
{
    (void)state;
    struct setup t;
    begin(&t, OPTIM_ADAMW);
    t.options.rate.schedule.learning_rate = 1e30;
    assert_int_equal(run_it(&t), TRAINER_STOPPED);
    assert_int_equal(t.trainer.rate.decision.reason, PACE_REASON_NON_FINITE);
    assert_true(t.seen.n < STEPS);
    end(&t);
}

/* Breaks a weight behind step 20, once. */
static bool poison(void *context, const struct trainer_event *event)
{
    struct setup *t = context;
    if (event->step == 20 && t->seen.stop_at == 0) {
        t->trained[0]->value[0] = NAN;
        t->seen.stop_at = -1;
    }
    t->seen.n += event->decision.action == PACE_ROLL_BACK;
    return true;
}

static void a_guarded_run_goes_back_to_a_state_that_worked(void **state)
{
    (void)state;
    struct setup t;
    begin(&t, OPTIM_ADAMW);
    t.options.rate.guard = PACE_GUARD_ACT;
    t.options.rate.n_slots = PACE_SLOTS;
    t.options.rate.schedule.total_steps = 40;
    t.options.snapshots = &t.snapshots;
    t.options.on_event = poison;
    t.options.context = &t;
    assert_int_equal(run_it(&t), TRAINER_DONE);
    assert_int_equal(t.seen.n, 1);
    assert_true(isfinite(t.trainer.last_eval.loss));
    end(&t);
}

static float *weights(struct setup *t, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < t->n_trained; i++)
        *n += param_count(t->trained[i]);
    float *all = arena_array(&t->arena, float, *n), *at = all;
    for (size_t i = 0; i < t->n_trained; i++, at += param_count(t->trained[i - 1]))
        memcpy(at, t->trained[i]->value, param_count(t->trained[i]) * sizeof *at);
    return all;
}

/* With a guard, an average over two of five updates, and everything that can be kept. */
static void guard_it(struct setup *t)
{
    t->options.rate.guard = PACE_GUARD_ACT;
    t->options.rate.n_slots = PACE_SLOTS;
    t->options.snapshots = &t->snapshots;
    t->options.quarantine = &t->quarantine;
    t->options.average = &t->average;
    t->options.average_every = t->options.eval_steps;
    t->options.average_steps = 2;
    t->options.eval_on_start = true;
}

static void assert_same_weights(struct setup *wanted, struct setup *found)
{
    size_t n;
    trainer_show_result(&wanted->trainer, true);
    trainer_show_result(&found->trainer, true);
    float *a = weights(wanted, &n), *b = weights(found, &n);
    assert_memory_equal(a, b, n * sizeof *a);
    trainer_show_result(&wanted->trainer, false);
    trainer_show_result(&found->trainer, false);
}

/* Rows 3 and 11, which are trained on, and 20, which is held out, have a token beyond all numbers.
 */
static void break_rows(struct setup *t)
{
    static const uint32_t broken[] = {3, 11, 20};
    struct param *embedding = t->d.params[0];
    enum { TOKEN = 7 };
    for (size_t i = 0; i < embedding->weight.width; i++)
        embedding->value[TOKEN * embedding->weight.width + i] = 3e38f;
    for (size_t i = 0; i < COUNT_OF(broken); i++) {
        struct stored_row *row = &rows.row[broken[i]];
        rows.ids[row->first] = TOKEN;
        uint64_t last = row->first + row->len - 1;
        rows.mask[last / 8] |= (uint8_t)(1 << last % 8);
        assert_true(row->len > 1);
    }
}

static void a_run_that_is_taken_up_again_ends_with_the_same_weights(void **state)
{
    (void)state;
    for (int64_t stop_at = 1; stop_at < STEPS; stop_at++) {
        struct setup whole, halves;
        begin(&whole, OPTIM_ADAMW);
        guard_it(&whole);
        break_rows(&whole);
        assert_int_equal(run_it(&whole), TRAINER_DONE);
        begin(&halves, OPTIM_ADAMW);
        guard_it(&halves);
        break_rows(&halves);
        halves.seen.stop_at = stop_at; /* 5 and 10: where a held-out loss is due */
        assert_int_equal(run_it(&halves), TRAINER_INTERRUPTED);
        struct trainer kept = halves.trainer;
        trainer_init(&halves.trainer, &halves.arena, &halves.options);
        halves.trainer.rate = kept.rate;
        halves.trainer.best = kept.best;
        halves.trainer.wants_eval = kept.wants_eval;
        assert_int_equal(trainer_run(&halves.trainer), TRAINER_DONE);
        assert_int_equal(halves.seen.n_evals, whole.seen.n_evals);
        assert_same_weights(&whole, &halves);
        end(&whole);
        end(&halves);
    }
}

static void note_row(void *context, const struct quarantined *row)
{
    struct seen *s = context;
    s->rows |= 1u << row->row;
    s->n_rows++;
}

static void rows_that_are_not_finite_are_left_out_and_told(void **state)
{
    (void)state;
    for (size_t batch = 1; batch <= 6; batch++) {
        struct setup t;
        begin(&t, OPTIM_ADAMW);
        guard_it(&t);
        break_rows(&t);
        t.options.order.batch_rows = batch;
        t.options.rate.schedule.total_steps = 40;
        t.options.on_quarantine = note_row;
        assert_int_equal(run_it(&t), TRAINER_DONE);
        assert_int_equal(t.seen.rows, 1u << 3 | 1u << 11 | 1u << 20);
        assert_int_equal(t.seen.n_rows, 3);
        for (size_t i = 0; i < t.seen.n_evals; i++)
            assert_true(isfinite(t.seen.eval[i]));
        for (size_t i = 0; i < t.seen.n && batch > 1; i++)
            assert_true(isfinite(t.seen.loss[i]));
        assert_true(t.trainer.last_eval.loss < t.seen.eval[0]);
        end(&t);
    }
}

static void a_run_in_parts_is_the_run_at_once(void **state)
{
    (void)state;
    struct setup whole, parts;
    begin(&whole, OPTIM_ADAMW);
    guard_it(&whole);
    assert_int_equal(run_it(&whole), TRAINER_DONE);
    begin(&parts, OPTIM_ADAMW);
    guard_it(&parts);
    trainer_init(&parts.trainer, &parts.arena, &parts.options);
    for (int64_t step = 1; step < STEPS; step++) {
        assert_int_equal(trainer_run_until(&parts.trainer, step), TRAINER_PAUSED);
        assert_int_equal(parts.trainer.rate.step, step);
        assert_false(parts.trainer.wants_eval);
    }
    assert_int_equal(trainer_run_until(&parts.trainer, STEPS), TRAINER_DONE);
    assert_int_equal(parts.seen.n_evals, whole.seen.n_evals);
    assert_same_weights(&whole, &parts);
    end(&whole);
    end(&parts);
}

/* Adds up the weights behind the given steps. */
struct sums {
    struct setup *setup;
    int64_t first, last;
    double sum[1 << 14];
};

static bool add_weights(void *context, const struct trainer_event *event)
{
    struct sums *s = context;
    size_t n;
    if (event->moment != TRAINER_STEP || event->step < s->first || event->step > s->last)
        return true;
    float *w = weights(s->setup, &n);
    for (size_t i = 0; i < n; i++)
        s->sum[i] += (double)w[i] / (double)(s->last - s->first + 1);
    return true;
}

static void the_average_is_over_the_last_updates_before_an_evaluation(void **state)
{
    (void)state;
    static const struct {
        int64_t until, first;
    } ends[] = {{5, 4}, {10, 9}, {STEPS, 11}};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        struct setup t;
        static struct sums s;
        size_t n;
        begin(&t, OPTIM_ADAMW);
        guard_it(&t);
        t.options.rate.guard = PACE_GUARD_OFF; /* nothing is chosen */
        t.options.rate.n_slots = 0;
        s = (struct sums){.setup = &t, .first = ends[i].first, .last = ends[i].until};
        t.options.on_event = add_weights;
        t.options.context = &s;
        t.options.eval_steps = 0;
        t.options.n_eval = 0;
        trainer_init(&t.trainer, &t.arena, &t.options);
        (void)trainer_run_until(&t.trainer, ends[i].until);
        assert_int_equal(t.average.n, 2);
        trainer_show_result(&t.trainer, true);
        float *shown = weights(&t, &n);
        for (size_t k = 0; k < n; k++)
            assert_true(fabs((double)shown[k] - s.sum[k]) < 1e-6);
        end(&t);
    }
}

static void between_averages_there_is_none(void **state)
{
    (void)state;
    struct setup t;
    size_t n;
    begin(&t, OPTIM_ADAMW);
    guard_it(&t);
    trainer_init(&t.trainer, &t.arena, &t.options);
    assert_int_equal(trainer_run_until(&t.trainer, 7), TRAINER_PAUSED);
    float *trained = weights(&t, &n);
    trainer_show_result(&t.trainer, true);
    assert_memory_equal(weights(&t, &n), trained, n * sizeof *trained);
    end(&t);
}

static double result_loss(struct setup *t)
{
    struct step_sums sums;
    trainer_show_result(&t->trainer, true);
    stepper_evaluate(&t->stepper, &rows.store, t->options.eval_rows, N_EVAL, &sums);
    trainer_show_result(&t->trainer, false);
    return sums.loss;
}

/* The rows' places are such that the tokens learnt are wrong for the held-out ones. */
static void a_guarded_run_ends_with_the_lowest_held_out_loss(void **state)
{
    (void)state;
    static const double rates[] = {0.01, 0.05, 0.2, 0.5};
    unsigned seen = 0;
    for (size_t i = 0; i < 2 * COUNT_OF(rates); i++) {
        struct setup t;
        struct buf text;
        begin(&t, OPTIM_ADAMW);
        guard_it(&t);
        t.options.rate.schedule.learning_rate = rates[i % COUNT_OF(rates)];
        if (i >= COUNT_OF(rates))
            t.options.rate.schedule.kind = PACE_SCHEDULE_CONSTANT;
        t.options.rate.schedule.total_steps = 40;
        enum trainer_end how = run_it(&t);
        const struct trainer_choice *c = &t.trainer.choice;
        seen |= 1u << c->state;
        double found = result_loss(&t), lowest = INFINITY;
        if (how == TRAINER_DONE)
            lowest = fmin(c->last_loss, isnan(c->average_loss) ? INFINITY : c->average_loss);
        for (size_t k = 0; k < t.seen.n_evals; k++)
            lowest = fmin(lowest, t.seen.eval[k]);
        assert_true(found == lowest);
        buf_init(&text, 400);
        trainer_explain_choice(c, &text);
        assert_true(text.len > 40 && !text.overflowed);
        buf_release(&text);
        end(&t);
    }
    assert_int_equal(seen, 1u << TRAINER_LAST | 1u << TRAINER_AVERAGE | 1u << TRAINER_KEPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_makes_its_steps_and_learns),
        cmocka_unit_test(without_held_out_rows_nothing_is_evaluated),
        cmocka_unit_test(the_first_evaluation_can_come_before_the_first_step),
        cmocka_unit_test(a_loss_that_is_not_finite_ends_the_run),
        cmocka_unit_test(a_guarded_run_goes_back_to_a_state_that_worked),
        cmocka_unit_test(a_run_that_is_taken_up_again_ends_with_the_same_weights),
        cmocka_unit_test(rows_that_are_not_finite_are_left_out_and_told),
        cmocka_unit_test(a_run_in_parts_is_the_run_at_once),
        cmocka_unit_test(the_average_is_over_the_last_updates_before_an_evaluation),
        cmocka_unit_test(between_averages_there_is_none),
        cmocka_unit_test(a_guarded_run_ends_with_the_lowest_held_out_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
