/*
 * dataset_split.c - a split that the order of rows, files and duplicates cannot change.
 *
 * The rows are put in the order of their content's hash, which the seed has gone into: a fixed
 * shuffle that depends on nothing but what the rows say. The test rows are the first of that order,
 * the held-out rows the last, so that asking for more of one does not change the other. Equal rows
 * stand side by side, so a group of duplicates goes to one part as a whole. A group larger than
 * what a part still needs is passed over (an exception to the limits): otherwise a row repeated ten
 * thousand times could become the whole test.
 *
 * What is kept is 8 bytes a row. Afterwards two limits and the few exceptions answer for any row,
 * so a second pass over the data needs no table.
 *
 * Rows whose file is a part's own (test.jsonl beside train.jsonl) are exceptions too, with all that
 * it brings: a row for training with the same content goes to the held-out side, and is counted.
 *
 * The sizes, where the person does not say: a tenth of the rows, but from 1,000 rows on at most a
 * twentieth or 100, whichever is more, and never more than 1,000. Fewer than ten rows: none.
 */
#include "text/dataset_split.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

const char *dataset_part_name(enum dataset_part part)
{
    static const char *const names[PART_COUNT] = {"train", "eval", "test"};
    return names[part];
}

void split_init(struct dataset_split *s)
{
    *s = (struct dataset_split){.eval_from = UINT64_MAX};
    buf_init(&s->free, BUF_NO_LIMIT);
    buf_init(&s->fixed, BUF_NO_LIMIT);
    buf_init(&s->kept, BUF_NO_LIMIT);
}

void split_release(struct dataset_split *s)
{
    buf_release(&s->free);
    buf_release(&s->fixed);
    buf_release(&s->kept);
    *s = (struct dataset_split){0};
}

/* The two largest hashes would collide with the limits' ends; they move down by two. */
static uint64_t usable(uint64_t hash)
{
    return hash >= UINT64_MAX - 1 ? hash - 2 : hash;
}

void split_add(struct dataset_split *s, uint64_t hash)
{
    uint64_t value = usable(hash);
    buf_add(&s->free, (struct span){(const uint8_t *)&value, sizeof value});
}

static void add_exception(struct buf *list, uint64_t hash, enum dataset_part part)
{
    struct split_exception exception = {.hash = hash, .part = part};
    buf_add(list, (struct span){(const uint8_t *)&exception, sizeof exception});
}

void split_add_fixed(struct dataset_split *s, uint64_t hash, enum dataset_part part)
{
    add_exception(&s->fixed, usable(hash), part);
    s->has_fixed[part] = true;
}

/* ------------------------------------------------------------------------------------ sizes -- */

static uint64_t default_rows(uint64_t n)
{
    uint64_t twentieth = n / 20 > 100 ? n / 20 : 100;
    uint64_t rows = n / 10 < twentieth ? n / 10 : twentieth;
    return rows < 1000 ? rows : 1000;
}

static bool wanted_rows(uint64_t n, double size, const char *option, uint64_t *rows,
                        struct err *err)
{
    if (size < 0) {
        *rows = default_rows(n);
    } else if (size < 1) {
        /* As scikit-learn: rounded up; a product such as 0.1 * 30 must not gain a row by rounding.
         */
        *rows = (uint64_t)ceil(size * (double)n - 1e-6);
    } else if (size != floor(size) || size > 1e15) {
        err_set(err, ERR_USAGE, "%s %g is neither a share below 1 nor a number of rows", option,
                size);
        return false;
    } else {
        *rows = (uint64_t)size;
    }
    return true;
}

static bool leaves_rows(uint64_t n, uint64_t eval, uint64_t test, struct err *err)
{
    if (n == 0 || eval + test < n)
        return true;
    err_set(err, ERR_USAGE,
            "no row would be left to train on: %llu held out and %llu for the test "
            "of %llu",
            (unsigned long long)eval, (unsigned long long)test, (unsigned long long)n);
    err_hint(err, "lower --eval-split or --test-split; 0 trains on every row");
    return false;
}

static bool decide_sizes(uint64_t n, struct split_sizes sizes, uint64_t *eval, uint64_t *test,
                         struct err *err)
{
    return wanted_rows(n, sizes.eval, "--eval-split", eval, err) &&
           wanted_rows(n, sizes.test, "--test-split", test, err) &&
           leaves_rows(n, *eval, *test, err);
}

bool split_contiguous(struct split_sizes sizes, uint64_t rows[PART_COUNT], struct err *err)
{
    uint64_t eval, test;
    sizes.eval = rows[PART_EVAL] > 0 ? 0 : sizes.eval;
    sizes.test = rows[PART_TEST] > 0 ? 0 : sizes.test;
    if (!decide_sizes(rows[PART_TRAIN], sizes, &eval, &test, err))
        return false;
    rows[PART_TRAIN] -= eval + test;
    rows[PART_EVAL] += eval;
    rows[PART_TEST] += test;
    return true;
}

/* --------------------------------------------------------------------------------- deciding -- */

static int compare_hashes(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* By hash, then the test before the other parts: a row of both is a test row. */
static int compare_exceptions(const void *a, const void *b)
{
    const struct split_exception *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash > y->hash ? 1 : -1;
    return (x->part < y->part) - (x->part > y->part);
}

static const struct split_exception *find_exception(const struct split_exception *list, size_t n,
                                                    uint64_t hash)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && list[low].hash == hash ? &list[low] : NULL;
}

