/*
 * run_file.c - a YAML file in place of flags. The file gives texts and the option table reads them,
 * so a value means the same here and on the command line.
 */
#include "options/run_file.h"

#include "base/file.h"
#include "base/log.h"
#include "format/yaml.h"

bool run_file_is(const char *path)
{
    return file_has_suffix(path, ".yaml") || file_has_suffix(path, ".yml");
}

/* "a,b" of a list of scalars. */
static bool join_items(struct buf *out, const struct yaml_node *list, struct err *err)
{
    for (size_t i = 0; i < list->n_items; i++) {
        const struct yaml_node *item = list->items[i];
        if (item->type == YAML_LIST || item->type == YAML_MAP || item->type == YAML_NULL) {
            err_set(err, ERR_USAGE, "a list of plain values is expected");
            return false;
        }
        if (i > 0)
            buf_add_byte(out, ',');
        buf_add(out, item->text);
    }
    return true;
}

/* The value as it would stand on the command line, NUL-terminated in the arena. */
static bool value_text(const struct yaml_node *value, struct arena *arena, const char **text,
                       struct err *err)
{
    struct buf out;
    buf_init(&out, YAML_MOST_BYTES * 8);
    bool ok = true;
    if (value->type == YAML_LIST) {
        ok = join_items(&out, value, err);
    } else if (value->type == YAML_MAP) {
        struct json_writer w = {.out = &out};
        yaml_put_json(value, &w);
    } else if (value->type == YAML_BOOL) {
        buf_add_text(&out, value->truth ? "true" : "false"); /* YAML's "on", "yes" */
    } else {
        buf_add(&out, value->text);
    }
    ok = ok && buf_check(&out, err);
    if (ok && memchr(buf_string(&out), '\0', out.len)) {
        err_set(err, ERR_USAGE, "a NUL character in a value");
        ok = false;
    }
    if (ok)
        *text = arena_string(arena, buf_span(&out));
    buf_release(&out);
    return ok;
}

/* The place of an argument's name among the command's: "data" is 1 in "MODEL DATA". */
static bool find_argument(const char *arguments, struct span key, size_t *place)
{
    *place = 0;
    for (const char *word = arguments; *word; (*place)++) {
        size_t len = strcspn(word, " ");
        bool same = len == key.len;
        for (size_t i = 0; same && i < len; i++)
            same = (word[i] | 0x20) == key.at[i];
        if (same)
            return true;
        word += len + (word[len] == ' ');
    }
    return false;
}

struct reading {
    struct options *options;
    struct arena *arena;
    unsigned user;
    const char *arguments;
    const char *found[OPTIONS_MOST_ARGUMENTS]; /* by place */
};

static bool set_option(struct reading *r, size_t row, const struct yaml_node *value,
                       struct err *err)
{
    const char *text;
    if (!(option_table[row].users & r->user)) {
        log_detail("%s is of no use to this command", option_table[row].name);
        return true;
    }
    if (r->options->given[row] || value->type == YAML_NULL)
        return true;
    return value_text(value, r->arena, &text, err) &&
           options_set(r->options, row, text, r->user, err);
}

static bool read_entry(struct reading *r, struct span key, const struct yaml_node *value,
                       struct err *err)
{
    size_t row = options_find(key), place;
    if (row < option_count && (option_table[row].users & r->user))
        return set_option(r, row, value, err);
    if (find_argument(r->arguments, key, &place))
        return value_text(value, r->arena, &r->found[place], err);
    if (row < option_count)
        return set_option(r, row, value, err);
    if (options_pass_over(r->options, arena_copy(r->arena, key)))
        return true;
    return options_refuse_unknown(key, FOR_ALL, err);
}

/* The file's arguments, behind those of the command line, as long as none is left out. */
static void add_arguments(struct reading *r)
{
    struct options *o = r->options;
    while (o->n_arguments < OPTIONS_MOST_ARGUMENTS && r->found[o->n_arguments]) {
        o->arguments[o->n_arguments] = r->found[o->n_arguments];
        o->n_arguments++;
    }
}

static bool read_map(struct reading *r, const struct yaml_node *root, struct err *err)
{
    if (root->type != YAML_MAP && root->type != YAML_NULL) {
        err_set(err, ERR_INPUT, "a run file is a mapping of options to values");
        err_hint(err, "for example: max_length: 512");
        return false;
    }
    for (size_t i = 0; i < root->n_items; i++) {
        if (!read_entry(r, root->keys[i], root->items[i], err)) {
            err_in(err, "line %zu", root->items[i]->line);
            return false;
        }
    }
    add_arguments(r);
    return true;
}

bool run_file_read(struct options *o, struct arena *arena, const char *path, unsigned user,
                   const char *arguments, struct err *err)
{
    struct reading r = {.options = o, .arena = arena, .user = user, .arguments = arguments};
    struct yaml y = {0};
    struct buf text;
    buf_init(&text, YAML_MOST_BYTES + 1);
    if (!file_read(&text, path, err)) {
        buf_release(&text);
        return false;
    }
    bool ok = yaml_open(&y, buf_span(&text), err) && read_map(&r, y.root, err);
    if (!ok)
        err_in(err, "%s", path);
    yaml_close(&y);
    buf_release(&text);
    return ok;
}
