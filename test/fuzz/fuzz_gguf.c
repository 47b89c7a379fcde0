/*
 * fuzz_gguf.c - whatever opens can be walked to its last byte and costs memory in proportion to its
 * size.
 */
#include "fuzz.h"

#include "format/gguf.h"

static void walk(const struct gguf_entry *entry)
{
    struct span text;
    int64_t whole;
    double number;
    uint64_t n = 0;
    if (entry->type == GGUF_STRING)
        return;
    struct gguf_items items = gguf_items_of(entry);
    uint64_t wanted = items.n_left;
    if (items.type == GGUF_STRING) {
        while (gguf_next_string(&items, &text))
            n++;
    } else if (gguf_is_whole(items.type)) {
        while (gguf_next_int(&items, &whole))
            n++;
    } else {
        while (gguf_next_double(&items, &number))
            n++;
    }
    CHECK(n == wanted && cursor_left(&items.rest) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct gguf g;
    struct err err = {0};
    if (!gguf_open_bytes(&g, (struct span){bytes, len}, &err)) {
        CHECK(err.kind == ERR_INPUT && err.what[0]);
        return 0;
    }
    CHECK(g.arena.total_bytes <= 16 * len + 16384);
    CHECK((g.keys.n_slots + g.names.n_slots) * sizeof(struct map_slot) <= 16 * len + 4096);
    for (size_t i = 0; i < g.n_entries; i++)
        walk(&g.entries[i]);
    uint64_t sum = 0;
    for (size_t i = 0; i < g.n_tensors; i++) {
        const struct tensor *t = &g.tensors[i];
        uint64_t size;
        CHECK(tensor_size(t, &size) && size == t->bytes.len);
        CHECK(gguf_find_tensor(&g, t->name) == t);
        sum += size;
    }
    CHECK(sum <= len);
    gguf_close(&g);
    return 0;
}
