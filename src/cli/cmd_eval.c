/*
 * cmd_eval.c - pace eval: the loss of a model on data, with an adapter or without.
 *
 * What counts is what training would learn from: the answers of a conversation, the completion
 * behind a prompt, the whole of a text. An answer counts as exact if all of it is what the model
 * says by itself, always taking the likeliest token. --logits writes what the model says at each
 * token as well, for a comparison with another program.
 */
#include <math.h>

#include "cli/command.h"
#include "cli/term.h"
#include "format/json.h"
#include "train/evaluate.h"

static void put_json(const struct evaluation *e, struct buf *out)
{
    const struct step_sums *s = &e->sums;
    const struct exactness *a = &e->answers;
    struct json_writer w = {.out = out, .indent = 2, .python_nan = true};
    json_begin_object(&w);
    json_member_double(&w, "loss", s->loss);
    json_member_double(&w, "perplexity", exp(s->loss));
    json_member_double(&w, "accuracy", (double)s->correct / (double)s->targets);
    if (a->answers > 0)
        json_member_double(&w, "exact_match", (double)a->exact / (double)a->answers);
    else
        json_member_null(&w, "exact_match");
    json_member_int(&w, "answers", (int64_t)a->answers);
    json_member_int(&w, "target_tokens", (int64_t)s->targets);
    json_member_int(&w, "tokens", (int64_t)s->tokens);
    json_member_int(&w, "rows", (int64_t)e->rows);
    json_member_double(&w, "seconds", e->seconds);
    json_end(&w);
    buf_add_byte(out, '\n');
}

static void put_text(const struct evaluation *e, struct buf *out)
{
    const struct step_sums *s = &e->sums;
    const struct exactness *a = &e->answers;
    buf_printf(out, "loss        %.4f nats a token\n", s->loss);
    buf_printf(out, "perplexity  %.4g\n", exp(s->loss));
    buf_printf(out, "accuracy    %.1f %% of the tokens are the likeliest\n",
               100 * (double)s->correct / (double)s->targets);
    if (a->answers > 0) {
        buf_printf(out, "exact       %.1f %% of ", 100 * (double)a->exact / (double)a->answers);
        term_add_count(out, a->answers, "answer");
        buf_add_text(out, " said word for word, end included\n");
    }
    buf_add_text(out, "over        ");
    term_add_count(out, s->targets, "token");
    buf_add_text(out, " of ");
    term_add_count(out, e->rows, "row");
    buf_printf(out, "\ntime        %.1f s: ", e->seconds);
    term_add_count(out, (uint64_t)((double)s->tokens / fmax(e->seconds, 1e-9)), "token");
    buf_add_text(out, " a second, prompts included\n");
}

static bool show(const struct evaluation *e, const struct options *o, struct err *err)
{
    struct buf out;
    buf_init(&out, BUF_NO_LIMIT);
    if (o->json)
        put_json(e, &out);
    else
        put_text(e, &out);
    bool ok = command_print(&out, err);
    buf_release(&out);
    return ok;
}

static bool has_targets(const struct evaluation *e, struct err *err)
{
    if (e->sums.targets > 0)
        return true;
    err_set(err, ERR_INPUT, "no token of the %zu rows is trained on, so there is no loss", e->rows);
    return false;
}

static bool evaluate(struct engine *engine, const struct row_store *store, const struct options *o,
                     struct err *err)
{
    struct arena arena = {0};
    struct evaluation e;
    struct row_list list = rows_of(store, &arena, PART_TRAIN, (size_t)o->rows);
    bool ok = evaluate_rows(&e, engine, store, &list, o->memory_bytes, err) &&
              has_targets(&e, err) &&
              (!o->logits_path || evaluate_logits(engine, store, &list, o->logits_path, err)) &&
              show(&e, o, err);
    arena_release(&arena);
    return ok;
}

bool cmd_eval(const struct options *o, struct err *err)
{
    struct engine engine;
    struct row_store store;
    if (!engine_open(&engine, o->arguments[0], o, err))
        return false;
    bool cuts = options_given(o, "max-length");
    size_t most = engine.model.config.max_positions;
    struct rows_wanted wanted = {.model = o->arguments[0],
                                 .data = o->arguments[1],
                                 .config = &engine.model.config,
                                 .longest = cuts ? min_size((size_t)o->max_length, most) : most,
                                 .refuses_cut = !cuts};
    bool ok = rows_read(&store, &wanted, o, err);
    if (ok) {
        ok = evaluate(&engine, &store, o, err);
        row_store_release(&store);
    }
    engine_close(&engine);
    return ok;
}
