/*
 * unigram.h - the unigram language model: of all ways to cut a word into pieces of the vocabulary,
 * the one whose log-probabilities have the largest sum.
 *
 * Identical to the model "Unigram" of the `tokenizers` library.
 */
#ifndef PACE_TEXT_UNIGRAM_H
#define PACE_TEXT_UNIGRAM_H

#include "text/tokens.h"
#include "text/trie.h"
#include "text/vocab.h"

/* Longer pieces are refused: a walk through the trie costs a piece's length at every place. */
enum { UNIGRAM_LONGEST_PIECE = 1024 };

struct unigram_piece {
    double score;  /* log-probability */
    uint32_t word; /* place in vocab.words */
};

struct unigram {
    struct vocab vocab;           /* text -> id; of equal texts the last counts */
    struct unigram_piece *pieces; /* index: id */
    size_t n_pieces, pieces_cap;
    uint32_t unk_id; /* VOCAB_NONE: an unknown character is an error */
    bool byte_fallback;
    /* Made by unigram_finish. */
    double unk_score;
    struct trie trie;
    uint32_t byte_ids[256]; /* "<0x00>" … "<0xFF>" */
};

/* Safe on a zeroed struct. */
void unigram_release(struct unigram *u);

/* The piece of the next id. Errors: ERR_INPUT for a piece that is too long. */
MUST_CHECK bool unigram_add(struct unigram *u, struct span text, double score, struct err *err);

/* Prepares encoding. Errors: ERR_INPUT for an unk_id beyond the pieces. */
MUST_CHECK bool unigram_finish(struct unigram *u, struct err *err);

/* True, and the piece's text, where there is such an id. */
bool unigram_text(const struct unigram *u, uint32_t id, struct span *text);

/* The best way to reach a place of the word. */
struct unigram_place {
    double score;
    uint32_t start; /* of the last piece; UINT32_MAX: not reached yet */
    uint32_t id;
};

/* Scratch memory of one thread. A zeroed struct is ready for use. */
struct unigram_work {
    struct unigram_place *places;
    size_t cap;
};

void unigram_work_release(struct unigram_work *w);

/*
 * Appends the tokens of a word (valid UTF-8, shorter than 4 GiB); their ranges count from the
 * word's first byte. Errors: ERR_INPUT for an unknown character where there is no unk_id.
 */
MUST_CHECK bool unigram_encode(const struct unigram *u, struct unigram_work *w, struct span word,
                               struct tokens *out, struct err *err);

#endif
