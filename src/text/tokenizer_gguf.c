/*
 * tokenizer_gguf.c - a tokenizer from a GGUF file's metadata.
 *
 *     tokenizer.ggml.model       gpt2 (byte-level BPE), gemma4 (BPE on characters), llama (scores)
 *     tokenizer.ggml.pre         for gpt2: how the text is cut, by a name that stands for patterns
 *     tokenizer.ggml.tokens      texts; token_type: 1 normal, 2 unknown, 3 control, 4 user-defined,
 *                                5 unused, 6 byte; scores; merges
 *
 * What is around the model (blanks as U+2581, cutting by patterns, decoding) is said in the words
 * of a tokenizer.json and read by the same readers, so there is one implementation of each step.
 * Control, unknown and user-defined tokens are cut out of the text first, as added tokens; so is
 * what llama.cpp takes for an end-of-turn token by its text alone.
 *
 * Unlike llama.cpp's detokenizer, decoding does not remove spaces before punctuation: what was
 * encoded comes back.
 *
 * Source: llama.cpp, src/llama-vocab.cpp; checked with its own test vectors.
 */
#include "text/tokenizer_gguf.h"

#include <ctype.h>

#include "base/utf8.h"
#include "text/gguf_pre.h"

#define KEY(name) "tokenizer.ggml." name

enum token_type { TYPE_NORMAL = 1, TYPE_UNKNOWN = 2, TYPE_CONTROL = 3, TYPE_USER_DEFINED = 4 };

/* ------------------------------------------------------------------------- around the model -- */

/* {"type": kind, …}; json_end is left to the caller. */
static void begin_step(struct json_writer *w, const char *kind)
{
    json_begin_object(w);
    json_key(w, "type");
    json_put_text(w, kind);
}

static void put_replace(struct json_writer *w, const char *from, const char *to)
{
    begin_step(w, "Replace");
    json_key(w, "pattern");
    json_begin_object(w);
    json_key(w, "String");
    json_put_text(w, from);
    json_end(w);
    json_key(w, "content");
    json_put_text(w, to);
    json_end(w);
}

static void begin_sequence(struct json_writer *w, const char *member)
{
    begin_step(w, "Sequence");
    json_key(w, member);
    json_begin_array(w);
}

static const char block[] = "\xe2\x96\x81"; /* U+2581, which stands for a blank */

static void put_normalizer(struct json_writer *w, bool prefix)
{
    begin_sequence(w, "normalizers");
    if (prefix) {
        begin_step(w, "Prepend");
        json_key(w, "prepend");
        json_put_text(w, block);
        json_end(w);
    }
    put_replace(w, " ", block);
    json_end(w);
    json_end(w);
}

static void put_block_decoder(struct json_writer *w, bool prefix)
{
    begin_sequence(w, "decoders");
    put_replace(w, block, " ");
    begin_step(w, "ByteFallback");
    json_end(w);
    begin_step(w, "Fuse");
    json_end(w);
    if (prefix) {
        begin_step(w, "Strip");
        json_key(w, "content");
        json_put_text(w, " ");
        json_key(w, "start");
        json_put_int(w, 1);
        json_key(w, "stop");
        json_put_int(w, 0);
        json_end(w);
    }
    json_end(w);
    json_end(w);
}

/* Which texts there are around the model. */
struct surroundings {
    const struct gguf_pre *pre; /* NULL: the text is not cut */
    bool blocks;           /* blanks are U+2581 */
    bool prefix;           /* one is put before the text */
};

static void put_surroundings(struct json_writer *w, const struct surroundings *s)
{
    json_begin_object(w);
    if (s->blocks) {
        json_key(w, "normalizer");
        put_normalizer(w, s->prefix);
    }
    if (s->pre) {
        json_key(w, "pre_tokenizer");
        gguf_pre_put(s->pre, !s->blocks, w);
    }
    json_key(w, "decoder");
    if (s->blocks) {
        put_block_decoder(w, s->prefix);
    } else {
        begin_step(w, "ByteLevel");
        json_end(w);
    }
    json_end(w);
}

