/*
 * journal.c - the journal's lines, written and read.
 *
 * What is said of a line (which fields it has, under which names) stands once, in tables of fields
 * that both directions walk. A field at its usual value is left out and comes back as that value.
 *
 * A file that somebody hands us may say anything: counts of steps and slots are held to the ranges
 * in which the controller would have written them, and the options must make a run, so that who
 * plays a journal into a controller meets no failed CHECK. Memory: one entry a line that is long
 * enough to be one, and a place for each line, a small multiple of the file's bytes.
 */
#include "logs/journal.h"

#include <math.h>

#include "base/num.h"
#include "format/json.h"

enum { JOURNAL_VERSION = 1, SENTENCE_MOST = 512 };

/* No whole entry is shorter: what a journal of n bytes can hold is known before it is read. */
enum { SHORTEST_ENTRY = 80 };

/* Whoever counts on from a step must not overflow. */
static const int64_t steps_most = (int64_t)1 << 53;

/* ----------------------------------------------------------------------------------- fields -- */

enum field_type { FIELD_NUMBER, FIELD_COUNT, FIELD_SLOT };

struct field {
    const char *name;
    enum field_type type;
    size_t offset;
    double usual; /* left out where the field has it; NAN: always written */
};

#define OPTION(field) offsetof(struct pace_rate_options, field)
#define OBS(field) offsetof(struct pace_rate_obs, field)
#define DECISION(field) offsetof(struct pace_rate_decision, field)

static const struct field option_fields[] = {
    {"prior_rate", FIELD_NUMBER, OPTION(prior_rate), 0},
    {"prior_sd", FIELD_NUMBER, OPTION(prior_sd), 0},
    {"max_grad_norm", FIELD_NUMBER, OPTION(max_grad_norm), NAN},
    {"uniform_loss", FIELD_NUMBER, OPTION(uniform_loss), 0},
    {"steps_per_epoch", FIELD_COUNT, OPTION(steps_per_epoch), 0},
    {"first_step", FIELD_COUNT, OPTION(first_step), 0},
    {"n_slots", FIELD_SLOT, OPTION(n_slots), NAN},
    {"learning_rate", FIELD_NUMBER, OPTION(schedule.learning_rate), NAN},
    {"total_steps", FIELD_COUNT, OPTION(schedule.total_steps), NAN},
    {"warmup_steps", FIELD_COUNT, OPTION(schedule.warmup_steps), NAN},
};

static const struct field obs_fields[] = {
    {"loss", FIELD_NUMBER, OBS(loss), NAN},
    {"grad_norm", FIELD_NUMBER, OBS(grad_norm), -1},
    {"targets", FIELD_COUNT, OBS(n_targets), -1},
    {"batch", FIELD_COUNT, OBS(batch), -1},
};

static const struct field decision_fields[] = {
    {"step", FIELD_COUNT, DECISION(step), NAN},
    {"learning_rate", FIELD_NUMBER, DECISION(learning_rate), NAN},
    {"change", FIELD_NUMBER, DECISION(change), 1},
    {"gradient_scale", FIELD_NUMBER, DECISION(gradient_scale), 1},
    {"restore", FIELD_SLOT, DECISION(restore_slot), -1},
    {"keep", FIELD_SLOT, DECISION(keep_slot), -1},
};

/* Same number, NaN included; the sign of zero counts. */
static bool same(double a, double b)
{
    return (a == b && signbit(a) == signbit(b)) || (isnan(a) && isnan(b));
}

static bool is_usual(const struct field *f, const void *at)
{
    double value = f->type == FIELD_NUMBER  ? *(const double *)at
                   : f->type == FIELD_COUNT ? (double)*(const int64_t *)at
                                            : *(const int *)at;
    return !isnan(f->usual) && same(value, f->usual);
}

static void put_fields(struct json_writer *w, const struct field *fields, size_t n,
                       const void *object)
{
    for (const struct field *f = fields; f < fields + n; f++) {
        const void *at = (const char *)object + f->offset;
        if (is_usual(f, at))
            continue;
        json_key(w, f->name);
        if (f->type == FIELD_NUMBER)
            json_put_double(w, *(const double *)at);
        else
            json_put_int(w, f->type == FIELD_COUNT ? *(const int64_t *)at : *(const int *)at);
    }
}

