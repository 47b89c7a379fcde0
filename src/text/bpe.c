/*
 * bpe.c - words into tokens by byte-pair encoding.
 *
 * A word becomes a row of symbols, one for each character (each byte in a byte-level vocabulary),
 * and then the pair with the smallest rank is merged, the leftmost where several have it, until no
 * pair of neighbours is in the table of merges. Three ways to be fast, none of which changes the
 * result:
 *
 *   cache   Text repeats its words. A table of 64-byte cells, one cache line each, holds the tokens
 *           of words of up to 23 bytes; a word goes to one cell only and the newest word keeps it,
 *           so the table is bounded and needs no bookkeeping.
 *   cuts    Vocabularies in SentencePiece's style see a whole document as one word. Between two
 *           known characters x and y no merge can cross unless the table has a merge whose left
 *           part ends with x and whose right part begins with y; where it has none ("d" before "▁",
 *           nearly always), the parts are words of their own. The pairs are kept as a hashed
 *           bitmap: a false hit only forgoes a cut.
 *   merging Short words scan for the smallest rank; long ones keep a heap of (rank, position), so a
 *           word of n characters costs O(n log n). An entry of the heap whose rank is no longer the
 *           symbol's own is out of date and passed over.
 *
 * Unknown characters follow the library to the letter, including that a pending unknown token is
 * written behind the bytes of a later character that falls back to bytes.
 *
 * Source: Sennrich et al. 2016, arXiv:1508.07909; behaviour measured against `tokenizers` 0.23.
 */
#include "text/bpe.h"

#include <stdio.h>

#include "base/map.h"
#include "base/utf8.h"
#include "text/unicode.h"

enum {
    DIRECT_UNITS = 0x3000, /* code points below have their ids in a table */
    JOIN_BITS = 20,        /* the bitmap's size: 128 KiB */
    SHORT_WORD = 40,       /* symbols; beyond, the heap wins */
    CELL_KEY = 23,         /* bytes of the longest cached word */
    CELL_IDS = 9,
    CELL_BITS = 15, /* 32,768 cells: 2 MiB */
};

struct bpe_cell {
    uint64_t key[3]; /* the word, zeros, and its length in the last byte: all zero is a free cell */
    uint32_t n;
    uint32_t ids[CELL_IDS];
};

/*
 * ------------------------------------------------------------------------ the table of merges --
 */

static inline size_t merge_slot(const struct bpe *b, uint32_t left, uint32_t right)
{
    uint64_t pair = (uint64_t)left << 32 | right;
    return (size_t)((pair ^ pair >> 29) * b->hash_factor >> b->hash_shift);
}

/* The slot of the pair, or the free slot where it belongs. */
static inline struct bpe_merge *find_slot(const struct bpe *b, uint32_t left, uint32_t right)
{
    size_t mask = b->n_slots - 1;
    for (size_t i = merge_slot(b, left, right);; i = (i + 1) & mask) {
        struct bpe_merge *m = &b->merges[i];
        if ((m->left == left && m->right == right) || m->left == VOCAB_NONE)
            return m;
    }
}

void bpe_reserve_merges(struct bpe *b, size_t n)
{
    size_t n_slots = max_size(b->n_slots, 64);
    CHECK(n <= UINT32_MAX / 2);
    while (n_slots < 2 * n)
        n_slots *= 2;
    if (n_slots == b->n_slots)
        return;

    if (b->n_slots == 0)
        b->hash_factor = hash_seed() | 1;
    struct bpe_merge *old = b->merges;
    size_t n_old = b->n_slots;
    b->merges = mem_alloc(n_slots * sizeof *b->merges);
    b->n_slots = n_slots;
    b->hash_shift = 64 - (unsigned)__builtin_ctzll(n_slots);
    for (size_t i = 0; i < n_slots; i++)
        b->merges[i].left = VOCAB_NONE;
    for (size_t i = 0; i < n_old; i++) {
        if (old[i].left != VOCAB_NONE)
            *find_slot(b, old[i].left, old[i].right) = old[i];
    }
    mem_free(old);
}

