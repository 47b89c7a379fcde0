/*
 * unigram.c - Viterbi's search over the pieces of a unigram model.
 *
 * places[i] holds the best score of any cutting of the word's first i bytes, and its last piece.
 * From each character boundary, in order, the trie gives the pieces that begin there; each improves
 * the place where it ends if its sum is strictly larger, so of equal sums the one found first
 * stays: the one whose last piece is the longest. A character that is no piece by itself may be
 * unknown, at ten less than the worst score. Neighbouring unknown characters become one token,
 * unless all their bytes have tokens "<0x..>" and the file says byte_fallback.
 *
 * Sums are IEEE doubles added in the library's order, so ties and near-ties fall the same way.
 *
 * Source: Kudo 2018, arXiv:1804.10959; behaviour measured against `tokenizers` 0.23.
 */
#include "text/unigram.h"

#include <math.h>
#include <stdio.h>

static const double UNKNOWN_PENALTY = 10;

bool unigram_add(struct unigram *u, struct span text, double score, struct err *err)
{
    if (text.len > UNIGRAM_LONGEST_PIECE || u->n_pieces == UINT32_MAX / 2) {
        err_set(err, ERR_INPUT, "piece %zu has %zu bytes; %d is the most", u->n_pieces, text.len,
                UNIGRAM_LONGEST_PIECE);
        return false;
    }
    if (u->n_pieces == u->pieces_cap) {
        u->pieces_cap = max_size(1024, 2 * u->pieces_cap);
        u->pieces = mem_resize(u->pieces, u->pieces_cap * sizeof *u->pieces);
    }
    uint32_t id = (uint32_t)u->n_pieces++;
    u->pieces[id] = (struct unigram_piece){.score = score, .word = vocab_put(&u->vocab, text, id)};
    return true;
}

bool unigram_finish(struct unigram *u, struct err *err)
{
    if (u->unk_id != VOCAB_NONE && u->unk_id >= u->n_pieces) {
        err_set(err, ERR_INPUT, "unk_id is %u, but there are %zu pieces", u->unk_id, u->n_pieces);
        return false;
    }
    u->unk_score = INFINITY;
    for (size_t i = 0; i < u->n_pieces; i++) {
        if (u->pieces[i].score < u->unk_score)
            u->unk_score = u->pieces[i].score;
    }
    u->unk_score -= UNKNOWN_PENALTY;

    size_t n = u->vocab.n_words;
    struct trie_word *words = mem_alloc(n * sizeof *words);
    for (size_t i = 0; i < n; i++) {
        const struct vocab_word *word = &u->vocab.words[i];
        words[i] = (struct trie_word){vocab_word_text(&u->vocab, word), word->id};
    }
    trie_release(&u->trie);
    trie_build(&u->trie, words, n);
    mem_free(words);
    for (unsigned i = 0; i < 256; i++) {
        char text[8];
        snprintf(text, sizeof text, "<0x%02X>", i);
        u->byte_ids[i] = vocab_id(&u->vocab, span_of(text));
    }
    return vocab_index(&u->vocab, err);
}

void unigram_release(struct unigram *u)
{
    vocab_release(&u->vocab);
    mem_free(u->pieces);
    trie_release(&u->trie);
    *u = (struct unigram){.unk_id = VOCAB_NONE};
}

bool unigram_text(const struct unigram *u, uint32_t id, struct span *text)
{
    if (id >= u->n_pieces)
        return false;
    *text = vocab_word_text(&u->vocab, &u->vocab.words[u->pieces[id].word]);
    return true;
}

void unigram_work_release(struct unigram_work *w)
{
    mem_free(w->places);
    *w = (struct unigram_work){0};
}

/* ------------------------------------------------------------------------------------ search -- */

static inline size_t character_length(uint8_t lead)
{
    return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* True where the way to the place is new or better than the one known. */
static inline bool improves(const struct unigram_place *place, double score)
{
    return place->start == UINT32_MAX || score > place->score;
}

/* Tries all pieces that begin at `start`. */
static bool extend(const struct unigram *u, struct unigram_place *places, struct span word,
                   size_t start, struct err *err)
{
    double here = places[start].score;
    size_t after = start + character_length(word.at[start]);
    bool is_known = false;
    uint32_t node = 0;
    for (size_t i = start; i < word.len; i++) {
        node = trie_child(&u->trie, node, word.at[i]);
        if (node == 0)
            break;
        uint32_t id = u->trie.nodes[node].value;
        if (id == TRIE_NONE)
            continue;
        double score = u->pieces[id].score + here;
        if (improves(&places[i + 1], score))
            places[i + 1] = (struct unigram_place){score, (uint32_t)start, id};
        is_known = is_known || i + 1 == after;
    }
    double score = u->unk_score + here;
    if (is_known || !improves(&places[after], score))
        return true;
    if (u->unk_id == VOCAB_NONE) {
        err_set(err, ERR_INPUT, "unknown character \"%.*s\", and the model has no unk_id",
                (int)(after - start), (const char *)word.at + start);
        return false;
    }
    places[after] = (struct unigram_place){score, (uint32_t)start, u->unk_id};
    return true;
}

static void put_unknown(const struct unigram *u, struct span word, size_t start, size_t end,
                        struct tokens *out)
{
    struct span text = span_part(word, start, end - start);
    uint32_t id = vocab_id(&u->vocab, text);
    bool has_bytes = u->byte_fallback && id == VOCAB_NONE;
    for (size_t i = 0; has_bytes && i < text.len; i++)
        has_bytes = u->byte_ids[text.at[i]] != VOCAB_NONE;
    if (!has_bytes) {
        tokens_add(out, id == VOCAB_NONE ? u->unk_id : id, start, end);
        return;
    }
    for (size_t i = 0; i < text.len; i++)
        tokens_add(out, u->byte_ids[text.at[i]], start, end);
}

/*
 * Turns the links from the word's end backwards into links forwards: start becomes the piece's
 * end.
 */
static void reverse_links(struct unigram_place *places, size_t len)
{
    uint32_t end = (uint32_t)len;
    uint32_t start = places[end].start, id = places[end].id;
    while (end > 0) {
        struct unigram_place *place = &places[start];
        uint32_t next_start = place->start, next_id = place->id;
        place->start = end;
        place->id = id;
        end = start;
        start = next_start;
        id = next_id;
    }
}

bool unigram_encode(const struct unigram *u, struct unigram_work *w, struct span word,
                    struct tokens *out, struct err *err)
{
    if (word.len == 0)
        return true;
    CHECK(word.len < UINT32_MAX);
    if (word.len + 1 > w->cap) {
        w->cap = max_size(word.len + 1, max_size(256, 2 * w->cap));
        w->places = mem_resize(w->places, w->cap * sizeof *w->places);
    }
    struct unigram_place *places = w->places;
    for (size_t i = 0; i <= word.len; i++)
        places[i] = (struct unigram_place){.start = UINT32_MAX};
    for (size_t at = 0; at < word.len; at += character_length(word.at[at])) {
        if (!extend(u, places, word, at, err))
            return false;
    }

    reverse_links(places, word.len);
    for (size_t at = 0; at < word.len;) {
        uint32_t id = places[at].id;
        size_t end = places[at].start;
        if (id != u->unk_id) {
            tokens_add(out, id, at, end);
            at = end;
            continue;
        }
        while (end < word.len && places[end].id == u->unk_id)
            end = places[end].start;
        put_unknown(u, word, at, end, out);
        at = end;
    }
    return true;
}
