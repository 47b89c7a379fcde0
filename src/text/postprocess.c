/*
 * postprocess.c - post-processors, run once when the file is read.
 *
 * What a post-processor does to a single text does not depend on the text: it writes some tokens
 * before it and some behind it. So each is run here on a text that stands for any, and what is left
 * is a list of items: once with special tokens and once without.
 *
 * A chain of processors works on a list of parts, not on one sequence: a template makes each of its
 * items a part, and the next processor takes the first two parts for a pair of texts. Chains of
 * that kind are rare; they are followed as far as the library defines them.
 */
#include "text/postprocess.h"

#include "base/mem.h"

/* More than any sane chain makes; each of a chain's processors can multiply them. */
enum { MOST_ITEMS = 4096, MOST_PARTS = 256 };

/* A growing list of items cut into parts: part i ends at ends[i]. */
struct parts {
    struct postprocess_item *items;
    size_t *ends;
    size_t n_items, n_parts, items_cap, parts_cap;
    bool with_special;
    bool too_many;
};

static void add_item(struct parts *p, struct postprocess_item item)
{
    if (p->n_items == MOST_ITEMS) {
        p->too_many = true;
        return;
    }
    if (p->n_items == p->items_cap) {
        p->items_cap = max_size(16, 2 * p->items_cap);
        p->items = mem_resize(p->items, p->items_cap * sizeof *p->items);
    }
    p->items[p->n_items++] = item;
}

static void end_part(struct parts *p)
{
    if (p->n_parts == MOST_PARTS) {
        p->too_many = true;
        return;
    }
    if (p->n_parts == p->parts_cap) {
        p->parts_cap = max_size(16, 2 * p->parts_cap);
        p->ends = mem_resize(p->ends, p->parts_cap * sizeof *p->ends);
    }
    p->ends[p->n_parts++] = p->n_items;
}

static void add_id(struct parts *p, uint32_t id)
{
    add_item(p, (struct postprocess_item){.id = id});
}

static void add_old_part(struct parts *p, const struct parts *old, size_t part)
{
    for (size_t i = part > 0 ? old->ends[part - 1] : 0; i < old->ends[part]; i++)
        add_item(p, old->items[i]);
}

static void release_parts(struct parts *p)
{
    mem_free(p->items);
    mem_free(p->ends);
}

/* The new parts take the old ones' place. */
static void replace_parts(struct parts *old, struct parts *made)
{
    made->with_special = old->with_special;
    made->too_many |= old->too_many;
    release_parts(old);
    *old = *made;
}

/*
 * ---------------------------------------------------------------------------- Bert and Roberta --
 */

static uint32_t read_id(struct json_reader *r)
{
    int64_t id = json_int(r);
    if (id < 0 || id >= UINT32_MAX)
        json_fail(r, "%lld is not a token's id", (long long)id);
    return (uint32_t)id;
}

/* ["[CLS]", 101] */
static uint32_t read_token_pair(struct json_reader *r)
{
    uint32_t id = 0;
    json_enter_array(r);
    if (json_next_item(r))
        (void)json_string(r);
    if (json_next_item(r))
        id = read_id(r);
    else
        json_fail(r, "expected a token and its id");
    if (json_next_item(r))
        json_fail(r, "expected a token and its id alone");
    return id;
}

/* cls and sep around the first part; sep (Bert: none) before a further one, sep behind it. */
static void run_bert(struct parts *p, struct span text, struct arena *arena, bool is_roberta,
                     struct json_reader *outer)
{
    struct json_reader r;
    struct span key;
    uint32_t cls = 0, sep = 0;
    int n_found = 0;
    json_open(&r, text, arena);
    json_enter_object(&r);
    while (json_next_key(&r, &key)) {
        bool is_cls = span_is(key, "cls"), is_sep = span_is(key, "sep");
        if (!is_cls && !is_sep) {
            json_skip(&r);
            continue;
        }
        *(is_cls ? &cls : &sep) = read_token_pair(&r);
        n_found++;
    }
    if (r.failed || n_found < 2) {
        json_fail(outer, "%s", r.failed ? r.error.what : "\"cls\" or \"sep\" is missing");
        return;
    }
    if (!p->with_special)
        return;
    struct parts made = {0};
    for (size_t i = 0; i < p->n_parts; i++) {
        if (i == 0)
            add_id(&made, cls);
        else if (is_roberta)
            add_id(&made, sep);
        add_old_part(&made, p, i);
        add_id(&made, sep);
        end_part(&made);
    }
    replace_parts(p, &made);
}

