/*
 * cmd_pretrain.c - pace pretrain: a small model from random weights, with a tokenizer of its own.
 * From there on it is pace tune.
 */
#include "base/file.h"
#include "base/mem.h"
#include "cli/command.h"
#include "train/output.h"
#include "train/pretrain.h"

bool cmd_pretrain(const struct options *o, struct err *err)
{
    struct arena arena = {0};
    struct lock lock = {-1};
    bool ok = output_check(o, err) && output_hold(o, &lock, err) && output_begin(o, err) &&
              pretrain_prepare(o, err);
    struct options *run = arena_array(&arena, struct options, 1);
    *run = *o;
    run->arguments[0] = file_join(&arena, o->output_dir, pretrain_folder);
    run->from_scratch = true;
    run->overwrite_output_dir = true; /* what is there was just made */
    ok = ok && cmd_tune(run, err);
    lock_release(&lock);
    arena_release(&arena);
    return ok;
}
