/*
 * bpe.h - byte-pair encoding: a word's characters are merged pair by pair, the pair that training
 * merged first going first, until no known pair is left.
 *
 * Identical to the model "BPE" of the `tokenizers` library. A `dropout` in the file is for training
 * a tokenizer's user to be robust; encoding here is deterministic and passes over it.
 */
#ifndef PACE_TEXT_BPE_H
#define PACE_TEXT_BPE_H

#include "base/arena.h"
#include "text/merge_heap.h"
#include "text/tokens.h"
#include "text/vocab.h"

/* left, right -> id; a smaller rank goes first. */
struct bpe_merge {
    uint32_t left; /* VOCAB_NONE: a free slot */
    uint32_t right;
    uint32_t rank;
    uint32_t id;
};

struct bpe {
    /* Set before bpe_finish by whoever reads the file. */
    struct vocab vocab;
    struct span prefix;    /* before every character but a word's first ("##"); often empty */
    struct span suffix;    /* behind a word's last character ("</w>"); often empty */
    struct span unk_token; /* at NULL: characters that are not in the vocabulary vanish */
    bool fuse_unk;         /* neighbouring unknown characters become one token */
    bool byte_fallback;    /* an unknown character becomes its bytes' tokens "<0x0A>" */
    bool ignore_merges;    /* a word that is in the vocabulary is not built by merging */
    bool whole_newlines;   /* that holds for words of newlines alone (Gemma 4 in GGUF files) */

    /* Made by bpe_add_merge and bpe_finish. */
    bool raw_bytes; /* words come as raw bytes; the vocabulary is in the byte alphabet */
    bool has_affixes;
    bool cuts_words; /* long words may be cut where no merge can cross */
    struct bpe_merge *merges;
    size_t n_slots, n_merges;
    uint64_t hash_factor; /* random: a file cannot know which pairs collide */
    unsigned hash_shift;
    uint32_t unk_id;        /* VOCAB_NONE: the unk_token is missing */
    uint32_t byte_ids[256]; /* "<0x00>" … "<0xFF>" */
    uint32_t *unit_ids;     /* of bytes (raw_bytes) or of the first code points */
    uint32_t *covered;      /* [id_limit], bytes of text that a token stands for */
    uint64_t *joins;        /* bitmap over pairs of characters that some merge joins, hashed */
};

/* Frees all but the spans, which belong to the reader. Safe on a zeroed struct. */
void bpe_release(struct bpe *b);

/* Makes room for `n` merges in all. */
void bpe_reserve_merges(struct bpe *b, size_t n);

/*
 * The next merge in order of rank; the vocabulary must be complete. A pair that comes twice counts
 * with its last rank. Errors: ERR_INPUT where one of the three words is not in the vocabulary.
 */
MUST_CHECK bool bpe_add_merge(struct bpe *b, struct span left, struct span right, struct err *err);

/* Prepares encoding. `raw_bytes`: see pretoken.h. Errors: ERR_INPUT (vocab_index). */
MUST_CHECK bool bpe_finish(struct bpe *b, bool raw_bytes, struct err *err);

/* A token on its way: see bpe.c. */
struct bpe_symbol {
    uint32_t id;         /* VOCAB_NONE: merged into its left neighbour */
    uint32_t start, end; /* bytes of the word */
    uint32_t rank;       /* of the merge with the right neighbour; VOCAB_NONE: there is none */
    uint32_t merged;     /* what that merge gives */
    uint32_t previous, next;
};

struct bpe_cell;

/* Scratch memory and word cache of one thread. A zeroed struct is ready for use. */
struct bpe_work {
    struct bpe_symbol *symbols;
    size_t n, cap;
    size_t unit_start; /* of the character that is being looked at */
    bool irregular;    /* the word has symbols whose `covered` is not what they stand for here */
    struct merge_heap heap;
    struct buf text; /* a character with its affixes; a word in the byte alphabet */
    struct bpe_cell *cells;
};

void bpe_work_release(struct bpe_work *w);

/*
 * Appends the word's tokens; their ranges count from the word's first byte. The word is valid
 * UTF-8, or any bytes where raw_bytes. Errors: ERR_INPUT where an unknown character meets an
 * unk_token that is not in the vocabulary.
 */
MUST_CHECK bool bpe_encode(const struct bpe *b, struct bpe_work *w, struct span word,
                           struct tokens *out, struct err *err);

#endif
