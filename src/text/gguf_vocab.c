/*
 * gguf_vocab.c - a tokenizer.json in the words of GGUF.
 *
 *     byte-level BPE             tokenizer.ggml.model "gpt2": tokens, merges, the name of its cuts
 *     BPE with byte fallback     "llama": tokens and scores
 *
 * llama.cpp runs the second kind as SentencePiece does: of two neighbours whose text is a token,
 * those with the best score merge first. A tokenizer.json has merges in their order instead, so a
 * token's score is minus the number of the first merge that makes it, and that of a token which no
 * merge makes is below all of them. Both then merge alike; the scores of the original
 * SentencePiece model, where there was one, have the same order. llama.cpp's own converter gives
 * all tokens one score where it has no tokenizer.model, and the file then encodes otherwise.
 *
 * What stands around a text is taken from what the post-processor does, not from how it is written.
 * Unicode normalisation (Qwen's NFC) is what GGUF cannot say; the texts compared below leave it
 * out.
 *
 * Sources: llama.cpp's conversion/base.py and gguf-py (which keys there are, the types of tokens);
 * checked with its converter and its tokenizer.
 */
#include "text/gguf_vocab.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "text/chat.h"
#include "text/end_token.h"
#include "text/gguf_pre.h"

#define KEY(name) "tokenizer.ggml." name

enum token_type {
    TYPE_NORMAL = 1,
    TYPE_UNKNOWN = 2,
    TYPE_CONTROL = 3,
    TYPE_USER_DEFINED = 4,
    TYPE_UNUSED = 5,
    TYPE_BYTE = 6,
};

/* ------------------------------------------------------------------------------------ tokens -- */

/* Some models do not mark as special what is no text. */
static bool looks_special(struct span text)
{
    static const char *const words[] = {"<pad>", "<mask>", "<2mass>", "[@BOS@]"};
    static const char *const frames[][2] = {{"<|", "|>"}, {"<｜", "｜>"}, {"<unused", ">"}};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (span_is(text, words[i]))
            return true;
    }
    for (size_t i = 0; i < COUNT_OF(frames); i++) {
        if (span_starts_with(text, span_of(frames[i][0])) &&
            span_ends_with(text, span_of(frames[i][1])))
            return true;
    }
    return false;
}

static bool is_byte_name(struct span word)
{
    static const char digits[] = "0123456789ABCDEFabcdef";
    return word.len == 6 && memcmp(word.at, "<0x", 3) == 0 && word.at[5] == '>' &&
           memchr(digits, word.at[3], 22) && memchr(digits, word.at[4], 22);
}

/* Blanks are blanks in tokens that are cut out of the raw text. */
static void put_plain(struct buf *out, struct span word)
{
    static const char block[] = "\xe2\x96\x81";
    for (size_t i = 0; i < word.len; i++) {
        if (span_starts_with(span_from(word, i), span_of(block))) {
            buf_add_byte(out, ' ');
            i += 2;
        } else {
            buf_add_byte(out, word.at[i]);
        }
    }
}

/* The text of an id, into `out` (cleared first), and its type. */
static enum token_type describe(const struct tokenizer *t, uint32_t id, struct buf *out)
{
    const struct added_token *added = added_by_id(&t->added, id);
    bool is_spm = !t->pretokenizer.byte_level;
    struct span word;
    buf_clear(out);
    if (added) {
        bool special = added->special || looks_special(added->content);
        if (special)
            buf_add(out, added->content);
        else
            put_plain(out, added->content);
        return special ? TYPE_CONTROL : TYPE_USER_DEFINED;
    }
    if (!tokenizer_text(t, id, &word)) {
        buf_printf(out, "[PAD%u]", id);
        return TYPE_UNUSED;
    }
    buf_add(out, word);
    if (is_spm && id == t->bpe.unk_id)
        return TYPE_UNKNOWN;
    return is_spm && is_byte_name(word) ? TYPE_BYTE : TYPE_NORMAL;
}

static void put_tokens(struct gguf_writer *w, const struct tokenizer *t, size_t n)
{
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    gguf_put_array(w, KEY("tokens"), GGUF_STRING, n);
    for (uint32_t id = 0; id < n; id++) {
        (void)describe(t, id, &text);
        gguf_item_string(w, buf_span(&text));
    }
    gguf_put_array(w, KEY("token_type"), GGUF_I32, n);
    for (uint32_t id = 0; id < n; id++)
        gguf_item_i32(w, (int32_t)describe(t, id, &text));
    buf_release(&text);
}

/* ------------------------------------------------------------------------------------ merges -- */

