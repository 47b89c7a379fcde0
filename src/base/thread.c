/*
 * thread.c - workers that sleep until there is work, and take blocks of it from one counter.
 *
 * A job is a function, a context and a number of blocks; `next` is the first block that nobody has
 * taken. To begin a job the caller writes it down and raises `jobs`; every worker sees the number
 * change, takes blocks until none is left, and counts itself out of `running`; the caller does the
 * same and then waits for `running` to reach 0. So no worker can still look at a job when the next
 * one is written.
 *
 * The operations of a training step follow each other within microseconds, a sleep and a wake-up
 * cost tens of them: so both sides look for a short while before they sleep. Where there are more
 * threads than processors, whoever looks keeps somebody from working, and they sleep at once.
 *
 * Orders: what the caller wrote before raising `jobs` (release) is seen by who reads it (acquire);
 * what workers wrote is seen by the caller by way of `running`.
 */
#define _GNU_SOURCE
#include "base/thread.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/mem.h"

enum { LOOKS_BEFORE_SLEEP = 2000 };

struct worker {
    struct thread_pool *pool;
    size_t index;
    pthread_t thread;
};

struct thread_pool {
    pthread_mutex_t lock;
    pthread_cond_t begun, done;
    atomic_size_t jobs;    /* how many were begun; closing counts as one */
    atomic_size_t next;    /* block */
    atomic_size_t running; /* workers, without the caller, that have not finished the job */
    bool is_closing;       /* these are written before `jobs` is raised */
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
    return max_size((size_t)CPU_COUNT(&set), 1);
}

static inline void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

static void take_blocks(struct thread_pool *pool, size_t worker)
{
    size_t block;
    while ((block = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed)) <
           pool->n_blocks)
        pool->work(pool->context, block, worker);
}

/* Returns when `*value` has come to be (`wants_equal`) or to differ from the number. */
static void await(struct thread_pool *pool, atomic_size_t *value, size_t number, bool wants_equal)
{
    for (int i = 0; i < pool->looks; i++) {
        if ((atomic_load_explicit(value, memory_order_acquire) == number) == wants_equal)
            return;
        pause_briefly();
    }
    pthread_cond_t *raised = value == &pool->jobs ? &pool->begun : &pool->done;
    pthread_mutex_lock(&pool->lock);
    while ((atomic_load_explicit(value, memory_order_acquire) == number) != wants_equal)
        pthread_cond_wait(raised, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

static void *serve(void *context)
{
    struct worker *worker = context;
    struct thread_pool *pool = worker->pool;
    for (size_t job = 0;; job++) {
        await(pool, &pool->jobs, job, false);
        if (pool->is_closing)
            return NULL;
        take_blocks(pool, worker->index);
        if (atomic_fetch_sub_explicit(&pool->running, 1, memory_order_acq_rel) == 1) {
            pthread_mutex_lock(&pool->lock);
            pthread_cond_signal(&pool->done);
            pthread_mutex_unlock(&pool->lock);
        }
    }
}

static void begin(struct thread_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add_explicit(&pool->jobs, 1, memory_order_release);
    pthread_cond_broadcast(&pool->begun);
    pthread_mutex_unlock(&pool->lock);
}

bool thread_pool_open(struct thread_pool **out, size_t n_threads, struct err *err)
{
    CHECK(n_threads >= 1);
    struct thread_pool *pool = mem_alloc(sizeof *pool);
    pool->workers = mem_alloc(n_threads * sizeof *pool->workers);
    pool->looks = n_threads <= thread_processors() ? LOOKS_BEFORE_SLEEP : 0;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->begun, NULL);
    pthread_cond_init(&pool->done, NULL);
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
    pool->is_closing = true;
    begin(pool);
    for (size_t i = 0; i < pool->n_workers; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->begun);
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
    pool->n_blocks = n_blocks;
    pool->work = work;
    pool->context = context;
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    atomic_store_explicit(&pool->running, pool->n_workers, memory_order_relaxed);
    begin(pool);
    take_blocks(pool, 0);
    await(pool, &pool->running, 0, true);
}
