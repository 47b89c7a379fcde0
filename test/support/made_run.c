/*
 * made_run.c - the journal of a made-up run.
 */
#include "test/support/made_run.h"

#include "logs/journal.h"

static const char beginning[] =
    "{\"record\":\"run\",\"journal\":1,\"pace\":\"0.1\",\"model\":\"models/<small>\",\"data\":"
    "\"d/rows.jsonl\",\"method\":\"lora\",\"optimizer\":\"adamw_torch\",\"model_type\":\"llama\","
    "\"parameters\":1234567,\"trained_parameters\":2048,\"rows\":{\"train\":900,\"eval\":50,"
    "\"test\":40},\"steps\":40,\"batch_rows\":8,\"epochs\":1.5,\"seed\":42,\"guard\":\"act\","
    "\"time\":\"2026-11-22T18:00:00Z\",\"choices\":[{\"option\":\"lora-r\",\"value\":\"16\","
    "\"reason\":\"enough for 900 rows\"},{\"option\":\"num-train-epochs\",\"value\":\"1.5\","
    "\"reason\":null}],\"memory\":{\"parameters\":5000000,\"adapters\":8192,\"total\":5008192}}\n"
    "{\"record\":\"preflight\",\"check\":\"targets\",\"ok\":true,\"action\":\"go\",\"reason\":"
    "\"900 rows\",\"numbers\":[900]}\n"
    "{\"record\":\"preflight\",\"check\":\"base_loss\",\"ok\":false,\"action\":\"go\",\"reason\":"
    "\"the loss of the base is 9.5\",\"numbers\":[9.5]}\n"
    "{\"record\":\"prior\",\"learning_rate\":3e-4,\"sd\":0.28,\"low\":1.3e-4,\"high\":6.8e-4,"
    "\"terms\":[{\"name\":\"base\",\"value\":0,\"effect\":-4,\"se\":0.1,\"runs\":127,\"source\":"
    "\"the sweep\"},{\"name\":\"hidden_size\",\"value\":64,\"effect\":0.477,\"se\":0.1,\"runs\":12,"
    "\"source\":\"widths\"}]}\n"
    "{\"record\":\"arm\",\"arm\":0,\"learning_rate\":3e-4,\"steps\":10,\"loss\":1.98,\"se\":0.012,"
    "\"base_loss\":2.3,\"status\":\"measured\",\"action\":\"branch\",\"reason\":\"the guess\"}\n"
    "{\"record\":\"arm\",\"arm\":1,\"learning_rate\":6e-4,\"steps\":10,\"loss\":1.95,\"se\":0.011,"
    "\"base_loss\":2.3,\"status\":\"measured\",\"action\":\"branch\",\"reason\":\"above\"}\n"
    "{\"record\":\"arm\",\"arm\":2,\"learning_rate\":2.4e-3,\"steps\":4,\"loss\":9.5,\"se\":null,"
    "\"base_loss\":2.3,\"status\":\"diverged\",\"action\":\"stop\",\"reason\":\"rose\"}\n"
    "{\"record\":\"search\",\"action\":\"choose\",\"learning_rate\":5e-4,\"low\":3e-4,\"high\":8e-"
    "4,"
    "\"sd\":0.16,\"method\":\"race\",\"reason\":\"three short runs: 5e-4\",\"double_cost\":0.02,"
    "\"half_cost\":0.01,\"best_loss\":1.94,\"curvature\":0.2,\"cost\":0.15,\"arm\":1}\n";

static const char ending[] =
    "{\"record\":\"answer\",\"prompt\":\"Why?\",\"expected\":\"So.\",\"base\":\"Why? Why?\\nWhy?\","
    "\"tuned\":\"</script><b>So\"}\n"
    "{\"record\":\"choice\",\"action\":\"average\",\"step\":40,\"loss\":1.51,\"reason\":"
    "\"the average is best\"}\n"
    "{\"record\":\"verdict\",\"base_loss\":2.3,\"tuned_loss\":1.5,\"difference\":-0.8,\"low\":-0.9,"
    "\"high\":-0.7,\"rows\":40,\"better\":true,\"kl\":0.03,\"kl_se\":0.002,\"kl_tokens\":4096,"
    "\"answers\":40,\"base_exact\":1,\"tuned_exact\":36,\"reason\":null}\n"
    "{\"record\":\"end\",\"status\":\"done\",\"steps\":40,\"tokens\":50000,\"seconds\":100,"
    "\"compute\":{\"main\":1,\"search\":0.15,\"eval\":0.04,\"redo\":0.2,\"total_ratio\":1.39},"
    "\"peak_memory_bytes\":7000000,\"reason\":\"\"}\n";

void made_run_begin(struct buf *out)
{
    buf_add_text(out, beginning);
}

static void put_step(struct buf *out, int64_t step, double loss)
{
    struct pace_rate_obs obs = pace_rate_obs_step(loss, 1);
    struct pace_rate_decision d = {.step = step,
                                   .learning_rate = 5e-4 * (double)(40 - step) / 40,
                                   .gradient_scale = 1,
                                   .apply_update = true,
                                   .restore_slot = -1,
                                   .keep_slot = -1,
                                   .change = 1};
    journal_put(out, &obs, &d);
}

static void put_roll_back(struct buf *out)
{
    struct pace_rate_obs obs = pace_rate_obs_step(8, 50);
    struct pace_rate_decision d = {.action = PACE_ROLL_BACK,
                                   .advice = PACE_ROLL_BACK,
                                   .reason = PACE_REASON_LOSS_SPIKE,
                                   .step = 22,
                                   .learning_rate = 1e-4,
                                   .gradient_scale = 1,
                                   .restore_slot = 1,
                                   .keep_slot = -1,
                                   .change = 0.5,
                                   .number = {1.9, 8, 4, 22}};
    journal_put(out, &obs, &d);
}

static void put_eval(struct buf *out, int64_t step, double loss)
{
    struct pace_rate_obs obs = pace_rate_obs_eval(loss);
    struct pace_rate_decision d = {.reason = PACE_REASON_BEST_SO_FAR,
                                   .step = step,
                                   .gradient_scale = 1,
                                   .restore_slot = -1,
                                   .keep_slot = 0,
                                   .change = 1};
    journal_put(out, &obs, &d);
}

void made_run_steps(struct buf *out)
{
    struct pace_rate_options o;
    pace_rate_options_init(&o);
    o.schedule.learning_rate = 5e-4;
    o.schedule.total_steps = 40;
    journal_put_options(out, &o);
    for (int64_t i = 10; i < 30; i++)
        put_step(out, i, 2.3 - 0.02 * (double)i);
    put_roll_back(out);
    for (int64_t i = 22; i < 32; i++)
        put_step(out, i, 2.3 - 0.02 * (double)i);
    put_eval(out, 32, 1.7);
    buf_add_text(out, "{\"record\":\"quarantine\",\"row\":7,\"file\":\"d/rows.jsonl\",\"line\":9,"
                      "\"action\":\"quarantine\",\"reason\":\"its loss is no number\"}\n");
    for (int64_t i = 32; i < 40; i++)
        put_step(out, i, 2.3 - 0.02 * (double)i);
    put_eval(out, 40, 1.52);
}

void made_run_end(struct buf *out)
{
    buf_add_text(out, ending);
}

void made_run(struct buf *out)
{
    made_run_begin(out);
    made_run_steps(out);
    made_run_end(out);
}
