/*
 * find_view.c - what `pace find` shows: the first guess, and the search that tested it.
 *
 * The search has its own view (search_view.c). Of the guess, three tables: the terms of the guess
 * (what, how much it moves the rate, from how many runs), the choices that were made for the user,
 * and the rates that other tools would have set, each with what it would cost if the guess were
 * right. The cost is that of a bowl of 3.7 % of the loss for a squared decade, the median of the
 * sweep that the prior is fitted on (doc/RATE.md).
 *
 * The JSON:
 *
 *   learning_rate, low, high (80 %), prior {learning_rate, sd, low, high,
 *     terms [{name, value, effect, se, runs, source}]} (effects in decades; they add up),
 *   arms [{learning_rate, loss, se, status, steps, train_loss}], cost (share of the run), reason,
 *   search {…} (search_view.h; absent with --prior-only, and arms are [] then),
 *   job {method, model_type, parameters, hidden_size, rows, tokens_per_step, rows_per_step, steps,
 *     epochs, choices [{option, value, reason}]} (reason null: given),
 *   others [{name, learning_rate, source}]
 */
#include "cli/find_view.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "format/json.h"
#include "train/find.h"
#include "train/tune_journal.h"

enum { LABEL = 16, VALUE = 12, EFFECT = 9, COST = 13 };

static const double bowl = 3.7; /* % of the loss per squared decade */

/* ----------------------------------------------------------------------------------- others -- */

/* What other tools set where the user says nothing; 0: they have no such method. */
struct other {
    const char *name;
    double lora, full, dpo;
    const char *source;
};

static const struct other others[] = {
    {"Unsloth", 2e-4, 0, 5e-6, "its guide's advice"},
    {"LLaMA-Factory", 1e-4, 1e-5, 0, "its examples"},
    {"TRL", 2e-5, 2e-5, 1e-6, "SFTConfig, DPOConfig"},
    {"Transformers", 5e-5, 5e-5, 0, "TrainingArguments"},
};

/* Tinker's formula, for the two families it is calibrated for; 0 elsewhere. */
static double tinker_rate(const struct job *job)
{
    const char *type = job->rate_job.model_type;
    bool is_llama = type && strncmp(type, "llama", 5) == 0;
    bool is_qwen = type && strncmp(type, "qwen", 4) == 0;
    enum pace_method method = job->rate_job.method;
    if ((!is_llama && !is_qwen) || method == PACE_DPO_LORA || method == PACE_DPO_FULL)
        return 0;
    double power = is_llama ? 0.781 : 0.0775;
    return (method == PACE_FULL ? 5e-5 : 5e-4) * pow(2000 / job->rate_job.hidden_size, power);
}

static double rate_of_other(const struct other *other, enum pace_method method)
{
    if (method == PACE_DPO_LORA || method == PACE_DPO_FULL)
        return other->dpo;
    return method == PACE_FULL ? other->full : other->lora;
}

/* Calls `show` for each tool that has a rate for the job. */
static void each_other(const struct job *job, void *context,
                       void (*show)(void *context, const struct other *other, double rate))
{
    static const struct other tinker = {"Tinker", 0, 0, 0, "its cookbook's formula"};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        double rate = rate_of_other(&others[i], job->rate_job.method);
        if (rate > 0)
            show(context, &others[i], rate);
    }
    double rate = tinker_rate(job);
    if (rate > 0)
        show(context, &tinker, rate);
}

/* ------------------------------------------------------------------------------------- text -- */

struct page {
    const struct find_shown *shown;
    const struct job *job;
    const struct pace_prior *prior;
    const struct term *term;
    struct buf *out;
    struct buf line;
};

/* Columns below which a table has no room for a column of words at its end. */
enum { NARROW = 64 };

/* Ends the line that was written: cut to the terminal, with everything in it made harmless. */
static void end_line(struct page *v)
{
    term_add_line(v->term, v->out, buf_span(&v->line), v->term->width);
    buf_add_byte(v->out, '\n');
    buf_clear(&v->line);
}

