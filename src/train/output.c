/*
 * output.c - the folder that a run leaves, and what an earlier run left in it.
 *
 * An adapter's folder gets the tokenizer and the chat template along, as PEFT's Trainer does: a
 * template that was changed for training belongs to the adapter and not to the base.
 *
 * With --overwrite-output-dir the folder holds another run's result, which is worth something until
 * there is a better one, and misleads beside it. So nothing is touched before all that can be wrong
 * with the new run has been looked at; then the record of the old one goes (its checkpoint must not
 * be taken for the new run's); its result stays, so that a run which fails or is interrupted costs
 * nothing, until the new one is on the disk whole; then every file that an earlier run of pace
 * wrote and this one did not is removed. Files of other names are never touched, nor is a model
 * that the run itself was started from.
 *
 * A run of hours whose result the disk cannot take is refused before its first step. The room is
 * looked up and not reserved: what others write meanwhile is theirs, and where the disk fills later
 * the newest checkpoint is still there.
 */
#include "train/output.h"

#include <errno.h>
#include <libgen.h>
#include <math.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "model/lora.h"
#include "model/save.h"
#include "model/weights.h"
#include "text/chat.h"
#include "train/checkpoint.h"

/* What else adapter/ and model/ hold, and what is told of them once they are there. */
static const char *const adapter_files[] = {"adapter_config.json", "adapter_model.safetensors"};
static const char *const model_files[] = {"config.json", "generation_config.json",
                                          "model.safetensors"};
static const char *const reports[] = {"report.html", "report.json", "README.md"};

static bool check_empty(const struct options *o, struct err *err)
{
    struct arena arena = {0};
    char **names = NULL;
    size_t n_files = 0, n_folders = 0;
    bool ok = file_list(&arena, o->output_dir, &names, &n_files, err) &&
              file_list_folders(&arena, o->output_dir, &names, &n_folders, err);
    if (ok && n_files + n_folders > 0 && !o->overwrite_output_dir) {
        err_set(err, ERR_USAGE, "%s is not empty", o->output_dir);
        err_hint(err, "--overwrite-output-dir writes into it all the same");
        ok = false;
    }
    arena_release(&arena);
    return ok;
}

bool output_check(const struct options *o, struct err *err)
{
    const char *folder = o->output_dir;
    if (!folder) {
        err_set(err, ERR_USAGE, "where to? -o OUT names the folder for the result");
        return false;
    }
    bool is_new = file_kind_of(folder) == FILE_MISSING;
    if (!file_make_folder(folder, err))
        return false;
    if (is_new) { /* it can be made: that was the question */
        (void)rmdir(folder);
        return true;
    }
    if (access(folder, W_OK | X_OK) == 0)
        return check_empty(o, err);
    return file_failed(err, folder, "write into the folder", errno);
}

bool output_hold(const struct options *o, struct lock *lock, struct err *err)
{
    struct arena arena = {0};
    lock->fd = -1;
    bool ok = file_make_folder(o->output_dir, err) &&
              file_make_folder(file_join(&arena, o->output_dir, "checkpoint"), err) &&
              checkpoint_hold(lock, o->output_dir, err);
    arena_release(&arena);
    return ok;
}

bool output_begin(const struct options *o, struct err *err)
{
    struct arena arena = {0};
    bool ok = file_make_folder(o->output_dir, err) && checkpoint_remove(o->output_dir, err) &&
              file_remove(file_join(&arena, o->output_dir, "trainer_state.json"), err);
    arena_release(&arena);
    return ok;
}

/* -------------------------------------------------------------------------------------- room -- */

/* The page with what draws its curves; and a step's lines in the journal, the page and the logs. */
static const uint64_t REPORT_BYTES = (uint64_t)384 << 10, STEP_BYTES = 1024;

/* Of so many steps the lines are counted: a run of a thousand million is one that is ended by hand,
 * and what was trained is saved before the lines are. */
static const int64_t STEPS_TOLD = 100000;

static uint64_t size_of(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
}

/* As model_save writes it: 16 bits stay 16 bits. */
static uint64_t bytes_of(const struct model *model, const struct param *p)
{
    const struct tensor *there = model->files ? weights_find(model->files, p->name) : NULL;
    enum dtype dtype = there ? there->dtype : model->files ? DTYPE_F32 : model->config.dtype;
    bool is_half = dtype == DTYPE_BF16 || dtype == DTYPE_F16;
    return (uint64_t)param_count(p) * (is_half ? 2 : sizeof(float));
}

uint64_t output_bytes(const struct model *model, const struct options *o)
{
    struct arena arena = {0};
    uint64_t sum = 0;
    for (size_t i = 0; i < model->n_adapters; i++)
        sum += (uint64_t)param_count(model->adapters[i]) * sizeof(float);
    for (size_t i = 0; model->n_adapters == 0 && i < model->n_params; i++)
        sum += bytes_of(model, model->params[i]);
    for (size_t i = 0; i < model_n_companions; i++)
        sum += size_of(file_join(&arena, o->arguments[0], model_companions[i]));
    arena_release(&arena);
    return sum;
}

