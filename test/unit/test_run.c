#include "graph/run.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "test/support/decoder.h"

/* Losses without dropout, as a function of the parameters. */
static double loss_at(struct run *run, struct sample *s)
{
    run_losses(run, &s->batch, NULL, s->loss, NULL);
    return sample_sum(s);
}

/* d loss / d *at by central differences of the fourth order. */
static double slope(struct run *run, struct sample *s, float *at)
{
    const float x = *at, h = 0.01f;
    double f[4];
    static const float steps[4] = {1, -1, 2, -2};
    for (size_t i = 0; i < 4; i++) {
        *at = x + steps[i] * h;
        f[i] = loss_at(run, s);
    }
    *at = x;
    return (8 * (f[0] - f[1]) - (f[2] - f[3])) / (12 * (double)h);
}

static void check_param(struct toy_decoder *d, struct run *run, struct sample *s, struct param *p)
{
    double norm = 0, error = 0;
    for (size_t i = 0; i < param_count(p); i++) {
        double wanted = slope(run, s, &p->value[i]);
        norm += wanted * wanted;
        error += (wanted - p->grad[i]) * (wanted - p->grad[i]);
    }
    if (!(sqrt(error) <= 1e-3 * sqrt(norm) + 3e-5))
        fail_msg("%s: %s [%zu, %zu]: gradient of norm %g is off by %g", d->options.name, p->name,
                 p->weight.rows, p->weight.width, sqrt(norm), sqrt(error));
}

static void gradients_are_those_of_central_differences(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < decoder_kind_count; kind++) {
        struct err err = {0};
        struct toy_decoder d;
        struct sample s;
        struct run run;
        struct decoder_options options = decoder_kinds[kind];
        options.dropout = 0; /* its own test is below */
        options.layers = 2;
        toy_decoder_make(&d, &options);
        sample_two(&s, &d);
        struct run_options o = sample_options(true);
        ASSERT_OK(run_init(&run, &d.tape, &d.backend, &o, &err));
        run_train(&run, &s.batch, s.loss);
        for (size_t i = 0; i < d.n_params; i++) {
            if (d.params[i]->grad)
                check_param(&d, &run, &s, d.params[i]);
        }
        run_release(&run);
        toy_decoder_release(&d);
    }
}

static void gradients_with_dropout_are_those_of_the_masked_model(void **state)
{
    (void)state;
    struct err err = {0};
    struct toy_decoder d;
    struct sample s;
    struct run run;
    struct arena arena = {0};
    size_t n;
    toy_decoder_make(&d, &decoder_kinds[2]);
    assert_true(d.options.dropout > 0);
    sample_two(&s, &d);
    struct run_options o = sample_options(true);
    ASSERT_OK(run_init(&run, &d.tape, &d.backend, &o, &err));
    run_train(&run, &s.batch, s.loss);
    double dropped = sample_sum(&s);
    float *once = toy_decoder_gradients(&d, &arena, &n);
    for (size_t i = 0; i < d.n_params; i++) {
        struct param *p = d.params[i];
        for (size_t j = 0; p->grad && j < param_count(p); j += 5) {
            const float x = p->value[j], h = 0.01f;
            toy_decoder_clear(&d);
            p->value[j] = x + h;
            run_train(&run, &s.batch, s.loss); /* the same draws: the seed is the batch's */
            double above = sample_sum(&s);
            p->value[j] = x - h;
            run_train(&run, &s.batch, s.loss);
            p->value[j] = x;
            size_t at = 0;
            for (size_t k = 0; k < i; k++)
                at += d.params[k]->grad ? param_count(d.params[k]) : 0;
            double wanted = (above - sample_sum(&s)) / (2 * (double)h);
            assert_true(fabs(wanted - once[at + j]) <= 0.01 * fabs(wanted) + 5e-4);
        }
    }
    run_losses(&run, &s.batch, NULL, s.loss, NULL);
    assert_true(fabs(dropped - sample_sum(&s)) > 1e-3); /* none in evaluation */
    s.batch.dropout_seed++;
    run_train(&run, &s.batch, s.loss);
    assert_true(fabs(dropped - sample_sum(&s)) > 1e-3); /* other draws with another seed */
    run_release(&run);
    toy_decoder_release(&d);
    arena_release(&arena);
}

