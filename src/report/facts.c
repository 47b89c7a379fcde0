/*
 * facts.c - the records of a run that are no observations, read into one struct.
 *
 * What a record may hold stands in tables of members: a name, where it goes, and whether it is a
 * number, a text or a truth. A member that is of another type than its row says counts as missing,
 * so that one odd value does not hide a whole run. Lists (arms, answers, rows left out) get as many
 * places as the journal has lines of their kind; lists inside a record as many as it has items:
 * memory is a small multiple of the journal's bytes.
 */
#include "report/facts.h"

#include <math.h>

#include "format/json.h"

/* ---------------------------------------------------------------------------------- members -- */

enum member_type { MEMBER_NUMBER, MEMBER_TEXT, MEMBER_BOOL };

struct member {
    const char *name;
    enum member_type type;
    size_t offset;
};

/* A number; NAN for what is none. */
static double read_number(struct json_reader *json)
{
    if (json_peek(json) == JSON_NUMBER)
        return json_double(json);
    json_skip(json);
    return NAN;
}

/* A text, a number or a truth as its text; NULL for null, lists and objects. */
static const char *read_text(struct json_reader *json)
{
    switch (json_peek(json)) {
    case JSON_STRING:
        return arena_string(json->arena, json_string(json));
    case JSON_NUMBER:
        return arena_string(json->arena, json_number_text(json));
    case JSON_BOOL:
        return json_bool(json) ? "true" : "false";
    default:
        json_skip(json);
        return NULL;
    }
}

static bool read_bool(struct json_reader *json)
{
    if (json_peek(json) == JSON_BOOL)
        return json_bool(json);
    json_skip(json);
    return false;
}

static void read_member(struct json_reader *json, const struct member *m, void *object)
{
    void *at = (char *)object + m->offset;
    if (m->type == MEMBER_NUMBER)
        *(double *)at = read_number(json);
    else if (m->type == MEMBER_TEXT)
        *(const char **)at = read_text(json);
    else
        *(bool *)at = read_bool(json);
}

static bool read_if_known(struct json_reader *json, struct span key, const struct member *members,
                          size_t n, void *object)
{
    for (size_t i = 0; i < n; i++) {
        if (!span_is(key, members[i].name))
            continue;
        read_member(json, &members[i], object);
        return true;
    }
    return false;
}

static void forget_numbers(const struct member *members, size_t n, void *object)
{
    for (size_t i = 0; i < n; i++) {
        if (members[i].type == MEMBER_NUMBER)
            *(double *)((char *)object + members[i].offset) = NAN;
    }
}

/* True where the next value is an object, which is then entered; else it is passed over. */
static bool enter_object(struct json_reader *json)
{
    if (json_peek(json) == JSON_OBJECT) {
        json_enter_object(json);
        return true;
    }
    json_skip(json);
    return false;
}

/* An object whose members are all in the table; others are passed over. */
static void read_object(struct json_reader *json, const struct member *members, size_t n,
                        void *object)
{
    struct span key;
    forget_numbers(members, n, object);
    if (!enter_object(json))
        return;
    while (json_next_key(json, &key)) {
        if (!read_if_known(json, key, members, n, object))
            json_skip(json);
    }
}

/* Items of the list that comes next, or members of the object. Moves nothing. */
static size_t count_items(const struct json_reader *json)
{
    struct json_reader ahead = *json;
    struct span key;
    size_t n = 0;
    if (json_peek(&ahead) == JSON_ARRAY) {
        for (json_enter_array(&ahead); json_next_item(&ahead); n++)
            json_skip(&ahead);
    } else if (enter_object(&ahead)) {
        for (; json_next_key(&ahead, &key); n++)
            json_skip(&ahead);
    }
    return n;
}