static bool is_narrow(const struct page *v)
{
    return v->term->width < NARROW;
}

/* The same with words at the end, which go on below one another; where the terminal is narrow they
 * begin a line of their own. */
static void end_with(struct page *v, const char *words)
{
    struct buf lead;
    if (is_narrow(v)) {
        end_line(v);
        buf_add_text(&v->line, "    ");
    }
    buf_init(&lead, BUF_NO_LIMIT);
    term_add_line(v->term, &lead, buf_span(&v->line), v->term->width);
    term_add_paragraph(v->term, v->out, buf_string(&lead), words);
    buf_release(&lead);
    buf_clear(&v->line);
}

static void put_heading(struct page *v, const char *text)
{
    buf_printf(v->out, "\n%s%s%s\n", term_style(v->term, TERM_BOLD), text,
               term_style(v->term, TERM_PLAIN));
}

/* "x1.51", "/2.4": at least 1 behind the sign. */
static void add_factor(struct buf *line, double decades)
{
    char text[32];
    double times = pow(10, fabs(decades));
    bool is_large = times >= 9.95;
    snprintf(text, sizeof text, "%s%.*f", decades < 0 ? "/" : "x", is_large ? 0 : 2, times);
    buf_printf(line, "%*s", EFFECT, text);
}

/* The job's value behind a term: a word, a number, or nothing. */
static void term_value(const struct page *v, const struct pace_prior_term *t, char text[64])
{
    const struct pace_job *r = &v->job->rate_job;
    text[0] = '\0';
    if (strcmp(t->name, "model_family") == 0)
        snprintf(text, 64, "%s", r->model_type ? r->model_type : "not known");
    else if (strcmp(t->name, "method") == 0)
        snprintf(text, 64, "%s", job_method_name(r->method));
    else if (strcmp(t->name, "schedule") == 0)
        snprintf(text, 64, "%s", pace_schedule_name(r->schedule));
    else if (t->value != 0)
        snprintf(text, 64, t->value >= 100 ? "%.0f" : "%.3g", t->value);
}

static void put_term(struct page *v, const struct pace_prior_term *t)
{
    char value[64], name[64];
    snprintf(name, sizeof name, "%s", t->name);
    for (char *c = name; *c; c++)
        *c = *c == '_' ? ' ' : *c;
    term_value(v, t, value);
    value[VALUE - 1] = '\0';
    buf_printf(&v->line, "  %-*s%-*s", LABEL, name, VALUE, value);
    if (strcmp(t->name, "base") == 0)
        buf_printf(&v->line, "%*.2g", EFFECT, pow(10, t->effect));
    else
        add_factor(&v->line, t->effect);
    if (!is_narrow(v) && t->runs > 0) /* where they come from says how many runs */
        buf_printf(&v->line, "  %5d  ", t->runs);
    else if (!is_narrow(v))
        buf_add_text(&v->line, "      -  ");
    end_with(v, t->source);
}

static void put_terms(struct page *v)
{
    put_heading(v, "How the guess is made up");
    buf_printf(&v->line, "  %-*s%-*s%*s%s", LABEL, "what", VALUE, "value", EFFECT, "effect",
               is_narrow(v) ? "" : "   runs  from");
    end_line(v);
    for (size_t i = 0; i < v->prior->n_terms; i++)
        put_term(v, &v->prior->terms[i]);
}

static void put_choices(struct page *v)
{
    put_heading(v, "For this job");
    for (size_t i = 0; i < v->job->n_choices; i++) {
        const struct job_choice *c = &v->job->choices[i];
        const char *reason = c->reason ? c->reason : "(given)";
        if (is_narrow(v))
            buf_printf(&v->line, "  --%s %s", c->option, c->value);
        else
            buf_printf(&v->line, "  --%-28s %-8s ", c->option, c->value);
        end_with(v, reason);
    }
}