/* Losses and gradients of one training pass. */
struct result {
    float loss[SAMPLE_MOST], evaluated[SAMPLE_MOST];
    int32_t best[SAMPLE_MOST];
    float *gradients;
    size_t n;
    struct plan plan; /* its numbers; the rest is gone */
};

static struct result train_once(struct toy_decoder *d, struct sample *s,
                                const struct run_options *o, bool poisons, struct arena *arena)
{
    struct err err = {0};
    struct run run;
    struct result r = {0};
    toy_decoder_clear(d);
    ASSERT_OK(run_init(&run, &d->tape, &d->backend, o, &err));
    run.poisons = poisons;
    run_train(&run, &s->batch, r.loss);
    run_losses(&run, &s->batch, NULL, r.evaluated, r.best);
    r.gradients = toy_decoder_gradients(d, arena, &r.n);
    r.plan = run.plan;
    run_release(&run);
    return r;
}

static void assert_same(const struct result *a, const struct result *b, const struct sample *s)
{
    assert_int_equal(a->n, b->n);
    assert_memory_equal(a->loss, b->loss, s->batch.n_targets * sizeof(float));
    assert_memory_equal(a->evaluated, b->evaluated, s->batch.n_targets * sizeof(float));
    assert_memory_equal(a->best, b->best, s->batch.n_targets * sizeof(int32_t));
    assert_memory_equal(a->gradients, b->gradients, a->n * sizeof(float));
}

/* The norm of the difference over the norm. */
static double distance(const float *x, const float *wanted, size_t n)
{
    double norm = 0, error = 0;
    for (size_t i = 0; i < n; i++) {
        norm += (double)wanted[i] * wanted[i];
        error += ((double)x[i] - wanted[i]) * ((double)x[i] - wanted[i]);
    }
    return sqrt(error / norm);
}

/* Calls the check for every kind of decoder, with its batch and the result without a bound. */
static void for_each_kind(void (*check)(struct toy_decoder *d, struct sample *s,
                                        const struct result *plain, struct arena *arena))
{
    for (size_t kind = 0; kind < decoder_kind_count; kind++) {
        struct toy_decoder d;
        struct sample s;
        struct arena arena = {0};
        toy_decoder_make(&d, &decoder_kinds[kind]);
        sample_two(&s, &d);
        struct run_options o = sample_options(true);
        struct result plain = train_once(&d, &s, &o, false, &arena);
        check(&d, &s, &plain, &arena);
        toy_decoder_release(&d);
        arena_release(&arena);
    }
}

static void check_redone(struct toy_decoder *d, struct sample *s, const struct result *plain,
                         struct arena *arena)
{
    struct run_options o = sample_options(true);
    struct result r = *plain;
    size_t most = 0;
    while (true) {
        struct err err = {0};
        struct plan plan;
        o.memory_bytes = r.plan.bytes + r.plan.workspace_bytes - 1;
        if (!plan_make(&plan, &d->tape, &d->backend, &o, &err))
            break;
        plan_release(&plan);
        r = train_once(d, s, &o, true, arena);
        assert_true(r.plan.bytes + r.plan.workspace_bytes <= o.memory_bytes);
        assert_true(r.plan.layers_redone > most);
        most = r.plan.layers_redone;
        assert_same(&r, plain, s);
    }
    assert_true(most >= d->options.layers - 1);
}

static void layers_computed_anew_give_the_same_bits(void **state)
{
    (void)state;
    for_each_kind(check_redone);
}

