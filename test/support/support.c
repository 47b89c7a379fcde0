/*
 * support.c - what unit tests share.
 */
#define _GNU_SOURCE
#include "test/support/support.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
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

int run_apart(void (*call)(void), struct buf *errors)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        call();
        _exit(0);
    }
    close(ends[1]);
    char text[4096];
    for (ssize_t len = 1; len > 0;) {
        len = read(ends[0], text, sizeof text);
        if (len > 0)
            buf_add(errors, (struct span){(const uint8_t *)text, (size_t)len});
    }
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void assert_check_fails(void (*call)(void), const char *condition)
{
    struct buf errors;
    buf_init(&errors, 1 << 16);
    int code = run_apart(call, &errors);
    const char *text = buf_string(&errors);
    bool found = strstr(text, "CHECK failed: ") && strstr(text, condition);
    if (code != -1 || !found)
        fail_msg("expected CHECK(%s) to fail, got code %d and \"%s\"", condition, code,
                 buf_string(&errors));
    buf_release(&errors);
}

const char *source_path(struct arena *a, const char *name)
{
    const char *root = getenv("PACE_SOURCE");
    assert_non_null(root);
    return file_join(a, root, name);
}