static void show_other(void *context, const struct other *other, double rate)
{
    struct page *v = context;
    double off = log10(rate / v->prior->learning_rate);
    buf_printf(&v->line, "  %-*s%-10.3g", LABEL, other->name, rate);
    add_factor(&v->line, off);
    char cost[32];
    if (fabs(off) <= 1)
        snprintf(cost, sizeof cost, "about %.1f %%", bowl * off * off);
    else
        snprintf(cost, sizeof cost, "%s", off > 0 ? "may diverge" : "far too low");
    struct arena arena = {0};
    if (!is_narrow(v))
        buf_printf(&v->line, "  %-*s  ", COST, cost);
    end_with(v, is_narrow(v) ? arena_printf(&arena, "%s; %s", cost, other->source) : other->source);
    arena_release(&arena);
}

static void put_others(struct page *v)
{
    put_heading(v, "What others would set");
    term_add_paragraph(v->term, v->out, "  ",
                       "and what it would cost of the loss if the guess is right");
    each_other(v->job, v, show_other);
}

/* "1.24 billion", "750 thousand" */
static void add_size(struct buf *line, double count)
{
    static const struct {
        double unit;
        const char *name;
    } units[] = {{1e12, "trillion"}, {1e9, "billion"}, {1e6, "million"}, {1e3, "thousand"}};
    size_t i = 0;
    while (i + 1 < COUNT_OF(units) && count < units[i].unit)
        i++;
    buf_printf(line, "%.3g %s", count / units[i].unit, units[i].name);
}

/* What is told in the end: the search's rate, or the guess. */
struct told {
    double learning_rate, low, high, cost;
};

static struct told told_of(const struct find_shown *shown)
{
    const struct pace_search_result *r = shown->search.result;
    const struct pace_prior *p = shown->prior;
    if (r)
        return (struct told){r->learning_rate, r->low, r->high, r->cost};
    return (struct told){p->learning_rate, p->low, p->high, 0};
}

static bool was_run(const struct find_shown *shown)
{
    return shown->search.search && shown->search.search->n_arms > 0;
}

/* `text` may be that of the line, which is then clear. */
static void put_entry(struct page *v, const char *label, const char *text)
{
    char lead[16];
    snprintf(lead, sizeof lead, "%-14s", label);
    term_add_paragraph(v->term, v->out, lead, text);
    buf_clear(&v->line);
}

static void put_top(struct page *v)
{
    const struct job *job = v->job;
    const struct pace_job *r = &job->rate_job;
    struct told told = told_of(v->shown);
    buf_printf(v->out, "%slearning rate %.3g%s\n", term_style(v->term, TERM_BOLD),
               told.learning_rate, term_style(v->term, TERM_PLAIN));
    buf_printf(&v->line, "%.2g to %.2g%s", told.low, told.high,
               was_run(v->shown) ? "" : " (a guess: nothing was trained)");
    put_entry(v, "80 %", buf_string(&v->line));
    buf_printf(&v->line, "%s, ", r->model_type ? r->model_type : "kind not known");
    add_size(&v->line, r->parameters);
    buf_printf(&v->line, " parameters, width %" PRIu64, job->model.hidden_size);
    put_entry(v, "model", buf_string(&v->line));
    buf_printf(&v->line, "data          %s", v->shown->data);
    end_line(v);
    term_add_count(&v->line, job->rows, NULL);
    buf_add_text(&v->line, " to train on, ");
    term_add_count(&v->line, (uint64_t)round(r->tokens_per_step), "trained token");
    buf_printf(&v->line, " a step%s", job->tokens_are_guessed ? " (guessed)" : "");
    put_entry(v, "rows", buf_string(&v->line));
}

void find_view_text(const struct find_shown *shown, const struct term *term, struct buf *out)
{
    struct page v = {
        .shown = shown, .job = shown->job, .prior = shown->prior, .term = term, .out = out};
    buf_init(&v.line, 4096);
    put_top(&v);
    if (shown->search.search)
        search_view_text(&shown->search, term, out);
    put_terms(&v);
    put_choices(&v);
    put_others(&v);
    buf_printf(out, "\nTo paste: --learning-rate %.3g\n", told_of(shown).learning_rate);
    buf_release(&v.line);
}

