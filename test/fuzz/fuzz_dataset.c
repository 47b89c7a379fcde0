/*
 * fuzz_dataset.c - any bytes as a data file of any kind end in rows or an error. The first byte
 * chooses the file's suffix and the options. What a row promises is checked: text is UTF-8,
 * messages are JSON, something is to be learned, and a second pass gives the same rows.
 */
#define _GNU_SOURCE
#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/utf8.h"
#include "text/dataset.h"

static char folder[] = "/tmp/pace-fuzz-XXXXXX";
static char path[64];

static void remove_folder(void)
{
    unlink(path);
    rmdir(folder);
}

/* Writes the bytes under the suffix; the folder is made once. */
static void write_file(const char *suffix, struct span bytes)
{
    if (!path[0]) {
        CHECK(mkdtemp(folder));
        atexit(remove_folder);
    } else {
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/x%s", folder, suffix);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0 && write(fd, bytes.at, bytes.len) == (ssize_t)bytes.len);
    close(fd);
}

static void check_json(struct span text, struct arena *arena)
{
    struct json_reader r;
    struct err err;
    json_open(&r, text, arena);
    CHECK(json_peek(&r) == JSON_ARRAY);
    json_skip(&r);
    CHECK(json_close(&r, &err));
}

static void check_text(struct span text)
{
    CHECK(utf8_first_invalid(text) == text.len);
}

static void check_row(const struct dataset_row *row)
{
    struct arena arena = {0};
    CHECK(!row->problem);
    if (row->kind == ROW_CHAT) {
        CHECK(row->chat.count > row->n_prompt);
        check_json(chat_list_json(&row->chat, 0, row->chat.count, &arena), &arena);
        check_json(chat_list_json(&row->chat_rejected, 0, row->chat_rejected.count, &arena),
                   &arena);
        if (row->tools.len > 0)
            check_json(row->tools, &arena);
    } else {
        CHECK(row->completion.len > 0);
        check_text(row->prompt);
        check_text(row->completion);
        check_text(row->rejected);
    }
    arena_release(&arena);
}

/* A digest of all rows of a pass; *n_rows counts them, a plain text's parts one by one. */
static uint64_t run(struct dataset *d, struct dataset_split *split, uint64_t *n_rows)
{
    struct dataset_row row;
    struct err err;
    uint64_t digest = 0;
    bool more = true;
    *n_rows = 0;
    while (dataset_next(d, &row, &more, &err) && more) {
        check_row(&row);
        digest = digest * 31 + row.hash + row.line;
        split_add(split, row.hash);
        ++*n_rows;
    }
    return digest + d->n_bad;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const char *const suffixes[] = {".jsonl", ".json", ".csv", ".tsv", ".txt"};
    static const char *const columns[] = {NULL, NULL, "prompt=a,completion=b", "messages=a"};
    if (len == 0)
        return 0;
    write_file(suffixes[bytes[0] % 5], (struct span){bytes + 1, len - 1});
    struct dataset_options options = {.columns = columns[bytes[0] / 5 % 4],
                                      .as_chat = bytes[0] & 128};
    struct dataset d;
    struct err err = {0};
    if (!dataset_open(&d, path, &options, &err)) {
        CHECK(err.kind == ERR_INPUT);
        return 0;
    }
    struct dataset_split split;
    split_init(&split);
    uint64_t rows, again, first = run(&d, &split, &rows);
    CHECK(d.n_rows <= rows && (d.n_rows > 0) == (rows > 0));
    CHECK(split_finish(&split, (struct split_sizes){-1, -1}, &err));
    CHECK(split.rows[0] + split.rows[1] + split.rows[2] == rows);
    split_release(&split);
    split_init(&split);
    dataset_rewind(&d);
    CHECK(run(&d, &split, &again) == first && again == rows);
    split_release(&split);
    dataset_close(&d);
    return 0;
}
