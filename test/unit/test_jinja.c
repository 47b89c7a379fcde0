/*
 * test_jinja.c - templates from text to text: the snippets of jinja_cases.h against what jinja2
 * gives, and what only pace does: limits, refusals, places of errors.
 */
#include "test/support/support.h"

#include "format/jinja.h"
#include "format/json.h"
#include "jinja_cases.h"

static struct arena arena;
static struct err err;
static struct buf out;

static void fixed_clock(struct tm *local)
{
    *local = (struct tm){.tm_year = 124,
                         .tm_mon = 6,
                         .tm_mday = 4,
                         .tm_hour = 13,
                         .tm_min = 5,
                         .tm_sec = 9,
                         .tm_wday = 4,
                         .tm_yday = 185};
}

static struct jinja_value context(void)
{
    struct json_reader r;
    json_open(&r, span_of(jinja_case_context), &arena);
    struct jinja_value value = jinja_from_json(&r, &arena);
    ASSERT_OK(json_close(&r, &err));
    return value;
}

static bool render_with(const char *source, const struct jinja_limits *limits,
                        struct jinja_spans *spans)
{
    struct jinja_template *template;
    struct jinja_job job = {.context = context().as.dict,
                            .arena = &arena,
                            .limits = limits,
                            .now = fixed_clock,
                            .spans = spans};
    buf_clear(&out);
    if (!jinja_compile(&template, &arena, span_of(source), &err))
        return false;
    job.template = template;
    return jinja_render(&job, &out, &err);
}

static bool render(const char *source)
{
    return render_with(source, NULL, NULL);
}

static int setup(void **state)
{
    (void)state;
    buf_init(&out, BUF_NO_LIMIT);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_release(&out);
    arena_release(&arena);
    return 0;
}

static void snippets_give_what_jinja_gives(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(jinja_cases); i++) {
        const struct jinja_case *c = &jinja_cases[i];
        err = (struct err){0};
        bool ok = render(c->source);
        if (ok != (c->text != NULL))
            fail_msg("%s: %s, wanted %s", c->source, ok ? buf_string(&out) : err.what,
                     c->text ? c->text : c->error);
        if (ok && !span_is(buf_span(&out), c->text))
            fail_msg("%s: \"%s\", wanted \"%s\"", c->source, buf_string(&out), c->text);
        arena_release(&arena);
    }
}

static void the_usual_mistakes_are_named_in_jinjas_words(void **state)
{
    (void)state;
    ASSERT_FAILS(render("{{ x.y }}"), "'x' is undefined");
    ASSERT_FAILS(render("{{ d.nope.more }}"), "'dict object' has no attribute 'nope'");
    ASSERT_FAILS(render("{{ l[10].more }}"), "list object has no element 10");
    ASSERT_FAILS(render("{{ none.x.y }}"), "'None' has no attribute 'x'");
    ASSERT_FAILS(render("{{ 'a' + 1 }}"), "can only concatenate str (not \"int\") to str");
    ASSERT_FAILS(render("{{ s() }}"), "'str' object is not callable");
    ASSERT_FAILS(render("{{ raise_exception('boom') }}"), "boom");
    ASSERT_FAILS(render("{{ l.append(1) }}"),
                 "access to attribute 'append' of 'list' object is unsafe.");
    ASSERT_FAILS(render("{{ s|nope }}"), "No filter named 'nope'.");
    ASSERT_FAILS(render("{{ s is nope }}"), "No test named 'nope'.");
    ASSERT_FAILS(render("{% if true %}{{ s|nope }}{% endif %}"), "No filter named 'nope' found.");
    ASSERT_FAILS(render("{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}"),
                 "macro 'm' takes not more than 1 argument(s)");
    ASSERT_FAILS(render("{% macro m(a) %}{% endmacro %}{{ m(b=2) }}"),
                 "macro 'm' takes no keyword argument 'b'");
    ASSERT_FAILS(render("{{ (1 }}"), "unexpected '}', expected ')'");
    ASSERT_FAILS(render("{% for x in y %}"), "Unexpected end of template.");
}

