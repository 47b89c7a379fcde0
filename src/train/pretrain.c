/*
 * pretrain.c - a tokenizer and a description for a model that is to be trained from nothing.
 *
 * The tokenizer is a byte-level BPE with three special tokens in the places that SmolLM2 has them
 * in: <|endoftext|> ends every text, <|im_start|> and <|im_end|> frame the turns of a conversation
 * (ChatML), whether the data holds conversations or not, so that the model can be tuned on some
 * later. It learns from all rows, those that will be held out as well: no merge tells what a
 * particular row says. Of a corpus larger than CORPUS_BYTES the beginning is enough.
 *
 * With a tokenizer of our own we know which token ends a text, and the description does not: it was
 * written before, or for another vocabulary. So it is told; where nothing is said transformers
 * takes the family's default, and would not stop where the texts did.
 *
 * Nothing is written before all of the data was read.
 */
#include "train/pretrain.h"

#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "model/config.h"
#include "model/save.h"
#include "text/bpe_train.h"
#include "text/dataset.h"
#include "text/row_encoder.h"
#include "train/output.h"

const char pretrain_folder[] = "tokenizer";

enum { CORPUS_BYTES = 200 << 20 };

static const char *const special[] = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};

/* Padding: none. Where it is left out, transformers takes the family's, which may be beyond the
 * vocabulary, and torch does not train the vector of a token that pads. */
static const struct {
    const char *name, *value;
} ids[] = {{"pad_token_id", "null"}, {"eos_token_id", "0"}, {"bos_token_id", "0"}};

static const char tokenizer_config[] = "{\n"
                                       "  \"bos_token\": \"<|endoftext|>\",\n"
                                       "  \"clean_up_tokenization_spaces\": false,\n"
                                       "  \"eos_token\": \"<|endoftext|>\",\n"
                                       "  \"pad_token\": \"<|endoftext|>\",\n"
                                       "  \"tokenizer_class\": \"PreTrainedTokenizerFast\"\n"
                                       "}\n";

static bool feed_row(struct bpe_train *t, const struct dataset_row *row, size_t *bytes,
                     struct err *err)
{
    *bytes += row->prompt.len + row->completion.len;
    bool ok = bpe_train_feed(t, row->prompt, err) && bpe_train_feed(t, row->completion, err);
    for (size_t i = 0; ok && i < row->chat.count; i++) {
        *bytes += row->chat.messages[i].content.len;
        ok = bpe_train_feed(t, row->chat.messages[i].content, err);
    }
    return ok;
}

static bool feed_data(struct bpe_train *t, const struct options *o, struct err *err)
{
    struct dataset dataset;
    struct dataset_row row;
    struct dataset_options options = {
        .columns = o->columns, .as_chat = true, .skip_bad_rows = o->skip_bad_rows};
    size_t bytes = 0;
    bool more = true, ok = dataset_open(&dataset, o->arguments[1], &options, err);
    if (!ok)
        return false;
    while (bytes < CORPUS_BYTES && (ok = dataset_next(&dataset, &row, &more, err)) && more) {
        if (!(ok = feed_row(t, &row, &bytes, err)))
            break;
    }
    dataset_close(&dataset);
    return ok;
}

/* Trains a tokenizer on the data, and writes it as JSON. */
static bool train_tokenizer(const struct options *o, size_t vocabulary, struct buf *json,
                            struct err *err)
{
    struct bpe_train train;
    struct bpe_train_options options = {
        .vocab_size = vocabulary, .special = special, .n_special = COUNT_OF(special)};
    if (vocabulary < 256 + COUNT_OF(special)) {
        err_set(err, ERR_INPUT, "vocab_size %zu has no room for 256 bytes and %zu special tokens",
                vocabulary, COUNT_OF(special));
        err_hint(err, "2048 and more serve small models");
        return false;
    }
    bpe_train_init(&train, &options);
    bool ok = feed_data(&train, o, err);
    if (ok) {
        bpe_train_run(&train);
        if (train.n_tokens < vocabulary)
            log_note("the data make %zu tokens, fewer than the vocabulary of %zu", train.n_tokens,
                     vocabulary);
        bpe_train_write(&train, json);
    }
    bpe_train_release(&train);
    return ok;
}

