/*
 * optim.c - how much each optimiser remembers, and which rules make up its step.
 *
 * The arithmetic on elements is backend/rule.h's. Here is what happens once a step or once a
 * parameter: powers of the betas, Adafactor's means, Prodigy's estimate of the distance, in double
 * as PyTorch has them in Python. The state is one piece of memory, each array at a multiple of 64
 * bytes, so that a snapshot is a copy of it (snapshot.h).
 *
 * Weight decay goes to the parameters that decay (param.h). SGD couples it into the gradient, all
 * others shrink the weights by rate times decay, each in its own library's way.
 *
 * Adam in 8 bits: blocks of 256; tensors below 4,096 elements and embeddings keep 32 bits, as
 * Hugging Face asks of bitsandbytes. The tables are that library's, of dynamic quantisation
 * (Dettmers, arXiv:1511.04561): seven decades, each cut into twice as many parts as the one below
 * it. Numbers take the nearest code (the library's search on a processor often takes the second
 * nearest). The table of v gives up its zero: a v that is small beside its neighbours becomes the
 * smallest number and not nothing, so that no m is ever divided by eps alone.
 */
#include "optim/optim.h"

#include <stdlib.h>

enum { ALIGNED_FLOATS = 16, LEAST_8BIT = 4096, MOST_MOMENTS = 2 };

/* How large each array of a parameter's state is. */
struct state_sizes {
    size_t state[RULE_STATES]; /* floats */
    size_t code[MOST_MOMENTS]; /* bytes */
};

struct optim_row {
    void (*measure)(const struct optim_options *o, const struct param *p, struct state_sizes *s);
    void (*begin)(struct optim *o); /* NULL: all zero */
    void (*step)(struct optim *o, double rate, double grad_scale);
};

/* ------------------------------------------------------------------------------ what is kept -- */

static void measure_sgd(const struct optim_options *o, const struct param *p, struct state_sizes *s)
{
    if (o->momentum > 0)
        s->state[0] = param_count(p);
}

static void measure_adamw(const struct optim_options *o, const struct param *p,
                          struct state_sizes *s)
{
    (void)o;
    s->state[0] = s->state[1] = param_count(p);
}

static bool is_embedding(const struct param *p)
{
    static const char *const ends[] = {"embed_tokens.weight", "embed_in.weight", "wte.weight",
                                       "wpe.weight"};
    for (size_t i = 0; i < COUNT_OF(ends); i++)
        if (span_ends_with(span_of(p->name), span_of(ends[i])))
            return true;
    return false;
}

static void measure_8bit(const struct optim_options *o, const struct param *p,
                         struct state_sizes *s)
{
    size_t n = param_count(p);
    measure_adamw(o, p, s);
    if (n < LEAST_8BIT || is_embedding(p))
        return;
    s->state[0] = s->state[1] = (n + RULE_CODE_BLOCK - 1) / RULE_CODE_BLOCK;
    s->code[0] = s->code[1] = n;
}

static void measure_lion(const struct optim_options *o, const struct param *p,
                         struct state_sizes *s)
{
    (void)o;
    s->state[0] = param_count(p);
}

static void measure_adafactor(const struct optim_options *o, const struct param *p,
                              struct state_sizes *s)
{
    (void)o;
    bool is_factored = rule_is_factored(p->weight.rows, p->weight.width);
    s->state[0] = is_factored ? p->weight.rows : param_count(p);
    s->state[1] = is_factored ? p->weight.width : 0;
}

static void measure_schedule_free(const struct optim_options *o, const struct param *p,
                                  struct state_sizes *s)
{
    (void)o;
    s->state[0] = s->state[1] = s->state[2] = param_count(p);
}

static void measure_prodigy(const struct optim_options *o, const struct param *p,
                            struct state_sizes *s)
{
    measure_schedule_free(o, p, s);
    s->state[3] = param_count(p);
}

/* --------------------------------------------------------------------------- how each begins -- */

static void copy(struct optim *o, float *to, float *from, size_t n)
{
    o->backend->ops->copy(o->backend, (struct mat){to, 1, n, n}, (struct mat){from, 1, n, n});
}

static void begin_schedule_free(struct optim *o)
{
    for (size_t i = 0; i < o->n_params; i++) {
        const struct param *p = o->params[i];
        copy(o, o->slots[i].state[1], p->value, param_count(p));
        copy(o, o->slots[i].state[2], p->value, param_count(p));
    }
}

static void begin_prodigy(struct optim *o)
{
    o->memory.d = o->memory.d_most = o->options.d0;
    for (size_t i = 0; i < o->n_params; i++)
        copy(o, o->slots[i].state[3], o->params[i]->value, param_count(o->params[i]));
}

