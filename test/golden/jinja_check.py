"""Compares pace's Jinja with jinja2 in transformers' environment on small snippets.

Each snippet is rendered by both; the texts must be equal, or both must raise. The lists below are
written by hand; `generated` combines values, filters, tests, operators and methods.

    PACE_BUILD=build python jinja_check.py
"""
import json, os, random, subprocess, sys, warnings
from datetime import datetime

warnings.filterwarnings("ignore")
from transformers.utils import chat_template_utils as utils

BUILD = os.environ.get("PACE_BUILD", "build")
BATCH = os.environ.get("PACE_JINJA_BATCH", os.path.join(BUILD, "test/golden/jinja_batch"))


class FixedClock(datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2024, 7, 4, 13, 5, 9)


utils.datetime = FixedClock

CONTEXT = {
    "n": 7, "z": 0, "neg": -3, "f": 2.5, "big": 1e16, "t": True, "no": False, "nil": None,
    "s": "Hello, World", "e": "", "u": "Ünï çödé ß ŉ ǆ İ Σίσυφος", "w": "  a b\t c \n", "q": "it's \"q\"",
    "l": [3, 1, 2], "ls": ["b", "A", "c", "a"], "el": [], "d": {"b": 1, "a": 2, "C": 3}, "ed": {},
    "nest": {"x": {"y": [1, {"z": "deep"}]}},
    "users": [{"name": "Bob", "age": 30, "ok": True}, {"name": "al", "age": 20, "ok": False},
              {"name": "Cy", "age": 30}],
    "mixed": [1, "a", None, 2.5, True, [1], {"k": "v"}],
    "emoji": "a😀b👩‍👩‍👧c", "cjk": "漢字かな", "crlf": "a\r\nb\rc\n", "html": "<a href=\"x\">&'</a>",
    "num": "42", "flt": " 3.5 ", "longtext": "the quick brown fox jumps over the lazy dog",
    "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}],
}

