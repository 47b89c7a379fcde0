/*
 * arena.c - chunks that double from 4 KiB to 1 MiB; a larger request gets a chunk of its own,
 * placed behind the current one so that the room left in that is not lost.
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum { ALIGNMENT = 16, SMALLEST_CHUNK = 4096, LARGEST_CHUNK = 1 << 20 };

struct arena_chunk {
    struct arena_chunk *older;
    size_t used;
    size_t size;
    _Alignas(ALIGNMENT) unsigned char bytes[];
};

static struct arena_chunk *new_chunk(struct arena *arena, size_t size)
{
    struct arena_chunk *chunk = mem_alloc(sizeof *chunk + size);
    chunk->size = size;
    arena->total_bytes += sizeof *chunk + size;
    return chunk;
}

static void *from_own_chunk(struct arena *arena, size_t size)
{
    struct arena_chunk *chunk = new_chunk(arena, size);
    chunk->used = size;
    if (arena->chunk) {
        chunk->older = arena->chunk->older;
        arena->chunk->older = chunk;
    } else {
        arena->chunk = chunk;
    }
    return chunk->bytes;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    CHECK(size <= SIZE_MAX / 2);
    size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct arena_chunk *chunk = arena->chunk;
    if (!chunk || chunk->size - chunk->used < size) {
        size_t next = chunk ? min_size(2 * chunk->size, LARGEST_CHUNK) : SMALLEST_CHUNK;
        next = max_size(next, SMALLEST_CHUNK);
        if (size > next / 4)
            return from_own_chunk(arena, size);
        chunk = new_chunk(arena, next);
        chunk->older = arena->chunk;
        arena->chunk = chunk;
    }
    void *at = chunk->bytes + chunk->used;
    chunk->used += size;
    return at;
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t size)
{
    CHECK(size == 0 || count <= SIZE_MAX / 2 / size);
    return arena_alloc(arena, count * size);
}

struct span arena_copy(struct arena *arena, struct span bytes)
{
    unsigned char *copy = arena_alloc(arena, bytes.len + 1);
    if (bytes.len > 0)
        memcpy(copy, bytes.at, bytes.len);
    return (struct span){copy, bytes.len};
}

char *arena_string(struct arena *arena, struct span bytes)
{
    char *copy = arena_alloc(arena, bytes.len + 1);
    if (bytes.len > 0)
        memcpy(copy, bytes.at, bytes.len);
    return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    CHECK(len >= 0);
    char *text = arena_alloc(arena, (size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    va_end(args);
    return text;
}

char *arena_count(struct arena *arena, uint64_t n, const char *noun)
{
    char text[32], *at = text + sizeof text; /* 20 digits and 6 commas, from the end on */
    uint64_t rest = n;
    *--at = '\0';
    for (int i = 0; i == 0 || rest > 0; i++, rest /= 10) {
        if (i > 0 && i % 3 == 0)
            *--at = ',';
        *--at = (char)('0' + rest % 10);
    }
    return noun ? arena_printf(arena, "%s %s%s", at, noun, n == 1 ? "" : "s")
                : arena_printf(arena, "%s", at);
}

void arena_release(struct arena *arena)
{
    struct arena_chunk *chunk = arena->chunk;
    while (chunk) {
        struct arena_chunk *older = chunk->older;
        mem_free(chunk);
        chunk = older;
    }
    *arena = (struct arena){0};
}