static void check_poisoned(struct toy_decoder *d, struct sample *s, const struct result *plain,
                           struct arena *arena)
{
    struct run_options o = sample_options(true);
    struct result r = train_once(d, s, &o, true, arena);
    assert_same(&r, plain, s);
}

static void nothing_reads_memory_whose_content_is_over(void **state)
{
    (void)state;
    for_each_kind(check_poisoned);
}

static void check_bf16(struct toy_decoder *d, struct sample *s, const struct result *plain,
                       struct arena *arena)
{
    struct run_options o = sample_options(true);
    o.keeps_bf16 = true;
    struct result r = train_once(d, s, &o, true, arena);
    assert_memory_equal(r.loss, plain->loss, s->batch.n_targets * sizeof(float));
    double off = distance(r.gradients, plain->gradients, r.n);
    if (!(off > 1e-5 && off < 0.03))
        fail_msg("%s: gradients differ by %g", d->options.name, off);
    assert_true(r.plan.kept_bytes < plain->plan.kept_bytes);

    o.memory_bytes = r.plan.bytes + r.plan.workspace_bytes - 1;
    struct result redone = train_once(d, s, &o, true, arena);
    assert_true(redone.plan.layers_redone > 0);
    assert_memory_equal(redone.loss, plain->loss, s->batch.n_targets * sizeof(float));
    assert_true(distance(redone.gradients, plain->gradients, r.n) < 0.03);
}

static void sixteen_bits_are_close(void **state)
{
    (void)state;
    for_each_kind(check_bf16);
}

static void check_larger_plan(struct toy_decoder *d, struct sample *s, const struct result *plain,
                              struct arena *arena)
{
    struct run_options o = {
        .rows = s->batch.n_tokens, .targets = s->batch.n_targets, .keys = 7, .trains = true};
    struct result r = train_once(d, s, &o, true, arena); /* a plan that just holds the batch */
    assert_same(&r, plain, s);
}

static void a_batch_may_be_smaller_than_planned(void **state)
{
    (void)state;
    for_each_kind(check_larger_plan);
}

/* Rows that begin alike: a tree of a beginning, two branches, and a branch of the second. */
static void make_tree(struct sample *s, const struct toy_decoder *d)
{
    *s = (struct sample){0};
    int32_t root = sample_add(s, d, SEGMENT_NO_PARENT, NULL, 5);
    sample_add(s, d, root, NULL, 3);
    int32_t second = sample_add(s, d, root, NULL, 2);
    sample_add(s, d, second, NULL, 4);
    sample_add(s, d, second, NULL, 1);
    static const int32_t rows[] = {2, 4, 4, 5, 7, 8, 9, 10, 13, 14};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        sample_target(s, rows[i], (int32_t)(i * 7 % d->options.vocabulary));
}

/* The same texts one by one; a target of a shared token stands in the first text that has it. */
static void make_rows(struct sample *s, const struct toy_decoder *d, const struct sample *tree)
{
    static const int32_t texts[3][11] = {
        {0, 1, 2, 3, 4, 5, 6, 7}, {0, 1, 2, 3, 4, 8, 9, 10, 11, 12, 13}, {0, 1, 2, 3, 4, 8, 9, 14}};
    static const int32_t lengths[3] = {8, 11, 8};
    int32_t place[15] = {0}; /* 1 + where a row of the tree first stands */
    *s = (struct sample){0};
    for (size_t i = 0; i < 3; i++) {
        int32_t id[11], first = (int32_t)s->batch.n_tokens;
        for (int32_t j = 0; j < lengths[i]; j++) {
            id[j] = tree->id[texts[i][j]];
            if (place[texts[i][j]] == 0)
                place[texts[i][j]] = 1 + first + j;
        }
        sample_add(s, d, SEGMENT_NO_PARENT, id, lengths[i]);
    }
    for (size_t i = 0; i < tree->batch.n_targets; i++)
        sample_target(s, place[tree->target[i].row] - 1, tree->target[i].id);
}

