/*
 * export.c - the tensors of a model, or of its adapters, in a GGUF file.
 *
 * Names are GGUF's (arch.c); matrices are rounded once, from float32; vectors stay float32, because
 * llama.cpp's kernels for them know nothing else. In llama's files the rows of q and k are
 * reordered so that the pairs that rope turns are neighbours, and their biases and the B of their
 * adapters with them. A model that came from a GGUF file has that order already, and keeps the
 * file's other keys and tensors as they are.
 *
 * llama.cpp scales an adapter by alpha / r with one alpha for the whole file. With rsLoRA, or ranks
 * and alphas of their own, the scale is another: then alpha is that of the first module, and what
 * the others lack is folded into their B.
 *
 * Sources: llama.cpp's convert_lora_to_gguf.py and src/llama-adapter.cpp; the peculiarities of row
 * order in conversion/llama.py.
 */
#include "model/export.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "model/export_keys.h"
#include "model/merge.h"
#include "text/gguf_vocab.h"

enum { QUANTIZATION_VERSION = 2 };

static const struct type_row {
    const char *name;
    enum dtype dtype;
    uint32_t file_type; /* general.file_type */
} types[] = {{"f32", DTYPE_F32, 0}, {"f16", DTYPE_F16, 1}, {"bf16", DTYPE_BF16, 32}};

bool export_type_named(const char *name, enum dtype *type)
{
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (strcmp(types[i].name, name) == 0) {
            *type = types[i].dtype;
            return true;
        }
    }
    return false;
}

enum dtype export_type(const struct model *model, const struct export_options *options)
{
    enum dtype own = model_module(model, SLOT_TOKENS, 0)->weight->weight.dtype;
    if (options->has_type)
        return options->type;
    return own == DTYPE_F32 || own == DTYPE_BF16 ? own : DTYPE_F16;
}

static uint32_t file_type_of(enum dtype dtype)
{
    size_t i = 0;
    while (types[i].dtype != dtype)
        i++;
    return types[i].file_type;
}

/* ----------------------------------------------------------------------------------- writing -- */

/* A tensor of the file: one of these is not NULL. */
struct part {
    struct tensor tensor;
    const struct merged *merged; /* of the model */
    const struct param *lora;    /* of an adapter */
    const struct module *module; /* its module */
    float factor;                /* of lora */
    const void *bytes;           /* as they are */
};

struct exporter {
    const struct model *model;
    struct gguf_writer writer;
    struct arena arena;
    struct part *parts;
    size_t n_parts;
};

/* The folder's or file's name. */
static const char *name_of(struct arena *arena, const char *path)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/')
        start--;
    return arena_string(arena, span_part(span_of(path), start, end - start));
}

/* Rows of `width` numbers from pace's order into the file's. */
static void order_rows(const struct model *model, const struct module *m, size_t width,
                       const float *values, float *out)
{
    bool turns = m->slot == SLOT_Q || m->slot == SLOT_K;
    struct row_order order = {.heads = m->order.heads, .head = m->order.head};
    if (turns && model->config.arch->gguf_pairs && !model->config.is_gguf)
        order.kind = ROWS_BY_PAIR;
    for (size_t i = 0; i < m->out; i++)
        memcpy(out + i * width, values + row_order_there(&order, i) * width, width * sizeof(float));
}

static void make_lora(const struct exporter *e, const struct part *part, float *out)
{
    const struct param *p = part->lora;
    size_t n = param_count(p);
    if (p == part->module->lora_b)
        order_rows(e->model, part->module, p->weight.width, p->value, out);
    else
        memcpy(out, p->value, n * sizeof(float));
    for (size_t i = 0; i < n; i++)
        out[i] *= part->factor;
}

static void make_merged(const struct exporter *e, const struct part *part, float *values,
                        float *out)
{
    const struct merged *m = part->merged;
    bool is_rows = module_is_linear(m->module) || module_is_embedding(m->module);
    merge_values(e->model, m, values);
    if (is_rows)
        order_rows(e->model, m->module, param_count(m->base) / m->module->out, values, out);
    else
        memcpy(out, values, param_count(m->base) * sizeof(float));
}

static bool refuse_lora(const struct part *part, struct err *err)
{
    err_set(err, ERR_INPUT, "a number is not finite in the type %s",
            dtype_info(part->tensor.dtype)->name);
    err_hint(err, "--outtype f32 has room for larger numbers");
    err_in(err, "tensor %s", part->lora->name);
    return false;
}

