#include "test/support/support.h"

#include "text/row_text.h"

static struct arena arena;

/* The text with its trained stretches between brackets. */
static const char *marked(const struct row_text *t)
{
    struct span text = buf_span(&t->text);
    struct buf out;
    buf_init(&out, BUF_NO_LIMIT);
    const struct text_range *ranges = row_text_trained(t);
    size_t at = 0;
    for (size_t i = 0; i < row_text_n_trained(t); i++) {
        assert_true(ranges[i].start < ranges[i].end && ranges[i].end <= text.len);
        assert_true(i == 0 || ranges[i].start > at);
        buf_add(&out, span_part(text, at, ranges[i].start - at));
        buf_printf(&out, "[%.*s]", (int)(ranges[i].end - ranges[i].start),
                   (const char *)text.at + ranges[i].start);
        at = ranges[i].end;
    }
    buf_add(&out, span_from(text, at));
    const char *result = arena_string(&arena, buf_span(&out));
    buf_release(&out);
    return result;
}

static void stretches_that_touch_become_one(void **state)
{
    (void)state;
    struct row_text t;
    row_text_init(&t);
    row_text_add(&t, span_of("a"), false);
    row_text_add(&t, span_of("b"), true);
    row_text_add(&t, span_of(""), true);
    row_text_add(&t, span_of("c"), true);
    row_text_add(&t, span_of("d"), false);
    row_text_add(&t, span_of("e"), true);
    assert_string_equal(marked(&t), "a[bc]d[e]");
    row_text_clear(&t);
    assert_string_equal(marked(&t), "");
    row_text_release(&t);
}

static void rows_are_shown_as_a_person_reads_them(void **state)
{
    (void)state;
    struct row_text t;
    uint64_t characters, trained;
    row_text_init(&t);
    struct dataset_row row = {
        .kind = ROW_PAIR, .prompt = span_of("pr\xc3\xa9"), .completion = span_of("co")};
    row_text_add_plain(&t, &row);
    assert_string_equal(marked(&t), "pr\xc3\xa9[co]");
    row_text_count(&row, &characters, &trained);
    assert_int_equal(characters, 5);
    assert_int_equal(trained, 2);

    row = (struct dataset_row){.kind = ROW_CHAT};
    chat_list_add(&row.chat, &arena, "user", span_of("u"));
    chat_list_add(&row.chat, &arena, "assistant", span_of("one"));
    chat_list_add(&row.chat, &arena, "user", span_of("v"));
    chat_list_add(&row.chat, &arena, "assistant", span_of("two"));
    row_text_clear(&t);
    row_text_add_plain(&t, &row);
    assert_string_equal(marked(&t), "user: u\nassistant: [one]\nuser: v\nassistant: [two]");
    row_text_count(&row, &characters, &trained);
    assert_int_equal(characters, 8);
    assert_int_equal(trained, 6);

    row.n_prompt = 3;
    row_text_clear(&t);
    row_text_add_plain(&t, &row);
    assert_string_equal(marked(&t), "user: u\nassistant: one\nuser: v\nassistant: [two]");
    row_text_count(&row, &characters, &trained);
    assert_int_equal(trained, 3);
    row_text_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stretches_that_touch_become_one),
        cmocka_unit_test(rows_are_shown_as_a_person_reads_them),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