static bool read_surroundings(struct tokenizer *t, const struct surroundings *s, struct err *err)
{
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    struct json_writer w = {.out = &text};
    put_surroundings(&w, s);
    struct span copy = arena_copy(&t->arena, buf_span(&text)), key;
    buf_release(&text);

    struct json_reader r;
    json_open(&r, copy, &t->arena);
    json_enter_object(&r);
    while (json_next_key(&r, &key)) {
        if (span_is(key, "normalizer"))
            normalizer_read(&t->normalizer, &r);
        else if (span_is(key, "pre_tokenizer"))
            pretokenizer_read(&t->pretokenizer, &r);
        else
            decoder_read(&t->decoder, &r);
    }
    return json_close(&r, err);
}

/*
 * ------------------------------------------------------------------------------------- tokens --
 */

static struct vocab *vocab_of(struct tokenizer *t)
{
    return t->model == MODEL_SPM ? &t->spm.vocab : &t->bpe.vocab;
}

static bool read_tokens(struct tokenizer *t, const struct gguf *g, struct err *err)
{
    struct gguf_items items;
    struct span text;
    struct vocab *v = vocab_of(t);
    if (!gguf_get_strings(g, KEY("tokens"), &items, err))
        return false;
    if (items.n_left >= UINT32_MAX / 2) {
        err_set(err, ERR_INPUT, "%llu tokens", (unsigned long long)items.n_left);
        return false;
    }
    vocab_reserve(v, (size_t)items.n_left, 0);
    for (uint32_t id = 0; gguf_next_string(&items, &text); id++) {
        if (utf8_first_invalid(text) < text.len) {
            err_set(err, ERR_INPUT, "token %u is not valid UTF-8", id);
            err_in(err, KEY("tokens"));
            return false;
        }
        if (text.len == 0)
            text = span_of(arena_printf(&t->arena, "[EMPTY_%u]", id));
        vocab_put(v, text, id);
    }
    return true;
}

static bool read_scores(struct tokenizer *t, const struct gguf *g, struct err *err)
{
    struct gguf_items items;
    double score;
    if (!gguf_get_floats(g, KEY("scores"), &items, err))
        return false;
    size_t n = (size_t)items.n_left;
    t->spm.scores = mem_alloc(n * sizeof *t->spm.scores);
    while (t->spm.n_scores < n && gguf_next_double(&items, &score))
        t->spm.scores[t->spm.n_scores++] = (float)score;
    return true;
}

static bool read_merges(struct tokenizer *t, const struct gguf *g, struct err *err)
{
    struct gguf_items items;
    struct span line;
    if (!gguf_get_strings(g, KEY("merges"), &items, err))
        return false;
    bpe_reserve_merges(&t->bpe, (size_t)min_size((size_t)items.n_left, UINT32_MAX / 2));
    while (gguf_next_string(&items, &line)) {
        /* The first blank that is not the first character: a token may begin with one. */
        const uint8_t *space = line.len > 1 ? memchr(line.at + 1, ' ', line.len - 1) : NULL;
        if (!space) {
            err_set(err, ERR_INPUT, "merge %zu is not two tokens", t->bpe.n_merges);
            err_in(err, KEY("merges"));
            return false;
        }
        size_t at = (size_t)(space - line.at);
        if (!bpe_add_merge(&t->bpe, span_part(line, 0, at), span_from(line, at + 1), err)) {
            err_in(err, KEY("merges"));
            return false;
        }
    }
    return true;
}

/* Texts that llama.cpp takes for the end of a turn or a text, whatever their type says. */
static bool looks_final(struct span text)
{
    static const char *const texts[] = {
        "<|eot_id|>",      "<|im_end|>",       "<|end|>",           "<|return|>",
        "<|call|>",        "<|flush|>",        "<|calls|>",         "<end_of_turn>",
        "<|endoftext|>",   "<|eom_id|>",       "<EOT>",             "_<EOT>",
        "[EOT]",           "[EOS]",            "<|end_of_text|>",   "<end_of_utterance>",
        "<eos>",           "<turn|>",          "<|tool_response>",  "<｜end▁of▁sentence｜>",
        "[e~[",            "</s>",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (span_is(text, texts[i]))
            return true;
    }
    return false;
}

