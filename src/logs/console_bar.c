/*
 * console_bar.c - progress bars: how far the run came, and, where nothing else says it, the loss.
 *
 *      12%|#2        | 30/250 [13:55<1:39:52, 27.24s/it]            tqdm
 *     Epoch 0:  10%|# | 10/100 [00:10<01:30, 1.0it/s, loss=2.31]    tqdm with a postfix
 *     train: [==>   | data=000064/004096, loss=2.345678+-0.012345, accuracy=…, t=…, ETA=…]
 *
 * A Trainer's console has no steps in its lines, but a bar whose total is the number of updates.
 * Evaluations have bars too, with totals of their own: the training's bar is the one that never
 * goes back and is seen over the longest stretch. Bars with a description are other work (loading,
 * tokenizing), or somebody else's loop.
 *
 * llama.cpp prints, per batch, the mean of the losses since the epoch began, and how much data was
 * seen. The means are taken apart again: with mean m[i] behind batch i, the batches j+1 … i had
 * (i m[i] - j m[j]) / (i - j) on average.
 *
 * Sources: tqdm's format_meter; transformers' ProgressCallback;
 * ggml_opt_epoch_callback_progress_bar in ggml/src/ggml-opt.cpp.
 */
#include <math.h>

#include "logs/console_line.h"

enum { LONGEST_TIME = 32 }; /* " [123:13:55<" */

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* The digits at i as a number below 1e15; moves i behind them; false where there are none. */
static bool read_digits(struct span s, size_t *i, int64_t *value)
{
    size_t start = *i;
    *value = 0;
    while (*i < s.len && is_digit(s.at[*i]) && *i - start < 15)
        *value = 10 * *value + (s.at[(*i)++] - '0');
    return *i > start;
}

/* ------------------------------------------------------------------------------------- tqdm -- */

struct bar {
    int64_t done, total;
    bool is_described;
    struct span postfix;
};

/* "30/250 [13:55<": the place of the slash is given. */
static bool bar_at(struct span s, size_t slash, struct bar *bar)
{
    size_t start = slash, i = slash + 1, at;
    while (start > 0 && is_digit(s.at[start - 1]))
        start--;
    at = start;
    if (!read_digits(s, &at, &bar->done) || at != slash || !read_digits(s, &i, &bar->total))
        return false;
    struct span rest = span_from(s, i);
    if (!span_starts_with(rest, span_of(" [")) || rest.len < 4 || !is_digit(rest.at[2]) ||
        !memchr(rest.at, '<', min_size(rest.len, LONGEST_TIME)))
        return false;
    const uint8_t *colon = memchr(s.at, ':', start);
    bar->is_described = colon && colon > s.at && !is_digit(colon[-1]);
    bar->postfix = rest;
    return bar->total > 0;
}

static bool find_bar(struct span s, struct bar *bar)
{
    for (size_t i = 0; i < s.len;) {
        const uint8_t *slash = memchr(s.at + i, '/', s.len - i);
        if (!slash)
            return false;
        size_t at = (size_t)(slash - s.at);
        if (bar_at(s, at, bar))
            return true;
        i = at + 1;
    }
    return false;
}

static void count_bar(struct console *c, const struct bar *bar)
{
    size_t i = 0;
    while (i < c->n_bars && c->bars[i].total != bar->total)
        i++;
    if (i == COUNT_OF(c->bars))
        return;
    if (i == c->n_bars) {
        c->bars[i] = (struct console_bar){.total = bar->total, .first_line = c->n_lines};
        c->n_bars++;
    }
    c->bars[i].goes_back |= bar->done < c->bars[i].last;
    c->bars[i].last = bar->done;
    c->bars[i].last_line = c->n_lines;
    if (bar->done > c->bars[i].most)
        c->bars[i].most = bar->done;
}

void console_judge_bars(struct console *c)
{
    const struct console_bar *best = NULL;
    for (size_t i = 0; i < c->n_bars; i++) {
        const struct console_bar *b = &c->bars[i];
        size_t stretch = b->last_line - b->first_line;
        if (!b->goes_back && b->most > 0 && (!best || stretch > best->last_line - best->first_line))
            best = b;
    }
    if (!best)
        return;
    c->sheet->last_step = best->most;
    if (c->sheet->total_steps == 0)
        c->sheet->total_steps = best->total;
}

/* A postfix with a loss is a row; a bar is drawn again and again for a step: the last one counts.
 */
static void read_postfix(struct console *c, const struct bar *bar)
{
    struct sheet *s = c->sheet;
    if (c->n_bars > 0 && c->bars[0].last == bar->done && c->bars[0].total == bar->total)
        sheet_drop_row(s);
    c->n_bars = 0;
    uint32_t row = s->n_rows;
    console_read_line(c, bar->postfix);
    if (s->n_rows == row)
        return;
    sheet_put(s, sheet_column(s, span_of("step")), (double)bar->done);
    sheet_put(s, sheet_column(s, span_of("total steps")), (double)bar->total);
    c->bars[c->n_bars++] = (struct console_bar){.total = bar->total, .last = bar->done};
}

/* ------------------------------------------------------------------------------- llama.cpp -- */

/* The number behind "key" in the line. */
static bool value_of(struct span line, const char *key, double *value, struct span *rest)
{
    size_t at = span_find(line, span_of(key));
    if (at == line.len)
        return false;
    *rest = span_from(line, at + strlen(key));
    size_t len = sheet_scan_number(*rest, value);
    *rest = span_from(*rest, len);
    return len > 0;
}

static void put_named(struct sheet *s, const char *name, double value)
{
    sheet_put(s, sheet_column(s, span_of(name)), value);
}

/* The step of `done` samples, counted over all epochs. */
static int64_t mean_step(struct console_mean *m, double done, double total)
{
    if (m->batch == 0)
        m->batch = done >= 1 ? (int64_t)done : 1;
    int64_t step = (int64_t)done / m->batch;
    if (step <= m->step) { /* the next epoch */
        m->epoch_start += m->total;
        m->step = 0;
        m->mean = 0;
    }
    m->total = floor(total / (double)m->batch);
    return step;
}

static bool read_llama_bar(struct console *c, struct span line)
{
    struct console_mean *m = &c->mean;
    struct sheet *s = c->sheet;
    bool is_train = span_starts_with(line, span_of("train: ["));
    double done, total, loss;
    struct span rest;
    if (!(is_train || span_starts_with(line, span_of("val:   ["))) ||
        !value_of(line, "data=", &done, &rest) || !(done >= 0 && done < 1e15) ||
        !value_of(rest, "/", &total, &rest) || !(total >= 0 && total < 1e15) ||
        !value_of(rest, "loss=", &loss, &rest))
        return false;
    if (!is_train) {
        if (done < total)
            return true;
        sheet_row(s);
        put_named(s, "step", m->epoch_start + (double)m->step);
        put_named(s, "val loss", loss);
        return true;
    }
    int64_t step = mean_step(m, done, total);
    double sum = (double)step * loss - (double)m->step * m->mean;
    sheet_row(s);
    put_named(s, "step", m->epoch_start + (double)step);
    put_named(s, "loss", step > m->step ? sum / (double)(step - m->step) : loss);
    m->step = step;
    m->mean = isfinite(loss) ? loss : 0;
    c->has_loss = true;
    return true;
}

bool console_read_bar(struct console *c, struct span line)
{
    struct bar bar;
    if (read_llama_bar(c, line))
        return true;
    if (!find_bar(line, &bar))
        return false;
    if (c->reads_bars)
        read_postfix(c, &bar);
    else if (!bar.is_described)
        count_bar(c, &bar);
    return true;
}
