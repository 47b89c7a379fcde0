#include "test/support/support.h"

#include "base/rng.h"
#include "text/pack.h"

/* The pack holds every token of every row exactly once, in pieces that fit. */
static void assert_complete(const struct pack *p, const uint32_t *lengths, size_t n)
{
    uint32_t *seen = test_calloc(n + 1, sizeof *seen);
    uint64_t tokens = 0;
    assert_true(p->n_sequences == 0 || p->sequence[0] == 0);
    for (size_t s = 0; s < p->n_sequences; s++) {
        uint32_t used = 0;
        assert_true(p->sequence[s] < p->sequence[s + 1]);
        for (size_t i = p->sequence[s]; i < p->sequence[s + 1]; i++) {
            const struct pack_piece *piece = &p->pieces[i];
            assert_true(piece->row < n && piece->len > 0);
            assert_int_equal(piece->start, used);
            assert_int_equal(piece->first, seen[piece->row]);
            seen[piece->row] += piece->len;
            used += piece->len;
        }
        assert_true(used <= p->capacity);
        tokens += used;
    }
    for (size_t i = 0; i < n; i++)
        assert_int_equal(seen[i], lengths[i]);
    assert_int_equal(tokens, p->tokens);
    if (p->n_sequences > 0)
        assert_int_equal(p->sequence[p->n_sequences], p->n_pieces);
    test_free(seen);
}

static void best_fit_decreasing_fills_the_tightest_room_first(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct pack p;
    /* 7 and 3, 6 and 4, 5 and 5: three full sequences of 10. */
    const uint32_t lengths[] = {3, 5, 7, 4, 5, 6};
    pack_rows(&p, &arena, PACK_BFD, lengths, 6, 10);
    assert_complete(&p, lengths, 6);
    assert_int_equal(p.n_sequences, 3);
    assert_int_equal(p.pieces[0].row, 2);
    assert_int_equal(p.pieces[1].row, 0);
    assert_int_equal(p.pieces[1].start, 7);
    arena_release(&arena);
}

static void rows_of_the_full_length_stand_alone_and_empty_rows_are_left_out(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct pack p;
    const uint32_t lengths[] = {8, 0, 8, 1, 0};
    pack_rows(&p, &arena, PACK_BFD, lengths, 5, 8);
    assert_complete(&p, lengths, 5);
    assert_int_equal(p.n_sequences, 3);
    assert_int_equal(p.n_pieces, 3);
    pack_rows(&p, &arena, PACK_NONE, lengths, 5, 8);
    assert_complete(&p, lengths, 5);
    assert_int_equal(p.n_sequences, 3);
    pack_rows(&p, &arena, PACK_BFD, lengths, 0, 8);
    assert_int_equal(p.n_sequences, 0);
    pack_rows(&p, &arena, PACK_WRAPPED, lengths, 0, 8);
    assert_int_equal(p.n_sequences, 0);
    arena_release(&arena);
}

static void wrapped_cuts_where_a_sequence_is_full(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct pack p;
    const uint32_t lengths[] = {5, 2, 3, 1};
    pack_rows(&p, &arena, PACK_WRAPPED, lengths, 4, 4);
    assert_complete(&p, lengths, 4);
    assert_int_equal(p.n_sequences, 3);
    assert_int_equal(p.pieces[1].row, 0);
    assert_int_equal(p.pieces[1].first, 4);
    assert_int_equal(p.pieces[1].start, 0);
    arena_release(&arena);
}

/* Best fit by looking at every sequence: what the tree must find. */
static size_t slow_best_fit(const uint32_t *lengths, size_t n, uint32_t capacity)
{
    uint32_t *room = test_calloc(n + 1, sizeof *room);
    size_t bins = 0;
    for (uint32_t len = capacity; len > 0; len--) {
        for (size_t i = 0; i < n; i++) {
            if (lengths[i] != len)
                continue;
            size_t best = bins;
            for (size_t b = 0; b < bins; b++) {
                if (room[b] >= len && (best == bins || room[b] < room[best]))
                    best = b;
            }
            if (best == bins)
                room[bins++] = capacity;
            room[best] -= len;
        }
    }
    test_free(room);
    return bins;
}

static void every_token_is_packed_once_whatever_the_lengths(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct arena arena = {0};
        struct rng rng = {.seed = seed};
        uint32_t capacity = 1 + (uint32_t)rng_below(&rng, 70);
        size_t n = (size_t)rng_below(&rng, 200);
        uint32_t *lengths = arena_array(&arena, uint32_t, n);
        for (size_t i = 0; i < n; i++)
            lengths[i] = (uint32_t)rng_below(&rng, capacity + 1);
        struct pack p, again;
        pack_rows(&p, &arena, PACK_BFD, lengths, n, capacity);
        assert_complete(&p, lengths, n);
        assert_int_equal(p.n_sequences, slow_best_fit(lengths, n, capacity));
        for (size_t i = 0; i < p.n_pieces; i++)
            assert_int_equal(p.pieces[i].first, 0);
        pack_rows(&again, &arena, PACK_BFD, lengths, n, capacity);
        assert_memory_equal(p.pieces, again.pieces, p.n_pieces * sizeof *p.pieces);
        pack_rows(&p, &arena, PACK_WRAPPED, lengths, n, capacity);
        assert_complete(&p, lengths, n);
        assert_int_equal(p.n_sequences, (p.tokens + capacity - 1) / capacity);
        arena_release(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(best_fit_decreasing_fills_the_tightest_room_first),
        cmocka_unit_test(rows_of_the_full_length_stand_alone_and_empty_rows_are_left_out),
        cmocka_unit_test(wrapped_cuts_where_a_sequence_is_full),
        cmocka_unit_test(every_token_is_packed_once_whatever_the_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