static void set_usual(const struct field *fields, size_t n, void *object)
{
    for (const struct field *f = fields; f < fields + n; f++) {
        void *at = (char *)object + f->offset;
        if (f->type == FIELD_NUMBER)
            *(double *)at = isnan(f->usual) ? 0 : f->usual;
        else if (f->type == FIELD_COUNT)
            *(int64_t *)at = isnan(f->usual) ? 0 : (int64_t)f->usual;
        else
            *(int *)at = isnan(f->usual) ? 0 : (int)f->usual;
    }
}

/* How many slots there are, or which one. */
static void read_slot(struct json_reader *json, const struct field *f, int *slot)
{
    bool is_count = isnan(f->usual);
    int64_t value = json_int(json);
    if (value < (is_count ? 0 : -1) || value > (is_count ? PACE_SLOTS : PACE_SLOTS - 1))
        json_fail(json, "%s: there is no slot %lld", f->name, (long long)value);
    else
        *slot = (int)value;
}

/* Reads the value of a key that one of the fields has. False where none has it. */
static bool read_field(struct json_reader *json, struct span key, const struct field *fields,
                       size_t n, void *object)
{
    const struct field *f = fields;
    while (f < fields + n && !span_is(key, f->name))
        f++;
    if (f == fields + n)
        return false;
    void *at = (char *)object + f->offset;
    if (f->type == FIELD_NUMBER)
        *(double *)at = json_double(json);
    else if (f->type == FIELD_COUNT)
        *(int64_t *)at = json_int(json);
    else
        read_slot(json, f, at);
    return true;
}

/* ------------------------------------------------------------------------------------ words -- */

static const char *guard_word(size_t guard)
{
    static const char *const words[] = {
        [PACE_GUARD_ACT] = "act", [PACE_GUARD_WATCH] = "watch", [PACE_GUARD_OFF] = "off"};
    return words[guard];
}

static const char *action_word(size_t action)
{
    return pace_action_name((enum pace_action)action);
}

static const char *reason_word(size_t reason)
{
    return pace_reason_name((enum pace_reason)reason);
}

/* Index of the word that is read, below n; 0 and an error where it is none. */
static size_t read_word(struct json_reader *json, const char *(*word_of)(size_t), size_t n,
                        const char *what)
{
    struct span word = json_string(json);
    for (size_t i = 0; i < n; i++) {
        if (span_is(word, word_of(i)))
            return i;
    }
    json_fail(json, "'%.*s' is no %s", (int)min_size(word.len, 40), (const char *)word.at, what);
    return 0;
}

/* ---------------------------------------------------------------------------------- writing -- */

static void begin_record(struct json_writer *w, struct buf *out, const char *record)
{
    *w = (struct json_writer){.out = out, .python_nan = true};
    json_begin_object(w);
    json_key(w, "record");
    json_put_text(w, record);
}

static void end_record(struct json_writer *w)
{
    json_end(w);
    buf_add_byte(w->out, '\n');
}

/* A parameter's text as the JSON value that it is. */
static void put_parameter(struct json_writer *w, const char *text)
{
    double number;
    if (num_parse_double(span_of(text), &number))
        json_put_double(w, number);
    else if (strcmp(text, "null") == 0)
        json_put_null(w);
    else if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
        json_put_bool(w, *text == 't');
    else
        json_put_text(w, text);
}

static void put_schedule(struct json_writer *w, const struct pace_schedule *s)
{
    const char *name;
    json_key(w, "schedule");
    json_put_text(w, pace_schedule_name(s->kind));
    json_key(w, "lr_scheduler_kwargs");
    json_begin_object(w);
    for (size_t i = 0; (name = pace_schedule_parameter(s->kind, i)) != NULL; i++) {
        char text[NUM_TEXT_SIZE];
        CHECK(pace_schedule_get(s, name, text, sizeof text));
        json_key(w, name);
        put_parameter(w, text);
    }
    json_end(w);
}

void journal_put_options(struct buf *out, const struct pace_rate_options *options)
{
    struct json_writer w;
    begin_record(&w, out, "options");
    json_key(&w, "journal");
    json_put_int(&w, JOURNAL_VERSION);
    json_key(&w, "guard");
    json_put_text(&w, guard_word(options->guard));
    put_fields(&w, option_fields, COUNT_OF(option_fields), options);
    put_schedule(&w, &options->schedule);
    end_record(&w);
}

