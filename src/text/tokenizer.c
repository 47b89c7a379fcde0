/*
 * tokenizer.c - the parts of a tokenizer.json put together.
 *
 *     text -> added tokens | the rest, normalised -> normalised added tokens | pieces -> ids
 *
 * and the post-processor's tokens around them. Ranges: the model tells them within a piece, and the
 * text (text.h) where the piece's bytes came from.
 *
 * The ids of added tokens in the file are not believed: like the library, a token that is in the
 * model has the model's id, and the others count up from the number of the model's words.
 */
#include "text/tokenizer.h"

#include "base/file.h"
#include "base/utf8.h"
#include "text/tokenizer_gguf.h"

/* -------------------------------------------------------------------------------------- opening */

static const struct vocab *vocab_of(const struct tokenizer *t)
{
    return t->model == MODEL_BPE   ? &t->bpe.vocab
           : t->model == MODEL_SPM ? &t->spm.vocab
                                   : &t->unigram.vocab;
}

static uint32_t model_id(const struct tokenizer *t, struct span word)
{
    return vocab_id(vocab_of(t), word);
}

static bool model_text(const struct tokenizer *t, uint32_t id, struct span *word)
{
    if (t->model == MODEL_UNIGRAM)
        return unigram_text(&t->unigram, id, word);
    return vocab_text(vocab_of(t), id, word);
}

/* The number that the library calls the model's vocabulary size: where new ids begin. */
static size_t model_size(const struct tokenizer *t)
{
    return t->model == MODEL_UNIGRAM ? t->unigram.n_pieces : vocab_of(t)->n_words;
}

/* What a normalised added token looks like in normalised text. */
static bool normalize_content(struct tokenizer *t, struct tokenizer_work *w,
                              struct added_token *token, struct err *err)
{
    token->shown = token->content;
    if (!token->normalized || t->normalizer.n_steps == 0 || token->content.len == 0)
        return true;
    text_set(&w->text, token->content, 0, false);
    if (!normalizer_run(&t->normalizer, &w->text, err))
        return false;
    token->shown = w->text.n_pieces == 0 ? (struct span){(const uint8_t *)"", 0}
                                         : arena_copy(&t->arena, w->text.bytes);
    return true;
}

static bool number_added(struct tokenizer *t, struct err *err)
{
    struct tokenizer_work w = {0};
    struct map seen = {0};
    size_t next = model_size(t);
    bool ok = true;
    text_init(&w.text);
    for (uint32_t i = 0; ok && i < t->added.n_tokens; i++) {
        struct added_token *token = &t->added.tokens[i];
        uint32_t earlier;
        token->id = model_id(t, token->content);
        if (map_get(&seen, token->content, &earlier))
            token->id = t->added.tokens[earlier].id;
        else if (token->content.len > 0 && token->id == VOCAB_NONE)
            token->id = (uint32_t)next++;
        ok = normalize_content(t, &w, token, err);
        token->decoded = token->shown;
        if (!token->normalized && map_get(&seen, token->content, &earlier))
            token->decoded = t->added.tokens[earlier].decoded;
        map_put(&seen, token->content, i);
    }
    text_release(&w.text);
    map_release(&seen);
    return ok;
}

static bool finish_json(struct tokenizer *t, struct err *err)
{
    if (t->model == MODEL_UNIGRAM)
        pretokenizer_write_letters(&t->pretokenizer);
    bool ok = t->model == MODEL_BPE ? bpe_finish(&t->bpe, t->pretokenizer.byte_level, err)
                                    : unigram_finish(&t->unigram, err);
    if (!ok) {
        err_in(err, "model");
        return false;
    }
    if (!number_added(t, err)) {
        err_in(err, "added_tokens");
        return false;
    }
    added_finish(&t->added);
    t->id_limit = t->model == MODEL_BPE ? t->bpe.vocab.id_limit : t->unigram.n_pieces;
    t->n_words = vocab_of(t)->n_words;
    for (size_t i = 0; i < t->added.n_tokens; i++) {
        const struct added_token *token = &t->added.tokens[i];
        t->id_limit = max_size(t->id_limit, (size_t)token->id + 1);
        t->n_words += model_id(t, token->content) == VOCAB_NONE &&
                      added_by_content(&t->added, token->content) == token;
    }
    return true;
}

static void read_member(struct tokenizer *t, struct json_reader *r, struct span key)
{
    if (span_is(key, "version")) {
        struct span version = json_string(r);
        if (!r->failed && !span_is(version, "1.0"))
            json_fail(r, "version \"%.*s\" of tokenizer.json is not known", SPAN_ARGS(version));
    } else if (span_is(key, "added_tokens")) {
        added_read(&t->added, r);
    } else if (span_is(key, "normalizer")) {
        normalizer_release(&t->normalizer);
        normalizer_read(&t->normalizer, r);
    } else if (span_is(key, "pre_tokenizer")) {
        pretokenizer_release(&t->pretokenizer);
        pretokenizer_read(&t->pretokenizer, r);
    } else if (span_is(key, "post_processor")) {
        postprocess_read(&t->postprocess, r);
    } else if (span_is(key, "decoder")) {
        decoder_release(&t->decoder);
        decoder_read(&t->decoder, r);
    } else if (span_is(key, "model") && t->model == MODEL_NONE) {
        t->model = model_json_read(&t->bpe, &t->unigram, r);
    } else {
        json_skip(r);
    }
}

