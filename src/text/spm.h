/*
 * spm.h - SentencePiece's byte-pair encoding as llama.cpp runs it on the scores in a GGUF file
 * (tokenizer.ggml.model "llama"): two neighbours merge when their text is a token, the pair with
 * the best score first.
 */
#ifndef PACE_TEXT_SPM_H
#define PACE_TEXT_SPM_H

#include "text/merge_heap.h"
#include "text/tokens.h"
#include "text/vocab.h"

struct spm {
    /* Set before spm_finish by whoever reads the file. */
    struct vocab vocab;
    float *scores; /* [n_scores], by id; spm_release frees it */
    size_t n_scores;
    uint32_t unk_id; /* VOCAB_NONE: a byte without a token vanishes */
    /* Made by spm_finish. */
    size_t longest; /* bytes of the longest token */
    uint32_t byte_ids[256];
};

/* Safe on a zeroed struct. */
void spm_release(struct spm *s);

/* Prepares encoding. Errors: ERR_INPUT (vocab_index, a token without a score). */
MUST_CHECK bool spm_finish(struct spm *s, struct err *err);

/* A character, or several merged ones. */
struct spm_symbol {
    uint32_t start, len; /* bytes of the word; len 0: merged into its left neighbour */
    uint32_t order;      /* of the merge with the right neighbour: smaller first */
    uint32_t previous, next;
};

/* Scratch memory of one thread. A zeroed struct is ready for use. */
struct spm_work {
    struct spm_symbol *symbols;
    size_t n, cap;
    struct merge_heap heap;
};

void spm_work_release(struct spm_work *w);

/*
 * Appends the tokens of a word (valid UTF-8, shorter than 4 GiB, blanks already written as U+2581);
 * their ranges count from the word's first byte.
 */
void spm_encode(const struct spm *s, struct spm_work *w, struct span word, struct tokens *out);

#endif