static void shared_beginnings_are_exact(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < decoder_kind_count; kind++) {
        struct toy_decoder d;
        struct sample tree, rows;
        struct arena arena = {0};
        struct decoder_options options = decoder_kinds[kind];
        options.dropout = 0; /* it would be drawn once for a shared token */
        toy_decoder_make(&d, &options);
        make_tree(&tree, &d);
        make_rows(&rows, &d, &tree);
        struct run_options o = sample_options(true);
        struct result shared = train_once(&d, &tree, &o, true, &arena);
        struct result apart = train_once(&d, &rows, &o, true, &arena);
        assert_true(distance(shared.loss, apart.loss, tree.batch.n_targets) < 1e-6);
        assert_true(distance(shared.gradients, apart.gradients, shared.n) < 1e-6);
        toy_decoder_release(&d);
        arena_release(&arena);
    }
}

static void make_cache(struct cache *c, const struct toy_decoder *d, struct arena *arena,
                       size_t rows)
{
    size_t width = d->options.kv_heads * d->options.head, n = d->options.layers;
    *c = (struct cache){arena_array(arena, struct mat, n), arena_array(arena, struct mat, n), n,
                        rows};
    for (size_t i = 0; i < n; i++) {
        c->k[i] = (struct mat){arena_array(arena, float, rows *width), rows, width, width};
        c->v[i] = (struct mat){arena_array(arena, float, rows *width), rows, width, width};
    }
}

/* Tokens first … first + n - 1 of the text, when those before it are in rows 3 … of the cache. */
static void continue_text(struct sample *s, const struct sample *text, int32_t first, int32_t n)
{
    *s = (struct sample){0};
    memcpy(s->id, text->id + first, (size_t)n * sizeof(int32_t));
    memcpy(s->position, text->position + first, (size_t)n * sizeof(int32_t));
    s->segment[0] = (struct segment){SEGMENT_NO_QUERIES, 3, first, 0, SEGMENT_NO_PARENT};
    s->segment[1] = (struct segment){0, 3 + first, n, first, first > 0 ? 0 : SEGMENT_NO_PARENT};
    s->batch = (struct batch){.n_tokens = (size_t)n,
                              .id = s->id,
                              .position = s->position,
                              .segment = s->segment + (first == 0),
                              .n_segments = 2 - (first == 0)};
}

static void check_generation(struct toy_decoder *d, struct run *run, struct arena *arena)
{
    struct sample text = {0}, part;
    struct cache cache;
    size_t vocabulary = d->options.vocabulary;
    sample_add(&text, d, SEGMENT_NO_PARENT, NULL, 9);
    float *whole = arena_array(arena, float, 9 * vocabulary);
    float *row = arena_array(arena, float, vocabulary);
    int32_t rows[9] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    run_logits(run, &text.batch, NULL, rows, 9, (struct mat){whole, 9, vocabulary, vocabulary});

    make_cache(&cache, d, arena, 14);
    continue_text(&part, &text, 0, 4);
    run_losses(run, &part.batch, &cache, NULL, NULL); /* fills the cache */
    static const int32_t steps[] = {4, 5, 7, 8, 9};
    for (size_t i = 0; i + 1 < COUNT_OF(steps); i++) {
        int32_t n = steps[i + 1] - steps[i], last = n - 1;
        continue_text(&part, &text, steps[i], n);
        run_logits(run, &part.batch, &cache, &last, 1,
                   (struct mat){row, 1, vocabulary, vocabulary});
        const float *wanted = whole + (size_t)(steps[i + 1] - 1) * vocabulary;
        assert_true(distance(row, wanted, vocabulary) < 1e-6);
    }
}

static void generation_with_a_cache_equals_the_whole_pass(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < decoder_kind_count; kind++) {
        struct err err = {0};
        struct toy_decoder d;
        struct run run;
        struct arena arena = {0};
        toy_decoder_make(&d, &decoder_kinds[kind]);
        struct run_options o = {.rows = 9, .targets = 9, .keys = 20};
        ASSERT_OK(run_init(&run, &d.tape, &d.backend, &o, &err));
        run.poisons = true;
        check_generation(&d, &run, &arena);
        run_release(&run);
        toy_decoder_release(&d);
        arena_release(&arena);
    }
}

