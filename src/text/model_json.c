/*
 * model_json.c - the large part of a tokenizer.json, in one pass.
 *
 * The members come in any order, and the merges cannot be read before the vocabulary is: where they
 * come first, their text is kept and read afterwards. A file of the library's early days has no
 * "type"; it is told by its members, as the library does.
 *
 *     {"type": "BPE", "unk_token": null, …, "vocab": {"a": 0, …}, "merges": ["a b", …]}
 *     {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0], …]}
 */
#include "text/model_json.h"

#include <stdio.h>

#include "base/num.h"

struct reading {
    struct json_reader *r;
    struct bpe *bpe;
    struct unigram *unigram;
    struct span type;   /* empty: not told */
    struct span merges; /* the text of merges that came before the vocabulary */
    bool has_words, has_pieces, has_merges;
};

/* A rough number of members in a text, for reserving: it may be wrong, not dear. */
static size_t guess_members(const struct json_reader *r, size_t bytes_each)
{
    return (r->text.len - r->offset) / bytes_each;
}

static void read_words(struct vocab *v, struct json_reader *r)
{
    size_t n = guess_members(r, 64);
    struct span word;
    vocab_reserve(v, n, 8 * n);
    json_enter_object(r);
    while (json_next_key(r, &word)) {
        int64_t id = json_int(r);
        if (id < 0 || id >= UINT32_MAX)
            json_fail(r, "%lld is not a token's id", (long long)id);
        else
            vocab_put(v, word, (uint32_t)id);
    }
}

/* 10 to the power of 0 … 308, correctly rounded. */
static double power_of_ten(int exponent)
{
    char text[8];
    double value = 0;
    snprintf(text, sizeof text, "1e%d", exponent);
    CHECK(num_parse_double(span_of(text), &value));
    return value;
}

/*
 * A score as the library's JSON reader computes it: the digits as a whole number of 64 bits (what
 * does not fit is cut off), then one multiplication or division by a power of ten. The result can
 * be a bit away from the nearest double, and which of two equally good ways to cut a word wins
 * depends on that bit.
 */
static double read_score(struct json_reader *r)
{
    struct span text = json_number_text(r);
    uint64_t digits = 0;
    int64_t exponent = 0, written = 0;
    bool is_negative = text.len > 0 && text.at[0] == '-', behind_point = false, is_full = false;
    for (size_t i = is_negative; i < text.len; i++) {
        uint8_t c = text.at[i];
        if (c == '.') {
            behind_point = true;
        } else if (c < '0' || c > '9') {
            if (i + 1 < text.len && text.at[i + 1] == '+')
                i++;
            if ((c | 0x20) != 'e' || !num_parse_i64(span_from(text, i + 1), &written))
                json_fail(r, "\"%.*s\" is no score", SPAN_ARGS(text));
            break;
        } else if (is_full || digits > (UINT64_MAX - (c - '0')) / 10) {
            is_full = true;
            exponent += !behind_point;
        } else {
            digits = digits * 10 + (c - '0');
            exponent -= behind_point;
        }
    }
    if (written > 4096 || written < -4096)
        written = written > 0 ? 4096 : -4096;
    exponent += written;
    double value = (double)digits;
    for (; exponent < -308 && value != 0; exponent += 308)
        value /= 1e308;
    if (exponent > 308 && value != 0)
        json_fail(r, "\"%.*s\" is too large", SPAN_ARGS(text));
    else if (value != 0 && exponent >= 0)
        value *= power_of_ten((int)exponent);
    else if (value != 0)
        value /= power_of_ten((int)-exponent);
    return is_negative ? -value : value;
}

/* ["piece", -3.5] */
static void read_pieces(struct unigram *u, struct json_reader *r)
{
    struct err err;
    json_enter_array(r);
    while (json_next_item(r)) {
        struct span text = {0};
        double score = 0;
        json_enter_array(r);
        if (json_next_item(r))
            text = json_string(r);
        if (!json_next_item(r))
            json_fail(r, "expected a piece and its score");
        else
            score = read_score(r);
        if (json_next_item(r))
            json_fail(r, "expected a piece and its score alone");
        if (!r->failed && !unigram_add(u, text, score, &err))
            json_fail(r, "%s", err.what);
    }
}

