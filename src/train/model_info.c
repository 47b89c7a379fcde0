/*
 * model_info.c - a model's kind and size from its description.
 *
 * config.json has two generations and several dialects. transformers 4 and 5 differ in what does
 * not matter here (torch_dtype or dtype, rope_theta or rope_parameters). GPT-2 and its kin say
 * n_embd, n_layer, n_head, n_inner; models that see or hear keep the language model's numbers in an
 * object "text_config". Every name that a number goes by is a row in key_table; the first one that
 * is there wins, those at the top before those inside text_config.
 *
 * The number of parameters is counted from the shapes:
 *
 *     embedding   V C, twice where the output matrix is not the embedding
 *     attention   a layer: C H D + 2 C K D + H D C
 *     MLP         a layer: 3 C F with a gate, 2 C F without; E times that in a mixture of experts
 *
 * Norms, biases and routers are left out: under half a percent. The prior needs no more.
 */
#include "train/model_info.h"

#include <stdio.h>

#include "base/file.h"
#include "format/gguf.h"
#include "format/json.h"

/* The names of a number in config.json; the field it goes to. */
struct key {
    const char *name;
    size_t offset;
};

#define AT(field) offsetof(struct model_info, field)

static const struct key key_table[] = {
    {"hidden_size", AT(hidden_size)},
    {"n_embd", AT(hidden_size)},
    {"d_model", AT(hidden_size)},
    {"num_hidden_layers", AT(layers)},
    {"n_layer", AT(layers)},
    {"n_layers", AT(layers)},
    {"num_layers", AT(layers)},
    {"num_attention_heads", AT(heads)},
    {"n_head", AT(heads)},
    {"n_heads", AT(heads)},
    {"num_key_value_heads", AT(key_value_heads)},
    {"head_dim", AT(head_size)},
    {"intermediate_size", AT(intermediate_size)},
    {"n_inner", AT(intermediate_size)},
    {"ffn_dim", AT(intermediate_size)},
    {"vocab_size", AT(vocabulary)},
    {"max_position_embeddings", AT(max_positions)},
    {"n_positions", AT(max_positions)},
    {"num_experts", AT(experts)},
    {"num_local_experts", AT(experts)},
    {"n_routed_experts", AT(experts)},
    {"moe_intermediate_size", AT(expert_size)},
};

/* The kinds whose MLP has no gate. */
static const char *const gateless[] = {"gpt2",  "gpt_neo", "gpt_neox", "gptj", "opt",
                                       "bloom", "phi",     "falcon",   "mpt",  "starcoder2"};

static uint64_t *field_of(struct model_info *info, const struct key *key)
{
    return (uint64_t *)(void *)((char *)info + key->offset);
}

/* Takes a number unless the field has one; what is no whole number above zero says nothing. */
static void take_number(struct model_info *info, const struct key *key, struct json_reader *r)
{
    if (json_peek(r) != JSON_NUMBER) {
        json_skip(r); /* null, or a list with a number for each layer */
        return;
    }
    double value = json_double(r);
    uint64_t *field = field_of(info, key);
    if (*field == 0 && value >= 1 && value < 1e15)
        *field = (uint64_t)value;
}

static bool take_known(struct model_info *info, struct span name, struct json_reader *r)
{
    for (size_t i = 0; i < COUNT_OF(key_table); i++) {
        if (span_is(name, key_table[i].name)) {
            take_number(info, &key_table[i], r);
            return true;
        }
    }
    return false;
}

static void read_object(struct model_info *info, struct arena *arena, struct json_reader *r,
                        struct span *inner)
{
    struct span name;
    json_enter_object(r);
    while (json_next_key(r, &name)) {
        if (take_known(info, name, r))
            continue;
        enum json_type type = json_peek(r);
        if (span_is(name, "model_type") && type == JSON_STRING && !info->model_type)
            info->model_type = arena_string(arena, json_string(r));
        else if (span_is(name, "tie_word_embeddings") && type == JSON_BOOL)
            info->is_tied = json_bool(r);
        else if (span_is(name, "text_config") && type == JSON_OBJECT && inner)
            *inner = json_raw(r);
        else
            json_skip(r);
    }
}

static bool has_gate(const struct model_info *info)
{
    for (size_t i = 0; info->model_type && i < COUNT_OF(gateless); i++) {
        if (strcmp(info->model_type, gateless[i]) == 0)
            return false;
    }
    return true;
}

/* Fills what the description leaves to be understood. */
static void fill_in(struct model_info *info)
{
    if (info->heads == 0)
        info->heads = 1;
    if (info->head_size == 0)
        info->head_size = info->hidden_size / info->heads;
    if (info->key_value_heads == 0)
        info->key_value_heads = info->heads;
    if (info->intermediate_size == 0)
        info->intermediate_size = 4 * info->hidden_size;
    if (info->experts > 0 && info->expert_size == 0)
        info->expert_size = info->intermediate_size;
}