HAND = r"""
{{ 1 }}{{ 1.0 }}{{ 1e16 }}{{ 1e15 }}{{ 1e-5 }}{{ 0.1 + 0.2 }}{{ 1_000 }}{{ 0x1F }}{{ 0b11 }}{{ 0o17 }}
{{ 'a' 'b' "c" }}{{ 'a\n\t\x41\u00e9\U0001F600\\\'\"' }}{{ '\q' }}{{ '\101' }}{{ 'é\é' }}
{{ [1, 'a', none, true, 1.5, [2], (3,), (), {'a': 1}] }}
{{ {'a': 'it\'s', "b": "q\"q", 1: 2, none: 3, (1, 2): 4} }}
{{ (1, 2) }}{{ (1,) }}{{ () }}{{ 1, 2 }}
{{ 7 // 2 }}{{ -7 // 2 }}{{ 7 % 3 }}{{ -7 % 3 }}{{ 7 % -3 }}{{ 7 / 2 }}{{ 2 ** 3 ** 2 }}{{ 2 ** -1 }}{{ 2.0 ** 0.5 }}
{{ 7.5 // 2 }}{{ -7.5 // 2 }}{{ -7.5 % 2 }}{{ 7.5 % -2 }}{{ 1 / 3 }}{{ 0.0 / 3 }}{{ -0.0 }}
{{ 1 / 0 }}
{{ 1 // 0 }}
{{ 1 % 0 }}
{{ 1.5 % 0 }}
{{ -2 ** 2 }}{{ -n|abs }}{{ - -3 }}{{ +3 }}{{ -t }}
{{ 'a' ~ 1 ~ none ~ 2.5 ~ x ~ [1] }}{{ 'a' * 3 }}{{ 3 * 'ab' }}{{ [1] * 2 }}{{ (1,) + (2,) }}{{ [1] + [2] }}
{{ 'a' + 1 }}
{{ 1 + 'a' }}
{{ none + 1 }}
{{ [1] + 'a' }}
{{ 'a' - 'b' }}
{{ -'a' }}
{{ 'a' * 'b' }}
{{ x + 1 }}
{{ x.y }}
{{ x['y'] }}
{{ d.nope.more }}
{{ l[10].more }}
{{ d.nope }}|{{ l[10] }}|{{ s.nope }}|{{ none.x }}|{{ n.x }}
{{ undefined_function() }}
{{ s() }}
{{ d.nope() }}
{{ 1 < 2 < 3 }}{{ 1 < 3 < 2 }}{{ 1 == 1.0 == true }}{{ 'a' < 'b' }}{{ [1, 2] < [1, 3] }}{{ (1,) < (1, 2) }}
{{ 1 < 'a' }}
{{ none < 1 }}
{{ {} < {} }}
{{ x < 1 }}
{{ x == y }}{{ x == none }}{{ x != 1 }}{{ [] == [] }}{{ {} == {} }}{{ [1, [2]] == [1, [2]] }}{{ {'a': 1} == {'a': 1.0} }}
{{ 1 in [1, 2] }}{{ 'a' in 'abc' }}{{ 'a' in d }}{{ 3 not in l }}{{ x in [1] }}{{ x in [x] }}{{ 1 in (1,) }}{{ 'b' in d.keys() }}
{{ 1 in 'abc' }}
{{ 1 in 5 }}
{{ 1 in none }}
{{ [] in d }}
{{ x in 'abc' }}
{{ not true }}{{ not x }}{{ true and 1 }}{{ 0 or 'b' }}{{ 1 and 0 or 5 }}{{ not 1 in [2] }}{{ not 1 == 2 }}
{{ 'a' if true else 'b' }}{{ 'a' if false }}{{ 'a' if false else 'b' if false else 'c' }}{{ ('a' if false).x }}
{{ s[0] }}{{ s[-1] }}{{ s[1:4] }}{{ s[::-1] }}{{ s[:-2:3] }}{{ emoji[1:3] }}{{ emoji[::-1] }}{{ emoji|length }}{{ cjk[1] }}{{ s[100:] }}|{{ s[-3:] }}
{{ l[1:] }}{{ l[::-1] }}{{ l[:1] }}{{ l[-2:] }}{{ l[5:] }}{{ (1, 2, 3)[1:] }}
{{ none[1:] }}
{{ d[1:] }}
{{ x[1:] }}
{{ l['a'] }}|{{ l.0 }}|{{ nest.x.y.1.z }}{{ nest['x']['y'][1]['z'] }}{{ l[true] }}
{{ l[::0] }}
{{ l['a':] }}
{{ d.items() }}{{ d.keys() }}{{ d.values() }}{{ d.items()|list }}{{ d.get('a') }}{{ d.get('zz') }}{{ d.get('zz', 5) }}{{ d['get'] is defined }}
{{ d.update({'a': 1}) }}
{{ l.append(1) }}
{{ l.pop }}|{{ d.pop is defined }}|{{ l.append is undefined }}
{{ d.__class__ }}|{{ d.__class__.x }}
{{ s.__class__ is defined }}{{ s._x is defined }}
{{ {'items': 5}.items }}
{{ {'items': 5}['items'] }}{{ {'x': 5}['items']()|list }}
{{ range(5)|list }}{{ range(1, 5) }}{{ range(0, 10, 3)|list }}{{ range(5, 0, -2)|list }}{{ range(3)[1] }}{{ range(3)|length }}
{{ range(1000000) }}
{{ range(1, 2, 0) }}
{{ range() }}
{{ dict(a=1, b=2) }}{{ dict([('a', 1)]) }}{{ dict({'x': 1}, y=2) }}
{% set ns = namespace(a=1, b='x') %}{{ ns.a }}{% set ns.a = 5 %}{{ ns.a }}{{ ns.c }}|{{ ns['b'] }}|{{ ns }}
{% set ns = namespace(_a=1) %}
{% set ns = namespace() %}{% set ns._a = 1 %}
{% set d2 = {} %}{% set d2.a = 1 %}
{% set q.a = 1 %}
{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set a, b = b, a %}{{ a }}{{ b }}
{% set a, b = [1, 2, 3] %}
{% set a, b = [1] %}
{% set a, b = 5 %}
{% set ns = namespace(a=1,b=2) %}{% set ns.a, ns.b = 5, 6 %}{{ ns.a }}{{ ns.b }}
{% set (a, b), c = [[1, 2], 3] %}{{ a }}{{ b }}{{ c }}
{% set a = 1 %}{% for i in [1, 2] %}{% set a = a + i %}{{ a }}{% endfor %}{{ a }}
{% for i in [1, 2, 3] %}{% if i == 2 %}{% set y = i %}{% endif %}{{ y }}-{% endfor %}{{ y }}
{% if true %}{% set y = 1 %}{% endif %}{{ y }}
{% for i in [1] %}{% set y %}<{{ i }}>{% endset %}{{ y }}{% endfor %}{{ y }}
{% set y | upper | replace('A', 'b') %}abca{% endset %}{{ y }}
{% for i in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }}{{ loop.previtem }}{{ loop.nextitem }}|{% endfor %}
{% for i in l if i > 1 %}{{ loop.index }}/{{ loop.length }}:{{ i }}{{ loop.last }} {% endfor %}
{% for i in l|select('odd') %}{{ loop.index }}{{ loop.last }}{{ loop.length }}{{ i }}{% endfor %}
{% for i in [] %}x{% else %}empty{% endfor %}{% for i in x %}x{% else %}undef{% endfor %}
{% for i in [1,2] if i > 5 %}x{% else %}none{% endfor %}
{% for i in 5 %}x{% endfor %}
{% for i in none %}x{% endfor %}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}{% for k in d %}{{ k }}{% endfor %}
{% for a, b in [[1, 2], [3, 4]] %}{{ a }}{{ b }}{% endfor %}
{% for a, b in [[1, 2, 3]] %}{{ a }}{% endfor %}
{% for c in 'héy' %}[{{ c }}]{% endfor %}
{% for i in range(3) %}{{ loop.cycle('a', 'b') }}{{ loop.changed(i // 2) }}{% endfor %}
{% for i in [1, 2, 3, 4] %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 4 %}{% break %}{% endif %}{{ i }}{% endfor %}
{% for i in [1, 2] %}{% for j in [1, 2] %}{{ loop.index }}{% if j == 1 %}{% break %}{% endif %}{% endfor %}{{ loop.index }}{% endfor %}
{% for i in [1,2] %}{{ loop }}{% endfor %}
{% for i in [1,2] %}{% set loop = 1 %}{% endfor %}
{{ loop }}|{{ loop is defined }}
{{ loop.index }}
{% for i in [1, 2] %}{% if loop.first %}{{ loop.nextitem }}{% endif %}{{ i }}{% endfor %}
{% set ns = namespace(stop=false) %}{% for i in [1,2,3,4] if not ns.stop %}{{ i }}{% if i == 2 %}{% set ns.stop = true %}{% endif %}{% endfor %}
{% macro m(a, b=2, c='x') %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(1, c='y') }}{{ m() }}{{ m(b=5) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, b=2) }}
{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, z=4) }}{{ m.name }}{{ m.arguments }}{{ m.catch_kwargs }}{{ m.catch_varargs }}{{ m.caller }}{{ m }}
{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}{{ m(1, 2) }}
{% macro m(a=b, b=1) %}{{ a }}{{ b }}{% endmacro %}{{ m() }}
{% macro m(a, b) %}{{ b }}{{ b.x }}{% endmacro %}{{ m(1) }}
{% macro m(a) %}{{ caller() }}[{{ a }}]{% endmacro %}{% call m(5) %}body{% endcall %}
{% macro m(a) %}{% for i in a %}{{ caller(i) }}{% endfor %}{% endmacro %}{% call(x) m([1,2]) %}<{{ x }}>{% endcall %}
{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}
{% macro m() %}x{% endmacro %}{% call m() %}b{% endcall %}
{% macro m(n) %}{{ n }}{% if n > 0 %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(5) }}
{% set x = 1 %}{% macro m() %}{{ x }}{% endmacro %}{% set x = 2 %}{{ m() }}
{% macro m() %}{% set q = 5 %}{{ q }}{% endmacro %}{{ m() }}{{ q }}
{% for i in [1,2] %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}
{% macro m() %}a{% endmacro %}{{ m() ~ 'b' }}{{ m()|upper }}{{ m() + 'c' }}
{% macro m(x) %}{% if x is mapping %}{% for k, v in x|dictsort %}{{ k }}:{{ m(v) }},{% endfor %}{% else %}{{ x }}{% endif %}{% endmacro %}{{ m({'b': {'c': 1}, 'a': 2}) }}
{% filter upper %}abc{{ n }}{% endfilter %}{% filter replace('a', 'b')|upper %}aab{% endfilter %}
{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a }}{% with %}{% set c = 1 %}{{ c }}{% endwith %}{{ c }}
{% set a = 5 %}{% with a = 1, b = a %}{{ b }}{% endwith %}
{% raw %}{{ x }}{% if %}{% endraw %}|{%- raw -%}  {{ y }}  {%- endraw -%}  z
{# comment #}a{#- c -#}  b  {#- c #} c
{% generation %}abc{{ n }}{% endgeneration %}d
{% if x %}1{% elif n == 7 %}2{% else %}3{% endif %}{% if not x %}4{% endif %}{% if 1, %}5{% endif %}
{% if true: %}a{% endif %}
{% print 1, 'a' %}{% print x %}
{{ raise_exception('boom') }}
{{ raise_exception('boom ' ~ n) }}
{{ raise_exception(x) }}
{% if false %}{{ raise_exception('no') }}{% endif %}ok
{{ strftime_now('%Y-%m-%d %H:%M:%S %a %b %j %d %B %y %I %p %%') }}{{ strftime_now('%d %b %Y') }}
{{ cycler('a', 'b').next() }}{% set c = cycler(1, 2) %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{% set _ = c.reset() %}{{ c.current }}
{% set j = joiner() %}{{ j() }}a{{ j() }}b{{ j() }}{% set k = joiner('|') %}{{ k() }}{{ k() }}
{{ s|nope }}
{% if false %}{{ s|nope }}{% endif %}ok
{% if true %}{{ s|nope }}{% endif %}
{{ (s|nope) if false else 'ok' }}
{% if false %}{% for i in [] %}{{ s|nope }}{% endfor %}{% endif %}ok
{{ s is nope }}
{% if false and s is nope %}{% endif %}ok
{% for %}{% endfor %}
{% if %}{% endif %}
{{ }}
{{ 1 + }}
{{ (1 }}
{{ 1) }}
{{ [1, }}
{% if 1 %}
{% endif %}
{% nope %}
{{ 'abc }}
{{ a b }}
{% for x in y %}{% endif %}
{% set %}
{% set 1 = 2 %}
{% set none = 2 %}
{% macro m(a=1, b) %}{% endmacro %}
{% break %}
{% for i in [1] %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}
{# unclosed
{% raw %}x
{{ f(**{'a': 1}) }}
{{ dict(**{'a': 1}) }}{{ range(*[1, 3])|list }}{{ dict(a=1, **{'b': 2}) }}
{{ dict(a=1, a=2) }}
{{ f(a=1, 2) }}
{{ x is defined }}{{ n is defined }}{{ x is undefined }}{{ nil is none }}{{ t is true }}{{ t is boolean }}{{ no is false }}{{ n is number }}{{ t is number }}{{ f is float }}{{ t is integer }}{{ n is integer }}
{{ s is string }}{{ d is mapping }}{{ l is sequence }}{{ s is sequence }}{{ d is sequence }}{{ n is sequence }}{{ x is sequence }}{{ d.items() is sequence }}{{ range(2) is sequence }}
{{ s is iterable }}{{ n is iterable }}{{ d is iterable }}{{ x is iterable }}{{ range is callable }}{{ s is callable }}{{ s.upper is callable }}{{ x is callable }}{{ namespace is callable }}
{{ 3 is odd }}{{ 4 is even }}{{ 9 is divisibleby 3 }}{{ 9 is divisibleby(2) }}{{ 1 is sameas 1 }}{{ true is sameas true }}{{ 1 is eq 1 }}{{ 1 is ne 2 }}{{ 2 is gt 1 }}{{ 1 is in [1] }}{{ 1 is not in [1] }}
{{ 'ABC' is upper }}{{ 'abc' is lower }}{{ 'aB' is lower }}{{ '1' is lower }}{{ 'upper' is filter }}{{ 'nope' is filter }}{{ 'odd' is test }}{{ x is not defined }}{{ '' is escaped }}{{ ('<'|e) is escaped }}
{{ 'a' is odd }}
{{ x is odd }}
{{ 1 is divisibleby 0 }}
{{ n is defined is true }}
{{ 'x' is string and 1 is number or false }}
{{ l|sort }}{{ ls|sort }}{{ ls|sort(case_sensitive=true) }}{{ ls|sort(reverse=true) }}{{ users|sort(attribute='age')|map(attribute='name')|list }}{{ users|sort(attribute='age,name')|map(attribute='name')|join(',') }}
{{ mixed|sort }}
{{ users|map(attribute='name')|join(', ') }}{{ users|map(attribute='ok', default='?')|list }}{{ users|map(attribute='nope')|list }}{{ ls|map('upper')|list }}{{ ls|map('replace', 'a', 'x')|list }}{{ [1,2]|map('string')|join }}
{{ users|map('nope')|list }}
{{ users|map|list }}
{{ users|selectattr('ok')|map(attribute='name')|list }}{{ users|rejectattr('ok')|map(attribute='name')|list }}{{ users|selectattr('age', 'gt', 25)|list|length }}{{ users|selectattr('ok', 'defined')|list|length }}{{ users|selectattr('name', 'equalto', 'Bob')|first }}
{{ l|select('odd')|list }}{{ l|reject('odd')|list }}{{ mixed|select('string')|list }}{{ [0, 1, '']|select|list }}{{ l|select('gt', 1)|list }}{{ [0,1]|reject|list }}
{{ l|select('nope')|list }}
{{ x|map('upper')|list }}{{ x|select|list }}
{{ l|first }}{{ l|last }}{{ el|first }}{{ el|last }}{{ x|first }}{{ s|first }}{{ s|last }}{{ d|first }}
{{ l|map('string')|last }}
{{ 5|first }}
{{ l|length }}{{ s|length }}{{ d|count }}{{ x|length }}{{ emoji|count }}
{{ 5|length }}
{{ none|length }}
{{ l|map('string')|length }}
{{ l|join }}{{ l|join(', ') }}{{ mixed|join('-') }}{{ 'abc'|join('-') }}{{ d|join(',') }}{{ x|join }}{{ l|join(1) }}
{{ 5|join }}
{{ l|sum }}{{ users|sum(attribute='age') }}{{ l|sum(start=10) }}{{ []|sum }}{{ [0.1, 0.2]|sum }}{{ [[1],[2]]|sum(start=[]) }}
{{ ls|sum }}
{{ l|min }}{{ l|max }}{{ ls|min }}{{ ls|max }}{{ el|max }}{{ users|max(attribute='age') }}{{ ls|min(case_sensitive=true) }}
{{ ls|unique|list }}{{ [1, 1.0, true, 'a', 'A']|unique|list }}{{ users|unique(attribute='age')|map(attribute='name')|list }}{{ ls|unique(case_sensitive=true)|list }}
{{ mixed|unique|list }}
{{ l|reverse|list }}{{ s|reverse }}{{ d|reverse|list }}{{ l|map('string')|reverse }}{{ emoji|reverse }}
{{ 5|reverse }}
{% for g in users|groupby('age') %}{{ g.grouper }}:{{ g.list|map(attribute='name')|join(',') }};{{ g }}{% endfor %}{% for k, v in users|groupby('ok', default='?') %}{{ k }}{% endfor %}
{% for k, v in users|groupby('age') %}{{ k }}{{ v|length }}{% endfor %}{{ ls|groupby(0)|list }}
{{ d|dictsort }}{{ d|dictsort(true) }}{{ d|dictsort(false, 'value') }}{{ d|dictsort(reverse=true) }}{{ d|dictsort(by='value', reverse=true) }}
{{ d|dictsort(by='x') }}
{{ l|dictsort }}
{{ x|dictsort }}
{{ d|items|list }}{{ x|items|list }}
{{ l|items|list }}
{{ l|batch(2)|list }}{{ l|batch(2, 'x')|list }}{{ range(7)|batch(3)|list }}{{ l|slice(2)|list }}{{ range(7)|slice(3, 'f')|list }}{{ []|batch(2)|list }}
{{ l|list }}{{ s|list }}{{ d|list }}{{ x|list }}{{ range(3)|list }}
{{ 5|list }}
{{ s|upper }}{{ s|lower }}{{ u|upper }}{{ u|lower }}{{ u|title }}{{ u|capitalize }}{{ 'hello wORLD-foo (bar) [baz]'|title }}{{ 'hELLO wORLD'|capitalize }}{{ 12|upper }}{{ none|lower }}{{ x|upper }}
{{ w|trim }}|{{ 'xxaxx'|trim('x') }}|{{ 5|trim }}|{{ x|trim }}|{{ 'abcba'|trim('ab') }}|{{ ' é '|trim }}|
{{ s|replace('l', 'L') }}{{ s|replace('l', 'L', 1) }}{{ 'abc'|replace('', '-') }}{{ 5|replace(5, 6) }}{{ s|replace('x', 'y') }}{{ 'aaa'|replace('aa', 'b') }}{{ x|replace('a', 'b') }}{{ 'ab'|replace('', '-', 2) }}
{{ s|replace('l') }}
{{ 'a\nb\n\nc'|indent }}|{{ 'a\nb'|indent(2) }}|{{ 'a\nb'|indent(2, true) }}|{{ 'a\n\nb'|indent(2, blank=true) }}|{{ 'a\nb\n'|indent('>>', first=true) }}|{{ ''|indent }}|
{{ 5|indent }}
{{ x|indent }}
{{ longtext|truncate(20) }}{{ longtext|truncate(20, true) }}{{ longtext|truncate(20, false, '..', 0) }}{{ longtext|truncate }}{{ longtext|truncate(10, end='') }}{{ 'aaaaaaaaaaaaaaaaa'|truncate(5) }}{{ longtext|truncate(40) }}{{ longtext|truncate(20, leeway=0) }}
{{ longtext|truncate(1) }}
{{ longtext|wordcount }}{{ "it's a_b c-d"|wordcount }}{{ ''|wordcount }}
{{ 'ab'|center(7) }}|{{ 'abc'|center(8) }}|{{ 'abc'|center(2) }}|{{ 'é'|center(4) }}|{{ 'abc'.center(7, '*') }}{{ 'ab'.center(7, '*') }}{{ 'ab'.center(6) }}|{{ 'abc'.center(6) }}|
{{ '42'|int }}{{ '42.7'|int }}{{ 'x'|int }}{{ 'x'|int(5) }}{{ 3.9|int }}{{ -3.9|int }}{{ true|int }}{{ none|int }}{{ ' 12 '|int }}{{ '1_000'|int }}{{ '0x1f'|int(base=16) }}{{ 'ff'|int(0, 16) }}{{ '101'|int(base=2) }}{{ l|int }}{{ '-5'|int }}{{ '1e3'|int }}{{ 'inf'|int }}{{ 'nan'|int }}
{{ x|int }}
{{ '3.5'|float }}{{ 'x'|float }}{{ 'x'|float(1.5) }}{{ 5|float }}{{ '1e3'|float }}{{ 'inf'|float }}{{ 'nan'|float }}{{ ' 2.5 '|float }}{{ none|float }}{{ '1_0.5'|float }}{{ '-inf'|float }}{{ '.5'|float }}{{ '5.'|float }}
{{ x|float }}
{{ 2.5|round }}{{ 3.5|round }}{{ 2.567|round(2) }}{{ 42|round }}{{ 2.1|round(method='ceil') }}{{ 2.9|round(0, 'floor') }}{{ 2.675|round(2) }}{{ 2.345|round(1, 'ceil') }}{{ 0.5|round }}{{ 1.5|round }}{{ -2.5|round }}{{ true|round }}{{ 1234.5678|round(2) }}
{{ 2.5|round(method='x') }}
{{ 'a'|round }}
{{ x|round }}
{{ -3|abs }}{{ -2.5|abs }}{{ true|abs }}
{{ 'a'|abs }}
{{ x|default('D') }}{{ n|default('D') }}{{ ''|default('D') }}{{ ''|default('D', true) }}{{ none|default('D') }}{{ none|d('D', boolean=true) }}{{ x|default }}|{{ x.y|default('a') }}
{{ d.nope|default('fine') }}{{ (d.nope).more|default('fine') }}
{{ html|e }}{{ html|escape|e }}{{ html|forceescape }}{{ (html|e)|forceescape }}{{ html|safe }}{{ 5|e }}{{ x|e }}{{ html|safe|upper }}
{{ (html|safe) + '<b>' }}{{ '<b>' + (html|safe) }}{{ (html|safe) ~ '<b>' }}{{ ('<'|safe) * 2 }}{{ ['<'|safe] }}{{ ('<'|safe)[0] + '>' }}{{ ('<b>'|safe)|replace('b', '<') }}
{{ 'a b/c?é&=+'|urlencode }}{{ {'a b': 'c/d', 'e': 1}|urlencode }}{{ [['a', 1]]|urlencode }}{{ 5|urlencode }}{{ ''|urlencode }}
{{ d|tojson }}{{ mixed|tojson }}{{ u|tojson }}{{ q|tojson }}{{ html|tojson }}{{ 'a\x00\x1f\x7f\u2028'|tojson }}{{ emoji|tojson(ensure_ascii=true) }}{{ d|tojson(indent=2) }}{{ nest|tojson(indent=4) }}{{ []|tojson(indent=2) }}{{ {}|tojson(indent=2) }}
{{ d|tojson(sort_keys=true) }}{{ d|tojson(separators=(',', ':')) }}{{ d|tojson(indent='\t') }}{{ (1, 2)|tojson }}{{ {1: 2, none: 3, true: 4, 1.5: 5}|tojson }}{{ 1.0|tojson }}{{ 1e100|tojson }}{{ d|tojson(indent=0) }}{{ nest|tojson(indent=2, separators=(',', ':'), sort_keys=true) }}{{ d|tojson(true) }}
{{ 'inf'|float|tojson }}{{ 'nan'|float|tojson }}{{ -0.0|tojson }}{{ true|tojson }}{{ none|tojson }}
{{ x|tojson }}
{{ [x]|tojson }}
{{ {(1, 2): 3}|tojson }}
{{ range|tojson }}
{{ l|map('string')|tojson }}
{{ {'a': 1, 2: 3}|tojson(sort_keys=true) }}
{{ d.items()|tojson }}
{{ '%s and %s'|format('a', 1) }}{{ '%05.2f|%5d|%-5s|%+d|%x|%X|%o|%e|%g|%%|%c|%r'|format(3.14159, 42, 'ab', 5, 255, 255, 8, 12345.678, 0.0001, 'z', 'q') }}{{ '%(a)s'|format(a=5) }}{{ '%s' % 5 }}{{ '%s %s' % (1, 2) }}{{ '%s' % [1] }}{{ '%d' % 3.7 }}{{ '%.3s' % 'abcdef' }}{{ '%10.3s|' % 'abcdef' }}{{ '%*d' % (5, 42) }}{{ '%-10s|' % 'a' }}{{ '%010d' % -42 }}{{ '% d' % 5 }}{{ '%#x' % 255 }}{{ '%i' % 5 }}
{{ '%s' % x }}{{ '%s' % none }}{{ '%s' % {'a': 1} }}{{ '%(a)s %(b)d' % {'a': 1, 'b': 2} }}{{ 'no' % {} }}{{ '%s' % () if false else 'x' }}
{{ '%d' % 'a' }}
{{ '%s %s' % 'a' }}
{{ 'a' % 'b' }}
{{ '%z' % 1 }}
{{ '%(a)s' % 5 }}
{{ '%' % 5 }}
{{ '{} {}'.format(1, 'a') }}{{ '{0}{1}{0}'.format('a', 'b') }}{{ '{x}'.format(x=5) }}{{ '{:>8}|{:<8}|{:^8}|{:*^8}'.format('a', 'b', 'c', 'd') }}{{ '{:05d}|{:+d}|{:,}|{:_}|{:x}|{:#x}|{:b}|{:o}|{:08.3f}|{:.2f}|{:e}|{:%}|{:g}'.format(42, 5, 1234567, 1234567, 255, 255, 5, 8, 3.14159, 2.5, 12345.678, 0.25, 0.0001) }}{{ '{{}}'.format(1) }}{{ '{!r}'.format('a') }}{{ '{a[x]}{a.x}'.format(a={'x': 1}) }}{{ '{:.3}'.format('abcdef') }}{{ '{:10}|'.format(5) }}{{ '{:10}|'.format('a') }}{{ '{}'.format(1.0) }}{{ '{:.3}'.format(3.14159) }}{{ '{:,.2f}'.format(1234567.891) }}{{ '{:010,}'.format(5) if false else '' }}
{{ '{}'.format() }}
{{ '{x}'.format() }}
{{ '{'.format() }}
{{ '}'.format() }}
{{ '{:d}'.format('a') }}
{{ 'a,b,,c'.split(',') }}{{ 'a b  c '.split() }}{{ 'a,b,c'.split(',', 1) }}{{ 'a b c'.split(none, 1) }}{{ ' a  b c '.split(maxsplit=1) }}{{ 'a,b,c'.rsplit(',', 1) }}{{ ' a b c '.rsplit(none, 1) }}{{ ''.split() }}{{ ''.split(',') }}{{ 'abc'.split('b') }}{{ 'a--b'.split('--') }}{{ 'x'.rsplit() }}{{ ' a b '.rsplit() }}
{{ 'a'.split('') }}
{{ 'a'.split(1) }}
{{ 'xxaxx'.strip('x') }}{{ ' a '.strip() }}|{{ ' a '.lstrip() }}|{{ ' a '.rstrip() }}|{{ 'abcabc'.lstrip('ab') }}{{ '\u00a0a\u2003'.strip() }}{{ 'éaé'.strip('é') }}{{ 'a'.strip(none) }}
{{ 'a'.strip(1) }}
{{ 'abc'.startswith('ab') }}{{ 'abc'.startswith(('x', 'a')) }}{{ 'abc'.endswith('bc') }}{{ 'abc'.startswith('b', 1) }}{{ 'abc'.endswith(('b',), 0, 2) }}{{ 'abc'.startswith('') }}{{ 'abc'.startswith('', 5) }}
{{ 'abc'.startswith(['a']) }}
{{ 'abc'.startswith(x) }}
{{ 'abcabc'.find('c') }}{{ 'abc'.find('x') }}{{ 'abcabc'.rfind('b') }}{{ 'abcabc'.index('b', 2) }}{{ 'éàb'.find('b') }}{{ 'abc'.find('') }}{{ 'abcabc'.count('bc') }}{{ 'aaa'.count('aa') }}{{ 'abc'.count('') }}{{ 'abcabc'.find('a', 1, 3) }}{{ 'abc'.rfind('') }}{{ 'abcabc'.find('c', -2) }}
{{ 'abc'.index('x') }}
{{ 'a-b'.upper().lower().title().capitalize().swapcase() }}{{ 'ß'.upper() }}{{ 'ΑΣ'.lower() }}{{ 'ǆ'.title() }}{{ "they're bill's"|title }}{{ "they're bill's".title() }}{{ 'ﬁ'.upper() }}{{ 'ŉ'.upper() }}{{ 'İ'.lower()|length }}{{ 'hello world'.title() }}
{{ ','.join(['a', 'b']) }}{{ ''.join('abc') }}{{ ', '.join(d) }}{{ '-'.join(l|map('string')) }}
{{ ','.join([1]) }}
{{ ','.join(5) }}
{{ 'a.b.c'.partition('.') }}{{ 'a.b.c'.rpartition('.') }}{{ 'abc'.partition('x') }}{{ 'abc'.rpartition('x') }}{{ 'a\nb\r\nc\x0bd'.splitlines() }}{{ 'a\nb'.splitlines(true) }}{{ 'a\n'.splitlines() }}{{ ''.splitlines() }}{{ 'a\u2028b\x85c'.splitlines() }}
{{ 'abc'.removeprefix('a') }}{{ 'abc'.removesuffix('c') }}{{ 'abc'.removeprefix('x') }}{{ '42'.zfill(5) }}{{ '-42'.zfill(5) }}{{ 'a'.ljust(3) }}|{{ 'a'.rjust(3, '.') }}|{{ 'abc'.ljust(2) }}
{{ 'a'.ljust(3, 'ab') }}
{{ '123'.isdigit() }}{{ '²'.isdigit() }}{{ '²'.isdecimal() }}{{ '½'.isnumeric() }}{{ 'abc'.isalpha() }}{{ 'é漢'.isalpha() }}{{ 'a1'.isalnum() }}{{ ' \t'.isspace() }}{{ ''.isdigit() }}{{ 'Abc'.istitle() }}{{ 'ABC'.isupper() }}{{ 'abc1'.islower() }}{{ 'a_1'.isidentifier() }}{{ '1a'.isidentifier() }}{{ 'abc'.isascii() }}{{ 'é'.isascii() }}{{ 'a\n'.isprintable() }}{{ ''.isprintable() }}{{ '一二'.isnumeric() }}
{{ 'abc'.replace('b', 'x') }}{{ 'aaa'.replace('a', 'b', 2) }}{{ 'abc'.replace('', '-') }}{{ ''.replace('', 'x') }}
{{ 'abc'.replace('b') }}
{{ 'abc'.replace(1, 2) }}
{{ l.index(1) }}{{ l.count(1) }}{{ [1, 2, 1].index(1, 1) }}{{ (1, 2).index(2) }}{{ (1, 1).count(1) }}{{ l.copy() }}{{ d.copy() }}{{ 2.0.is_integer() }}
{{ l.index(9) }}
{{ d.get() }}
{{ d.get([]) }}
{{ s.nope() }}
{{ n.real }}{{ f.imag }}{{ n.numerator }}
{{ s|attr('upper') is callable }}{{ d|attr('a') }}|{{ d|attr('get') is callable }}|{{ s|attr('nope') }}
{{ [1, 2, 3] | map('string') | list | join('-') | upper | length }}
{{ d.a if d.a is defined else 'x' }}{{ d['a'] + 1 }}{{ d.a ** 2 }}
{{ messages[0]['role'] }}{{ messages[-1].content }}{{ messages[1:]|length }}{{ messages|length - 1 }}{{ messages[0].get('name', '?') }}
{%- for m in messages -%} {{ m.role }}: {{ m.content }} {%- endfor -%}
{{ q }}{{ [q] }}{{ ["a'b"] }}{{ ['a"b'] }}{{ ['a\nb\tc\\'] }}{{ ['é\x00\u200b\xad😀'] }}{{ [crlf] }}
{{ 1.5e300 * 1e10 }}{{ 1e308 * 10 }}{{ -1e308 * 10 }}{{ (1e308 * 10) - (1e308 * 10) }}
{{ 10 ** 18 }}{{ 2 ** 62 }}{{ 9223372036854775807 }}{{ -9223372036854775807 - 1 }}
{{ 5 if x else 6 if n else 7 }}
{{ {'a': {'b': [1, 2, {'c': none}]}} }}
{{ [x, nil] }}{{ {x: 1} }}
{{ {[]: 1} }}
{{ (l|select('odd')|list)[0] }}
{{ 'a' 'b' ~ 'c' }}{{ 'abc'[1] }}{{ 'abc'|first|upper }}{{ ('a', 'b')|join }}
{% set x %}{% endset %}[{{ x }}]{% set y = x|length %}{{ y }}
{% for i in range(3) recursive %}{{ i }}{% endfor %}{{ 1
}}{%
if true
%}a{%
endif %}
{{ none }}{{ none|string }}{{ true|string }}{{ 1.50 }}{{ [none] }}
{{ self }}|
{{ s.upper }}|
{{ range }}|
{{ l|map('upper') }}|
{% block a %}x{% endblock %}
{% include 'x' %}
{% import 'x' as y %}
{% extends 'x' %}
{% autoescape true %}{{ '<' }}{% endautoescape %}
{{ ''.join(['a' for x in y]) }}
{{ lambda x: x }}
{{ a.b.c.d }}
{{ 1.e5 }}
{{ 1 .real }}{{ '1'.isdigit() }}
{{ 00 }}{{ 0 }}
{{ 01 }}
{{ a[ }}
{{ d['a']['b'] }}
{{ d['a', 'b'] }}
{{ l[1, 2] }}
{{ "\N{DIGIT ONE}" }}
{{ '\xZZ' }}
{{ ~1 }}
{{ !x }}
{{ a && b }}
{{ a ? b : c }}
{{ 1 if }}
{{ not }}
{{ is }}
{{ x is }}
{{ x | }}
{{ x.1a }}
{{ é }}{{ ñ|default('x') }}
{% set é = 5 %}{{ é }}
"""

