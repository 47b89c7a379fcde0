/*
 * vocab.h - the words of a tokenizer's model: text -> id and id -> text.
 *
 * Ids need not be dense, and two texts may claim one id (the later keeps it when reading back). The
 * texts are copied, so that the file they came from can go. A zeroed struct is an empty vocabulary.
 */
#ifndef PACE_TEXT_VOCAB_H
#define PACE_TEXT_VOCAB_H

#include "base/buf.h"

#define VOCAB_NONE UINT32_MAX /* no such id */

struct vocab_word {
    size_t at;    /* in `text` */
    uint32_t len; /* bytes */
    uint32_t id;
};

struct vocab_slot {
    uint32_t hash;
    uint32_t word; /* index + 1; 0: free */
};

struct vocab {
    struct buf text; /* all words, one behind the other */
    struct vocab_word *words;
    size_t n_words, words_cap;
    struct vocab_slot *slots;
    size_t n_slots;
    uint64_t seed; /* of the hash: a file cannot know what collides */
    uint32_t *word_of_id; /* [id_limit], index + 1; made by vocab_index */
    size_t id_limit;      /* largest id + 1 */
};

void vocab_release(struct vocab *v);

/* Room for `n` words whose bytes are `text_bytes` in all, so that adding them moves nothing. */
void vocab_reserve(struct vocab *v, size_t n, size_t text_bytes);

/*
 * Adds a word, or gives the word another id where it is there already. Returns its place in
 * `words`.
 */
uint32_t vocab_put(struct vocab *v, struct span word, uint32_t id);

/*
 * Makes id -> text; call it after the last vocab_put. An id far beyond the number of words (the
 * table would dwarf the file) is an ERR_INPUT.
 */
MUST_CHECK bool vocab_index(struct vocab *v, struct err *err);

/* The word's id, or VOCAB_NONE. */
uint32_t vocab_id(const struct vocab *v, struct span word);

/* True, and the word, where the id is used. */
bool vocab_text(const struct vocab *v, uint32_t id, struct span *word);

static inline struct span vocab_word_text(const struct vocab *v, const struct vocab_word *w)
{
    return (struct span){v->text.at + w->at, w->len};
}

#endif
