#include "test/support/support.h"

#include <math.h>

#include "base/rng.h"
#include "pace/rate.h"

static void assert_near(double a, double b, double tolerance)
{
    assert_true(fabs(a - b) <= tolerance * fmax(1, fabs(b)));
}

/* A usual job: LoRA of a 1 B model. */
static struct pace_job usual(void)
{
    return (struct pace_job){.method = PACE_LORA,
                             .model_type = "llama",
                             .parameters = 1.24e9,
                             .hidden_size = 2048,
                             .lora_rank = 16,
                             .lora_alpha = 32,
                             .tokens_per_step = 4000,
                             .rows_per_step = 16,
                             .steps = 500,
                             .epochs = 1,
                             .rows = 8000,
                             .schedule = PACE_SCHEDULE_LINEAR};
}

static struct pace_prior guess(struct pace_job job)
{
    struct pace_prior p;
    pace_prior(&job, &p);
    return p;
}

static double rate_of(struct pace_job job)
{
    return guess(job).learning_rate;
}

static const struct pace_prior_term *find_term(const struct pace_prior *p, const char *name)
{
    for (size_t i = 0; i < p->n_terms; i++) {
        if (strcmp(p->terms[i].name, name) == 0)
            return &p->terms[i];
    }
    return NULL;
}

static void assert_sane(const struct pace_prior *p)
{
    assert_true(isfinite(p->learning_rate) && p->learning_rate > 1e-16 && p->learning_rate < 1000);
    assert_true(isfinite(p->sd) && p->sd > 0.1 && p->sd < 3);
    assert_true(p->low < p->learning_rate && p->learning_rate < p->high);
    double sum = 0;
    for (size_t i = 0; i < p->n_terms; i++) {
        assert_non_null(p->terms[i].name);
        assert_non_null(p->terms[i].source);
        assert_true(isfinite(p->terms[i].effect) && isfinite(p->terms[i].value));
        assert_true(p->terms[i].se >= 0 && p->terms[i].se < 3);
        sum += p->terms[i].effect;
    }
    assert_near(sum, log10(p->learning_rate), 1e-9);
}

static void the_usual_jobs_get_rates_that_people_use(void **state)
{
    (void)state;
    struct pace_job job = usual();
    assert_in_range((unsigned long)(rate_of(job) * 1e6), 150, 900);
    job.method = PACE_FULL;
    assert_in_range((unsigned long)(rate_of(job) * 1e7), 60, 900);
    job.method = PACE_DPO_LORA;
    assert_in_range((unsigned long)(rate_of(job) * 1e8), 100, 2000);
    job.method = PACE_DPO_FULL;
    assert_in_range((unsigned long)(rate_of(job) * 1e9), 50, 3000);
}

static void the_terms_add_up_to_the_rate(void **state)
{
    (void)state;
    struct pace_prior p = guess(usual());
    assert_sane(&p);
    assert_non_null(find_term(&p, "base"));
    assert_non_null(find_term(&p, "lora_rank"));
    assert_true(find_term(&p, "base")->runs > 100);
    assert_null(find_term(&p, "method"));
    assert_true(find_term(&p, "caution")->effect < 0);
}

static void a_model_of_a_million_wants_about_ten_times_that_of_a_billion(void **state)
{
    (void)state;
    struct pace_job big = usual(), tiny = usual();
    tiny.parameters = 1e6;
    tiny.hidden_size = 96;
    double times = rate_of(tiny) / rate_of(big);
    assert_true(times > 5 && times < 25);
}

static void more_steps_epochs_and_width_lower_the_rate_and_batch_and_rank_raise_it(void **state)
{
    (void)state;
    for (int method = PACE_LORA; method <= PACE_DPO_FULL; method++) {
        struct pace_job job = usual();
        job.method = (enum pace_method)method;
        double before[5];
        for (int i = 0; i < 11; i++) {
            double power = pow(2, i), now[5];
            struct pace_job other = job;
            other.steps = 10 * power;
            now[0] = rate_of(other);
            other = job;
            other.epochs = power;
            other.rows = 500;
            now[1] = rate_of(other);
            other = job;
            other.hidden_size = 64 * power;
            now[2] = rate_of(other);
            other = job;
            other.tokens_per_step = 100 * power;
            now[3] = -rate_of(other); /* raised: lowers what is compared */
            other = job;
            other.lora_rank = power;
            now[4] = -rate_of(other);
            for (int j = 0; j < 5 && i > 0; j++)
                assert_true(now[j] <= before[j] + fabs(before[j]) * 0.03);
            memcpy(before, now, sizeof(now));
        }
    }
}

static void five_epochs_on_few_rows_cost_most_of_a_decade_and_on_many_rows_little(void **state)
{
    (void)state;
    struct pace_job once = usual(), often = usual();
    once.rows = often.rows = 240;
    often.epochs = 5;
    double few = log10(rate_of(once) / rate_of(often));
    assert_true(few > 0.5 && few < 1.1);
    once.rows = often.rows = 100000;
    double many = log10(rate_of(once) / rate_of(often));
    assert_true(many > -0.05 && many < 0.1);
}

