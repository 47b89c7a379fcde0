/*
 * yaml.c - a tree of small documents, from libyaml's events.
 *
 * An alias is a second pointer to the same node, so the tree costs no more than the text; but who
 * walks it meets the node again ("billion laughs"). So each node knows how many nodes a walk below
 * it meets, and how deep it goes; a document in which that grows beyond the limits is refused.
 *
 * Source: YAML 1.1; PyYAML's resolver and constructor; checked against yaml.safe_load.
 */
#include "format/yaml.h"

#include <math.h>
#include <yaml.h>

#include "base/map.h"
#include "base/num.h"
#include "format/yaml_scalar.h"

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the present one */
    bool has_event;
    struct arena *arena;
    struct map anchors; /* name -> index into nodes */
    struct buf nodes;   /* struct yaml_node * of each anchor */
    struct err *err;
};

/* ----------------------------------------------------------------------------------- events -- */

static bool fail_at(struct reader *r, size_t line, const char *what)
{
    err_set(r->err, ERR_INPUT, "%s", what);
    err_in(r->err, "line %zu", line + 1);
    return false;
}

static size_t line_of(const struct reader *r)
{
    return r->event.start_mark.line;
}

static bool next(struct reader *r)
{
    if (r->has_event)
        yaml_event_delete(&r->event);
    r->has_event = yaml_parser_parse(&r->parser, &r->event);
    if (r->has_event)
        return true;
    const char *what = r->parser.problem ? r->parser.problem : "malformed";
    return fail_at(r, r->parser.problem_mark.line, what);
}

static struct span span_of_yaml(const yaml_char_t *text)
{
    return span_of((const char *)text);
}

/* ------------------------------------------------------------------------------------ nodes -- */

static struct yaml_node *new_node(struct reader *r, enum yaml_type type)
{
    struct yaml_node *node = arena_new(r->arena, struct yaml_node);
    node->type = type;
    node->line = line_of(r) + 1;
    node->n_nodes = node->n_levels = 1;
    return node;
}

static void keep_anchor(struct reader *r, const yaml_char_t *anchor, struct yaml_node *node)
{
    if (!anchor)
        return;
    struct span name = arena_copy(r->arena, span_of_yaml(anchor));
    (void)map_put(&r->anchors, name, (uint32_t)(r->nodes.len / sizeof node));
    buf_add(&r->nodes, (struct span){(const uint8_t *)&node, sizeof node});
}

static bool read_alias(struct reader *r, struct yaml_node **out)
{
    uint32_t index;
    if (!map_get(&r->anchors, span_of_yaml(r->event.data.alias.anchor), &index))
        return fail_at(r, line_of(r), "an alias names no anchor before it");
    memcpy(out, r->nodes.at + index * sizeof *out, sizeof *out);
    return true;
}

static bool read_scalar(struct reader *r, struct yaml_node **out)
{
    struct yaml_node *node = new_node(r, YAML_STRING);
    bool is_plain = r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    const char *tag = (const char *)r->event.data.scalar.tag;
    struct span text = {r->event.data.scalar.value, r->event.data.scalar.length};
    node->text = arena_copy(r->arena, text);
    if (tag ? !yaml_scalar_retype(node, tag) : is_plain && !yaml_scalar_type(node))
        return fail_at(r, line_of(r),
                       tag ? "a tag that is not supported, or does not fit the value"
                           : "a merge key (<<) is not supported");
    keep_anchor(r, r->event.data.scalar.anchor, node);
    *out = node;
    return true;
}

/* Moves pointers that were gathered in a buffer into the arena. */
static void *settle(struct reader *r, struct buf *b)
{
    void *at = arena_alloc(r->arena, b->len);
    if (b->len > 0)
        memcpy(at, b->at, b->len);
    buf_release(b);
    return at;
}

static bool read_node(struct reader *r, unsigned depth, struct yaml_node **out);

/* Reads the key that is the present event, and moves on to its value. */
static bool read_key(struct reader *r, struct map *seen, struct buf *keys)
{
    if (r->event.type != YAML_SCALAR_EVENT)
        return fail_at(r, line_of(r), "a key must be a word, not a list, a mapping or an alias");
    struct yaml_node *key;
    size_t line = line_of(r);
    if (!read_scalar(r, &key))
        return false;
    if (!map_put(seen, key->text, 0)) {
        err_set(r->err, ERR_INPUT, "the key \"%.*s\" stands twice", SPAN_ARGS(key->text));
        err_in(r->err, "line %zu", line + 1);
        return false;
    }
    buf_add(keys, (struct span){(const uint8_t *)&key->text, sizeof key->text});
    return next(r);
}