/* ------------------------------------------------------------------------------------- JSON -- */

static void json_prior(struct json_writer *w, const struct pace_prior *p)
{
    json_key(w, "prior");
    json_begin_object(w);
    tune_journal_prior_members(p, w);
    json_end(w);
}

static void json_job(struct json_writer *w, const struct job *job)
{
    const struct pace_job *r = &job->rate_job;
    json_key(w, "job");
    json_begin_object(w);
    json_member_text(w, "method", job_method_name(r->method));
    json_member_text(w, "model_type", r->model_type);
    json_member_double(w, "parameters", r->parameters);
    json_member_double(w, "hidden_size", r->hidden_size);
    json_member_double(w, "rows", r->rows);
    json_member_double(w, "tokens_per_step", r->tokens_per_step);
    json_member_double(w, "rows_per_step", r->rows_per_step);
    json_member_double(w, "steps", r->steps);
    json_member_double(w, "epochs", r->epochs);
    json_key(w, "choices");
    json_begin_array(w);
    for (size_t i = 0; i < job->n_choices; i++) {
        json_begin_object(w);
        json_member_text(w, "option", job->choices[i].option);
        json_member_text(w, "value", job->choices[i].value);
        json_member_text(w, "reason", job->choices[i].reason);
        json_end(w);
    }
    json_end(w);
    json_end(w);
}

static void json_other(void *context, const struct other *other, double rate)
{
    struct json_writer *w = context;
    json_begin_object(w);
    json_member_text(w, "name", other->name);
    json_member_double(w, "learning_rate", rate);
    json_member_text(w, "source", other->source);
    json_end(w);
}

/* Without a search: what every script may rely on all the same. */
static void json_no_search(struct json_writer *w)
{
    json_key(w, "arms");
    json_begin_array(w);
    json_end(w);
    json_member_int(w, "cost", 0);
    json_member_text(w, "reason", "a first guess from other jobs' runs; nothing was trained");
}

static void json_search(struct json_writer *w, const struct search_shown *shown)
{
    char reason[512];
    (void)pace_search_explain(shown->result, reason, sizeof reason);
    search_view_json_arms(shown, w);
    json_member_double(w, "cost", shown->result->cost);
    json_member_text(w, "reason", reason);
    search_view_json_outcome(shown, w);
}

void find_view_json(const struct find_shown *shown, struct buf *out)
{
    struct json_writer w = {.out = out, .indent = 2};
    struct told told = told_of(shown);
    json_begin_object(&w);
    json_member_double(&w, "learning_rate", told.learning_rate);
    json_member_double(&w, "low", told.low);
    json_member_double(&w, "high", told.high);
    json_prior(&w, shown->prior);
    if (shown->search.search)
        json_search(&w, &shown->search);
    else
        json_no_search(&w);
    json_job(&w, shown->job);
    json_key(&w, "others");
    json_begin_array(&w);
    each_other(shown->job, &w, json_other);
    json_end(&w);
    json_end(&w);
    buf_add_byte(out, '\n');
}

/* ------------------------------------------------------------------------------------ during -- */

void find_view_progress(const struct find_event *e, size_t columns, struct buf *out)
{
    size_t before = out->len, most = columns > 0 ? columns : SIZE_MAX;
    if (e->arm < 0) {
        buf_printf(out, "held-out loss of the base: %.4f", e->loss);
        return;
    }
    const struct pace_arm *arm = &e->search->arms[e->arm];
    buf_printf(out, "arm %d, rate %.3g, step %lld: ", e->arm + 1, arm->learning_rate,
               (long long)arm->done);
    if (isfinite(e->loss))
        buf_printf(out, "loss %.4f", e->loss);
    else
        buf_add_text(out, "ended, the loss rose");
    size_t short_len = out->len;
    buf_printf(out, "   %.0f %% of the search", 100 * e->share);
    if (out->len - before > most)
        out->len = min_size(short_len, before + most);
}
