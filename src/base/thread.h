/*
 * thread.h - a pool of workers that share out numbered blocks of work.
 *
 * The caller cuts its work into blocks by the shape of the data alone, never by the number of
 * workers; which worker takes which block is left to chance. So what a block writes must be its own
 * (sums over blocks are added up afterwards, in the order of the blocks), and then the result does
 * not depend on the number of threads, to the last bit.
 */
#ifndef PACE_BASE_THREAD_H
#define PACE_BASE_THREAD_H

#include "base/err.h"

struct thread_pool;

/* The processors that this process may run on, or fewer where a control group leaves it the time of
 * fewer; at least 1. */
size_t thread_processors(void);

/*
 * Starts `n_threads` - 1 workers; the thread that calls thread_pool_run is the last one. n_threads
 * >= 1. Errors: ERR_MEMORY where the system gives no thread.
 */
MUST_CHECK bool thread_pool_open(struct thread_pool **pool, size_t n_threads, struct err *err);

/* Safe on NULL. */
void thread_pool_close(struct thread_pool *pool);

/* The number of workers, the calling thread counted. */
size_t thread_pool_size(const struct thread_pool *pool);

/*
 * Calls work(context, block, worker) once for each block in 0 … n_blocks - 1, `worker` in 0 …
 * thread_pool_size - 1 (never two at once with the same), and returns when all are done. Not to be
 * called from within work.
 */
void thread_pool_run(struct thread_pool *pool, size_t n_blocks,
                     void (*work)(void *context, size_t block, size_t worker), void *context);

#endif
