#define _GNU_SOURCE
#include "test/support/support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/rng.h"
#include "train/checkpoint.h"

enum { N_FLOATS = 300 };

struct plain {
    int64_t step;
    double loss;
};

/* A small state, and the list of it. */
struct state {
    struct plain plain;
    float weights[N_FLOATS], kept[N_FLOATS], nothing[1];
    bool is_kept;
    struct buf lines, empty;
    struct checkpoint list;
};

static struct err err;
static struct arena arena;

static void begin(struct state *s, uint64_t seed)
{
    struct rng rng = {.seed = seed};
    *s = (struct state){.plain = {(int64_t)seed, 0.1 * (double)seed}, .is_kept = true};
    for (size_t i = 0; i < N_FLOATS; i++) {
        s->weights[i] = (float)rng_normal(&rng);
        s->kept[i] = (float)rng_normal(&rng);
    }
    buf_init(&s->lines, BUF_NO_LIMIT);
    buf_init(&s->empty, BUF_NO_LIMIT);
    for (uint64_t i = 0; i < seed; i++)
        buf_add(&s->lines, (struct span){(const uint8_t *)&i, sizeof i});
    checkpoint_init(&s->list);
    checkpoint_add(&s->list, "plain", &s->plain, sizeof s->plain);
    checkpoint_add_floats(&s->list, "weights", s->weights, N_FLOATS);
    checkpoint_add_floats(&s->list, "nothing", s->nothing, 0);
    checkpoint_add_optional(&s->list, "kept", s->kept, N_FLOATS, &s->is_kept);
    checkpoint_add_buf(&s->list, "lines", &s->lines, sizeof(uint64_t));
    checkpoint_add_buf(&s->list, "empty", &s->empty, 1);
}

static void end(struct state *s)
{
    checkpoint_release(&s->list);
    buf_release(&s->lines);
    buf_release(&s->empty);
}

static bool same(const struct state *a, const struct state *b)
{
    return memcmp(&a->plain, &b->plain, sizeof a->plain) == 0 &&
           memcmp(a->weights, b->weights, sizeof a->weights) == 0 && a->is_kept == b->is_kept &&
           (!a->is_kept || memcmp(a->kept, b->kept, sizeof a->kept) == 0) &&
           span_equal(buf_span(&a->lines), buf_span(&b->lines)) &&
           span_equal(buf_span(&a->empty), buf_span(&b->empty));
}

static const struct checkpoint_about about = {.step = 41, .machine = "cpu avx2"};

static const char *new_folder(const char *name)
{
    const char *path = file_join(&arena, temporary_folder(), name);
    ASSERT_OK(file_make_folder(path, &err));
    return path;
}

static char *state_path(const char *folder)
{
    return file_join(&arena, folder, "checkpoint/state.safetensors");
}

static bool load(struct state *s, const char *folder)
{
    struct checkpoint_file f;
    bool ok = checkpoint_open(&f, folder, &err) && checkpoint_load(&s->list, &f, &err);
    checkpoint_close(&f);
    return ok;
}

static void what_was_saved_is_loaded(void **state)
{
    (void)state;
    const char *folder = new_folder("saved");
    struct state a, b;
    struct checkpoint_file f;
    begin(&a, 3);
    begin(&b, 5);
    assert_int_equal(checkpoint_bytes(&a.list), sizeof a.plain + 8 * N_FLOATS + 3 * 8);
    ASSERT_OK(checkpoint_save(&a.list, folder, &about, &err));
    ASSERT_OK(checkpoint_open(&f, folder, &err));
    assert_int_equal(f.about.step, 41);
    assert_int_equal(f.about.status, CHECKPOINT_RUNNING);
    assert_string_equal(f.about.machine, "cpu avx2");
    struct span lines;
    ASSERT_OK(checkpoint_find(&f, "lines", &lines, &err));
    assert_int_equal(lines.len, 24);
    ASSERT_FAILS(checkpoint_find(&f, "none", &lines, &err), "it has no 'none'");
    ASSERT_OK(checkpoint_load(&b.list, &f, &err));
    assert_true(same(&a, &b));
    checkpoint_close(&f);
    end(&a);
    end(&b);
}

