/*
 * bpe_train.c - a byte-level BPE tokenizer from texts.
 *
 * Texts are cut into words once and only counted after that: a corpus of a hundred megabytes has
 * some hundred thousand different words, and a merge looks at those that contain its pair.
 *
 *     queue     the pairs by count, of equal counts the one with the smaller ids first, each with
 *               the words that it was seen in
 *     counts    of every pair, exact at any time
 *
 * The most frequent pair is taken from the queue; where its count has fallen since it was put there
 * it goes back with the present one. Otherwise it becomes a token, the words it was seen in are
 * rewritten, and the pairs that this creates enter the queue with these words. Counts only fall
 * after that (a pair with a new token cannot arise in another way), so nothing is ever missed. A
 * word may be listed for a pair that it no longer has: rewriting then finds nothing.
 *
 * Two merges may spell the same bytes; they share one id, as in the library.
 */
#include "text/bpe_train.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"
#include "text/unicode.h"

enum { BYTES = 256 };

/* ------------------------------------------------------------------------------------- words -- */

void bpe_train_init(struct bpe_train *t, const struct bpe_train_options *options)
{
    static const char byte_level[] =
        "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, "
        "\"use_regex\": true}";
    struct json_reader reader;
    struct err err = {0};
    *t = (struct bpe_train){.options = *options};
    text_init(&t->text);
    json_open(&reader, span_of(byte_level), &t->arena);
    pretokenizer_read(&t->pretokenizer, &reader);
    CHECK(json_close(&reader, &err));
}

void bpe_train_release(struct bpe_train *t)
{
    pretokenizer_release(&t->pretokenizer);
    text_release(&t->text);
    map_release(&t->word_of);
    mem_free(t->words);
    mem_free(t->tokens);
    mem_free(t->merges);
    arena_release(&t->arena);
    *t = (struct bpe_train){0};
}

static void count_word(struct bpe_train *t, struct span bytes)
{
    uint32_t at;
    if (map_get(&t->word_of, bytes, &at)) {
        t->words[at].count++;
        return;
    }
    if (t->n_words == t->words_cap) {
        t->words_cap = max_size(2 * t->words_cap, 1024);
        t->words = mem_resize(t->words, t->words_cap * sizeof *t->words);
    }
    uint8_t *copy = arena_array(&t->arena, uint8_t, bytes.len);
    memcpy(copy, bytes.at, bytes.len);
    struct span kept = {copy, bytes.len};
    t->words[t->n_words] = (struct bpe_train_word){kept, 1};
    (void)map_put(&t->word_of, kept, (uint32_t)t->n_words++);
}

static bool feed_part(struct bpe_train *t, struct span part, struct err *err)
{
    text_set(&t->text, part, 0, t->pretokenizer.needs_origins);
    if (!pretokenizer_run(&t->pretokenizer, &t->text, err))
        return false;
    for (size_t i = 0; i < t->text.n_pieces; i++) {
        struct text_piece p = t->text.pieces[i];
        count_word(t, span_part(t->text.bytes, p.start, p.end - p.start));
    }
    return true;
}

/* Where the next special token begins, and its length; text.len where there is none. */
static size_t find_special(const struct bpe_train *t, struct span text, size_t *len)
{
    size_t first = text.len;
    for (size_t i = 0; i < t->options.n_special; i++) {
        struct span special = span_of(t->options.special[i]);
        size_t at = span_find(text, special);
        if (special.len > 0 && at < first) {
            first = at;
            *len = special.len;
        }
    }
    return first;
}

bool bpe_train_feed(struct bpe_train *t, struct span text, struct err *err)
{
    for (;;) {
        size_t len = 0, at = find_special(t, text, &len);
        if (!feed_part(t, span_part(text, 0, at), err))
            return false;
        if (at == text.len)
            return true;
        text = span_part(text, at + len, text.len - at - len);
    }
}

/* ------------------------------------------------------------------------------------ pairs -- */

static uint64_t pair_of(uint32_t left, uint32_t right)
{
    return (uint64_t)left << 32 | right;
}

/* How often each pair stands in all words. Open addressing, at most half full. */
struct pair_count {
    uint64_t pair; /* PAIR_NONE: a free slot */
    int64_t count;
};

#define PAIR_NONE UINT64_MAX

struct pair_counts {
    struct pair_count *slots;
    size_t n_slots, n_used;
};

static struct pair_count *find_pair(const struct pair_counts *c, uint64_t pair)
{
    size_t at = (size_t)(pair * 0x9E3779B97F4A7C15u >> 20) & (c->n_slots - 1);
    while (c->slots[at].pair != pair && c->slots[at].pair != PAIR_NONE)
        at = (at + 1) & (c->n_slots - 1);
    return &c->slots[at];
}

