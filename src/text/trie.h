/*
 * trie.h - words found by walking: all words of a list that begin at a place of a text.
 *
 *     uint32_t node = 0;
 *     for (size_t i = at; i < text.len && (node = trie_child(&t, node, text.at[i])) != 0; i++)
 *         if (t.nodes[node].value != TRIE_NONE)
 *             found(at, i + 1, t.nodes[node].value);
 *
 * A zeroed struct is an empty trie without nodes: ask n_nodes before walking.
 */
#ifndef PACE_TEXT_TRIE_H
#define PACE_TEXT_TRIE_H

#include "base/span.h"

#define TRIE_NONE UINT32_MAX

struct trie_word {
    struct span text;
    uint32_t value; /* not TRIE_NONE */
};

struct trie_node {
    uint32_t first; /* child; the others follow in order of their bytes */
    uint16_t n_children;
    uint8_t byte;   /* on the way from the parent */
    uint32_t value; /* TRIE_NONE: no word ends here */
};

struct trie {
    struct trie_node *nodes; /* 0 is the root */
    size_t n_nodes;
    uint32_t roots[256]; /* the root's children; 0: none */
};

/*
 * Builds the trie; sorts `words` by text. Empty words are left out; of equal ones the last given
 * counts. The texts are not kept.
 */
void trie_build(struct trie *t, struct trie_word *words, size_t n);

/* Safe on a zeroed struct. */
void trie_release(struct trie *t);

/* Where the byte leads from the node, or 0. */
static inline uint32_t trie_child(const struct trie *t, uint32_t node, uint8_t byte)
{
    if (node == 0)
        return t->roots[byte];
    uint32_t low = t->nodes[node].first, high = low + t->nodes[node].n_children;
    while (high - low > 4) {
        uint32_t middle = low + (high - low) / 2;
        if (t->nodes[middle].byte <= byte)
            low = middle;
        else
            high = middle;
    }
    for (; low < high; low++) {
        if (t->nodes[low].byte == byte)
            return low;
    }
    return 0;
}

#endif
