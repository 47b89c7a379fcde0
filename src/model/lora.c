/*
 * lora.c - attaching adapters to modules, and their files.
 *
 * An adapter sits on a module as PyTorch has it: where a family keeps q, k and v in one matrix
 * there is one adapter for the three. A [r, in] is the same everywhere. The rows of B [out, r]
 * belong to the rows of the weight; where pace keeps these in another order than Hugging Face
 * (GPT-NeoX; q and k of GGUF's llama), B's rows are kept in that order too, and put back when they
 * are saved. So an adapter trained on a GGUF file fits the safetensors model that the file was made
 * from, and the other way round.
 *
 * A module "to save" is a trained copy of the whole module. The base keeps its own, so that the
 * adapters can be left out; with tied embeddings the copy ends the tie, as it does in PEFT.
 */
#include "model/lora.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "format/safetensors.h"
#include "model/lora_target.h"
#include "model/peft_config.h"
#include "tensor/quant.h"

#define PREFIX "base_model.model."

/* How far the base's own numbers may lie from those that the base of a file had, by rounding. */
#define ROUNDING_MOST 0x1p-7

/* Streams of random numbers that no other purpose uses. */
#define STREAM_LORA ((uint64_t)1 << 32)

static const char *const *copy_names(struct arena *arena, const char *const *names, size_t n)
{
    const char **copy = arena_array(arena, const char *, n + 1);
    for (size_t i = 0; i < n; i++)
        copy[i] = arena_string(arena, span_of(names[i]));
    return copy;
}

static const struct lora_pattern *copy_patterns(struct arena *arena,
                                                const struct lora_pattern *patterns, size_t n)
{
    struct lora_pattern *copy = arena_array(arena, struct lora_pattern, n + 1);
    for (size_t i = 0; i < n; i++) {
        copy[i].pattern = arena_string(arena, span_of(patterns[i].pattern));
        copy[i].value = patterns[i].value;
    }
    return copy;
}

static void keep_options(struct model *model, const struct lora_options *o)
{
    struct lora_options *kept = &model->parts->lora;
    *kept = *o;
    kept->targets = copy_names(&model->arena, o->targets, o->n_targets);
    kept->saved = copy_names(&model->arena, o->saved, o->n_saved);
    kept->ranks = copy_patterns(&model->arena, o->ranks, o->n_ranks);
    kept->alphas = copy_patterns(&model->arena, o->alphas, o->n_alphas);
}

const struct lora_options *lora_options_of(const struct model *model)
{
    return &model->parts->lora;
}

static const char *name_of(struct model *model, const struct module *m, const char *what)
{
    return arena_printf(&model->arena, PREFIX "%s.%s", m->path, what);
}

static bool add_adapter(struct model *model, struct module *m, const struct lora_choice *choice,
                        struct err *err)
{
    size_t r = choice->rank;
    if (!model_new_param(model, name_of(model, m, "lora_A.weight"), r, m->in, &m->lora_a, err) ||
        !model_new_param(model, name_of(model, m, "lora_B.weight"), m->out, r, &m->lora_b, err))
        return false;
    model->adapters[model->n_adapters++] = m->lora_a;
    model->adapters[model->n_adapters++] = m->lora_b;
    bool rslora = model->parts->lora.rslora;
    m->lora_scale = choice->alpha / (rslora ? sqrt((double)r) : (double)r);
    return true;
}

/* A trainable copy of a parameter of the base. */
static bool copy_param(struct model *model, const struct module *m, const char *what,
                       const struct param *from, struct param **out, struct err *err)
{
    if (!from)
        return true;
    if (!model_new_param(model, name_of(model, m, what), from->weight.rows, from->weight.width, out,
                         err))
        return false;
    weight_decode(&from->weight, (*out)->value);
    (*out)->weight.transposed = from->weight.transposed;
    (*out)->decays = from->decays;
    (*out)->has_padding = from->has_padding;
    (*out)->padding = from->padding;
    model->adapters[model->n_adapters++] = *out;
    return true;
}