/* What goes wrong, and the words for it: jinja2's and Python's own in the first list. */
static const char *const mistakes[][2] = {
    {"{{ 'a'.join([1]) }}", "sequence item 0: expected str instance, int found"},
    {"{{ 'a'.center('x') }}", "'str' object cannot be interpreted as an integer"},
    {"{% macro m(a) %}{{ a }}{% endmacro %}{{ m(**{1: 2}) }}", "keywords must be strings"},
    {"{{ dict(**{'a': 1}, a=2) }}", "invalid syntax for function call expression"},
    {"{% for x in [1] %}{{ loop([1]) }}{% endfor %}",
     "The loop must have the 'recursive' marker to be called recursively."},
    {"{{ [1]|map('nope')|list }}", "No filter named 'nope'."},
    {"{{ [1]|map(foo=1)|list }}", "map requires a filter argument"},
    {"{{ [1]|selectattr()|list }}", "Missing parameter for attribute name"},
    {"{{ 'a'|round }}", "type str doesn't define __round__ method"},
    {"{{ ['a', 'b']|sum(start='') }}", "sum() can't sum strings [use ''.join(seq) instead]"},
    {"{{ 'abc'|truncate(5, leeway=-1) }}", "expected leeway >= 0, got -1"},
    {"{{ '%s'|format(1, a=2) }}", "can't handle positional and keyword arguments at the same time"},
    {"{{ '%c'|format(1114112) }}", "%c arg not in range(0x110000)"},
    {"{{ '%c'|format('ab') }}", "%c requires int or char"},
    {"{{ '{:.}'.format(1.0) }}", "Format specifier missing precision"},
    {"{{ '{:=5}'.format('a') }}", "'=' alignment not allowed in string format specifier"},
    {"{{ '{:.2d}'.format(1) }}", "Precision not allowed in integer format specifier"},
    {"{{ '{!r6}'.format(1) }}", "expected ':' after conversion specifier"},
    {"{{ '{0'.format(1) }}", "expected '}' before end of string"},
    {"{{ dict([1]) }}", "cannot convert dictionary update sequence element #0 to a sequence"},
    {"{{ dict(1, 2) }}", "dict expected at most 1 argument, got 2"},
    {"{{ cycler() }}", "at least one item has to be provided"},
    {"{% for x in [1] %}{{ loop.cycle() }}{% endfor %}", "no items for cycling given"},
    {"{{ (1, 2).index(3) }}", "tuple.index(x): x not in tuple"},
    {"{{ 0.0 ** -1 }}", "0.0 cannot be raised to a negative power"},
    {"{{ 10.0 ** 400 }}", "(34, 'Numerical result out of range')"},
};

static const char *const refusals[][2] = {
    {"{{ (1e308 * 10)|int }}", "cannot convert float infinity to integer"},
    {"{{ 3|round(-1) }}", "round: a precision below 0 is not supported"},
    {"{{ '%.999f'|format(1.0) }}", "a precision of 999 digits is not supported"},
    {"{{ ('%s'|safe)|format(1) }}", "formatting a string marked as safe is not supported"},
    {"{{ (-8.0) ** 0.5 }}", "complex numbers are not supported"},
    {"{% for x in [1] %}{% for y in loop %}{% endfor %}{% endfor %}",
     "iterating over the loop itself is not supported"},
    {"{{ [1]|urlencode }}", "urlencode wants pairs"},
    {"{% macro m(a) %}{{ a }}{% endmacro %}{{ m(**5) }}",
     "argument after ** must be a mapping, not int"},
    {"{{ '{:zz}'.format(1) }}", "Invalid format specifier"},
};

static void rarer_mistakes_are_named_too(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(mistakes); i++)
        ASSERT_FAILS(render(mistakes[i][0]), mistakes[i][1]);
    for (size_t i = 0; i < COUNT_OF(refusals); i++)
        ASSERT_FAILS(render(refusals[i][0]), refusals[i][1]);
}

static void an_error_names_the_line(void **state)
{
    (void)state;
    ASSERT_FAILS(render("a\n{% if n %}\n  {{ x.y }}\n{% endif %}"), "'x' is undefined");
    assert_string_equal(err.where, "line 3");
    ASSERT_FAILS(render("a\n\n{% nope %}"), "Encountered unknown tag 'nope'.");
    assert_string_equal(err.where, "line 3");
    ASSERT_FAILS(render("{%- set a = 1 -%}\n\n{{ a b }}"), "expected token");
    assert_string_equal(err.where, "line 3");
}

