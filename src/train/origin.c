/*
 * origin.c - what a run was begun from.
 *
 *     {"options": {"arguments": […], "from_scratch": false, "given": {…}},
 *      "files": [{"path": "/home/a/rows.jsonl", "bytes": 4711, "hash": "0123456789abcdef"}, …]}
 *
 * The content of a file counts, not its date: who copies a folder, or touches a file, changes
 * nothing. The weights are read whole before the first step anyway (engine.c), so that hashing them
 * costs little. In a model's folder the files are those that have an ending which pace reads; in a
 * data folder all are, since a file more is data more.
 */
#include "train/origin.h"

#include <inttypes.h>

#include "base/file.h"
#include "base/map.h"
#include "options/options_json.h"

struct input {
    const char *path;
    uint64_t bytes;
    const char *hash; /* 16 hexadecimal digits */
};

struct inputs {
    struct arena arena;
    struct buf list; /* of struct input */
};

static const char *const model_endings[] = {".json",  ".safetensors", ".gguf",
                                            ".jinja", ".model",       ".txt"};

static size_t count_inputs(const struct inputs *in)
{
    return in->list.len / sizeof(struct input);
}

static struct input input_at(const struct inputs *in, size_t i)
{
    struct input input;
    memcpy(&input, in->list.at + i * sizeof input, sizeof input);
    return input;
}

static void add_input(struct inputs *in, const struct input *input)
{
    buf_add(&in->list, (struct span){(const uint8_t *)input, sizeof *input});
}

static void release(struct inputs *in)
{
    buf_release(&in->list);
    arena_release(&in->arena);
}

/* --------------------------------------------------------------------------------- the files -- */

static bool add_file(struct inputs *in, const char *path, struct err *err)
{
    struct file_map map;
    if (!file_map(&map, path, err))
        return false;
    struct input input = {.path = path,
                          .bytes = map.bytes.len,
                          .hash =
                              arena_printf(&in->arena, "%016" PRIx64, hash_bytes(map.bytes, 0))};
    add_input(in, &input);
    file_unmap(&map);
    return true;
}

static bool is_of_model(const char *name)
{
    size_t i = 0;
    while (i < COUNT_OF(model_endings) && !file_has_suffix(name, model_endings[i]))
        i++;
    return i < COUNT_OF(model_endings);
}

/* The file at the path, or the files of the folder there. */
static bool add_path(struct inputs *in, const char *path, bool is_data, struct err *err)
{
    const char *whole = file_absolute(&in->arena, path);
    char **names = NULL;
    size_t n = 0;
    if (file_kind_of(whole) != FILE_FOLDER)
        return add_file(in, whole, err);
    bool ok = file_list(&in->arena, whole, &names, &n, err);
    for (size_t i = 0; ok && i < n; i++) {
        if (is_data || is_of_model(names[i]))
            ok = add_file(in, file_join(&in->arena, whole, names[i]), err);
    }
    return ok;
}

static bool list_inputs(struct inputs *in, const struct options *o, struct err *err)
{
    CHECK(o->n_arguments == 2);
    const char *chat = o->chat_template_path;
    bool ok = add_path(in, o->arguments[0], false, err) && add_path(in, o->arguments[1], true, err);
    if (ok && o->adapter)
        ok = add_path(in, o->adapter, false, err);
    if (ok && chat && file_kind_of(chat) == FILE_REGULAR)
        ok = add_path(in, chat, true, err);
    return ok;
}

static void begin(struct inputs *in)
{
    *in = (struct inputs){0};
    buf_init(&in->list, BUF_NO_LIMIT);
}

/* ----------------------------------------------------------------------------------- writing -- */

bool origin_put(struct buf *out, const struct options *o, struct err *err)
{
    struct inputs in;
    struct json_writer w = {.out = out, .python_nan = true};
    begin(&in);
    bool ok = list_inputs(&in, o, err);
    if (ok) {
        json_begin_object(&w);
        json_key(&w, "options");
        options_json_put(&w, o);
        json_key(&w, "files");
        json_begin_array(&w);
        for (size_t i = 0; i < count_inputs(&in); i++) {
            struct input input = input_at(&in, i);
            json_begin_object(&w);
            json_member_text(&w, "path", input.path);
            json_member_int(&w, "bytes", (int64_t)input.bytes);
            json_member_text(&w, "hash", input.hash);
            json_end(&w);
        }
        json_end(&w);
        json_end(&w);
    }
    release(&in);
    return ok;
}