static void the_newest_is_the_one_that_is_there(void **state)
{
    (void)state;
    const char *folder = new_folder("newest");
    struct state a, b;
    begin(&a, 3);
    begin(&b, 5);
    for (int64_t step = 1; step <= 3; step++) {
        a.plain.step = step;
        ASSERT_OK(checkpoint_save(&a.list, folder, &about, &err));
    }
    ASSERT_OK(load(&b, folder));
    assert_int_equal(b.plain.step, 3);
    char **names;
    size_t n;
    ASSERT_OK(file_list(&arena, file_join(&arena, folder, "checkpoint"), &names, &n, &err));
    assert_int_equal(n, 1);
    end(&a);
    end(&b);
}

static void an_array_that_means_nothing_is_left_out(void **state)
{
    (void)state;
    const char *folder = new_folder("optional");
    struct state a, b;
    begin(&a, 3);
    begin(&b, 5);
    a.is_kept = false;
    assert_int_equal(checkpoint_bytes(&a.list), sizeof a.plain + 4 * N_FLOATS + 3 * 8);
    ASSERT_OK(checkpoint_save(&a.list, folder, &about, &err));
    ASSERT_OK(load(&b, folder));
    assert_false(b.is_kept);
    a.is_kept = true;
    ASSERT_OK(checkpoint_save(&a.list, folder, &about, &err));
    ASSERT_OK(load(&b, folder));
    assert_true(b.is_kept && same(&a, &b));
    end(&a);
    end(&b);
}

static void a_run_that_ended_says_how(void **state)
{
    (void)state;
    const char *folder = new_folder("ended");
    struct state a;
    struct checkpoint_file f;
    struct checkpoint_about ended = {CHECKPOINT_STOPPED, 7, "m", "the guard stopped it"};
    begin(&a, 1);
    ASSERT_OK(checkpoint_save(&a.list, folder, &ended, &err));
    ASSERT_OK(checkpoint_open(&f, folder, &err));
    assert_int_equal(f.about.status, CHECKPOINT_STOPPED);
    assert_string_equal(f.about.reason, "the guard stopped it");
    assert_string_equal(checkpoint_status_name(f.about.status), "stopped");
    checkpoint_close(&f);
    end(&a);
}

static void no_checkpoint_is_said_so(void **state)
{
    (void)state;
    struct checkpoint_file f;
    ASSERT_FAILS(checkpoint_open(&f, "/none/at/all", &err), "there is no such folder");
    ASSERT_FAILS(checkpoint_open(&f, new_folder("bare"), &err), "no checkpoint to go on from");
    assert_int_equal(err.kind, ERR_INPUT);
    assert_non_null(strstr(err.where, "bare"));
    assert_non_null(strstr(err.hint, "--overwrite-output-dir"));
}

static void a_checkpoint_is_removed_with_what_a_killed_writer_left(void **state)
{
    (void)state;
    const char *folder = new_folder("removed");
    struct state a;
    begin(&a, 1);
    ASSERT_OK(checkpoint_remove(folder, &err));
    assert_false(checkpoint_is_there(folder));
    ASSERT_OK(checkpoint_save(&a.list, folder, &about, &err));
    assert_true(checkpoint_is_there(folder));
    const char *left = arena_printf(&arena, "%s.tmp-123", state_path(folder));
    ASSERT_OK(file_put(left, span_of("half"), &err));
    ASSERT_OK(checkpoint_remove(folder, &err));
    assert_int_equal(file_kind_of(state_path(folder)), FILE_MISSING);
    assert_int_equal(file_kind_of(left), FILE_MISSING);
    end(&a);
}

/* ------------------------------------------------------------------------------------ damage -- */