/* The same on this machine's processor. */
static struct result train_on_cpu(struct toy_decoder *d, struct sample *s,
                                  const struct run_options *o, size_t threads, struct arena *arena)
{
    struct err err = {0};
    struct thread_pool *pool;
    ASSERT_OK(thread_pool_open(&pool, threads, &err));
    backend_release(&d->backend);
    backend_init(&d->backend, &backend_cpu, pool);
    struct result r = train_once(d, s, o, true, arena);
    backend_release(&d->backend);
    backend_init(&d->backend, &backend_ref, NULL);
    thread_pool_close(pool);
    return r;
}

static void check_cpu(struct toy_decoder *d, struct sample *s, const struct result *plain,
                      struct arena *arena)
{
    struct run_options o = sample_options(true);
    struct result r = train_on_cpu(d, s, &o, 1, arena);
    double losses = distance(r.loss, plain->loss, s->batch.n_targets);
    double gradients = distance(r.gradients, plain->gradients, r.n);
    if (!(losses < 1e-6 && gradients < 1e-5))
        fail_msg("%s: losses differ by %g, gradients by %g", d->options.name, losses, gradients);
    struct result again = train_on_cpu(d, s, &o, 3, arena);
    assert_same(&again, &r, s);
    o.memory_bytes = r.plan.bytes + r.plan.workspace_bytes - 1;
    again = train_on_cpu(d, s, &o, 1, arena);
    assert_true(again.plan.layers_redone > 0);
    assert_same(&again, &r, s);
}

static void the_processor_agrees_with_the_reference(void **state)
{
    (void)state;
    for_each_kind(check_cpu);
}

/* A backend that counts what it is asked for. */
static size_t n_allocations, n_bytes;

static void *count_alloc(struct backend *b, size_t bytes)
{
    n_allocations++;
    n_bytes += bytes;
    return backend_ref.alloc(b, bytes);
}

static void memory_is_what_was_planned_and_steps_take_none(void **state)
{
    (void)state;
    struct err err = {0};
    struct toy_decoder d;
    struct sample s;
    struct run run;
    struct backend_ops ops = backend_ref;
    ops.alloc = count_alloc;
    n_allocations = n_bytes = 0;
    toy_decoder_make(&d, &decoder_kinds[1]);
    backend_init(&d.backend, &ops, NULL);
    sample_two(&s, &d);
    struct run_options o = sample_options(true);
    ASSERT_OK(run_init(&run, &d.tape, &d.backend, &o, &err));
    assert_int_equal(n_allocations, 2);
    assert_int_equal(n_bytes, run.plan.bytes + run.plan.workspace_bytes);
    size_t before = mem_requests();
    for (size_t i = 0; i < 3; i++) {
        run_train(&run, &s.batch, s.loss);
        run_losses(&run, &s.batch, NULL, s.loss, NULL);
    }
    assert_int_equal(n_allocations, 2);
    assert_int_equal(mem_requests(), before);
    run_release(&run);
    toy_decoder_release(&d);
}

