/*
 * chat.c - finding a model's chat template and special tokens, and rendering conversations.
 *
 * The rules are those of transformers: which file wins, which entries of tokenizer_config.json
 * become variables (the seven standard tokens, any other member that ends in "_token", and the
 * members of extra_special_tokens where it is an object), and what happens to messages before the
 * template sees them. A special token is a text, or an object with its text in "content".
 *
 * special_tokens_map.json counts only where tokenizer_config.json has no added_tokens_decoder, and
 * then before it: so it is in transformers, where the map is the older way to write the same.
 */
#include "text/chat.h"

#include "base/file.h"
#include "base/utf8.h"
#include "format/gguf.h"
#include "format/json.h"
#include "text/chat_turns.h"

enum { LARGEST_TEMPLATE = 4 << 20, LARGEST_CONFIG = 64 << 20 };

/* ------------------------------------------------------------------------------------ tokens -- */

/* The text of a token: a string, or an object's "content"; MISSING for anything else. */
static struct jinja_value token_text(struct jinja_value v)
{
    struct jinja_value content = {0};
    if (v.type == JINJA_STRING)
        return v;
    if (v.type == JINJA_DICT && jinja_dict_get_text(v.as.dict, span_of("content"), &content) &&
        content.type == JINJA_STRING)
        return content;
    return (struct jinja_value){0};
}

static void take_tokens(struct chat *chat, const struct jinja_dict *from)
{
    for (size_t i = 0; i < from->n; i++) {
        struct jinja_value key = from->pairs[i].key, text = token_text(from->pairs[i].value);
        if (text.type != JINJA_MISSING && span_ends_with(jinja_span(key), span_of("_token")))
            jinja_dict_put(&chat->arena, chat->tokens.as.dict, key, text);
    }
    struct jinja_value extra;
    if (!jinja_dict_get_text(from, span_of("extra_special_tokens"), &extra) ||
        extra.type != JINJA_DICT)
        return;
    for (size_t i = 0; i < extra.as.dict->n; i++) {
        struct jinja_value text = token_text(extra.as.dict->pairs[i].value);
        if (text.type != JINJA_MISSING)
            jinja_dict_put(&chat->arena, chat->tokens.as.dict, extra.as.dict->pairs[i].key, text);
    }
}

/* ------------------------------------------------------------------------------------- files -- */

/* The whole file in the chat's arena. */
static bool load(struct chat *chat, const char *path, size_t limit, struct span *text,
                 struct err *err)
{
    struct buf bytes;
    buf_init(&bytes, limit);
    bool ok = file_read(&bytes, path, err);
    if (ok)
        *text = arena_copy(&chat->arena, buf_span(&bytes));
    buf_release(&bytes);
    return ok;
}

/* The members that matter here: the rest may hold anything, numbers of any size included. */
static bool is_wanted(struct span key)
{
    return span_ends_with(key, span_of("_token")) || span_is(key, "extra_special_tokens") ||
           span_is(key, "chat_template");
}

/* Reads a JSON object's members that matter; *has_added: it lists added tokens. */
static bool load_json(struct chat *chat, const char *path, struct jinja_dict *out, bool *has_added,
                      struct err *err)
{
    struct span text, key;
    struct json_reader r;
    if (!load(chat, path, LARGEST_CONFIG, &text, err))
        return false;
    json_open(&r, text, &chat->arena);
    for (json_enter_object(&r); json_next_key(&r, &key);) {
        *has_added = *has_added || span_is(key, "added_tokens_decoder");
        if (is_wanted(key))
            jinja_dict_put(&chat->arena, out, jinja_string(&chat->arena, key),
                           jinja_from_json(&r, &chat->arena));
        else
            json_skip(&r);
    }
    if (json_close(&r, err))
        return true;
    err_in(err, "%s", path);
    return false;
}

/* The ChatML template, for models that have none. */
const char chat_chatml[] =
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + "
    "message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

static bool compile(struct chat *chat, struct span source, const char *path,
                    struct jinja_template **template, struct err *err)
{
    chat->path = arena_string(&chat->arena, span_of(path));
    if (template == &chat->template)
        chat->source = source;
    if (jinja_compile(template, &chat->arena, source, err))
        return true;
    err_in(err, "%s", path);
    return false;
}

