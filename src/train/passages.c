/*
 * passages.c - texts that the base says by itself, and how far the tuned model has gone from it.
 *
 * Forgetting shows first on what the base used to say. Its own texts, drawn at temperature 1 behind
 * the token that begins a text, are a sample of just that, need no data, and make a number with a
 * meaning: for x drawn from the base
 *
 *     KL(base || tuned) = E [ d ]      d = log p_base(x) - log p_tuned(x)
 *
 * the nats by which the tuned model says the base's texts worse. Beside d stands a quantity whose
 * mean is known to be 0 under the base, r - 1 with r = p_tuned / p_base = exp(-d), and which goes
 * down where d goes up; so
 *
 *     KL = mean(d) - c mean(r - 1)      c = cov(d, r) / var(r), within -1 and 0
 *
 * has the same mean and less noise (a control variate; Owen, Monte Carlo theory, chapter 8). Where
 * the models are near, d is nearly 1 - r: c is -1, each token's d + r - 1 is at least 0, and the
 * noise all but vanishes. Where they are far apart r has outliers, c goes to 0 and the plain mean
 * is left. The standard error is that of texts: tokens of one text go together.
 *
 * Texts are sampled side by side (generate.h), each from a stream of random numbers of its own. A
 * text ends with the model's end token, or at `longest`; another begins in its place, so that the
 * number of steps, and what they cost, is known before.
 */
#include "train/passages.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "model/generate.h"
#include "train/evaluate.h"

static const uint64_t STREAM = 0x70617373; /* of the first text's draws; the next has the next */

void passages_init(struct passages *p, struct arena *arena, const struct passages_options *options)
{
    /* At worst each token ends its text, and two stand in the store. */
    size_t rows = options->texts * options->steps, tokens = 2 * rows;
    *p = (struct passages){.options = *options,
                           .rows = arena_array(arena, struct stored_row, rows),
                           .ids = arena_array(arena, uint32_t, tokens),
                           .base = arena_array(arena, float, tokens),
                           .list = arena_array(arena, uint32_t, rows),
                           .rows_most = rows,
                           .tokens_most = tokens};
    uint8_t *mask = arena_array(arena, uint8_t, tokens / 8 + 1);
    memset(mask, 0xff, tokens / 8 + 1);
    p->store = (struct row_store){.rows = p->rows, .ids = p->ids, .mask = mask};
    for (size_t i = 0; i < rows; i++)
        p->list[i] = (uint32_t)i;
}

void passages_resume(struct passages *p)
{
    p->store.n_rows = (uint32_t)p->counts.rows;
    p->store.n_tokens = p->counts.tokens;
}

/* ---------------------------------------------------------------------------------- sampling -- */

/* The texts that stand side by side, each with its tokens so far. */
struct sampler {
    struct passages *p;
    struct generator generator;
    struct rng *rng; /* [texts] */
    uint32_t **text; /* [texts][longest] */
    size_t *n;       /* [texts] */
    int32_t *id;     /* [texts] to be fed next */
    const struct model_config *config;
    struct arena arena;
};

/* What stands before a text; for a model that names nothing, any token. */
static int32_t first_token(struct sampler *s, size_t text)
{
    if (s->config->bos >= 0)
        return s->config->bos;
    if (s->config->n_eos > 0)
        return s->config->eos[0];
    return (int32_t)rng_below(&s->rng[text], s->config->vocabulary);
}

static void begin_text(struct sampler *s, size_t text)
{
    s->id[text] = first_token(s, text);
    s->text[text][0] = (uint32_t)s->id[text];
    s->n[text] = 1;
    generator_rewind(&s->generator, text, 0);
}

/* Puts the text into the store, unless nothing was said. */
static void store_text(struct sampler *s, size_t text)
{
    struct passages *p = s->p;
    size_t n = s->n[text];
    if (n < 2)
        return;
    CHECK(p->counts.rows < p->rows_most && p->counts.tokens + n <= p->tokens_most);
    p->rows[p->counts.rows++] = (struct stored_row){.first = p->counts.tokens, .len = (uint32_t)n};
    memcpy(p->ids + p->counts.tokens, s->text[text], n * sizeof *p->ids);
    p->counts.tokens += n;
}

static bool is_end(const struct model_config *config, int32_t id)
{
    for (size_t i = 0; i < config->n_eos; i++) {
        if (config->eos[i] == id)
            return true;
    }
    return false;
}