static void grow_pairs(struct pair_counts *c)
{
    struct pair_counts old = *c;
    c->n_slots = max_size(2 * old.n_slots, 4096);
    c->slots = mem_alloc(c->n_slots * sizeof *c->slots);
    for (size_t i = 0; i < c->n_slots; i++)
        c->slots[i] = (struct pair_count){PAIR_NONE, 0};
    for (size_t i = 0; i < old.n_slots; i++) {
        if (old.slots[i].pair != PAIR_NONE)
            *find_pair(c, old.slots[i].pair) = old.slots[i];
    }
    mem_free(old.slots);
}

static void add_pair(struct pair_counts *c, uint64_t pair, int64_t change)
{
    if (2 * c->n_used >= c->n_slots)
        grow_pairs(c);
    struct pair_count *slot = find_pair(c, pair);
    if (slot->pair == PAIR_NONE) {
        slot->pair = pair;
        c->n_used++;
    }
    slot->count += change;
}

/* A pair that was seen in a word: pairs that wait for the queue, sorted before they enter it. */
struct sighting {
    uint64_t pair;
    uint32_t word;
};

static int compare_sightings(const void *a, const void *b)
{
    const struct sighting *x = a, *y = b;
    if (x->pair != y->pair)
        return x->pair < y->pair ? -1 : 1;
    return (x->word > y->word) - (x->word < y->word);
}

/* A pair in the queue, and its words: seen[first] … seen[first + n - 1]. */
struct candidate {
    int64_t count;
    uint64_t pair;
    size_t first, n;
};

/* a goes before b. */
static bool goes_first(const struct candidate *a, const struct candidate *b)
{
    return a->count != b->count ? a->count > b->count : a->pair < b->pair;
}

struct training {
    struct bpe_train *t;
    uint32_t *symbols; /* of all words, one behind another */
    size_t *start;     /* [n_words + 1] where each begins */
    uint32_t *len;     /* [n_words] symbols that are left of it */
    struct map id_of;  /* from bytes to ids */
    struct pair_counts counts;
    struct buf sightings; /* struct sighting: since the last turn */
    struct buf seen;      /* uint32_t words */
    struct candidate *heap;
    size_t n_heap, heap_cap;
};

static void swap(struct candidate *a, struct candidate *b)
{
    struct candidate other = *a;
    *a = *b;
    *b = other;
}

static void push(struct training *r, struct candidate c)
{
    if (r->n_heap == r->heap_cap) {
        r->heap_cap = max_size(2 * r->heap_cap, 1024);
        r->heap = mem_resize(r->heap, r->heap_cap * sizeof *r->heap);
    }
    size_t i = r->n_heap++;
    r->heap[i] = c;
    for (; i > 0 && goes_first(&r->heap[i], &r->heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&r->heap[i], &r->heap[(i - 1) / 2]);
}

static struct candidate pop(struct training *r)
{
    struct candidate top = r->heap[0];
    r->heap[0] = r->heap[--r->n_heap];
    for (size_t i = 0;;) {
        size_t best = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < r->n_heap; child++) {
            if (goes_first(&r->heap[child], &r->heap[best]))
                best = child;
        }
        if (best == i)
            return top;
        swap(&r->heap[i], &r->heap[best]);
        i = best;
    }
}

static void see(struct training *r, uint64_t pair, uint32_t word)
{
    struct sighting s = {pair, word};
    buf_add(&r->sightings, (struct span){(const uint8_t *)&s, sizeof s});
}

/* Each pair of the sightings enters the queue once, with its words. */
static void queue_sightings(struct training *r)
{
    struct sighting *all = (struct sighting *)(void *)r->sightings.at;
    size_t n = r->sightings.len / sizeof *all;
    if (n > 0)
        qsort(all, n, sizeof *all, compare_sightings);
    for (size_t i = 0, end; i < n; i = end) {
        struct candidate c = {.pair = all[i].pair,
                              .count = find_pair(&r->counts, all[i].pair)->count,
                              .first = r->seen.len / sizeof(uint32_t)};
        for (end = i; end < n && all[end].pair == all[i].pair; end++) {
            if (end > i && all[end].word == all[end - 1].word)
                continue;
            buf_add(&r->seen, (struct span){(const uint8_t *)&all[end].word, sizeof(uint32_t)});
            c.n++;
        }
        if (c.count > 0)
            push(r, c);
    }
    buf_clear(&r->sightings);
}

/* ---------------------------------------------------------------------------------- training -- */