static int compare_floats(const void *a, const void *b)
{
    float x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* The middles of `parts` equal parts of 0.1 … 1, divided by 10 so many times. */
static size_t add_decade(float *book, size_t n, size_t parts, int times, bool is_signed)
{
    double divisor = 1;
    for (int i = 0; i < times; i++)
        divisor *= 10;
    for (size_t i = 0; i < parts; i++) {
        float value = (float)((0.1 + 0.9 * ((double)i + 0.5) / (double)parts) / divisor);
        book[n++] = value;
        if (is_signed)
            book[n++] = -value;
    }
    return n;
}

static void fill_book(float *book, bool is_signed)
{
    enum { DECADES = 7 };
    size_t n = 0;
    for (int i = 0; i < DECADES; i++)
        n = add_decade(book, n, (size_t)1 << (is_signed ? i : i + 1), DECADES - 1 - i, is_signed);
    book[n++] = 0;
    book[n++] = 1;
    CHECK(n == RULE_CODES);
    qsort(book, RULE_CODES, sizeof *book, compare_floats);
    if (!is_signed)
        book[0] = -1; /* no v is near it */
}

static void begin_8bit(struct optim *o)
{
    o->book = arena_array(&o->arena, float, MOST_MOMENTS *RULE_CODES);
    fill_book(o->book, true);
    fill_book(o->book + RULE_CODES, false);
}

/* --------------------------------------------------------------------------------- the steps -- */

static double decay_of(const struct optim *o, size_t i)
{
    return o->params[i]->decays ? o->options.weight_decay : 0;
}

/* What all rules want to know of parameter i. */
static struct optim_args args_of(const struct optim *o, size_t i, enum rule rule, double grad_scale)
{
    const struct param *p = o->params[i];
    const struct optim_options *s = &o->options;
    struct optim_args a = {.rule = rule,
                           .w = p->value,
                           .g = p->grad,
                           .rows = p->weight.rows,
                           .width = p->weight.width,
                           .code = {o->slots[i].code[0], o->slots[i].code[1]},
                           .grad_scale = (float)grad_scale,
                           .beta1 = (float)s->beta1,
                           .beta2 = (float)s->beta2,
                           .new1 = (float)(1 - s->beta1),
                           .new2 = (float)(1 - s->beta2),
                           .eps = (float)s->eps};
    memcpy(a.state, o->slots[i].state, sizeof a.state);
    if (o->book) {
        a.book[0] = o->book;
        a.book[1] = o->book + RULE_CODES;
    }
    return a;
}

static void run(const struct optim *o, const struct optim_args *a)
{
    o->backend->ops->update(o->backend, a);
}

/* Runs a pass that leaves sums, and adds them to `total`, block by block. */
static void run_sums(const struct optim *o, struct optim_args *a, double total[RULE_SUMS])
{
    size_t n = rule_blocks(a);
    a->sums = o->sums;
    run(o, a);
    a->sums = NULL;
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < RULE_SUMS; k++)
            total[k] += o->sums[i][k];
}

static void step_sgd(struct optim *o, double rate, double grad_scale)
{
    for (size_t i = 0; i < o->n_params; i++) {
        struct optim_args a = args_of(o, i, RULE_SGD, grad_scale);
        a.rate = (float)rate;
        a.decay = (float)decay_of(o, i);
        a.beta1 = (float)o->options.momentum;
        a.nesterov = o->options.nesterov;
        run(o, &a);
    }
}

/* In 8 bits as well: a parameter that has no codes is kept in 32. */
static void step_adamw(struct optim *o, double rate, double grad_scale)
{
    double t = (double)o->memory.step;
    double correction1 = 1 - pow(o->options.beta1, t), correction2 = 1 - pow(o->options.beta2, t);
    for (size_t i = 0; i < o->n_params; i++) {
        enum rule rule = o->slots[i].code[0] ? RULE_ADAMW_8BIT : RULE_ADAMW;
        struct optim_args a = args_of(o, i, rule, grad_scale);
        a.rate = (float)(rate / correction1);
        a.decay = (float)(1 - rate * decay_of(o, i));
        a.correction = (float)sqrt(correction2);
        run(o, &a);
    }
}

static void step_lion(struct optim *o, double rate, double grad_scale)
{
    for (size_t i = 0; i < o->n_params; i++) {
        struct optim_args a = args_of(o, i, RULE_LION, grad_scale);
        a.rate = (float)rate;
        a.decay = (float)(1 - rate * decay_of(o, i));
        run(o, &a);
    }
}

