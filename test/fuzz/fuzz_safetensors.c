/*
 * fuzz_safetensors.c - whatever opens has tensors that fill the data without overlap, and costs
 * memory in proportion to its size.
 */
#include "fuzz.h"

#include "format/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct safetensors st;
    struct err err = {0};
    if (!safetensors_open_bytes(&st, (struct span){bytes, len}, &err)) {
        CHECK(err.kind == ERR_INPUT && err.what[0]);
        return 0;
    }
    CHECK(st.arena.total_bytes <= 16 * len + 16384);
    uint64_t sum = 0;
    for (size_t i = 0; i < st.n_tensors; i++) {
        const struct tensor *t = &st.tensors[i];
        uint64_t size;
        CHECK(tensor_size(t, &size) && size == t->bytes.len);
        CHECK(i == 0 || t->bytes.at == t[-1].bytes.at + t[-1].bytes.len);
        CHECK(safetensors_find(&st, t->name) == t);
        sum += size;
    }
    CHECK(sum <= len);
    safetensors_close(&st);
    return 0;
}
