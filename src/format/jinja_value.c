/*
 * jinja_value.c - strings, lists, dicts, and when Python calls two values equal.
 *
 * Dicts keep the order of insertion. Up to SMALL pairs they are searched in order; beyond, an index
 * of 32-bit slots is kept (open addressing, at most half full), so that a document with a hundred
 * thousand members is still read in linear time. Equal numbers hash alike whatever their type,
 * because 1 == 1.0 == true are one key in Python.
 *
 * Recursion in equality and hashing is bounded by the depth of the data, which comes from JSON (128
 * levels) or from a template's own steps, which have a limit on depth of their own.
 */
#include "format/jinja_value.h"

#include <math.h>

#include "base/map.h"
#include "base/utf8.h"

enum { SMALL = 8 };

/* ----------------------------------------------------------------------------------- strings -- */

struct jinja_value jinja_string(struct arena *arena, struct span bytes)
{
    struct jinja_string *s = arena_new(arena, struct jinja_string);
    s->at = bytes.at;
    s->len = bytes.len;
    s->n_chars = utf8_count(bytes);
    return (struct jinja_value){.type = JINJA_STRING, .as.string = s};
}

struct jinja_value jinja_string_copy(struct arena *arena, struct span bytes)
{
    return jinja_string(arena, arena_copy(arena, bytes));
}

struct jinja_value jinja_string_part(struct arena *arena, struct jinja_value s, size_t start,
                                     size_t len)
{
    struct jinja_value part = jinja_string(arena, span_part(jinja_span(s), start, len));
    part.is_safe = s.is_safe;
    return part;
}

/* ------------------------------------------------------------------------------------ extent -- */

struct jinja_extent jinja_extent_of(struct jinja_value v)
{
    if (v.type == JINJA_STRING)
        return (struct jinja_extent){1 + v.as.string->len / 64, 0};
    if (v.type == JINJA_LIST || v.type == JINJA_TUPLE)
        return (struct jinja_extent){1 + v.as.list->extent.weight, 1 + v.as.list->extent.depth};
    if (v.type == JINJA_DICT)
        return (struct jinja_extent){1 + v.as.dict->extent.weight, 1 + v.as.dict->extent.depth};
    if (v.type == JINJA_VIEW)
        return jinja_extent_of((struct jinja_value){JINJA_DICT, .as.dict = v.as.view->dict});
    return (struct jinja_extent){1, 0};
}

static void add_extent(struct jinja_extent *extent, struct jinja_value item)
{
    struct jinja_extent more = jinja_extent_of(item);
    bool overflows = more.weight > UINT64_MAX - extent->weight - 1;
    extent->weight = overflows ? UINT64_MAX - 1 : extent->weight + more.weight;
    if (more.depth > extent->depth)
        extent->depth = more.depth;
}

/* ------------------------------------------------------------------------------------- lists -- */

struct jinja_value jinja_list_new(struct arena *arena, enum jinja_type type)
{
    return (struct jinja_value){.type = type, .as.list = arena_new(arena, struct jinja_list)};
}

void jinja_list_add(struct arena *arena, struct jinja_list *list, struct jinja_value item)
{
    if (list->n == list->cap) {
        size_t cap = max_size(4, 2 * list->cap);
        struct jinja_value *items = arena_array(arena, struct jinja_value, cap);
        if (list->n > 0)
            memcpy(items, list->items, list->n * sizeof *items);
        list->items = items;
        list->cap = cap;
    }
    list->items[list->n++] = item;
    add_extent(&list->extent, item);
}

struct jinja_value jinja_pair_of(struct arena *arena, struct jinja_value a, struct jinja_value b)
{
    struct jinja_value pair = jinja_list_new(arena, JINJA_TUPLE);
    jinja_list_add(arena, pair.as.list, a);
    jinja_list_add(arena, pair.as.list, b);
    return pair;
}

/* ------------------------------------------------------------------------------------- dicts -- */

bool jinja_is_hashable(struct jinja_value key)
{
    if (key.type == JINJA_TUPLE) {
        for (size_t i = 0; i < key.as.list->n; i++) {
            if (!jinja_is_hashable(key.as.list->items[i]))
                return false;
        }
        return true;
    }
    return key.type != JINJA_LIST && key.type != JINJA_DICT && key.type != JINJA_VIEW;
}

static uint64_t hash_number(double number, uint64_t seed)
{
    if (number >= -0x1p63 && number < 0x1p63 && number == floor(number)) {
        int64_t whole = (int64_t)number;
        return hash_bytes((struct span){(const uint8_t *)&whole, sizeof whole}, seed);
    }
    return hash_bytes((struct span){(const uint8_t *)&number, sizeof number}, seed);
}

