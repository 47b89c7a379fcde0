/*
 * cmd_pretrain.c - pace pretrain: a small model from random weights, with a tokenizer of its own.
 * From there on it is pace tune.
 */
#include "base/file.h"
#include "base/mem.h"
#include "cli/command.h"
#include "train/checkpoint.h"
#include "train/output.h"
#include "train/pretrain.h"

bool cmd_pretrain(const struct options *o, struct err *err)
{
    struct arena arena = {0};
    struct lock lock = {-1};
    struct options *run = arena_array(&arena, struct options, 1);
    *run = *o;
    bool ok = output_check(o, err) && pretrain_prepare(o, &lock, err);
    if (ok) {
        run->arguments[0] = file_join(&arena, o->output_dir, pretrain_folder);
        run->from_scratch = true;
        run->overwrite_output_dir = true; /* what is there was just made */
        ok = cmd_tune(run, err);
        if (!ok && !checkpoint_is_there(o->output_dir))
            pretrain_discard(o);
    }
    lock_release(&lock);
    arena_release(&arena);
    return ok;
}
