/*
 * data_view.c - what `pace data` shows.
 *
 * On the terminal: entries with their names in a column of their own, a bar chart of the lengths in
 * doubling bins, the problems, and rows to look at with the trained-on text in green, or between
 * brackets where there is no colour. Everything that comes from the data goes through
 * term_add_safe.
 *
 * The JSON has the same content under names that stay:
 *
 *   format, files [{path, format, part, rows}], rows, train_rows, eval_rows, test_rows,
 *   columns, unused_columns, duplicates, crossing_duplicates, bad_row_count,
 *   bad_rows [{file, line, what}] (ten at most), unit ("tokens" or "characters"), total,
 *   trained, trained_share, max_length, cut_rows, split_rows, lost_tokens, dropped_rows,
 *   lengths {min, mean, p50, p90, p95, p99, max, histogram [{from, to, rows}]},
 *   problems [sentence], passed_over [name],
 *   preview [{file, line, segments [{text, trained}], ids, mask}] (ids with a model)
 */
#include "cli/data_view.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"

enum { LABEL_COLUMNS = 10, BIN_COLUMNS = 15, COUNT_COLUMNS = 8 };

/* --------------------------------------------------------------------------------- problems -- */

static void add_problem(struct data_report *r, const char *format, ...) PRINTF_LIKE(2, 3);

static void add_problem(struct data_report *r, const char *format, ...)
{
    enum { MOST_PROBLEMS = 16 };
    if (!r->problems)
        r->problems = arena_array(&r->arena, const char *, MOST_PROBLEMS);
    CHECK(r->n_problems < MOST_PROBLEMS);
    struct err text; /* formats, and makes names printable */
    char line[sizeof text.what];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    err_set(&text, ERR_INPUT, "%s", line);
    r->problems[r->n_problems++] = arena_printf(&r->arena, "%s", text.what);
}

static const char *rows_text(struct data_report *r, uint64_t n)
{
    return arena_count(&r->arena, n, "row");
}

static void add_split_problems(struct data_report *r)
{
    const struct survey *s = r->survey;
    if (s->split.crossing > 0)
        add_problem(r,
                    "%s for training %s held out as well, in a file of their own: they are not "
                    "trained on",
                    rows_text(r, s->split.crossing), s->split.crossing == 1 ? "is" : "are");
    uint64_t within = s->split.duplicates - s->split.crossing;
    if (within > 0)
        add_problem(r, "%s %s of another, but for white space", rows_text(r, within),
                    within == 1 ? "is a duplicate" : "are duplicates");
    if (s->lengths.n == 0)
        return;
    if (s->rows[PART_EVAL] == 0)
        add_problem(r, "no rows are held out: overfitting would go unseen");
    if (s->rows[PART_TEST] == 0)
        add_problem(r, "no rows are kept for the test: nothing would tell whether tuning helped");
}

static void add_length_problems(struct data_report *r)
{
    const struct survey *s = r->survey;
    if (s->merged > 0)
        add_problem(r, "in %s the prompt's last letters and the answer's first make one token",
                    rows_text(r, s->merged));
    if (s->dropped > 0)
        add_problem(r, "%s left out: none of the answer is within the first %u tokens",
                    rows_text(r, s->dropped), r->max_length);
    if (s->too_long == 0)
        return;
    if (s->are_split)
        add_problem(r, "%s of more than %u tokens: split into pieces", rows_text(r, s->too_long),
                    r->max_length);
    else
        add_problem(r, "%s of more than %u tokens: cut there, %llu tokens lost (--max-length)",
                    rows_text(r, s->too_long), r->max_length, (unsigned long long)s->lost);
}

void data_view_problems(struct data_report *r)
{
    const struct dataset *d = r->dataset;
    if (d->n_bad > 0)
        add_problem(r, "%s cannot be used%s",
                    arena_count(&r->arena, d->n_bad, r->survey->are_pieces ? "line" : "row"),
                    d->options.skip_bad_rows ? " and will be left out"
                    : d->n_bad == 1          ? ": mend it, or say --skip-bad-rows"
                                             : ": mend them, or say --skip-bad-rows");
    add_split_problems(r);
    add_length_problems(r);
}

