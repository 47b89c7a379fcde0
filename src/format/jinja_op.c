/*
 * jinja_op.c - arithmetic and comparison by Python's rules, with Python's sentences for what cannot
 * be.
 *
 * Whole numbers have 64 bits: what goes beyond is refused by name, where Python would go on.
 * Division rounds towards minus infinity and % has the sign of the divisor.
 *
 * Adding to a string that nothing was added to yet happens in place (see jinja_value.h): building a
 * long text piece by piece costs its length, not its square.
 */
#include "format/jinja_run.h"

#include <inttypes.h>
#include <math.h>

static const char *const op_text[] = {
    "+", "-", "*", "/", "//", "%", "** or pow()", "==", "!=", "<", "<=", ">", ">=", "in", "not in"};

static bool fail_operands(struct jinja_run *run, enum jinja_op op, struct jinja_value a,
                          struct jinja_value b)
{
    return jinja_fail(run, "unsupported operand type(s) for %s: '%s' and '%s'", op_text[op],
                      jinja_type_name(a), jinja_type_name(b));
}

static bool fail_overflow(struct jinja_run *run)
{
    return jinja_fail(run, "whole numbers beyond 64 bits are not supported");
}

/* ----------------------------------------------------------------------------------- numbers -- */

static bool power_int(struct jinja_run *run, int64_t base, int64_t exponent,
                      struct jinja_value *out)
{
    if (exponent < 0) {
        if (base == 0)
            return jinja_fail(run, "0.0 cannot be raised to a negative power");
        *out = jinja_float(pow((double)base, (double)exponent));
        return true;
    }
    int64_t result = 1;
    for (; exponent > 0; exponent >>= 1) {
        if ((exponent & 1) && __builtin_mul_overflow(result, base, &result))
            return fail_overflow(run);
        if (exponent > 1 && __builtin_mul_overflow(base, base, &base))
            return fail_overflow(run);
    }
    *out = jinja_int(result);
    return true;
}

static bool divide_int(struct jinja_run *run, enum jinja_op op, int64_t a, int64_t b,
                       struct jinja_value *out)
{
    if (b == 0)
        return jinja_fail(run, op == JINJA_OP_DIV        ? "division by zero"
                               : op == JINJA_OP_FLOORDIV ? "integer division or modulo by zero"
                                                         : "integer modulo by zero");
    if (op == JINJA_OP_DIV) {
        *out = jinja_float((double)a / (double)b);
        return true;
    }
    if (b == -1) { /* INT64_MIN / -1 traps */
        if (op == JINJA_OP_FLOORDIV && a == INT64_MIN)
            return fail_overflow(run);
        *out = jinja_int(op == JINJA_OP_FLOORDIV ? -a : 0);
        return true;
    }
    int64_t quotient = a / b, rest = a % b;
    if (rest != 0 && (rest < 0) != (b < 0)) {
        quotient--;
        rest += b;
    }
    *out = jinja_int(op == JINJA_OP_FLOORDIV ? quotient : rest);
    return true;
}

static bool compute_int(struct jinja_run *run, enum jinja_op op, int64_t a, int64_t b,
                        struct jinja_value *out)
{
    int64_t result = 0;
    bool overflows;
    switch (op) {
    case JINJA_OP_ADD:
        overflows = __builtin_add_overflow(a, b, &result);
        break;
    case JINJA_OP_SUB:
        overflows = __builtin_sub_overflow(a, b, &result);
        break;
    case JINJA_OP_MUL:
        overflows = __builtin_mul_overflow(a, b, &result);
        break;
    case JINJA_OP_POW:
        return power_int(run, a, b, out);
    default:
        return divide_int(run, op, a, b, out);
    }
    *out = jinja_int(result);
    return overflows ? fail_overflow(run) : true;
}

static bool divide_float(struct jinja_run *run, enum jinja_op op, double a, double b,
                         struct jinja_value *out)
{
    if (b == 0)
        return jinja_fail(run, op == JINJA_OP_DIV        ? "float division by zero"
                               : op == JINJA_OP_FLOORDIV ? "float floor division by zero"
                                                         : "float modulo");
    if (op == JINJA_OP_DIV) {
        *out = jinja_float(a / b);
        return true;
    }
    double rest = fmod(a, b);
    double quotient = (a - rest) / b;
    if (rest != 0 && (rest < 0) != (b < 0)) {
        rest += b;
        quotient -= 1;
    } else if (rest == 0) {
        rest = copysign(0, b);
    }
    double whole = quotient == 0 ? copysign(0, a / b) : floor(quotient);
    if (quotient != 0 && quotient - whole > 0.5)
        whole += 1;
    *out = jinja_float(op == JINJA_OP_FLOORDIV ? whole : rest);
    return true;
}

