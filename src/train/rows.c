/*
 * rows.c - the rows of a data set as tokens that a model can be run on.
 *
 * A tokenizer may have more tokens than the model has embeddings: of another model, or extended
 * and the model not. What decides is the ids that occur, so they are looked at one by one; a
 * tokenizer with a few unused ids too many does no harm. What only looks wrong (tokenizer_fit.h) is
 * said once.
 */
#include "train/rows.h"

#include "base/log.h"
#include "train/engine.h"
#include "train/tokenizer_fit.h"

static void locate(const struct dataset *d, uint32_t file, uint64_t line, struct err *err)
{
    err_in(err, "%s:%llu", d->files[file].path, (unsigned long long)line);
}

static bool check_ids(const struct dataset *d, const struct row_store *s,
                      const struct rows_wanted *w, struct err *err)
{
    for (uint32_t row = 0; row < s->n_rows; row++) {
        const uint32_t *ids = row_store_ids(s, row);
        for (uint32_t i = 0; i < s->rows[row].len; i++) {
            if (ids[i] < w->config->vocabulary)
                continue;
            err_set(err, ERR_INPUT, "token %u is beyond the model's vocabulary of %zu", ids[i],
                    w->config->vocabulary);
            err_hint(err, "does the tokenizer belong to the model?");
            locate(d, s->rows[row].file, s->rows[row].line, err);
            return false;
        }
    }
    return true;
}

static void note_longer(uint64_t n, size_t longest, const char *done)
{
    struct arena arena = {0};
    const char *verb = n == 1 ? "was" : "were";
    if (n > 0)
        log_note("%s %s longer than %zu tokens and %s %s", arena_count(&arena, n, "row"), verb,
                 longest, verb, done);
    arena_release(&arena);
}

static bool check_lengths(const struct dataset *d, const struct row_store *s,
                          const struct rows_wanted *w, struct err *err)
{
    struct arena arena = {0};
    if (s->n_dropped > 0)
        log_note("%s %s left out: none of the answer is within the first %zu tokens",
                 arena_count(&arena, s->n_dropped, "row"), s->n_dropped == 1 ? "was" : "were",
                 w->longest);
    arena_release(&arena);
    note_longer(s->n_split, w->longest, "split into several");
    if (!w->refuses_cut)
        note_longer(s->n_cut, w->longest, "cut");
    if (s->n_cut == 0 || !w->refuses_cut)
        return true;
    err_set(err, ERR_INPUT, "the row is longer than the %zu tokens that the model takes",
            w->longest);
    err_hint(err, "--max-length %zu cuts such rows at their end", w->longest);
    locate(d, s->cut_file, s->cut_line, err);
    return false;
}

static void note_crossing(const struct row_store *s)
{
    struct arena arena = {0};
    if (s->crossing > 0)
        log_note("%s for training %s held out as well, in a file of their own: not trained on",
                 arena_count(&arena, s->crossing, "row"), s->crossing == 1 ? "is" : "are");
    arena_release(&arena);
}

/* What is learnt from nothing has no answer that a cut could end: every token counts alike. */
static bool fill(struct row_store *store, struct dataset *d, struct row_encoder *e,
                 const struct rows_wanted *w, bool from_scratch, struct err *err)
{
    struct row_store_options options = {.sizes = w->sizes,
                                        .max_length = (uint32_t)w->longest,
                                        .overflow = from_scratch ? OVERFLOW_SPLIT : OVERFLOW_AUTO};
    if (!row_store_fill(store, d, e, &options, err))
        return false;
    if (check_ids(d, store, w, err) && check_lengths(d, store, w, err)) {
        note_crossing(store);
        return true;
    }
    row_store_release(store);
    return false;
}

bool rows_read(struct row_store *store, const struct rows_wanted *w, const struct options *o,
               struct err *err)
{
    struct row_encoder encoder;
    struct dataset dataset;
    struct arena arena = {0};
    *store = (struct row_store){0};
    bool ok = row_encoder_open(&encoder, w->model, engine_template(o, &arena), err);
    arena_release(&arena);
    if (!ok)
        return false;
    tokenizer_fit_warn(&encoder.tokenizer, w->config);
    struct dataset_options options = {.columns = o->columns,
                                      .as_chat = encoder.has_chat,
                                      .skip_bad_rows = o->skip_bad_rows,
                                      .seed = (uint64_t)o->seed};
    ok = dataset_open(&dataset, w->data, &options, err);
    if (ok) {
        ok = fill(store, &dataset, &encoder, w, o->from_scratch, err);
        dataset_warn(&dataset);
        dataset_close(&dataset);
    }
    if (ok && w->preview) {
        ok = preview_read(w->preview, w->arena, store, &encoder.tokenizer, err);
        if (!ok)
            row_store_release(store);
    }
    row_encoder_close(&encoder);
    return ok;
}

struct row_list rows_of(const struct row_store *store, struct arena *arena, enum dataset_part part,
                        size_t most)
{
    struct row_list list = {.rows = arena_array(arena, uint32_t, max_size(store->n_rows, 1))};
    for (uint32_t row = 0; row < store->n_rows; row++) {
        const struct stored_row *r = &store->rows[row];
        if (r->part != (uint8_t)part || r->is_rejected || (most > 0 && list.n == most))
            continue;
        list.rows[list.n++] = row;
        list.longest = max_size(list.longest, r->len);
    }
    return list;
}

double rows_mean_length(const struct row_list *list, const struct row_store *store)
{
    double sum = 0;
    for (size_t i = 0; i < list->n; i++)
        sum += (double)store->rows[list->rows[i]].len;
    return list->n > 0 ? sum / (double)list->n : 0;
}

void rows_thin(struct row_list *list, const struct row_store *store, size_t most)
{
    if (list->n <= most)
        return;
    list->longest = 0;
    for (size_t i = 0; i < most; i++) {
        list->rows[i] = list->rows[(size_t)((double)i * (double)list->n / (double)most)];
        list->longest = max_size(list->longest, store->rows[list->rows[i]].len);
    }
    list->n = most;
}
