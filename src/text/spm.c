/*
 * spm.c - merging by score.
 *
 * Like bpe.c's merging of long words, with one difference: there is no table of merges; the text of
 * the two neighbours together is looked up in the vocabulary, and the token's score is the merge's
 * rank, turned so that smaller goes first. Of equal scores the leftmost goes first.
 *
 * An entry of the heap is (order, position). It is out of date where the symbol's pair has another
 * order by now; a changed pair of the same order makes the same entry, so nothing is lost by taking
 * it for the old one. What no merge made a token becomes its bytes' tokens.
 *
 * Source: llama.cpp, src/llama-vocab.cpp, for the rules; checked with its own test vectors.
 */
#include "text/spm.h"

#include <stdio.h>

enum { NO_MERGE = -1 }; /* as uint32_t: behind every order of a score that is a number */

void spm_release(struct spm *s)
{
    vocab_release(&s->vocab);
    mem_free(s->scores);
    *s = (struct spm){.unk_id = VOCAB_NONE};
}

bool spm_finish(struct spm *s, struct err *err)
{
    if (!vocab_index(&s->vocab, err))
        return false;
    if (s->n_scores < s->vocab.id_limit) {
        err_set(err, ERR_INPUT, "%zu scores for %zu tokens", s->n_scores, s->vocab.id_limit);
        return false;
    }
    s->longest = 0;
    for (size_t i = 0; i < s->vocab.n_words; i++)
        s->longest = max_size(s->longest, s->vocab.words[i].len);
    for (unsigned i = 0; i < 256; i++) {
        char text[8];
        uint8_t byte = (uint8_t)i;
        snprintf(text, sizeof text, "<0x%02X>", i);
        s->byte_ids[i] = vocab_id(&s->vocab, span_of(text));
        if (s->byte_ids[i] == VOCAB_NONE)
            s->byte_ids[i] = vocab_id(&s->vocab, (struct span){&byte, 1});
    }
    return true;
}

void spm_work_release(struct spm_work *w)
{
    mem_free(w->symbols);
    merge_heap_release(&w->heap);
    *w = (struct spm_work){0};
}

/* Larger scores give smaller numbers: the float's bits, made to sort, and turned round. */
static uint32_t order_of(float score)
{
    uint32_t bits;
    memcpy(&bits, &score, sizeof bits);
    bits = bits >> 31 ? ~bits : bits | 0x80000000u;
    return ~bits;
}

/* Looks up what the symbol and its right neighbour make together, and queues it. */
static void queue_merge(const struct spm *s, struct spm_work *w, struct span word, uint32_t at)
{
    struct spm_symbol *left = &w->symbols[at];
    left->order = (uint32_t)NO_MERGE;
    if (left->next == w->n)
        return;
    size_t len = (size_t)left->len + w->symbols[left->next].len;
    if (len > s->longest)
        return;
    uint32_t id = vocab_id(&s->vocab, span_part(word, left->start, len));
    if (id == VOCAB_NONE)
        return;
    left->order = order_of(s->scores[id]);
    merge_heap_push(&w->heap, left->order, at);
}

static void split_characters(struct spm_work *w, struct span word)
{
    w->n = 0;
    for (size_t at = 0; at < word.len;) {
        uint8_t lead = word.at[at];
        size_t len = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        if (w->n == w->cap) {
            w->cap = max_size(256, 2 * w->cap);
            w->symbols = mem_resize(w->symbols, w->cap * sizeof *w->symbols);
        }
        uint32_t i = (uint32_t)w->n++;
        w->symbols[i] = (struct spm_symbol){
            .start = (uint32_t)at, .len = (uint32_t)len, .previous = i - 1, .next = i + 1};
        at += len;
    }
}

static void merge_symbols(const struct spm *s, struct spm_work *w, struct span word)
{
    w->heap.n = 0;
    for (uint32_t i = 0; i < w->n; i++)
        queue_merge(s, w, word, i);
    while (w->heap.n > 0) {
        uint64_t top = merge_heap_pop(&w->heap);
        uint32_t at = (uint32_t)top;
        struct spm_symbol *left = &w->symbols[at];
        if (left->len == 0 || left->order != top >> 32)
            continue;
        struct spm_symbol *right = &w->symbols[left->next];
        left->len += right->len;
        right->len = 0;
        left->next = right->next;
        if (left->next < w->n)
            w->symbols[left->next].previous = at;
        queue_merge(s, w, word, at);
        if (left->previous != UINT32_MAX)
            queue_merge(s, w, word, left->previous);
    }
}

void spm_encode(const struct spm *s, struct spm_work *w, struct span word, struct tokens *out)
{
    CHECK(word.len < UINT32_MAX);
    split_characters(w, word);
    merge_symbols(s, w, word);
    for (size_t i = 0; i < w->n; i = w->symbols[i].next) {
        size_t start = w->symbols[i].start, end = start + w->symbols[i].len;
        uint32_t id = vocab_id(&s->vocab, span_part(word, start, end - start));
        if (id != VOCAB_NONE) {
            tokens_add(out, id, start, end);
            continue;
        }
        for (size_t k = start; k < end; k++) {
            uint32_t byte_id = s->byte_ids[word.at[k]];
            if (byte_id != VOCAB_NONE || s->unk_id != VOCAB_NONE)
                tokens_add(out, byte_id != VOCAB_NONE ? byte_id : s->unk_id, k, k + 1);
        }
    }
}