/* ------------------------------------------------------------------------------- the writer -- */

/* Text that is broken where a line is full. */
struct writer {
    const struct term *term;
    struct buf *out;
    size_t column;
    size_t indent; /* of the lines after the first */
};

static void new_line(struct writer *w)
{
    while (w->out->len > 0 && w->out->at[w->out->len - 1] == ' ')
        w->out->len--;
    buf_printf(w->out, "\n%*s", (int)w->indent, "");
    w->column = w->indent;
}

/* Columns of the word at the start of `text`, up to the most that a line can hold. */
static size_t word_columns(const struct writer *w, struct span text)
{
    size_t columns = 0;
    for (size_t at = 0, len; at < text.len && columns < w->term->width; at += len) {
        uint8_t c = text.at[at];
        len = max_size(utf8_length(span_from(text, at)), 1);
        if (c == ' ' || c == '\n')
            break;
        columns += len > 1 ? term_columns(utf8_decode(text.at + at)) : 1;
    }
    return columns;
}

/* Foreign text: broken before words, or inside one that no line can hold; line breaks kept. */
static void put_text(struct writer *w, struct span text)
{
    struct buf one;
    buf_init(&one, 64);
    bool word_begins = true;
    for (size_t at = 0, len; at < text.len; at += len) {
        if (text.at[at] == '\n') {
            new_line(w);
            len = 1;
            word_begins = true;
            continue;
        }
        size_t word = word_begins ? word_columns(w, span_from(text, at)) : 0;
        if (w->column + word > w->term->width && w->indent + word <= w->term->width)
            new_line(w);
        word_begins = text.at[at] == ' ';
        buf_clear(&one);
        size_t columns = term_add_safe(w->term, &one, span_from(text, at), &len);
        bool is_full = w->column + columns > w->term->width;
        if (is_full)
            new_line(w);
        if (is_full && word_begins)
            continue; /* the space that the line break stands for */
        buf_add(w->out, buf_span(&one));
        w->column += columns;
    }
    buf_release(&one);
}

static void put_label(struct writer *w, const char *label)
{
    w->indent = LABEL_COLUMNS;
    buf_printf(w->out, "%s%-*s%s", term_style(w->term, TERM_BOLD), LABEL_COLUMNS, label,
               term_style(w->term, TERM_PLAIN));
    w->column = LABEL_COLUMNS;
}

/* A label and its text. */
static void put_entry(struct writer *w, const char *label, struct buf *text)
{
    put_label(w, label);
    put_text(w, buf_span(text));
    buf_add_byte(w->out, '\n');
    buf_clear(text);
}

/* ----------------------------------------------------------------------------------- entries -- */

static const char *describe_format(enum dataset_format_id id)
{
    static const char *const texts[FORMAT_COUNT] = {
        [FORMAT_PREFERENCE] = "pairs of answers, one of them preferred",
        [FORMAT_MESSAGES] = "conversations (messages with role and content)",
        [FORMAT_SHAREGPT] = "conversations (ShareGPT: from and value)",
        [FORMAT_ALPACA] = "instructions with their answers (Alpaca)",
        [FORMAT_PROMPT_COMPLETION] = "prompts with their completions",
        [FORMAT_QUESTION_ANSWER] = "questions with their answers",
        [FORMAT_TEXT_LABEL] = "texts with their labels; the label is learned",
        [FORMAT_TEXT] = "texts, learned as a whole",
        [FORMAT_DOCUMENT] = "plain text, cut into pieces",
    };
    return texts[id];
}

static void add_rows(struct buf *text, uint64_t n, const char *what)
{
    term_add_count(text, n, NULL);
    buf_printf(text, " %s", what);
}

