/*
 * yaml.h - YAML for run files: small documents, read into a tree.
 *
 *     struct yaml y;
 *     if (!yaml_open(&y, text, err)) …
 *     for (size_t i = 0; i < y.root->n_items; i++)
 *         … y.root->keys[i], y.root->items[i]->type, ->text, ->line
 *     yaml_close(&y);
 *
 * Plain scalars have the types that PyYAML's safe_load gives them, with three differences that
 * people expect: 1e-4 and 1.0e5 are numbers (YAML 1.1 wants a point and a sign), a date is a
 * string, and so is a key ("on:" is "on").
 *
 * Refused: keys that stand twice, keys that are not scalars, merge keys (<<), tags other than those
 * of the core types, more than one document, depth beyond YAML_MOST_DEPTH, more nodes than
 * YAML_MOST_NODES with aliases counted as often as they are used, more than YAML_MOST_BYTES.
 */
#ifndef PACE_FORMAT_YAML_H
#define PACE_FORMAT_YAML_H

#include "base/arena.h"
#include "base/err.h"
#include "format/json.h"

enum { YAML_MOST_DEPTH = 32, YAML_MOST_NODES = 20000, YAML_MOST_BYTES = 1 << 20 };

enum yaml_type {
    YAML_NULL,
    YAML_BOOL,
    YAML_INT,
    YAML_FLOAT,
    YAML_STRING,
    YAML_LIST,
    YAML_MAP,
};

struct yaml_node {
    enum yaml_type type;
    size_t line;              /* from 1 */
    struct span text;         /* a scalar as it was written, quotes and escapes resolved */
    bool truth;               /* of a BOOL */
    int64_t whole;            /* of an INT */
    double number;            /* of a FLOAT or INT */
    struct yaml_node **items; /* of a LIST or MAP; an alias points to the node it names */
    struct span *keys;        /* of a MAP, in the file's order */
    size_t n_items;
    size_t n_nodes;  /* itself and all below */
    size_t n_levels; /* itself and the deepest below */
};

struct yaml {
    struct yaml_node *root; /* NULL type for an empty document */
    struct arena arena;
};

/* Parses the whole text. Errors: ERR_INPUT with the line in `where`. */
MUST_CHECK bool yaml_open(struct yaml *y, struct span text, struct err *err);

/* Safe on a zeroed struct and after a failed open. */
void yaml_close(struct yaml *y);

/* The value of a key of a MAP, or NULL where the node is none or has no such key. */
const struct yaml_node *yaml_find(const struct yaml_node *node, const char *key);

/* Writes the node as JSON. */
void yaml_put_json(const struct yaml_node *node, struct json_writer *w);

#endif
