#include "test/support/rows.h"
#include "test/support/support.h"

#include <math.h>

#include "base/map.h"
#include "train/batcher.h"

static struct rows rows;
static struct arena arena;
static struct batcher b;

static void begin(size_t tokens, bool shares)
{
    arena_release(&arena);
    batcher_init(&b, &arena,
                 &(struct batcher_options){.tokens = tokens, .rows = ROWS_MOST, .shares = shares});
    batcher_begin(&b, &rows.store, rows.list, rows.store.n_rows);
}

/* Row `at` of the batch with all before it in its text, into ids; returns how many. */
static uint32_t text_of(const struct batch *batch, int32_t at, uint32_t *ids)
{
    uint32_t n = (uint32_t)batch->position[at] + 1;
    size_t i = 0;
    while (at < batch->segment[i].query || at >= batch->segment[i].query + batch->segment[i].n)
        i++;
    for (uint32_t left = n; left > 0; at--) {
        const struct segment *s = &batch->segment[i];
        assert_int_equal(s->query, s->key);
        assert_int_equal(batch->position[at], left - 1);
        ids[--left] = (uint32_t)batch->id[at];
        if (at == s->query && left > 0) {
            assert_in_range(s->parent, 0, i - 1);
            i = (size_t)s->parent;
            at = batch->segment[i].query + batch->segment[i].n;
            assert_int_equal(batch->segment[i].position + batch->segment[i].n, s->position);
        }
    }
    return n;
}

/* What is predicted from which text, as a number. */
static uint64_t hash_target(uint32_t *ids, uint32_t n, uint32_t id)
{
    ids[n] = id;
    return hash_bytes((struct span){(const uint8_t *)ids, (n + 1) * sizeof *ids}, 3);
}

struct tally {
    uint64_t hash[ROWS_TOKENS_MOST];
    int64_t count[ROWS_TOKENS_MOST];
    size_t n;
};

static void tally_add(struct tally *t, uint64_t hash, int64_t count)
{
    size_t i = 0;
    while (i < t->n && t->hash[i] != hash)
        i++;
    if (i == t->n)
        t->hash[t->n++] = hash;
    t->count[i] += count;
}

/* The batches hold every target of every row, each with its own text before it. */
static void assert_complete(struct tally *tally)
{
    uint32_t ids[ROWS_TOKENS_MOST];
    double coefs = 0;
    size_t n_rows = 0;
    *tally = (struct tally){0};
    while (batcher_next(&b)) {
        n_rows += b.batch_rows;
        assert_in_range(b.batch.n_tokens, 1, b.options.tokens);
        assert_in_range(b.batch.n_segments, 1, b.batch.n_tokens);
        for (size_t i = 0; i < b.batch.n_targets; i++) {
            uint32_t n = text_of(&b.batch, b.batch.target[i].row, ids);
            tally_add(tally, hash_target(ids, n, (uint32_t)b.batch.target[i].id), b.count[i]);
            coefs += (double)b.batch.coef[i];
        }
    }
    for (uint32_t row = 0; row < rows.store.n_rows; row++) {
        for (uint32_t t = 1; t < rows.row[row].len; t++) {
            if (!row_store_is_trained(&rows.store, row, t))
                continue;
            memcpy(ids, row_store_ids(&rows.store, row), t * sizeof *ids);
            tally_add(tally, hash_target(ids, t, row_store_ids(&rows.store, row)[t]), -1);
        }
    }
    for (size_t i = 0; i < tally->n; i++)
        assert_int_equal(tally->count[i], 0);
    assert_int_equal(n_rows, b.n_rows);
    assert_true(b.n_targets == 0 || fabs(coefs - 1) < 1e-5);
}

static void rows_lie_one_behind_another(void **state)
{
    (void)state;
    rows_init(&rows);
    rows_add(&rows, (const uint32_t[]){5, 6, 7}, 3, 0);
    rows_add(&rows, (const uint32_t[]){5, 8}, 2, 1);
    begin(100, false);
    assert_true(batcher_next(&b));
    assert_int_equal(b.batch.n_tokens, 5);
    assert_int_equal(b.batch.n_segments, 2);
    assert_int_equal(b.batch.segment[1].query, 3);
    assert_int_equal(b.batch.segment[1].position, 0);
    assert_int_equal(b.batch.segment[1].parent, SEGMENT_NO_PARENT);
    assert_int_equal(b.batch.n_targets, 3); /* the first token of a text is predicted by nothing */
    assert_int_equal(b.batch.target[2].row, 3);
    assert_int_equal(b.batch.target[2].id, 8);
    assert_true(b.batch.coef[0] == 1.0f / 3);
    assert_false(batcher_next(&b));
}

static void batches_hold_as_many_rows_as_fit(void **state)
{
    (void)state;
    const uint32_t ids[10] = {1, 2, 3};
    rows_init(&rows);
    for (uint32_t i = 0; i < 7; i++)
        rows_add(&rows, ids, 4, 3);
    begin(10, false);
    size_t batches = 0;
    for (; batcher_next(&b); batches++) {
        assert_int_equal(b.batch_rows, batches < 3 ? 2 : 1);
        assert_true(b.batch.coef[0] == 1.0f / 7);
    }
    assert_int_equal(batches, 4);
    assert_int_equal(b.n_tokens, 28);
    assert_int_equal(b.n_targets, 7);
}

