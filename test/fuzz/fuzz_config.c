/*
 * fuzz_config.c - a decoder's description from any bytes, JSON or GGUF: refused with ERR_INPUT, or
 * one whose sizes are within bounds and whose angles are finite.
 */
#include "fuzz.h"

#include <math.h>

#include "format/gguf.h"
#include "model/arch.h"
#include "model/rope.h"

enum { POSITIONS = 3 };

static void check_rope(const struct model_config *c, const struct rope_config *rope,
                       struct arena *arena)
{
    size_t n = POSITIONS * rope->rotary / 2;
    float *cosines = arena_array(arena, float, n), *sines = arena_array(arena, float, n);
    CHECK(rope->rotary > 0 && rope->rotary <= c->head && rope->rotary % 2 == 0);
    rope_table(rope, POSITIONS, cosines, sines);
    for (size_t i = 0; i < n; i++)
        CHECK(isfinite(cosines[i]) && isfinite(sines[i]));
}

static void check(const struct model_config *c, struct arena *arena)
{
    CHECK(c->arch && c->width > 0 && c->n_layers > 0 && c->n_layers <= 4096);
    CHECK(c->heads % c->kv_heads == 0 && c->n_ropes <= ROPES_MOST && c->n_eos <= 8);
    CHECK(isfinite(c->attn_scale) && isfinite(c->norm_eps));
    for (size_t i = 0; i < c->n_ropes; i++)
        check_rope(c, &c->rope[i], arena);
    for (size_t i = 0; i < c->n_layers; i++)
        CHECK(c->layers[i].window >= 0 && c->layers[i].rope < (int)c->n_ropes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arena arena = {0};
    struct err err = {0};
    struct model_config config;
    struct gguf gguf = {0};
    struct span text = {bytes, len};
    bool ok = gguf_is(text) ? gguf_open_bytes(&gguf, text, &err) &&
                                  model_config_gguf(&config, &arena, &gguf, &err)
                            : model_config_parse(&config, &arena, text, &err);
    if (ok)
        check(&config, &arena);
    else
        CHECK(err.kind == ERR_INPUT);
    gguf_close(&gguf);
    arena_release(&arena);
    return 0;
}