static bool power_float(struct jinja_run *run, double a, double b, struct jinja_value *out)
{
    if (a == 0 && b < 0)
        return jinja_fail(run, "0.0 cannot be raised to a negative power");
    if (a < 0 && isfinite(a) && isfinite(b) && b != floor(b))
        return jinja_fail(run, "complex numbers are not supported");
    double result = pow(a, b);
    if (isinf(result) && isfinite(a) && isfinite(b))
        return jinja_fail(run, "(34, 'Numerical result out of range')");
    *out = jinja_float(result);
    return true;
}

static bool compute_float(struct jinja_run *run, enum jinja_op op, double a, double b,
                          struct jinja_value *out)
{
    switch (op) {
    case JINJA_OP_ADD:
        *out = jinja_float(a + b);
        return true;
    case JINJA_OP_SUB:
        *out = jinja_float(a - b);
        return true;
    case JINJA_OP_MUL:
        *out = jinja_float(a * b);
        return true;
    case JINJA_OP_POW:
        return power_float(run, a, b, out);
    default:
        return divide_float(run, op, a, b, out);
    }
}

bool jinja_negate(struct jinja_run *run, bool is_minus, struct jinja_value v,
                  struct jinja_value *out)
{
    int64_t whole;
    if (v.type == JINJA_UNDEFINED)
        return jinja_fail_undefined(run, v);
    if (v.type == JINJA_FLOAT) {
        *out = jinja_float(is_minus ? -v.as.number : v.as.number);
        return true;
    }
    if (!jinja_as_int(v, &whole))
        return jinja_fail(run, "bad operand type for unary %s: '%s'", is_minus ? "-" : "+",
                          jinja_type_name(v));
    if (is_minus && whole == INT64_MIN)
        return fail_overflow(run);
    *out = jinja_int(is_minus ? -whole : whole);
    return true;
}

/* --------------------------------------------------------------------------------- sequences -- */

static struct jinja_value string_with(struct jinja_run *run, const uint8_t *at, size_t len,
                                      size_t n_chars, struct jinja_growth *growth)
{
    struct jinja_string *s = arena_new(run->arena, struct jinja_string);
    *s = (struct jinja_string){at, len, n_chars, growth};
    return (struct jinja_value){.type = JINJA_STRING, .as.string = s};
}

bool jinja_concat(struct jinja_run *run, struct jinja_value a, struct jinja_value b,
                  struct jinja_value *out)
{
    enum { WORTH_GROWING = 256 };
    const struct jinja_string *x = a.as.string, *y = b.as.string;
    size_t len = x->len + y->len, n_chars = x->n_chars + y->n_chars;
    struct jinja_growth *growth = x->growth;
    bool in_place = growth && x->at + x->len == growth->at + growth->used &&
                    growth->cap - growth->used >= y->len;
    if (in_place) {
        if (y->len > 0)
            memcpy(growth->at + growth->used, y->at, y->len);
        growth->used += y->len;
        *out = string_with(run, x->at, len, n_chars, growth);
        return jinja_charge(run, y->len / 64);
    }
    size_t cap = len < WORTH_GROWING ? len : 2 * len;
    if (!jinja_room(run, cap))
        return false;
    uint8_t *at = arena_alloc(run->arena, cap + 1);
    if (x->len > 0)
        memcpy(at, x->at, x->len);
    if (y->len > 0)
        memcpy(at + x->len, y->at, y->len);
    growth = NULL;
    if (cap > len) {
        growth = arena_new(run->arena, struct jinja_growth);
        *growth = (struct jinja_growth){at, len, cap};
    }
    *out = string_with(run, at, len, n_chars, growth);
    return true;
}

/* One of the two is Markup: the other is escaped. */
static bool concat_safe(struct jinja_run *run, struct jinja_value a, struct jinja_value b,
                        struct jinja_value *out)
{
    size_t mark = run->out.len;
    struct jinja_value parts[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        if (parts[i].is_safe)
            buf_add(&run->out, jinja_span(parts[i]));
        else
            buf_add_html(&run->out, jinja_span(parts[i]));
    }
    bool ok = jinja_take_text(run, mark, out);
    out->is_safe = true;
    return ok;
}

