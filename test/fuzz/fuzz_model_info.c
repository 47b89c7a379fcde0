/*
 * fuzz_model_info.c - a model's description from any bytes: refused with ERR_INPUT, or sizes that
 * are finite and a guess of the rate that is.
 */
#include "fuzz.h"

#include <math.h>

#include "pace/rate.h"
#include "train/model_info.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arena arena = {0};
    struct err err = {0};
    struct model_info info;
    if (model_info_parse(&info, &arena, (struct span){bytes, len}, &err)) {
        struct pace_prior prior;
        struct pace_job job = {.model_type = info.model_type,
                               .parameters = info.parameters,
                               .hidden_size = (double)info.hidden_size};
        CHECK(info.hidden_size > 0 && isfinite(info.parameters));
        pace_prior(&job, &prior);
        CHECK(isfinite(prior.learning_rate) && prior.learning_rate > 0);
    } else {
        CHECK(err.kind == ERR_INPUT);
    }
    arena_release(&arena);
    return 0;
}
