/*
 * cmd_merge.c - pace merge: an adapter folded into its base, as a Hugging Face folder.
 *
 * The result needs no adapter: transformers, llama.cpp's converter and pace open it like any model.
 * Everything is read and checked before the folder is made.
 */
#include "base/log.h"
#include "cli/command.h"
#include "format/json.h"
#include "model/save.h"
#include "train/checkpoint.h"
#include "train/engine.h"
#include "train/output.h"
#include "train/source.h"

static bool show(const struct options *o, const struct source *source, struct err *err)
{
    struct buf out;
    buf_init(&out, BUF_NO_LIMIT);
    if (o->json) {
        struct json_writer w = {.out = &out, .indent = 2};
        json_begin_object(&w);
        json_member_text(&w, "output", o->output_dir);
        json_member_text(&w, "model", source->model);
        json_member_text(&w, "adapter", source->adapter);
        json_end(&w);
        buf_add_byte(&out, '\n');
    } else {
        buf_printf(&out, "%s is %s with %s folded in\nTalk to it: pace chat %s\n", o->output_dir,
                   source->model, source->adapter, o->output_dir);
    }
    bool ok = command_print(&out, err);
    buf_release(&out);
    return ok;
}

static bool merge(const struct source *source, const struct options *o, struct err *err)
{
    struct engine engine;
    struct lock lock = {-1};
    if (!output_check(o, err) || !engine_open(&engine, source->model, o, err))
        return false;
    bool ok = model_can_save(&engine.model, err) && checkpoint_hold(&lock, o->output_dir, err) &&
              output_begin(o, err) &&
              model_save(&engine.model, source->model, o->output_dir, err) &&
              model_copy_companions(source->model, o->output_dir, err) &&
              model_copy_companions(source->adapter, o->output_dir, err);
    lock_release(&lock);
    engine_close(&engine);
    return ok;
}

bool cmd_merge(const struct options *options, struct err *err)
{
    struct arena arena = {0};
    struct source source;
    struct options o = *options;
    bool ok = source_find(&source, &arena, o.arguments[0], o.adapter, err);
    if (ok && !source.adapter) {
        err_set(err, ERR_USAGE, "what is to be folded in? --adapter A names a PEFT folder");
        ok = false;
    }
    o.adapter = source.adapter;
    ok = ok && merge(&source, &o, err) && show(&o, &source, err);
    arena_release(&arena);
    return ok;
}
