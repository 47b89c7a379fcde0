/*
 * generate.c - text from a model, token by token, with keys and values kept.
 *
 * A forward pass over new tokens needs of the old ones only their keys and values, which stay in
 * one pair of matrices a layer, [n_texts room, K D] in float32. For attention the old tokens of a
 * text are one segment without queries, and its new ones a segment behind it (struct segment);
 * texts see nothing of each other. A long prompt is fed in passes of ROWS_MOST tokens, so that
 * memory for activations does not grow with it.
 *
 * Several texts at once: what a step costs is reading the weights, whether for one token or for
 * one of each text, until their arithmetic weighs as much. Measured in tokens of a batch of 512, on
 * one core with AVX-512: a model of 3 million parameters takes 10 for one text, 26 for 4, 44 for 8,
 * 68 for 16, 115 for 32; SmolLM2-135M in 16 bits 9, 19, -, 65, 91. STEP and TEXT go through these.
 *
 * A layer with a window keeps the keys outside of it as well: going back (rewind) then needs
 * nothing but a smaller count.
 */
#include "model/generate.h"

#include <string.h>

enum { ROWS_MOST = 128, STEP = 16, TEXT = 3 };

double generator_step_cost(size_t n_texts)
{
    return STEP + TEXT * (double)n_texts;
}

uint64_t generator_text_bytes(const struct model_config *config, size_t room)
{
    return 2 * (uint64_t)config->n_layers * config->kv_heads * config->head * room * sizeof(float);
}

static bool reserve_cache(struct generator *g, struct err *err)
{
    const struct model_config *c = &g->model->config;
    struct backend *b = g->model->backend;
    size_t n_rows = g->n_texts * g->room, width = c->kv_heads * c->head, size = n_rows * width;
    g->cache = (struct cache){.k = arena_array(&g->arena, struct mat, c->n_layers),
                              .v = arena_array(&g->arena, struct mat, c->n_layers),
                              .n_layers = c->n_layers,
                              .n_rows = n_rows};
    g->memory_bytes = (size_t)generator_text_bytes(c, g->room) * g->n_texts;
    g->memory = b->ops->alloc(b, g->memory_bytes);
    if (!g->memory) {
        err_set(err, ERR_MEMORY, "no room for the keys and values of %zu tokens: %zu bytes", n_rows,
                g->memory_bytes);
        err_hint(err, "a shorter context needs less: --max-length");
        return false;
    }
    float *at = g->memory;
    for (size_t i = 0; i < c->n_layers; i++) {
        g->cache.k[i] = (struct mat){at, n_rows, width, width};
        g->cache.v[i] = (struct mat){at + size, n_rows, width, width};
        at += 2 * size;
    }
    return true;
}

bool generator_open(struct generator *g, const struct model *model,
                    const struct record_options *record, size_t n_texts, struct err *err)
{
    size_t room = record->longest;
    size_t vocabulary = model->config.vocabulary;
    CHECK(n_texts >= 1 && n_texts <= ROWS_MOST);
    CHECK(room >= 1 && room <= model->config.max_positions);
    *g = (struct generator){.model = model, .n_texts = n_texts, .room = room};
    struct run_options options = {
        .rows = max_size(min_size(ROWS_MOST, room), n_texts), .targets = n_texts, .keys = room};
    model_record(model, &g->tape, record);
    if (!reserve_cache(g, err) || !run_init(&g->run, &g->tape, model->backend, &options, err)) {
        generator_close(g);
        return false;
    }
    g->n_fed = arena_array(&g->arena, size_t, n_texts);
    g->id = arena_array(&g->arena, int32_t, options.rows);
    g->position = arena_array(&g->arena, int32_t, options.rows);
    g->last = arena_array(&g->arena, int32_t, n_texts);
    g->segments = arena_array(&g->arena, struct segment, 2 * n_texts);
    g->logits = arena_alloc_array(&g->arena, n_texts, vocabulary * sizeof *g->logits);
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

/* Lays n tokens of a text into the pass, behind what the cache holds of it. */
static void add_tokens(struct generator *g, struct batch *batch, size_t text, const int32_t *ids,
                       size_t n)
{
    int32_t fed = (int32_t)g->n_fed[text], first = (int32_t)(text * g->room);
    int32_t parent = SEGMENT_NO_PARENT;
    CHECK(text < g->n_texts && g->n_fed[text] + n <= g->room);
    if (fed > 0) {
        parent = (int32_t)batch->n_segments;
        g->segments[batch->n_segments++] = (struct segment){
            .query = SEGMENT_NO_QUERIES, .key = first, .n = fed, .parent = SEGMENT_NO_PARENT};
    }
    g->segments[batch->n_segments++] = (struct segment){.query = (int32_t)batch->n_tokens,
                                                        .key = first + fed,
                                                        .n = (int32_t)n,
                                                        .position = fed,
                                                        .parent = parent};
    for (size_t i = 0; i < n; i++) {
        CHECK(ids[i] >= 0 && (size_t)ids[i] < g->model->config.vocabulary);
        g->id[batch->n_tokens] = ids[i];
        g->position[batch->n_tokens++] = fed + (int32_t)i;
    }
    g->n_fed[text] += n;
}

static struct batch begin_pass(struct generator *g)
{
    return (struct batch){.id = g->id, .position = g->position, .segment = g->segments};
}

/* The logits of rows g->last [n] of the pass. */
static void find_logits(struct generator *g, const struct batch *batch, size_t n)
{
    size_t vocabulary = g->model->config.vocabulary;
    run_logits(&g->run, batch, &g->cache, g->last, n,
               (struct mat){g->logits, n, vocabulary, vocabulary});
}

const float *generator_feed(struct generator *g, size_t text, const int32_t *ids, size_t n)
{
    size_t most = min_size(ROWS_MOST, g->room);
    CHECK(n >= 1);
    for (size_t first = 0; first < n; first += most) {
        struct batch batch = begin_pass(g);
        size_t part = min_size(most, n - first);
        add_tokens(g, &batch, text, ids + first, part);
        if (first + part < n) {
            run_losses(&g->run, &batch, &g->cache, NULL, NULL);
        } else {
            g->last[0] = (int32_t)part - 1;
            find_logits(g, &batch, 1);
        }
    }
    return g->logits;
}

/* Row i of n becomes row g->last[i], from the last on: no row is written over before it is moved.
 */
static void spread_logits(struct generator *g, size_t n)
{
    size_t vocabulary = g->model->config.vocabulary;
    for (size_t i = n; i-- > 0;) {
        size_t text = (size_t)g->last[i];
        if (text != i)
            memmove(g->logits + text * vocabulary, g->logits + i * vocabulary,
                    vocabulary * sizeof *g->logits);
    }
}

const float *generator_step(struct generator *g, const int32_t *ids)
{
    struct batch batch = begin_pass(g);
    for (size_t text = 0; text < g->n_texts; text++) {
        if (ids[text] < 0)
            continue;
        g->last[batch.n_tokens] = (int32_t)batch.n_tokens;
        add_tokens(g, &batch, text, ids + text, 1);
    }
    if (batch.n_tokens == 0)
        return g->logits;
    find_logits(g, &batch, batch.n_tokens);
    size_t n = 0;
    for (size_t text = 0; text < g->n_texts; text++) {
        if (ids[text] >= 0)
            g->last[n++] = (int32_t)text;
    }
    spread_logits(g, n);
    return g->logits;
}

void generator_rewind(struct generator *g, size_t text, size_t n)
{
    CHECK(text < g->n_texts && n <= g->n_fed[text]);
    g->n_fed[text] = n;
}