static void put_reason(struct json_writer *w, const struct pace_rate_decision *d)
{
    char sentence[SENTENCE_MOST];
    size_t n = PACE_NUMBERS;
    (void)pace_rate_explain(d, sentence, sizeof sentence);
    json_key(w, "reason");
    json_put_text(w, sentence);
    while (n > 0 && same(d->number[n - 1], 0))
        n--;
    json_key(w, "numbers");
    json_begin_array(w);
    for (size_t i = 0; i < n; i++)
        json_put_double(w, d->number[i]);
    json_end(w);
}

void journal_put(struct buf *out, const struct pace_rate_obs *obs,
                 const struct pace_rate_decision *decision)
{
    struct json_writer w;
    begin_record(&w, out, obs->kind == PACE_OBS_EVAL ? "eval" : "step");
    put_fields(&w, obs_fields, COUNT_OF(obs_fields), obs);
    json_key(&w, "action");
    json_put_text(&w, pace_action_name(decision->action));
    if (decision->advice != decision->action) {
        json_key(&w, "advice");
        json_put_text(&w, pace_action_name(decision->advice));
    }
    json_key(&w, "rule");
    json_put_text(&w, pace_reason_name(decision->reason));
    put_reason(&w, decision);
    put_fields(&w, decision_fields, COUNT_OF(decision_fields), decision);
    if (!decision->apply_update) {
        json_key(&w, "apply");
        json_put_bool(&w, false);
    }
    end_record(&w);
}

/* ---------------------------------------------------------------------------------- reading -- */

static void read_parameter(struct json_reader *json, struct span key, struct pace_schedule *s)
{
    struct pace_problem problem;
    char *name = arena_string(json->arena, key);
    const char *text;
    switch (json_peek(json)) {
    case JSON_NUMBER:
        text = arena_string(json->arena, json_number_text(json));
        break;
    case JSON_BOOL:
        text = json_bool(json) ? "true" : "false";
        break;
    case JSON_NULL:
        (void)json_null(json);
        text = "null";
        break;
    default:
        text = arena_string(json->arena, json_string(json));
        break;
    }
    if (!json->failed && !pace_schedule_set(s, name, text, &problem))
        json_fail(json, "%s", problem.what);
}

/* The kind comes before its parameters, as it is written. */
static void read_kind(struct json_reader *json, struct pace_schedule *s)
{
    enum pace_schedule_kind kind;
    struct span word = json_string(json);
    if (pace_schedule_find(arena_string(json->arena, word), &kind))
        pace_schedule_init(s, kind);
    else
        json_fail(json, "'%.*s' is no schedule", (int)min_size(word.len, 40),
                  (const char *)word.at);
}

static void read_options(struct json_reader *json, struct pace_rate_options *o)
{
    struct span key;
    struct pace_problem problem;
    while (json_next_key(json, &key)) {
        if (span_is(key, "journal")) {
            int64_t version = json_int(json);
            if (version != JOURNAL_VERSION)
                json_fail(json, "version %lld of the journal is not known", (long long)version);
        } else if (span_is(key, "guard")) {
            o->guard = (enum pace_guard)read_word(json, guard_word, PACE_GUARD_OFF + 1, "guard");
        } else if (span_is(key, "schedule")) {
            read_kind(json, &o->schedule);
        } else if (span_is(key, "lr_scheduler_kwargs")) {
            for (json_enter_object(json); json_next_key(json, &key);)
                read_parameter(json, key, &o->schedule);
        } else if (!read_field(json, key, option_fields, COUNT_OF(option_fields), o)) {
            json_skip(json);
        }
    }
    if (!json->failed && !pace_rate_options_check(o, &problem))
        json_fail(json, "%s", problem.what);
}

static void read_numbers(struct json_reader *json, double *numbers)
{
    size_t n = 0;
    for (json_enter_array(json); json_next_item(json); n++) {
        double number = json_double(json);
        if (n < PACE_NUMBERS)
            numbers[n] = number;
        else
            json_fail(json, "more than %d numbers", PACE_NUMBERS);
    }
}

