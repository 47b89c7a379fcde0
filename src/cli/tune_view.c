/*
 * tune_view.c - how `pace tune` shows a run.
 *
 * The JSON of a plan: method, optimizer, batch_tokens, eval_steps, max_length, memory, steps,
 * layers_redone (whose values are computed twice), seconds (of the steps), measuring and search
 * (what is computed beside them, as shares of the steps), fits.
 *
 * The JSON of the result: output, learning_rate, steps, base {loss}, tuned {loss}, test_rows,
 * tokens, compute {main, search, eval, redo, total_ratio}, seconds, tokens_per_second,
 * peak_memory_bytes, incidents [{step, action, advice, reason}], status ("done", "stopped"), plan
 * {method, optimizer, batch_tokens, eval_steps, max_length, memory {parameters, adapters,
 * gradients, optimizer, activations, workspace, snapshots, total}}. Losses that were not measured
 * are null.
 */
#include "cli/tune_view.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/file.h"
#include "cli/data_view.h"
#include "format/json.h"
#include "model/lora.h"
#include "train/tune_journal.h"

/* ------------------------------------------------------------------------------------ before -- */

/* Columns below which a table of options would have no room for the reasons. */
enum { NARROW = 64 };

/* An option, its value, and why it is that. */
static void put_choice(const struct term *term, struct buf *out, const struct job_choice *c)
{
    struct buf line;
    const char *reason = c->reason ? c->reason : "given";
    buf_init(&line, BUF_NO_LIMIT);
    if (term->width < NARROW) {
        buf_printf(&line, "%s %s: %s", c->option, c->value, reason);
        term_add_paragraph(term, out, "  ", buf_string(&line));
    } else {
        buf_printf(&line, "  %-28s %-8s ", c->option, c->value);
        term_add_paragraph(term, out, buf_string(&line), reason);
    }
    buf_release(&line);
}

static void put_count(const struct term *term, struct buf *out, const char *option, size_t count,
                      const char *reason)
{
    struct job_choice c = {.option = option, .reason = reason};
    (void)snprintf(c.value, sizeof c.value, "%zu", count);
    put_choice(term, out, &c);
}

/* Rank and alpha of an adapter that is gone on with are its own, and no choices. */
static bool is_of_adapter(const struct setup *s, const struct job_choice *c)
{
    bool is_shape = strcmp(c->option, "r") == 0 || strcmp(c->option, "lora-alpha") == 0;
    return is_shape && s->options->adapter;
}

/* Of a rate that nobody gave. */
static const char *origin_of_rate(const struct setup *s)
{
    if (s->kept && s->rate.schedule.learning_rate != s->prior.learning_rate)
        return "found before the run was cut off";
    return s->budget.search > 0 ? "the first guess, which short runs are to test"
                                : "the first guess: the run is too short to test it";
}

/* What a row may have at most, and how rows share a batch. */
static void put_lengths(const struct setup *s, const struct term *term, struct buf *out)
{
    struct arena arena = {0};
    const struct row_store *rows = &s->store;
    size_t most = min_size((size_t)s->options->max_length, s->engine.model.config.max_positions);
    size_t longest = max_size(max_size(s->train.longest, s->eval.longest), s->test.longest);
    uint64_t longer = rows->n_cut + rows->n_split;
    const char *reason = options_given(s->options, "max-length") ? "given"
                         : most < (size_t)s->options->max_length ? "all that the model takes"
                                                                 : "room enough for most rows";
    put_count(term, out, "max-length", most,
              longer > 0
                  ? arena_printf(&arena, "%s; %s %s %s", reason,
                                 arena_count(&arena, longer, "longer row"),
                                 longer == 1 ? "is" : "are", rows->n_split > 0 ? "split" : "cut")
                  : arena_printf(&arena, "%s; the longest row has %s", reason,
                                 arena_count(&arena, longest, "token")));
    struct job_choice packing = {
        .option = "packing", .value = "true", .reason = "no padding; no row sees another's tokens"};
    put_choice(term, out, &packing);
    arena_release(&arena);
}

