/*
 * map.h - from byte strings to 32-bit numbers.
 *
 * Open addressing with linear probing over a power of two of slots, at most half full. The map
 * keeps the key's span, not its bytes: the caller's bytes must outlive it. A zeroed struct is an
 * empty map. Each map hashes with a random seed of its own, so that no file can hold keys that all
 * collide; nothing depends on the seed, because a map cannot be walked.
 */
#ifndef PACE_BASE_MAP_H
#define PACE_BASE_MAP_H

#include "base/span.h"

struct map_slot {
    const uint8_t *at; /* NULL: free */
    uint32_t len;
    uint32_t hash;
    uint32_t value;
};

struct map {
    struct map_slot *slots;
    size_t n_slots;
    size_t n_used;
    uint64_t seed;
};

/* Makes room for `count` keys in all, so that no later put has to move the table. */
void map_reserve(struct map *m, size_t count);

/* Sets key to value; true where the key is new, false where its old value was replaced. */
bool map_put(struct map *m, struct span key, uint32_t value);

/* True, and the value, where the key is there. `value` may be NULL. */
bool map_get(const struct map *m, struct span key, uint32_t *value);

void map_release(struct map *m);

/* A 64-bit hash of the bytes: fast, well mixed, the same on every machine; not for secrets. */
uint64_t hash_bytes(struct span bytes, uint64_t seed);

/* A random seed for a table of one's own; 0 where the system has no random bytes. */
uint64_t hash_seed(void);

#endif