/* The id of a merge's word, or false and an error that quotes it. */
static bool find_word(const struct bpe *b, struct span word, uint32_t *id, struct err *err)
{
    *id = vocab_id(&b->vocab, word);
    if (*id != VOCAB_NONE)
        return true;
    err_set(err, ERR_INPUT, "\"%.*s\" is not in the vocabulary", SPAN_ARGS(word));
    err_in(err, "merge %zu", b->n_merges);
    return false;
}

bool bpe_add_merge(struct bpe *b, struct span left, struct span right, struct err *err)
{
    if (b->n_merges == UINT32_MAX / 2) {
        err_set(err, ERR_INPUT, "more than %zu merges", b->n_merges);
        return false;
    }
    if (2 * (b->n_merges + 1) > b->n_slots)
        bpe_reserve_merges(b, b->n_merges + 1);
    uint32_t left_id, right_id, id;
    if (!find_word(b, left, &left_id, err) || !find_word(b, right, &right_id, err))
        return false;
    if (right.len < b->prefix.len) {
        err_set(err, ERR_INPUT, "\"%.*s\" is shorter than continuing_subword_prefix",
                SPAN_ARGS(right));
        err_in(err, "merge %zu", b->n_merges);
        return false;
    }

    uint8_t small[256];
    struct span tail = span_from(right, b->prefix.len);
    struct span whole = {small, left.len + tail.len};
    uint8_t *joined = whole.len <= sizeof small ? small : mem_alloc(whole.len);
    whole.at = joined;
    memcpy(joined, left.at, left.len);
    memcpy(joined + left.len, tail.at, tail.len);
    bool ok = find_word(b, whole, &id, err);
    if (joined != small)
        mem_free(joined);
    if (!ok)
        return false;
    *find_slot(b, left_id, right_id) =
        (struct bpe_merge){left_id, right_id, (uint32_t)b->n_merges, id};
    b->n_merges++;
    return true;
}

/*
 * -------------------------------------------------------------------------------- preparation --
 */

static inline size_t join_bit(uint32_t left, uint32_t right)
{
    return (left * 0x9e3779b1u ^ right * 0x85ebca6bu) >> (32 - JOIN_BITS);
}

static bool may_join(const struct bpe *b, uint32_t left, uint32_t right)
{
    size_t bit = join_bit(left, right);
    return b->joins[bit / 64] >> (bit % 64) & 1;
}

/* The last character of a word that is not empty and valid UTF-8. */
static uint32_t last_character(struct span word)
{
    size_t at = word.len - 1;
    while (at > 0 && utf8_is_inner(word.at[at]))
        at--;
    return utf8_decode(word.at + at);
}

static void note_joins(struct bpe *b)
{
    b->joins = mem_alloc(((size_t)1 << JOIN_BITS) / 8);
    for (size_t i = 0; i < b->n_slots; i++) {
        const struct bpe_merge *m = &b->merges[i];
        struct span left, right;
        if (m->left == VOCAB_NONE || !vocab_text(&b->vocab, m->left, &left) ||
            !vocab_text(&b->vocab, m->right, &right) || left.len == 0 || right.len == 0)
            continue;
        size_t bit = join_bit(last_character(left), utf8_decode(right.at));
        b->joins[bit / 64] |= (uint64_t)1 << (bit % 64);
    }
}

static size_t put_byte_character(uint8_t out[4], uint8_t byte)
{
    return unicode_encode(out, unicode_of_byte[byte]);
}