/* The keys of a decision that are no plain fields. False for any other key. */
static bool read_decision(struct json_reader *json, struct span key, struct journal_entry *entry,
                          bool *has_advice)
{
    struct pace_rate_decision *d = &entry->decision;
    if (span_is(key, "action")) {
        d->action = (enum pace_action)read_word(json, action_word, PACE_ACTION_COUNT, "action");
    } else if (span_is(key, "advice")) {
        d->advice = (enum pace_action)read_word(json, action_word, PACE_ACTION_COUNT, "action");
        *has_advice = true;
    } else if (span_is(key, "rule")) {
        d->reason = (enum pace_reason)read_word(json, reason_word, PACE_REASON_COUNT, "rule");
    } else if (span_is(key, "reason")) {
        entry->reason = json_string(json);
    } else if (span_is(key, "numbers")) {
        read_numbers(json, d->number);
    } else if (span_is(key, "apply")) {
        d->apply_update = json_bool(json);
    } else {
        return false;
    }
    return true;
}

static void read_entry(struct json_reader *json, struct journal_entry *entry)
{
    struct span key;
    bool has_action = false, has_advice = false;
    set_usual(obs_fields, COUNT_OF(obs_fields), &entry->obs);
    set_usual(decision_fields, COUNT_OF(decision_fields), &entry->decision);
    entry->decision.apply_update = true;
    while (json_next_key(json, &key)) {
        has_action = has_action || span_is(key, "action");
        if (!read_decision(json, key, entry, &has_advice) &&
            !read_field(json, key, obs_fields, COUNT_OF(obs_fields), &entry->obs) &&
            !read_field(json, key, decision_fields, COUNT_OF(decision_fields), &entry->decision))
            json_skip(json);
    }
    if (!has_advice)
        entry->decision.advice = entry->decision.action;
    if (!has_action)
        json_fail(json, "the record has no action");
    else if (entry->decision.step < 0 || entry->decision.step > steps_most)
        json_fail(json, "no run has a step %lld", (long long)entry->decision.step);
}

/* The text, and how far it has been read. */
struct reading {
    struct journal *journal;
    struct journal_entry *entries;
    size_t entries_most;
    struct journal_line *lines;
    struct arena *arena;
    size_t line; /* from 1 */
    bool has_first;
    /* The newest checkpoint, and what stood before it; step -1: there is none. */
    int64_t checkpoint_step;
    size_t checkpoint_entries, checkpoint_lines;
};

/* The first member says what kind of record it is; what says nothing is of another kind. */
enum record {
    RECORD_OPTIONS,
    RECORD_STEP,
    RECORD_EVAL,
    RECORD_RUN,
    RECORD_CHECKPOINT,
    RECORD_RESUME,
    RECORD_OTHER,
    RECORD_EMPTY,
};

static enum record read_kind_of_record(struct json_reader *json)
{
    static const char *const words[] = {"options", "step", "eval", "run", "checkpoint", "resume"};
    struct span key;
    json_enter_object(json);
    if (!json_next_key(json, &key))
        return RECORD_EMPTY;
    if (!span_is(key, "record") || json_peek(json) != JSON_STRING) {
        json_skip(json);
        return RECORD_OTHER;
    }
    struct span word = json_string(json);
    size_t kind = 0;
    while (kind < COUNT_OF(words) && !span_is(word, words[kind]))
        kind++;
    return (enum record)kind;
}

/* What no table of fields describes; a step is what checkpoints and resumes are known by. */
static int64_t read_other(struct json_reader *json, bool has_step)
{
    struct span key;
    int64_t step = -1;
    while (json_next_key(json, &key)) {
        if (has_step && span_is(key, "step"))
            step = json_int(json);
        else
            json_skip(json);
    }
    return step;
}

static void keep_line(struct reading *r, struct span line)
{
    struct journal *j = r->journal;
    r->lines[j->n_lines++] = (struct journal_line){line, r->line, j->n_entries};
}

static void read_other_record(struct reading *r, struct json_reader *json, enum record record)
{
    struct journal *j = r->journal;
    struct span line = json->text;
    bool is_checkpoint = record == RECORD_CHECKPOINT, is_resume = record == RECORD_RESUME;
    int64_t step = read_other(json, is_checkpoint || is_resume);
    if (json->failed)
        return;
    if (is_resume && step >= 0 && step == r->checkpoint_step) {
        j->n_entries = r->checkpoint_entries;
        j->n_lines = r->checkpoint_lines;
    }
    keep_line(r, line);
    if (is_checkpoint) {
        r->checkpoint_step = step;
        r->checkpoint_entries = j->n_entries;
        r->checkpoint_lines = j->n_lines;
    }
}