static void memory_that_the_system_refuses_is_an_error(void **state)
{
    (void)state;
    struct toy_decoder d;
    struct run run;
    struct run_options o = sample_options(true);
    toy_decoder_make(&d, &decoder_kinds[0]);
    bool succeeded = false;
    size_t refused = 0;
    struct err err = {0};
    /* Scratch and activations are the last two requests; those before are for small memory. */
    ASSERT_OK(run_init(&run, &d.tape, &d.backend, &o, &err));
    run_release(&run);
    backend_release(&d.backend);
    backend_init(&d.backend, &backend_ref, NULL);
    size_t before = mem_requests();
    struct plan plan;
    ASSERT_OK(plan_make(&plan, &d.tape, &d.backend, &o, &err));
    size_t small = mem_requests() - before;
    plan_release(&plan);
    for (size_t n = small + 1; !succeeded; n++) {
        err = (struct err){0};
        mem_fail_after(n);
        succeeded = run_init(&run, &d.tape, &d.backend, &o, &err);
        mem_fail_after(0);
        if (!succeeded) {
            refused++;
            assert_int_equal(err.kind, ERR_MEMORY);
            assert_non_null(strstr(err.what, refused == 1 ? "work in" : "for activations"));
        }
        run_release(&run);
        backend_release(&d.backend);
        backend_init(&d.backend, &backend_ref, NULL);
    }
    assert_int_equal(refused, 2);
    toy_decoder_release(&d);
}

static void what_does_not_fit_is_not_begun(void **state)
{
    (void)state;
    struct err err = {0};
    struct toy_decoder d;
    struct run run;
    struct run_options o = sample_options(true);
    o.memory_bytes = 100;
    toy_decoder_make(&d, &decoder_kinds[0]);
    ASSERT_FAILS(run_init(&run, &d.tape, &d.backend, &o, &err), "0.0 MB are allowed");
    assert_null(run.activations);
    run_release(&run);
    toy_decoder_release(&d);
}

static void train_what_was_not_planned_for(void)
{
    struct err err = {0};
    struct toy_decoder d;
    struct sample s;
    struct run run;
    struct run_options o = sample_options(false);
    toy_decoder_make(&d, &decoder_kinds[0]);
    sample_two(&s, &d);
    if (run_init(&run, &d.tape, &d.backend, &o, &err))
        run_train(&run, &s.batch, s.loss);
}

static void run_more_than_planned(void)
{
    struct err err = {0};
    struct toy_decoder d;
    struct sample s;
    struct run run;
    struct run_options o = {.rows = 10, .targets = 11, .keys = 11};
    toy_decoder_make(&d, &decoder_kinds[0]);
    sample_two(&s, &d);
    if (run_init(&run, &d.tape, &d.backend, &o, &err))
        run_losses(&run, &s.batch, NULL, s.loss, NULL);
}

static void a_run_does_what_was_planned_and_no_more(void **state)
{
    (void)state;
    assert_check_fails(train_what_was_not_planned_for, "plan.train");
    assert_check_fails(run_more_than_planned, "n_tokens <=");
}

static void a_batch_without_targets_changes_no_gradient(void **state)
{
    (void)state;
    struct toy_decoder d;
    struct sample s;
    struct arena arena = {0};
    toy_decoder_make(&d, &decoder_kinds[0]);
    sample_two(&s, &d);
    s.batch.n_targets = 0;
    struct run_options o = sample_options(true);
    struct result r = train_once(&d, &s, &o, true, &arena);
    for (size_t i = 0; i < r.n; i++)
        assert_true(r.gradients[i] == 0);
    toy_decoder_release(&d);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_those_of_central_differences),
        cmocka_unit_test(gradients_with_dropout_are_those_of_the_masked_model),
        cmocka_unit_test(layers_computed_anew_give_the_same_bits),
        cmocka_unit_test(nothing_reads_memory_whose_content_is_over),
        cmocka_unit_test(sixteen_bits_are_close),
        cmocka_unit_test(a_batch_may_be_smaller_than_planned),
        cmocka_unit_test(shared_beginnings_are_exact),
        cmocka_unit_test(generation_with_a_cache_equals_the_whole_pass),
        cmocka_unit_test(the_processor_agrees_with_the_reference),
        cmocka_unit_test(memory_is_what_was_planned_and_steps_take_none),
        cmocka_unit_test(memory_that_the_system_refuses_is_an_error),
        cmocka_unit_test(what_does_not_fit_is_not_begun),
        cmocka_unit_test(a_run_does_what_was_planned_and_no_more),
        cmocka_unit_test(a_batch_without_targets_changes_no_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
