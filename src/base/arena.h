/*
 * arena.h - small host memory that lives and dies together.
 *
 * An arena is a list of chunks; allocating moves a pointer, releasing frees all at once. There is
 * no free of a single object: a thing that must die sooner belongs in an arena that dies sooner (a
 * run's, a step's, a call's). A zeroed struct is an empty arena, ready for use.
 */
#ifndef PACE_BASE_ARENA_H
#define PACE_BASE_ARENA_H

#include "base/span.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *chunk; /* the newest; older ones hang behind it */
    size_t total_bytes;        /* of all chunks */
};

/* Zeroed memory of `size` bytes, aligned to 16. Never NULL (see mem.h). */
void *arena_alloc(struct arena *arena, size_t size);

/* `count` objects of `size` bytes each; a product that overflows is a failed CHECK. */
void *arena_alloc_array(struct arena *arena, size_t count, size_t size);

#define arena_new(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define arena_array(arena, type, count) ((type *)arena_alloc_array((arena), (count), sizeof(type)))

/* A copy of the bytes with a NUL behind them, which the returned span does not count. */
struct span arena_copy(struct arena *arena, struct span bytes);

/* The same, as a C string. */
char *arena_string(struct arena *arena, struct span bytes);

char *arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);

/* "1 row", "1,283 rows"; without a noun (NULL) the number alone. */
char *arena_count(struct arena *arena, uint64_t n, const char *noun);

/* Frees everything; the arena is empty and usable again. */
void arena_release(struct arena *arena);

#endif
