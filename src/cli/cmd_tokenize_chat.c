/*
 * cmd_tokenize_chat.c - pace tokenize --chat: a conversation as the text and the tokens that the
 * model is given, and which of them are trained on.
 *
 * With --json: {"text": …, "ids": […], "mask": […]}; --text-only leaves ids and mask out and needs
 * no tokenizer. Without --json: the text, or with a tokenizer a line for each token: its id, 1
 * where it is trained on, and the part of the text it stands for.
 *
 * The template writes the special tokens itself, so the tokenizer adds none.
 */
#include "base/file.h"
#include "cli/command.h"
#include "text/chat.h"
#include "text/tokenizer.h"

enum { LONGEST_CONVERSATION = 256 << 20 };

struct job {
    const struct options *o;
    struct chat chat;
    struct chat_text text;
    struct tokenizer tokenizer;
    struct tokenizer_work work;
    struct tokens ids;
    uint8_t *mask; /* in the text's arena */
};

static bool encode(struct job *job, struct err *err)
{
    struct span text = buf_span(&job->text.text);
    job->ids.with_ranges = true;
    if (!tokenizer_encode(&job->tokenizer, &job->work, text, false, &job->ids, err))
        return false;
    job->mask = arena_array(&job->text.arena, uint8_t, job->ids.n);
    chat_mask(&job->text, job->ids.ranges, job->ids.n, job->mask);
    return true;
}

static void write_json(const struct job *job, struct buf *out)
{
    struct json_writer w = {.out = out};
    json_begin_object(&w);
    json_key(&w, "text");
    json_put_string(&w, buf_span(&job->text.text));
    if (!job->o->text_only) {
        json_key(&w, "ids");
        json_begin_array(&w);
        for (size_t i = 0; i < job->ids.n; i++)
            json_put_int(&w, job->ids.ids[i]);
        json_end(&w);
        json_key(&w, "mask");
        json_begin_array(&w);
        for (size_t i = 0; i < job->ids.n; i++)
            json_put_int(&w, job->mask[i]);
        json_end(&w);
    }
    json_end(&w);
    buf_add_byte(out, '\n');
}

static void write_lines(const struct job *job, struct buf *out)
{
    struct json_writer w = {.out = out};
    if (job->o->text_only) {
        buf_add(out, buf_span(&job->text.text));
        return;
    }
    for (size_t i = 0; i < job->ids.n; i++) {
        struct text_range range = job->ids.ranges[i];
        buf_printf(out, "%u\t%d\t", job->ids.ids[i], job->mask[i]);
        json_put_string(&w,
                        span_part(buf_span(&job->text.text), range.start, range.end - range.start));
        buf_add_byte(out, '\n');
    }
}

static bool run(struct job *job, const char *path, struct err *err)
{
    struct buf input, out;
    buf_init(&input, LONGEST_CONVERSATION);
    buf_init(&out, BUF_NO_LIMIT);
    bool ok = file_read(&input, path, err);
    if (ok) {
        struct chat_request request = {.messages = buf_span(&input),
                                       .add_generation_prompt = job->o->add_generation_prompt,
                                       .wants_spans = !job->o->text_only};
        ok = chat_render(&job->chat, &request, &job->text, err) &&
             (job->o->text_only || encode(job, err));
    }
    if (ok) {
        if (job->o->json)
            write_json(job, &out);
        else
            write_lines(job, &out);
        ok = command_print(&out, err);
    }
    buf_release(&input);
    buf_release(&out);
    return ok;
}

static bool check_options(const struct options *o, struct err *err)
{
    const char *wrong = o->decode ? "--decode" : o->lines ? "--lines" : NULL;
    if (wrong) {
        err_set(err, ERR_USAGE, "%s has no meaning with --chat", wrong);
        return false;
    }
    if (o->model || (o->template_path && o->text_only))
        return true;
    err_set(err, ERR_USAGE, "no model given");
    err_hint(err, "pace tokenize --chat --model FOLDER [FILE], or --template FILE --text-only");
    return false;
}

bool cmd_tokenize_chat(const struct options *options, struct err *err)
{
    struct job job = {.o = options};
    struct chat_source source = {.model = options->model, .template_path = options->template_path};
    const char *path = options->n_arguments > 0 ? options->arguments[0] : "-";
    chat_text_init(&job.text);
    bool ok = check_options(options, err) && chat_open(&job.chat, &source, err) &&
              (options->text_only || tokenizer_open(&job.tokenizer, options->model, err)) &&
              run(&job, path, err);
    chat_text_release(&job.text);
    chat_close(&job.chat);
    tokens_release(&job.ids);
    tokenizer_work_release(&job.work);
    tokenizer_close(&job.tokenizer);
    return ok;
}