/* A member chat_template: the text, or a list of {"name", "template"}, or an object of them. */
static bool take_template(struct chat *chat, struct jinja_value v, const char *path,
                          struct err *err)
{
    if (v.type == JINJA_STRING)
        return compile(chat, jinja_span(v), path, &chat->template, err);
    size_t n = v.type == JINJA_LIST ? v.as.list->n : v.type == JINJA_DICT ? v.as.dict->n : 0;
    for (size_t i = 0; i < n; i++) {
        struct jinja_value name = {0}, text = {0};
        if (v.type == JINJA_DICT) {
            name = v.as.dict->pairs[i].key;
            text = v.as.dict->pairs[i].value;
        } else if (v.as.list->items[i].type == JINJA_DICT) {
            const struct jinja_dict *entry = v.as.list->items[i].as.dict;
            if (!jinja_dict_get_text(entry, span_of("name"), &name) ||
                !jinja_dict_get_text(entry, span_of("template"), &text))
                continue;
        }
        if (name.type != JINJA_STRING || text.type != JINJA_STRING)
            continue;
        bool is_default = span_is(jinja_span(name), "default");
        if (!is_default && !span_is(jinja_span(name), "tool_use"))
            continue;
        if (!compile(chat, jinja_span(text), path,
                     is_default ? &chat->template : &chat->tool_template, err))
            return false;
    }
    return true;
}

/* "chatml", or a file named by the user or by convention: Jinja, or JSON with a member
 * chat_template. */
static bool load_template(struct chat *chat, const char *path, struct err *err)
{
    struct span text;
    struct jinja_value config = jinja_dict_new(&chat->arena), template;
    bool has_added = false;
    if (strcmp(path, "chatml") == 0)
        return compile(chat, span_of(chat_chatml), path, &chat->template, err);
    if (!file_has_suffix(path, ".json"))
        return load(chat, path, LARGEST_TEMPLATE, &text, err) &&
               compile(chat, text, path, &chat->template, err);
    if (!load_json(chat, path, config.as.dict, &has_added, err))
        return false;
    if (jinja_dict_get_text(config.as.dict, span_of("chat_template"), &template))
        return take_template(chat, template, path, err);
    err_set(err, ERR_INPUT, "the file has no member chat_template");
    err_in(err, "%s", path);
    return false;
}

/* The model's folder; where `model` is a file, the one it lies in. */
static const char *folder_of(struct chat *chat, const char *model)
{
    if (file_kind_of(model) == FILE_FOLDER)
        return model;
    const char *slash = strrchr(model, '/');
    if (!slash)
        return ".";
    return arena_string(&chat->arena, span_part(span_of(model), 0, (size_t)(slash - model)));
}

/* tokenizer_config.json and special_tokens_map.json; a template where none was found yet. */
static bool load_config(struct chat *chat, const char *folder, struct err *err)
{
    struct jinja_value config = jinja_dict_new(&chat->arena), template;
    struct jinja_value map = jinja_dict_new(&chat->arena);
    const char *config_path = file_join(&chat->arena, folder, "tokenizer_config.json");
    const char *map_path = file_join(&chat->arena, folder, "special_tokens_map.json");
    bool has_added = false;
    if (file_kind_of(config_path) == FILE_REGULAR &&
        !load_json(chat, config_path, config.as.dict, &has_added, err))
        return false;
    take_tokens(chat, config.as.dict);
    if (!has_added && file_kind_of(map_path) == FILE_REGULAR) {
        if (!load_json(chat, map_path, map.as.dict, &has_added, err))
            return false;
        take_tokens(chat, map.as.dict);
    }
    if (!chat->template && jinja_dict_get_text(config.as.dict, span_of("chat_template"), &template))
        return take_template(chat, template, config_path, err);
    return true;
}

/* ------------------------------------------------------------------------------------- GGUF -- */

/* The text of the token with that id. */
static bool gguf_token(const struct gguf *g, uint32_t id, struct span *text)
{
    const struct gguf_entry *entry = gguf_find(g, "tokenizer.ggml.tokens");
    struct gguf_items items;
    struct err ignored;
    if (!entry || !gguf_get_strings(g, "tokenizer.ggml.tokens", &items, &ignored))
        return false;
    for (uint64_t i = 0; gguf_next_string(&items, text); i++) {
        if (i == id)
            return true;
    }
    return false;
}