static bool write_part(struct exporter *e, const struct part *part, struct err *err)
{
    uint64_t n, size;
    bool ok = tensor_count(&part->tensor, &n) && tensor_size(&part->tensor, &size);
    CHECK(ok);
    if (part->bytes) {
        gguf_writer_data(&e->writer, (struct span){part->bytes, (size_t)size});
        return true;
    }
    float *out = mem_alloc(2 * (size_t)n * sizeof(float));
    if (part->merged)
        make_merged(e, part, out + n, out);
    else
        make_lora(e, part, out);
    size_t bad = merge_round(out, (size_t)n, part->tensor.dtype);
    if (bad < n)
        ok = part->merged ? merge_refuse(part->merged, bad, part->tensor.dtype, err)
                          : refuse_lora(part, err);
    if (ok)
        gguf_writer_data(&e->writer, (struct span){(const uint8_t *)out, (size_t)size});
    mem_free(out);
    return ok;
}

static bool write_file(struct exporter *e, const char *file, struct err *err)
{
    for (size_t i = 0; i < e->n_parts; i++)
        gguf_writer_add(&e->writer, &e->parts[i].tensor);
    if (!gguf_writer_open(&e->writer, file, err))
        return false;
    for (size_t i = 0; i < e->n_parts; i++) {
        if (!write_part(e, &e->parts[i], err))
            return false;
    }
    return gguf_writer_commit(&e->writer, err);
}

static void begin(struct exporter *e, const struct model *model)
{
    *e = (struct exporter){.model = model};
    gguf_writer_init(&e->writer);
}

static void end(struct exporter *e)
{
    gguf_writer_release(&e->writer);
    arena_release(&e->arena);
}

/* ------------------------------------------------------------------------------------- model -- */

static struct part *add_part(struct exporter *e, const char *name, enum dtype dtype)
{
    struct part *part = &e->parts[e->n_parts++];
    *part = (struct part){.tensor = {.name = span_of(name), .dtype = dtype}};
    return part;
}

static void add_merged(struct exporter *e, const struct merged *m, enum dtype type)
{
    const struct model_config *c = &e->model->config;
    const char *path = arch_gguf_path(c->arch, &e->arena, m->module->slot, m->module->layer);
    bool is_vector = !m->base->weight.transposed && m->base->weight.rows == 1 &&
                     (strcmp(m->what, "bias") == 0 ||
                      !(module_is_linear(m->module) || module_is_embedding(m->module)));
    struct part *part =
        add_part(e, arena_printf(&e->arena, "%s.%s", path, m->what), is_vector ? DTYPE_F32 : type);
    part->merged = m;
    part->tensor.n_dims = is_vector ? 1 : 2;
    part->tensor.dims[0] = is_vector ? m->base->weight.width : m->module->out;
    part->tensor.dims[1] = is_vector ? 0 : m->module->in;
}

static void add_model(struct exporter *e, enum dtype type)
{
    size_t n;
    const struct merged *list = merge_list(e->model, &e->arena, &n);
    size_t n_others = e->model->files->is_gguf ? e->model->files->gguf.n_tensors : 1;
    e->parts = arena_array(&e->arena, struct part, n + n_others);
    for (size_t i = 0; i < n; i++)
        add_merged(e, &list[i], type);
}

static void add_divisors(struct exporter *e, const float *divisors)
{
    struct part *part = add_part(e, "rope_freqs.weight", DTYPE_F32);
    part->tensor.n_dims = 1;
    part->tensor.dims[0] = e->model->config.rope[0].rotary / 2;
    part->bytes = divisors;
}

static bool put_folder(struct exporter *e, const char *path, const struct export_options *options,
                       struct err *err)
{
    const float *divisors;
    struct gguf_vocab_source vocab = {.folder = path,
                                      .template_folder = options->template_folder,
                                      .vocabulary = e->model->config.vocabulary};
    if (!export_put_keys(&e->writer, e->model, path, &e->arena, &divisors, err))
        return false;
    gguf_put_text(&e->writer, "general.type", "model");
    gguf_put_text(&e->writer, "general.name", name_of(&e->arena, path));
    gguf_put_u32(&e->writer, "general.quantization_version", QUANTIZATION_VERSION);
    export_put_sampling(&e->writer, path, &e->arena);
    if (divisors)
        add_divisors(e, divisors);
    return gguf_vocab_put(&e->writer, &vocab, err);
}

