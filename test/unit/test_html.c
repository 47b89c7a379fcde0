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
    };
    return cmocka_run_group_tests(tests, NULL, release_page);
}