static uint32_t add_token(struct training *r, struct span bytes)
{
    struct bpe_train *t = r->t;
    uint32_t id = (uint32_t)t->n_tokens;
    if (map_get(&r->id_of, bytes, &id))
        return id;
    t->tokens[t->n_tokens++] = bytes;
    (void)map_put(&r->id_of, bytes, id);
    return id;
}

static int compare_letters(const void *a, const void *b)
{
    int x = unicode_of_byte[*(const uint8_t *)a], y = unicode_of_byte[*(const uint8_t *)b];
    return x - y;
}

/* The special tokens, then the bytes in the order of their letters. */
static void add_first_tokens(struct training *r)
{
    struct bpe_train *t = r->t;
    uint8_t *bytes = arena_array(&t->arena, uint8_t, BYTES);
    for (size_t i = 0; i < BYTES; i++)
        bytes[i] = (uint8_t)i;
    qsort(bytes, BYTES, 1, compare_letters);
    t->tokens =
        mem_alloc((t->options.vocab_size + t->options.n_special + BYTES) * sizeof *t->tokens);
    for (size_t i = 0; i < t->options.n_special; i++)
        (void)add_token(r, span_of(t->options.special[i]));
    for (size_t i = 0; i < BYTES; i++)
        (void)add_token(r, (struct span){&bytes[i], 1});
}

static void read_words(struct training *r)
{
    struct bpe_train *t = r->t;
    size_t n = 0;
    r->start = mem_alloc((t->n_words + 1) * sizeof *r->start);
    r->len = mem_alloc(max_size(t->n_words, 1) * sizeof *r->len);
    for (size_t w = 0; w < t->n_words; w++) {
        r->start[w] = n;
        n += t->words[w].bytes.len;
    }
    r->start[t->n_words] = n;
    r->symbols = mem_alloc(max_size(n, 1) * sizeof *r->symbols);
    grow_pairs(&r->counts);
    for (size_t w = 0; w < t->n_words; w++) {
        struct span bytes = t->words[w].bytes;
        uint32_t *symbols = r->symbols + r->start[w];
        r->len[w] = (uint32_t)bytes.len;
        for (size_t i = 0; i < bytes.len; i++) {
            (void)map_get(&r->id_of, (struct span){bytes.at + i, 1}, &symbols[i]);
            if (i == 0)
                continue;
            add_pair(&r->counts, pair_of(symbols[i - 1], symbols[i]), (int64_t)t->words[w].count);
            see(r, pair_of(symbols[i - 1], symbols[i]), (uint32_t)w);
        }
    }
    queue_sightings(r);
}

/* Rewrites a word; neighbours are those at that moment, from left to right. */
static void merge_in(struct training *r, uint32_t word, const struct bpe_train_merge *m)
{
    uint32_t *s = r->symbols + r->start[word], n = r->len[word], kept = 0;
    int64_t count = (int64_t)r->t->words[word].count;
    for (uint32_t i = 0; i < n; i++) {
        if (s[i] != m->left || i + 1 == n || s[i + 1] != m->right) {
            s[kept++] = s[i];
            continue;
        }
        if (kept > 0) {
            add_pair(&r->counts, pair_of(s[kept - 1], m->left), -count);
            add_pair(&r->counts, pair_of(s[kept - 1], m->id), count);
            see(r, pair_of(s[kept - 1], m->id), word);
        }
        if (i + 2 < n) {
            add_pair(&r->counts, pair_of(m->right, s[i + 2]), -count);
            add_pair(&r->counts, pair_of(m->id, s[i + 2]), count);
            see(r, pair_of(m->id, s[i + 2]), word);
        }
        s[kept++] = m->id;
        i++;
    }
    r->len[word] = kept;
}

static struct bpe_train_merge make_merge(struct training *r, uint64_t pair)
{
    struct bpe_train *t = r->t;
    struct bpe_train_merge m = {.left = (uint32_t)(pair >> 32), .right = (uint32_t)pair};
    struct span left = t->tokens[m.left], right = t->tokens[m.right];
    uint8_t *bytes = arena_array(&t->arena, uint8_t, left.len + right.len);
    memcpy(bytes, left.at, left.len);
    memcpy(bytes + left.len, right.at, right.len);
    m.id = add_token(r, (struct span){bytes, left.len + right.len});
    return m;
}