/* The description, with the ids that are the tokenizer's to say. */
static bool put_config(struct span text, const char *path, struct err *err)
{
    struct arena arena = {0};
    struct buf out;
    bool ok = true;
    buf_init(&out, BUF_NO_LIMIT);
    for (size_t i = 0; ok && i < COUNT_OF(ids); i++) {
        text = arena_copy(&arena, text);
        buf_clear(&out);
        ok = model_put_setting(&out, text, ids[i].name, ids[i].value, err);
        text = buf_span(&out);
    }
    ok = ok && file_put(path, text, err);
    buf_release(&out);
    arena_release(&arena);
    return ok;
}

/* Writes the folder of a model whose tokenizer was trained. */
static bool write_own(const char *from, struct span json, const char *folder, struct err *err)
{
    struct arena arena = {0};
    struct file_map map;
    bool ok = file_map(&map, from, err);
    if (ok) {
        ok = put_config(map.bytes, file_join(&arena, folder, "config.json"), err) &&
             file_put(file_join(&arena, folder, "tokenizer.json"), json, err) &&
             file_put(file_join(&arena, folder, "tokenizer_config.json"), span_of(tokenizer_config),
                      err) &&
             file_put(file_join(&arena, folder, "chat_template.jinja"), span_of(chat_chatml), err);
        file_unmap(&map);
    }
    arena_release(&arena);
    return ok;
}

/* Writes the folder of a model that has a tokenizer: what is in its own. */
static bool write_given(const char *from, const char *path, const char *folder, struct err *err)
{
    struct arena arena = {0};
    struct file_map map;
    bool ok = file_map(&map, from, err);
    if (ok) {
        ok = file_put(file_join(&arena, folder, "config.json"), map.bytes, err) &&
             model_copy_companions(path, folder, err);
        file_unmap(&map);
    }
    arena_release(&arena);
    return ok;
}

bool pretrain_prepare(const struct options *o, struct lock *lock, struct err *err)
{
    struct arena arena = {0};
    struct model_config config;
    struct buf json;
    const char *path = o->arguments[0];
    bool is_folder = file_kind_of(path) == FILE_FOLDER, ok = false;
    bool has_own =
        !is_folder || file_kind_of(file_join(&arena, path, "tokenizer.json")) != FILE_REGULAR;
    const char *folder = file_join(&arena, o->output_dir, pretrain_folder);
    const char *from = is_folder ? file_join(&arena, path, "config.json") : path;
    buf_init(&json, BUF_NO_LIMIT);
    if (!model_config_read(&config, &arena, path, err)) {
        if (!err->hint[0])
            err_hint(err, "CONFIG, which comes first, is a config.json or a folder that holds one");
        goto done;
    }
    if (config.is_gguf) {
        err_set(err, ERR_INPUT, "a GGUF file has weights already; a config.json is wanted");
        err_in(err, "%s", path);
        goto done;
    }
    if (has_own && !train_tokenizer(o, config.vocabulary, &json, err))
        goto done;
    ok = output_hold(o, lock, err) && file_make_folder(folder, err) &&
         (has_own ? write_own(from, buf_span(&json), folder, err)
                  : write_given(from, path, folder, err));

done:
    buf_release(&json);
    arena_release(&arena);
    return ok;
}

void pretrain_discard(const struct options *o)
{
    struct arena arena = {0};
    const char *folder = file_join(&arena, o->output_dir, pretrain_folder);
    (void)unlink(file_join(&arena, folder, "config.json"));
    for (size_t i = 0; i < model_n_companions; i++)
        (void)unlink(file_join(&arena, folder, model_companions[i]));
    (void)rmdir(folder);
    (void)unlink(file_join(&arena, o->output_dir, "checkpoint/lock"));
    (void)rmdir(file_join(&arena, o->output_dir, "checkpoint"));
    (void)rmdir(o->output_dir); /* where nothing else is in it */
    arena_release(&arena);
}
