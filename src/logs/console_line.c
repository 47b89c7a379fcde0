/*
 * console_line.c - names and numbers in a line of text.
 *
 *     iter 100: loss 2.5612, time 193.77ms                                        nanoGPT
 *     step 250: train loss 2.4, val loss 2.5                                      nanoGPT
 *     step    4/10 | loss 3.2 (+nanz)| norm 0.3 (+nanz)| lr 3.00e-04 | …          llm.c
 *     s:4 trl:3.2 lr:0.000300 norm:0.30                                           llm.c, main.log
 *     Iter 10: Train loss 2.300, Learning Rate 1.000e-05, It/sec …                mlx-lm
 *     Step 4 | loss:2.3 lr:2e-05 tokens_per_second_per_gpu:812                    torchtune
 *     Epoch(train) [1][200/735]  lr: 1.98e-04  eta: …  loss: 2.75  grad_norm: 3.06     xtuner
 *     Epoch [1/3], Step [100/600], Loss: 2.1                                      a loop of one's
 * own
 *
 * One rule reads them all: a number belongs to the words in front of it, back to the next number or
 * punctuation mark, and the words mean what a column of that name would (field.h). "4/10" behind a
 * step gives the planned number too. A line is a row when it holds a loss, or, once losses have
 * been seen, a rate or a norm; a step or an epoch alone moves the clock for the lines that follow.
 * So settings that are printed before the run are not taken for its course.
 *
 * Two forms have no names on the line: tables with blanks, whose header is remembered (mlx-lm since
 * 2026), and mmengine's brackets.
 *
 * Sources: the trainers' print statements, at the versions listed in the research notes; real logs.
 */
#include "logs/console_line.h"

enum { ITEMS_MOST = 32, WORDS_MOST = 4, LONGEST_PHRASE = 60 };

struct item {
    int column;
    double value;
};

struct items {
    struct item at[ITEMS_MOST];
    size_t n;
    double total; /* planned number behind a step's or an epoch's slash */
    double total_epochs;
    bool has[FIELD_COUNT];
};

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* Characters of a name: "train/loss", "lr-AdamW", "grad_norm". */
static bool is_word(uint8_t c)
{
    return is_letter(c) || is_digit(c) || c == '_' || c == '/' || c == '-' || c == '.';
}

static bool is_capitals(struct span word)
{
    for (size_t i = 0; i < word.len; i++) {
        if (!(word.at[i] >= 'A' && word.at[i] <= 'Z'))
            return false;
    }
    return true;
}

/* ------------------------------------------------------------------------------------ names -- */

/*
 * The words that end at `end`, blanks and one mark (":", "=", "[") skipped; those that begin with
 * a digit end the search. words[0] is the last one.
 */
static size_t words_before(struct span s, size_t end, struct span words[WORDS_MOST])
{
    size_t n = 0;
    while (end > 0 && (is_blank(s.at[end - 1]) || strchr(":=['\"", s.at[end - 1])))
        end--;
    while (end > 0 && n < WORDS_MOST) {
        size_t start = end;
        while (start > 0 && is_word(s.at[start - 1]) && end - start < LONGEST_PHRASE)
            start--;
        struct span word = span_part(s, start, end - start);
        if (start == end || is_digit(s.at[start]) || sheet_number_length(word) > 0)
            break;
        words[n++] = word;
        end = start;
        while (end > 0 && is_blank(s.at[end - 1]))
            end--;
    }
    return n;
}

/* Steps and epochs are one column each: nanoGPT says "iter 9" here and "step 9" there. */
static int clock_column(struct sheet *sheet, enum field field)
{
    if (field == FIELD_STEP)
        return sheet_column(sheet, span_of("step"));
    return field == FIELD_EPOCH ? sheet_column(sheet, span_of("epoch")) : -1;
}

/*
 * The column that the words name. All of them together must mean something ("kl loss" is no loss);
 * but a log level in front does not count, and a step is one whatever stands before it.
 */
static int column_of_words(struct sheet *sheet, const struct span *words, size_t n)
{
    for (; n > 0; n--) {
        const uint8_t *start = words[n - 1].at;
        struct span name = {start, (size_t)(words[0].at + words[0].len - start)};
        enum field field = sheet_field(sheet, name);
        int clock = clock_column(sheet, field);
        if (field != FIELD_NONE)
            return clock >= 0 ? clock : sheet_column(sheet, name);
        if (!is_capitals(words[n - 1]))
            return clock_column(sheet, sheet_field(sheet, words[0]));
    }
    return -1;
}