/* ----------------------------------------------------------------------------------- reading -- */

static bool check_said(const struct options *said, struct err *err)
{
    if (said->n_arguments > 0) {
        err_set(err, ERR_USAGE, "--resume needs no model and no data: '%s'", said->arguments[0]);
        err_hint(err, "a run goes on with those that it was begun with");
        return false;
    }
    for (size_t i = 0; i < option_count; i++) {
        if (!said->given[i] || option_table[i].with_resume)
            continue;
        err_set(err, ERR_USAGE, "--%s cannot be given with --resume", option_table[i].name);
        err_hint(err, "a run goes on as it was begun; --threads and --memory may change");
        return false;
    }
    return true;
}

bool origin_options(struct options *o, struct arena *arena, struct span text,
                    const struct options *said, struct err *err)
{
    struct json_reader r;
    struct span key;
    if (!check_said(said, err))
        return false;
    options_init(o);
    json_open(&r, text, arena);
    json_enter_object(&r);
    while (json_next_key(&r, &key)) {
        if (span_is(key, "options"))
            options_json_read(&r, arena, FOR_TUNE | FOR_PRETRAIN, o);
        else
            json_skip(&r);
    }
    if (!r.failed && o->n_arguments != 2)
        json_fail(&r, "a run has a model and data");
    if (!json_close(&r, err))
        return false;
    options_overlay(o, said);
    o->output_dir = said->resume;
    return true;
}

static void read_file(struct json_reader *r, struct inputs *in)
{
    struct span key;
    struct input input = {.path = "", .hash = ""};
    json_enter_object(r);
    while (json_next_key(r, &key)) {
        if (span_is(key, "path"))
            input.path = arena_string(&in->arena, json_string(r));
        else if (span_is(key, "bytes"))
            input.bytes = (uint64_t)json_int(r);
        else if (span_is(key, "hash"))
            input.hash = arena_string(&in->arena, json_string(r));
        else
            json_fail(r, "an unknown member");
    }
    add_input(in, &input);
}

static bool read_files(struct inputs *in, struct span text, struct err *err)
{
    struct json_reader r;
    struct span key;
    json_open(&r, text, &in->arena);
    json_enter_object(&r);
    while (json_next_key(&r, &key)) {
        if (!span_is(key, "files")) {
            json_skip(&r);
            continue;
        }
        for (json_enter_array(&r); json_next_item(&r);)
            read_file(&r, in);
    }
    return json_close(&r, err);
}

static bool refuse_change(const char *path, struct err *err)
{
    err_hint(err, "a run goes on only with what it was begun with: put that back, or begin anew");
    err_in(err, "%s", path);
    return false;
}

/* `then` as it is now, or an error. */
static bool check_input(const struct inputs *now, const struct input *then, struct err *err)
{
    for (size_t i = 0; i < count_inputs(now); i++) {
        struct input found = input_at(now, i);
        if (strcmp(found.path, then->path) != 0)
            continue;
        if (found.bytes == then->bytes && strcmp(found.hash, then->hash) == 0)
            return true;
        err_set(err, ERR_INPUT,
                "it has changed since the run began (%" PRIu64 " bytes then, %" PRIu64 " now)",
                then->bytes, found.bytes);
        return refuse_change(then->path, err);
    }
    err_set(err, ERR_INPUT, "it was there when the run began");
    return refuse_change(then->path, err);
}

/* A file that was not among them. */
static bool refuse_new(const struct inputs *then, const struct inputs *now, struct err *err)
{
    struct map paths = {0};
    for (size_t i = 0; i < count_inputs(then); i++)
        (void)map_put(&paths, span_of(input_at(then, i).path), 0);
    size_t i = 0;
    while (i + 1 < count_inputs(now) && map_get(&paths, span_of(input_at(now, i).path), NULL))
        i++;
    map_release(&paths);
    err_set(err, ERR_INPUT, "it was not there when the run began");
    return refuse_change(input_at(now, i).path, err);
}

bool origin_check(struct span text, const struct options *o, struct err *err)
{
    struct inputs then, now;
    begin(&then);
    begin(&now);
    bool ok = read_files(&then, text, err) && list_inputs(&now, o, err);
    for (size_t i = 0; ok && i < count_inputs(&then); i++) {
        struct input input = input_at(&then, i);
        ok = check_input(&now, &input, err);
    }
    if (ok && count_inputs(&now) > count_inputs(&then))
        ok = refuse_new(&then, &now, err);
    release(&then);
    release(&now);
    return ok;
}