static int compare_ranks(const void *a, const void *b)
{
    const struct bpe_merge *x = a, *y = b;
    return x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* The merges in their order, in the arena. */
static struct bpe_merge *list_merges(const struct bpe *b, struct arena *arena, size_t *n)
{
    struct bpe_merge *list = arena_array(arena, struct bpe_merge, b->n_merges + 1);
    *n = 0;
    for (size_t i = 0; i < b->n_slots; i++) {
        if (b->merges[i].left != VOCAB_NONE)
            list[(*n)++] = b->merges[i];
    }
    qsort(list, *n, sizeof *list, compare_ranks);
    return list;
}

/* A blank would end the word: it is written as the byte alphabet writes it. */
static void put_word(struct buf *out, const struct vocab *v, uint32_t id)
{
    struct span word = {0};
    bool found = vocab_text(v, id, &word);
    CHECK(found);
    for (size_t i = 0; i < word.len; i++) {
        if (word.at[i] == ' ')
            buf_add_text(out, "\xc4\xa0");
        else
            buf_add_byte(out, word.at[i]);
    }
}

static void put_merges(struct gguf_writer *w, const struct bpe *b)
{
    struct arena arena = {0};
    struct buf line;
    size_t n;
    const struct bpe_merge *list = list_merges(b, &arena, &n);
    buf_init(&line, BUF_NO_LIMIT);
    gguf_put_array(w, KEY("merges"), GGUF_STRING, n);
    for (size_t i = 0; i < n; i++) {
        buf_clear(&line);
        put_word(&line, &b->vocab, list[i].left);
        buf_add_byte(&line, ' ');
        put_word(&line, &b->vocab, list[i].right);
        gguf_item_string(w, buf_span(&line));
    }
    buf_release(&line);
    arena_release(&arena);
}

static void put_scores(struct gguf_writer *w, const struct bpe *b, size_t n_tokens)
{
    struct arena arena = {0};
    size_t n;
    const struct bpe_merge *list = list_merges(b, &arena, &n);
    float *scores = arena_array(&arena, float, n_tokens);
    for (size_t i = 0; i < n_tokens; i++)
        scores[i] = -(float)n - 1;
    for (size_t i = n; i > 0; i--) { /* the first merge of several counts */
        if (list[i - 1].id < n_tokens)
            scores[list[i - 1].id] = -(float)(i - 1);
    }
    gguf_put_array(w, KEY("scores"), GGUF_F32, n_tokens);
    for (size_t i = 0; i < n_tokens; i++)
        gguf_item_f32(w, scores[i]);
    arena_release(&arena);
}

/* ------------------------------------------------------------------------------------- kinds -- */

/* What the post-processor puts around a text: one token each, or none. */
struct ends {
    int64_t before, after; /* -1: none */
};

static bool find_ends(const struct tokenizer *t, struct ends *ends, struct err *err)
{
    const struct postprocess_list *list = &t->postprocess.special;
    size_t n_texts = 0, text = 0;
    *ends = (struct ends){-1, -1};
    for (size_t i = 0; i < list->n; i++) {
        n_texts += list->items[i].is_text;
        text = list->items[i].is_text ? i : text;
    }
    if (n_texts != 1 || text > 1 || list->n - text > 2) {
        err_set(err, ERR_INPUT,
                "GGUF has no words for a post_processor that puts more than one "
                "token before or behind a text");
        return false;
    }
    if (text == 1)
        ends->before = list->items[0].id;
    if (list->n - text == 2)
        ends->after = list->items[text + 1].id;
    return true;
}

static bool put_bpe(struct gguf_writer *w, const struct tokenizer *t, size_t n, bool add_bos,
                    struct err *err)
{
    const struct gguf_pre *pre = gguf_pre_like(&t->pretokenizer, t->bpe.ignore_merges, add_bos);
    if (!pre) {
        err_set(err, ERR_INPUT, "GGUF has no name for the way in which this pre_tokenizer cuts");
        return false;
    }
    gguf_put_text(w, KEY("model"), "gpt2");
    gguf_put_text(w, KEY("pre"), pre->names[0]);
    put_tokens(w, t, n);
    put_merges(w, &t->bpe);
    return true;
}

/* True where a text begins with a blank that was not in it. */
static bool adds_blank(const struct tokenizer *t)
{
    struct tokenizer_work work = {0};
    struct tokens ids = {0};
    struct err ignored;
    struct span first = {0};
    bool ok = tokenizer_encode(t, &work, span_of("a"), false, &ids, &ignored) && ids.n > 0 &&
              tokenizer_text(t, ids.ids[0], &first);
    bool adds = ok && span_starts_with(first, span_of("\xe2\x96\x81"));
    tokens_release(&ids);
    tokenizer_work_release(&work);
    return adds;
}

static void put_spm(struct gguf_writer *w, const struct tokenizer *t, size_t n)
{
    gguf_put_text(w, KEY("model"), "llama");
    gguf_put_text(w, KEY("pre"), "default");
    put_tokens(w, t, n);
    put_scores(w, &t->bpe, n);
    gguf_put_bool(w, KEY("add_space_prefix"), adds_blank(t));
}

static bool put_special(struct gguf_writer *w, const char *folder, const struct tokenizer *t,
                        const struct ends *ends, struct err *err)
{
    static const char *const names[][2] = {
        {"bos", KEY("bos_token_id")},     {"eos", KEY("eos_token_id")},
        {"unk", KEY("unknown_token_id")}, {"sep", KEY("seperator_token_id")}, /* spelt so */
        {"pad", KEY("padding_token_id")}, {"cls", KEY("cls_token_id")},
        {"mask", KEY("mask_token_id")},
    };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        int64_t id, around = i == 0 ? ends->before : i == 1 ? ends->after : -1;
        if (!special_token_find(folder, names[i][0], t, &id, err))
            return false;
        if (i == 1 && around >= 0 && id >= 0 && around != id) /* what ends an answer, then */
            gguf_put_u32(w, KEY("eot_token_id"), (uint32_t)id);
        if (around >= 0)
            id = around;
        if (id >= 0)
            gguf_put_u32(w, names[i][1], (uint32_t)id);
    }
    gguf_put_bool(w, KEY("add_bos_token"), ends->before >= 0);
    gguf_put_bool(w, KEY("add_eos_token"), ends->after >= 0);
    return true;
}