/* llm.c's main.log: "s:4 tel:3.2", "s:4 trl:3.2 lr:… norm:…". */
static int column_of_alias(struct sheet *sheet, struct span word)
{
    static const char *const aliases[][2] = {{"s", "step"}, {"tel", "val loss"}, {"trl", "loss"}};
    for (size_t i = 0; i < COUNT_OF(aliases); i++) {
        if (span_is(word, aliases[i][0]))
            return sheet_column(sheet, span_of(aliases[i][1]));
    }
    return -1;
}

/* ------------------------------------------------------------------------------------ items -- */

static void add_item(struct sheet *sheet, struct items *items, int column, double value)
{
    enum field field = sheet->columns[column].match.field;
    if (items->n == ITEMS_MOST || items->has[field])
        return; /* "loss 2.5 (loss 2.6)": the first is meant */
    items->has[field] = true;
    items->at[items->n++] = (struct item){column, value};
}

/* "4/10": what stands behind the slash is the plan. Returns the bytes it takes. */
static size_t read_plan(struct items *items, enum field field, struct span rest)
{
    double total;
    size_t i = 0;
    while (i < rest.len && is_blank(rest.at[i]))
        i++;
    if (i == rest.len || rest.at[i] != '/')
        return 0;
    for (i++; i < rest.len && is_blank(rest.at[i]); i++)
        ;
    size_t len = sheet_scan_number(span_from(rest, i), &total);
    if (len == 0)
        return 0;
    if (field == FIELD_STEP)
        items->total = total;
    else if (field == FIELD_EPOCH)
        items->total_epochs = total;
    return i + len;
}

/* True where a number may begin: not inside a word ("v2", "x.1") or behind a sign of one. */
static bool can_begin(struct span s, size_t i)
{
    if (i == 0)
        return true;
    uint8_t before = s.at[i - 1];
    return !is_letter(before) && !is_digit(before) && !strchr("_./-+", before) && before < 0x80;
}

static bool is_special(struct span s, size_t i)
{
    return (s.at[i] == 'n' || s.at[i] == 'N' || s.at[i] == 'i' || s.at[i] == 'I') && i + 3 <= s.len;
}

static void scan_items(struct sheet *sheet, struct span s, struct items *items)
{
    bool is_short = s.len > 2 && s.at[0] == 's' && s.at[1] == ':' && is_digit(s.at[2]);
    for (size_t i = 0; i < s.len;) {
        double value = 0;
        uint8_t c = s.at[i];
        bool may = is_digit(c) || c == '-' || c == '+' || c == '.' || is_special(s, i);
        size_t len = may && can_begin(s, i) ? sheet_number_length(span_from(s, i)) : 0;
        if (len == 0) {
            i++;
            continue;
        }
        struct span words[WORDS_MOST];
        size_t n = words_before(s, i, words);
        int column = is_short && n > 0 ? column_of_alias(sheet, words[0]) : -1;
        if (column < 0)
            column = column_of_words(sheet, words, n);
        if (column >= 0)
            (void)sheet_scan_number(span_from(s, i), &value);
        i += len;
        if (column < 0)
            continue;
        add_item(sheet, items, column, value);
        i += read_plan(items, sheet->columns[column].match.field, span_from(s, i));
    }
}

/* ------------------------------------------------------------------------------------- rows -- */

static void put_items(struct console *c, const struct items *items)
{
    struct sheet *s = c->sheet;
    sheet_row(s);
    for (size_t i = 0; i < items->n; i++)
        sheet_put(s, items->at[i].column, items->at[i].value);
    if (items->total >= 1 && items->total < 9e15)
        sheet_put(s, sheet_column(s, span_of("total steps")), items->total);
    if (items->total_epochs >= 1)
        sheet_put(s, sheet_column(s, span_of("total epochs")), items->total_epochs);
    c->has_loss |= items->has[FIELD_LOSS];
}

static bool is_row(const struct console *c, const struct items *items)
{
    const bool *has = items->has;
    if (has[FIELD_LOSS] || has[FIELD_EVAL_LOSS] || has[FIELD_RUNTIME])
        return true;
    if (has[FIELD_RATE] || has[FIELD_GRAD_NORM])
        return c->has_loss || has[FIELD_STEP];
    return items->n > 0;
}

