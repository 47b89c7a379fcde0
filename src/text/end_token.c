/*
 * end_token.c - where a model says how its texts end.
 *
 * The first of these that says something:
 *
 *   tokenizer_config.json    "eos_token": "</s>", or an object with the text under "content"
 *   special_tokens_map.json  the same
 *   config.json              "eos_token_id": a number, or a list of which the first counts
 *   a GGUF file              tokenizer.ggml.eos_token_id
 *
 * which is the order in which transformers comes to `tokenizer.eos_token`; and so for the others.
 */
#include "text/end_token.h"

#include "base/file.h"
#include "format/gguf.h"
#include "format/json.h"

/* The token's text: a string, or the "content" of an object; empty for null. */
static struct span read_token(struct json_reader *r)
{
    struct span text = {0}, key;
    switch (json_peek(r)) {
    case JSON_STRING:
        return json_string(r);
    case JSON_OBJECT:
        for (json_enter_object(r); json_next_key(r, &key);) {
            if (span_is(key, "content"))
                text = json_string(r);
            else
                json_skip(r);
        }
        return text;
    default:
        json_skip(r);
        return text;
    }
}

/* An id: a number, or the first of a list; -1 where there is none. */
static int64_t read_id(struct json_reader *r)
{
    int64_t id = -1;
    switch (json_peek(r)) {
    case JSON_NUMBER:
        return json_int(r);
    case JSON_ARRAY:
        for (json_enter_array(r); json_next_item(r);) {
            if (id < 0)
                id = json_int(r);
            else
                json_skip(r);
        }
        return id;
    default:
        json_skip(r);
        return id;
    }
}

struct search {
    const struct tokenizer *tokenizer;
    struct arena *arena;
    struct span text;
    bool is_optional; /* an id that is no token's says nothing */
};

/* The text of a token by its id; false where there is no such token. */
static bool text_of_id(struct search *s, const char *name, int64_t id, struct err *err)
{
    struct span word;
    if (id >= 0 && id <= UINT32_MAX && tokenizer_text(s->tokenizer, (uint32_t)id, &word)) {
        s->text = arena_copy(s->arena, word);
        return true;
    }
    if (s->is_optional)
        return true;
    err_set(err, ERR_INPUT, "%s is %lld, which is no token", name, (long long)id);
    return false;
}

/* Looks for `name` in a JSON file of the folder; a file that is not there says nothing. */
static bool search_file(struct search *s, const char *folder, const char *file, const char *name,
                        struct err *err)
{
    char *path = file_join(s->arena, folder, file);
    if (s->text.len > 0 || file_kind_of(path) != FILE_REGULAR)
        return true;
    struct file_map map;
    if (!file_map(&map, path, err))
        return false;
    struct json_reader r;
    struct span key, text = {0};
    int64_t id = -1;
    bool is_id = span_ends_with(span_of(name), span_of("_id"));
    json_open(&r, map.bytes, s->arena);
    for (json_enter_object(&r); json_next_key(&r, &key);) {
        if (!span_is(key, name))
            json_skip(&r);
        else if (is_id)
            id = read_id(&r);
        else
            text = read_token(&r);
    }
    bool ok = json_close(&r, err);
    s->text = arena_copy(s->arena, text);
    ok = ok && (id < 0 || text_of_id(s, name, id, err));
    if (!ok)
        err_in(err, "%s", path);
    file_unmap(&map);
    return ok;
}

static bool search_folder(struct search *s, const char *folder, const char *kind, struct err *err)
{
    const char *name = arena_printf(s->arena, "%s_token", kind);
    return search_file(s, folder, "tokenizer_config.json", name, err) &&
           search_file(s, folder, "special_tokens_map.json", name, err) &&
           search_file(s, folder, "config.json", arena_printf(s->arena, "%s_id", name), err);
}

static bool search_gguf(struct search *s, const char *path, struct err *err)
{
    struct gguf g;
    uint32_t id;
    if (!gguf_open(&g, path, err))
        return false;
    bool ok = true;
    if (gguf_find(&g, "tokenizer.ggml.eos_token_id"))
        ok = gguf_get_u32(&g, "tokenizer.ggml.eos_token_id", &id, err) &&
             text_of_id(s, "eos_token_id", id, err);
    gguf_close(&g);
    return ok;
}

static bool is_gguf(const char *path)
{
    struct file_map map;
    struct err err;
    if (file_kind_of(path) != FILE_REGULAR || !file_map(&map, path, &err))
        return false;
    bool found = gguf_is(map.bytes);
    file_unmap(&map);
    return found;
}

bool end_token_find(const char *model, const struct tokenizer *tokenizer, struct arena *arena,
                    struct span *text, struct err *err)
{
    struct search s = {.tokenizer = tokenizer, .arena = arena};
    bool ok = true;
    if (file_kind_of(model) == FILE_FOLDER)
        ok = search_folder(&s, model, "eos", err);
    else if (is_gguf(model))
        ok = search_gguf(&s, model, err);
    uint32_t id;
    if (ok && s.text.len > 0 && !tokenizer_id(tokenizer, s.text, &id)) {
        err_set(err, ERR_INPUT, "the end-of-text token '%.*s' is not in the tokenizer",
                SPAN_ARGS(s.text));
        err_in(err, "%s", model);
        ok = false;
    }
    *text = s.text;
    return ok;
}

bool special_token_find(const char *folder, const char *kind, const struct tokenizer *tokenizer,
                        int64_t *id, struct err *err)
{
    struct arena arena = {0};
    struct search s = {.tokenizer = tokenizer, .arena = &arena, .is_optional = true};
    uint32_t found;
    bool ok = search_folder(&s, folder, kind, err);
    *id = ok && s.text.len > 0 && tokenizer_id(tokenizer, s.text, &found) ? (int64_t)found : -1;
    arena_release(&arena);
    return ok;
}
