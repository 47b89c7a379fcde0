/*
 * replay.c - runs a fuzzer once over every file of its corpus, and over each file cut short at a
 * few places: the commonest hostile file is an incomplete download.
 */
#include <stdio.h>

#include "base/file.h"
#include "fuzz.h"

static void replay(struct span bytes)
{
    LLVMFuzzerTestOneInput(bytes.at, bytes.len);
    for (size_t part = 1; part < 8; part++)
        LLVMFuzzerTestOneInput(bytes.at, bytes.len * part / 8);
}

int main(int argc, char **argv)
{
    struct arena arena = {0};
    struct err err = {0};
    char **names;
    size_t n_names;
    if (argc != 2 || !file_list(&arena, argv[1], &names, &n_names, &err)) {
        fprintf(stderr, "usage: %s CORPUS_FOLDER  (%s)\n", argv[0], err.what);
        return 2;
    }
    static const uint8_t nothing;
    LLVMFuzzerTestOneInput(&nothing, 0);
    for (size_t i = 0; i < n_names; i++) {
        struct file_map map;
        if (!file_map(&map, file_join(&arena, argv[1], names[i]), &err)) {
            fprintf(stderr, "%s: %s\n", err.where, err.what);
            return 3;
        }
        replay(map.bytes);
        file_unmap(&map);
    }
    printf("%zu corpus files replayed\n", n_names);
    arena_release(&arena);
    return 0;
}