/* The bytes that can be written there, which need not be made yet. */
static bool find_room(const char *folder, uint64_t *room)
{
    struct arena arena = {0};
    struct statvfs fs;
    bool is_new = file_kind_of(folder) == FILE_MISSING;
    const char *there = is_new ? dirname(arena_string(&arena, span_of(folder))) : folder;
    bool tells = statvfs(there, &fs) == 0 && fs.f_blocks > 0;
    if (tells)
        *room = (uint64_t)fs.f_bavail * fs.f_frsize;
    arena_release(&arena);
    return tells;
}

static double in_mb(uint64_t bytes)
{
    return (double)bytes / 1e6;
}

bool output_check_room(const struct options *o, const struct output_need *need, struct err *err)
{
    struct arena arena = {0};
    const char *old = file_join(&arena, o->output_dir, "checkpoint/state.safetensors");
    uint64_t room, steps = (uint64_t)(need->steps < STEPS_TOLD ? need->steps : STEPS_TOLD);
    uint64_t telling = REPORT_BYTES + steps * STEP_BYTES;
    uint64_t wanted = need->result + need->checkpoint + telling;
    bool ok = true;
    if (!find_room(o->output_dir, &room))
        goto done;
    if (need->checkpoint > 0)
        room += size_of(old); /* which goes before the first step */
    ok = wanted <= room;
    if (!ok) {
        err_set(err, ERR_MEMORY,
                "the disk has room for %.1f MB, and the run is to write %.1f MB: %.1f MB of "
                "result, %.1f MB of checkpoint, %.1f MB of report and logs",
                floor(10 * in_mb(room)) / 10, in_mb(wanted), in_mb(need->result),
                in_mb(need->checkpoint), in_mb(telling));
        err_in(err, "%s", o->output_dir);
        err_hint(err, "free some space there, or name a folder on another disk with -o");
    } else if (need->result + telling + 2 * need->most_checkpoint > room) {
        log_warning("%s: the disk has room for %.1f MB: not every checkpoint will fit beside the "
                    "one before it, up to %.1f MB each",
                    o->output_dir, in_mb(room), in_mb(need->most_checkpoint));
    }

done:
    arena_release(&arena);
    return ok;
}

/* ------------------------------------------------------------------ what an earlier run left -- */

static void remove_file(const char *folder, const char *name)
{
    struct arena arena = {0};
    const char *path = file_join(&arena, folder, name);
    if (unlink(path) != 0 && errno != ENOENT && errno != ENOTDIR)
        log_warning("%s is of an earlier run, and cannot be removed", path);
    arena_release(&arena);
}

static void remove_files(const char *folder, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        remove_file(folder, names[i]);
}

static bool is_same_folder(const char *a, const char *b)
{
    struct stat of_a, of_b;
    return stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
           of_a.st_ino == of_b.st_ino;
}

/* What the base of this run does not have, and an earlier run's had. */
static void remove_companions(const char *model, const char *folder)
{
    struct arena arena = {0};
    for (size_t i = 0; i < model_n_companions; i++) {
        const char *name = model_companions[i];
        if (file_kind_of(file_join(&arena, model, name)) != FILE_REGULAR)
            remove_file(folder, name);
    }
    if (file_kind_of(file_join(&arena, model, "generation_config.json")) != FILE_REGULAR)
        remove_file(folder, "generation_config.json");
    arena_release(&arena);
}

/* A result of the other kind. */
static void remove_result(const char *model, const char *folder)
{
    if (is_same_folder(model, folder))
        return;
    remove_files(folder, adapter_files, COUNT_OF(adapter_files));
    remove_files(folder, model_files, COUNT_OF(model_files));
    remove_files(folder, model_companions, model_n_companions);
    remove_files(folder, reports, COUNT_OF(reports)); /* its model card */
    (void)rmdir(folder);                              /* where nothing else is in it */
}

/*
 * The template that was trained with, where it is not the base's own. That its file has gone since
 * is no reason to lose what was trained.
 */
static void save_template(const char *template_path, const char *folder)
{
    struct arena arena = {0};
    struct chat chat;
    struct err err;
    struct chat_source source = {.template_path = template_path};
    bool ok = chat_open(&chat, &source, &err);
    if (ok) {
        ok = file_put(file_join(&arena, folder, "chat_template.jinja"), chat.source, &err);
        chat_close(&chat);
    }
    if (!ok)
        log_warning("the chat template is not saved: %s", err.what);
    arena_release(&arena);
}

bool output_save(const struct model *model, const struct options *o, struct err *err)
{
    const char *path = o->arguments[0], *folder = o->output_dir;
    struct arena arena = {0};
    bool is_adapter = model->n_adapters > 0;
    const char *here = file_join(&arena, folder, is_adapter ? "adapter" : "model");
    bool ok =
        file_make_folder(here, err) &&
        (is_adapter ? lora_save(model, here, path, err) : model_save(model, path, here, err)) &&
        model_copy_companions(path, here, err);
    if (ok) {
        remove_companions(path, here);
        if (o->chat_template_path)
            save_template(o->chat_template_path, here);
        remove_result(path, file_join(&arena, folder, is_adapter ? "model" : "adapter"));
        remove_files(folder, reports, COUNT_OF(reports));
    } else {
        (void)rmdir(here); /* where nothing is in it */
    }
    arena_release(&arena);
    return ok;
}
