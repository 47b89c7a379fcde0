/*
 * vocab.c - a hash table made for loading 150,000 words at once.
 *
 * base/map.h would do, at three times the memory and more cache misses: its slots hold address and
 * length of the key (24 bytes). Here a slot is 8 bytes, the word's hash and its number, and the
 * text is looked at only where the hashes agree; linear probing, at most half full. The words lie
 * one behind the other in one buffer, in the order of the file, which is also the order in which
 * the merges of a BPE ask for them.
 */
#include "text/vocab.h"

#include "base/map.h"
#include "base/mem.h"

/* Beyond this, an id must be justified by the number of words: see vocab_index. */
enum { FREE_IDS = 1 << 20, IDS_PER_WORD = 16, FIRST_WORDS = 256 };

void vocab_release(struct vocab *v)
{
    buf_release(&v->text);
    mem_free(v->words);
    mem_free(v->slots);
    mem_free(v->word_of_id);
    *v = (struct vocab){0};
}

static uint32_t hash_of(const struct vocab *v, struct span word)
{
    return (uint32_t)hash_bytes(word, v->seed);
}

/* The slot of the word, or the free slot where it belongs. */
static struct vocab_slot *find_slot(const struct vocab *v, struct span word, uint32_t hash)
{
    size_t mask = v->n_slots - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct vocab_slot *slot = &v->slots[i];
        if (slot->word == 0)
            return slot;
        if (slot->hash == hash && span_equal(vocab_word_text(v, &v->words[slot->word - 1]), word))
            return slot;
    }
}

static void rebuild(struct vocab *v, size_t n_slots)
{
    struct vocab_slot *old = v->slots;
    size_t n_old = v->n_slots, mask = n_slots - 1;
    v->slots = mem_alloc(n_slots * sizeof *v->slots);
    v->n_slots = n_slots;
    for (size_t i = 0; i < n_old; i++) {
        if (old[i].word == 0)
            continue;
        size_t at = old[i].hash & mask;
        while (v->slots[at].word != 0)
            at = (at + 1) & mask;
        v->slots[at] = old[i];
    }
    mem_free(old);
}

void vocab_reserve(struct vocab *v, size_t n, size_t text_bytes)
{
    if (v->text.max == 0)
        buf_init(&v->text, BUF_NO_LIMIT);
    CHECK(n < UINT32_MAX && buf_reserve(&v->text, text_bytes));
    if (n > v->words_cap) {
        v->words_cap = n;
        v->words = mem_resize(v->words, n * sizeof *v->words);
    }
    size_t n_slots = max_size(v->n_slots, 2 * FIRST_WORDS);
    while (n_slots < 2 * n)
        n_slots *= 2;
    if (v->n_slots == 0)
        v->seed = hash_seed();
    if (n_slots > v->n_slots)
        rebuild(v, n_slots);
}

uint32_t vocab_put(struct vocab *v, struct span word, uint32_t id)
{
    if (v->n_words == v->words_cap)
        vocab_reserve(v, max_size(2 * v->words_cap, FIRST_WORDS), 0);
    CHECK(word.len < UINT32_MAX);

    uint32_t hash = hash_of(v, word);
    struct vocab_slot *slot = find_slot(v, word, hash);
    if (slot->word == 0) {
        v->words[v->n_words] = (struct vocab_word){.at = v->text.len, .len = (uint32_t)word.len};
        buf_add(&v->text, word);
        *slot = (struct vocab_slot){hash, (uint32_t)++v->n_words};
    }
    v->words[slot->word - 1].id = id;
    return slot->word - 1;
}

bool vocab_index(struct vocab *v, struct err *err)
{
    v->id_limit = 0;
    for (size_t i = 0; i < v->n_words; i++)
        v->id_limit = max_size(v->id_limit, (size_t)v->words[i].id + 1);
    if (v->id_limit > FREE_IDS && v->id_limit / IDS_PER_WORD > v->n_words) {
        err_set(err, ERR_INPUT, "id %zu in a vocabulary of %zu words", v->id_limit - 1, v->n_words);
        err_hint(err, "ids count up from 0 and may leave only small gaps");
        return false;
    }
    mem_free(v->word_of_id);
    v->word_of_id = mem_alloc(v->id_limit * sizeof *v->word_of_id);
    for (size_t i = 0; i < v->n_words; i++)
        v->word_of_id[v->words[i].id] = (uint32_t)i + 1;
    return true;
}

uint32_t vocab_id(const struct vocab *v, struct span word)
{
    if (v->n_words == 0)
        return VOCAB_NONE;
    const struct vocab_slot *slot = find_slot(v, word, hash_of(v, word));
    return slot->word == 0 ? VOCAB_NONE : v->words[slot->word - 1].id;
}

bool vocab_text(const struct vocab *v, uint32_t id, struct span *word)
{
    if (id >= v->id_limit || v->word_of_id[id] == 0)
        return false;
    *word = vocab_word_text(v, &v->words[v->word_of_id[id] - 1]);
    return true;
}