static void put_rows(const struct data_report *r, struct writer *w, struct buf *text)
{
    const uint64_t *rows = r->survey->rows;
    const char *noun = r->survey->are_pieces ? "piece" : "row";
    const char *about = r->survey->are_pieces && !r->in_tokens ? "about " : "";
    buf_add_text(text, about);
    term_add_count(text, r->survey->lengths.n, noun);
    buf_add_text(text, ": ");
    add_rows(text, rows[PART_TRAIN], "to train on, ");
    add_rows(text, rows[PART_EVAL], "held out, ");
    add_rows(text, rows[PART_TEST], "for the test");
    if (r->survey->dropped > 0) {
        buf_add_text(text, ", ");
        add_rows(text, r->survey->dropped, "left out");
    }
    put_entry(w, "rows", text);
}

static void put_files(const struct data_report *r, struct writer *w, struct buf *text)
{
    const struct dataset *d = r->dataset;
    for (size_t i = 0; d->n_files > 1 && i < d->n_files; i++) {
        const struct dataset_file *file = &d->files[i];
        const char *slash = strrchr(file->path, '/');
        buf_printf(text, "%s: ", slash ? slash + 1 : file->path);
        term_add_count(text, file->rows, "row");
        buf_printf(text, " (%s)", dataset_format_name(file->format.id));
        if (file->is_fixed)
            buf_printf(text, ", %s", file->part == PART_TEST ? "for the test" : "held out");
        put_entry(w, i == 0 ? "files" : "", text);
    }
    for (size_t i = 0; i < d->n_passed_over; i++)
        buf_printf(text, "%s%s", i > 0 ? ", " : "", d->passed_over[i]);
    if (d->n_passed_over > 0)
        put_entry(w, "not data", text);
}

static void put_columns(const struct data_report *r, struct writer *w, struct buf *text)
{
    const struct dataset_format *format = &r->dataset->files[0].format;
    for (int used = 1; used >= 0; used--) {
        size_t n = 0;
        for (size_t i = 0; i < format->n_columns; i++) {
            if (format->columns[i].is_used == (bool)used)
                buf_printf(text, "%s%.*s",
                           n++ > 0 ? ", "
                           : used  ? ""
                                   : "; not used: ",
                           SPAN_ARGS(format->columns[i].name));
        }
    }
    if (format->n_columns > 0)
        put_entry(w, "columns", text);
}

static double trained_share(const struct data_report *r)
{
    const struct survey *s = r->survey;
    return s->lengths.sum > 0 ? (double)s->trained / (double)s->lengths.sum : 0;
}

static void put_amount(const struct data_report *r, struct writer *w, struct buf *text)
{
    term_add_count(text, r->survey->lengths.sum, r->in_tokens ? "token" : "character");
    buf_printf(text, ", trained on %.1f %%", 100 * trained_share(r));
    if (!r->in_tokens)
        buf_add_text(text, " (--model counts tokens)");
    put_entry(w, "text", text);
}

static void put_quantiles(const struct data_report *r, struct writer *w, struct buf *text)
{
    const struct lengths *l = &r->survey->lengths;
    static const struct {
        double q;
        const char *name;
    } quantiles[] = {{0, "least"}, {0.5, "median"}, {0.9, "90 %"}, {0.99, "99 %"}, {1, "most"}};
    for (size_t i = 0; i < COUNT_OF(quantiles); i++) {
        buf_printf(text, "%s%s ", i > 0 ? ", " : "", quantiles[i].name);
        term_add_count(text, lengths_quantile(l, quantiles[i].q), NULL);
    }
    put_entry(w, "lengths", text);
}

/* --------------------------------------------------------------------------------- bar chart -- */

/* The bins of the chart: 0-1, 2-3, 4-7, 8-15, … from the shortest row to the longest. */
struct bin {
    uint64_t low, high;
};

static struct bin bin_of_power(unsigned power)
{
    return power == 0 ? (struct bin){0, 1}
                      : (struct bin){(uint64_t)1 << power, ((uint64_t)2 << power) - 1};
}

static unsigned power_of(uint64_t length)
{
    return length < 2 ? 0 : 63 - (unsigned)__builtin_clzll(length);
}

/* Adds text right-aligned in `columns`. */
static void add_right(struct buf *out, const struct buf *text, size_t columns)
{
    size_t pad = columns > text->len ? columns - text->len : 0;
    buf_printf(out, "%*s", (int)pad, "");
    buf_add(out, buf_span(text));
}