static bool add_copy(struct model *model, struct module *m, struct err *err)
{
    const struct arch *arch = model->config.arch;
    bool is_norm = !module_is_linear(m) && !module_is_embedding(m);
    bool turned = arch->transposed && module_is_linear(m) && m->slot != SLOT_HEAD;
    if (model->config.is_gguf && ((is_norm && arch->norm_shift != 0) || turned)) {
        err_set(err, ERR_USAGE, "modules_to_save: %s of a GGUF file is not supported", m->path);
        err_hint(err, "take the model's Hugging Face folder");
        return false;
    }
    return copy_param(model, m, "weight", m->weight, &m->own_weight, err) &&
           copy_param(model, m, "bias", m->bias, &m->own_bias, err);
}

/* Adapters and copies for all that is chosen, zero but for the copies. */
static bool add_all(struct model *model, const struct lora_options *options,
                    const struct lora_choice *choices, struct err *err)
{
    struct model_parts *parts = model->parts;
    CHECK(model->n_adapters == 0);
    keep_options(model, options);
    model->adapters = arena_array(&model->arena, struct param *, 2 * parts->n_modules);
    for (size_t i = 0; i < parts->n_modules; i++) {
        if (choices[i].adapted && !add_adapter(model, &parts->modules[i], &choices[i], err))
            return false;
    }
    for (size_t i = 0; i < parts->n_modules; i++) {
        if (choices[i].saved && !add_copy(model, &parts->modules[i], err))
            return false;
    }
    return true;
}

static bool check_options(const struct lora_options *o, struct err *err)
{
    if (o->rank == 0 || o->rank > 65536) {
        err_set(err, ERR_USAGE, "lora r is %zu; it is 1 to 65536", o->rank);
        return false;
    }
    if (!(o->alpha > 0 && isfinite(o->alpha))) {
        err_set(err, ERR_USAGE, "lora_alpha is %g; it must be above zero", o->alpha);
        return false;
    }
    if (!(o->dropout >= 0 && o->dropout < 1)) {
        err_set(err, ERR_USAGE, "lora_dropout is %g; it is a share below 1", o->dropout);
        return false;
    }
    return true;
}

/* As torch fills a linear layer: Kaiming's bound with a = sqrt(5) is 1 / sqrt(fan in). */
static void fill_fresh(struct module *m, uint64_t seed, uint64_t stream)
{
    struct rng rng = {.seed = seed, .stream = stream};
    double bound = 1 / sqrt((double)m->in);
    for (size_t i = 0; i < param_count(m->lora_a); i++)
        m->lora_a->value[i] = (float)((2 * rng_uniform(&rng) - 1) * bound);
}

static void warn_of_tie(const struct model *model)
{
    const struct module *head = model_module(model, SLOT_HEAD, 0);
    if (head->lora_a && module_is_tied(model, head))
        log_warning("%s shares its weights with %s: the adapter is on the first alone, and merging "
                    "it gives the model a matrix more",
                    head->path, model_module(model, SLOT_TOKENS, 0)->path);
}

bool lora_attach(struct model *model, const struct lora_options *options, uint64_t seed,
                 struct err *err)
{
    struct model_parts *parts = model->parts;
    struct arena arena = {0};
    struct lora_choice *choices = arena_array(&arena, struct lora_choice, parts->n_modules);
    bool ok = check_options(options, err) && lora_choose(model, options, false, choices, err) &&
              add_all(model, options, choices, err);
    for (size_t i = 0; ok && i < parts->n_modules; i++) {
        if (parts->modules[i].lora_a)
            fill_fresh(&parts->modules[i], seed, STREAM_LORA + i);
    }
    if (ok)
        warn_of_tie(model);
    arena_release(&arena);
    return ok;
}

/* -------------------------------------------------------------------------------------- load -- */

static struct module *find_module(struct model *model, struct span path)
{
    for (size_t i = 0; i < model->parts->n_modules; i++) {
        struct module *m = &model->parts->modules[i];
        const char *there = module_path_in_files(model, m);
        if (span_is(path, m->path) || (there && span_is(path, there)))
            return m;
    }
    return NULL;
}