/* The file of a's state, to be damaged in place: thousands of new files would wait for the disk. */
static int open_state(const struct state *a, const char *folder, size_t *len)
{
    struct file_map map;
    ASSERT_OK(checkpoint_save(&a->list, folder, &about, &err));
    ASSERT_OK(file_map(&map, state_path(folder), &err));
    *len = map.bytes.len;
    file_unmap(&map);
    int fd = open(state_path(folder), O_RDWR);
    assert_true(fd >= 0);
    return fd;
}

static void flip(int fd, size_t at)
{
    uint8_t byte;
    assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
    byte ^= (uint8_t)(1 << at % 8);
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
}

/* Refused as input, or what it was: blanks between the words of the header may differ. */
static void check_damaged(struct state *b, const struct state *a, const char *folder)
{
    static struct state before;
    before = *b;
    err = (struct err){0};
    if (load(b, folder)) {
        assert_true(same(a, b));
    } else {
        assert_int_equal(err.kind, ERR_INPUT);
        assert_true(err.what[0] && err.where[0]);
        assert_true(same(&before, b));
    }
}

static void no_changed_byte_goes_unseen(void **state)
{
    (void)state;
    const char *folder = new_folder("flipped");
    struct state a, b;
    size_t len, n_refused = 0;
    begin(&a, 3);
    int fd = open_state(&a, folder, &len);
    for (size_t i = 0; i < len; i++) {
        begin(&b, 5);
        flip(fd, i);
        check_damaged(&b, &a, folder);
        n_refused += err.kind != ERR_NONE;
        flip(fd, i);
        end(&b);
    }
    assert_true(n_refused + 16 > len);
    assert_int_equal(close(fd), 0);
    begin(&b, 5);
    ASSERT_OK(load(&b, folder));
    end(&a);
    end(&b);
}

static void no_cut_goes_unseen(void **state)
{
    (void)state;
    const char *folder = new_folder("cut");
    struct state a, b;
    size_t len;
    begin(&a, 3);
    begin(&b, 5);
    int fd = open_state(&a, folder, &len);
    while (len > 7) {
        len -= 7;
        assert_int_equal(ftruncate(fd, (off_t)len), 0);
        ASSERT_FAILS(load(&b, folder), "the checkpoint is damaged");
    }
    assert_int_equal(close(fd), 0);
    end(&a);
    end(&b);
}

/* Saves a, then replaces the first `from` in the file by `to`, which is as long. */
static const char *save_changed(const char *name, const char *from, const char *to)
{
    const char *folder = new_folder(name);
    struct state a;
    struct file_map map;
    begin(&a, 3);
    ASSERT_OK(checkpoint_save(&a.list, folder, &about, &err));
    ASSERT_OK(file_map(&map, state_path(folder), &err));
    uint8_t *bytes = (uint8_t *)arena_string(&arena, map.bytes);
    size_t len = map.bytes.len, at = span_find(map.bytes, span_of(from));
    file_unmap(&map);
    assert_true(at < len && strlen(from) == strlen(to));
    memcpy(bytes + at, to, strlen(to));
    ASSERT_OK(file_put(state_path(folder), (struct span){bytes, len}, &err));
    end(&a);
    return folder;
}

static void another_version_is_refused_by_its_number(void **state)
{
    (void)state;
    struct checkpoint_file f;
    const char *folder = save_changed("version", "\"pace\":\"0", "\"pace\":\"9");
    ASSERT_FAILS(checkpoint_open(&f, folder, &err), "the checkpoint is from pace 9.");
    assert_non_null(strstr(err.hint, "the version that began the run"));
    folder = save_changed("format", "pace checkpoint 1", "some other thing!");
    ASSERT_FAILS(checkpoint_open(&f, folder, &err), "not a checkpoint of pace");
    folder = save_changed("machine", "cpu avx2", "cpu avx9");
    ASSERT_FAILS(checkpoint_open(&f, folder, &err), "do not have its checksum");
}

