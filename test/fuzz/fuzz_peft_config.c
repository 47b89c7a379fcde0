/*
 * fuzz_peft_config.c - an adapter's description from any bytes: refused with ERR_INPUT, or one
 * whose numbers can be computed with.
 */
#include "fuzz.h"

#include <math.h>

#include "model/peft_config.h"

static void check_patterns(const struct lora_pattern *patterns, size_t n)
{
    for (size_t i = 0; i < n; i++)
        CHECK(patterns[i].pattern && patterns[i].value > 0 && isfinite(patterns[i].value));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arena arena = {0};
    struct err err = {0};
    struct peft_config c;
    if (peft_config_parse(&c, &arena, (struct span){bytes, len}, &err)) {
        CHECK(c.lora.rank > 0 && c.lora.alpha > 0 && c.lora.dropout >= 0 && c.lora.dropout < 1);
        check_patterns(c.lora.ranks, c.lora.n_ranks);
        check_patterns(c.lora.alphas, c.lora.n_alphas);
        for (size_t i = 0; i < c.lora.n_targets; i++)
            CHECK(c.lora.targets[i]);
    } else {
        CHECK(err.kind == ERR_INPUT);
    }
    arena_release(&arena);
    return 0;
}