WHITESPACE = [
    "a\n{% if true %}\nb\n{% endif %}\nc\n", "a\n  {% if true %}\n  b\n  {% endif %}\n  c", "a  {% if true %}  b  {% endif %}  c\n\n",
    "a\n  {{- 1 -}}\n  b", "a\n  {{ 1 }}\n  b\n", "a\n  {%- if true -%}\n  b\n  {%- endif -%}\n  c", "a\n  {%+ if true %}\nb{% endif +%}\nc",
    "  {% if true %}x{% endif %}", "\n\n  {% if true %}x{% endif %}\n\n", "{# c #}\na\n  {# c #}\nb {# c #} c\n", "a\n{#- c -#}\nb", "{% raw %}\n {{ x }}\n{% endraw %}\nb",
    "a  {%- raw %}  x  {% endraw -%}  b", "a\n  {% raw %}  x\n  {% endraw %}\nb", "a\r\nb\r{% if true %}\r\nc{% endif %}\r\n", "a\n\n", "a\n", "\n", "", " ", "\n\n{{ 1 }}\n\n",
    "{{ 'a\nb\r\nc' }}", "{% set x = 'a\r\nb' %}{{ x|length }}", "{%- set x = 1 -%}\n\n{{ x }}\n", "a\t{% if true %}\tb\t{% endif %}", "\t {% if true %}b{% endif %}",
    "a\n \u00a0{% if true %}b{% endif %}", "a\u2003{%- if true %}b{% endif %}", "{{'{{'}} {{ '}}' }} {{ '%}' }} {% if '%}' %}a{% endif %}", "{{ {'a': {'b': 1}} }}", "{{ {'a': {'b': 1}}}}",
    "{{ [1,2]}} {{[1]}}", "{%if true%}a{%endif%}", "{%-if true-%} a {%-endif-%}", "{{-1}}", "{{+1}}", "{{ -1 }}", "{{- -1 }}", "}} %} #}", "{ { } }", "{ {% if true %} { {% endif %} }", "{% if true -%}\n\n a", "{{ 1 -}}  \n\n  b",
    "a {#\n multi\n line #}\nb", "x{% for i in [1,2] %}\n  {{ i }}\n{% endfor %}\ny", "x\n{% for i in [1,2] -%}\n  {{ i }}\n{%- endfor %}\ny", "{% macro a() %}\n x\n{% endmacro %}\n[{{ a() }}]", "{% set x %}\n a\n {% endset %}\n[{{ x }}]",
    "{%- for i in [1] %}\n{%- if i %}\n  a\n{%- endif %}\n{%- endfor %}", "a{# x -#} \n b", "a {#- x #} \n b", "a\n  {#+ x +#}\n b", "{% if true %}{# c #}\n{% endif %}x", "{{ '' }}\n{{ '' }}\n", "  \n  {%- if true %} x{% endif %}",
    "a\x0b{%- if true %}b{% endif %}", "a\n\x0c {% if true %}b{% endif %}", "{% raw -%}  a  {%- endraw %}", "{%-raw-%} a {%-endraw-%} b", "{% raw %}{% endraw %}", "{%  raw  %}x{%  endraw  %}y", "{% rawx %}",
]