static void what_pace_has_not_is_refused_by_name(void **state)
{
    (void)state;
    ASSERT_FAILS(render("{% include 'x' %}"), "the tag {% include %} is not supported");
    ASSERT_FAILS(render("{% block a %}{% endblock %}"), "the tag {% block %} is not supported");
    ASSERT_FAILS(render("{% for a in l recursive %}{% endfor %}"),
                 "recursive loops are not supported");
    ASSERT_FAILS(render("{{ l|random }}"), "the filter random is not supported");
    ASSERT_FAILS(render("{{ s.encode() }}"), "encode is not supported");
    ASSERT_FAILS(render("{{ lipsum() }}"), "lipsum is not supported");
    ASSERT_FAILS(render("{{ self.x }}"), "the name self");
    ASSERT_FAILS(render("{{ 10 ** 19 }}"), "whole numbers beyond 64 bits are not supported");
    ASSERT_FAILS(render("{{ 9223372036854775807 + 1 }}"), "beyond 64 bits");
    ASSERT_FAILS(render("{{ -9223372036854775807 * 2 }}"), "beyond 64 bits");
    ASSERT_FAILS(render("{{ 9223372036854775808 }}"), "needs more than 64 bits");
    ASSERT_FAILS(render("{{ '\\N{DIGIT ONE}' }}"), "the escape \\N is malformed or not supported");
    ASSERT_FAILS(render("{{ s.upper }}"), "printing a builtin_function_or_method is not supported");
    ASSERT_FAILS(render("{{ '{:{}}'.format(1, 2) }}"), "a field inside a field is not supported");
    ASSERT_FAILS(render("{{ d.items() - d }}"), "sets are not supported");
    ASSERT_FAILS(render("{{ range(3)[1:] }}"), "a slice of a range is not supported");
    ASSERT_FAILS(render("{{ ('a'|safe).replace('a', 'b') }}"),
                 "str.replace of a string marked as safe is not supported");
}

static void endless_templates_are_stopped(void **state)
{
    (void)state;
    const struct jinja_limits limits = {
        .steps = 1000000, .memory_bytes = 16u << 20, .output_bytes = 1u << 20, .depth = 1500};
    static const char *const sources[] = {
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}"
        "{% endfor %}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(99) %}{% set ns.l = ns.l + ns.l %}"
        "{% endfor %}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(999) %}{% set ns.l = [ns.l] %}{% endfor "
        "%}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}"
        "{% endfor %}{{ ns.l == ns.l }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m(a) %}{{ m(a) ~ m(a) }}{% endmacro %}{{ m(1) }}",
        "{{ 'x' * 999999999999 }}",
        "{{ [1] * 999999999999 }}",
        "{{ 'x'.center(999999999999) }}",
        "{{ '%99999s' % 'x' * 99 }}",
        "{{ s|indent(999999999999) }}",
        "{{ range(99999)|batch(1, 'x')|list|slice(99999)|list|length }}{{ [1]|batch(9999999, "
        "1)|list }}",
        "{% for a in range(99999) %}{{ 'some text that is printed' }}{% endfor %}",
        "{{ (range(99999)|list)|map('string')|join('x' * 999) }}",
        "{% for a in range(99) %}{% for b in range(99999) if false %}{% endfor %}{% endfor %}",
        "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}",
        "{{ ('a' * 99999).replace('', 'b' * 999) }}",
    };
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        err = (struct err){0};
        if (render_with(sources[i], &limits, NULL))
            fail_msg("was not stopped: %s", sources[i]);
        bool named = strstr(err.what, "limit") || strstr(err.what, "deep") ||
                     strstr(err.what, "not supported");
        if (!named)
            fail_msg("%s: %s", sources[i], err.what);
        assert_string_equal(err.where, "line 1");
        assert_true(arena.total_bytes < 64u << 20);
        arena_release(&arena);
    }
}

static void deep_nesting_is_refused_and_not_crashed_on(void **state)
{
    (void)state;
    struct buf source;
    buf_init(&source, BUF_NO_LIMIT);
    static const char *const opening[] = {
        "{{ (", "{{ [", "{{ -", "{{ not ", "{{ a if b else ", "{{ {1: ", "{% if 1 %}{{ 1"};
    for (size_t i = 0; i < COUNT_OF(opening); i++) {
        buf_clear(&source);
        for (int k = 0; k < 20000; k++)
            buf_add_text(&source, k == 0 || i == 6 ? opening[i] : opening[i] + 3);
        ASSERT_FAILS(render(buf_string(&source)), "");
    }
    buf_clear(&source);
    buf_add_text(&source, "{{ 1");
    for (int k = 0; k < 20000; k++)
        buf_add_text(&source, " + 1");
    buf_add_text(&source, " }}");
    ASSERT_FAILS(render(buf_string(&source)), "levels of depth");
    buf_release(&source);
}

