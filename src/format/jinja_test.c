/*
 * jinja_test.c - what stands behind `is`: {% if x is defined %}.
 *
 * To add one: its function and its row.
 */
#include "format/jinja_filter.h"
#include "format/jinja_str.h"

#define TEST(name, condition)                                                                      \
    static bool name(struct jinja_run *run, const struct jinja_value args[],                       \
                     struct jinja_value *out)                                                      \
    {                                                                                              \
        (void)run;                                                                                 \
        struct jinja_value v = args[0];                                                            \
        *out = jinja_bool(condition);                                                              \
        return true;                                                                               \
    }
TEST(is_boolean, v.type == JINJA_BOOL)
TEST(is_defined, v.type != JINJA_UNDEFINED)
TEST(is_escaped, v.type == JINJA_STRING && v.is_safe)
TEST(is_false, v.type == JINJA_BOOL && !v.as.flag)
TEST(is_float, v.type == JINJA_FLOAT)
TEST(is_integer, v.type == JINJA_INT)
TEST(is_iterable, jinja_is_iterable(v) || v.type == JINJA_LOOP)
TEST(is_mapping, v.type == JINJA_DICT)
TEST(is_none, v.type == JINJA_NONE)
TEST(is_number, jinja_is_number(v))
TEST(is_string, v.type == JINJA_STRING)
TEST(is_true, v.type == JINJA_BOOL && v.as.flag)
TEST(is_undefined, v.type == JINJA_UNDEFINED)
TEST(is_sameas, jinja_same(v, args[1]))
TEST(is_filter, v.type == JINJA_STRING && jinja_filter_find(jinja_span(v)))
TEST(is_test, v.type == JINJA_STRING && jinja_test_find(jinja_span(v)))
TEST(is_callable, v.type == JINJA_FUNCTION || v.type == JINJA_MACRO || v.type == JINJA_JOINER ||
                      v.type == JINJA_LOOP || v.type == JINJA_UNDEFINED)
TEST(is_sequence, v.type == JINJA_STRING || v.type == JINJA_LIST || v.type == JINJA_TUPLE ||
                      v.type == JINJA_DICT || v.type == JINJA_RANGE || v.type == JINJA_UNDEFINED)

static bool is_case(struct jinja_run *run, struct jinja_value v, bool is_upper,
                    struct jinja_value *out)
{
    struct jinja_value text;
    if (!jinja_to_text(run, v, &text))
        return false;
    *out = jinja_bool(jinja_str_is_case(jinja_span(text), is_upper));
    return jinja_charge(run, text.as.string->len / 16);
}

static bool is_lower(struct jinja_run *run, const struct jinja_value args[],
                     struct jinja_value *out)
{
    return is_case(run, args[0], false, out);
}

static bool is_upper(struct jinja_run *run, const struct jinja_value args[],
                     struct jinja_value *out)
{
    return is_case(run, args[0], true, out);
}

/* value % by == rest. */
static bool has_rest(struct jinja_run *run, struct jinja_value value, struct jinja_value by,
                     int64_t rest, struct jinja_value *out)
{
    struct jinja_value left;
    if (!jinja_binary(run, JINJA_OP_MOD, value, by, &left))
        return false;
    *out = jinja_bool(jinja_equal(left, jinja_int(rest)));
    return true;
}

static bool is_divisibleby(struct jinja_run *run, const struct jinja_value args[],
                           struct jinja_value *out)
{
    return has_rest(run, args[0], args[1], 0, out);
}

static bool is_even(struct jinja_run *run, const struct jinja_value args[], struct jinja_value *out)
{
    return has_rest(run, args[0], jinja_int(2), 0, out);
}

static bool is_odd(struct jinja_run *run, const struct jinja_value args[], struct jinja_value *out)
{
    return has_rest(run, args[0], jinja_int(2), 1, out);
}

#define COMPARISON(name, op)                                                                       \
    static bool name(struct jinja_run *run, const struct jinja_value args[],                       \
                     struct jinja_value *out)                                                      \
    {                                                                                              \
        bool result = false;                                                                       \
        bool ok = jinja_compare(run, op, args[0], args[1], &result);                               \
        *out = jinja_bool(result);                                                                 \
        return ok;                                                                                 \
    }
COMPARISON(is_eq, JINJA_OP_EQ)
COMPARISON(is_ne, JINJA_OP_NE)
COMPARISON(is_lt, JINJA_OP_LT)
COMPARISON(is_le, JINJA_OP_LE)
COMPARISON(is_gt, JINJA_OP_GT)
COMPARISON(is_ge, JINJA_OP_GE)
COMPARISON(is_in, JINJA_OP_IN)

const struct jinja_builtin *jinja_test_find(struct span name)
{
    static const struct jinja_builtin tests[] = {
        {"boolean", "/value", is_boolean, NULL},
        {"callable", "/obj", is_callable, NULL},
        {"defined", "/value", is_defined, NULL},
        {"divisibleby", "/value num", is_divisibleby, NULL},
        {"escaped", "/value", is_escaped, NULL},
        {"even", "/value", is_even, NULL},
        {"false", "/value", is_false, NULL},
        {"filter", "/value", is_filter, NULL},
        {"float", "/value", is_float, NULL},
        {"integer", "/value", is_integer, NULL},
        {"in", "/value seq", is_in, NULL},
        {"iterable", "/value", is_iterable, NULL},
        {"lower", "/value", is_lower, NULL},
        {"mapping", "/value", is_mapping, NULL},
        {"none", "/value", is_none, NULL},
        {"number", "/value", is_number, NULL},
        {"odd", "/value", is_odd, NULL},
        {"sameas", "/value other", is_sameas, NULL},
        {"sequence", "/value", is_sequence, NULL},
        {"string", "/value", is_string, NULL},
        {"test", "/value", is_test, NULL},
        {"true", "/value", is_true, NULL},
        {"undefined", "/value", is_undefined, NULL},
        {"upper", "/value", is_upper, NULL},
        {"==", "/a /b", is_eq, NULL},
        {"eq", "/a /b", is_eq, NULL},
        {"equalto", "/a /b", is_eq, NULL},
        {"!=", "/a /b", is_ne, NULL},
        {"ne", "/a /b", is_ne, NULL},
        {">", "/a /b", is_gt, NULL},
        {"gt", "/a /b", is_gt, NULL},
        {"greaterthan", "/a /b", is_gt, NULL},
        {">=", "/a /b", is_ge, NULL},
        {"ge", "/a /b", is_ge, NULL},
        {"<", "/a /b", is_lt, NULL},
        {"lt", "/a /b", is_lt, NULL},
        {"lessthan", "/a /b", is_lt, NULL},
        {"<=", "/a /b", is_le, NULL},
        {"le", "/a /b", is_le, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(tests); i++) {
        if (span_is(name, tests[i].name))
            return &tests[i];
    }
    return NULL;
}