static void put_choices(const struct setup *s, const struct term *term, struct buf *out)
{
    struct arena arena = {0};
    struct job_choice rate = {.option = "learning-rate"};
    for (size_t i = 0; i < s->job.n_choices; i++) {
        if (!is_of_adapter(s, &s->job.choices[i]))
            put_choice(term, out, &s->job.choices[i]);
    }
    const struct lora_options *lora = lora_options_of(&s->engine.model);
    if (s->options->adapter)
        put_count(term, out, "r", lora->rank,
                  arena_printf(&arena, "that of %s", s->options->adapter));
    put_lengths(s, term, out);
    (void)snprintf(rate.value, sizeof rate.value, "%.3g", s->rate.schedule.learning_rate);
    if (s->learning_rate == 0)
        rate.reason = origin_of_rate(s);
    put_choice(term, out, &rate);
    const char *unread =
        s->n_unread > 0
            ? arena_printf(&arena, "; %s more set aside, which it would cost too much to read",
                           arena_count(&arena, s->n_unread, NULL))
            : "";
    put_count(term, out, "rows", s->train.n,
              arena_printf(&arena, "to train on, %s held out, %s to test%s",
                           arena_count(&arena, s->eval.n, NULL),
                           arena_count(&arena, s->test.n, NULL), unread));
    if (s->eval.n > 0)
        put_count(term, out, "eval-steps", (size_t)s->eval_steps,
                  s->options->eval_steps > 0 ? NULL : "seldom enough to cost little");
    arena_release(&arena);
}

static void put_memory(const struct setup_memory *m, struct buf *out)
{
    const struct {
        const char *name;
        uint64_t bytes;
    } rows[] = {{"weights", m->parameters},       {"adapters", m->adapters},
                {"gradients", m->gradients},      {"optimizer", m->optimizer},
                {"activations", m->activations},  {"workspace", m->workspace},
                {"earlier states", m->snapshots}, {"together", m->total}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (rows[i].bytes > 0)
            buf_printf(out, "  %-16s %10.1f MB\n", rows[i].name, (double)rows[i].bytes / 1e6);
    }
}

static void put_budget(const struct budget *budget, const struct term *term, struct buf *out)
{
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    budget_explain(budget, &text);
    term_add_paragraph(term, out, "  ", buf_string(&text));
    buf_release(&text);
}

static void put_time(double seconds, struct buf *out)
{
    int64_t s = (int64_t)fmin(seconds, 1e9);
    if (seconds < 9.95)
        buf_printf(out, "%.1f s", seconds);
    else if (s >= 3600)
        buf_printf(out, "%" PRId64 " h %02" PRId64 " min", s / 3600, s / 60 % 60);
    else if (s >= 60)
        buf_printf(out, "%" PRId64 " min %02" PRId64 " s", s / 60, s % 60);
    else
        buf_printf(out, "%" PRId64 " s", s);
}

/* Tokens a second. */
static uint64_t speed_of(uint64_t tokens, double seconds)
{
    return (uint64_t)round((double)tokens / fmax(seconds, 1e-9));
}

static void put_unfit(const struct setup *s, const struct term *term, struct buf *out)
{
    struct arena arena = {0};
    buf_printf(out, "%sThis does not fit.%s\n", term_style(term, TERM_YELLOW),
               term_style(term, TERM_PLAIN));
    term_add_paragraph(
        term, out, "  ",
        arena_printf(&arena, "%s%s%s", s->unfit.what, s->unfit.hint[0] ? "; " : "", s->unfit.hint));
    arena_release(&arena);
}

/* A row to look at: what is trained on, and what stands before it. */
static void put_preview(const struct preview *p, const struct term *term, struct buf *out)
{
    struct survey_segment segments[] = {
        {span_of(""), false, p->begins_late},
        {span_of(p->before), false, false},
        {span_of(p->trained), true, p->ends_early},
        {span_of(""), false, p->has_more},
    };
    struct survey_preview row = {
        .path = p->path, .line = p->line, .segments = segments, .n_segments = COUNT_OF(segments)};
    struct arena arena = {0};
    const char *marked = term->has_color ? "in green" : "in brackets";
    buf_printf(out, "%sData%s\n", term_style(term, TERM_BOLD), term_style(term, TERM_PLAIN));
    term_add_paragraph(term, out, "  ",
                       arena_printf(&arena, "%.3g %% of its tokens are trained on, %s in this row:",
                                    100 * p->share, marked));
    data_view_row(&row, term, out);
    arena_release(&arena);
}