static void index_units(struct bpe *b)
{
    size_t n = b->raw_bytes ? 256 : DIRECT_UNITS;
    b->unit_ids = mem_alloc(n * sizeof *b->unit_ids);
    for (uint32_t i = 0; i < n; i++) {
        uint8_t text[4];
        size_t len = b->raw_bytes ? put_byte_character(text, (uint8_t)i) : unicode_encode(text, i);
        b->unit_ids[i] = vocab_id(&b->vocab, (struct span){text, len});
    }
    for (unsigned i = 0; i < 256; i++) {
        char text[8];
        snprintf(text, sizeof text, "<0x%02X>", i);
        b->byte_ids[i] = vocab_id(&b->vocab, span_of(text));
    }
}

/* How many bytes of text each word stands for: in the byte alphabet one a character. */
static void measure_words(struct bpe *b)
{
    b->covered = mem_alloc(b->vocab.id_limit * sizeof *b->covered);
    for (size_t i = 0; i < b->vocab.n_words; i++) {
        const struct vocab_word *w = &b->vocab.words[i];
        struct span text = vocab_word_text(&b->vocab, w);
        b->covered[w->id] = (uint32_t)(b->raw_bytes ? utf8_count(text) : text.len);
    }
}

bool bpe_finish(struct bpe *b, bool raw_bytes, struct err *err)
{
    bpe_reserve_merges(b, b->n_merges);
    b->raw_bytes = raw_bytes;
    b->has_affixes = b->prefix.len > 0 || b->suffix.len > 0;
    b->unk_id = b->unk_token.at ? vocab_id(&b->vocab, b->unk_token) : VOCAB_NONE;
    if (!vocab_index(&b->vocab, err))
        return false;
    index_units(b);
    measure_words(b);
    b->cuts_words = !raw_bytes && !b->has_affixes && !b->ignore_merges;
    if (b->cuts_words)
        note_joins(b);
    return true;
}

void bpe_release(struct bpe *b)
{
    vocab_release(&b->vocab);
    mem_free(b->merges);
    mem_free(b->unit_ids);
    mem_free(b->covered);
    mem_free(b->joins);
    *b = (struct bpe){0};
}

void bpe_work_release(struct bpe_work *w)
{
    mem_free(w->symbols);
    merge_heap_release(&w->heap);
    buf_release(&w->text);
    mem_free(w->cells);
    *w = (struct bpe_work){0};
}

/*
 * ------------------------------------------------------------------------ a word into symbols --
 */

/* An unknown token that is not written yet: the next may have to be fused with it. */
struct pending {
    bool is_there;
    size_t start, end;
};

static void push(struct bpe_work *w, uint32_t id, size_t start, size_t end)
{
    if (w->n == w->cap) {
        w->cap = max_size(64, 2 * w->cap);
        w->symbols = mem_resize(w->symbols, w->cap * sizeof *w->symbols);
    }
    w->symbols[w->n++] =
        (struct bpe_symbol){.id = id, .start = (uint32_t)start, .end = (uint32_t)end};
}

static void flush_unknown(const struct bpe *b, struct bpe_work *w, struct pending *unknown)
{
    if (unknown->is_there)
        push(w, b->unk_id, unknown->start, unknown->end);
    *unknown = (struct pending){0};
}

/*
 * Pushes the tokens of the bytes, unless one of them is missing. Affixes have bytes, but no place.
 */
static bool fall_back_to_bytes(const struct bpe *b, struct bpe_work *w, struct span text,
                               size_t start, size_t end)
{
    for (size_t i = 0; i < text.len; i++) {
        if (b->byte_ids[text.at[i]] == VOCAB_NONE)
            return false;
    }
    for (size_t i = 0; i < text.len; i++)
        push(w, b->byte_ids[text.at[i]], min_size(start + i, end), min_size(start + i + 1, end));
    return true;
}

