#include "test/support/support.h"

#include <string.h>

#include "report/html.h"

static struct buf page;

static const char *text_of(const char *text)
{
    buf_release(&page);
    buf_init(&page, 1 << 16);
    html_add_text(&page, text);
    return buf_string(&page);
}

static void text_cannot_become_markup(void **state)
{
    (void)state;
    assert_string_equal(text_of("<b onclick=\"x('&')\">"),
                        "&lt;b onclick=&#34;x(&#39;&amp;&#39;)&#34;&gt;");
}

static void controls_and_broken_characters_are_replaced(void **state)
{
    (void)state;
    assert_string_equal(text_of("a\x1b[31m\xff\xe2\x80\xae"
                                "b"),
                        "a?[31m??b");
    assert_string_equal(text_of("5 \xe2\x82\xac"), "5 \xe2\x82\xac");
}

static void a_tag_with_attributes_is_closed_by_its_name(void **state)
{
    (void)state;
    buf_release(&page);
    buf_init(&page, 1 << 16);
    html_put(&page, "p class=\"good\"", "a < b");
    assert_string_equal(buf_string(&page), "<p class=\"good\">a &lt; b</p>\n");
}

static void a_page_stands_alone(void **state)
{
    (void)state;
    buf_release(&page);
    buf_init(&page, 1 << 16);
    html_begin(&page, "T & U");
    html_end(&page);
    const char *text = buf_string(&page);
    assert_non_null(strstr(text, "<title>T &amp; U</title>"));
    assert_non_null(strstr(text, "<h1>T &amp; U</h1>"));
    assert_non_null(strstr(text, "prefers-color-scheme: dark"));
    assert_null(strstr(text, "http:"));
    assert_null(strstr(text, "https:"));
    assert_null(strstr(text, "<script"));
    assert_string_equal(text + strlen(text) - 8, "</html>\n");
}

static void a_styled_page_names_the_scripts_that_may_run(void **state)
{
    (void)state;
    buf_release(&page);
    buf_init(&page, 1 << 16);
    html_begin_styled(&page, "T", span_of("p{}"), "'sha256-x='");
    html_end(&page);
    assert_non_null(strstr(buf_string(&page), "'unsafe-inline'; script-src 'sha256-x='\">\n"));
    assert_non_null(strstr(buf_string(&page), "<style>\np{}</style>"));
    assert_null(strstr(buf_string(&page), "<h1>"));
}

static void lines_stay_lines(void **state)
{
    (void)state;
    buf_release(&page);
    buf_init(&page, 1 << 16);
    html_add_lines(&page, "\na<\n\nb\tc\n");
    assert_string_equal(buf_string(&page), "\na&lt;\n\nb?c\n");
}

static void json_cannot_end_its_script(void **state)
{
    (void)state;
    buf_release(&page);
    buf_init(&page, 1 << 16);
    html_add_json(&page, span_of("{\"a\":\"</script>&\"}"));
    assert_string_equal(buf_string(&page), "{\"a\":\"\\u003c/script\\u003e\\u0026\"}");
}

static void a_picture_has_no_address(void **state)
{
    (void)state;
    buf_release(&page);
    buf_init(&page, 1 << 16);
    html_add_svg(&page, span_of("<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\"/>"));
    html_add_svg(&page, span_of("<svg/>"));
    assert_string_equal(buf_string(&page), "<svg role=\"img\"/><svg/>");
}

static int release_page(void **state)
{
    (void)state;
    buf_release(&page);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_cannot_become_markup),
        cmocka_unit_test(controls_and_broken_characters_are_replaced),
        cmocka_unit_test(a_tag_with_attributes_is_closed_by_its_name),
        cmocka_unit_test(a_page_stands_alone),
        cmocka_unit_test(a_styled_page_names_the_scripts_that_may_run),
        cmocka_unit_test(lines_stay_lines),
        cmocka_unit_test(json_cannot_end_its_script),
        cmocka_unit_test(a_picture_has_no_address),
    };
    return cmocka_run_group_tests(tests, NULL, release_page);
}