/*
 * ----------------------------------------------------------------------------------- templates --
 */

/* The ids of the template's special token `name`; false where "special_tokens" has none. */
static bool put_special(struct parts *made, struct span special_tokens, struct span name,
                        struct arena *arena)
{
    struct json_reader r;
    struct span key, field;
    bool found = false;
    json_open(&r, special_tokens, arena);
    json_enter_object(&r);
    while (json_next_key(&r, &key)) {
        if (!span_equal(key, name) || found) {
            json_skip(&r);
            continue;
        }
        found = true;
        json_enter_object(&r);
        while (json_next_key(&r, &field)) {
            if (!span_is(field, "ids")) {
                json_skip(&r);
                continue;
            }
            for (json_enter_array(&r); json_next_item(&r);)
                add_id(made, read_id(&r));
        }
    }
    return found && !r.failed;
}

/* One piece: {"Sequence": {"id": "A", …}} or {"SpecialToken": {"id": "<s>", …}}. */
static void run_piece(struct parts *made, const struct parts *old, struct span special_tokens,
                      struct json_reader *r)
{
    struct span kind, field, id = {0};
    json_enter_object(r);
    if (!json_next_key(r, &kind))
        json_fail(r, "expected \"Sequence\" or \"SpecialToken\"");
    json_enter_object(r);
    while (json_next_key(r, &field)) {
        if (span_is(field, "id"))
            id = json_string(r);
        else
            json_skip(r);
    }
    if (json_next_key(r, &field))
        json_fail(r, "expected one member");
    if (r->failed)
        return;

    if (span_is(kind, "Sequence")) {
        size_t part = span_is(id, "A") ? 0 : 1;
        if (part == 1 && !span_is(id, "B"))
            json_fail(r, "expected \"A\" or \"B\"");
        else if (part >= old->n_parts)
            json_fail(r, "the template for one text asks for a second one");
        else
            add_old_part(made, old, part);
        end_part(made);
    } else if (!span_is(kind, "SpecialToken")) {
        json_fail(r, "expected \"Sequence\" or \"SpecialToken\"");
    } else {
        struct parts unused = {0};
        struct parts *to = old->with_special ? made : &unused;
        if (!put_special(to, special_tokens, id, r->arena))
            json_fail(r, "\"special_tokens\" does not tell the ids of \"%.*s\"", SPAN_ARGS(id));
        if (old->with_special)
            end_part(made);
        release_parts(&unused);
    }
}

static void run_template(struct parts *p, struct span text, struct arena *arena,
                         struct json_reader *outer)
{
    struct json_reader r;
    struct span key, single = {0}, pair = {0}, special_tokens = span_of("{}");
    json_open(&r, text, arena);
    json_enter_object(&r);
    while (json_next_key(&r, &key)) {
        if (span_is(key, "single"))
            single = json_raw(&r);
        else if (span_is(key, "pair"))
            pair = json_raw(&r);
        else if (span_is(key, "special_tokens"))
            special_tokens = json_raw(&r);
        else
            json_skip(&r);
    }
    struct span template = p->n_parts == 2 ? pair : single;
    if (p->n_parts > 2 || template.len == 0) {
        json_fail(outer, p->n_parts > 2 ? "a template behind another processor that makes parts"
                                        : "a template without \"single\" or \"pair\"");
        return;
    }
    struct parts made = {0};
    json_open(&r, template, arena);
    json_enter_array(&r);
    for (size_t n = 0; json_next_item(&r) && !made.too_many; n++) {
        if (n == MOST_PARTS)
            json_fail(&r, "a template of more than %d pieces", MOST_PARTS);
        run_piece(&made, p, special_tokens, &r);
    }
    if (r.failed)
        json_fail(outer, "%s", r.error.what);
    replace_parts(p, &made);
}

