/*
 * engine.c - what every command that computes begins with: threads, backend, model, adapter.
 *
 * A weight that is not a finite number would make every loss so, steps after the cause. All weights
 * are therefore read once before the first pass; they are needed in a moment anyway, and the read
 * brings them into memory.
 */
#include "train/engine.h"

#include <stdio.h>

#include "backend/cpu/kernel.h"
#include "base/file.h"
#include "model/lora.h"

bool engine_start(struct engine *e, const struct options *o, struct err *err)
{
    size_t n_threads = o->threads > 0 ? (size_t)o->threads : thread_processors();
    *e = (struct engine){0};
    if (!thread_pool_open(&e->threads, n_threads, err))
        return false;
    backend_init(&e->backend, &backend_cpu, e->threads);
    if (options_given(o, "bf16") && o->bf16)
        e->backend.products = PRODUCTS_BF16;
    return true;
}

/* The folder that a run left is often named instead of the one in it. */
static bool load_adapter(struct engine *e, const char *folder, struct err *err)
{
    struct arena arena = {0};
    if (!folder || lora_load(&e->model, folder, err))
        return true;
    const char *inner = file_join(&arena, folder, "adapter");
    if (file_kind_of(file_join(&arena, inner, "adapter_config.json")) == FILE_REGULAR)
        err_hint(err, "the adapter of this run: --adapter %s", inner);
    arena_release(&arena);
    return false;
}

bool engine_open(struct engine *e, const char *path, const struct options *o, struct err *err)
{
    bool ok = engine_start(e, o, err) && model_open(&e->model, path, &e->backend, err) &&
              load_adapter(e, o->adapter, err) && model_check_finite(&e->model, err);
    if (!ok)
        engine_close(e);
    return ok;
}

bool engine_create(struct engine *e, const char *path, const struct options *o, struct err *err)
{
    bool ok = engine_start(e, o, err) &&
              model_create(&e->model, path, &e->backend, (uint64_t)o->seed, err);
    if (!ok)
        engine_close(e);
    return ok;
}

const char *engine_template(const struct options *o, struct arena *arena)
{
    const char *own = o->adapter ? file_join(arena, o->adapter, "chat_template.jinja") : NULL;
    if (o->chat_template_path || !own || file_kind_of(own) != FILE_REGULAR)
        return o->chat_template_path;
    return own;
}

const char *engine_machine(void)
{
    static char text[80];
    const struct kernels *k = kernels_best();
    (void)snprintf(text, sizeof text, "cpu %s%s, compiler %s", k->name,
                   k->bf16.is_native ? " bf16" : "", __VERSION__);
    return text;
}

void engine_close(struct engine *e)
{
    model_close(&e->model);
    backend_release(&e->backend);
    thread_pool_close(e->threads);
    *e = (struct engine){0};
}