/* "64-127" */
static void add_bin(struct buf *text, struct bin bin)
{
    term_add_count(text, bin.low, NULL);
    buf_add_byte(text, '-');
    term_add_count(text, bin.high, NULL);
}

static void put_chart(const struct data_report *r, struct writer *w, struct buf *text)
{
    const struct lengths *l = &r->survey->lengths;
    uint64_t highest = 1;
    for (unsigned p = power_of(l->least); p <= power_of(l->most); p++) {
        uint64_t n = lengths_between(l, bin_of_power(p).low, bin_of_power(p).high);
        highest = n > highest ? n : highest;
    }
    struct bin last = bin_of_power(power_of(l->most));
    add_bin(text, last);
    size_t bin_columns = max_size(BIN_COLUMNS, text->len);
    size_t used = bin_columns + COUNT_COLUMNS + 2;
    size_t room = w->term->width > used ? w->term->width - used : 1;
    buf_clear(text);
    for (unsigned p = power_of(l->least); p <= power_of(l->most); p++) {
        struct bin bin = bin_of_power(p);
        uint64_t n = lengths_between(l, bin.low, bin.high);
        add_bin(text, bin);
        add_right(w->out, text, bin_columns);
        buf_clear(text);
        term_add_count(text, n, NULL);
        add_right(w->out, text, COUNT_COLUMNS);
        buf_clear(text);
        buf_add_byte(w->out, n > 0 ? ' ' : '\n');
        if (n == 0)
            continue;
        term_add_bar(w->term, w->out, (double)n / (double)highest, room);
        buf_add_byte(w->out, '\n');
    }
}

/* -------------------------------------------------------------------- problems and previews -- */

static void put_problems(const struct data_report *r, struct writer *w, struct buf *text)
{
    for (size_t i = 0; i < r->n_problems; i++) {
        buf_add_text(text, r->problems[i]);
        buf_add_text(w->out, term_style(w->term, TERM_YELLOW));
        put_entry(w, i == 0 ? "note" : "", text);
    }
    const struct dataset *d = r->dataset;
    for (size_t i = 0; i < min_size(d->n_bad, DATASET_SHOWN_PROBLEMS); i++) {
        const struct dataset_problem *problem = &d->problems[i];
        buf_printf(text, "%s:%llu: %s", problem->path, (unsigned long long)problem->line,
                   problem->what);
        put_entry(w, i == 0 ? "bad rows" : "", text);
    }
    if (d->n_bad > DATASET_SHOWN_PROBLEMS) {
        buf_add_text(text, "and ");
        add_rows(text, d->n_bad - DATASET_SHOWN_PROBLEMS, "more");
        put_entry(w, "", text);
    }
}

/* What stands around trained-on text where there is no colour. */
static void put_bracket(struct writer *w, bool opening)
{
    if (w->term->has_color)
        return;
    const char *bracket = w->term->has_unicode ? (opening ? "\xe2\x9f\xa6" : "\xe2\x9f\xa7")
                                               : (opening ? "[[" : "]]");
    put_text(w, span_of(bracket));
}

static void put_preview(struct writer *w, const struct survey_preview *p)
{
    buf_add_text(w->out, term_style(w->term, TERM_BOLD));
    w->column = 0;
    w->indent = 0;
    struct buf name;
    buf_init(&name, BUF_NO_LIMIT);
    const char *slash = strrchr(p->path, '/');
    buf_add_text(&name, slash ? slash + 1 : p->path);
    if (p->line > 0) /* of no piece of a plain text */
        buf_printf(&name, ", line %llu", (unsigned long long)p->line);
    put_text(w, buf_span(&name));
    buf_release(&name);
    buf_printf(w->out, "%s", term_style(w->term, TERM_PLAIN));
    w->indent = 2;
    new_line(w);
    for (size_t i = 0; i < p->n_segments; i++) {
        const struct survey_segment *segment = &p->segments[i];
        if (i + 1 == p->n_segments && !segment->is_trained && span_is(segment->text, "\n"))
            break; /* what a template puts behind the last turn */
        bool goes_on = i > 0 && p->segments[i - 1].is_trained == segment->is_trained;
        bool will_go_on =
            i + 1 < p->n_segments && p->segments[i + 1].is_trained == segment->is_trained;
        buf_add_text(w->out, term_style(w->term, segment->is_trained ? TERM_GREEN : TERM_DIM));
        if (segment->is_trained && !goes_on)
            put_bracket(w, true);
        put_text(w, segment->text);
        if (segment->is_cut)
            put_text(w, span_of(w->term->has_unicode ? " \xe2\x80\xa6 " : " ... "));
        if (segment->is_trained && !will_go_on)
            put_bracket(w, false);
        buf_add_text(w->out, term_style(w->term, TERM_PLAIN));
    }
    buf_add_byte(w->out, '\n');
}