static void take_token(struct sampler *s, size_t text, const float *logits)
{
    static const struct sample_options plain = {.temperature = 1, .top_p = 1};
    size_t V = s->config->vocabulary;
    int32_t id = sample_token(&plain, logits + text * V, V, &s->rng[text], s->generator.candidates);
    s->id[text] = id;
    s->text[text][s->n[text]++] = (uint32_t)id;
    if (s->n[text] < s->p->options.longest && !is_end(s->config, id))
        return;
    store_text(s, text);
    begin_text(s, text);
}

static bool open_sampler(struct sampler *s, struct passages *p, struct engine *engine,
                         struct err *err)
{
    const struct passages_options *o = &p->options;
    struct record_options record = {.longest = o->longest};
    *s = (struct sampler){.p = p, .config = &engine->model.config};
    if (!generator_open(&s->generator, &engine->model, &record, o->texts, err))
        return false;
    s->rng = arena_array(&s->arena, struct rng, o->texts);
    s->text = arena_array(&s->arena, uint32_t *, o->texts);
    s->n = arena_array(&s->arena, size_t, o->texts);
    s->id = arena_array(&s->arena, int32_t, o->texts);
    for (size_t i = 0; i < o->texts; i++) {
        s->rng[i] = (struct rng){.seed = o->seed, .stream = STREAM + i};
        s->text[i] = arena_array(&s->arena, uint32_t, o->longest);
        begin_text(s, i);
    }
    return true;
}

bool passages_sample(struct passages *p, struct engine *engine, struct err *err)
{
    struct sampler s;
    CHECK(p->options.longest >= 2);
    p->counts = (struct passages_counts){0};
    if (!open_sampler(&s, p, engine, err))
        return false;
    for (size_t step = 0; step < p->options.steps; step++) {
        const float *logits = generator_step(&s.generator, s.id);
        for (size_t i = 0; i < p->options.texts; i++)
            take_token(&s, i, logits);
    }
    for (size_t i = 0; i < p->options.texts; i++)
        store_text(&s, i);
    generator_close(&s.generator);
    arena_release(&s.arena);
    passages_resume(p);
    struct row_list list = {p->list, p->counts.rows, p->options.longest};
    return evaluate_tokens(engine, &p->store, &list, p->base, err);
}

/* -------------------------------------------------------------------------------- comparing -- */

struct moments {
    double n, d, r, dr, rr; /* sums of 1, d, r - 1, d (r - 1), (r - 1)^2 */
};

static double distance(const struct passages *p, const float *tuned, uint64_t token)
{
    return (double)tuned[token] - (double)p->base[token];
}

static void add_text(const struct passages *p, const float *tuned, size_t text, struct moments *m)
{
    const struct stored_row *row = &p->rows[text];
    for (uint64_t t = row->first + 1; t < row->first + row->len; t++) {
        double d = distance(p, tuned, t), r = expm1(-d);
        m->n++;
        m->d += d;
        m->r += r;
        m->dr += d * r;
        m->rr += r * r;
    }
}

struct divergence passages_divergence(const struct passages *p, const float *tuned)
{
    struct moments all = {0};
    size_t texts = p->counts.rows;
    for (size_t i = 0; i < texts; i++)
        add_text(p, tuned, i, &all);
    struct divergence found = {.kl = INFINITY, .se = INFINITY, .tokens = (uint64_t)all.n};
    double variance = all.rr - all.r * all.r / all.n;
    double factor = variance > 0 ? (all.dr - all.d * all.r / all.n) / variance : 0;
    if (!isfinite(all.d))
        return found;
    factor = isfinite(variance) ? fmin(fmax(factor, -1), 0) : 0;
    found.kl = (all.d - (factor < 0 ? factor * all.r : 0)) / all.n;

    double squares = 0;
    for (size_t i = 0; i < texts; i++) {
        struct moments one = {0};
        add_text(p, tuned, i, &one);
        double rest = one.d - (factor < 0 ? factor * one.r : 0) - found.kl * one.n;
        squares += rest * rest;
    }
    found.se = sqrt(squares * (double)texts / ((double)texts - 1)) / all.n;
    return found;
}

bool passages_compare(const struct passages *p, struct engine *engine,
                      struct divergence *divergence, struct err *err)
{
    struct row_list list = {p->list, p->counts.rows, p->options.longest};
    float *tuned = mem_alloc(p->tokens_most * sizeof *tuned);
    bool ok = evaluate_tokens(engine, &p->store, &list, tuned, err);
    if (ok)
        *divergence = passages_divergence(p, tuned);
    mem_free(tuned);
    return ok;
}
