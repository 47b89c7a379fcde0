/*
 * bench_tokenize.c - processor seconds to open a tokenizer and to encode a file with it; neither
 * the start of the process nor the reading of the file is in them.
 *
 *     bench_tokenize TOKENIZER FILE ROUNDS        encoding, in documents of about 4 KB
 *     bench_tokenize TOKENIZER                    opening alone
 *
 * Prints one line of JSON: the best of the rounds. bench/tokenize.py cuts the file the same way.
 */
#include <stdio.h>
#include <time.h>

#include "base/file.h"
#include "base/num.h"
#include "text/tokenizer.h"

enum { DOCUMENT_BYTES = 4096, OPENINGS = 5 };

/* Processor time: other programs on the machine do not count. */
static double cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* The next document: whole lines of DOCUMENT_BYTES or more together, or what is left. */
static struct span next_document(struct span *rest)
{
    size_t end = min_size(rest->len, DOCUMENT_BYTES);
    while (end < rest->len && rest->at[end - 1] != '\n')
        end++;
    struct span document = span_part(*rest, 0, end);
    *rest = span_from(*rest, end);
    return document;
}

static bool encode_all(const struct tokenizer *t, struct tokenizer_work *w, struct span text,
                       size_t *n_tokens, struct err *err)
{
    struct tokens out = {0};
    *n_tokens = 0;
    while (text.len > 0) {
        out.n = 0;
        if (!tokenizer_encode(t, w, next_document(&text), true, &out, err))
            return false;
        *n_tokens += out.n;
    }
    tokens_release(&out);
    return true;
}

static bool time_opening(struct tokenizer *t, const char *path, double *best, struct err *err)
{
    *best = 1e9;
    for (int i = 0; i < OPENINGS; i++) {
        double start = cpu_seconds();
        if (!tokenizer_open(t, path, err))
            return false;
        double took = cpu_seconds() - start;
        *best = took < *best ? took : *best;
        if (i + 1 < OPENINGS)
            tokenizer_close(t);
    }
    return true;
}

static bool time_encoding(const struct tokenizer *t, const char *path, int64_t rounds,
                          struct err *err)
{
    struct file_map map;
    struct tokenizer_work w = {0};
    size_t n_tokens = 0;
    double best = 1e9;
    if (!file_map(&map, path, err))
        return false;
    bool ok = true;
    for (int64_t i = 0; ok && i < rounds; i++) {
        double start = cpu_seconds();
        ok = encode_all(t, &w, map.bytes, &n_tokens, err);
        double took = cpu_seconds() - start;
        best = took < best ? took : best;
    }
    printf(", \"encode_s\": %.6f, \"tokens\": %zu", best, n_tokens);
    tokenizer_work_release(&w);
    file_unmap(&map);
    return ok;
}

int main(int argc, char **argv)
{
    struct tokenizer t;
    struct err err = {0};
    double opening;
    int64_t rounds = 1;
    if ((argc != 2 && argc != 4) || (argc == 4 && !num_parse_i64(span_of(argv[3]), &rounds))) {
        fprintf(stderr, "usage: bench_tokenize TOKENIZER [FILE ROUNDS]\n");
        return 2;
    }
    if (!time_opening(&t, argv[1], &opening, &err))
        goto fail;
    printf("{\"open_s\": %.6f", opening);
    if (argc == 4 && !time_encoding(&t, argv[2], rounds, &err))
        goto fail;
    printf("}\n");
    tokenizer_close(&t);
    return 0;

fail:
    fprintf(stderr, "%s: %s\n", err.where, err.what);
    return 3;
}
