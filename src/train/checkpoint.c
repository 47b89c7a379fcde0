/*
 * checkpoint.c - the state of a run on the disk.
 *
 *     OUT/checkpoint/state.safetensors
 *         __metadata__   format, pace (the version), machine, status, step, reason, sum
 *         arrays         F32
 *         all else       U8, as it lies in memory
 *
 * Why safetensors: its writer puts arrays on the disk from where they lie, and replaces a file only
 * by a whole one that the disk has (temporary neighbour, fsync, rename, fsync of the folder); its
 * reader is hardened; and `pace inspect` or Python can look into a checkpoint.
 *
 * What that format lacks is a checksum. `sum` is a hash of the metadata and of every piece's name,
 * type and bytes, chained in the order of the file, so that nothing that counts can change unseen;
 * it protects against disks and copies, not against forgers. It is compared before anything is
 * touched.
 *
 * Structs are written as they lie in memory: within one version that is exact and needs no code for
 * each field. Another version may have laid them out otherwise, so its checkpoints are refused.
 */
#include "train/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/num.h"

static const char FORMAT[] = "pace checkpoint 1";

struct checkpoint_blob {
    const char *name;
    void *at; /* NULL: a buffer's */
    size_t bytes;
    enum dtype dtype;
    struct buf *buf;
    size_t item_bytes;
    bool *is_there; /* NULL: it always is */
};

/* ---------------------------------------------------------------------------------- the list -- */

void checkpoint_init(struct checkpoint *c)
{
    *c = (struct checkpoint){0};
    buf_init(&c->blobs, BUF_NO_LIMIT);
}

void checkpoint_release(struct checkpoint *c)
{
    buf_release(&c->blobs);
    arena_release(&c->arena);
    *c = (struct checkpoint){0};
}

static void add(struct checkpoint *c, const char *name, struct checkpoint_blob blob)
{
    blob.name = arena_printf(&c->arena, "%s", name);
    buf_add(&c->blobs, (struct span){(const uint8_t *)&blob, sizeof blob});
}

void checkpoint_add(struct checkpoint *c, const char *name, void *at, size_t bytes)
{
    CHECK(at);
    add(c, name, (struct checkpoint_blob){.at = at, .bytes = bytes, .dtype = DTYPE_U8});
}

void checkpoint_add_floats(struct checkpoint *c, const char *name, float *at, size_t n)
{
    CHECK(at || n == 0);
    add(c, name,
        (struct checkpoint_blob){.at = at, .bytes = n * sizeof(float), .dtype = DTYPE_F32});
}

void checkpoint_add_buf(struct checkpoint *c, const char *name, struct buf *buf, size_t item_bytes)
{
    add(c, name, (struct checkpoint_blob){.buf = buf, .item_bytes = item_bytes, .dtype = DTYPE_U8});
}

void checkpoint_add_optional(struct checkpoint *c, const char *name, float *at, size_t n,
                             bool *is_there)
{
    add(c, name,
        (struct checkpoint_blob){
            .at = at, .bytes = n * sizeof(float), .dtype = DTYPE_F32, .is_there = is_there});
}

static size_t count_blobs(const struct checkpoint *c)
{
    return c->blobs.len / sizeof(struct checkpoint_blob);
}

static struct checkpoint_blob blob_at(const struct checkpoint *c, size_t i)
{
    struct checkpoint_blob blob;
    memcpy(&blob, c->blobs.at + i * sizeof blob, sizeof blob);
    return blob;
}

static struct span bytes_of(const struct checkpoint_blob *blob)
{
    return blob->buf ? buf_span(blob->buf) : (struct span){blob->at, blob->bytes};
}

static bool is_absent(const struct checkpoint_blob *blob)
{
    return blob->is_there && !*blob->is_there;
}

void checkpoint_cut(struct checkpoint *c, size_t n)
{
    CHECK(n <= count_blobs(c));
    c->blobs.len = n * sizeof(struct checkpoint_blob);
}

