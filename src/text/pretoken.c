/*
 * pretoken.c - reads a "pre_tokenizer" and runs its steps.
 *
 * A Sequence may hold Sequences; they come out as one list of steps. Members may stand in any
 * order, so they are gathered first and understood once the kind is known. What the `tokenizers`
 * library refuses (an unknown kind, a member that is missing) is refused here.
 */
#include "text/pretoken.h"

#include "base/utf8.h"
#include "text/pretoken_step.h"
#include "text/step_read.h"

/* GPT-2's pattern, which ByteLevel cuts by where use_regex is set. */
static const char gpt2_pattern[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+"
    "|\\s+(?!\\S)|\\s+";

struct list {
    struct pretoken_step *steps; /* STEP_MAX_STEPS */
    size_t n;
    size_t depth;
};

/* The members of one object. */
struct members {
    struct step_names names;
    struct span type;
    struct step_pattern pattern;
    bool has_prefix_space, has_scheme, individual_digits;
    struct pretoken_step step;
};

static struct span read_one_character(struct json_reader *r)
{
    struct span text = arena_copy(r->arena, json_string(r));
    if (!r->failed && (text.len == 0 || utf8_length(text) != text.len))
        json_fail(r, "expected one character, found \"%.*s\"", SPAN_ARGS(text));
    return text;
}

static void read_object(struct json_reader *r, struct list *list);

static void read_steps(struct json_reader *r, struct list *list)
{
    if (++list->depth > STEP_MAX_NESTING)
        json_fail(r, "pre-tokenizers nested more than %d deep", STEP_MAX_NESTING);
    for (json_enter_array(r); json_next_item(r);)
        read_object(r, list);
    list->depth--;
}

static void read_member(struct json_reader *r, struct span key, struct members *m)
{
    static const char *const behaviors[] = {"Removed", "Isolated", "MergedWithPrevious",
                                            "MergedWithNext", "Contiguous"};
    static const char *const schemes[] = {"always", "first", "never"};
    struct pretoken_step *step = &m->step;
    if (span_is(key, "type")) {
        m->type = json_string(r);
    } else if (span_is(key, "add_prefix_space")) {
        m->has_prefix_space = true;
        step->add_prefix_space = json_bool(r);
    } else if (span_is(key, "use_regex")) {
        step->use_regex = json_bool(r);
    } else if (span_is(key, "pattern")) {
        step_read_pattern(r, &m->pattern);
    } else if (span_is(key, "behavior")) {
        step->behavior = (enum cut_behavior)step_read_choice(r, behaviors, COUNT_OF(behaviors));
    } else if (span_is(key, "invert")) {
        step->invert = json_bool(r);
    } else if (span_is(key, "individual_digits")) {
        m->individual_digits = json_bool(r);
    } else if (span_is(key, "replacement") || span_is(key, "delimiter")) {
        step->replacement = read_one_character(r);
    } else if (span_is(key, "prepend_scheme")) {
        m->has_scheme = true;
        step->scheme = (enum metaspace_scheme)step_read_choice(r, schemes, COUNT_OF(schemes));
    } else if (span_is(key, "split")) {
        step->split = json_null(r) || json_bool(r);
    } else if (span_is(key, "length")) {
        int64_t length = json_int(r);
        if (length <= 0)
            json_fail(r, "a length of %lld characters", (long long)length);
        step->length = length > 0 ? (size_t)length : 1;
    } else {
        json_skip(r);
    }
}

/* The regex of a step, where it has one. */
static void compile_pattern(struct json_reader *r, const struct members *m,
                            struct pretoken_step *step)
{
    struct step_pattern gpt2 = {span_of(gpt2_pattern), true};
    if (span_is(m->type, "Split"))
        step_compile(r, &m->pattern, &step->regex);
    else if (span_is(m->type, "ByteLevel") && step->use_regex)
        step_compile(r, &gpt2, &step->regex);
}

static void check_metaspace(struct json_reader *r, struct members *m)
{
    if (!m->has_prefix_space || m->step.add_prefix_space)
        return;
    /* Files older than prepend_scheme say it in this way alone. */
    if (m->has_scheme && m->step.scheme != METASPACE_NEVER)
        json_fail(r, "add_prefix_space is false but prepend_scheme is not \"never\"");
    m->step.scheme = METASPACE_NEVER;
}

static const struct pretoken_kind *find_kind(struct json_reader *r, const struct members *m)
{
    for (size_t i = 0; i < pretoken_n_kinds; i++) {
        const struct pretoken_kind *kind = &pretoken_kinds[i];
        if (!span_is(m->type, kind->name))
            continue;
        step_check_fields(r, &m->names, kind->name, kind->fields);
        return kind;
    }
    json_fail(r, "unknown pre-tokenizer \"%.*s\"", SPAN_ARGS(m->type));
    return NULL;
}

static void add_step(struct json_reader *r, struct list *list, struct members *m)
{
    m->step.kind = find_kind(r, m);
    if (span_is(m->type, "Metaspace"))
        check_metaspace(r, m);
    if (span_is(m->type, "Digits"))
        m->step.behavior = m->individual_digits ? CUT_ISOLATED : CUT_CONTIGUOUS;
    if (list->n == STEP_MAX_STEPS)
        json_fail(r, "more than %d pre-tokenizers", STEP_MAX_STEPS);
    if (r->failed)
        return;
    list->steps[list->n] = m->step;
    compile_pattern(r, m, &list->steps[list->n++]);
}

static void read_object(struct json_reader *r, struct list *list)
{
    struct members m = {.step = {.use_regex = true,
                                 .behavior = CUT_ISOLATED,
                                 .scheme = METASPACE_ALWAYS,
                                 .split = true,
                                 .length = 5}};
    struct span key;
    bool has_steps = false;
    for (json_enter_object(r); json_next_key(r, &key);) {
        step_note_name(&m.names, key);
        if (span_is(key, "pretokenizers")) {
            read_steps(r, list);
            has_steps = true;
        } else {
            read_member(r, key, &m);
        }
    }
    if (r->failed)
        return;
    if (has_steps != span_is(m.type, "Sequence"))
        json_fail(r, has_steps ? "\"pretokenizers\" in a pre-tokenizer that is no Sequence"
                               : "a Sequence without \"pretokenizers\"");
    else if (!has_steps)
        add_step(r, list, &m);
}

void pretokenizer_read(struct pretokenizer *p, struct json_reader *r)
{
    *p = (struct pretokenizer){0};
    if (json_null(r))
        return;
    struct list list = {.steps = arena_array(r->arena, struct pretoken_step, STEP_MAX_STEPS)};
    read_object(r, &list);
    p->steps = list.steps;
    p->n_steps = list.n;
    for (size_t i = 0; i < list.n; i++) {
        struct pretoken_step *step = &list.steps[i];
        bool is_last = i + 1 == list.n;
        step->write_letters = !is_last && strcmp(step->kind->name, "ByteLevel") == 0;
        p->byte_level = is_last && strcmp(step->kind->name, "ByteLevel") == 0;
        bool asks = strcmp(step->kind->name, "Metaspace") == 0 && step->scheme == METASPACE_FIRST;
        p->asks_start |= asks && i == 0;
        p->needs_origins |= asks && i > 0;
    }
}

void pretokenizer_write_letters(struct pretokenizer *p)
{
    if (p->byte_level)
        p->steps[p->n_steps - 1].write_letters = true;
    p->byte_level = false;
}

void pretokenizer_release(struct pretokenizer *p)
{
    for (size_t i = 0; i < p->n_steps; i++)
        regex_release(&p->steps[i].regex);
    *p = (struct pretokenizer){0};
}

bool pretokenizer_run(const struct pretokenizer *p, struct text *t, struct err *err)
{
    CHECK(t->tracked || !p->needs_origins);
    for (size_t i = 0; i < p->n_steps; i++) {
        if (!p->steps[i].kind->run(&p->steps[i], t, err))
            return false;
    }
    return true;
}