/* The character that ends at `end`, `text` with its affixes, which is not in the vocabulary. */
static bool push_unknown(const struct bpe *b, struct bpe_work *w, struct span text, size_t end,
                         struct pending *unknown, struct err *err)
{
    size_t start = w->unit_start;
    w->irregular = true;
    if (b->byte_fallback && fall_back_to_bytes(b, w, text, start, end))
        return true;
    if (!b->unk_token.at)
        return true;
    if (b->unk_id == VOCAB_NONE) {
        err_set(err, ERR_INPUT,
                "unknown character, but unk_token \"%.*s\" is not in the vocabulary",
                SPAN_ARGS(b->unk_token));
        return false;
    }
    if (unknown->is_there && !b->fuse_unk)
        flush_unknown(b, w, unknown);
    if (!unknown->is_there)
        unknown->start = start;
    unknown->is_there = true;
    unknown->end = end;
    return true;
}

/* The character's id without affixes; VOCAB_NONE where it is unknown. */
static inline uint32_t unit_id(const struct bpe *b, struct span unit)
{
    if (b->raw_bytes)
        return b->unit_ids[unit.at[0]];
    uint32_t code_point = utf8_decode(unit.at);
    return code_point < DIRECT_UNITS ? b->unit_ids[code_point] : vocab_id(&b->vocab, unit);
}

/* The character as the vocabulary writes it, in w->text. */
static struct span spell(const struct bpe *b, struct bpe_work *w, struct span unit, bool is_first,
                         bool is_last)
{
    if (w->text.max == 0)
        buf_init(&w->text, BUF_NO_LIMIT);
    buf_clear(&w->text);
    if (!is_first)
        buf_add(&w->text, b->prefix);
    if (b->raw_bytes)
        buf_add_utf8(&w->text, unicode_of_byte[unit.at[0]]);
    else
        buf_add(&w->text, unit);
    if (is_last)
        buf_add(&w->text, b->suffix);
    return buf_span(&w->text);
}

static inline size_t unit_length(const struct bpe *b, uint8_t lead)
{
    return b->raw_bytes || lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

static bool make_symbols(const struct bpe *b, struct bpe_work *w, struct span word, struct err *err)
{
    struct pending unknown = {0};
    w->n = 0;
    w->irregular = b->has_affixes;
    for (size_t at = 0; at < word.len;) {
        size_t len = unit_length(b, word.at[at]);
        struct span unit = span_part(word, at, len), text = unit;
        bool is_first = at == 0, is_last = at + len == word.len;
        w->unit_start = at;
        at += len;
        uint32_t id;
        if (b->has_affixes) {
            text = spell(b, w, unit, is_first, is_last);
            id = vocab_id(&b->vocab, text);
        } else {
            id = unit_id(b, unit);
        }
        if (id != VOCAB_NONE) {
            flush_unknown(b, w, &unknown);
            push(w, id, at - len, at);
            continue;
        }
        if (!b->has_affixes && b->raw_bytes)
            text = spell(b, w, unit, is_first, is_last);
        if (!push_unknown(b, w, text, at, &unknown, err))
            return false;
    }
    flush_unknown(b, w, &unknown);
    return true;
}

/*
 * ------------------------------------------------------------------------------------ merging --
 */

static inline void find_merge(const struct bpe *b, struct bpe_symbol *left, uint32_t right_id)
{
    const struct bpe_merge *m = find_slot(b, left->id, right_id);
    bool found = m->left != VOCAB_NONE;
    left->rank = found ? m->rank : VOCAB_NONE;
    left->merged = m->id;
}

static void merge_short(const struct bpe *b, struct bpe_work *w)
{
    struct bpe_symbol *s = w->symbols;
    for (size_t i = 0; i + 1 < w->n; i++)
        find_merge(b, &s[i], s[i + 1].id);
    while (w->n > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < w->n; i++) {
            if (s[i].rank < s[best].rank)
                best = i;
        }
        if (s[best].rank == VOCAB_NONE)
            return;
        s[best].id = s[best].merged;
        s[best].end = s[best + 1].end;
        memmove(&s[best + 1], &s[best + 2], (w->n - best - 2) * sizeof *s);
        w->n--;
        if (best > 0)
            find_merge(b, &s[best - 1], s[best].id);
        if (best + 1 < w->n)
            find_merge(b, &s[best], s[best + 1].id);
    }
}