uint64_t checkpoint_bytes(const struct checkpoint *c)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count_blobs(c); i++) {
        struct checkpoint_blob blob = blob_at(c, i);
        if (!is_absent(&blob))
            sum += bytes_of(&blob).len;
    }
    return sum;
}

/* ------------------------------------------------------------------------------------- names -- */

static char *folder_of(struct arena *arena, const char *folder)
{
    return file_join(arena, folder, "checkpoint");
}

static char *path_of(struct arena *arena, const char *folder)
{
    return file_join(arena, folder_of(arena, folder), "state.safetensors");
}

static const char *const status_names[] = {
    [CHECKPOINT_RUNNING] = "running", [CHECKPOINT_DONE] = "done", [CHECKPOINT_STOPPED] = "stopped"};

const char *checkpoint_status_name(enum checkpoint_status status)
{
    return status_names[status];
}

/* One that is none counts as running: the checksum has been looked at. */
static enum checkpoint_status find_status(const char *name)
{
    size_t i = COUNT_OF(status_names) - 1;
    while (i > 0 && strcmp(status_names[i], name) != 0)
        i--;
    return (enum checkpoint_status)i;
}

/* The hash of all that a file says; `tensors` in the order of the file. */
static uint64_t sum_of(const struct safetensors_meta *meta, size_t n_meta,
                       const struct tensor *tensors, size_t n_tensors)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n_meta; i++) {
        if (!span_is(meta[i].key, "sum"))
            sum = hash_bytes(meta[i].value, hash_bytes(meta[i].key, sum));
    }
    for (size_t i = 0; i < n_tensors; i++) {
        const struct tensor *t = &tensors[i];
        sum = hash_bytes(t->name, sum) + t->dtype;
        sum = hash_bytes(t->bytes, sum);
    }
    return sum;
}

/* ------------------------------------------------------------------------------------ saving -- */

static struct tensor tensor_of(const struct checkpoint_blob *blob)
{
    struct span bytes = bytes_of(blob);
    uint64_t n = blob->dtype == DTYPE_F32 ? bytes.len / sizeof(float) : bytes.len;
    return (struct tensor){.name = span_of(blob->name),
                           .dtype = blob->dtype,
                           .n_dims = 1,
                           .dims = {n},
                           .bytes = bytes};
}

static struct safetensors_meta meta_of(const char *key, const char *value)
{
    return (struct safetensors_meta){span_of(key), span_of(value)};
}

bool checkpoint_save(const struct checkpoint *c, const char *folder,
                     const struct checkpoint_about *about, struct err *err)
{
    struct arena arena = {0};
    size_t n = 0;
    struct tensor *tensors = arena_array(&arena, struct tensor, count_blobs(c));
    for (size_t i = 0; i < count_blobs(c); i++) {
        struct checkpoint_blob blob = blob_at(c, i);
        if (!is_absent(&blob))
            tensors[n++] = tensor_of(&blob);
    }
    safetensors_sort(tensors, n);
    struct safetensors_meta meta[] = {
        meta_of("format", FORMAT),
        meta_of("pace", PACE_VERSION),
        meta_of("machine", about->machine),
        meta_of("status", status_names[about->status]),
        meta_of("step", arena_printf(&arena, "%" PRId64, about->step)),
        meta_of("reason", about->reason ? about->reason : ""),
        meta_of("sum", "")};
    uint64_t sum = sum_of(meta, COUNT_OF(meta), tensors, n);
    meta[COUNT_OF(meta) - 1].value = span_of(arena_printf(&arena, "%016" PRIx64, sum));
    struct safetensors_content content = {tensors, n, meta, COUNT_OF(meta)};
    bool ok = file_make_folder(folder_of(&arena, folder), err) &&
              safetensors_write(path_of(&arena, folder), &content, err);
    arena_release(&arena);
    return ok;
}