/* A list of objects of one kind, each of `size` bytes. */
static void *read_list(struct json_reader *json, const struct member *members, size_t n_members,
                       size_t size, size_t *n)
{
    char *list = NULL;
    *n = 0;
    if (json_peek(json) != JSON_ARRAY) {
        json_skip(json);
        return NULL;
    }
    list = arena_alloc_array(json->arena, count_items(json), size);
    for (json_enter_array(json); json_next_item(json); (*n)++)
        read_object(json, members, n_members, list + *n * size);
    return list;
}

/* ----------------------------------------------------------------------------------- tables -- */

#define NUMBER(type, field)                                                                        \
    {                                                                                              \
#field, MEMBER_NUMBER, offsetof(struct type, field)                                        \
    }
#define TEXT(type, field)                                                                          \
    {                                                                                              \
#field, MEMBER_TEXT, offsetof(struct type, field)                                          \
    }

static const struct member run_members[] = {
    TEXT(facts, pace),         TEXT(facts, model),
    TEXT(facts, data),         TEXT(facts, method),
    TEXT(facts, optimizer),    TEXT(facts, model_type),
    TEXT(facts, guard),        TEXT(facts, time),
    NUMBER(facts, parameters), NUMBER(facts, trained_parameters),
    NUMBER(facts, steps),      NUMBER(facts, batch_rows),
    NUMBER(facts, epochs),     NUMBER(facts, seed),
};

static const struct member rows_members[] = {
    {"train", MEMBER_NUMBER, offsetof(struct facts, train_rows)},
    {"eval", MEMBER_NUMBER, offsetof(struct facts, eval_rows)},
    {"test", MEMBER_NUMBER, offsetof(struct facts, test_rows)},
};

static const struct member option_members[] = {
    TEXT(facts_option, option),
    TEXT(facts_option, value),
    TEXT(facts_option, reason),
};

static const struct member check_members[] = {
    TEXT(facts_check, check),
    {"ok", MEMBER_BOOL, offsetof(struct facts_check, ok)},
    TEXT(facts_check, action),
    TEXT(facts_check, reason),
};

static const struct member prior_members[] = {
    NUMBER(facts_prior, learning_rate),
    NUMBER(facts_prior, sd),
    NUMBER(facts_prior, low),
    NUMBER(facts_prior, high),
};

static const struct member term_members[] = {
    TEXT(facts_term, name), NUMBER(facts_term, value), NUMBER(facts_term, effect),
    NUMBER(facts_term, se), NUMBER(facts_term, runs),  TEXT(facts_term, source),
};

static const struct member arm_members[] = {
    NUMBER(facts_arm, arm),   NUMBER(facts_arm, learning_rate),
    NUMBER(facts_arm, steps), NUMBER(facts_arm, loss),
    NUMBER(facts_arm, se),    NUMBER(facts_arm, base_loss),
    TEXT(facts_arm, status),  TEXT(facts_arm, action),
    TEXT(facts_arm, reason),
};

static const struct member search_members[] = {
    NUMBER(facts_search, learning_rate), NUMBER(facts_search, low),
    NUMBER(facts_search, high),          NUMBER(facts_search, sd),
    TEXT(facts_search, method),          TEXT(facts_search, reason),
    NUMBER(facts_search, double_cost),   NUMBER(facts_search, half_cost),
    NUMBER(facts_search, best_loss),     NUMBER(facts_search, curvature),
    NUMBER(facts_search, cost),          NUMBER(facts_search, arm),
};

static const struct member incident_members[] = {
    TEXT(facts_incident, action), TEXT(facts_incident, reason), TEXT(facts_incident, file),
    NUMBER(facts_incident, row),  NUMBER(facts_incident, line), NUMBER(facts_incident, step),
    NUMBER(facts_incident, loss),
};

static const struct member answer_members[] = {
    TEXT(facts_answer, prompt),
    TEXT(facts_answer, expected),
    TEXT(facts_answer, base),
    TEXT(facts_answer, tuned),
};