bool tokenizer_open_json(struct tokenizer *t, struct span text, struct err *err)
{
    struct json_reader r;
    struct span key;
    *t = (struct tokenizer){.decoder.is_null = true};
    postprocess_make(&t->postprocess, &t->arena, NULL, 0, NULL, 0);
    json_open(&r, text, &t->arena);
    json_enter_object(&r);
    while (json_next_key(&r, &key))
        read_member(t, &r, key);
    if (!r.failed && t->model == MODEL_NONE)
        json_fail(&r, "no \"model\" in it");
    if (!json_close(&r, err)) {
        err_hint(err, "a tokenizer.json that the tokenizers library wrote is expected, with a BPE "
                      "or Unigram model");
        goto fail;
    }
    if (!finish_json(t, err))
        goto fail;
    return true;

fail:
    tokenizer_close(t);
    return false;
}

bool tokenizer_open_gguf(struct tokenizer *t, struct span bytes, struct err *err)
{
    struct gguf g;
    *t = (struct tokenizer){0};
    if (!gguf_open_bytes(&g, bytes, err))
        return false;
    bool ok = tokenizer_gguf_read(t, &g, err);
    if (!ok)
        tokenizer_close(t);
    gguf_close(&g);
    return ok;
}

bool tokenizer_open(struct tokenizer *t, const char *path, struct err *err)
{
    struct arena names = {0};
    struct file_map map = {0};
    *t = (struct tokenizer){0};
    bool is_folder = file_kind_of(path) == FILE_FOLDER;
    if (is_folder)
        path = file_join(&names, path, "tokenizer.json");
    bool ok = file_map(&map, path, err);
    if (!ok && is_folder)
        err_hint(err, "the folder needs a tokenizer.json; a tokenizer.model alone is not read");
    if (ok) {
        ok = gguf_is(map.bytes) ? tokenizer_open_gguf(t, map.bytes, err)
                                : tokenizer_open_json(t, map.bytes, err);
        if (!ok)
            err_in(err, "%s", path);
    }
    file_unmap(&map);
    arena_release(&names);
    return ok;
}

void tokenizer_close(struct tokenizer *t)
{
    bpe_release(&t->bpe);
    unigram_release(&t->unigram);
    spm_release(&t->spm);
    added_release(&t->added);
    normalizer_release(&t->normalizer);
    pretokenizer_release(&t->pretokenizer);
    decoder_release(&t->decoder);
    arena_release(&t->arena);
    *t = (struct tokenizer){0};
}

void tokenizer_work_release(struct tokenizer_work *w)
{
    if (w->is_ready) {
        text_release(&w->text);
        text_release(&w->part);
    }
    bpe_work_release(&w->bpe);
    unigram_work_release(&w->unigram);
    spm_work_release(&w->spm);
    *w = (struct tokenizer_work){0};
}

/* ------------------------------------------------------------------------------------- encoding */

/* What one call of tokenizer_encode passes down. */
struct encoding {
    const struct tokenizer *t;
    struct tokenizer_work *w;
    struct tokens *out;
};

/* Turns ranges within a piece, which begins at `start` of the text, into ranges of the original. */
static void place_tokens(struct tokens *out, size_t first, const struct text *text, size_t start)
{
    for (size_t i = first; i < out->n; i++) {
        struct text_range *range = &out->ranges[i];
        size_t from = start + range->start, to = start + range->end;
        if (from < to) {
            struct text_origin origin = text_origin_of(text, from, to);
            *range = (struct text_range){origin.start, origin.end};
        } else { /* a token that stands for no bytes: the place before it */
            size_t place = from > 0 ? text_origin_of(text, from - 1, from).end : text->base;
            *range = (struct text_range){place, place};
        }
    }
}

static inline bool encode_piece(const struct encoding *e, struct span piece, struct err *err)
{
    if (e->t->model == MODEL_BPE)
        return bpe_encode(&e->t->bpe, &e->w->bpe, piece, e->out, err);
    if (e->t->model == MODEL_UNIGRAM)
        return unigram_encode(&e->t->unigram, &e->w->unigram, piece, e->out, err);
    spm_encode(&e->t->spm, &e->w->spm, piece, e->out);
    return true;
}

static bool encode_pieces(const struct encoding *e, struct text *text, struct err *err)
{
    if (!pretokenizer_run(&e->t->pretokenizer, text, err))
        return false;
    for (size_t i = 0; i < text->n_pieces; i++) {
        size_t start = text->pieces[i].start, first = e->out->n;
        struct span piece = {text->bytes.at + start, text->pieces[i].end - start};
        if (!encode_piece(e, piece, err))
            return false;
        if (e->out->with_ranges)
            place_tokens(e->out, first, text, start);
    }
    return true;
}

