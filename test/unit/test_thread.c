#define _GNU_SOURCE
#include "test/support/support.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "base/thread.h"

/* Plain numbers, not atomic ones: under the thread sanitizer two workers at one block, or a job
 * that is not seen to be finished, are reported. */
struct counts {
    int *of_block;
    size_t *of_worker;
    size_t offset;
};

static void count(void *context, size_t block, size_t worker)
{
    struct counts *counts = context;
    counts->of_block[block] += 1 + (int)counts->offset;
    counts->of_worker[worker]++;
}

static void every_block_is_done_once(size_t n_threads, size_t n_blocks, size_t rounds)
{
    struct err err = {0};
    struct thread_pool *pool = NULL;
    ASSERT_OK(thread_pool_open(&pool, n_threads, &err));
    assert_int_equal(thread_pool_size(pool), n_threads);
    struct counts counts = {mem_alloc(n_blocks * sizeof(int)),
                            mem_alloc(n_threads * sizeof(size_t)), 0};
    int wanted = 0;
    for (size_t round = 0; round < rounds; round++) {
        counts.offset = round;
        wanted += 1 + (int)round;
        thread_pool_run(pool, n_blocks, count, &counts);
        for (size_t i = 0; i < n_blocks; i++)
            assert_int_equal(counts.of_block[i], wanted);
    }
    size_t blocks = 0;
    for (size_t i = 0; i < n_threads; i++)
        blocks += counts.of_worker[i];
    assert_int_equal(blocks, n_blocks * rounds);
    mem_free(counts.of_block);
    mem_free(counts.of_worker);
    thread_pool_close(pool);
}

static void all_blocks_are_done_once_by_any_number_of_threads(void **state)
{
    (void)state;
    static const size_t threads[] = {1, 2, 3, 7};
    static const size_t blocks[] = {0, 1, 2, 5, 64, 1000};
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        for (size_t k = 0; k < COUNT_OF(blocks); k++)
            every_block_is_done_once(threads[i], blocks[k], 20);
    }
}

static void jobs_may_follow_each_other_at_once(void **state)
{
    (void)state;
    every_block_is_done_once(2, 3, 5000);
    every_block_is_done_once(4, 3, 1000);
}

/* Blocks that wait for each other: they must run at the same time. */
static void meet(void *context, size_t block, size_t worker)
{
    (void)block, (void)worker;
    pthread_barrier_wait(context);
}

static void workers_work_at_the_same_time(void **state)
{
    (void)state;
    struct err err = {0};
    struct thread_pool *pool = NULL;
    ASSERT_OK(thread_pool_open(&pool, 3, &err));
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, 3);
    for (int i = 0; i < 10; i++)
        thread_pool_run(pool, 3, meet, &barrier);
    pthread_barrier_destroy(&barrier);
    thread_pool_close(pool);
}

static void a_pool_may_be_closed_without_having_worked(void **state)
{
    (void)state;
    struct err err = {0};
    struct thread_pool *pool = NULL;
    ASSERT_OK(thread_pool_open(&pool, 5, &err));
    thread_pool_close(pool);
    thread_pool_close(NULL);
}

static void threads_that_the_system_refuses_are_an_error(void **state)
{
    (void)state;
    pthread_attr_t usual, huge;
    pthread_getattr_default_np(&usual);
    pthread_attr_init(&huge);
    /* No address space has room for such a stack. */
    assert_int_equal(pthread_attr_setstacksize(&huge, (size_t)1 << 60), 0);
    assert_int_equal(pthread_setattr_default_np(&huge), 0);
    struct err err = {0};
    struct thread_pool *pool = NULL;
    ASSERT_FAILS(thread_pool_open(&pool, 3, &err), "the system started 1 of 3 threads");
    assert_int_equal(err.kind, ERR_MEMORY);
    assert_null(pool);
    assert_int_equal(pthread_setattr_default_np(&usual), 0);
    pthread_attr_destroy(&huge);
    pthread_attr_destroy(&usual);
}

static void open_without_threads(void)
{
    struct err err = {0};
    struct thread_pool *pool = NULL;
    (void)!thread_pool_open(&pool, 0, &err);
}

static void a_pool_of_no_threads_is_a_mistake_of_the_programmer(void **state)
{
    (void)state;
    assert_check_fails(open_without_threads, "n_threads >= 1");
}

static void there_is_a_processor(void **state)
{
    (void)state;
    assert_true(thread_processors() >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_blocks_are_done_once_by_any_number_of_threads),
        cmocka_unit_test(jobs_may_follow_each_other_at_once),
        cmocka_unit_test(workers_work_at_the_same_time),
        cmocka_unit_test(a_pool_may_be_closed_without_having_worked),
        cmocka_unit_test(threads_that_the_system_refuses_are_an_error),
        cmocka_unit_test(a_pool_of_no_threads_is_a_mistake_of_the_programmer),
        cmocka_unit_test(there_is_a_processor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