static void merge_pairs(struct training *r)
{
    struct bpe_train *t = r->t;
    size_t cap = 0;
    while (t->n_tokens < t->options.vocab_size && r->n_heap > 0) {
        struct candidate top = pop(r);
        int64_t now = find_pair(&r->counts, top.pair)->count;
        if (top.count != now) {
            top.count = now;
            push(r, top);
            continue;
        }
        if (now < 1 || (uint64_t)now < t->options.min_frequency)
            return;
        if (t->n_merges == cap) {
            cap = max_size(2 * cap, 1024);
            t->merges = mem_resize(t->merges, cap * sizeof *t->merges);
        }
        struct bpe_train_merge m = t->merges[t->n_merges++] = make_merge(r, top.pair);
        for (size_t i = 0; i < top.n; i++) {
            uint32_t word = ((const uint32_t *)(const void *)r->seen.at)[top.first + i];
            merge_in(r, word, &m);
        }
        queue_sightings(r);
    }
}

void bpe_train_run(struct bpe_train *t)
{
    struct training r = {.t = t};
    buf_init(&r.sightings, BUF_NO_LIMIT);
    buf_init(&r.seen, BUF_NO_LIMIT);
    add_first_tokens(&r);
    read_words(&r);
    merge_pairs(&r);
    mem_free(r.symbols);
    mem_free(r.start);
    mem_free(r.len);
    mem_free(r.counts.slots);
    mem_free(r.heap);
    map_release(&r.id_of);
    buf_release(&r.sightings);
    buf_release(&r.seen);
}

/* ----------------------------------------------------------------------------------- writing -- */

/* A token as the vocabulary spells it: special ones as they are, others in the byte alphabet. */
static struct span spell(const struct bpe_train *t, uint32_t id, struct buf *letters)
{
    struct span bytes = t->tokens[id];
    if (id < t->options.n_special)
        return bytes;
    buf_clear(letters);
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t utf8[4];
        size_t n = unicode_encode(utf8, unicode_of_byte[bytes.at[i]]);
        buf_add(letters, (struct span){utf8, n});
    }
    return buf_span(letters);
}

static void put_special(const struct bpe_train *t, struct json_writer *w)
{
    json_key(w, "added_tokens");
    json_begin_array(w);
    for (size_t i = 0; i < t->options.n_special; i++) {
        json_begin_object(w);
        json_member_int(w, "id", (int64_t)i);
        json_member_text(w, "content", t->options.special[i]);
        json_member_bool(w, "single_word", false);
        json_member_bool(w, "lstrip", false);
        json_member_bool(w, "rstrip", false);
        json_member_bool(w, "normalized", false);
        json_member_bool(w, "special", true);
        json_end(w);
    }
    json_end(w);
}

/* `prefix` says nothing to a decoder; the library writes true there. */
static void put_byte_level(struct json_writer *w, const char *key, bool prefix)
{
    json_key(w, key);
    json_begin_object(w);
    json_member_text(w, "type", "ByteLevel");
    json_member_bool(w, "add_prefix_space", prefix);
    json_member_bool(w, "trim_offsets", true);
    json_member_bool(w, "use_regex", true);
    json_end(w);
}

static void put_model(const struct bpe_train *t, struct json_writer *w)
{
    struct buf letters;
    static const char *const absent[] = {"dropout", "unk_token", "continuing_subword_prefix",
                                         "end_of_word_suffix"};
    buf_init(&letters, BUF_NO_LIMIT);
    json_key(w, "model");
    json_begin_object(w);
    json_member_text(w, "type", "BPE");
    for (size_t i = 0; i < COUNT_OF(absent); i++)
        json_member_null(w, absent[i]);
    json_member_bool(w, "fuse_unk", false);
    json_member_bool(w, "byte_fallback", false);
    json_member_bool(w, "ignore_merges", false);
    json_key(w, "vocab");
    json_begin_object(w);
    for (uint32_t id = 0; id < t->n_tokens; id++) {
        json_key_span(w, spell(t, id, &letters));
        json_put_int(w, id);
    }
    json_end(w);
    json_key(w, "merges");
    json_begin_array(w);
    for (size_t i = 0; i < t->n_merges; i++) {
        json_begin_array(w);
        json_put_string(w, spell(t, t->merges[i].left, &letters));
        json_put_string(w, spell(t, t->merges[i].right, &letters));
        json_end(w);
    }
    json_end(w);
    json_end(w);
    buf_release(&letters);
}

void bpe_train_write(const struct bpe_train *t, struct buf *out)
{
    static const char *const absent[] = {"truncation", "padding"};
    struct json_writer w = {.out = out};
    json_begin_object(&w);
    json_member_text(&w, "version", "1.0");
    for (size_t i = 0; i < COUNT_OF(absent); i++)
        json_member_null(&w, absent[i]);
    put_special(t, &w);
    json_member_null(&w, "normalizer");
    put_byte_level(&w, "pre_tokenizer", false);
    json_member_null(&w, "post_processor");
    put_byte_level(&w, "decoder", true);
    put_model(t, &w);
    json_end(&w);
    buf_add_byte(out, '\n');
}