/* True where the folder has a template, which is put. */
static bool put_template(struct gguf_writer *w, const char *folder)
{
    struct chat chat;
    struct err err;
    if (!folder)
        return false;
    if (!chat_open(&chat, &(struct chat_source){.model = folder}, &err)) {
        if (!strstr(err.what, "there is no chat template"))
            log_warning("the chat template is left out: %s: %s", err.where, err.what);
        return false;
    }
    gguf_put_string(w, "tokenizer.chat_template", chat.source);
    chat_close(&chat);
    return true;
}

static bool put_all(struct gguf_writer *w, const struct gguf_vocab_source *source,
                    const struct tokenizer *t, struct err *err)
{
    struct ends ends;
    bool is_spm = t->model == MODEL_BPE && !t->pretokenizer.byte_level && t->bpe.byte_fallback;
    if (t->id_limit > source->vocabulary) {
        err_set(err, ERR_INPUT, "its ids go up to %zu, and the model has %zu", t->id_limit - 1,
                source->vocabulary);
        err_hint(err, "the tokenizer is not this model's");
        return false;
    }
    if (!is_spm && !t->pretokenizer.byte_level) {
        err_set(err, ERR_INPUT,
                "GGUF has no words for a tokenizer that is neither byte-level BPE "
                "nor BPE with byte_fallback");
        return false;
    }
    if (!find_ends(t, &ends, err))
        return false;
    if (is_spm)
        put_spm(w, t, source->vocabulary);
    else if (!put_bpe(w, t, source->vocabulary, ends.before >= 0, err))
        return false;
    return put_special(w, source->folder, t, &ends, err);
}

bool gguf_vocab_put(struct gguf_writer *w, const struct gguf_vocab_source *source, struct err *err)
{
    struct tokenizer t;
    if (!tokenizer_open(&t, source->folder, err))
        return false;
    bool ok = put_all(w, source, &t, err);
    if (!ok)
        err_in(err, "tokenizer of %s", source->folder);
    tokenizer_close(&t);
    if (ok && !put_template(w, source->template_folder))
        (void)put_template(w, source->folder);
    return ok;
}

/* ----------------------------------------------------------------------------------- compare -- */

static const char *const probes[] = {
    "Once upon a time, there was a little girl who didn't like 12345 apples.",
    "  two blanks before, two behind  ",
    "line one\nline two\r\n\n\tindented\t\ttwice",
    "int main(void) { return x[0] + 1.5e-3; } // done!!!\n",
    "Änderung, façade, naïve coöperation; ЧТО ЭТО? 中文字符和日本語。",
    "emoji 😀🚀 and marks नमस्ते สวัสดี",
    "I'M WE'LL they've 's 'S <b>bold</b> a_b-c/d\\e",
    "a",
    " ",
    "",
};

bool gguf_vocab_compare(const char *folder, const char *gguf, size_t *n_other, size_t *n,
                        struct err *err)
{
    struct tokenizer a = {0}, b = {0};
    struct tokenizer_work work_a = {0}, work_b = {0};
    struct tokens ids_a = {0}, ids_b = {0};
    bool ok = tokenizer_open(&a, folder, err) && tokenizer_open(&b, gguf, err);
    *n_other = 0;
    *n = COUNT_OF(probes);
    for (size_t i = 0; ok && i < COUNT_OF(probes); i++) {
        struct span text = span_of(probes[i]);
        ids_a.n = ids_b.n = 0;
        ok = tokenizer_encode(&a, &work_a, text, true, &ids_a, err) &&
             tokenizer_encode(&b, &work_b, text, true, &ids_b, err);
        *n_other +=
            ok && (ids_a.n != ids_b.n ||
                   (ids_a.n > 0 && memcmp(ids_a.ids, ids_b.ids, ids_a.n * sizeof *ids_a.ids) != 0));
    }
    tokens_release(&ids_a);
    tokens_release(&ids_b);
    tokenizer_work_release(&work_a);
    tokenizer_work_release(&work_b);
    tokenizer_close(&a);
    tokenizer_close(&b);
    return ok;
}