/* ----------------------------------------------------------------------------------- opening -- */

static bool refuse_missing(const char *folder, struct err *err)
{
    if (file_kind_of(folder) != FILE_FOLDER) {
        err_set(err, ERR_INPUT, "there is no such folder");
        err_hint(err, "--resume OUT names the folder of the run that was cut off");
        return false;
    }
    err_set(err, ERR_INPUT, "there is no checkpoint to go on from");
    err_hint(err, "the first one is saved soon after training begins; begin the run anew, with "
                  "--overwrite-output-dir");
    return false;
}

static bool refuse_damaged(struct err *err, const char *what)
{
    err_set(err, ERR_INPUT, "the checkpoint is damaged: %s", what);
    err_hint(err, "restore it from a copy, or begin the run anew with --overwrite-output-dir");
    return false;
}

/* The text of a key, in the arena; "" where there is none. */
static const char *read_meta(struct checkpoint_file *f, const char *key)
{
    struct span value = {0};
    (void)safetensors_metadata(&f->st, key, &value);
    return arena_string(&f->arena, value);
}

static bool read_about(struct checkpoint_file *f, struct err *err)
{
    struct checkpoint_about *about = &f->about;
    const char *version = read_meta(f, "pace");
    if (strcmp(read_meta(f, "format"), FORMAT) != 0) {
        err_set(err, ERR_INPUT, "this is not a checkpoint of pace");
        return false;
    }
    if (strcmp(version, PACE_VERSION) != 0) {
        err_set(err, ERR_INPUT, "the checkpoint is from pace %s; this is pace %s", version,
                PACE_VERSION);
        err_hint(err, "go on with the version that began the run");
        return false;
    }
    uint64_t sum = sum_of(f->st.metadata, f->st.n_metadata, f->st.tensors, f->st.n_tensors);
    char found[2 * sizeof sum + 1];
    (void)snprintf(found, sizeof found, "%016" PRIx64, sum);
    if (strcmp(read_meta(f, "sum"), found) != 0)
        return refuse_damaged(err, "its bytes do not have its checksum");
    about->status = find_status(read_meta(f, "status"));
    about->machine = read_meta(f, "machine");
    about->reason = read_meta(f, "reason");
    return num_parse_i64(span_of(read_meta(f, "step")), &about->step) ||
           refuse_damaged(err, "it has no step");
}

bool checkpoint_open(struct checkpoint_file *f, const char *folder, struct err *err)
{
    *f = (struct checkpoint_file){0};
    f->path = path_of(&f->arena, folder);
    struct err cause = {0};
    if (file_kind_of(f->path) == FILE_MISSING) {
        refuse_missing(folder, err);
        err_in(err, "%s", folder);
        goto fail;
    }
    if (!safetensors_open(&f->st, f->path, &cause)) {
        if (cause.kind == ERR_INPUT)
            refuse_damaged(&cause, arena_printf(&f->arena, "%s", cause.what));
        *err = cause;
        err_in(err, "%s", f->path);
        goto fail;
    }
    if (!read_about(f, err)) {
        err_in(err, "%s", f->path);
        goto fail;
    }
    return true;

fail:
    checkpoint_close(f);
    return false;
}

void checkpoint_close(struct checkpoint_file *f)
{
    safetensors_close(&f->st);
    arena_release(&f->arena);
    *f = (struct checkpoint_file){0};
}

bool checkpoint_hold(struct lock *lock, const char *folder, struct err *err)
{
    struct arena arena = {0};
    const char *here = folder_of(&arena, folder);
    lock->fd = -1;
    bool ok =
        file_kind_of(here) != FILE_FOLDER || lock_take(lock, file_join(&arena, here, "lock"), err);
    arena_release(&arena);
    return ok;
}

