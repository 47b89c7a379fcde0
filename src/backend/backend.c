/*
 * backend.c - setting up a backend: its table of operations, its threads, its scratch memory.
 *
 * Scratch memory is one piece, reserved before the first step for the greatest sizes that will come
 * and shared by all operations, which run one after another.
 */
#include "backend/backend.h"

void backend_init(struct backend *b, const struct backend_ops *ops, struct thread_pool *threads)
{
    *b = (struct backend){.ops = ops, .threads = threads};
}

static void release_scratch(struct backend *b)
{
    if (b->scratch)
        b->ops->release(b, b->scratch, b->scratch_bytes);
    b->scratch = NULL;
    b->scratch_bytes = 0;
}

bool backend_reserve(struct backend *b, const struct backend_sizes *sizes, struct err *err)
{
    size_t bytes = b->ops->scratch_bytes(b, sizes);
    if (b->scratch && bytes <= b->scratch_bytes)
        return true;
    release_scratch(b);
    b->scratch = b->ops->alloc(b, bytes);
    if (!b->scratch) {
        err_set(err, ERR_MEMORY, "no memory for the %zu bytes that operations work in", bytes);
        err_hint(err, "smaller batches or shorter rows need less");
        return false;
    }
    b->scratch_bytes = bytes;
    return true;
}

void backend_release(struct backend *b)
{
    release_scratch(b);
    *b = (struct backend){0};
}