/* Looks up the merge of the symbol with its right neighbour and queues it. */
static void queue_merge(const struct bpe *b, struct bpe_work *w, uint32_t at)
{
    struct bpe_symbol *s = &w->symbols[at];
    s->rank = VOCAB_NONE;
    if (s->next == w->n)
        return;
    find_merge(b, s, w->symbols[s->next].id);
    if (s->rank != VOCAB_NONE)
        merge_heap_push(&w->heap, s->rank, at);
}

static void merge_long(const struct bpe *b, struct bpe_work *w)
{
    struct bpe_symbol *s = w->symbols;
    w->heap.n = 0;
    for (uint32_t i = 0; i < w->n; i++) {
        s[i].previous = i - 1; /* of the first: UINT32_MAX */
        s[i].next = i + 1;
        queue_merge(b, w, i);
    }
    while (w->heap.n > 0) {
        uint64_t top = merge_heap_pop(&w->heap);
        uint32_t at = (uint32_t)top;
        struct bpe_symbol *left = &s[at];
        if (left->id == VOCAB_NONE || left->rank != top >> 32)
            continue;
        struct bpe_symbol *right = &s[left->next];
        left->id = left->merged;
        left->end = right->end;
        right->id = VOCAB_NONE;
        left->next = right->next;
        if (left->next < w->n)
            s[left->next].previous = at;
        queue_merge(b, w, at);
        if (left->previous != UINT32_MAX)
            queue_merge(b, w, left->previous);
    }

    size_t n_left = 0;
    for (size_t i = 0; i < w->n; i++) {
        if (s[i].id != VOCAB_NONE)
            s[n_left++] = s[i];
    }
    w->n = n_left;
}

/* --------------------------------------------------------------------------------- the cache -- */

/* The first min(len, 8) bytes as a number, without reading beyond them. */
static inline uint64_t load_part(const uint8_t *at, size_t len)
{
    uint32_t low, high;
    uint64_t word;
    if (len >= 8) {
        memcpy(&word, at, 8);
        return word;
    }
    if (len >= 4) {
        memcpy(&low, at, 4);
        memcpy(&high, at + len - 4, 4);
        return low | (uint64_t)high << (8 * (len - 4));
    }
    if (len == 0)
        return 0;
    return at[0] | (uint64_t)at[len / 2] << (8 * (len / 2)) |
           (uint64_t)at[len - 1] << (8 * (len - 1));
}

/* The cell of a word of 1 to CELL_KEY bytes, and the word as the cell would hold it. */
static inline struct bpe_cell *find_cell(struct bpe_work *w, struct span word, uint64_t key[3])
{
    if (!w->cells)
        w->cells = mem_alloc(sizeof *w->cells << CELL_BITS);
    size_t len = word.len;
    key[0] = load_part(word.at, len);
    key[1] = len > 8 ? load_part(word.at + 8, len - 8) : 0;
    key[2] = (len > 16 ? load_part(word.at + 16, len - 16) : 0) | (uint64_t)len << 56;
    uint64_t hash = (key[0] ^ key[2] >> 3) * 0x9e3779b97f4a7c15u;
    hash = (hash ^ hash >> 32 ^ key[1]) * 0xd1b54a32d192ed03u;
    hash ^= key[2] * 0x2545f4914f6cdd1du;
    return &w->cells[hash >> (64 - CELL_BITS)];
}

static void fill_cell(struct bpe_cell *cell, const uint64_t key[3], const struct bpe_work *w)
{
    if (w->irregular || w->n > CELL_IDS)
        return;
    memcpy(cell->key, key, sizeof cell->key);
    cell->n = (uint32_t)w->n;
    for (size_t i = 0; i < w->n; i++)
        cell->ids[i] = w->symbols[i].id;
}