static bool add_lists(struct jinja_run *run, struct jinja_value a, struct jinja_value b,
                      struct jinja_value *out)
{
    size_t n = a.as.list->n + b.as.list->n;
    if (!jinja_room(run, n * sizeof(struct jinja_value)) || !jinja_charge(run, n))
        return false;
    *out = jinja_list_new(run->arena, a.type);
    for (size_t i = 0; i < a.as.list->n; i++)
        jinja_list_add(run->arena, out->as.list, a.as.list->items[i]);
    for (size_t i = 0; i < b.as.list->n; i++)
        jinja_list_add(run->arena, out->as.list, b.as.list->items[i]);
    return jinja_check_extent(run, *out);
}

static bool add(struct jinja_run *run, struct jinja_value a, struct jinja_value b,
                struct jinja_value *out)
{
    bool same = a.type == b.type;
    if (a.type == JINJA_STRING && same)
        return a.is_safe || b.is_safe ? concat_safe(run, a, b, out) : jinja_concat(run, a, b, out);
    if ((a.type == JINJA_LIST || a.type == JINJA_TUPLE) && same)
        return add_lists(run, a, b, out);
    if (a.type == JINJA_STRING && !a.is_safe)
        return jinja_fail(run, "can only concatenate str (not \"%s\") to str", jinja_type_name(b));
    if (a.type == JINJA_LIST || a.type == JINJA_TUPLE)
        return jinja_fail(run, "can only concatenate %s (not \"%s\") to %s", jinja_type_name(a),
                          jinja_type_name(b), jinja_type_name(a));
    return fail_operands(run, JINJA_OP_ADD, a, b);
}

static bool repeat_string(struct jinja_run *run, struct jinja_value s, uint64_t times,
                          struct jinja_value *out)
{
    size_t len = s.as.string->len;
    uint64_t total;
    if (__builtin_mul_overflow(len, times, &total))
        total = UINT64_MAX;
    if (!jinja_room(run, total))
        return false;
    uint8_t *at = arena_alloc(run->arena, total + 1);
    for (uint64_t i = 0; len > 0 && i < times; i++)
        memcpy(at + i * len, s.as.string->at, len);
    *out = string_with(run, at, total, s.as.string->n_chars * (len > 0 ? times : 0), NULL);
    out->is_safe = s.is_safe;
    return true;
}

static bool repeat(struct jinja_run *run, struct jinja_value v, int64_t count,
                   struct jinja_value *out)
{
    uint64_t times = count > 0 ? (uint64_t)count : 0;
    if (v.type == JINJA_STRING)
        return repeat_string(run, v, times, out);
    uint64_t n;
    if (__builtin_mul_overflow(v.as.list->n, times, &n) || n > (uint64_t)1 << 40)
        n = (uint64_t)1 << 40;
    if (!jinja_room(run, n * sizeof(struct jinja_value)) || !jinja_charge(run, n))
        return false;
    *out = jinja_list_new(run->arena, v.type);
    for (uint64_t i = 0; i < n; i++)
        jinja_list_add(run->arena, out->as.list, v.as.list->items[i % v.as.list->n]);
    return jinja_check_extent(run, *out);
}

static bool is_sequence(struct jinja_value v)
{
    return v.type == JINJA_STRING || v.type == JINJA_LIST || v.type == JINJA_TUPLE;
}

static bool multiply(struct jinja_run *run, struct jinja_value a, struct jinja_value b,
                     struct jinja_value *out)
{
    int64_t count;
    if (is_sequence(a) && jinja_as_int(b, &count))
        return repeat(run, a, count, out);
    if (is_sequence(b) && jinja_as_int(a, &count))
        return repeat(run, b, count, out);
    if (is_sequence(a) || is_sequence(b))
        return jinja_fail(run, "can't multiply sequence by non-int of type '%s'",
                          jinja_type_name(is_sequence(a) ? b : a));
    return fail_operands(run, JINJA_OP_MUL, a, b);
}

bool jinja_binary(struct jinja_run *run, enum jinja_op op, struct jinja_value a,
                  struct jinja_value b, struct jinja_value *out)
{
    int64_t x, y;
    double p, q;
    /* Formatting comes first: an undefined value prints as nothing. */
    if (op == JINJA_OP_MOD && a.type == JINJA_STRING)
        return jinja_percent(run, a, b, out);
    if (a.type == JINJA_UNDEFINED || b.type == JINJA_UNDEFINED)
        return jinja_fail_undefined(run, a.type == JINJA_UNDEFINED ? a : b);
    if (jinja_as_int(a, &x) && jinja_as_int(b, &y))
        return compute_int(run, op, x, y, out);
    if (jinja_as_double(a, &p) && jinja_as_double(b, &q))
        return compute_float(run, op, p, q, out);
    if (op == JINJA_OP_ADD)
        return add(run, a, b, out);
    if (op == JINJA_OP_MUL)
        return multiply(run, a, b, out);
    if (op == JINJA_OP_SUB && (a.type == JINJA_VIEW || b.type == JINJA_VIEW))
        return jinja_fail(run, "sets are not supported");
    return fail_operands(run, op, a, b);
}