void data_view_row(const struct survey_preview *row, const struct term *term, struct buf *out)
{
    struct writer w = {.term = term, .out = out};
    put_preview(&w, row);
}

void data_view_text(const struct data_report *r, const struct term *term, struct buf *out)
{
    struct writer w = {.term = term, .out = out};
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    buf_printf(&text, "%s", r->path);
    put_entry(&w, "data", &text);
    enum dataset_format_id id = dataset_format_of(r->dataset);
    buf_printf(&text, "%s: %s", dataset_format_name(id), describe_format(id));
    put_entry(&w, "format", &text);
    put_files(r, &w, &text);
    put_columns(r, &w, &text);
    put_rows(r, &w, &text);
    if (r->survey->lengths.n > 0) {
        put_amount(r, &w, &text);
        put_quantiles(r, &w, &text);
        put_chart(r, &w, &text);
    }
    put_problems(r, &w, &text);
    buf_release(&text);
    for (size_t i = 0; i < r->survey->n_previews; i++) {
        buf_add_byte(out, '\n');
        put_preview(&w, &r->survey->previews[i]);
    }
}

/* -------------------------------------------------------------------------------------- JSON -- */

static void json_count(struct json_writer *w, const char *key, uint64_t value)
{
    json_key(w, key);
    json_put_int(w, (int64_t)value);
}

static void json_files(const struct data_report *r, struct json_writer *w)
{
    json_key(w, "files");
    json_begin_array(w);
    for (size_t i = 0; i < r->dataset->n_files; i++) {
        const struct dataset_file *file = &r->dataset->files[i];
        json_begin_object(w);
        json_key(w, "path");
        json_put_text(w, file->path);
        json_key(w, "format");
        json_put_text(w, dataset_format_name(file->format.id));
        json_key(w, "part");
        if (file->is_fixed)
            json_put_text(w, dataset_part_name(file->part));
        else
            json_put_null(w);
        json_count(w, "rows", file->rows);
        json_end(w);
    }
    json_end(w);
}

static void json_columns(const struct data_report *r, struct json_writer *w)
{
    const struct dataset_format *format = &r->dataset->files[0].format;
    for (int all = 1; all >= 0; all--) {
        json_key(w, all ? "columns" : "unused_columns");
        json_begin_array(w);
        for (size_t i = 0; i < format->n_columns; i++) {
            if (all || !format->columns[i].is_used)
                json_put_string(w, format->columns[i].name);
        }
        json_end(w);
    }
}

static void json_bad_rows(const struct dataset *d, struct json_writer *w)
{
    json_key(w, "bad_rows");
    json_begin_array(w);
    for (size_t i = 0; i < min_size(d->n_bad, DATASET_SHOWN_PROBLEMS); i++) {
        json_begin_object(w);
        json_key(w, "file");
        json_put_text(w, d->problems[i].path);
        json_count(w, "line", d->problems[i].line);
        json_key(w, "what");
        json_put_text(w, d->problems[i].what);
        json_end(w);
    }
    json_end(w);
    json_count(w, "bad_row_count", d->n_bad);
}