/*
 * "Epoch(train) [1][200/735]  lr: …" and "Iter(train) [ 200/10000]  lr: …". Losses of "(val)" are
 * not among the numbers that follow a "loss:" there, so nothing else is to be done.
 */
static bool read_brackets(struct console *c, struct span line, struct items *items)
{
    static const char *const heads[] = {"Epoch(train)", "Iter(train)"};
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        size_t at = span_find(line, span_of(heads[i]));
        if (at == line.len)
            continue;
        struct span rest = span_from(line, at + strlen(heads[i]));
        const char *names[] = {"epoch", "iter"};
        for (size_t part = i; part < COUNT_OF(names); part++) {
            double value;
            const uint8_t *open = memchr(rest.at, '[', rest.len);
            if (!open)
                return false;
            rest = span_from(rest, (size_t)(open - rest.at) + 1);
            while (rest.len > 0 && is_blank(rest.at[0]))
                rest = span_from(rest, 1);
            size_t len = sheet_scan_number(rest, &value);
            int column = sheet_column(c->sheet, span_of(names[part]));
            if (len == 0)
                return false;
            add_item(c->sheet, items, column, value);
            rest = span_from(rest, len);
            (void)read_plan(items, c->sheet->columns[column].match.field, rest);
        }
        return true;
    }
    return false;
}

/* ----------------------------------------------------------------------------------- tables -- */

/* The next run of characters that are not blank. */
static bool next_token(struct span *rest, struct span *token)
{
    size_t i = 0, end;
    while (i < rest->len && is_blank(rest->at[i]))
        i++;
    for (end = i; end < rest->len && !is_blank(rest->at[end]); end++)
        ;
    *token = span_part(*rest, i, end - i);
    *rest = span_from(*rest, end);
    return token->len > 0;
}

/* A line of names alone, a loss and a step among them, begins a table. */
static bool read_header(struct console *c, struct span line)
{
    struct span token, rest = line;
    size_t n = 0;
    unsigned fields = 0;
    int columns[COUNT_OF(c->columns)];
    while (next_token(&rest, &token)) {
        if (n == COUNT_OF(columns) || !is_letter(token.at[0]) || sheet_number_length(token) > 0 ||
            strchr(":,=.", token.at[token.len - 1]))
            return false;
        enum field field = sheet_field(c->sheet, token);
        columns[n++] = field == FIELD_NONE ? -1 : sheet_column(c->sheet, token);
        fields |= 1u << field;
    }
    if (!(fields & 1u << FIELD_LOSS) || !(fields & 1u << FIELD_STEP))
        return false;
    memcpy(c->columns, columns, sizeof columns);
    c->n_columns = n;
    return true;
}

/* "   10    2.300 v     412      8.2k", "   10    val 2.210    1.23s". */
static bool read_table_row(struct console *c, struct span line)
{
    struct span token, rest = line;
    struct items items = {0};
    bool is_val = false;
    for (size_t i = 0; i < c->n_columns && next_token(&rest, &token);) {
        double value;
        size_t len = sheet_scan_number(token, &value);
        if (i == 0 && len != token.len)
            return false;
        if (span_is(token, "val")) {
            is_val = true;
            continue;
        }
        if (len == 0)
            continue; /* an arrow, a bar between columns */
        int column = c->columns[i++];
        if (column >= 0 && is_val && c->sheet->columns[column].match.field == FIELD_LOSS)
            column = sheet_column(c->sheet, span_of("val loss"));
        if (column >= 0 && len == token.len)
            add_item(c->sheet, &items, column, value);
    }
    if (!items.has[FIELD_LOSS] && !items.has[FIELD_EVAL_LOSS])
        return false;
    put_items(c, &items);
    return true;
}

void console_read_line(struct console *c, struct span line)
{
    struct items items = {0};
    if (span_starts_with(line, span_of("wandb:"))) /* its summary repeats the last values */
        return;
    if (span_find(line, span_of(" metrics *****")) < line.len) {
        c->in_summary = true;
        return;
    }
    if (c->in_summary && line.len > 1 && is_blank(line.at[0]) && is_blank(line.at[1]))
        return;
    c->in_summary = false;
    if (c->n_columns > 0 && read_table_row(c, line))
        return;
    if (read_header(c, line))
        return;
    (void)read_brackets(c, line, &items);
    scan_items(c->sheet, line, &items);
    if (is_row(c, &items))
        put_items(c, &items);
}