static bool read_container(struct reader *r, struct yaml_node *node, unsigned depth)
{
    struct map seen = {0};
    struct buf keys, items;
    buf_init(&keys, BUF_NO_LIMIT);
    buf_init(&items, BUF_NO_LIMIT);
    bool is_map = node->type == YAML_MAP;
    yaml_event_type_t end = is_map ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
    bool ok = next(r);
    while (ok && r->event.type != end) {
        struct yaml_node *item = NULL;
        ok = (!is_map || read_key(r, &seen, &keys)) && read_node(r, depth + 1, &item);
        if (!ok)
            break;
        buf_add(&items, (struct span){(const uint8_t *)&item, sizeof item});
        node->n_nodes += item->n_nodes;
        node->n_levels = max_size(node->n_levels, item->n_levels + 1);
        if (node->n_levels > YAML_MOST_DEPTH)
            ok = fail_at(r, line_of(r), "nested too deeply");
        if (node->n_nodes > YAML_MOST_NODES)
            ok = fail_at(r, line_of(r),
                         "too many values, aliases counted as often as they are used");
        ok = ok && next(r);
    }
    node->n_items = items.len / sizeof *node->items;
    node->items = settle(r, &items);
    node->keys = settle(r, &keys);
    map_release(&seen);
    return ok;
}

/* Reads the node that the present event begins; the last event of it stays the present one. */
static bool read_node(struct reader *r, unsigned depth, struct yaml_node **out)
{
    if (depth > YAML_MOST_DEPTH)
        return fail_at(r, line_of(r), "nested too deeply");
    if (r->event.type == YAML_ALIAS_EVENT)
        return read_alias(r, out);
    if (r->event.type == YAML_SCALAR_EVENT)
        return read_scalar(r, out);

    bool is_map = r->event.type == YAML_MAPPING_START_EVENT;
    const char *tag =
        (const char *)(is_map ? r->event.data.mapping_start.tag : r->event.data.sequence_start.tag);
    const yaml_char_t *anchor =
        is_map ? r->event.data.mapping_start.anchor : r->event.data.sequence_start.anchor;
    if (tag)
        return fail_at(r, line_of(r), "a tag on a list or a mapping is not supported");
    /* The anchor is known only once its node is whole, so no node can hold itself. */
    struct span name = anchor ? arena_copy(r->arena, span_of_yaml(anchor)) : (struct span){0};
    *out = new_node(r, is_map ? YAML_MAP : YAML_LIST);
    if (!read_container(r, *out, depth))
        return false;
    if (name.at)
        keep_anchor(r, name.at, *out);
    return true;
}

/* --------------------------------------------------------------------------------- document -- */

static bool read_document(struct reader *r, struct yaml_node **root)
{
    if (!next(r) || !next(r)) /* the stream's start, the document's start */
        return false;
    if (r->event.type == YAML_STREAM_END_EVENT) {
        *root = new_node(r, YAML_NULL);
        return true;
    }
    if (!next(r) || !read_node(r, 0, root) || !next(r) || !next(r))
        return false;
    if (r->event.type != YAML_STREAM_END_EVENT)
        return fail_at(r, line_of(r), "a second document begins");
    return true;
}

bool yaml_open(struct yaml *y, struct span text, struct err *err)
{
    *y = (struct yaml){0};
    if (text.len > YAML_MOST_BYTES) {
        err_set(err, ERR_INPUT, "%zu bytes of YAML; at most %d are read", text.len,
                YAML_MOST_BYTES);
        return false;
    }
    struct reader r = {.arena = &y->arena, .err = err};
    buf_init(&r.nodes, BUF_NO_LIMIT);
    CHECK(yaml_parser_initialize(&r.parser));
    yaml_parser_set_input_string(&r.parser, text.at ? text.at : (const uint8_t *)"", text.len);
    bool ok = read_document(&r, &y->root);
    if (r.has_event)
        yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    map_release(&r.anchors);
    buf_release(&r.nodes);
    if (!ok)
        yaml_close(y);
    return ok;
}

void yaml_close(struct yaml *y)
{
    arena_release(&y->arena);
    *y = (struct yaml){0};
}

/* ----------------------------------------------------------------------------------- values -- */

const struct yaml_node *yaml_find(const struct yaml_node *node, const char *key)
{
    if (!node || node->type != YAML_MAP)
        return NULL;
    for (size_t i = 0; i < node->n_items; i++) {
        if (span_is(node->keys[i], key))
            return node->items[i];
    }
    return NULL;
}

void yaml_put_json(const struct yaml_node *node, struct json_writer *w)
{
    switch (node->type) {
    case YAML_NULL:
        json_put_null(w);
        return;
    case YAML_BOOL:
        json_put_bool(w, node->truth);
        return;
    case YAML_INT:
        json_put_int(w, node->whole);
        return;
    case YAML_FLOAT:
        json_put_double(w, node->number);
        return;
    case YAML_STRING:
        json_put_string(w, node->text);
        return;
    case YAML_LIST:
        json_begin_array(w);
        break;
    case YAML_MAP:
        json_begin_object(w);
        break;
    }
    for (size_t i = 0; i < node->n_items; i++) {
        if (node->type == YAML_MAP)
            json_key_span(w, node->keys[i]);
        yaml_put_json(node->items[i], w);
    }
    json_end(w);
}