static void read_record(struct reading *r, struct json_reader *json)
{
    struct journal *journal = r->journal;
    enum record record = read_kind_of_record(json);
    bool is_entry = record == RECORD_STEP || record == RECORD_EVAL;
    bool is_first = record == RECORD_OPTIONS || record == RECORD_RUN;
    if ((!r->has_first && !is_first) || (is_entry && !journal->has_options)) {
        json_fail(json, "a journal begins with the options of its run");
    } else if (record == RECORD_OPTIONS && !journal->has_options) {
        read_options(json, &journal->options);
        journal->has_options = !json->failed;
    } else if (is_entry && journal->n_entries < r->entries_most) {
        struct journal_entry *entry = &r->entries[journal->n_entries];
        read_entry(json, entry);
        entry->obs.kind = record == RECORD_EVAL ? PACE_OBS_EVAL : PACE_OBS_STEP;
        journal->n_entries += !json->failed;
    } else if (record != RECORD_EMPTY) {
        read_other_record(r, json, record);
    }
}

static bool read_line(struct reading *r, struct span line, struct err *err)
{
    struct json_reader json;
    struct journal *j = r->journal;
    size_t n_entries = j->n_entries, n_lines = j->n_lines;
    json_open(&json, line, r->arena);
    json.first_line = r->line;
    read_record(r, &json);
    r->has_first = true;
    if (json_close(&json, err))
        return true;
    j->n_entries = n_entries;
    j->n_lines = n_lines;
    return false;
}

/* Reads line by line; a broken last line that no '\n' ends is what a killed run leaves. */
static bool read_lines(struct reading *r, struct span text, struct err *err)
{
    for (size_t start = 0; start < text.len; r->line++) {
        struct span rest = span_from(text, start);
        size_t len = span_find(rest, span_of("\n"));
        struct span line = span_part(rest, 0, len);
        start += len + 1;
        bool is_last = len == rest.len, had_first = r->has_first;
        if (span_is(line, "") || span_is(line, "\r") || read_line(r, line, err))
            continue;
        if (!is_last || !had_first)
            return false;
        *err = (struct err){0};
        r->journal->is_cut = true;
    }
    return true;
}

static struct span without_blanks(struct span text)
{
    size_t n = 0;
    while (n < text.len && (text.at[n] == ' ' || text.at[n] == '\t'))
        n++;
    return span_from(text, n);
}

/* Takes a word and the blanks behind it from the text. False where it does not begin with it. */
static bool take(struct span *text, const char *word)
{
    if (!span_starts_with(*text, span_of(word)))
        return false;
    *text = without_blanks(span_from(*text, strlen(word)));
    return true;
}

bool journal_is(struct span text)
{
    return take(&text, "{") && take(&text, "\"record\"") && take(&text, ":") &&
           (take(&text, "\"options\"") || take(&text, "\"run\""));
}

static size_t count_lines(struct span text)
{
    size_t n = 1;
    for (size_t i = 0; i < text.len; i++)
        n += text.at[i] == '\n';
    return n;
}

bool journal_read(struct journal *journal, struct span text, struct arena *arena, struct err *err)
{
    *journal = (struct journal){0};
    pace_rate_options_init(&journal->options);
    size_t most = text.len / SHORTEST_ENTRY;
    struct reading r = {
        .journal = journal, .arena = arena, .entries_most = most, .line = 1, .checkpoint_step = -1};
    r.entries = arena_array(arena, struct journal_entry, most);
    r.lines = arena_array(arena, struct journal_line, count_lines(text));
    journal->entries = r.entries;
    journal->lines = r.lines;
    if (!read_lines(&r, text, err))
        goto fail;
    if (!r.has_first) {
        err_set(err, ERR_INPUT, "the journal is empty");
        goto fail;
    }
    return true;

fail:
    err_hint(err, "journal.jsonl is what pace writes beside a run; other logs: pace doctor");
    return false;
}