static const struct member verdict_members[] = {
    NUMBER(facts_verdict, base_loss),
    NUMBER(facts_verdict, tuned_loss),
    NUMBER(facts_verdict, difference),
    NUMBER(facts_verdict, low),
    NUMBER(facts_verdict, high),
    NUMBER(facts_verdict, rows),
    NUMBER(facts_verdict, kl),
    NUMBER(facts_verdict, kl_se),
    NUMBER(facts_verdict, kl_tokens),
    NUMBER(facts_verdict, answers),
    NUMBER(facts_verdict, base_exact),
    NUMBER(facts_verdict, tuned_exact),
    {"better", MEMBER_BOOL, offsetof(struct facts_verdict, is_better)},
    TEXT(facts_verdict, reason),
};

static const struct member end_members[] = {
    TEXT(facts_end, status),
    TEXT(facts_end, reason),
    NUMBER(facts_end, steps),
    NUMBER(facts_end, tokens),
    NUMBER(facts_end, seconds),
    NUMBER(facts_end, tokens_per_second),
    NUMBER(facts_end, peak_memory_bytes),
};

static const struct member compute_members[] = {
    NUMBER(facts_end, main), NUMBER(facts_end, search),      NUMBER(facts_end, eval),
    NUMBER(facts_end, redo), NUMBER(facts_end, total_ratio),
};

#define TABLE(members) (members), COUNT_OF(members)

/* ---------------------------------------------------------------------------------- records -- */

struct reading {
    struct facts *facts;
    struct facts_check *checks;
    struct facts_arm *arms;
    struct facts_incident *quarantined, *resumes;
    struct facts_answer *answers;
    const struct journal_line *line;
};

static void read_memory(struct facts *f, struct json_reader *json)
{
    struct span key;
    struct facts_memory *memory = arena_array(json->arena, struct facts_memory, count_items(json));
    f->memory = memory;
    f->n_memory = 0;
    if (!enter_object(json))
        return;
    while (json_next_key(json, &key)) {
        struct facts_memory *m = &memory[f->n_memory++];
        m->name = arena_string(json->arena, key);
        m->bytes = read_number(json);
    }
}

static void read_run(struct reading *r, struct json_reader *json)
{
    struct facts *f = r->facts;
    struct span key;
    f->has_run = true;
    while (json_next_key(json, &key)) {
        if (span_is(key, "rows"))
            read_object(json, TABLE(rows_members), f);
        else if (span_is(key, "choices"))
            f->options = read_list(json, TABLE(option_members), sizeof *f->options, &f->n_options);
        else if (span_is(key, "memory"))
            read_memory(f, json);
        else if (!read_if_known(json, key, TABLE(run_members), f))
            json_skip(json);
    }
}

/* The rest of a record that is a plain object. */
static void read_plain(struct json_reader *json, const struct member *members, size_t n,
                       void *object)
{
    struct span key;
    forget_numbers(members, n, object);
    while (json_next_key(json, &key)) {
        if (!read_if_known(json, key, members, n, object))
            json_skip(json);
    }
}

static void read_preflight(struct reading *r, struct json_reader *json)
{
    read_plain(json, TABLE(check_members), &r->checks[r->facts->n_checks++]);
}

static void read_prior(struct reading *r, struct json_reader *json)
{
    struct facts_prior *p = &r->facts->prior;
    struct span key;
    p->is_there = true;
    while (json_next_key(json, &key)) {
        if (span_is(key, "terms"))
            p->terms = read_list(json, TABLE(term_members), sizeof *p->terms, &p->n_terms);
        else if (!read_if_known(json, key, TABLE(prior_members), p))
            json_skip(json);
    }
}

static void read_arm(struct reading *r, struct json_reader *json)
{
    read_plain(json, TABLE(arm_members), &r->arms[r->facts->n_arms++]);
}

static void read_search(struct reading *r, struct json_reader *json)
{
    r->facts->search = (struct facts_search){.is_there = true};
    read_plain(json, TABLE(search_members), &r->facts->search);
}

static void read_incident(struct reading *r, struct json_reader *json,
                          struct facts_incident *incident)
{
    *incident = (struct facts_incident){.n_entries = r->line->n_entries};
    read_plain(json, TABLE(incident_members), incident);
}

