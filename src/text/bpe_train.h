/*
 * bpe_train.h - a byte-level BPE tokenizer from texts.
 *
 *     bpe_train_init(&t, &options);
 *     … bpe_train_feed(&t, text, err) …        each text of the corpus
 *     bpe_train_run(&t);
 *     bpe_train_write(&t, &json);              a tokenizer.json
 *     bpe_train_release(&t);
 *
 * The merges are those of BpeTrainer of the `tokenizers` library with ByteLevel before it and the
 * whole byte alphabet, on texts without special tokens (which it would learn by their letters; here
 * they cut a text). Sennrich et al. 2016, arXiv:1508.07909.
 */
#ifndef PACE_TEXT_BPE_TRAIN_H
#define PACE_TEXT_BPE_TRAIN_H

#include "base/arena.h"
#include "base/map.h"
#include "text/pretoken.h"

struct bpe_train_options {
    size_t vocab_size;          /* tokens, special ones and the 256 bytes included */
    uint64_t min_frequency;     /* a pair that is rarer is not merged */
    const char *const *special; /* [n_special] their ids come first; must outlive the struct */
    size_t n_special;
};

/* A token as its bytes; the merge that made it. */
struct bpe_train_merge {
    uint32_t left, right, id;
};

struct bpe_train_word {
    struct span bytes;
    uint64_t count;
};

struct bpe_train {
    struct bpe_train_options options;
    struct arena arena;
    struct pretokenizer pretokenizer;
    struct text text;
    struct map word_of; /* from bytes to a place in words */
    struct bpe_train_word *words;
    size_t n_words, words_cap;

    /* What bpe_train_run makes. */
    struct span *tokens; /* [n_tokens] by id */
    size_t n_tokens;
    struct bpe_train_merge *merges; /* [n_merges] in their order */
    size_t n_merges;
};

void bpe_train_init(struct bpe_train *t, const struct bpe_train_options *options);

/* Safe on a zeroed struct. */
void bpe_train_release(struct bpe_train *t);

/* Takes in a text, valid UTF-8, which is copied as far as it is needed. Errors: those of
 * pretokenizer_run. */
MUST_CHECK bool bpe_train_feed(struct bpe_train *t, struct span text, struct err *err);

/* Merges the most frequent pair, of equals the one with the smaller ids, until the vocabulary is
 * full or no pair is left. */
void bpe_train_run(struct bpe_train *t);

/* Appends a tokenizer.json with these tokens and merges. */
void bpe_train_write(const struct bpe_train *t, struct buf *out);

#endif
