#include "test/support/toy_run.h"

#include <math.h>

#include "base/file.h"
#include "optim/grad.h"
#include "train/preflight.h"
#include "train/run_journal.h"

static struct rows rows;
static struct toy_run t;
static struct preflight p;
static struct preflight_options options;
static struct snapshots snapshots;

static int begin(void **state)
{
    struct err err = {0};
    bool *lora = *state;
    static const char *files[] = {"rows.jsonl"};
    toy_rows_fill(&rows, 1);
    rows.store.files = files;
    toy_run_open(&t, &rows, lora == NULL);
    ASSERT_OK(snapshots_init(&snapshots, &t.optim, NULL, 2, &err));
    options = (struct preflight_options){.stepper = &t.stepper,
                                         .optim = &t.optim,
                                         .snapshots = &snapshots,
                                         .store = &rows.store,
                                         .train = &t.train,
                                         .eval = &t.eval,
                                         .test = &t.test,
                                         .first = rows.list,
                                         .n_first = 8,
                                         .learning_rate = 0.01,
                                         .max_grad_norm = 1,
                                         .vocabulary = TINY_VOCABULARY,
                                         .budget = 1e4,
                                         .step_cost = 3};
    return 0;
}

static int end(void **state)
{
    (void)state;
    snapshots_release(&snapshots);
    toy_run_close(&t);
    return 0;
}

static const struct preflight_check *look(const char *name)
{
    struct err err = {0};
    ASSERT_OK(preflight_run(&p, &options, &err));
    for (size_t i = 0; i < p.n; i++) {
        if (strcmp(p.check[i].name, name) == 0)
            return &p.check[i];
    }
    fail_msg("there is no check %s", name);
    return NULL;
}

static void assert_says(const struct preflight_check *c, enum preflight_action action,
                        const char *text)
{
    if (c->action != action || !strstr(c->reason, text))
        fail_msg("%s: %d, \"%s\"", c->name, (int)c->action, c->reason);
}

/* The first parameter is the embedding: row `id` of it. */
static float *vector_of(uint32_t id)
{
    return t.engine.model.params[0]->value + id * t.engine.model.config.width;
}

static void a_run_as_it_should_be_passes_all_checks(void **state)
{
    (void)state;
    toy_run_train(&t, 8, 0.01); /* random weights say some rows worse than knowing nothing */
    (void)look("targets");
    assert_int_equal(p.n, 4);
    for (size_t i = 0; i < p.n; i++)
        assert_says(&p.check[i], PREFLIGHT_GO, "");
    assert_true(p.cost > 0);
}

static void everything_is_afterwards_what_it_was_before(void **state)
{
    (void)state;
    static const double rates[] = {0.01, 1e6, 1e30};
    size_t n;
    toy_run_train(&t, 2, 0.001); /* the optimiser remembers something */
    grad_zero(&t.engine.backend, t.params, t.n_params);
    for (size_t i = 0; i < COUNT_OF(rates); i++) {
        struct optim_memory memory = t.optim.memory;
        float *before = toy_run_state(&t, &n);
        options.learning_rate = rates[i];
        (void)look("first_step");
        float *after = toy_run_state(&t, &n);
        assert_memory_equal(before, after, n * sizeof *before);
        assert_memory_equal(&memory, &t.optim.memory, sizeof memory);
        assert_false(snapshots.slots[0].is_kept);
    }
}

/* The same steps from there on, to the last bit. */
static void a_run_with_a_preflight_is_the_run_without(void **state)
{
    (void)state;
    static float trained[20000];
    size_t n;
    toy_run_train(&t, 5, 0.01);
    float *plain = toy_run_state(&t, &n);
    assert_true(n <= COUNT_OF(trained));
    memcpy(trained, plain, n * sizeof *plain);
    (void)end(state);
    (void)begin(state);
    (void)look("first_step");
    toy_run_train(&t, 5, 0.01);
    float *looked = toy_run_state(&t, &n);
    assert_memory_equal(trained, looked, n * sizeof *looked);
}