/*
 * ------------------------------------------------------------------------------------- chains --
 */

static void run(struct parts *p, struct json_reader *r);

static void run_sequence(struct parts *p, struct span text, struct arena *arena,
                         struct json_reader *outer)
{
    struct json_reader *r = arena_new(arena, struct json_reader);
    struct span key;
    json_open(r, text, arena);
    json_enter_object(r);
    while (json_next_key(r, &key)) {
        if (!span_is(key, "processors")) {
            json_skip(r);
            continue;
        }
        for (json_enter_array(r); json_next_item(r);)
            run(p, r);
    }
    if (r->failed)
        json_fail(outer, "%s", r->error.what);
}

/* Without a type, as in the library's early files, the members tell it. */
static struct span guess_type(struct span guess, struct span member)
{
    if (span_is(member, "single"))
        return span_of("TemplateProcessing");
    if (span_is(member, "trim_offsets"))
        return span_of("RobertaProcessing");
    if (!guess.at && span_is(member, "sep"))
        return span_of("BertProcessing");
    return guess;
}

/* Passes over the processor at the reader's place and runs it. */
static void run(struct parts *p, struct json_reader *r)
{
    if (json_peek(r) != JSON_OBJECT) {
        json_fail(r, "expected a post-processor");
        return;
    }
    struct json_reader inner;
    struct span text = json_raw(r), key, type = {0}, guess = {0};
    if (r->failed)
        return;
    json_open(&inner, text, r->arena);
    json_enter_object(&inner);
    while (json_next_key(&inner, &key)) {
        if (span_is(key, "type"))
            type = json_string(&inner);
        else {
            guess = guess_type(guess, key);
            json_skip(&inner);
        }
    }
    if (!type.at)
        type = guess;
    if (span_is(type, "TemplateProcessing"))
        run_template(p, text, r->arena, r);
    else if (span_is(type, "BertProcessing") || span_is(type, "RobertaProcessing"))
        run_bert(p, text, r->arena, span_is(type, "RobertaProcessing"), r);
    else if (span_is(type, "Sequence"))
        run_sequence(p, text, r->arena, r);
    else if (!span_is(type, "ByteLevel")) /* it only trims offsets */
        json_fail(r, "post-processor \"%.*s\" is not known", SPAN_ARGS(type));
}

static struct postprocess_list make_list(struct span text, bool with_special, struct json_reader *r)
{
    struct parts p = {.with_special = with_special};
    add_item(&p, (struct postprocess_item){.is_text = true});
    end_part(&p);
    if (text.len > 0) {
        struct json_reader *again = arena_new(r->arena, struct json_reader);
        json_open(again, text, r->arena);
        run(&p, again);
        if (again->failed)
            json_fail(r, "%s", again->error.what);
    }
    if (p.too_many)
        json_fail(r, "a post-processor that makes more than %d tokens", MOST_ITEMS);
    struct postprocess_list list = {
        arena_array(r->arena, struct postprocess_item, max_size(p.n_items, 1)), p.n_items};
    if (p.n_items > 0)
        memcpy(list.items, p.items, p.n_items * sizeof *p.items);
    release_parts(&p);
    return list;
}

void postprocess_read(struct postprocess *p, struct json_reader *r)
{
    struct span text = {0};
    if (!json_null(r))
        text = json_raw(r);
    p->special = make_list(text, true, r);
    p->plain = make_list(text, false, r);
}

void postprocess_make(struct postprocess *p, struct arena *arena, const uint32_t *before,
                      size_t n_before, const uint32_t *after, size_t n_after)
{
    size_t n = n_before + 1 + n_after;
    struct postprocess_item *items = arena_array(arena, struct postprocess_item, n);
    for (size_t i = 0; i < n_before; i++)
        items[i].id = before[i];
    items[n_before].is_text = true;
    for (size_t i = 0; i < n_after; i++)
        items[n_before + 1 + i].id = after[i];
    p->special = (struct postprocess_list){items, n};
    p->plain = (struct postprocess_list){items + n_before, 1};
}