/* "a b", or ["a", "b"]; false where the line is to be passed over. */
static bool read_merge(struct json_reader *r, struct span *left, struct span *right)
{
    if (json_peek(r) == JSON_ARRAY) {
        json_enter_array(r);
        if (json_next_item(r))
            *left = json_string(r);
        if (json_next_item(r))
            *right = json_string(r);
        else
            json_fail(r, "expected two tokens");
        if (json_next_item(r))
            json_fail(r, "expected two tokens alone");
        return !r->failed;
    }
    struct span line = json_string(r);
    if (r->failed || span_starts_with(line, span_of("#version")))
        return false;
    const uint8_t *space = line.len > 0 ? memchr(line.at, ' ', line.len) : NULL;
    size_t at = space ? (size_t)(space - line.at) : line.len;
    *left = span_part(line, 0, at);
    *right = space ? span_from(line, at + 1) : line;
    if (!space || memchr(right->at, ' ', right->len)) {
        json_fail(r, "expected two tokens with a space between, found \"%.*s\"", SPAN_ARGS(line));
        return false;
    }
    return true;
}

static void read_merges(struct bpe *b, struct json_reader *r)
{
    struct err err;
    bpe_reserve_merges(b, guess_members(r, 64));
    json_enter_array(r);
    while (json_next_item(r)) {
        struct span left, right;
        if (read_merge(r, &left, &right) && !bpe_add_merge(b, left, right, &err))
            json_fail(r, "%s", err.what);
    }
}

static struct span read_optional(struct json_reader *r)
{
    return json_null(r) ? (struct span){0} : arena_copy(r->arena, json_string(r));
}

static bool read_optional_bool(struct json_reader *r)
{
    return !json_null(r) && json_bool(r);
}

static void read_unk_id(struct unigram *u, struct json_reader *r)
{
    if (json_null(r))
        return;
    int64_t id = json_int(r);
    if (id < 0 || id >= UINT32_MAX)
        json_fail(r, "%lld is not a piece's id", (long long)id);
    u->unk_id = (uint32_t)id;
}

/* The affixes must be known before the merges: they tell how two tokens are put together. */
static void read_member(struct reading *m, struct span key)
{
    struct json_reader *r = m->r;
    if (span_is(key, "type")) {
        m->type = json_string(r);
    } else if (span_is(key, "vocab")) {
        m->has_pieces = json_peek(r) == JSON_ARRAY;
        m->has_words = !m->has_pieces;
        if (m->has_pieces)
            read_pieces(m->unigram, r);
        else
            read_words(&m->bpe->vocab, r);
    } else if (span_is(key, "merges")) {
        m->has_merges = true;
        if (m->has_words)
            read_merges(m->bpe, r);
        else
            m->merges = json_raw(r);
    } else if (span_is(key, "unk_token")) {
        m->bpe->unk_token = read_optional(r);
    } else if (span_is(key, "continuing_subword_prefix")) {
        m->bpe->prefix = read_optional(r);
    } else if (span_is(key, "end_of_word_suffix")) {
        m->bpe->suffix = read_optional(r);
    } else if (span_is(key, "fuse_unk")) {
        m->bpe->fuse_unk = read_optional_bool(r);
    } else if (span_is(key, "ignore_merges")) {
        m->bpe->ignore_merges = read_optional_bool(r);
    } else if (span_is(key, "byte_fallback")) {
        m->bpe->byte_fallback = m->unigram->byte_fallback = read_optional_bool(r);
    } else if (span_is(key, "unk_id")) {
        read_unk_id(m->unigram, r);
    } else {
        json_skip(r);
    }
}

static void read_kept_merges(struct reading *m)
{
    struct json_reader *kept = arena_new(m->r->arena, struct json_reader);
    json_open(kept, m->merges, m->r->arena);
    read_merges(m->bpe, kept);
    if (kept->failed)
        json_fail(m->r, "merges: %s", kept->error.what);
}

enum model_kind model_json_read(struct bpe *bpe, struct unigram *unigram, struct json_reader *r)
{
    struct reading m = {.r = r, .bpe = bpe, .unigram = unigram};
    struct span key;
    unigram->unk_id = VOCAB_NONE;
    json_enter_object(r);
    while (json_next_key(r, &key))
        read_member(&m, key);
    if (r->failed)
        return MODEL_NONE;

    bool is_told = m.type.len > 0;
    if (span_is(m.type, "Unigram") || (!is_told && m.has_pieces)) {
        if (!m.has_pieces)
            json_fail(r, "a Unigram model without its list \"vocab\"");
        return MODEL_UNIGRAM;
    }
    if (!is_told && !m.has_merges) {
        json_fail(r, "a model without type and merges: WordPiece or WordLevel");
    } else if (is_told && !span_is(m.type, "BPE")) {
        json_fail(r, "model %.*s is not supported: BPE and Unigram are", SPAN_ARGS(m.type));
    } else if (!m.has_words || !m.has_merges) {
        json_fail(r, "a BPE model without \"vocab\" or \"merges\"");
    } else if (m.merges.len > 0) {
        read_kept_merges(&m);
    }
    return MODEL_BPE;
}