def generated(rng):
    """Random combinations of what the hand-written list covers one by one."""
    values = ["n", "z", "neg", "f", "t", "nil", "s", "e", "u", "w", "l", "ls", "el", "d", "ed", "users", "mixed", "emoji",
              "cjk", "crlf", "num", "flt", "x", "nest", "q", "'abc'", "[]", "{}", "(1, 2)", "1.5", "-1", "range(3)", "d.items()", "big"]
    filters = ["upper", "lower", "title", "capitalize", "trim", "length", "first", "last", "list", "join(',')", "sort", "reverse|list",
               "string", "int", "float", "abs", "round", "sum", "min", "max", "unique|list", "tojson", "tojson(indent=2)", "e", "safe",
               "default('D')", "default('D', true)", "dictsort", "items|list", "map('string')|list", "select|list", "reject('none')|list",
               "batch(2)|list", "slice(2)|list", "replace('a', 'b')", "indent(2)", "truncate(5)", "wordcount", "center(9)", "urlencode",
               "selectattr('age')|list", "map(attribute='name')|list", "groupby('age')", "count", "forceescape", "format(1)", "attr('x')"]
    tests = ["defined", "undefined", "none", "boolean", "true", "false", "integer", "float", "number", "string", "mapping", "sequence",
             "iterable", "callable", "odd", "even", "lower", "upper", "escaped", "divisibleby(2)", "in [1, 2]", "eq 1", "sameas none", "gt 1"]
    ops = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]
    members = [".x", "['a']", "[0]", "[-1]", "[1:]", "[:2]", "[::-1]", ".items()", ".upper()", ".split()", ".get('a')", ".strip()", ".keys()|list", ".a", ".title()", ".splitlines()"]
    for a in values:
        for f in filters:
            yield "{{ %s|%s }}" % (a, f)
        for t in tests:
            yield "{{ %s is %s }}" % (a, t)
        for m in members:
            yield "{{ %s%s }}" % (a, m)
    for _ in range(3000):
        a, b = rng.choice(values), rng.choice(values)
        op = rng.choice(ops)
        if op == "**" and ("big" in (a, b) or "n" in (a,b) and False):
            continue
        yield "{{ %s %s %s }}" % (a, op, b)
    for _ in range(1500):
        chain = "|".join(rng.choice(filters) for _ in range(rng.randint(2, 3)))
        yield "{{ %s|%s }}" % (rng.choice(values), chain)
    for _ in range(500):
        yield "{%% for v in %s %%}{{ v }},{{ loop.index }}{{ loop.last }};{%% else %%}-{%% endfor %%}" % rng.choice(values)