/* ------------------------------------------------------------------------------- comparisons -- */

bool jinja_equal_charged(struct jinja_run *run, struct jinja_value a, struct jinja_value b,
                         bool *out)
{
    uint64_t x = jinja_extent_of(a).weight, y = jinja_extent_of(b).weight;
    *out = jinja_equal(a, b);
    return jinja_charge(run, x < y ? x - 1 : y - 1);
}

static bool is_in_items(struct jinja_run *run, struct jinja_value item, struct jinja_value items,
                        bool *out)
{
    struct jinja_iterator *it;
    struct jinja_value other;
    bool more;
    *out = false;
    if (!jinja_iterate(run, items, &it))
        return false;
    while (!*out) {
        if (!jinja_next(run, it, &other, &more))
            return false;
        if (!more)
            return true;
        if (!jinja_charge(run, 1) || !jinja_equal_charged(run, item, other, out))
            return false;
        *out = *out || jinja_same(item, other);
    }
    return true;
}

static bool is_in(struct jinja_run *run, struct jinja_value item, struct jinja_value container,
                  bool *out)
{
    struct jinja_value found;
    if (container.type == JINJA_STRING) {
        if (item.type != JINJA_STRING)
            return jinja_fail(run, "'in <string>' requires string as left operand, not %s",
                              jinja_type_name(item));
        struct span text = jinja_span(container), part = jinja_span(item);
        *out = part.len == 0 || span_find(text, part) < text.len;
        return jinja_charge(run, text.len / 64);
    }
    if (container.type == JINJA_DICT) {
        if (!jinja_is_hashable(item))
            return jinja_fail(run, "unhashable type: '%s'", jinja_type_name(item));
        *out = jinja_dict_get(container.as.dict, item, &found);
        return true;
    }
    if (!jinja_is_iterable(container))
        return jinja_fail(run, "argument of type '%s' is not iterable", jinja_type_name(container));
    return is_in_items(run, item, container, out);
}

/* The sign of a - b for values that have an order; 2: NaN; an error for those that have none. */
static bool order_of(struct jinja_run *run, enum jinja_op op, struct jinja_value a,
                     struct jinja_value b, int *order)
{
    if (a.type == JINJA_UNDEFINED || b.type == JINJA_UNDEFINED)
        return jinja_fail_undefined(run, a.type == JINJA_UNDEFINED ? a : b);
    if (jinja_is_number(a) && jinja_is_number(b)) {
        *order = jinja_compare_numbers(a, b);
        return true;
    }
    if (a.type == JINJA_STRING && b.type == JINJA_STRING) {
        int sign = span_compare(jinja_span(a), jinja_span(b));
        *order = sign < 0 ? -1 : sign > 0;
        return true;
    }
    if (a.type != b.type || (a.type != JINJA_LIST && a.type != JINJA_TUPLE))
        return jinja_fail(run, "'%s' not supported between instances of '%s' and '%s'", op_text[op],
                          jinja_type_name(a), jinja_type_name(b));
    const struct jinja_list *x = a.as.list, *y = b.as.list;
    size_t i = 0;
    bool same = true;
    while (i < x->n && i < y->n) {
        if (!jinja_equal_charged(run, x->items[i], y->items[i], &same) || !jinja_charge(run, 1))
            return false;
        if (!same)
            return order_of(run, op, x->items[i], y->items[i], order);
        i++;
    }
    *order = x->n < y->n ? -1 : x->n > y->n;
    return true;
}

bool jinja_compare(struct jinja_run *run, enum jinja_op op, struct jinja_value a,
                   struct jinja_value b, bool *out)
{
    int order = 0;
    switch (op) {
    case JINJA_OP_EQ:
        return jinja_equal_charged(run, a, b, out);
    case JINJA_OP_NE:
        if (!jinja_equal_charged(run, a, b, out))
            return false;
        *out = !*out;
        return true;
    case JINJA_OP_IN:
        return is_in(run, a, b, out);
    case JINJA_OP_NOT_IN:
        if (!is_in(run, a, b, out))
            return false;
        *out = !*out;
        return true;
    default:
        break;
    }
    if (!order_of(run, op, a, b, &order))
        return false;
    *out = op == JINJA_OP_LT   ? order == -1
           : op == JINJA_OP_LE ? order == -1 || order == 0
           : op == JINJA_OP_GT ? order == 1
                               : order == 1 || order == 0;
    return true;
}
