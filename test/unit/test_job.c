#include "test/support/support.h"

#include "train/job.h"

static struct err err;
static struct arena arena;

/* A job whose model and data are known: 8,000 rows of 100 trained tokens. */
static struct job known(void)
{
    struct job job = {.rows = 8000, .all_rows = 10000, .trained_tokens = 1000000};
    job.model.model_type = "llama";
    job.model.hidden_size = 576;
    job.model.parameters = 135e6;
    return job;
}

static struct options with(const char *const *words)
{
    struct options o;
    options_init(&o);
    for (; words && words[0]; words += 2) {
        size_t row = options_find(span_of(words[0]));
        assert_true(row < option_count);
        ASSERT_OK(options_set(&o, row, words[1], FOR_FIND, &err));
    }
    return o;
}

static struct job choose(struct job job, const char *const *words)
{
    struct options o = with(words);
    ASSERT_OK(job_choose(&job, &o, &err));
    return job;
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const struct job_choice *choice_of(const struct job *job, const char *option)
{
    for (size_t i = 0; i < job->n_choices; i++) {
        if (strcmp(job->choices[i].option, option) == 0)
            return &job->choices[i];
    }
    return NULL;
}

static void what_is_not_given_is_chosen_with_a_reason(void **state)
{
    (void)state;
    struct job job = choose(known(), NULL);
    const struct pace_job *r = &job.rate_job;
    assert_int_equal(r->method, PACE_LORA);
    assert_true(r->epochs == 2 && r->lora_rank == 16 && r->lora_alpha == 32);
    assert_true(r->rows_per_step == 32 && r->steps == 500); /* the batch is at its largest */
    assert_true(r->tokens_per_step == 3200);
    assert_int_equal(r->schedule, PACE_SCHEDULE_LINEAR);
    assert_string_equal(r->model_type, "llama");
    assert_true(r->hidden_size == 576 && r->rows == 8000 && r->weight_decay == 0);
    for (size_t i = 0; i < job.n_choices; i++)
        assert_non_null(job.choices[i].reason);
    assert_string_equal(choice_of(&job, "num-train-epochs")->value, "2");
}

static void few_rows_are_seen_more_often_in_smaller_batches(void **state)
{
    (void)state;
    struct job job = known();
    job.rows = 240;
    job = choose(job, NULL);
    assert_true(job.rate_job.epochs == 3 && job.rate_job.rows_per_step == 4);
    assert_true(job.rate_job.steps == 180);
    job.rows = 100000;
    job = choose(job, NULL);
    assert_true(job.rate_job.epochs == 1 && job.rate_job.rows_per_step == 32);
    job.rows = 3;
    job = choose(job, NULL);
    assert_true(job.rate_job.rows_per_step == 3 && job.rate_job.steps == 3);
    job.rows = job.all_rows = job.trained_tokens = 0;
    job = choose(job, NULL);
    assert_true(job.rate_job.steps >= 1 && job.rate_job.tokens_per_step == 0);
}

static void steps_are_rounded_as_hugging_face_rounds_them(void **state)
{
    (void)state;
    struct job job = known();
    job.rows = 101;
    job = choose(job, WORDS("batch", "8", "gradient-accumulation-steps", "4", "epochs", "2.5"));
    /* ceil(101 / 8) = 13 batches, ceil(13 / 4) = 4 updates, ceil(2.5 * 4) = 10 */
    assert_int_equal(job.steps, 10);
    assert_true(job.rate_job.rows_per_step == 32);
    assert_null(choice_of(&job, "per-device-train-batch-size")->reason);
    job = choose(job, WORDS("batch", "8", "max-steps", "26"));
    assert_int_equal(job.steps, 26);
    assert_true(job.rate_job.epochs == 2); /* 13 updates an epoch */
    assert_null(choice_of(&job, "num-train-epochs"));
    job = choose(job, WORDS("max-steps", "-1"));
    assert_true(job.rate_job.epochs == 3);
}

static void hugging_faces_names_are_honoured(void **state)
{
    (void)state;
    struct job job =
        choose(known(), WORDS("r", "64", "lora_alpha", "128", "use_rslora", "true", "weight_decay",
                              "0.1", "lr_scheduler_type", "cosine", "method", "qlora"));
    const struct pace_job *r = &job.rate_job;
    assert_true(r->lora_rank == 64 && r->lora_alpha == 128 && r->weight_decay == 0.1);
    assert_int_equal(r->scaling, PACE_SCALING_SQRT_RANK);
    assert_int_equal(r->schedule, PACE_SCHEDULE_COSINE);
    assert_int_equal(r->method, PACE_QLORA);
    assert_null(choice_of(&job, "method")->reason);
    job = choose(known(), WORDS("method", "full"));
    assert_int_equal(job.rate_job.method, PACE_FULL);
    assert_null(choice_of(&job, "r"));
    assert_true(job.rate_job.lora_rank == 0);
}

static void the_method_follows_from_the_data_and_the_base(void **state)
{
    (void)state;
    struct job job = known();
    job.is_preference = true;
    assert_int_equal(choose(job, NULL).rate_job.method, PACE_DPO_LORA);
    job.is_preference = false;
    job.model.is_quantized = true;
    assert_int_equal(choose(job, NULL).rate_job.method, PACE_QLORA);
    assert_int_equal(choose(job, WORDS("method", "auto")).rate_job.method, PACE_QLORA);
    assert_int_equal(choose(job, WORDS("method", "dpo")).rate_job.method, PACE_DPO_LORA);
    assert_string_equal(job_method_name(PACE_DPO_FULL), "dpo");
}

static void what_is_no_method_or_schedule_is_refused(void **state)
{
    (void)state;
    struct job job = known();
    struct options o = with(WORDS("method", "lorra"));
    ASSERT_FAILS(job_choose(&job, &o, &err), "'lorra' is not auto, lora, qlora, full or dpo");
    assert_int_equal(err.kind, ERR_USAGE);
    o = with(WORDS("lr-scheduler-type", "cosinus"));
    ASSERT_FAILS(job_choose(&job, &o, &err), "cosinus");
    assert_int_equal(err.kind, ERR_USAGE);
    o = with(WORDS("max-steps", "10", "warmup-steps", "20"));
    ASSERT_FAILS(job_choose(&job, &o, &err), "warmup");
}

static void a_job_is_read_from_a_description_and_data_alone(void **state)
{
    (void)state;
    struct buf rows;
    struct job job;
    struct options o = with(NULL);
    const char *model = temporary_file("config.json", span_of("{\"hidden_size\": 64}"));
    buf_init(&rows, BUF_NO_LIMIT);
    for (int i = 0; i < 100; i++)
        buf_printf(&rows, "{\"prompt\": \"p%d\", \"completion\": \"%032d\"}\n", i, i);
    const char *data = temporary_file("rows.jsonl", buf_span(&rows));
    ASSERT_OK(job_read(&job, &arena, model, data, &o, &err));
    assert_true(job.tokens_are_guessed);
    assert_int_equal(job.all_rows, 100);
    assert_in_range(job.rows, 60, 95);
    assert_int_equal(job.trained_tokens, 800); /* 32 characters a row */
    assert_false(job.rate_job.has_questions);  /* two of 34: as good as whole rows */
    assert_true(job.rate_job.tokens_per_step == 8 * job.rate_job.rows_per_step);

    buf_add_text(&rows, "{\"prompt\": 1}\n");
    data = temporary_file("bad.jsonl", buf_span(&rows));
    ASSERT_FAILS(job_read(&job, &arena, model, data, &o, &err), "");
    assert_int_equal(err.kind, ERR_INPUT);
    o.skip_bad_rows = true;
    ASSERT_OK(job_read(&job, &arena, model, data, &o, &err));
    buf_release(&rows);
}

static void a_plain_text_is_cut_to_what_the_model_takes(void **state)
{
    (void)state;
    struct buf text;
    struct job job;
    struct options o = with(NULL);
    buf_init(&text, BUF_NO_LIMIT);
    for (int i = 0; i < 6400; i++)
        buf_add_byte(&text, 'a');
    const char *data = temporary_file("long.txt", buf_span(&text));
    buf_release(&text);
    static const char short_model[] = "{\"hidden_size\": 64, \"max_position_embeddings\": 16}";
    const char *model = temporary_file("config.json", span_of(short_model));
    ASSERT_OK(job_read(&job, &arena, model, data, &o, &err));
    assert_int_equal(job.all_rows, 100); /* of 16 times four characters */
    o.max_length = 8;
    ASSERT_OK(job_read(&job, &arena, model, data, &o, &err));
    assert_int_equal(job.all_rows, 200);
}

static void rows_of_long_texts_are_counted_as_they_are_split(void **state)
{
    (void)state;
    struct buf rows;
    struct job job;
    struct options o = with(WORDS("max-length", "16"));
    buf_init(&rows, BUF_NO_LIMIT);
    for (int i = 0; i < 100; i++) /* of 16 tokens or 40 */
        buf_printf(&rows, "{\"text\": \"%0*d\"}\n", i % 2 ? 64 : 160, i);
    const char *data = temporary_file("long.jsonl", buf_span(&rows));
    buf_release(&rows);
    const char *model = temporary_file("config.json", span_of("{\"hidden_size\": 64}"));
    ASSERT_OK(job_read(&job, &arena, model, data, &o, &err));
    assert_int_equal(job.all_rows, 50 + 3 * 50);
    assert_in_range(job.rows, 120, 190);
    assert_true(job.rate_job.tokens_per_step == 14 * job.rate_job.rows_per_step);
    o.max_length = 64;
    ASSERT_OK(job_read(&job, &arena, model, data, &o, &err));
    assert_int_equal(job.all_rows, 100);
}

static void the_tokens_of_a_real_model_are_counted(void **state)
{
    (void)state;
    struct job job;
    struct options o = with(NULL);
    const char *model = data_path(&arena, "models/own-3M");
    if (!model)
        skip_without_data();
    const char *data = data_path(&arena, "datasets/instruct/rasbt_instruction-data.json");
    ASSERT_OK(job_read(&job, &arena, model, data, &o, &err));
    assert_false(job.tokens_are_guessed);
    assert_in_range(job.trained_tokens / job.all_rows, 5, 60);
    assert_true(job.rate_job.has_questions);
    data = data_path(&arena, "datasets/preference/json_extraction_dpo_train_clean.jsonl");
    ASSERT_FAILS(job_read(&job, &arena, model, data, &o, &err), "preferences is not built yet");
    assert_int_equal(err.kind, ERR_USAGE);
    o.prior_only = true;
    ASSERT_OK(job_read(&job, &arena, model, data, &o, &err));
    assert_int_equal(job.rate_job.method, PACE_DPO_LORA);
    assert_false(job.rate_job.has_questions);
}

static int release(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_given_is_chosen_with_a_reason),
        cmocka_unit_test(few_rows_are_seen_more_often_in_smaller_batches),
        cmocka_unit_test(steps_are_rounded_as_hugging_face_rounds_them),
        cmocka_unit_test(hugging_faces_names_are_honoured),
        cmocka_unit_test(the_method_follows_from_the_data_and_the_base),
        cmocka_unit_test(what_is_no_method_or_schedule_is_refused),
        cmocka_unit_test(a_job_is_read_from_a_description_and_data_alone),
        cmocka_unit_test(a_plain_text_is_cut_to_what_the_model_takes),
        cmocka_unit_test(rows_of_long_texts_are_counted_as_they_are_split),
        cmocka_unit_test(the_tokens_of_a_real_model_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
