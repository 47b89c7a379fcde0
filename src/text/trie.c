/*
 * trie.c - a trie laid out level by level.
 *
 * The words are sorted, so the words below a node are a run [from, to) of the list, and its
 * children are the runs of equal next bytes. Nodes are made in the order of a breadth-first walk:
 * the children of a node stand side by side, and one array of 12-byte nodes is all there is. The
 * array has at most one node for each byte of the words, so its size is known before; the walk's
 * queue is the array of nodes itself, with the runs beside it.
 */
#include "text/trie.h"

#include <stdlib.h>

#include "base/mem.h"

/* The words below a node, and how many of their bytes lead to it. */
struct run {
    size_t from, to;
    size_t depth;
};

/* By text; equal texts by their place in the list, which stands in `value` meanwhile. */
static int compare_words(const void *a, const void *b)
{
    const struct trie_word *x = *(const struct trie_word *const *)a;
    const struct trie_word *y = *(const struct trie_word *const *)b;
    int order = span_compare(x->text, y->text);
    return order ? order : (x > y) - (x < y);
}

static void sort_words(struct trie_word *words, size_t n)
{
    struct trie_word **order = mem_alloc(n * sizeof *order);
    struct trie_word *sorted = mem_alloc(n * sizeof *sorted);
    for (size_t i = 0; i < n; i++)
        order[i] = &words[i];
    qsort(order, n, sizeof *order, compare_words);
    for (size_t i = 0; i < n; i++)
        sorted[i] = *order[i];
    memcpy(words, sorted, n * sizeof *words);
    mem_free(order);
    mem_free(sorted);
}

/* Gives the node its value and appends its children, with their runs. */
static void expand(struct trie *t, struct run *runs, size_t node, const struct trie_word *words)
{
    struct run run = runs[node];
    while (run.from < run.to && words[run.from].text.len == run.depth)
        t->nodes[node].value = words[run.from++].value;
    t->nodes[node].first = (uint32_t)t->n_nodes;
    while (run.from < run.to) {
        uint8_t byte = words[run.from].text.at[run.depth];
        size_t end = run.from + 1;
        while (end < run.to && words[end].text.at[run.depth] == byte)
            end++;
        runs[t->n_nodes] = (struct run){run.from, end, run.depth + 1};
        t->nodes[t->n_nodes++] = (struct trie_node){.byte = byte, .value = TRIE_NONE};
        t->nodes[node].n_children++;
        run.from = end;
    }
}

void trie_build(struct trie *t, struct trie_word *words, size_t n)
{
    *t = (struct trie){0};
    sort_words(words, n);
    size_t most = 1;
    for (size_t i = 0; i < n; i++)
        most += words[i].text.len;
    CHECK(most < UINT32_MAX);

    t->nodes = mem_alloc(most * sizeof *t->nodes);
    struct run *runs = mem_alloc(most * sizeof *runs);
    t->n_nodes = 1;
    runs[0] = (struct run){0, n, 0};
    for (size_t node = 0; node < t->n_nodes; node++)
        expand(t, runs, node, words);
    t->nodes[0].value = TRIE_NONE; /* of an empty word */
    for (uint32_t i = 0; i < t->nodes[0].n_children; i++)
        t->roots[t->nodes[1 + i].byte] = 1 + i;
    mem_free(runs);
    t->nodes = mem_resize(t->nodes, t->n_nodes * sizeof *t->nodes);
}

void trie_release(struct trie *t)
{
    mem_free(t->nodes);
    *t = (struct trie){0};
}