static uint64_t hash_value(struct jinja_value v, uint64_t seed)
{
    int64_t whole;
    if (jinja_as_int(v, &whole))
        return hash_bytes((struct span){(const uint8_t *)&whole, sizeof whole}, seed);
    if (v.type == JINJA_FLOAT)
        return hash_number(v.as.number, seed);
    if (v.type == JINJA_STRING)
        return hash_bytes(jinja_span(v), seed);
    if (v.type == JINJA_TUPLE) {
        uint64_t hash = seed;
        for (size_t i = 0; i < v.as.list->n; i++) {
            uint64_t item = hash_value(v.as.list->items[i], seed);
            hash = hash_bytes((struct span){(const uint8_t *)&item, sizeof item}, hash);
        }
        return hash;
    }
    return v.type; /* the rest is rare as a key: one chain for each type */
}

/*
 * The dict's own address is the seed: it differs from run to run, so that no file can bring keys
 * that all collide, and nothing depends on it, because pairs keep the order of insertion.
 */
static uint64_t hash_in(const struct jinja_dict *dict, struct jinja_value key)
{
    return hash_value(key, (uint64_t)(uintptr_t)dict);
}

/* The slot that holds the key, or the free one where it would go. */
static uint32_t *find_slot(const struct jinja_dict *dict, struct jinja_value key, uint64_t hash)
{
    size_t mask = dict->n_slots - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        uint32_t *slot = &dict->slots[i];
        if (*slot == 0)
            return slot;
        const struct jinja_pair *pair = &dict->pairs[*slot - 1];
        if (pair->hash == hash && jinja_equal(pair->key, key))
            return slot;
    }
}

static struct jinja_pair *find_pair(const struct jinja_dict *dict, struct jinja_value key,
                                    uint64_t hash)
{
    if (dict->n_slots > 0) {
        uint32_t slot = *find_slot(dict, key, hash);
        return slot > 0 ? &dict->pairs[slot - 1] : NULL;
    }
    for (size_t i = 0; i < dict->n; i++) {
        if (dict->pairs[i].hash == hash && jinja_equal(dict->pairs[i].key, key))
            return &dict->pairs[i];
    }
    return NULL;
}

static void grow_dict(struct arena *arena, struct jinja_dict *dict)
{
    size_t cap = max_size(4, 2 * dict->cap);
    struct jinja_pair *pairs = arena_array(arena, struct jinja_pair, cap);
    if (dict->n > 0)
        memcpy(pairs, dict->pairs, dict->n * sizeof *pairs);
    dict->pairs = pairs;
    dict->cap = cap;
    if (cap <= SMALL)
        return;
    dict->n_slots = 2 * cap;
    dict->slots = arena_array(arena, uint32_t, dict->n_slots);
    for (size_t i = 0; i < dict->n; i++)
        *find_slot(dict, pairs[i].key, pairs[i].hash) = (uint32_t)(i + 1);
}

struct jinja_value jinja_dict_new(struct arena *arena)
{
    return (struct jinja_value){.type = JINJA_DICT, .as.dict = arena_new(arena, struct jinja_dict)};
}

void jinja_dict_put(struct arena *arena, struct jinja_dict *dict, struct jinja_value key,
                    struct jinja_value value)
{
    uint64_t hash = hash_in(dict, key);
    struct jinja_pair *pair = find_pair(dict, key, hash);
    add_extent(&dict->extent, key);
    add_extent(&dict->extent, value);
    if (pair) {
        pair->value = value;
        return;
    }
    CHECK(dict->n < UINT32_MAX / 4);
    if (dict->n == dict->cap)
        grow_dict(arena, dict);
    if (dict->n_slots > 0)
        *find_slot(dict, key, hash) = (uint32_t)(dict->n + 1);
    dict->pairs[dict->n++] = (struct jinja_pair){key, value, hash};
}

bool jinja_dict_get(const struct jinja_dict *dict, struct jinja_value key,
                    struct jinja_value *value)
{
    const struct jinja_pair *pair = find_pair(dict, key, hash_in(dict, key));
    if (pair)
        *value = pair->value;
    return pair;
}

bool jinja_dict_get_text(const struct jinja_dict *dict, struct span key, struct jinja_value *value)
{
    struct jinja_string string = {.at = key.at, .len = key.len, .n_chars = key.len};
    struct jinja_value wanted = {.type = JINJA_STRING, .as.string = &string};
    return jinja_dict_get(dict, wanted, value);
}

void jinja_dict_put_text(struct arena *arena, struct jinja_dict *dict, const char *key,
                         struct jinja_value value)
{
    jinja_dict_put(arena, dict, jinja_string_copy(arena, span_of(key)), value);
}

/* ------------------------------------------------------------------------------------- rules -- */

const char *jinja_type_name(struct jinja_value v)
{
    static const char *const names[] = {
        [JINJA_MISSING] = "missing",
        [JINJA_UNDEFINED] = "Undefined",
        [JINJA_NONE] = "NoneType",
        [JINJA_BOOL] = "bool",
        [JINJA_INT] = "int",
        [JINJA_FLOAT] = "float",
        [JINJA_STRING] = "str",
        [JINJA_LIST] = "list",
        [JINJA_TUPLE] = "tuple",
        [JINJA_DICT] = "dict",
        [JINJA_VIEW] = "dict_items",
        [JINJA_RANGE] = "range",
        [JINJA_ITERATOR] = "generator",
        [JINJA_NAMESPACE] = "TemplateNamespace",
        [JINJA_MACRO] = "Macro",
        [JINJA_FUNCTION] = "builtin_function_or_method",
        [JINJA_LOOP] = "LoopContext",
        [JINJA_CYCLER] = "Cycler",
        [JINJA_JOINER] = "Joiner",
    };
    static const char *const views[] = {"dict_items", "dict_keys", "dict_values"};
    if (v.type == JINJA_VIEW)
        return views[v.as.view->kind];
    return v.type == JINJA_STRING && v.is_safe ? "Markup" : names[v.type];
}

