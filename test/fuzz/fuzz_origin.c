/*
 * fuzz_origin.c - what a run was begun from, from any bytes: refused as input, or options of a run
 * that were checked as a command line's are.
 */
#include "fuzz.h"

#include "train/origin.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct options said, o;
    struct arena arena = {0};
    struct err err = {0};
    options_init(&said);
    if (origin_options(&o, &arena, (struct span){bytes, len}, &said, &err)) {
        CHECK(o.n_arguments == 2 && o.arguments[0] && o.arguments[1]);
        CHECK(o.lora_dropout >= 0 && o.lora_dropout < 1 && o.eval_split >= -1);
        CHECK(!options_given(&o, "csv"));
    } else {
        CHECK(err.kind == ERR_INPUT && err.what[0]);
    }
    arena_release(&arena);
    return 0;
}