static void epochs_cost_answers_less_than_texts_and_random_weights_nothing(void **state)
{
    (void)state;
    struct pace_prior texts, answers, scratch;
    struct pace_job job = usual(), once = usual();
    job.rows = once.rows = 240;
    job.epochs = 5;
    pace_prior(&job, &texts);
    job.has_questions = once.has_questions = true;
    pace_prior(&job, &answers);
    assert_true(rate_of(job) < rate_of(once));
    assert_true(answers.learning_rate > 1.5 * texts.learning_rate);
    assert_near(answers.repeats, texts.repeats, 1e-12);
    assert_true(find_term(&texts, "epochs")->effect < find_term(&answers, "epochs")->effect);
    job.from_scratch = once.from_scratch = true;
    pace_prior(&job, &scratch);
    assert_true(rate_of(job) == rate_of(once));
    assert_true(texts.repeats > 0.5 && scratch.repeats == 0);
}

static void the_scale_of_the_adapter_is_converted_exactly(void **state)
{
    (void)state;
    struct pace_job job = usual(), other = usual();
    other.lora_alpha = 64;
    assert_near(rate_of(job) / rate_of(other), 2, 1e-9);
    other.lora_alpha = 16;
    other.scaling = PACE_SCALING_SQRT_RANK; /* 16 / sqrt(16) = 4 = 2 * 32 / 16 */
    assert_near(rate_of(job) / rate_of(other), 2, 1e-9);
    other.lora_alpha = 20;
    other.scaling = PACE_SCALING_PLAIN; /* 20 = 10 * 32 / 16 */
    assert_near(rate_of(job) / rate_of(other), 10, 1e-9);
    job.method = other.method = PACE_FULL;
    assert_near(rate_of(job) / rate_of(other), 1, 1e-9);
}

static void what_is_not_known_makes_the_guess_wider(void **state)
{
    (void)state;
    struct pace_job job = usual();
    double known = guess(job).sd;
    struct pace_job blank = job;
    blank.model_type = NULL;
    assert_true(guess(blank).sd > known + 0.03);
    blank.model_type = "brand_new";
    assert_true(guess(blank).sd > known + 0.03);
    blank = job;
    blank.hidden_size = 0;
    assert_true(guess(blank).sd > known);
    double by_parameters = guess(blank).sd;
    blank.parameters = 0;
    assert_true(guess(blank).sd > by_parameters);
    blank = job;
    blank.steps = blank.rows = 0;
    assert_true(guess(blank).sd > known);
    blank = job;
    blank.tokens_per_step = 0;
    assert_true(guess(blank).sd > known);
    struct pace_prior nothing = guess((struct pace_job){0});
    assert_sane(&nothing);
    assert_true(nothing.sd > 0.25);
}

static void beyond_what_was_swept_the_guess_is_wider(void **state)
{
    (void)state;
    struct pace_job job = usual(), far = usual();
    far.steps = 1e6;
    assert_true(guess(far).sd > guess(job).sd + 0.1);
    far = usual();
    far.lora_rank = 1024;
    assert_true(guess(far).sd > guess(job).sd + 0.02);
    far = usual();
    far.hidden_size = 65536;
    assert_true(guess(far).sd > guess(job).sd + 0.02);
}

static void steps_epochs_and_rows_stand_in_for_each_other(void **state)
{
    (void)state;
    struct pace_job job = usual(), other = usual();
    other.steps = 0; /* 8000 rows, 16 a step */
    assert_near(rate_of(other), rate_of(job), 1e-12);
    job.epochs = other.epochs = 3;
    job.steps = 1500;
    job.rows = 8000;
    other.steps = 1500;
    other.epochs = 0;
    assert_near(rate_of(other), rate_of(job), 1e-12);
    other.epochs = 3;
    other.rows = 0;
    assert_near(rate_of(other), rate_of(job), 1e-12);
}

static void model_types_are_told_apart(void **state)
{
    (void)state;
    struct pace_job job = usual();
    job.model_type = "qwen3_5_moe_text";
    double newer = rate_of(job);
    job.model_type = "qwen3_vl_moe";
    double older = rate_of(job);
    assert_true(older > newer * 1.2);
    job.model_type = "qwen3";
    assert_near(rate_of(job), older, 1e-15);
    job.model_type = "llama4";
    struct pace_prior p = guess(job);
    assert_int_equal(find_term(&p, "model_family")->runs, 0);
    job.model_type = "";
    p = guess(job);
    assert_sane(&p);
}

static void a_constant_rate_is_lower_than_the_peak_of_one_that_falls(void **state)
{
    (void)state;
    struct pace_job job = usual();
    double falling = rate_of(job);
    job.schedule = PACE_SCHEDULE_CONSTANT;
    double constant = rate_of(job);
    assert_true(constant < falling && constant > falling / 3);
    job.schedule = PACE_SCHEDULE_WARMUP_STABLE_DECAY;
    assert_true(rate_of(job) < falling && rate_of(job) > constant);
    job.schedule = PACE_SCHEDULE_COUNT; /* not a schedule: as if it were linear */
    assert_near(rate_of(job), falling, 1e-15);
}