static bool take_suffix(struct span *name, const char *suffix)
{
    if (!span_ends_with(*name, span_of(suffix)))
        return false;
    name->len -= strlen(suffix);
    return true;
}

static bool refuse_tensor(struct span path, struct err *err)
{
    if (span_ends_with(path, span_of(".lora_magnitude_vector")))
        err_set(err, ERR_INPUT, "DoRA is not supported");
    else if (span_find(path, span_of(".lora_embedding_")) < path.len)
        err_set(err, ERR_INPUT, "adapters on embeddings are not supported");
    else if (span_find(path, span_of(".lora_")) < path.len)
        err_set(err, ERR_INPUT, "the base has no such layer, or target_modules does not name it");
    else
        err_set(err, ERR_INPUT, "the base has no such module, or modules_to_save does not name it");
    err_hint(err, "an adapter fits the base that it was trained on alone");
    return false;
}

/* The parameter that a tensor of the file belongs to; NULL where there is none. */
static struct param *find_param(struct model *model, struct span name, struct module **module)
{
    static const char *const suffixes[] = {".lora_A.weight", ".lora_B.weight", ".weight", ".bias"};
    if (!span_starts_with(name, span_of(PREFIX)))
        return NULL;
    name = span_from(name, strlen(PREFIX));
    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        struct span path = name;
        struct module *m = take_suffix(&path, suffixes[i]) ? find_module(model, path) : NULL;
        if (!m)
            continue;
        *module = m;
        struct param *params[] = {m->lora_a, m->lora_b, m->own_weight, m->own_bias};
        return params[i];
    }
    return NULL;
}

static bool has_shape(const struct tensor *t, size_t rows, size_t width)
{
    if (t->n_dims == 1)
        return rows == 1 && t->dims[0] == width;
    return t->n_dims == 2 && t->dims[0] == rows && t->dims[1] == width;
}

static bool refuse_shape(const struct tensor *t, size_t rows, size_t width, struct err *err)
{
    struct buf text;
    buf_init(&text, 256);
    tensor_put_shape(t, &text);
    err_set(err, ERR_INPUT, "its shape is %s; [%zu, %zu] is wanted", buf_string(&text), rows,
            width);
    err_hint(err, "the adapter was made for another base, or its description is not its own");
    buf_release(&text);
    return false;
}

/* Puts rows from the file's order into pace's. */
static void take_rows(const struct module *m, const struct param *p, const float *there)
{
    size_t rows = p->weight.rows, width = p->weight.width;
    bool follows = p == m->lora_b || p == m->own_weight || p == m->own_bias;
    if (rows == 1) {
        rows = width;
        width = 1;
    }
    for (size_t i = 0; i < rows; i++) {
        size_t from = follows ? row_order_there(&m->order, i) : i;
        memcpy(p->value + i * width, there + from * width, width * sizeof(float));
    }
}

/*
 * The parameter of the base that a tensor is a copy of, or NULL: PEFT saves the head's own weights
 * beside an adapter on it.
 */
static const struct param *find_base(struct model *model, struct span name)
{
    if (!span_starts_with(name, span_of(PREFIX)))
        return NULL;
    name = span_from(name, strlen(PREFIX));
    struct module *m = take_suffix(&name, ".base_layer.weight") ? find_module(model, name) : NULL;
    return m && m->slot == SLOT_HEAD && m->lora_a ? m->weight : NULL;
}

/* The same numbers as the base's, but for rounding. */
static bool check_base(const struct param *base, const struct tensor *t, struct err *err)
{
    size_t n = param_count(base);
    double difference = 0, size = 0;
    float *values = mem_alloc(2 * n * sizeof(float)), *there = values + n;
    weight_decode(&base->weight, values);
    quant_decode(t->dtype, t->bytes.at, there, n);
    for (size_t i = 0; i < n; i++) {
        double d = (double)there[i] - (double)values[i];
        difference += d * d;
        size += (double)values[i] * (double)values[i];
    }
    mem_free(values);
    bool is_quantised = dtype_info(base->weight.dtype)->block_elements > 1;
    if (is_quantised || difference <= ROUNDING_MOST * ROUNDING_MOST * size)
        return true;
    err_set(err, ERR_INPUT, "these numbers of the base are not this base's: they differ by %.2g %%",
            100 * sqrt(difference / size));
    err_hint(err, "the adapter belongs to the base that it was saved with");
    return false;
}