/* The average counts each point by the square of the largest rate so far. */
static void step_schedule_free(struct optim *o, double rate, double grad_scale)
{
    struct optim_memory *m = &o->memory;
    m->rate_most = fmax(m->rate_most, rate);
    double weight = m->rate_most * m->rate_most;
    m->weight_total += weight;
    for (size_t i = 0; i < o->n_params; i++) {
        struct optim_args a = args_of(o, i, RULE_SCHEDULE_FREE, grad_scale);
        a.rate = (float)rate;
        a.decay = (float)decay_of(o, i);
        a.correction = (float)(1 - pow(o->options.beta2, (double)m->step));
        a.weight = m->weight_total > 0 ? (float)(weight / m->weight_total) : 0;
        run(o, &a);
    }
}

/* Adafactor's own step size: relative to the step's number, to the parameter's size, or neither. */
static double adafactor_rate(const struct optim *o, double rate, double rms)
{
    const struct optim_options *s = &o->options;
    double t = (double)o->memory.step;
    if (s->relative_step)
        rate = fmin(s->warmup_init ? 1e-6 * t : 1e-2, 1 / sqrt(t));
    return s->scale_parameter ? rate * fmax(1e-3, rms) : rate;
}

static void step_adafactor_param(struct optim *o, size_t i, double rate, double grad_scale)
{
    struct optim_args a = args_of(o, i, RULE_ADAFACTOR_ROWS, grad_scale);
    double n = (double)rule_count(&a), moments[RULE_SUMS] = {0}, squares[RULE_SUMS] = {0};
    double new2 = pow((double)o->memory.step, o->options.decay_rate);
    a.beta2 = (float)(1 - new2);
    a.new2 = (float)new2;
    a.eps = 1e-30f;
    run_sums(o, &a, moments);
    if (a.state[1]) {
        a.rule = RULE_ADAFACTOR_COLUMNS;
        run(o, &a);
    }
    a.weight = (float)(moments[0] / (double)a.rows);
    a.rule = RULE_ADAFACTOR_SENSE;
    run_sums(o, &a, squares);
    rate = adafactor_rate(o, rate, sqrt(moments[1] / n));
    a.rule = RULE_ADAFACTOR;
    a.rate = (float)(rate / fmax(1, sqrt(squares[0] / n) / o->options.clip_threshold));
    a.decay = (float)(rate * decay_of(o, i));
    run(o, &a);
}

static void step_adafactor(struct optim *o, double rate, double grad_scale)
{
    for (size_t i = 0; i < o->n_params; i++)
        step_adafactor_param(o, i, rate, grad_scale);
}

/* Takes in the gradients of all parameters. False where none has said anything yet. */
static bool sense_distance(struct optim *o, double rate, double grad_scale, double *found)
{
    struct optim_memory *m = &o->memory;
    const struct optim_options *s = &o->options;
    double sums[RULE_SUMS] = {0}, ratio = m->d / s->d0, beta3 = sqrt(s->beta2);
    for (size_t i = 0; i < o->n_params; i++) {
        struct optim_args a = args_of(o, i, RULE_PRODIGY_SENSE, grad_scale);
        a.beta3 = (float)beta3;
        a.new1 = (float)(m->d * (1 - s->beta1));
        a.new2 = (float)(m->d * m->d * (1 - s->beta2));
        a.new3 = (float)(ratio * m->d * rate);
        run_sums(o, &a, sums);
    }
    if (sums[1] == 0)
        return false;
    m->numerator = beta3 * m->numerator + ratio * m->d * rate * sums[0];
    *found = s->d_coef * m->numerator / sums[1];
    return true;
}

static void step_prodigy(struct optim *o, double rate, double grad_scale)
{
    struct optim_memory *m = &o->memory;
    double step_size = m->d * rate, found;
    /* A step of a warmup that begins at 0 counts for nothing, as in the library. */
    if (rate <= 0 || !sense_distance(o, rate, grad_scale, &found))
        return;
    if (m->d == o->options.d0)
        m->d = fmax(m->d, found);
    m->d_most = fmax(m->d_most, found);
    m->d = fmin(m->d_most, m->d * o->options.growth_rate);
    for (size_t i = 0; i < o->n_params; i++) {
        struct optim_args a = args_of(o, i, RULE_PRODIGY, grad_scale);
        a.rate = (float)step_size;
        a.decay = (float)(step_size * decay_of(o, i));
        a.eps = (float)(m->d * o->options.eps);
        run(o, &a);
    }
}