static void rows_without_targets_are_passed_over(void **state)
{
    (void)state;
    const uint32_t ids[4] = {1, 2, 3, 4};
    rows_init(&rows);
    rows_add(&rows, ids, 4, 4);
    rows_add(&rows, ids, 1, 0);
    begin(10, true);
    assert_false(batcher_next(&b));
    assert_int_equal(b.n_targets, 0);
}

/* 40 common tokens, of which a third and a fourth row share 20 and are the same. */
static void common_beginnings_stand_in_the_batch_once(void **state)
{
    (void)state;
    uint32_t ids[50] = {0};
    rows_init(&rows);
    for (uint32_t i = 0; i < 50; i++)
        ids[i] = i;
    rows_add(&rows, ids, 50, 41);
    ids[40] = 99;
    rows_add(&rows, ids, 45, 38);
    ids[20] = 98;
    rows_add(&rows, ids, 30, 25);
    rows_add(&rows, ids, 30, 25);
    begin(1000, true);
    assert_true(batcher_next(&b));
    assert_int_equal(b.n_computed, 20 + 20 + 10 + 5 + 10);
    assert_int_equal(b.batch.n_segments, 5);
    assert_int_equal(b.batch.n_targets, 9 + 7 + 5);
    begin(1000, true);
    static struct tally tally;
    assert_complete(&tally);
    rows_add(&rows, (const uint32_t[]){0, 1, 2, 7}, 4, 1); /* three tokens are not worth a cut */
    begin(1000, true);
    assert_true(batcher_next(&b));
    assert_int_equal(b.n_computed, 65 + 4);
}

static void every_target_is_there_with_its_own_text(void **state)
{
    (void)state;
    static struct tally tally;
    for (uint64_t seed = 0; seed < 60; seed++) {
        rows_fill(&rows, seed, 1 + seed % 30, 100, seed % 3 == 0 ? 2 : 50);
        size_t tokens = seed % 2 == 0 ? 100 : 700;
        begin(tokens, false);
        assert_complete(&tally);
        assert_int_equal(b.n_computed, b.n_tokens);
        begin(tokens, true);
        assert_complete(&tally);
        assert_true(b.n_computed <= b.n_tokens);
    }
}

static void the_same_rows_make_the_same_batches_in_any_order(void **state)
{
    (void)state;
    static int32_t id[1000];
    rows_fill(&rows, 3, 20, 60, 20);
    begin(1000, true);
    assert_true(batcher_next(&b));
    size_t n = b.batch.n_tokens;
    memcpy(id, b.batch.id, n * sizeof *id);
    for (uint32_t i = 0; i < 20; i++)
        rows.list[i] = 19 - i;
    begin(1000, true);
    assert_true(batcher_next(&b));
    assert_int_equal(b.batch.n_tokens, n);
    assert_memory_equal(b.batch.id, id, n * sizeof *id);
}

/* Each token of each row has the loss of the target that its own text leads to. */
static void assert_token_losses(size_t *n)
{
    static float loss[ROWS_TOKENS_MOST], token[ROWS_TOKENS_MOST];
    uint32_t ids[ROWS_TOKENS_MOST];
    while (batcher_next(&b)) {
        for (size_t i = 0; i < b.batch.n_targets; i++)
            loss[i] = (float)i + 1;
        for (size_t i = 0; i < b.batch_rows; i++) {
            const struct batcher_row *row = batcher_row(&b, i);
            assert_int_equal(rows.list[row->place], row->row);
            batcher_token_losses(&b, i, loss, token);
            for (uint32_t t = 0; t < row->len; t++) {
                if (t == 0 || !row_store_is_trained(&rows.store, row->row, t)) {
                    assert_true(token[t] == 0);
                    continue;
                }
                const struct target *target = &b.batch.target[(size_t)token[t] - 1];
                assert_int_equal(target->id, row->ids[t]);
                assert_int_equal(text_of(&b.batch, target->row, ids), t);
                assert_memory_equal(ids, row->ids, t * sizeof *ids);
                ++*n;
            }
        }
    }
}

static void each_row_finds_its_own_losses(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 30; seed++) {
        size_t n = 0;
        rows_fill(&rows, seed, 1 + seed % 30, 100, seed % 3 == 0 ? 2 : 50);
        begin(seed % 2 == 0 ? 100 : 700, seed % 5 > 0);
        uint64_t targets = b.n_targets;
        assert_token_losses(&n);
        assert_int_equal(n, targets);
    }
}

static void begin_too_long(void)
{
    begin(99, true);
}

static void a_row_longer_than_a_batch_is_a_mistake(void **state)
{
    (void)state;
    uint32_t ids[100] = {0};
    rows_init(&rows);
    rows_add(&rows, ids, 100, 0);
    assert_check_fails(begin_too_long, "len <= b->options.tokens");
}

static int release(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_lie_one_behind_another),
        cmocka_unit_test(batches_hold_as_many_rows_as_fit),
        cmocka_unit_test(rows_without_targets_are_passed_over),
        cmocka_unit_test(common_beginnings_stand_in_the_batch_once),
        cmocka_unit_test(every_target_is_there_with_its_own_text),
        cmocka_unit_test(the_same_rows_make_the_same_batches_in_any_order),
        cmocka_unit_test(each_row_finds_its_own_losses),
        cmocka_unit_test(a_row_longer_than_a_batch_is_a_mistake),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