/* Sorts the rows of files of their own and keeps one of each; counts what was there twice. */
static void finish_fixed(struct dataset_split *s)
{
    struct split_exception *list = (void *)s->fixed.at;
    size_t n = s->fixed.len / sizeof *list, kept = 0;
    if (n > 0)
        qsort(list, n, sizeof *list, compare_exceptions);
    for (size_t i = 0; i < n; i++) {
        bool is_new = kept == 0 || list[kept - 1].hash != list[i].hash;
        if (is_new)
            list[kept++] = list[i];
        s->duplicates += !is_new;
        s->rows[list[kept - 1].part]++;
    }
    s->fixed.len = kept * sizeof *list;
}

/* Sends the free rows that a file of its own holds as well to that side; the rest stays, sorted. */
static size_t take_crossing(struct dataset_split *s)
{
    uint64_t *hashes = (void *)s->free.at;
    size_t n = s->free.len / sizeof *hashes, kept = 0;
    const struct split_exception *fixed = (const void *)s->fixed.at;
    size_t n_fixed = s->fixed.len / sizeof *fixed;
    if (n > 0)
        qsort(hashes, n, sizeof *hashes, compare_hashes);
    for (size_t i = 0; i < n; i++) {
        const struct split_exception *found = find_exception(fixed, n_fixed, hashes[i]);
        if (found) {
            s->crossing++;
            s->duplicates++;
            s->rows[found->part]++;
        } else {
            hashes[kept++] = hashes[i];
        }
    }
    s->free.len = kept * sizeof *hashes;
    return kept;
}

/* Number of equal hashes from `i` on, upwards or (step -1, which wraps round below 0) downwards. */
static size_t group_size(const uint64_t *hashes, size_t n, size_t i, ptrdiff_t step)
{
    uint64_t hash = hashes[i];
    size_t count = 0;
    for (; i < n && hashes[i] == hash; i += (size_t)step)
        count++;
    return count;
}

/*
 * Takes groups for a part from one end of the order (step 1: the first, -1: the last) until it has
 * `wanted` rows; `n` is the number of rows not yet looked at from the other end. Returns how many
 * rows were looked at.
 */
static size_t take_groups(struct dataset_split *s, enum dataset_part part, uint64_t wanted,
                          size_t first, size_t n)
{
    const uint64_t *hashes = (const void *)s->free.at;
    ptrdiff_t step = part == PART_TEST ? 1 : -1;
    size_t all = first + n, looked_at = 0;
    while (s->rows[part] < wanted && looked_at < n) {
        size_t i = step > 0 ? first + looked_at : all - 1 - looked_at;
        size_t size = group_size(hashes, all, i, step);
        if (size <= wanted - s->rows[part])
            s->rows[part] += size;
        else
            add_exception(&s->kept, hashes[i], PART_TRAIN);
        looked_at += size;
        if (step > 0)
            s->test_below = hashes[i] + 1;
        else
            s->eval_from = hashes[i];
    }
    return looked_at;
}

static void count_duplicates(struct dataset_split *s)
{
    const uint64_t *hashes = (const void *)s->free.at;
    for (size_t i = 1; i < s->free.len / sizeof *hashes; i++)
        s->duplicates += hashes[i] == hashes[i - 1];
}

bool split_finish(struct dataset_split *s, struct split_sizes sizes, struct err *err)
{
    finish_fixed(s);
    size_t n = take_crossing(s);
    count_duplicates(s);
    uint64_t eval, test;
    sizes.eval = s->has_fixed[PART_EVAL] ? 0 : sizes.eval;
    sizes.test = s->has_fixed[PART_TEST] ? 0 : sizes.test;
    if (!decide_sizes(n, sizes, &eval, &test, err))
        return false;

    uint64_t fixed[PART_COUNT] = {s->rows[0], s->rows[1], s->rows[2]};
    size_t from_start = take_groups(s, PART_TEST, fixed[PART_TEST] + test, 0, n);
    take_groups(s, PART_EVAL, fixed[PART_EVAL] + eval, from_start, n - from_start);
    s->rows[PART_TRAIN] =
        n - (s->rows[PART_TEST] - fixed[PART_TEST]) - (s->rows[PART_EVAL] - fixed[PART_EVAL]);

    buf_add(&s->kept, buf_span(&s->fixed));
    s->exceptions = (void *)s->kept.at;
    s->n_exceptions = s->kept.len / sizeof *s->exceptions;
    if (s->n_exceptions > 0)
        qsort(s->exceptions, s->n_exceptions, sizeof *s->exceptions, compare_exceptions);
    buf_release(&s->free);
    buf_release(&s->fixed);
    return true;
}

enum dataset_part split_part(const struct dataset_split *s, uint64_t hash)
{
    uint64_t value = usable(hash);
    const struct split_exception *found = find_exception(s->exceptions, s->n_exceptions, value);
    if (found)
        return (enum dataset_part)found->part;
    if (value < s->test_below)
        return PART_TEST;
    return value >= s->eval_from ? PART_EVAL : PART_TRAIN;
}