static void pieces_of_another_run_are_named(void **state)
{
    (void)state;
    const char *folder = new_folder("other");
    struct state a, b;
    float more[N_FLOATS + 1];
    begin(&a, 3);
    begin(&b, 5);
    checkpoint_add(&a.list, "more", &a.plain, 4);
    ASSERT_OK(checkpoint_save(&a.list, folder, &about, &err));
    ASSERT_FAILS(load(&b, folder), "has a 'more', which this run does not");
    checkpoint_add_floats(&b.list, "more", more, 1);
    ASSERT_FAILS(load(&b, folder), "'more' has 4 bytes of U8 in the checkpoint, not 4 of F32");
    checkpoint_release(&b.list);
    checkpoint_init(&b.list);
    checkpoint_add_floats(&b.list, "weights", more, N_FLOATS + 1);
    ASSERT_FAILS(load(&b, folder), "'weights' has 1200 bytes of F32 in the checkpoint, not 1204");
    checkpoint_release(&b.list);
    checkpoint_init(&b.list);
    checkpoint_add_buf(&b.list, "lines", &b.lines, 7);
    ASSERT_FAILS(load(&b, folder), "'lines' has 24 bytes of U8 in the checkpoint, not 21");
    checkpoint_release(&b.list);
    checkpoint_init(&b.list);
    checkpoint_add(&b.list, "lacking", &b.plain, 4);
    ASSERT_FAILS(load(&b, folder), "the checkpoint has no 'lacking'");
    assert_non_null(strstr(err.where, "state.safetensors"));
    end(&a);
    end(&b);
}

/* ------------------------------------------------------------------------------ full, locked -- */

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_save_that_fails_keeps_the_old_one(void **state)
{
    (void)state;
    const char *folder = new_folder("full");
    struct state a, b;
    begin(&a, 3);
    begin(&b, 5);
    ASSERT_OK(checkpoint_save(&a.list, folder, &about, &err));
    (void)signal(SIGXFSZ, SIG_IGN);
    for (rlim_t limit = 0; limit < 3000; limit += 500) {
        limit_files(limit);
        bool saved = checkpoint_save(&b.list, folder, &about, &err);
        limit_files(RLIM_INFINITY);
        assert_false(saved);
        assert_int_equal(err.kind, ERR_IO);
        struct state c;
        begin(&c, 7);
        ASSERT_OK(load(&c, folder));
        assert_true(same(&a, &c));
        end(&c);
    }
    char **names;
    size_t n;
    ASSERT_OK(file_list(&arena, file_join(&arena, folder, "checkpoint"), &names, &n, &err));
    assert_int_equal(n, 1);
    end(&a);
    end(&b);
}

static void a_folder_that_is_none_is_named(void **state)
{
    (void)state;
    struct state a;
    begin(&a, 1);
    ASSERT_FAILS(checkpoint_save(&a.list, "/none/at/all", &about, &err), "cannot make the folder");
    const char *folder = new_folder("blocked");
    ASSERT_OK(file_make_folder(file_join(&arena, folder, "checkpoint"), &err));
    ASSERT_OK(file_make_folder(state_path(folder), &err));
    ASSERT_FAILS(checkpoint_save(&a.list, folder, &about, &err), "cannot write");
    ASSERT_FAILS(checkpoint_remove(folder, &err), "cannot remove");
    struct checkpoint_file f;
    ASSERT_FAILS(checkpoint_open(&f, folder, &err), "the checkpoint is damaged");
    end(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_saved_is_loaded),
        cmocka_unit_test(the_newest_is_the_one_that_is_there),
        cmocka_unit_test(an_array_that_means_nothing_is_left_out),
        cmocka_unit_test(a_run_that_ended_says_how),
        cmocka_unit_test(no_checkpoint_is_said_so),
        cmocka_unit_test(a_checkpoint_is_removed_with_what_a_killed_writer_left),
        cmocka_unit_test(no_changed_byte_goes_unseen),
        cmocka_unit_test(no_cut_goes_unseen),
        cmocka_unit_test(another_version_is_refused_by_its_number),
        cmocka_unit_test(pieces_of_another_run_are_named),
        cmocka_unit_test(a_save_that_fails_keeps_the_old_one),
        cmocka_unit_test(a_folder_that_is_none_is_named),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
