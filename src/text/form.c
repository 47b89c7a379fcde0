/*
 * form.c - NFC, NFD, NFKC and NFKD.
 *
 * Most text is in its form already. A table (unicode.h) says of each character whether the form can
 * change it or tie it to the character before it; a stretch without such characters is copied, and
 * what is left are short clusters: a character and the marks behind it. A cluster is decomposed,
 * its marks are sorted by combining class, and for the composed forms joined again.
 *
 * utf8proc gives the decomposition and the composition of a single character; its Unicode is newer
 * than the library's in some places. It is asked only about characters that the table marks, and a
 * composition counts only where the table says that the result decomposes; classes come from the
 * table. So characters that the library does not know yet stay as they are, as there.
 *
 * Source: Unicode Standard Annex 15; the order of the account of changes (transform.h) was compared
 * with the library's on random strings of marks.
 */
#include "text/form.h"

#include <utf8proc.h>

#include "base/mem.h"
#include "text/transform.h"
#include "text/unicode.h"

enum { LONGEST_DECOMPOSITION = 32 }; /* Unicode's is 18 */

struct mark {
    uint32_t c;
    int change;
    uint8_t class;
};

struct cluster {
    struct mark *marks;
    size_t n, cap;
};

static void add_mark(struct cluster *cluster, uint32_t c, int change)
{
    if (cluster->n == cluster->cap) {
        cluster->cap = max_size(2 * cluster->cap, 64);
        cluster->marks = mem_resize(cluster->marks, cluster->cap * sizeof *cluster->marks);
    }
    cluster->marks[cluster->n++] = (struct mark){c, change, unicode_combining_class(c)};
}

static bool is_compatible(enum form form)
{
    return form == FORM_NFKC || form == FORM_NFKD;
}

static void decompose(struct cluster *cluster, enum form form, uint32_t c)
{
    unsigned flag = is_compatible(form) ? UNICODE_NFKD : UNICODE_NFD;
    utf8proc_int32_t parts[LONGEST_DECOMPOSITION];
    int boundary = 0;
    utf8proc_ssize_t n = 0;
    if (unicode_flags(c) & flag)
        n = utf8proc_decompose_char((utf8proc_int32_t)c, parts, LONGEST_DECOMPOSITION,
                                    is_compatible(form) ? UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT
                                                        : UTF8PROC_DECOMPOSE,
                                    &boundary);
    if (n <= 0 || n > LONGEST_DECOMPOSITION) {
        add_mark(cluster, c, 0);
        return;
    }
    for (utf8proc_ssize_t i = 0; i < n; i++)
        add_mark(cluster, (uint32_t)parts[i], i > 0);
}

/* Sorts one run of marks by class, stably: merging, since a hostile text is one run of a megabyte.
 */
static void sort_marks(struct mark *marks, struct mark *scratch, size_t n)
{
    if (n < 2)
        return;
    size_t half = n / 2, i = 0, j = half;
    sort_marks(marks, scratch, half);
    sort_marks(marks + half, scratch, n - half);
    memcpy(scratch, marks, n * sizeof *marks);
    for (size_t k = 0; k < n; k++) {
        bool left = j == n || (i < half && scratch[i].class <= scratch[j].class);
        marks[k] = left ? scratch[i++] : scratch[j++];
    }
}

static void order(struct cluster *cluster)
{
    struct mark *scratch = NULL;
    size_t scratch_cap = 0;
    for (size_t i = 0; i < cluster->n;) {
        size_t end = i;
        while (end < cluster->n && cluster->marks[end].class != 0)
            end++;
        if (end - i > scratch_cap) {
            scratch_cap = end - i;
            scratch = mem_resize(scratch, scratch_cap * sizeof *scratch);
        }
        sort_marks(cluster->marks + i, scratch, end - i);
        i = end + 1;
    }
    mem_free(scratch);
}

/* The character that is a followed by b, or 0. */
static uint32_t compose(uint32_t a, uint32_t b)
{
    if (!(unicode_flags(b) & UNICODE_NFC))
        return 0;
    utf8proc_int32_t pair[2] = {(utf8proc_int32_t)a, (utf8proc_int32_t)b};
    if (utf8proc_normalize_utf32(pair, 2, UTF8PROC_COMPOSE | UTF8PROC_STABLE) != 1)
        return 0;
    return unicode_flags((uint32_t)pair[0]) & UNICODE_NFD ? (uint32_t)pair[0] : 0;
}

/* Joins in place; *n becomes the number of characters left. */
static void join(struct mark *marks, size_t *n)
{
    size_t out = 0, starter = SIZE_MAX;
    for (size_t i = 0; i < *n; i++) {
        struct mark m = marks[i];
        /* Blocked by a mark of the same or a higher class between it and the starter. */
        bool adjacent = starter != SIZE_MAX && out == starter + 1;
        bool open = adjacent || (starter != SIZE_MAX && m.class > marks[out - 1].class);
        uint32_t joined = open ? compose(marks[starter].c, m.c) : 0;
        if (joined) {
            marks[starter].c = joined;
            marks[starter].change += m.change - 1;
            continue;
        }
        if (m.class == 0)
            starter = out;
        marks[out++] = m;
    }
    *n = out;
}

/* Writes the cluster at tr->offset … end in its form. */
static void write_cluster(struct transform *tr, struct cluster *cluster, enum form form, size_t end)
{
    cluster->n = 0;
    for (size_t at = tr->offset; at < end;) {
        uint32_t c = transform_decode(tr->text->bytes, at, &at);
        decompose(cluster, form, c);
    }
    order(cluster);
    if (form == FORM_NFC || form == FORM_NFKC)
        join(cluster->marks, &cluster->n);
    for (size_t i = 0; i < cluster->n; i++)
        transform_put(tr, cluster->marks[i].c, cluster->marks[i].change);
}

/*
 * The next cluster that the form can change, from byte `at` (where a character begins) on: *start
 * at the character before the first marked one, so that this can join it, the end behind the last
 * marked one. Both are the text's length where there is none.
 */
static size_t next_cluster(struct span text, unsigned flag, size_t at, size_t *start)
{
    size_t next, before = at;
    for (; at < text.len; at = next) {
        uint32_t c = transform_decode(text, at, &next);
        if (c >= 0x80 && (unicode_flags(c) & flag))
            break;
        before = at;
    }
    *start = at < text.len ? before : text.len;
    while (at < text.len) {
        uint32_t c = transform_decode(text, at, &next);
        if (!(unicode_flags(c) & flag))
            break;
        at = next;
    }
    return at;
}

bool form_run(enum form form, struct text *t, struct err *err)
{
    static const unsigned flags[] = {UNICODE_NFC, UNICODE_NFD, UNICODE_NFKC, UNICODE_NFKD};
    size_t start, end = next_cluster(t->bytes, flags[form], 0, &start);
    if (start == t->bytes.len)
        return true;
    struct cluster cluster = {0};
    struct transform tr = {.text = t};
    text_begin_rewrite(t);
    while (start < t->bytes.len) {
        transform_keep(&tr, start);
        write_cluster(&tr, &cluster, form, end);
        tr.offset = end;
        end = next_cluster(t->bytes, flags[form], end, &start);
    }
    transform_keep(&tr, t->bytes.len);
    mem_free(cluster.marks);
    return text_end_rewrite(t, err);
}
