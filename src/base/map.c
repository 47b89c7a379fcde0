/*
 * map.c - a hash table of spans. Keys are shorter than 4 GiB (CHECKed).
 *
 * The hash folds eight bytes at a time into a 64-bit state by a 64 x 64 -> 128 bit multiplication
 * whose halves are xored ("mum"; Wang Yi's wyhash family), which mixes every input bit into every
 * output bit and costs one multiplication a word.
 */
#define _GNU_SOURCE /* getentropy */
#include "base/map.h"

#include <unistd.h>

#include "base/mem.h"

enum { FIRST_SLOTS = 16 };

static uint64_t fold(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 u128;
    u128 product = (u128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t load_le(const uint8_t *at, size_t len)
{
    uint64_t word = 0;
    memcpy(&word, at, len);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

uint64_t hash_bytes(struct span bytes, uint64_t seed)
{
    const uint64_t odd1 = 0x9e3779b97f4a7c15u, odd2 = 0xd1b54a32d192ed03u;
    uint64_t state = seed ^ odd1;
    const uint8_t *at = bytes.at;
    size_t left = bytes.len;
    for (; left > 8; at += 8, left -= 8)
        state = fold(state ^ load_le(at, 8), odd2);
    if (left > 0)
        state = fold(state ^ load_le(at, left), odd2);
    return fold(state ^ bytes.len, odd1);
}

uint64_t hash_seed(void)
{
    uint64_t seed;
    /* Where there are none (an old kernel, a jail), the fixed seed 0 must do. */
    return getentropy(&seed, sizeof seed) == 0 ? seed : 0;
}

static uint32_t hash_of(const struct map *m, struct span key)
{
    return (uint32_t)hash_bytes(key, m->seed);
}

/* The slot that holds the key, or the free one where it would go. */
static struct map_slot *find_slot(const struct map *m, struct span key, uint32_t hash)
{
    size_t mask = m->n_slots - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct map_slot *slot = &m->slots[i];
        if (!slot->at)
            return slot;
        if (slot->hash == hash && span_equal((struct span){slot->at, slot->len}, key))
            return slot;
    }
}

static void rebuild(struct map *m, size_t n_slots)
{
    struct map old = *m;
    if (!old.slots)
        m->seed = hash_seed();
    m->slots = mem_alloc(n_slots * sizeof *m->slots);
    m->n_slots = n_slots;
    for (size_t i = 0; i < old.n_slots; i++) {
        const struct map_slot *slot = &old.slots[i];
        if (slot->at)
            *find_slot(m, (struct span){slot->at, slot->len}, slot->hash) = *slot;
    }
    mem_free(old.slots);
}

void map_reserve(struct map *m, size_t count)
{
    CHECK(count <= SIZE_MAX / 4 / sizeof *m->slots);
    size_t n_slots = max_size(m->n_slots, FIRST_SLOTS);
    while (n_slots < 2 * count)
        n_slots *= 2;
    if (n_slots > m->n_slots)
        rebuild(m, n_slots);
}

bool map_put(struct map *m, struct span key, uint32_t value)
{
    static const uint8_t nothing; /* an empty key still needs an address */
    if (key.len == 0)
        key.at = &nothing;
    CHECK(key.len <= UINT32_MAX);
    if (2 * (m->n_used + 1) > m->n_slots)
        map_reserve(m, m->n_used + 1);

    uint32_t hash = hash_of(m, key);
    struct map_slot *slot = find_slot(m, key, hash);
    bool is_new = !slot->at;
    m->n_used += is_new;
    *slot = (struct map_slot){
        .at = is_new ? key.at : slot->at, .len = (uint32_t)key.len, .hash = hash, .value = value};
    return is_new;
}

bool map_get(const struct map *m, struct span key, uint32_t *value)
{
    if (m->n_used == 0 || key.len > UINT32_MAX)
        return false;
    const struct map_slot *slot = find_slot(m, key, hash_of(m, key));
    if (!slot->at)
        return false;
    if (value)
        *value = slot->value;
    return true;
}

void map_release(struct map *m)
{
    mem_free(m->slots);
    *m = (struct map){0};
}