static const struct optim_row rows[OPTIM_COUNT] = {
    [OPTIM_ADAMW] = {measure_adamw, NULL, step_adamw},
    [OPTIM_ADAMW_8BIT] = {measure_8bit, begin_8bit, step_adamw},
    [OPTIM_SGD] = {measure_sgd, NULL, step_sgd},
    [OPTIM_LION] = {measure_lion, NULL, step_lion},
    [OPTIM_ADAFACTOR] = {measure_adafactor, NULL, step_adafactor},
    [OPTIM_SCHEDULE_FREE] = {measure_schedule_free, begin_schedule_free, step_schedule_free},
    [OPTIM_PRODIGY] = {measure_prodigy, begin_prodigy, step_prodigy},
};

/* ---------------------------------------------------------------------------------- an optim -- */

static size_t aligned(size_t floats)
{
    return (floats + ALIGNED_FLOATS - 1) / ALIGNED_FLOATS * ALIGNED_FLOATS;
}

/*
 * Gives a parameter its arrays, the first of them `at` floats into `state`; returns where the next
 * parameter's begin. With a slot of NULL it only counts.
 */
static size_t place(const struct optim_options *o, const struct param *p, float *state, size_t at,
                    struct optim_slot *slot)
{
    struct state_sizes sizes = {0};
    rows[o->kind].measure(o, p, &sizes);
    for (int i = 0; i < RULE_STATES; i++) {
        if (slot && sizes.state[i] > 0)
            slot->state[i] = state + at;
        at += aligned(sizes.state[i]);
    }
    for (int i = 0; i < MOST_MOMENTS; i++) {
        if (slot && sizes.code[i] > 0)
            slot->code[i] = (uint8_t *)(state + at);
        at += aligned((sizes.code[i] + sizeof(float) - 1) / sizeof(float));
    }
    return at;
}

uint64_t optim_state_bytes(const struct optim_options *o, struct param *const *params, size_t n)
{
    size_t floats = 0;
    for (size_t i = 0; i < n; i++)
        floats = place(o, params[i], NULL, floats, NULL);
    return floats * sizeof(float);
}

static bool reserve(struct optim *o, struct err *err)
{
    size_t bytes = (size_t)optim_state_bytes(&o->options, o->params, o->n_params);
    if (bytes == 0)
        return true;
    o->n_state = bytes / sizeof(float);
    o->state = o->backend->ops->alloc(o->backend, bytes);
    if (o->state)
        return true;
    err_set(err, ERR_MEMORY, "the state of the optimizer, %.1f MB, does not fit",
            (double)bytes / 1e6);
    err_hint(err, "--optim adamw_8bit, adafactor or sgd remember less, and so does an adapter of a "
                  "lower rank");
    return false;
}

bool optim_init(struct optim *o, struct backend *backend, const struct optim_options *options,
                struct param *const *params, size_t n, struct err *err)
{
    CHECK((unsigned)options->kind < OPTIM_COUNT);
    *o = (struct optim){.backend = backend, .options = *options, .params = params, .n_params = n};
    if (!reserve(o, err))
        return false;
    size_t at = 0, blocks = 1;
    o->slots = arena_array(&o->arena, struct optim_slot, n);
    for (size_t i = 0; i < n; i++) {
        const struct weight *w = &params[i]->weight;
        CHECK(params[i]->value && params[i]->grad);
        at = place(options, params[i], o->state, at, &o->slots[i]);
        blocks = max_size(blocks, rule_blocks_most(w->rows, w->width));
    }
    o->sums = arena_alloc_array(&o->arena, blocks, sizeof *o->sums);
    if (rows[options->kind].begin)
        rows[options->kind].begin(o);
    return true;
}

void optim_release(struct optim *o)
{
    if (o->state)
        o->backend->ops->release(o->backend, o->state, o->n_state * sizeof(float));
    arena_release(&o->arena);
    *o = (struct optim){0};
}

void optim_step(struct optim *o, double learning_rate, double grad_scale)
{
    CHECK(!o->shows_average);
    o->memory.step++;
    rows[o->options.kind].step(o, learning_rate, grad_scale);
}

void optim_show_average(struct optim *o, bool average)
{
    if (average == o->shows_average || o->options.kind != OPTIM_SCHEDULE_FREE)
        return;
    o->shows_average = average;
    for (size_t i = 0; i < o->n_params; i++) {
        struct optim_args a = args_of(o, i, RULE_SCHEDULE_FREE_Y, 1);
        if (average)
            copy(o, a.w, a.state[2], rule_count(&a));
        else
            run(o, &a);
    }
}
