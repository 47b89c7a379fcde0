/*
 * cmd_tokenize.c - pace tokenize: text to ids, and ids to text.
 *
 * A document is a whole file, or with --lines each of its lines, read and printed one by one so
 * that memory does not depend on their number. Ids are printed as numbers with spaces between, or
 * with --json as {"ids": [...]}, a list of lists for --lines. --decode reads any of these forms.
 */
#include <stdio.h>

#include "base/file.h"
#include "base/num.h"
#include "cli/command.h"
#include "text/tokenizer.h"

enum { PRINT_BYTES = 1 << 16 }; /* output is gathered up to here */

struct job {
    const struct options *o;
    const char *path; /* "-": standard input */
    struct tokenizer tokenizer;
    struct tokenizer_work work;
    struct tokens ids;
    struct buf text; /* decoded */
    struct buf out;
    uint64_t n_done; /* documents */
};

static const char *path_name(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

static bool print_when_large(struct job *job, struct err *err)
{
    return job->out.len < PRINT_BYTES || command_print(&job->out, err);
}

/*
 * ----------------------------------------------------------------------------------- text to ids
 */

static void put_number(struct buf *out, uint32_t value)
{
    uint8_t digits[10];
    size_t n = sizeof digits;
    do {
        digits[--n] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    buf_add(out, (struct span){digits + n, sizeof digits - n});
}

static void put_ids(struct job *job)
{
    bool json = job->o->json;
    if (json)
        buf_add_text(&job->out, job->o->lines && job->n_done > 0 ? ", [" : "[");
    for (size_t i = 0; i < job->ids.n; i++) {
        if (i > 0)
            buf_add_text(&job->out, json ? ", " : " ");
        put_number(&job->out, job->ids.ids[i]);
    }
    buf_add_text(&job->out, json ? "]" : "\n");
}

static bool encode(struct job *job, struct span text, struct err *err)
{
    job->ids.n = 0;
    if (!tokenizer_encode(&job->tokenizer, &job->work, text, !job->o->no_special_tokens, &job->ids,
                          err))
        return false;
    put_ids(job);
    job->n_done++;
    return print_when_large(job, err);
}

/*
 * ----------------------------------------------------------------------------------- ids to text
 */

static bool decode(struct job *job, struct err *err)
{
    buf_clear(&job->text);
    if (!tokenizer_decode(&job->tokenizer, job->ids.ids, job->ids.n, job->o->no_special_tokens,
                          &job->text, err))
        return false;
    if (job->o->json) {
        struct json_writer w = {.out = &job->out};
        if (job->o->lines && job->n_done > 0)
            buf_add_text(&job->out, ", ");
        json_put_string(&w, buf_span(&job->text));
    } else {
        buf_add(&job->out, buf_span(&job->text));
        if (job->o->lines)
            buf_add_byte(&job->out, '\n');
    }
    job->n_done++;
    job->ids.n = 0;
    return print_when_large(job, err);
}

static void add_id(struct job *job, struct json_reader *r)
{
    int64_t id = json_int(r);
    if (id < 0 || id > UINT32_MAX)
        json_fail(r, "%lld is not a token's id", (long long)id);
    tokens_add(&job->ids, (uint32_t)id, 0, 0);
}

/* A list of ids, or with --lines a list of such lists. */
static bool decode_list(struct job *job, struct json_reader *r, struct err *err)
{
    bool ok = true;
    uint64_t before = job->n_done;
    bool has_lists = false;
    for (json_enter_array(r); json_next_item(r);) {
        if (json_peek(r) != JSON_ARRAY) {
            add_id(job, r);
            continue;
        }
        has_lists = true;
        if (!job->o->lines)
            json_fail(r, "several lists of ids: say --lines");
        for (json_enter_array(r); json_next_item(r);)
            add_id(job, r);
        if (!r->failed && ok)
            ok = decode(job, err);
    }
    if (!r->failed && ok && (!has_lists || job->ids.n > 0) && job->n_done == before)
        ok = decode(job, err);
    return ok;
}

static bool decode_json(struct job *job, struct span text, struct err *err)
{
    struct arena arena = {0};
    struct json_reader r;
    struct span key;
    bool ok = true;
    json_open(&r, text, &arena);
    if (json_peek(&r) == JSON_ARRAY) {
        ok = decode_list(job, &r, err);
    } else {
        bool found = false;
        for (json_enter_object(&r); json_next_key(&r, &key);) {
            if (span_is(key, "ids") && !found) {
                found = true;
                ok = decode_list(job, &r, err) && ok;
            } else {
                json_skip(&r);
            }
        }
        if (!r.failed && !found)
            json_fail(&r, "no \"ids\" in it");
    }
    struct err reading;
    bool read = json_close(&r, &reading);
    if (!read && ok)
        *err = reading;
    arena_release(&arena);
    return ok && read;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Ids as the other direction prints them: numbers between white space, or JSON. */
static bool decode_text(struct job *job, struct span text, struct err *err)
{
    size_t at = 0;
    while (at < text.len && is_space(text.at[at]))
        at++;
    if (at < text.len && (text.at[at] == '{' || text.at[at] == '['))
        return decode_json(job, text, err);
    while (at < text.len) {
        size_t start = at;
        while (at < text.len && !is_space(text.at[at]))
            at++;
        int64_t id;
        struct span word = span_part(text, start, at - start);
        if (!num_parse_i64(word, &id) || id < 0 || id > UINT32_MAX) {
            err_set(err, ERR_INPUT, "'%.*s' is not a token's id", SPAN_ARGS(word));
            err_in(err, "byte %zu", start);
            return false;
        }
        tokens_add(&job->ids, (uint32_t)id, 0, 0);
        while (at < text.len && is_space(text.at[at]))
            at++;
    }
    return decode(job, err);
}

/*
 * ------------------------------------------------------------------------------------- documents
 */

static bool run_document(struct job *job, struct span text, struct err *err)
{
    return job->o->decode ? decode_text(job, text, err) : encode(job, text, err);
}

static bool run_lines(struct job *job, struct err *err)
{
    struct file_lines lines;
    struct span line;
    bool more = true;
    if (!file_lines_open(&lines, job->path, TEXT_MAX_BYTES, err))
        return false;
    bool ok = true;
    while (ok && (ok = file_lines_next(&lines, &line, &more, err)) && more) {
        ok = run_document(job, line, err);
        if (!ok && err->kind == ERR_INPUT) {
            err_in(err, "line %llu", (unsigned long long)lines.line);
            err_in(err, "%s", path_name(job->path));
        }
    }
    file_lines_close(&lines);
    return ok;
}

static bool run_file(struct job *job, struct err *err)
{
    struct buf text;
    buf_init(&text, TEXT_MAX_BYTES);
    bool ok = file_read(&text, job->path, err);
    if (ok) {
        ok = run_document(job, buf_span(&text), err);
        if (!ok && err->kind == ERR_INPUT)
            err_in(err, "%s", path_name(job->path));
    }
    buf_release(&text);
    return ok;
}

static bool run_all(struct job *job, struct err *err)
{
    bool is_list = job->o->json && job->o->lines;
    if (job->o->json)
        buf_add_text(&job->out, job->o->decode ? "{\"text\": " : "{\"ids\": ");
    if (is_list)
        buf_add_byte(&job->out, '[');
    if (!(job->o->lines ? run_lines(job, err) : run_file(job, err)))
        return false;
    if (is_list)
        buf_add_byte(&job->out, ']');
    if (job->o->json)
        buf_add_text(&job->out, "}\n");
    return command_print(&job->out, err);
}

static bool check_options(const struct options *o, struct err *err)
{
    const char *of_chat = o->template_path           ? "--template"
                          : o->text_only             ? "--text-only"
                          : o->add_generation_prompt ? "--add-generation-prompt"
                                                     : NULL;
    if (of_chat) {
        err_set(err, ERR_USAGE, "%s has a meaning only with --chat", of_chat);
        return false;
    }
    if (o->model)
        return true;
    err_set(err, ERR_USAGE, "no model given");
    err_hint(err, "pace tokenize --model FOLDER_OR_FILE [FILE]");
    return false;
}

bool cmd_tokenize(const struct options *options, struct err *err)
{
    if (options->chat)
        return cmd_tokenize_chat(options, err);
    if (!check_options(options, err))
        return false;
    struct job job = {.o = options};
    job.path = options->n_arguments > 0 ? options->arguments[0] : "-";
    buf_init(&job.out, BUF_NO_LIMIT);
    buf_init(&job.text, BUF_NO_LIMIT);
    bool ok = tokenizer_open(&job.tokenizer, options->model, err) && run_all(&job, err);
    tokens_release(&job.ids);
    buf_release(&job.text);
    buf_release(&job.out);
    tokenizer_work_release(&job.work);
    tokenizer_close(&job.tokenizer);
    return ok;
}