static void take_gguf_tokens(struct chat *chat, const struct gguf *g)
{
    static const char *const names[][2] = {
        {"bos_token", "tokenizer.ggml.bos_token_id"},
        {"eos_token", "tokenizer.ggml.eos_token_id"},
        {"unk_token", "tokenizer.ggml.unknown_token_id"},
        {"sep_token", "tokenizer.ggml.seperator_token_id"}, /* spelt so in the format */
        {"pad_token", "tokenizer.ggml.padding_token_id"},
        {"cls_token", "tokenizer.ggml.cls_token_id"},
        {"mask_token", "tokenizer.ggml.mask_token_id"},
    };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct err ignored; /* a key of another type is a token that is not there */
        struct span text;
        uint32_t id;
        if (gguf_find(g, names[i][1]) && gguf_get_u32(g, names[i][1], &id, &ignored) &&
            gguf_token(g, id, &text) && utf8_first_invalid(text) == text.len)
            jinja_dict_put_text(&chat->arena, chat->tokens.as.dict, names[i][0],
                                jinja_string_copy(&chat->arena, text));
    }
}

/* Template and tokens of a GGUF file. */
static bool load_gguf(struct chat *chat, const char *path, struct err *err)
{
    static const char key[] = "tokenizer.chat_template";
    struct gguf g;
    struct span source;
    if (!gguf_open(&g, path, err))
        return false;
    take_gguf_tokens(chat, &g);
    bool ok = true;
    if (!chat->template && gguf_find(&g, key)) {
        ok = gguf_get_string(&g, key, &source, err);
        if (!ok)
            err_in(err, "%s", path);
        ok = ok && compile(chat, arena_copy(&chat->arena, source), path, &chat->template, err);
    }
    gguf_close(&g);
    return ok;
}

/* Known by its content, not by its name. */
static bool is_gguf(const char *path)
{
    struct file_map map;
    struct err ignored;
    if (file_kind_of(path) != FILE_REGULAR || !file_map(&map, path, &ignored))
        return false;
    bool is = gguf_is(map.bytes);
    file_unmap(&map);
    return is;
}

/* Template and tokens of a folder. */
static bool load_folder(struct chat *chat, const char *folder, struct err *err)
{
    static const char *const names[] = {"chat_template.jinja", "chat_template.json"};
    for (size_t i = 0; i < COUNT_OF(names) && !chat->template; i++) {
        const char *path = file_join(&chat->arena, folder, names[i]);
        if (file_kind_of(path) == FILE_REGULAR && !load_template(chat, path, err))
            return false;
    }
    return load_config(chat, folder, err);
}

bool chat_open(struct chat *chat, const struct chat_source *source, struct err *err)
{
    *chat = (struct chat){0};
    chat->tokens = jinja_dict_new(&chat->arena);
    if (source->template_path && !load_template(chat, source->template_path, err))
        goto fail;
    if (source->model && is_gguf(source->model)) {
        if (!load_gguf(chat, source->model, err))
            goto fail;
    } else if (source->model && !load_folder(chat, folder_of(chat, source->model), err)) {
        goto fail;
    }
    if (chat->template)
        return true;
    err_set(err, ERR_INPUT, "there is no chat template");
    if (source->model)
        err_in(err, "%s", source->model);
    err_hint(err, "give one with --template FILE");

fail:
    chat_close(chat);
    return false;
}

bool chat_open_text(struct chat *chat, struct span template, struct err *err)
{
    *chat = (struct chat){0};
    chat->tokens = jinja_dict_new(&chat->arena);
    chat->source = arena_copy(&chat->arena, template);
    if (jinja_compile(&chat->template, &chat->arena, chat->source, err))
        return true;
    chat_close(chat);
    return false;
}

void chat_close(struct chat *chat)
{
    arena_release(&chat->arena);
    *chat = (struct chat){0};
}

void chat_text_init(struct chat_text *text)
{
    *text = (struct chat_text){0};
    buf_init(&text->text, BUF_NO_LIMIT);
}

void chat_text_release(struct chat_text *text)
{
    buf_release(&text->text);
    arena_release(&text->arena);
    *text = (struct chat_text){0};
}

void chat_mask(const struct chat_text *text, const struct text_range *tokens, size_t n,
               uint8_t *mask)
{
    size_t span = 0;
    for (size_t i = 0; i < n; i++) {
        while (span < text->n_spans && text->spans[span].end <= tokens[i].start)
            span++;
        mask[i] = span < text->n_spans && tokens[i].end > text->spans[span].start &&
                  tokens[i].end > tokens[i].start;
    }
}