static void read_quarantine(struct reading *r, struct json_reader *json)
{
    read_incident(r, json, &r->quarantined[r->facts->n_quarantined++]);
}

static void read_resume(struct reading *r, struct json_reader *json)
{
    read_incident(r, json, &r->resumes[r->facts->n_resumes++]);
}

static void read_choice(struct reading *r, struct json_reader *json)
{
    read_incident(r, json, &r->facts->choice);
}

static void read_answer(struct reading *r, struct json_reader *json)
{
    read_plain(json, TABLE(answer_members), &r->answers[r->facts->n_answers++]);
}

static void read_verdict(struct reading *r, struct json_reader *json)
{
    r->facts->verdict = (struct facts_verdict){.is_there = true};
    read_plain(json, TABLE(verdict_members), &r->facts->verdict);
}

static void read_end(struct reading *r, struct json_reader *json)
{
    struct facts_end *end = &r->facts->end;
    struct span key;
    end->is_there = true;
    end->status = NULL; /* of a run that was interrupted before and has been resumed */
    while (json_next_key(json, &key)) {
        if (span_is(key, "compute"))
            read_object(json, TABLE(compute_members), end);
        else if (!read_if_known(json, key, TABLE(end_members), end))
            json_skip(json);
    }
}

static const struct {
    const char *name;
    void (*read)(struct reading *r, struct json_reader *json);
} kinds[] = {
    {"run", read_run},       {"preflight", read_preflight},
    {"prior", read_prior},   {"arm", read_arm},
    {"search", read_search}, {"quarantine", read_quarantine},
    {"resume", read_resume}, {"choice", read_choice},
    {"answer", read_answer}, {"verdict", read_verdict},
    {"end", read_end},
};

/* The record's kind, with the reader behind it; COUNT_OF(kinds) for one that is not told. */
static size_t open_record(const struct journal_line *line, struct json_reader *json,
                          struct arena *arena)
{
    struct span key;
    size_t kind = 0;
    json_open(json, line->text, arena);
    json_enter_object(json);
    if (!json_next_key(json, &key) || !span_is(key, "record") || json_peek(json) != JSON_STRING)
        return COUNT_OF(kinds);
    struct span word = json_string(json);
    while (kind < COUNT_OF(kinds) && !span_is(word, kinds[kind].name))
        kind++;
    return kind;
}

static size_t count_kind(const struct journal *j, const char *name, struct arena *arena)
{
    struct json_reader json;
    size_t n = 0;
    for (size_t i = 0; i < j->n_lines; i++) {
        size_t kind = open_record(&j->lines[i], &json, arena);
        n += kind < COUNT_OF(kinds) && strcmp(kinds[kind].name, name) == 0;
    }
    return n;
}

static void forget(struct facts *f)
{
    *f = (struct facts){0};
    forget_numbers(TABLE(run_members), f);
    forget_numbers(TABLE(rows_members), f);
    forget_numbers(TABLE(prior_members), &f->prior);
    forget_numbers(TABLE(search_members), &f->search);
    forget_numbers(TABLE(incident_members), &f->choice);
    forget_numbers(TABLE(verdict_members), &f->verdict);
    forget_numbers(TABLE(end_members), &f->end);
    forget_numbers(TABLE(compute_members), &f->end);
}

void facts_read(struct facts *f, const struct journal *j, struct arena *arena)
{
    struct reading r = {
        .facts = f,
        .checks = arena_array(arena, struct facts_check, count_kind(j, "preflight", arena)),
        .arms = arena_array(arena, struct facts_arm, count_kind(j, "arm", arena)),
        .quarantined =
            arena_array(arena, struct facts_incident, count_kind(j, "quarantine", arena)),
        .resumes = arena_array(arena, struct facts_incident, count_kind(j, "resume", arena)),
        .answers = arena_array(arena, struct facts_answer, count_kind(j, "answer", arena)),
    };
    forget(f);
    for (size_t i = 0; i < j->n_lines; i++) {
        struct json_reader json;
        size_t kind = open_record(&j->lines[i], &json, arena);
        r.line = &j->lines[i];
        if (kind < COUNT_OF(kinds))
            kinds[kind].read(&r, &json);
    }
    f->checks = r.checks;
    f->arms = r.arms;
    f->quarantined = r.quarantined;
    f->resumes = r.resumes;
    f->answers = r.answers;
}

