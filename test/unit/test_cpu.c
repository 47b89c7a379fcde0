/* The backend as a whole; test/op has its operations. */
#include "test/unit/cpu_check.h"

static void every_slot_is_filled(void **state)
{
    (void)state;
    const unsigned char *at = (const unsigned char *)&backend_cpu;
    for (size_t i = 0; i < sizeof backend_cpu; i += sizeof(void (*)(void))) {
        void (*slot)(void);
        memcpy(&slot, at + i, sizeof slot);
        assert_non_null(slot);
    }
    assert_string_equal(backend_cpu.name, "cpu");
}

static void blocks_of_rows_are_whole_tiles_of_every_set(void **state)
{
    (void)state;
    const struct kernels *k;
    for (size_t i = 0; (k = kernels_at(i)) != NULL; i++) {
        struct cpu_device device = {k};
        struct backend b;
        backend_init(&b, &backend_cpu, NULL);
        b.device = &device;
        for (size_t rows = 1; rows < 5000; rows += 7)
            assert_int_equal(cpu_row_block(&b, rows) % k->tile_rows, 0);
    }
}

static void check_blocks(const struct backend *b, size_t rows)
{
    size_t most = cpu_row_block(b, rows), tile_rows = cpu_kernels(b)->tile_rows, end = 0;
    struct row_blocks r = cpu_row_blocks(b, rows, most);
    for (size_t i = 0; i < r.n; i++) {
        size_t first, n = cpu_rows_of_block(&r, i, &first);
        assert_true(first == end && n > 0 && n <= most);
        assert_true(i + 1 == r.n || n % tile_rows == 0);
        end += n;
        most = n;
    }
    assert_int_equal(end, rows);
    assert_true(r.n % cpu_workers(b) == 0 || most <= tile_rows);
}

static void blocks_of_rows_share_them_out_evenly_the_longer_ones_first(void **state)
{
    (void)state;
    struct err err = {0};
    for (size_t n_threads = 1; n_threads < 9; n_threads++) {
        struct thread_pool *threads;
        struct backend b;
        ASSERT_OK(thread_pool_open(&threads, n_threads, &err));
        backend_init(&b, &backend_cpu, threads);
        for (size_t rows = 0; rows < 4000; rows += rows < 100 ? 1 : 31)
            check_blocks(&b, rows);
        thread_pool_close(threads);
    }
}

static void more_rows_never_ask_for_less_memory(void **state)
{
    (void)state;
    struct backend b;
    backend_init(&b, &backend_cpu, NULL);
    struct backend_sizes sizes = {.linear_in = 64,
                                  .linear_out = 128,
                                  .linear_weights = 64 * 128,
                                  .linear_rank = 8,
                                  .width = 64,
                                  .vocabulary = 999,
                                  .vocabulary_width = 64,
                                  .trains_vocabulary = true,
                                  .heads = 4,
                                  .kv_heads = 2,
                                  .head = 16,
                                  .trains = true};
    size_t before = 0;
    for (size_t rows = 1; rows < 3000; rows += 31) {
        sizes.rows = sizes.targets = sizes.keys = rows;
        size_t bytes = b.ops->scratch_bytes(&b, &sizes);
        assert_true(bytes >= before);
        before = bytes;
    }
}

static void mark(void *context, size_t block, size_t worker)
{
    int *counts = context;
    assert_int_equal(worker, 0);
    counts[block]++;
}

static void a_backend_without_threads_runs_every_block_itself(void **state)
{
    (void)state;
    struct backend b;
    int counts[5] = {0};
    backend_init(&b, &backend_cpu, NULL);
    cpu_run(&b, 5, mark, counts);
    for (int i = 0; i < 5; i++)
        assert_int_equal(counts[i], 1);
}

static void norms_sum_their_gradients_over_blocks_of_rows(void **state)
{
    (void)state;
    struct case_row row = {.op = CASE_NORM,
                           .name = "blocks",
                           .R = 100,
                           .C = 37,
                           .H = 3,
                           .flags = CASE_LAYER | CASE_BIAS | CASE_ADDED};
    check_case(&row);
}

static void embeddings_wider_than_a_quantised_block_are_found(void **state)
{
    (void)state;
    struct case_row row = {.op = CASE_EMBED,
                           .name = "wide",
                           .R = 70,
                           .C = 768,
                           .V = 11,
                           .scale = 2,
                           .dtype = DTYPE_Q4_K};
    check_case(&row);
}

static void the_padding_token_learns_nothing_from_look_ups(void **state)
{
    (void)state;
    struct backend b;
    struct err err = {0};
    struct thread_pool *threads;
    const int32_t id[] = {2, 0, 2, 1}, position[] = {0, 0, 1, 1};
    float dy[] = {1, 2, 3, 4}, dtokens[3] = {0}, dpositions[2] = {0};
    struct embed_args a = {.id = id,
                           .position = position,
                           .scale = 2,
                           .has_padding = true,
                           .padding = 2,
                           .dy = {dy, 4, 1, 1},
                           .dtokens = dtokens,
                           .dpositions = dpositions};
    ASSERT_OK(thread_pool_open(&threads, 2, &err));
    backend_init(&b, &backend_cpu, threads);
    b.ops->embed_back(&b, &a);
    assert_true(dtokens[0] == 4 && dtokens[1] == 8 && dtokens[2] == 0);
    assert_true(dpositions[0] == 3 && dpositions[1] == 7);
    backend_release(&b);
    thread_pool_close(threads);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_slot_is_filled),
        cmocka_unit_test(blocks_of_rows_are_whole_tiles_of_every_set),
        cmocka_unit_test(blocks_of_rows_share_them_out_evenly_the_longer_ones_first),
        cmocka_unit_test(more_rows_never_ask_for_less_memory),
        cmocka_unit_test(a_backend_without_threads_runs_every_block_itself),
        cmocka_unit_test(norms_sum_their_gradients_over_blocks_of_rows),
        cmocka_unit_test(embeddings_wider_than_a_quantised_block_are_found),
        cmocka_unit_test(the_padding_token_learns_nothing_from_look_ups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