/* True where the text holds the word, written in lower case, with any capitals. */
static bool holds(struct span text, const char *word)
{
    size_t len = strlen(word);
    for (size_t i = 0; i + len <= text.len; i++) {
        size_t same = 0;
        while (same < len && tolower(text.at[i + same]) == word[same])
            same++;
        if (same == len)
            return true;
    }
    return false;
}

/* llama.cpp knows by the model's name that Phi-3's special tokens swallow white space behind. */
static bool strips_right(const struct gguf *g)
{
    const struct gguf_entry *name = gguf_find(g, "general.name");
    if (!name || name->type != GGUF_STRING)
        return false;
    return holds(name->bytes, "phi3") || holds(name->bytes, "phi-3");
}

static void add_token(struct tokenizer *t, struct span text, uint32_t id, bool special,
                      bool phi3)
{
    bool rstrip = phi3 && !span_is(text, "<unk>") && !span_is(text, "<s>") &&
                  !span_is(text, "<|endoftext|>");
    text = arena_copy(&t->arena, text);
    t->added.tokens[t->added.n_tokens++] = (struct added_token){
        .content = text, .shown = text, .decoded = text,
        .id = id, .special = special, .rstrip = rstrip};
}

/* The tokens that are cut out of the text before the model sees it. */
static bool read_special(struct tokenizer *t, const struct gguf *g, struct err *err)
{
    struct vocab *v = vocab_of(t);
    struct gguf_items types = {0};
    bool has_types = gguf_find(g, KEY("token_type")) != NULL, phi3 = strips_right(g);
    if (has_types && !gguf_get_ints(g, KEY("token_type"), &types, err))
        return false;
    bool keeps_s = vocab_id(v, span_of("<|tool_response>")) != VOCAB_NONE; /* Gemma 4 */
    t->added.tokens = mem_alloc((v->n_words + 1) * sizeof *t->added.tokens);
    bool ok = true;
    for (uint32_t id = 0; ok && id < v->id_limit; id++) {
        int64_t type = TYPE_NORMAL;
        struct span text;
        if (has_types && !gguf_next_int(&types, &type))
            break;
        if (!vocab_text(v, id, &text))
            continue;
        bool is_final = looks_final(text) && !(keeps_s && span_is(text, "</s>"));
        if (!is_final && type != TYPE_UNKNOWN && type != TYPE_CONTROL && type != TYPE_USER_DEFINED)
            continue;
        if (text.len > ADDED_LONGEST) {
            err_set(err, ERR_INPUT, "special token %u has %zu bytes; %d is the most", id, text.len,
                    ADDED_LONGEST);
            ok = false;
        } else {
            add_token(t, text, id, type != TYPE_USER_DEFINED || is_final, phi3);
        }
    }
    struct added_token *list = t->added.tokens;
    t->added.tokens = arena_array(&t->arena, struct added_token, t->added.n_tokens + 1);
    memcpy(t->added.tokens, list, t->added.n_tokens * sizeof *list);
    mem_free(list);
    if (ok)
        added_finish(&t->added);
    return ok;
}

/*
 * ------------------------------------------------------------------------------------ reading --
 */

static bool read_flag(const struct gguf *g, const char *key, bool fallback, bool *out,
                      struct err *err)
{
    *out = fallback;
    return !gguf_find(g, key) || gguf_get_bool(g, key, out, err);
}

/* The id of a key, or `fallback`; VOCAB_NONE where it is no token. */
static bool read_id(const struct tokenizer *t, const struct gguf *g, const char *key,
                    uint32_t fallback, uint32_t *out, struct err *err)
{
    *out = fallback;
    if (gguf_find(g, key) && !gguf_get_u32(g, key, out, err))
        return false;
    if (*out >= t->id_limit)
        *out = VOCAB_NONE;
    return true;
}

