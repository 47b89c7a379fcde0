/*
 * support.c - what unit tests share.
 */
#define _GNU_SOURCE
#include "test/support/support.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"

void assert_span(struct span found, const char *wanted, const char *file, int line)
{
    if (span_is(found, wanted))
        return;
    print_error("%s:%d: expected \"%s\", got \"%.*s\"\n", file, line, wanted, SPAN_ARGS(found));
    fail();
}

static struct arena arena; /* of paths; lives as long as the program */
static char *folder;

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    return remove(path);
}

static void remove_folder(void)
{
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    arena_release(&arena);
}

const char *temporary_folder(void)
{
    if (!folder) {
        const char *parent = getenv("TMPDIR");
        folder = arena_printf(&arena, "%s/pace-test-XXXXXX", parent ? parent : "/tmp");
        assert_non_null(mkdtemp(folder));
        atexit(remove_folder);
    }
    return folder;
}

const char *temporary_file(const char *name, struct span content)
{
    struct err err;
    char *path = file_join(&arena, temporary_folder(), name);
    struct file_writer w;
    ASSERT_OK(file_writer_open(&w, path, &err));
    file_write(&w, content);
    ASSERT_OK(file_commit(&w, &err));
    return path;
}

const char *data_path(struct arena *a, const char *name)
{
    const char *root = getenv("PACE_DATA");
    return root ? file_join(a, root, name) : NULL;
}

void skip_without_data(void)
{
    print_message("skipped: PACE_DATA is not set\n");
    skip();
}

const char *source_path(struct arena *a, const char *name)
{
    const char *root = getenv("PACE_SOURCE");
    assert_non_null(root);
    return file_join(a, root, name);
}