bool jinja_is_true(struct jinja_value v)
{
    switch (v.type) {
    case JINJA_MISSING:
    case JINJA_UNDEFINED:
    case JINJA_NONE:
        return false;
    case JINJA_BOOL:
        return v.as.flag;
    case JINJA_INT:
        return v.as.integer != 0;
    case JINJA_FLOAT:
        return v.as.number != 0;
    case JINJA_STRING:
        return v.as.string->len > 0;
    case JINJA_LIST:
    case JINJA_TUPLE:
        return v.as.list->n > 0;
    case JINJA_DICT:
        return v.as.dict->n > 0;
    case JINJA_VIEW:
        return v.as.view->dict->n > 0;
    case JINJA_RANGE:
        return v.as.range->n > 0;
    default:
        return true; /* a loop is asked inside its body alone, where it has items */
    }
}

bool jinja_as_int(struct jinja_value v, int64_t *out)
{
    if (v.type == JINJA_INT)
        *out = v.as.integer;
    else if (v.type == JINJA_BOOL)
        *out = v.as.flag;
    else
        return false;
    return true;
}

bool jinja_as_double(struct jinja_value v, double *out)
{
    int64_t whole;
    if (v.type == JINJA_FLOAT)
        *out = v.as.number;
    else if (jinja_as_int(v, &whole))
        *out = (double)whole;
    else
        return false;
    return true;
}

/* Exact order of a whole number and a double that is not NaN. */
static int compare_mixed(int64_t whole, double number)
{
    if (number >= 0x1p63)
        return -1;
    if (number < -0x1p63)
        return 1;
    int64_t floored = (int64_t)floor(number);
    if (whole != floored)
        return whole < floored ? -1 : 1;
    return number > floor(number) ? -1 : 0;
}

int jinja_compare_numbers(struct jinja_value a, struct jinja_value b)
{
    int64_t x = 0, y = 0;
    bool a_is_int = jinja_as_int(a, &x), b_is_int = jinja_as_int(b, &y);
    if (a_is_int && b_is_int)
        return x < y ? -1 : x > y;
    double p, q;
    if (!jinja_as_double(a, &p) || !jinja_as_double(b, &q) || isnan(p) || isnan(q))
        return 2;
    if (a_is_int)
        return compare_mixed(x, q);
    if (b_is_int)
        return -compare_mixed(y, p);
    return p < q ? -1 : p > q;
}

bool jinja_same(struct jinja_value a, struct jinja_value b)
{
    if (a.type != b.type)
        return false;
    switch (a.type) {
    case JINJA_NONE:
    case JINJA_MISSING:
        return true;
    case JINJA_BOOL:
        return a.as.flag == b.as.flag;
    case JINJA_INT:
        return a.as.integer == b.as.integer; /* Python shares small whole numbers */
    case JINJA_FLOAT:
        return memcmp(&a.as.number, &b.as.number, sizeof a.as.number) == 0;
    case JINJA_STRING:
        return a.as.string->at == b.as.string->at && a.as.string->len == b.as.string->len;
    default:
        return a.as.list == b.as.list;
    }
}

static bool lists_equal(const struct jinja_list *a, const struct jinja_list *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        if (!jinja_same(a->items[i], b->items[i]) && !jinja_equal(a->items[i], b->items[i]))
            return false;
    }
    return true;
}

static bool dicts_equal(const struct jinja_dict *a, const struct jinja_dict *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        struct jinja_value other;
        if (!jinja_dict_get(b, a->pairs[i].key, &other) || !jinja_equal(a->pairs[i].value, other))
            return false;
    }
    return true;
}

bool jinja_equal(struct jinja_value a, struct jinja_value b)
{
    if (jinja_is_number(a) && jinja_is_number(b))
        return jinja_compare_numbers(a, b) == 0;
    if (a.type != b.type)
        return false;
    switch (a.type) {
    case JINJA_UNDEFINED:
        return true;
    case JINJA_STRING:
        return span_equal(jinja_span(a), jinja_span(b));
    case JINJA_LIST:
    case JINJA_TUPLE:
        return lists_equal(a.as.list, b.as.list);
    case JINJA_DICT:
        return dicts_equal(a.as.dict, b.as.dict);
    case JINJA_RANGE:
        return a.as.range->n == b.as.range->n &&
               (a.as.range->n == 0 ||
                (a.as.range->start == b.as.range->start &&
                 (a.as.range->n == 1 || a.as.range->step == b.as.range->step)));
    default:
        return jinja_same(a, b);
    }
}