void tune_view_plan(const struct setup *s, const struct term *term, struct buf *out)
{
    const char *bold = term_style(term, TERM_BOLD), *plain = term_style(term, TERM_PLAIN);
    if (s->preview.path)
        put_preview(&s->preview, term, out);
    buf_printf(out, "%sThe run%s\n", bold, plain);
    put_choices(s, term, out);
    buf_printf(out, "%sMemory%s\n", bold, plain);
    put_memory(&s->memory, out);
    if (s->run.plan.layers_redone > 0)
        buf_printf(out, "  layers that are computed twice, to fit: %zu\n",
                   s->run.plan.layers_redone);
    if (!s->fits)
        put_unfit(s, term, out);
    buf_printf(out, "%sBeside the steps%s\n", bold, plain);
    put_budget(&s->budget, term, out);
    if (s->planned_seconds > 0) {
        struct buf text;
        buf_init(&text, BUF_NO_LIMIT);
        buf_add_text(&text, "about ");
        put_time(s->planned_seconds, &text);
        buf_add_text(&text, " of steps, as busy as the machine is now");
        buf_printf(out, "%sTime%s\n", bold, plain);
        term_add_paragraph(term, out, "  ", buf_string(&text));
        buf_release(&text);
    }
}

/* ------------------------------------------------------------------------------------ during -- */

void tune_view_found(const struct tune *t, const struct term *term, struct buf *out)
{
    struct pace_search_result found;
    struct arena arena = {0};
    char reason[512];
    pace_search_find(&t->find.memory.search, &found);
    (void)pace_search_explain(&found, reason, sizeof reason);
    term_add_paragraph(term, out, "",
                       arena_printf(&arena, "learning rate %.3g (80 %%: %.2g to %.2g): %s",
                                    found.learning_rate, found.low, found.high, reason));
    arena_release(&arena);
}

/* Appends the part, two columns from what is there, where it fits. */
static bool put_part(struct buf *out, size_t columns, const char *part)
{
    size_t gap = out->len > 0 ? 2 : 0;
    if (columns > 0 && out->len + gap + strlen(part) > columns)
        return false;
    buf_printf(out, "%*s%s", (int)gap, "", part);
    return true;
}

void tune_view_progress(const struct tune *t, const struct tune_progress *p, size_t columns,
                        struct buf *out)
{
    const struct trainer_totals *totals = &t->trainer.totals;
    double seconds_a_step = totals->seconds / fmax((double)totals->steps, 1);
    struct arena arena = {0};
    struct buf left;
    buf_init(&left, BUF_NO_LIMIT);
    put_time((double)(t->setup.steps - p->step) * seconds_a_step, &left);
    bool has_eval = t->trainer.last_eval.targets > 0, began = p->step > 0;
    const char *parts[] = {
        arena_printf(&arena, "step %" PRId64 "/%" PRId64, p->step, t->setup.steps),
        began ? arena_printf(&arena, "loss %.4f", isnan(p->loss) ? NAN : p->loss) : NULL,
        has_eval ? arena_printf(&arena, "held-out %.4f", t->trainer.last_eval.loss) : NULL,
        began ? arena_printf(&arena, "rate %.2e", p->learning_rate) : NULL,
        began ? arena_printf(&arena, "%s left", buf_string(&left)) : NULL,
        began ? arena_printf(&arena, "%s tokens/s",
                             arena_count(&arena, speed_of(totals->tokens, totals->seconds), NULL))
              : NULL};
    bool fits = true;
    for (size_t i = 0; fits && i < COUNT_OF(parts); i++) {
        if (parts[i])
            fits = put_part(out, columns, parts[i]);
    }
    buf_release(&left);
    arena_release(&arena);
}

void tune_view_incident(const struct tune_incident *i, const struct term *term, struct buf *out)
{
    struct arena arena = {0};
    const char *told = i->action != i->advice ? " (nothing was done: --guard watch)" : "";
    term_add_paragraph(term, out, "  ",
                       arena_printf(&arena, "step %" PRId64 ": %s%s", i->step, i->reason, told));
    arena_release(&arena);
}

/* ------------------------------------------------------------------------------------ behind -- */

/* A word of a command, as a shell takes it. */
static void put_word(struct buf *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "/._-+=:,@%";
    bool is_plain = word[0] && strspn(word, plain) == strlen(word);
    buf_add_byte(out, ' ');
    if (is_plain) {
        buf_add_text(out, word);
        return;
    }
    buf_add_byte(out, '\'');
    for (; *word; word++) {
        if (*word == '\'')
            buf_add_text(out, "'\\'");
        buf_add_byte(out, (uint8_t)*word);
    }
    buf_add_byte(out, '\'');
}

void tune_view_resume(const char *folder, struct buf *out)
{
    buf_add_text(out, "pace tune --resume");
    put_word(out, folder);
}