static void from_scratch_is_full_whatever_the_method_says(void **state)
{
    (void)state;
    struct pace_job job = usual(), full = usual();
    job.from_scratch = full.from_scratch = true;
    full.method = PACE_FULL;
    assert_near(rate_of(job), rate_of(full), 1e-15);
    full.from_scratch = false;
    assert_true(rate_of(job) > rate_of(full) * 1.5);
    struct pace_prior p = guess(job);
    assert_null(find_term(&p, "lora_rank"));
    assert_non_null(find_term(&p, "from_scratch"));
}

/* Of any size: log-uniform over many decades, or something that is no number. */
static double any(struct rng *rng, double least, double most)
{
    switch (rng_below(rng, 12)) {
    case 0:
        return 0;
    case 1:
        return -1;
    case 2:
        return NAN;
    case 3:
        return INFINITY;
    case 4:
        return 1e300;
    case 5:
        return 5e-324;
    default:
        return pow(10, log10(least) + rng_uniform(rng) * log10(most / least));
    }
}

static void every_job_gets_a_finite_positive_rate(void **state)
{
    (void)state;
    struct rng rng = {.seed = 7};
    static const char *const types[] = {"llama", "qwen3", "kimi_k2", "gpt2", "*", "", NULL};
    for (int i = 0; i < 200000; i++) {
        struct pace_job job = {
            .method = (enum pace_method)rng_below(&rng, 5),
            .from_scratch = rng_below(&rng, 4) == 0,
            .model_type = types[rng_below(&rng, COUNT_OF(types))],
            .parameters = any(&rng, 1e5, 1e12),
            .hidden_size = any(&rng, 8, 1e5),
            .lora_rank = any(&rng, 1, 1024),
            .lora_alpha = any(&rng, 0.1, 4096),
            .scaling = (enum pace_scaling)rng_below(&rng, 3),
            .tokens_per_step = any(&rng, 1, 1e8),
            .rows_per_step = any(&rng, 1, 1e5),
            .steps = any(&rng, 1, 1e7),
            .epochs = any(&rng, 0.01, 1000),
            .rows = any(&rng, 1, 1e9),
            .weight_decay = any(&rng, 1e-4, 10),
            .schedule = (enum pace_schedule_kind)rng_below(&rng, PACE_SCHEDULE_COUNT),
        };
        struct pace_prior p = guess(job), again = guess(job);
        assert_sane(&p);
        assert_memory_equal(&p.learning_rate, &again.learning_rate, sizeof(double));
    }
}

static void jobs_that_people_have_get_rates_within_what_people_use(void **state)
{
    (void)state;
    struct rng rng = {.seed = 8};
    for (int i = 0; i < 100000; i++) {
        double size = rng_uniform(&rng); /* 1e5 … 1e12 parameters */
        struct pace_job job = {
            .method = (enum pace_method)rng_below(&rng, 5),
            .from_scratch = rng_below(&rng, 4) == 0,
            .model_type = "llama",
            .parameters = pow(10, 5 + 7 * size),
            .hidden_size = 64 * pow(256, size),
            .lora_rank = pow(2, (double)rng_below(&rng, 11)),
            .lora_alpha = pow(2, 3 + (double)rng_below(&rng, 6)),
            .tokens_per_step = pow(10, 2 + 4 * rng_uniform(&rng)),
            .steps = pow(10, 1 + 6 * rng_uniform(&rng)),
            .epochs = 1 + 4 * rng_uniform(&rng),
            .rows = pow(10, 2 + 5 * rng_uniform(&rng)),
        };
        double rate = rate_of(job);
        assert_true(rate > 1e-10 && rate < 0.3); /* tiny models, alpha 8: 0.2 */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_usual_jobs_get_rates_that_people_use),
        cmocka_unit_test(the_terms_add_up_to_the_rate),
        cmocka_unit_test(a_model_of_a_million_wants_about_ten_times_that_of_a_billion),
        cmocka_unit_test(more_steps_epochs_and_width_lower_the_rate_and_batch_and_rank_raise_it),
        cmocka_unit_test(five_epochs_on_few_rows_cost_most_of_a_decade_and_on_many_rows_little),
        cmocka_unit_test(epochs_cost_answers_less_than_texts_and_random_weights_nothing),
        cmocka_unit_test(the_scale_of_the_adapter_is_converted_exactly),
        cmocka_unit_test(what_is_not_known_makes_the_guess_wider),
        cmocka_unit_test(beyond_what_was_swept_the_guess_is_wider),
        cmocka_unit_test(steps_epochs_and_rows_stand_in_for_each_other),
        cmocka_unit_test(model_types_are_told_apart),
        cmocka_unit_test(a_constant_rate_is_lower_than_the_peak_of_one_that_falls),
        cmocka_unit_test(from_scratch_is_full_whatever_the_method_says),
        cmocka_unit_test(every_job_gets_a_finite_positive_rate),
        cmocka_unit_test(jobs_that_people_have_get_rates_within_what_people_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
