/*
 * fuzz_yaml.c - whatever opens can be walked within the promised number of nodes, and its JSON is
 * valid.
 */
#include "fuzz.h"

#include "format/yaml.h"

static size_t count(const struct yaml_node *node, size_t depth)
{
    CHECK(depth < YAML_MOST_DEPTH);
    size_t n = 1;
    for (size_t i = 0; i < node->n_items; i++)
        n += count(node->items[i], depth + 1);
    CHECK(n == node->n_nodes && n <= YAML_MOST_NODES);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct yaml y;
    struct err err = {0};
    if (!yaml_open(&y, (struct span){bytes, len}, &err)) {
        CHECK(err.kind == ERR_INPUT && err.what[0]);
        return 0;
    }
    CHECK(y.arena.total_bytes <= 256 * len + 65536);
    (void)count(y.root, 0);
    struct buf out;
    struct arena arena = {0};
    struct json_reader r;
    buf_init(&out, BUF_NO_LIMIT);
    struct json_writer w = {.out = &out, .python_nan = true};
    yaml_put_json(y.root, &w);
    json_open(&r, buf_span(&out), &arena);
    json_skip(&r);
    CHECK(json_close(&r, &err));
    arena_release(&arena);
    buf_release(&out);
    yaml_close(&y);
    return 0;
}