/* Which tokens stand around a text. */
static bool read_ends(struct tokenizer *t, const struct gguf *g, bool add_bos, struct err *err)
{
    bool has_bos, has_eos;
    uint32_t bos, eos;
    bool is_spm = t->model == MODEL_SPM;
    if (!read_flag(g, KEY("add_bos_token"), add_bos, &has_bos, err) ||
        !read_flag(g, KEY("add_eos_token"), false, &has_eos, err) ||
        !read_id(t, g, KEY("bos_token_id"), is_spm ? 1 : VOCAB_NONE, &bos, err) ||
        !read_id(t, g, KEY("eos_token_id"), is_spm ? 2 : VOCAB_NONE, &eos, err))
        return false;
    if ((has_bos && bos == VOCAB_NONE) || (has_eos && eos == VOCAB_NONE)) {
        err_set(err, ERR_INPUT, "the text is to be put between tokens that the file does not name");
        err_in(err, has_bos && bos == VOCAB_NONE ? KEY("bos_token_id") : KEY("eos_token_id"));
        return false;
    }
    postprocess_make(&t->postprocess, &t->arena, &bos, has_bos, &eos, has_eos);
    return true;
}

static bool read_bpe(struct tokenizer *t, const struct gguf *g, struct surroundings *s,
                     struct err *err)
{
    t->model = MODEL_BPE;
    if (!read_tokens(t, g, err) || !read_merges(t, g, err))
        return false;
    t->bpe.ignore_merges = s->pre->ignore_merges;
    t->bpe.byte_fallback = s->blocks;
    t->bpe.whole_newlines = s->blocks;
    if (!bpe_finish(&t->bpe, !s->blocks, err)) {
        err_in(err, KEY("tokens"));
        return false;
    }
    t->id_limit = t->bpe.vocab.id_limit;
    return read_ends(t, g, s->pre->add_bos, err);
}

static bool read_spm(struct tokenizer *t, const struct gguf *g, struct surroundings *s,
                     struct err *err)
{
    t->model = MODEL_SPM;
    s->blocks = true;
    if (!read_flag(g, KEY("add_space_prefix"), true, &s->prefix, err) || !read_tokens(t, g, err) ||
        !read_scores(t, g, err))
        return false;
    if (!spm_finish(&t->spm, err)) {
        err_in(err, KEY("tokens"));
        return false;
    }
    t->id_limit = t->spm.vocab.id_limit;
    return read_id(t, g, KEY("unknown_token_id"), 0, &t->spm.unk_id, err) &&
           read_ends(t, g, true, err);
}

bool tokenizer_gguf_read(struct tokenizer *t, const struct gguf *g, struct err *err)
{
    struct span model, name = span_of("default");
    struct surroundings s = {0};
    bool ok;
    if (!gguf_get_string(g, KEY("model"), &model, err))
        return false;
    if (span_is(model, "gpt2")) {
        if (gguf_find(g, KEY("pre")) && !gguf_get_string(g, KEY("pre"), &name, err))
            return false;
        s.pre = gguf_pre_find(name, err);
        ok = s.pre && read_bpe(t, g, &s, err);
    } else if (span_is(model, "gemma4")) {
        s = (struct surroundings){.pre = &gguf_pre_lines, .blocks = true};
        ok = read_bpe(t, g, &s, err);
    } else if (span_is(model, "llama")) {
        ok = read_spm(t, g, &s, err);
    } else {
        err_set(err, ERR_INPUT, "tokenizer model \"%.*s\" is not supported", SPAN_ARGS(model));
        err_in(err, KEY("model"));
        err_hint(err, "gpt2, llama and gemma4 are; or use the model's Hugging Face folder");
        return false;
    }
    if (!ok || !read_special(t, g, err) || !read_surroundings(t, &s, err))
        return false;
    t->n_words = vocab_of(t)->n_words;
    return true;
}