static void no_targets_are_refused(void **state)
{
    (void)state;
    struct err err = {0};
    memset(rows.mask, 0, sizeof rows.mask);
    assert_false(preflight_run(&p, &options, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_says(&p.check[0], PREFLIGHT_STOP, "no token of the 30 rows is trained on");
    assert_int_equal(p.n, 1);
}

static void a_model_without_finite_losses_is_refused_with_a_row(void **state)
{
    (void)state;
    struct err err = {0};
    for (uint32_t id = 0; id < TINY_VOCABULARY; id++)
        vector_of(id)[3] = NAN;
    rows.row[0].line = 17;
    assert_false(preflight_run(&p, &options, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_says(&p.check[1], PREFLIGHT_STOP, "rows.jsonl:17");
    assert_string_equal(err.what, p.check[1].reason);
}

/* 9 stands in some rows: those have no loss, the others do. */
static void a_broken_row_among_good_ones_is_a_warning(void **state)
{
    (void)state;
    for (uint32_t row = 0; row < TOY_ROWS; row++) { /* at the end of the question, in few rows */
        for (uint32_t k = 0; k < rows.row[row].len; k++) {
            uint32_t *id = &rows.ids[rows.row[row].first + k];
            *id = *id == 9 ? 0 : *id;
        }
        if (row % 7 == 1)
            rows.ids[rows.row[row].first + 1] = 9;
    }
    rows.row[1].line = 23;
    vector_of(9)[3] = NAN;
    assert_says(look("base_loss"), PREFLIGHT_WARN,
                "the row at rows.jsonl:23 is not a finite number");
    assert_says(look("first_step"), PREFLIGHT_GO, "lowers the loss of its own rows");
}

static void a_model_that_is_worse_than_ignorant_is_a_warning(void **state)
{
    (void)state;
    struct param *head = t.engine.model.params[t.engine.model.n_params - 1];
    for (size_t i = 0; i < param_count(head); i++)
        head->value[i] *= 40;
    assert_says(look("base_loss"), PREFLIGHT_WARN, "the tokenizer may be another model's");
}

static void rows_that_are_known_by_heart_are_a_warning(void **state)
{
    (void)state;
    t.train.n = 2;
    options.n_first = 2;
    toy_run_train(&t, 300, 0.02);
    assert_says(look("base_loss"), PREFLIGHT_WARN, "already knows these rows");
}

static void rows_that_are_trained_on_and_held_out_are_a_warning(void **state)
{
    (void)state;
    rows.row[TOY_TRAIN] = rows.row[3];
    rows.row[TOY_ROWS - 1] = rows.row[4];
    rows.row[TOY_ROWS - 2] = rows.row[5];
    const struct preflight_check *c = look("duplicates");
    assert_says(c, PREFLIGHT_WARN, "1 stand among the held-out rows too, and 2 among the test");
    assert_int_equal(c->n_numbers, 2);
    assert_true(c->numbers[0] == 1 && c->numbers[1] == 2);
}

static void where_only_test_rows_are_known_only_they_are_named(void **state)
{
    (void)state;
    rows.row[TOY_ROWS - 1] = rows.row[4];
    assert_says(look("duplicates"), PREFLIGHT_WARN, "1 stand among the test rows too: the losses");
}

static void a_rate_that_is_far_off_is_a_warning(void **state)
{
    (void)state;
    options.learning_rate = 100;
    assert_says(look("first_step"), PREFLIGHT_WARN, "the rate may be far off");
    options.learning_rate = 1e-30;
    assert_says(look("first_step"), PREFLIGHT_WARN, "changes no weight");
}

static void a_smaller_step_is_named_where_only_it_helps(void **state)
{
    (void)state;
    bool found = false;
    for (options.learning_rate = 0.01; !found && options.learning_rate < 10;
         options.learning_rate *= 1.3) {
        const struct preflight_check *c = look("first_step");
        found = c->action == PREFLIGHT_GO && c->n_numbers == 3;
        if (found)
            assert_says(c, PREFLIGHT_GO, "one at four times that, the run's, does not");
    }
    assert_true(found);
}

static void a_gradient_of_nothing_is_a_warning(void **state)
{
    (void)state;
    struct param *head = t.engine.model.params[t.engine.model.n_params - 1];
    assert_int_equal(head->weight.rows, TINY_VOCABULARY);
    for (size_t i = 0; i < t.optim.n_params; i++) {
        if (t.params[i] != head)
            memset(t.params[i]->value, 0, param_count(t.params[i]) * sizeof(float));
    }
    memset(head->value, 0, param_count(head) * sizeof(float));
    assert_says(look("first_step"), PREFLIGHT_WARN, "nothing would be learned");
}

static void without_slots_a_copy_is_taken_where_it_fits(void **state)
{
    (void)state;
    options.snapshots = NULL;
    assert_says(look("first_step"), PREFLIGHT_GO, "no memory for a copy");
    options.spare_bytes = snapshot_bytes(&t.optim, NULL);
    size_t n;
    float *before = toy_run_state(&t, &n);
    assert_says(look("first_step"), PREFLIGHT_GO, "lowers the loss of its own rows");
    float *after = toy_run_state(&t, &n);
    assert_memory_equal(before, after, n * sizeof *before);
}

static void it_costs_a_small_share_of_the_run(void **state)
{
    (void)state;
    for (options.budget = 0.01; options.budget < 1e5; options.budget *= 3) {
        (void)look("targets");
        double one = 7.0 * rows.row[0].len;
        assert_true(p.cost <= fmax(options.budget, one));
    }
    options.budget = 1;
    assert_says(look("first_step"), PREFLIGHT_GO, "the run is too short");
}

static void the_journal_has_a_record_for_each_check(void **state)
{
    (void)state;
    struct err err = {0};
    struct run_journal j;
    struct buf text;
    rows.row[TOY_TRAIN] = rows.row[3];
    (void)look("targets");
    buf_init(&text, BUF_NO_LIMIT);
    ASSERT_OK(run_journal_open(&j, temporary_folder(), 0, &err));
    preflight_journal(&p, &j);
    run_journal_close(&j);
    ASSERT_OK(file_read(&text, file_join(&t.arena, temporary_folder(), "journal.jsonl"), &err));
    const char *content = buf_string(&text);
    assert_non_null(strstr(content, "{\"record\": \"preflight\", \"check\": \"targets\", \"ok\": "
                                    "true, \"action\": \"go\", \"reason\": \""));
    assert_non_null(strstr(content, "\"check\": \"duplicates\", \"ok\": false, \"action\": "
                                    "\"warn\""));
    assert_non_null(strstr(content, "\", \"numbers\": [1.0, 0.0]}\n"));
    buf_release(&text);
}

int main(void)
{
    static bool lora;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_run_as_it_should_be_passes_all_checks, begin, end),
        cmocka_unit_test_prestate_setup_teardown(a_run_as_it_should_be_passes_all_checks, begin,
                                                 end, &lora),
        cmocka_unit_test_setup_teardown(everything_is_afterwards_what_it_was_before, begin, end),
        cmocka_unit_test_prestate_setup_teardown(everything_is_afterwards_what_it_was_before, begin,
                                                 end, &lora),
        cmocka_unit_test_setup_teardown(a_run_with_a_preflight_is_the_run_without, begin, end),
        cmocka_unit_test_setup_teardown(no_targets_are_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_model_without_finite_losses_is_refused_with_a_row, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_broken_row_among_good_ones_is_a_warning, begin, end),
        cmocka_unit_test_setup_teardown(a_model_that_is_worse_than_ignorant_is_a_warning, begin,
                                        end),
        cmocka_unit_test_setup_teardown(rows_that_are_known_by_heart_are_a_warning, begin, end),
        cmocka_unit_test_setup_teardown(where_only_test_rows_are_known_only_they_are_named, begin,
                                        end),
        cmocka_unit_test_setup_teardown(rows_that_are_trained_on_and_held_out_are_a_warning, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_rate_that_is_far_off_is_a_warning, begin, end),
        cmocka_unit_test_setup_teardown(a_smaller_step_is_named_where_only_it_helps, begin, end),
        cmocka_unit_test_setup_teardown(a_gradient_of_nothing_is_a_warning, begin, end),
        cmocka_unit_test_setup_teardown(without_slots_a_copy_is_taken_where_it_fits, begin, end),
        cmocka_unit_test_setup_teardown(the_journal_has_a_record_for_each_check, begin, end),
        cmocka_unit_test_setup_teardown(it_costs_a_small_share_of_the_run, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
