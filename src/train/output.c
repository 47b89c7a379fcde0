/*
 * output.c - the folder that a run leaves.
 *
 * An adapter's folder gets the tokenizer and the chat template along, as PEFT's Trainer does: a
 * template that was changed for training belongs to the adapter and not to the base.
 */
#include "train/output.h"

#include "base/file.h"
#include "model/lora.h"
#include "model/save.h"

bool output_prepare(const struct options *o, struct err *err)
{
    const char *folder = o->output_dir;
    struct arena arena = {0};
    char **names = NULL;
    size_t n_files = 0, n_folders = 0;
    if (!folder) {
        err_set(err, ERR_USAGE, "where to? -o OUT names the folder for the result");
        return false;
    }
    bool ok = file_make_folder(folder, err) && file_list(&arena, folder, &names, &n_files, err) &&
              file_list_folders(&arena, folder, &names, &n_folders, err);
    if (ok && n_files + n_folders > 0 && !o->overwrite_output_dir) {
        err_set(err, ERR_USAGE, "%s is not empty", folder);
        err_hint(err, "--overwrite-output-dir writes into it all the same");
        ok = false;
    }
    arena_release(&arena);
    return ok;
}

bool output_save(const struct model *model, const char *path, const char *folder, struct err *err)
{
    struct arena arena = {0};
    bool is_adapter = model->n_adapters > 0;
    const char *here = file_join(&arena, folder, is_adapter ? "adapter" : "model");
    bool ok =
        file_make_folder(here, err) &&
        (is_adapter ? lora_save(model, here, path, err) : model_save(model, path, here, err)) &&
        model_copy_companions(path, here, err);
    arena_release(&arena);
    return ok;
}