static void put_chat(const struct tune *t, struct buf *out)
{
    struct arena arena = {0};
    const char *folder = t->setup.options->output_dir;
    buf_add_text(out, "\nTalk to it:\n  pace chat");
    if (t->setup.engine.model.n_adapters > 0) {
        put_word(out, t->setup.options->arguments[0]);
        buf_add_text(out, " --adapter");
        put_word(out, file_join(&arena, folder, "adapter"));
    } else {
        put_word(out, file_join(&arena, folder, "model"));
    }
    buf_add_byte(out, '\n');
    arena_release(&arena);
}

void tune_view_result(const struct tune *t, const struct term *term, struct buf *out)
{
    const struct tune_report *r = &t->report;
    struct buf line;
    buf_init(&line, BUF_NO_LIMIT);
    term_add_paragraph(term, out, "", t->verdict.reason);
    if (t->verdict.exactly[0])
        term_add_paragraph(term, out, "", t->verdict.exactly);
    if (t->verdict.forgotten[0])
        term_add_paragraph(term, out, "", t->verdict.forgotten);
    term_add_count(&line, (uint64_t)r->done, "step");
    buf_add_text(&line, ", ");
    term_add_count(&line, r->tokens, "token");
    buf_add_text(&line, " in ");
    put_time(r->seconds, &line);
    buf_add_text(&line, " (");
    term_add_count(&line, speed_of(r->tokens, r->seconds), NULL);
    buf_printf(&line, " a second), %.0f MB of memory at most", (double)r->peak_memory_bytes / 1e6);
    term_add_paragraph(term, out, "", buf_string(&line));
    buf_release(&line);
    put_chat(t, out);
}

static void put_loss(struct json_writer *w, const char *key, double loss)
{
    json_key(w, key);
    json_begin_object(w);
    json_member_double(w, "loss", loss);
    json_end(w);
}

/* The members that a plan and a result have in common. */
static void put_plan(const struct setup *s, struct json_writer *w)
{
    json_member_text(w, "method", job_method_name(s->job.rate_job.method));
    json_member_text(w, "optimizer", s->options->optim);
    json_member_int(w, "batch_tokens", s->batch_tokens);
    json_member_int(w, "eval_steps", (uint64_t)s->eval_steps);
    json_member_int(w, "max_length", (uint64_t)s->options->max_length);
    tune_journal_memory(&s->memory, w);
}

void tune_view_plan_json(const struct setup *s, struct buf *out)
{
    struct json_writer w = {.out = out, .indent = 2};
    json_begin_object(&w);
    put_plan(s, &w);
    json_member_int(&w, "steps", (uint64_t)s->steps);
    json_member_int(&w, "layers_redone", s->run.plan.layers_redone);
    json_member_double(&w, "seconds", s->planned_seconds);
    json_member_double(&w, "measuring", s->budget.measured);
    json_member_double(&w, "search", s->budget.search);
    json_member_bool(&w, "fits", s->fits);
    json_end(&w);
    buf_add_byte(out, '\n');
}

static void put_incidents(const struct tune *t, struct json_writer *w)
{
    json_key(w, "incidents");
    json_begin_array(w);
    for (size_t index = 0; index < tune_incident_count(t); index++) {
        struct tune_incident i = tune_incident_at(t, index);
        json_begin_object(w);
        json_member_int(w, "step", (uint64_t)i.step);
        json_member_text(w, "action", pace_action_name(i.action));
        json_member_text(w, "advice", pace_action_name(i.advice));
        json_member_text(w, "reason", i.reason);
        json_end(w);
    }
    json_end(w);
}

void tune_view_result_json(const struct tune *t, struct buf *out)
{
    const struct tune_report *r = &t->report;
    struct json_writer w = {.out = out, .indent = 2};
    json_begin_object(&w);
    json_member_text(&w, "output", t->setup.options->output_dir);
    json_member_double(&w, "learning_rate", r->learning_rate);
    json_member_int(&w, "steps", (uint64_t)r->done);
    put_loss(&w, "base", r->base_loss);
    put_loss(&w, "tuned", r->tuned_loss);
    json_member_int(&w, "test_rows", r->test_rows);
    json_member_int(&w, "tokens", r->tokens);
    tune_journal_compute(t, &w);
    json_member_double(&w, "seconds", r->seconds);
    json_member_double(&w, "tokens_per_second", (double)r->tokens / fmax(r->seconds, 1e-9));
    json_member_int(&w, "peak_memory_bytes", r->peak_memory_bytes);
    put_incidents(t, &w);
    json_member_text(&w, "status", r->end == TRAINER_DONE ? "done" : "stopped");
    json_key(&w, "plan");
    json_begin_object(&w);
    put_plan(&t->setup, &w);
    json_end(&w);
    json_end(&w);
    buf_add_byte(out, '\n');
}
