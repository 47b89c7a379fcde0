/*
 * data_tool.c - packing and encoding as commands, for data_check.py.
 *
 *     pack STRATEGY CAPACITY FILE            bfd or wrapped; FILE: a JSON list of lengths; prints
 *                                            a list of sequences of [row, first, len, start]
 *     encode MODEL DATA MAX_LENGTH OVERFLOW  auto, start, end or split; prints a document a row:
 *                                            {"line", "ids", "mask", "part", "rejected"}
 */
#include <stdio.h>

#include "base/log.h"
#include "base/num.h"
#include "text/pack.h"
#include "text/row_store.h"

static struct buf out;
static struct json_writer json = {.out = &out};

static bool read_lengths(const char *path, struct buf *lengths, struct err *err)
{
    struct file_map map;
    struct arena arena = {0};
    struct json_reader r;
    if (!file_map(&map, path, err))
        return false;
    json_open(&r, map.bytes, &arena);
    for (json_enter_array(&r); json_next_item(&r);)
        buf_add_u32_le(lengths, (uint32_t)json_int(&r));
    bool ok = json_close(&r, err);
    file_unmap(&map);
    arena_release(&arena);
    return ok;
}

static bool run_pack(char **words, struct err *err)
{
    struct buf lengths;
    struct arena arena = {0};
    struct pack pack;
    int64_t capacity = 1;
    buf_init(&lengths, BUF_NO_LIMIT);
    CHECK(num_parse_i64(span_of(words[1]), &capacity));
    bool ok = read_lengths(words[2], &lengths, err);
    if (ok) {
        bool is_bfd = strcmp(words[0], "bfd") == 0;
        pack_rows(&pack, &arena, is_bfd ? PACK_BFD : PACK_WRAPPED,
                  (const uint32_t *)(const void *)lengths.at, lengths.len / 4, (uint32_t)capacity);
        json_begin_array(&json);
        for (size_t s = 0; s < pack.n_sequences; s++) {
            json_begin_array(&json);
            for (size_t i = pack.sequence[s]; i < pack.sequence[s + 1]; i++) {
                const struct pack_piece *piece = &pack.pieces[i];
                json_begin_array(&json);
                json_put_int(&json, piece->row);
                json_put_int(&json, piece->first);
                json_put_int(&json, piece->len);
                json_put_int(&json, piece->start);
                json_end(&json);
            }
            json_end(&json);
        }
        json_end(&json);
        buf_add_byte(&out, '\n');
    }
    arena_release(&arena);
    buf_release(&lengths);
    return ok;
}

static void put_row(const struct row_store *store, uint32_t row)
{
    const struct stored_row *stored = &store->rows[row];
    json_begin_object(&json);
    json_key(&json, "line");
    json_put_int(&json, (int64_t)stored->line);
    json_key(&json, "part");
    json_put_text(&json, dataset_part_name((enum dataset_part)stored->part));
    json_key(&json, "rejected");
    json_put_bool(&json, stored->is_rejected);
    json_key(&json, "ids");
    json_begin_array(&json);
    for (uint32_t t = 0; t < stored->len; t++)
        json_put_int(&json, row_store_ids(store, row)[t]);
    json_end(&json);
    json_key(&json, "mask");
    json_begin_array(&json);
    for (uint32_t t = 0; t < stored->len; t++)
        json_put_int(&json, row_store_is_trained(store, row, t));
    json_end(&json);
    json_end(&json);
    buf_add_byte(&out, '\n');
}

static enum row_overflow overflow_of(const char *word)
{
    return strcmp(word, "split") == 0   ? OVERFLOW_SPLIT
           : strcmp(word, "start") == 0 ? OVERFLOW_CUT_START
           : strcmp(word, "end") == 0   ? OVERFLOW_CUT_END
                                        : OVERFLOW_AUTO;
}

static bool run_encode(char **words, struct err *err)
{
    struct row_encoder encoder;
    struct dataset data = {0};
    struct row_store store = {0};
    int64_t max_length = 1;
    CHECK(num_parse_i64(span_of(words[2]), &max_length));
    if (!row_encoder_open(&encoder, words[0], NULL, err))
        return false;
    struct row_store_options options = {.sizes = {-1, -1},
                                        .max_length = (uint32_t)max_length,
                                        .overflow = overflow_of(words[3])};
    struct dataset_options how = {.as_chat = encoder.has_chat};
    bool ok = dataset_open(&data, words[1], &how, err) &&
              row_store_fill(&store, &data, &encoder, &options, err);
    for (uint32_t row = 0; ok && row < store.n_rows; row++)
        put_row(&store, row);
    if (!ok)
        dataset_warn(&data);
    row_store_release(&store);
    dataset_close(&data);
    row_encoder_close(&encoder);
    return ok;
}

int main(int argc, char **argv)
{
    struct err err = {0};
    bool ok = false;
    buf_init(&out, BUF_NO_LIMIT);
    if (argc == 5 && strcmp(argv[1], "pack") == 0)
        ok = run_pack(argv + 2, &err);
    else if (argc == 6 && strcmp(argv[1], "encode") == 0)
        ok = run_encode(argv + 2, &err);
    else
        err_set(&err, ERR_USAGE, "usage: data_tool pack|encode …");
    if (!ok)
        log_error(&err);
    fwrite(out.at, 1, out.len, stdout);
    buf_release(&out);
    return !ok;
}