static bool load_tensor(struct model *model, const struct tensor *t, struct map *taken,
                        struct err *err)
{
    struct module *m = NULL;
    struct param *p = find_param(model, t->name, &m);
    const struct param *wanted = p ? p : find_base(model, t->name);
    bool ok = true;
    if (!wanted) {
        ok = refuse_tensor(t->name, err);
    } else if (!quant_can_decode(t->dtype) || !dtype_info(t->dtype)->is_float) {
        err_set(err, ERR_INPUT, "weights of type %s are not supported", dtype_info(t->dtype)->name);
        ok = false;
    } else if (!has_shape(t, wanted->weight.rows, wanted->weight.width)) {
        ok = refuse_shape(t, wanted->weight.rows, wanted->weight.width, err);
    } else if (!p) {
        ok = check_base(wanted, t, err);
    }
    if (!ok)
        err_in(err, "tensor %.*s", SPAN_ARGS(t->name));
    if (!ok || !p)
        return ok;
    struct arena arena = {0};
    float *there = arena_array(&arena, float, param_count(p));
    quant_decode(t->dtype, t->bytes.at, there, param_count(p));
    take_rows(m, p, there);
    arena_release(&arena);
    map_put(taken, span_of(p->name), 0);
    return true;
}

static bool refuse_missing(const char *name, struct err *err)
{
    err_set(err, ERR_INPUT, "it is missing");
    err_hint(err, "the adapter was made for another base, or is incomplete");
    err_in(err, "tensor %s", name);
    return false;
}

/* Every parameter got its numbers. */
static bool check_taken(const struct model *model, const struct map *taken, struct err *err)
{
    for (size_t i = 0; i < model->n_adapters; i++) {
        if (!map_get(taken, span_of(model->adapters[i]->name), NULL))
            return refuse_missing(model->adapters[i]->name, err);
    }
    return true;
}

/* The first matrix of a module's adapter, or NULL. */
static const struct tensor *find_lora_a(struct model *model, const struct safetensors *st,
                                        const struct module *m)
{
    const char *there = module_path_in_files(model, m);
    const struct tensor *t = safetensors_find(st, span_of(name_of(model, m, "lora_A.weight")));
    if (t || !there)
        return t;
    return safetensors_find(st,
                            span_of(arena_printf(&model->arena, PREFIX "%s.lora_A.weight", there)));
}

/* The ranks that the description claims are those of the tensors: looked at before memory is taken
 * for them. */
static bool check_ranks(struct model *model, const struct safetensors *st,
                        const struct lora_choice *choices, struct err *err)
{
    for (size_t i = 0; i < model->parts->n_modules; i++) {
        const struct module *m = &model->parts->modules[i];
        if (!choices[i].adapted)
            continue;
        const struct tensor *t = find_lora_a(model, st, m);
        if (!t)
            return refuse_missing(name_of(model, m, "lora_A.weight"), err);
        if (has_shape(t, choices[i].rank, m->in))
            continue;
        refuse_shape(t, choices[i].rank, m->in, err);
        err_in(err, "tensor %.*s", SPAN_ARGS(t->name));
        return false;
    }
    return true;
}

/* Where the description leaves modules out, those count that the file has tensors of. */
static void choose_by_tensors(struct model *model, const struct safetensors *st,
                              struct lora_choice *choices)
{
    for (size_t i = 0; i < model->parts->n_modules; i++) {
        const struct module *m = &model->parts->modules[i];
        bool can = module_is_linear(m) && !choices[i].saved;
        choices[i].adapted = can && find_lora_a(model, st, m);
    }
}

