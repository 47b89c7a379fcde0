#include "test/support/support.h"

#include "text/transform.h"

static struct text text;
static struct err err;

static void assert_origin(size_t at, uint32_t from, uint32_t to)
{
    struct text_origin origin = text_origin_of(&text, at, at + 1);
    assert_int_equal(origin.start, from);
    assert_int_equal(origin.end, to);
}

static void a_replacement_takes_the_place_of_a_character(void **state)
{
    (void)state;
    struct transform tr = {.text = &text};
    text_set(&text,
             span_of("a\xc3\xa9"
                     "bcd"),
             0, true);
    text_begin_rewrite(&text);
    transform_put(&tr, 'X', 1); /* new, before everything */
    transform_put(&tr, 'A', 0);
    transform_put(&tr, 'E', -1); /* swallows b */
    transform_put(&tr, '+', 1);
    transform_keep(&tr, 5);
    transform_put(&tr, 'D', 0);
    transform_put(&tr, '!', 0); /* beyond the end */
    ASSERT_OK(text_end_rewrite(&text, &err));
    ASSERT_SPAN(text.bytes, "XAE+cD!");
    assert_origin(0, 0, 0);
    assert_origin(1, 0, 1);
    assert_origin(2, 1, 3);
    assert_origin(3, 3, 4);
    assert_origin(4, 4, 5);
    assert_origin(5, 5, 6);
    assert_origin(6, 5, 6);
}

static void characters_are_decoded_one_after_the_other(void **state)
{
    (void)state;
    struct span bytes = span_of("a\xe4\xb8\x80\xff");
    size_t at = 0;
    assert_int_equal(transform_decode(bytes, at, &at), 'a');
    assert_int_equal(transform_decode(bytes, at, &at), 0x4e00);
    assert_int_equal(transform_decode(bytes, at, &at), 0xfffd);
    assert_int_equal(at, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_replacement_takes_the_place_of_a_character),
        cmocka_unit_test(characters_are_decoded_one_after_the_other),
    };
    text_init(&text);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    text_release(&text);
    return failed;
}
