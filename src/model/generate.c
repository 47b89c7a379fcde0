/*
 * generate.c - text from a model, token by token, with keys and values kept.
 *
 * A forward pass over new tokens needs of the old ones only their keys and values, which stay in
 * one pair of matrices a layer, [n_positions, K D] in float32. For attention the old tokens are one
 * segment without queries, and the new ones a segment behind it (struct segment). A long prompt is
 * fed in passes of ROWS_MOST tokens, so that memory for activations does not grow with it.
 *
 * A layer with a window keeps the keys outside of it as well: going back (rewind) then needs
 * nothing but a smaller count.
 */
#include "model/generate.h"

enum { ROWS_MOST = 128 };

static bool reserve_cache(struct generator *g, size_t n_positions, struct err *err)
{
    const struct model_config *c = &g->model->config;
    struct backend *b = g->model->backend;
    size_t width = c->kv_heads * c->head, size = n_positions * width;
    g->cache = (struct cache){.k = arena_array(&g->arena, struct mat, c->n_layers),
                              .v = arena_array(&g->arena, struct mat, c->n_layers),
                              .n_layers = c->n_layers,
                              .n_rows = n_positions};
    g->memory_bytes = 2 * c->n_layers * size * sizeof(float);
    g->memory = b->ops->alloc(b, g->memory_bytes);
    if (!g->memory) {
        err_set(err, ERR_MEMORY, "no room for the keys and values of %zu tokens: %zu bytes",
                n_positions, g->memory_bytes);
        err_hint(err, "a shorter context needs less: --max-length");
        return false;
    }
    float *at = g->memory;
    for (size_t i = 0; i < c->n_layers; i++) {
        g->cache.k[i] = (struct mat){at, n_positions, width, width};
        g->cache.v[i] = (struct mat){at + size, n_positions, width, width};
        at += 2 * size;
    }
    return true;
}

bool generator_open(struct generator *g, const struct model *model,
                    const struct record_options *record, struct err *err)
{
    size_t n_positions = record->longest;
    size_t vocabulary = model->config.vocabulary;
    CHECK(n_positions >= 1 && n_positions <= model->config.max_positions);
    *g = (struct generator){.model = model};
    struct run_options options = {
        .rows = min_size(ROWS_MOST, n_positions), .targets = 1, .keys = n_positions};
    model_record(model, &g->tape, record);
    if (!reserve_cache(g, n_positions, err) ||
        !run_init(&g->run, &g->tape, model->backend, &options, err)) {
        generator_close(g);
        return false;
    }
    g->id = arena_array(&g->arena, int32_t, options.rows);
    g->position = arena_array(&g->arena, int32_t, options.rows);
    g->logits = arena_array(&g->arena, float, vocabulary);
    g->candidates = arena_array(&g->arena, struct sample_candidate, vocabulary);
    return true;
}

void generator_close(struct generator *g)
{
    struct backend *b = g->model ? g->model->backend : NULL;
    run_release(&g->run);
    tape_release(&g->tape);
    if (g->memory)
        b->ops->release(b, g->memory, g->memory_bytes);
    arena_release(&g->arena);
    *g = (struct generator){0};
}

/* One pass over at most ROWS_MOST tokens; the logits of the last are computed where wanted. */
static void feed_part(struct generator *g, const int32_t *ids, size_t n, bool wants_logits)
{
    int32_t fed = (int32_t)g->n_fed, last = (int32_t)n - 1;
    bool has_past = fed > 0;
    struct segment segments[2] = {
        {.query = SEGMENT_NO_QUERIES, .n = fed, .parent = SEGMENT_NO_PARENT},
        {.key = fed, .n = (int32_t)n, .position = fed, .parent = has_past ? 0 : SEGMENT_NO_PARENT},
    };
    for (size_t i = 0; i < n; i++) {
        CHECK(ids[i] >= 0 && (size_t)ids[i] < g->model->config.vocabulary);
        g->id[i] = ids[i];
        g->position[i] = fed + (int32_t)i;
    }
    struct batch batch = {.n_tokens = n,
                          .id = g->id,
                          .position = g->position,
                          .segment = has_past ? segments : segments + 1,
                          .n_segments = has_past ? 2 : 1};
    size_t vocabulary = g->model->config.vocabulary;
    struct mat z = {g->logits, 1, vocabulary, vocabulary};
    if (wants_logits)
        run_logits(&g->run, &batch, &g->cache, &last, 1, z);
    else
        run_losses(&g->run, &batch, &g->cache, NULL, NULL);
    g->n_fed += n;
}

const float *generator_feed(struct generator *g, const int32_t *ids, size_t n)
{
    CHECK(n >= 1 && g->n_fed + n <= g->cache.n_rows);
    size_t most = min_size(ROWS_MOST, g->cache.n_rows);
    for (size_t first = 0; first < n; first += most) {
        size_t part = min_size(most, n - first);
        feed_part(g, ids + first, part, first + part == n);
    }
    return g->logits;
}

void generator_rewind(struct generator *g, size_t n)
{
    CHECK(n <= g->n_fed);
    g->n_fed = n;
}
