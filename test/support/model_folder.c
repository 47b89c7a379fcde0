#include "test/support/model_folder.h"

#include <sys/stat.h>

#include "base/file.h"
#include "format/safetensors.h"
#include "graph/run.h"

enum { CHANGES_MOST = 4, TENSORS_MOST = 64, IDS_MOST = 64 };

static struct tensor added[CHANGES_MOST];
static const char *dropped[CHANGES_MOST];
static size_t n_added, n_dropped;

static struct backend backend;

struct backend *plain_backend(void)
{
    if (!backend.ops)
        backend_init(&backend, &backend_ref, NULL);
    return &backend;
}

/* Scratch memory that a run reserved; the backend is ready for the next one. */
static void clear_scratch(void)
{
    backend_release(&backend);
    backend_init(&backend, &backend_ref, NULL);
}

const char *config_folder(const char *members)
{
    static int count;
    static struct arena arena; /* the paths outlive the tests */
    struct err err = {0};
    struct file_writer w;
    const char *folder = arena_printf(&arena, "%s/model%d", temporary_folder(), count++);
    assert_int_equal(mkdir(folder, 0700), 0);
    ASSERT_OK(file_writer_open(&w, file_join(&arena, folder, "config.json"), &err));
    file_write(&w, span_of(arena_printf(&arena, "{%s}\n", members)));
    ASSERT_OK(file_commit(&w, &err));
    file_discard(&w);
    return folder;
}

void model_folder_add(const char *name, enum dtype dtype, size_t rows, size_t width)
{
    static const uint8_t zeros[1 << 16];
    uint64_t bytes;
    struct tensor *t = &added[n_added++];
    assert_true(n_added <= CHANGES_MOST);
    *t = (struct tensor){.name = span_of(name), .dtype = dtype, .n_dims = rows > 0 ? 2 : 1};
    t->dims[0] = rows > 0 ? rows : width;
    t->dims[1] = width;
    assert_true(tensor_size(t, &bytes) && bytes <= sizeof zeros);
    t->bytes = (struct span){zeros, (size_t)bytes};
}

void model_folder_drop(const char *name)
{
    assert_true(n_dropped < CHANGES_MOST);
    dropped[n_dropped++] = name;
}

static bool is_left_out(const char *name)
{
    for (size_t i = 0; i < n_dropped; i++) {
        if (strcmp(name, dropped[i]) == 0)
            return true;
    }
    for (size_t i = 0; i < n_added; i++) {
        if (span_is(added[i].name, name))
            return true;
    }
    return false;
}

static struct tensor tensor_of(const struct model *model, const struct param *p,
                               struct arena *arena)
{
    bool is_vector = p->weight.rows == 1;
    float *values = arena_array(arena, float, param_count(p));
    struct tensor t = {.name = span_of(p->name), .dtype = DTYPE_F32};
    model_in_file_order(model, p, p->value, values);
    t.n_dims = is_vector ? 1 : 2;
    t.dims[0] = is_vector ? p->weight.width : p->weight.rows;
    t.dims[1] = p->weight.width;
    t.bytes = (struct span){(const uint8_t *)values, param_count(p) * sizeof(float)};
    return t;
}

const char *model_folder(const char *members)
{
    struct err err = {0};
    struct arena arena = {0};
    struct model model;
    const char *folder = config_folder(members);
    ASSERT_OK(model_create(&model, folder, plain_backend(), 7, &err));
    struct tensor tensors[TENSORS_MOST];
    struct safetensors_content content = {.tensors = tensors};
    for (size_t i = 0; i < model.n_params; i++) {
        assert_true(content.n_tensors < TENSORS_MOST - CHANGES_MOST);
        if (!is_left_out(model.params[i]->name))
            tensors[content.n_tensors++] = tensor_of(&model, model.params[i], &arena);
    }
    for (size_t i = 0; i < n_added; i++)
        tensors[content.n_tensors++] = added[i];
    n_added = n_dropped = 0;
    ASSERT_OK(safetensors_write(file_join(&arena, folder, "model.safetensors"), &content, &err));
    model_close(&model);
    arena_release(&arena);
    return folder;
}

void model_losses(const struct model *model, bool without_adapters, size_t n, float *loss)
{
    struct err err = {0};
    struct tape tape = {0};
    struct run run = {0};
    int32_t id[IDS_MOST], position[IDS_MOST];
    struct target target[IDS_MOST];
    assert_true(n <= IDS_MOST);
    for (size_t i = 0; i < n; i++) {
        id[i] = (int32_t)((5 * i + 3) % model->config.vocabulary);
        position[i] = (int32_t)i;
        if (i > 0)
            target[i - 1] = (struct target){.row = (int32_t)i - 1, .id = id[i]};
    }
    struct segment segment = {.n = (int32_t)n, .parent = SEGMENT_NO_PARENT};
    struct batch batch = {.n_tokens = n,
                          .id = id,
                          .position = position,
                          .segment = &segment,
                          .n_segments = 1,
                          .target = target,
                          .n_targets = n - 1};
    struct record_options record = {.longest = n, .without_adapters = without_adapters};
    struct run_options options = {.rows = n, .targets = n, .keys = n};
    model_record(model, &tape, &record);
    ASSERT_OK(run_init(&run, &tape, model->backend, &options, &err));
    run_losses(&run, &batch, NULL, loss, NULL);
    run_release(&run);
    tape_release(&tape);
    clear_scratch();
}
