/*
 * charset.h - sets of code points, as a regular expression's classes need them.
 *
 * A set is the sorted list of places where membership changes: [a, b, c, d) means a … b-1 and
 * c … d-1. Sets are constant; every operation makes a new one in the arena.
 */
#ifndef PACE_TEXT_CHARSET_H
#define PACE_TEXT_CHARSET_H

#include "base/arena.h"

enum { CHARSET_END = 0x110000 };

struct charset {
    const uint32_t *edges;
    size_t n_edges; /* even */
};

struct charset charset_range(struct arena *arena, uint32_t first, uint32_t last);
struct charset charset_union(struct arena *arena, struct charset a, struct charset b);
struct charset charset_intersection(struct arena *arena, struct charset a, struct charset b);
struct charset charset_complement(struct arena *arena, struct charset a);
bool charset_has(struct charset set, uint32_t code_point);
bool charset_equal(struct charset a, struct charset b);

/*
 * The set that Oniguruma calls \p{name}: spaces, '-', '_' and case are ignored. False where there
 * is none of that name.
 */
MUST_CHECK bool charset_property(struct arena *arena, struct span name, struct charset *out);

/* The set of a name of the table exactly as written there; CHECKed. */
struct charset charset_named(struct arena *arena, const char *name);

/* With every character that equals one of the set without regard to case. */
struct charset charset_fold(struct arena *arena, struct charset set);

#endif
