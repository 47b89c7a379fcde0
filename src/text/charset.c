/*
 * charset.c - sets of code points as lists of edges.
 *
 * All set operations are one sweep over the edges of both operands: between two edges nothing
 * changes, so it is enough to ask at each edge whether the result's membership changes there.
 *
 * Case: the generated table holds groups of characters that match each other without regard to
 * case, as Oniguruma has them (k, K and U+212A are one group). To close a set under it, every group
 * with a member in the set is added whole.
 */
#include "text/charset.h"

#include <stdlib.h>

#include "text/unicode_data.h"

struct builder {
    uint32_t *edges;
    size_t n;
};

static struct builder builder_of(struct arena *arena, size_t max_edges)
{
    return (struct builder){arena_array(arena, uint32_t, max_edges), 0};
}

/* Appends first … end-1, which begins at or behind the end of what is there. */
static void append(struct builder *b, uint32_t first, uint32_t end)
{
    if (b->n > 0 && b->edges[b->n - 1] == first) {
        b->edges[b->n - 1] = end;
        return;
    }
    b->edges[b->n++] = first;
    b->edges[b->n++] = end;
}

static struct charset built(struct builder b)
{
    return (struct charset){b.edges, b.n};
}

struct charset charset_range(struct arena *arena, uint32_t first, uint32_t last)
{
    CHECK(first <= last && last < CHARSET_END);
    struct builder b = builder_of(arena, 2);
    append(&b, first, last + 1);
    return built(b);
}

/* What is in both (`both`), or in at least one. */
static struct charset sweep(struct arena *arena, struct charset a, struct charset b, bool both)
{
    uint32_t *edges = arena_array(arena, uint32_t, a.n_edges + b.n_edges);
    size_t n = 0, i = 0, j = 0;
    bool inside = false;
    while (i < a.n_edges || j < b.n_edges) {
        uint32_t next_a = i < a.n_edges ? a.edges[i] : UINT32_MAX;
        uint32_t next_b = j < b.n_edges ? b.edges[j] : UINT32_MAX;
        uint32_t at = next_a < next_b ? next_a : next_b;
        i += next_a == at;
        j += next_b == at;
        /* An odd number of edges passed: inside that operand. */
        bool now = both ? (i & 1) && (j & 1) : (i & 1) || (j & 1);
        if (now != inside)
            edges[n++] = at;
        inside = now;
    }
    return (struct charset){edges, n};
}

struct charset charset_union(struct arena *arena, struct charset a, struct charset b)
{
    return sweep(arena, a, b, false);
}

struct charset charset_intersection(struct arena *arena, struct charset a, struct charset b)
{
    return sweep(arena, a, b, true);
}

struct charset charset_complement(struct arena *arena, struct charset a)
{
    struct builder b = builder_of(arena, a.n_edges + 2);
    uint32_t at = 0;
    for (size_t i = 0; i < a.n_edges; i += 2) {
        if (a.edges[i] > at)
            append(&b, at, a.edges[i]);
        at = a.edges[i + 1];
    }
    if (at < CHARSET_END)
        append(&b, at, CHARSET_END);
    return built(b);
}

bool charset_has(struct charset set, uint32_t code_point)
{
    size_t low = 0, high = set.n_edges; /* edges before `low` are <= code_point */
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (set.edges[middle] <= code_point)
            low = middle + 1;
        else
            high = middle;
    }
    return low & 1;
}

bool charset_equal(struct charset a, struct charset b)
{
    return a.n_edges == b.n_edges &&
           (a.n_edges == 0 || memcmp(a.edges, b.edges, a.n_edges * sizeof *a.edges) == 0);
}

/* ------------------------------------------------------------------------------- properties -- */

static uint32_t take_number(const uint8_t **at)
{
    uint32_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint32_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
}

static struct charset unpack(struct arena *arena, const struct unicode_property *property)
{
    struct builder b = builder_of(arena, 2 * (size_t)property->n_ranges);
    const uint8_t *at = unicode_set_bytes + property->place;
    uint32_t edge = 0;
    for (uint32_t i = 0; i < property->n_ranges; i++) {
        uint32_t first = edge + take_number(&at);
        edge = first + take_number(&at);
        append(&b, first, edge);
    }
    return built(b);
}

static const struct unicode_property *find_property(struct span name)
{
    size_t low = 0, high = unicode_n_properties;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = span_compare(span_of(unicode_properties[middle].name), name);
        if (order == 0)
            return &unicode_properties[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

bool charset_property(struct arena *arena, struct span name, struct charset *out)
{
    uint8_t plain[64];
    size_t n = 0;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.at[i];
        if (c == ' ' || c == '-' || c == '_')
            continue;
        if (n == sizeof plain)
            return false;
        plain[n++] = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
    }
    const struct unicode_property *found = find_property((struct span){plain, n});
    if (found)
        *out = unpack(arena, found);
    return found;
}

struct charset charset_named(struct arena *arena, const char *name)
{
    const struct unicode_property *found = find_property(span_of(name));
    CHECK(found);
    return unpack(arena, found);
}

/* ------------------------------------------------------------------------------------- case -- */

/* Appends the whole group to the list where a member is in the set. */
static size_t list_group(struct charset set, uint32_t *list, size_t n, const uint32_t *group,
                         size_t group_len)
{
    bool any = false;
    for (size_t i = 0; i < group_len; i++)
        any = any || charset_has(set, group[i]);
    if (any)
        memcpy(list + n, group, group_len * sizeof *group);
    return any ? n + group_len : n;
}

static size_t list_groups(struct charset set, uint32_t *list)
{
    size_t n = 0;
    for (size_t i = 0; i < unicode_fold_groups_len;) {
        size_t group_len = 0;
        while (unicode_fold_groups[i + group_len])
            group_len++;
        n = list_group(set, list, n, unicode_fold_groups + i, group_len);
        i += group_len + 1;
    }
    for (size_t i = 0; i < unicode_fold_pairs_len; i++) {
        const struct unicode_run *run = &unicode_fold_pairs[i];
        for (uint32_t k = 0; k < run->count; k++) {
            uint32_t a = run->start + k * run->step;
            uint32_t pair[2] = {a, (uint32_t)((int32_t)a + run->distance)};
            n = list_group(set, list, n, pair, 2);
        }
    }
    return n;
}

static size_t longest_list(void)
{
    size_t n = unicode_fold_groups_len;
    for (size_t i = 0; i < unicode_fold_pairs_len; i++)
        n += 2 * (size_t)unicode_fold_pairs[i].count;
    return n;
}

static int order_numbers(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

struct charset charset_fold(struct arena *arena, struct charset set)
{
    struct arena scratch = {0};
    uint32_t *list = arena_array(&scratch, uint32_t, longest_list());
    size_t n = list_groups(set, list);
    qsort(list, n, sizeof *list, order_numbers);
    struct builder b = builder_of(&scratch, 2 * n);
    for (size_t i = 0; i < n; i++)
        append(&b, list[i], list[i] + 1);
    struct charset folded = charset_union(arena, set, built(b));
    arena_release(&scratch);
    return folded;
}
