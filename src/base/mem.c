/*
 * mem.c - the only door to malloc; see mem.h for why there are two kinds of request.
 */
#define _GNU_SOURCE
#include "base/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

enum { EXIT_DOES_NOT_FIT = 4 };

static size_t fail_countdown;
static size_t n_requests;

void mem_fail_after(size_t n)
{
    fail_countdown = n;
}

size_t mem_requests(void)
{
    return n_requests;
}

uint64_t mem_peak(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss << 10 : 0;
}

uint64_t mem_available(void)
{
    static const char name[] = "MemAvailable:";
    char text[512] = "";
    int fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
    const char *at = fd >= 0 && read(fd, text, sizeof text - 1) > 0 ? strstr(text, name) : NULL;
    if (fd >= 0)
        close(fd);
    return at ? (uint64_t)strtoull(at + sizeof name - 1, NULL, 10) << 10 : UINT64_MAX;
}

static bool fails_now(void)
{
    n_requests++;
    return fail_countdown > 0 && --fail_countdown == 0;
}

static _Noreturn void out_of_memory(size_t size)
{
    fprintf(stderr, "pace: out of memory: the system refused %zu bytes\n", size);
    _Exit(EXIT_DOES_NOT_FIT);
}

void *mem_try(size_t size)
{
    return fails_now() ? NULL : calloc(1, max_size(size, 1));
}

void *mem_alloc(size_t size)
{
    void *at = mem_try(size);
    if (!at)
        out_of_memory(size);
    return at;
}

void *mem_resize(void *at, size_t size)
{
    void *grown = fails_now() ? NULL : realloc(at, max_size(size, 1));
    if (!grown)
        out_of_memory(size);
    return grown;
}

void mem_free(void *at)
{
    free(at);
}

/* Large memory in pages of 2 MB, where the system has them: a small one each 4 KB is a fault each,
 * half a million for a model's weights, gradients and moments, and more misses of the tables that
 * find them. Only a wish: what the system answers makes no difference. */
static void want_huge_pages(char *at, size_t size)
{
    const size_t page = (size_t)2 << 20;
    if (size < 2 * page)
        return;
    char *first = at + (page - (uintptr_t)at % page) % page;
    (void)madvise(first, (size_t)(at + size - first) / page * page, MADV_HUGEPAGE);
}

/* Not aligned_alloc: calloc gives large memory zeroed without touching it. What calloc returned is
 * kept in front of the aligned part. */
void *mem_try_aligned(size_t size)
{
    const size_t line = 64, most = line + sizeof(void *);
    char *whole = size <= SIZE_MAX - most ? mem_try(size + most) : NULL;
    if (!whole)
        return NULL;
    want_huge_pages(whole, size + most);
    size_t head = sizeof(void *);
    head += (line - (uintptr_t)(whole + head) % line) % line;
    memcpy(whole + head - sizeof(void *), &whole, sizeof whole);
    return whole + head;
}

void mem_free_aligned(void *at)
{
    if (!at)
        return;
    void *whole;
    memcpy(&whole, (char *)at - sizeof whole, sizeof whole);
    mem_free(whole);
}