static bool load_all(struct model *model, const struct peft_config *config,
                     const struct safetensors *st, struct err *err)
{
    struct model_parts *parts = model->parts;
    struct map taken = {0};
    struct arena arena = {0};
    struct lora_choice *choices = arena_array(&arena, struct lora_choice, parts->n_modules);
    struct lora_options options = config->lora;
    bool ok = lora_choose(model, &options, true, choices, err);
    if (ok && config->is_partial) {
        choose_by_tensors(model, st, choices);
        ok = lora_apply_patterns(model, &options, true, choices, err);
    }
    ok = ok && check_ranks(model, st, choices, err) && add_all(model, &options, choices, err);
    for (size_t i = 0; ok && i < st->n_tensors; i++)
        ok = load_tensor(model, &st->tensors[i], &taken, err);
    ok = ok && check_taken(model, &taken, err);
    map_release(&taken);
    arena_release(&arena);
    return ok;
}

static bool read_config(struct model *model, const char *path, struct peft_config *config,
                        struct err *err)
{
    struct file_map file;
    if (!file_map(&file, path, err))
        return false;
    bool ok = peft_config_parse(config, &model->arena, arena_copy(&model->arena, file.bytes), err);
    if (!ok)
        err_in(err, "%s", path);
    file_unmap(&file);
    return ok;
}

bool lora_load(struct model *model, const char *folder, struct err *err)
{
    struct peft_config config;
    struct safetensors st = {0};
    const char *weights = file_join(&model->arena, folder, "adapter_model.safetensors");
    if (!read_config(model, file_join(&model->arena, folder, "adapter_config.json"), &config,
                     err) ||
        !safetensors_open(&st, weights, err))
        return false;
    bool ok = load_all(model, &config, &st, err);
    if (!ok)
        err_in(err, "%s", weights);
    safetensors_close(&st);
    return ok;
}

/* -------------------------------------------------------------------------------------- save -- */

static struct tensor describe(const struct model *model, const struct param *p, struct arena *arena)
{
    const struct weight *w = &p->weight;
    float *there = arena_array(arena, float, param_count(p));
    struct tensor t = {.name = span_of(p->name), .dtype = DTYPE_F32};
    bool is_vector = w->rows == 1 && !span_ends_with(t.name, span_of(".lora_A.weight")) &&
                     !span_ends_with(t.name, span_of(".lora_B.weight"));
    model_in_file_order(model, p, p->value, there);
    t.n_dims = is_vector ? 1 : 2;
    t.dims[0] = is_vector ? w->width : w->rows;
    t.dims[1] = is_vector ? 0 : w->width;
    t.bytes = (struct span){(const uint8_t *)there, param_count(p) * sizeof(float)};
    return t;
}

static bool save_tensors(const struct model *model, const char *path, struct err *err)
{
    struct safetensors_meta meta = {span_of("format"), span_of("pt")};
    struct arena arena = {0};
    struct tensor *tensors = arena_array(&arena, struct tensor, model->n_adapters);
    for (size_t i = 0; i < model->n_adapters; i++)
        tensors[i] = describe(model, model->adapters[i], &arena);
    struct safetensors_content content = {
        .tensors = tensors, .n_tensors = model->n_adapters, .metadata = &meta, .n_metadata = 1};
    bool ok = safetensors_write(path, &content, err);
    arena_release(&arena);
    return ok;
}

bool lora_save(const struct model *model, const char *folder, const char *base, struct err *err)
{
    struct arena arena = {0};
    struct peft_config config = {
        .lora = model->parts->lora, .fan_in_fan_out = model->config.arch->transposed, .base = base};
    CHECK(model->n_adapters > 0);
    config.lora.targets = lora_targets(model, &arena, &config.lora.n_targets);
    bool ok = save_tensors(model, file_join(&arena, folder, "adapter_model.safetensors"), err) &&
              peft_config_write(&config, file_join(&arena, folder, "adapter_config.json"), err);
    arena_release(&arena);
    return ok;
}