/*
 * ----------------------------------------------------------------------------------- encoding --
 */

/* Appends tokens whose length the vocabulary knows. */
static inline void put_ids(const struct bpe *b, const struct bpe_cell *cell, size_t at,
                           struct tokens *out)
{
    for (size_t i = 0; i < cell->n; i++) {
        size_t len = b->covered[cell->ids[i]];
        tokens_add(out, cell->ids[i], at, at + len);
        at += len;
    }
}

static bool is_newlines(struct span word)
{
    for (size_t i = 0; i < word.len; i++) {
        if (word.at[i] != '\n')
            return false;
    }
    return true;
}

/* The word's symbols, merged, are in w->symbols. */
static bool merge_word(const struct bpe *b, struct bpe_work *w, struct span word, struct err *err)
{
    if (b->ignore_merges || (b->whole_newlines && is_newlines(word))) {
        struct span text = word;
        if (b->raw_bytes) {
            (void)spell(b, w, span_part(word, 0, 1), true, false);
            for (size_t i = 1; i < word.len; i++)
                buf_add_utf8(&w->text, unicode_of_byte[word.at[i]]);
            text = buf_span(&w->text);
        }
        uint32_t id = vocab_id(&b->vocab, text);
        if (id != VOCAB_NONE) {
            w->n = 0;
            w->irregular = b->has_affixes;
            push(w, id, 0, word.len);
            return true;
        }
    }
    if (!make_symbols(b, w, word, err))
        return false;
    if (w->n <= SHORT_WORD)
        merge_short(b, w);
    else
        merge_long(b, w);
    return true;
}

/* Encodes a word whose first byte has place `start` in the range of its tokens. */
static inline bool encode_word(const struct bpe *b, struct bpe_work *w, struct span word,
                               size_t start, struct tokens *out, struct err *err)
{
    struct bpe_cell *cell = NULL;
    uint64_t key[3];
    if (word.len <= CELL_KEY) {
        cell = find_cell(w, word, key);
        if (cell->key[0] == key[0] && cell->key[1] == key[1] && cell->key[2] == key[2]) {
            put_ids(b, cell, start, out);
            return true;
        }
    }
    if (!merge_word(b, w, word, err))
        return false;
    if (cell)
        fill_cell(cell, key, w);
    tokens_reserve(out, w->n);
    for (size_t i = 0; i < w->n; i++) {
        const struct bpe_symbol *s = &w->symbols[i];
        tokens_add(out, s->id, start + s->start, start + s->end);
    }
    return true;
}

/* Encodes a long word part by part, cut where no merge can cross. */
static bool encode_parts(const struct bpe *b, struct bpe_work *w, struct span word,
                         struct tokens *out, struct err *err)
{
    size_t start = 0;
    uint32_t previous = 0;
    bool previous_known = false;
    for (size_t at = 0; at < word.len;) {
        size_t len = unit_length(b, word.at[at]);
        uint32_t code_point = utf8_decode(word.at + at);
        bool known = unit_id(b, span_part(word, at, len)) != VOCAB_NONE;
        if (known && previous_known && !may_join(b, previous, code_point)) {
            if (!encode_word(b, w, span_part(word, start, at - start), start, out, err))
                return false;
            start = at;
        }
        previous = code_point;
        previous_known = known;
        at += len;
    }
    return encode_word(b, w, span_from(word, start), start, out, err);
}

bool bpe_encode(const struct bpe *b, struct bpe_work *w, struct span word, struct tokens *out,
                struct err *err)
{
    if (word.len == 0)
        return true;
    if (b->cuts_words && word.len > CELL_KEY && !(b->whole_newlines && is_newlines(word)))
        return encode_parts(b, w, word, out, err);
    return encode_word(b, w, word, 0, out, err);
}
