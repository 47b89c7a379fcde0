/*
 * normalize.c - reads a "normalizer" and runs its steps.
 *
 * A Sequence may hold Sequences; they come out as one list of steps. What the `tokenizers` library
 * refuses (an unknown kind, a member that is missing) is refused here. A file of the library's
 * early days has no "type" in some: those are told by their members, as the library does.
 */
#include "text/normalize.h"

#include "text/normalize_step.h"
#include "text/step_read.h"

struct list {
    struct normalize_step *steps; /* STEP_MAX_STEPS */
    size_t n;
    size_t depth;
};

/* The members of one object. */
struct members {
    struct step_names names;
    struct span type;
    struct step_pattern pattern;
    struct span charsmap;
    bool accents_given;
    struct normalize_step step;
};

static void read_object(struct json_reader *r, struct list *list);

static void read_steps(struct json_reader *r, struct list *list)
{
    if (++list->depth > STEP_MAX_NESTING)
        json_fail(r, "normalizers nested more than %d deep", STEP_MAX_NESTING);
    for (json_enter_array(r); json_next_item(r);)
        read_object(r, list);
    list->depth--;
}

static void read_member(struct json_reader *r, struct span key, struct members *m)
{
    struct normalize_step *step = &m->step;
    if (span_is(key, "type"))
        m->type = json_string(r);
    else if (span_is(key, "pattern"))
        step_read_pattern(r, &m->pattern);
    else if (span_is(key, "content") || span_is(key, "prepend"))
        step->content = arena_copy(r->arena, json_string(r));
    else if (span_is(key, "precompiled_charsmap"))
        m->charsmap = json_string(r);
    else if (span_is(key, "strip_left"))
        step->strip_left = json_bool(r);
    else if (span_is(key, "strip_right"))
        step->strip_right = json_bool(r);
    else if (span_is(key, "clean_text"))
        step->clean_text = json_bool(r);
    else if (span_is(key, "handle_chinese_chars"))
        step->handle_chinese_chars = json_bool(r);
    else if (span_is(key, "lowercase"))
        step->lowercase = json_bool(r);
    else if (span_is(key, "strip_accents")) {
        m->accents_given = !json_null(r);
        step->strip_accents = m->accents_given && json_bool(r);
    } else
        json_skip(r);
}

/* Without a type: the first kind that has members, all of which are there. */
static const struct normalize_kind *guess_kind(const struct members *m)
{
    for (size_t i = 0; i < normalize_n_kinds; i++) {
        const struct normalize_kind *kind = &normalize_kinds[i];
        if (kind->fields[0] && step_has_fields(&m->names, kind->fields))
            return kind;
    }
    return NULL;
}

static const struct normalize_kind *find_kind(struct json_reader *r, const struct members *m)
{
    const struct normalize_kind *guess = m->type.at ? NULL : guess_kind(m);
    if (guess)
        return guess;
    for (size_t i = 0; i < normalize_n_kinds; i++) {
        const struct normalize_kind *kind = &normalize_kinds[i];
        if (!span_is(m->type, kind->name))
            continue;
        step_check_fields(r, &m->names, kind->name, kind->fields);
        return kind;
    }
    json_fail(r, "unknown normalizer \"%.*s\"", SPAN_ARGS(m->type));
    return NULL;
}

static void add_step(struct json_reader *r, struct list *list, struct members *m)
{
    struct err err = {0};
    struct normalize_step *step = &m->step;
    step->kind = find_kind(r, m);
    if (list->n == STEP_MAX_STEPS)
        json_fail(r, "more than %d normalizers", STEP_MAX_STEPS);
    if (r->failed)
        return;
    if (!m->accents_given)
        step->strip_accents = step->lowercase;
    if (span_is(span_of(step->kind->name), "Precompiled") &&
        !charsmap_read(&step->charsmap, m->charsmap, r->arena, &err))
        json_fail(r, "%s", err.what);
    if (span_is(span_of(step->kind->name), "Replace"))
        step_compile(r, &m->pattern, &step->regex);
    list->steps[list->n++] = *step;
}

static void read_object(struct json_reader *r, struct list *list)
{
    struct members m = {0};
    struct span key;
    bool has_steps = false;
    for (json_enter_object(r); json_next_key(r, &key);) {
        step_note_name(&m.names, key);
        if (span_is(key, "normalizers")) {
            read_steps(r, list);
            has_steps = true;
        } else {
            read_member(r, key, &m);
        }
    }
    if (r->failed)
        return;
    bool is_sequence = m.type.at ? span_is(m.type, "Sequence") : has_steps;
    if (has_steps != is_sequence)
        json_fail(r, has_steps ? "\"normalizers\" in a normalizer that is no Sequence"
                               : "a Sequence without \"normalizers\"");
    else if (!has_steps)
        add_step(r, list, &m);
}

void normalizer_read(struct normalizer *n, struct json_reader *r)
{
    *n = (struct normalizer){0};
    if (json_null(r))
        return;
    struct list list = {.steps = arena_array(r->arena, struct normalize_step, STEP_MAX_STEPS)};
    read_object(r, &list);
    n->steps = list.steps;
    n->n_steps = list.n;
}

void normalizer_release(struct normalizer *n)
{
    for (size_t i = 0; i < n->n_steps; i++)
        regex_release(&n->steps[i].regex);
    *n = (struct normalizer){0};
}

bool normalizer_run(const struct normalizer *n, struct text *t, struct err *err)
{
    CHECK(t->n_pieces <= 1);
    for (size_t i = 0; i < n->n_steps; i++) {
        if (!n->steps[i].kind->run(&n->steps[i], t, err))
            return false;
    }
    text_add_piece(t, 0, t->bytes.len);
    text_end_pieces(t);
    return true;
}