/* ---------------------------------------------------------------------------------- writing -- */

static void put_number(struct json_writer *w, double value)
{
    bool is_whole = fabs(value) < 9e15 && value == floor(value);
    if (is_whole)
        json_put_int(w, (int64_t)value);
    else
        json_put_double(w, value);
}

static void put_members(struct json_writer *w, const struct member *members, size_t n,
                        const void *object)
{
    for (size_t i = 0; i < n; i++) {
        const void *at = (const char *)object + members[i].offset;
        if (members[i].type == MEMBER_TEXT) {
            json_member_text(w, members[i].name, *(const char *const *)at);
            continue;
        }
        json_key(w, members[i].name);
        if (members[i].type == MEMBER_BOOL)
            json_put_bool(w, *(const bool *)at);
        else
            put_number(w, *(const double *)at);
    }
}

/* An object, or null where it is not there. */
static void put_object(struct json_writer *w, const char *key, const struct member *members,
                       size_t n, const void *object)
{
    json_key(w, key);
    if (!object) {
        json_put_null(w);
        return;
    }
    json_begin_object(w);
    put_members(w, members, n, object);
    json_end(w);
}

/* A list of n objects, each of `size` bytes, of one kind. */
struct listed {
    const void *at;
    size_t n, size;
};

static void put_list(struct json_writer *w, const char *key, const struct member *members,
                     size_t n_members, struct listed list)
{
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < list.n; i++) {
        json_begin_object(w);
        put_members(w, members, n_members, (const char *)list.at + i * list.size);
        json_end(w);
    }
    json_end(w);
}

#define LISTED(f, list) ((struct listed){(f)->list, (f)->n_##list, sizeof *(f)->list})

static void put_run(struct json_writer *w, const struct facts *f)
{
    json_key(w, "run");
    if (!f->has_run) {
        json_put_null(w);
        return;
    }
    json_begin_object(w);
    put_members(w, TABLE(run_members), f);
    put_object(w, "rows", TABLE(rows_members), f);
    put_list(w, "choices", TABLE(option_members), LISTED(f, options));
    json_key(w, "memory");
    json_begin_object(w);
    for (size_t i = 0; i < f->n_memory; i++) {
        json_key(w, f->memory[i].name);
        put_number(w, f->memory[i].bytes);
    }
    json_end(w);
    json_end(w);
}

static void put_prior(struct json_writer *w, const struct facts_prior *p)
{
    json_key(w, "prior");
    if (!p->is_there) {
        json_put_null(w);
        return;
    }
    json_begin_object(w);
    put_members(w, TABLE(prior_members), p);
    put_list(w, "terms", TABLE(term_members), LISTED(p, terms));
    json_end(w);
}

void facts_put(struct json_writer *w, const struct facts *f)
{
    put_run(w, f);
    put_list(w, "preflight", TABLE(check_members), LISTED(f, checks));
    put_prior(w, &f->prior);
    put_list(w, "arms", TABLE(arm_members), LISTED(f, arms));
    put_object(w, "search", TABLE(search_members), f->search.is_there ? &f->search : NULL);
    put_list(w, "quarantined", TABLE(incident_members), LISTED(f, quarantined));
    put_object(w, "choice", TABLE(incident_members), f->choice.action ? &f->choice : NULL);
    put_object(w, "verdict", TABLE(verdict_members), f->verdict.is_there ? &f->verdict : NULL);
    put_list(w, "answers", TABLE(answer_members), LISTED(f, answers));
}

void facts_put_compute(struct json_writer *w, const struct facts_end *end)
{
    put_object(w, "compute", TABLE(compute_members), end);
}