static void json_lengths(const struct lengths *l, struct json_writer *w)
{
    json_key(w, "lengths");
    json_begin_object(w);
    json_count(w, "min", l->least);
    json_key(w, "mean");
    json_put_double(w, lengths_mean(l));
    json_count(w, "p50", lengths_quantile(l, 0.5));
    json_count(w, "p90", lengths_quantile(l, 0.9));
    json_count(w, "p95", lengths_quantile(l, 0.95));
    json_count(w, "p99", lengths_quantile(l, 0.99));
    json_count(w, "max", l->most);
    json_key(w, "histogram");
    json_begin_array(w);
    for (unsigned p = power_of(l->least); p <= power_of(l->most); p++) {
        struct bin bin = bin_of_power(p);
        json_begin_object(w);
        json_count(w, "from", bin.low);
        json_count(w, "to", bin.high);
        json_count(w, "rows", lengths_between(l, bin.low, bin.high));
        json_end(w);
    }
    json_end(w);
    json_end(w);
}

static void json_texts(struct json_writer *w, const char *key, const char *const *texts, size_t n)
{
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < n; i++)
        json_put_text(w, texts[i]);
    json_end(w);
}

/* The row's ids, and 1 for each that is trained on. */
static void json_tokens(const struct survey_preview *p, struct json_writer *w)
{
    if (!p->ids)
        return;
    json_key(w, "ids");
    json_begin_array(w);
    for (size_t i = 0; i < p->n_tokens; i++)
        json_put_int(w, p->ids[i]);
    json_end(w);
    json_key(w, "mask");
    json_begin_array(w);
    for (size_t i = 0; i < p->n_tokens; i++)
        json_put_int(w, p->mask[i]);
    json_end(w);
}

static void json_preview(const struct survey_preview *p, struct json_writer *w)
{
    json_begin_object(w);
    json_key(w, "file");
    json_put_text(w, p->path);
    json_count(w, "line", p->line);
    json_key(w, "segments");
    json_begin_array(w);
    for (size_t i = 0; i < p->n_segments; i++) {
        json_begin_object(w);
        json_key(w, "text");
        json_put_string(w, p->segments[i].text);
        json_key(w, "trained");
        json_put_bool(w, p->segments[i].is_trained);
        json_end(w);
    }
    json_end(w);
    json_tokens(p, w);
    json_end(w);
}

void data_view_json(const struct data_report *r, struct buf *out)
{
    const struct survey *s = r->survey;
    struct json_writer w = {.out = out};
    json_begin_object(&w);
    json_key(&w, "format");
    json_put_text(&w, dataset_format_name(dataset_format_of(r->dataset)));
    json_files(r, &w);
    json_count(&w, "rows", s->lengths.n);
    json_count(&w, "train_rows", s->rows[PART_TRAIN]);
    json_count(&w, "eval_rows", s->rows[PART_EVAL]);
    json_count(&w, "test_rows", s->rows[PART_TEST]);
    json_columns(r, &w);
    json_count(&w, "duplicates", s->split.duplicates);
    json_count(&w, "crossing_duplicates", s->split.crossing);
    json_bad_rows(r->dataset, &w);
    json_key(&w, "unit");
    json_put_text(&w, r->in_tokens ? "tokens" : "characters");
    json_count(&w, "total", s->lengths.sum);
    json_count(&w, "trained", s->trained);
    json_key(&w, "trained_share");
    json_put_double(&w, trained_share(r));
    json_count(&w, "max_length", r->max_length);
    json_count(&w, "cut_rows", s->are_split ? 0 : s->too_long);
    json_count(&w, "split_rows", s->are_split ? s->too_long : 0);
    json_count(&w, "lost_tokens", s->are_split ? 0 : s->lost);
    json_count(&w, "dropped_rows", s->dropped);
    json_lengths(&s->lengths, &w);
    json_texts(&w, "problems", r->problems, r->n_problems);
    json_texts(&w, "passed_over", r->dataset->passed_over, r->dataset->n_passed_over);
    json_key(&w, "preview");
    json_begin_array(&w);
    for (size_t i = 0; i < s->n_previews; i++)
        json_preview(&s->previews[i], &w);
    json_end(&w);
    json_end(&w);
    buf_add_byte(out, '\n');
}