static void adding_to_a_text_again_and_again_is_linear(void **state)
{
    (void)state;
    const struct jinja_limits limits = {
        .steps = 5000000, .memory_bytes = 64u << 20, .output_bytes = 16u << 20, .depth = 100};
    ASSERT_OK(
        render_with("{% set ns = namespace(s='') %}{% for i in range(99999) %}"
                    "{% set ns.s = ns.s + 'twenty bytes of text' %}{% endfor %}{{ ns.s|length }}",
                    &limits, NULL));
    ASSERT_SPAN(buf_span(&out), "1999980");
}

static void a_shared_text_is_not_changed_by_adding_to_it(void **state)
{
    (void)state;
    ASSERT_OK(render("{% set a = 'x' * 300 %}{% set b = a + 'b' %}{% set c = b + 'c' %}"
                     "{% set d = b + 'd' %}{{ c[299:] }} {{ d[299:] }} {{ b[299:] }}"));
    ASSERT_SPAN(buf_span(&out), "xbc xbd xb");
}

static void generation_blocks_give_their_places(void **state)
{
    (void)state;
    struct jinja_spans spans;
    ASSERT_OK(render_with("ab{% generation %}cdé{% endgeneration %}f{% for i in [1, 2] %}"
                          "{% generation %}{{ i }}{% endgeneration %}{% endfor %}",
                          NULL, &spans));
    ASSERT_SPAN(buf_span(&out), "abcdéf12");
    assert_int_equal(spans.n, 3);
    assert_int_equal(spans.at[0].start, 2);
    assert_int_equal(spans.at[0].end, 6);
    assert_int_equal(spans.at[1].start, 7);
    assert_int_equal(spans.at[2].end, 9);
    assert_false(spans.lost);
    ASSERT_OK(render_with("{% set x %}{% generation %}a{% endgeneration %}{% endset %}{{ x }}",
                          NULL, &spans));
    assert_true(spans.lost);
}

static void a_template_says_whether_it_has_generation_blocks(void **state)
{
    (void)state;
    struct jinja_template *template;
    ASSERT_OK(
        jinja_compile(&template, &arena, span_of("{% generation %}{% endgeneration %}"), &err));
    assert_true(jinja_has_generation(template));
    ASSERT_OK(jinja_compile(&template, &arena, span_of("{# {% generation %} #}"), &err));
    assert_false(jinja_has_generation(template));
}

static void a_template_that_is_not_text_is_refused(void **state)
{
    (void)state;
    ASSERT_FAILS(render("a\xff"), "invalid UTF-8");
    assert_string_equal(err.where, "byte 1");
}

static void numbers_from_json_keep_their_kind(void **state)
{
    (void)state;
    struct json_reader r;
    json_open(&r, span_of("[1, 1.0, 1e2, -0, NaN, 1e400, 9223372036854775807]"), &arena);
    struct jinja_value list = jinja_from_json(&r, &arena);
    ASSERT_OK(json_close(&r, &err));
    struct jinja_value context_value = jinja_dict_new(&arena);
    jinja_dict_put_text(&arena, context_value.as.dict, "v", list);
    struct jinja_template *template;
    ASSERT_OK(jinja_compile(&template, &arena, span_of("{{ v }}{{ v|tojson }}"), &err));
    struct jinja_job job = {
        .template = template, .context = context_value.as.dict, .arena = &arena};
    buf_clear(&out);
    ASSERT_OK(jinja_render(&job, &out, &err));
    ASSERT_SPAN(buf_span(&out), "[1, 1.0, 100.0, 0, nan, inf, 9223372036854775807]"
                                "[1, 1.0, 100.0, 0, NaN, Infinity, 9223372036854775807]");
    json_open(&r, span_of("92233720368547758080"), &arena);
    (void)jinja_from_json(&r, &arena);
    ASSERT_FAILS(json_close(&r, &err), "needs more than 64 bits");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snippets_give_what_jinja_gives),
        cmocka_unit_test(the_usual_mistakes_are_named_in_jinjas_words),
        cmocka_unit_test(rarer_mistakes_are_named_too),
        cmocka_unit_test(an_error_names_the_line),
        cmocka_unit_test(what_pace_has_not_is_refused_by_name),
        cmocka_unit_test(endless_templates_are_stopped),
        cmocka_unit_test(deep_nesting_is_refused_and_not_crashed_on),
        cmocka_unit_test(adding_to_a_text_again_and_again_is_linear),
        cmocka_unit_test(a_shared_text_is_not_changed_by_adding_to_it),
        cmocka_unit_test(generation_blocks_give_their_places),
        cmocka_unit_test(a_template_says_whether_it_has_generation_blocks),
        cmocka_unit_test(a_template_that_is_not_text_is_refused),
        cmocka_unit_test(numbers_from_json_keep_their_kind),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
