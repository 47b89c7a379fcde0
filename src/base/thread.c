/*
 * thread.c - workers that sleep until there is work, and take blocks of it from one number.
 *
 * That number, `ticket`, holds how many jobs were begun and how many blocks of the last one nobody
 * has taken: (jobs << 32 | left). Taking a block is a compare-and-swap to one less; whoever
 * succeeds knows that the job cannot end before he has done his block, and may read what it is.
 * `unfinished` counts blocks that are not done: at 0 the job is over. So the caller never waits for
 * a worker that has not taken anything: one that the system keeps from running costs nothing, the
 * caller does its blocks.
 *
 * The operations of a training step follow each other within microseconds, a sleep and a wake-up
 * cost tens of them: so both sides look for a short while before they sleep. Where there are more
 * threads than processors, whoever looks keeps somebody from working, and they sleep at once.
 *
 * Who goes to sleep says so in `sleepers` and then looks once more, who raises something does that
 * first and then looks at `sleepers`; both in one order for all (sequential consistency), so one of
 * the two sees the other. The lock is held from the last look to the sleep.
 */
#define _GNU_SOURCE
#include "base/thread.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/cgroup.h"
#include "base/mem.h"

enum { LOOKS_BEFORE_SLEEP = 2000 };

struct worker {
    struct thread_pool *pool;
    size_t index;
    pthread_t thread;
};

struct thread_pool {
    atomic_uint_fast64_t ticket;
    atomic_size_t unfinished;
    atomic_size_t sleepers;
    pthread_mutex_t lock;
    pthread_cond_t raised; /* ticket or is_closing was raised, or unfinished is 0 */
    atomic_bool is_closing;
    /* The job: written by the caller while there is none, read by who has taken a block. */
    size_t n_blocks;
    void (*work)(void *context, size_t block, size_t worker);
    void *context;
    int looks;
    size_t n_workers; /* without the caller */
    struct worker *workers;
};

size_t thread_processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    return min_size(max_size((size_t)CPU_COUNT(&set), 1), cgroup_processors(""));
}

static inline void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

static size_t blocks_left(uint64_t ticket)
{
    return (size_t)(ticket & UINT32_MAX);
}

static bool has_work(struct thread_pool *pool)
{
    return blocks_left(atomic_load(&pool->ticket)) > 0 || atomic_load(&pool->is_closing);
}

static bool is_over(struct thread_pool *pool)
{
    return atomic_load(&pool->unfinished) == 0;
}

static void await(struct thread_pool *pool, bool (*holds)(struct thread_pool *pool))
{
    for (int i = 0; i < pool->looks; i++) {
        if (holds(pool))
            return;
        pause_briefly();
    }
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->sleepers, 1);
    while (!holds(pool))
        pthread_cond_wait(&pool->raised, &pool->lock);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->lock);
}

static void wake(struct thread_pool *pool)
{
    if (atomic_load(&pool->sleepers) == 0)
        return;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->raised);
    pthread_mutex_unlock(&pool->lock);
}

static void take_blocks(struct thread_pool *pool, size_t worker)
{
    uint_fast64_t ticket = atomic_load(&pool->ticket);
    while (blocks_left(ticket) > 0) {
        if (!atomic_compare_exchange_weak(&pool->ticket, &ticket, ticket - 1))
            continue;
        pool->work(pool->context, pool->n_blocks - blocks_left(ticket), worker);
        if (atomic_fetch_sub(&pool->unfinished, 1) == 1)
            wake(pool);
        ticket = atomic_load(&pool->ticket);
    }
}

static void *serve(void *context)
{
    struct worker *worker = context;
    struct thread_pool *pool = worker->pool;
    for (;;) {
        await(pool, has_work);
        if (atomic_load(&pool->is_closing))
            return NULL;
        take_blocks(pool, worker->index);
    }
}

bool thread_pool_open(struct thread_pool **out, size_t n_threads, struct err *err)
{
    CHECK(n_threads >= 1);
    struct thread_pool *pool = mem_alloc(sizeof *pool);
    pool->workers = mem_alloc(n_threads * sizeof *pool->workers);
    pool->looks = n_threads <= thread_processors() ? LOOKS_BEFORE_SLEEP : 0;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->raised, NULL);
    while (pool->n_workers < n_threads - 1) {
        struct worker *worker = &pool->workers[pool->n_workers];
        *worker = (struct worker){.pool = pool, .index = pool->n_workers + 1};
        if (pthread_create(&worker->thread, NULL, serve, worker) != 0) {
            err_set(err, ERR_MEMORY, "the system started %zu of %zu threads", pool->n_workers + 1,
                    n_threads);
            err_hint(err, "ask for fewer threads");
            thread_pool_close(pool);
            return false;
        }
        pool->n_workers++;
    }
    *out = pool;
    return true;
}

void thread_pool_close(struct thread_pool *pool)
{
    if (!pool)
        return;
    atomic_store(&pool->is_closing, true);
    wake(pool);
    for (size_t i = 0; i < pool->n_workers; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->raised);
    pthread_mutex_destroy(&pool->lock);
    mem_free(pool->workers);
    mem_free(pool);
}

size_t thread_pool_size(const struct thread_pool *pool)
{
    return pool->n_workers + 1;
}

void thread_pool_run(struct thread_pool *pool, size_t n_blocks,
                     void (*work)(void *context, size_t block, size_t worker), void *context)
{
    if (pool->n_workers == 0 || n_blocks <= 1) {
        for (size_t block = 0; block < n_blocks; block++)
            work(context, block, 0);
        return;
    }
    CHECK(n_blocks <= UINT32_MAX);
    pool->n_blocks = n_blocks;
    pool->work = work;
    pool->context = context;
    atomic_store(&pool->unfinished, n_blocks);
    uint64_t jobs = (atomic_load(&pool->ticket) >> 32) + 1;
    atomic_store(&pool->ticket, jobs << 32 | n_blocks);
    wake(pool);
    take_blocks(pool, 0);
    await(pool, is_over);
}
