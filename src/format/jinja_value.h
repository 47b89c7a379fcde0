/*
 * jinja_value.h - what a template computes with: Python's values, as far as templates meet them.
 *
 * A value is 16 bytes and passed by copy. Everything behind its pointers lives in the arena of one
 * rendering and never changes once a template can see it (the sandbox that transformers uses
 * forbids changing lists and dicts), so values are shared freely. Nothing is freed before the end.
 */
#ifndef PACE_FORMAT_JINJA_VALUE_H
#define PACE_FORMAT_JINJA_VALUE_H

#include "base/arena.h"
#include "base/utf8.h"

enum jinja_type {
    JINJA_MISSING, /* an argument that was not given; a template never sees it */
    JINJA_UNDEFINED,
    JINJA_NONE,
    JINJA_BOOL,
    JINJA_INT,
    JINJA_FLOAT,
    JINJA_STRING,
    JINJA_LIST,
    JINJA_TUPLE,
    JINJA_DICT,
    JINJA_VIEW, /* dict.items(), .keys(), .values() */
    JINJA_RANGE,
    JINJA_ITERATOR, /* a generator: used once */
    JINJA_NAMESPACE,
    JINJA_MACRO,
    JINJA_FUNCTION, /* a global function, or a method with its object */
    JINJA_LOOP,
    JINJA_CYCLER,
    JINJA_JOINER,
};

struct jinja_undefined;
struct jinja_iterator;
struct jinja_macro;
struct jinja_function;
struct jinja_loop;

struct jinja_value {
    enum jinja_type type;
    bool is_safe; /* of a string: markupsafe's Markup, which escapes what is added to it */
    union {
        bool flag;
        int64_t integer;
        double number;
        struct jinja_string *string;
        struct jinja_list *list; /* LIST, TUPLE, CYCLER (its items) */
        struct jinja_dict *dict; /* DICT, NAMESPACE */
        struct jinja_view *view;
        struct jinja_range *range;
        struct jinja_undefined *undefined;
        struct jinja_iterator *iterator;
        struct jinja_macro *macro;
        struct jinja_function *function;
        struct jinja_loop *loop;
        struct jinja_joiner *joiner;
    } as;
};

/* Text in UTF-8. Positions that a template uses count code points. */
struct jinja_string {
    const uint8_t *at;
    size_t len;                  /* bytes */
    size_t n_chars;              /* code points; equal to len where all is ASCII */
    struct jinja_growth *growth; /* where the text can be appended to in place; or NULL */
};

/* Room behind a string that was made by adding: text = text + more stays linear. */
struct jinja_growth {
    uint8_t *at;
    size_t used;
    size_t cap;
};

/*
 * How large a value is when all that it holds is written out, and how deep: x = [x, x] grows both,
 * so what walks through a value (comparing, hashing, printing) can be bounded before it starts.
 */
struct jinja_extent {
    uint64_t weight; /* items of items …, each counted as often as it appears */
    uint32_t depth;
};

struct jinja_list {
    struct jinja_value *items;
    size_t n;
    size_t cap;
    size_t position; /* of a cycler */
    struct jinja_extent extent;
};

struct jinja_pair {
    struct jinja_value key;
    struct jinja_value value;
    uint64_t hash;
};

/*
 * Pairs in the order of insertion, with an open-addressing index once there are more than a few.
 * Not to be copied: its address is part of its hashes.
 */
struct jinja_dict {
    struct jinja_pair *pairs;
    size_t n;
    size_t cap;
    uint32_t *slots; /* index of the pair + 1; 0 is free */
    size_t n_slots;
    struct jinja_extent extent;
};

enum jinja_view_kind { JINJA_VIEW_ITEMS, JINJA_VIEW_KEYS, JINJA_VIEW_VALUES };

struct jinja_view {
    struct jinja_dict *dict;
    enum jinja_view_kind kind;
};

struct jinja_range {
    int64_t start, stop, step;
    size_t n;
};

struct jinja_joiner {
    struct jinja_value separator;
    bool used;
};

/* --- Making values. -------------------------------------------------------------------------- */

static inline struct jinja_value jinja_none(void)
{
    return (struct jinja_value){.type = JINJA_NONE};
}

static inline struct jinja_value jinja_bool(bool flag)
{
    return (struct jinja_value){.type = JINJA_BOOL, .as.flag = flag};
}

static inline struct jinja_value jinja_int(int64_t integer)
{
    return (struct jinja_value){.type = JINJA_INT, .as.integer = integer};
}

static inline struct jinja_value jinja_float(double number)
{
    return (struct jinja_value){.type = JINJA_FLOAT, .as.number = number};
}

/* A string over bytes that outlive it; they are valid UTF-8. */
struct jinja_value jinja_string(struct arena *arena, struct span bytes);

/* The same over a copy. */
struct jinja_value jinja_string_copy(struct arena *arena, struct span bytes);

/* A part of a string that begins `start` bytes in and holds `len` bytes; keeps is_safe. */
struct jinja_value jinja_string_part(struct arena *arena, struct jinja_value s, size_t start,
                                     size_t len);

static inline struct span jinja_span(struct jinja_value s)
{
    return (struct span){s.as.string->at, s.as.string->len};
}

/* An empty list, tuple, dict … of this type. */
struct jinja_value jinja_list_new(struct arena *arena, enum jinja_type type);
struct jinja_value jinja_dict_new(struct arena *arena);

/* Appends; only while nothing else has seen the list. */
void jinja_list_add(struct arena *arena, struct jinja_list *list, struct jinja_value item);

/* The tuple (a, b). */
struct jinja_value jinja_pair_of(struct arena *arena, struct jinja_value a, struct jinja_value b);

/* --- Dicts. ---------------------------------------------------------------------------------- */

/* False where Python refuses the key: "unhashable type". */
bool jinja_is_hashable(struct jinja_value key);

/* Sets or replaces; the key is hashable. */
void jinja_dict_put(struct arena *arena, struct jinja_dict *dict, struct jinja_value key,
                    struct jinja_value value);

/* True, and the value, where the key is there. */
bool jinja_dict_get(const struct jinja_dict *dict, struct jinja_value key,
                    struct jinja_value *value);
bool jinja_dict_get_text(const struct jinja_dict *dict, struct span key, struct jinja_value *value);
void jinja_dict_put_text(struct arena *arena, struct jinja_dict *dict, const char *key,
                         struct jinja_value value);

/* --- Python's rules. ------------------------------------------------------------------------- */

/* Python's name of the type: "NoneType", "str". */
const char *jinja_type_name(struct jinja_value v);

/* Of a container its own; of a string its length in words; 1 and 0 for the rest. */
struct jinja_extent jinja_extent_of(struct jinja_value v);

bool jinja_is_true(struct jinja_value v);

/* a == b. */
bool jinja_equal(struct jinja_value a, struct jinja_value b);

/* a is b. */
bool jinja_same(struct jinja_value a, struct jinja_value b);

/* int, bool: true and its value. */
bool jinja_as_int(struct jinja_value v, int64_t *out);

/* int, bool, float: true and its value. */
bool jinja_as_double(struct jinja_value v, double *out);

/* Order of two numbers, exact even between int and float: -1, 0, 1; 2 where one is not a number. */
int jinja_compare_numbers(struct jinja_value a, struct jinja_value b);

static inline bool jinja_is_number(struct jinja_value v)
{
    return v.type == JINJA_INT || v.type == JINJA_FLOAT || v.type == JINJA_BOOL;
}

#endif
