/*
 * bpe_train_tool.c - trains a byte-level BPE on a file, for comparison with the `tokenizers`
 * library (test/golden/bpe_train_check.py).
 *
 *     bpe_train_tool VOCAB_SIZE MIN_FREQUENCY FILE        each line of the file is a text
 *
 * Standard output: the tokenizer.json.
 */
#include <stdio.h>

#include "base/file.h"
#include "base/num.h"
#include "text/bpe_train.h"

static bool feed_lines(struct bpe_train *t, struct span rest, struct err *err)
{
    while (rest.len > 0) {
        size_t n = min_size(span_find(rest, span_of("\n")) + 1, rest.len);
        if (!bpe_train_feed(t, span_part(rest, 0, n), err))
            return false;
        rest = span_part(rest, n, rest.len - n);
    }
    return true;
}

int main(int argc, char **argv)
{
    static const char *const special[] = {"<|endoftext|>", "<|im_start|>"};
    struct err err = {0};
    struct file_map map;
    struct buf out;
    struct bpe_train train;
    int64_t size, least;
    if (argc != 4 || !num_parse_i64(span_of(argv[1]), &size) ||
        !num_parse_i64(span_of(argv[2]), &least) || !file_map(&map, argv[3], &err))
        return 2;
    struct bpe_train_options options = {.vocab_size = (size_t)size,
                                        .min_frequency = (uint64_t)least,
                                        .special = special,
                                        .n_special = COUNT_OF(special)};
    buf_init(&out, BUF_NO_LIMIT);
    bpe_train_init(&train, &options);
    if (!feed_lines(&train, map.bytes, &err))
        return 1;
    bpe_train_run(&train);
    bpe_train_write(&train, &out);
    bool ok = fwrite(out.at, 1, out.len, stdout) == out.len;
    buf_release(&out);
    bpe_train_release(&train);
    file_unmap(&map);
    return ok ? 0 : 1;
}
