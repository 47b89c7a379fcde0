/*
 * cmd_data.c - pace data: what is in a data file, before anything is trained on it.
 *
 * The report comes in full even where rows are bad; the exit code is then 3, unless the user asked
 * to leave such rows out, so that a script learns of them without reading the report.
 */
#include "cli/command.h"
#include "cli/data_view.h"

static bool show(const struct options *o, struct data_report *report, struct err *err)
{
    struct buf out;
    buf_init(&out, BUF_NO_LIMIT);
    data_view_problems(report);
    if (o->json) {
        data_view_json(report, &out);
    } else {
        struct term term = term_of_stdout();
        data_view_text(report, &term, &out);
    }
    bool ok = command_print(&out, err);
    buf_release(&out);
    arena_release(&report->arena);
    return ok;
}

static bool run(const struct options *o, struct row_encoder *encoder, struct err *err)
{
    struct dataset_options options = {.columns = o->columns,
                                      .as_chat = encoder && encoder->has_chat,
                                      .skip_bad_rows = o->skip_bad_rows,
                                      .seed = (uint64_t)o->seed};
    struct survey_options wanted = {.sizes = {o->eval_split, o->test_split},
                                    .max_length = (uint32_t)o->max_length,
                                    .encoder = encoder,
                                    .n_previews = (size_t)o->show};
    struct dataset dataset;
    struct survey survey;
    const char *path = o->arguments[0];
    if (!dataset_open(&dataset, path, &options, err))
        return false;
    bool ok = survey_run(&survey, &dataset, &wanted, err);
    if (ok) {
        struct data_report report = {.dataset = &dataset,
                                     .survey = &survey,
                                     .path = path,
                                     .in_tokens = encoder != NULL,
                                     .max_length = wanted.max_length};
        ok = show(o, &report, err) && dataset_check(&dataset, err);
        survey_release(&survey);
    }
    dataset_close(&dataset);
    return ok;
}

bool cmd_data(const struct options *o, struct err *err)
{
    struct row_encoder encoder;
    if (!o->model)
        return run(o, NULL, err);
    if (!row_encoder_open(&encoder, o->model, o->chat_template_path, err))
        return false;
    bool ok = run(o, &encoder, err);
    row_encoder_close(&encoder);
    return ok;
}