/* A part of the text between added tokens. */
static bool encode_part(const struct encoding *e, struct span bytes, size_t base, struct err *err)
{
    struct text *text = &e->w->text;
    const struct added_set *set = &e->t->added.normalized;
    const struct pretokenizer *pre = &e->t->pretokenizer;
    bool tracked = e->out->with_ranges || pre->needs_origins ||
                   (pre->asks_start && e->t->normalizer.n_steps > 0);
    text_set(text, bytes, base, tracked);
    if (!normalizer_run(&e->t->normalizer, text, err))
        return false;
    if (added_set_is_empty(set) || text->n_pieces == 0)
        return encode_pieces(e, text, err);

    struct added_walk walk;
    struct added_part part;
    added_begin(&walk, &e->t->added, set, text->bytes);
    while (added_next(&walk, &part)) {
        if (!part.token) {
            text_part(&e->w->part, text, part.start, part.end);
            if (!encode_pieces(e, &e->w->part, err))
                return false;
            continue;
        }
        size_t first = e->out->n;
        tokens_add(e->out, part.token->id, 0, part.end - part.start);
        if (e->out->with_ranges)
            place_tokens(e->out, first, text, part.start);
    }
    return true;
}

static bool encode_text(const struct encoding *e, struct span text, struct err *err)
{
    struct added_walk walk;
    struct added_part part;
    added_begin(&walk, &e->t->added, &e->t->added.raw, text);
    while (added_next(&walk, &part)) {
        if (part.token)
            tokens_add(e->out, part.token->id, part.start, part.end);
        else if (!encode_part(e, span_part(text, part.start, part.end - part.start), part.start,
                              err))
            return false;
    }
    return true;
}

static bool check_text(struct span text, struct err *err)
{
    if (text.len > TEXT_MAX_BYTES) {
        err_set(err, ERR_INPUT, "a text of %zu bytes", text.len);
        err_hint(err, "texts may have 4 GB; split it");
        return false;
    }
    size_t invalid = utf8_first_invalid(text);
    if (invalid < text.len) {
        err_set(err, ERR_INPUT, "not valid UTF-8");
        err_in(err, "byte %zu", invalid);
        err_hint(err, "convert the text to UTF-8 first");
        return false;
    }
    return true;
}

/* Appends again what is already there: for a template that wants the text twice. */
static void repeat(struct tokens *out, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        struct text_range range = {0};
        if (out->with_ranges)
            range = out->ranges[i];
        tokens_add(out, out->ids[i], range.start, range.end);
    }
}

bool tokenizer_encode(const struct tokenizer *t, struct tokenizer_work *w, struct span text,
                      bool add_special, struct tokens *out, struct err *err)
{
    if (!check_text(text, err))
        return false;
    if (!w->is_ready) {
        text_init(&w->text);
        text_init(&w->part);
        w->is_ready = true;
    }
    struct encoding e = {t, w, out};
    const struct postprocess_list *list =
        add_special ? &t->postprocess.special : &t->postprocess.plain;
    size_t first = 0, end = 0;
    bool is_done = false;
    for (size_t i = 0; i < list->n; i++) {
        if (!list->items[i].is_text) {
            size_t place = is_done ? text.len : 0;
            tokens_add(out, list->items[i].id, place, place);
        } else if (is_done) {
            repeat(out, first, end);
        } else {
            first = out->n;
            if (!encode_text(&e, text, err))
                return false;
            end = out->n;
            is_done = true;
        }
    }
    return true;
}

/* ------------------------------------------------------------------------------------- decoding */

bool tokenizer_decode(const struct tokenizer *t, const uint32_t *ids, size_t n, bool skip_special,
                      struct buf *out, struct err *err)
{
    struct span *words = mem_alloc(max_size(n, 1) * sizeof *words);
    size_t n_words = 0;
    for (size_t i = 0; i < n; i++) {
        const struct added_token *token = added_by_id(&t->added, ids[i]);
        struct span word = {0};
        if (token)
            word = token->decoded;
        else if (!model_text(t, ids[i], &word))
            continue;
        if (!skip_special || !added_is_special(&t->added, word))
            words[n_words++] = word;
    }
    bool ok = decoder_run(&t->decoder, words, n_words, out, err);
    mem_free(words);
    return ok;
}

/* -------------------------------------------------------------------------------------- look-up */

bool tokenizer_id(const struct tokenizer *t, struct span word, uint32_t *id)
{
    const struct added_token *token = added_by_content(&t->added, word);
    *id = token ? token->id : model_id(t, word);
    return *id != VOCAB_NONE;
}

bool tokenizer_text(const struct tokenizer *t, uint32_t id, struct span *word)
{
    const struct added_token *token = added_by_id(&t->added, id);
    if (token) {
        *word = token->content;
        return true;
    }
    return model_text(t, id, word);
}

bool tokenizer_is_special(const struct tokenizer *t, uint32_t id)
{
    const struct added_token *token = added_by_id(&t->added, id);
    return token && token->special;
}
