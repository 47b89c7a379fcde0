/*
 * mem.h - the only door to malloc.
 *
 * Two ways to want memory, two ways to fail:
 *
 *   mem_alloc, mem_resize   for small host memory (arenas, buffers, tables). They never return
 *                           NULL: when the system refuses, the program says so in one line and
 *                           ends with code 4 (does not fit). Files that pace writes are atomic, so
 *                           nothing that was saved is lost.
 *   mem_try                 for memory whose size a user's choice decides (weights, activations):
 *                           the caller turns NULL into an ERR_MEMORY that says what would fit.
 *
 * Tests set mem_fail_after to make the n-th request fail.
 */
#ifndef PACE_BASE_MEM_H
#define PACE_BASE_MEM_H

#include "base/base.h"

/* Zeroed memory of `size` bytes (at least 1), aligned for any type. Never NULL. */
void *mem_alloc(size_t size);

/* Like realloc; the grown part is not zeroed. Never NULL. */
void *mem_resize(void *at, size_t size);

/* Zeroed memory, or NULL where the system refuses. */
MUST_CHECK void *mem_try(size_t size);

/* Frees what any of the above gave; NULL is allowed. */
void mem_free(void *at);

/* Like mem_try, at a multiple of 64 (a line of the cache); freed by mem_free_aligned alone. */
MUST_CHECK void *mem_try_aligned(size_t size);
void mem_free_aligned(void *at);

/* The most bytes that this process has had in memory at once, mapped files included. */
uint64_t mem_peak(void);

/* Bytes that the system could still give without swapping; UINT64_MAX where it does not say. */
uint64_t mem_available(void);

/* For tests: how many requests there were until now. */
size_t mem_requests(void);

/* For tests: the n-th request from now on fails (0: none does). */
void mem_fail_after(size_t n);

#endif