/* All keys and tensors of the file that are not the model's parameters. */
static void put_gguf(struct exporter *e)
{
    const struct gguf *g = &e->model->files->gguf;
    for (size_t i = 0; i < g->n_entries; i++) {
        if (!span_is(g->entries[i].key, "general.file_type") &&
            !span_starts_with(g->entries[i].key, span_of("split.")))
            gguf_put_entry(&e->writer, &g->entries[i]);
    }
    for (size_t i = 0; i < g->n_tensors; i++) {
        if (map_get(&e->model->files->taken, g->tensors[i].name, NULL))
            continue;
        struct part *part = add_part(e, "", g->tensors[i].dtype);
        part->tensor = g->tensors[i];
        part->bytes = g->tensors[i].bytes.at;
    }
}

bool export_model(const struct model *model, const char *path, const struct export_options *options,
                  const char *file, struct err *err)
{
    struct exporter e;
    enum dtype type = export_type(model, options);
    if (!export_knows(model, err))
        return false;
    begin(&e, model);
    add_model(&e, type);
    bool ok = true;
    if (model->files->is_gguf)
        put_gguf(&e);
    else
        ok = put_folder(&e, path, options, err);
    gguf_put_u32(&e.writer, "general.file_type", file_type_of(type));
    ok = ok && write_file(&e, file, err);
    end(&e);
    return ok;
}

/* ----------------------------------------------------------------------------------- adapter -- */

static void add_lora(struct exporter *e, const struct module *m, bool is_b, enum dtype type,
                     float factor)
{
    const struct model_config *c = &e->model->config;
    const char *path = arch_gguf_path(c->arch, &e->arena, m->slot, m->layer);
    const struct param *p = is_b ? m->lora_b : m->lora_a;
    const char *name = arena_printf(&e->arena, "%s.weight.lora_%c", path, is_b ? 'b' : 'a');
    struct part *part = add_part(e, name, type);
    part->lora = p;
    part->module = m;
    part->factor = factor;
    part->tensor.n_dims = 2;
    part->tensor.dims[0] = p->weight.rows;
    part->tensor.dims[1] = p->weight.width;
}

/* What llama.cpp divides by the rank to have the module's scale. */
static double alpha_of(const struct module *m)
{
    return m->lora_scale * (double)m->lora_a->weight.rows;
}

/* Adds all adapters; gives the alpha of the file. */
static float add_adapters(struct exporter *e, enum dtype type)
{
    const struct model_parts *parts = e->model->parts;
    double alpha = 0;
    e->parts = arena_array(&e->arena, struct part, 2 * parts->n_modules);
    for (size_t i = 0; i < parts->n_modules; i++) {
        const struct module *m = &parts->modules[i];
        if (!m->lora_a)
            continue;
        if (alpha == 0)
            alpha = alpha_of(m);
        add_lora(e, m, false, type, 1);
        add_lora(e, m, true, type, (float)(alpha_of(m) / alpha));
    }
    return (float)alpha;
}

/* A tied head is no tensor of its own in llama.cpp. */
static bool check_parts(const struct model *model, struct err *err)
{
    for (size_t i = 0; i < model->parts->n_modules; i++) {
        const struct module *m = &model->parts->modules[i];
        bool is_copy = m->own_weight || m->own_bias;
        if (!is_copy && !(m->lora_a && module_is_tied(model, m)))
            continue;
        err_set(err, ERR_INPUT,
                is_copy ? "the adapter has a trained copy of %s, which a GGUF adapter cannot hold"
                        : "the adapter is on %s, which has no weights of its own in a GGUF file",
                m->path);
        err_hint(err, "--format gguf writes the model with the adapter folded in");
        return false;
    }
    return true;
}

bool export_adapter(const struct model *model, const char *path,
                    const struct export_options *options, const char *file, struct err *err)
{
    struct exporter e;
    CHECK(model->n_adapters > 0);
    if (!export_knows(model, err) || !check_parts(model, err))
        return false;
    begin(&e, model);
    gguf_put_text(&e.writer, "general.architecture", model->config.arch->gguf);
    gguf_put_text(&e.writer, "general.type", "adapter");
    gguf_put_text(&e.writer, "adapter.type", "lora");
    gguf_put_text(&e.writer, "general.name", name_of(&e.arena, path));
    float alpha = add_adapters(&e, options->has_type ? options->type : DTYPE_F32);
    gguf_put_f32(&e.writer, "adapter.lora.alpha", alpha);
    gguf_put_u32(&e.writer, "general.quantization_version", QUANTIZATION_VERSION);
    bool ok = write_file(&e, file, err);
    end(&e);
    return ok;
}
