/*
 * cmd_export.c - pace export: a model, or an adapter alone, as a GGUF file.
 *
 * -o names the file, or a folder that is there, in which the file is called by the model's name and
 * type as llama.cpp's converter calls it. The tokenizer in the file is compared with the model's
 * own before the command says that it is done.
 */
#include <ctype.h>
#include <string.h>

#include "base/log.h"
#include "cli/command.h"
#include "cli/term.h"
#include "format/json.h"
#include "model/export.h"
#include "text/gguf_vocab.h"
#include "train/engine.h"
#include "train/source.h"

struct job {
    const struct options *o;
    struct source source;
    struct export_options export;
    bool is_adapter;
    const char *file;
    struct arena arena;
};

static bool read_options(struct job *job, struct err *err)
{
    const struct options *o = job->o;
    job->is_adapter = strcmp(o->format, "gguf-adapter") == 0;
    if (!job->is_adapter && strcmp(o->format, "gguf") != 0) {
        err_set(err, ERR_USAGE, "--format: \"%s\" is not known", o->format);
        err_hint(err, "gguf and gguf-adapter are; pace merge writes safetensors");
        return false;
    }
    job->export.has_type = o->outtype && strcmp(o->outtype, "auto") != 0;
    if (job->export.has_type && !export_type_named(o->outtype, &job->export.type)) {
        err_set(err, ERR_USAGE, "--outtype: \"%s\" is not known", o->outtype);
        err_hint(err, "f32, f16, bf16 and auto are");
        return false;
    }
    if (!o->output_dir) {
        err_set(err, ERR_USAGE, "where to? -o FILE names the file for the result");
        return false;
    }
    if (job->is_adapter && !job->source.adapter) {
        err_set(err, ERR_USAGE, "which adapter? --adapter A names a PEFT folder");
        return false;
    }
    job->export.template_folder = job->source.adapter;
    return true;
}

/* In a folder: "model-F16.gguf", "model-lora-F32.gguf". */
static void name_file(struct job *job, const struct model *model)
{
    struct arena *arena = &job->arena;
    enum dtype type = export_type(model, &job->export);
    job->file = job->o->output_dir;
    if (file_kind_of(job->file) != FILE_FOLDER)
        return;
    if (job->is_adapter && !job->export.has_type)
        type = DTYPE_F32;
    struct span name = span_of(job->source.model);
    if (span_ends_with(name, span_of(".gguf")))
        name.len -= 5;
    while (name.len > 1 && name.at[name.len - 1] == '/')
        name.len--;
    for (size_t i = name.len; i > 0; i--) {
        if (name.at[i - 1] == '/') {
            name = span_from(name, i);
            break;
        }
    }
    job->file = file_join(arena, job->file,
                          arena_printf(arena, "%.*s%s-%s.gguf", SPAN_ARGS(name),
                                       job->is_adapter ? "-lora" : "", dtype_info(type)->name));
}

static bool check_file(const struct job *job, struct err *err)
{
    if (file_kind_of(job->file) == FILE_MISSING || job->o->overwrite_output_dir)
        return true;
    err_set(err, ERR_USAGE, "%s is there already", job->file);
    err_hint(err, "--overwrite-output-dir writes over it");
    return false;
}

static bool compare_tokenizers(const struct job *job, struct err *err)
{
    size_t n_other, n;
    if (job->is_adapter || file_kind_of(job->source.model) != FILE_FOLDER)
        return true;
    if (!gguf_vocab_compare(job->source.model, job->file, &n_other, &n, err))
        return false;
    if (n_other > 0)
        log_warning("the tokenizer in the GGUF file encodes %zu of %zu test texts otherwise than "
                    "tokenizer.json: GGUF has no words for part of it",
                    n_other, n);
    return true;
}

static bool show(const struct job *job, struct err *err)
{
    struct buf out;
    struct file_map map;
    if (!file_map(&map, job->file, err))
        return false;
    buf_init(&out, BUF_NO_LIMIT);
    if (job->o->json) {
        struct json_writer w = {.out = &out, .indent = 2};
        json_begin_object(&w);
        json_member_text(&w, "output", job->file);
        json_member_text(&w, "model", job->source.model);
        json_member_text(&w, "adapter", job->source.adapter);
        json_member_text(&w, "format", job->o->format);
        json_member_int(&w, "bytes", (int64_t)map.bytes.len);
        json_end(&w);
        buf_add_byte(&out, '\n');
    } else {
        buf_printf(&out, "%s: ", job->file);
        term_add_count(&out, map.bytes.len, "byte");
        buf_printf(&out, "\n%s%s\n",
                   job->is_adapter ? "In llama.cpp: --lora " : "Talk to it: pace chat ", job->file);
    }
    file_unmap(&map);
    bool ok = command_print(&out, err);
    buf_release(&out);
    return ok;
}

static bool write(struct job *job, struct err *err)
{
    struct engine engine;
    struct options o = *job->o;
    o.adapter = job->source.adapter;
    if (!engine_open(&engine, job->source.model, &o, err))
        return false;
    name_file(job, &engine.model);
    bool ok = check_file(job, err);
    if (ok && job->is_adapter)
        ok = export_adapter(&engine.model, job->source.adapter, &job->export, job->file, err);
    else if (ok)
        ok = export_model(&engine.model, job->source.model, &job->export, job->file, err);
    engine_close(&engine);
    return ok && compare_tokenizers(job, err) && show(job, err);
}

bool cmd_export(const struct options *options, struct err *err)
{
    struct job job = {.o = options};
    bool ok = source_find(&job.source, &job.arena, options->arguments[0], options->adapter, err) &&
              read_options(&job, err) && write(&job, err);
    arena_release(&job.arena);
    return ok;
}