bool checkpoint_is_there(const char *folder)
{
    struct arena arena = {0};
    bool is_there = file_kind_of(path_of(&arena, folder)) == FILE_REGULAR;
    arena_release(&arena);
    return is_there;
}

bool checkpoint_remove(const char *folder, struct err *err)
{
    struct arena arena = {0};
    bool ok =
        file_kind_of(folder_of(&arena, folder)) != FILE_FOLDER ||
        (file_remove(path_of(&arena, folder), err) && file_sweep(folder_of(&arena, folder), err));
    arena_release(&arena);
    return ok;
}

/* ----------------------------------------------------------------------------------- loading -- */

bool checkpoint_find(const struct checkpoint_file *f, const char *name, struct span *out,
                     struct err *err)
{
    const struct tensor *t = safetensors_find(&f->st, span_of(name));
    if (t) {
        *out = t->bytes;
        return true;
    }
    err_set(err, ERR_INPUT, "it has no '%s'", name);
    err_in(err, "%s", f->path);
    return false;
}

static bool refuse_other(const struct checkpoint_file *f, struct err *err)
{
    err_hint(err, "it belongs to another run, or to a build of pace that keeps other things");
    err_in(err, "%s", f->path);
    return false;
}

static bool check_blob(const struct checkpoint_blob *blob, const struct checkpoint_file *f,
                       size_t *n_found, struct err *err)
{
    const struct tensor *t = safetensors_find(&f->st, span_of(blob->name));
    if (!t && blob->is_there)
        return true;
    if (!t) {
        err_set(err, ERR_INPUT, "the checkpoint has no '%s'", blob->name);
        return refuse_other(f, err);
    }
    size_t wanted = blob->buf ? t->bytes.len - t->bytes.len % blob->item_bytes : blob->bytes;
    if (t->dtype != blob->dtype || t->bytes.len != wanted) {
        err_set(err, ERR_INPUT, "'%s' has %zu bytes of %s in the checkpoint, not %zu of %s",
                blob->name, t->bytes.len, dtype_info(t->dtype)->name, wanted,
                dtype_info(blob->dtype)->name);
        return refuse_other(f, err);
    }
    ++*n_found;
    return true;
}

/* A piece that the list does not have. */
static bool refuse_unknown(const struct checkpoint *c, const struct checkpoint_file *f,
                           struct err *err)
{
    struct map names = {0};
    for (size_t i = 0; i < count_blobs(c); i++)
        (void)map_put(&names, span_of(blob_at(c, i).name), 0);
    size_t i = 0;
    while (map_get(&names, f->st.tensors[i].name, NULL))
        i++;
    err_set(err, ERR_INPUT, "the checkpoint has a '%.*s', which this run does not",
            SPAN_ARGS(f->st.tensors[i].name));
    map_release(&names);
    return refuse_other(f, err);
}

static void fill_blob(const struct checkpoint_blob *blob, const struct checkpoint_file *f)
{
    const struct tensor *t = safetensors_find(&f->st, span_of(blob->name));
    if (blob->is_there)
        *blob->is_there = t != NULL;
    if (!t)
        return;
    if (blob->buf) {
        buf_clear(blob->buf);
        buf_add(blob->buf, t->bytes);
    } else if (t->bytes.len > 0) {
        memcpy(blob->at, t->bytes.at, t->bytes.len);
    }
}

bool checkpoint_load(const struct checkpoint *c, const struct checkpoint_file *f, struct err *err)
{
    size_t n_found = 0;
    for (size_t i = 0; i < count_blobs(c); i++) {
        struct checkpoint_blob blob = blob_at(c, i);
        if (!check_blob(&blob, f, &n_found, err))
            return false;
    }
    if (n_found < f->st.n_tensors)
        return refuse_unknown(c, f, err);
    for (size_t i = 0; i < count_blobs(c); i++) {
        struct checkpoint_blob blob = blob_at(c, i);
        fill_blob(&blob, f);
    }
    return true;
}