_cache = {}


def oracle(template, context):
    try:
        compiled = utils._compile_jinja_template(template)
        return compiled.render(**json.loads(json.dumps(context))), None
    except Exception as e:
        text = getattr(e, "message", None) or str(e)
        return None, (type(e).__name__, text)


# What pace refuses by name where Jinja goes on; see the note at the end of jinja.h.
REFUSED = ("not supported", "was stopped")


def c_string(text):
    """A C literal; hexadecimal escapes are cut off from what follows."""
    out = []
    for byte in text.encode():
        c = chr(byte)
        out.append("\\" + c if c in '"\\' else c if 32 <= byte < 127 else "\\%03o" % byte)
    return '"' + "".join(out).replace("??", '?""?') + '"'


def write_cases():
    """The hand-written snippets as rows for the unit test: test/unit/jinja_cases.h."""
    print("/* Generated by test/golden/jinja_check.py --cases: what jinja2 gives for the snippets in it. */")
    for name, value in (("jinja_case_context", json.dumps(CONTEXT, ensure_ascii=False)),):
        text = c_string(value)[1:-1]
        cut, lines = 0, []
        while cut < len(text):
            end = min(cut + 85, len(text))
            while end < len(text) and ("\\" in text[end - 4:end]):
                end += 1
            lines.append('    "%s"' % text[cut:end])
            cut = end
        print("static const char %s[] =\n%s;\n" % (name, "\n".join(lines)))
    print("static const struct jinja_case {\n    const char *source, *text, *error;\n} jinja_cases[] = {")
    for snippet in HAND.strip("\n").split("\n") + WHITESPACE:
        text, error = oracle(snippet, CONTEXT)
        if text is not None and (" at 0x" in text or any(w in snippet for w in ("block", "autoescape", "self", "\\N{"))):
            continue
        shown = "NULL" if text is None else c_string(text)
        print("    {%s,\n     %s,\n     %s}," % (c_string(snippet), shown, "NULL" if text is not None else c_string(error[1].split("\n")[0])))
    print("};")