static double count_parameters(const struct model_info *info)
{
    double C = (double)info->hidden_size, D = (double)info->head_size;
    double H = (double)info->heads, K = (double)info->key_value_heads;
    double F = (double)(info->experts > 0 ? info->expert_size : info->intermediate_size);
    double copies = info->experts > 0 ? (double)info->experts : 1;
    double attention = 2 * C * H * D + 2 * C * K * D;
    double mlp = (has_gate(info) ? 3 : 2) * C * F * copies;
    double embedding = (double)info->vocabulary * C * (info->is_tied ? 1 : 2);
    return embedding + (double)info->layers * (attention + mlp);
}

static bool check_width(const struct model_info *info, struct err *err)
{
    if (info->hidden_size > 0)
        return true;
    err_set(err, ERR_INPUT, "no hidden_size (or n_embd, d_model) between 1 and 1e15");
    return false;
}

bool model_info_parse(struct model_info *info, struct arena *arena, struct span text,
                      struct err *err)
{
    struct json_reader r;
    struct span inner = {0};
    *info = (struct model_info){.is_tied = true}; /* what transformers assumes */
    json_open(&r, text, arena);
    read_object(info, arena, &r, &inner);
    if (!json_close(&r, err))
        return false;
    if (inner.len > 0) {
        json_open(&r, inner, arena);
        read_object(info, arena, &r, NULL);
        if (!json_close(&r, err))
            return false;
    }
    if (!check_width(info, err))
        return false;
    fill_in(info);
    info->parameters = count_parameters(info);
    return true;
}

/* ------------------------------------------------------------------------------------- GGUF -- */

static uint64_t number_of(const struct gguf *g, struct span architecture, const char *name)
{
    char key[128];
    int64_t value = 0;
    snprintf(key, sizeof key, "%.*s.%s", SPAN_ARGS(architecture), name);
    const struct gguf_entry *entry = gguf_find(g, key);
    if (!entry || entry->type == GGUF_STRING || entry->type == GGUF_ARRAY ||
        !gguf_is_whole(entry->type))
        return 0;
    struct gguf_items items = gguf_items_of(entry);
    return gguf_next_int(&items, &value) && value > 0 ? (uint64_t)value : 0;
}

static void count_tensors(struct model_info *info, const struct gguf *g)
{
    for (size_t i = 0; i < g->n_tensors; i++) {
        const struct tensor *t = &g->tensors[i];
        uint64_t count = 0;
        if (tensor_count(t, &count))
            info->parameters += (double)count;
        info->is_quantized |= dtype_info(t->dtype)->block_elements > 1;
    }
}

static bool read_gguf(struct model_info *info, struct arena *arena, const struct gguf *g,
                      struct err *err)
{
    struct span architecture;
    if (!gguf_get_string(g, "general.architecture", &architecture, err))
        return false;
    info->model_type = arena_string(arena, architecture);
    info->hidden_size = number_of(g, architecture, "embedding_length");
    info->layers = number_of(g, architecture, "block_count");
    info->heads = number_of(g, architecture, "attention.head_count");
    info->key_value_heads = number_of(g, architecture, "attention.head_count_kv");
    info->head_size = number_of(g, architecture, "attention.key_length");
    info->intermediate_size = number_of(g, architecture, "feed_forward_length");
    info->max_positions = number_of(g, architecture, "context_length");
    info->experts = number_of(g, architecture, "expert_count");
    info->expert_size = number_of(g, architecture, "expert_feed_forward_length");
    info->is_tied = !gguf_find_tensor(g, span_of("output.weight"));
    const struct gguf_entry *tokens = gguf_find(g, "tokenizer.ggml.tokens");
    if (tokens && tokens->type == GGUF_ARRAY)
        info->vocabulary = tokens->n_items;
    info->has_tokenizer = tokens != NULL;
    info->is_gguf = true;
    if (!check_width(info, err))
        return false;
    fill_in(info);
    count_tensors(info, g);
    return true;
}

static bool open_gguf(struct model_info *info, struct arena *arena, const char *path,
                      struct err *err)
{
    struct gguf g;
    if (!gguf_open(&g, path, err))
        return false;
    bool ok = read_gguf(info, arena, &g, err);
    if (!ok)
        err_in(err, "%s", path);
    gguf_close(&g);
    return ok;
}

/* ------------------------------------------------------------------------------------- files -- */

static bool read_config(struct model_info *info, struct arena *arena, const char *config,
                        struct err *err)
{
    struct file_map file;
    bool ok = false;
    if (!file_map(&file, config, err))
        return false;
    if (gguf_is(file.bytes)) {
        ok = open_gguf(info, arena, config, err);
    } else {
        ok = model_info_parse(info, arena, file.bytes, err);
        if (!ok)
            err_in(err, "%s", config);
    }
    file_unmap(&file);
    return ok;
}

bool model_info_read(struct model_info *info, struct arena *arena, const char *path,
                     struct err *err)
{
    bool is_folder = file_kind_of(path) == FILE_FOLDER;
    *info = (struct model_info){0};
    if (!read_config(info, arena, is_folder ? file_join(arena, path, "config.json") : path, err)) {
        err_hint(err, "MODEL is a Hugging Face folder with a config.json, or a .gguf file");
        return false;
    }
    if (is_folder) {
        const char *tokenizer = file_join(arena, path, "tokenizer.json");
        info->has_tokenizer = file_kind_of(tokenizer) == FILE_REGULAR;
    }
    return true;
}
