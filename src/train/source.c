/*
 * source.c - which model and which adapter are meant by a path.
 *
 *     config.json there, or no folder    the model itself
 *     adapter_config.json                an adapter; its base_model_name_or_path is the model
 *     adapter/adapter_config.json        what pace tune leaves for low-rank adapters
 *     model/config.json                  what it leaves for full training
 *
 * The base is looked for where the adapter says: as a path from here, then from the adapter's own
 * folder.
 */
#include "train/source.h"

#include "base/file.h"
#include "model/peft_config.h"

static bool is_there(struct arena *arena, const char *folder, const char *name)
{
    return file_kind_of(file_join(arena, folder, name)) == FILE_REGULAR;
}

static bool find_base(struct source *source, struct arena *arena, struct err *err)
{
    struct peft_config config;
    struct file_map file;
    const char *path = file_join(arena, source->adapter, "adapter_config.json");
    if (!file_map(&file, path, err))
        return false;
    bool ok = peft_config_parse(&config, arena, arena_copy(arena, file.bytes), err);
    file_unmap(&file);
    source->model = config.base;
    if (ok && file_kind_of(config.base) == FILE_MISSING)
        source->model = file_join(arena, source->adapter, config.base);
    if (ok && (!*config.base || file_kind_of(source->model) == FILE_MISSING)) {
        err_set(err, ERR_INPUT, "the base \"%s\" that it names is not there", config.base);
        err_hint(err, "give the base as MODEL and this folder as --adapter");
        ok = false;
    }
    if (!ok)
        err_in(err, "%s", path);
    return ok;
}

bool source_find(struct source *source, struct arena *arena, const char *path, const char *adapter,
                 struct err *err)
{
    *source = (struct source){.model = path, .adapter = adapter};
    const char *below = file_join(arena, path, "adapter");
    const char *found = NULL;
    if (file_kind_of(path) != FILE_FOLDER || is_there(arena, path, "config.json"))
        return true;
    if (is_there(arena, path, "adapter_config.json"))
        found = path;
    else if (is_there(arena, below, "adapter_config.json"))
        found = below;
    if (!found) {
        const char *model = file_join(arena, path, "model");
        if (is_there(arena, model, "config.json"))
            source->model = model;
        return true;
    }
    if (adapter) {
        err_set(err, ERR_USAGE, "%s is an adapter, and so is --adapter %s", path, adapter);
        err_hint(err, "MODEL is the base of the one that is to be used");
        return false;
    }
    source->adapter = found;
    return find_base(source, arena, err);
}