def main():
    rng = random.Random(7)
    snippets = [line for line in HAND.strip("\n").split("\n")] + WHITESPACE + list(generated(rng))
    # The hand-written statement that spans lines.
    snippets.append("{{ 1\n}}{%\nif true\n%}a{%\nendif %}")
    requests = "".join(json.dumps({"template": s, "context": CONTEXT}) + "\n" for s in snippets)
    answers = subprocess.run([BATCH], input=requests.encode(), stdout=subprocess.PIPE, check=True).stdout.decode().split("\n")[:-1]
    assert len(answers) == len(snippets), (len(answers), len(snippets))
    passed = failed = refused = message_same = message_other = 0
    for snippet, answer in zip(snippets, answers):
        mine = json.loads(answer)
        text, error = oracle(snippet, CONTEXT)
        address = text is not None and " at 0x" in text
        if error is None and mine.get("text") == text:
            passed += 1
        elif error is not None and "error" in mine:
            passed += 1
            first = error[1].split("\n")[0]
            if mine["error"][:400] == first[:400]:
                message_same += 1
            else:
                message_other += 1
                if "-v" in sys.argv:
                    print("message:", snippet, "\n   jinja:", error, "\n   pace: ", mine["error"])
        elif "error" in mine and any(r in mine["error"] for r in REFUSED):
            refused += 1
            if "-r" in sys.argv and not address:
                print("refused:", snippet, "|", mine["error"], "| jinja:", repr(text)[:100])
        else:
            failed += 1
            print("FAILED:", json.dumps(snippet, ensure_ascii=False), "\n   jinja:", repr(text), error, "\n   pace: ", mine)
    print(f"{refused} refused by name; messages: {message_same} the same, {message_other} in other words")
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(write_cases() if "--cases" in sys.argv else main())
