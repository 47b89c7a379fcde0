/*
 * cmd_inspect.c - pace inspect: the metadata and tensors of a safetensors or GGUF file, or of a
 * model folder. Opening proves the file whole, so this is also the check of a download.
 */
#include "cli/command.h"
#include "cli/inspect_view.h"

/* The file of a folder that holds an adapter and no model; otherwise the path itself. */
static const char *weights_path(struct arena *arena, const char *path)
{
    const char *adapter = file_join(arena, path, "adapter_model.safetensors");
    const char *model = file_join(arena, path, "model.safetensors");
    bool is_adapter = file_kind_of(adapter) == FILE_REGULAR && file_kind_of(model) == FILE_MISSING;
    return is_adapter ? adapter : path;
}

/* GGUF is known by its magic, not by its name. */
static bool is_gguf(const char *path, bool *out, struct err *err)
{
    struct file_map map;
    *out = false;
    if (file_kind_of(path) == FILE_FOLDER)
        return true;
    if (!file_map(&map, path, err))
        return false;
    *out = gguf_is(map.bytes);
    file_unmap(&map);
    return true;
}

static bool inspect_gguf(const char *path, bool as_json, struct buf *out, struct err *err)
{
    struct gguf g;
    if (!gguf_open(&g, path, err))
        return false;
    struct term term = term_of_stdout();
    if (as_json)
        inspect_view_gguf_json(&g, path, out);
    else
        inspect_view_gguf(&g, &term, out);
    gguf_close(&g);
    return true;
}

static bool inspect_safetensors(const char *path, bool as_json, struct buf *out, struct err *err)
{
    struct safetensors st;
    if (!safetensors_open(&st, path, err))
        return false;
    struct term term = term_of_stdout();
    if (as_json)
        inspect_view_safetensors_json(&st, path, out);
    else
        inspect_view_safetensors(&st, &term, out);
    safetensors_close(&st);
    return true;
}

bool cmd_inspect(const struct options *o, struct err *err)
{
    struct arena arena = {0};
    struct buf out;
    bool gguf;
    buf_init(&out, BUF_NO_LIMIT);
    const char *path = weights_path(&arena, o->arguments[0]);
    bool ok = is_gguf(path, &gguf, err) &&
              (gguf ? inspect_gguf : inspect_safetensors)(path, o->json, &out, err) &&
              command_print(&out, err);
    buf_release(&out);
    arena_release(&arena);
    return ok;
}
