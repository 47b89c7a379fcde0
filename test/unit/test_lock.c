#define _GNU_SOURCE
#include "test/support/support.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/lock.h"

static struct err err;
static const char *path;

/* A child that holds the lock until it is killed. */
static pid_t hold_elsewhere(void)
{
    int ready[2];
    char byte = 0;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct lock lock;
        byte = lock_take(&lock, path, &err);
        if (write(ready[1], &byte, 1) == 1)
            pause();
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 1);
    close(ready[0]);
    close(ready[1]);
    return child;
}

static void a_lock_is_refused_by_the_number_of_its_holder_until_that_dies(void **state)
{
    (void)state;
    struct lock lock;
    char wanted[64];
    path = temporary_file("lock", span_of(""));
    pid_t child = hold_elsewhere();
    (void)snprintf(wanted, sizeof wanted, "process %ld is writing here", (long)child);
    ASSERT_FAILS(lock_take(&lock, path, &err), wanted);
    assert_int_equal(err.kind, ERR_IO);
    assert_non_null(strstr(err.hint, "kill"));
    assert_string_equal(err.where, path);
    assert_int_equal(lock.fd, -1);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    ASSERT_OK(lock_take(&lock, path, &err));
    lock_release(&lock);
    lock_release(&lock);
}

static void a_lock_that_was_released_is_free(void **state)
{
    (void)state;
    struct lock lock;
    path = temporary_file("lock", span_of(""));
    ASSERT_OK(lock_take(&lock, path, &err));
    lock_release(&lock);
    pid_t child = hold_elsewhere();
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void what_is_no_file_cannot_be_locked(void **state)
{
    (void)state;
    struct lock lock;
    ASSERT_FAILS(lock_take(&lock, temporary_folder(), &err), "cannot open");
    assert_int_equal(err.kind, ERR_IO);
}

static void where_nobody_may_write_nothing_is_locked(void **state)
{
    (void)state;
    struct lock lock;
    struct arena arena = {0};
    const char *folder = temporary_folder();
    uid_t user = geteuid();
    assert_int_equal(chmod(folder, 0555), 0);
    assert_int_equal(seteuid(user == 0 ? 65534 : user), 0); /* root may write anywhere */
    bool ok = lock_take(&lock, file_join(&arena, folder, "lock"), &err);
    assert_int_equal(seteuid(user), 0);
    ASSERT_OK(ok);
    assert_int_equal(lock.fd, -1);
    lock_release(&lock);
    assert_int_equal(chmod(folder, 0755), 0);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lock_is_refused_by_the_number_of_its_holder_until_that_dies),
        cmocka_unit_test(a_lock_that_was_released_is_free),
        cmocka_unit_test(what_is_no_file_cannot_be_locked),
        cmocka_unit_test(where_nobody_may_write_nothing_is_locked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
